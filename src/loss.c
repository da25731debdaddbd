/* loss.c - the table of losses and what their files share. */
#include "loss.h"
#include "op.h"
#include <string.h>

#define FIRE_LOSS(symbol) extern const fire_loss fire_loss_##symbol;
#include "losses/losses.def"
#undef FIRE_LOSS
const fire_loss *const fire_losses[] = {
#define FIRE_LOSS(symbol) &fire_loss_##symbol,
#include "losses/losses.def"
#undef FIRE_LOSS
    NULL};

bool fire_alias_has(const char *aliases, const char *name) {
    size_t n = strlen(name);
    for (const char *p = aliases; p && *p; p += strcspn(p, "|"), p += *p == '|') {
        if (strcspn(p, "|") != n) continue;
        size_t i = 0; /* ASCII letters in any case: they differ in bit 5 alone */
        while (i < n && (p[i] == name[i] || (((p[i] ^ name[i]) == 0x20) && ((p[i] | 0x20) >= 'a' && (p[i] | 0x20) <= 'z')))) i++;
        if (i == n) return true;
    }
    return false;
}

const fire_loss *fire_loss_find(const char *name) {
    for (const fire_loss *const *p = fire_losses; *p; p++)
        if (fire_same_word((*p)->name, name) || fire_alias_has((*p)->alias, name)) return *p;
    return NULL;
}

fire_status fire_target_like_pred(const void *attrs, const fire_shape *pred, fire_shape *target, fire_error *err) {
    if (pred->rank == 0) return fire_fail(err, FIRE_E_SHAPE, "the network's output is [n], expected [n, units]");
    *target = *pred;
    return FIRE_OK;
}

static fire_value last_axis(fire_graph *g) { return fire_graph_const(g, FIRE_I64, (fire_shape){1, {1}}, &(int64_t){-1}); }
fire_value fire_mean_last(fire_graph *g, fire_value x) { return fire_apply(g, "ReduceMean", 2, FIRE_IN(x, last_axis(g)), "keepdims=0"); }
fire_value fire_sum_last(fire_graph *g, fire_value x, bool keep) {
    return fire_apply(g, "ReduceSum", 2, FIRE_IN(x, last_axis(g)), keep ? "keepdims=1" : "keepdims=0");
}

fire_value fire_clip_probability(fire_graph *g, fire_value p) {
    const double epsilon = 1e-7;
    fire_type type = fire_type_of(g, p);
    return fire_apply(g, "Clip", 3, FIRE_IN(p, fire_graph_scalar(g, type, epsilon), fire_graph_scalar(g, type, 1 - epsilon)), NULL);
}

fire_value fire_where(fire_graph *g, fire_value condition, fire_value yes, fire_value no) { return fire_apply(g, "Where", 3, FIRE_IN(condition, yes, no), NULL); }
fire_value fire_clip(fire_graph *g, fire_value x, double low, double high) {
    return fire_apply(g, "Clip", isinf(high) ? 2 : 3, FIRE_IN(x, fire_number(g, x, low), isinf(high) ? 0 : fire_number(g, x, high)), NULL);
}

fire_value fire_axis_to_last(fire_graph *g, fire_value x, int64_t axis) {
    int at = 0;
    if (g->first.status) return 0;
    int rank = fire_shape_of(g, x).rank;
    if (fire_axis(axis, rank, &at, NULL) || at == rank - 1) return x;
    int64_t perm[FIRE_MAX_RANK];
    for (int d = 0, k = 0; d < rank; d++)
        if (d != at) perm[k++] = d;
    perm[rank - 1] = at;
    return fire_transpose(g, x, rank, perm);
}

fire_status fire_target_along(int64_t axis, const fire_shape *pred, fire_shape *target, fire_error *err) {
    int at;
    fire_status s = fire_target_like_pred(NULL, pred, target, err);
    if (!s) s = fire_axis(axis, pred->rank + 1, &at, err);
    return s ? s : at ? FIRE_OK : fire_fail(err, FIRE_E_ATTRIBUTE, "axis is the batch; give another dimension of the output");
}

fire_status fire_target_index(const void *attrs, const fire_shape *pred, fire_shape *target, fire_error *err) {
    char text[FIRE_SHAPE_TEXT];
    if (pred->rank == 0 || pred->dim[pred->rank - 1] < 2)
        return fire_fail(err, FIRE_E_SHAPE, "one row of the network's output is %s, expected one number per class; for two classes and one output use BinaryCrossentropy",
                         fire_shape_text(pred, text));
    *target = *pred;
    target->dim[--target->rank] = 0;
    return FIRE_OK;
}

fire_value fire_smooth(fire_graph *g, fire_value y_true, double share, double middle) {
    if (share <= 0) return y_true;
    return fire_two(g, "Add", fire_two(g, "Mul", y_true, fire_number(g, y_true, 1 - share)), fire_number(g, y_true, share * middle));
}

static fire_value class_constant(fire_graph *g, fire_value y_true, int64_t class) {
    return fire_type_of(g, y_true) == FIRE_I32 ? fire_graph_const(g, FIRE_I32, (fire_shape){0}, &(int32_t){(int32_t)class}) : fire_graph_const(g, FIRE_I64, (fire_shape){0}, &class);
}

fire_value fire_known_class(fire_graph *g, int64_t ignore, fire_value y_true) {
    if (g->first.status || ignore == (int64_t)FIRE_NO_CLASS) return y_true;
    fire_value ignored = fire_two(g, "Equal", y_true, class_constant(g, y_true, ignore));
    return fire_where(g, ignored, class_constant(g, y_true, 0), y_true);
}

/* Weights come from a table of them. */
fire_value fire_weigh_classes(fire_graph *g, fire_type type, const fire_floats *weight, int64_t ignore, fire_value y_true) {
    bool ignores = ignore != (int64_t)FIRE_NO_CLASS;
    if (g->first.status || (!ignores && !weight->n)) return 0;
    fire_value factor = 0;
    if (weight->n) {
        float narrow[64];
        for (int i = 0; i < weight->n; i++) narrow[i] = (float)weight->v[i];
        fire_value table = fire_graph_const(g, type, (fire_shape){1, {weight->n}}, type == FIRE_F64 ? (const void *)weight->v : narrow);
        factor = fire_two(g, "Gather", table, fire_known_class(g, ignore, y_true));
    }
    if (!ignores) return factor;
    fire_value known = fire_one(g, "Not", fire_two(g, "Equal", y_true, class_constant(g, y_true, ignore)));
    fire_value counts = fire_apply(g, "Cast", 1, &known, type == FIRE_F64 ? "to=11" : "to=1");
    return factor ? fire_two(g, "Mul", factor, counts) : counts;
}

fire_status fire_weight_fits(const fire_floats *weight, int64_t classes, fire_error *err) {
    if (!weight->n || weight->n == classes) return FIRE_OK;
    return fire_fail(err, FIRE_E_ATTRIBUTE, "weight has %d numbers, expected one for each of %lld classes", (int)weight->n, (long long)classes);
}
