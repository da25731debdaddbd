/* precision_at_recall - best precision at thresholds where the recall reaches a number. */
#include "metric.h"

FIRE_AT_METRIC(fire_metric_precision_at_recall, "PrecisionAtRecall", "precision_at_recall",
               "best precision at thresholds where the recall reaches a number", recall, fire_recall, fire_precision);
