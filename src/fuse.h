/* fuse.h - the first half of planning: a graph cut down to what outputs need, rewritten, for one batch size. */
#ifndef FIRE_FUSE_H
#define FIRE_FUSE_H
#include "op.h"

/* fire_fuse - copy into *to (made here; fire_graph_clear frees it, also after a failure) the nodes that `outputs` need, fused by the
** operators' own fuse, folded where all inputs are constants, in an order in which they can run. Values keep their numbers. Attributes
** and constants that were there before are borrowed from g. *shapes gets, for each value of *to that g's outputs depend on, the type
** and concrete shape, data of constants set; the caller frees it with fire_free, also after a failure. */
fire_status fire_fuse(const fire_graph *g, int64_t batch, int n_outputs, const fire_value *outputs, fire_graph *to, fire_tensor **shapes, fire_error *err);

/* fire_reads - whether node n reads the numbers of its input i: one was given, and more than its shape matters. */
static inline bool fire_reads(const fire_node *n, int i) { return n->in[i] && !(n->op->shape_only >> i & 1); }
#endif
