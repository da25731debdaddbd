/* gru - gated recurrent unit; gates z r h in the weights, as in Keras; see recurrent_layer.c and ops/gru_sequence.c. */
#include "recurrent_layer.h"

static const fire_attr attrs[] = {FIRE_RNN_BEGIN, FIRE_RNN_GATE, FIRE_RNN_FIRST, FIRE_RNN_HELD, FIRE_RNN_FLAG(reset_after, 1, "the reset gate acts after the product with r, which then has a bias of its own; else before"), FIRE_RNN_END, {0}};

static fire_value build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) { return fire_rnn_build(b, &fire_rnn_gru, attrs_, n_in, in); }

const fire_layer fire_layer_gru = {
    .name = "GRU", .help = "gated recurrent unit",
    .attrs = attrs, .attr_size = sizeof(fire_rnn_attrs), .min_in = 1, .max_in = 2, .check = fire_rnn_check, .keeps_state = fire_rnn_keeps_state, .build = build,
    .examples = {"[4,3] units=2",
                 "[4,3] units=3 return_sequences=1 reset_after=0",
                 "[3,2] units=2 return_sequences=1 go_backwards=1 use_bias=0",
                 "[5,2] units=3 dropout=0.3",
                 "[4,2] units=2 dropout=0.3 recurrent_dropout=0.4",
                 "[4,2] units=2 dropout=0.3 recurrent_dropout=0.4 reset_after=0",
                 "[4,3] [2] units=2 return_state=1 return_sequences=1"},
};
