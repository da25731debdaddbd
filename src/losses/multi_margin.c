/* multi_margin - torch's MultiMarginLoss: the sum of max(margin - y_pred[y_true] + y_pred[k], 0)^p over the other classes k, divided by the number
** of classes; with a weight for each class, times that of y_true. */
#include "loss.h"

typedef struct { fire_floats weight; double margin; int64_t p; } margin_attrs;

#define AT(field) offsetof(margin_attrs, field)
static const fire_attr attrs[] = {
    {"p", FIRE_ATTR_INT, AT(p), 1, 1, 2, NULL, NULL, "power"},
    {"margin", FIRE_ATTR_FLOAT, AT(margin), 1, -1e300, 1e300, NULL, NULL, "by how much the right class should be ahead"},
    {"weight", FIRE_ATTR_FLOATS, AT(weight), 0, 0, 1e300, "[]", NULL, "factor of each class"},
    {0},
};

static fire_status margin_target(const void *attrs_, const fire_shape *pred, fire_shape *target, fire_error *err) {
    fire_status s = fire_target_index(attrs_, pred, target, err);
    return s ? s : fire_weight_fits(&((const margin_attrs *)attrs_)->weight, pred->dim[pred->rank - 1], err);
}

static fire_value margin_build(fire_graph *g, const void *attrs_, fire_value y_true, fire_value *y_pred) {
    const margin_attrs *t = attrs_;
    if (g->first.status) return 0;
    fire_shape shape = fire_shape_of(g, *y_pred);
    fire_type type = fire_type_of(g, *y_pred);
    int64_t depth = shape.dim[shape.rank - 1];
    fire_value values = type == FIRE_F64 ? fire_graph_const(g, type, (fire_shape){1, {2}}, (const double[]){0, 1}) : fire_graph_const(g, type, (fire_shape){1, {2}}, (const float[]){0, 1});
    fire_value hot = fire_apply(g, "OneHot", 3, FIRE_IN(y_true, fire_graph_const(g, FIRE_I64, (fire_shape){0}, &depth), values), NULL);
    fire_value right = fire_sum_last(g, fire_two(g, "Mul", hot, *y_pred), true), others = fire_two(g, "Sub", fire_number(g, hot, 1), hot);
    fire_value short_of = fire_one(g, "Relu", fire_two(g, "Add", fire_two(g, "Sub", *y_pred, right), fire_number(g, hot, t->margin)));
    if (t->p == 2) short_of = fire_two(g, "Mul", short_of, short_of);
    fire_value each = fire_mean_last(g, fire_two(g, "Mul", short_of, others));
    fire_value weight = fire_weigh_classes(g, type, &t->weight, (int64_t)FIRE_NO_CLASS, y_true);
    return weight ? fire_two(g, "Mul", each, weight) : each;
}

const fire_loss fire_loss_multi_margin = {
    .name = "MultiMarginLoss", .alias = "multi_margin", .help = "torch's: margins between the right class and the others",
    .attrs = attrs, .attr_size = sizeof(margin_attrs), .target = FIRE_I64, .class_index = true, .target_shape = margin_target, .build = margin_build,
    .examples = {"[5]", "[5] p=2", "[3] margin=0.5 weight=[1,2,0.5]", "[2,3]"},
};
