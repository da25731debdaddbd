/* score.c - blocks of rows for scoring. */
#include "network.h"

void fire_scorer_free(fire_context *ctx, struct fire_scorer *s) { fire_free(ctx, s); }

int64_t fire_block_rows(const fire_network *net) {
    /* About half a GFLOP a block: long enough that packing weights and starting kernels do not count, short enough for large images. */
    const int64_t block_flops = (int64_t)1 << 29;
    int64_t flops = 0, rows = 256;
    for (int64_t i = 0; i < net->n_layers; i++)
        if (!fire_add(flops, net->layer[i].flops, &flops)) return 1;
    if (net->onnx) flops = fire_graph_flops(net->onnx);
    while (rows > 1 && flops > block_flops / rows) rows /= 2;
    return rows;
}
