/* conv_lstm.h - what the layers ConvLSTM and their wrapper Bidirectional share. */
#ifndef FIRE_CONV_LSTM_H
#define FIRE_CONV_LSTM_H
#include "spatial.h"

typedef struct fire_conv_lstm_attrs {
    fire_spatial_attrs s;
    fire_attr_text recurrent_activation, recurrent_initializer, recurrent_regularizer, recurrent_constraint;
    double dropout, recurrent_dropout;
    bool unit_forget_bias, return_sequences, return_state, go_backwards, stateful;
    bool zero_output_for_mask; /* no attribute: Bidirectional sets it; outputs of masked steps are 0, not those of the step before */
} fire_conv_lstm_attrs;

/* fire_conv_lstm_rank - spatial dimensions of the layer of a class ("ConvLSTM2D" has 2); 0: it is none. */
int fire_conv_lstm_rank(const char *layer);
/* fire_conv_lstm_build - inputs: [n, t, d..., c], then first states h and c of the shape of one step's output. */
fire_value fire_conv_lstm_build(fire_build *b, const fire_conv_lstm_attrs *t, int rank, int n_in, const fire_value *in);
#endif
