/* function.h - small programs over operators as text: what custom layers and losses are saved as.
**
** Statements are separated by ';'. "Mul 0,2" applies an operator of ONNX to values; attributes follow as everywhere: "Softmax 3 axis=1". Values are
** numbered: the inputs from 0, then each statement's first output in turn, or its first k outputs: "TopK:2 0,i[1]{3}". In place of a number may stand
** a constant: f{0.5} is a number of the network's type, i[2]{0,-1} whole numbers (i64), t9[1,2]{0,1} numbers of an ONNX type in a shape; or _, an input left out. "Float 3" is value 3 in the network's type. "out 3,5" as the last statement names the outputs; without it the last value is the only one.
** Nothing loops: a program of n bytes costs no more than n nodes.
*/
#ifndef FIRE_FUNCTION_H
#define FIRE_FUNCTION_H
#include "graph.h"
#include "wire.h"

#define FIRE_FUNCTION_TEXT 8191 /* bytes at most */
#define FIRE_FUNCTION_STATEMENT 4096 /* of which one statement */
#define FIRE_FUNCTION_NUMBERS 64 /* in a constant at most */

/* fire_function_check - whether the text is a program whose operators exist. */
fire_status fire_function_check(const char *text, fire_error *err);

/* fire_function_build - add it to a graph; in[n_in] are its inputs. out[capacity] gets its outputs; returns how many, 0 when it failed (the graph
** then has the error). */
int fire_function_build(fire_graph *g, const char *text, fire_type type, int n_in, const fire_value *in, int capacity, fire_value *out);

/* fire_function_constant - append t as such a constant; false: it is too large, or of a type that cannot be written. */
bool fire_function_constant(const fire_tensor *t, fire_buffer *to);
#endif
