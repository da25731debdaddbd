/* run.c - firesteel run MODEL: compute a model on named tensors from files. */
#include "error.h"
#include "file.h"
#include "op.h"
#include "tensors.h"
#include <string.h>

typedef struct options { cli_list input, output; const char *out, *format, *weights; int64_t threads; } options;

static const cli_option table[] = {
    {"input", 'i', CLI_LIST, offsetof(options, input), .arg = "[NAME=]FILE", .help = "a tensor, .npy or .pb; without a name: the next input that has none. Once for each input"},
    {"output", 'o', CLI_LIST, offsetof(options, output), .arg = "[NAME=]FILE", .help = "where an output goes, .npy or .pb; without a name: the next output that has none"},
    {"out", 0, CLI_TEXT, offsetof(options, out), .arg = "DIR", .help = "write all outputs into this folder, by their names"},
    {"format", 0, CLI_TEXT, offsetof(options, format), .arg = "F", .choices = "npy|pb", .help = "of files in the folder; pb are called output_0.pb, output_1.pb ... as ONNX's test cases have them"},
    {"weights", 0, CLI_TEXT, offsetof(options, weights), .arg = "FILE", .help = "the caffemodel with the weights of a net of Caffe"},
    {"threads", 0, CLI_INT, offsetof(options, threads), 1, 1, 1024, "N", NULL, "threads of one operator"},
    {0},
};

#define NAME 512
typedef struct port { char name[NAME]; fire_tensor tensor; fire_type declared; const char *path; } port; /* an input or output of the model */
typedef struct ports { port *port; int64_t n, capacity; bool layers; } ports;

/* What the model says of its inputs or outputs. */
static fire_status list_ports(fire_context *ctx, const fire_network *net, bool output, ports *p, fire_error *err) {
    fire_network_info info;
    fire_tensor any;
    char some[2];
    fire_network_info_get(net, &info);
    const bool named = fire_run_port(net, true, 0, &any, some, sizeof some) == FIRE_OK; /* a graph of other software: fire_run computes it */
    for (int32_t i = 0;; i++) {
        fire_status s = fire_grow(ctx, &p->port, &p->capacity, p->n + 1, sizeof *p->port, err);
        if (s) return s;
        port *q = &p->port[p->n];
        const char *name;
        if (!named) {
            p->layers = true;
            q->tensor.type = info.type;
            if (!fire_network_part(net, output, i, &q->tensor.shape, &name)) return FIRE_OK;
            snprintf(q->name, sizeof q->name, "%s", name);
        } else if (fire_run_port(net, output, i, &q->tensor, q->name, sizeof q->name)) return FIRE_OK;
        q->declared = q->tensor.type;
        p->n++;
    }
}

/* Give each "NAME=FILE" or "FILE" its port. A text whose part before '=' names a port is the former. */
static fire_status match(const cli_list *list, ports *p, const char *what, fire_error *err) {
    char shown[200];
    for (int pass = 0; pass < 2; pass++) /* those with names come first */
        for (int64_t k = 0; k < list->n; k++) {
            const char *text = list->text[k];
            port *q = NULL;
            size_t name = 0;
            for (const char *e = strchr(text, '='); e && !q; e = strchr(e + 1, '=')) /* a name may hold a '=' itself */
                for (int64_t i = 0; i < p->n && !q; i++)
                    if (strlen(p->port[i].name) == (size_t)(e - text) && !strncmp(p->port[i].name, text, (size_t)(e - text))) q = &p->port[i], name = (size_t)(e - text) + 1;
            if (pass != (q == NULL)) continue;
            for (int64_t i = 0; i < p->n && !q; i++)
                if (!p->port[i].path) q = &p->port[i];
            if (!q) return fire_fail(err, FIRE_E_USAGE, "run: --%s %s: the model has no such %s, or every one has its file already; `firesteel inspect` lists them", what,
                                     fire_escape(shown, sizeof shown, text, strlen(text)), what);
            if (q->path) return fire_fail(err, FIRE_E_USAGE, "run: two files for the %s '%s'", what, fire_escape(shown, sizeof shown, q->name, strlen(q->name)));
            q->path = text + name;
        }
    return FIRE_OK;
}

static fire_status read_inputs(fire_arena *arena, ports *in, fire_error *err) {
    for (int64_t i = 0; i < in->n; i++) {
        port *p = &in->port[i];
        char shown[200];
        if (!p->path) return fire_fail(err, FIRE_E_USAGE, "run: no file for the input '%s'; give --input %s=FILE", fire_escape(shown, sizeof shown, p->name, strlen(p->name)), shown);
        fire_status s = cli_tensor_read(arena, p->path, in->layers ? FIRE_NO_TYPE : p->tensor.type, &p->tensor, err);
        if (s) return s;
    }
    return FIRE_OK;
}

static fire_status run_named(fire_network *net, fire_arena *arena, const ports *in, ports *out, fire_named **found, fire_error *err) {
    fire_named *feed = fire_arena_alloc(arena, (size_t)in->n, sizeof *feed, err);
    int32_t n;
    if (!feed) return FIRE_NOMEM;
    for (int64_t i = 0; i < in->n; i++) feed[i] = (fire_named){in->port[i].name, in->port[i].tensor};
    fire_status s = fire_run(net, (int32_t)in->n, feed, found, &n, err);
    for (int64_t i = 0; !s && i < out->n && i < n; i++) out->port[i].tensor = (*found)[i].tensor;
    return s;
}

/* A network of layers takes rows in which its inputs lie one after the other, and gives its outputs likewise. */
static fire_status run_layers(fire_context *ctx, fire_network *net, fire_arena *arena, const ports *in, ports *out, fire_error *err) {
    fire_network_info info;
    fire_network_info_get(net, &info);
    fire_dataset *data = NULL;
    char a[FIRE_SHAPE_TEXT], b[FIRE_SHAPE_TEXT], shown[200];
    int64_t rows = 0, width = 0, wide = 0, numbers, all;
    for (int64_t i = 0; i < in->n; i++) {
        const fire_shape *x = &in->port[i].tensor.shape;
        fire_shape want;
        const char *name;
        if (!fire_network_part(net, false, (int32_t)i, &want, &name)) return fire_fail(err, FIRE_E_NOT_BUILT, "run: the network has no shape yet; train it first");
        bool fits = x->rank == want.rank && x->rank > 0;
        for (int d = 1; d < x->rank && fits; d++) fits = x->dim[d] == want.dim[d];
        if (!fits || (i > 0 && x->dim[0] != rows))
            return fire_fail(err, FIRE_E_SHAPE, "the input '%s' has shape %s, expected %s%s", fire_escape(shown, sizeof shown, name, strlen(name)), fire_shape_text(x, a),
                             fire_shape_text(&want, b), i > 0 ? " with as many rows as the first input" : "");
        rows = x->dim[0];
        numbers = rows ? fire_count(x) / rows : 0;
        if (!fire_add(width, numbers, &width)) return fire_fail(err, FIRE_E_SHAPE, "the inputs are too large");
    }
    for (int64_t k = 0; k < out->n; k++) {
        fire_shape *y = &out->port[k].tensor.shape;
        y->dim[0] = rows;
        if ((numbers = fire_count(y)) < 0 || !fire_add(wide, rows ? numbers / rows : 0, &wide)) return fire_fail(err, FIRE_E_SHAPE, "the outputs are too large");
    }
    if (!rows) return fire_fail(err, FIRE_E_NO_ROWS, "run: the inputs have no rows");
    fire_tensor x = {info.type, {2, {rows, width}}, NULL};
    if (!fire_mul(rows, width, &numbers) || !fire_mul(rows, wide, &all)) return fire_fail(err, FIRE_E_SHAPE, "the tensors are too large");
    if (!(x.data = fire_arena_alloc(arena, (size_t)numbers, fire_type_size(info.type), err))) return FIRE_NOMEM;
    fire_tensor y = {info.type, {2, {rows, wide}}, fire_arena_alloc(arena, (size_t)all, fire_type_size(info.type), err)};
    if (!y.data) return FIRE_NOMEM;
    int64_t from = 0;
    for (int64_t i = 0; i < in->n; i++) {
        const fire_tensor *t = &in->port[i].tensor;
        const int64_t n = fire_count(&t->shape) / rows;
        for (int64_t r = 0; r < rows; r++)
            for (int64_t k = 0; k < n; k++) fire_put(&x, r * width + from + k, fire_get(t, r * n + k));
        from += n;
    }
    fire_status s = fire_dataset_new(ctx, &data, err);
    if (!s) s = fire_dataset_add(data, &x, NULL, NULL, err);
    if (!s) s = fire_predict(net, data, y.data, NULL, err);
    fire_dataset_free(data);
    from = 0;
    for (int64_t k = 0; k < out->n && !s; k++) {
        fire_tensor *t = &out->port[k].tensor;
        const int64_t n = fire_count(&t->shape) / rows;
        const size_t size = fire_type_size(info.type);
        if (!(t->data = fire_arena_alloc(arena, (size_t)(rows * n), size, err))) return FIRE_NOMEM;
        for (int64_t r = 0; r < rows; r++) memcpy((char *)t->data + (size_t)(r * n) * size, (const char *)y.data + (size_t)(r * wide + from) * size, (size_t)n * size);
        from += n;
    }
    return s;
}

#define SAFE 201
/* A file name made of an output's: letters, digits and _-. stay. */
static void safe_name(const char *name, char to[SAFE]) {
    static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
    int n = 0;
    for (; name[n] && n < SAFE - 1; n++) to[n] = strchr(good, name[n]) && (n || name[n] != '.') ? name[n] : '_';
    to[n] = 0;
}

static fire_status path_for(fire_context *ctx, const options *o, const ports *out, int64_t i, char **path, fire_error *err) {
    char name[SAFE + 32], other[SAFE];
    if (o->format && !strcmp(o->format, "pb")) snprintf(name, sizeof name, "output_%lld.pb", (long long)i);
    else {
        safe_name(out->port[i].name, name);
        bool taken = !name[0] || i >= 4096;
        for (int64_t k = 0; k < i && !taken; k++) {
            safe_name(out->port[k].name, other);
            taken = !strcmp(name, other);
        }
        const size_t n = strlen(name);
        if (taken) snprintf(name + n, sizeof name - n, "_%lld.npy", (long long)i);
        else snprintf(name + n, sizeof name - n, ".npy");
    }
    *path = fire_path_join(ctx, o->out, name, err);
    return *path ? FIRE_OK : FIRE_NOMEM;
}

static fire_status give_outputs(fire_context *ctx, const options *o, const ports *out, fire_error *err) {
    fire_status s = o->out ? fire_dir_make(ctx, o->out, err) : FIRE_OK;
    for (int64_t i = 0; i < out->n && !s; i++) {
        const port *p = &out->port[i];
        char *path = NULL;
        if (p->path) s = cli_tensor_write(ctx, p->path, p->name, p->declared, &p->tensor, err);
        if (s || !o->out) continue;
        s = path_for(ctx, o, out, i, &path, err);
        if (!s) s = cli_tensor_write(ctx, path, p->name, p->declared, &p->tensor, err);
        fire_free(ctx, path);
    }
    for (int64_t i = 0; i < out->n && !s && !o->out && !o->output.n; i++) cli_tensor_print(out->port[i].name, &out->port[i].tensor);
    return s;
}

static fire_status run(const void *user, int n, char *const *args, fire_error *err) {
    const options *o = user;
    fire_context *ctx;
    fire_network *net = NULL;
    fire_named *found = NULL;
    ports in = {0}, out = {0};
    (void)n;
    fire_status s = cli_context(o->threads, &ctx, err);
    if (s) return s;
    fire_arena arena = {.ctx = ctx};
    s = fire_load_part(ctx, args[0], o->weights ? &(fire_part){.weights = o->weights} : NULL, &net, err);
    if (!s) s = list_ports(ctx, net, false, &in, err);
    if (!s) s = list_ports(ctx, net, true, &out, err);
    if (!s) s = match(&o->input, &in, "input", err);
    if (!s) s = match(&o->output, &out, "output", err);
    if (!s) s = read_inputs(&arena, &in, err);
    if (!s) s = in.layers ? run_layers(ctx, net, &arena, &in, &out, err) : run_named(net, &arena, &in, &out, &found, err);
    if (!s) s = give_outputs(ctx, o, &out, err);
    fire_release(ctx, found);
    fire_arena_free(&arena);
    fire_free(ctx, in.port);
    fire_free(ctx, out.port);
    fire_network_free(net);
    fire_context_free(ctx);
    return s;
}

const cli_command cli_run = {
    .name = "run", .usage = "run MODEL [--input [NAME=]FILE ...] [--output [NAME=]FILE ... | --out DIR]", .summary = "Compute a model on tensors from files, by name",
    .options = table, .size = sizeof(options), .least = 1, .most = 1, .run = run,
    .details = "MODEL is whatever `firesteel inspect` shows as a model. Without --output and --out the outputs are printed, long ones in part.\n\n"
               "  firesteel run model.onnx --input x.npy\n"
               "  firesteel run bert.onnx --input ids=ids.npy --input mask=mask.npy --output logits=y.npy",
};
