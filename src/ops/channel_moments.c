/* channel_moments - for each index of the last dimension of x, the sum of its numbers and the sum of their squared distances from their mean.
**
** x is [..., c], both outputs are [c]. Two such pairs join without losing digits: the mean of both is known from the sums, and each sum of
** squares moves by count * (its mean - that mean)^2.
*/
#include "op.h"

static fire_status channel_moments_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    fire_status s = fire_want_float(&in[0], "input", err);
    if (s) return s;
    if (in[0].shape.rank < 1) return fire_fail(err, FIRE_E_SHAPE, "a single number has no channels");
    for (int k = 0; k < 2; k++) {
        out[k].type = in[0].type;
        out[k].shape = (fire_shape){1, {in[0].shape.dim[in[0].shape.rank - 1]}};
    }
    return FIRE_OK;
}

static size_t channel_moments_scratch(const fire_call *call) { return 2 * (size_t)fire_count(&call->out[0].shape) * sizeof(double); }

static void channel_moments_run(const fire_call *call) {
    const fire_tensor *x = &call->in[0];
    int64_t c = call->out[0].shape.dim[0], rows = c ? fire_count(&x->shape) / c : 0;
    double *sum = call->scratch, *square = sum + c;
    for (int64_t j = 0; j < c; j++) sum[j] = square[j] = 0;
    for (int64_t i = 0; i < rows * c; i++) sum[i % c] += fire_get(x, i);
    for (int64_t i = 0; i < rows * c; i++) {
        double d = fire_get(x, i) - sum[i % c] / (double)rows;
        square[i % c] += d * d;
    }
    for (int64_t j = 0; j < c; j++) {
        fire_put(&call->out[0], j, sum[j]);
        fire_put(&call->out[1], j, square[j]);
    }
}

/* dx = dsum + 2 (x - mean) dsquares: what the mean adds to the second cancels, since distances from the mean sum to zero. */
static void channel_moments_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    fire_value x = n->in[0], sum = n->out[0];
    if (!dy[1]) {
        dx[0] = fire_apply(g, "ExpandLike", 2, FIRE_IN(dy[0], x), NULL);
        return;
    }
    fire_value mean = fire_apply(g, "Div", 2, FIRE_IN(sum, fire_apply(g, "CountLike", 2, FIRE_IN(x, sum), NULL)), NULL);
    fire_value slope = fire_apply(g, "Add", 2, FIRE_IN(dy[1], dy[1]), NULL);
    dx[0] = fire_apply(g, "ChannelAffine", 4, FIRE_IN(x, slope, dy[0], mean), NULL);
}

static int64_t channel_moments_flops(const fire_call *call) { return FIRE_WORK(4, fire_count(&call->in[0].shape)); }

const fire_op fire_op_channel_moments = {
    .name = "ChannelMoments", .domain = FIRE_DOMAIN, .help = "sum, and sum of squared distances from the mean, for each index of the last dimension",
    .min_in = 1, .max_in = 1, .n_out = 2,
    .infer = channel_moments_infer, .run = channel_moments_run, .scratch = channel_moments_scratch, .grad = channel_moments_grad, .flops = channel_moments_flops,
    .examples = {"[4,3]", "[2,3,5]", "[33,20]", "[5,1]", "[3,2,2,4]"},
};
