/* reduce.h - what the Reduce operators share. Axes are a constant input, as ONNX has them since opset 13 (18 for Max and Mean). */
#ifndef FIRE_REDUCE_H
#define FIRE_REDUCE_H
#include "op.h"

typedef struct fire_reduce_attrs { int64_t keep, noop; } fire_reduce_attrs;
extern const fire_attr fire_reduce_table[];

/* fire_reduce_mask - the axes that are summed over, as a set of bits. */
fire_status fire_reduce_mask(const fire_reduce_attrs *a, int n_in, const fire_tensor *in, uint32_t *mask, fire_error *err);
fire_status fire_reduce_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err);

/* fire_reduce_scratch, fire_reduce_run - fold every input element into double accumulators that start at `start`; `count` gets how many
** elements each holds. */
size_t fire_reduce_scratch(const fire_call *call);
int64_t fire_reduce_run(const fire_call *call, double start, double (*fold)(double sum, double x));

/* fire_reduce_whole - the same for int64, exactly, into the output; false, and nothing done, for other types. */
bool fire_reduce_whole(const fire_call *call, int64_t start, int64_t (*fold)(int64_t sum, int64_t x));

/* fire_reduce_kept - v, an output of node n or a gradient of it, with the reduced dimensions as 1, so that it broadcasts against n's input. */
fire_value fire_reduce_kept(fire_graph *g, const fire_node *n, fire_value v);

/* fire_reduce_extreme_infer, fire_reduce_extreme_grad - of the largest and the smallest: axes must not be empty; the gradient goes to the element that
** was chosen, and several that are equal share it evenly. */
fire_status fire_reduce_extreme_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err);
void fire_reduce_extreme_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx);
int64_t fire_reduce_flops(const fire_call *call);
#endif
