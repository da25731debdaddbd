/* merge.h - what layers of several inputs share. */
#ifndef FIRE_MERGE_H
#define FIRE_MERGE_H
#include "compose.h"

/* fire_merge_align - inputs of fewer dimensions get some of 1 behind the batch, so that all broadcast together. out[n_in]; false: the graph failed. */
bool fire_merge_align(fire_build *b, const char *layer, int n_in, const fire_value *in, fire_value *out);

/* fire_merge - a chain of one operator of two inputs over all inputs, with Keras' mask: a step counts where it counts in any input, when all have masks. */
fire_value fire_merge(fire_build *b, const char *layer, const char *op, int n_in, const fire_value *in);
/* fire_merge_masks - that mask, or 0. */
fire_value fire_merge_masks(fire_build *b, int n_in);
#endif
