/* convert.c - firesteel convert A B: from what is read to what is written, by A's content and B's name. */
#include "error.h"
#include "file.h"
#include "formats/caffe.h"
#include "formats/onnx_file.h"
#include "formats/safetensors.h"
#include "formats/tensorflow.h"
#include "model.h"
#include "network.h"
#include "inspect.h"
#include "tensors.h"
#include <string.h>
#include <sys/stat.h>

typedef struct options { const char *model; } options;

static const cli_option table[] = {
    {"model", 'm', CLI_TEXT, offsetof(options, model), .arg = "FILE", .help = "the model that weights of a safetensors file go into, by their names; the prototxt of a caffemodel"},
    {0},
};

static bool ends(const char *path, const char *with) {
    const size_t n = strlen(path), k = strlen(with);
    return n > k && !strcmp(path + n - k, with);
}

static fire_status write_tensors(fire_context *ctx, const char *to, int64_t n, const fire_safetensor *tensor, fire_error *err) {
    fire_buffer b = {.ctx = ctx};
    fire_safetensors_write(&b, n, tensor, 0, NULL);
    fire_status s = b.first.status ? fire_fail(err, b.first.code, "%s", b.first.message) : fire_file_write(ctx, to, 1, &(fire_piece){b.data, (size_t)b.size}, err);
    fire_buffer_free(&b);
    return s;
}

/* The initializers of a graph of other software, by its own names and in its own types. */
static fire_status weights_of_graph(fire_context *ctx, const fire_onnx *m, const char *to, fire_error *err) {
    fire_arena arena = {.ctx = ctx};
    fire_status s = FIRE_OK;
    fire_safetensor *t = fire_arena_alloc(&arena, (size_t)m->n_initializers, sizeof *t, err);
    if (!t) s = FIRE_NOMEM;
    for (int64_t i = 0; i < m->n_initializers && !s; i++) {
        const fire_onnx_tensor *from = &m->initializer[i];
        char what[120], shown[80];
        fire_tensor as;
        snprintf(what, sizeof what, "the weight '%s'", fire_escape(shown, sizeof shown, (const char *)from->name.bytes, from->name.size));
        if ((s = fire_onnx_tensor_shape(m, from, what, &as, err))) break;
        const size_t bytes = (size_t)fire_count(&as.shape) * fire_type_size(as.type);
        char *name = fire_arena_alloc(&arena, from->name.size + 1, 1, err), *data = name ? fire_arena_alloc(&arena, bytes, 1, err) : NULL;
        if (!data) s = FIRE_NOMEM;
        else if (!fire_safetensors_writes(as.type)) s = fire_fail(err, FIRE_E_UNSUPPORTED, "%s is %s, which safetensors files of firesteel do not hold", what, fire_type_text(as.type));
        else {
            if (from->name.size) memcpy(name, from->name.bytes, from->name.size);
            s = fire_onnx_tensor_copy(m, from, what, &as, data, bytes, err);
            t[i] = (fire_safetensor){name, as.type, as.shape, data, bytes, NULL};
        }
    }
    if (!s) s = write_tensors(ctx, to, m->n_initializers, t, err);
    fire_arena_free(&arena);
    return s;
}

/* The weights of a network, by their names: "dense/kernel". */
static fire_status weights_of_network(fire_context *ctx, const fire_network *net, const char *to, fire_error *err) {
    const int n = fire_network_weights(net);
    fire_safetensor *t = fire_alloc(ctx, (size_t)n, sizeof *t, err);
    fire_status s = t ? FIRE_OK : FIRE_NOMEM;
    for (int i = 0; i < n && !s; i++) {
        fire_weight_info w;
        if (!(s = fire_network_weight(net, i, &w, err))) t[i] = (fire_safetensor){w.name, w.value.type, w.value.shape, w.value.data, (size_t)fire_count(&w.value.shape) * fire_type_size(w.value.type), NULL};
    }
    if (!s && !n) s = fire_fail(err, FIRE_E_USAGE, "convert: the model has no weights");
    if (!s) s = write_tensors(ctx, to, n, t, err);
    fire_free(ctx, t);
    return s;
}

/* A model to safetensors. Layers have their own names for weights; a graph that has none keeps the names of the file. */
static fire_status to_safetensors(fire_context *ctx, const char *from, bool folder, const char *to, fire_error *err) {
    fire_network *net = NULL;
    fire_onnx_file *file = NULL;
    fire_onnx m;
    fire_status s = FIRE_OK;
    bool ours = folder;
    if (!folder && !(s = fire_onnx_file_open(ctx, from, &file, err))) {
        const fire_contents *c = fire_onnx_file_bytes(file);
        const bool caffe = fire_caffe_is(c->data, c->size), tf = !caffe && fire_tensorflow_is(c->data, c->size);
        s = caffe ? fire_caffe_read(ctx, c->data, c->size, NULL, 0, &m, err) : tf ? fire_tensorflow_read(ctx, c->data, c->size, NULL, NULL, &m, err) : fire_onnx_read_file(file, &m, err);
        ours = !s && !tf && !caffe && fire_onnx_text(&m, "firesteel.network");
        if (!s && !ours) s = weights_of_graph(ctx, &m, to, err);
        fire_onnx_clear(&m);
        fire_onnx_file_free(file);
    }
    if (s || !ours) return s;
    if (!(s = fire_load(ctx, from, &net, err))) s = weights_of_network(ctx, net, to, err);
    fire_network_free(net);
    return s;
}

/* Every weight of the network must be in the file, and nothing else. */
static fire_status put_weights(fire_network *net, const fire_safetensors *t, fire_error *err) {
    char shown[120];
    const int n = fire_network_weights(net);
    for (int i = 0; i < n; i++) {
        fire_weight_info w;
        fire_status s = fire_network_weight(net, i, &w, err);
        if (s) return s;
        const fire_safetensor *from = fire_safetensors_find(t, w.name);
        cli_shown(shown, sizeof shown, w.name);
        if (!from) return fire_fail(err, FIRE_E_CORRUPT, "no tensor '%s', which the model has", shown);
        if (from->type != FIRE_F32 && from->type != FIRE_F64) return fire_fail(err, FIRE_E_UNSUPPORTED, "the tensor '%s' is %s, expected F32 or F64", shown, from->dtype);
        char a[FIRE_SHAPE_TEXT], b[FIRE_SHAPE_TEXT];
        if (!fire_same_shape(&from->shape, &w.value.shape))
            return fire_fail(err, FIRE_E_CORRUPT, "the tensor '%s' has shape %s, expected %s", shown, fire_shape_text(&from->shape, a), fire_shape_text(&w.value.shape, b));
        void *own = fire_alloc(net->ctx, from->bytes, 1, err); /* numbers in the file may lie at any address */
        if (!own) return FIRE_NOMEM;
        if (from->bytes) memcpy(own, from->data, from->bytes);
        s = fire_network_set_weight(net, i, &(fire_tensor){from->type, from->shape, own}, err);
        fire_free(net->ctx, own);
        if (s) return s;
    }
    if (t->n_tensors == n) return FIRE_OK;
    for (int64_t k = 0; k < t->n_tensors; k++) {
        bool found = false;
        for (int i = 0; i < n && !found; i++) {
            fire_weight_info w;
            found = !fire_network_weight(net, i, &w, NULL) && !strcmp(w.name, t->tensor[k].name);
        }
        cli_shown(shown, sizeof shown, t->tensor[k].name);
        if (!found) return fire_fail(err, FIRE_E_CORRUPT, "the tensor '%s' is none of the model's weights", shown);
    }
    return FIRE_OK;
}

static fire_status from_safetensors(fire_context *ctx, const options *o, const char *from, const void *bytes, size_t size, const char *to, fire_error *err) {
    if (!o->model) return fire_fail(err, FIRE_E_USAGE, "convert: safetensors hold weights alone; --model FILE names the model that they go into");
    fire_safetensors t;
    fire_network *net = NULL;
    fire_status s = fire_error_prefix(err, from, fire_safetensors_read(ctx, bytes, size, &t, err));
    if (!s) s = fire_load(ctx, o->model, &net, err);
    if (!s) s = fire_error_prefix(err, from, put_weights(net, &t, err));
    if (!s) s = fire_save(net, to, err);
    fire_network_free(net);
    fire_safetensors_clear(&t);
    return s;
}

static fire_status records(fire_context *ctx, const char *from, const char *to, fire_error *err) {
    fire_records *r = NULL;
    fire_record_writer *w = NULL;
    const void *bytes = "";
    size_t size;
    fire_status s = fire_records_open(ctx, from, &r, err);
    if (!s) s = fire_record_writer_open(ctx, to, ends(to, ".gz") ? FIRE_GZIP : FIRE_PLAIN, false, &w, err);
    while (!s && !(s = fire_records_next(r, &bytes, &size, err)) && bytes) s = fire_record_writer_add(w, bytes, size, err);
    fire_records_close(r);
    fire_status closed = fire_record_writer_close(w, !s, s ? NULL : err);
    return s ? s : closed;
}

static fire_status tensor(fire_context *ctx, const char *from, const char *to, fire_error *err) {
    fire_arena arena = {.ctx = ctx};
    fire_tensor t;
    fire_status s = cli_tensor_read(&arena, from, FIRE_NO_TYPE, &t, err);
    if (!s) s = cli_tensor_write(ctx, to, "tensor", FIRE_NO_TYPE, &t, err);
    fire_arena_free(&arena);
    return s;
}

/* With a prototxt, `from` has its weights. */
static fire_status model(fire_context *ctx, const char *from, const char *prototxt, const char *to, fire_error *err) {
    fire_network *net = NULL;
    fire_status s = prototxt ? fire_load_part(ctx, prototxt, &(fire_part){.weights = from}, &net, err) : fire_load(ctx, from, &net, err);
    if (!s) s = fire_save(net, to, err);
    fire_network_free(net);
    return s;
}

static fire_status convert(fire_context *ctx, const options *o, const char *from, const char *to, fire_error *err) {
    fire_contents file = {0};
    char shown[200];
    struct stat st;
    const bool folder = stat(from, &st) == 0 && S_ISDIR(st.st_mode);
    fire_status s = folder ? FIRE_OK : fire_file_map(ctx, from, &file, err);
    if (s) return s;
    const uint8_t *p = file.data;
    const size_t size = file.size;
    cli_shown(shown, sizeof shown, to);
    const bool weights = size > 9 && p[8] == '{' && !p[5] && !p[6] && !p[7];
    const bool keras = size > 8 && (!memcmp(p, "PK\x03\x04", 4) || !memcmp(p, "\x89HDF\r\n\x1a\n", 8));
    if (keras || ends(to, ".keras") || ends(to, ".h5"))
        s = fire_fail(err, FIRE_E_UNSUPPORTED, "Keras' files are read and written by Python: python -m firesteel convert, or fire.load and model.save");
    else if (weights && ends(to, ".onnx")) s = from_safetensors(ctx, o, from, p, size, to, err);
    else if (weights) s = fire_fail(err, FIRE_E_USAGE, "convert: weights go into a model; '%s' does not end in .onnx", shown);
    else if (ends(to, ".npy") || ends(to, ".pb")) s = tensor(ctx, from, to, err);
    else if (p && cli_records_are(p, size)) s = records(ctx, from, to, err);
    else if (ends(to, ".safetensors")) s = fire_error_prefix(err, from, to_safetensors(ctx, from, folder, to, err));
    else if (ends(to, ".onnx")) s = model(ctx, from, o->model, to, err);
    else s = fire_fail(err, FIRE_E_USAGE, "convert: what shall '%s' be? Names end in .onnx, .safetensors, .npy, .pb, .tfrecord or .tfrecord.gz", shown);
    if (p) fire_contents_free(ctx, &file);
    return s;
}

static fire_status run(const void *user, int n, char *const *args, fire_error *err) {
    fire_context *ctx;
    (void)n;
    fire_status s = cli_context(1, &ctx, err);
    if (s) return s;
    s = convert(ctx, user, args[0], args[1], err);
    fire_context_free(ctx);
    return s;
}

const cli_command cli_convert = {
    .name = "convert", .usage = "convert A B [--model FILE]", .summary = "Write a model, weights, an array or records in another format",
    .options = table, .size = sizeof(options), .least = 2, .most = 2, .run = run,
    .details = "A is told by its content, B by its name:\n"
               "  a model or checkpoint     to .onnx (with layers where it has them), .safetensors (the weights)\n"
               "  safetensors, caffemodel   to .onnx, into the model (the prototxt) that --model names\n"
               "  NPY or TensorProto        to .npy, .pb\n"
               "  TFRecord, packed or not   to .tfrecord, .tfrecord.gz\n"
               "`python -m firesteel convert` reads and writes Keras' files too.",
};
