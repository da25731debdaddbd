/* poisson_nll - torch's PoissonNLLLoss: mean of e^y_pred - y_true y_pred, y_pred being the logarithm of the expected count; without log_input
** mean of y_pred - y_true log(y_pred + eps). */
#include "loss.h"

typedef struct { double eps; bool log_input; } poisson_attrs;

static const fire_attr attrs[] = {
    {"log_input", FIRE_ATTR_BOOL, offsetof(poisson_attrs, log_input), 1, 0, 1, NULL, NULL, "y_pred is a logarithm"},
    {"eps", FIRE_ATTR_FLOAT, offsetof(poisson_attrs, eps), 1e-8, 0, 1, NULL, NULL, "added before a logarithm is taken"},
    {0},
};

static fire_value poisson_build(fire_graph *g, const void *attrs_, fire_value y_true, fire_value *y_pred) {
    const poisson_attrs *t = attrs_;
    fire_value mean = t->log_input ? fire_one(g, "Exp", *y_pred) : *y_pred;
    fire_value log = t->log_input ? *y_pred : fire_one(g, "Log", fire_two(g, "Add", *y_pred, fire_number(g, *y_pred, t->eps)));
    return fire_mean_last(g, fire_two(g, "Sub", mean, fire_two(g, "Mul", y_true, log)));
}

const fire_loss fire_loss_poisson_nll = {
    .name = "PoissonNLLLoss", .alias = "poisson_nll", .help = "torch's: for counts; y_pred is the logarithm of the expected one",
    .attrs = attrs, .attr_size = sizeof(poisson_attrs), .target_shape = fire_target_like_pred, .build = poisson_build,
    .examples = {"[3]", "[4,3]"},
};
