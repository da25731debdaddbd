/* multi_head_attention - heads that each weigh the steps of `value` by how `key` answers `query`: softmax(q k' / sqrt(key_dim)) v with projections
** of the inputs, and one more of the heads together. Inputs: query, value, key (value when left out), and which pairs of steps count; query alone
** attends to itself. Inputs of more than three dimensions attend over all but the first and the last.
*/
#include "attend.h"
#include "op.h"
#include <math.h>

typedef struct {
    fire_projection projection;
    int64_t num_heads, key_dim, value_dim;
    double dropout;
    fire_ints output_shape, attention_axes;
    bool causal, scores;
} mha_attrs;

#define AT(field) offsetof(mha_attrs, field)
static const fire_attr attrs[] = {
    {"num_heads", FIRE_ATTR_INT, AT(num_heads), 0, 1, 1 << 20, .help = "number of heads; must be given"},
    {"key_dim", FIRE_ATTR_INT, AT(key_dim), 0, 1, 1 << 24, .help = "width of a head's query and key; must be given"},
    {"value_dim", FIRE_ATTR_INT, AT(value_dim), 0, 1, 1 << 24, .help = "width of a head's value; key_dim when it is not given"},
    {"dropout", FIRE_ATTR_FLOAT, AT(dropout), 0, 0, 1, .help = "share of the weights that falls while training"},
    {"use_bias", FIRE_ATTR_BOOL, AT(projection.use_bias), 1, 0, 1, .help = "add biases to the projections"},
    {"output_shape", FIRE_ATTR_INTS, AT(output_shape), 0, 1, 1 << 24, .help = "of each step of the output; []: the width of query"},
    {"attention_axes", FIRE_ATTR_INTS, AT(attention_axes), 0, -FIRE_MAX_RANK, FIRE_MAX_RANK - 1, .help = "dimensions that attention goes over; []: all but the first and last, the only choice"},
    FIRE_KERNEL_BIAS(AT(projection.held)),
    {"use_causal_mask", FIRE_ATTR_BOOL, AT(causal), 0, 0, 1, .help = "no step looks at later ones"},
    {"return_attention_scores", FIRE_ATTR_BOOL, AT(scores), 0, 0, 1, .help = "give the weights [heads, steps, steps] as a second output"},
    {0},
};

static fire_status mha_check(const void *attrs_, fire_error *err) {
    const mha_attrs *t = attrs_;
    if (t->num_heads == 0) return fire_fail(err, FIRE_E_ATTRIBUTE, "num_heads is missing; give the number of heads, as in num_heads=8");
    if (t->key_dim == 0) return fire_fail(err, FIRE_E_ATTRIBUTE, "key_dim is missing; give the width of a head, as in key_dim=64");
    return fire_kernel_bias_check(&t->projection.held, err);
}

/* [n, a, b, d] as [n, a * b, d]. */
static fire_value flat(fire_graph *g, fire_value x) {
    fire_shape s = fire_shape_of(g, x), to = {3, {s.dim[0], 1, s.dim[s.rank - 1]}};
    for (int d = 1; d < s.rank - 1; d++)
        if (!fire_mul(to.dim[1], s.dim[d], &to.dim[1])) to.dim[1] = INT64_MAX;
    return fire_reshape(g, x, to);
}

static fire_value mha_build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) {
    const mha_attrs *t = attrs_;
    fire_graph *g = b->g;
    fire_value q = in[0], v = n_in > 1 ? in[1] : q, k = n_in > 2 ? in[2] : v;
    fire_shape qs = fire_shape_of(g, q), vs = fire_shape_of(g, v), ks = fire_shape_of(g, k);
    for (int i = 0; i < n_in && i < 3; i++) {
        int rank = fire_shape_of(g, in[i]).rank;
        if (rank < 3) return fire_graph_fail(g, FIRE_E_SHAPE, "MultiHeadAttention '%s': input %d has %d dimensions, expected [n, steps, features]", g->layer, i, rank);
    }
    if (t->attention_axes.n) {
        uint32_t axes = 0;
        for (int i = 0; i < t->attention_axes.n; i++) {
            int a = fire_layer_axis(g, "MultiHeadAttention", t->attention_axes.v[i], qs);
            if (a < 0) return 0;
            axes |= 1u << a;
        }
        if (axes != (1u << (qs.rank - 1)) - 2)
            return fire_graph_fail(g, FIRE_E_UNSUPPORTED, "MultiHeadAttention '%s': attention_axes that leave a dimension out are not supported", g->layer);
    }
    int64_t heads = t->num_heads, width = t->value_dim ? t->value_dim : t->key_dim, out = qs.dim[qs.rank - 1];
    q = flat(g, q), k = flat(g, k), v = flat(g, v);
    if (g->first.status) return 0;
    int64_t steps = fire_shape_of(g, q).dim[1], others = fire_shape_of(g, v).dim[1];
    if (others != fire_shape_of(g, k).dim[1]) {
        char a[FIRE_SHAPE_TEXT], c[FIRE_SHAPE_TEXT];
        return fire_graph_fail(g, FIRE_E_SHAPE, "MultiHeadAttention '%s': value %s and key %s have different steps", g->layer, fire_shape_text(&vs, a), fire_shape_text(&ks, c));
    }
    const fire_projection *p = &t->projection;
    fire_shape head = {2, {heads, t->key_dim}}, value_head = {2, {heads, width}};
    q = fire_project(b, "query", p, "ntd,dhk->nthk", q, (fire_shape){3, {qs.dim[qs.rank - 1], heads, t->key_dim}}, head);
    k = fire_project(b, "key", p, "nsd,dhk->nshk", k, (fire_shape){3, {ks.dim[ks.rank - 1], heads, t->key_dim}}, head);
    v = fire_project(b, "value", p, "nsd,dhv->nshv", v, (fire_shape){3, {vs.dim[vs.rank - 1], heads, width}}, value_head);

    fire_value pairs = 0;
    if (n_in > 3) {
        pairs = fire_one(g, "Not", fire_two(g, "Equal", in[3], fire_number(g, in[3], 0)));
        if (fire_shape_of(g, pairs).rank > 3) pairs = flat(g, pairs);
    }
    fire_value query_mask = b->mask[0], value_mask = n_in > 1 ? b->mask[1] : b->mask[0], key_mask = n_in > 2 ? b->mask[2] : 0;
    fire_value mask = fire_pairs(g, query_mask, value_mask, key_mask, pairs, t->causal, steps, others);
    if (mask && fire_shape_of(g, mask).rank > 2) mask = fire_unsqueeze(g, mask, 1u << 1); /* for all heads */
    fire_value scores = fire_einsum(g, "nthk,nshk->nhts", fire_times(g, q, 1 / sqrt((double)t->key_dim)), k);
    scores = fire_attention_weights(g, scores, mask, t->dropout > 0 || t->scores);
    fire_value y = fire_einsum(g, "nhts,nshv->nthv", fire_drop(b, scores, t->dropout), v);

    fire_shape kernel = {2 + (t->output_shape.n ? t->output_shape.n : 1), {heads, width, out}}, bias = {.rank = kernel.rank - 2};
    fire_shape end = {.rank = qs.rank - 1};
    for (int d = 0; d < qs.rank - 1; d++) end.dim[d] = qs.dim[d];
    if (kernel.rank > FIRE_MAX_RANK || end.rank + bias.rank > FIRE_MAX_RANK)
        return fire_graph_fail(g, FIRE_E_UNSUPPORTED, "MultiHeadAttention '%s': more than %d dimensions would come out", g->layer, FIRE_MAX_RANK);
    for (int d = 0; d < bias.rank; d++) {
        if (t->output_shape.n) kernel.dim[2 + d] = t->output_shape.v[d];
        end.dim[end.rank++] = bias.dim[d] = kernel.dim[2 + d];
    }
    char equation[48] = "nthv,hv", letters[] = "ABCDEFGH";
    strncat(equation, letters, (size_t)bias.rank);
    strcat(equation, "->nt");
    strncat(equation, letters, (size_t)bias.rank);
    y = fire_project(b, "attention_output", p, equation, y, kernel, bias);
    if (t->scores) b->out[1] = scores, b->n_out = 2;
    return fire_reshape(g, y, end);
}

const fire_layer fire_layer_multi_head_attention = {
    .name = "MultiHeadAttention", .help = "attention by several heads",
    .attrs = attrs, .attr_size = sizeof(mha_attrs), .min_in = 1, .max_in = 4, .passes_mask = true, .check = mha_check, .build = mha_build,
    .examples = {"[3,4] num_heads=2 key_dim=3", "[3,4] [5,2] num_heads=2 key_dim=3 value_dim=2", "[3,4] [5,2] [5,3] num_heads=1 key_dim=2 use_bias=0", "[4,3] num_heads=2 key_dim=2 use_causal_mask=1",
                 "[3,4] num_heads=2 key_dim=2 dropout=0.3", "[3,2] num_heads=1 key_dim=2 output_shape=[3,2]", "[2,2,3] num_heads=2 key_dim=2", "[3,2] [3,2] [3,2] [3,3] num_heads=1 key_dim=2"},
};
