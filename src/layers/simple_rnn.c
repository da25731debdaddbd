/* simple_rnn - h = activation(x w + h r + b), step after step; see recurrent_layer.c. */
#include "recurrent_layer.h"

static const fire_attr attrs[] = {FIRE_RNN_BEGIN, FIRE_RNN_FIRST, FIRE_RNN_HELD, FIRE_RNN_END, {0}};

static fire_value build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) { return fire_rnn_build(b, &fire_rnn_simple, attrs_, n_in, in); }

const fire_layer fire_layer_simple_rnn = {
    .name = "SimpleRNN", .help = "fully connected recurrent layer: h = activation(x w + h r + b)",
    .attrs = attrs, .attr_size = sizeof(fire_rnn_attrs), .min_in = 1, .max_in = 2, .check = fire_rnn_check, .keeps_state = fire_rnn_keeps_state, .build = build,
    .examples = {"[4,3] units=2",
                 "[4,3] units=3 return_sequences=1 activation=relu",
                 "[3,2] units=2 return_sequences=1 go_backwards=1 use_bias=0",
                 "[5,2] units=3 dropout=0.3 recurrent_dropout=0.4",
                 "[4,3] [2] units=2 return_state=1",
                 "[4,2] units=2 unroll=1 recurrent_initializer=glorot_normal"},
};
