/* network.c - layers and weights: add, remove, build, draw, clone; the graph made of them.
**
** Building runs every layer's build function over a graph that is thrown away: it gives the shapes, and fire_weight notes what each
** layer wants. Later graphs (scoring, training) run the same functions, which find their weights again in the same order.
** Whatever changes the set of weights makes new flat buffers, copies the values that survive, and only then lets go of the old ones. */
#include "network.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

/* What every layer has besides its kind's attributes; lies behind them, aligned. */
typedef struct { char name[FIRE_ATTR_TEXT_SIZE]; bool trainable; } layer_common;
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

/* ---- life ---- */

fire_status fire_network_new(fire_context *ctx, fire_type type, fire_network **out, fire_error *err) {
    if (type != FIRE_F32 && type != FIRE_F64)
        return fire_fail(err, FIRE_E_USAGE, "a network computes in float32 or float64, not in type %d", (int)type);
    fire_network *net = fire_alloc(ctx, 1, sizeof *net, err);
    if (!net) return FIRE_NOMEM;
    net->ctx = ctx;
    net->type = type;
    net->shape_stamp = 1;
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
    fire_free(ctx, net->layer);
    fire_free(ctx, net->weight);
    fire_free(ctx, net->note);
    fire_free(ctx, net->params);
    fire_free(ctx, net->fixed);
    fire_free(ctx, net);
}

/* ---- weights in flat buffers ---- */

/* The layers or the places of weights are not what they were: plans, scorers and optimizer state are stale. */
static void changed(fire_network *net) {
    net->shape_stamp++;
    fire_scorer_free(net->ctx, net->scorer);
    net->scorer = NULL;
    fire_network_forget(net);
}

/* Give all weights places in new flat buffers and carry over the values of those that had one. On failure nothing has changed. */
static fire_status place_weights(fire_network *net, fire_error *err) {
    int64_t size = (int64_t)fire_type_size(net->type), line = 64 / size, total[2] = {0, 0}, numbers = 0;
    int64_t *offset = fire_alloc(net->ctx, (size_t)net->n_weights, sizeof *offset, err);
    if (!offset) return FIRE_NOMEM;
    for (int64_t i = 0; i < net->n_weights; i++) {
        const fire_weight_slot *w = &net->weight[i];
        int64_t n = fire_count(&w->shape), *t = &total[w->trainable];
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
    void *fixed = fire_alloc(net->ctx, (size_t)total[0], (size_t)size, err);
    void *params = fixed ? fire_alloc(net->ctx, (size_t)total[1], (size_t)size, err) : NULL;
    if (!params) {
        fire_free(net->ctx, fixed);
        fire_free(net->ctx, offset);
        return FIRE_NOMEM;
    }
    for (int64_t i = 0; i < net->n_weights; i++) {
        fire_weight_slot *w = &net->weight[i];
        const char *from = w->trainable ? net->params : net->fixed;
        char *to = w->trainable ? params : fixed;
        if (w->ready) memcpy(to + offset[i] * size, from + w->offset * size, (size_t)(fire_count(&w->shape) * size));
        w->offset = offset[i];
    }
    fire_free(net->ctx, offset);
    fire_free(net->ctx, net->params);
    fire_free(net->ctx, net->fixed);
    net->params = params;
    net->fixed = fixed;
    net->n_params = total[1];
    net->n_fixed = total[0];
    changed(net);
    return FIRE_OK;
}

void *fire_weight_data(const fire_network *net, int64_t i) {
    const fire_weight_slot *w = &net->weight[i];
    return (char *)(w->trainable ? net->params : net->fixed) + w->offset * (int64_t)fire_type_size(net->type);
}

/* ---- build ---- */

fire_value fire_weight(fire_build *b, const char *name, fire_shape shape, const char *init, bool trainable) {
    fire_graph *g = b->g;
    fire_network *net = b->net;
    if (g->first.status) return 0;
    fire_layer_node *n = &net->layer[b->layer];
    if (b->first) {
        fire_weight_slot w = {.layer = b->layer, .trainable = trainable, .shape = shape};
        char full[2 * FIRE_ATTR_TEXT_SIZE];
        snprintf(full, sizeof full, "%s/%s", n->name, name);
        if (fire_grow(net->ctx, &net->weight, &net->weight_capacity, net->n_weights + 1, sizeof *net->weight, &g->first)) return 0;
        w.name = fire_copy_text(net->ctx, full, &g->first);
        w.init = w.name ? fire_copy_text(net->ctx, init, &g->first) : NULL;
        if (!w.init) { fire_free(net->ctx, w.name); return 0; }
        net->weight[net->n_weights++] = w;
        n->n_weights++;
    }
    assert(b->next_weight < n->n_weights);
    int64_t i = n->first_weight + b->next_weight++;
    fire_value v = fire_graph_param(g, net->weight[i].name, net->type, net->weight[i].shape);
    if (b->weight_value) b->weight_value[i] = v;
    return v;
}

/* Run the build functions of layers [from, to). value[0] is the network's input, value[i + 1] the output of layer i; those that are 0
** and needed become inputs of the graph. Failures are the graph's. */
static void build_layers(fire_build *b, int64_t from, int64_t to, fire_value *value) {
    fire_network *net = b->net;
    fire_graph *g = b->g;
    for (int64_t i = from; i < to && !g->first.status; i++) {
        fire_layer_node *n = &net->layer[i];
        fire_value in[FIRE_MAX_IN] = {0};
        for (int k = 0; k < n->n_in; k++) {
            int32_t j = n->in[k];
            if (!value[j + 1]) value[j + 1] = fire_graph_input(g, j < 0 ? "x" : net->layer[j].name, net->type, j < 0 ? net->input : net->layer[j].output);
            in[k] = value[j + 1];
        }
        if (g->first.status) return;
        int64_t flops = b->first ? fire_graph_flops(g) : 0;
        if (g->first.status) return;
        g->layer = n->name;
        b->layer = (int32_t)i;
        b->next_weight = 0;
        if (b->first) n->first_weight = (int32_t)net->n_weights, n->n_weights = 0;
        fire_value y = value[i + 1] = n->kind->build(b, n->attrs, n->n_in, in);
        g->layer = NULL;
        if (g->first.status) return;
        assert(y && fire_type_of(g, y) == net->type && fire_shape_of(g, y).rank > 0 && fire_shape_of(g, y).dim[0] == -1);
        assert(b->next_weight == n->n_weights);
        if (b->first) {
            n->output = fire_shape_of(g, y);
            n->flops = fire_graph_flops(g) - flops;
        }
    }
}

/* Find shapes and weights of layers [from, n_layers). On failure they are as not built. */
static fire_status shape_layers(fire_network *net, int64_t from, fire_error *err) {
    int64_t weights = net->n_weights;
    fire_graph g;
    fire_graph_init(&g, net->ctx);
    fire_value *value = fire_alloc(net->ctx, (size_t)net->n_layers + 1, sizeof *value, err);
    if (!value) return FIRE_NOMEM;
    fire_build b = {.g = &g, .net = net, .first = true};
    build_layers(&b, from, net->n_layers, value);
    fire_status s = fire_graph_check(&g, err);
    fire_graph_clear(&g);
    fire_free(net->ctx, value);
    if (!s) s = place_weights(net, err);
    if (s) {
        for (int64_t i = from; i < net->n_layers; i++) {
            net->layer[i].output = (fire_shape){0};
            net->layer[i].first_weight = net->layer[i].n_weights = 0;
            net->layer[i].flops = 0;
        }
        free_weights(net, weights);
        return s;
    }
    net->output = net->n_layers ? net->layer[net->n_layers - 1].output : net->input;
    return FIRE_OK;
}

fire_status fire_network_build(fire_network *net, const fire_shape *input, fire_error *err) {
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
    if (net->n_layers == 0) return fire_fail(err, FIRE_E_NOT_BUILT, "the network has no layers; add some");
    if (net->layer[0].kind->input_shape) {
        fire_shape own = {0};
        net->layer[0].kind->input_shape(net->layer[0].attrs, &own);
        if (!fire_same_shape(&own, input))
            return fire_fail(err, FIRE_E_SHAPE, "the rows have shape %s, but layer '%s' says %s", fire_shape_text(input, a), net->layer[0].name, fire_shape_text(&own, c));
    }
    net->input = x;
    fire_status s = shape_layers(net, 0, err);
    if (s) net->input = (fire_shape){0};
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
        if (upper && after_lower) base[n++] = '_';
        base[n++] = upper ? (char)(*p + 32) : *p;
    }
    base[n] = 0;
    snprintf(name, FIRE_ATTR_TEXT_SIZE, "%s", base);
    for (int64_t i = 1; name_taken(net, name); i++) snprintf(name, FIRE_ATTR_TEXT_SIZE, "%s_%lld", base, (long long)i);
}

/* Append a layer that is not built. */
static fire_status append(fire_network *net, const char *layer, const char *attrs, fire_error *err) {
    char shown[80];
    if (!layer) return fire_fail(err, FIRE_E_USAGE, "a layer without a name; `firesteel ops` lists all");
    fire_escape(shown, sizeof shown, layer, strlen(layer));
    const fire_layer *kind = fire_layer_find(layer);
    if (!kind) {
        char near[FIRE_NEAR_TEXT];
        fire_near best = {.name = layer};
        for (const fire_layer *const *p = fire_layers; *p; p++) fire_near_try(&best, (*p)->name);
        return fire_fail(err, FIRE_E_UNKNOWN_NAME, "no layer named '%s'%s", shown, fire_near_text(&best, near)[0] ? near : "; `firesteel ops` lists all");
    }
    if (kind->input_shape && net->n_layers) return fire_fail(err, FIRE_E_USAGE, "%s: must be the first layer, but there are %lld before it", layer, (long long)net->n_layers);
    if (net->n_layers >= INT32_MAX - 1) return fire_fail(err, FIRE_E_UNSUPPORTED, "the network has %lld layers, the most that are possible", (long long)net->n_layers);
    fire_status s = fire_grow(net->ctx, &net->layer, &net->layer_capacity, net->n_layers + 1, sizeof *net->layer, err);
    if (s) return s;

    fire_attr table[MAX_ATTRS];
    whole_table(kind, table);
    fire_layer_node n = {.kind = kind, .n_in = 1, .in = {(int32_t)net->n_layers - 1}};
    n.attrs = fire_alloc(net->ctx, 1, common_offset(kind) + sizeof(layer_common), err);
    if (!n.attrs) return FIRE_NOMEM;
    s = fire_attrs_read(layer, table, n.attrs, attrs, NULL, 0, err);
    if (!s && kind->check) {
        fire_error why = {0};
        if ((s = kind->check(n.attrs, &why))) fire_fail(err, why.code, "%s: %s", layer, why.message);
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

fire_status fire_network_add(fire_network *net, const char *layer, const char *attrs, fire_error *err) {
    if (net->onnx) return fire_fail(err, FIRE_E_UNSUPPORTED, "%s: the network was loaded from a plain ONNX graph, which has no layers to add to", layer ? layer : "add");
    fire_status s = append(net, layer, attrs, err);
    if (s) return s;
    fire_layer_node *n = &net->layer[net->n_layers - 1];
    if (net->built) s = shape_layers(net, net->n_layers - 1, err);
    else if (n->kind->input_shape) {
        fire_shape own = {0};
        n->kind->input_shape(n->attrs, &own);
        s = fire_network_build(net, &own, err);
    } else changed(net);
    if (s) free_layer(net->ctx, &net->layer[--net->n_layers]);
    return s;
}

fire_status fire_network_pop(fire_network *net, fire_error *err) {
    if (net->n_layers == 0) return fire_fail(err, FIRE_E_USAGE, "the network has no layer to remove");
    fire_layer_node *last = &net->layer[net->n_layers - 1];
    int64_t all = net->n_weights, kept = all - last->n_weights;
    if (net->built) {
        net->n_weights = kept;
        fire_status s = place_weights(net, err);
        net->n_weights = all;
        if (s) return s;
        free_weights(net, kept);
    } else changed(net);
    free_layer(net->ctx, last);
    net->n_layers--;
    if (net->n_layers == 0) net->built = false, net->input = net->output = (fire_shape){0};
    else net->output = net->layer[net->n_layers - 1].output;
    return FIRE_OK;
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
    fire_tensor to = {net->type, w->shape, fire_weight_data(net, i)};
    int64_t n = fire_count(&w->shape);
    if (value->type == net->type) memmove(to.data, value->data, (size_t)n * fire_type_size(net->type));
    else for (int64_t k = 0; k < n; k++) fire_put(&to, k, fire_get(value, k));
    w->ready = true;
    return FIRE_OK;
}

fire_status fire_network_init(fire_network *net, uint64_t seed, fire_error *err) {
    if (net->onnx) return FIRE_OK;
    if (!net->built) return fire_fail(err, FIRE_E_NOT_BUILT, "the network has no weights before it knows its input; add an Input layer or build it");
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

/* ---- the graph ---- */

static bool used(const fire_graph *g, fire_value v) {
    for (int64_t i = 0; i < g->n_nodes; i++)
        for (int k = 0; k < g->node[i].n_in; k++)
            if (g->node[i].in[k] == v) return true;
    return false;
}

static fire_status forward(const fire_network *net, fire_graph *g, int64_t to, bool training, fire_network_graph *out, fire_value *weight_value, fire_error *err) {
    if (net->onnx) return fire_fail(err, FIRE_E_UNSUPPORTED, "the network was loaded from a plain ONNX graph, which has no layers");
    if (!net->built) return fire_fail(err, FIRE_E_NOT_BUILT, "the network does not know the shape of its input; add an Input layer, build it or give it data");
    fire_value *value = fire_alloc(net->ctx, (size_t)net->n_layers + 1, sizeof *value, err);
    if (!value) return FIRE_NOMEM;
    /* With first = false the build functions only read the network. */
    fire_build b = {.g = g, .net = (fire_network *)net, .training = training, .weight_value = weight_value};
    fire_network_graph made = {.x = fire_graph_input(g, "x", net->type, net->input)};
    value[0] = made.x;
    if (training) {
        b.row_id = fire_graph_input(g, "row_id", FIRE_I64, (fire_shape){1, {-1}});
        b.draw = fire_graph_input(g, "draw", FIRE_I64, (fire_shape){1, {2}});
    }
    build_layers(&b, 0, to, value);
    made.y = value[to];
    /* Layers that compute nothing hand on x itself; an output is a value of its own, in plans and in model files. */
    if (to == net->n_layers && made.y == made.x) made.y = fire_apply(g, "Identity", 1, &made.x, NULL);
    fire_free(net->ctx, value);
    fire_status s = fire_graph_check(g, err);
    if (s) return s;
    made.logits = fire_logits(g, made.y, NULL);
    if (training && used(g, b.row_id)) made.row_id = b.row_id;
    if (training && used(g, b.draw)) made.draw = b.draw;
    *out = made;
    return FIRE_OK;
}

fire_status fire_network_forward(const fire_network *net, fire_graph *g, bool training, fire_network_graph *out, fire_value *weight_value, fire_error *err) {
    return forward(net, g, net->n_layers, training, out, weight_value, err);
}

fire_status fire_network_prefix(const fire_network *net, fire_graph *g, int32_t layer, fire_network_graph *out, fire_value *weight_value, fire_error *err) {
    assert(layer >= 0 && layer < net->n_layers);
    return forward(net, g, net->layer[layer].in[0] + 1, false, out, weight_value, err);
}

/* ---- what it is ---- */

void fire_network_info_get(const fire_network *net, fire_network_info *info) {
    *info = (fire_network_info){
        .type = net->type, .built = net->built || net->onnx, .compiled = net->loss && net->optim, .loaded_as_onnx = net->onnx != NULL,
        .input = net->input, .output = net->output, .step = net->step, .epoch = net->epoch,
        .loss = net->loss_text ? net->loss_text : "", .optimizer = net->optim_text ? net->optim_text : "", .metrics = net->metrics_text ? net->metrics_text : "",
    };
    for (int64_t i = 0; i < net->n_weights; i++) {
        const fire_weight_slot *w = &net->weight[i];
        int64_t n = fire_count(&w->shape);
        info->params += n;
        if (w->trainable && net->layer[w->layer].trainable) info->trainable_params += n;
    }
    for (int64_t i = 0; i < net->n_layers; i++)
        if (!fire_add(info->flops, net->layer[i].flops, &info->flops)) info->flops = INT64_MAX;
    if (net->onnx) {
        info->flops = fire_graph_flops(net->onnx);
        info->has_logits = fire_logits(net->onnx, net->onnx_out, NULL) != 0;
    } else if (net->built) {
        /* The graph alone knows; one that cannot be made for want of memory has no logits to give either. */
        fire_graph g;
        fire_graph_init(&g, net->ctx);
        fire_network_graph made = {0};
        if (!fire_network_forward(net, &g, false, &made, NULL, NULL)) info->has_logits = made.logits != 0;
        fire_graph_clear(&g);
    }
    info->block_rows = fire_block_rows(net);
}

/* ---- as text, and copies ---- */

/* Attributes with name and trainable: what fire_network_add takes. Memory of the context. */
static char *layer_text(const fire_network *net, const fire_layer_node *n, fire_error *err) {
    fire_attr table[MAX_ATTRS];
    whole_table(n->kind, table);
    size_t bytes = fire_attrs_write(table, n->attrs, false, NULL, 0) + 1;
    char *text = fire_alloc(net->ctx, bytes, 1, err);
    if (text) fire_attrs_write(table, n->attrs, false, text, bytes);
    return text;
}

fire_status fire_network_describe(const fire_network *net, char **text, fire_error *err) {
    if (net->onnx) return fire_fail(err, FIRE_E_UNSUPPORTED, "the network was loaded from a plain ONNX graph, which has no layers");
    char *to = NULL;
    int64_t capacity = 0, n = 0;
    fire_status s = fire_grow(net->ctx, &to, &capacity, 256, 1, err);
    for (int64_t i = 0; i < net->n_layers && !s; i++) {
        const fire_layer_node *l = &net->layer[i];
        char *attrs = layer_text(net, l, err);
        if (!attrs) { s = FIRE_NOMEM; break; }
        int64_t need = n + (int64_t)strlen(l->kind->name) + (int64_t)strlen(attrs) + 3;
        s = fire_grow(net->ctx, &to, &capacity, need, 1, err);
        if (!s) n += snprintf(to + n, (size_t)(capacity - n), "%s%s%s\n", l->kind->name, *attrs ? " " : "", attrs);
        fire_free(net->ctx, attrs);
    }
    if (!s && net->built && !net->layer[0].kind->input_shape) {
        s = fire_grow(net->ctx, &to, &capacity, n + 24 * FIRE_MAX_RANK + 32, 1, err);
        if (!s) {
            n += snprintf(to + n, (size_t)(capacity - n), "built input=[");
            for (int d = 1; d < net->input.rank; d++) n += snprintf(to + n, (size_t)(capacity - n), "%s%lld", d > 1 ? "," : "", (long long)net->input.dim[d]);
            n += snprintf(to + n, (size_t)(capacity - n), "]\n");
        }
    }
    if (s) fire_free(net->ctx, to);
    else *text = to;
    return s;
}

/* Builds what has its input shape: from the first layer, or as given (rank -1: not built). */
static fire_status finish(fire_network *net, const fire_shape *input, fire_error *err) {
    fire_shape own = *input;
    if (net->n_layers && net->layer[0].kind->input_shape) {
        own.rank = 0;
        net->layer[0].kind->input_shape(net->layer[0].attrs, &own);
    }
    return own.rank < 0 ? FIRE_OK : fire_network_build(net, &own, err);
}

fire_status fire_network_restore(fire_context *ctx, fire_type type, const char *text, int64_t weight_limit, fire_network **out, fire_error *err) {
    typedef struct { fire_ints input; } built_attrs;
    static const fire_attr built_table[] = {{"input", FIRE_ATTR_INTS, offsetof(built_attrs, input), 0, 1, 1 << 30, NULL, NULL, "shape of a row"}, {0}};
    fire_network *net = NULL;
    fire_shape input = {.rank = -1};
    fire_status s = fire_network_new(ctx, type, &net, err);
    if (s) return s;
    net->weight_limit = weight_limit;
    fire_error why = {0};
    for (int64_t row = 1; *text && !s; row++) {
        size_t n = strcspn(text, "\n");
        char *line = fire_alloc(ctx, n + 1, 1, &why), kind[64];
        if (!line) { s = FIRE_NOMEM; break; }
        memcpy(line, text, n);
        text += n + (text[n] == '\n');
        const char *attrs = fire_name_read(line, kind, sizeof kind);
        if (input.rank >= 0) s = fire_fail(&why, FIRE_E_CORRUPT, "nothing may follow the line of the input shape");
        else if (!strcmp(kind, "built")) {
            built_attrs t = {0};
            s = fire_attrs_read("built", built_table, &t, attrs, NULL, 0, &why);
            if (!s && t.input.n >= FIRE_MAX_RANK) s = fire_fail(&why, FIRE_E_CORRUPT, "the input has %d dimensions, expected at most %d", (int)t.input.n, FIRE_MAX_RANK - 1);
            if (!s) {
                input.rank = t.input.n;
                for (int d = 0; d < input.rank; d++) input.dim[d] = t.input.v[d];
            }
        } else s = append(net, kind, attrs, &why);
        fire_free(ctx, line);
        if (s && why.status != FIRE_NOMEM) {
            s = fire_fail(err, FIRE_E_CORRUPT, "line %lld of the network's description: %s", (long long)row, why.message);
            fire_network_free(net);
            return s;
        }
    }
    if (s && err) *err = why;
    if (!s) s = finish(net, &input, err);
    net->weight_limit = 0;
    if (s) fire_network_free(net);
    else *out = net;
    return s;
}

fire_status fire_network_clone(const fire_network *net, fire_network **out, fire_error *err) {
    fire_network *copy = NULL;
    fire_status s = fire_network_new(net->ctx, net->type, &copy, err);
    if (s) return s;
    for (int64_t i = 0; i < net->n_layers && !s; i++) {
        char *text = layer_text(net, &net->layer[i], err);
        s = text ? append(copy, net->layer[i].kind->name, text, err) : FIRE_NOMEM;
        fire_free(net->ctx, text);
    }
    fire_shape input = {.rank = net->built ? net->input.rank - 1 : -1};
    for (int d = 0; d < input.rank; d++) input.dim[d] = net->input.dim[d + 1];
    if (!s) s = finish(copy, &input, err);
    if (!s && net->onnx) {
        copy->onnx = fire_alloc(net->ctx, 1, sizeof *copy->onnx, err);
        s = copy->onnx ? fire_graph_copy(net->onnx, copy->onnx, err) : FIRE_NOMEM;
        copy->onnx_in = net->onnx_in, copy->onnx_out = net->onnx_out;
        copy->input = net->input, copy->output = net->output;
    }
    if (!s && net->built) {
        assert(copy->n_weights == net->n_weights && copy->n_params == net->n_params && copy->n_fixed == net->n_fixed);
        size_t size = fire_type_size(net->type);
        memcpy(copy->params, net->params, (size_t)net->n_params * size);
        memcpy(copy->fixed, net->fixed, (size_t)net->n_fixed * size);
        for (int64_t i = 0; i < net->n_weights; i++) copy->weight[i].ready = net->weight[i].ready;
    }
    if (!s && (net->loss || net->optim)) s = fire_network_compile(copy, net->optim_text, net->loss_text, net->metrics_text, err);
    for (int64_t i = 0; i < net->n_notes && !s; i++) s = fire_network_set_note(copy, net->note[i].key, net->note[i].text, err);
    copy->last_seed = net->last_seed;
    if (s) fire_network_free(copy);
    else *out = copy;
    return s;
}
