/* binary_crossentropy - mean over an axis of -(t log p + (1 - t) log(1 - p)); with torch's pos_weight w, of -(w t log p + (1 - t) log(1 - p)). */
#include "layer.h"
#include "loss.h"

typedef struct { fire_floats pos_weight; double label_smoothing; int64_t axis; bool from_logits; } bce_attrs;

#define AT(field) offsetof(bce_attrs, field)
static const fire_attr attrs[] = {
    {"from_logits", FIRE_ATTR_BOOL, AT(from_logits), 0, 0, 1, NULL, NULL, "y_pred is what a sigmoid would see"},
    {"label_smoothing", FIRE_ATTR_FLOAT, AT(label_smoothing), 0, 0, 1, NULL, NULL, "moves targets towards 1/2 by this share"},
    {"axis", FIRE_ATTR_INT, offsetof(bce_attrs, axis), -1, -FIRE_MAX_RANK, FIRE_MAX_RANK - 1, NULL, NULL, "dimension of the mean, counted with the batch"},
    {"pos_weight", FIRE_ATTR_FLOATS, AT(pos_weight), 0, 0, 1e300, "[]", NULL, "torch's weight of targets 1: one number, or one for each along the axis"},
    {0},
};

static fire_status bce_target(const void *attrs_, const fire_shape *pred, fire_shape *target, fire_error *err) {
    const bce_attrs *t = attrs_;
    fire_status s = fire_target_along(t->axis, pred, target, err);
    if (s || t->pos_weight.n <= 1) return s;
    int64_t n = pred->dim[t->axis < 0 ? pred->rank + t->axis : t->axis - 1];
    if (t->pos_weight.n == n) return FIRE_OK;
    return fire_fail(err, FIRE_E_ATTRIBUTE, "pos_weight has %d numbers, expected 1 or %lld", (int)t->pos_weight.n, (long long)n);
}

/* t log p + (1 - t) log(1 - p), the first part by the weights. Of logits x, log p = -log(1 + e^-x) and log(1 - p) = -x + log p. */
static fire_value bce_weighted(fire_graph *g, const bce_attrs *t, fire_value y_true, fire_value p, fire_value logits) {
    fire_type type = fire_type_of(g, p);
    float narrow[64];
    for (int i = 0; i < t->pos_weight.n; i++) narrow[i] = (float)t->pos_weight.v[i];
    fire_value weight = fire_graph_const(g, type, (fire_shape){1, {t->pos_weight.n}}, type == FIRE_F64 ? (const void *)t->pos_weight.v : narrow), one = fire_number(g, p, 1);
    fire_value log_p, log_q;
    if (logits) {
        log_p = fire_one(g, "Neg", fire_one(g, "Softplus", fire_one(g, "Neg", logits)));
        log_q = fire_one(g, "Neg", fire_one(g, "Softplus", logits));
    } else {
        p = fire_clip_probability(g, p);
        log_p = fire_one(g, "Log", p);
        log_q = fire_one(g, "Log", fire_two(g, "Sub", one, p));
    }
    fire_value yes = fire_two(g, "Mul", fire_two(g, "Mul", y_true, weight), log_p), no = fire_two(g, "Mul", fire_two(g, "Sub", one, y_true), log_q);
    return fire_one(g, "Neg", fire_mean_last(g, fire_two(g, "Add", yes, no)));
}

static fire_value bce_build(fire_graph *g, const void *attrs_, fire_value y_true, fire_value *y_pred) {
    const bce_attrs *t = attrs_;
    fire_value p = fire_axis_to_last(g, *y_pred, t->axis), out[FIRE_MAX_OUT];
    y_true = fire_smooth(g, fire_axis_to_last(g, y_true, t->axis), t->label_smoothing, 0.5);
    fire_value logits = t->from_logits ? p : p == *y_pred ? fire_logits(g, p, "sigmoid") : 0;
    if (g->first.status) return 0;
    if (t->pos_weight.n) return bce_weighted(g, t, y_true, p, logits);
    if (logits) {
        if (fire_apply_all(g, "SigmoidCrossEntropy", 2, FIRE_IN(logits, y_true), NULL, out)) return 0;
        if (!t->from_logits) *y_pred = out[1];
        return fire_mean_last(g, out[0]);
    }
    fire_value one = fire_number(g, p, 1);
    p = fire_clip_probability(g, p);
    fire_value yes = fire_two(g, "Mul", y_true, fire_one(g, "Log", p));
    fire_value no = fire_two(g, "Mul", fire_two(g, "Sub", one, y_true), fire_one(g, "Log", fire_two(g, "Sub", one, p)));
    return fire_one(g, "Neg", fire_mean_last(g, fire_two(g, "Add", yes, no)));
}

const fire_loss fire_loss_binary_crossentropy = {
    .name = "BinaryCrossentropy", .alias = "binary_crossentropy|bce", .help = "for one or several yes-or-no targets", .probability = true,
    .attrs = attrs, .attr_size = sizeof(bce_attrs), .target_shape = bce_target, .build = bce_build,
    .examples = {"[1]", "[3]", "[3] from_logits=1", "[2] label_smoothing=0.2", "[2,3] axis=1", "[3] pos_weight=[0.5,1,2]", "[3] pos_weight=[2] from_logits=1"},
};
