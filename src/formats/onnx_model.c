/* onnx_model.c - an ONNX file of other software, run on tensors by name.
**
** The file stays in memory. A run needs a graph and a plan for the shapes that are fed; the last few are kept, unless numbers that were fed
** went into the graph (onnx_import.h).
*/
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

typedef struct ready {
    fire_graph graph;
    fire_plan *plan;
    fire_tensor *feed;   /* [n_inputs] shapes that it was made for */
    fire_value *fed;     /* [n_inputs] */
    fire_value *output;  /* [n_outputs] */
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
    fire_free(ctx, r->fed);
    fire_free(ctx, r->output);
    fire_graph_clear(&r->graph);
    *r = (ready){0};
}

fire_status fire_onnx_model_new(fire_context *ctx, fire_onnx_file *file, fire_onnx_model **out, fire_error *err) {
    const fire_contents *b = fire_onnx_file_bytes(file);
    fire_onnx_model *o = fire_alloc(ctx, 1, sizeof *o, err);
    if (!o) return FIRE_NOMEM;
    fire_status s = fire_tensorflow_is(b->data, b->size) ? fire_tensorflow_read(ctx, b->data, b->size, NULL, &o->m, err) : fire_onnx_read_file(file, &o->m, err);
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

/* The tensors fed, in the order of the model's inputs. */
static fire_status sort_feeds(const fire_onnx *m, int32_t n, const fire_named *in, fire_tensor *feed, fire_error *err) {
    char a[80], b[FIRE_SHAPE_TEXT], c[FIRE_SHAPE_TEXT];
    for (int64_t i = 0; i < m->n_inputs; i++) {
        const fire_onnx_value *v = &m->input[i];
        int32_t k = 0;
        while (k < n && !fire_span_is(v->name, in[k].name)) k++;
        if (k == n) return fire_fail(err, FIRE_E_USAGE, "no tensor is given for the input '%s'", show(v->name, a, sizeof a));
        const fire_tensor *t = &in[k].tensor;
        if (!v->is_tensor) return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "the input '%s' is no tensor", show(v->name, a, sizeof a));
        if (t->type != (fire_type)v->type)
            return fire_fail(err, FIRE_E_SHAPE, "the input '%s' is %s, expected %s", show(v->name, a, sizeof a), fire_type_text(t->type), fire_type_text((fire_type)v->type));
        fire_status s = fire_shape_check("the tensor", t->type, &t->shape, err);
        if (s) return s;
        bool fits = fire_count(&t->shape) >= 0 && (!v->has_shape || v->rank == t->shape.rank);
        for (int d = 0; d < t->shape.rank && fits && v->has_shape; d++) fits = v->dim[d] < 0 || v->dim[d] == t->shape.dim[d];
        if (!fits) {
            fire_shape want = {.rank = v->rank <= FIRE_MAX_RANK ? v->rank : FIRE_MAX_RANK};
            memcpy(want.dim, v->dim, sizeof want.dim);
            return fire_fail(err, FIRE_E_SHAPE, "the input '%s' has shape %s, expected %s", show(v->name, a, sizeof a), fire_shape_text(&t->shape, b), fire_shape_text(&want, c));
        }
        feed[i] = *t;
    }
    for (int32_t k = 0; k < n; k++)
        for (int64_t i = 0; i <= m->n_inputs; i++) {
            if (i == m->n_inputs) return fire_fail(err, FIRE_E_UNKNOWN_NAME, "the model has no input '%s'", fire_escape(a, sizeof a, in[k].name, strlen(in[k].name)));
            if (fire_span_is(m->input[i].name, in[k].name)) break;
        }
    return FIRE_OK;
}

/* Graph and plan for these shapes. *once: it holds numbers of this run. */
static fire_status make(fire_onnx_model *o, const fire_tensor *feed, ready *r, bool *once, fire_error *err) {
    fire_onnx *m = &o->m;
    char text[300];
    int n_out = 0;
    fire_graph_init(&r->graph, o->ctx);
    r->graph.align.get = fire_onnx_file_align;
    r->graph.align.user = o->file;
    r->feed = fire_alloc(o->ctx, (size_t)m->n_inputs, sizeof *r->feed, err);
    r->fed = r->feed ? fire_alloc(o->ctx, (size_t)m->n_inputs, sizeof *r->fed, err) : NULL;
    r->output = r->fed ? fire_alloc(o->ctx, (size_t)m->n_outputs, sizeof *r->output, err) : NULL;
    if (!r->output) return FIRE_NOMEM;
    fire_scope scope = {.m = m};
    fire_import b = {.ctx = o->ctx, .g = &r->graph, .arena = {.ctx = o->ctx}, .scope = &scope, .n_feeds = (int32_t)m->n_inputs, .feed = feed, .fed = r->fed};
    int64_t bytes = fire_onnx_file_size(o->file);
    for (int64_t i = 0; i < m->n_inputs; i++) bytes += fire_count(&feed[i].shape) * (int64_t)fire_type_size(feed[i].type); /* they lie in memory: no overflow */
    if (!o->ctx->memory_limit && (!fire_mul(bytes, RUN_TIMES, &r->graph.block_limit) || !fire_add(r->graph.block_limit, RUN_BYTES, &r->graph.block_limit))) r->graph.block_limit = 0;
    fire_import_begin(&b, FIRE_IMPORT_FOLD + 4 * bytes);
    fire_onnx_forget(m);
    for (int64_t i = 0; i < m->n_inputs; i++) {
        r->feed[i] = (fire_tensor){feed[i].type, feed[i].shape, NULL};
        r->fed[i] = fire_graph_input(&r->graph, show(m->input[i].name, text, sizeof text), feed[i].type, feed[i].shape);
        fire_onnx_find(m, m->input[i].name)->value = r->fed[i];
    }
    fire_import_nodes(&b, &scope);
    scope.at = m->n_nodes;
    for (int64_t k = 0; k < m->n_outputs; k++) {
        if (fire_tensorflow_leaves_out(m, k)) continue;
        r->output[k] = fire_import_find(&b, m->output[k].name);
        if (!r->output[k]) fire_graph_fail(&r->graph, FIRE_E_MODEL_UNSUPPORTED, "the output '%s' is not computed", show(m->output[k].name, text, 80));
    }
    fire_import_end(&b);
    *once = b.used_numbers;
    fire_status s = fire_graph_check(&r->graph, err);
    fire_value *wanted = s ? NULL : fire_alloc(o->ctx, (size_t)m->n_outputs, sizeof *wanted, err);
    if (!s && !wanted) s = FIRE_NOMEM;
    n_out = 0;
    for (int64_t k = 0; k < m->n_outputs && !s; k++)
        if (r->output[k]) wanted[n_out++] = r->output[k];
    if (!s) s = fire_plan_new_steady(&r->graph, 1, n_out, wanted, &r->plan, err);
    fire_free(o->ctx, wanted);
    if (!s) s = fire_plan_allowed(r->plan, &b.run_left, err);
    if (!s) fire_plan_hold(r->plan); /* there are no params: all that is held is constant */
    return s;
}

static bool same_feeds(const fire_onnx *m, const ready *r, const fire_tensor *feed) {
    for (int64_t i = 0; i < m->n_inputs; i++)
        if (r->feed[i].type != feed[i].type || !fire_same_shape(&r->feed[i].shape, &feed[i].shape)) return false;
    return true;
}

/* Copies of the outputs, in one block of memory. */
static fire_status collect(fire_onnx_model *o, const ready *r, fire_named **out, int32_t *n_out, fire_error *err) {
    const fire_onnx *m = &o->m;
    int64_t bytes = m->n_outputs * (int64_t)sizeof **out;
    for (int pass = 0; pass < 2; pass++) {
        char *at = pass ? (char *)*out : NULL;
        *n_out = 0;
        int64_t place = m->n_outputs * (int64_t)sizeof **out;
        for (int64_t k = 0; k < m->n_outputs; k++) {
            if (!r->output[k]) continue;
            fire_tensor t = fire_plan_tensor(r->plan, r->output[k]);
            const size_t size = (size_t)fire_count(&t.shape) * fire_type_size(t.type), name = m->output[k].name.size + 1;
            place = (place + 63) / 64 * 64;
            if (pass) {
                if (size) memcpy(at + place, fire_plan_data(r->plan, r->output[k]), size);
                t.data = at + place;
                char *own = at + place + size;
                memcpy(own, m->output[k].name.bytes, name - 1);
                (*out)[(*n_out)++] = (fire_named){own, t};
            }
            place += (int64_t)(size + name);
        }
        bytes = place;
        if (!pass && !(*out = fire_alloc(o->ctx, (size_t)bytes, 1, err))) return FIRE_NOMEM;
    }
    return FIRE_OK;
}

fire_status fire_onnx_model_run(fire_onnx_model *o, int32_t n, const fire_named *in, fire_named **out, int32_t *n_out, fire_error *err) {
    const fire_onnx *m = &o->m;
    fire_tensor *feed = fire_alloc(o->ctx, (size_t)m->n_inputs, sizeof *feed, err);
    if (!feed) return FIRE_NOMEM;
    ready own = {0}, *r = NULL;
    bool once = false;
    fire_status s = sort_feeds(m, n, in, feed, err);
    for (int i = 0; i < KEPT && !s && !r; i++)
        if (o->kept[i].plan && same_feeds(m, &o->kept[i], feed)) r = &o->kept[i];
    if (!s && !r) {
        s = make(o, feed, &own, &once, err);
        r = &own;
        if (!s && !once) {
            r = &o->kept[0];
            for (int i = 1; i < KEPT; i++)
                if (o->kept[i].used < r->used) r = &o->kept[i];
            ready_clear(o->ctx, r);
            *r = own; /* the plan borrows nothing of the graph struct itself but what is in its memory */
            own = (ready){0};
        }
    }
    if (!s) {
        r->used = ++o->runs;
        for (int64_t i = 0; i < m->n_inputs; i++) fire_plan_bind(r->plan, r->fed[i], feed[i].data);
        fire_plan_run(r->plan);
        s = collect(o, r, out, n_out, err);
    }
    ready_clear(o->ctx, &own);
    fire_free(o->ctx, feed);
    return s;
}

fire_status fire_onnx_model_port(const fire_onnx_model *o, bool output, int64_t i, fire_tensor *shape, char *name, size_t capacity) {
    const fire_onnx *m = &o->m;
    if (i >= (output ? m->n_outputs : m->n_inputs)) return FIRE_USAGE;
    const fire_onnx_value *v = output ? &m->output[i] : &m->input[i];
    *shape = (fire_tensor){.type = (fire_type)v->type, .shape = {.rank = v->has_shape && v->rank <= FIRE_MAX_RANK ? v->rank : 0}};
    memcpy(shape->shape.dim, v->dim, sizeof v->dim);
    size_t n = v->name.size < capacity ? v->name.size : capacity - 1;
    memcpy(name, v->name.bytes, n);
    name[n] = 0;
    return FIRE_OK;
}
