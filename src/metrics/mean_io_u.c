/* mean_io_u - the mean over all classes of the rows that are of the class and predicted / that are one or the other. */
#include "metric.h"

static const fire_attr attrs[] = {
    FIRE_OVERLAP_CLASSES, FIRE_OVERLAP_IGNORE, FIRE_OVERLAP_TRUE, FIRE_OVERLAP_PRED(1), FIRE_OVERLAP_AXIS, {0},
};

const fire_metric fire_metric_mean_io_u = {
    .name = "MeanIoU", .alias = "mean_io_u", .help = "mean intersection over union of classes",
    .attrs = attrs, .attr_size = sizeof(fire_overlap_attrs), .check = fire_overlap_check, .takes_classes = fire_overlap_takes_classes,
    .sums = fire_overlap_sums, .add = fire_overlap_add, .result = fire_overlap_result,
};
