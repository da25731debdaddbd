/* onnx_lift.h - one function for each ONNX operator whose meaning changed between opsets, or that is made of others. */
#ifndef FIRE_ONNX_LIFT_H
#define FIRE_ONNX_LIFT_H
#include "formats/onnx_import.h"
#include <math.h>
#include <string.h>

/* fire_lift_number - the one number that v is in this run; false: it is not one, and the graph has failed. */
bool fire_lift_number(fire_import *b, fire_value v, const char *what, double *to);
/* fire_lift_room - room in the graph for numbers that a lift computes, within the budget; data NULL: failed. fire_lift_made - them as a constant. */
fire_tensor fire_lift_room(fire_import *b, fire_type type, fire_shape s);
fire_value fire_lift_made(fire_import *b, const fire_tensor *t);
/* fire_lift_body - lift the graph of an attribute once: in[n_in] are its inputs, out[n_out] gets its outputs; false: failed. */
bool fire_lift_body(fire_import *b, fire_lift *n, const char *name, int n_in, const fire_value *in, int n_out, fire_value *out);
/* Numbers of quantized x, scale and zero point (may be 0) being one each, or one for each index of an axis; and the way back, to the type of the zero point, or to another. */
fire_value fire_import_dequantize(fire_import *b, fire_value x, fire_value scale, fire_value zero, int64_t axis);
fire_value fire_import_quantize(fire_import *b, fire_value x, fire_value scale, fire_value zero, fire_type to);
/* Classifiers of ai.onnx.ml: how many classes a node names, the labels at places [rows] of them, and scores [rows, classes] after its post_transform. */
int64_t fire_lift_class_count(fire_import *b, const fire_lift *n);
fire_value fire_lift_class_labels(fire_import *b, const fire_lift *n, fire_value at);
fire_value fire_lift_post_transform(fire_import *b, const fire_lift *n, fire_value y);

#define LIFT(name, function) fire_lift_function function;
#include "formats/onnx_lift.def"
#undef LIFT
#endif
