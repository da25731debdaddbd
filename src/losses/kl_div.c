/* kl_div - torch's KLDivLoss: sum of y_true (log y_true - y_pred) over the last axis, y_pred being logarithms of probabilities. Over the rows of a
** batch the mean is taken, as torch does with reduction='batchmean'. */
#include "loss.h"

typedef struct { bool log_target; } kl_attrs;

static const fire_attr attrs[] = {
    {"log_target", FIRE_ATTR_BOOL, offsetof(kl_attrs, log_target), 0, 0, 1, NULL, NULL, "y_true holds logarithms of probabilities, too"},
    {0},
};

static fire_value kl_build(fire_graph *g, const void *attrs_, fire_value y_true, fire_value *y_pred) {
    bool logs = ((const kl_attrs *)attrs_)->log_target;
    fire_value t = logs ? fire_one(g, "Exp", y_true) : y_true;
    fire_value log = logs ? y_true : fire_one(g, "Log", fire_clip(g, y_true, 1e-37, INFINITY)); /* 0 log 0 is 0 */
    return fire_sum_last(g, fire_two(g, "Mul", t, fire_two(g, "Sub", log, *y_pred)), false);
}

const fire_loss fire_loss_kl_div = {
    .name = "KLDivLoss", .alias = "kl_div", .help = "torch's: divergence of distributions, y_pred as logarithms",
    .attrs = attrs, .attr_size = sizeof(kl_attrs), .target_shape = fire_target_like_pred, .build = kl_build,
    .examples = {"[5]", "[3,4]", "[5] log_target=1"},
};
