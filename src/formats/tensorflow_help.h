/* tensorflow_help.h - what lifts of TensorFlow operators share. */
#ifndef FIRE_TENSORFLOW_HELP_H
#define FIRE_TENSORFLOW_HELP_H
#include "formats/tensorflow_lift.h"

/* fire_tf_has - whether the node has at least `count` inputs, all with values; fails if not. */
bool fire_tf_has(fire_import *b, const fire_lift *n, int64_t count);
/* fire_tf_numbers - v's numbers, known: a copy of the tensor, whose data stays as long as the graph. */
bool fire_tf_numbers(fire_import *b, fire_value v, fire_tensor *t);
/* fire_tf_whole - one whole number; fire_tf_list - up to `most` of them. */
bool fire_tf_whole(fire_import *b, fire_value v, int64_t *to);
bool fire_tf_list(fire_import *b, fire_value v, int64_t most, int64_t *to, int64_t *count);
/* fire_tf_sizes - the same of sizes, -1 where one is the free batch. */
bool fire_tf_sizes(fire_import *b, fire_value v, int64_t most, int64_t *to, int64_t *count);
bool fire_tf_axis(fire_import *b, fire_value v, int rank, int *axis);
/* fire_tf_fail - "is not supported" with a reason. */
#define fire_tf_fail(b, ...) fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, __VA_ARGS__)
/* fire_tf_new - room for numbers that the lift computes itself, zeros, taken from the budgets; false: failed. fire_tf_keep - as a constant.
** fire_tf_spend - take `work` operations from the budget. */
bool fire_tf_new(fire_import *b, fire_type type, fire_shape shape, fire_tensor *t);
static inline fire_value fire_tf_keep(fire_import *b, const fire_tensor *t) { return b->g->first.status ? 0 : fire_graph_borrow(b->g, t->type, t->shape, t->data); }
bool fire_tf_spend(fire_import *b, int64_t work);
/* fire_tf_index - whole numbers as a constant of type i32 or i64. */
fire_value fire_tf_index(fire_import *b, fire_type type, fire_shape shape, const int64_t *v);

/* fire_tf_ends - whether a name ends so. fire_tf_is_statistic - whether a name is that of a moving mean or variance. */
bool fire_tf_is_statistic(fire_span name);
bool fire_tf_ends(fire_span name, const char *end);
static inline fire_shape fire_tf_shape(fire_import *b, fire_value v) { return b->g->first.status || !v ? (fire_shape){0} : fire_shape_of(b->g, v); }
static inline fire_type fire_tf_type(fire_import *b, fire_value v) { return b->g->first.status || !v ? FIRE_F32 : fire_type_of(b->g, v); }
static inline bool fire_tf_float(fire_type t) { return t == FIRE_F32 || t == FIRE_F64 || t == FIRE_F16 || t == FIRE_BF16; }
/* fire_tf_overlap - of boxes i and j of [k, 4]: the area of both over the area of either. */
double fire_tf_overlap(const fire_tensor *box, int64_t i, int64_t j);
fire_value fire_tf_expand(fire_import *b, fire_value x, fire_shape to);
fire_value fire_tf_fill(fire_import *b, fire_type type, fire_shape shape, double v);
fire_value fire_tf_times(fire_import *b, fire_value x, double v);
fire_value fire_tf_plus(fire_import *b, fire_value x, double v);
fire_value fire_tf_where(fire_import *b, fire_value c, fire_value x, fire_value y);
fire_value fire_tf_gather(fire_import *b, fire_value x, fire_value index, int axis);
fire_value fire_tf_concat(fire_import *b, int64_t n, const fire_value *x, int axis);
fire_value fire_tf_matmul_of(fire_import *b, fire_value x, fire_value y); /* of any type of number */
fire_value fire_tf_turned(fire_import *b, fire_value x); /* its last two dimensions exchanged */
#endif
