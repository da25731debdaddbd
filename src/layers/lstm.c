/* lstm - long short-term memory; gates i f c o in the weights, as in Keras; see recurrent_layer.c and ops/lstm_sequence.c. */
#include "recurrent_layer.h"

static const fire_attr attrs[] = {FIRE_RNN_BEGIN, FIRE_RNN_GATE, FIRE_RNN_FIRST, FIRE_RNN_FLAG(unit_forget_bias, 1, "the forget gate's bias begins at 1"), FIRE_RNN_HELD, FIRE_RNN_END, {0}};

static fire_value build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) { return fire_rnn_build(b, &fire_rnn_lstm, attrs_, n_in, in); }

const fire_layer fire_layer_lstm = {
    .name = "LSTM", .help = "long short-term memory",
    .attrs = attrs, .attr_size = sizeof(fire_rnn_attrs), .min_in = 1, .max_in = 3, .check = fire_rnn_check, .keeps_state = fire_rnn_keeps_state, .build = build,
    .examples = {"[4,3] units=2",
                 "[4,3] units=3 return_sequences=1",
                 "[3,2] units=2 return_sequences=1 go_backwards=1 use_bias=0",
                 "[5,2] units=3 dropout=0.3",
                 "[4,2] units=2 dropout=0.3 recurrent_dropout=0.4",
                 "[4,3] [2] [2] units=2 return_state=1 return_sequences=1",
                 "[3,3] units=2 activation=softsign recurrent_activation=hard_sigmoid unit_forget_bias=0"},
};
