/* attend.c - see attend.h. */
#include "attend.h"
#include "op.h"
#include <float.h>
#include <stdio.h>

/* 0, 1 ... n - 1 as a column or a row. */
static fire_value counted(fire_graph *g, int64_t n, bool column) {
    if (g->first.status) return 0;
    int64_t *at = fire_alloc(g->ctx, (size_t)n, sizeof *at, &g->first);
    if (!at) return 0;
    for (int64_t i = 0; i < n; i++) at[i] = i;
    fire_value v = fire_graph_const(g, FIRE_I64, column ? (fire_shape){2, {n, 1}} : (fire_shape){2, {1, n}}, at);
    fire_free(g->ctx, at);
    return v;
}

fire_value fire_causal(fire_graph *g, int64_t t, int64_t s) { return fire_two(g, "GreaterOrEqual", counted(g, t, true), counted(g, s, false)); }

fire_value fire_and(fire_graph *g, fire_value a, fire_value b) { return a && b ? fire_two(g, "And", a, b) : a ? a : b; }

fire_value fire_pairs(fire_graph *g, fire_value query, fire_value value, fire_value key, fire_value pairs, bool causal, int64_t t, int64_t s) {
    fire_value m = pairs;
    if (query) m = fire_and(g, m, fire_unsqueeze(g, query, 1u << 2));
    if (value) m = fire_and(g, m, fire_unsqueeze(g, value, 1u << 1));
    if (key && key != value) m = fire_and(g, m, fire_unsqueeze(g, key, 1u << 1));
    if (causal) m = fire_and(g, m, fire_causal(g, t, s));
    return m;
}

fire_value fire_project(fire_build *b, const char *name, const fire_projection *p, const char *equation, fire_value x, fire_shape kernel, fire_shape bias) {
    char text[80];
    snprintf(text, sizeof text, "%s/kernel", name);
    fire_value w = fire_weight(b, text, kernel, fire_kernel_how(&p->held), true);
    fire_value y = fire_einsum(b->g, equation, x, w);
    if (!p->use_bias) return y;
    snprintf(text, sizeof text, "%s/bias", name);
    return fire_two(b->g, "Add", y, fire_weight(b, text, bias, fire_bias_how(&p->held), true));
}

fire_value fire_attention_weights(fire_graph *g, fire_value scores, fire_value mask, bool zero) {
    if (g->first.status) return 0;
    double least = fire_type_of(g, scores) == FIRE_F64 ? -0.7 * DBL_MAX : -0.7 * (double)FLT_MAX;
    if (mask) scores = fire_apply(g, "Where", 3, FIRE_IN(mask, scores, fire_number(g, scores, least)), NULL);
    fire_value y = fire_apply(g, "Softmax", 1, &scores, "axis=-1");
    return mask && zero ? fire_apply(g, "Where", 3, FIRE_IN(mask, y, fire_number(g, y, 0)), NULL) : y;
}
