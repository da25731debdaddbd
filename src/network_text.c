/* network_text.c - what a network is: its figures, its description as text, and copies made from that. */
#include "network.h"
#include "formats/onnx.h"
#include "wire.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

/* ---- what it is ---- */

void fire_network_info_get(const fire_network *net, fire_network_info *info) {
    *info = (fire_network_info){
        .type = net->type, .built = net->built || net->onnx_out, .compiled = net->loss && net->optim, .loaded_as_onnx = net->onnx != NULL,
        .input = net->input, .output = net->output, .step = net->step, .epoch = net->epoch,
        .no_layers = net->no_layers ? net->no_layers : "",
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
        info->flops = fire_graph_flops(net->onnx, NULL);
        info->has_logits = net->onnx_out && fire_logits(net->onnx, net->onnx_out, NULL) != 0;
    } else if (net->built && !fire_scorer_logits(net, &info->has_logits)) {
        /* The graph alone knows; one that cannot be made for want of memory has no logits to give either. */
        fire_graph g;
        fire_graph_init(&g, net->ctx);
        fire_network_graph made = {0};
        if (!fire_network_forward(net, &g, &(fire_forward){0}, &made, NULL)) info->has_logits = made.logits != 0;
        fire_graph_clear(&g);
    }
    info->chain = fire_network_is_chain(net);
    info->n_inputs = net->n_inputs;
    info->n_outputs = net->n_outputs;
    info->block_rows = fire_block_rows(net);
}

/* ---- as text, and copies ---- */

fire_status fire_network_describe(const fire_network *net, char **text, fire_error *err) {
    if (net->onnx) return fire_network_no_layers(net, "describe", err);
    fire_buffer b = {.ctx = net->ctx};
    for (int64_t i = 0; i < net->n_layers; i++) {
        const fire_layer_node *l = &net->layer[i];
        char *attrs = fire_layer_text(net, l, err);
        if (!attrs) {
            fire_buffer_free(&b);
            return FIRE_NOMEM;
        }
        fire_buffer_add(&b, l->kind->name, strlen(l->kind->name));
        if (*attrs) fire_buffer_add(&b, " ", 1);
        fire_buffer_add(&b, attrs, strlen(attrs));
        fire_buffer_add(&b, "\n", 1);
        fire_free(net->ctx, attrs);
    }
    if (!fire_network_is_chain(net)) {
        for (int64_t u = 0; u < net->n_uses; u++) {
            fire_buffer_text(&b, "use layer=%d in=[", (int)net->use[u].layer);
            for (int k = 0; k < net->use[u].n_in; k++) fire_buffer_text(&b, "%s%d", k ? "," : "", (int)net->use[u].in[k]);
            fire_buffer_text(&b, "]\n");
        }
        fire_buffer_text(&b, "outputs in=[");
        for (int k = 0; k < net->n_outputs; k++) fire_buffer_text(&b, "%s%d", k ? "," : "", (int)net->output_part[k]);
        fire_buffer_text(&b, "]\n");
    } else if (net->built && !net->layer[0].kind->input_shape) {
        fire_buffer_text(&b, "built input=[");
        for (int d = 1; d < net->input.rank; d++) fire_buffer_text(&b, "%s%lld", d > 1 ? "," : "", (long long)net->input.dim[d]);
        fire_buffer_text(&b, "]\n");
    }
    fire_buffer_add(&b, "", 1);
    if (b.first.status) {
        fire_status s = fire_fail(err, b.first.code, "%s", b.first.message);
        fire_buffer_free(&b);
        return s;
    }
    *text = (char *)b.data;
    return FIRE_OK;
}

/* Part k of the input is what the Input layer says. */
static void take_input(fire_network *net, const fire_layer_node *n) {
    fire_shape row = {0}, *shape = &net->input_part[net->n_inputs++];
    n->kind->input_shape(n->attrs, &row);
    *shape = (fire_shape){.rank = row.rank + 1, .dim = {-1}};
    for (int d = 0; d < row.rank; d++) shape->dim[d + 1] = row.dim[d];
}

/* Every layer is used once, by the next one. */
static fire_status make_chain(fire_network *net, fire_error *err) {
    fire_status s = FIRE_OK;
    for (int32_t i = 0; i < net->n_layers && !s; i++) {
        const fire_layer_node *n = &net->layer[i];
        int32_t in = i ? (i - 1) * FIRE_LAYER_OUT : -1;
        if (n->kind->input_shape && i) return fire_fail(err, FIRE_E_CORRUPT, "layer '%s': an Input layer must come first", n->name);
        if (n->kind->input_shape) take_input(net, n);
        s = fire_network_append_use(net, i, 1, &in, err);
        net->output_part[0] = i * FIRE_LAYER_OUT;
        net->n_outputs = 1;
    }
    return s;
}

/* Builds what has its input shape: from Input layers, or as given (rank -1: not built). */
static fire_status finish(fire_network *net, const fire_shape *input, fire_error *err) {
    if (!net->n_inputs) return input->rank < 0 ? FIRE_OK : fire_network_build(net, input, err);
    fire_status s = fire_network_shape(net, 0, err);
    net->built = !s;
    return s;
}

/* What the lines behind those of the layers say. */
typedef struct { fire_ints in; int64_t layer; } line_attrs;
static const fire_attr built_table[] = {{"input", FIRE_ATTR_INTS, offsetof(line_attrs, in), 0, 1, 1 << 30, NULL, NULL, "shape of a row"}, {0}};
static const fire_attr use_table[] = {
    {"layer", FIRE_ATTR_INT, offsetof(line_attrs, layer), 0, 0, INT32_MAX, NULL, NULL, "number of the layer"},
    {"in", FIRE_ATTR_INTS, offsetof(line_attrs, in), 0, INT32_MIN, INT32_MAX, NULL, NULL, "tensors that go into it"},
    {0},
};
static const fire_attr outputs_table[] = {{"in", FIRE_ATTR_INTS, offsetof(line_attrs, in), 0, 0, INT32_MAX, NULL, NULL, "tensors that come out of the network"}, {0}};

static bool known_tensors(const fire_network *net, const fire_ints *in) {
    for (int k = 0; k < in->n; k++)
        if (in->v[k] < 0 || in->v[k] / FIRE_LAYER_OUT >= net->n_uses) return false;
    return in->n > 0;
}

static fire_status read_use(fire_network *net, const char *attrs, fire_error *err) {
    line_attrs t = {0};
    int32_t in[FIRE_MAX_IN];
    fire_status s = fire_attrs_read("use", use_table, &t, attrs, NULL, 0, err);
    if (s) return s;
    if (t.layer >= net->n_layers) return fire_fail(err, FIRE_E_CORRUPT, "there is no layer %lld", (long long)t.layer);
    const fire_layer_node *n = &net->layer[t.layer];
    if (n->kind->input_shape) {
        if (net->n_inputs == FIRE_MAX_PARTS || t.in.n != 1 || t.in.v[0] != -1 - net->n_inputs) return fire_fail(err, FIRE_E_CORRUPT, "the inputs are not in order");
        take_input(net, n);
    } else if (!known_tensors(net, &t.in)) return fire_fail(err, FIRE_E_CORRUPT, "a tensor is used before it is made");
    for (int k = 0; k < t.in.n; k++) in[k] = (int32_t)t.in.v[k];
    return fire_network_append_use(net, (int32_t)t.layer, t.in.n, in, err);
}

static fire_status read_outputs(fire_network *net, const char *attrs, fire_error *err) {
    line_attrs t = {0};
    fire_status s = fire_attrs_read("outputs", outputs_table, &t, attrs, NULL, 0, err);
    if (s) return s;
    if (!known_tensors(net, &t.in) || !net->n_inputs) return fire_fail(err, FIRE_E_CORRUPT, "an output is no tensor of the network");
    for (int k = 0; k < t.in.n; k++) net->output_part[k] = (int32_t)t.in.v[k];
    net->n_outputs = t.in.n;
    return FIRE_OK;
}

fire_status fire_network_restore(fire_context *ctx, fire_type type, const char *text, struct fire_onnx_file *home, int64_t weight_limit, fire_network **out, fire_error *err) {
    fire_network *net = NULL;
    fire_shape input = {.rank = -1};
    fire_status s = fire_network_new(ctx, type, &net, err);
    if (s) return s;
    if (home) fire_network_set_apart(net, home);
    net->weight_limit = weight_limit;
    fire_error why = {0};
    for (int64_t row = 1; *text && !s; row++) {
        size_t n = strcspn(text, "\n");
        char *line = fire_alloc(ctx, n + 1, 1, &why), kind[64];
        if (!line) { s = FIRE_NOMEM; break; }
        memcpy(line, text, n);
        text += n + (text[n] == '\n');
        const char *attrs = fire_name_read(line, kind, sizeof kind);
        if (input.rank >= 0 || net->n_outputs) s = fire_fail(&why, FIRE_E_CORRUPT, "nothing may follow the line of the input shape or of the outputs");
        else if (!strcmp(kind, "built")) {
            line_attrs t = {0};
            s = fire_attrs_read("built", built_table, &t, attrs, NULL, 0, &why);
            if (!s && t.in.n >= FIRE_MAX_RANK) s = fire_fail(&why, FIRE_E_CORRUPT, "the input has %d dimensions, expected at most %d", (int)t.in.n, FIRE_MAX_RANK - 1);
            if (!s) {
                input.rank = t.in.n;
                for (int d = 0; d < input.rank; d++) input.dim[d] = t.in.v[d];
            }
        } else if (!strcmp(kind, "use")) s = read_use(net, attrs, &why);
        else if (!strcmp(kind, "outputs")) s = read_outputs(net, attrs, &why);
        else if (net->n_uses) s = fire_fail(&why, FIRE_E_CORRUPT, "a layer follows where the uses of layers began");
        else s = fire_network_append(net, kind, attrs, &why);
        fire_free(ctx, line);
        if (s && why.status != FIRE_NOMEM) {
            s = fire_fail(err, FIRE_E_CORRUPT, "line %lld of the network's description: %s", (long long)row, why.message);
            fire_network_free(net);
            return s;
        }
    }
    if (s && err) *err = why;
    if (!s && net->n_uses && !net->n_outputs) s = fire_fail(err, FIRE_E_CORRUPT, "the network's description names no outputs");
    if (!s && !net->n_uses) s = make_chain(net, err);
    if (!s) s = finish(net, &input, err);
    net->weight_limit = 0;
    if (s) fire_network_free(net);
    else *out = net;
    return s;
}

/* Layers and how they are connected. */
static fire_status copy_layers(const fire_network *net, fire_network *copy, fire_error *err) {
    fire_status s = FIRE_OK;
    for (int64_t i = 0; i < net->n_layers && !s; i++) {
        char *text = fire_layer_text(net, &net->layer[i], err);
        s = text ? fire_network_append(copy, net->layer[i].kind->name, text, err) : FIRE_NOMEM;
        fire_free(net->ctx, text);
    }
    for (int64_t u = 0; u < net->n_uses && !s; u++) s = fire_network_append_use(copy, net->use[u].layer, net->use[u].n_in, net->use[u].in, err);
    if (s) return s;
    memcpy(copy->input_part, net->input_part, sizeof net->input_part);
    memcpy(copy->output_part, net->output_part, sizeof net->output_part);
    copy->n_inputs = net->n_inputs;
    copy->n_outputs = net->n_outputs;
    if (net->built) s = fire_network_shape(copy, 0, err);
    copy->built = net->built && !s;
    return s;
}

fire_status fire_network_clone(const fire_network *net, fire_network **out, fire_error *err) {
    fire_network *copy = NULL;
    fire_status s = fire_network_new(net->ctx, net->type, &copy, err);
    if (s) return s;
    if (net->apart) fire_network_set_apart(copy, net->home);
    if (!net->onnx) s = copy_layers(net, copy, err);
    if (!s && net->onnx) {
        s = fire_onnx_model_new(net->ctx, fire_onnx_model_file(net->onnx_file), &copy->onnx_file, err);
        if (!s && !(copy->onnx = fire_alloc(net->ctx, 1, sizeof *copy->onnx, err))) s = FIRE_NOMEM;
        if (!s) s = fire_graph_copy(net->onnx, copy->onnx, err);
        if (!s && net->no_layers && !(copy->no_layers = fire_copy_text(net->ctx, net->no_layers, err))) s = FIRE_NOMEM;
        copy->onnx_in = net->onnx_in, copy->onnx_out = net->onnx_out;
        copy->input = net->input, copy->output = net->output;
    }
    if (!s && net->built) {
        assert(copy->n_weights == net->n_weights && copy->n_params == net->n_params && copy->n_fixed == net->n_fixed);
        size_t size = fire_type_size(net->type);
        if (net->apart) s = fire_network_share_weights(net, copy, err);
        else {
            memcpy(copy->params, net->params, (size_t)net->n_params * size);
            memcpy(copy->fixed, net->fixed, (size_t)net->n_fixed * size);
        }
        for (int64_t i = 0; i < net->n_weights; i++) copy->weight[i].ready = net->weight[i].ready;
    }
    if (!s && (net->loss || net->optim)) s = fire_network_compile(copy, net->optim_text, net->loss_text, net->metrics_text, err);
    for (int64_t i = 0; i < net->n_notes && !s; i++) s = fire_network_set_note(copy, net->note[i].key, net->note[i].text, err);
    copy->last_seed = net->last_seed;
    if (s) fire_network_free(copy);
    else *out = copy;
    return s;
}
