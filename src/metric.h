/* metric.h - what a metric file sees: one per file in src/metrics/, one line in metrics.def. The state is an array of sums, so
** shards and workers add theirs and the result is exact. Names and meanings are Keras 3's. */
#ifndef FIRE_METRIC_H
#define FIRE_METRIC_H
#include "op.h"

/* Weights of rows: `row` [n, ...] those of the data, `mask` [n] or [n, steps], what counts at all; data NULL: everything counts alike. */
typedef struct fire_weights { fire_tensor row, mask; } fire_weights;

typedef struct fire_metric {
    const char *name;        /* Keras' class: "SparseCategoricalAccuracy" */
    const char *alias;       /* history and compile names, separated by '|': "mean_squared_error|mse" */
    const char *help;
    const char *history;     /* name in the history where it is not the class in lower case with '_'; or NULL */
    const fire_attr *attrs;
    size_t attr_size;
    bool class_index;        /* y_true holds class numbers: the shape of y_pred without its last dimension; else shapes are equal */
    bool (*takes_classes)(const void *attrs); /* the same where attributes decide; NULL: class_index does */
    /* What the attribute table cannot say, and whether it can judge predictions of this shape (without batch; NULL: not known yet); NULL: nothing. */
    fire_status (*check)(const void *attrs, const fire_shape *pred, fire_error *err);
    /* Number of sums for predictions of this shape (without batch). */
    int64_t (*sums)(const void *attrs, const fire_shape *pred);
    /* Add rows: y_true as the loss takes it, y_pred [n, ...]. */
    void (*add)(const void *attrs, const fire_tensor *y_true, const fire_tensor *y_pred, const fire_weights *w, double *sums);
    /* Number of results (name_0, name_1 ... in the history where there are several); NULL: 1. */
    int64_t (*results)(const void *attrs, const fire_shape *pred);
    void (*result)(const void *attrs, const fire_shape *pred, const double *sums, double *out);
} fire_metric;
extern const fire_metric *const fire_metrics[];
/* fire_metric_find - by name or alias. "accuracy" (and "acc") becomes the binary, categorical or sparse one that fits the shapes of
** predictions and targets (without batch), as in Keras; NULL without shapes. */
const fire_metric *fire_metric_find(const char *name, const fire_shape *pred, const fire_shape *target, bool class_index);
static inline bool fire_metric_takes_classes(const fire_metric *m, const void *attrs) { return m->takes_classes ? m->takes_classes(attrs) : m->class_index; }
static inline int64_t fire_metric_results(const fire_metric *m, const void *attrs, const fire_shape *pred) { return m->results ? m->results(attrs, pred) : 1; }

/* Predictions [n, ..., width] as rows of `width`, and the weight of such a row: that of its n, 0 where its step is masked. */
int64_t fire_metric_rows(const fire_tensor *y_pred, int64_t *width);
double fire_metric_weight(const fire_weights *w, const fire_tensor *y_pred, int64_t rows, int64_t row);

/* Shared by metrics that are the weighted mean of a value of each row: sums[0] holds weighted values, sums[1] weights. A row is what lies along an
** axis (counted with the batch); class numbers have no such axis. */
typedef struct fire_row {
    const fire_tensor *y_true, *y_pred;
    int64_t at, step, width; /* number k is at + k * step */
    int64_t index;           /* of the row: where its class number stands */
} fire_row;
static inline double fire_true(const fire_row *r, int64_t k) { return fire_get(r->y_true, r->at + k * r->step); }
static inline double fire_pred(const fire_row *r, int64_t k) { return fire_get(r->y_pred, r->at + k * r->step); }
void fire_metric_mean(const void *attrs, int64_t axis, double (*value)(const void *attrs, const fire_row *r), const fire_tensor *y_true, const fire_tensor *y_pred,
                      const fire_weights *w, double *sums);
int64_t fire_metric_two_sums(const void *attrs, const fire_shape *pred);
void fire_metric_ratio(const void *attrs, const fire_shape *pred, const double *sums, double *out);
/* A metric file of that kind, along the last axis: value(attrs, row) is defined, and attrs of `table`, or none. */
#define FIRE_MEAN_METRIC(value)                                                                                                                    \
    static void mean_add(const void *attrs_, const fire_tensor *y_true, const fire_tensor *y_pred, const fire_weights *w, double *sums) {          \
        fire_metric_mean(attrs_, -1, value, y_true, y_pred, w, sums);                                                                              \
    }
/* fire_metric_axis - whether predictions of this shape have the axis; for check. */
fire_status fire_metric_axis(int64_t axis, const fire_shape *pred, fire_error *err);

/* fire_ratio - a / b, 0 where b is. */
static inline double fire_ratio(double a, double b) { return b != 0 ? a / b : 0; }

/* fire_argmax - index of the largest of `width` numbers from t[first]; the first of equals. */
static inline int64_t fire_argmax(const fire_tensor *t, int64_t first, int64_t width) {
    int64_t best = 0;
    for (int64_t i = 1; i < width; i++)
        if (fire_get(t, first + i) > fire_get(t, first + best)) best = i;
    return best;
}

/* Of one row, for metrics that are means. fire_row_square - the mean of (y_true - y_pred)^2; fire_row_log_sum - log of the sum of e^y_pred. */
double fire_row_square(const fire_row *r);
double fire_row_log_sum(const fire_row *r);
/* fire_row_in_top - 1 where the prediction of class c is among the k largest, ties included, else 0. */
typedef struct fire_top_attrs { int64_t k; } fire_top_attrs;
extern const fire_attr fire_top_table[];
double fire_row_in_top(const fire_row *r, int64_t c, int64_t k);

/* Shared by metrics that count right and wrong predictions above thresholds (metric_counts.c). Sums are 4 for each threshold. */
typedef enum fire_count_of { FIRE_TP, FIRE_FP, FIRE_TN, FIRE_FN } fire_count_of;
typedef struct fire_counts_attrs { fire_floats thresholds; int64_t top_k, class_id; } fire_counts_attrs; /* top_k, class_id -1: not given */
extern const fire_attr fire_thresholds_table[], fire_precision_table[]; /* thresholds alone; and top_k, class_id */
fire_status fire_counts_check(const void *attrs, const fire_shape *pred, fire_error *err);
int64_t fire_counts_thresholds(const void *attrs, const fire_shape *pred); /* how many */
int64_t fire_counts_sums(const void *attrs, const fire_shape *pred);
void fire_counts_add(const void *attrs, const fire_tensor *y_true, const fire_tensor *y_pred, const fire_weights *w, double *sums);

/* Shared by metrics over many thresholds, evenly spread from 0 to 1 (metric_curve.c): rows fall into bins, and the counts of threshold i are those
** of the bins from i on. Sums of a curve: bins of positives, bins of negatives. */
typedef struct fire_curve { int64_t n; const double *threshold; /* NULL: evenly spread */ bool all; /* the first threshold is below 0 */ } fire_curve;
void fire_curve_add(const fire_curve *c, double y_true, double y_pred, bool narrow, double weight, double *sums); /* sums[2 n + 2] */
/* Counts at threshold i. */
typedef struct fire_counts { double tp, fp, tn, fn; } fire_counts;
/* fire_curve_best - the largest `wanted` among thresholds at which `held` is at least `least`; 0 where none is. */
double fire_curve_best(const fire_curve *c, const double *sums, double (*held)(const fire_counts *), double (*wanted)(const fire_counts *), double least);
static inline double fire_precision(const fire_counts *c) { return fire_ratio(c->tp, c->tp + c->fp); }
static inline double fire_recall(const fire_counts *c) { return fire_ratio(c->tp, c->tp + c->fn); }
static inline double fire_specificity(const fire_counts *c) { return fire_ratio(c->tn, c->tn + c->fp); }

/* Shared by metrics "best rate at thresholds where another rate reaches a number" (metric_curve.c). */
typedef struct fire_at_attrs { double least; int64_t num_thresholds, class_id; } fire_at_attrs;
fire_status fire_at_check(const fire_at_attrs *t, const char *least, const fire_shape *pred, fire_error *err); /* `least`: its name */
int64_t fire_at_sums(const void *attrs, const fire_shape *pred);
void fire_at_add(const void *attrs, const fire_tensor *y_true, const fire_tensor *y_pred, const fire_weights *w, double *sums);
/* A metric file of that kind; `class`, `names` and `about` as in fire_metric, and the attribute `least` by its name. */
#define FIRE_AT_METRIC(symbol, class, names, about, least_, held, wanted)                                                                          \
    static const fire_attr attrs[] = {                                                                                                             \
        {#least_, FIRE_ATTR_FLOAT, offsetof(fire_at_attrs, least), -1, 0, 1, NULL, NULL, "what must be reached; must be given"},                    \
        {"num_thresholds", FIRE_ATTR_INT, offsetof(fire_at_attrs, num_thresholds), 200, 2, 1000000, NULL, NULL, "thresholds from 0 to 1, evenly spread"}, \
        {"class_id", FIRE_ATTR_INT, offsetof(fire_at_attrs, class_id), -1, 0, 1 << 24, NULL, NULL, "look at this class alone"},                     \
        {0},                                                                                                                                       \
    };                                                                                                                                             \
    static fire_status at_check(const void *attrs_, const fire_shape *pred, fire_error *err) { return fire_at_check(attrs_, #least_, pred, err); }  \
    static void at_result(const void *attrs_, const fire_shape *pred, const double *sums, double *out) {                                           \
        const fire_at_attrs *t = attrs_;                                                                                                           \
        *out = fire_curve_best(&(fire_curve){.n = t->num_thresholds}, sums, held, wanted, t->least);                                               \
    }                                                                                                                                              \
    const fire_metric symbol = {                                                                                                                   \
        .name = class, .alias = names, .help = about, .attrs = attrs, .attr_size = sizeof(fire_at_attrs), .check = at_check,                        \
        .sums = fire_at_sums, .add = fire_at_add, .result = at_result,                                                                             \
    }

/* Shared by metrics of intersection over union (metric_overlap.c): the sums are a confusion matrix, rows true classes, columns predicted ones. */
typedef struct fire_overlap_attrs {
    fire_ints target_class_ids; /* none: all classes */
    int64_t num_classes, ignore_class, axis;
    bool sparse_y_true, sparse_y_pred; /* numbers of classes, not a number for each class */
} fire_overlap_attrs;
/* Lines of attribute tables. */
#define FIRE_OVERLAP_CLASSES {"num_classes", FIRE_ATTR_INT, offsetof(fire_overlap_attrs, num_classes), 0, 1, 1024, NULL, NULL, "number of classes; must be given"}
#define FIRE_OVERLAP_TARGETS {"target_class_ids", FIRE_ATTR_INTS, offsetof(fire_overlap_attrs, target_class_ids), 0, 0, 1023, "[]", NULL, "classes whose mean is taken; must be given"}
#define FIRE_OVERLAP_IGNORE {"ignore_class", FIRE_ATTR_INT, offsetof(fire_overlap_attrs, ignore_class), -9007199254740992.0, -2147483648.0, 2147483647.0, NULL, NULL, "true class whose rows do not count"}
#define FIRE_OVERLAP_TRUE {"sparse_y_true", FIRE_ATTR_BOOL, offsetof(fire_overlap_attrs, sparse_y_true), 1, 0, 1, NULL, NULL, "targets are class numbers, else one-hot"}
#define FIRE_OVERLAP_PRED(sparse) {"sparse_y_pred", FIRE_ATTR_BOOL, offsetof(fire_overlap_attrs, sparse_y_pred), sparse, 0, 1, NULL, NULL, "predictions are class numbers, else one number for each class"}
#define FIRE_OVERLAP_AXIS {"axis", FIRE_ATTR_INT, offsetof(fire_overlap_attrs, axis), -1, -1, -1, NULL, NULL, "dimension of the classes; the last"}
fire_status fire_overlap_check(const void *attrs, const fire_shape *pred, fire_error *err);         /* of all classes */
fire_status fire_overlap_check_targets(const void *attrs, const fire_shape *pred, fire_error *err); /* of some classes */
bool fire_overlap_takes_classes(const void *attrs);
int64_t fire_overlap_sums(const void *attrs, const fire_shape *pred);
void fire_overlap_add(const void *attrs, const fire_tensor *y_true, const fire_tensor *y_pred, const fire_weights *w, double *sums);
void fire_overlap_result(const void *attrs, const fire_shape *pred, const double *sums, double *out);
/* fire_overlap_mean - of the intersections over unions of these classes (NULL: of all n), classes that do not occur left out. */
double fire_overlap_mean(const double *sums, int64_t n, const fire_ints *classes);

/* Shared by F1Score and FBetaScore (metric_counts.c). */
typedef struct fire_f_attrs { fire_attr_text average; double beta, threshold; } fire_f_attrs;
#define FIRE_F_AVERAGE {"average", FIRE_ATTR_TEXT, offsetof(fire_f_attrs, average), 0, 0, 0, "none", "none|micro|macro|weighted", "none: a result for each class; micro: of all counts; macro: mean of classes; weighted: by their rows"}
#define FIRE_F_THRESHOLD {"threshold", FIRE_ATTR_FLOAT, offsetof(fire_f_attrs, threshold), -1, 0, 1, NULL, NULL, "what is above it is predicted; without it the largest is"}
int64_t fire_f_results(const void *attrs, const fire_shape *pred);
int64_t fire_f_sums(const void *attrs, const fire_shape *pred);
void fire_f_add(const void *attrs, const fire_tensor *y_true, const fire_tensor *y_pred, const fire_weights *w, double *sums);
void fire_f_score(const fire_f_attrs *t, double beta, const fire_shape *pred, const double *sums, double *out);
#endif
