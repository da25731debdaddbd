/* function - a loss that somebody wrote: operators over y_true and y_pred, as a program (function.h), that give one value per row. */
#include "function.h"
#include "loss.h"

typedef struct { char body[FIRE_FUNCTION_TEXT + 1]; } function_attrs;
static const fire_attr attrs[] = {
    {"body", FIRE_ATTR_TEXT, 0, 0, 0, FIRE_FUNCTION_TEXT, NULL, NULL, "the operators: \"Sub 1,0;Abs 2;ReduceMean 3,i[1]{-1} keepdims=0\", 0 being y_true and 1 y_pred; must be given"},
    {0},
};

static fire_status function_check(const void *attrs_, fire_error *err) { return fire_function_check(((const function_attrs *)attrs_)->body, err); }

static fire_value function_build(fire_graph *g, const void *attrs_, fire_value y_true, fire_value *y_pred) {
    fire_value y;
    char text[FIRE_SHAPE_TEXT];
    if (!fire_function_build(g, ((const function_attrs *)attrs_)->body, fire_type_of(g, *y_pred), 2, FIRE_IN(y_true, *y_pred), 1, &y)) return 0;
    fire_shape s = fire_shape_of(g, y);
    if (s.rank < 1 || s.dim[0] != -1 || fire_type_of(g, y) != fire_type_of(g, *y_pred))
        return fire_graph_fail(g, FIRE_E_SHAPE, "the loss gives %s %s, expected one %s per row, [n]; reduce over the last axis only", fire_type_text(fire_type_of(g, y)),
                               fire_shape_text(&s, text), fire_type_text(fire_type_of(g, *y_pred)));
    return y;
}

const fire_loss fire_loss_function = {
    .name = "Function", .alias = "", .help = "operators over y_true and y_pred, as custom losses are saved",
    .attrs = attrs, .attr_size = sizeof(function_attrs), .target_shape = fire_target_like_pred, .check = function_check, .build = function_build,
    .examples = {"[3] body=\"Sub 1,0;Mul 2,2;ReduceMean 3,i[1]{-1} keepdims=0\""},
};
