/* rnn - ONNX's RNN: input projection and recurrence in one; see recurrent_onnx.h. Layers train through SimpleRNNSequence, and are saved as this. */
#include "recurrent_onnx.h"

static const fire_attr attrs_of_rnn[] = {
    FIRE_ONNX_RNN_ROWS,
    {0}};

static fire_status rnn_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) { return fire_onnx_rnn_infer(1, 1, attrs, n_in, in, out, err); }
static size_t rnn_scratch(const fire_call *call) { return fire_onnx_rnn_scratch(1, call); }
static void rnn_run(const fire_call *call) { fire_onnx_rnn_run(1, 1, call); }
static int64_t rnn_flops(const fire_call *call) { return fire_onnx_rnn_flops(1, call); }

const fire_op fire_op_rnn = {
    .name = "RNN", .help = "fully connected recurrence",
    .min_in = 3, .max_in = 6, .n_out = 2, .attrs = attrs_of_rnn, .attr_size = sizeof(fire_onnx_rnn_attrs),
    .infer = rnn_infer, .run = rnn_run, .scratch = rnn_scratch, .flops = rnn_flops,
    .examples = {"[3,2,4] [1,2,4] [1,2,2]", "[3,2,4] [1,2,4] [1,2,2] [1,4] i32[2]{1,3} [1,2,2] direction=reverse activations=Relu", "[2,3,2] [2,2,2] [2,2,2] [2,4] direction=bidirectional activations=\"Affine,ScaledTanh\" activation_alpha=[0.5,2] activation_beta=[0.1,0.7]"},
};
