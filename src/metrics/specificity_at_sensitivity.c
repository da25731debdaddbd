/* specificity_at_sensitivity - best share of what is not true that is not predicted, at thresholds where the share of what is true that is predicted reaches a number. */
#include "metric.h"

FIRE_AT_METRIC(fire_metric_specificity_at_sensitivity, "SpecificityAtSensitivity", "specificity_at_sensitivity",
               "best share of what is not true that is not predicted, at thresholds where the share of what is true that is predicted reaches a number", sensitivity, fire_recall, fire_specificity);
