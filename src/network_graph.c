/* network_graph.c - the graph that a network's layers make: shapes and weights at the first build, the forward graph at later ones.
**
** The first build runs every layer's build function over a graph that is thrown away: it gives the shapes, and fire_weight notes what each
** layer wants. Later graphs (scoring, training) run the same functions, which find their weights again in the same order.
*/
#include "constraints.h"
#include "network.h"
#include "regularizers.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

/* ---- what build functions call ---- */

static fire_status add_weight(fire_build *b, const char *name, const fire_shape *shape, const fire_how *how, bool trainable) {
    fire_network *net = b->net;
    fire_error *err = &b->g->first;
    fire_layer_node *n = &net->layer[b->layer];
    fire_weight_slot w = {.layer = b->layer, .trainable = trainable, .shape = *shape, .sparse = trainable ? how->sparse : FIRE_SPARSE_NEVER};
    char full[3 * FIRE_ATTR_TEXT_SIZE];
    snprintf(full, sizeof full, "%s/%s%s%s", n->name, b->prefix ? b->prefix : "", b->prefix ? "/" : "", name);
    fire_status s = fire_grow(net->ctx, &net->weight, &net->weight_capacity, net->n_weights + 1, sizeof *net->weight, err);
    if (s) return s;
    if (!(w.name = fire_copy_text(net->ctx, full, err)) || !(w.init = fire_copy_text(net->ctx, how->init, err)) ||
        !(w.regularizer = fire_copy_text(net->ctx, how->regularizer ? how->regularizer : "", err)) ||
        !(w.constraint = fire_copy_text(net->ctx, how->constraint ? how->constraint : "", err))) {
        fire_free(net->ctx, w.name);
        fire_free(net->ctx, w.init);
        fire_free(net->ctx, w.regularizer);
        return FIRE_NOMEM;
    }
    net->weight[net->n_weights++] = w;
    n->n_weights++;
    return FIRE_OK;
}

/* Whether the texts of a new weight name something. */
static bool check_how(fire_build *b, const char *name, const fire_how *how) {
    fire_error why = {0};
    if (!fire_regularizer_check(how->regularizer, &why) && !fire_constraint_check(how->constraint, &why)) return true;
    fire_graph_fail(b->g, why.code, "layer '%s', weight %s: %s", b->net->layer[b->layer].name, name, why.message);
    return false;
}

fire_value fire_weight(fire_build *b, const char *name, fire_shape shape, fire_how how, bool trainable) {
    fire_graph *g = b->g;
    fire_network *net = b->net;
    if (g->first.status) return 0;
    fire_layer_node *n = &net->layer[b->layer];
    char text[FIRE_SHAPE_TEXT];
    if (fire_count(&shape) < 0 || fire_count(&shape) > INT64_MAX / 16)
        return fire_graph_fail(g, FIRE_E_SHAPE, "%s '%s': its weight %s would have shape %s, which is too large", n->kind->name, n->name, name, fire_shape_text(&shape, text));
    if (b->first && !n->built && (!check_how(b, name, &how) || add_weight(b, name, &shape, &how, trainable))) return 0;
    assert(b->next_weight < n->n_weights);
    int64_t i = n->first_weight + b->next_weight++;
    if (!fire_same_shape(&shape, &net->weight[i].shape)) {
        char a[FIRE_SHAPE_TEXT], c[FIRE_SHAPE_TEXT];
        return fire_graph_fail(g, FIRE_E_SHAPE, "layer '%s' is shared, but here its weight %s would have shape %s, not %s", n->name, net->weight[i].name,
                               fire_shape_text(&shape, a), fire_shape_text(&net->weight[i].shape, c));
    }
    if (b->weight_value && b->weight_value[i]) return b->weight_value[i];
    fire_value v = fire_graph_param(g, net->weight[i].name, net->type, net->weight[i].shape);
    if (b->weight_value) b->weight_value[i] = v;
    return v;
}

void fire_update(fire_build *b, int32_t k, fire_value value) {
    const fire_layer_node *n = &b->net->layer[b->layer];
    assert(k < b->next_weight && !b->net->weight[n->first_weight + k].trainable);
    if (b->training && b->update && value) b->update[n->first_weight + k] = value;
}

void fire_penalize(fire_build *b, fire_value each) {
    if (b->activity && each) *b->activity = *b->activity ? fire_apply(b->g, "Add", 2, FIRE_IN(*b->activity, each), NULL) : each;
}

int64_t fire_draw_stream(fire_build *b) { return b->use + ((int64_t)b->next_draw++ << 32); }

enum { INNER_ATTRS = 1 << 15 }; /* bytes: about 30 texts */

/* The kind and attributes that a text describes; mem: [INNER_ATTRS], aligned. */
static fire_status read_inner(const char *text, const fire_layer **kind, void *mem, fire_error *err) {
    char name[64], shown[80], rest[FIRE_ATTR_TEXT_SIZE]; /* rest: name and trainable mean nothing here */
    const char *attrs = fire_name_read(text, name, sizeof name);
    if (!*name) return fire_fail(err, FIRE_E_ATTRIBUTE, "layer is missing; give the inner layer, as in layer=\"LSTM units=3\"");
    if (!(*kind = fire_layer_find(name)) || (*kind)->input_shape)
        return fire_fail(err, FIRE_E_UNKNOWN_NAME, "no inner layer named '%s'; `firesteel ops` lists all", fire_escape(shown, sizeof shown, name, strlen(name)));
    assert((*kind)->attr_size <= INNER_ATTRS);
    memset(mem, 0, (*kind)->attr_size);
    fire_error why = {0};
    fire_status s = fire_attrs_read(name, (*kind)->attrs, mem, attrs, rest, sizeof rest, &why);
    if (s) return fire_fail(err, why.code, "inner layer %s", why.message);
    return fire_layer_check(*kind, mem, &why) ? fire_fail(err, why.code, "inner layer %s: %s", name, why.message) : FIRE_OK;
}

fire_status fire_inner_check(const char *text, fire_error *err) {
    const fire_layer *kind;
    _Alignas(16) char mem[INNER_ATTRS];
    return read_inner(text, &kind, mem, err);
}

/* Run a layer's build function with what is preset. */
static fire_value run_build(fire_build *b, const fire_layer *kind, const void *attrs, int n_in, const fire_value *in) {
    memset(b->mask_out, 0, sizeof b->mask_out);
    memset(b->out, 0, sizeof b->out);
    b->n_out = 1;
    if (n_in < kind->min_in || n_in > kind->max_in)
        return fire_graph_fail(b->g, FIRE_E_USAGE, kind->min_in == kind->max_in ? "%s '%s': %d inputs, expected %d" : "%s '%s': %d inputs, expected %d to %d", kind->name,
                               b->net->layer[b->layer].name, n_in, kind->min_in, kind->max_in);
    if (kind->passes_mask) b->mask_out[0] = b->mask[0];
    return kind->build(b, attrs, n_in, in);
}

fire_value fire_build_inner(fire_build *b, const char *prefix, const char *text, int n_in, const fire_value *in) {
    const fire_layer *kind = NULL;
    _Alignas(16) char mem[INNER_ATTRS];
    fire_attr_text full;
    if (b->g->first.status || read_inner(text, &kind, mem, &b->g->first)) return 0;
    const char *outer = b->prefix;
    snprintf(full, sizeof full, "%s%s%s", outer ? outer : "", outer ? "/" : "", prefix);
    b->prefix = full;
    fire_value y = run_build(b, kind, mem, n_in, in);
    b->prefix = outer;
    return y;
}

/* ---- uses ---- */

/* Values of tensors while a graph is built; value and mask are [FIRE_MAX_PARTS + n_uses * FIRE_LAYER_OUT], the network's inputs first. */
typedef struct tensors { fire_value *value, *mask; } tensors;
static int64_t place_of(int32_t tensor) { return tensor < 0 ? -1 - (int64_t)tensor : FIRE_MAX_PARTS + (int64_t)tensor; }

static fire_status tensors_new(const fire_network *net, tensors *t, fire_error *err) {
    size_t n = FIRE_MAX_PARTS + (size_t)net->n_uses * FIRE_LAYER_OUT;
    t->value = fire_alloc(net->ctx, n, 2 * sizeof *t->value, err);
    t->mask = t->value ? t->value + n : NULL;
    return t->value ? FIRE_OK : FIRE_NOMEM;
}

static const fire_shape *tensor_shape(const fire_network *net, int32_t tensor) {
    return tensor < 0 ? &net->input_part[-1 - tensor] : &net->use[tensor / FIRE_LAYER_OUT].output[tensor % FIRE_LAYER_OUT];
}

static fire_type tensor_type(const fire_network *net, int32_t tensor) {
    return tensor < 0 ? net->type : net->use[tensor / FIRE_LAYER_OUT].type[tensor % FIRE_LAYER_OUT];
}

/* What all layers take but those that take anything. */
static bool is_rows(const fire_network *net, fire_type type, const fire_shape *s) { return type == net->type && s->rank > 0 && s->dim[0] == -1; }

static bool check_inputs(const fire_build *b, const fire_layer_node *n, int n_in, const fire_value *in) {
    char text[FIRE_SHAPE_TEXT];
    for (int k = 0; k < n_in && !n->kind->any_tensor; k++) {
        const fire_tensor *x = &fire_look(b->g, in[k])->tensor;
        if (is_rows(b->net, x->type, &x->shape)) continue;
        fire_graph_fail(b->g, FIRE_E_SHAPE, "%s '%s': its input is %s %s, expected %s with the batch as first dimension", n->kind->name, n->name, fire_type_text(x->type),
                        fire_shape_text(&x->shape, text), fire_type_text(b->net->type));
        return false;
    }
    return true;
}

/* Run the build functions of uses [from, to). Tensors that have no value and are needed become inputs of the graph. Failures are the graph's. */
static void build_uses(fire_build *b, int64_t from, int64_t to, tensors t) {
    fire_network *net = b->net;
    fire_graph *g = b->g;
    for (int64_t u = from; u < to && !g->first.status; u++) {
        fire_use *use = &net->use[u];
        fire_layer_node *n = &net->layer[use->layer];
        fire_value in[FIRE_MAX_IN] = {0};
        memset(b->mask, 0, sizeof b->mask);
        for (int k = 0; k < use->n_in; k++) {
            int64_t at = place_of(use->in[k]);
            if (!t.value[at]) t.value[at] = fire_graph_input(g, "x", tensor_type(net, use->in[k]), *tensor_shape(net, use->in[k]));
            in[k] = t.value[at];
            b->mask[k] = t.mask[at];
        }
        int64_t flops = b->first ? fire_graph_flops(g, &g->first) : 0;
        if (g->first.status || !check_inputs(b, n, use->n_in, in)) return;
        g->layer = n->name;
        b->layer = use->layer;
        b->use = (int32_t)u;
        b->next_weight = b->next_draw = 0;
        b->prefix = NULL;
        if (b->first && !n->built) n->first_weight = (int32_t)net->n_weights, n->n_weights = 0;
        b->out[0] = 0;
        fire_value y = run_build(b, n->kind, n->attrs, use->n_in, in);
        b->out[0] = y;
        g->layer = NULL;
        if (g->first.status) return;
        assert(b->next_weight == n->n_weights && b->n_out >= 1 && b->n_out <= FIRE_LAYER_OUT);
        for (int k = 0; k < b->n_out; k++) {
            assert(b->out[k] && (n->kind->any_tensor || is_rows(net, fire_type_of(g, b->out[k]), &g->value[b->out[k]].tensor.shape)));
            int64_t at = place_of((int32_t)u * FIRE_LAYER_OUT + k);
            t.value[at] = b->out[k];
            t.mask[at] = b->mask_out[k];
            if (b->first) use->output[k] = fire_shape_of(g, b->out[k]), use->type[k] = fire_type_of(g, b->out[k]);
        }
        if (b->first) {
            use->n_out = b->n_out;
            if (!n->built) n->output = use->output[0];
            n->built = true;
            n->flops += fire_graph_flops(g, &g->first) - flops;
        }
    }
}

static fire_shape flat(int64_t numbers) { return (fire_shape){2, {-1, numbers}}; }

/* Numbers in one row of a shape whose first dimension is the batch. */
static int64_t row_numbers(const fire_shape *s) {
    fire_shape row = {.rank = s->rank - 1};
    for (int d = 0; d < row.rank; d++) row.dim[d] = s->dim[d + 1];
    return fire_count(&row);
}

/* The shape of the whole input or output: the one part, or all joined. */
static fire_status joined(int32_t n, const fire_shape *const *part, const char *what, fire_shape *out, fire_error *err) {
    int64_t total = 0;
    for (int32_t k = 0; k < n; k++) {
        int64_t one = row_numbers(part[k]);
        if (one < 0 || !fire_add(total, one, &total)) return fire_fail(err, FIRE_E_UNSUPPORTED, "the %s of the network are too large", what);
    }
    *out = n == 1 ? *part[0] : flat(total);
    return FIRE_OK;
}

fire_status fire_network_shape(fire_network *net, int64_t from, fire_error *err) {
    int64_t weights = net->n_weights;
    const fire_shape *part[FIRE_MAX_PARTS];
    fire_graph g;
    tensors t;
    fire_status s = tensors_new(net, &t, err);
    if (s) return s;
    fire_graph_init(&g, net->ctx);
    fire_build b = {.g = &g, .net = net, .net_type = net->type, .first = true};
    build_uses(&b, from, net->n_uses, t);
    s = fire_graph_check(&g, err);
    fire_graph_clear(&g);
    fire_free(net->ctx, t.value);
    for (int32_t k = 0; k < net->n_inputs; k++) part[k] = &net->input_part[k];
    if (!s) s = joined(net->n_inputs, part, "inputs", &net->input, err);
    for (int32_t k = 0; k < net->n_outputs && !s; k++) {
        int32_t o = net->output_part[k];
        part[k] = tensor_shape(net, o);
        if (o >= 0 && o % FIRE_LAYER_OUT >= net->use[o / FIRE_LAYER_OUT].n_out)
            s = fire_fail(err, FIRE_E_USAGE, "layer '%s' has %d outputs, there is no output %d", net->layer[net->use[o / FIRE_LAYER_OUT].layer].name,
                          (int)net->use[o / FIRE_LAYER_OUT].n_out, (int)(o % FIRE_LAYER_OUT));
        else if (!is_rows(net, tensor_type(net, o), part[k])) {
            char text[FIRE_SHAPE_TEXT];
            s = fire_fail(err, FIRE_E_SHAPE, "layer '%s' gives %s %s; an output of a network is %s with the batch as first dimension", net->layer[net->use[o / FIRE_LAYER_OUT].layer].name,
                          fire_type_text(tensor_type(net, o)), fire_shape_text(part[k], text), fire_type_text(net->type));
        }
    }
    if (!s && net->n_outputs) s = joined(net->n_outputs, part, "outputs", &net->output, err);
    if (!s) s = fire_network_place(net, err);
    if (!s) return FIRE_OK;
    for (int64_t u = from; u < net->n_uses; u++) {
        fire_layer_node *n = &net->layer[net->use[u].layer];
        bool before = false;
        net->use[u].n_out = 0;
        for (int64_t v = 0; v < from && !before; v++) before = net->use[v].layer == net->use[u].layer;
        if (!before) n->built = false, n->output = (fire_shape){0}, n->first_weight = n->n_weights = 0, n->flops = 0;
    }
    for (int64_t i = weights; i < net->n_weights; i++) {
        fire_free(net->ctx, net->weight[i].name);
        fire_free(net->ctx, net->weight[i].init);
        fire_free(net->ctx, net->weight[i].regularizer);
        fire_free(net->ctx, net->weight[i].constraint);
        net->weight[i] = (fire_weight_slot){0};
    }
    net->n_weights = weights;
    return s;
}

/* ---- the forward graph ---- */

static bool used(const fire_graph *g, fire_value v) {
    for (int64_t i = 0; i < g->n_nodes; i++)
        for (int k = 0; k < g->node[i].n_in; k++)
            if (g->node[i].in[k] == v) return true;
    return false;
}

static fire_value numbers_const(fire_graph *g, int n, const int64_t *v) { return fire_graph_const(g, FIRE_I64, (fire_shape){1, {n}}, v); }

/* Parts of a row that lie one after the other in x. */
static fire_value part_of(fire_graph *g, fire_value x, int64_t from, const fire_shape *shape) {
    int64_t to = from + row_numbers(shape), one = 1, dims[FIRE_MAX_RANK];
    fire_value y = fire_apply(g, "Slice", 4, FIRE_IN(x, numbers_const(g, 1, &from), numbers_const(g, 1, &to), numbers_const(g, 1, &one)), NULL);
    for (int d = 0; d < shape->rank; d++) dims[d] = shape->dim[d];
    return shape->rank == 2 ? y : fire_apply(g, "Reshape", 2, FIRE_IN(y, numbers_const(g, shape->rank, dims)), NULL);
}

/* The name of the Input layer that gives part k. */
static const char *input_name(const fire_network *net, int32_t k) {
    for (int64_t u = 0; u < net->n_uses; u++)
        if (net->use[u].in[0] == -1 - k && net->layer[net->use[u].layer].kind->input_shape) return net->layer[net->use[u].layer].name;
    return "x";
}

static void make_inputs(const fire_network *net, fire_graph *g, bool apart, fire_network_graph *made, fire_value *value) {
    int64_t at = 0;
    apart = apart && net->n_inputs > 1;
    if (!apart) made->x = fire_graph_input(g, "x", net->type, net->input);
    for (int32_t k = 0; k < net->n_inputs; k++) {
        const fire_shape *shape = &net->input_part[k];
        value[k] = made->in[k] = apart ? fire_graph_input(g, input_name(net, k), net->type, *shape) : net->n_inputs == 1 ? made->x : part_of(g, made->x, at, shape);
        at += row_numbers(shape);
    }
}

static fire_status forward(const fire_network *net, fire_graph *g, const fire_forward *how, int32_t end, fire_network_graph *out, fire_error *err) {
    if (net->onnx) return fire_network_no_layers(net, "train", err);
    if (!net->built) return fire_fail(err, FIRE_E_NOT_BUILT, "the network does not know the shape of its input; add an Input layer, build it or give it data");
    tensors t;
    fire_status s = tensors_new(net, &t, err);
    if (s) return s;
    /* With first = false the build functions only read the network. */
    fire_build b = {.g = g, .net = (fire_network *)net, .net_type = net->type, .training = how->training, .weight_value = how->weight, .update = how->update};
    fire_network_graph made = {0};
    if (how->weight) memset(how->weight, 0, (size_t)net->n_weights * sizeof *how->weight);
    if (how->update) memset(how->update, 0, (size_t)net->n_weights * sizeof *how->update);
    if (how->stateful) b.states = &made.states;
    if (how->activity) b.activity = &made.activity;
    make_inputs(net, g, how->apart, &made, t.value);
    if (how->training) {
        b.row_id = fire_graph_input(g, "row_id", FIRE_I64, (fire_shape){1, {-1}});
        b.draw = fire_graph_input(g, "draw", FIRE_I64, (fire_shape){1, {2}});
    }
    bool whole = end == INT32_MAX;
    build_uses(&b, 0, whole ? net->n_uses : end < 0 ? 0 : end / FIRE_LAYER_OUT + 1, t);
    if (!whole) made.y = t.value[place_of(end)];
    else if (!g->first.status) {
        for (int32_t k = 0; k < net->n_outputs; k++) {
            int64_t at = place_of(net->output_part[k]);
            made.out[k] = t.value[at];
            made.mask[k] = t.mask[at];
            /* Layers that compute nothing hand on x itself; an output is a value of its own, in plans and in model files. */
            bool own = fire_producer(g, made.out[k]) != NULL;
            for (int32_t j = 0; j < k; j++) own &= made.out[j] != made.out[k];
            if (!own) made.out[k] = fire_apply(g, "Identity", 1, &made.out[k], NULL);
        }
        made.y = made.out[0];
        if (net->n_outputs > 1 && !how->apart) {
            fire_value part[FIRE_MAX_PARTS];
            for (int32_t k = 0; k < net->n_outputs && !g->first.status; k++) {
                fire_shape o = fire_shape_of(g, made.out[k]);
                int64_t column[2] = {-1, 1};
                part[k] = o.rank == 2 ? made.out[k] : o.rank == 1 ? fire_apply(g, "Reshape", 2, FIRE_IN(made.out[k], numbers_const(g, 2, column)), NULL)
                                                                  : fire_apply(g, "Flatten", 1, &made.out[k], "axis=1");
            }
            made.y = fire_apply(g, "Concat", net->n_outputs, part, "axis=1");
        }
    }
    fire_free(net->ctx, t.value);
    if ((s = fire_graph_check(g, err))) return s;
    made.logits = fire_logits(g, made.y, NULL);
    if (how->training && used(g, b.row_id)) made.row_id = b.row_id;
    if (how->training && used(g, b.draw)) made.draw = b.draw;
    *out = made;
    return FIRE_OK;
}

fire_status fire_network_forward(const fire_network *net, fire_graph *g, const fire_forward *how, fire_network_graph *out, fire_error *err) {
    return forward(net, g, how, INT32_MAX, out, err);
}

/* The first input of a layer's first use. */
static int32_t entry(const fire_network *net, int32_t layer) {
    int64_t u = 0;
    while (net->use[u].layer != layer) u++;
    return net->use[u].in[0];
}

fire_status fire_network_prefix(const fire_network *net, fire_graph *g, int32_t layer, fire_network_graph *out, fire_value *weight_value, fire_error *err) {
    assert(layer >= 0 && layer < net->n_layers);
    return forward(net, g, &(fire_forward){.weight = weight_value}, entry(net, layer), out, err);
}

fire_shape fire_network_entry(const fire_network *net, int32_t layer) { return *tensor_shape(net, entry(net, layer)); }

bool fire_network_part(const fire_network *net, bool output, int32_t k, fire_shape *shape, const char **name) {
    if (k < 0 || k >= (output ? net->n_outputs : net->n_inputs)) return false;
    int32_t t = output ? net->output_part[k] : -1 - k;
    *shape = *tensor_shape(net, t);
    if (t < 0) *name = input_name(net, k);
    else {
        const fire_layer_node *n = &net->layer[net->use[t / FIRE_LAYER_OUT].layer];
        const char *own = n->kind->output_name ? n->kind->output_name(n->attrs) : NULL;
        *name = own ? own : n->name;
    }
    return true;
}

int32_t fire_network_output(const fire_network *net, int32_t k) { return k >= 0 && k < net->n_outputs ? net->output_part[k] : -1; }

bool fire_network_use(const fire_network *net, int i, fire_use_info *info) {
    if (i < 0 || i >= net->n_uses) return false;
    const fire_use *u = &net->use[i];
    bool input = net->layer[u->layer].kind->input_shape != NULL;
    *info = (fire_use_info){.layer = u->layer, .n_in = input ? 0 : u->n_in, .n_out = u->n_out, .in = u->in, .tensor = i * FIRE_LAYER_OUT};
    return true;
}
