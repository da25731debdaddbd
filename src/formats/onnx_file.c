/* onnx_file.c - the bytes that a model stands on: its file, mapped, and the files with weights beside it.
**
** One object is shared by a network, its clones and their graphs. Files beside the model are opened when a tensor names them, below the model's
** folder and through no link. Tensors that do not lie at a multiple of 16 bytes are copied to one when somebody first computes with them, once for
** all graphs.
*/
#include "formats/onnx_file.h"
#include "formats/caffe.h"
#include "formats/protobuf_text.h"
#include "formats/tensorflow.h"
#include <sched.h>
#include <string.h>

#define MAX_OUTSIDE 4096 /* files; each takes a mapping */

typedef struct outside { char *path; fire_contents bytes; } outside;
typedef struct copy { const void *from; size_t bytes; void *to; } copy;

struct fire_onnx_file {
    fire_context *ctx;
    int32_t refs, busy; /* changed atomically; busy: somebody is at what stands below */
    fire_contents bytes, weights;
    char *dir;          /* NULL: there are no other files */
    fire_tf_want *want; bool saved;
    outside *outside;
    int64_t n_outside, outside_capacity;
    copy *copy;         /* sorted by from */
    int64_t n_copies, copy_capacity;
};

/* Clones may be used by several threads. What is done under it is short, or done once. */
static void lock(fire_onnx_file *f) { while (__atomic_exchange_n(&f->busy, 1, __ATOMIC_ACQUIRE)) sched_yield(); }
static void unlock(fire_onnx_file *f) { __atomic_store_n(&f->busy, 0, __ATOMIC_RELEASE); }

fire_status fire_model_text(fire_context *ctx, fire_contents *bytes, bool *saved, fire_error *err) {
    static const fire_proto_message *const known[] = {&fire_proto_graph_def, &fire_proto_saved_model, &fire_proto_onnx_model, &fire_proto_caffe_net};
    const fire_proto_message *is = NULL;
    for (size_t i = 0; i < sizeof known / sizeof *known && !is; i++)
        if (fire_proto_text_is(bytes->data, bytes->size, known[i])) is = known[i];
    *saved = is == &fire_proto_saved_model;
    if (!is) return FIRE_OK;
    fire_buffer b = {.ctx = ctx};
    fire_contents wire = {0};
    fire_status s = fire_buffer_give(&b, fire_proto_text_read(bytes->data, bytes->size, is, &b, err), &wire.data, &wire.size);
    if (!s && is == &fire_proto_caffe_net && !fire_caffe_is(wire.data, wire.size)) {
        fire_free(ctx, wire.data);
        return fire_fail(err, FIRE_E_NOT_A_MODEL, "this text begins like a net of Caffe, but has no layers");
    }
    if (!s && !wire.data && !(wire.data = fire_alloc(ctx, 1, 1, err))) s = FIRE_NOMEM; /* nothing of it is read here */
    if (s) return s;
    fire_contents_free(ctx, bytes);
    *bytes = wire;
    return FIRE_OK;
}

fire_status fire_onnx_file_new(fire_context *ctx, fire_contents *bytes, const char *dir, fire_onnx_file **out, fire_error *err) {
    bool saved = false;
    fire_status s = fire_model_text(ctx, bytes, &saved, err);
    fire_onnx_file *f = s ? NULL : fire_alloc(ctx, 1, sizeof *f, err);
    if (!f) return s ? s : FIRE_NOMEM;
    *f = (fire_onnx_file){.ctx = ctx, .refs = 1, .saved = saved};
    if (dir && !(f->dir = fire_copy_text(ctx, dir, err))) {
        fire_free(ctx, f);
        return FIRE_NOMEM;
    }
    f->bytes = *bytes;
    *bytes = (fire_contents){0};
    *out = f;
    return FIRE_OK;
}

fire_status fire_onnx_file_open(fire_context *ctx, const char *path, fire_onnx_file **out, fire_error *err) {
    fire_contents bytes;
    char *dir = fire_copy_text(ctx, path, err);
    if (!dir) return FIRE_NOMEM;
    char *slash = strrchr(dir, '/');
    if (slash) slash[slash == dir] = 0; /* "/model.onnx" lies in "/" */
    else dir[0] = 0;
    fire_status s = fire_file_map(ctx, path, &bytes, err);
    if (!s) {
        s = fire_onnx_file_new(ctx, &bytes, dir, out, err);
        if (s) fire_contents_free(ctx, &bytes);
    }
    fire_free(ctx, dir);
    return s;
}

fire_onnx_file *fire_onnx_file_share(fire_onnx_file *f) {
    __atomic_add_fetch(&f->refs, 1, __ATOMIC_RELAXED);
    return f;
}

void fire_onnx_file_free(fire_onnx_file *f) {
    if (!f || __atomic_sub_fetch(&f->refs, 1, __ATOMIC_ACQ_REL)) return;
    for (int64_t i = 0; i < f->n_outside; i++) {
        fire_free(f->ctx, f->outside[i].path);
        fire_contents_free(f->ctx, &f->outside[i].bytes);
    }
    for (int64_t i = 0; i < f->n_copies; i++) fire_free(f->ctx, f->copy[i].to);
    fire_free(f->ctx, f->outside);
    fire_free(f->ctx, f->copy);
    fire_free(f->ctx, f->dir);
    fire_free(f->ctx, f->want);
    fire_contents_free(f->ctx, &f->bytes);
    fire_contents_free(f->ctx, &f->weights);
    fire_free(f->ctx, f);
}

fire_context *fire_onnx_file_context(const fire_onnx_file *f) { return f->ctx; }
const fire_contents *fire_onnx_file_bytes(const fire_onnx_file *f) { return &f->bytes; }
bool fire_onnx_file_has_outside(const fire_onnx_file *f) { return f->n_outside > 0; }
int64_t fire_onnx_file_size(const fire_onnx_file *f) {
    int64_t all = (int64_t)(f->bytes.size + f->weights.size);
    for (int64_t i = 0; i < f->n_outside; i++)
        if (!fire_add(all, (int64_t)f->outside[i].bytes.size, &all)) return INT64_MAX / 128;
    return all < INT64_MAX / 128 ? all : INT64_MAX / 128; /* callers multiply it */
}

const fire_contents *fire_onnx_file_weights(const fire_onnx_file *f) { return &f->weights; }
fire_status fire_onnx_file_add(fire_onnx_file *f, const char *path, fire_error *err) {
    fire_contents bytes;
    bool saved;
    fire_status s = fire_file_map(f->ctx, path, &bytes, err);
    if (!s && (s = fire_model_text(f->ctx, &bytes, &saved, err))) fire_contents_free(f->ctx, &bytes);
    if (s) return s;
    fire_contents_free(f->ctx, &f->weights);
    f->weights = bytes;
    return FIRE_OK;
}

/* One block: the struct, the lists, the texts. */
fire_status fire_onnx_file_choose(fire_onnx_file *f, const fire_tf_want *want, bool saved, fire_error *err) {
    const int32_t n = want->n_inputs + want->n_outputs;
    size_t size = sizeof *want + (size_t)n * sizeof(char *) + (want->signature ? strlen(want->signature) + 1 : 0);
    for (int32_t i = 0; i < n; i++) size += strlen(i < want->n_inputs ? want->input[i] : want->output[i - want->n_inputs]) + 1;
    fire_tf_want *own = fire_alloc(f->ctx, size, 1, err);
    if (!own) return FIRE_NOMEM;
    const char **list = (const char **)(own + 1);
    char *at = (char *)(list + n);
    *own = (fire_tf_want){want->n_inputs, want->n_outputs, list, list + want->n_inputs, NULL};
    for (int32_t i = 0; i < n; i++) {
        list[i] = strcpy(at, i < want->n_inputs ? want->input[i] : want->output[i - want->n_inputs]);
        at += strlen(at) + 1;
    }
    if (want->signature) own->signature = strcpy(at, want->signature);
    fire_free(f->ctx, f->want);
    f->want = own;
    f->saved |= saved;
    return FIRE_OK;
}
const fire_tf_want *fire_onnx_file_choice(const fire_onnx_file *f, bool *saved) {
    *saved = f->saved;
    return f->want;
}

/* ---- other files ---- */

/* The file of that name, opened now or before. */
static fire_status find_outside(fire_onnx_file *f, const char *path, fire_contents *out, fire_error *err) {
    for (int64_t i = 0; i < f->n_outside; i++)
        if (!strcmp(f->outside[i].path, path)) { *out = f->outside[i].bytes; return FIRE_OK; }
    if (f->n_outside >= MAX_OUTSIDE) return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "the model names more than %d files", MAX_OUTSIDE);
    fire_status s = fire_grow(f->ctx, &f->outside, &f->outside_capacity, f->n_outside + 1, sizeof *f->outside, err);
    if (s) return s;
    outside *o = &f->outside[f->n_outside];
    if (!(o->path = fire_copy_text(f->ctx, path, err))) return FIRE_NOMEM;
    if ((s = fire_file_map_below(f->ctx, f->dir, path, &o->bytes, err))) {
        fire_free(f->ctx, o->path);
        o->path = NULL;
        return s;
    }
    f->n_outside++;
    *out = o->bytes;
    return FIRE_OK;
}

/* Decimal digits alone; false: something else, or too large. */
static bool whole_number(fire_span s, int64_t *out) {
    int64_t v = 0;
    for (size_t i = 0; i < s.size; i++) {
        if (s.bytes[i] < '0' || s.bytes[i] > '9' || !fire_mul(v, 10, &v) || !fire_add(v, s.bytes[i] - '0', &v)) return false;
    }
    *out = v;
    return s.size > 0;
}

fire_status fire_onnx_file_outside(fire_onnx_file *f, fire_span location, fire_span offset, fire_span length, fire_span *out, fire_error *err) {
    char path[1024], shown[200];
    int64_t from = 0, n = -1;
    fire_escape(shown, sizeof shown, (const char *)location.bytes, location.size);
    if (!f || !f->dir) return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "lies in the file '%s'; a model in memory has no such files unless their folder is given", shown);
    if (!location.size || location.size >= sizeof path || memchr(location.bytes, 0, location.size))
        return fire_fail(err, FIRE_E_CORRUPT, "lies in another file, whose name '%s' is none", shown);
    if (offset.size && !whole_number(offset, &from)) return fire_fail(err, FIRE_E_CORRUPT, "lies in the file '%s' at an offset that is no number from 0", shown);
    if (length.size && !whole_number(length, &n)) return fire_fail(err, FIRE_E_CORRUPT, "lies in the file '%s' with a length that is no number from 0", shown);
    memcpy(path, location.bytes, location.size);
    path[location.size] = 0;
    fire_contents b = {0};
    lock(f);
    fire_status s = find_outside(f, path, &b, err);
    unlock(f);
    if (s) return s;
    if (n < 0) n = from <= (int64_t)b.size ? (int64_t)b.size - from : 0;
    int64_t end;
    if (!fire_add(from, n, &end) || end > (int64_t)b.size)
        return fire_fail(err, FIRE_E_CORRUPT, "lies in the file '%s' at byte %lld with %lld bytes, but the file has %zu", shown, (long long)from, (long long)n, b.size);
    *out = (fire_span){n ? (const uint8_t *)b.data + from : NULL, (size_t)n};
    return FIRE_OK;
}

static bool within(const void *data, size_t bytes, const void *of, size_t size) {
    const uintptr_t a = (uintptr_t)data, z = (uintptr_t)of;
    return of && a >= z && a - z <= size && bytes <= size - (a - z);
}

bool fire_onnx_file_holds(fire_onnx_file *f, const void *data, size_t bytes) {
    if (within(data, bytes, f->bytes.data, f->bytes.size) || within(data, bytes, f->weights.data, f->weights.size)) return true;
    bool found = false;
    lock(f);
    for (int64_t i = 0; i < f->n_outside && !found; i++) found = within(data, bytes, f->outside[i].bytes.data, f->outside[i].bytes.size);
    for (int64_t i = 0; i < f->n_copies && !found; i++) found = within(data, bytes, f->copy[i].to, f->copy[i].bytes);
    unlock(f);
    return found;
}

/* ---- aligned copies ---- */

fire_status fire_onnx_file_align(void *user, void **data, size_t bytes, fire_error *err) {
    fire_onnx_file *f = user;
    fire_status s = FIRE_OK;
    lock(f);
    int64_t low = 0, high = f->n_copies;
    while (low < high) {
        int64_t mid = low + (high - low) / 2;
        if ((uintptr_t)f->copy[mid].from < (uintptr_t)*data) low = mid + 1;
        else high = mid;
    }
    copy *c = low < f->n_copies && f->copy[low].from == *data && f->copy[low].bytes == bytes ? &f->copy[low] : NULL;
    if (!c) {
        void *to = fire_alloc(f->ctx, bytes, 1, err);
        s = to ? fire_grow(f->ctx, &f->copy, &f->copy_capacity, f->n_copies + 1, sizeof *f->copy, err) : FIRE_NOMEM;
        if (s) fire_free(f->ctx, to);
        else {
            memcpy(to, *data, bytes);
            memmove(f->copy + low + 1, f->copy + low, (size_t)(f->n_copies - low) * sizeof *f->copy);
            f->copy[low] = (copy){*data, bytes, to};
            f->n_copies++;
            c = &f->copy[low];
        }
    }
    if (!s) *data = c->to;
    unlock(f);
    return s;
}
