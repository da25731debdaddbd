/* nll - torch's NLLLoss: -y_pred[y_true], y_pred being logarithms of probabilities and y_true class numbers. */
#include "loss.h"

typedef struct { fire_floats weight; int64_t ignore_class; } nll_attrs;

#define AT(field) offsetof(nll_attrs, field)
static const fire_attr attrs[] = {
    {"ignore_class", FIRE_ATTR_INT, AT(ignore_class), FIRE_NO_CLASS, -2147483648.0, 2147483647.0, NULL, NULL, "class number whose losses do not count; without it all do"},
    {"weight", FIRE_ATTR_FLOATS, AT(weight), 0, 0, 1e300, "[]", NULL, "torch's weight of each class: losses are divided by the sum of their weights"},
    {0},
};

static bool nll_ignores(const void *attrs_, int64_t *class) {
    *class = ((const nll_attrs *)attrs_)->ignore_class;
    return *class != (int64_t)FIRE_NO_CLASS;
}
static fire_value nll_weigh(fire_graph *g, const void *attrs_, fire_type type, fire_value y_true) {
    const nll_attrs *t = attrs_;
    return fire_weigh_classes(g, type, &t->weight, t->ignore_class, y_true);
}
static fire_status nll_target(const void *attrs_, const fire_shape *pred, fire_shape *target, fire_error *err) {
    fire_status s = fire_target_index(attrs_, pred, target, err);
    return s ? s : fire_weight_fits(&((const nll_attrs *)attrs_)->weight, pred->dim[pred->rank - 1], err);
}

static fire_value nll_build(fire_graph *g, const void *attrs_, fire_value y_true, fire_value *y_pred) {
    if (g->first.status) return 0;
    fire_shape shape = fire_shape_of(g, *y_pred);
    fire_type type = fire_type_of(g, *y_pred);
    int64_t depth = shape.dim[shape.rank - 1];
    fire_value values = type == FIRE_F64 ? fire_graph_const(g, type, (fire_shape){1, {2}}, (const double[]){0, 1}) : fire_graph_const(g, type, (fire_shape){1, {2}}, (const float[]){0, 1});
    fire_value known = fire_known_class(g, ((const nll_attrs *)attrs_)->ignore_class, y_true);
    fire_value hot = fire_apply(g, "OneHot", 3, FIRE_IN(known, fire_graph_const(g, FIRE_I64, (fire_shape){0}, &depth), values), NULL);
    return fire_one(g, "Neg", fire_sum_last(g, fire_two(g, "Mul", hot, *y_pred), false));
}

const fire_loss fire_loss_nll = {
    .name = "NLLLoss", .alias = "nll_loss", .help = "torch's: for logarithms of probabilities and class numbers",
    .attrs = attrs, .attr_size = sizeof(nll_attrs), .target = FIRE_I64, .class_index = true, .target_shape = nll_target, .build = nll_build,
    .weigh = nll_weigh, .ignores = nll_ignores,
    .examples = {"[5]", "[3,4]", "[3] weight=[0.5,1,2]", "[4] ignore_class=1"},
};
