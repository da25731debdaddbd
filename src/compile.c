/* compile.c - how a network is to be trained: loss, optimizer, metrics by their texts, and the optimizer's state. */
#include "network.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

void fire_network_forget(fire_network *net) {
    fire_free(net->ctx, net->slots);
    net->slots = NULL;
    net->step = net->epoch = 0;
    net->averaged = false;
}

static void free_metrics(fire_context *ctx, fire_compiled_metric *metric, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        fire_free(ctx, metric[i].attrs);
        fire_free(ctx, metric[i].name);
        fire_free(ctx, metric[i].text);
    }
    fire_free(ctx, metric);
}

static void free_losses(fire_context *ctx, fire_compiled_loss *loss, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        fire_free(ctx, loss[i].attrs);
        fire_free(ctx, loss[i].text);
    }
    fire_free(ctx, loss);
}

static void free_optims(fire_context *ctx, fire_compiled_optim *own, int64_t n) {
    for (int64_t i = 0; i < n; i++) fire_free(ctx, own[i].attrs);
    fire_free(ctx, own);
}

static void free_results(fire_network *net) {
    for (int64_t i = 0; i < net->n_results; i++) fire_free(net->ctx, net->result[i]);
    fire_free(net->ctx, net->result);
    net->result = NULL;
    net->n_results = 0;
}

void fire_network_clear_compile(fire_network *net) {
    fire_network_forget(net);
    free_losses(net->ctx, net->loss, net->n_losses);
    fire_free(net->ctx, net->loss_text);
    fire_free(net->ctx, net->optim_attrs);
    fire_free(net->ctx, net->optim_text);
    free_optims(net->ctx, net->own_optim, net->n_own_optims);
    fire_free(net->ctx, net->metrics_text);
    free_metrics(net->ctx, net->metric, net->n_metrics);
    free_results(net);
    net->loss = NULL, net->optim = NULL, net->metric = NULL;
    net->optim_attrs = NULL, net->own_optim = NULL, net->n_own_optims = 0;
    net->loss_text = net->optim_text = net->metrics_text = NULL;
    net->n_losses = net->n_metrics = net->metric_capacity = 0;
}

/* What all losses and all metrics have besides their kind's attributes: behind them, in the table and in memory. */
typedef struct { double loss_weight; fire_attr_text reduction; } loss_common;
static const fire_attr loss_table[] = {
    {"loss_weight", FIRE_ATTR_FLOAT, offsetof(loss_common, loss_weight), 1, -1e30, 1e30, NULL, NULL, "factor of this output's loss in the whole"},
    {"reduction", FIRE_ATTR_TEXT, offsetof(loss_common, reduction), 0, 0, 0, "sum_over_batch_size", "sum_over_batch_size|mean|mean_with_sample_weight|sum|none",
     "how the values of a batch become one: sum_over_batch_size and mean divide by their number, mean_with_sample_weight by the sum of row weights"},
    {0},
};
typedef struct { int64_t output; fire_attr_text name; bool weighted; } metric_common;
static const fire_attr metric_table[] = {
    {"output", FIRE_ATTR_INT, offsetof(metric_common, output), 0, 0, FIRE_MAX_PARTS - 1, NULL, NULL, "number of the output that it looks at"},
    {"name", FIRE_ATTR_TEXT, offsetof(metric_common, name), 0, 0, 0, "", NULL, "its name in the history, when another than the usual one"},
    {"weighted", FIRE_ATTR_BOOL, offsetof(metric_common, weighted), 0, 0, 1, NULL, NULL, "rows count by their weights (Keras' weighted_metrics)"},
    {0},
};
enum { MAX_ATTRS = 48 };

static size_t common_offset(size_t attr_size) { return (attr_size + 15) & ~(size_t)15; }

/* The kind's attributes and then the common ones, as one table. */
static void whole_table(const fire_attr *own, size_t attr_size, const fire_attr *common, fire_attr table[MAX_ATTRS]) {
    int n = 0;
    for (const fire_attr *a = own; a && a->name; a++) table[n++] = *a;
    for (const fire_attr *a = common; a && a->name; a++) {
        table[n] = *a;
        table[n++].offset += common_offset(attr_size);
    }
    assert(n < MAX_ATTRS);
    table[n] = (fire_attr){0};
}

/* Attributes read into memory of the context, and the canonical text "Name attr=...". common: [common_size] bytes behind the kind's; or NULL. */
static fire_status read_attrs(fire_context *ctx, const char *kind, const char *name, const fire_attr *own, size_t size, const fire_attr *common, size_t common_size,
                              const char *given, void **attrs, char **text, fire_error *err) {
    fire_attr table[MAX_ATTRS];
    whole_table(own, size, common, table);
    void *mem = fire_alloc(ctx, 1, common_offset(size) + common_size, err);
    if (!mem) return FIRE_NOMEM;
    fire_status s = fire_attrs_read(kind, table, mem, given, NULL, 0, err);
    size_t head = strlen(name), bytes = s ? 0 : fire_attrs_write(table, mem, false, NULL, 0);
    char *to = s ? NULL : fire_alloc(ctx, head + bytes + 2, 1, err);
    if (!to) {
        fire_free(ctx, mem);
        return s ? s : FIRE_NOMEM;
    }
    memcpy(to, name, head);
    if (bytes) {
        to[head] = ' ';
        fire_attrs_write(table, mem, false, to + head + 1, bytes + 1);
    }
    *attrs = mem;
    *text = to;
    return FIRE_OK;
}

/* The same for an optimizer, whose table is longer than its own. */
static fire_status read_optim(fire_context *ctx, const fire_optim *o, const char *given, void **attrs, char **text, fire_error *err) {
    void *mem = fire_alloc(ctx, 1, fire_optim_bytes(o), err);
    if (!mem) return FIRE_NOMEM;
    fire_status s = fire_optim_read(o, mem, given, err);
    size_t bytes = s ? 0 : fire_optim_write(o, mem, NULL, 0) + 1;
    char *to = s ? NULL : fire_alloc(ctx, bytes, 1, err);
    if (!to) {
        fire_free(ctx, mem);
        return s ? s : FIRE_NOMEM;
    }
    fire_optim_write(o, mem, to, bytes);
    *attrs = mem;
    *text = to;
    return FIRE_OK;
}

/* Tries every alternative of "a|b|c" as the nearest name. */
static void near_aliases(fire_near *near, const char *aliases, char store[64]) {
    for (const char *p = aliases; *p;) {
        size_t n = strcspn(p, "|");
        char word[64];
        snprintf(word, sizeof word, "%.*s", (int)n, p);
        int before = near->distance;
        const char *best = near->best;
        fire_near_try(near, word);
        if (near->best == word) { /* keep it: the buffer goes */
            memcpy(store, word, sizeof word);
            near->best = store;
        } else near->best = best, near->distance = before;
        p += n + (p[n] == '|');
    }
}

static fire_status unknown(const char *what, const char *name, fire_near *near, fire_error *err) {
    char shown[80], text[FIRE_NEAR_TEXT];
    return fire_fail(err, FIRE_E_UNKNOWN_NAME, "no %s named '%s'%s", what, fire_escape(shown, sizeof shown, name, strlen(name)),
                     fire_near_text(near, text)[0] ? text : "; `firesteel ops` lists all");
}

static bool is_accuracy(const char *name) { return fire_same_word(name, "accuracy") || fire_same_word(name, "acc"); }

static bool small(char c) { return c >= 'a' && c <= 'z'; }

/* The class name as Keras names its objects: "MeanSquaredError" to "mean_squared_error", "R2Score" to "r2_score", "AUC" to "auc". */
static void snake(const char *from, char to[64]) {
    size_t n = 0;
    for (const char *p = from; *p && n < 61; p++) {
        bool upper = *p >= 'A' && *p <= 'Z';
        if (upper && p > from && (small(p[-1]) || small(p[1]))) to[n++] = '_';
        to[n++] = upper ? (char)(*p + 32) : *p;
    }
    to[n] = 0;
}

/* One line of compile's metrics. */
static fire_status read_metric(fire_context *ctx, const char *line, fire_compiled_metric *m, fire_error *err) {
    char name[64], history[64], store[64];
    const char *rest = fire_name_read(line, name, sizeof name);
    fire_compiled_metric made = {.kind = fire_metric_find(name, NULL, NULL, false)};
    if (!made.kind && !is_accuracy(name)) {
        fire_near near = {.name = name};
        near_aliases(&near, "accuracy", store);
        for (const fire_metric *const *p = fire_metrics; *p; p++) {
            fire_near_try(&near, (*p)->name);
            near_aliases(&near, (*p)->alias, store);
        }
        return unknown("metric", name, &near, err);
    }
    const fire_metric *k = made.kind;
    size_t size = k ? k->attr_size : 0;
    fire_status s = read_attrs(ctx, k ? k->name : "accuracy", name, k ? k->attrs : NULL, size, metric_table, sizeof(metric_common), rest, &made.attrs, &made.text, err);
    if (s) return s;
    const metric_common *common = (const metric_common *)((char *)made.attrs + common_offset(size));
    fire_error why = {0};
    made.output = (int32_t)common->output;
    made.weighted = common->weighted;
    if (k && !strcmp(name, k->name)) snake(name, history);
    else snprintf(history, sizeof history, "%s", name);
    if (k && !strcmp(name, k->name) && k->history) snprintf(history, sizeof history, "%s", k->history);
    if (k && k->check && k->check(made.attrs, NULL, &why)) s = fire_fail(err, why.code, "metric %s: %s", k->name, why.message);
    made.name = s ? NULL : fire_copy_text(ctx, *common->name ? common->name : history, err);
    if (!made.name) {
        fire_free(ctx, made.attrs);
        fire_free(ctx, made.text);
        return s ? s : FIRE_NOMEM;
    }
    *m = made;
    return FIRE_OK;
}

/* A name that an earlier metric of the same output has gets a number behind it. */
static fire_status tell_apart(fire_context *ctx, fire_compiled_metric *metric, int64_t n, fire_error *err) {
    int64_t same = 0;
    for (int64_t i = 0; i < n; i++) same += metric[i].output == metric[n].output && !strncmp(metric[i].name, metric[n].name, strlen(metric[n].name)) &&
                                            strspn(metric[i].name + strlen(metric[n].name), "_0123456789") == strlen(metric[i].name) - strlen(metric[n].name);
    if (!same) return FIRE_OK;
    char text[FIRE_ATTR_TEXT_SIZE + 32];
    snprintf(text, sizeof text, "%s_%lld", metric[n].name, (long long)same);
    char *name = fire_copy_text(ctx, text, err);
    if (!name) return FIRE_NOMEM;
    fire_free(ctx, metric[n].name);
    metric[n].name = name;
    return FIRE_OK;
}

static fire_status read_metrics(fire_context *ctx, const char *metrics, fire_compiled_metric **out, int64_t *n, char **text, fire_error *err) {
    fire_compiled_metric *metric = NULL;
    int64_t capacity = 0;
    fire_status s = FIRE_OK;
    *n = 0;
    for (const char *p = metrics ? metrics : ""; *p && !s;) {
        while (*p == '\n' || *p == ' ') p++;
        size_t length = strcspn(p, "\n");
        if (!length) break;
        char *line = fire_alloc(ctx, length + 1, 1, err);
        if (!line) { s = FIRE_NOMEM; break; }
        memcpy(line, p, length);
        p += length;
        if (*n == FIRE_MAX_RESULTS - 1) s = fire_fail(err, FIRE_E_UNSUPPORTED, "more than %d metrics", FIRE_MAX_RESULTS - 1);
        if (!s) s = fire_grow(ctx, &metric, &capacity, *n + 1, sizeof *metric, err);
        if (!s) s = read_metric(ctx, line, &metric[*n], err);
        if (!s) s = tell_apart(ctx, metric, (*n)++, err);
        fire_free(ctx, line);
    }
    size_t bytes = 1;
    for (int64_t i = 0; i < *n; i++) bytes += strlen(metric[i].text) + 1;
    char *all = s ? NULL : fire_alloc(ctx, bytes, 1, err);
    if (!s && !all) s = FIRE_NOMEM;
    if (s) {
        free_metrics(ctx, metric, *n);
        *n = 0;
        return s;
    }
    for (int64_t i = 0; i < *n; i++) {
        if (i) strcat(all, "\n");
        strcat(all, metric[i].text);
    }
    *out = metric;
    *text = all;
    return FIRE_OK;
}

/* How many results a metric has; 1 while that is not known. */
static int64_t results_of(const fire_network *net, const fire_compiled_metric *m) {
    fire_shape pred;
    const char *name;
    if (!net->built || !m->kind || !m->kind->results || m->output >= net->n_outputs) return 1;
    fire_network_part(net, true, m->output, &pred, &name);
    pred.rank--;
    for (int d = 0; d < pred.rank; d++) pred.dim[d] = pred.dim[d + 1];
    int64_t n = pred.rank > 0 ? m->kind->results(m->attrs, &pred) : 1;
    return n > 0 ? n : 1;
}

/* The names of the results into to->result: "loss", "a_loss" for each of several outputs, metrics. */
static fire_status name_results(const fire_network *net, fire_network *to, fire_error *err) {
    int64_t outputs = net->n_outputs > 1 && net->built ? net->n_outputs : 0, n = 1 + outputs;
    for (int64_t i = 0; i < to->n_metrics; i++) n += results_of(net, &to->metric[i]);
    if (n > FIRE_MAX_RESULTS) return fire_fail(err, FIRE_E_UNSUPPORTED, "%lld losses and metrics, expected at most %d", (long long)n, FIRE_MAX_RESULTS);
    char **name = fire_alloc(to->ctx, (size_t)n, sizeof *name, err), text[2 * FIRE_ATTR_TEXT_SIZE + 80], number[32];
    int64_t m = 0, k = 0; /* result k of metric m comes next */
    for (int64_t i = 0; name && i < n; i++) {
        const fire_compiled_metric *metric = i > outputs ? &to->metric[m] : NULL;
        const char *output = "";
        fire_shape shape;
        if (i && outputs) fire_network_part(net, true, metric ? metric->output : (int32_t)i - 1, &shape, &output);
        number[0] = 0;
        if (metric && results_of(net, metric) > 1) snprintf(number, sizeof number, "_%lld", (long long)k);
        snprintf(text, sizeof text, "%s%s%s%s", output, *output ? "_" : "", metric ? metric->name : "loss", number);
        if (metric && ++k == results_of(net, metric)) m++, k = 0;
        if ((name[i] = fire_copy_text(to->ctx, text, err))) continue;
        while (i--) fire_free(to->ctx, name[i]);
        fire_free(to->ctx, name);
        return FIRE_NOMEM;
    }
    if (!name) return FIRE_NOMEM;
    free_results(to);
    to->result = name;
    to->n_results = n;
    return FIRE_OK;
}

static fire_status read_loss(fire_context *ctx, const char *line, fire_compiled_loss *loss, fire_error *err) {
    char name[64], store[64];
    const char *rest = fire_name_read(line, name, sizeof name);
    fire_compiled_loss made = {.kind = fire_loss_find(name)};
    if (!made.kind) {
        fire_near near = {.name = name};
        for (const fire_loss *const *p = fire_losses; *p; p++) {
            fire_near_try(&near, (*p)->name);
            near_aliases(&near, (*p)->alias, store);
        }
        return unknown("loss", name, &near, err);
    }
    const fire_loss *k = made.kind;
    fire_status s = read_attrs(ctx, k->name, k->name, k->attrs, k->attr_size, loss_table, sizeof(loss_common), rest, &made.attrs, &made.text, err);
    if (s) return s;
    const loss_common *common = (const loss_common *)((char *)made.attrs + common_offset(k->attr_size));
    made.weight = common->loss_weight;
    made.sum = !strcmp(common->reduction, "sum");
    made.by_weight = !strcmp(common->reduction, "mean_with_sample_weight");
    if (!strcmp(common->reduction, "none")) s = fire_fail(err, FIRE_E_ATTRIBUTE, "%s: reduction none leaves a loss for each row, but training needs one number; choose sum_over_batch_size, sum or mean_with_sample_weight", k->name);
    fire_error why = {0};
    if (!s && k->check && k->check(made.attrs, &why)) s = fire_fail(err, why.code, "%s: %s", k->name, why.message);
    if (s) {
        fire_free(ctx, made.attrs);
        fire_free(ctx, made.text);
        return s;
    }
    *loss = made;
    return FIRE_OK;
}

/* The losses of compile, one a line. */
static fire_status read_losses(fire_context *ctx, const char *losses, fire_network *made, fire_error *err) {
    int64_t capacity = 0;
    size_t bytes = 1;
    fire_status s = FIRE_OK;
    for (const char *p = losses; *p && !s;) {
        size_t length = strcspn(p, "\n");
        char *line = fire_alloc(ctx, length + 1, 1, err);
        if (!line) return FIRE_NOMEM;
        memcpy(line, p, length);
        p += length + (p[length] == '\n');
        if (made->n_losses == FIRE_MAX_PARTS) s = fire_fail(err, FIRE_E_UNSUPPORTED, "more than %d losses", FIRE_MAX_PARTS);
        if (!s) s = fire_grow(ctx, &made->loss, &capacity, made->n_losses + 1, sizeof *made->loss, err);
        if (!s) s = read_loss(ctx, line, &made->loss[made->n_losses], err);
        if (!s) bytes += strlen(made->loss[made->n_losses++].text) + 1;
        fire_free(ctx, line);
    }
    if (!s && !made->n_losses) s = fire_fail(err, FIRE_E_USAGE, "compile: the loss is missing");
    if (s || !(made->loss_text = fire_alloc(ctx, bytes, 1, err))) return s ? s : FIRE_NOMEM;
    for (int64_t i = 0; i < made->n_losses; i++) {
        if (i) strcat(made->loss_text, "\n");
        strcat(made->loss_text, made->loss[i].text);
    }
    return FIRE_OK;
}

/* One line of compile's optimizers. */
static fire_status read_optim_line(fire_context *ctx, const char *line, const fire_optim **kind, void **attrs, char **text, fire_error *err) {
    char name[64], store[64];
    const char *rest = fire_name_read(line, name, sizeof name);
    if ((*kind = fire_optim_find(name, ctx->isa))) return read_optim(ctx, *kind, rest, attrs, text, err);
    fire_near near = {.name = name};
    for (const fire_optim *const *p = fire_optims; *p; p++) {
        fire_near_try(&near, (*p)->name);
        if ((*p)->alias) near_aliases(&near, (*p)->alias, store);
    }
    return unknown("optimizer", name, &near, err);
}

/* Whether an optimizer of single layers keeps to what is its own. */
static fire_status check_own(const fire_network *made, const fire_compiled_optim *own, fire_error *err) {
    const fire_optim_common *c = fire_optim_shared(own->kind, own->attrs);
    if (own->kind->full_batch || made->optim->full_batch)
        return fire_fail(err, FIRE_E_UNSUPPORTED, "%s takes all rows and all weights at once; it cannot be one of several optimizers", own->kind->full_batch ? own->kind->name : made->optim->name);
    if (!*c->layers) return fire_fail(err, FIRE_E_USAGE, "compile: %s, an optimizer after the first, names no layers; give layers=\"a|b\"", own->kind->name);
    if (c->clipnorm || c->clipvalue || c->global_clipnorm || c->use_ema || c->gradient_accumulation_steps)
        return fire_fail(err, FIRE_E_USAGE, "compile: %s for layers %s clips, averages or accumulates; the first optimizer does that for all layers", own->kind->name, c->layers);
    return FIRE_OK;
}

/* The optimizers of compile, one a line: the first for all layers that no other names. */
static fire_status read_optims(fire_context *ctx, const char *optimizers, fire_network *made, fire_error *err) {
    int64_t capacity = 0;
    fire_status s = FIRE_OK;
    const char *p = optimizers;
    do {
        size_t length = strcspn(p, "\n");
        char *line = fire_alloc(ctx, length + 1, 1, err), *text = NULL, *all = NULL;
        if (!line) return FIRE_NOMEM;
        memcpy(line, p, length);
        p += length;
        if (!made->optim) s = read_optim_line(ctx, line, &made->optim, &made->optim_attrs, &made->optim_text, err);
        else if (length) {
            if (made->n_own_optims == FIRE_MAX_PARTS) s = fire_fail(err, FIRE_E_UNSUPPORTED, "more than %d optimizers", FIRE_MAX_PARTS);
            if (!s) s = fire_grow(ctx, &made->own_optim, &capacity, made->n_own_optims + 1, sizeof *made->own_optim, err);
            fire_compiled_optim own = {0};
            if (!s) s = read_optim_line(ctx, line, &own.kind, &own.attrs, &text, err);
            if (!s) {
                made->own_optim[made->n_own_optims++] = own;
                s = check_own(made, &own, err);
            }
            size_t bytes = s ? 0 : strlen(made->optim_text) + strlen(text) + 2;
            if (!s && !(all = fire_alloc(ctx, bytes, 1, err))) s = FIRE_NOMEM;
            if (all) {
                snprintf(all, bytes, "%s\n%s", made->optim_text, text);
                fire_free(ctx, made->optim_text);
                made->optim_text = all;
            }
            fire_free(ctx, text);
        }
        fire_free(ctx, line);
    } while (!s && *p++);
    const fire_optim_common *c = s ? NULL : fire_optim_shared(made->optim, made->optim_attrs);
    if (c && *c->layers) return fire_fail(err, FIRE_E_USAGE, "compile: the first optimizer is for all layers that no other names; it has layers=%s", c->layers);
    return s;
}

/* Whether one of the words a|b|c names the layer: a word that is no layer's name stands for all that begin with it. layer NULL: whether every word names
** some layer, err says which does not. */
static bool names_layer(const fire_network *net, const char *words, const char *layer, fire_error *err) {
    bool found = false;
    for (const char *p = words; *p;) {
        size_t n = strcspn(p, "|");
        bool exact = false, any = false;
        for (int64_t i = 0; i < net->n_layers; i++) {
            exact |= strlen(net->layer[i].name) == n && !strncmp(net->layer[i].name, p, n);
            any |= !strncmp(net->layer[i].name, p, n);
        }
        if (layer) found |= exact ? strlen(layer) == n && !strncmp(layer, p, n) : !strncmp(layer, p, n);
        else if (!any && err) {
            char word[64], shown[80], text[FIRE_NEAR_TEXT];
            snprintf(word, sizeof word, "%.*s", (int)n, p);
            fire_near near = {.name = word};
            for (int64_t i = 0; i < net->n_layers; i++) fire_near_try(&near, net->layer[i].name);
            fire_fail(err, FIRE_E_UNKNOWN_NAME, "an optimizer is for layers '%s', but the name of none begins so%s", fire_escape(shown, sizeof shown, word, strlen(word)), fire_near_text(&near, text));
            return false;
        } else found = true;
        p += n + (p[n] == '|');
    }
    return found;
}

int32_t fire_network_optim(const fire_network *net, int64_t layer) {
    for (int32_t k = 0; k < net->n_own_optims; k++)
        if (names_layer(net, fire_optim_shared(net->own_optim[k].kind, net->own_optim[k].attrs)->layers, net->layer[layer].name, NULL)) return k;
    return -1;
}

fire_status fire_network_compile(fire_network *net, const char *optimizer, const char *loss, const char *metrics, fire_error *err) {
    fire_context *ctx = net->ctx;
    if (net->onnx) return fire_network_no_layers(net, "compile", err);
    if (!optimizer || !loss) return fire_fail(err, FIRE_E_USAGE, "compile: %s is missing", optimizer ? "the loss" : "the optimizer");
    fire_network made = {.ctx = ctx};

    fire_status s = read_optims(ctx, optimizer, &made, err);
    if (!s) s = read_losses(ctx, loss, &made, err);
    if (!s) s = read_metrics(ctx, metrics, &made.metric, &made.n_metrics, &made.metrics_text, err);
    if (!s && net->built && net->n_layers) { /* say early what does not fit; before the shapes are known fit says it */
        fire_network as = *net; /* its shape with the new settings */
        as.loss = made.loss, as.n_losses = made.n_losses, as.optim = made.optim, as.own_optim = made.own_optim, as.n_own_optims = made.n_own_optims, as.metric = made.metric, as.n_metrics = made.n_metrics, as.result = NULL, as.n_results = 0;
        s = fire_network_check_compiled(&as, NULL, err);
        made.result = as.result, made.n_results = as.n_results;
    }
    if (!s && !made.result) s = name_results(net, &made, err);
    if (s) {
        fire_network_clear_compile(&made);
        return s;
    }
    fire_network_clear_compile(net);
    net->optim = made.optim, net->optim_attrs = made.optim_attrs, net->optim_text = made.optim_text, net->own_optim = made.own_optim, net->n_own_optims = made.n_own_optims;
    net->loss = made.loss, net->n_losses = made.n_losses, net->loss_text = made.loss_text;
    net->metric = made.metric, net->n_metrics = net->metric_capacity = made.n_metrics, net->metrics_text = made.metrics_text;
    net->result = made.result, net->n_results = made.n_results;
    net->shape_stamp++; /* training graphs hold the loss */
    return FIRE_OK;
}

/* One metric against the output that it looks at. */
static fire_status check_metric(fire_network *net, fire_compiled_metric *m, const fire_shape *pred, const fire_shape *want, const fire_loss *loss, fire_error *err) {
    char a[FIRE_SHAPE_TEXT], b[FIRE_SHAPE_TEXT], name[64];
    fire_name_read(m->text, name, sizeof name);
    if (is_accuracy(name)) { /* chosen again each time: the output may have changed */
        const fire_metric *k = fire_metric_find(name, pred, want, loss->class_index);
        if (k != m->kind) {
            void *attrs = fire_alloc(net->ctx, 1, k->attr_size, err);
            if (!attrs) return FIRE_NOMEM;
            fire_status s = fire_attrs_read(name, k->attrs, attrs, NULL, NULL, 0, err);
            fire_free(net->ctx, s ? attrs : m->attrs);
            if (s) return s;
            m->kind = k;
            m->attrs = attrs;
        }
    }
    fire_shape fits = *pred;
    fire_error why = {0};
    bool classes = fire_metric_takes_classes(m->kind, m->attrs);
    if (!pred->rank) return fire_fail(err, FIRE_E_SHAPE, "metric %s: the network's output is [n], expected [n, units]", m->name);
    if (classes) fits.rank--;
    if (!fire_same_shape(&fits, want) || classes != loss->class_index)
        return fire_fail(err, FIRE_E_SHAPE, "metric %s takes %s of shape %s, but the loss %s takes %s of shape %s; choose one that fits the loss", m->name,
                         classes ? "class numbers" : "targets", fire_shape_text(&fits, a), loss->name, loss->class_index ? "class numbers" : "targets", fire_shape_text(want, b));
    if (m->kind->check && m->kind->check(m->attrs, pred, &why)) return fire_fail(err, why.code, "metric %s: %s", m->name, why.message);
    return FIRE_OK;
}

fire_status fire_network_check_compiled(fire_network *net, fire_shape *target, fire_error *err) {
    if (!net->built) return fire_fail(err, FIRE_E_NOT_BUILT, "the network does not know the shape of its input; add an Input layer, build it or give it data");
    if (!net->loss || !net->optim) return fire_fail(err, FIRE_E_NOT_COMPILED, "the network is not compiled; call compile with an optimizer and a loss first");
    if (net->n_losses != net->n_outputs)
        return fire_fail(err, FIRE_E_USAGE, "compile named %lld losses, but the network has %d outputs; give one for each", (long long)net->n_losses, (int)net->n_outputs);
    int64_t total = 0;
    fire_shape want = {0};
    fire_error none = {0};
    for (int64_t k = 0; k < net->n_own_optims; k++)
        if (!names_layer(net, fire_optim_shared(net->own_optim[k].kind, net->own_optim[k].attrs)->layers, NULL, err ? err : &none)) return FIRE_USAGE;
    for (int32_t k = 0; k < net->n_outputs; k++) {
        fire_shape pred;
        const char *output;
        fire_network_part(net, true, k, &pred, &output);
        pred.rank--;
        for (int d = 0; d < pred.rank; d++) pred.dim[d] = pred.dim[d + 1];
        const fire_compiled_loss *loss = &net->loss[k];
        fire_error why = {0};
        want = (fire_shape){0};
        if (loss->kind->target_shape(loss->attrs, &pred, &want, &why))
            return fire_fail(err, why.code, net->n_outputs > 1 ? "%s: %s (output '%s')" : "%s: %s", loss->kind->name, why.message, output);
        if ((loss->sum || loss->by_weight) && net->n_outputs > 1)
            return fire_fail(err, FIRE_E_UNSUPPORTED, "reduction=%s needs a network with one output; this one has %d", loss->sum ? "sum" : "mean_with_sample_weight", (int)net->n_outputs);
        for (int64_t i = 0; i < net->n_metrics; i++) {
            fire_compiled_metric *m = &net->metric[i];
            if (m->output >= net->n_outputs) return fire_fail(err, FIRE_E_USAGE, "metric %s looks at output %d, but the network has %d", m->name, (int)m->output, (int)net->n_outputs);
            fire_status s = m->output == k ? check_metric(net, m, &pred, &want, loss->kind, err) : FIRE_OK;
            if (s) return s;
        }
        for (int d = 0; d < want.rank && net->n_outputs > 1; d++)
            if (want.dim[d] < 0) return fire_fail(err, FIRE_E_UNSUPPORTED, "%s takes targets of any width and needs a network with one output; this one has %d", loss->kind->name, (int)net->n_outputs);
        total += fire_count(&want);
    }
    fire_status s = name_results(net, net, err);
    if (!s && target) *target = net->n_outputs == 1 ? want : (fire_shape){1, {total}};
    return s;
}

/* Slots that the optimizers need, each layer's from the first one on. */
static int32_t own_slots(const fire_network *net) {
    int32_t most = net->optim->slots(net->optim_attrs);
    for (int64_t k = 0; k < net->n_own_optims; k++) {
        int32_t n = net->own_optim[k].kind->slots(net->own_optim[k].attrs);
        if (n > most) most = n;
    }
    return most;
}

fire_network_extra fire_network_extra_slots(const fire_network *net) {
    fire_network_extra e = {.n = net->optim ? own_slots(net) : 0, .accumulator = -1, .average = -1, .raw = -1};
    if (!net->optim || net->optim->full_batch) return e;
    const fire_optim_common *c = fire_optim_shared(net->optim, net->optim_attrs);
    if (c->gradient_accumulation_steps) e.accumulator = e.n++;
    if (c->use_ema) e.average = e.n++, e.raw = e.n++;
    return e;
}

int32_t fire_network_slot_count(const fire_network *net) { return fire_network_extra_slots(net).n; }

/* What the slots of n weights begin with. */
static void start_slots(fire_network *net, const fire_optim *o, const void *attrs, int64_t from, int64_t n) {
    size_t number = fire_type_size(net->type);
    int32_t own = o->slots(attrs), all = own_slots(net);
    for (int32_t k = 0; k < all; k++) {
        double v = o->start && k < own ? o->start(attrs, k) : 0;
        fire_tensor t = {.type = net->type, .data = (char *)net->slots + ((size_t)k * (size_t)net->n_params + (size_t)from) * number};
        for (int64_t i = 0; (v != 0 || n < net->n_params) && i < n; i++) fire_put(&t, i, v);
    }
}

void fire_network_clear_slots(fire_network *net) {
    size_t number = fire_type_size(net->type);
    if (!net->slots) return;
    memset(net->slots, 0, (size_t)fire_network_slot_count(net) * (size_t)net->n_params * number);
    int64_t line = 64 / (int64_t)number; /* an update also runs over the padding between weights */
    start_slots(net, net->optim, net->optim_attrs, 0, net->n_params);
    for (int64_t i = 0; i < net->n_weights && net->n_own_optims; i++) {
        const fire_weight_slot *w = &net->weight[i];
        int32_t own = w->trainable ? fire_network_optim(net, w->layer) : -1;
        int64_t n = (fire_count(&w->shape) + line - 1) / line * line;
        if (n > net->n_params - w->offset) n = net->n_params - w->offset;
        if (own >= 0) start_slots(net, net->own_optim[own].kind, net->own_optim[own].attrs, w->offset, n);
    }
}

fire_status fire_network_slots(fire_network *net, fire_error *err) {
    int64_t n = fire_network_slot_count(net), size;
    if (net->slots || n == 0) return FIRE_OK;
    if (!fire_mul(net->n_params, n, &size)) return fire_fail(err, FIRE_E_NOMEM, "out of memory: the optimizer's state is too large");
    net->slots = fire_alloc(net->ctx, (size_t)size, fire_type_size(net->type), err);
    if (!net->slots) return FIRE_NOMEM;
    fire_network_clear_slots(net);
    return FIRE_OK;
}

fire_status fire_network_set_learning_rate(fire_network *net, double rate, fire_error *err) {
    if (!net->optim) return fire_fail(err, FIRE_E_NOT_COMPILED, "the network has no optimizer yet; call compile first");
    const fire_optim_common *c = fire_optim_shared(net->optim, net->optim_attrs);
    if (c->schedule) return fire_fail(err, FIRE_E_USAGE, "the learning rate follows %s and cannot be set; compile with a number to set it", c->schedule->name);
    /* Through the text, so that range and canonical form are those of compile. */
    char number[FIRE_NUMBER_TEXT], given[FIRE_NUMBER_TEXT + 16];
    snprintf(given, sizeof given, "learning_rate=%s", fire_number_text(rate, number));
    void *attrs;
    char *text;
    fire_status s = read_optim(net->ctx, net->optim, given, &attrs, &text, err);
    if (s) return s;
    double checked = *(double *)((char *)attrs + net->optim->rate_offset), before = *(double *)((char *)net->optim_attrs + net->optim->rate_offset);
    fire_free(net->ctx, attrs);
    fire_free(net->ctx, text);
    fire_optim_set_rate(net->optim, net->optim_attrs, checked);
    const char *others = strchr(net->optim_text, '\n'); /* lines of own_optim */
    size_t bytes = fire_optim_write(net->optim, net->optim_attrs, NULL, 0) + 1;
    text = fire_alloc(net->ctx, bytes + (others ? strlen(others) : 0), 1, err);
    if (!text) {
        fire_optim_set_rate(net->optim, net->optim_attrs, before);
        return FIRE_NOMEM;
    }
    fire_optim_write(net->optim, net->optim_attrs, text, bytes);
    if (others) strcat(text, others);
    fire_free(net->ctx, net->optim_text);
    net->optim_text = text;
    return FIRE_OK;
}

double fire_network_learning_rate(const fire_network *net) {
    if (!net->optim) return 0;
    const fire_optim_common *c = fire_optim_shared(net->optim, net->optim_attrs);
    if (c->schedule) return c->schedule->rate(c->schedule_attrs, net->step);
    return *(const double *)((const char *)net->optim_attrs + net->optim->rate_offset);
}

const char *fire_network_metric(const fire_network *net, int i) { return net->loss && i >= 0 && i < net->n_results ? net->result[i] : NULL; }
