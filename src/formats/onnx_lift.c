/* onnx_lift.c - the list of lifts. */
#include "formats/onnx_lift.h"

const fire_lift_entry fire_lifts[] = {
#define LIFT(name, function) {name, function, NULL},
#include "formats/onnx_lift.def"
#undef LIFT
    {NULL, NULL, NULL}};
