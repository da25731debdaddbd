/* categorical_focal_crossentropy - -sum of alpha (1 - p)^gamma y_true log p over an axis, p being the predictions divided by their sum. */
#include "loss.h"

typedef struct { fire_floats alpha; double gamma, label_smoothing; int64_t axis; bool from_logits; } focal_attrs;

#define AT(field) offsetof(focal_attrs, field)
static const fire_attr attrs[] = {
    {"alpha", FIRE_ATTR_FLOATS, AT(alpha), 0, 0, 1e300, "[0.25]", NULL, "weight of all classes, or one for each"},
    {"gamma", FIRE_ATTR_FLOAT, AT(gamma), 2, 0, 1e3, NULL, NULL, "how much less what is right already counts"},
    {"from_logits", FIRE_ATTR_BOOL, AT(from_logits), 0, 0, 1, NULL, NULL, "y_pred is what a softmax would see"},
    {"label_smoothing", FIRE_ATTR_FLOAT, AT(label_smoothing), 0, 0, 1, NULL, NULL, "share of y_true spread evenly over the classes"},
    {"axis", FIRE_ATTR_INT, offsetof(focal_attrs, axis), -1, -FIRE_MAX_RANK, FIRE_MAX_RANK - 1, NULL, NULL, "dimension of the classes, counted with the batch"},
    {0},
};

static fire_status focal_target(const void *attrs_, const fire_shape *pred, fire_shape *target, fire_error *err) {
    const focal_attrs *t = attrs_;
    fire_status s = fire_target_along(t->axis, pred, target, err);
    if (s) return s;
    int64_t axis = t->axis < 0 ? pred->rank + t->axis : t->axis - 1, n = pred->dim[axis];
    if (t->alpha.n == 1 || t->alpha.n == n) return FIRE_OK;
    return fire_fail(err, FIRE_E_ATTRIBUTE, "alpha has %d numbers, expected 1 or one for each of %lld classes", (int)t->alpha.n, (long long)n);
}

static fire_value focal_build(fire_graph *g, const void *attrs_, fire_value y_true, fire_value *y_pred) {
    const focal_attrs *t = attrs_;
    fire_value y = fire_axis_to_last(g, y_true, t->axis), p = fire_axis_to_last(g, *y_pred, t->axis), one = fire_number(g, p, 1);
    if (g->first.status) return 0;
    fire_shape shape = fire_shape_of(g, p);
    fire_type type = fire_type_of(g, p);
    y = fire_smooth(g, y, t->label_smoothing, 1 / (double)shape.dim[shape.rank - 1]);
    if (t->from_logits) p = fire_apply(g, "Softmax", 1, &p, "axis=-1");
    p = fire_clip_probability(g, fire_two(g, "Div", p, fire_sum_last(g, p, true)));
    fire_value wrong = fire_two(g, "Sub", one, p), each = fire_two(g, "Mul", y, fire_one(g, "Log", p));
    if (t->gamma != 0) each = fire_two(g, "Mul", each, t->gamma == 2 ? fire_two(g, "Mul", wrong, wrong) : fire_two(g, "Pow", wrong, fire_number(g, p, t->gamma)));
    float narrow[64];
    for (int i = 0; i < t->alpha.n; i++) narrow[i] = (float)t->alpha.v[i];
    fire_value alpha = fire_graph_const(g, type, (fire_shape){1, {t->alpha.n}}, type == FIRE_F64 ? (const void *)t->alpha.v : narrow);
    return fire_one(g, "Neg", fire_sum_last(g, fire_two(g, "Mul", each, alpha), false));
}

const fire_loss fire_loss_categorical_focal_crossentropy = {
    .name = "CategoricalFocalCrossentropy", .alias = "categorical_focal_crossentropy", .help = "for one-hot targets most of which are easy",
    .attrs = attrs, .attr_size = sizeof(focal_attrs), .target_shape = focal_target, .build = focal_build,
    .examples = {"[5]", "[5] from_logits=1", "[3] alpha=[0.2,0.3,0.5] gamma=1.5 label_smoothing=0.1", "[3,4] axis=1 from_logits=1"},
};
