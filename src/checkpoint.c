/* checkpoint.c - a folder from which training goes on: model.onnx, state.safetensors, manifest.json.
**
** The manifest, with sizes and SHA-256 of the other two, decides what the checkpoint is. Saving goes like this, each file synced:
**     model.onnx.new, state.safetensors.new      nothing has changed yet: the manifest names the old files
**     manifest.json.new renamed to manifest.json the commit: it now names the new ones
**     the two .new files renamed over the old    tidying up
** A reader takes, for each file, the one of NAME and NAME.new that has the manifest's hash. So whatever instant a crash picks, the
** folder holds the old checkpoint or the new one, and the next save finishes the renames or overwrites what was left.
*/
#include "file.h"
#include "formats/safetensors.h"
#include "model.h"
#include "network.h"
#include "sha256.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FORMAT 1
enum { MODEL, STATE, FILES };
static const char *const names[FILES] = {"model.onnx", "state.safetensors"};

typedef struct entry { int64_t bytes; char hash[65]; } entry;

static void hash_text(const void *data, size_t size, char out[65]) {
    fire_sha256 h;
    uint8_t digest[32];
    fire_sha256_init(&h);
    fire_sha256_add(&h, data, size);
    fire_sha256_end(&h, digest);
    for (int i = 0; i < 32; i++) snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

/* "dir/name" + suffix. */
static char *path_of(fire_context *ctx, const char *dir, const char *name, const char *suffix, fire_error *err) {
    char whole[64];
    snprintf(whole, sizeof whole, "%s%s", name, suffix);
    return fire_path_join(ctx, dir, whole, err);
}

/* Whether a file is there. Any other trouble is a failure. */
static fire_status exists(fire_context *ctx, const char *path, bool *is, fire_error *err) {
    void *file;
    int r = ctx->io.open(ctx->io.user, path, false, &file);
    *is = !r;
    if (!r) ctx->io.close(ctx->io.user, file);
    return r && r != -ENOENT && r != -ENOTDIR ? fire_file_fail(err, FIRE_E_FILE_IO, "open", path, r) : FIRE_OK;
}

/* ---- manifest ---- */

static fire_status put_manifest(fire_buffer *b, const entry *e, const fire_network *net, fire_error *err) {
    fire_buffer_text(b, "{\n  \"format\": \"firesteel.checkpoint\",\n  \"version\": %d,\n  \"step\": %lld,\n  \"epoch\": %lld,\n", FORMAT, (long long)net->step, (long long)net->epoch);
    if (net->epoch_step) fire_buffer_text(b, "  \"epoch_step\": %lld,\n", (long long)net->epoch_step);
    fire_buffer_text(b, "  \"files\": [\n");
    for (int i = 0; i < FILES; i++)
        fire_buffer_text(b, "    {\"name\": \"%s\", \"bytes\": %lld, \"sha256\": \"%s\"}%s\n", names[i], (long long)e[i].bytes, e[i].hash, i < FILES - 1 ? "," : "");
    fire_buffer_text(b, "  ]\n}\n");
    return b->first.status ? fire_fail(err, b->first.code, "%s", b->first.message) : FIRE_OK;
}

/* {"name": "model.onnx", "bytes": 1, "sha256": "..."} */
static fire_status read_entry(fire_json *j, entry *e, bool *found, fire_error *err) {
    fire_json_token t, value;
    entry got = {-1, ""};
    int which = -1;
    fire_status s;
    while (!(s = fire_json_next(j, &t, err)) && t.kind != FIRE_JSON_CLOSE) {
        if ((s = fire_json_next(j, &value, err))) break;
        if (fire_json_is(&t, "name"))
            for (int i = 0; i < FILES; i++) which = fire_json_is(&value, names[i]) ? i : which;
        else if (fire_json_is(&t, "bytes") && value.kind == FIRE_JSON_INT) got.bytes = value.value;
        else if (fire_json_is(&t, "sha256") && (s = fire_json_copy(j, &value, got.hash, sizeof got.hash, NULL, err))) break;
        else if ((s = fire_json_skip(j, &value, err))) break;
    }
    if (s || which < 0) return s; /* a file that we do not know may be there */
    if (got.bytes < 0 || strlen(got.hash) != 64) return fire_json_fail(j, &t, "the entry lacks bytes or sha256", err);
    e[which] = got;
    found[which] = true;
    return FIRE_OK;
}

static fire_status parse_manifest(const void *text, size_t size, entry *e, fire_error *err) {
    fire_json j;
    fire_json_token t, value;
    bool format = false, found[FILES] = {false};
    int64_t version = 0;
    fire_json_open(&j, text, size);
    fire_status s = fire_json_expect(&j, FIRE_JSON_OBJECT, "an object", &t, err);
    while (!s && !(s = fire_json_next(&j, &t, err)) && t.kind != FIRE_JSON_CLOSE) {
        if ((s = fire_json_next(&j, &value, err))) break;
        if (fire_json_is(&t, "format")) format = fire_json_is(&value, "firesteel.checkpoint");
        if (fire_json_is(&t, "version") && value.kind == FIRE_JSON_INT) version = value.value;
        if (version > FORMAT)
            return fire_fail(err, FIRE_E_FILE_VERSION, "the checkpoint has format %lld; firesteel " FIRE_VERSION " reads up to %d: update firesteel", (long long)version, FORMAT);
        if (!fire_json_is(&t, "files")) s = fire_json_skip(&j, &value, err);
        else if (value.kind != FIRE_JSON_ARRAY) s = fire_json_fail(&j, &value, "expected a list of files", err);
        else while (!s && !(s = fire_json_next(&j, &value, err)) && value.kind != FIRE_JSON_CLOSE)
            s = value.kind == FIRE_JSON_OBJECT ? read_entry(&j, e, found, err) : fire_json_fail(&j, &value, "expected an object", err);
    }
    if (!s) s = fire_json_next(&j, &t, err);
    if (s) return s;
    if (!format) return fire_fail(err, FIRE_E_NOT_A_MODEL, "this is not the manifest of a firesteel checkpoint");
    if (version < 1 || !found[MODEL] || !found[STATE]) return fire_fail(err, FIRE_E_CORRUPT, "the version, %s or %s is missing", names[MODEL], names[STATE]);
    return FIRE_OK;
}

static fire_status read_manifest(fire_context *ctx, const char *dir, entry *e, fire_error *err) {
    void *text;
    size_t size;
    char *path = path_of(ctx, dir, "manifest.json", "", err);
    if (!path) return FIRE_NOMEM;
    fire_status s = fire_file_read(ctx, path, &text, &size, err);
    if (!s) {
        s = fire_error_prefix(err, path, parse_manifest(text, size, e, err));
        fire_free(ctx, text);
    }
    fire_free(ctx, path);
    return s;
}

/* ---- files by their hash ---- */

/* Read dir/name + suffix if it is there and is what the manifest says; *bytes stays NULL otherwise. */
static fire_status read_if_right(fire_context *ctx, const char *dir, const char *name, const char *suffix, const entry *e, void **bytes, size_t *size, fire_error *err) {
    bool is;
    char *path = path_of(ctx, dir, name, suffix, err), hash[65];
    if (!path) return FIRE_NOMEM;
    fire_status s = exists(ctx, path, &is, err);
    void *p;
    if (!s && is && !(s = fire_file_read(ctx, path, &p, size, err))) {
        if ((uint64_t)e->bytes == *size) hash_text(p, *size, hash);
        if ((uint64_t)e->bytes == *size && !strcmp(hash, e->hash)) *bytes = p;
        else fire_free(ctx, p);
    }
    fire_free(ctx, path);
    return s;
}

/* ---- save ---- */

/* Write and sync a file that nobody reads yet. */
static fire_status write_new(fire_context *ctx, const char *path, const fire_buffer *b, fire_error *err) {
    const fire_io *io = &ctx->io;
    void *file;
    const char *verb = "create";
    int64_t r = io->open(io->user, path, true, &file);
    if (!r) {
        verb = "write";
        int64_t n = io->write(io->user, file, b->data, (size_t)b->size);
        r = n < 0 ? n : n != b->size ? -EIO : 0;
        if (!r && (r = io->sync(io->user, file))) verb = "sync";
        int c = io->close(io->user, file);
        if (!r) r = c;
        if (r) io->remove(io->user, path);
    }
    return r ? fire_file_fail(err, FIRE_E_FILE_IO, verb, path, r) : FIRE_OK;
}

static fire_status move_in(fire_context *ctx, const char *dir, const char *name, fire_error *err) {
    char *from = path_of(ctx, dir, name, ".new", err), *to = from ? path_of(ctx, dir, name, "", err) : NULL;
    fire_status s = FIRE_NOMEM;
    if (to) {
        int r = ctx->io.rename(ctx->io.user, from, to);
        s = r ? fire_file_fail(err, FIRE_E_FILE_IO, "rename a temporary file to", to, r) : FIRE_OK;
    }
    fire_free(ctx, from);
    fire_free(ctx, to);
    return s;
}

static fire_status sync_dir(fire_context *ctx, const char *dir, fire_error *err) {
    int r = ctx->io.sync_dir(ctx->io.user, dir);
    return r ? fire_file_fail(err, FIRE_E_FILE_IO, "sync the folder", dir, r) : FIRE_OK;
}

/* A save that was cut off after its commit left .new files that the manifest means: move them in before they are overwritten. */
static fire_status finish_last_save(fire_context *ctx, const char *dir, fire_error *err) {
    entry e[FILES];
    bool is;
    fire_error why = {0};
    char *manifest = path_of(ctx, dir, "manifest.json", "", err);
    if (!manifest) return FIRE_NOMEM;
    fire_status s = exists(ctx, manifest, &is, err);
    fire_free(ctx, manifest);
    if (s || !is) return s;
    if ((s = read_manifest(ctx, dir, e, &why))) {
        bool damaged = why.code == FIRE_E_CORRUPT || why.code == FIRE_E_TRUNCATED; /* no checkpoint then: nothing to keep */
        if (!damaged && err) *err = why;
        return damaged ? FIRE_OK : s;
    }
    for (int i = 0; i < FILES && !s; i++) {
        void *bytes = NULL;
        size_t size;
        s = read_if_right(ctx, dir, names[i], ".new", &e[i], &bytes, &size, err);
        if (bytes && !s) s = move_in(ctx, dir, names[i], err);
        fire_free(ctx, bytes);
    }
    return s ? s : sync_dir(ctx, dir, err);
}

/* Numbers as text, 16 hexadecimal digits each: their bits. */
static char *hex_of(fire_context *ctx, const double *x, int64_t n, fire_error *err) {
    char *text = fire_alloc(ctx, (size_t)n + 1, 16, err);
    for (int64_t i = 0; text && i < n; i++) {
        uint64_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        snprintf(text + 16 * i, 17, "%016llx", (unsigned long long)bits);
    }
    return text;
}

/* NULL without an error: there are none, or the text is none of ours. */
static double *numbers_of(fire_context *ctx, const char *text, int64_t *n, fire_error *err, fire_status *s) {
    size_t length = text ? strlen(text) : 0;
    *n = 0;
    *s = FIRE_OK;
    if (!length || length % 16 || strspn(text, "0123456789abcdef") != length) return NULL;
    double *x = fire_alloc(ctx, length / 16, sizeof *x, err);
    if (!x) { *s = FIRE_NOMEM; return NULL; }
    for (size_t i = 0; i < length / 16; i++) {
        uint64_t bits = 0;
        for (int k = 0; k < 16; k++) {
            char c = text[16 * i + (size_t)k];
            bits = bits << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
        }
        memcpy(&x[i], &bits, sizeof bits);
    }
    *n = (int64_t)(length / 16);
    return x;
}

/* The optimizer's slots by weight, and where training stands. */
static fire_status put_state(const fire_network *net, fire_buffer *b, fire_error *err) {
    fire_context *ctx = net->ctx;
    fire_arena arena = {.ctx = ctx};
    int32_t n_slots = net->slots ? fire_network_slot_count(net) : 0;
    const size_t size = fire_type_size(net->type);
    int64_t n = 0;
    fire_status s = FIRE_NOMEM;
    char *sums = NULL;
    fire_safetensor *t = fire_alloc(ctx, (size_t)n_slots * (size_t)net->n_weights, sizeof *t, err);
    if (!t || (net->epoch_step && !(sums = hex_of(ctx, net->epoch_sums, net->n_epoch_sums, err)))) goto done;
    for (int64_t i = 0; i < net->n_weights; i++) {
        const fire_weight_slot *w = &net->weight[i];
        for (int32_t k = 0; k < n_slots && w->trainable; k++) {
            size_t room = strlen(w->name) + 24;
            char *name = fire_arena_alloc(&arena, room, 1, err);
            if (!name) goto done;
            snprintf(name, room, "slot%d/%s", (int)k, w->name);
            t[n++] = (fire_safetensor){name, net->type, w->shape, (const char *)net->slots + (size_t)(k * net->n_params + w->offset) * size, (size_t)fire_count(&w->shape) * size, NULL};
        }
    }
    char step[24], epoch[24], seed[24], epoch_step[24];
    snprintf(step, sizeof step, "%lld", (long long)net->step);
    snprintf(epoch, sizeof epoch, "%lld", (long long)net->epoch);
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)net->last_seed);
    snprintf(epoch_step, sizeof epoch_step, "%lld", (long long)net->epoch_step);
    fire_pair pairs[8] = {{"firesteel.version", "1"}, {"optimizer", net->optim_text ? net->optim_text : ""}, {"step", step}, {"epoch", epoch}, {"seed", seed}};
    int n_pairs = 5;
    if (net->averaged) pairs[n_pairs++] = (fire_pair){"averaged", "1"};
    if (net->epoch_step) pairs[n_pairs++] = (fire_pair){"epoch_step", epoch_step}, pairs[n_pairs++] = (fire_pair){"epoch_sums", sums};
    fire_safetensors_write(b, n, t, n_pairs, pairs);
    s = b->first.status ? fire_fail(err, b->first.code, "%s", b->first.message) : FIRE_OK;
done:
    fire_free(ctx, sums);
    fire_free(ctx, t);
    fire_arena_free(&arena);
    return s;
}

fire_status fire_save_checkpoint(const fire_network *net, const char *dir, fire_error *err) {
    if (!dir) return fire_fail(err, FIRE_E_USAGE, "fire_save_checkpoint: the path is NULL");
    fire_context *ctx = net->ctx;
    fire_buffer part[FILES + 1] = {{.ctx = ctx}, {.ctx = ctx}, {.ctx = ctx}};
    const char *const name[FILES + 1] = {names[MODEL], names[STATE], "manifest.json"};
    entry e[FILES];
    void *bytes = NULL;
    size_t size = 0;
    fire_status s = fire_save_bytes(net, &bytes, &size, err);
    if (s) return s;
    part[MODEL].data = bytes;
    part[MODEL].size = (int64_t)size;
    s = put_state(net, &part[STATE], err);
    if (!s) {
        for (int i = 0; i < FILES; i++) e[i].bytes = part[i].size, hash_text(part[i].data, (size_t)part[i].size, e[i].hash);
        s = put_manifest(&part[FILES], e, net, err);
    }
    if (!s) s = fire_dir_make(ctx, dir, err);
    if (!s) s = finish_last_save(ctx, dir, err);
    for (int i = 0; i <= FILES && !s; i++) {
        char *path = path_of(ctx, dir, name[i], ".new", err);
        s = path ? write_new(ctx, path, &part[i], err) : FIRE_NOMEM;
        fire_free(ctx, path);
    }
    if (!s) s = sync_dir(ctx, dir, err);
    if (!s) s = move_in(ctx, dir, "manifest.json", err); /* the commit */
    if (!s) s = sync_dir(ctx, dir, err);
    for (int i = 0; i < FILES && !s; i++) s = move_in(ctx, dir, names[i], err);
    if (!s) s = sync_dir(ctx, dir, err);
    for (int i = 0; i <= FILES; i++) fire_buffer_free(&part[i]);
    return s;
}

/* ---- load ---- */

static bool read_count(const fire_safetensors *t, const char *key, uint64_t most, uint64_t *out) {
    const char *text = fire_safetensors_text(t, key);
    *out = 0;
    if (!text || !*text) return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9' || __builtin_mul_overflow(*out, 10, out) || __builtin_add_overflow(*out, (uint64_t)(*text - '0'), out)) return false;
    }
    return *out <= most;
}

static fire_status restore_state(fire_network *net, const void *bytes, size_t size, fire_error *err) {
    fire_context *ctx = net->ctx;
    fire_safetensors t;
    uint64_t step, epoch, seed, epoch_step = 0;
    int64_t n_sums = 0;
    double *sums = NULL;
    fire_status s = fire_safetensors_read(ctx, bytes, size, &t, err);
    if (s) goto done;
    if (!read_count(&t, "step", INT64_MAX / 2, &step) || !read_count(&t, "epoch", INT32_MAX / 2, &epoch) || !read_count(&t, "seed", UINT64_MAX, &seed)) {
        s = fire_fail(err, FIRE_E_CORRUPT, "step, epoch or seed is missing or no whole number");
        goto done;
    }
    if (t.n_tensors) {
        int32_t n_slots = fire_network_slot_count(net);
        const size_t element = fire_type_size(net->type);
        int64_t expected = 0;
        if ((s = fire_network_slots(net, err))) goto done;
        for (int64_t j = 0; j < 2 * net->n_weights && !s; j++) { /* look at all of them first, then copy */
            const fire_weight_slot *w = &net->weight[j % net->n_weights];
            const bool copy = j >= net->n_weights;
            if (j == net->n_weights && expected != t.n_tensors) break;
            for (int32_t k = 0; k < n_slots && w->trainable && !s; k++, expected += !copy) {
                char name[2 * FIRE_ATTR_TEXT_SIZE + 64], shown[100];
                snprintf(name, sizeof name, "slot%d/%s", (int)k, w->name);
                const fire_safetensor *f = fire_safetensors_find(&t, name);
                if (!f || f->type != net->type || !fire_same_shape(&f->shape, &w->shape))
                    s = fire_fail(err, FIRE_E_CORRUPT, "tensor '%s' is missing or does not fit its weight", fire_escape(shown, sizeof shown, name, strlen(name)));
                else if (copy && f->bytes) memcpy((char *)net->slots + (size_t)(k * net->n_params + w->offset) * element, f->data, f->bytes);
            }
        }
        if (!s && expected != t.n_tensors) s = fire_fail(err, FIRE_E_CORRUPT, "%lld tensors, expected %lld for this optimizer", (long long)t.n_tensors, (long long)expected);
    }
    const char *averaged = fire_safetensors_text(&t, "averaged"); /* not there before 0.2 */
    if (s) goto done;
    if (fire_safetensors_text(&t, "epoch_step")) { /* only in the middle of an epoch */
        if (!read_count(&t, "epoch_step", INT64_MAX / 2, &epoch_step)) s = fire_fail(err, FIRE_E_CORRUPT, "epoch_step is no whole number");
        else sums = numbers_of(ctx, fire_safetensors_text(&t, "epoch_sums"), &n_sums, err, &s);
        if (s) goto done;
    }
    net->step = (int64_t)step, net->epoch = (int64_t)epoch, net->last_seed = seed, net->averaged = averaged && !strcmp(averaged, "1");
    fire_free(ctx, net->epoch_sums);
    net->epoch_step = (int64_t)epoch_step, net->epoch_sums = sums, net->n_epoch_sums = n_sums;
done:
    fire_safetensors_clear(&t);
    return s;
}

fire_status fire_state_bytes(const fire_network *net, void **bytes, size_t *size, fire_error *err) {
    fire_buffer b = {.ctx = net->ctx};
    return fire_buffer_give(&b, put_state(net, &b, err), bytes, size);
}

fire_status fire_state_set(fire_network *net, const void *bytes, size_t size, fire_error *err) {
    if (!net->optim) return fire_fail(err, FIRE_E_NOT_COMPILED, "the network has no optimizer yet; call compile first");
    if (!net->built) return fire_fail(err, FIRE_E_NOT_BUILT, "the network has no shape yet, and so its optimizer no state");
    return restore_state(net, bytes, size, err);
}

fire_status fire_checkpoint_load(fire_context *ctx, const char *dir, fire_network **out, fire_error *err) {
    void *bytes[FILES] = {NULL, NULL};
    size_t size[FILES];
    entry e[FILES];
    fire_network *net = NULL;
    fire_status s = FIRE_OK;
    int missing = 0;
    /* While somebody saves into the folder, what the manifest meant may have been replaced since we read it: then look again. */
    for (int attempt = 0; attempt < 3 && !s; attempt++) {
        if ((s = read_manifest(ctx, dir, e, err))) break;
        for (missing = 0; missing < FILES; missing++) {
            if (!(s = read_if_right(ctx, dir, names[missing], "", &e[missing], &bytes[missing], &size[missing], err)) && !bytes[missing])
                s = read_if_right(ctx, dir, names[missing], ".new", &e[missing], &bytes[missing], &size[missing], err);
            if (s || !bytes[missing]) break;
        }
        if (s || missing == FILES) break;
        for (int i = 0; i < FILES; i++) fire_free(ctx, bytes[i]), bytes[i] = NULL;
    }
    if (!s && missing < FILES) {
        char shown[300];
        s = fire_fail(err, FIRE_E_CORRUPT, "%s/%s is missing or is not what manifest.json says (%lld bytes, SHA-256 %.16s...)",
                      fire_escape(shown, sizeof shown, dir, strlen(dir)), names[missing], (long long)e[missing].bytes, e[missing].hash);
    }
    for (int i = 0; i < FILES && !s; i++) {
        char *path = path_of(ctx, dir, names[i], "", err);
        if (!path) s = FIRE_NOMEM;
        else s = fire_error_prefix(err, path, i == MODEL ? fire_load_bytes(ctx, bytes[i], size[i], &net, err) : restore_state(net, bytes[i], size[i], err));
        fire_free(ctx, path);
    }
    for (int i = 0; i < FILES; i++) fire_free(ctx, bytes[i]);
    if (s) fire_network_free(net);
    else *out = net;
    return s;
}
