/* gru - ONNX's GRU: input projection and recurrence in one; see recurrent_onnx.h. Layers train through GRUSequence, and are saved as this. */
#include "recurrent_onnx.h"

static const fire_attr attrs_of_gru[] = {
    FIRE_ONNX_RNN_ROWS,
    {"linear_before_reset", FIRE_ATTR_INT, FIRE_ONNX_RNN_AT(linear_before_reset), 0, 0, 1, .help = "the reset gate acts after the product with R"},
    {0}};

static fire_status gru_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) { return fire_onnx_rnn_infer(3, 2, attrs, n_in, in, out, err); }
static size_t gru_scratch(const fire_call *call) { return fire_onnx_rnn_scratch(3, call); }
static void gru_run(const fire_call *call) { fire_onnx_rnn_run(3, 2, call); }
static int64_t gru_flops(const fire_call *call) { return fire_onnx_rnn_flops(3, call); }

const fire_op fire_op_gru = {
    .name = "GRU", .help = "gated recurrent unit",
    .min_in = 3, .max_in = 6, .n_out = 2, .attrs = attrs_of_gru, .attr_size = sizeof(fire_onnx_rnn_attrs),
    .infer = gru_infer, .run = gru_run, .scratch = gru_scratch, .flops = gru_flops,
    .examples = {"[3,2,4] [1,6,4] [1,6,2]", "[3,2,4] [1,6,4] [1,6,2] [1,12] i32[2]{1,3} [1,2,2] linear_before_reset=1 direction=reverse", "[2,3,2] [2,6,2] [2,6,2] [2,12] direction=bidirectional"},
};
