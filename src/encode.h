/* encode.h - whole numbers as what the preprocessing layers give: the numbers, ones at their index, or counts. */
#ifndef FIRE_ENCODE_H
#define FIRE_ENCODE_H
#include "compose.h"

#define FIRE_ENCODE_CHOICES "int|one_hot|multi_hot|count"
/* fire_encode - index [n, ...] (i64) as numbers of `type`. one_hot: a dimension of depth behind the last, or in its place when it is 1; multi_hot and count: depth
** in place of the last. weights (of index's shape, for count; 0: ones). Indices out of range give zeros. */
fire_value fire_encode(fire_graph *g, const char *mode, fire_value index, int64_t depth, fire_type type, fire_value weights);
#endif
