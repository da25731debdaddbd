/* kernel_bias.h - what layers of one kernel w and one bias b share: the attributes, in Keras' order, that say how the two begin and what holds them. */
#ifndef FIRE_KERNEL_BIAS_H
#define FIRE_KERNEL_BIAS_H
#include "layer.h"

typedef struct fire_kernel_bias {
    fire_attr_text kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, kernel_constraint, bias_constraint;
} fire_kernel_bias;

/* FIRE_KERNEL_BIAS - the rows of a table of attributes; at: where the struct lies in the layer's. */
#define FIRE_KERNEL_BIAS_TEXT(at, field, first, what) {#field, FIRE_ATTR_TEXT, (at) + offsetof(fire_kernel_bias, field), .text = first, .help = what}
#define FIRE_KERNEL_BIAS(at)                                                                                                                  \
    FIRE_KERNEL_BIAS_TEXT(at, kernel_initializer, "glorot_uniform", "first values of w"),                                                     \
    FIRE_KERNEL_BIAS_TEXT(at, bias_initializer, "zeros", "first values of b"),                                                                \
    FIRE_KERNEL_BIAS_TEXT(at, kernel_regularizer, "", "penalty on w"), FIRE_KERNEL_BIAS_TEXT(at, bias_regularizer, "", "penalty on b"),       \
    FIRE_KERNEL_BIAS_TEXT(at, kernel_constraint, "", "what w is brought back to after an update"),                                            \
    FIRE_KERNEL_BIAS_TEXT(at, bias_constraint, "", "what b is brought back to after an update")

static inline fire_how fire_kernel_how(const fire_kernel_bias *t) { return (fire_how){.init = t->kernel_initializer, .regularizer = t->kernel_regularizer, .constraint = t->kernel_constraint}; }
static inline fire_how fire_bias_how(const fire_kernel_bias *t) { return (fire_how){.init = t->bias_initializer, .regularizer = t->bias_regularizer, .constraint = t->bias_constraint}; }
static inline fire_status fire_kernel_bias_check(const fire_kernel_bias *t, fire_error *err) {
    fire_status s = fire_init_check(t->kernel_initializer, err);
    return s ? s : fire_init_check(t->bias_initializer, err);
}
#endif
