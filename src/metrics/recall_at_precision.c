/* recall_at_precision - best recall at thresholds where the precision reaches a number. */
#include "metric.h"

FIRE_AT_METRIC(fire_metric_recall_at_precision, "RecallAtPrecision", "recall_at_precision",
               "best recall at thresholds where the precision reaches a number", precision, fire_precision, fire_recall);
