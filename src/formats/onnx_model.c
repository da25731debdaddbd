/* onnx_model.c - an ONNX file of other software, run on tensors by name.
**
** The file stays in memory. A run needs a graph and a plan for the shapes that are fed; the last few are kept, with the few numbers that were fed
** and went into the graph (a sample rate that an If asks for); where those are many the graph serves one run (onnx_import.h).
*/
#include "formats/caffe.h"
#include "formats/onnx_file.h"
#include "formats/tensorflow.h"
#include "plan.h"
#include <stdio.h>
#include <string.h>

#define KEPT 4 /* graphs */
/* Where the context has no limit of its own, a run of a small file may not take more than this, besides so many times the bytes of the file and
** of what is fed: a few nodes that double a tensor each are refused, networks that unfold their input are not. */
#define RUN_BYTES ((int64_t)4 << 30)
#define RUN_TIMES 64

/* Output k: a tensor, or a list of `n` tensors, of which the first is planned[at]. */
typedef enum { NOT_GIVEN, ABSENT, TENSOR, LIST } kind;
typedef struct { kind kind; fire_type type; int64_t at, n; } result;

typedef struct ready {
    fire_graph graph;
    fire_plan *plan;
    fire_tensor *feed;   /* [n_inputs] what it was made for, without numbers */
    uint64_t key; uint8_t (*number)[FIRE_IMPORT_KEY]; /* the inputs, by bits of their places in fed, whose numbers it holds, and those numbers, one after the other */
    fire_value *fed;     /* [n_fed] the graph's inputs: tensors of numbers, those of lists one after the other */
    result *output;      /* [n_outputs] */
    fire_value *planned; fire_type *called; int64_t n_planned; /* what the plan computes, and what the file calls its types */
    fire_span *text; int64_t n_texts, text_left; /* texts that numbers of type FIRE_TEXT name; how many bytes of them may come out */
    uint64_t used;
} ready;

struct fire_onnx_model {
    fire_context *ctx;
    fire_onnx_file *file;
    fire_onnx m;
    ready kept[KEPT];
    uint64_t runs;
};

static const char *show(fire_span s, char *to, size_t capacity) { return fire_escape(to, capacity, (const char *)s.bytes, s.size); }

static void ready_clear(fire_context *ctx, ready *r) {
    fire_plan_free(r->plan);
    fire_free(ctx, r->feed);
    fire_free(ctx, r->number);
    fire_free(ctx, r->fed);
    fire_free(ctx, r->output);
    fire_free(ctx, r->planned);
    fire_free(ctx, r->called);
    fire_free(ctx, r->text);
    fire_graph_clear(&r->graph);
    *r = (ready){0};
}

static fire_status beside(void *user, const char *name, fire_span *out, fire_error *err) {
    return fire_onnx_file_outside(user, (fire_span){(const uint8_t *)name, strlen(name)}, (fire_span){0}, (fire_span){0}, out, err);
}

/* Inner tensors in place of the outputs. */
static fire_status choose_outputs(fire_onnx *m, const fire_tf_want *want, fire_error *err) {
    char text[80];
    if (want->n_inputs || want->signature) return fire_fail(err, FIRE_E_UNSUPPORTED, "inputs and a signature are chosen of TensorFlow graphs, and this is another file");
    fire_onnx_value *list = fire_arena_alloc(&m->arena, (size_t)want->n_outputs, sizeof *list, err);
    if (!list) return FIRE_NOMEM;
    for (int32_t k = 0; k < want->n_outputs; k++) {
        const fire_onnx_name *d = fire_onnx_find(m, (fire_span){(const uint8_t *)want->output[k], strlen(want->output[k])});
        if (!d) return fire_fail(err, FIRE_E_UNKNOWN_NAME, "the model has no tensor '%s'; `firesteel inspect` lists what its nodes make", fire_escape(text, sizeof text, want->output[k], strlen(want->output[k])));
        list[k] = (fire_onnx_value){.name = d->name, .is_tensor = true};
        for (int64_t i = 0; i < m->n_outputs; i++)
            if (!fire_span_compare(m->output[i].name, d->name)) list[k] = m->output[i];
    }
    m->output = list;
    m->n_outputs = want->n_outputs;
    return FIRE_OK;
}

static fire_status read_model(fire_context *ctx, fire_onnx_file *file, fire_onnx *m, fire_error *err) {
    const fire_contents *b = fire_onnx_file_bytes(file);
    const fire_tf_files files = {file, beside};
    bool saved;
    const fire_tf_want *want = fire_onnx_file_choice(file, &saved);
    fire_status s;
    if (!saved && fire_caffe_is(b->data, b->size)) {
        const fire_contents *w = fire_onnx_file_weights(file);
        s = fire_caffe_read(ctx, b->data, b->size, w->data, w->size, m, err);
        m->file = file;
        return s || !want || !want->n_outputs ? s : choose_outputs(m, want, err);
    }
    if (!saved && !fire_tensorflow_is(b->data, b->size)) return (s = fire_onnx_read_file(file, m, err)) || !want || !want->n_outputs ? s : choose_outputs(m, want, err);
    s = saved ? fire_tensorflow_saved_read(ctx, b->data, b->size, &files, want, m, err) : fire_tensorflow_read(ctx, b->data, b->size, NULL, want, m, err);
    m->file = file;
    return s;
}

fire_status fire_onnx_model_new(fire_context *ctx, fire_onnx_file *file, fire_onnx_model **out, fire_error *err) {
    fire_onnx_model *o = fire_alloc(ctx, 1, sizeof *o, err);
    if (!o) return FIRE_NOMEM;
    fire_status s = read_model(ctx, file, &o->m, err);
    if (!s) s = fire_onnx_check(&o->m, err);
    if (s) {
        fire_onnx_clear(&o->m);
        fire_free(ctx, o);
        return s;
    }
    o->ctx = ctx;
    o->file = fire_onnx_file_share(file);
    *out = o;
    return FIRE_OK;
}

void fire_onnx_model_free(fire_onnx_model *o) {
    if (!o) return;
    for (int i = 0; i < KEPT; i++) ready_clear(o->ctx, &o->kept[i]);
    fire_onnx_clear(&o->m);
    fire_onnx_file_free(o->file);
    fire_free(o->ctx, o);
}

fire_onnx_file *fire_onnx_model_file(const fire_onnx_model *o) { return o->file; }
fire_onnx *fire_onnx_model_index(fire_onnx_model *o) { return &o->m; }

static fire_status check_shape(const fire_onnx *m, const fire_onnx_value *v, const fire_tensor *t, fire_error *err) {
    char a[80], b[FIRE_SHAPE_TEXT], c[FIRE_SHAPE_TEXT];
    fire_status s = fire_shape_check("the tensor", fire_import_storage(t->type), &t->shape, err);
    if (s) return s;
    bool fits = fire_count(&t->shape) >= 0 && (!v->has_shape || v->rank == t->shape.rank);
    for (int d = 0; d < t->shape.rank && fits && v->has_shape && !m->caffe; d++) /* nets of Caffe take any size */
        fits = v->dim[d] < 0 || v->dim[d] == t->shape.dim[d];
    if (fits) return FIRE_OK;
    fire_shape want = {.rank = v->rank <= FIRE_MAX_RANK ? v->rank : FIRE_MAX_RANK};
    memcpy(want.dim, v->dim, sizeof want.dim);
    return fire_fail(err, FIRE_E_SHAPE, "the input '%s' has shape %s, expected %s", show(fire_onnx_label(v), a, sizeof a), fire_shape_text(&t->shape, b), fire_shape_text(&want, c));
}

/* What is fed, in the order of the model's inputs. */
static fire_status sort_feeds(const fire_onnx *m, int32_t n, const fire_named *in, fire_tensor *feed, fire_error *err) {
    char a[80];
    for (int64_t i = 0; i < m->n_inputs; i++) {
        const fire_onnx_value *v = &m->input[i];
        int32_t k = 0;
        while (k < n && !fire_span_is(fire_onnx_label(v), in[k].name)) k++;
        if (k == n) return fire_fail(err, FIRE_E_USAGE, "no tensor is given for the input '%s'", show(fire_onnx_label(v), a, sizeof a));
        const fire_tensor *t = &in[k].tensor;
        if (!v->is_tensor && !v->is_list && !v->optional) return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "the input '%s' is no tensor", show(fire_onnx_label(v), a, sizeof a));
        const fire_type want = (fire_type)(v->type < FIRE_LIST ? v->type : 0);
        const bool absent = v->optional && t->type == FIRE_NO_TYPE, list = v->is_list && t->type == (fire_type)(FIRE_LIST | want);
        if (!absent && (v->is_list ? !list : t->type != want || !fire_import_storage(want)))
            return fire_fail(err, FIRE_E_SHAPE, "the input '%s' is %s, expected %s%s", show(fire_onnx_label(v), a, sizeof a), fire_type_text(t->type), v->is_list ? "a list of " : "", fire_type_text(want));
        fire_status s = FIRE_OK;
        if (list) {
            if (t->shape.rank != 1 || t->shape.dim[0] < 0 || t->shape.dim[0] > INT32_MAX) return fire_fail(err, FIRE_E_SHAPE, "the list for the input '%s' has no length", show(fire_onnx_label(v), a, sizeof a));
            const fire_tensor *item = t->data;
            for (int64_t e = 0; e < t->shape.dim[0] && !s; e++) {
                if (item[e].type != want) return fire_fail(err, FIRE_E_SHAPE, "element %lld of the input '%s' is %s, expected %s", (long long)e, show(fire_onnx_label(v), a, sizeof a), fire_type_text(item[e].type), fire_type_text(want));
                s = check_shape(m, v, &item[e], err);
            }
        } else if (!absent) s = check_shape(m, v, t, err);
        if (s) return s;
        feed[i] = *t;
    }
    for (int32_t k = 0; k < n; k++)
        for (int64_t i = 0; i <= m->n_inputs; i++) {
            if (i == m->n_inputs) return fire_fail(err, FIRE_E_UNKNOWN_NAME, "the model has no input '%s'", fire_escape(a, sizeof a, in[k].name, strlen(in[k].name)));
            if (fire_span_is(fire_onnx_label(&m->input[i]), in[k].name)) break;
        }
    return FIRE_OK;
}

static bool is_text(const fire_tensor *t) { return (t->type & ~FIRE_LIST) == FIRE_TEXT; }

/* The tensors of numbers among what is fed, those of lists one after the other, as they lie in graphs. *bytes: of all that is fed. */
static fire_status flatten(fire_context *ctx, int64_t n, const fire_tensor *feed, fire_tensor **flat, int64_t *n_flat, int64_t *bytes, fire_error *err) {
    for (int pass = 0; pass < 2; pass++) {
        int64_t made = 0;
        *bytes = 0;
        for (int64_t i = 0; i < n; i++) {
            const bool list = feed[i].type & FIRE_LIST;
            const int64_t items = list ? feed[i].shape.dim[0] : feed[i].type != FIRE_NO_TYPE;
            for (int64_t e = 0; e < items; e++) {
                const fire_tensor *t = list ? (const fire_tensor *)feed[i].data + e : &feed[i];
                const int64_t count = fire_count(&t->shape);
                *bytes += count * (int64_t)fire_type_size(fire_import_storage(t->type)); /* they lie in memory: no overflow */
                for (int64_t k = 0; k < count && is_text(t); k++) *bytes += (int64_t)strlen(((const char *const *)t->data)[k]);
                if (is_text(t)) continue;
                if (pass) (*flat)[made] = (fire_tensor){fire_import_storage(t->type), t->shape, t->data};
                made++;
            }
        }
        *n_flat = made;
        if (!pass && !(*flat = fire_alloc(ctx, (size_t)made, sizeof **flat, err))) return FIRE_NOMEM;
    }
    return FIRE_OK;
}

/* A tensor that is fed, as a value: an input of the graph, or constant texts. */
static fire_value feed_one(fire_import *b, const fire_tensor *t, fire_span name, int64_t *k) {
    char text[300];
    if (!is_text(t)) {
        const fire_value v = fire_graph_input(b->g, show(name, text, sizeof text), fire_import_storage(t->type), t->shape);
        ((fire_value *)b->fed)[(*k)++] = v;
        return fire_import_as(b, v, t->type);
    }
    const int64_t count = fire_count(&t->shape);
    fire_span *span = fire_arena_alloc(&b->arena, (size_t)count, sizeof *span, &b->g->first);
    if (!span) return 0;
    for (int64_t i = 0; i < count; i++) {
        const char *own = ((const char *const *)t->data)[i];
        span[i] = (fire_span){(const uint8_t *)own, strlen(own)};
    }
    return fire_import_texts(b, t->shape, span);
}

static fire_value feed_list(fire_import *b, const fire_tensor *list, fire_span name, int64_t *k) {
    const int64_t n = list->shape.dim[0];
    fire_value *item = fire_arena_alloc(&b->arena, (size_t)n, sizeof *item, &b->g->first);
    for (int64_t e = 0; item && e < n; e++) item[e] = feed_one(b, (const fire_tensor *)list->data + e, name, k);
    return item && !b->g->first.status ? fire_import_list_new(b, n, item, (fire_type)(list->type & ~FIRE_LIST)) : 0;
}

/* What is to be planned for the outputs. */
static fire_status list_results(fire_import *b, ready *r, int64_t n, const fire_value *output, fire_error *err) {
    for (int64_t k = 0; k < n; k++) r->n_planned += output[k] < 0 ? fire_import_list_get(b, output[k])->n : output[k] != 0;
    r->planned = fire_alloc(b->ctx, (size_t)r->n_planned, sizeof *r->planned, err);
    r->called = r->planned ? fire_alloc(b->ctx, (size_t)r->n_planned, sizeof *r->called, err) : NULL;
    if (!r->called) return FIRE_NOMEM;
    int64_t at = 0;
    for (int64_t k = 0; k < n; k++) {
        const fire_import_list *list = fire_import_list_get(b, output[k]);
        r->output[k] = list ? (result){list->none ? ABSENT : LIST, list->type, at, list->n} : output[k] ? (result){TENSOR, fire_import_type(b, output[k]), at, 1} : (result){0};
        for (int64_t i = 0; i < r->output[k].n; i++, at++) {
            r->planned[at] = list ? list->item[i] : output[k];
            r->called[at] = fire_import_type(b, r->planned[at]);
        }
    }
    return FIRE_OK;
}

static size_t key_bytes(const fire_tensor *t) { return (size_t)fire_count(&t->shape) * fire_type_size(fire_import_storage(t->type)); }

static fire_status keep_key(fire_context *ctx, uint64_t key, int64_t n, const fire_tensor *flat, ready *r, fire_error *err) {
    int64_t at = 0;
    if (!(r->number = fire_alloc(ctx, (size_t)__builtin_popcountll(key), sizeof *r->number, err))) return FIRE_NOMEM;
    r->key = key;
    for (int64_t k = 0; k < n && k < 64; k++)
        if (key >> k & 1) {
            const size_t bytes = key_bytes(&flat[k]);
            if (bytes) memcpy(r->number[at], flat[k].data, bytes);
            at++;
        }
    return FIRE_OK;
}
static bool same_numbers(const ready *r, int64_t n, const fire_tensor *flat) {
    int64_t at = 0;
    for (int64_t k = 0; k < n && k < 64; k++)
        if (r->key >> k & 1) {
            const size_t bytes = key_bytes(&flat[k]);
            if (bytes && memcmp(r->number[at], flat[k].data, bytes)) return false;
            at++;
        }
    return true;
}

/* Graph and plan for these shapes. *once: it holds numbers of this run. */
static fire_status make(fire_onnx_model *o, const fire_tensor *feed, const fire_tensor *flat, int64_t n_flat, int64_t fed_bytes, ready *r, bool *once, fire_error *err) {
    fire_onnx *m = &o->m;
    char text[80];
    fire_graph_init(&r->graph, o->ctx);
    r->graph.align.get = fire_onnx_file_align;
    r->graph.align.user = o->file;
    r->feed = fire_alloc(o->ctx, (size_t)m->n_inputs, sizeof *r->feed, err);
    r->fed = r->feed ? fire_alloc(o->ctx, (size_t)n_flat, sizeof *r->fed, err) : NULL;
    r->output = r->fed ? fire_alloc(o->ctx, (size_t)m->n_outputs, sizeof *r->output, err) : NULL;
    fire_value *output = r->output ? fire_alloc(o->ctx, (size_t)m->n_outputs, sizeof *output, err) : NULL;
    if (!output) return FIRE_NOMEM;
    fire_scope scope = {.m = m};
    fire_import b = {.ctx = o->ctx, .g = &r->graph, .arena = {.ctx = o->ctx}, .scope = &scope, .n_feeds = (int32_t)n_flat, .feed = flat, .fed = r->fed};
    const int64_t bytes = fire_onnx_file_size(o->file) + fed_bytes;
    if (!o->ctx->memory_limit && (!fire_mul(bytes, RUN_TIMES, &r->graph.block_limit) || !fire_add(r->graph.block_limit, RUN_BYTES, &r->graph.block_limit))) r->graph.block_limit = 0;
    fire_import_begin(&b, FIRE_IMPORT_FOLD + 4 * bytes);
    fire_onnx_forget(m);
    int64_t at = 0;
    scope.at = m->n_nodes;
    for (int64_t i = 0; i < m->n_inputs; i++) {
        r->feed[i] = (fire_tensor){feed[i].type, feed[i].shape, NULL};
        fire_onnx_find(m, m->input[i].name)->value = feed[i].type == FIRE_NO_TYPE ? fire_import_none(&b, (fire_type)(m->input[i].type < FIRE_LIST ? m->input[i].type : 0))
            : feed[i].type & FIRE_LIST ? feed_list(&b, &feed[i], m->input[i].name, &at) : feed_one(&b, &feed[i], m->input[i].name, &at);
    }
    fire_import_nodes(&b, &scope);
    scope.at = m->n_nodes;
    for (int64_t k = 0; k < m->n_outputs; k++) {
        if (fire_tensorflow_leaves_out(m, k)) continue;
        output[k] = fire_import_find(&b, m->output[k].name);
        if (!output[k]) fire_graph_fail(&r->graph, FIRE_E_MODEL_UNSUPPORTED, "the output '%s' is not computed", show(m->output[k].name, text, 80));
    }
    fire_status s = fire_graph_check(&r->graph, err);
    if (!s) s = list_results(&b, r, m->n_outputs, output, err);
    *once = (b.used_numbers && (b.no_key || !b.key)) || b.n_lists || b.n_texts;
    if (!s && b.used_numbers && !*once) s = keep_key(o->ctx, b.key, n_flat, flat, r, err);
    r->text = b.text, r->n_texts = b.n_texts, r->text_left = b.bytes_left;
    b.text = NULL;
    fire_import_end(&b);
    fire_free(o->ctx, output);
    if (!s) s = fire_plan_new_steady(&r->graph, 1, (int)r->n_planned, r->planned, &r->plan, err);
    if (!s) s = fire_plan_allowed(r->plan, &b.run_left, err);
    if (!s) fire_plan_hold(r->plan); /* there are no params: all that is held is constant */
    return s;
}

static bool same_feeds(const fire_onnx *m, const ready *r, const fire_tensor *feed) {
    for (int64_t i = 0; i < m->n_inputs; i++)
        if (r->feed[i].type != feed[i].type || !fire_same_shape(&r->feed[i].shape, &feed[i].shape)) return false;
    return true;
}

/* One block of memory, filled in two passes: the first, without memory, counts. */
typedef struct { char *memory; int64_t size; } block;
static void *room(block *b, int64_t bytes) {
    void *p = b->memory ? b->memory + b->size : NULL;
    b->size += (bytes + 63) / 64 * 64;
    return p;
}

/* A copy of what the plan has computed for planned[k]. */
static void copy_tensor(const ready *r, int64_t k, block *b, fire_tensor *to) {
    fire_tensor t = fire_plan_tensor(r->plan, r->planned[k]);
    const int64_t count = fire_count(&t.shape);
    const void *from = fire_plan_data(r->plan, r->planned[k]);
    t.type = r->called[k];
    if (t.type != FIRE_TEXT) {
        const int64_t bytes = count * (int64_t)fire_type_size(t.type);
        t.data = room(b, bytes);
        if (t.data && bytes) memcpy(t.data, from, (size_t)bytes);
    } else {
        const char **text = t.data = room(b, count * (int64_t)sizeof(char *));
        for (int64_t i = 0; i < count; i++) {
            const uint64_t place = ((const uint64_t *)from)[i];
            const fire_span s = place < (uint64_t)r->n_texts ? r->text[place] : (fire_span){0};
            char *own = b->memory ? b->memory + b->size : NULL;
            if (b->size <= INT64_MAX / 2) b->size += (int64_t)s.size + 1;
            if (!own) continue;
            if (s.size) memcpy(own, s.bytes, s.size);
            own[s.size] = 0;
            text[i] = own;
        }
        (void)room(b, 0);
        b->size = (b->size + 63) / 64 * 64;
    }
    if (b->memory) *to = t;
}

/* Copies of the outputs, in one block of memory. */
static fire_status collect(fire_onnx_model *o, const ready *r, fire_named **out, int32_t *n_out, fire_error *err) {
    const fire_onnx *m = &o->m;
    block b = {0};
    for (int pass = 0; pass < 2; pass++) {
        if (pass && r->n_texts && b.size > r->text_left)
            return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "the texts of the outputs take %lld bytes, more than files may", (long long)b.size);
        if (pass && !(b.memory = fire_alloc(o->ctx, (size_t)b.size, 1, err))) return FIRE_NOMEM;
        b.size = 0;
        fire_named *named = room(&b, m->n_outputs * (int64_t)sizeof *named);
        *n_out = 0;
        for (int64_t k = 0; k < m->n_outputs; k++) {
            const result *y = &r->output[k];
            if (y->kind == NOT_GIVEN) continue;
            const size_t name = fire_onnx_label(&m->output[k]).size;
            char *own = room(&b, (int64_t)name + 1);
            fire_tensor t = {0};
            if (y->kind == LIST) {
                fire_tensor *item = room(&b, y->n * (int64_t)sizeof *item);
                for (int64_t i = 0; i < y->n; i++) copy_tensor(r, y->at + i, &b, pass ? &item[i] : NULL);
                t = (fire_tensor){(fire_type)(FIRE_LIST | y->type), {1, {y->n}}, item};
            } else if (y->kind == TENSOR) copy_tensor(r, y->at, &b, &t);
            if (!pass) continue;
            if (name) memcpy(own, fire_onnx_label(&m->output[k]).bytes, name);
            own[name] = 0;
            named[(*n_out)++] = (fire_named){own, t};
        }
    }
    *out = (fire_named *)b.memory;
    return FIRE_OK;
}

/* What a run needs: the model's inputs in order, and of them the tensors of numbers. */
typedef struct { fire_tensor *feed, *flat; int64_t n_flat, bytes; ready own; } fed;

static void fed_clear(fire_context *ctx, fed *f) {
    ready_clear(ctx, &f->own);
    fire_free(ctx, f->flat);
    fire_free(ctx, f->feed);
    *f = (fed){0};
}

/* Graph and plan for what is fed, with its tensors bound: one that is kept, or *f's own where it holds numbers of this run. */
static fire_status prepare(fire_onnx_model *o, int32_t n, const fire_named *in, fed *f, ready **out, fire_error *err) {
    const fire_onnx *m = &o->m;
    ready *r = NULL;
    bool once = false;
    *f = (fed){.feed = fire_alloc(o->ctx, (size_t)m->n_inputs, sizeof *f->feed, err)};
    if (!f->feed) return FIRE_NOMEM;
    fire_status s = sort_feeds(m, n, in, f->feed, err);
    if (!s) s = flatten(o->ctx, m->n_inputs, f->feed, &f->flat, &f->n_flat, &f->bytes, err);
    for (int i = 0; i < KEPT && !s && !r; i++)
        if (o->kept[i].plan && same_feeds(m, &o->kept[i], f->feed) && same_numbers(&o->kept[i], f->n_flat, f->flat)) r = &o->kept[i];
    if (!s && !r) {
        s = make(o, f->feed, f->flat, f->n_flat, f->bytes, &f->own, &once, err);
        r = &f->own;
        if (!s && !once) {
            r = &o->kept[0];
            for (int i = 1; i < KEPT; i++)
                if (o->kept[i].used < r->used) r = &o->kept[i];
            ready_clear(o->ctx, r);
            *r = f->own; /* the plan borrows nothing of the graph struct itself but what is in its memory */
            f->own = (ready){0};
        }
    }
    if (s) return s;
    r->used = ++o->runs;
    for (int64_t i = 0; i < f->n_flat; i++) fire_plan_bind(r->plan, r->fed[i], f->flat[i].data);
    *out = r;
    return FIRE_OK;
}

fire_status fire_onnx_model_run(fire_onnx_model *o, int32_t n, const fire_named *in, fire_named **out, int32_t *n_out, fire_error *err) {
    fed f;
    ready *r = NULL;
    fire_status s = prepare(o, n, in, &f, &r, err);
    if (!s) {
        fire_plan_run(r->plan);
        s = collect(o, r, out, n_out, err);
    }
    fed_clear(o->ctx, &f);
    return s;
}

/* Room for the outputs of `rows` rows, with shapes and types as r has them for one. */
static fire_status rows_room(fire_onnx_model *o, const ready *r, int64_t rows, fire_named **out, int32_t *n_out, fire_error *err) {
    const fire_onnx *m = &o->m;
    char text[80];
    block b = {0};
    for (int pass = 0; pass < 2; pass++) {
        if (pass && !(b.memory = fire_alloc(o->ctx, (size_t)b.size, 1, err))) return FIRE_NOMEM;
        b.size = 0;
        fire_named *named = room(&b, m->n_outputs * (int64_t)sizeof *named);
        *n_out = 0;
        for (int64_t k = 0; k < m->n_outputs; k++) {
            const result *y = &r->output[k];
            const fire_span label = fire_onnx_label(&m->output[k]);
            if (y->kind == NOT_GIVEN) continue;
            fire_tensor t = {0};
            int64_t bytes = 0;
            if (y->kind == TENSOR) {
                t = fire_plan_tensor(r->plan, r->planned[y->at]);
                t.type = r->called[y->at];
            }
            if (y->kind != TENSOR || t.type == FIRE_TEXT || t.shape.rank == FIRE_MAX_RANK)
                return fire_fail(err, FIRE_E_UNSUPPORTED, "the output '%s' is no tensor of numbers that could have one more dimension", show(label, text, sizeof text));
            if (!fire_mul(fire_count(&t.shape) * (int64_t)fire_type_size(t.type), rows, &bytes) || bytes > INT64_MAX / 4 - b.size)
                return fire_fail(err, FIRE_E_NOMEM, "the output '%s' of %lld rows is too large", show(label, text, sizeof text), (long long)rows);
            memmove(t.shape.dim + 1, t.shape.dim, (size_t)t.shape.rank++ * sizeof *t.shape.dim);
            t.shape.dim[0] = rows;
            char *own = room(&b, (int64_t)label.size + 1);
            t.data = room(&b, bytes);
            if (!pass) continue;
            if (label.size) memcpy(own, label.bytes, label.size);
            own[label.size] = 0;
            named[(*n_out)++] = (fire_named){own, t};
        }
    }
    *out = (fire_named *)b.memory;
    return FIRE_OK;
}

/* The outputs of one row to their place among all rows'. */
static fire_status put_row(const fire_onnx_model *o, const ready *r, int64_t row, const fire_named *to, fire_error *err) {
    char text[80], a[FIRE_SHAPE_TEXT], b[FIRE_SHAPE_TEXT];
    for (int64_t k = 0, at = 0; k < o->m.n_outputs; k++) {
        const result *y = &r->output[k];
        if (y->kind == NOT_GIVEN) continue;
        const fire_tensor *all = &to[at++].tensor;
        fire_shape cell = {.rank = all->shape.rank - 1};
        memcpy(cell.dim, all->shape.dim + 1, sizeof cell.dim - sizeof *cell.dim);
        const fire_tensor t = y->kind == TENSOR ? fire_plan_tensor(r->plan, r->planned[y->at]) : (fire_tensor){0};
        if (y->kind != TENSOR || r->called[y->at] != all->type || !fire_same_shape(&t.shape, &cell))
            return fire_fail(err, FIRE_E_SHAPE, "the output '%s' has shape %s in row 0 and %s in row %lld", show(fire_onnx_label(&o->m.output[k]), text, sizeof text),
                             fire_shape_text(&cell, a), fire_shape_text(&t.shape, b), (long long)row);
        const size_t bytes = (size_t)fire_count(&cell) * fire_type_size(all->type);
        if (bytes) memcpy((char *)all->data + (size_t)row * bytes, fire_plan_data(r->plan, r->planned[y->at]), bytes);
    }
    return FIRE_OK;
}

fire_status fire_onnx_model_run_rows(fire_onnx_model *o, int64_t rows, int32_t n, const fire_named *in, fire_named **out, int32_t *n_out, fire_error *err) {
    char text[80];
    fire_named *row = fire_alloc(o->ctx, (size_t)n, sizeof *row, err), *made = NULL;
    if (!row) return FIRE_NOMEM;
    fire_status s = rows < 1 ? fire_fail(err, FIRE_E_USAGE, "fire_run_rows: %lld rows; expected at least one", (long long)rows) : FIRE_OK;
    for (int32_t k = 0; k < n && !s; k++) {
        const fire_tensor *t = &in[k].tensor;
        row[k] = (fire_named){in[k].name, {t->type, {.rank = t->shape.rank - 1}, t->data}};
        if (t->type == FIRE_NO_TYPE || t->type == FIRE_TEXT || t->type & (FIRE_LIST | FIRE_OPTIONAL) || t->shape.rank < 1 || t->shape.dim[0] != rows)
            s = fire_fail(err, FIRE_E_SHAPE, "the input '%s' is no tensor of numbers for %lld rows", fire_escape(text, sizeof text, in[k].name, strlen(in[k].name)), (long long)rows);
        else memcpy(row[k].tensor.shape.dim, t->shape.dim + 1, sizeof t->shape.dim - sizeof *t->shape.dim);
    }
    /* Plans that hold numbers of a run, and only these, are made or looked for anew for every row. */
    fed f = {0};
    ready *r = NULL;
    for (int64_t at = 0; at < rows && !s; at++) {
        if (!r || r == &f.own || r->key) {
            for (int32_t k = 0; k < n; k++) {
                const size_t bytes = (size_t)fire_count(&row[k].tensor.shape) * fire_type_size(fire_import_storage(row[k].tensor.type));
                row[k].tensor.data = in[k].tensor.data ? (char *)in[k].tensor.data + (size_t)at * bytes : NULL;
            }
            fed_clear(o->ctx, &f);
            s = prepare(o, n, row, &f, &r, err);
        } else
            for (int64_t i = 0; i < f.n_flat; i++) {
                const size_t bytes = (size_t)fire_count(&f.flat[i].shape) * fire_type_size(f.flat[i].type);
                fire_plan_bind(r->plan, r->fed[i], f.flat[i].data ? (char *)f.flat[i].data + (size_t)at * bytes : NULL);
            }
        if (!s && !made) s = rows_room(o, r, rows, &made, n_out, err);
        if (s) break;
        fire_plan_run(r->plan);
        s = put_row(o, r, at, made, err);
    }
    fed_clear(o->ctx, &f);
    fire_free(o->ctx, row);
    if (s) fire_free(o->ctx, made);
    else *out = made;
    return s;
}

/* A tensor of zeros for input i, whose shape is named or that of the file. */
static fire_status zeros_for(const fire_onnx_model *o, int64_t i, int64_t batch, int32_t n, const fire_named *shapes, fire_tensor *t, fire_error *err) {
    const fire_onnx_value *v = &o->m.input[i];
    char a[80], b[FIRE_SHAPE_TEXT];
    const fire_span label = fire_onnx_label(v);
    const fire_type type = (fire_type)(v->type < FIRE_LIST ? v->type : 0);
    show(label, a, sizeof a);
    if (!v->is_tensor || type == FIRE_TEXT || !fire_import_storage(type)) return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "the input '%s' is no tensor of numbers", a);
    *t = (fire_tensor){.type = type, .shape = {.rank = v->has_shape && v->rank <= FIRE_MAX_RANK ? v->rank : -1}};
    memcpy(t->shape.dim, v->dim, sizeof v->dim);
    if (v->has_shape && v->rank > 0 && t->shape.dim[0] < 0) t->shape.dim[0] = batch;
    for (int32_t k = 0; k < n; k++)
        if (fire_span_is(label, shapes[k].name)) t->shape = shapes[k].tensor.shape;
    if (t->shape.rank < 0 || fire_count(&t->shape) < 0)
        return fire_fail(err, FIRE_E_SHAPE, "the input '%s' has shape %s; name one without open sizes (firesteel explain-plan: --shape NAME=1,2,3)", a,
                         t->shape.rank < 0 ? "unknown" : fire_shape_text(&t->shape, b));
    fire_status s = check_shape(&o->m, v, t, err);
    if (s) return s;
    t->data = fire_alloc(o->ctx, (size_t)fire_count(&t->shape), fire_type_size(fire_import_storage(type)), err);
    return t->data ? FIRE_OK : FIRE_NOMEM;
}

fire_status fire_onnx_model_explain(fire_onnx_model *o, int64_t batch, int32_t n, const fire_named *shapes, fire_write *write, void *user, fire_error *err) {
    const int64_t n_in = o->m.n_inputs;
    fire_tensor *feed = fire_alloc(o->ctx, (size_t)n_in, sizeof *feed, err), *flat = NULL;
    int64_t n_flat = 0, bytes = 0;
    ready own = {0};
    bool once;
    fire_status s = feed ? FIRE_OK : FIRE_NOMEM;
    for (int64_t i = 0; i < n_in && !s; i++) s = zeros_for(o, i, batch > 0 ? batch : 1, n, shapes, &feed[i], err);
    for (int32_t k = 0; k < n && !s; k++) {
        char a[80];
        int64_t i = 0;
        while (i < n_in && !fire_span_is(fire_onnx_label(&o->m.input[i]), shapes[k].name)) i++;
        if (i == n_in) s = fire_fail(err, FIRE_E_UNKNOWN_NAME, "the model has no input '%s'", fire_escape(a, sizeof a, shapes[k].name, strlen(shapes[k].name)));
    }
    if (!s) s = flatten(o->ctx, n_in, feed, &flat, &n_flat, &bytes, err);
    if (!s) s = make(o, feed, flat, n_flat, bytes, &own, &once, err);
    if (!s) fire_plan_explain(own.plan, write, user);
    ready_clear(o->ctx, &own);
    for (int64_t i = 0; feed && i < n_in; i++) fire_free(o->ctx, feed[i].data);
    fire_free(o->ctx, flat);
    fire_free(o->ctx, feed);
    return s;
}

fire_status fire_onnx_model_port(const fire_onnx_model *o, bool output, int64_t i, fire_tensor *shape, char *name, size_t capacity) {
    const fire_onnx *m = &o->m;
    if (i >= (output ? m->n_outputs : m->n_inputs)) return FIRE_USAGE;
    const fire_onnx_value *v = output ? &m->output[i] : &m->input[i];
    const uint64_t known = v->type < FIRE_LIST ? v->type : 0;
    *shape = (fire_tensor){.type = (fire_type)(known | (v->is_list ? FIRE_LIST : 0) | (v->optional ? FIRE_OPTIONAL : 0)), .shape = {.rank = v->has_shape && v->rank <= FIRE_MAX_RANK ? v->rank : 0}};
    memcpy(shape->shape.dim, v->dim, sizeof v->dim);
    const fire_span label = fire_onnx_label(v);
    size_t n = label.size < capacity ? label.size : capacity - 1;
    if (n) memcpy(name, label.bytes, n);
    name[n] = 0;
    return FIRE_OK;
}
