/* reduce_min - the smallest along some axes, which must not be empty. A NaN comes through. */
#include "reduce.h"
#include <math.h>

static double fold(double best, double x) { return x < best || x != x ? x : best; }
static int64_t fold_long(int64_t best, int64_t x) { return x < best ? x : best; }
static void reduce_min_run(const fire_call *call) {
    const double *best = call->scratch;
    if (fire_reduce_whole(call, INT64_MAX, fold_long)) return;
    fire_reduce_run(call, INFINITY, fold);
    for (int64_t i = 0, n = fire_count(&call->out[0].shape); i < n; i++) fire_put(&call->out[0], i, best[i]);
}

const fire_op fire_op_reduce_min = {
    .name = "ReduceMin", .values = 2, .help = "smallest along axes",
    .min_in = 1, .max_in = 2, .n_out = 1, .attrs = fire_reduce_table, .attr_size = sizeof(fire_reduce_attrs),
    .infer = fire_reduce_extreme_infer, .run = reduce_min_run, .scratch = fire_reduce_scratch, .grad = fire_reduce_extreme_grad, .flops = fire_reduce_flops,
    .examples = {"[2,3,4] i64[1]{1}", "[2,3,4] i64[1]{0} keepdims=0", "[2,3] keepdims=0", "[2,3,4] i64[2]{-1,0}", "[2,3] i64[0]{}", "[4,3] - noop_with_empty_axes=1", "[33,20] i64[1]{0} keepdims=0", "i64[2,3] i64[1]{1}", "[]"},
};
