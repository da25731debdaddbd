/* one_hot_mean_io_u - IoU of all classes, for one-hot targets. */
#include "metric.h"

static const fire_attr attrs[] = {
    FIRE_OVERLAP_CLASSES, FIRE_OVERLAP_IGNORE, FIRE_OVERLAP_PRED(0), FIRE_OVERLAP_AXIS, {0},
};

static fire_status one_hot_check(const void *attrs_, const fire_shape *pred, fire_error *err) {
    if (((const fire_overlap_attrs *)attrs_)->sparse_y_pred)
        return fire_fail(err, FIRE_E_ATTRIBUTE, "sparse_y_pred is true, but predictions have the shape of the one-hot targets; leave it out");
    return fire_overlap_check(attrs_, pred, err);
}

const fire_metric fire_metric_one_hot_mean_io_u = {
    .name = "OneHotMeanIoU", .alias = "one_hot_mean_io_u", .help = "mean intersection over union of classes, for one-hot targets",
    .attrs = attrs, .attr_size = sizeof(fire_overlap_attrs), .check = one_hot_check,
    .sums = fire_overlap_sums, .add = fire_overlap_add, .result = fire_overlap_result,
};
