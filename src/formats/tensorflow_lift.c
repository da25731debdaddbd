/* tensorflow_lift.c - the list of lifts of TensorFlow operators. */
#include "formats/tensorflow_lift.h"

const fire_lift_entry fire_tensorflow_lifts[] = {
#define TF_LIFT(name, function) {name, function, NULL},
#define TF_SAME(name, op) {name, NULL, op},
#include "formats/tensorflow_lift.def"
#undef TF_LIFT
#undef TF_SAME
    {NULL, NULL, NULL}};
