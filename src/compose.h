/* compose.h - for build functions of layers: operators whose arguments are shapes and axes, called with plain numbers. Dimensions may be -1, the
** batch, at one place. All give 0 after a failure of the graph.
*/
#ifndef FIRE_COMPOSE_H
#define FIRE_COMPOSE_H
#include "layer.h"

/* fire_reshape - x in another shape, x itself when it has that; fire_permute - dimension d of the result is dimension perm[d] of x. */
fire_value fire_reshape(fire_graph *g, fire_value x, fire_shape to);
fire_value fire_permute(fire_graph *g, fire_value x, const int *perm);

/* fire_over - a Reduce operator ("ReduceSum") over the axes of a set of bits; the dimensions stay as 1 or go. */
fire_value fire_over(fire_graph *g, const char *op, fire_value x, uint32_t axes, bool keep);

/* fire_number - a constant of x's type; fire_plus ... - x + v and its kin. */
fire_value fire_number(fire_graph *g, fire_value x, double v);
fire_value fire_plus(fire_graph *g, fire_value x, double v);
fire_value fire_times(fire_graph *g, fire_value x, double v);

/* fire_two - an operator of two inputs; fire_one - of one. */
fire_value fire_two(fire_graph *g, const char *op, fire_value a, fire_value b);
fire_value fire_one(fire_graph *g, const char *op, fire_value a);

/* fire_unsqueeze - a dimension of 1 at each of a set of places in the result. */
fire_value fire_unsqueeze(fire_graph *g, fire_value x, uint32_t axes);

/* fire_cast - numbers of another type; x itself when it is of that type. */
fire_value fire_cast(fire_graph *g, fire_value x, fire_type type);

/* fire_einsum - products of a and b summed over the labels that are not in the result: "abc,cd->abd". A label is any character but ',' '-' '>' and
** stands once in each operand. It becomes one MatMul with the Transposes and Reshapes around it. */
fire_value fire_einsum(fire_graph *g, const char *equation, fire_value a, fire_value b);

/* fire_drop - dropout of x with the rate of a layer, drawn for each row; x itself unless training. */
fire_value fire_drop(fire_build *b, fire_value x, double rate);

/* fire_layer_axis - an axis as Keras counts them, the batch being 0, from 0; never the batch. Fails the graph and gives -1. */
int fire_layer_axis(fire_graph *g, const char *layer, int64_t axis, fire_shape x);

/* fire_axes_last - perm brings the axes of a list to the end, in the order in which they are listed, back undoes it; *width: their sizes. */
bool fire_axes_last(fire_graph *g, const char *layer, const fire_ints *axes, fire_shape x, int *perm, int *back, fire_shape *width);

/* fire_place_shape - the shape of a weight with a number for each place of a row of x, or for all places alike along the shared axes, of which 1 is the
** first after the batch. False: the graph has failed. */
bool fire_place_shape(fire_graph *g, const char *layer, fire_value x, const fire_ints *shared_axes, fire_shape *shape);

/* fire_filled - v in every place of a shape without batch: a few bytes in a saved model, a constant in a plan. */
fire_value fire_filled(fire_graph *g, fire_type type, fire_shape shape, double v);
#endif
