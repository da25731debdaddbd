/* iou - the mean over some classes of the rows that are of the class and predicted / that are one or the other. */
#include "metric.h"

static const fire_attr attrs[] = {
    FIRE_OVERLAP_CLASSES, FIRE_OVERLAP_TARGETS, FIRE_OVERLAP_IGNORE, FIRE_OVERLAP_TRUE, FIRE_OVERLAP_PRED(1), FIRE_OVERLAP_AXIS, {0},
};

const fire_metric fire_metric_iou = {
    .name = "IoU", .alias = "iou", .help = "intersection over union of some classes",
    .attrs = attrs, .attr_size = sizeof(fire_overlap_attrs), .check = fire_overlap_check_targets, .takes_classes = fire_overlap_takes_classes,
    .sums = fire_overlap_sums, .add = fire_overlap_add, .result = fire_overlap_result,
};
