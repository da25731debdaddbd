/* network.c - layers and weights: add, connect, remove, build, draw. The graph made of them is in network_graph.c.
**
** Whatever changes the set of weights makes new flat buffers, copies the values that survive, and only then lets go of the old ones. */
#include "network.h"
#include "formats/onnx.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

/* What every layer has besides its kind's attributes; lies behind them, aligned. */
typedef struct { fire_attr_text name; bool trainable; } layer_common;
enum { MAX_ATTRS = 32 };

static size_t common_offset(const fire_layer *kind) { return (kind->attr_size + 15) & ~(size_t)15; }

/* The kind's attributes with name in front and trainable behind, as one table. */
static void whole_table(const fire_layer *kind, fire_attr table[MAX_ATTRS]) {
    size_t at = common_offset(kind);
    int n = 0;
    memset(table, 0, MAX_ATTRS * sizeof *table);
    table[n++] = (fire_attr){"name", FIRE_ATTR_TEXT, at + offsetof(layer_common, name), 0, 0, 0, NULL, NULL, "of the layer"};
    for (const fire_attr *a = kind->attrs; a && a->name; a++) {
        assert(n < MAX_ATTRS - 2);
        table[n++] = *a;
    }
    table[n] = (fire_attr){"trainable", FIRE_ATTR_BOOL, at + offsetof(layer_common, trainable), 1, 0, 1, NULL, NULL, "false: frozen"};
}

static layer_common *common(const fire_layer_node *n) { return (layer_common *)((char *)n->attrs + common_offset(n->kind)); }

char *fire_layer_text(const fire_network *net, const fire_layer_node *n, fire_error *err) {
    fire_attr table[MAX_ATTRS];
    whole_table(n->kind, table);
    size_t bytes = fire_attrs_write(table, n->attrs, false, NULL, 0) + 1;
    char *text = fire_alloc(net->ctx, bytes, 1, err);
    if (text) fire_attrs_write(table, n->attrs, false, text, bytes);
    return text;
}

/* ---- life ---- */

fire_status fire_network_new(fire_context *ctx, fire_type type, fire_network **out, fire_error *err) {
    if (type != FIRE_F32 && type != FIRE_F64)
        return fire_fail(err, FIRE_E_USAGE, "a network computes in float32 or float64, not in type %d", (int)type);
    fire_network *net = fire_alloc(ctx, 1, sizeof *net, err);
    if (!net) return FIRE_NOMEM;
    net->ctx = ctx;
    net->type = type;
    net->shape_stamp = net->value_stamp = 1;
    *out = net;
    return FIRE_OK;
}

static void free_layer(fire_context *ctx, fire_layer_node *n) {
    fire_free(ctx, n->attrs);
    fire_free(ctx, n->name);
    fire_free(ctx, n->text);
    memset(n, 0, sizeof *n);
}

static void free_weights(fire_network *net, int64_t from) {
    for (int64_t i = from; i < net->n_weights; i++) {
        fire_free(net->ctx, net->weight[i].name);
        fire_free(net->ctx, net->weight[i].init);
        fire_free(net->ctx, net->weight[i].regularizer);
        fire_free(net->ctx, net->weight[i].constraint);
        net->weight[i] = (fire_weight_slot){0};
    }
    if (from < net->n_weights) net->n_weights = from;
}

void fire_network_free(fire_network *net) {
    if (!net) return;
    fire_context *ctx = net->ctx;
    fire_network_clear_compile(net);
    fire_scorer_free(ctx, net->scorer);
    for (int64_t i = 0; i < net->n_layers; i++) free_layer(ctx, &net->layer[i]);
    free_weights(net, 0);
    for (int64_t i = 0; i < net->n_notes; i++) {
        fire_free(ctx, net->note[i].key);
        fire_free(ctx, net->note[i].text);
    }
    if (net->onnx) fire_graph_clear(net->onnx);
    fire_free(ctx, net->onnx);
    fire_free(ctx, net->no_layers);
    fire_onnx_model_free(net->onnx_file); /* the graph borrows from it */
    fire_free(ctx, net->layer);
    fire_free(ctx, net->use);
    fire_free(ctx, net->weight);
    fire_free(ctx, net->note);
    fire_free(ctx, net->params);
    fire_free(ctx, net->fixed);
    fire_network_release(net);
    fire_free(ctx, net->epoch_sums);
    fire_states_free(net);
    fire_free(ctx, net);
}

/* ---- weights in flat buffers ---- */

void fire_network_changed(fire_network *net) {
    net->shape_stamp++;
    net->value_stamp++;
    fire_states_free(net);
    fire_scorer_free(net->ctx, net->scorer);
    net->scorer = NULL;
    fire_network_forget(net);
}

/* Give all weights places in new flat buffers and carry over the values of those that had one. On failure nothing has changed. */
fire_status fire_network_place(fire_network *net, fire_error *err) {
    int64_t size = (int64_t)fire_type_size(net->type), line = 64 / size, total[2] = {0, 0}, numbers = 0;
    int64_t *offset = fire_alloc(net->ctx, (size_t)net->n_weights, sizeof *offset, err);
    if (!offset) return FIRE_NOMEM;
    int64_t n_dense = 0;
    for (int64_t k = 0; k < 2 * net->n_weights; k++) { /* those that are sparse come last */
        int64_t i = k % net->n_weights;
        const fire_weight_slot *w = &net->weight[i];
        int64_t n = fire_count(&w->shape), *t = &total[w->trainable];
        if (k == net->n_weights) n_dense = total[1];
        if ((w->sparse != FIRE_SPARSE_NEVER) != (k >= net->n_weights)) continue;
        offset[i] = *t;
        if (n < 0 || n > INT64_MAX / 16 || !fire_add(*t, (n + line - 1) / line * line, t) || *t > INT64_MAX / 16) {
            fire_free(net->ctx, offset);
            return fire_fail(err, FIRE_E_UNSUPPORTED, "the weights of the network are too large at %s", w->name);
        }
        numbers += n;
        if (net->weight_limit && numbers > net->weight_limit / size) {
            fire_free(net->ctx, offset);
            return fire_fail(err, FIRE_E_CORRUPT, "the layers need more weights than the file holds, at %s", w->name);
        }
    }
    void *fixed = net->apart ? NULL : fire_alloc(net->ctx, (size_t)total[0], (size_t)size, err);
    void *params = fixed ? fire_alloc(net->ctx, (size_t)total[1], (size_t)size, err) : NULL;
    if (!params && !net->apart) {
        fire_free(net->ctx, fixed);
        fire_free(net->ctx, offset);
        return FIRE_NOMEM;
    }
    for (int64_t i = 0; i < net->n_weights; i++) {
        fire_weight_slot *w = &net->weight[i];
        const char *from = w->trainable ? net->params : net->fixed;
        char *to = w->trainable ? params : fixed;
        if (w->ready && !net->apart) memcpy(to + offset[i] * size, from + w->offset * size, (size_t)(fire_count(&w->shape) * size));
        w->offset = offset[i];
    }
    fire_free(net->ctx, offset);
    fire_free(net->ctx, net->params);
    fire_free(net->ctx, net->fixed);
    net->params = params;
    net->fixed = fixed;
    net->n_params = total[1];
    net->n_dense = n_dense;
    net->n_fixed = total[0];
    fire_network_changed(net);
    return FIRE_OK;
}

/* ---- build ---- */

fire_status fire_network_build(fire_network *net, const fire_shape *input, fire_error *err) {
    if (net->onnx && !net->onnx_out) return fire_fail(err, FIRE_E_UNSUPPORTED, "the model does not map rows of one input to rows of one output; run it with named tensors");
    char a[FIRE_SHAPE_TEXT], c[FIRE_SHAPE_TEXT];
    fire_shape x = {.rank = input->rank + 1, .dim = {-1}};
    if (input->rank < 0 || input->rank >= FIRE_MAX_RANK)
        return fire_fail(err, FIRE_E_SHAPE, "the input has %d dimensions, expected 0 to %d", (int)input->rank, FIRE_MAX_RANK - 1);
    for (int i = 0; i < input->rank; i++) {
        if (input->dim[i] < 1) return fire_fail(err, FIRE_E_SHAPE, "the input shape %s has a dimension below 1", fire_shape_text(input, a));
        x.dim[i + 1] = input->dim[i];
    }
    if (net->built) {
        if (fire_same_shape(&x, &net->input)) return FIRE_OK;
        return fire_fail(err, FIRE_E_SHAPE, "the network is built for input %s, not %s", fire_shape_text(&net->input, a), fire_shape_text(&x, c));
    }
    if (net->n_inputs > 1 || (net->n_inputs && !net->built)) return fire_fail(err, FIRE_E_USAGE, "the network has Input layers and is built when its outputs are named");
    if (net->n_layers == 0) return fire_fail(err, FIRE_E_NOT_BUILT, "the network has no layers; add some");
    if (net->layer[0].kind->input_shape) {
        fire_shape own = {0};
        net->layer[0].kind->input_shape(net->layer[0].attrs, &own);
        if (!fire_same_shape(&own, input))
            return fire_fail(err, FIRE_E_SHAPE, "the rows have shape %s, but layer '%s' says %s", fire_shape_text(input, a), net->layer[0].name, fire_shape_text(&own, c));
    }
    net->input_part[0] = x;
    net->n_inputs = 1;
    fire_status s = fire_network_shape(net, 0, err);
    if (s) net->n_inputs = 0, net->input = net->output = (fire_shape){0};
    else net->built = true;
    return s;
}

/* ---- layers ---- */

static bool name_taken(const fire_network *net, const char *name) {
    for (int64_t i = 0; i < net->n_layers; i++)
        if (!strcmp(net->layer[i].name, name)) return true;
    return false;
}

/* "BatchNormalization" to "batch_normalization", then _1, _2 ... until it is free. */
static void default_name(const fire_network *net, const char *kind, char name[FIRE_ATTR_TEXT_SIZE]) {
    char base[FIRE_ATTR_TEXT_SIZE - 24];
    size_t n = 0;
    for (const char *p = kind; *p && n < sizeof base - 2; p++) {
        bool upper = *p >= 'A' && *p <= 'Z', after_lower = p > kind && p[-1] >= 'a' && p[-1] <= 'z';
        bool begins = p > kind && ((p[1] >= 'a' && p[1] <= 'z') || (p[1] >= '0' && p[1] <= '9')); /* a word: Conv2D|Transpose, RMS|Normalization */
        if (upper && (after_lower || begins)) base[n++] = '_';
        base[n++] = upper ? (char)(*p + 32) : *p;
    }
    base[n] = 0;
    snprintf(name, FIRE_ATTR_TEXT_SIZE, "%s", base);
    for (int64_t i = 1; name_taken(net, name); i++) snprintf(name, FIRE_ATTR_TEXT_SIZE, "%s_%lld", base, (long long)i);
}

fire_status fire_network_append(fire_network *net, const char *layer, const char *attrs, fire_error *err) {
    char shown[80];
    fire_escape(shown, sizeof shown, layer, strlen(layer));
    const fire_layer *kind = fire_layer_find(layer);
    if (!kind) {
        char near[FIRE_NEAR_TEXT];
        fire_near best = {.name = layer};
        for (const fire_layer *const *p = fire_layers; *p; p++) fire_near_try(&best, (*p)->name);
        return fire_fail(err, FIRE_E_UNKNOWN_NAME, "no layer named '%s'%s", shown, fire_near_text(&best, near)[0] ? near : "; `firesteel ops` lists all");
    }
    if (net->n_layers >= INT32_MAX - 1) return fire_fail(err, FIRE_E_UNSUPPORTED, "the network has %lld layers, the most that are possible", (long long)net->n_layers);
    fire_status s = fire_grow(net->ctx, &net->layer, &net->layer_capacity, net->n_layers + 1, sizeof *net->layer, err);
    if (s) return s;

    fire_attr table[MAX_ATTRS];
    whole_table(kind, table);
    fire_layer_node n = {.kind = kind};
    n.attrs = fire_alloc(net->ctx, 1, common_offset(kind) + sizeof(layer_common), err);
    if (!n.attrs) return FIRE_NOMEM;
    s = fire_attrs_read(layer, table, n.attrs, attrs, NULL, 0, err);
    if (!s) {
        fire_error why = {0};
        if ((s = fire_layer_check(kind, n.attrs, &why))) fire_fail(err, why.code, "%s: %s", layer, why.message);
    }
    char *name = common(&n)->name;
    if (!s && !*name) default_name(net, kind->name, name);
    else if (!s) {
        fire_escape(shown, sizeof shown, name, strlen(name));
        for (const char *p = name; *p && !s; p++)
            if ((unsigned char)*p < 0x20 || *p == 0x7f || *p == '/')
                s = fire_fail(err, FIRE_E_ATTRIBUTE, "%s: the name '%s' holds '/' or a control character", layer, shown);
        if (!s && name_taken(net, name)) s = fire_fail(err, FIRE_E_ATTRIBUTE, "%s: the name '%s' is taken; names of layers are unique", layer, shown);
    }
    if (!s) {
        n.trainable = common(&n)->trainable;
        size_t bytes = fire_attrs_write(kind->attrs, n.attrs, false, NULL, 0) + 1;
        n.name = fire_copy_text(net->ctx, name, err);
        n.text = n.name ? fire_alloc(net->ctx, bytes, 1, err) : NULL;
        if (n.text) fire_attrs_write(kind->attrs, n.attrs, false, n.text, bytes);
        else s = FIRE_NOMEM;
    }
    if (s) free_layer(net->ctx, &n);
    else net->layer[net->n_layers++] = n;
    return s;
}

/* Take the last layers and uses away again. */
static void cut_back(fire_network *net, int64_t layers, int64_t uses) {
    while (net->n_layers > layers) free_layer(net->ctx, &net->layer[--net->n_layers]);
    net->n_uses = uses;
}

/* Whether tensor t exists. */
static bool has_tensor(const fire_network *net, int32_t t) { return t < 0 ? -1 - (int64_t)t < net->n_inputs : t / FIRE_LAYER_OUT < net->n_uses; }

fire_status fire_network_append_use(fire_network *net, int32_t layer, int n_in, const int32_t *in, fire_error *err) {
    if (net->n_uses >= INT32_MAX / FIRE_LAYER_OUT - 1) return fire_fail(err, FIRE_E_UNSUPPORTED, "the network has too many layers");
    fire_status s = fire_grow(net->ctx, &net->use, &net->use_capacity, net->n_uses + 1, sizeof *net->use, err);
    if (s) return s;
    fire_use *u = &net->use[net->n_uses++];
    *u = (fire_use){.layer = layer, .n_in = n_in};
    for (int k = 0; k < n_in; k++) u->in[k] = in[k];
    return FIRE_OK;
}

fire_status fire_network_append_input(fire_network *net, const char *attrs, int32_t *tensor, fire_error *err) {
    if (net->n_inputs == FIRE_MAX_PARTS) return fire_fail(err, FIRE_E_UNSUPPORTED, "more than %d inputs", FIRE_MAX_PARTS);
    int64_t layers = net->n_layers;
    int32_t part = -1 - net->n_inputs;
    fire_status s = fire_network_append(net, "Input", attrs, err);
    if (!s) s = fire_network_append_use(net, (int32_t)layers, 1, &part, err);
    if (s) {
        cut_back(net, layers, net->n_uses);
        return s;
    }
    fire_shape row = {0}, *shape = &net->input_part[net->n_inputs++];
    net->layer[layers].kind->input_shape(net->layer[layers].attrs, &row);
    *shape = (fire_shape){.rank = row.rank + 1, .dim = {-1}};
    for (int d = 0; d < row.rank; d++) shape->dim[d + 1] = row.dim[d];
    *tensor = (int32_t)(net->n_uses - 1) * FIRE_LAYER_OUT;
    return FIRE_OK;
}

fire_status fire_network_no_layers(const fire_network *net, const char *what, fire_error *err) {
    return fire_fail(err, FIRE_E_UNSUPPORTED, "%s: the network was loaded as a plain ONNX graph, which has no layers%s%s", what, net->no_layers && *net->no_layers ? ": " : "", net->no_layers ? net->no_layers : "");
}

static fire_status check_layers(const fire_network *net, const char *layer, fire_error *err) {
    if (!layer) return fire_fail(err, FIRE_E_USAGE, "a layer without a name; `firesteel ops` lists all");
    if (net->onnx) return fire_network_no_layers(net, layer, err);
    return FIRE_OK;
}

fire_status fire_network_add(fire_network *net, const char *layer, const char *attrs, fire_error *err) {
    int64_t layers = net->n_layers, uses = net->n_uses;
    int32_t tensor, inputs = net->n_inputs, last = net->n_outputs ? net->output_part[0] : -1;
    fire_status s = check_layers(net, layer, err);
    if (s) return s;
    const fire_layer *kind = fire_layer_find(layer);
    if (net->n_outputs > 1 || (!net->n_outputs && net->n_layers))
        return fire_fail(err, FIRE_E_USAGE, "%s: the network has %d outputs, and a layer is added behind one; call it on a tensor", layer, (int)net->n_outputs);
    if (kind && kind->input_shape) {
        if (net->n_layers) return fire_fail(err, FIRE_E_USAGE, "%s: must be the first layer, but there are %lld before it", layer, (long long)net->n_layers);
        s = fire_network_append_input(net, attrs, &tensor, err);
    } else {
        s = fire_network_append(net, layer, attrs, err);
        if (!s) s = fire_network_append_use(net, (int32_t)layers, 1, &last, err);
        tensor = (int32_t)uses * FIRE_LAYER_OUT;
    }
    if (!s) {
        net->output_part[0] = tensor;
        net->n_outputs = 1;
        bool shaped = net->built || net->n_inputs;
        if (shaped) s = fire_network_shape(net, uses, err);
        else fire_network_changed(net);
        if (!s && shaped) net->built = true;
    }
    if (s) {
        cut_back(net, layers, uses);
        net->n_inputs = inputs;
        net->output_part[0] = last;
        net->n_outputs = layers > 0;
    }
    return s;
}

fire_status fire_network_input(fire_network *net, const char *attrs, int32_t *tensor, fire_error *err) {
    fire_status s = check_layers(net, "Input", err);
    if (!s && net->n_layers && !net->n_inputs) s = fire_fail(err, FIRE_E_USAGE, "Input: the network is a chain without an Input layer; begin with the inputs");
    if (!s) s = fire_network_append_input(net, attrs, tensor, err);
    if (!s) net->built = false;
    return s;
}

fire_status fire_network_call(fire_network *net, const char *layer, const char *attrs, int32_t n_in, const int32_t *in, int32_t *tensor, fire_error *err) {
    int64_t layers = net->n_layers;
    char shown[80];
    int32_t at = -1;
    fire_status s = check_layers(net, layer, err);
    if (!s && !net->n_inputs) s = fire_fail(err, FIRE_E_USAGE, "%s: the network has no inputs yet; begin with fire_network_input", layer);
    if (!s && (n_in < 1 || n_in > FIRE_MAX_IN)) s = fire_fail(err, FIRE_E_USAGE, "%s: %d inputs, expected 1 to %d", layer, (int)n_in, FIRE_MAX_IN);
    for (int32_t k = 0; k < n_in && !s; k++)
        if (in[k] < 0 || !has_tensor(net, in[k])) s = fire_fail(err, FIRE_E_USAGE, "%s: input %d is no tensor of this network", layer, (int)k);
    if (s) return s;
    if (!attrs) { /* one that is there already, by its name */
        for (int64_t i = 0; i < net->n_layers; i++) if (!strcmp(net->layer[i].name, layer)) at = (int32_t)i;
        if (at < 0) return fire_fail(err, FIRE_E_UNKNOWN_NAME, "the network has no layer '%s' to call again", fire_escape(shown, sizeof shown, layer, strlen(layer)));
    } else {
        const fire_layer *kind = fire_layer_find(layer);
        if (kind && kind->input_shape) return fire_fail(err, FIRE_E_USAGE, "%s: takes no tensor; use fire_network_input", layer);
        if ((s = fire_network_append(net, layer, attrs, err))) return s;
        at = (int32_t)layers;
    }
    if ((s = fire_network_append_use(net, at, n_in, in, err))) {
        cut_back(net, layers, net->n_uses);
        return s;
    }
    net->built = false;
    *tensor = (int32_t)(net->n_uses - 1) * FIRE_LAYER_OUT;
    return FIRE_OK;
}

fire_status fire_network_outputs(fire_network *net, int32_t n, const int32_t *tensors, fire_error *err) {
    int64_t from = 0;
    int32_t before = net->n_outputs, old[FIRE_MAX_PARTS];
    fire_status s = check_layers(net, "outputs", err);
    if (s) return s;
    if (n < 1 || n > FIRE_MAX_PARTS) return fire_fail(err, FIRE_E_USAGE, "%d outputs, expected 1 to %d", (int)n, FIRE_MAX_PARTS);
    if (!net->n_inputs) return fire_fail(err, FIRE_E_USAGE, "the network has no inputs yet; begin with fire_network_input");
    for (int32_t k = 0; k < n; k++)
        if (tensors[k] < 0 || !has_tensor(net, tensors[k])) return fire_fail(err, FIRE_E_USAGE, "output %d is no tensor of this network", (int)k);
    memcpy(old, net->output_part, sizeof old);
    memcpy(net->output_part, tensors, (size_t)n * sizeof *tensors);
    net->n_outputs = n;
    while (from < net->n_uses && net->use[from].n_out) from++;
    if ((s = fire_network_shape(net, from, err))) {
        memcpy(net->output_part, old, sizeof old);
        net->n_outputs = before;
        return s;
    }
    net->built = true;
    return FIRE_OK;
}

fire_status fire_network_pop(fire_network *net, fire_error *err) {
    if (net->n_layers == 0) return fire_fail(err, FIRE_E_USAGE, "the network has no layer to remove");
    fire_layer_node *last = &net->layer[net->n_layers - 1];
    const fire_use *use = &net->use[net->n_uses - 1];
    int64_t all = net->n_weights, kept = all - last->n_weights, times = 0;
    for (int64_t u = 0; u < net->n_uses; u++) times += net->use[u].layer == net->n_layers - 1;
    if (times != 1 || use->layer != net->n_layers - 1 || use->n_in != 1 || net->n_outputs != 1 || net->output_part[0] != (net->n_uses - 1) * FIRE_LAYER_OUT)
        return fire_fail(err, FIRE_E_USAGE, "layer '%s' does not stand alone at the end of the network: it cannot be removed", last->name);
    int32_t in = use->in[0];
    if (net->built) {
        net->n_weights = kept;
        fire_status s = fire_network_place(net, err);
        net->n_weights = all;
        if (s) return s;
        free_weights(net, kept);
    } else fire_network_changed(net);
    cut_back(net, net->n_layers - 1, net->n_uses - 1);
    net->output_part[0] = in;
    if (net->n_layers == 0) {
        net->built = false;
        net->n_inputs = net->n_outputs = 0;
        net->input = net->output = (fire_shape){0};
    } else if (net->built) net->output = in < 0 ? net->input_part[-1 - in] : net->use[in / FIRE_LAYER_OUT].output[in % FIRE_LAYER_OUT];
    return FIRE_OK;
}

bool fire_network_is_chain(const fire_network *net) {
    if (net->n_uses != net->n_layers || net->n_inputs > 1 || net->n_outputs > 1) return false;
    for (int64_t i = 0; i < net->n_uses; i++) {
        const fire_use *u = &net->use[i];
        if (u->layer != i || u->n_in != 1 || u->in[0] != (i ? (int32_t)(i - 1) * FIRE_LAYER_OUT : -1)) return false;
    }
    return !net->n_outputs || net->output_part[0] == (int32_t)(net->n_uses - 1) * FIRE_LAYER_OUT;
}

int fire_network_layers(const fire_network *net) { return (int)net->n_layers; }

fire_status fire_network_layer(const fire_network *net, int i, fire_layer_info *info, fire_error *err) {
    if (i < 0 || i >= net->n_layers) return fire_fail(err, FIRE_E_USAGE, "layer %d, expected 0 to %lld", i, (long long)net->n_layers - 1);
    const fire_layer_node *n = &net->layer[i];
    *info = (fire_layer_info){.kind = n->kind->name, .name = n->name, .attrs = n->text, .output = n->output, .flops = n->flops, .trainable = n->trainable};
    for (int32_t k = 0; k < n->n_weights; k++) info->weights += fire_count(&net->weight[n->first_weight + k].shape);
    return FIRE_OK;
}

fire_status fire_network_set_trainable(fire_network *net, int layer, bool trainable, fire_error *err) {
    if (layer < 0 || layer >= net->n_layers) return fire_fail(err, FIRE_E_USAGE, "layer %d, expected 0 to %lld", layer, (long long)net->n_layers - 1);
    if (net->layer[layer].trainable != trainable) {
        net->layer[layer].trainable = common(&net->layer[layer])->trainable = trainable;
        net->shape_stamp++; /* training graphs are stale; values and optimizer state are not */
    }
    return FIRE_OK;
}

/* ---- values of weights ---- */

int fire_network_weights(const fire_network *net) { return (int)net->n_weights; }

static fire_status check_weight(const fire_network *net, int i, fire_error *err) {
    if (i >= 0 && i < net->n_weights) return FIRE_OK;
    if (!net->built) return fire_fail(err, FIRE_E_NOT_BUILT, "weight %d: the network has no weights before it knows its input; build it", i);
    return fire_fail(err, FIRE_E_USAGE, "weight %d, expected 0 to %lld", i, (long long)net->n_weights - 1);
}

fire_status fire_network_weight(const fire_network *net, int i, fire_weight_info *info, fire_error *err) {
    fire_status s = check_weight(net, i, err);
    if (!s) s = fire_weight_ready(net, i, err);
    if (s) return s;
    const fire_weight_slot *w = &net->weight[i];
    *info = (fire_weight_info){.name = w->name, .layer = w->layer, .trainable = w->trainable && net->layer[w->layer].trainable, .ready = w->ready,
                               .value = {net->type, w->shape, fire_weight_data(net, i)}};
    return FIRE_OK;
}

fire_status fire_network_set_weight(fire_network *net, int i, const fire_tensor *value, fire_error *err) {
    fire_status s = check_weight(net, i, err);
    if (s) return s;
    fire_weight_slot *w = &net->weight[i];
    char a[FIRE_SHAPE_TEXT], c[FIRE_SHAPE_TEXT];
    if (!fire_same_shape(&value->shape, &w->shape))
        return fire_fail(err, FIRE_E_SHAPE, "weight %s: a value of shape %s, expected %s", w->name, fire_shape_text(&value->shape, a), fire_shape_text(&w->shape, c));
    if (value->type != FIRE_F32 && value->type != FIRE_F64)
        return fire_fail(err, FIRE_E_USAGE, "weight %s: a value of type %d, expected float32 or float64", w->name, (int)value->type);
    if ((s = fire_network_own(net, err))) return s;
    fire_tensor to = {net->type, w->shape, fire_weight_data(net, i)};
    int64_t n = fire_count(&w->shape);
    if (value->type == net->type) memmove(to.data, value->data, (size_t)n * fire_type_size(net->type));
    else for (int64_t k = 0; k < n; k++) fire_put(&to, k, fire_get(value, k));
    w->ready = true;
    net->value_stamp++;
    return FIRE_OK;
}

fire_status fire_network_init(fire_network *net, uint64_t seed, fire_error *err) {
    if (net->onnx) return FIRE_OK;
    if (!net->built) return fire_fail(err, FIRE_E_NOT_BUILT, "the network has no weights before it knows its input; add an Input layer or build it");
    fire_status own = fire_network_own(net, err);
    if (own) return own;
    net->value_stamp++;
    for (int64_t i = 0; i < net->n_weights; i++) {
        fire_weight_slot *w = &net->weight[i];
        if (w->ready) continue;
        fire_tensor t = {net->type, w->shape, fire_weight_data(net, i)};
        fire_status s = fire_init_fill(w->init, seed, i, &t, err);
        if (s) return s;
        w->ready = !net->layer[w->layer].kind->adapt_sums;
    }
    net->last_seed = seed;
    return FIRE_OK;
}

