/* score.c - outputs of many rows in blocks of a fixed size, or of one row fast.
**
** Every block has the same number of rows, the last one padded with zeros, so the same plan with the same kernels computes every
** row, whoever asks and whatever lies beside it. Threads take whole blocks and have a plan each. */
#include "dataset.h"
#include "network.h"
#include "plan.h"
#include "pool.h"
#include <string.h>

/* Graph and plans of a network, kept until its shape_stamp moves on. */
typedef struct lane { fire_plan *plan; uint64_t held; void *x; } lane; /* held: the value_stamp of the weights that it has taken */
struct fire_scorer {
    uint64_t stamp;
    fire_graph graph;
    fire_network_graph made;
    fire_value *weight;  /* [n_weights] */
    lane *lane;          /* one per thread; made when first needed */
    int32_t n_lanes;
    fire_plan *row;      /* batch of one, output only */
    uint64_t row_held;
};

void fire_scorer_free(fire_context *ctx, struct fire_scorer *s) {
    if (!s) return;
    for (int32_t i = 0; i < s->n_lanes; i++) {
        fire_plan_free(s->lane[i].plan);
        fire_free(ctx, s->lane[i].x);
    }
    fire_free(ctx, s->lane);
    fire_plan_free(s->row);
    fire_free(ctx, s->weight);
    fire_graph_clear(&s->graph);
    fire_free(ctx, s);
}

int64_t fire_block_rows(const fire_network *net) {
    /* About half a GFLOP a block: long enough that packing weights and starting kernels do not count, short enough for large images. */
    const int64_t block_flops = (int64_t)1 << 29;
    int64_t flops = 0, rows = 256;
    if (fire_network_stateful(net)) return fire_network_batch(net);
    for (int64_t i = 0; i < net->n_layers; i++)
        if (!fire_add(flops, net->layer[i].flops, &flops)) return 1;
    if (net->onnx) flops = fire_graph_flops(net->onnx, NULL);
    while (rows > 1 && flops > block_flops / rows) rows /= 2;
    return rows;
}

bool fire_scorer_logits(const fire_network *net, bool *has_logits) {
    if (!net->scorer || net->scorer->stamp != net->shape_stamp) return false;
    *has_logits = net->scorer->made.logits != 0;
    return true;
}

static fire_status scorer_make(fire_network *net, fire_error *err) {
    if (net->scorer && net->scorer->stamp == net->shape_stamp) return FIRE_OK;
    fire_scorer_free(net->ctx, net->scorer);
    net->scorer = NULL;
    struct fire_scorer *s = fire_alloc(net->ctx, 1, sizeof *s, err);
    if (!s) return FIRE_NOMEM;
    fire_graph_init(&s->graph, net->ctx);
    s->stamp = net->shape_stamp;
    s->weight = fire_alloc(net->ctx, (size_t)net->n_weights, sizeof *s->weight, err);
    fire_status status = s->weight ? FIRE_OK : FIRE_NOMEM;
    if (!status && net->onnx) {
        status = fire_graph_copy(net->onnx, &s->graph, err);
        s->made = (fire_network_graph){.x = net->onnx_in, .y = net->onnx_out};
        if (!status) s->made.logits = fire_logits(&s->graph, net->onnx_out, NULL);
    } else if (!status) status = fire_network_forward(net, &s->graph, &(fire_forward){.weight = s->weight, .stateful = true}, &s->made, err);
    if (!status) status = fire_states_ready(net, &s->made.states, err);
    if (status) fire_scorer_free(net->ctx, s);
    else net->scorer = s;
    return status;
}

/* A plan over the scorer's graph, its weights bound. */
static fire_status plan_make(fire_network *net, int64_t batch, bool logits, fire_plan **out, fire_error *err) {
    struct fire_scorer *s = net->scorer;
    fire_value outputs[2 + FIRE_MAX_STATES] = {s->made.y, s->made.logits};
    int n = logits && s->made.logits ? 2 : 1;
    for (int32_t i = 0; i < s->made.states.n; i++) outputs[n++] = s->made.states.last[i];
    return fire_plan_new_steady(&s->graph, batch, n, outputs, out, err);
}

/* Make a plan ready for the states and the weights as they are, the latter if they have changed since it was. *held: the stamp of those it knows. */
static void take_weights(const fire_network *net, fire_plan *plan, uint64_t *held) {
    fire_states_bind(net, &net->scorer->made.states, plan);
    if (*held == net->value_stamp) return;
    for (int64_t i = 0; i < net->n_weights; i++)
        if (net->scorer->weight[i]) fire_plan_bind(plan, net->scorer->weight[i], fire_weight_data(net, i));
    fire_plan_hold(plan);
    *held = net->value_stamp;
}

static fire_status ready(fire_network *net, fire_error *err) {
    if (net->onnx && !net->onnx_out) return fire_fail(err, FIRE_E_UNSUPPORTED, "the model does not map rows of one input to rows of one output; run it with named tensors");
    if (!net->built && !net->onnx) return fire_fail(err, FIRE_E_NOT_BUILT, "the network does not know the shape of its input; add an Input layer, build it or give it data");
    for (int64_t i = 0; i < net->n_weights; i++)
        if (!net->weight[i].ready) return fire_network_init(net, net->last_seed, err);
    return fire_network_weights_ready(net, err);
}

/* Numbers in one row of a shape whose first dimension is the batch. */
static int64_t row_width(const fire_shape *s) {
    fire_shape row = {.rank = s->rank - 1};
    for (int d = 0; d < row.rank; d++) row.dim[d] = s->dim[d + 1];
    return fire_count(&row);
}

/* Make lanes [0, n); those there already stay. */
static fire_status lanes_make(fire_network *net, int32_t n, int64_t block, int64_t width, fire_error *err) {
    struct fire_scorer *s = net->scorer;
    if (n > s->n_lanes) {
        int64_t capacity = s->n_lanes;
        fire_status status = fire_grow(net->ctx, &s->lane, &capacity, n, sizeof *s->lane, err);
        if (status) return status;
    }
    while (s->n_lanes < n) {
        lane *l = &s->lane[s->n_lanes];
        memset(l, 0, sizeof *l);
        l->x = fire_alloc(net->ctx, (size_t)(block * width), fire_type_size(net->type), err);
        fire_status status = l->x ? plan_make(net, block, true, &l->plan, err) : FIRE_NOMEM;
        if (status) {
            fire_free(net->ctx, l->x);
            return status;
        }
        s->n_lanes++;
    }
    return FIRE_OK;
}

typedef struct {
    fire_network *net;
    const fire_dataset *data;
    char *y, *logits;
    int64_t rows, block, in_bytes, out_bytes; /* bytes of one row */
    int32_t lanes;
} job;

/* Lane i computes blocks i, i + lanes, ... */
static void score_blocks(void *user, int32_t i) {
    const job *j = user;
    struct fire_scorer *s = j->net->scorer;
    lane *l = &s->lane[i];
    take_weights(j->net, l->plan, &l->held);
    for (int64_t first = i * j->block; first < j->rows; first += j->lanes * j->block) {
        int64_t n = j->rows - first < j->block ? j->rows - first : j->block;
        const void *direct = n == j->block ? fire_dataset_direct(j->data, FIRE_ROLE_X, false, first, n, j->net->type) : NULL;
        fire_plan_bind(l->plan, s->made.x, direct ? (void *)direct : l->x); /* inputs are only read */
        if (!direct) {
            fire_dataset_gather(j->data, FIRE_ROLE_X, false, NULL, first, n, j->net->type, l->x);
            memset((char *)l->x + n * j->in_bytes, 0, (size_t)((j->block - n) * j->in_bytes));
        }
        fire_plan_run(l->plan);
        fire_states_keep(j->net, &s->made.states, l->plan);
        memcpy(j->y + first * j->out_bytes, fire_plan_data(l->plan, s->made.y), (size_t)(n * j->out_bytes));
        if (j->logits)
            memcpy(j->logits + first * j->out_bytes, fire_plan_data(l->plan, s->made.logits ? s->made.logits : s->made.y), (size_t)(n * j->out_bytes));
    }
}

fire_status fire_predict(fire_network *net, fire_dataset *data, void *y, void *logits, fire_error *err) {
    fire_dataset_info info;
    fire_dataset_info_get(data, &info);
    fire_status status = FIRE_OK;
    if (!net->built && !net->onnx) status = fire_network_build(net, &info.x, err);
    if (!status) status = ready(net, err);
    if (status || info.rows == 0) return status;
    int64_t width = row_width(&net->input), size = (int64_t)fire_type_size(net->type);
    if (fire_count(&info.x) != width) { /* flat rows are read row-major into any shape of as many numbers */
        char a[FIRE_SHAPE_TEXT], b[FIRE_SHAPE_TEXT];
        return fire_fail(err, FIRE_E_SHAPE, "a row of the data has shape %s, the network takes %s", fire_shape_text(&info.x, a), fire_shape_text(&net->input, b));
    }
    bool stateful = fire_network_stateful(net);
    if ((status = fire_states_check(net, info.rows, "predict", err)) || (status = scorer_make(net, err))) return status;
    job j = {.net = net, .data = data, .y = y, .logits = logits, .rows = info.rows, .block = fire_block_rows(net),
             .in_bytes = width * size, .out_bytes = row_width(&net->output) * size, .lanes = stateful ? 1 : net->ctx->threads};
    int64_t blocks = (j.rows - 1) / j.block + 1;
    if (j.lanes > blocks) j.lanes = (int32_t)blocks;
    if ((status = lanes_make(net, j.lanes, j.block, width, err))) return status;
    fire_pool *pool = NULL;
    if (j.lanes > 1 && (status = fire_pool_new(net->ctx, j.lanes, &pool, err))) return status;
    fire_pool_run(pool, j.lanes, score_blocks, &j);
    fire_pool_free(pool);
    return FIRE_OK;
}

void fire_row_bytes(const fire_network *net, size_t *in, size_t *out) {
    bool known = net->built || net->onnx_out;
    *in = known ? (size_t)row_width(&net->input) * fire_type_size(net->type) : 0;
    *out = known ? (size_t)row_width(&net->output) * fire_type_size(net->type) : 0;
}

fire_status fire_predict_row(fire_network *net, const void *x, void *y, fire_error *err) {
    fire_status status = ready(net, err);
    if (!status) status = fire_states_check(net, 1, "predict", err);
    if (!status) status = scorer_make(net, err);
    if (!status && !net->scorer->row) status = plan_make(net, 1, false, &net->scorer->row, err);
    if (status) return status;
    struct fire_scorer *s = net->scorer;
    take_weights(net, s->row, &s->row_held);
    fire_plan_bind(s->row, s->made.x, (void *)x); /* inputs are only read */
    fire_plan_run(s->row);
    fire_states_keep(net, &s->made.states, s->row);
    memcpy(y, fire_plan_data(s->row, s->made.y), (size_t)row_width(&net->output) * fire_type_size(net->type));
    return FIRE_OK;
}
