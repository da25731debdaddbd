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

#define LIFT(name, function) fire_lift_function function;
#include "formats/onnx_lift.def"
#undef LIFT
#endif
