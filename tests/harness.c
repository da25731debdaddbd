/* harness.c - counting memory and files that fail when told to; examples of operators as data. */
#include "harness.h"
#include "file.h"
#include "op.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- hooks. Several threads may call them, so the counters are atomic. ---- */

static bool fails(harness *h, bool tolerable) {
    if (__atomic_add_fetch(&h->calls, 1, __ATOMIC_RELAXED) != h->fail_at) return false;
    h->tolerable = tolerable;
    return true;
}
static void live(harness *h, int by) { __atomic_add_fetch(&h->live, by, __ATOMIC_RELAXED); }

static void *counted_alloc(void *user, size_t bytes, size_t align) {
    if (fails(user, false)) return NULL;
    void *p = aligned_alloc(align, (bytes + align - 1) / align * align);
    if (p) {
        memset(p, 0xA5, bytes); /* whoever forgets to initialise shall notice */
        live(user, 1);
    }
    return p;
}
static void counted_free(void *user, void *p) {
    if (p) live(user, -1);
    free(p);
}

typedef struct { void *file; bool write; } handle;

static int counted_open(void *user, const char *path, bool write, void **file) {
    if (fails(user, false)) return -EIO;
    handle *f = malloc(sizeof *f);
    assert_non_null(f);
    f->write = write;
    int r = fire_io_posix.open(NULL, path, write, &f->file);
    if (r) { free(f); return r; }
    live(user, 1);
    *file = f;
    return 0;
}
static int64_t counted_size(void *user, void *f) { return fails(user, false) ? -EIO : fire_io_posix.size(NULL, ((handle *)f)->file); }
static int64_t counted_read(void *user, void *f, int64_t offset, void *to, size_t bytes) {
    return fails(user, false) ? -EIO : fire_io_posix.read(NULL, ((handle *)f)->file, offset, to, bytes);
}
static int64_t counted_write(void *user, void *f, const void *from, size_t bytes) {
    if (!fails(user, false)) return fire_io_posix.write(NULL, ((handle *)f)->file, from, bytes);
    fire_io_posix.write(NULL, ((handle *)f)->file, from, bytes / 2); /* a full disk takes a part */
    return -ENOSPC;
}
static int counted_sync(void *user, void *f) { return fails(user, false) ? -EIO : fire_io_posix.sync(NULL, ((handle *)f)->file); }
static int counted_close(void *user, void *file) {
    handle f = *(handle *)file;
    free(file);
    live(user, -1);
    int r = fire_io_posix.close(NULL, f.file); /* gone even when closing "fails" */
    return fails(user, !f.write) ? -EIO : r;
}
static int counted_rename(void *user, const char *from, const char *to) { return fails(user, false) ? -EIO : fire_io_posix.rename(NULL, from, to); }
static int counted_remove(void *user, const char *path) { return fails(user, true) ? -EIO : fire_io_posix.remove(NULL, path); }
static int counted_make_dir(void *user, const char *path) { return fails(user, false) ? -EIO : fire_io_posix.make_dir(NULL, path); }
static int counted_sync_dir(void *user, const char *path) { return fails(user, false) ? -EIO : fire_io_posix.sync_dir(NULL, path); }

static int counted_map(void *user, void *f, size_t bytes, void **data) {
    if (fails(user, false)) return -ENOMEM;
    int r = fire_io_posix.map(NULL, ((handle *)f)->file, bytes, data);
    if (!r) live(user, 1);
    return r;
}
static void counted_unmap(void *user, void *data, size_t bytes) {
    live(user, -1);
    fire_io_posix.unmap(NULL, data, bytes);
}
static int counted_spill(void *user, const char *dir, size_t bytes, void **data, void **file) {
    if (fails(user, false)) return -ENOSPC;
    handle *f = malloc(sizeof *f);
    assert_non_null(f);
    f->write = false;
    int r = fire_io_posix.spill(NULL, dir, bytes, data, &f->file);
    if (r) { free(f); return r; }
    live(user, 2); /* a mapping, and a file */
    *file = f;
    return 0;
}
static void counted_forget(void *user, void *data, size_t bytes) { fire_io_posix.forget(NULL, data, bytes); }
static int counted_open_below(void *user, const char *dir, const char *path, void **file) {
    if (fails(user, false)) return -EIO;
    handle *f = malloc(sizeof *f);
    assert_non_null(f);
    f->write = false;
    int r = fire_io_posix.open_below(NULL, dir, path, &f->file);
    if (r) { free(f); return r; }
    live(user, 1);
    *file = f;
    return 0;
}

void harness_init(harness *h) {
    *h = (harness){
        .memory = {h, counted_alloc, counted_free},
        .io = {h, counted_open, counted_size, counted_read, counted_write, counted_sync, counted_close, counted_rename, counted_remove,
               counted_make_dir, counted_sync_dir, counted_map, counted_unmap, counted_open_below, counted_spill, counted_forget},
    };
}

fire_context *harness_context(harness *h, const fire_config *config) {
    fire_config c = config ? *config : (fire_config){0};
    fire_context *ctx = NULL;
    c.size = sizeof c;
    c.memory = &h->memory;
    c.io = &h->io;
    assert_int_equal(fire_context_new(&c, &ctx, NULL), FIRE_OK);
    return ctx;
}

int64_t harness_fail_each(fire_status (*body)(fire_context *ctx, void *user, fire_error *err), void *user) {
    for (int64_t n = 1;; n++) {
        harness h;
        fire_error err = {0};
        harness_init(&h);
        fire_context *ctx = harness_context(&h, NULL);
        h.calls = 0;
        h.fail_at = n;
        fire_status s = body(ctx, user, &err);
        bool reached = h.calls >= n;
        fire_context_free(ctx);
        if (h.live) fail_msg("call %lld failing: %lld blocks or files leaked", (long long)n, (long long)h.live);
        if (!reached) {
            if (s) fail_msg("with no call failing: %s", err.message);
            return n - 1;
        }
        if (!s && !h.tolerable) fail_msg("call %lld failing went unnoticed", (long long)n);
        if (s && (err.status != s || !err.message[0])) fail_msg("call %lld failing: status %d, but the error says %d '%s'", (long long)n, s, err.status, err.message);
    }
}

/* ---- examples ---- */

uint64_t harness_random(uint64_t *state) {
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static const struct { const char *name; fire_type type; } types[] = {
    {"f32", FIRE_F32}, {"f64", FIRE_F64}, {"u8", FIRE_U8}, {"i8", FIRE_I8}, {"u16", FIRE_U16}, {"i16", FIRE_I16},
    {"i32", FIRE_I32}, {"i64", FIRE_I64}, {"bool", FIRE_BOOL},
};

static bool read_input(const char **text, harness_input *in) {
    const char *s = *text;
    char *end;
    *in = (harness_input){0};
    if (*s == '-' && (s[1] == ' ' || !s[1])) { in->absent = true; *text = s + 1; return true; }
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        size_t n = strlen(types[i].name);
        if (!strncmp(s, types[i].name, n) && s[n] == '[') { in->type = types[i].type; s += n; break; }
    }
    if (*s++ != '[') return false;
    while (*s != ']') {
        if (in->shape.rank == FIRE_MAX_RANK) return false;
        in->shape.dim[in->shape.rank++] = strtoll(s, &end, 10);
        if (end == s) return false;
        s = *end == ',' ? end + 1 : end;
        if (*end != ',' && *end != ']') return false;
    }
    s++;
    if (*s == '{') {
        int64_t n = 0;
        in->constant = true;
        for (s++; *s != '}'; s = *end == ',' ? end + 1 : end) {
            if (n == 64) return false;
            in->number[n++] = strtod(s, &end);
            if (end == s || (*end != ',' && *end != '}')) return false;
        }
        s++;
        if (n != fire_count(&in->shape)) return false;
    }
    if (*s == '<') { in->below = strtoll(s + 1, &end, 10); if (end == s + 1 || in->below < 1) return false; s = end; }
    if (s[0] == '>' && s[1] == '0') { in->positive = true; s += 2; }
    *text = s;
    return *s == ' ' || *s == 0;
}

bool harness_example_read(const char *text, harness_example *e) {
    *e = (harness_example){0};
    for (;;) {
        while (*text == ' ') text++;
        /* An input begins with its shape, its type or "-"; an attribute has its "=" before any bracket. */
        size_t n = strcspn(text, "[= ");
        if (!*text || text[n] == '=') break;
        if (e->n_in == FIRE_MAX_IN || !read_input(&text, &e->in[e->n_in++])) return false;
    }
    e->attrs = text;
    return e->n_in > 0;
}

void harness_fill(const harness_input *in, int i, uint64_t seed, fire_tensor *t) {
    uint64_t state = seed * 1000003u + (uint64_t)i;
    int64_t count = fire_count(&t->shape), start = (int64_t)(harness_random(&state) % 509);
    for (int64_t e = 0; e < count; e++) {
        uint64_t r = harness_random(&state);
        double v;
        if (in->constant) v = in->number[e];
        else if (in->below) v = (double)(r % (uint64_t)in->below);
        else if (t->type == FIRE_BOOL) v = (double)(r & 1);
        else if (t->type == FIRE_F32 || t->type == FIRE_F64) {
            /* Steps of 1/509, shifted by less than a step for each input, so that no two numbers of an example are closer than
            ** 0.9 / 509 / 9 = 2e-4 (a tensor of more than 509 repeats itself). */
            v = 0.1 + 0.9 * ((double)((e * 197 + start) % 509) + (i + 1) / 10.0) / 509;
            if (!in->positive && (r & 1)) v = -v;
        } else {
            v = (double)(1 + r % 9); /* never 0: whole numbers are divided by, too */
            if (!in->positive && t->type != FIRE_U8 && t->type != FIRE_U16 && (r >> 32 & 1)) v = -v;
        }
        fire_put(t, e, v);
    }
}

/* ---- evaluator ---- */

fire_tensor *harness_values(const fire_graph *g, int64_t batch, fire_error *err) {
    fire_tensor *t = calloc((size_t)g->n_values + 1, sizeof *t);
    assert_non_null(t);
    for (int64_t v = 1; v < g->n_values; v++)
        if (g->value[v].source != FIRE_FROM_NODE) {
            t[v] = g->value[v].tensor;
            for (int d = 0; d < t[v].shape.rank; d++)
                if (t[v].shape.dim[d] == -1) t[v].shape.dim[d] = batch;
        }
    for (int64_t i = 0; i < g->n_nodes; i++) {
        const fire_node *n = &g->node[i];
        if (!n->n_out) continue;
        fire_tensor in[FIRE_MAX_IN] = {0}, out[FIRE_MAX_OUT] = {0};
        for (int k = 0; k < n->n_in; k++)
            if (n->in[k]) {
                in[k] = t[n->in[k]];
                if (g->value[n->in[k]].source != FIRE_FROM_CONST) in[k].data = NULL;
            }
        if (fire_op_infer(n->op, n->attrs, n->n_in, in, out, err)) { free(t); return NULL; }
        for (int k = 0; k < n->n_out; k++) t[n->out[k]] = out[k];
    }
    for (int64_t v = 1; v < g->n_values; v++) {
        size_t bytes = (size_t)fire_count(&t[v].shape) * fire_type_size(t[v].type);
        t[v].data = calloc(bytes ? bytes : 1, 1);
        assert_non_null(t[v].data);
        if (g->value[v].source == FIRE_FROM_CONST && bytes) memcpy(t[v].data, g->value[v].tensor.data, bytes);
    }
    return t;
}

void harness_run(const fire_graph *g, fire_tensor *value) {
    for (int64_t i = 0; i < g->n_nodes; i++) {
        const fire_node *n = &g->node[i];
        if (!n->n_out) continue;
        fire_call call = {.attrs = n->attrs, .n_in = n->n_in, .n_out = n->n_out};
        for (int k = 0; k < n->n_in; k++)
            if (n->in[k]) call.in[k] = value[n->in[k]];
        for (int k = 0; k < n->n_out; k++) call.out[k] = value[n->out[k]];
        size_t scratch = n->op->scratch ? n->op->scratch(&call) : 0;
        call.scratch = malloc(scratch ? scratch : 1);
        assert_non_null(call.scratch);
        n->op->run(&call);
        free(call.scratch);
    }
}

void harness_values_free(const fire_graph *g, fire_tensor *value) {
    for (int64_t v = 1; value && v < g->n_values; v++) free(value[v].data);
    free(value);
}
