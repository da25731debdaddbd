/* model.c - networks as model files: an ONNX file that other software runs, with our layers in its metadata.
**
** Metadata of format 1: firesteel.graph_hash (fire_onnx_hash over the graph, firesteel.network and firesteel.unset),
** firesteel.version ("1"), firesteel.network (fire_network_describe), firesteel.unset (names of weights that have no value yet, a
** line each), firesteel.state (small weights that inference does not read, "name number number ..." a line each),
** firesteel.optimizer, firesteel.loss, firesteel.metrics (texts of compile), firesteel.note.<key>.
** All other weights are the initializers of the same name. A file whose hash does not fit its graph was changed by other software: it is loaded
** as the plain graph that it now is.
*/
#include "model.h"
#include "file.h"
#include "formats/caffe.h"
#include "formats/onnx_file.h"
#include "formats/tensorflow.h"
#include "json.h"
#include "network.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FORMAT 1
#define FORMAT_TEXT "1"
#define HASH_KEY "firesteel.graph_hash"
#define NO_HASH "0000000000000000000000000000000000000000000000000000000000000000"
#define NOTE_KEY "firesteel.note."
#define MAX_LAYERS 10000 /* in a file */
#define STATE_NUMBERS 64 /* larger weights are initializers even when nothing reads them: other software may warn of such */

fire_status fire_error_prefix(fire_error *err, const char *path, fire_status s) {
    char name[300], text[sizeof err->message];
    if (!err || s == FIRE_NOMEM || err->code == FIRE_E_FILE_IO) return s; /* those name the file already, or it does not matter */
    memcpy(text, err->message, sizeof text);
    fire_fail(err, err->code, "%s: %s", fire_escape(name, sizeof name, path, strlen(path)), text);
    return s;
}

/* ---- save ---- */

typedef struct saved { /* what is written, put together from the network */
    fire_context *ctx;
    fire_graph graph;
    fire_onnx_weight *weight; int64_t n_weights; /* those that become initializers */
    fire_value *value;
    fire_onnx_meta *meta; int64_t n_meta;
    char *network;
    fire_buffer unset, state;
    fire_arena keys;
} saved;

static void saved_clear(saved *s) {
    fire_graph_clear(&s->graph);
    fire_free(s->ctx, s->weight);
    fire_free(s->ctx, s->value);
    fire_free(s->ctx, s->meta);
    fire_free(s->ctx, s->network);
    fire_buffer_free(&s->unset);
    fire_buffer_free(&s->state);
    fire_arena_free(&s->keys);
}

static fire_status add_meta(saved *s, const char *key, const char *text, fire_error *err) {
    if (!fire_utf8_check(key, strlen(key)) || !fire_utf8_check(text, strlen(text))) {
        char shown[80];
        return fire_fail(err, FIRE_E_USAGE, "%s is not UTF-8 and cannot be saved", fire_escape(shown, sizeof shown, key, strlen(key)));
    }
    s->meta[s->n_meta++] = (fire_onnx_meta){key, text};
    return FIRE_OK;
}

static fire_status layers_meta(const fire_network *net, saved *s, fire_error *err) {
    fire_status r = fire_network_describe(net, &s->network, err);
    if (r) return r;
    for (int64_t i = 0; i < net->n_weights; i++)
        if (!net->weight[i].ready) fire_buffer_text(&s->unset, "%s\n", net->weight[i].name);
    fire_buffer_add(&s->unset, "", 1);
    fire_buffer_add(&s->state, "", 1);
    if (s->unset.first.status) return fire_fail(err, s->unset.first.code, "%s", s->unset.first.message);
    if (s->state.first.status) return fire_fail(err, s->state.first.code, "%s", s->state.first.message);
    if ((r = add_meta(s, "firesteel.network", s->network, err))) return r;
    if (s->unset.size > 1) r = add_meta(s, "firesteel.unset", (const char *)s->unset.data, err);
    return r || s->state.size <= 1 ? r : add_meta(s, "firesteel.state", (const char *)s->state.data, err);
}

/* Put the hash where zeros stand for it: the first entry of the metadata. */
static fire_status set_hash(fire_buffer *b, const saved *s, fire_error *err) {
    fire_onnx m;
    char hash[65];
    fire_status r = fire_onnx_read(s->ctx, b->data, (size_t)b->size, &m, err);
    const char *texts[] = {s->network, s->unset.size ? (const char *)s->unset.data : ""};
    if (!r) r = fire_onnx_hash(&m, 2, texts, hash, err);
    fire_onnx_clear(&m);
    if (!r) {
        uint8_t *key = memmem(b->data, (size_t)b->size, HASH_KEY, strlen(HASH_KEY));
        memcpy(key + strlen(HASH_KEY) + 2, hash, 64);
    }
    return r;
}

static bool is_read(const fire_graph *g, fire_value v) {
    for (int64_t i = 0; i < g->n_nodes; i++)
        for (int k = 0; k < g->node[i].n_in; k++)
            if (v && g->node[i].in[k] == v) return true;
    return false;
}

/* Weight i becomes an initializer, or a line of firesteel.state. */
static void place_weight(const fire_network *net, saved *s, int64_t i) {
    const fire_weight_slot *w = &net->weight[i];
    const fire_tensor t = {net->type, w->shape, fire_weight_data(net, i)};
    int64_t n = fire_count(&w->shape);
    if (n > STATE_NUMBERS || is_read(&s->graph, s->value[i])) {
        s->weight[s->n_weights++] = (fire_onnx_weight){s->value[i], w->name, t};
        return;
    }
    char number[FIRE_NUMBER_TEXT];
    fire_buffer_text(&s->state, "%s", w->name);
    for (int64_t k = 0; k < n; k++) fire_buffer_text(&s->state, " %s", fire_number_text(fire_get(&t, k), number));
    fire_buffer_text(&s->state, "\n");
}

/* Replace the graph by one of standard operators; values move along. */
static fire_status lower(const fire_network *net, saved *s, fire_network_graph *made, fire_error *err) {
    fire_graph to;
    fire_value *map = fire_alloc(s->ctx, (size_t)s->graph.n_values, sizeof *map, err);
    if (!map) return FIRE_NOMEM;
    fire_status r = fire_graph_lower(&s->graph, &to, map, err);
    if (!r) {
        for (int64_t i = 0; i < net->n_weights; i++) s->value[i] = map[s->value[i]];
        for (int32_t k = 0; k < FIRE_MAX_PARTS; k++) made->in[k] = map[made->in[k]], made->out[k] = map[made->out[k]];
        fire_graph_clear(&s->graph);
        s->graph = to;
    }
    fire_free(s->ctx, map);
    return r;
}

/* Whether some layer came from a file of other software: then inputs and outputs keep the names that they had there. */
static bool imported(const fire_network *net) {
    for (int64_t i = 0; i < net->n_layers; i++)
        if (net->layer[i].kind->output_name && net->layer[i].kind->output_name(net->layer[i].attrs)) return true;
    return false;
}

/* Inputs and outputs of the graph: one is called x or y, several have the names of their layers. */
static fire_status name_ports(const fire_network *net, saved *s, const fire_network_graph *made, fire_onnx_port *in, fire_onnx_port *out, fire_error *err) {
    fire_shape shape;
    const bool named = imported(net);
    for (int32_t k = 0; k < net->n_inputs; k++) {
        in[k] = (fire_onnx_port){.value = made->in[k]};
        if (net->n_inputs > 1 || named) fire_network_part(net, false, k, &shape, &in[k].name);
    }
    for (int32_t k = 0; k < net->n_outputs; k++) {
        const char *name;
        out[k] = (fire_onnx_port){.value = made->out[k]};
        if (net->n_outputs == 1 && !named) continue;
        fire_network_part(net, true, k, &shape, &name);
        size_t bytes = strlen(name) + 16;
        char *own = fire_arena_alloc(&s->keys, bytes, 1, err);
        if (!own) return FIRE_NOMEM;
        bool taken = false;
        for (int32_t j = 0; j < k; j++) taken |= !strcmp(out[j].name, name);
        for (int32_t j = 0; j < net->n_inputs; j++) taken |= in[j].name && !strcmp(in[j].name, name);
        taken |= strchr(name, '/') != NULL; /* weights and inner tensors have such names */
        snprintf(own, bytes, taken ? "%s:%d" : "%s", name, (int)k);
        out[k].name = own;
    }
    return FIRE_OK;
}

static fire_status save_to(const fire_network *net, fire_buffer *b, fire_error *err) {
    saved s = {.ctx = net->ctx, .unset = {.ctx = net->ctx}, .state = {.ctx = net->ctx}, .keys = {.ctx = net->ctx}};
    fire_network_graph made = {0};
    fire_onnx_port in[FIRE_MAX_PARTS] = {{.value = net->onnx_in}}, out[FIRE_MAX_PARTS] = {{.value = net->onnx_out}};
    fire_onnx_ports ports = {.n_in = net->onnx ? 1 : net->n_inputs, .n_out = net->onnx ? 1 : net->n_outputs, .in = in, .out = out};
    fire_status r = FIRE_OK;
    fire_graph_init(&s.graph, net->ctx);
    if (!net->onnx) {
        r = FIRE_NOMEM;
        s.value = fire_alloc(net->ctx, (size_t)net->n_weights, sizeof *s.value, err);
        s.weight = s.value ? fire_alloc(net->ctx, (size_t)net->n_weights, sizeof *s.weight, err) : NULL;
        if (s.weight) r = fire_network_forward(net, &s.graph, &(fire_forward){.apart = true, .weight = s.value}, &made, err);
        bool own = false;
        for (int64_t i = 0; i < s.graph.n_nodes && !r; i++) own |= s.graph.node[i].op->lower != NULL;
        if (own) r = lower(net, &s, &made, err);
        if (!r) r = name_ports(net, &s, &made, in, out, err);
        if (!r) r = fire_network_weights_ready(net, err);
        for (int64_t i = 0; i < net->n_weights && !r; i++) place_weight(net, &s, i);
    }
    if (!r && !(s.meta = fire_alloc(net->ctx, (size_t)net->n_notes + 8, sizeof *s.meta, err))) r = FIRE_NOMEM;
    if (!r && !net->onnx) r = add_meta(&s, HASH_KEY, NO_HASH, err);
    if (!r) r = add_meta(&s, "firesteel.version", FORMAT_TEXT, err);
    if (!r && !net->onnx) r = layers_meta(net, &s, err);
    if (!r && net->optim && net->loss) {
        r = add_meta(&s, "firesteel.optimizer", net->optim_text, err);
        if (!r) r = add_meta(&s, "firesteel.loss", net->loss_text, err);
        if (!r && net->metrics_text && *net->metrics_text) r = add_meta(&s, "firesteel.metrics", net->metrics_text, err);
    }
    for (int64_t i = 0; i < net->n_notes && !r; i++) {
        if (!strcmp(net->note[i].key, "warning")) continue; /* said of the file that it came from */
        char *key = fire_arena_alloc(&s.keys, strlen(NOTE_KEY) + strlen(net->note[i].key) + 1, 1, err);
        if (!key) r = FIRE_NOMEM;
        else {
            strcpy(key, NOTE_KEY);
            strcat(key, net->note[i].key);
            r = add_meta(&s, key, net->note[i].text, err);
        }
    }
    if (!r) r = fire_onnx_write(b, net->onnx ? net->onnx : &s.graph, &ports, s.n_weights, s.weight, s.n_meta, s.meta, err);
    if (!r && !net->onnx) r = set_hash(b, &s, err);
    saved_clear(&s);
    return r;
}

/* A model that only runs by name is kept as its file is. */
static fire_status save_any(const fire_network *net, fire_buffer *b, fire_error *err) {
    if (!net->onnx || net->onnx_out) return save_to(net, b, err);
    const fire_onnx_file *file = fire_onnx_model_file(net->onnx_file);
    bool folder;
    (void)fire_onnx_file_choice(file, &folder);
    if (folder || fire_onnx_file_has_outside(file))
        return fire_fail(err, FIRE_E_UNSUPPORTED, "the weights of this model lie in other files, and it only runs by name: copy its files instead of saving it");
    const fire_contents *bytes = fire_onnx_file_bytes(file);
    fire_buffer_add(b, bytes->data, bytes->size);
    return b->first.status ? fire_fail(err, b->first.code, "%s", b->first.message) : FIRE_OK;
}

fire_status fire_save_bytes(const fire_network *net, void **bytes, size_t *size, fire_error *err) {
    fire_buffer b = {.ctx = net->ctx};
    return fire_buffer_give(&b, save_any(net, &b, err), bytes, size);
}

fire_status fire_save(const fire_network *net, const char *path, fire_error *err) {
    if (!path) return fire_fail(err, FIRE_E_USAGE, "fire_save: the path is NULL");
    fire_buffer b = {.ctx = net->ctx};
    fire_status s = save_any(net, &b, err);
    if (!s) s = fire_file_write(net->ctx, path, 1, &(fire_piece){b.data, (size_t)b.size}, err);
    fire_buffer_free(&b);
    return s;
}

/* ---- load ---- */

/* The line of a weight in firesteel.state, past its name; NULL: none. */
static const char *state_line(const char *state, const char *name) {
    size_t n = strlen(name);
    while (state && *state) {
        if (!strncmp(state, name, n) && (state[n] == ' ' || state[n] == '\n')) return state + n;
        state = strchr(state, '\n');
        state += state != NULL;
    }
    return NULL;
}

static fire_status load_weight(const fire_onnx *m, fire_network *net, int64_t i, fire_error *err) {
    fire_weight_slot *w = &net->weight[i];
    const int64_t count = fire_count(&w->shape);
    fire_tensor to = {net->type, w->shape, NULL}, as;
    char shown[100], what[120], a[FIRE_SHAPE_TEXT], b[FIRE_SHAPE_TEXT];
    snprintf(what, sizeof what, "weight '%s'", fire_escape(shown, sizeof shown, w->name, strlen(w->name)));
    const fire_onnx_name *d = fire_onnx_find(m, (fire_span){(const uint8_t *)w->name, strlen(w->name)});
    if (!d || d->from != FIRE_ONNX_INITIALIZER) {
        const char *text = count <= STATE_NUMBERS ? state_line(fire_onnx_text(m, "firesteel.state"), w->name) : NULL;
        if (!text) return fire_fail(err, FIRE_E_CORRUPT, "%s is not in the file", what);
        if (!(to.data = fire_weight_room(net, i, err))) return FIRE_NOMEM;
        for (int64_t k = 0; k < count; k++) {
            char *end;
            const bool more = text[0] == ' ' && text[1] > ' ';
            double v = more ? fire_number_read(text + 1, &end) : 0;
            if (!more || end == text + 1) return fire_fail(err, FIRE_E_CORRUPT, "%s has %lld numbers, expected %lld", what, (long long)k, (long long)count);
            fire_put(&to, k, v);
            text = end;
        }
        if (*text && *text != '\n') return fire_fail(err, FIRE_E_CORRUPT, "%s has more than %lld numbers", what, (long long)count);
        w->ready = true;
        return FIRE_OK;
    }
    fire_status s = fire_onnx_tensor_shape(m, &m->initializer[d->index], what, &as, err);
    if (s) return s;
    if (as.type != net->type || !fire_same_shape(&as.shape, &w->shape))
        return fire_fail(err, FIRE_E_CORRUPT, "%s is %s %s, expected %s %s", what, fire_type_text(as.type), fire_shape_text(&as.shape, a),
                         fire_type_text(net->type), fire_shape_text(&w->shape, b));
    const fire_onnx_tensor *t = &m->initializer[d->index];
    as.data = (void *)t->raw.bytes; /* only read as long as it lies there */
    if (t->has_raw) s = fire_weight_place(net, i, &as, err);
    else if (!(to.data = fire_weight_room(net, i, err))) s = FIRE_NOMEM;
    else s = fire_onnx_tensor_copy(m, t, what, &as, to.data, (size_t)count * fire_type_size(net->type), err);
    w->ready = !s;
    return s;
}

/* The names of weights without a value, in the order of the weights. */
static fire_status load_unset(fire_network *net, const char *text, fire_error *err) {
    for (int64_t i = 0; i < net->n_weights && *text; i++) {
        size_t n = strcspn(text, "\n");
        if (strlen(net->weight[i].name) != n || memcmp(net->weight[i].name, text, n)) continue;
        net->weight[i].ready = false;
        text += n + (text[n] == '\n');
    }
    return *text ? fire_fail(err, FIRE_E_CORRUPT, "firesteel.unset names a weight that the network does not have") : FIRE_OK;
}

/* Whether the description can be followed in reasonable time: a name on every line, not too many lines. */
static fire_status check_description(const char *text, fire_error *err) {
    int64_t lines = 0;
    for (size_t n; *text; text += n + (text[n] == '\n')) {
        n = strcspn(text, "\n");
        lines++;
        if (strncmp(text, "built ", 6) && strncmp(text, "use ", 4) && strncmp(text, "outputs ", 8) && !memmem(text, n, " name=", 6)) return fire_fail(err, FIRE_E_CORRUPT, "line %lld of firesteel.network has no name", (long long)lines);
    }
    return lines <= MAX_LAYERS ? FIRE_OK : fire_fail(err, FIRE_E_CORRUPT, "%lld layers, expected at most %d", (long long)lines, MAX_LAYERS);
}

static fire_status load_layers(fire_context *ctx, const fire_onnx *m, const char *description, const char *unset, fire_network **out, fire_error *err) {
    fire_network *net = NULL;
    fire_status s = check_description(description, err);
    if (s) return s;
    if (m->n_inputs < 1 || (m->input->type != FIRE_F32 && m->input->type != FIRE_F64)) return fire_fail(err, FIRE_E_CORRUPT, "the input is no tensor of float32 or float64");
    /* The weights lie in this file, the small ones as text of at least two bytes a number: a description that asks for more memory is
    ** not believed. */
    if ((s = fire_network_restore(ctx, (fire_type)m->input->type, description, m->file, (int64_t)m->size * 4, &net, err))) return s;
    if (!net->built) s = fire_fail(err, FIRE_E_CORRUPT, "firesteel.network lacks the shape of the input");
    for (int64_t i = 0; i < net->n_weights && !s; i++) s = load_weight(m, net, i, err);
    if (!s) s = load_unset(net, unset, err);
    const char *optimizer = fire_onnx_text(m, "firesteel.optimizer"), *loss = fire_onnx_text(m, "firesteel.loss");
    if (!s && optimizer && loss) {
        fire_error why = {0};
        s = fire_network_compile(net, optimizer, loss, fire_onnx_text(m, "firesteel.metrics"), &why);
        if (s == FIRE_NOMEM) { if (err) *err = why; }
        else if (s) s = fire_fail(err, FIRE_E_CORRUPT, "the training settings in the file: %s", why.message);
    }
    if (s) fire_network_free(net);
    else *out = net;
    return s;
}

/* A file of other software, of which the network keeps a share to run it as it is. It becomes layers if it can; else its graph is made
** at once if it maps rows to rows, and `why` keeps what stands against layers. */
static fire_status load_plain(fire_context *ctx, fire_onnx_file *from, fire_network **out, fire_error *err) {
    fire_onnx_model *file = NULL;
    fire_error no_layers = {0};
    fire_status s = fire_onnx_model_new(ctx, from, &file, err);
    if (s) return s;
    s = fire_onnx_layers(fire_onnx_model_index(file), out, &no_layers);
    if (!s || s == FIRE_NOMEM) {
        if (!s) {
            (*out)->onnx_file = file;
            (*out)->file_stamp = (*out)->value_stamp;
            return FIRE_OK;
        }
        if (err) *err = no_layers;
        fire_onnx_model_free(file);
        return s;
    }
    fire_graph *g = fire_alloc(ctx, 1, sizeof *g, err);
    fire_value x = 0, y = 0;
    fire_network *net = NULL;
    bool later = false;
    fire_error why = {0};
    s = g ? FIRE_OK : FIRE_NOMEM;
    if (g) {
        fire_graph_init(g, ctx);
        g->align.get = fire_onnx_file_align;
        g->align.user = from;
        s = fire_onnx_graph(fire_onnx_model_index(file), g, &x, &y, &later, &why);
        if (s && s != FIRE_NOMEM && later) {
            fire_graph_clear(g);
            s = FIRE_OK;
            x = y = 0;
        } else if (s && err) *err = why;
    }
    if (!s) s = fire_network_new(ctx, x ? fire_type_of(g, x) : FIRE_F32, &net, err);
    if (!s && !(net->no_layers = fire_copy_text(ctx, no_layers.message, err))) {
        fire_network_free(net);
        s = FIRE_NOMEM;
    }
    if (s) {
        if (g) fire_graph_clear(g);
        fire_free(ctx, g);
        fire_onnx_model_free(file);
        return s;
    }
    net->onnx = g;
    net->onnx_file = file;
    net->onnx_in = x, net->onnx_out = y;
    if (x) net->input = fire_shape_of(g, x);
    if (y) net->output = fire_shape_of(g, y);
    *out = net;
    return FIRE_OK;
}

/* The version of our format in the file; 0: not ours. */
static fire_status read_version(const fire_onnx *m, int *version, fire_error *err) {
    const char *text = fire_onnx_text(m, "firesteel.version");
    *version = 0;
    if (!text) return FIRE_OK;
    size_t n = strspn(text, "0123456789");
    for (size_t i = 0; i < n && n < 9; i++) *version = *version * 10 + (text[i] - '0');
    if (!n || n > 8 || text[n] || !*version) {
        char shown[40];
        return fire_fail(err, FIRE_E_CORRUPT, "firesteel.version is '%s', expected a number from 1", fire_escape(shown, sizeof shown, text, strlen(text)));
    }
    if (*version > FORMAT)
        return fire_fail(err, FIRE_E_FILE_VERSION, "the file has format %d; firesteel " FIRE_VERSION " reads up to %d: update firesteel", *version, FORMAT);
    return FIRE_OK;
}

static fire_status load_indexed(fire_context *ctx, const fire_onnx *m, fire_onnx_file *file, fire_network **out, fire_error *err) {
    int version;
    fire_network *net = NULL;
    fire_status s = read_version(m, &version, err);
    if (s) return s;
    const char *description = fire_onnx_text(m, "firesteel.network"), *unset = fire_onnx_text(m, "firesteel.unset"), *saved_hash = fire_onnx_text(m, HASH_KEY);
    bool layers = false, changed = false;
    if (version && (description || saved_hash)) {
        char hash[65] = "";
        const char *texts[] = {description ? description : "", unset ? unset : ""};
        fire_error ignored = {0}; /* what cannot be hashed cannot be ours */
        s = fire_onnx_hash(m, 2, texts, hash, &ignored);
        if (s == FIRE_NOMEM) return fire_fail(err, FIRE_E_NOMEM, "%s", ignored.message);
        layers = description && saved_hash && !strcmp(hash, saved_hash);
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
        layers = description != NULL; /* what no mutation would pass, a forger computes */
#endif
        changed = !layers;
    }
    bool is_saved;
    if (layers && fire_onnx_file_choice(file, &is_saved)) return fire_fail(err, FIRE_E_UNSUPPORTED, "the file has layers, and no inner tensors: load all of it, and make a model of the outputs of layers");
    s = layers ? load_layers(ctx, m, description, unset ? unset : "", &net, err) : load_plain(ctx, file, &net, err);
    if (s) return s;
    for (int64_t i = 0; version && i < m->n_pairs && !s; i++)
        if (!strncmp(m->pair[i].key, NOTE_KEY, strlen(NOTE_KEY)))
            s = fire_network_set_note(net, m->pair[i].key + strlen(NOTE_KEY), m->pair[i].text, err);
    if (!s && changed)
        s = fire_network_set_note(net, "warning", "the graph or the layers in this file were changed after firesteel saved it: it is loaded as an ONNX graph of other "
                                                  "software, whose nodes are its layers", err);
    if (s) fire_network_free(net);
    else *out = net;
    return s;
}

static fire_status load_file(fire_context *ctx, fire_onnx_file *file, fire_network **out, fire_error *err) {
    const fire_contents *b = fire_onnx_file_bytes(file);
    bool is_saved;
    const fire_tf_want *want = fire_onnx_file_choice(file, &is_saved);
    const bool caffe = !is_saved && fire_caffe_is(b->data, b->size);
    if (!caffe && fire_onnx_file_weights(file)->size) return fire_fail(err, FIRE_E_UNSUPPORTED, "weights are given for nets of Caffe, and this is another file");
    if (!caffe && (is_saved || fire_tensorflow_is(b->data, b->size))) return load_plain(ctx, file, out, err);
    if (want && (want->n_inputs || want->signature)) return fire_fail(err, FIRE_E_UNSUPPORTED, "inputs and a signature are chosen of TensorFlow graphs, and this is another file");
    if (caffe) return load_plain(ctx, file, out, err);
    fire_onnx m;
    fire_status s = fire_onnx_read_file(file, &m, err);
    if (!s) s = load_indexed(ctx, &m, file, out, err);
    fire_onnx_clear(&m);
    return s;
}

fire_status fire_load_bytes_in(fire_context *ctx, const void *bytes, size_t size, const char *dir, fire_network **out, fire_error *err) {
    fire_contents own = {.data = fire_alloc(ctx, size, 1, err), .size = size};
    if (!own.data) return FIRE_NOMEM;
    if (size) memcpy(own.data, bytes, size);
    fire_onnx_file *file = NULL;
    fire_status s = fire_onnx_file_new(ctx, &own, dir, &file, err);
    if (!s) s = load_file(ctx, file, out, err);
    fire_onnx_file_free(file);
    fire_contents_free(ctx, &own);
    return s;
}
fire_status fire_load_bytes(fire_context *ctx, const void *bytes, size_t size, fire_network **out, fire_error *err) { return fire_load_bytes_in(ctx, bytes, size, NULL, out, err); }

static fire_status runs_by_name(const fire_network *net, fire_error *err) {
    if (net->onnx_file && (net->onnx || net->file_stamp == net->value_stamp)) return FIRE_OK;
    return fire_fail(err, FIRE_E_UNSUPPORTED, "fire_run: the network has layers; score rows with fire_predict");
}

fire_status fire_run(fire_network *net, int32_t n_in, const fire_named *in, fire_named **out, int32_t *n_out, fire_error *err) {
    fire_status s = runs_by_name(net, err);
    return s ? s : fire_onnx_model_run(net->onnx_file, n_in, in, out, n_out, err);
}

fire_status fire_run_rows(fire_network *net, int64_t rows, int32_t n_in, const fire_named *in, fire_named **out, int32_t *n_out, fire_error *err) {
    fire_status s = runs_by_name(net, err);
    return s ? s : fire_onnx_model_run_rows(net->onnx_file, rows, n_in, in, out, n_out, err);
}

fire_status fire_explain_run(fire_network *net, int64_t batch, int32_t n, const fire_named *shapes, fire_write *write, void *user, fire_error *err) {
    if (!net->onnx_file) return fire_fail(err, FIRE_E_UNSUPPORTED, "fire_explain_run: the network has layers; fire_explain_plan shows their plan");
    return fire_onnx_model_explain(net->onnx_file, batch, n, shapes, write, user, err);
}

fire_status fire_run_port(const fire_network *net, bool output, int32_t i, fire_tensor *shape, char *to, size_t capacity) {
    return !runs_by_name(net, NULL) && i >= 0 && capacity ? fire_onnx_model_port(net->onnx_file, output, i, shape, to, capacity) : FIRE_USAGE;
}

/* Whether there is a file of that name in a folder. */
static fire_status find_file(fire_context *ctx, const char *dir, const char *name, bool *found, fire_error *err) {
    void *file;
    char *path = fire_path_join(ctx, dir, name, err);
    if (!path) return FIRE_NOMEM;
    int r = ctx->io.open(ctx->io.user, path, false, &file);
    if (!r) ctx->io.close(ctx->io.user, file);
    *found = !r;
    fire_status s = r && r != -ENOENT && r != -ENOTDIR ? fire_file_fail(err, FIRE_E_FILE_IO, "open", path, r) : FIRE_OK;
    fire_free(ctx, path);
    return s;
}

fire_status fire_load_part(fire_context *ctx, const char *path, const fire_part *part, fire_network **out, fire_error *err) {
    static const char *const saved_names[] = {"saved_model.pb", "saved_model.pbtxt"};
    const char *saved_name = NULL;
    fire_onnx_file *model = NULL;
    bool checkpoint, folder = false;
    if (!path) return fire_fail(err, FIRE_E_USAGE, "fire_load: the path is NULL");
    fire_tf_want want = {0};
    if (part) want = (fire_tf_want){part->n_inputs, part->n_outputs, part->inputs, part->outputs, part->signature};
    if (want.n_inputs < 0 || want.n_outputs < 0 || (want.n_inputs && !want.input) || (want.n_outputs && !want.output)) return fire_fail(err, FIRE_E_USAGE, "fire_load_part: a list of names is missing");
    fire_status s = find_file(ctx, path, "manifest.json", &checkpoint, err);
    if (!s && checkpoint) return part ? fire_fail(err, FIRE_E_UNSUPPORTED, "a checkpoint is loaded as a whole") : fire_checkpoint_load(ctx, path, out, err);
    for (int i = 0; i < 2 && !s && !folder; i++) s = find_file(ctx, path, saved_name = saved_names[i], &folder, err);
    if (s) return s;
    const size_t length = strlen(path), tail = strlen(saved_names[0]);
    const bool is_saved = folder || (length >= tail && !strcmp(path + length - tail, saved_names[0]) && (length == tail || path[length - tail - 1] == '/'));
    char *inside = folder ? fire_path_join(ctx, path, saved_name, err) : NULL;
    if (folder && !inside) return FIRE_NOMEM;
    s = fire_error_prefix(err, path, fire_onnx_file_open(ctx, folder ? inside : path, &model, err));
    fire_free(ctx, inside);
    if (s) return s;
    if (part && part->weights) s = fire_error_prefix(err, part->weights, fire_onnx_file_add(model, part->weights, err));
    if (!s && (want.n_inputs || want.n_outputs || want.signature || is_saved)) s = fire_onnx_file_choose(model, &want, is_saved, err);
    if (!s) s = fire_error_prefix(err, path, load_file(ctx, model, out, err));
    fire_onnx_file_free(model); /* the network has its own share, if it needs one */
    return s;
}

fire_status fire_load(fire_context *ctx, const char *path, fire_network **out, fire_error *err) { return fire_load_part(ctx, path, NULL, out, err); }
