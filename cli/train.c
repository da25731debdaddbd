/* train.c - firesteel train: a network given on the command line, trained on files. */
#include "cli.h"
#include "error.h"
#include "json.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct options {
    const char *net, *from, *csv, *label, *features, *images, *labels, *loss, *optimizer, *metrics, *output, *checkpoint, *monitor, *separator, *header, *invalid, *type;
    int64_t epochs, batch, seed, threads, patience, start;
    double scale, split, min_delta;
    bool last, restore, maximize, no_shuffle, reproducible, quiet, json;
} options;

static const cli_option table[] = {
    {"net", 'n', CLI_TEXT, offsetof(options, net), .arg = "LAYERS", .help = "layers separated by semicolons, each a name and attributes as in `firesteel ops`"},
    {"from", 0, CLI_TEXT, offsetof(options, from), .arg = "MODEL", .help = "go on with a model file or checkpoint, in place of --net"},
    {"csv", 0, CLI_TEXT, offsetof(options, csv), .arg = "FILE", .help = "the table to train on; with --label"},
    {"label", 'l', CLI_TEXT, offsetof(options, label), .arg = "COLUMN", .help = "name or number of the label's column; its texts become classes in sorted order"},
    {"features", 'f', CLI_TEXT, offsetof(options, features), .arg = "A,B", .help = "columns that the network sees; all but the label if not given"},
    {"images", 0, CLI_TEXT, offsetof(options, images), .arg = "FILE", .help = "rows as IDX or NPY, [rows, ...]; with --labels"},
    {"labels", 0, CLI_TEXT, offsetof(options, labels), .arg = "FILE", .help = "their labels as IDX or NPY, [rows] or [rows, n]"},
    {"scale", 0, CLI_NUMBER, offsetof(options, scale), 0, 1e-30, 1e30, "S", NULL, "divide the numbers of --images by S, for example 255"},
    {"loss", 0, CLI_TEXT, offsetof(options, loss), .arg = "LOSS", .help = "by the last layer if not given: cross-entropy after softmax or sigmoid, else mean_squared_error"},
    {"optimizer", 0, CLI_TEXT, offsetof(options, optimizer), .arg = "OPT", .help = "name and attributes; Adam if not given"},
    {"metrics", 'm', CLI_TEXT, offsetof(options, metrics), .arg = "A,B", .help = "accuracy after a cross-entropy, else none"},
    {"epochs", 'e', CLI_INT, offsetof(options, epochs), 1, 1, 1000000, "N", NULL, "times to go through the table"},
    {"batch-size", 'b', CLI_INT, offsetof(options, batch), 32, 1, 1 << 24, "N", NULL, "rows of a step"},
    {"validation-split", 0, CLI_NUMBER, offsetof(options, split), 0, 0, 0.999999, "F", NULL, "share of the rows that is kept apart and evaluated after each epoch"},
    {"validation-last", 0, CLI_FLAG, offsetof(options, last), .help = "take them from the end of the table, as Keras does; otherwise they are drawn"},
    {"patience", 0, CLI_INT, offsetof(options, patience), -1, 0, 1000000, "N", NULL, "stop after so many epochs without getting better"},
    {"monitor", 0, CLI_TEXT, offsetof(options, monitor), .arg = "METRIC", .help = "better in what; val_loss if not given, or loss without validation rows"},
    {"maximize", 0, CLI_FLAG, offsetof(options, maximize), .help = "more of it is better; known for accuracy"},
    {"min-delta", 0, CLI_NUMBER, offsetof(options, min_delta), 0, 0, 1e30, "D", NULL, "better by more than this"},
    {"start-epoch", 0, CLI_INT, offsetof(options, start), 0, 0, 1000000, "N", NULL, "epochs before patience begins"},
    {"restore-best", 0, CLI_FLAG, offsetof(options, restore), .help = "keep the weights of the best epoch"},
    {"seed", 's', CLI_INT, offsetof(options, seed), 0, 0, 9e15, "N", NULL, "of first weights, shuffling, dropout and the split"},
    {"no-shuffle", 0, CLI_FLAG, offsetof(options, no_shuffle), .help = "rows in the order of the file"},
    {"reproducible", 0, CLI_FLAG, offsetof(options, reproducible), .help = "bits do not depend on the number of threads"},
    {"dtype", 0, CLI_TEXT, offsetof(options, type), .arg = "TYPE", .choices = "float32|float64", .help = "to compute in"},
    {"threads", 0, CLI_INT, offsetof(options, threads), 1, 1, 1024, "N", NULL, "threads to use"},
    {"output", 'o', CLI_TEXT, offsetof(options, output), .arg = "FILE", .help = "where the trained model goes, an ONNX file"},
    {"checkpoint", 0, CLI_TEXT, offsetof(options, checkpoint), .arg = "DIR", .help = "write a checkpoint there after each epoch"},
    CLI_READ_OPTIONS(options),
    {"json", 'j', CLI_FLAG, offsetof(options, json), .help = "one JSON object per epoch on standard output"},
    {"quiet", 'q', CLI_FLAG, offsetof(options, quiet), .help = "no progress on standard error"},
    {0},
};

/* Ctrl-C: the first one ends training after the step, the second one ends the process. */
static volatile sig_atomic_t interrupted;
static void on_interrupt(int number) {
    interrupted = 1;
    signal(number, SIG_DFL);
}

typedef struct train {
    const options *o;
    fire_context *ctx;
    fire_network *net;
    fire_dataset *data;
    cli_table table;
    void *x, *y, *scaled;
    fire_tensor xt, yt;
    char first[64];            /* kind of the first layer */
    char last[256];            /* text of the last layer */
    cli_bar bar;
    int32_t epochs_done;
} train;

/* ---- the network ---- */

static fire_status read_net(train *t, const char *text, fire_error *err) {
    fire_status st = fire_network_new(t->ctx, t->o->type && !strcmp(t->o->type, "float64") ? FIRE_F64 : FIRE_F32, &t->net, err);
    int n = 0;
    while (!st && *text) {
        char layer[4096], kind[64];
        size_t size = 0;
        for (bool quoted = false; text[size] && (quoted || (text[size] != ';' && text[size] != '\n')); size++)
            if (text[size] == '"' && (size == 0 || text[size - 1] != '\\')) quoted = !quoted;
        size_t skip = strspn(text, " \t");
        const char *begin = text + (skip < size ? skip : size);
        size_t length = size - (size_t)(begin - text);
        while (length > 0 && (begin[length - 1] == ' ' || begin[length - 1] == '\t' || begin[length - 1] == '\r')) length--;
        if (length >= sizeof layer) return fire_fail(err, FIRE_E_USAGE, "a layer of %zu bytes in --net", length);
        memcpy(layer, begin, length);
        layer[length] = 0;
        text += size + (text[size] != 0);
        if (!length) continue;
        const char *attrs = fire_name_read(layer, kind, sizeof kind);
        st = fire_network_add(t->net, kind, attrs, err);
        if (n++ == 0) snprintf(t->first, sizeof t->first, "%s", kind);
        snprintf(t->last, sizeof t->last, "%.255s", layer);
    }
    if (!st && n == 0) st = fire_fail(err, FIRE_E_USAGE, "--net has no layers; for example --net \"Dense units=10 activation=softmax\"");
    return st;
}

static fire_status compile(train *t, const fire_network_info *info, fire_error *err) {
    const options *o = t->o;
    if (info->compiled && !o->loss && !o->optimizer && !o->metrics) return FIRE_OK;
    bool softmax = strstr(t->last, "softmax"), sigmoid = strstr(t->last, "sigmoid"), wide = t->yt.shape.rank > 1 && t->yt.shape.dim[1] > 1;
    const char *loss = o->loss ? o->loss : info->compiled ? info->loss : softmax ? wide ? "categorical_crossentropy" : "sparse_categorical_crossentropy"
                     : sigmoid ? "binary_crossentropy" : "mean_squared_error";
    const char *optimizer = o->optimizer ? o->optimizer : info->compiled ? info->optimizer : "Adam";
    char metrics[1024], loss_copy[1024], optimizer_copy[1024];
    snprintf(metrics, sizeof metrics, "%s", o->metrics ? o->metrics : info->compiled ? info->metrics : strstr(loss, "rossentropy") ? "accuracy" : "");
    for (char *p = metrics; o->metrics && *p; p++)
        if (*p == ',' || *p == ';') *p = '\n';
    snprintf(loss_copy, sizeof loss_copy, "%s", loss); /* info's texts end with compile */
    snprintf(optimizer_copy, sizeof optimizer_copy, "%s", optimizer);
    return fire_network_compile(t->net, optimizer_copy, loss_copy, metrics[0] ? metrics : NULL, err);
}

/* ---- the data ---- */

static fire_status read_arrays(train *t, fire_error *err) {
    const options *o = t->o;
    cli_read how;
    int64_t rows, labels;
    fire_status st = cli_read_how("train", o->separator, o->header, o->invalid, &how, err);
    if (st) return st;
    if (how.invalid == FIRE_INVALID_SKIP) return fire_fail(err, FIRE_E_USAGE, "train: --invalid skip is for --csv; rows and labels of two files would no longer match");
    if ((st = cli_table_open(t->ctx, o->images, &how, &t->table, err))) return st;
    if ((st = cli_table_all(&t->table, &t->x, &rows, err))) return st;
    t->xt = (fire_tensor){t->table.type, {.rank = t->table.row.rank + 1, .dim = {rows}}, t->x};
    for (int i = 0; i < t->table.row.rank; i++) t->xt.shape.dim[i + 1] = t->table.row.dim[i];
    int64_t numbers = rows * t->table.width;
    cli_table_close(&t->table);
    fire_network_info info;
    fire_network_info_get(t->net, &info);
    if (o->scale != 0 && o->scale != 1) {
        fire_type type = cli_scaled_type(t->xt.type, info.type);
        if (!(t->scaled = fire_alloc(t->ctx, (size_t)numbers, fire_type_size(type), err))) return FIRE_NOMEM;
        cli_scale(t->xt.type, t->x, type, t->scaled, numbers, o->scale);
        fire_free(t->ctx, t->x);
        t->x = NULL;
        t->xt.type = type;
        t->xt.data = t->scaled;
    }
    how.invalid = FIRE_INVALID_ERROR;
    if ((st = cli_table_open(t->ctx, o->labels, &how, &t->table, err))) return st;
    if ((st = cli_table_all(&t->table, &t->y, &labels, err))) return st;
    if (labels != rows) return fire_fail(err, FIRE_E_DATA_FILE, "%s has %lld labels, expected one for each of %lld rows", t->table.src.shown, (long long)labels, (long long)rows);
    t->yt = (fire_tensor){t->table.type, {.rank = t->table.row.rank + 1, .dim = {labels}}, t->y};
    for (int i = 0; i < t->table.row.rank; i++) t->yt.shape.dim[i + 1] = t->table.row.dim[i];
    return FIRE_OK;
}

typedef struct ranked { const char *name; int64_t old; } ranked;
static int by_name(const void *a, const void *b) { return strcmp(((const ranked *)a)->name, ((const ranked *)b)->name); }

static void json_list(fire_buffer *b, char *const *name, int64_t n) {
    fire_buffer_add(b, "[", 1);
    for (int64_t i = 0; i < n; i++) {
        if (i) fire_buffer_add(b, ", ", 2);
        fire_json_put_text(b, name[i]);
    }
    fire_buffer_add(b, "]", 1);
}

static fire_status put_note(train *t, const char *key, fire_buffer *b, fire_error *err) {
    fire_buffer_add(b, "", 1);
    fire_status st = b->first.status;
    if (st) *err = b->first;
    else st = fire_network_set_note(t->net, key, (const char *)b->data, err);
    fire_buffer_free(b);
    return st;
}

/* Classes are numbered in the order of their names, whatever the order of the rows. */
static fire_status sort_classes(train *t, double *y, int64_t rows, fire_error *err) {
    cli_classes *c = &t->table.classes;
    ranked *order = fire_alloc(t->ctx, (size_t)c->n, sizeof *order, err);
    int64_t *fresh = order ? fire_alloc(t->ctx, (size_t)c->n, sizeof *fresh, err) : NULL;
    char **name = fresh ? fire_alloc(t->ctx, (size_t)c->n, sizeof *name, err) : NULL;
    fire_status st = name ? FIRE_OK : FIRE_NOMEM;
    for (int64_t i = 0; !st && i < c->n; i++) order[i] = (ranked){c->name[i], i};
    if (!st) {
        qsort(order, (size_t)c->n, sizeof *order, by_name);
        for (int64_t i = 0; i < c->n; i++) {
            fresh[order[i].old] = i;
            name[i] = c->name[order[i].old];
        }
        for (int64_t i = 0; i < rows; i++) y[i] = (double)fresh[(int64_t)y[i]];
        fire_buffer b = {.ctx = t->ctx};
        json_list(&b, name, c->n);
        st = put_note(t, "classes", &b, err);
    }
    fire_free(t->ctx, order);
    fire_free(t->ctx, fresh);
    fire_free(t->ctx, name);
    return st;
}

static fire_status note_columns(train *t, fire_error *err) {
    const cli_table *c = &t->table;
    if (!c->name) return FIRE_OK;
    fire_buffer b = {.ctx = t->ctx};
    fire_buffer_text(&b, "{\"features\": [");
    for (int64_t i = 0; i < c->n_pick - 1; i++) {
        if (i) fire_buffer_add(&b, ", ", 2);
        fire_json_put_text(&b, c->name[c->pick[i]]);
    }
    fire_buffer_text(&b, "], \"label\": ");
    fire_json_put_text(&b, c->name[c->pick[c->label]]);
    fire_buffer_text(&b, "}");
    return put_note(t, "columns", &b, err);
}

static fire_status read_csv(train *t, fire_error *err) {
    const options *o = t->o;
    cli_read how;
    int64_t rows;
    if (!o->label) return fire_fail(err, FIRE_E_USAGE, "train: --csv needs --label, the column to learn");
    fire_status st = cli_read_how("train", o->separator, o->header, o->invalid, &how, err);
    if (st || (st = cli_table_open(t->ctx, o->csv, &how, &t->table, err))) return st;
    if ((st = cli_table_pick(&t->table, o->features, o->label, err))) return st;
    if ((st = cli_table_all(&t->table, &t->x, &rows, err))) return st;
    if (rows == 0) return fire_fail(err, FIRE_E_NO_ROWS, "%s has no rows%s", t->table.src.shown, t->table.skipped ? " without empty fields, NaN or infinities" : "");
    if (t->table.skipped) cli_remark("%lld rows with empty fields, NaN or infinities were left out", (long long)t->table.skipped);
    int64_t width = t->table.width - 1;
    double *x = t->x, *y = fire_alloc(t->ctx, (size_t)rows, sizeof *y, err);
    if (!(t->y = y)) return FIRE_NOMEM;
    for (int64_t i = 0; i < rows; i++) { /* the label leaves its row */
        y[i] = x[i * (width + 1) + width];
        memmove(x + i * width, x + i * (width + 1), (size_t)width * sizeof *x);
    }
    if (t->table.label_kind == CLI_LABEL_TEXT) st = sort_classes(t, y, rows, err);
    if (!st) st = note_columns(t, err);
    t->xt = (fire_tensor){FIRE_F64, {2, {rows, width}}, x};
    t->yt = (fire_tensor){FIRE_F64, {1, {rows}}, y};
    return st;
}

/* Pictures for a network that begins with an Input of as many numbers, or with Dense, which takes flat rows. */
static void shape_rows(train *t) {
    fire_network_info info;
    fire_network_info_get(t->net, &info);
    fire_shape *s = &t->xt.shape, all;
    int64_t rows = s->dim[0], width = 1;
    for (int i = 1; i < s->rank; i++) width *= s->dim[i];
    all = info.input;
    if (all.rank > 0) {
        all.dim[0] = 1;
        if (fire_count(&all) == width) {
            all.dim[0] = rows;
            *s = all;
        }
    } else if (!strcmp(t->first, "Dense")) *s = (fire_shape){2, {rows, width}};
}

/* ---- training ---- */

static int progress(void *user, const fire_progress *p) {
    train *t = user;
    if (p->event == FIRE_EPOCH_END) t->epochs_done++;
    cli_bar_show(&t->bar, p);
    return interrupted;
}

static fire_status save(train *t, fire_error *err) {
    if (!t->o->output) return FIRE_OK;
    char scale[FIRE_NUMBER_TEXT];
    fire_status st = FIRE_OK;
    if (t->o->scale != 0 && t->o->scale != 1) st = fire_network_set_note(t->net, "scale", fire_number_text(t->o->scale, scale), err);
    return st ? st : fire_save(t->net, t->o->output, err);
}

static fire_status fit(train *t, fire_error *err) {
    const options *o = t->o;
    fire_network_info info;
    fire_network_info_get(t->net, &info);
    fire_fit_options f = {.size = sizeof f, .epochs = (int32_t)(info.epoch + o->epochs), .initial_epoch = (int32_t)info.epoch, .batch_size = o->batch, .seed = (uint64_t)o->seed,
                          .no_shuffle = o->no_shuffle, .reproducible = o->reproducible, .checkpoint_dir = o->checkpoint, .progress = progress, .user = t};
    if (o->patience >= 0 || o->monitor) {
        f.stop.monitor = o->monitor ? o->monitor : o->split > 0 ? "val_loss" : "loss";
        f.stop.patience = (int32_t)(o->patience > 0 ? o->patience : 0);
        f.stop.start_from_epoch = (int32_t)o->start;
        f.stop.min_delta = o->min_delta;
        f.stop.maximize = o->maximize || strstr(f.stop.monitor, "acc");
        f.stop.restore_best = o->restore;
    }
    struct sigaction action = {.sa_handler = on_interrupt}, before;
    sigaction(SIGINT, &action, &before);
    fire_fit_report report = {0};
    cli_bar_open(&t->bar, t->net, o->quiet, o->json);
    fire_status st = fire_fit(t->net, t->data, &f, &report, err), saved = FIRE_OK;
    cli_bar_close(&t->bar);
    sigaction(SIGINT, &before, NULL);
    char shown[200] = "";
    fire_error lost = {0};
    if (o->output) fire_escape(shown, sizeof shown, o->output, strlen(o->output));
    fire_network_info_get(t->net, &info);
    bool keep = !st || st == FIRE_CANCELLED || (st == FIRE_DIVERGED && t->epochs_done > 0);
    if (keep) saved = save(t, &lost);
    if (saved) {
        if (st) cli_remark("FS%d: %s", lost.code, lost.message);
        else *err = lost;
        return st ? st : saved;
    }
    if (st == FIRE_CANCELLED)
        return fire_fail(err, FIRE_E_CANCELLED, "interrupted after %lld steps; %s%s", (long long)info.step, o->output ? shown : "the weights are lost, since no --output was given",
                         o->output ? " holds the weights so far" : "");
    if (st == FIRE_DIVERGED && keep && o->output) cli_remark("%s holds the weights of the last good epoch", shown);
    if (st) return st;
    if (!o->quiet) {
        char rows[CLI_COUNT];
        cli_count(report.seconds > 0 ? (int64_t)((double)report.rows / report.seconds) : 0, rows);
        cli_remark("%d epoch%s in %.1f s, %s rows/s%s", report.epochs_run, report.epochs_run == 1 ? "" : "s", report.seconds, rows, report.stopped_early ? ", stopped early" : "");
        if (report.stopped_early) cli_remark("%s was best in epoch %d", f.stop.monitor, report.best_epoch + 1);
        if (o->output) cli_remark("%s: the trained model", shown);
        else if (!o->checkpoint) cli_remark("the model was not saved; --output FILE would");
    }
    return FIRE_OK;
}

/* A folder that does not exist is better told before an hour of training than after. */
static fire_status check_output(const char *path, fire_error *err) {
    char dir[4096], shown[200];
    const char *slash = path ? strrchr(path, '/') : NULL;
    if (!path) return FIRE_OK;
    snprintf(dir, sizeof dir, "%.*s", slash && slash != path ? (int)(slash - path) : 1, slash ? path : ".");
    if (access(dir, W_OK | X_OK) == 0) return FIRE_OK;
    return fire_fail(err, FIRE_E_FILE_IO, "cannot write %s: %s", fire_escape(shown, sizeof shown, path, strlen(path)), strerror(errno));
}

static fire_status work(train *t, fire_error *err) {
    const options *o = t->o;
    if (!o->net == !o->from) return fire_fail(err, FIRE_E_USAGE, "train: give the network by --net or --from, and not by both");
    if (!o->csv == !o->images) return fire_fail(err, FIRE_E_USAGE, "train: give the data by --csv and --label, or by --images and --labels");
    if (o->images && !o->labels) return fire_fail(err, FIRE_E_USAGE, "train: --images needs --labels");
    if (o->csv && o->scale != 0) return fire_fail(err, FIRE_E_USAGE, "train: --scale is for --images; for columns begin the network with Normalization");
    fire_status st = check_output(o->output, err);
    if (st) return st;
    st = o->net ? read_net(t, o->net, err) : fire_load(t->ctx, o->from, &t->net, err);
    if (st) return st;
    if ((st = o->csv ? read_csv(t, err) : read_arrays(t, err))) return st;
    shape_rows(t);
    if (o->from) {
        fire_layer_info last;
        int n = fire_network_layers(t->net);
        if (n > 0 && !fire_network_layer(t->net, n - 1, &last, NULL)) snprintf(t->last, sizeof t->last, "%s %.200s", last.kind, last.attrs ? last.attrs : "");
    }
    fire_network_info info;
    fire_network_info_get(t->net, &info);
    if ((st = compile(t, &info, err))) return st;
    if ((st = fire_dataset_new(t->ctx, &t->data, err))) return st;
    if ((st = fire_dataset_add(t->data, &t->xt, &t->yt, NULL, err))) return st;
    if (o->split > 0 && (st = fire_dataset_split(t->data, o->split, (uint64_t)o->seed, o->last, err))) return st;
    return fit(t, err);
}

static fire_status run(const void *user, int n, char *const *args, fire_error *err) {
    train t = {.o = user};
    (void)n;
    (void)args;
    fire_status st = cli_context(t.o->threads, &t.ctx, err);
    if (st) return st;
    st = work(&t, err);
    fire_dataset_free(t.data);
    fire_network_free(t.net);
    cli_table_close(&t.table);
    fire_free(t.ctx, t.x);
    fire_free(t.ctx, t.y);
    fire_free(t.ctx, t.scaled);
    fire_context_free(t.ctx);
    return st;
}

const cli_command cli_train = {
    .name = "train", .usage = "train --net LAYERS (--csv FILE --label COLUMN | --images FILE --labels FILE) [-o MODEL] ...", .summary = "Train a network on a CSV, IDX or NPY file",
    .options = table, .size = sizeof(options), .least = 0, .most = 0, .run = run,
    .details = "Files may be packed with gzip. Progress goes to standard error. Ctrl-C finishes the step and saves the weights so far.\n"
               "A network whose first layer is Dense sees each picture as one flat row.\n\n"
               "examples:\n"
               "  firesteel train --net \"Dense units=128 activation=relu; Dropout rate=0.2; Dense units=10 activation=softmax\" --epochs 5 --scale 255 \\\n"
               "    --images train-images-idx3-ubyte.gz --labels train-labels-idx1-ubyte.gz -o model.onnx\n"
               "  firesteel train --net \"Normalization; Dense units=16 activation=relu; Dense units=3 activation=softmax\" --csv iris.csv --label species -o iris.onnx",
};
