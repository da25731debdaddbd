/* conv_lstm - ConvLSTM1D, ConvLSTM2D, ConvLSTM3D: an LSTM over sequences of pictures [n, t, d..., c], whose products are convolutions. With the input
** x and the state h, c of a step, and * a convolution with the kernel's quarter of each gate in the order i f c o:
**     i, f, o = recurrent_activation(x * w + b + h * r)    c' = f c + i activation(x * w + b + h * r)    h' = o activation(c')
** (Shi et al. 2015, without peepholes, as in Keras). The inputs of all steps go through one convolution; the steps stand in the graph one by one. */
#include "compose.h"
#include "conv_lstm.h"
#include "op.h"
#include <stdio.h>
#include <string.h>

#define MOST_STEPS 4096 /* each is some fifteen nodes of the graph */

#define AT(field) offsetof(fire_conv_lstm_attrs, field)
#define TEXT(key, field, first, choice, what) {key, FIRE_ATTR_TEXT, AT(field), .text = first, .choices = choice, .help = what}
#define FLAG(key, field, first, what) {key, FIRE_ATTR_BOOL, AT(field), first, 0, 1, .help = what}
#define LIST(key, field, first, what) {key, FIRE_ATTR_INTS, AT(field), 0, 1, 1 << 30, .text = first, .help = what}
static const fire_attr attrs[] = {
    {"filters", FIRE_ATTR_INT, AT(s.filters), 0, 1, 1 << 20, .help = "channels of the state and of the output; must be given"},
    LIST("kernel_size", s.kernel_size, NULL, "size of the window; one number counts for all dimensions; must be given"),
    LIST("strides", s.strides, "[1]", "steps of the window over the input"),
    TEXT("padding", s.padding, "valid", NULL, "of the input: valid: none; same: as many outputs as inputs at stride 1; or numbers, as in \"[1]\""),
    TEXT("data_format", s.data_format, "channels_last", "channels_last|channels_first", "where the channels of the input and the output are"),
    LIST("dilation_rate", s.dilation_rate, "[1]", "distance of neighbours in the window over the input"),
    TEXT("activation", s.activation, "tanh", FIRE_ACTIVATION_CHOICES, "of the new state"),
    TEXT("recurrent_activation", recurrent_activation, "sigmoid", FIRE_ACTIVATION_CHOICES, "of the gates"),
    FLAG("use_bias", s.use_bias, 1, "add b"),
    TEXT("kernel_initializer", s.kernel_initializer, "glorot_uniform", NULL, "first values of w"),
    TEXT("recurrent_initializer", recurrent_initializer, "orthogonal", NULL, "first values of r"),
    TEXT("bias_initializer", s.bias_initializer, "zeros", NULL, "first values of b"),
    FLAG("unit_forget_bias", unit_forget_bias, 1, "the forget gate's bias begins at 1"),
    TEXT("kernel_regularizer", s.kernel_regularizer, "", NULL, "penalty on w"),
    TEXT("recurrent_regularizer", recurrent_regularizer, "", NULL, "penalty on r"),
    TEXT("bias_regularizer", s.bias_regularizer, "", NULL, "penalty on b"),
    TEXT("kernel_constraint", s.kernel_constraint, "", NULL, "holds w after each step"),
    TEXT("recurrent_constraint", recurrent_constraint, "", NULL, "holds r after each step"),
    TEXT("bias_constraint", s.bias_constraint, "", NULL, "holds b after each step"),
    {"dropout", FIRE_ATTR_FLOAT, AT(dropout), 0, 0, 1, .help = "share of a picture's numbers that become 0 for a whole sequence while training, drawn for each gate"},
    {"recurrent_dropout", FIRE_ATTR_FLOAT, AT(recurrent_dropout), 0, 0, 1, .help = "share of the state that a gate does not see, for a whole sequence, while training"},
    FLAG("return_sequences", return_sequences, 0, "give the output of every step, not of the last one"),
    FLAG("return_state", return_state, 0, "give the last state as further outputs"),
    FLAG("go_backwards", go_backwards, 0, "take the steps last to first, and give outputs in that order"),
    FLAG("stateful", stateful, 0, "begin each batch with the states that the same rows of the batch before ended with"),
    {0},
};

static fire_status check(const fire_conv_lstm_attrs *t, int rank, fire_error *err) {
    if (t->s.filters == 0) return fire_fail(err, FIRE_E_ATTRIBUTE, "filters is missing; give the channels of the output, as in filters=32");
    return fire_spatial_window_check(&t->s, rank, false, err);
}

static bool keeps_state(const void *t) { return ((const fire_conv_lstm_attrs *)t)->stateful; }

/* Indices from..to of the last dimension. */
static fire_value part(fire_graph *g, fire_value x, int64_t from, int64_t to) {
    if (g->first.status) return 0;
    const fire_shape one = {1, {1}};
    const int64_t axis = fire_shape_of(g, x).rank - 1;
    return fire_apply(g, "Slice", 4, FIRE_IN(x, fire_graph_const(g, FIRE_I64, one, &from), fire_graph_const(g, FIRE_I64, one, &to), fire_graph_const(g, FIRE_I64, one, &axis)), NULL);
}

/* x at one place of dimension 1, which goes. */
static fire_value pick(fire_graph *g, fire_value x, int64_t place) {
    return fire_apply(g, "Gather", 2, FIRE_IN(x, fire_graph_const(g, FIRE_I64, (fire_shape){0}, &place)), "axis=1");
}

/* For each gate, 1 / (1 - rate) or 0 for each number of `like`, whose own numbers are not looked at. */
static void draw(fire_build *b, fire_value like, double rate, fire_value mask[4]) {
    for (int k = 0; k < 4; k++) mask[k] = fire_drop(b, fire_two(b->g, "ExpandLike", fire_number(b->g, like, 1), like), rate);
}

/* x convolved with w, all gates at once, or each gate's quarter with x times its mask. */
static fire_value convolve(fire_graph *g, fire_value x, fire_value w, int64_t filters, const fire_value *mask, const char *window) {
    fire_value gate[4];
    if (!mask) return fire_apply(g, "Conv", 2, FIRE_IN(x, w), window);
    for (int k = 0; k < 4; k++) gate[k] = fire_apply(g, "Conv", 2, FIRE_IN(fire_two(g, "Mul", x, mask[k]), part(g, w, k * filters, (k + 1) * filters)), window);
    return fire_apply(g, "Concat", 4, gate, "axis=-1");
}

/* n values one after the other along dimension 1. */
static fire_value joined(fire_graph *g, fire_value *part_, int64_t n) {
    for (int64_t made; n > 1; n = made) {
        made = 0;
        for (int64_t i = 0; i < n; i += FIRE_MAX_IN) {
            int count = (int)(n - i < FIRE_MAX_IN ? n - i : FIRE_MAX_IN);
            part_[made++] = count == 1 ? part_[i] : fire_apply(g, "Concat", count, part_ + i, "axis=1");
        }
    }
    return part_[0];
}

int fire_conv_lstm_rank(const char *layer) { return !strncmp(layer, "ConvLSTM", 8) && layer[8] >= '1' && layer[8] <= '3' && !strcmp(layer + 9, "D") ? layer[8] - '0' : 0; }

fire_value fire_conv_lstm_build(fire_build *b, const fire_conv_lstm_attrs *t, int rank, int n_in, const fire_value *in) {
    static const char *const kinds[] = {"ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"};
    const char *kind = kinds[rank - 1];
    fire_graph *g = b->g;
    if (g->first.status) return 0;
    fire_shape x = fire_shape_of(g, in[0]);
    char text[FIRE_SHAPE_TEXT], window[FIRE_SPATIAL_WINDOW], first[FIRE_ATTR_TEXT_SIZE + 64];
    if (x.rank != rank + 3) return fire_graph_fail(g, FIRE_E_SHAPE, "%s '%s': the input is %s, expected sequences of %d dimensions", kind, g->layer, fire_shape_text(&x, text), rank + 3);
    int64_t steps = x.dim[1], filters = t->s.filters, kernel[3];
    if (steps < 1 || steps > MOST_STEPS) return fire_graph_fail(g, FIRE_E_UNSUPPORTED, "%s '%s': %lld steps, expected 1 to %d", kind, g->layer, (long long)steps, MOST_STEPS);
    if (n_in != 1 && n_in != 3) return fire_graph_fail(g, FIRE_E_USAGE, "%s '%s': %d inputs, expected 1, or 3 with the first states", kind, g->layer, n_in);
    if (t->stateful && !fire_network_batch(b->net))
        return fire_graph_fail(g, FIRE_E_USAGE, "%s '%s': stateful=true needs to know how many rows a batch has; give Input a batch_size", kind, g->layer);
    if (t->stateful && b->steps_are_rows)
        return fire_graph_fail(g, FIRE_E_UNSUPPORTED, "%s inside '%s': stateful=true does not go with TimeDistributed, whose steps are rows of the batch", kind, g->layer);
    bool channels_first = !strcmp(t->s.data_format, "channels_first");
    fire_shape w = {.rank = rank + 2}, r = {.rank = rank + 2}, row = {.rank = rank + 2};
    for (int i = 0; i < rank; i++) w.dim[i] = r.dim[i] = kernel[i] = fire_spatial_number(&t->s.kernel_size, i, 1);
    w.dim[rank] = x.dim[channels_first ? 2 : rank + 2], w.dim[rank + 1] = r.dim[rank + 1] = 4 * filters, r.dim[rank] = filters;
    snprintf(first, sizeof first, "%s", t->s.bias_initializer);
    if (t->unit_forget_bias && !strchr(t->s.bias_initializer, '"')) snprintf(first, sizeof first, "UnitForgetBias bias_initializer=\"%s\"", t->s.bias_initializer);
    fire_value w_ = fire_weight(b, "kernel", w, (fire_how){t->s.kernel_initializer, t->s.kernel_regularizer, t->s.kernel_constraint}, true);
    fire_value r_ = fire_weight(b, "recurrent_kernel", r, (fire_how){t->recurrent_initializer, t->recurrent_regularizer, t->recurrent_constraint}, true);
    fire_value b_ = t->s.use_bias ? fire_weight(b, "bias", (fire_shape){1, {4 * filters}}, (fire_how){first, t->s.bias_regularizer, t->s.bias_constraint}, true) : 0;
    if (g->first.status) return 0;

    /* The inputs of all steps: [n t, d..., c] -> [n, t, d..., 4 filters]. */
    row.dim[0] = -1;
    for (int d = 1; d < row.rank; d++) row.dim[d] = x.dim[d + 1];
    bool drops = b->training && t->dropout > 0 && t->dropout < 1, forgets = b->training && t->recurrent_dropout > 0 && t->recurrent_dropout < 1;
    fire_value mask[4], forget[4], seen = fire_spatial_in(b, kind, &t->s, rank, fire_reshape(g, in[0], row)), z, h = 0, c = 0;
    fire_spatial_window(&t->s, rank, kernel, false, &t->s.strides, window);
    if (drops) { /* one mask for all steps of a row: its steps lie along dimension 1 while it is multiplied */
        fire_shape flat = fire_shape_of(g, seen), all = {.rank = rank + 3, .dim = {-1, steps}};
        fire_value gate[4], apart;
        memcpy(all.dim + 2, flat.dim + 1, sizeof(int64_t) * (size_t)(rank + 1));
        apart = fire_reshape(g, seen, all);
        draw(b, pick(g, apart, 0), t->dropout, mask);
        for (int k = 0; k < 4; k++)
            gate[k] = fire_apply(g, "Conv", 2, FIRE_IN(fire_reshape(g, fire_two(g, "Mul", apart, fire_unsqueeze(g, mask[k], 1u << 1)), flat), part(g, w_, k * filters, (k + 1) * filters)), window);
        z = fire_apply(g, "Concat", 4, gate, "axis=-1");
    } else z = convolve(g, seen, w_, filters, NULL, window);
    if (b_) z = fire_two(g, "Add", z, b_);
    if (g->first.status) return 0;
    fire_shape wide = fire_shape_of(g, z), all = {.rank = rank + 3, .dim = {-1, steps}}, state = wide, held;
    memcpy(all.dim + 2, wide.dim + 1, sizeof(int64_t) * (size_t)(rank + 1));
    state.dim[rank + 1] = filters;
    z = fire_reshape(g, z, all);
    fire_shape flat = {2, {-1, 1}};
    for (int d = 1; d < state.rank; d++)
        if (!fire_mul(flat.dim[1], state.dim[d], &flat.dim[1])) return fire_graph_fail(g, FIRE_E_SHAPE, "%s '%s': the state is too large", kind, g->layer);

    /* The states that the first step sees; without any they are 0. */
    int32_t kept[2] = {-1, -1};
    if (n_in == 3) {
        fire_value given[2];
        for (int i = 0; i < 2; i++) {
            held = fire_shape_of(g, in[1 + i]);
            given[i] = held.rank == rank + 2 ? fire_spatial_in(b, kind, &t->s, rank, in[1 + i]) : 0;
            fire_shape found = given[i] ? fire_shape_of(g, given[i]) : held;
            if (!fire_same_shape(&found, &state)) return fire_graph_fail(g, FIRE_E_SHAPE, "%s '%s': state %d is %s, which is not the shape of the output", kind, g->layer, i + 1, fire_shape_text(&held, text));
        }
        h = given[0], c = given[1];
    } else if (t->stateful) {
        kept[0] = fire_state(b, flat.dim[1], &h);
        kept[1] = fire_state(b, flat.dim[1], &c);
        h = h ? fire_reshape(g, h, state) : 0, c = c ? fire_reshape(g, c, state) : 0;
    }
    bool zero = t->zero_output_for_mask, apart = b->mask[0] && (h || zero); /* before the first step that counts outputs are 0, whatever the first state */
    fire_value shown = 0, *made = fire_alloc(g->ctx, (size_t)steps, sizeof *made, &g->first);
    for (int64_t i = 0; made && i < steps; i++) {
        int64_t at = t->go_backwards ? steps - 1 - i : i;
        fire_value gates = pick(g, z, at), counts = 0;
        if (h && forgets && i == 0) draw(b, h, t->recurrent_dropout, forget);
        if (h) gates = fire_two(g, "Add", gates, convolve(g, h, r_, filters, forgets ? forget : NULL, "channels_last=1 auto_pad=SAME_UPPER"));
        fire_value take = fire_activate(g, t->recurrent_activation, part(g, gates, 0, filters)), keep = fire_activate(g, t->recurrent_activation, part(g, gates, filters, 2 * filters));
        fire_value fresh = fire_two(g, "Mul", take, fire_activate(g, t->s.activation, part(g, gates, 2 * filters, 3 * filters)));
        if (c) fresh = fire_two(g, "Add", fire_two(g, "Mul", keep, c), fresh);
        fire_value out = fire_two(g, "Mul", fire_activate(g, t->recurrent_activation, part(g, gates, 3 * filters, 4 * filters)), fire_activate(g, t->s.activation, fresh));
        if (forgets && !h) draw(b, out, t->recurrent_dropout, forget);
        if (b->mask[0]) { /* a step that does not count leaves everything as it was */
            counts = fire_unsqueeze(g, pick(g, b->mask[0], at), ((1u << (rank + 1)) - 1) << 1);
            fire_value now = fire_apply(g, "Where", 3, FIRE_IN(counts, out, h ? h : fire_number(g, out, 0)), NULL);
            fresh = fire_apply(g, "Where", 3, FIRE_IN(counts, fresh, c ? c : fire_number(g, fresh, 0)), NULL);
            if (apart) shown = fire_apply(g, "Where", 3, FIRE_IN(counts, out, shown && !zero ? shown : fire_number(g, out, 0)), NULL);
            out = now;
        }
        h = out, c = fresh;
        if (!apart) shown = h;
        made[i] = t->return_sequences ? fire_unsqueeze(g, shown, 1u << 1) : 0;
    }
    if (t->return_sequences && made) {
        fire_value y = joined(g, made, steps);
        held = wide, held.dim[rank + 1] = filters;
        shown = fire_spatial_out(b, &t->s, fire_reshape(g, y, held));
        if (!g->first.status) {
            fire_shape turned = fire_shape_of(g, shown), again = {.rank = rank + 3, .dim = {-1, steps}};
            memcpy(again.dim + 2, turned.dim + 1, sizeof(int64_t) * (size_t)(rank + 1));
            shown = fire_reshape(g, shown, again);
        }
    } else shown = fire_spatial_out(b, &t->s, shown);
    fire_free(g->ctx, made);
    if (g->first.status) return 0;
    if (kept[0] >= 0) fire_state_next(b, kept[0], fire_reshape(g, h, flat));
    if (kept[1] >= 0) fire_state_next(b, kept[1], fire_reshape(g, c, flat));
    b->n_out = 1;
    if (t->return_state) b->out[b->n_out++] = fire_spatial_out(b, &t->s, h), b->out[b->n_out++] = fire_spatial_out(b, &t->s, c);
    b->mask_out[0] = t->return_sequences ? b->mask[0] : 0;
    return shown;
}

#define LAYER(rank, ...)                                                                                                                                                  \
    static fire_status check_##rank(const void *t, fire_error *err) { return check(t, rank, err); }                                                                       \
    static fire_value build_##rank(fire_build *b, const void *t, int n_in, const fire_value *in) { return fire_conv_lstm_build(b, t, rank, n_in, in); }             \
    const fire_layer fire_layer_conv_lstm##rank##d = {                                                                                                                    \
        .name = "ConvLSTM" #rank "D", .help = "long short-term memory whose products are convolutions over " #rank " dimension" #__VA_ARGS__, .attrs = attrs,              \
        .attr_size = sizeof(fire_conv_lstm_attrs), .min_in = 1, .max_in = 3, .check = check_##rank, .keeps_state = keeps_state, .build = build_##rank, .examples = EXAMPLES_##rank}
#define EXAMPLES_1 {"[3,5,2] filters=2 kernel_size=[3]", "[2,4,2] filters=2 kernel_size=[2] padding=same return_sequences=1 go_backwards=1 use_bias=0", \
                    "[2,5,2] filters=1 kernel_size=[2] strides=[2] dropout=0.3 recurrent_dropout=0.2 return_sequences=1"}
#define EXAMPLES_2 {"[2,4,3,2] filters=2 kernel_size=[2] activation=relu recurrent_activation=hard_sigmoid", "[2,2,4,3] filters=2 kernel_size=[3,2] data_format=channels_first return_sequences=1", \
                    "[2,3,3,1] [3,3,2] [3,3,2] filters=2 kernel_size=[2] padding=same return_state=1"}
#define EXAMPLES_3 {"[2,2,3,2,1] filters=1 kernel_size=[2] return_sequences=1"}
LAYER(1);
LAYER(2, s);
LAYER(3, s);
