/* loss.c - the table of losses and what their files share. */
#include "loss.h"
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
