/* tensorflow_lift.h - one function for each TensorFlow operator, or family of them. */
#ifndef FIRE_TENSORFLOW_LIFT_H
#define FIRE_TENSORFLOW_LIFT_H
#include "formats/tensorflow.h"
#include <math.h>
#include <string.h>

#define TF_LIFT(name, function) fire_lift_function function;
#define TF_SAME(name, op)
#include "formats/tensorflow_lift.def"
#undef TF_LIFT
#undef TF_SAME
#endif
