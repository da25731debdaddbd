/* lbfgs.h - limited-memory BFGS over the flat buffer of weights. Pairs of steps and changes of the gradient are the optimizer's slots. */
#ifndef FIRE_LBFGS_H
#define FIRE_LBFGS_H
#include "attrs.h"

typedef struct fire_lbfgs_attrs { double learning_rate, tol, gradient_tol; int64_t history_size, max_evaluations; } fire_lbfgs_attrs;

typedef struct fire_lbfgs {
    struct fire_network *net;
    void *user;
    /* The loss of net->params as they are, and its gradient into g (flat, like net->params). */
    fire_status (*objective)(void *user, void *g, double *loss, fire_error *err);
    void *g, *g0, *w0, *d; /* [n_params]: gradient now and before, weights before, direction */
    double loss;
    bool known;            /* loss and g are those of the weights */
} fire_lbfgs;

fire_status fire_lbfgs_new(fire_lbfgs *l, struct fire_network *net, void *user, fire_status (*objective)(void *, void *, double *, fire_error *), fire_error *err);
void fire_lbfgs_free(fire_lbfgs *l);
/* fire_lbfgs_step - one iteration: weights, loss and g are those behind it, and the objective was evaluated there last. *done: it brought
** less than tol, or the gradient is as small as gradient_tol says. A loss that is not finite at the start leaves l->loss so and changes nothing. */
fire_status fire_lbfgs_step(fire_lbfgs *l, bool *done, fire_error *err);
#endif
