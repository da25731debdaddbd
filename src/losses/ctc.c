/* ctc - connectionist temporal classification: y_pred [steps, classes] before the softmax, y_true class numbers with 0, the blank, behind them. */
#include "loss.h"

static fire_status ctc_target(const void *attrs, const fire_shape *pred, fire_shape *target, fire_error *err) {
    char text[FIRE_SHAPE_TEXT];
    if (pred->rank != 2 || pred->dim[1] < 2)
        return fire_fail(err, FIRE_E_SHAPE, "one row of the network's output is %s, expected [steps, classes], class 0 being the blank", fire_shape_text(pred, text));
    *target = (fire_shape){1, {-1}}; /* as many as the data has */
    return FIRE_OK;
}

static fire_value ctc_build(fire_graph *g, const void *attrs, fire_value y_true, fire_value *y_pred) { return fire_two(g, "CTCLoss", *y_pred, y_true); }

const fire_loss fire_loss_ctc = {
    .name = "CTC", .alias = "ctc", .help = "for sequences of class numbers that are shorter than the output",
    .target = FIRE_I64, .class_index = true, .target_shape = ctc_target, .build = ctc_build, .examples = {"[6,4]"},
};
