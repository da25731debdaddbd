/* reverse_sequence - the first steps of each row, as many as its length says, in reverse order; the steps behind them stay. */
#include "op.h"

typedef struct { int64_t batch, time; } reverse_attrs;
static const fire_attr attrs_of_reverse[] = {
    {"batch_axis", FIRE_ATTR_INT, offsetof(reverse_attrs, batch), 1, 0, FIRE_MAX_RANK - 1, .help = "dimension of the rows"},
    {"time_axis", FIRE_ATTR_INT, offsetof(reverse_attrs, time), 0, 0, FIRE_MAX_RANK - 1, .help = "dimension of the steps"},
    {0},
};

static fire_status reverse_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    const reverse_attrs *t = attrs;
    const fire_shape *x = &in[0].shape, *n = &in[1].shape;
    char a[FIRE_SHAPE_TEXT], b[FIRE_SHAPE_TEXT];
    fire_status s = fire_want_index(&in[1], "sequence_lens", err);
    if (s) return s;
    if (t->batch == t->time || t->batch >= x->rank || t->time >= x->rank) return fire_fail(err, FIRE_E_SHAPE, "batch_axis %lld and time_axis %lld of %s", (long long)t->batch, (long long)t->time, fire_shape_text(x, a));
    if (n->rank != 1 || n->dim[0] != x->dim[t->batch]) return fire_fail(err, FIRE_E_SHAPE, "sequence_lens are %s for the data %s", fire_shape_text(n, b), fire_shape_text(x, a));
    out[0].type = in[0].type;
    out[0].shape = *x;
    return FIRE_OK;
}

static void reverse_run(const fire_call *call) {
    const reverse_attrs *t = call->attrs;
    const fire_shape *s = &call->in[0].shape;
    int64_t at[FIRE_MAX_RANK] = {0}, stride = 1, steps = s->dim[t->time];
    for (int d = s->rank - 1; d > t->time; d--) stride *= s->dim[d];
    for (int64_t e = 0, n = fire_count(s); e < n; e++) {
        int64_t length = fire_whole(fire_get(&call->in[1], at[t->batch])), k = at[t->time];
        if (length > steps) length = steps;
        fire_move(&call->out[0], e, &call->in[0], k < length ? e + (length - 1 - 2 * k) * stride : e);
        for (int d = s->rank - 1; d >= 0 && ++at[d] == s->dim[d]; d--) at[d] = 0;
    }
}

/* Twice reversed is as before. */
static void reverse_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    char text[FIRE_ATTRS_TEXT];
    dx[0] = fire_apply(g, "ReverseSequence", 2, FIRE_IN(dy[0], n->in[1]), fire_node_attrs(n, text));
}

const fire_op fire_op_reverse_sequence = {
    .name = "ReverseSequence", .help = "the first steps of each row in reverse order",
    .min_in = 2, .max_in = 2, .n_out = 1, .attrs = attrs_of_reverse, .attr_size = sizeof(reverse_attrs), .infer = reverse_infer, .run = reverse_run, .grad = reverse_grad,
    .examples = {"[4,3] i64[3]{1,4,2}", "[3,5,2] i64[3]{5,0,3} batch_axis=0 time_axis=1", "i32[2,3,4] i32[2]{4,9} batch_axis=0 time_axis=2", "[2,3] i64[3]<4"},
};
