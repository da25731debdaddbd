/* recurrent.h - what the recurrences have in common: SimpleRNNSequence, LSTMSequence, GRUSequence (src/ops/) and their kernels.
**
** Tensors are time major, so that a step is one block of memory: xw [t, n, g u] is the projected input x w of g gates (LSTM 4: i f c o; GRU
** 3: z r h; SimpleRNN 1), r [u, g u] the recurrent weights, y [t, n, u] the state after each step, always at the place of its own
** time, also when steps are taken last to first. A step that its row's mask [n, t] excludes leaves the state as it was. `drop` [n, g u]
** are factors, one for each gate and unit of the last state, that last for the whole sequence; they get no gradient.
*/
#ifndef FIRE_RECURRENT_H
#define FIRE_RECURRENT_H
#include "op.h"
#include <math.h>

/* Inputs of a sequence operator, and of its gradient. */
enum { FIRE_SEQ_XW, FIRE_SEQ_R, FIRE_SEQ_B, FIRE_SEQ_H0, FIRE_SEQ_MASK, FIRE_SEQ_DROP, FIRE_SEQ_C0, FIRE_SEQ_IN };
/* The gradient's (0 in a first state or carry that is not there): gates as the forward pass kept them (y of a SimpleRNN), y, r, more that was kept (c of LSTM, q of GRU) ... */
enum { FIRE_BACK_GATES, FIRE_BACK_Y, FIRE_BACK_R, FIRE_BACK_KEPT, FIRE_BACK_H0, FIRE_BACK_MASK, FIRE_BACK_DROP, FIRE_BACK_C0, FIRE_BACK_DY, FIRE_BACK_DH, FIRE_BACK_DC, FIRE_BACK_IN };

/* Activations whose slope follows from their value, so that only the value is kept; others need an unrolled network. */
#define FIRE_CURVES "elu|exponential|hard_sigmoid|hard_sigmoid_keras2|leaky_relu|linear|relu|relu6|selu|sigmoid|softplus|softsign|tanh"
typedef enum fire_curve {
    FIRE_ELU, FIRE_EXPONENTIAL, FIRE_HARD_SIGMOID, FIRE_HARD_SIGMOID_KERAS2, FIRE_LEAKY_RELU, FIRE_LINEAR, FIRE_RELU, FIRE_RELU6, FIRE_SELU, FIRE_SIGMOID, FIRE_SOFTPLUS, FIRE_SOFTSIGN, FIRE_TANH
} fire_curve;
#define FIRE_SELU_SCALE 1.0507009873554805
#define FIRE_SELU_ALPHA 1.6732632423543772
/* fire_curve_named - FIRE_LINEAR when the name is none of FIRE_CURVES: attribute tables keep others out. */
fire_curve fire_curve_named(const char *name);
double fire_curve_at(fire_curve k, double x);
double fire_curve_slope(fire_curve k, double y); /* at the place where the value is y */

/* Attributes of all of them; an operator's table names those that it has. */
typedef struct fire_recurrent_attrs {
    fire_attr_text activation, recurrent_activation;
    bool reverse, reset_after;
    int64_t truncate;
} fire_recurrent_attrs;
#define FIRE_RECURRENT_AT(field) offsetof(fire_recurrent_attrs, field)
#define FIRE_RECURRENT_ROWS                                                                                                                         \
    {"activation", FIRE_ATTR_TEXT, FIRE_RECURRENT_AT(activation), .text = "tanh", .choices = FIRE_CURVES, .help = "of the new state"},              \
    {"reverse", FIRE_ATTR_BOOL, FIRE_RECURRENT_AT(reverse), 0, 0, 1, .help = "steps are taken last to first"},                                      \
    {"truncate", FIRE_ATTR_INT, FIRE_RECURRENT_AT(truncate), 0, 0, 1 << 30, .help = "gradients do not flow past the beginning of each so many steps; 0: all the way"}
#define FIRE_GATE_ROW \
    {"recurrent_activation", FIRE_ATTR_TEXT, FIRE_RECURRENT_AT(recurrent_activation), .text = "sigmoid", .choices = FIRE_CURVES, .help = "of the gates"}

typedef struct fire_recurrent {
    int64_t t, n, u;
    int gates;
    bool reverse;
    int64_t truncate;
    fire_curve act, gate;
} fire_recurrent;

/* fire_recurrent_fit - sizes from the inputs of a sequence operator, or why they do not fit. biases: rows of b, 1 or 2. */
fire_status fire_recurrent_fit(const void *attrs, int gates, int biases, int n_in, const fire_tensor *in, fire_recurrent *s, fire_error *err);
/* fire_recurrent_back_fit - the same for a gradient. */
fire_status fire_recurrent_back_fit(const void *attrs, int gates, int n_in, const fire_tensor *in, fire_recurrent *s, fire_error *err);
fire_recurrent fire_recurrent_sizes(const void *attrs, int gates, const fire_tensor *y); /* of a call whose shapes fit */
/* fire_recurrent_shapes - shapes of outputs: [t, n, wide u] and [n, u]. */
fire_tensor fire_recurrent_steps(const fire_recurrent *s, fire_type type, int wide);
fire_tensor fire_recurrent_state(const fire_recurrent *s, fire_type type);

/* The place of step s in time, that of the step before it (-1: there is none), and whether gradients stop at its beginning. */
static inline int64_t fire_time_of(const fire_recurrent *s, int64_t step) { return s->reverse ? s->t - 1 - step : step; }
static inline int64_t fire_time_before(const fire_recurrent *s, int64_t step) { return step ? fire_time_of(s, step - 1) : -1; }
static inline bool fire_cut_before(const fire_recurrent *s, int64_t step) { return s->truncate && step && step % s->truncate == 0; }
static inline bool fire_counts(const fire_tensor *mask, const fire_recurrent *s, int64_t row, int64_t time) {
    return !mask->type || ((const uint8_t *)mask->data)[row * s->t + time];
}

/* For reference kernels. fire_drop_factor - the factor of unit k for gate g. fire_sum_recurrent - sum over k of h[k] drop r[k, column]. */
static inline double fire_drop_factor(const fire_tensor *drop, const fire_recurrent *s, int64_t row, int gate, int64_t k) {
    return drop->type ? fire_get(drop, (row * s->gates + gate) * s->u + k) : 1;
}
double fire_sum_recurrent(const fire_call *call, const fire_recurrent *s, const double *h, int64_t row, int gate, int64_t j);
/* The state before a step, in whole: h0 or zeros, or y at time `before`. */
double fire_state_at(const fire_tensor *y, const fire_tensor *first, const fire_recurrent *s, int64_t before, int64_t row, int64_t j);

/* fire_recurrent_grad - the nodes of a gradient: `op` over what n kept. kept, c_last: outputs of n (-1: none). dx gets all inputs' gradients. */
void fire_recurrent_grad(fire_graph *g, const fire_node *n, const char *op, int gates_out, int y_out, int kept_out, int h_out, int c_out, const fire_value *dy, fire_value *dx);
int64_t fire_recurrent_flops(const fire_recurrent *s, int times);
#endif
