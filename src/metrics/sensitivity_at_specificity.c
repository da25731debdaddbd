/* sensitivity_at_specificity - best share of what is true that is predicted, at thresholds where the share of what is not true that is not predicted reaches a number. */
#include "metric.h"

FIRE_AT_METRIC(fire_metric_sensitivity_at_specificity, "SensitivityAtSpecificity", "sensitivity_at_specificity",
               "best share of what is true that is predicted, at thresholds where the share of what is not true that is not predicted reaches a number", specificity, fire_specificity, fire_recall);
