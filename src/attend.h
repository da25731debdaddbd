/* attend.h - what the attention layers share: masks over pairs of steps, and weights by softmax. */
#ifndef FIRE_ATTEND_H
#define FIRE_ATTEND_H
#include "compose.h"
#include "kernel_bias.h"

/* fire_causal - bool [t, s]: true where step j of s is no later than step i of t. */
fire_value fire_causal(fire_graph *g, int64_t t, int64_t s);
/* fire_and - both; either may be 0, which holds everywhere. */
fire_value fire_and(fire_graph *g, fire_value a, fire_value b);

/* fire_pairs - bool that broadcasts to [n, t, s], or 0: which of s steps each of t may look at. query [n, t], value and key [n, s] are masks,
** pairs [n, t, s] is a mask of pairs; each may be 0. */
fire_value fire_pairs(fire_graph *g, fire_value query, fire_value value, fire_value key, fire_value pairs, bool causal, int64_t t, int64_t s);

/* How the kernels and biases of a layer's projections begin and what holds them. */
typedef struct fire_projection {
    bool use_bias;
    fire_kernel_bias held;
} fire_projection;

/* fire_project - x times a kernel of its own, by the equation, plus a bias: weights name/kernel and name/bias. */
fire_value fire_project(fire_build *b, const char *name, const fire_projection *p, const char *equation, fire_value x, fire_shape kernel, fire_shape bias);

/* fire_attention_weights - softmax of the scores [n, ..., t, s] over s; `mask` broadcasts to them, 0: none. Pairs that it leaves out weigh nothing; a step
** that may look nowhere looks everywhere alike, or nowhere where `zero`. */
fire_value fire_attention_weights(fire_graph *g, fire_value scores, fire_value mask, bool zero);
#endif
