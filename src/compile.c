/* compile.c - how a network is to be trained: loss, optimizer, metrics by their texts, and the optimizer's state. */
#include "network.h"
#include <stdio.h>
#include <string.h>

void fire_network_forget(fire_network *net) {
    fire_free(net->ctx, net->slots);
    net->slots = NULL;
    net->step = net->epoch = 0;
}

static void free_metrics(fire_context *ctx, fire_compiled_metric *metric, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        fire_free(ctx, metric[i].attrs);
        fire_free(ctx, metric[i].name);
        fire_free(ctx, metric[i].text);
    }
    fire_free(ctx, metric);
}

void fire_network_clear_compile(fire_network *net) {
    fire_network_forget(net);
    fire_free(net->ctx, net->loss_attrs);
    fire_free(net->ctx, net->loss_text);
    fire_free(net->ctx, net->optim_attrs);
    fire_free(net->ctx, net->optim_text);
    fire_free(net->ctx, net->metrics_text);
    free_metrics(net->ctx, net->metric, net->n_metrics);
    net->loss = NULL, net->optim = NULL, net->metric = NULL;
    net->loss_attrs = net->optim_attrs = NULL;
    net->loss_text = net->optim_text = net->metrics_text = NULL;
    net->n_metrics = net->metric_capacity = 0;
}

/* Attributes read into memory of the context, and the canonical text "Name attr=...". */
static fire_status read_attrs(fire_context *ctx, const char *kind, const char *name, const fire_attr *table, size_t size, const char *given,
                              void **attrs, char **text, fire_error *err) {
    void *mem = fire_alloc(ctx, 1, size, err);
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

/* The class name as Keras names its objects: "MeanSquaredError" to "mean_squared_error". */
static void snake(const char *from, char to[64]) {
    size_t n = 0;
    for (const char *p = from; *p && n < 61; p++) {
        bool upper = *p >= 'A' && *p <= 'Z';
        if (upper && p > from && p[-1] >= 'a' && p[-1] <= 'z') to[n++] = '_';
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
    fire_status s = read_attrs(ctx, k ? k->name : "accuracy", name, k ? k->attrs : NULL, k ? k->attr_size : 0, rest, &made.attrs, &made.text, err);
    if (s) return s;
    if (k && !strcmp(name, k->name)) snake(name, history);
    else snprintf(history, sizeof history, "%s", name);
    made.name = fire_copy_text(ctx, history, err);
    if (!made.name) {
        fire_free(ctx, made.attrs);
        fire_free(ctx, made.text);
        return FIRE_NOMEM;
    }
    *m = made;
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
        if (!s) ++*n;
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

fire_status fire_network_compile(fire_network *net, const char *optimizer, const char *loss, const char *metrics, fire_error *err) {
    fire_context *ctx = net->ctx;
    char name[64], store[64];
    if (net->onnx) return fire_fail(err, FIRE_E_UNSUPPORTED, "the network was loaded from a plain ONNX graph, which cannot be trained");
    if (!optimizer || !loss) return fire_fail(err, FIRE_E_USAGE, "compile: %s is missing", optimizer ? "the loss" : "the optimizer");
    fire_network made = {.ctx = ctx};

    const char *rest = fire_name_read(optimizer, name, sizeof name);
    made.optim = fire_optim_find(name, ctx->isa);
    if (!made.optim) {
        fire_near near = {.name = name};
        for (const fire_optim *const *p = fire_optims; *p; p++) fire_near_try(&near, (*p)->name);
        return unknown("optimizer", name, &near, err);
    }
    fire_status s = read_attrs(ctx, made.optim->name, made.optim->name, made.optim->attrs, made.optim->attr_size, rest, &made.optim_attrs, &made.optim_text, err);
    if (s) return s;

    rest = fire_name_read(loss, name, sizeof name);
    made.loss = fire_loss_find(name);
    if (!made.loss) {
        fire_near near = {.name = name};
        for (const fire_loss *const *p = fire_losses; *p; p++) {
            fire_near_try(&near, (*p)->name);
            near_aliases(&near, (*p)->alias, store);
        }
        s = unknown("loss", name, &near, err);
    } else s = read_attrs(ctx, made.loss->name, made.loss->name, made.loss->attrs, made.loss->attr_size, rest, &made.loss_attrs, &made.loss_text, err);
    if (!s) s = read_metrics(ctx, metrics, &made.metric, &made.n_metrics, &made.metrics_text, err);
    if (!s && net->built && net->n_layers) { /* say early what does not fit; before the shapes are known fit says it */
        made.built = true;
        made.output = net->output;
        s = fire_network_check_compiled(&made, NULL, err);
    }
    if (s) {
        fire_network_clear_compile(&made);
        return s;
    }
    fire_network_clear_compile(net);
    net->optim = made.optim, net->optim_attrs = made.optim_attrs, net->optim_text = made.optim_text;
    net->loss = made.loss, net->loss_attrs = made.loss_attrs, net->loss_text = made.loss_text;
    net->metric = made.metric, net->n_metrics = net->metric_capacity = made.n_metrics, net->metrics_text = made.metrics_text;
    net->shape_stamp++; /* training graphs hold the loss */
    return FIRE_OK;
}

fire_status fire_network_check_compiled(fire_network *net, fire_shape *target, fire_error *err) {
    if (!net->built) return fire_fail(err, FIRE_E_NOT_BUILT, "the network does not know the shape of its input; add an Input layer, build it or give it data");
    if (!net->loss || !net->optim) return fire_fail(err, FIRE_E_NOT_COMPILED, "the network is not compiled; call compile with an optimizer and a loss first");
    fire_shape pred = {.rank = net->output.rank - 1}, want = {0};
    for (int d = 0; d < pred.rank; d++) pred.dim[d] = net->output.dim[d + 1];
    fire_error why = {0};
    if (net->loss->target_shape(net->loss_attrs, &pred, &want, &why)) return fire_fail(err, why.code, "%s: %s", net->loss->name, why.message);
    for (int64_t i = 0; i < net->n_metrics; i++) {
        fire_compiled_metric *m = &net->metric[i];
        char a[FIRE_SHAPE_TEXT], b[FIRE_SHAPE_TEXT], name[64];
        fire_name_read(m->text, name, sizeof name);
        if (is_accuracy(name)) { /* chosen again each time: the output may have changed */
            const fire_metric *k = fire_metric_find(name, &pred, &want, net->loss->class_index);
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
        fire_shape fits = pred;
        if (m->kind->class_index) fits.rank--;
        if (!fire_same_shape(&fits, &want) || m->kind->class_index != net->loss->class_index)
            return fire_fail(err, FIRE_E_SHAPE, "metric %s takes %s of shape %s, but the loss %s takes %s of shape %s; choose one that fits the loss", m->name,
                             m->kind->class_index ? "class numbers" : "targets", fire_shape_text(&fits, a), net->loss->name,
                             net->loss->class_index ? "class numbers" : "targets", fire_shape_text(&want, b));
    }
    if (target) *target = want;
    return FIRE_OK;
}

fire_status fire_network_slots(fire_network *net, fire_error *err) {
    int64_t n = net->optim ? net->optim->slots(net->optim_attrs) : 0, size;
    if (net->slots || n == 0) return FIRE_OK;
    if (!fire_mul(net->n_params, n, &size)) return fire_fail(err, FIRE_E_NOMEM, "out of memory: the optimizer's state is too large");
    net->slots = fire_alloc(net->ctx, (size_t)size, fire_type_size(net->type), err);
    return net->slots ? FIRE_OK : FIRE_NOMEM;
}

fire_status fire_network_set_learning_rate(fire_network *net, double rate, fire_error *err) {
    if (!net->optim) return fire_fail(err, FIRE_E_NOT_COMPILED, "the network has no optimizer yet; call compile first");
    /* Through the text, so that range and canonical form are those of compile. */
    char number[FIRE_NUMBER_TEXT], given[FIRE_NUMBER_TEXT + 16];
    snprintf(given, sizeof given, "learning_rate=%s", fire_number_text(rate, number));
    void *attrs;
    char *text;
    fire_status s = read_attrs(net->ctx, net->optim->name, net->optim->name, net->optim->attrs, net->optim->attr_size, given, &attrs, &text, err);
    if (s) return s;
    double checked = *(double *)((char *)attrs + net->optim->rate_offset);
    fire_free(net->ctx, attrs);
    fire_free(net->ctx, text);
    double *at = (double *)((char *)net->optim_attrs + net->optim->rate_offset), before = *at;
    *at = checked;
    size_t head = strlen(net->optim->name), bytes = fire_attrs_write(net->optim->attrs, net->optim_attrs, false, NULL, 0);
    text = fire_alloc(net->ctx, head + bytes + 2, 1, err);
    if (!text) {
        *at = before;
        return FIRE_NOMEM;
    }
    memcpy(text, net->optim->name, head);
    if (bytes) {
        text[head] = ' ';
        fire_attrs_write(net->optim->attrs, net->optim_attrs, false, text + head + 1, bytes + 1);
    }
    fire_free(net->ctx, net->optim_text);
    net->optim_text = text;
    return FIRE_OK;
}

double fire_network_learning_rate(const fire_network *net) {
    return net->optim ? *(const double *)((const char *)net->optim_attrs + net->optim->rate_offset) : 0;
}

const char *fire_network_metric(const fire_network *net, int i) {
    if (!net->loss || i < 0 || i > net->n_metrics) return NULL;
    return i == 0 ? "loss" : net->metric[i - 1].name;
}
