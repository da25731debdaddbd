/* attention - each step of query as the mean of the steps of value, weighted by softmax of how key (value when left out) answers it: their product, or
** the sum of tanh(query + key). Inputs: query, value, key.
*/
#include "attend.h"
#include "op.h"

typedef struct { bool use_scale; fire_attr_text score_mode; double dropout; bool causal, scores; } attention_attrs;

#define AT(field) offsetof(attention_attrs, field)
static const fire_attr attrs[] = {
    {"use_scale", FIRE_ATTR_BOOL, AT(use_scale), 0, 0, 1, .help = "a number to learn scales the scores"},
    {"score_mode", FIRE_ATTR_TEXT, AT(score_mode), .text = "dot", .choices = "dot|concat", .help = "product of query and key, or a sum of tanh(query + key)"},
    {"dropout", FIRE_ATTR_FLOAT, AT(dropout), 0, 0, 1, .help = "share of the weights that falls while training"},
    {"use_causal_mask", FIRE_ATTR_BOOL, AT(causal), 0, 0, 1, .help = "no step looks at later ones"},
    {"return_attention_scores", FIRE_ATTR_BOOL, AT(scores), 0, 0, 1, .help = "give the weights [steps, steps] as a second output"},
    {0},
};

typedef struct { fire_value q, v, k; int64_t steps, others, width; } inputs;
static bool inputs_of(fire_graph *g, const char *layer, int n_in, const fire_value *in, inputs *x) {
    *x = (inputs){.q = in[0], .v = in[1], .k = n_in > 2 ? in[2] : in[1]};
    fire_shape q = fire_shape_of(g, x->q), v = fire_shape_of(g, x->v), k = fire_shape_of(g, x->k);
    char a[FIRE_SHAPE_TEXT], b[FIRE_SHAPE_TEXT], c[FIRE_SHAPE_TEXT];
    if (q.rank == 3 && v.rank == 3 && k.rank == 3 && q.dim[2] == k.dim[2] && v.dim[1] == k.dim[1]) {
        x->steps = q.dim[1], x->others = v.dim[1], x->width = q.dim[2];
        return true;
    }
    fire_graph_fail(g, FIRE_E_SHAPE, "%s '%s': query %s, value %s and key %s do not go together; expected [n, t, d], [n, s, e], [n, s, d]", layer, g->layer,
                    fire_shape_text(&q, a), fire_shape_text(&v, b), fire_shape_text(&k, c));
    return false;
}

/* The sum over features of scale * tanh(inner * (query + key)) for each pair of steps; 0 for either: 1. */
static fire_value added(fire_graph *g, const inputs *x, fire_value inner, fire_value scale) {
    fire_value sum = fire_two(g, "Add", fire_unsqueeze(g, x->q, 1u << 2), fire_unsqueeze(g, x->k, 1u << 1));
    if (inner) sum = fire_two(g, "Mul", sum, inner);
    sum = fire_one(g, "Tanh", sum);
    if (scale) sum = fire_two(g, "Mul", sum, scale);
    return fire_over(g, "ReduceSum", sum, 1u << 3, false);
}

/* From the scores to the output. Scores that the mask leaves out lose 1e9, as in Keras; steps of query that count for nothing become 0. */
static fire_value finish(fire_build *b, const inputs *x, fire_value scores, double dropout, bool causal, bool give) {
    fire_graph *g = b->g;
    fire_value mask = fire_pairs(g, 0, b->mask[1], 0, 0, causal, x->steps, x->others);
    if (mask) scores = fire_apply(g, "Where", 3, FIRE_IN(mask, scores, fire_plus(g, scores, -1e9)), NULL);
    fire_value weights = fire_drop(b, fire_apply(g, "Softmax", 1, &scores, "axis=-1"), dropout), y = fire_two(g, "MatMul", weights, x->v);
    if (b->mask[0]) y = fire_apply(g, "Where", 3, FIRE_IN(fire_unsqueeze(g, b->mask[0], 1u << 2), y, fire_number(g, y, 0)), NULL);
    if (give) b->out[1] = weights, b->n_out = 2;
    return y;
}

static fire_value attention_build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) {
    const attention_attrs *t = attrs_;
    fire_graph *g = b->g;
    inputs x;
    if (!inputs_of(g, "Attention", n_in, in, &x)) return 0;
    bool concat = *t->score_mode == 'c';
    fire_value scale = t->use_scale ? fire_weight(b, "scale", (fire_shape){0}, (fire_how){"ones"}, true) : 0, scores;
    if (concat) {
        fire_value weight = fire_weight(b, "concat_score_weight", (fire_shape){0}, (fire_how){"ones"}, true);
        scores = fire_two(g, "Mul", added(g, &x, scale, 0), weight);
    } else {
        scores = fire_einsum(g, "ntd,nsd->nts", x.q, x.k);
        if (scale) scores = fire_two(g, "Mul", scores, scale);
    }
    return finish(b, &x, scores, t->dropout, t->causal, t->scores);
}

const fire_layer fire_layer_attention = {
    .name = "Attention", .help = "steps of value weighted by how key answers query",
    .attrs = attrs, .attr_size = sizeof(attention_attrs), .min_in = 2, .max_in = 3, .passes_mask = true, .build = attention_build,
    .examples = {"[3,4] [5,4]", "[3,4] [5,2] [5,4] use_scale=1", "[3,2] [4,2] score_mode=concat", "[3,2] [4,2] score_mode=concat use_scale=1", "[4,3] [4,3] use_causal_mask=1",
                 "[4,3] [4,3] dropout=0.2"},
};

/* ---- AdditiveAttention ---- */

typedef struct { bool use_scale; double dropout; bool causal, scores; } additive_attrs;
static const fire_attr attrs_of_additive[] = {
    {"use_scale", FIRE_ATTR_BOOL, offsetof(additive_attrs, use_scale), 1, 0, 1, .help = "a number to learn for each feature scales it"},
    {"dropout", FIRE_ATTR_FLOAT, offsetof(additive_attrs, dropout), 0, 0, 1, .help = "share of the weights that falls while training"},
    {"use_causal_mask", FIRE_ATTR_BOOL, offsetof(additive_attrs, causal), 0, 0, 1, .help = "no step looks at later ones"},
    {"return_attention_scores", FIRE_ATTR_BOOL, offsetof(additive_attrs, scores), 0, 0, 1, .help = "give the weights [steps, steps] as a second output"},
    {0},
};

static fire_value additive_build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) {
    const additive_attrs *t = attrs_;
    inputs x;
    if (!inputs_of(b->g, "AdditiveAttention", n_in, in, &x)) return 0;
    fire_value scale = t->use_scale ? fire_weight(b, "scale", (fire_shape){1, {x.width}}, (fire_how){"glorot_uniform"}, true) : 0;
    return finish(b, &x, added(b->g, &x, 0, scale), t->dropout, t->causal, t->scores);
}

const fire_layer fire_layer_additive_attention = {
    .name = "AdditiveAttention", .help = "steps of value weighted by a sum of tanh(query + key)",
    .attrs = attrs_of_additive, .attr_size = sizeof(additive_attrs), .min_in = 2, .max_in = 3, .passes_mask = true, .build = additive_build,
    .examples = {"[3,4] [5,4]", "[3,2] [4,3] [4,2]", "[3,4] [5,4] use_scale=0", "[3,2] [3,2] use_causal_mask=1"},
};
