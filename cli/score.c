/* score.c - firesteel score MODEL DATA: outputs of a network for every row of a file, in pieces, so that size does not matter. */
#include "cli.h"
#include "error.h"
#include "json.h"
#include <stdlib.h>
#include <string.h>

typedef struct options { const char *output, *features, *separator, *header, *invalid; double scale; bool raw; int64_t threads; } options;

static const cli_option table[] = {
    {"output", 'o', CLI_TEXT, offsetof(options, output), .arg = "FILE", .help = "where results go: .npy, or CSV under any other name; CSV to standard output if not given"},
    {"raw", 'r', CLI_FLAG, offsetof(options, raw), .help = "logits, what the last softmax or sigmoid sees: further columns of a CSV, in place of the outputs in an NPY"},
    {"features", 'f', CLI_TEXT, offsetof(options, features), .arg = "A,B", .help = "columns of a CSV, names or numbers; those of training, or all, if not given"},
    {"scale", 0, CLI_NUMBER, offsetof(options, scale), 0, 1e-30, 1e30, "S", NULL, "divide all numbers by S; for whole numbers as in training if not given"},
    CLI_READ_OPTIONS(options),
    {"threads", 0, CLI_INT, offsetof(options, threads), 1, 1, 1024, "N", NULL, "threads to use"},
    {0},
};

fire_status cli_read_how(const char *command, const char *separator, const char *header, const char *invalid, cli_read *how, fire_error *err) {
    *how = (cli_read){.header = !header || !strcmp(header, "auto") ? -1 : !strcmp(header, "yes"),
                      .invalid = !invalid || !strcmp(invalid, "error") ? FIRE_INVALID_ERROR : !strcmp(invalid, "skip") ? FIRE_INVALID_SKIP : FIRE_INVALID_KEEP};
    if (!separator) return FIRE_OK;
    if (!strcmp(separator, "tab")) how->separator = '\t';
    else if (separator[0] && !separator[1] && !strchr("\"\r\n0123456789.+-", separator[0])) how->separator = separator[0];
    else return fire_fail(err, FIRE_E_USAGE, "%s: --separator is one character, or tab", command);
    return FIRE_OK;
}

/* The list of texts under `key` of a note {"features": ["a", "b"], ...}, or of the note itself when key is NULL, joined by commas.
** False when there is none, or a name holds a comma. */
static bool note_list(const fire_network *net, const char *note, const char *key, char *to, size_t capacity, int64_t *count) {
    const char *text = fire_network_note(net, note);
    fire_json j;
    fire_json_token t;
    size_t at = 0;
    if (!text) return false;
    fire_json_open(&j, text, strlen(text));
    if (fire_json_next(&j, &t, NULL)) return false;
    if (key) {
        if (t.kind != FIRE_JSON_OBJECT) return false;
        for (;;) {
            if (fire_json_next(&j, &t, NULL) || t.kind != FIRE_JSON_KEY) return false;
            bool found = fire_json_is(&t, key);
            if (fire_json_next(&j, &t, NULL)) return false;
            if (found) break;
            if (fire_json_skip(&j, &t, NULL)) return false;
        }
    }
    if (t.kind != FIRE_JSON_ARRAY) return false;
    *count = 0;
    to[0] = 0;
    while (!fire_json_next(&j, &t, NULL) && t.kind == FIRE_JSON_TEXT) {
        char name[300];
        if (fire_json_copy(&j, &t, name, sizeof name, NULL, NULL) || strchr(name, ',')) return false;
        int n = snprintf(to + at, capacity - at, "%s%s", *count ? "," : "", name);
        if (n < 0 || (size_t)n >= capacity - at) return false;
        at += (size_t)n;
        ++*count;
    }
    return *count > 0;
}

/* The i-th name of a list joined by commas. */
static const char *list_item(const char *list, int64_t i, char *to, size_t capacity) {
    for (; i > 0; i--) list = strchr(list, ',') ? strchr(list, ',') + 1 : "";
    snprintf(to, capacity, "%.*s", (int)strcspn(list, ","), list);
    return to;
}

/* What a scoring needs from begin to end. */
typedef struct score {
    const options *o;
    fire_context *ctx;
    fire_network *net;
    fire_network_info info;
    cli_table in;
    cli_writer out;
    int64_t width;          /* numbers in an output row */
    bool softmax, sigmoid;  /* kinds of output: one class of many; yes or no */
    char *classes;          /* names, joined by commas, or NULL */
    double scale;           /* 0: none */
    void *rows, *scaled, *y, *logits;
} score;

static void print_header(score *s) {
    FILE *f = s->out.file;
    char name[340], item[300];
    const char *word = s->softmax || s->sigmoid ? "probability" : "prediction";
    for (int pass = 0; pass < (s->o->raw ? 2 : 1); pass++)
        for (int64_t i = 0; i < s->width; i++) {
            if (pass || i) fputc(',', f);
            if (s->width == 1) snprintf(name, sizeof name, "%s", pass ? "raw" : word);
            else if (s->classes) snprintf(name, sizeof name, "%s_%s", pass ? "raw" : word, list_item(s->classes, i, item, sizeof item));
            else snprintf(name, sizeof name, "%s_%lld", pass ? "raw" : word, (long long)i);
            cli_writer_text(&s->out, name);
        }
    fputs(s->softmax || (s->sigmoid && s->width == 1) ? ",prediction\n" : "\n", f);
}

static double number_at(const score *s, const void *data, int64_t i) { return s->info.type == FIRE_F64 ? ((const double *)data)[i] : (double)((const float *)data)[i]; }

static void print_rows(score *s, int64_t n) {
    FILE *f = s->out.file;
    for (int64_t r = 0; r < n; r++) {
        int64_t best = 0;
        for (int pass = 0; pass < (s->o->raw ? 2 : 1); pass++)
            for (int64_t i = 0; i < s->width; i++) {
                if (pass || i) fputc(',', f);
                cli_writer_number(&s->out, number_at(s, pass ? s->logits : s->y, r * s->width + i));
                if (!pass && number_at(s, s->y, r * s->width + i) > number_at(s, s->y, r * s->width + best)) best = i;
            }
        if (s->softmax || (s->sigmoid && s->width == 1)) {
            char item[300];
            if (s->width == 1) best = number_at(s, s->y, r) > 0.5;
            fputc(',', f);
            if (s->classes) cli_writer_text(&s->out, list_item(s->classes, best, item, sizeof item));
            else fprintf(f, "%lld", (long long)best);
        }
        fputc('\n', f);
    }
}

static fire_status score_block(score *s, int64_t n, fire_error *err) {
    fire_tensor x = {.type = s->in.type, .data = s->rows};
    if (s->scale != 0) {
        x.type = cli_scaled_type(s->in.type, s->info.type);
        x.data = s->scaled;
        cli_scale(s->in.type, s->rows, x.type, s->scaled, n * s->in.width, s->scale);
    }
    /* Rows of as many numbers as the input has are taken in its shape. */
    x.shape = (fire_shape){.rank = s->info.input.rank};
    for (int i = 0; i < x.shape.rank; i++) x.shape.dim[i] = i ? s->info.input.dim[i] : n;
    if (fire_count(&x.shape) != n * s->in.width || x.shape.rank == 0) {
        x.shape = (fire_shape){.rank = s->in.row.rank + 1, .dim = {n}};
        for (int i = 0; i < s->in.row.rank; i++) x.shape.dim[i + 1] = s->in.row.dim[i];
    }
    fire_dataset *data;
    fire_status st = fire_dataset_new(s->ctx, &data, err);
    if (st) return st;
    st = fire_dataset_pad(data, s->net, err);
    if (!st) st = fire_dataset_add(data, &x, NULL, NULL, err);
    if (!st) st = fire_predict(s->net, data, s->y, s->logits, err);
    fire_dataset_free(data);
    if (st) return st;
    if (s->out.npy) return cli_writer_rows(&s->out, s->o->raw ? s->logits : s->y, n, err);
    print_rows(s, n);
    return FIRE_OK;
}

/* The last layer says what the outputs are. */
static void look_at_output(score *s) {
    fire_layer_info last;
    int n = fire_network_layers(s->net);
    while (n > 0 && !fire_network_layer(s->net, n - 1, &last, NULL) && (!strcmp(last.kind, "Dropout") || !strcmp(last.kind, "Flatten"))) n--;
    if (n == 0 || !s->info.has_logits) return;
    s->sigmoid = last.attrs && strstr(last.attrs, "sigmoid");
    s->softmax = !s->sigmoid && s->width > 1;
}

/* Whether the model's input takes rows of any length: then the dataset says what is wrong with them. */
static bool pads(const score *s) {
    fire_layer_info first;
    return fire_network_layers(s->net) > 0 && !fire_network_layer(s->net, 0, &first, NULL) && !strcmp(first.kind, "Input") && first.attrs && strstr(first.attrs, "padding=");
}

static fire_status prepare(score *s, const char *path, fire_error *err) {
    cli_read how;
    fire_status st = cli_read_how("score", s->o->separator, s->o->header, s->o->invalid, &how, err);
    if (st || (st = cli_table_open(s->ctx, path, &how, &s->in, err))) return st;
    fire_shape row = s->info.input;
    if (row.rank > 0) row.dim[0] = 1;
    int64_t want = row.rank > 0 ? fire_count(&row) : -1, count;
    if (s->in.format == CLI_CSV) {
        /* Columns: as asked, else as in training when the file has them, else all. */
        size_t size = 1 << 20;
        char *names = fire_alloc(s->ctx, size, 1, err);
        if (!names) return FIRE_NOMEM;
        if (s->o->features) st = cli_table_pick(&s->in, s->o->features, NULL, err);
        else if (s->in.has_header && note_list(s->net, "columns", "features", names, size, &count) && count == want) st = cli_table_pick(&s->in, names, NULL, err);
        fire_free(s->ctx, names);
    } else if (s->o->features) st = cli_table_pick(&s->in, s->o->features, NULL, err);
    if (st) return st;
    if (want > 0 && s->in.width != want && !pads(s)) {
        char a[FIRE_SHAPE_TEXT], b[FIRE_SHAPE_TEXT];
        fire_shape rows = {.rank = s->in.row.rank + 1, .dim = {-1}};
        for (int i = 0; i < s->in.row.rank; i++) rows.dim[i + 1] = s->in.row.dim[i];
        return fire_fail(err, FIRE_E_SHAPE, "%s has rows %s, the model takes %s%s", s->in.src.shown, fire_shape_text(&rows, a), fire_shape_text(&s->info.input, b),
                         s->in.format == CLI_CSV ? "; --features chooses columns" : "");
    }
    s->scale = s->o->scale;
    const char *noted = fire_network_note(s->net, "scale");
    if (s->scale == 0 && noted && s->in.format != CLI_CSV && s->in.type != FIRE_F32 && s->in.type != FIRE_F64) {
        double v = fire_number_read(noted, NULL);
        if (v > 0 && v < 1e30) {
            s->scale = v;
            cli_remark("whole numbers are divided by %g, as in training; --scale says otherwise", v);
        }
    }
    if (s->scale == 1) s->scale = 0;
    return FIRE_OK;
}

static fire_status score_file(score *s, const char *path, fire_error *err) {
    fire_network_info_get(s->net, &s->info);
    if (!s->info.built && !s->info.loaded_as_onnx) return fire_fail(err, FIRE_E_NOT_BUILT, "the model was saved before it knew its input; train it first");
    fire_shape row = {.rank = s->info.output.rank > 0 ? s->info.output.rank - 1 : 0};
    for (int i = 0; i < row.rank; i++) row.dim[i] = s->info.output.dim[i + 1];
    s->width = fire_count(&row);
    if (s->width < 1) return fire_fail(err, FIRE_E_UNSUPPORTED, "the model's output has no fixed shape per row");
    if (s->o->raw && !s->info.has_logits) return fire_fail(err, FIRE_E_USAGE, "--raw: the model does not end with softmax or sigmoid, so its outputs are raw already");
    look_at_output(s);
    const char *warning = fire_network_note(s->net, "warning");
    if (warning) cli_remark("%s", warning);
    fire_status st = prepare(s, path, err);
    if (st) return st;
    char *classes = fire_alloc(s->ctx, 1 << 20, 1, err);
    int64_t count;
    if (!classes) return FIRE_NOMEM;
    s->classes = classes;
    if (!note_list(s->net, "classes", NULL, classes, 1 << 20, &count) || count != (s->width == 1 && s->sigmoid ? 2 : s->width)) {
        fire_free(s->ctx, classes);
        s->classes = NULL;
    }
    /* Whole scoring blocks, about 8 MiB of input or output at a time. */
    int64_t block = cli_table_block(&s->in), by_output = (8 << 20) / (s->width * 8) + 1, unit = s->info.block_rows > 0 ? s->info.block_rows : 1;
    if (by_output < block) block = by_output;
    block = (block + unit - 1) / unit * unit;
    size_t type = fire_type_size(s->info.type);
    if (!(s->rows = fire_alloc(s->ctx, (size_t)(block * s->in.width), fire_type_size(s->in.type), err))) return FIRE_NOMEM;
    if (s->scale != 0 && !(s->scaled = fire_alloc(s->ctx, (size_t)(block * s->in.width), 8, err))) return FIRE_NOMEM;
    if (!(s->y = fire_alloc(s->ctx, (size_t)(block * s->width), type, err))) return FIRE_NOMEM;
    if (s->o->raw && !(s->logits = fire_alloc(s->ctx, (size_t)(block * s->width), type, err))) return FIRE_NOMEM;
    if ((st = cli_writer_open(s->ctx, s->o->output, s->info.type, &row, &s->out, err))) return st;
    if (!s->out.npy) print_header(s);
    for (int64_t n = 1; !st;) {
        if ((st = cli_table_next(&s->in, block, s->rows, &n, err)) || n == 0) break;
        st = score_block(s, n, err);
    }
    if (!st && s->in.given == 0) st = fire_fail(err, FIRE_E_NO_ROWS, "%s has no rows", s->in.src.shown);
    if (!st && s->in.skipped) cli_remark("%lld rows with empty fields, NaN or infinities were left out", (long long)s->in.skipped);
    fire_status closed = cli_writer_close(&s->out, !st, st ? NULL : err);
    return st ? st : closed;
}

static fire_status run(const void *user, int n, char *const *args, fire_error *err) {
    score s = {.o = user};
    (void)n;
    fire_status st = cli_context(s.o->threads, &s.ctx, err);
    if (st) return st;
    if (!(st = fire_load(s.ctx, args[0], &s.net, err))) {
        st = score_file(&s, args[1], err);
        cli_table_close(&s.in);
        fire_free(s.ctx, s.classes);
        fire_free(s.ctx, s.rows);
        fire_free(s.ctx, s.scaled);
        fire_free(s.ctx, s.y);
        fire_free(s.ctx, s.logits);
        fire_network_free(s.net);
    }
    fire_context_free(s.ctx);
    return st;
}

const cli_command cli_score = {
    .name = "score", .usage = "score MODEL DATA [-o FILE] [--raw] ...", .summary = "Score the rows of a CSV, NPY or IDX file with a model",
    .options = table, .size = sizeof(options), .least = 2, .most = 2, .run = run,
    .details = "DATA may be packed with gzip; - is standard input. A CSV gets the columns probability_0 ... and prediction for a classifier, prediction for others;\n"
               "an NPY gets the outputs, [rows, ...]. Numbers are written so that they read back to the same bits.\n"
               "example: firesteel score model.onnx test.csv -o scored.csv",
};
