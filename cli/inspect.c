/* inspect.c - firesteel inspect FILE: what a file is, told by its content, and what is in it. */
#include "inspect.h"
#include "error.h"
#include "file.h"
#include "formats/npy.h"
#include "formats/onnx_file.h"
#include "formats/tensorflow.h"
#include "json.h"
#include "model.h"
#include <string.h>
#include <sys/stat.h>

typedef struct options { bool json, weights; } options;

static const cli_option table[] = {
    {"json", 'j', CLI_FLAG, offsetof(options, json), .help = "one JSON object"},
    {"weights", 'w', CLI_FLAG, offsetof(options, weights), .help = "list every weight too"},
    {0},
};

void cli_shown(char *to, size_t capacity, const char *text) { fire_escape(to, capacity, text ? text : "", text ? strlen(text) : 0); }

void cli_json_pair(const char *key, const char *text) {
    printf(", \"%s\": ", key);
    if (text) fire_json_text(cli_stdout, NULL, text);
    else fputs("null", stdout);
}

void cli_json_span(const void *bytes, size_t size) {
    const unsigned char *p = bytes;
    if (size > 4096) size = 4096;
    putchar('"');
    for (size_t i = 0, n; i < size; i += n) {
        for (n = 1; n < 4 && i + n < size && (p[i + n] & 0xc0) == 0x80;) n++;
        if (p[i] == '"' || p[i] == '\\') printf("\\%c", p[i]), n = 1;
        else if (p[i] < 0x20 || p[i] == 0x7f) printf("\\u%04x", p[i]), n = 1;
        else if (fire_utf8_check((const char *)p + i, n)) fwrite(p + i, 1, n, stdout);
        else fputs("\\ufffd", stdout), n = 1;
    }
    putchar('"');
}

void cli_json_shape(const char *key, const fire_shape *s) {
    printf(", \"%s\": [", key);
    for (int i = 0; i < s->rank; i++) printf(s->dim[i] < 0 ? "%snull" : "%s%lld", i ? ", " : "", (long long)s->dim[i]);
    putchar(']');
}

/* Whether an ONNX file may have layers of ours: its metadata says so. */
static bool may_have_layers(fire_context *ctx, const void *bytes, size_t size) {
    fire_onnx m;
    const bool yes = fire_onnx_read(ctx, bytes, size, &m, NULL) == FIRE_OK && fire_onnx_text(&m, "firesteel.network");
    fire_onnx_clear(&m);
    return yes;
}

static fire_status inspect_bytes(const cli_inspect_how *o, const char *path, const uint8_t *p, size_t size, fire_error *err) {
    bool other = false, plain = true;
    fire_status s = FIRE_OK;
    if (fire_npy_is(p, size)) s = cli_inspect_npy(o, path, p, size, err);
    else if (cli_records_are(p, size)) s = cli_inspect_records(o, path, &other, err);
    else if (size > 9 && p[8] == '{' && !p[5] && !p[6] && !p[7]) s = cli_inspect_safetensors(o, path, p, size, err);
    else other = true;
    if (s || !other || cli_inspect_others(o, path, p, size)) return s;
    if (!fire_tensorflow_is(p, size) && may_have_layers(o->ctx, p, size)) s = cli_inspect_network(o, path, &plain, err);
    return s || !plain ? s : cli_inspect_onnx(o, path, p, size, err);
}

/* Inputs or outputs of a model that is run by name. */
static void show_ports(const cli_inspect_how *o, const fire_network *net, bool output) {
    char name[200], shown[300], shape[FIRE_SHAPE_TEXT];
    fire_tensor t;
    printf(!o->json ? "%s\n" : output ? ", \"%s\": [" : "\"%s\": [", output ? "outputs" : "inputs");
    for (int32_t i = 0; fire_run_port(net, output, i, &t, name, sizeof name) == FIRE_OK; i++) {
        if (o->json) {
            printf(i ? ", {\"name\": " : "{\"name\": ");
            cli_json_span(name, strlen(name));
            if (t.type) {
                cli_json_pair("type", fire_type_text(t.type));
                cli_json_shape("shape", &t.shape);
            }
            putchar('}');
        } else {
            cli_shown(shown, sizeof shown, name);
            if (t.type) printf("  %-30s %s %s\n", shown, fire_type_text(t.type), fire_shape_text(&t.shape, shape));
            else printf("  %s\n", shown); /* only a run tells what it is */
        }
    }
    if (o->json) putchar(']');
}

/* TensorFlow's SavedModel, as its default signature has it. */
static fire_status inspect_saved_model(const cli_inspect_how *o, const char *path, fire_error *err) {
    fire_network *net;
    fire_status s = fire_load(o->ctx, path, &net, err);
    if (s) return s;
    char shown[300];
    cli_shown(shown, sizeof shown, path);
    printf(o->json ? "{\"format\": \"saved_model\", " : "%s: a SavedModel of TensorFlow\n\n", shown);
    show_ports(o, net, false);
    show_ports(o, net, true);
    if (o->json) puts("}");
    fire_network_free(net);
    return FIRE_OK;
}

static fire_status inspect(const cli_inspect_how *o, const char *path, fire_error *err) {
    fire_contents file;
    struct stat st;
    bool plain, saved = false;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        bool saved_model = false;
        for (int i = 0; i < 2 && !saved_model; i++) {
            char *inside = fire_path_join(o->ctx, path, i ? "saved_model.pbtxt" : "saved_model.pb", err);
            if (!inside) return FIRE_NOMEM;
            saved_model = stat(inside, &st) == 0;
            fire_free(o->ctx, inside);
        }
        return saved_model ? inspect_saved_model(o, path, err) : cli_inspect_network(o, path, &plain, err);
    }
    fire_status s = fire_file_map(o->ctx, path, &file, err);
    if (s) return s;
    s = fire_model_text(o->ctx, &file, &saved, err);
    if (!s) s = saved ? inspect_saved_model(o, path, err) : inspect_bytes(o, path, file.data, file.size, err);
    fire_contents_free(o->ctx, &file);
    char shown[300];
    cli_shown(shown, sizeof shown, path);
    return s && err && strncmp(err->message, shown, strlen(shown)) ? fire_error_prefix(err, path, s) : s;
}

static fire_status run(const void *user, int n, char *const *args, fire_error *err) {
    const options *o = user;
    cli_inspect_how how = {.json = o->json, .weights = o->weights};
    (void)n;
    fire_status st = cli_context(1, &how.ctx, err);
    if (st) return st;
    st = inspect(&how, args[0], err);
    fire_context_free(how.ctx);
    return st;
}

const cli_command cli_inspect = {
    .name = "inspect", .usage = "inspect FILE [--weights] [--json]", .summary = "Say what a file is and what is in it: models, weights, arrays, records",
    .options = table, .size = sizeof(options), .least = 1, .most = 1, .run = run,
    .details = "FILE is an ONNX file, of firesteel or of others, a graph or SavedModel of TensorFlow, the folder of a checkpoint, safetensors, NPY, TFRecord (of examples or of TensorBoard's events); of\n"
               "what only Python reads (Keras' files) it says so. The content decides, not the name.",
};
