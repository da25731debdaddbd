/* tensorflow_saved.c - SavedModels: the graph and its signatures in saved_model.pb, the values of variables in the checkpoint beside it. Field numbers are
** those of saved_model.proto and meta_graph.proto.
**
** Which entry of the checkpoint a variable has is what the graph itself does to restore it: an operator that assigns to the variable reads output k of
** a RestoreV2, and k is the place of the entry's name in a constant. Nothing of that part of the graph is run.
*/
#include "formats/tensorflow_bundle.h"
#include "formats/tensorflow_help.h"
#include "sort.h"
#include <stdio.h>

typedef struct variable { fire_span node, key, name; fire_tf_entry *entry; fire_value value; } variable; /* value: in the graph that is being made; 0: none yet */

typedef struct fire_tf_saved {
    fire_context *ctx;
    fire_tf_files files;
    fire_tf_bundle bundle;
    bool has_bundle;
    variable *variable; int64_t n, capacity; /* sorted by node when all are there */
    int64_t sorted;                          /* so many are; behind them those that were looked up by their own name */
    fire_wire objects;                       /* SavedObjectGraph; begin NULL: none */
} fire_tf_saved;

static const char *show(fire_span s, char *to, size_t capacity) { return fire_escape(to, capacity, (const char *)s.bytes, s.size); }

static fire_status text_of(const fire_wire *w, const fire_wire_field *f, fire_span *out, fire_error *err) {
    *out = (fire_span){f->bytes, f->size};
    return f->kind == 2 ? FIRE_OK : fire_fail(err, FIRE_E_CORRUPT, "field %u before byte %lld is no text", f->number, (long long)(w->at - w->begin));
}

void fire_tensorflow_saved_clear(fire_onnx *m) {
    fire_tf_saved *s = m->tf ? m->tf->saved : NULL;
    if (!s) return;
    fire_bundle_clear(&s->bundle);
    fire_free(s->ctx, s->variable);
    fire_free(s->ctx, s);
    m->tf->saved = NULL;
}

bool fire_tensorflow_has_variables(const fire_onnx *m) { return m->tf && m->tf->saved && m->tf->saved->has_bundle; }
void fire_tensorflow_forget(fire_onnx *m) {
    for (int64_t i = 0; m->tf->saved && i < m->tf->saved->n; i++) m->tf->saved->variable[i].value = 0;
}

/* ---- variables ---- */

static int by_node(const void *a, const void *b) { return fire_span_compare(((const variable *)a)->node, ((const variable *)b)->node); }

/* An attribute of a node; its lists and tensors are in the arena. */
static bool attr_of(const fire_onnx *m, int64_t i, const char *name, fire_arena *arena, fire_onnx_attr *a) {
    fire_wire in = m->node[i].body;
    fire_wire_field f;
    bool more;
    while (!fire_wire_next(&in, &f, &more, NULL) && more)
        if (f.number == 5 && !fire_tensorflow_attr(&in, &f, arena, a, NULL) && fire_span_is(a->name, name)) return true;
    return false;
}

/* The k-th text of a constant. */
static bool text_at(const fire_onnx *m, int32_t i, int64_t k, fire_arena *arena, fire_span *out) {
    fire_onnx_attr a;
    fire_wire_field f;
    bool more;
    if (i < 0 || !fire_span_is(m->node[i].op, "Const") || !attr_of(m, i, "value", arena, &a) || a.type != FIRE_IS_TENSOR) return false;
    fire_wire in = a.tensor.body;
    while (!fire_wire_next(&in, &f, &more, NULL) && more)
        if (f.number == 8 && f.kind == 2 && !k--) {
            *out = (fire_span){f.bytes, f.size};
            return true;
        }
    return false;
}

static fire_tf_edge behind_identity(const fire_onnx *m, fire_tf_edge e) {
    for (int hops = 0; hops < 8 && e.node >= 0 && m->node[e.node].n_in && fire_span_is(m->node[e.node].op, "Identity"); hops++) e = m->tf->node[e.node].from[0];
    return e;
}

/* What graph m restores; its argument k is input k of node `call` of the graph around it. */
static fire_status find_restores(fire_tf_saved *s, const fire_onnx *m, const fire_onnx *around, int64_t call, fire_error *err) {
    fire_arena arena = {.ctx = s->ctx};
    fire_status r = FIRE_OK;
    for (int64_t i = 0; i < m->n_nodes && !r; i++) {
        if (m->node[i].n_in < 2 || (!fire_span_is(m->node[i].op, "AssignVariableOp") && !fire_span_is(m->node[i].op, "Assign"))) continue;
        const fire_tf_edge value = behind_identity(m, m->tf->node[i].from[1]);
        fire_span key, slice = {0}, node = {0};
        if (value.node < 0 || m->node[value.node].n_in < 3 || !fire_span_is(m->node[value.node].op, "RestoreV2")) continue;
        const fire_tf_node *restore = &m->tf->node[value.node];
        if (!text_at(m, behind_identity(m, restore->from[1]).node, value.output, &arena, &key)) continue;
        if (text_at(m, behind_identity(m, restore->from[2]).node, value.output, &arena, &slice) && slice.size) continue; /* a part of a variable */
        const fire_tf_edge to = behind_identity(m, m->tf->node[i].from[0]);
        if (to.node >= 0) node = m->node[to.node].name;
        else if (around) {
            int64_t k = 0;
            while (k < m->n_inputs && fire_span_compare(m->input[k].name, m->node[i].in[0])) k++;
            const fire_tf_edge given = k < around->node[call].n_in ? behind_identity(around, around->tf->node[call].from[k]) : (fire_tf_edge){-1, 0};
            if (given.node >= 0) node = around->node[given.node].name;
        }
        if (!node.size) continue;
        r = fire_grow(s->ctx, &s->variable, &s->capacity, s->n + 1, sizeof *s->variable, err);
        if (!r) s->variable[s->n++] = (variable){.node = node, .key = key};
    }
    fire_arena_free(&arena);
    return r;
}

static fire_status find_variables(fire_tf_saved *s, fire_onnx *m, fire_error *err) {
    fire_status r = find_restores(s, m, NULL, 0, err);
    fire_arena arena = {.ctx = s->ctx};
    for (int64_t i = 0; i < m->n_nodes && !r && m->tf->library; i++) {
        fire_onnx_attr a;
        if (!fire_span_is(m->node[i].op, "StatefulPartitionedCall") && !fire_span_is(m->node[i].op, "PartitionedCall")) continue;
        fire_tf_function *f = attr_of(m, i, "f", &arena, &a) && a.type == FIRE_IS_TEXT ? fire_tensorflow_find(m->tf->library, a.text) : NULL;
        if (!f) continue;
        if (!f->m) r = fire_tensorflow_open(m, f, err);
        if (!r) r = find_restores(s, f->m, m, i, err);
    }
    fire_arena_free(&arena);
    fire_sort(s->variable, s->n, sizeof *s->variable, by_node);
    s->sorted = s->n;
    return r;
}

/* VarHandleOp, VariableV2: which variable a node is. */
static int64_t variable_of(fire_import *b, const fire_lift *n) {
    fire_tf_saved *s = b->scope->m->tf->saved;
    const fire_span node = n->node->name;
    char text[80];
    if (!s || !s->has_bundle) {
        fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "a variable without a value: freeze the graph, or load the folder of its SavedModel");
        return -1;
    }
    for (int64_t low = 0, high = s->sorted; low < high;) {
        int64_t mid = low + (high - low) / 2;
        int c = fire_span_compare(node, s->variable[mid].node);
        if (!c) return mid;
        if (c < 0) high = mid;
        else low = mid + 1;
    }
    for (int64_t i = s->sorted; i < s->n; i++)
        if (!fire_span_compare(node, s->variable[i].node)) return i;
    const fire_onnx_attr *shared = fire_lift_attr(n, "shared_name");
    fire_span key = shared && shared->type == FIRE_IS_TEXT && shared->text.size ? shared->text : node;
    if (!fire_bundle_find(&s->bundle, key)) {
        fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "the checkpoint has no '%s'", show(key, text, sizeof text));
        return -1;
    }
    if (fire_grow(s->ctx, &s->variable, &s->capacity, s->n + 1, sizeof *s->variable, &b->g->first)) return -1;
    s->variable[s->n] = (variable){.node = node, .key = key};
    return s->n++;
}

/* Whether a variable of that name is trained, by the objects that the file keeps (Keras 3 says yes to all), and by its name. Fields are those of
** saved_object_graph.proto. */
static bool is_trainable(const fire_tf_saved *s, fire_span name) {
    fire_wire all = s->objects, object, inner;
    fire_wire_field f, o, v;
    bool more, more_object, more_variable, known = false, trained = false;
    while (all.begin && !fire_wire_next(&all, &f, &more, NULL) && more) {
        if (f.number != 1 || fire_wire_enter(&all, &f, &object, NULL)) continue;
        while (!fire_wire_next(&object, &o, &more_object, NULL) && more_object) {
            if (o.number != 7 || fire_wire_enter(&object, &o, &inner, NULL)) continue;
            fire_span own = {0};
            bool yes = false;
            while (!fire_wire_next(&inner, &v, &more_variable, NULL) && more_variable) {
                if (v.number == 3) yes = v.value != 0;
                else if (v.number == 6 && v.kind == 2) own = (fire_span){v.bytes, v.size};
            }
            if (fire_span_compare(own, name)) continue;
            known = true;
            trained |= yes;
        }
    }
    return (!known || trained) && !fire_tf_is_statistic(name);
}

/* Its numbers as a constant, for layers as a weight; the same value however often it is read. */
static fire_value value_of(fire_import *b, int64_t i) {
    fire_tf_saved *s = b->scope->m->tf->saved;
    variable *v = &s->variable[i];
    fire_error err = {0};
    fire_tensor t;
    fire_span file;
    char name[80];
    if (b->g->first.status || v->value) return v->value;
    if (!v->entry && !(v->entry = fire_bundle_find(&s->bundle, v->key))) {
        fire_import_fail(b, FIRE_E_CORRUPT, "the checkpoint has no '%s'", show(v->key, name, sizeof name));
        return 0;
    }
    snprintf(name, sizeof name, "variables/variables.data-%05llu-of-%05llu", (unsigned long long)v->entry->shard, (unsigned long long)s->bundle.shards);
    fire_status r = s->files.get(s->files.user, name, &file, &err);
    if (!r) r = fire_bundle_tensor(v->entry, file, &t, &err);
    if (r == FIRE_NOMEM) return fire_graph_fail(b->g, FIRE_E_NOMEM, "%s", err.message);
    if (r) { fire_import_fail(b, err.code, "%s", err.message); return 0; }
    const bool stays = (uintptr_t)t.data % 64 == 0 || (b->g->align.get && (!b->layers || t.type == b->layers->type)); /* never written to */
    v->value = stays ? fire_graph_borrow(b->g, t.type, t.shape, t.data) : fire_graph_const(b->g, t.type, t.shape, t.data);
    if (!b->layers || b->g->first.status) return v->value;
    const fire_span label = v->name.size ? v->name : v->node;
    v->value = fire_import_weight(b, show(label, name, sizeof name), v->value);
    if (!is_trainable(s, label)) fire_import_fix(b, v->value);
    return v->value;
}

bool fire_tensorflow_variable(fire_import *b, fire_value handle, fire_value *out) {
    const int64_t i = fire_tensorflow_named(b, handle);
    if (i < 0) return false;
    *out = value_of(b, i);
    return true;
}

void fire_tf_var_handle(fire_import *b, fire_lift *n) {
    const int64_t i = variable_of(b, n);
    if (i < 0) return;
    const fire_onnx_attr *shared = fire_lift_attr(n, "shared_name");
    if (shared && shared->type == FIRE_IS_TEXT) b->scope->m->tf->saved->variable[i].name = shared->text;
    n->out[0] = fire_tensorflow_name(b, i);
}

void fire_tf_variable(fire_import *b, fire_lift *n) { /* of TensorFlow 1: its output is its value */
    const int64_t i = variable_of(b, n);
    if (i >= 0) n->out[0] = value_of(b, i);
}

/* What an operator sees of a variable: its value, or what it was changed to (tensorflow_state.c). */
static bool variable_now(fire_import *b, const fire_lift *n, fire_value *v) {
    const fire_tf_edge from = b->scope->m->tf->node[b->scope->at].from[0];
    const fire_span op = from.node < 0 ? (fire_span){0} : b->scope->m->node[from.node].op;
    *v = fire_lift_in(n, 0);
    if (*v > 0 && ((op.size >= 6 && !memcmp(op.bytes, "Assign", 6)) || (op.size >= 15 && !memcmp(op.bytes, "ResourceScatter", 15)))) return !b->g->first.status;
    if (!fire_tensorflow_variable(b, fire_lift_in(n, 0), v) && !b->g->first.status) fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "its input is no variable");
    return !b->g->first.status;
}

void fire_tf_read_variable(fire_import *b, fire_lift *n) { (void)variable_now(b, n, &n->out[0]); }

/* Assign, AssignAdd, AssignVariableOp ...: what the variable is then. */
void fire_tf_assign(fire_import *b, fire_lift *n) {
    const char *op = n->op + strlen("Assign");
    const bool handle = strstr(op, "VariableOp") != NULL;
    fire_value old = 0;
    if (b->loops) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "it changes a variable in a loop"); return; }
    if (n->n_in < 2 || n->in[1] <= 0) { fire_import_fail(b, FIRE_E_CORRUPT, "has no value to assign"); return; }
    n->out[0] = n->in[1];
    if (*op != 'A' && *op != 'S') return;
    if (handle) { if (!variable_now(b, n, &old)) return; }
    else if (!fire_tf_has(b, n, 2)) return;
    else old = n->in[0];
    const fire_shape s = fire_tf_shape(b, old), t = fire_tf_shape(b, n->in[1]);
    if (!fire_same_shape(&s, &t)) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "the variable and what is added differ in shape"); return; }
    n->out[0] = fire_import_two(b, *op == 'A' ? "Add" : "Sub", old, n->in[1]);
}

void fire_tf_resource_scatter(fire_import *b, fire_lift *n) {
    if (b->loops) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "it changes a variable in a loop"); return; }
    if (n->n_in < 3) { fire_import_fail(b, FIRE_E_CORRUPT, "has %lld inputs, expected 3", (long long)n->n_in); return; }
    if (variable_now(b, n, &n->in[0])) fire_tf_scatter_into(b, n);
}

void fire_tf_variable_shape(fire_import *b, fire_lift *n) {
    fire_value v = 0;
    if (!fire_tensorflow_variable(b, fire_lift_in(n, 0), &v)) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "its input is no variable"); return; }
    if (b->g->first.status) return;
    const fire_shape s = fire_shape_of(b->g, v);
    n->out[0] = fire_import_cast(b, fire_import_ints(b, s.rank, s.dim), (fire_type)fire_lift_int(n, "out_type", FIRE_I32));
}

void fire_tf_resource_gather(fire_import *b, fire_lift *n) {
    fire_value v = 0;
    const int batch = (int)fire_lift_int(n, "batch_dims", 0);
    const bool nd = !strcmp(n->op, "ResourceGatherNd");
    if (!variable_now(b, n, &v)) return;
    if (batch) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "batch_dims is %d, expected 0", batch); return; }
    n->out[0] = fire_import_two(b, nd ? "GatherND" : "Gather", v, nd ? fire_import_cast(b, fire_lift_in(n, 1), FIRE_I64) : fire_lift_in(n, 1));
}

void fire_tf_table(fire_import *b, fire_lift *n) {
    fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "tables of words are not supported: look words up before the model, and cut the graph behind the table");
}

/* ---- signatures ---- */

typedef struct port { fire_span label, tensor; fire_type type; int32_t rank; int64_t dim[FIRE_MAX_RANK]; } port; /* rank -1: not said */
static int by_label(const void *a, const void *b) { return fire_span_compare(((const port *)a)->label, ((const port *)b)->label); }

/* An entry of a map: its key and the field of its value. */
static fire_status map_entry(const fire_wire *w, const fire_wire_field *at, fire_span *key, fire_wire *in, fire_wire_field *value, fire_error *err) {
    fire_wire_field f;
    bool more;
    *key = (fire_span){0};
    *value = (fire_wire_field){0};
    fire_status s = fire_wire_enter(w, at, in, err);
    while (!s && !(s = fire_wire_next(in, &f, &more, err)) && more) {
        if (f.number == 1) s = text_of(in, &f, key, err);
        else if (f.number == 2) *value = f;
    }
    return s;
}

/* The inputs (field 1) or outputs (field 2) of a SignatureDef. */
static fire_status read_ports(fire_onnx *m, const fire_wire *signature, uint32_t field, port **list, int64_t *n, fire_error *err) {
    fire_status s = FIRE_OK;
    for (int pass = 0; pass < 2 && !s; pass++) {
        fire_wire in = *signature, entry, info;
        fire_wire_field f, value, d;
        bool more, more_info;
        if (pass && !(*list = fire_arena_alloc(&m->arena, (size_t)*n, sizeof **list, err))) return FIRE_NOMEM;
        *n = 0;
        while (!s && !(s = fire_wire_next(&in, &f, &more, err)) && more) {
            if (f.number != field) continue;
            port p = {.rank = -1};
            if ((s = map_entry(&in, &f, &p.label, &entry, &value, err))) break;
            if (value.number) s = fire_wire_enter(&entry, &value, &info, err);
            while (!s && value.number && !(s = fire_wire_next(&info, &d, &more_info, err)) && more_info)
                if (d.number == 1) s = text_of(&info, &d, &p.tensor, err);
                else if (d.number == 2 && d.kind == 0) p.type = fire_tensorflow_type(d.value);
                else if (d.number == 3) s = fire_tensorflow_shape(&info, &d, &p.rank, p.dim, err);
            if (!s && !p.tensor.size) s = fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "a part of the signature before byte %lld is no dense tensor", (long long)(in.at - in.begin));
            if (pass) (*list)[*n] = p;
            ++*n;
        }
    }
    if (!s) fire_sort(*list, *n, sizeof **list, by_label);
    return s;
}

static fire_status as_texts(fire_onnx *m, const port *p, int64_t n, const char ***out, fire_error *err) {
    const char **list = fire_arena_alloc(&m->arena, (size_t)n, sizeof *list, err);
    if (!list) return FIRE_NOMEM;
    for (int64_t i = 0; i < n; i++) {
        char *own = fire_arena_alloc(&m->arena, p[i].tensor.size + 1, 1, err);
        if (!own) return FIRE_NOMEM;
        memcpy(own, p[i].tensor.bytes, p[i].tensor.size);
        list[i] = own;
    }
    *out = list;
    return FIRE_OK;
}

/* Which meta graph: the one tagged "serve", else the first. Its signatures' fields stay in it. */
static fire_status choose_graph(const fire_wire *all, fire_wire *graph, fire_error *err) {
    fire_wire in = *all, meta, info;
    fire_wire_field f, d, t;
    bool more, more_meta, more_info, found = false;
    fire_status s = FIRE_OK;
    graph->begin = NULL;
    while (!s && !found && !(s = fire_wire_next(&in, &f, &more, err)) && more) {
        if (f.number != 2 || (s = fire_wire_enter(&in, &f, &meta, err))) continue;
        if (!graph->begin) *graph = meta;
        fire_wire look = meta;
        while (!s && !(s = fire_wire_next(&look, &d, &more_meta, err)) && more_meta) {
            if (d.number != 1 || (s = fire_wire_enter(&look, &d, &info, err))) continue;
            while (!s && !(s = fire_wire_next(&info, &t, &more_info, err)) && more_info)
                if (t.number == 4 && t.kind == 2 && fire_span_is((fire_span){t.bytes, t.size}, "serve")) found = true;
        }
        if (found) *graph = meta;
    }
    if (!s && !graph->begin) return fire_fail(err, FIRE_E_NOT_A_MODEL, "this is no SavedModel: it has no graph");
    return s;
}

/* The signature wanted; *begin NULL: there is none. */
static fire_status choose_signature(const fire_wire *meta, const char *wanted, fire_wire *signature, fire_error *err) {
    fire_wire in = *meta, entry;
    fire_wire_field f, value;
    bool more;
    int rank = 0;
    char text[80];
    signature->begin = NULL;
    fire_status s = FIRE_OK;
    while (!s && !(s = fire_wire_next(&in, &f, &more, err)) && more) {
        fire_span key;
        if (f.number != 5 || (s = map_entry(&in, &f, &key, &entry, &value, err)) || !value.number) continue;
        const int r = wanted ? (fire_span_is(key, wanted) ? 3 : 0) : fire_span_is(key, "serving_default") ? 3 : fire_span_is(key, "__saved_model_init_op") ? 0 : fire_span_is(key, "serve") ? 2 : 1;
        if (r <= rank) continue;
        rank = r;
        s = fire_wire_enter(&entry, &value, signature, err);
    }
    if (!s && wanted && !signature->begin) return fire_fail(err, FIRE_E_UNKNOWN_NAME, "the model has no signature '%s'", fire_escape(text, sizeof text, wanted, strlen(wanted)));
    return s;
}

fire_status fire_tensorflow_saved_read(fire_context *ctx, const void *bytes, size_t size, const fire_tf_files *files, const fire_tf_want *want, fire_onnx *m, fire_error *err) {
    fire_wire all = {bytes, bytes, (const uint8_t *)bytes + size, 0}, meta, graph = {0}, signature;
    fire_wire_field f;
    bool more;
    fire_onnx ports = {.ctx = ctx, .arena = {.ctx = ctx}}; /* memory for the lists, until it becomes m's */
    fire_tf_want own = want ? *want : (fire_tf_want){0};
    port *in = NULL, *out = NULL;
    int64_t n_in = 0, n_out = 0;
    const char **in_names, **out_names;
    *m = (fire_onnx){0};
    fire_status s = choose_graph(&all, &meta, err);
    if (!s) s = choose_signature(&meta, own.signature, &signature, err);
    fire_wire objects = {0};
    while (!s && !(s = fire_wire_next(&meta, &f, &more, err)) && more)
        if (f.number == 2 || f.number == 7) s = fire_wire_enter(&meta, &f, f.number == 2 ? &graph : &objects, err);
    if (!s && !graph.begin) s = fire_fail(err, FIRE_E_CORRUPT, "the SavedModel has no graph");
    if (!s && signature.begin && !own.n_inputs && !own.n_outputs) {
        s = read_ports(&ports, &signature, 1, &in, &n_in, err);
        if (!s) s = read_ports(&ports, &signature, 2, &out, &n_out, err);
        if (!s) s = as_texts(&ports, in, n_in, &in_names, err);
        if (!s) s = as_texts(&ports, out, n_out, &out_names, err);
        if (!s && (n_in > INT32_MAX || n_out > INT32_MAX)) s = fire_fail(err, FIRE_E_CORRUPT, "the signature has too many inputs or outputs");
        if (!s) own = (fire_tf_want){(int32_t)n_in, (int32_t)n_out, in_names, out_names, NULL};
    }
    if (!s) s = fire_tensorflow_read(ctx, bytes, size, &graph, &own, m, err);
    for (int64_t i = 0; i < n_in && !s; i++) {
        fire_onnx_value *v = &m->input[i];
        v->label = in[i].label;
        if (v->type) continue;
        v->type = in[i].type; /* no placeholder: the signature says what it is */
        v->has_shape = in[i].rank >= 0 && in[i].rank <= FIRE_MAX_RANK;
        v->rank = v->has_shape ? in[i].rank : 0;
        for (int d = 0; d < v->rank; d++) v->dim[d] = in[i].dim[d];
    }
    for (int64_t i = 0; i < n_out && !s; i++) m->output[i].label = out[i].label;
    fire_arena_free(&ports.arena);
    if (s) return s;
    fire_tf_saved *saved = fire_alloc(ctx, 1, sizeof *saved, err);
    if (!saved) return FIRE_NOMEM;
    m->tf->saved = saved;
    *saved = (fire_tf_saved){.ctx = ctx, .files = *files, .objects = objects};
    for (int64_t i = 0; m->tf->library && i < m->tf->library->n; i++)
        if (m->tf->library->function[i].m) m->tf->library->function[i].m->tf->saved = saved;
    fire_span index;
    fire_error why = {0};
    s = files->get(files->user, "variables/variables.index", &index, &why);
    if (s == FIRE_NOMEM) { if (err) *err = why; return s; }
    if (s) return FIRE_OK; /* a graph without variables */
    s = fire_bundle_read(ctx, index, &saved->bundle, err);
    saved->has_bundle = !s;
    return s ? s : find_variables(saved, m, err);
}
