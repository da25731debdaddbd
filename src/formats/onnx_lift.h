/* onnx_lift.h - one function for each ONNX operator whose meaning changed between opsets, or that is made of others. */
#ifndef FIRE_ONNX_LIFT_H
#define FIRE_ONNX_LIFT_H
#include "formats/onnx_import.h"
#include <math.h>
#include <string.h>

#define LIFT(name, function) fire_lift_function function;
#include "formats/onnx_lift.def"
#undef LIFT
#endif
