/* bidirectional - a recurrent layer twice, over the steps as they come and the other way round, and the two outputs merged; see
** recurrent_layer.c and conv_lstm.c. */
#include "compose.h"
#include "conv_lstm.h"
#include "recurrent_layer.h"
#include <stdio.h>

typedef struct { fire_attr_text layer, merge_mode, backward_layer; } bidirectional_attrs;

#define AT(field) offsetof(bidirectional_attrs, field)
static const fire_attr attrs[] = {
    {"layer", FIRE_ATTR_TEXT, AT(layer), .text = "", .help = "the recurrent layer, as in layer=\"LSTM units=3\"; must be given"},
    {"merge_mode", FIRE_ATTR_TEXT, AT(merge_mode), .text = "concat", .choices = "concat|sum|mul|ave|none", .help = "how the outputs become one; none: they stay two"},
    {"backward_layer", FIRE_ATTR_TEXT, AT(backward_layer), .text = "", .help = "the layer that goes backwards; empty: as the other"},
    {0},
};

/* One of the two: its kind, or the rank of a ConvLSTM, and its attributes. */
typedef struct one { const fire_rnn_kind *kind; int rank; fire_rnn_attrs t; fire_conv_lstm_attrs c; } one;
typedef struct { one way[2]; } pair;

static bool *go_backwards(one *o) { return o->rank ? &o->c.go_backwards : &o->t.go_backwards; }
static bool sequences(const one *o) { return o->rank ? o->c.return_sequences : o->t.return_sequences; }
static bool state(const one *o) { return o->rank ? o->c.return_state : o->t.return_state; }
static int states(const one *o) { return o->rank ? 2 : o->kind->states; }

static fire_status read_layer(const char *text, const char *which, one *o, fire_error *err) {
    char name[64], shown[80], rest[FIRE_ATTR_TEXT_SIZE]; /* rest: name and trainable mean nothing here */
    fire_status s = fire_inner_check(text, err);
    if (s) return s;
    const char *pairs = fire_name_read(text, name, sizeof name);
    memset(o, 0, sizeof *o);
    o->rank = fire_conv_lstm_rank(name);
    if (!o->rank && !(o->kind = fire_rnn_kind_of(name)))
        return fire_fail(err, FIRE_E_ATTRIBUTE, "%s is %s, expected SimpleRNN, LSTM, GRU or ConvLSTM", which, fire_escape(shown, sizeof shown, name, strlen(name)));
    return fire_attrs_read(name, fire_layer_find(name)->attrs, o->rank ? (void *)&o->c : (void *)&o->t, pairs, rest, sizeof rest, err);
}

static fire_status read_pair(const bidirectional_attrs *a, pair *p, fire_error *err) {
    bool own = a->backward_layer[0] != 0;
    fire_status s = read_layer(a->layer, "layer", &p->way[0], err);
    if (!s) s = read_layer(own ? a->backward_layer : a->layer, own ? "backward_layer" : "layer", &p->way[1], err);
    if (s) return s;
    if (!own) *go_backwards(&p->way[1]) = !*go_backwards(&p->way[0]);
    if (*go_backwards(&p->way[0]) == *go_backwards(&p->way[1])) return fire_fail(err, FIRE_E_ATTRIBUTE, "go_backwards of layer and backward_layer are the same, expected one of each");
    if (sequences(&p->way[0]) != sequences(&p->way[1]) || state(&p->way[0]) != state(&p->way[1]))
        return fire_fail(err, FIRE_E_ATTRIBUTE, "return_sequences and return_state of layer and backward_layer differ, expected the same");
    for (int i = 0; i < 2; i++) p->way[i].t.zero_output_for_mask = p->way[i].c.zero_output_for_mask = sequences(&p->way[i]); /* as in Keras */
    return FIRE_OK;
}

static fire_status bidirectional_check(const void *attrs_, fire_error *err) {
    pair p;
    return read_pair(attrs_, &p, err);
}

static bool bidirectional_keeps_state(const void *attrs_) {
    pair p;
    return !read_pair(attrs_, &p, NULL) && (p.way[0].t.stateful || p.way[1].t.stateful || p.way[0].c.stateful || p.way[1].c.stateful);
}

static fire_value bidirectional_build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) {
    const bidirectional_attrs *a = attrs_;
    fire_graph *g = b->g;
    const char *outer = b->prefix;
    fire_value y[2] = {0}, last[4] = {0};
    int n_states = 0;
    pair p;
    if (g->first.status || read_pair(a, &p, &g->first)) return 0;
    int first[2] = {states(&p.way[0]), states(&p.way[1])};
    if (n_in != 1 && n_in != 1 + first[0] + first[1])
        return fire_graph_fail(g, FIRE_E_USAGE, "Bidirectional '%s': %d inputs, expected 1, or %d with the first states of both layers", g->layer, n_in, 1 + first[0] + first[1]);
    for (int i = 0; i < 2; i++) {
        fire_value own[3] = {in[0]};
        for (int k = 0; n_in > 1 && k < first[i]; k++) own[1 + k] = in[1 + (i ? first[0] : 0) + k];
        static const char *const snake[] = {"simple_rnn", "lstm", "gru", "conv_lstm1d", "conv_lstm2d", "conv_lstm3d"};
        char prefix[2 * FIRE_ATTR_TEXT_SIZE];
        const one *o = &p.way[i];
        int kind = o->rank ? 2 + o->rank : o->kind == &fire_rnn_simple ? 0 : o->kind == &fire_rnn_lstm ? 1 : 2, n_own = n_in > 1 ? 1 + first[i] : 1;
        snprintf(prefix, sizeof prefix, "%s%s%s_%s", outer ? outer : "", outer ? "/" : "", i ? "backward" : "forward", snake[kind]);
        b->prefix = prefix;
        y[i] = o->rank ? fire_conv_lstm_build(b, &o->c, o->rank, n_own, own) : fire_rnn_build(b, o->kind, &o->t, n_own, own);
        b->prefix = outer;
        for (int k = 1; k < b->n_out; k++) last[n_states++] = b->out[k];
    }
    fire_value mask = b->mask_out[0];
    if (sequences(&p.way[0])) y[1] = fire_reverse(g, y[1]);
    b->n_out = 1;
    fire_value out = y[0];
    switch (a->merge_mode[0]) {
    case 'c': out = fire_apply(g, "Concat", 2, y, "axis=-1"); break;
    case 's': out = fire_two(g, "Add", y[0], y[1]); break;
    case 'm': out = fire_two(g, "Mul", y[0], y[1]); break;
    case 'a': out = fire_times(g, fire_two(g, "Add", y[0], y[1]), 0.5); break;
    default: b->out[b->n_out] = y[1], b->mask_out[b->n_out++] = mask;
    }
    for (int k = 0; k < n_states; k++) b->out[b->n_out] = last[k], b->mask_out[b->n_out++] = 0;
    return out;
}

const fire_layer fire_layer_bidirectional = {
    .name = "Bidirectional", .help = "a recurrent layer over the steps in both directions",
    .attrs = attrs, .attr_size = sizeof(bidirectional_attrs), .min_in = 1, .max_in = 5, .check = bidirectional_check, .keeps_state = bidirectional_keeps_state, .build = bidirectional_build,
    .examples = {"[3,2] layer=\"LSTM units=2\"", "[3,2] layer=\"GRU units=2 return_sequences=1\"", "[3,2] layer=\"SimpleRNN units=2\" merge_mode=sum", "[3,2] layer=\"LSTM units=2\" merge_mode=ave",
                 "[3,2] layer=\"GRU units=2 return_sequences=1\" merge_mode=mul backward_layer=\"LSTM units=2 return_sequences=1 go_backwards=1\"",
                 "[3,2] [2] [2] layer=\"SimpleRNN units=2 return_state=1\" merge_mode=none", "[2,3,3,1] layer=\"ConvLSTM2D filters=2 kernel_size=[2] return_sequences=1\""},
};
