/* recurrent_layer.h - what the layers SimpleRNN, LSTM, GRU and their wrapper Bidirectional share: attributes, in Keras' order, and build. */
#ifndef FIRE_RECURRENT_LAYER_H
#define FIRE_RECURRENT_LAYER_H
#include "layer.h"
#include "recurrent.h"

typedef struct fire_rnn_attrs {
    int64_t units, tbptt_length;
    fire_attr_text activation, recurrent_activation;
    fire_attr_text kernel_initializer, recurrent_initializer, bias_initializer;
    fire_attr_text kernel_regularizer, recurrent_regularizer, bias_regularizer;
    fire_attr_text kernel_constraint, recurrent_constraint, bias_constraint;
    double dropout, recurrent_dropout;
    bool use_bias, unit_forget_bias, reset_after, return_sequences, return_state, go_backwards, stateful, unroll, zero_output_for_mask;
} fire_rnn_attrs;

#define FIRE_RNN_AT(field) offsetof(fire_rnn_attrs, field)
#define FIRE_RNN_TEXT(field, first, what) {#field, FIRE_ATTR_TEXT, FIRE_RNN_AT(field), .text = first, .help = what}
#define FIRE_RNN_FLAG(field, first, what) {#field, FIRE_ATTR_BOOL, FIRE_RNN_AT(field), first, 0, 1, .help = what}
#define FIRE_RNN_BEGIN                                                                                                                       \
    {"units", FIRE_ATTR_INT, FIRE_RNN_AT(units), 0, 1, 1 << 20, .help = "width of the state and of the output; must be given"},              \
    {"activation", FIRE_ATTR_TEXT, FIRE_RNN_AT(activation), .text = "tanh", .choices = FIRE_CURVES, .help = "of the new state"}
#define FIRE_RNN_GATE {"recurrent_activation", FIRE_ATTR_TEXT, FIRE_RNN_AT(recurrent_activation), .text = "sigmoid", .choices = FIRE_CURVES, .help = "of the gates"}
#define FIRE_RNN_FIRST                                                                                                                       \
    FIRE_RNN_FLAG(use_bias, 1, "add b"), FIRE_RNN_TEXT(kernel_initializer, "glorot_uniform", "first values of w"),                           \
    FIRE_RNN_TEXT(recurrent_initializer, "orthogonal", "first values of r"), FIRE_RNN_TEXT(bias_initializer, "zeros", "first values of b")
#define FIRE_RNN_HELD                                                                                                                        \
    FIRE_RNN_TEXT(kernel_regularizer, "", "penalty on w"), FIRE_RNN_TEXT(recurrent_regularizer, "", "penalty on r"),                         \
    FIRE_RNN_TEXT(bias_regularizer, "", "penalty on b"), FIRE_RNN_TEXT(kernel_constraint, "", "holds w after each step"),                    \
    FIRE_RNN_TEXT(recurrent_constraint, "", "holds r after each step"), FIRE_RNN_TEXT(bias_constraint, "", "holds b after each step"),       \
    {"dropout", FIRE_ATTR_FLOAT, FIRE_RNN_AT(dropout), 0, 0, 1, .help = "share of the input's features that become 0 for a whole sequence while training"}, \
    {"recurrent_dropout", FIRE_ATTR_FLOAT, FIRE_RNN_AT(recurrent_dropout), 0, 0, 1, .help = "share of the state that the gates do not see, for a whole sequence, while training"}, \
    FIRE_RNN_FLAG(return_sequences, 0, "give the output of every step, not of the last one"),                                                \
    FIRE_RNN_FLAG(return_state, 0, "give the last state as further outputs"),                                                                \
    FIRE_RNN_FLAG(go_backwards, 0, "take the steps last to first, and give outputs in that order"),                                          \
    FIRE_RNN_FLAG(stateful, 0, "begin each batch with the states that the same rows of the batch before ended with"),                                          \
    FIRE_RNN_FLAG(unroll, 0, "without effect: the numbers are the same")
#define FIRE_RNN_END                                                                                                                         \
    FIRE_RNN_FLAG(zero_output_for_mask, 0, "outputs of masked steps are 0, not those of the step before"),                                   \
    {"tbptt_length", FIRE_ATTR_INT, FIRE_RNN_AT(tbptt_length), 0, 0, 1 << 30, .help = "truncated backpropagation: gradients stop at the beginning of each so many steps; 0: never"}

/* One kind of recurrent layer. */
typedef struct fire_rnn_kind { const char *layer, *op; int gates, states; } fire_rnn_kind;
extern const fire_rnn_kind fire_rnn_simple, fire_rnn_lstm, fire_rnn_gru;
/* fire_rnn_kind_of - of a layer, or NULL when it is not recurrent. */
const fire_rnn_kind *fire_rnn_kind_of(const char *layer);

fire_status fire_rnn_check(const void *attrs, fire_error *err);
bool fire_rnn_keeps_state(const void *attrs);
/* fire_rnn_build - inputs: [n, t, features], then first states [n, units] (h; LSTM: h, c). */
fire_value fire_rnn_build(fire_build *b, const fire_rnn_kind *kind, const fire_rnn_attrs *t, int n_in, const fire_value *in);
/* fire_reverse - x with dimension 1 the other way round; reversed twice it is x itself. */
fire_value fire_reverse(fire_graph *g, fire_value x);
#endif
