/* onnx_import.c - lift the nodes of an ONNX graph into a fire_graph; see onnx_import.h. */
#include "formats/caffe.h"
#include "formats/tensorflow.h"
#include "plan.h"
#include "small.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *show(fire_span s, char *to, size_t capacity) { return fire_escape(to, capacity, (const char *)s.bytes, s.size); }

/* "node 3 'dense/Gemm' (Gemm, opset 18)" */
#define WHO_TEXT 240
static const char *who(const fire_import *b, char to[WHO_TEXT]) {
    char name[80], op[48];
    const fire_scope *s = b->scope;
    if (!s || s->at >= s->m->n_nodes) return "the graph";
    const fire_onnx_node *n = &s->m->node[s->at];
    const fire_scope *f = s;
    while (f && !f->function) f = f->outer;
    if (f) {
        char function[48];
        snprintf(to, WHO_TEXT, "node %lld '%s' of function '%s' (%s, opset %llu)", (long long)s->at, show(n->name, name, sizeof name),
                 show(f->function->name, function, sizeof function), show(n->op, op, sizeof op), (unsigned long long)s->m->opset);
    } else if (s->m->tf) snprintf(to, WHO_TEXT, "node '%s' (%s of TensorFlow)", show(n->name, name, sizeof name), show(n->op, op, sizeof op));
    else if (s->m->caffe) snprintf(to, WHO_TEXT, "layer '%s' (%s of Caffe)", show(n->name, name, sizeof name), show(n->op, op, sizeof op));
    else snprintf(to, WHO_TEXT, "node %lld '%s' (%s, opset %llu)", (long long)s->at, show(n->name, name, sizeof name), show(n->op, op, sizeof op), (unsigned long long)s->m->opset);
    return to;
}

void fire_import_fail(fire_import *b, int32_t code, const char *fmt, ...) {
    char text[sizeof b->g->first.message], node[WHO_TEXT];
    if (b->g->first.status) return;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    fire_graph_fail(b->g, code, "%s: %s", who(b, node), text);
}

/* ---- constants ---- */

#define COPIED 4096 /* bytes; larger tensors stay where they lie until somebody computes with them (fire_graph_align) */

/* A tensor of the file as a constant. */
fire_value fire_import_tensor(fire_import *b, const fire_onnx_tensor *t, const char *what) {
    fire_tensor as;
    fire_error err = {0};
    const fire_onnx *m = b->scope->m;
    fire_graph *g = b->g;
    if (g->first.status) return 0;
    fire_onnx_tensor here = *t;
    fire_status s = t->external ? fire_onnx_tensor_place(m, &here, &err) : FIRE_OK;
    t = &here;
    if (!s) s = fire_onnx_tensor_shape(m, t, what, &as, &err);
    if (s) return fire_graph_fail(g, err.code, "%s", err.message);
    if (as.type == FIRE_TEXT) {
        fire_span *text = NULL;
        if (!fire_import_pay(b, fire_count(&as.shape), sizeof *text) || !(text = fire_arena_alloc(&b->arena, (size_t)fire_count(&as.shape), sizeof *text, &g->first))) return 0;
        s = fire_onnx_tensor_texts(m, t, what, fire_count(&as.shape), text, &err);
        return s ? fire_graph_fail(g, err.code, "%s", err.message) : fire_import_texts(b, as.shape, text);
    }
    const fire_type type = fire_import_storage(as.type);
    const fire_small *small = fire_small_find(as.type);
    size_t size = fire_type_size(as.type), bytes = (size_t)fire_count(&as.shape) * size;
    const bool widened = b->layers && (as.type == FIRE_F16 || as.type == FIRE_BF16);
    if (t->has_raw && as.type != FIRE_BOOL && !widened && (!small || small->bits == 8) && ((uintptr_t)t->raw.bytes % 16 == 0 || (g->align.get && bytes > COPIED && (!b->layers || as.type == b->layers->type))))
        return fire_import_as(b, fire_graph_borrow(g, type, as.shape, (void *)t->raw.bytes), as.type); /* never written to */
    if (t->tensorflow && !t->has_raw) { /* one number may stand for many */
        if ((int64_t)bytes > b->bytes_left) return fire_graph_fail(g, FIRE_E_MODEL_UNSUPPORTED, "%s has %zu bytes, more than its file allows for", what, bytes);
        b->bytes_left -= (int64_t)bytes;
    }
    void *copy = fire_arena_alloc(&g->arena, bytes, 1, &g->first);
    if (!copy) return 0;
    s = fire_onnx_tensor_copy(m, t, what, &as, copy, bytes, &err);
    if (s) return fire_graph_fail(g, err.code, "%s", err.message);
    fire_value v = fire_import_as(b, fire_graph_borrow(g, type, as.shape, copy), as.type);
    return widened ? fire_import_cast(b, v, FIRE_F32) : v;
}

/* ---- what a file has and a graph has not: other types, texts, sequences ---- */

bool fire_import_pay(fire_import *b, int64_t count, int64_t size) {
    int64_t bytes;
    if (b->g->first.status) return false;
    if (!fire_mul(count, size, &bytes) || bytes > b->bytes_left) {
        fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "more is computed before the run than files may; %lld bytes are left", (long long)b->bytes_left);
        return false;
    }
    b->bytes_left -= bytes;
    return true;
}

fire_type fire_import_storage(fire_type type) { return fire_small_find(type) ? FIRE_U8 : type == FIRE_TEXT ? FIRE_U64 : type <= FIRE_BF16 && fire_type_size(type) ? type : FIRE_NO_TYPE; }

fire_type fire_import_type(const fire_import *b, fire_value v) {
    return v < 0 ? FIRE_NO_TYPE : v < b->called_capacity && b->called[v] ? b->called[v] : fire_type_of(b->g, v);
}

fire_value fire_import_as(fire_import *b, fire_value v, fire_type type) {
    if (v <= 0 || fire_import_type(b, v) == type) return v;
    if (b->layers) fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "layers do not hold %s", fire_type_text(type));
    if (fire_grow(b->ctx, &b->called, &b->called_capacity, b->g->n_values, sizeof *b->called, &b->g->first)) return 0;
    b->called[v] = type;
    return v;
}

static fire_value add_list(fire_import *b, fire_import_list list) {
    if (b->n_lists >= INT32_MAX - 1 || !fire_import_pay(b, 1, sizeof list)) return 0;
    if (fire_grow(b->ctx, &b->list, &b->list_capacity, b->n_lists + 1, sizeof *b->list, &b->g->first)) return 0;
    b->list[b->n_lists] = list;
    return (fire_value)(-1 - b->n_lists++);
}

fire_value fire_import_list_new(fire_import *b, int64_t n, const fire_value *item, fire_type type) {
    fire_import_list list = {.n = n, .type = type ? type : n ? fire_import_type(b, item[0]) : FIRE_NO_TYPE};
    if (!fire_import_pay(b, n, sizeof *item) || !(list.item = fire_arena_alloc(&b->g->arena, (size_t)n, sizeof *item, &b->g->first))) return 0;
    for (int64_t i = 0; i < n; i++) {
        if (fire_import_type(b, item[i]) != list.type) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "a sequence of %s would hold %s", fire_type_text(list.type), fire_type_text(fire_import_type(b, item[i]))); return 0; }
        list.item[i] = item[i];
    }
    return add_list(b, list);
}

fire_value fire_import_none(fire_import *b, fire_type type) { return add_list(b, (fire_import_list){.none = true, .type = type}); }

const fire_import_list *fire_import_list_get(const fire_import *b, fire_value v) { return v < 0 && -1 - (int64_t)v < b->n_lists ? &b->list[-1 - (int64_t)v] : NULL; }

fire_value fire_import_texts(fire_import *b, fire_shape shape, const fire_span *text) {
    const int64_t n = fire_count(&shape), first = b->n_texts ? b->n_texts : 1;
    if (!fire_import_pay(b, n, sizeof *text + 8) || fire_grow(b->ctx, &b->text, &b->text_capacity, first + n, sizeof *b->text, &b->g->first)) return 0;
    uint64_t *place = fire_arena_alloc(&b->g->arena, (size_t)n, sizeof *place, &b->g->first);
    if (!place) return 0;
    for (int64_t i = 0; i < n; i++) {
        if (text[i].size && memchr(text[i].bytes, 0, text[i].size)) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "a text has a zero character in it"); return 0; }
        b->text[first + i] = text[i];
        place[i] = (uint64_t)(first + i);
    }
    b->n_texts = first + n;
    return fire_import_as(b, fire_graph_borrow(b->g, FIRE_U64, shape, place), FIRE_TEXT);
}

const fire_span *fire_import_text_get(fire_import *b, fire_value v, fire_shape *shape) {
    if (v <= 0 || fire_import_type(b, v) != FIRE_TEXT) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "an input is no tensor of texts"); return NULL; }
    const fire_tensor *t = fire_import_numbers(b, v);
    if (!t) return NULL;
    *shape = t->shape;
    const uint64_t *place = t->data;
    const int64_t n = fire_count(shape);
    fire_span *text = fire_import_pay(b, n, sizeof *text) ? fire_arena_alloc(&b->arena, (size_t)n, sizeof *text, &b->g->first) : NULL;
    for (int64_t i = 0; text && i < n; i++) text[i] = place[i] < (uint64_t)b->n_texts ? b->text[place[i]] : (fire_span){0};
    return text;
}

/* The same for the other batch; what differs then is the outputs' twin. */
static bool fold_twin(fire_import *b, const fire_node *n, const fire_call *call) {
    fire_graph *g = b->g;
    fire_call other = *call;
    for (int i = 0; i < n->n_in; i++)
        if (fire_import_twin(b, n->in[i])) other.in[i].data = fire_import_twin(b, n->in[i]);
    for (int i = 0; i < n->n_out; i++)
        if (!(other.out[i].data = fire_arena_alloc(&g->arena, (size_t)fire_count(&call->out[i].shape), fire_type_size(call->out[i].type), &g->first))) return false;
    if (!(other.scratch = fire_alloc(b->ctx, n->op->scratch ? n->op->scratch(&other) : 0, 1, &g->first))) return false;
    n->op->run(&other);
    fire_free(b->ctx, other.scratch);
    for (int i = 0; i < n->n_out; i++) {
        const size_t bytes = (size_t)fire_count(&call->out[i].shape) * fire_type_size(call->out[i].type);
        if (!bytes || !memcmp(call->out[i].data, other.out[i].data, bytes)) continue;
        fire_import_mark *mark = fire_import_mark_of(b, n->out[i]);
        if (!mark) return false;
        mark->twin = other.out[i].data;
    }
    return true;
}

/* Compute the newest node at once if all that it reads is constant: its outputs become constants, and it goes. */
static void fold(fire_import *b) {
    fire_graph *g = b->g;
    fire_node *n = &g->node[g->n_nodes - 1];
    fire_call call = {.attrs = n->attrs, .n_in = n->n_in, .n_out = n->n_out};
    int64_t bytes = 0;
    bool twin = false;
    if (n->op->joins || (n->op->domain && !n->op->pure_shape)) return;
    for (int i = 0; i < n->n_in; i++) {
        if (!n->in[i]) continue;
        const fire_value_info *v = &g->value[n->in[i]];
        if (v->source != FIRE_FROM_CONST && !(n->op->shape_only >> i & 1)) return;
        call.in[i] = v->tensor;
        if (!fire_import_twin(b, n->in[i])) continue;
        if (n->op->values >> i & 1) return; /* a shape would depend on it */
        twin = true;
    }
    for (int i = 0; i < n->n_out; i++) {
        call.out[i] = g->value[n->out[i]].tensor;
        int64_t count = fire_count(&call.out[i].shape);
        if (count < 0 || !fire_add(bytes, count * (int64_t)fire_type_size(call.out[i].type), &bytes)) return;
    }
    const int64_t work = n->op->flops ? n->op->flops(&call) : bytes;
    if (bytes > b->bytes_left || work > FIRE_IMPORT_ONE_FOLD || work > b->work_left) return; /* large work is for the plan's kernels */
    b->bytes_left -= bytes;
    b->work_left -= work;
    for (int i = 0; i < n->n_in; i++) {
        if (!n->in[i]) continue;
        if (fire_graph_align(g, n->in[i], &g->first)) return;
        if (g->value[n->in[i]].source == FIRE_FROM_CONST) call.in[i].data = g->value[n->in[i]].tensor.data;
    }
    for (int i = 0; i < n->n_out; i++)
        if (!(call.out[i].data = fire_arena_alloc(&g->arena, (size_t)fire_count(&call.out[i].shape), fire_type_size(call.out[i].type), &g->first))) return;
    if (!(call.scratch = fire_alloc(b->ctx, n->op->scratch ? n->op->scratch(&call) : 0, 1, &g->first))) return;
    n->op->run(&call);
    fire_free(b->ctx, call.scratch);
    if (twin && !fold_twin(b, n, &call)) return;
    for (int i = 0; i < n->n_out; i++) {
        fire_value_info *v = &g->value[n->out[i]];
        v->source = FIRE_FROM_CONST;
        v->node = -1;
        v->tensor.data = call.out[i].data;
    }
    g->n_nodes--;
}

static fire_value known_already(const fire_import *b, fire_value v) { return v < b->known_capacity ? b->known[v] : 0; }

/* The graph holds, or was decided by, numbers of feed k. Whether it may be kept for runs that feed the same. */
static bool add_key(fire_import *b, int32_t k) {
    const fire_tensor *t = &b->feed[k];
    const int64_t size = (int64_t)fire_type_size(b->g->value[b->fed[k]].tensor.type), count = fire_count(&t->shape);
    if (k >= 64 || count < 0 || !size || count > FIRE_IMPORT_KEY / size) b->no_key = true;
    else b->key |= (uint64_t)1 << k;
    return !b->no_key;
}

/* The feeds that these values are made of. */
static void find_keys(fire_import *b, int n, const fire_value *want) {
    fire_graph *g = b->g;
    if (b->no_key || g->first.status) return;
    bool *need = fire_alloc(b->ctx, (size_t)g->n_values + 1, sizeof *need, &g->first);
    if (!need) return;
    for (int i = 0; i < n; i++) need[want[i]] = true;
    for (int64_t at = g->n_nodes - 1; at >= 0; at--) {
        const fire_node *node = &g->node[at];
        bool any = false;
        for (int i = 0; i < node->n_out && !any; i++) any = need[node->out[i]];
        for (int i = 0; i < node->n_in && any; i++) need[node->in[i]] = true;
    }
    for (int32_t k = 0; k < b->n_feeds; k++)
        if (need[b->fed[k]]) (void)add_key(b, k);
    fire_free(b->ctx, need);
}

/* Numbers that only this run has become constants: what was fed as it lies, what nodes make by a plan for all of them. */
bool fire_import_known(fire_import *b, int n, fire_value *v) {
    fire_graph *g = b->g;
    fire_value want[64];
    int n_want = 0;
    if (g->first.status) return false;
    for (int i = 0; i < n; i++) {
        if (fire_import_twin(b, v[i])) { b->late = true; fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "computes with the number of rows"); return false; }
        if (v[i] > 0 && fire_graph_align(g, v[i], &g->first)) return false;
        if (v[i] <= 0 || g->value[v[i]].source == FIRE_FROM_CONST) continue;
        if (known_already(b, v[i])) { v[i] = b->known[v[i]]; continue; }
        if (b->symbolic) { b->late = true; fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "needs numbers that are known only when it runs"); return false; }
        b->used_numbers = true;
        if (g->value[v[i]].source == FIRE_FROM_INPUT) {
            int32_t k = 0;
            while (k < b->n_feeds && b->fed[k] != v[i]) k++;
            const bool kept = k < b->n_feeds && add_key(b, k); /* a graph that is kept outlives what was fed */
            const fire_type type = g->value[v[i]].tensor.type;
            fire_value c = k == b->n_feeds ? 0 : kept ? fire_graph_const(g, type, b->feed[k].shape, b->feed[k].data) : fire_graph_borrow(g, type, b->feed[k].shape, b->feed[k].data);
            if (!c || fire_grow(b->ctx, &b->known, &b->known_capacity, g->n_values, sizeof *b->known, &g->first)) return false;
            b->known[v[i]] = fire_import_as(b, c, fire_import_type(b, v[i]));
            v[i] = c;
        } else if (n_want < 64) want[n_want++] = v[i];
        else { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "needs more than 64 values at once"); return false; }
    }
    if (!n_want) return true;
    /* A plan looks at all nodes: without a price for it, a loop that asks in each trip would take the square of its trips. */
    if ((b->work_left -= 50 * (int64_t)g->n_nodes) < 0) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "asks too often for numbers that are known only when it runs"); return false; }
    fire_plan *plan;
    if (fire_plan_new(g, 1, n_want, want, &plan, &g->first)) return false;
    if (fire_plan_allowed(plan, &b->run_left, &g->first)) { fire_plan_free(plan); return false; }
    find_keys(b, n_want, want);
    for (int32_t k = 0; k < b->n_feeds; k++) fire_plan_bind(plan, b->fed[k], b->feed[k].data);
    fire_plan_run(plan);
    for (int i = 0; i < n_want && !g->first.status; i++) {
        fire_tensor t = fire_plan_tensor(plan, want[i]);
        size_t bytes = (size_t)fire_count(&t.shape) * fire_type_size(t.type);
        if ((int64_t)bytes > b->bytes_left) fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "too many numbers decide what the model computes");
        else b->bytes_left -= (int64_t)bytes;
        fire_value c = fire_graph_const(g, t.type, t.shape, fire_plan_data(plan, want[i]));
        if (!c || fire_grow(b->ctx, &b->known, &b->known_capacity, g->n_values, sizeof *b->known, &g->first)) break;
        b->known[want[i]] = fire_import_as(b, c, fire_import_type(b, want[i]));
    }
    fire_plan_free(plan);
    for (int i = 0; i < n && !g->first.status; i++)
        if (v[i] > 0 && g->value[v[i]].source != FIRE_FROM_CONST) v[i] = b->known[v[i]];
    return !g->first.status;
}

const fire_tensor *fire_import_numbers(fire_import *b, fire_value v) {
    if (v < 0) fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "a sequence or an absent value stands where numbers are wanted");
    return v > 0 && fire_import_known(b, 1, &v) ? &b->g->value[v].tensor : NULL;
}

/* ---- applying operators ---- */

/* Whether some size is not known yet, and the shapes are those of operands once it is: [n, 3] beside [4, 3]. */
static bool may_fit(const fire_graph *g, int n, const fire_value *x) {
    fire_shape all = {0};
    bool open = false;
    for (int i = 0; i < n; i++) {
        const fire_shape s = x[i] ? g->value[x[i]].tensor.shape : (fire_shape){0};
        for (int d = 1; d <= s.rank; d++) { /* from the last */
            int64_t *size = &all.dim[FIRE_MAX_RANK - d];
            const int64_t own = s.dim[s.rank - d];
            open |= own < 0;
            if (own < 0 || own == 1) continue;
            if (*size > 0 && *size != own) return false;
            *size = own;
        }
    }
    return open;
}

fire_status fire_import_all(fire_import *b, const char *name, int n_in, const fire_value *in, const char *attrs, fire_value *out) {
    fire_graph *g = b->g;
    fire_value x[FIRE_MAX_IN];
    memset(out, 0, FIRE_MAX_OUT * sizeof *out);
    if (g->first.status) return g->first.status;
    if (n_in > FIRE_MAX_IN) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "%d inputs, expected at most %d", n_in, FIRE_MAX_IN); return FIRE_FILE; }
    if (n_in == 2 && !strcmp(name, "Expand") && fire_import_twin(b, in[1])) {
        out[0] = fire_import_expand(b, in[0], in[1]);
        return g->first.status;
    }
    const fire_op *op = fire_op_named(name);
    for (int i = 0; i < n_in; i++) {
        x[i] = in[i];
        if (x[i] < 0) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "input %d is a sequence, or absent; expected a tensor", i); return FIRE_FILE; }
        if (!op || !(op->values >> i & 1) || !x[i]) continue;
        if (b->symbolic && known_already(b, x[i])) x[i] = b->known[x[i]];
        if (fire_graph_align(g, x[i], &g->first)) return g->first.status;
        if (b->symbolic) b->late |= g->value[x[i]].source != FIRE_FROM_CONST;
        else if (!fire_import_known(b, 1, &x[i])) return g->first.status;
    }
    if (fire_import_remembered(b, op, n_in, x, attrs, out)) return g->first.status;
    fire_error err = {0};
    if (fire_apply_all(g, name, n_in, x, attrs, out)) {
        char node[WHO_TEXT];
        err = g->first;
        for (int i = 0; i < n_in && b->symbolic && !strcmp(name, "Concat"); i++) /* rows may be joined once their number is known */
            if (x[i]) b->late |= fire_count(&g->value[x[i]].tensor.shape) < 0;
        b->late |= b->symbolic && n_in > 1 && may_fit(g, n_in, x);
        if (err.status != FIRE_NOMEM) {
            g->first = (fire_error){0};
            fire_graph_fail(g, FIRE_E_MODEL_UNSUPPORTED, "%s: %s", who(b, node), err.message);
        }
        return g->first.status;
    }
    const int64_t made = g->n_nodes;
    fold(b);
    if (g->n_nodes < made) fire_import_remember(b, op, n_in, x, attrs, out);
    for (int i = 0; i < n_in && b->layers && g->n_nodes == made && !g->first.status; i++) {
        if (!fire_import_twin(b, x[i])) continue;
        b->late = true, fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "computes with the number of rows");
    }
    return g->first.status;
}

fire_value fire_import_apply(fire_import *b, const char *op, int n_in, const fire_value *in, const char *attrs, ...) {
    char text[FIRE_ATTRS_TEXT];
    fire_value out[FIRE_MAX_OUT];
    va_list ap;
    va_start(ap, attrs);
    vsnprintf(text, sizeof text, attrs, ap);
    va_end(ap);
    return fire_import_all(b, op, n_in, in, text, out) ? 0 : out[0];
}

/* ---- nodes ---- */

fire_value fire_import_find(fire_import *b, fire_span name) {
    char text[80], node[WHO_TEXT];
    if (!name.size || b->g->first.status) return 0;
    for (fire_scope *s = b->scope; s; s = (fire_scope *)s->outer) {
        fire_onnx_name *d = fire_onnx_find(s->m, name);
        if (!d) continue;
        if (!d->value && d->from == FIRE_ONNX_INITIALIZER) {
            char what[100];
            snprintf(what, sizeof what, "weight '%s'", show(name, text, sizeof text));
            fire_scope *inner = b->scope;
            b->scope = s;
            d->value = fire_import_tensor(b, &s->m->initializer[d->index], what);
            if (b->layers && !s->outer && !s->caller) {
                show(name, text, sizeof text);
                const char *own = s->m->caffe ? strrchr(text, '/') : NULL; /* "kernel" of "conv1/kernel": its layer says the rest */
                d->value = fire_import_weight(b, own ? own + 1 : text, d->value);
            }
            b->scope = inner;
        }
        if (d->value && d->value <= FIRE_TF_ALIVE) return fire_graph_fail(b->g, FIRE_E_MODEL_UNSUPPORTED, "'%s' stands on a branch that this run does not take", show(name, text, sizeof text));
        if (d->value || b->g->first.status || d->left_out) return d->value;
        if (d->from == FIRE_ONNX_NODE && d->index < s->at)
            return fire_graph_fail(b->g, FIRE_E_MODEL_UNSUPPORTED, "'%s' is an output that this version does not compute", show(name, text, sizeof text));
        break;
    }
    if (b->scope->at >= b->scope->m->n_nodes) return fire_graph_fail(b->g, FIRE_E_CORRUPT, "nothing makes the output '%s'", show(name, text, sizeof text));
    return fire_graph_fail(b->g, FIRE_E_CORRUPT, "%s reads '%s', which nothing before it makes", who(b, node), show(name, text, sizeof text));
}

/* Append " name=value" as attrs.h reads it. */
static void put_attr(fire_import *b, const fire_op *op, const fire_onnx_attr *a, fire_buffer *to) {
    char name[64], number[FIRE_NUMBER_TEXT];
    show(a->name, name, sizeof name);
    const fire_attr *row = op->attrs;
    while (row && row->name && !fire_span_is(a->name, row->name)) row++;
    if (!row || !row->name) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "attribute '%s' is not supported", name); return; }
    if (a->reference) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "attribute '%s' refers to a function", name); return; }
    static const struct { uint64_t onnx; fire_attr_type ours; } fits[] = {
        {FIRE_IS_FLOAT, FIRE_ATTR_FLOAT}, {FIRE_IS_INT, FIRE_ATTR_INT}, {FIRE_IS_INT, FIRE_ATTR_BOOL}, {FIRE_IS_TEXT, FIRE_ATTR_TEXT}, {FIRE_IS_INTS, FIRE_ATTR_INTS},
        {FIRE_IS_FLOATS, FIRE_ATTR_FLOATS}, {FIRE_IS_TEXTS, FIRE_ATTR_TEXTS}};
    bool fit = false;
    for (size_t i = 0; i < sizeof fits / sizeof *fits; i++) fit |= fits[i].onnx == a->type && fits[i].ours == row->type;
    if (!fit) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "attribute '%s' has an unexpected type", name); return; }
    fire_buffer_text(to, " %s=", row->name);
    if (a->type == FIRE_IS_FLOAT) fire_buffer_text(to, "%s", fire_number_text((double)a->value, number));
    else if (a->type == FIRE_IS_INT) fire_buffer_text(to, "%lld", (long long)a->number);
    else if (a->type == FIRE_IS_INTS || a->type == FIRE_IS_FLOATS) {
        if (a->n_ints > 32 || a->n_floats > 64) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "attribute '%s' has too many numbers", name); return; }
        fire_buffer_add(to, "[", 1);
        for (int i = 0; i < (a->type == FIRE_IS_INTS ? a->n_ints : a->n_floats); i++)
            if (a->type == FIRE_IS_INTS) fire_buffer_text(to, i ? ",%lld" : "%lld", (long long)a->ints[i]);
            else fire_buffer_text(to, i ? ",%s" : "%s", fire_number_text((double)a->floats[i], number));
        fire_buffer_add(to, "]", 1);
    } else {
        const fire_span *texts = a->type == FIRE_IS_TEXTS ? a->texts : &a->text;
        int64_t count = a->type == FIRE_IS_TEXTS ? a->n_texts : 1;
        if (count > FIRE_MAX_RANK) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "attribute '%s' has too many texts", name); return; }
        fire_buffer_add(to, "\"", 1);
        for (int64_t k = 0; k < count; k++)
            for (size_t i = 0; i < texts[k].size; i++) {
                char c = (char)texts[k].bytes[i];
                if ((uint8_t)c < ' ' || (c == ',' && a->type == FIRE_IS_TEXTS)) {
                    fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "attribute '%s' has a character that is not allowed there", name);
                    return;
                }
                if (k && !i) fire_buffer_add(to, ",", 1);
                if (c == '"' || c == '\\') fire_buffer_add(to, "\\", 1);
                fire_buffer_add(to, &c, 1);
            }
        fire_buffer_add(to, "\"", 1);
    }
}

static bool in_list(const char *list, fire_span name) {
    for (size_t n; list && *list; list += n + (list[n] == '|')) {
        n = strcspn(list, "|");
        if (name.size == n && !memcmp(name.bytes, list, n)) return true;
    }
    return false;
}

void fire_lift_same(fire_import *b, fire_lift *n, const char *name, const char *skip) {
    const fire_op *op = fire_op_named(name);
    if (b->g->first.status) return;
    if (!op || n->n_in > op->max_in) {
        if (op) fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "%lld inputs, expected at most %d", (long long)n->n_in, op->max_in);
        return;
    }
    fire_buffer text = {.ctx = b->ctx};
    fire_buffer_add(&text, " ", 1);
    for (int64_t i = 0; i < n->n_attrs; i++)
        if (!in_list(skip, n->attr[i].name)) put_attr(b, op, &n->attr[i], &text);
    fire_buffer_add(&text, "", 1);
    fire_value out[FIRE_MAX_OUT] = {0};
    if (text.first.status) fire_graph_fail(b->g, text.first.code, "%s", text.first.message);
    else fire_import_all(b, name, (int)n->n_in, n->in, (const char *)text.data, out);
    fire_buffer_free(&text);
    for (int64_t k = 0; k < n->n_out && k < op->n_out; k++) n->out[k] = out[k];
}

static bool is_half(fire_type t) { return t == FIRE_F16 || t == FIRE_BF16; }

/* Lifts of other domains are listed as "domain.operator". */
static bool is_lift_of(const fire_lift_entry *e, const fire_onnx_node *n, bool other, const char *op) {
    size_t k = other ? n->domain.size : 0;
    return other ? !strncmp(e->op, (const char *)n->domain.bytes, k) && strlen(e->op) > k && e->op[k] == '.' && !strcmp(e->op + k + 1, op) : !strcmp(e->op, op);
}

/* Lifts that take sequences and absent values; those that look themselves at what the file calls a type; and those that move numbers without
** looking at them, so that bits and places of texts may lie there. All inputs of one that are called so, and all its outputs, are called alike. */
#define TAKE_LISTS "If|Loop|Identity|SequenceConstruct|SequenceAt|SequenceInsert|SequenceErase|SequenceLength|ConcatFromSequence|SequenceMap|Optional|OptionalHasElement|OptionalGetElement"
#define TAKE_TYPES TAKE_LISTS "|LabelEncoder|CategoryMapper|OneHotEncoder|Scan|Cast|CastLike|QuantizeLinear|DequantizeLinear|SplitToSequence|Equal|StringConcat|StringSplit|StringNormalizer"
#define MOVERS "Identity|Reshape|Transpose|Concat|Gather|GatherElements|GatherND|Slice|Split|Squeeze|Unsqueeze|Flatten|Expand|Tile|Where|Shape|Size|Compress|Pad|DepthToSpace|SpaceToDepth|" \
               "ReverseSequence|Scatter|ScatterElements|ScatterND|CenterCropPad"

/* Whether a node may have inputs that are no plain numbers. *called gets the type that moves through it. */
static bool may_take(fire_import *b, const fire_lift *n, fire_type *called) {
    const fire_span op = {(const uint8_t *)n->op, strlen(n->op)};
    const bool types = in_list(TAKE_TYPES, op), moves = in_list(MOVERS, op) && (!fire_lift_attr(n, "reduction") || fire_lift_text(n, "reduction", "none"));
    *called = FIRE_NO_TYPE;
    for (int64_t i = 0; i < n->n_in; i++) {
        const fire_value v = n->in[i];
        if (v < 0 && !in_list(TAKE_LISTS, op)) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "input %lld is a sequence, or absent; expected a tensor", (long long)i); return false; }
        if (v <= 0 || fire_import_type(b, v) == fire_type_of(b->g, v) || *called || (types && !moves)) continue;
        *called = fire_import_type(b, v);
        if (!moves || n->own) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "input %lld is %s, which this operator does not compute with", (long long)i, fire_type_text(*called)); return false; }
    }
    for (int64_t i = 0; i < n->n_in && *called; i++)
        if (n->in[i] > 0 && fire_type_of(b->g, n->in[i]) == fire_import_storage(*called) && fire_import_type(b, n->in[i]) != *called) {
            fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "input %lld is %s, others are %s", (long long)i, fire_type_text(fire_import_type(b, n->in[i])), fire_type_text(*called));
            return false;
        }
    return true;
}

/* Everything but casts computes halves as float32 and rounds what comes out, where it is seen. */
static void lift_one(fire_import *b, fire_lift *n) {
    const fire_lift_entry *e = b->scope->m->tf ? fire_tensorflow_lifts : b->scope->m->caffe ? fire_caffe_lifts : fire_lifts;
    while (e->op && !is_lift_of(e, n->node, n->own, n->op)) e++;
    if (!e->op && b->scope->m->tf) { fire_tf_call(b, n); return; }
    fire_type half = 0, called = 0;
    if (!b->scope->m->tf && !may_take(b, n, &called)) return;
    const fire_span op = {(const uint8_t *)n->op, strlen(n->op)};
    const bool nested = b->scope->m->tf ? fire_tensorflow_keeps_halves(n->op)
                                        : !in_list("Identity|QuantizeLinear|DequantizeLinear|Equal", op) && in_list(TAKE_TYPES "|BitCast", op);
    for (int64_t i = 0; i < n->n_in && !nested; i++) {
        if (n->in[i] <= 0 || !is_half(fire_type_of(b->g, n->in[i]))) continue;
        if (!half) half = fire_type_of(b->g, n->in[i]);
        fire_value wide = n->in[i] < b->wide_capacity ? b->wide[n->in[i]] : 0; /* between two such operators nothing is rounded */
        n->in[i] = wide ? wide : fire_import_cast(b, n->in[i], FIRE_F32);
    }
    if (e->op && e->lift) e->lift(b, n);
    else if (e->op) {
        fire_value out[FIRE_MAX_OUT];
        fire_import_all(b, e->same, (int)(n->n_in < FIRE_MAX_IN ? n->n_in : FIRE_MAX_IN + 1), n->in, " ", out);
        for (int64_t k = 0; k < n->n_out && k < FIRE_MAX_OUT; k++) n->out[k] = out[k];
    } else fire_lift_same(b, n, n->op, NULL);
    for (int64_t k = 0; k < n->n_out && called && !b->g->first.status; k++)
        if (n->out[k] > 0 && fire_type_of(b->g, n->out[k]) == fire_import_storage(called) && !in_list("Shape|Size", op)) fire_import_as(b, n->out[k], called);
    for (int64_t k = 0; k < n->n_out && half && !b->g->first.status; k++)
        if (n->out[k] > 0 && fire_type_of(b->g, n->out[k]) == FIRE_F32) {
            fire_value wide = n->out[k];
            n->out[k] = fire_import_cast(b, wide, half);
            if (!n->out[k] || fire_grow(b->ctx, &b->wide, &b->wide_capacity, b->g->n_values, sizeof *b->wide, &b->g->first)) return;
            b->wide[n->out[k]] = wide;
        }
}

/* Whether this version has the operator of a node; its name, terminated. */
static bool is_known(const fire_onnx_node *n, char op[64]) {
    bool standard = !n->domain.size || fire_span_is(n->domain, "ai.onnx"), known = false;
    if (!n->op.size || n->op.size >= 64 || memchr(n->op.bytes, 0, n->op.size)) return false;
    memcpy(op, n->op.bytes, n->op.size);
    op[n->op.size] = 0;
    const fire_op *found = fire_op_named(op);
    known = found && (standard ? !found->domain : found->domain && fire_span_is(n->domain, found->domain));
    for (const fire_lift_entry *e = fire_lifts; e->op && !known; e++) known = is_lift_of(e, n, !standard, op);
    return known;
}

static fire_status check_node(fire_import *b, const fire_onnx_node *n, char op[64], fire_error *err) {
    char node[WHO_TEXT], shown[64];
    if (b->scope->m->tf) {
        snprintf(op, 64, "%.*s", n->op.size < 64 ? (int)n->op.size : 63, (const char *)n->op.bytes);
        if (n->op.size < 64 && fire_tensorflow_knows(b->scope->m, n->op)) return FIRE_OK;
        return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "%s: this operator is not supported", who(b, node));
    }
    if (b->scope->m->caffe) {
        snprintf(op, 64, "%.*s", n->op.size < 64 ? (int)n->op.size : 63, (const char *)n->op.bytes);
        for (const fire_lift_entry *e = fire_caffe_lifts; e->op; e++)
            if (fire_span_is(n->op, e->op)) return FIRE_OK;
        return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "%s: this kind of layer is not supported", who(b, node));
    }
    bool standard = !n->domain.size || fire_span_is(n->domain, "ai.onnx");
    if (is_known(n, op)) return FIRE_OK;
    return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "%s%s%s: this operator is not supported; `firesteel ops` lists those that are", who(b, node), standard ? "" : " of domain ",
                     standard ? "" : show(n->domain, shown, sizeof shown));
}

fire_status fire_onnx_check(fire_onnx *m, fire_error *err) {
    fire_scope scope = {.m = m};
    fire_import b = {.scope = &scope};
    char op[64];
    if (m->tf) {
        fire_status r = FIRE_OK;
        for (scope.at = 0; scope.at < m->n_nodes && !r; scope.at++)
            if (m->tf->node[scope.at].need && !m->tf->node[scope.at].fed) r = check_node(&b, &m->node[scope.at], op, err);
        for (scope.at = 0; r == FIRE_FILE && !m->tf->saved && scope.at < m->n_nodes; scope.at++) /* of a graph that was not frozen the rest of the training says little */
            if (m->tf->node[scope.at].need && (fire_span_is(m->node[scope.at].op, "VariableV2") || fire_span_is(m->node[scope.at].op, "VarHandleOp"))) {
                char node[WHO_TEXT];
                return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "%s: a variable without a value: freeze the graph, or load the folder of its SavedModel", who(&b, node));
            }
        return r;
    }
    if (m->opset < FIRE_ONNX_MIN_OPSET)
        return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "opset %llu; this version reads %d to %d", (unsigned long long)m->opset, FIRE_ONNX_MIN_OPSET, FIRE_ONNX_MAX_OPSET);
    return fire_onnx_check_nodes(m, err);
}

fire_status fire_onnx_check_nodes(fire_onnx *m, fire_error *err) {
    fire_scope scope = {.m = m};
    fire_import b = {.scope = &scope};
    char op[64];
    fire_status s = FIRE_OK;
    for (; scope.at < m->n_nodes && !s; scope.at++) {
        fire_onnx_function *fn = fire_onnx_function_of(m, &m->node[scope.at]);
        s = fn ? fire_onnx_function_check(m, fn, err) : check_node(&b, &m->node[scope.at], op, err);
    }
    return s;
}

void fire_import_begin(fire_import *b, int64_t bytes) {
    b->nodes_left = FIRE_IMPORT_NODES;
    b->run_left = b->ctx->work_limit ? b->ctx->work_limit : INT64_MAX;
    b->work_left = b->run_left < FIRE_IMPORT_WORK ? b->run_left : FIRE_IMPORT_WORK;
    b->bytes_left = b->ctx->memory_limit && b->ctx->memory_limit / 2 < bytes ? b->ctx->memory_limit / 2 : bytes;
    (void)fire_graph_const(b->g, FIRE_BOOL, (fire_shape){1, {0}}, &(char){0}); /* from now on value 0, which an input left out has, can be looked at */
}

void fire_import_end(fire_import *b) {
    fire_tensorflow_lists_free(b);
    fire_free(b->ctx, b->memo);
    fire_free(b->ctx, b->known);
    fire_free(b->ctx, b->wide);
    fire_free(b->ctx, b->called);
    fire_free(b->ctx, b->list);
    fire_free(b->ctx, b->text);
    fire_arena_free(&b->arena);
}

void fire_onnx_forget(fire_onnx *m) {
    for (int64_t i = 0; i < m->n_names; i++) m->name[i].value = 0;
}

static fire_status prepare(fire_import *b, const fire_onnx_node *n, fire_lift *l, fire_error *err) {
    *l = (fire_lift){.node = n, .n_in = n->n_in, .n_out = n->n_out, .opset = b->scope->m->opset, .own = !b->scope->m->tf && n->domain.size && !fire_span_is(n->domain, "ai.onnx")};
    fire_status s = FIRE_OK;
    if (fire_onnx_function_of(b->scope->m, n)) show(n->op, l->op, sizeof l->op);
    else s = check_node(b, n, l->op, err);
    if (s) return s;
    /* Room for the inputs and outputs that an operator may have, whatever the file says: those left out are 0. */
    l->in = fire_arena_alloc(&b->arena, (size_t)n->n_in + 16, sizeof *l->in, err);
    l->out = l->in ? fire_arena_alloc(&b->arena, (size_t)n->n_out + FIRE_MAX_OUT, sizeof *l->out, err) : NULL;
    if (!l->out) return FIRE_NOMEM;
    for (int pass = 0; pass < 2 && !s; pass++) {
        fire_wire w = n->body;
        fire_wire_field f;
        bool more;
        if (pass && !(l->attr = fire_arena_alloc(&b->arena, (size_t)l->n_attrs, sizeof *l->attr, err))) return FIRE_NOMEM;
        l->n_attrs = 0;
        while (!s && !(s = fire_wire_next(&w, &f, &more, err)) && more) {
            if (f.number != 5 || b->scope->m->caffe) continue;
            if (pass) s = (b->scope->m->tf ? fire_tensorflow_attr : fire_onnx_attr_read)(&w, &f, &b->arena, &l->attr[l->n_attrs], err);
            l->n_attrs++;
        }
    }
    return s ? s : fire_import_references(b, l, err);
}

void fire_import_node(fire_import *b, const fire_onnx_node *n) {
    fire_graph *g = b->g;
    fire_lift l;
    if (b->nodes_left-- <= 0) {
        fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "more than %d nodes are computed, trips of loops counted", FIRE_IMPORT_NODES);
        return;
    }
    if ((b->bytes_left -= FIRE_IMPORT_NODE) < 0) {
        b->late |= b->symbolic; /* a run allows for more */
        fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "the nodes and constants of the model, trips of loops counted, take more memory than its file allows for");
        return;
    }
    if (prepare(b, n, &l, &g->first)) return;
    for (int64_t k = 0; k < n->n_in && !g->first.status; k++) l.in[k] = fire_import_find(b, n->in[k]);
    if (g->first.status) return;
    const char *around = g->layer;
    if (n->name.size && n->name.size < 256) {
        char *layer = fire_arena_alloc(&g->arena, n->name.size + 1, 1, &g->first);
        if (!layer) return;
        g->layer = show(n->name, layer, n->name.size + 1);
    }
    fire_onnx_function *fn = fire_onnx_function_of(b->scope->m, n);
    if (fn) fire_import_call(b, &l, fn);
    else lift_one(b, &l);
    g->layer = around;
    for (int64_t k = 0; k < n->n_out && !g->first.status; k++) {
        if (n->out[k].size) fire_onnx_find(b->scope->m, n->out[k])->value = l.out[k];
        if (b->layers && !b->scope->outer && !b->scope->caller && n->out[k].size && n->out[k].size < 200 && l.out[k] > 0 && g->value[l.out[k]].source == FIRE_FROM_NODE && !g->value[l.out[k]].name) {
            char name[256];
            const char *own = fire_arena_text(&g->arena, show(n->out[k], name, sizeof name), &g->first);
            g->value[l.out[k]].name = own;
        }
    }
}

void fire_import_nodes(fire_import *b, fire_scope *scope) {
    if (scope->m->tf) { fire_tensorflow_nodes(b, scope); return; }
    fire_scope *around = b->scope;
    fire_arena arena = b->arena; /* what the node around this scope has read stays until it is done */
    b->scope = scope;
    for (scope->at = 0; scope->at < scope->m->n_nodes && !b->g->first.status; scope->at++) {
        b->arena = (fire_arena){.ctx = b->ctx};
        if (!scope->outer && !scope->caller) fire_import_part(b, scope->m->node[scope->at].name, scope->m->node[scope->at].op, scope->at);
        fire_import_node(b, &scope->m->node[scope->at]);
        fire_arena_free(&b->arena);
    }
    b->arena = arena;
    b->scope = around;
}

/* ---- what lifts share ---- */

fire_value fire_import_ints(fire_import *b, int64_t n, const int64_t *v) { return fire_graph_const(b->g, FIRE_I64, (fire_shape){1, {n}}, v); }
fire_value fire_import_sizes(fire_import *b, fire_value x, int64_t from, int64_t to) {
    if (b->g->first.status) return 0;
    fire_shape s = fire_shape_of(b->g, x), other = s;
    bool batch = false;
    for (int64_t d = from; d < to; d++) {
        if (s.dim[d] >= 0) continue;
        if (!b->layers) { (void)fire_import_concrete(b, x); return 0; }
        s.dim[d] = FIRE_IMPORT_BATCH;
        other.dim[d] = FIRE_IMPORT_OTHER;
        batch = true;
    }
    const fire_value v = fire_import_ints(b, to - from, s.dim + from), twin = batch ? fire_import_ints(b, to - from, other.dim + from) : 0;
    fire_import_mark *mark = batch ? fire_import_mark_of(b, v) : NULL;
    if (mark) mark->twin = b->g->value[twin].tensor.data;
    return v;
}
fire_value fire_import_like(fire_import *b, fire_value x, double v) { return b->g->first.status ? 0 : fire_graph_scalar(b->g, fire_type_of(b->g, x), v); }
fire_value fire_import_reshape(fire_import *b, fire_value x, fire_shape to) {
    return fire_import_apply(b, "Reshape", 2, FIRE_IN(x, fire_import_ints(b, to.rank, to.dim)), "allowzero=1");
}
fire_value fire_import_cast(fire_import *b, fire_value x, fire_type to) {
    if (b->g->first.status || fire_type_of(b->g, x) == to) return x;
    return fire_import_apply(b, "Cast", 1, &x, "to=%d", (int)to);
}
fire_value fire_import_one(fire_import *b, const char *op, fire_value x) { return fire_import_apply(b, op, 1, &x, " "); }
fire_value fire_import_two(fire_import *b, const char *op, fire_value x, fire_value y) { return fire_import_apply(b, op, 2, FIRE_IN(x, y), " "); }
fire_value fire_import_slice(fire_import *b, fire_value x, int axis, int64_t from, int64_t to) {
    return fire_import_apply(b, "Slice", 4, FIRE_IN(x, fire_import_ints(b, 1, &from), fire_import_ints(b, 1, &to), fire_import_ints(b, 1, &(int64_t){axis})), " ");
}
fire_value fire_import_unsqueeze(fire_import *b, fire_value x, int axis) { return fire_import_two(b, "Unsqueeze", x, fire_import_ints(b, 1, &(int64_t){axis})); }
fire_value fire_import_permute(fire_import *b, fire_value x, const int *perm) {
    if (b->g->first.status) return 0;
    char text[128] = "perm=[";
    bool same = true;
    int rank = fire_shape_of(b->g, x).rank;
    for (int d = 0; d < rank; d++) same &= perm[d] == d, snprintf(text + strlen(text), sizeof text - strlen(text), "%s%d", d ? "," : "", perm[d]);
    return same ? x : fire_import_apply(b, "Transpose", 1, &x, "%s]", text);
}
fire_value fire_import_reduce(fire_import *b, const char *op, fire_value x, uint32_t mask, bool keep) {
    int64_t axis[FIRE_MAX_RANK], n = 0;
    for (int d = 0; d < FIRE_MAX_RANK; d++)
        if (mask >> d & 1) axis[n++] = d;
    return n ? fire_import_apply(b, op, 2, FIRE_IN(x, fire_import_ints(b, n, axis)), "keepdims=%d", keep) : x;
}
bool fire_import_is_rows(fire_import *b, fire_value x) {
    if (b->g->first.status) return false;
    fire_shape s = fire_shape_of(b->g, x);
    for (int d = 1; d < s.rank; d++)
        if (s.dim[d] < 0) return fire_import_concrete(b, x);
    return true;
}

bool fire_import_concrete(fire_import *b, fire_value x) {
    if (b->g->first.status) return false;
    fire_shape s = fire_shape_of(b->g, x);
    if (fire_count(&s) >= 0) return true;
    char text[FIRE_SHAPE_TEXT];
    b->late = true;
    fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "the shape %s is not known before it runs", fire_shape_text(&s, text));
    return false;
}
