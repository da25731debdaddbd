/* scale_shift.h - what layers share that multiply by gamma and add beta behind a normalization: attributes, in Keras' order, and the two weights. */
#ifndef FIRE_SCALE_SHIFT_H
#define FIRE_SCALE_SHIFT_H
#include "layer.h"

typedef struct fire_scale_shift {
    double epsilon;
    bool center, scale;
    fire_attr_text beta_initializer, gamma_initializer, beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint;
} fire_scale_shift;

/* FIRE_SCALE_SHIFT - the rows of a table of attributes; at: where the struct lies in the layer's. */
#define FIRE_SCALE_SHIFT_TEXT(at, field, first, what) {#field, FIRE_ATTR_TEXT, (at) + offsetof(fire_scale_shift, field), .text = first, .help = what}
#define FIRE_SCALE_SHIFT(at)                                                                                                                  \
    {"epsilon", FIRE_ATTR_FLOAT, (at) + offsetof(fire_scale_shift, epsilon), 0.001, 0, 1e9, .help = "added to the variance"},                 \
    {"center", FIRE_ATTR_BOOL, (at) + offsetof(fire_scale_shift, center), 1, 0, 1, .help = "add beta"},                                       \
    {"scale", FIRE_ATTR_BOOL, (at) + offsetof(fire_scale_shift, scale), 1, 0, 1, .help = "multiply by gamma"},                                \
    FIRE_SCALE_SHIFT_TEXT(at, beta_initializer, "zeros", "first values of beta"),                                                             \
    FIRE_SCALE_SHIFT_TEXT(at, gamma_initializer, "ones", "first values of gamma"),                                                            \
    FIRE_SCALE_SHIFT_TEXT(at, beta_regularizer, "", "penalty on beta"), FIRE_SCALE_SHIFT_TEXT(at, gamma_regularizer, "", "penalty on gamma"), \
    FIRE_SCALE_SHIFT_TEXT(at, beta_constraint, "", "what beta is held to"), FIRE_SCALE_SHIFT_TEXT(at, gamma_constraint, "", "what gamma is held to")

static inline fire_status fire_scale_shift_check(const fire_scale_shift *t, fire_error *err) {
    fire_status s = fire_init_check(t->beta_initializer, err);
    return s ? s : fire_init_check(t->gamma_initializer, err);
}
/* Weights of the shape `width`, or 0 where the layer has none. gamma comes first. */
static inline fire_value fire_scale_shift_gamma(fire_build *b, const fire_scale_shift *t, fire_shape width) {
    return t->scale ? fire_weight(b, "gamma", width, (fire_how){.init = t->gamma_initializer, .regularizer = t->gamma_regularizer, .constraint = t->gamma_constraint}, true) : 0;
}
static inline fire_value fire_scale_shift_beta(fire_build *b, const fire_scale_shift *t, fire_shape width) {
    return t->center ? fire_weight(b, "beta", width, (fire_how){.init = t->beta_initializer, .regularizer = t->beta_regularizer, .constraint = t->beta_constraint}, true) : 0;
}
#endif
