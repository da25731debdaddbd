/* group_query_attention - multi-head attention whose query heads share key and value heads in groups of neighbours. Inputs as MultiHeadAttention's. */
#include "attend.h"
#include <math.h>

typedef struct {
    fire_projection projection;
    int64_t head_dim, query_heads, key_heads;
    double dropout;
    bool causal, scores;
} gqa_attrs;

#define AT(field) offsetof(gqa_attrs, field)
static const fire_attr attrs[] = {
    {"head_dim", FIRE_ATTR_INT, AT(head_dim), 0, 1, 1 << 24, .help = "width of a head; must be given"},
    {"num_query_heads", FIRE_ATTR_INT, AT(query_heads), 0, 1, 1 << 20, .help = "number of query heads; must be given"},
    {"num_key_value_heads", FIRE_ATTR_INT, AT(key_heads), 0, 1, 1 << 20, .help = "number of key and value heads, which divides that of query heads; must be given"},
    {"dropout", FIRE_ATTR_FLOAT, AT(dropout), 0, 0, 1, .help = "share of the weights that falls while training"},
    {"use_bias", FIRE_ATTR_BOOL, AT(projection.use_bias), 1, 0, 1, .help = "add biases to the projections"},
    FIRE_KERNEL_BIAS(AT(projection.held)),
    {"use_causal_mask", FIRE_ATTR_BOOL, AT(causal), 0, 0, 1, .help = "no step looks at later ones"},
    {"return_attention_scores", FIRE_ATTR_BOOL, AT(scores), 0, 0, 1, .help = "give the weights [heads, steps, steps] as a second output"},
    {0},
};

static fire_status gqa_check(const void *attrs_, fire_error *err) {
    const gqa_attrs *t = attrs_;
    if (!t->head_dim || !t->query_heads || !t->key_heads)
        return fire_fail(err, FIRE_E_ATTRIBUTE, "%s is missing", !t->head_dim ? "head_dim" : !t->query_heads ? "num_query_heads" : "num_key_value_heads");
    if (t->query_heads % t->key_heads)
        return fire_fail(err, FIRE_E_ATTRIBUTE, "%lld query heads cannot share %lld key heads alike; the second must divide the first", (long long)t->query_heads, (long long)t->key_heads);
    return fire_kernel_bias_check(&t->projection.held, err);
}

static fire_value gqa_build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) {
    const gqa_attrs *t = attrs_;
    fire_graph *g = b->g;
    fire_value q = in[0], v = n_in > 1 ? in[1] : q, k = n_in > 2 ? in[2] : v;
    fire_shape qs = fire_shape_of(g, q), vs = fire_shape_of(g, v), ks = fire_shape_of(g, k);
    if (qs.rank != 3 || vs.rank != 3 || ks.rank != 3) return fire_graph_fail(g, FIRE_E_SHAPE, "GroupQueryAttention '%s': inputs must be [n, steps, features]", g->layer);
    if (vs.dim[1] != ks.dim[1])
        return fire_graph_fail(g, FIRE_E_SHAPE, "GroupQueryAttention '%s': %lld steps of value and %lld of key", g->layer, (long long)vs.dim[1], (long long)ks.dim[1]);
    const fire_projection *p = &t->projection;
    int64_t each = t->query_heads / t->key_heads, steps = qs.dim[1], others = vs.dim[1];
    fire_shape head = {2, {t->query_heads, t->head_dim}}, shared = {2, {t->key_heads, t->head_dim}};
    q = fire_project(b, "query", p, "ntd,dhk->nthk", q, (fire_shape){3, {qs.dim[2], t->query_heads, t->head_dim}}, head);
    k = fire_project(b, "key", p, "nsd,dhk->nshk", k, (fire_shape){3, {ks.dim[2], t->key_heads, t->head_dim}}, shared);
    v = fire_project(b, "value", p, "nsd,dhk->nshk", v, (fire_shape){3, {vs.dim[2], t->key_heads, t->head_dim}}, shared);
    q = fire_reshape(g, q, (fire_shape){5, {-1, steps, t->key_heads, each, t->head_dim}});
    fire_value pairs = n_in > 3 ? fire_one(g, "Not", fire_two(g, "Equal", in[3], fire_number(g, in[3], 0))) : 0;
    fire_value mask = fire_pairs(g, b->mask[0], n_in > 1 ? b->mask[1] : b->mask[0], n_in > 2 ? b->mask[2] : 0, pairs, t->causal, steps, others);
    if (mask && !g->first.status && fire_shape_of(g, mask).rank > 2) mask = fire_unsqueeze(g, mask, 3u << 1);
    fire_value scores = fire_einsum(g, "nthrk,nshk->nhrts", fire_times(g, q, 1 / sqrt((double)t->head_dim)), k);
    scores = fire_attention_weights(g, scores, mask, t->dropout > 0 || t->scores);
    fire_value y = fire_einsum(g, "nhrts,nshk->nthrk", fire_drop(b, scores, t->dropout), v);
    y = fire_reshape(g, y, (fire_shape){4, {-1, steps, t->query_heads, t->head_dim}});
    if (t->scores) b->out[1] = fire_reshape(g, scores, (fire_shape){4, {-1, t->query_heads, steps, others}}), b->n_out = 2;
    return fire_project(b, "attention_output", p, "nthk,hkd->ntd", y, (fire_shape){3, {t->query_heads, t->head_dim, qs.dim[2]}}, (fire_shape){1, {qs.dim[2]}});
}

const fire_layer fire_layer_group_query_attention = {
    .name = "GroupQueryAttention", .help = "attention by several heads that share keys and values",
    .attrs = attrs, .attr_size = sizeof(gqa_attrs), .min_in = 1, .max_in = 4, .passes_mask = true, .check = gqa_check, .build = gqa_build,
    .examples = {"[3,4] head_dim=2 num_query_heads=4 num_key_value_heads=2", "[3,4] [5,2] head_dim=3 num_query_heads=2 num_key_value_heads=1 use_bias=0",
                 "[3,4] head_dim=2 num_query_heads=2 num_key_value_heads=2 use_causal_mask=1"},
};
