/* recurrent_onnx.h - ONNX's RNN, LSTM and GRU, which differ in few lines, and how our own recurrences become them in a model file. */
#ifndef FIRE_RECURRENT_ONNX_H
#define FIRE_RECURRENT_ONNX_H
#include "recurrent.h"

typedef struct fire_onnx_rnn_attrs {
    fire_attr_text activations, direction;
    fire_floats alpha, beta;
    double clip;
    int64_t hidden_size, layout, input_forget, linear_before_reset;
} fire_onnx_rnn_attrs;

#define FIRE_ONNX_RNN_AT(field) offsetof(fire_onnx_rnn_attrs, field)
#define FIRE_ONNX_RNN_ROWS                                                                                                                              \
    {"activation_alpha", FIRE_ATTR_FLOATS, FIRE_ONNX_RNN_AT(alpha), .help = "for the activations that have one, in order"},                             \
    {"activation_beta", FIRE_ATTR_FLOATS, FIRE_ONNX_RNN_AT(beta), .help = "for the activations that have one, in order"},                               \
    {"activations", FIRE_ATTR_TEXTS, FIRE_ONNX_RNN_AT(activations), .text = "", .help = "of the gates, the new state and the output, for each direction; empty: Sigmoid, Tanh"}, \
    {"clip", FIRE_ATTR_FLOAT, FIRE_ONNX_RNN_AT(clip), -1, 0, 1e30, .help = "what goes into activations is cut to [-clip, clip]; left out: it is not"},              \
    {"direction", FIRE_ATTR_TEXT, FIRE_ONNX_RNN_AT(direction), .text = "forward", .choices = "forward|reverse|bidirectional", .help = "in which steps are taken"}, \
    {"hidden_size", FIRE_ATTR_INT, FIRE_ONNX_RNN_AT(hidden_size), 0, 1, 1ll << 31, .help = "width of the state; left out: that of R"},                  \
    {"layout", FIRE_ATTR_INT, FIRE_ONNX_RNN_AT(layout), 0, 0, 0, .help = "0: time comes first; 1 is not supported"}

/* gates: 1 RNN, 3 GRU, 4 LSTM; functions: activations of one direction. */
fire_status fire_onnx_rnn_infer(int gates, int functions, const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err);
size_t fire_onnx_rnn_scratch(int gates, const fire_call *call);
void fire_onnx_rnn_run(int gates, int functions, const fire_call *call);
int64_t fire_onnx_rnn_flops(int gates, const fire_call *call);

/* fire_recurrent_lower - the lower of our own recurrences: y, h and c (NULL: none) get the values that stand for their outputs. */
void fire_recurrent_lower(fire_graph *g, const fire_node *n, const char *op, int gates, const fire_value *in, fire_value *y, fire_value *h, fire_value *c);
#endif
