/* lstm - ONNX's LSTM: input projection and recurrence in one; see recurrent_onnx.h. Layers train through LSTMSequence, and are saved as this. */
#include "recurrent_onnx.h"

static const fire_attr attrs_of_lstm[] = {
    FIRE_ONNX_RNN_ROWS,
    {"input_forget", FIRE_ATTR_INT, FIRE_ONNX_RNN_AT(input_forget), 0, 0, 1, .help = "1: the forget gate is 1 - the input gate"},
    {0}};

static fire_status lstm_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) { return fire_onnx_rnn_infer(4, 3, attrs, n_in, in, out, err); }
static size_t lstm_scratch(const fire_call *call) { return fire_onnx_rnn_scratch(4, call); }
static void lstm_run(const fire_call *call) { fire_onnx_rnn_run(4, 3, call); }
static int64_t lstm_flops(const fire_call *call) { return fire_onnx_rnn_flops(4, call); }

const fire_op fire_op_lstm = {
    .name = "LSTM", .help = "long short-term memory",
    .min_in = 3, .max_in = 8, .n_out = 3, .attrs = attrs_of_lstm, .attr_size = sizeof(fire_onnx_rnn_attrs),
    .infer = lstm_infer, .run = lstm_run, .scratch = lstm_scratch, .flops = lstm_flops,
    .examples = {"[3,2,4] [1,8,4] [1,8,2]", "[3,2,4] [1,8,4] [1,8,2] [1,16] i32[2]{1,3} [1,2,2] [1,2,2] direction=reverse hidden_size=2", "[2,3,2] [2,8,2] [2,8,2] [2,16] direction=bidirectional activations=\"HardSigmoid,Tanh,Relu,Sigmoid,Softsign,Elu\" activation_alpha=[0.1] activation_beta=[0.4]",
                 "[3,2,4] [1,8,4] [1,8,2] [1,16] - [1,2,2] [1,2,2] [1,6] clip=0.4", "[3,2,4] [1,8,4] [1,8,2] - - - - [1,6] input_forget=1"},
};
