/* sparse.c - gradients of tables as rows: found in the graph, summed over tokens, slices and workers. */
#include "sparse.h"
#include "step.h"
#include <string.h>

/* ---- which weights ---- */

const char *fire_tables_why_not(const fire_network *net) {
    const fire_optim_common *c = fire_optim_shared(net->optim, net->optim_attrs);
    if (net->optim->full_batch || net->optim->per_weight) return "which looks at whole weights";
    for (int64_t k = 0; k < net->n_own_optims; k++)
        if (net->own_optim[k].kind->per_weight) return "beside which one looks at whole weights";
    if (c->use_ema) return "whose use_ema averages whole weights";
    if (c->gradient_accumulation_steps) return "whose gradient_accumulation_steps adds up whole gradients";
    return NULL;
}

/* Whether node n reads the weight v in the one way that tables know. */
static bool gathers(const fire_graph *g, const fire_node *n, fire_value v) {
    if (strcmp(n->op->name, "Gather") || fire_look(g, n->in[1])->source == FIRE_FROM_CONST || fire_shape_of(g, v).rank != 2) return false;
    int64_t axis = (int64_t)fire_kernel_number("Gather", n->attrs, "axis");
    return axis == 0 || axis == -2;
}

/* How often the graph reads v, and whether it always gathers rows. */
static int32_t readers(const fire_graph *g, fire_value v, bool *all) {
    int32_t n = 0;
    *all = true;
    for (int64_t k = 0; k < g->n_nodes; k++)
        for (int i = 0; i < g->node[k].n_in; i++)
            if (g->node[k].in[i] == v) {
                n++;
                *all = *all && i == 0 && gathers(g, &g->node[k], v);
            }
    return n;
}

fire_status fire_tables_find(fire_step *s, fire_value *x, int *n, fire_error *err) {
    fire_network *net = s->net;
    const fire_graph *g = &s->g;
    const char *why = fire_tables_why_not(net);
    int64_t uses = 0;
    for (int64_t i = 0; i < net->n_weights; i++) {
        const fire_weight_slot *w = &net->weight[i];
        bool all;
        if (!w->sparse || !net->layer[w->layer].trainable || !s->weight[i]) continue;
        int32_t times = readers(g, s->weight[i], &all);
        if (why && w->sparse == FIRE_SPARSE_ALWAYS)
            return fire_fail(err, FIRE_E_UNSUPPORTED, "layer '%s': sparse=always does not go with the optimizer %s, %s; take another optimizer or sparse=never",
                             net->layer[w->layer].name, net->optim->name, why);
        if (!all && w->sparse == FIRE_SPARSE_ALWAYS)
            return fire_fail(err, FIRE_E_UNSUPPORTED, "layer '%s': sparse=always does not go with other uses of its weight %s than looking up rows; leave sparse out",
                             net->layer[w->layer].name, w->name);
        if (why || !all || !times) continue;
        if (!(s->table || (s->table = fire_alloc(s->ctx, (size_t)net->n_weights, sizeof *s->table, err)))) return FIRE_NOMEM;
        fire_status st = fire_grow(s->ctx, &s->table_use, &uses, s->n_table_uses + times, sizeof *s->table_use, err);
        if (st) return st;
        s->table[s->n_tables++] = (fire_table){.weight = i, .rows = w->shape.dim[0], .width = w->shape.dim[1], .first_use = s->n_table_uses, .n_uses = times};
        for (int64_t k = 0; k < g->n_nodes; k++)
            if (g->node[k].in[0] == s->weight[i] && g->node[k].n_in) {
                s->table_use[s->n_table_uses++].index = g->node[k].in[1];
                x[(*n)++] = g->node[k].out[0];
            }
    }
    return FIRE_OK;
}

/* An output of the plan has a place of its own where a node makes it for nobody else; otherwise a copy is asked for. */
static bool is_taken(const fire_step *s, int32_t upto, fire_value v) {
    bool taken = fire_look(&s->g, v)->source != FIRE_FROM_NODE || v == s->loss;
    for (int64_t i = 0; i < s->net->n_weights; i++) taken |= s->grad[i] == v;
    for (int32_t k = 0; k < upto; k++) taken |= s->table_use[k].dy == v;
    return taken;
}

fire_status fire_tables_set(fire_step *s, const fire_value *dx, fire_error *err) {
    for (int32_t k = 0; k < s->n_table_uses; k++) {
        fire_value v = dx[k];
        if (v && is_taken(s, k, v)) v = fire_apply(&s->g, "Add", 2, FIRE_IN(v, fire_graph_scalar(&s->g, s->net->type, 0)), NULL);
        s->table_use[k].dy = v;
    }
    return fire_graph_check(&s->g, err);
}

/* ---- sums ---- */

static size_t row_bytes(const fire_step *s, int32_t t) { return (size_t)s->table[t].width * fire_type_size(s->net->type); }

static fire_status rows_room(fire_context *ctx, fire_rows *r, int64_t need, int64_t width, fire_type type, fire_error *err) {
    int64_t numbers;
    if (need <= r->room) return FIRE_OK;
    if (!fire_mul(need, width, &numbers)) return fire_fail(err, FIRE_E_NOMEM, "out of memory: %lld rows of a table are too many", (long long)need);
    int64_t *row = fire_alloc(ctx, (size_t)need, sizeof *row, err);
    void *value = row ? fire_alloc(ctx, (size_t)numbers, fire_type_size(type), err) : NULL;
    if (!value) {
        fire_free(ctx, row);
        return FIRE_NOMEM;
    }
    fire_free(ctx, r->row);
    fire_free(ctx, r->value);
    *r = (fire_rows){.room = need, .row = row, .value = value};
    return FIRE_OK;
}

static fire_status adder_room(fire_context *ctx, const fire_step *s, fire_row_adder *a, int64_t need, fire_error *err) {
    int64_t width = 0;
    for (int32_t t = 0; t < s->n_tables; t++)
        if (s->table[t].width > width) width = s->table[t].width;
    if (!a->sum && !(a->sum = fire_alloc(ctx, (size_t)width, sizeof *a->sum, err))) return FIRE_NOMEM;
    if (need <= a->room) return FIRE_OK;
    fire_row_entry *more = fire_alloc(ctx, (size_t)need, 2 * sizeof *more, err);
    if (!more) return FIRE_NOMEM;
    fire_free(ctx, a->entry);
    a->entry = more;
    a->room = need;
    return FIRE_OK;
}

/* Stable, by bytes of the row's number, of which a table has few. Returns where the sorted ones lie. */
static fire_row_entry *sort(fire_row_adder *a, int64_t rows) {
    fire_row_entry *from = a->entry, *to = a->entry + a->room;
    for (int shift = 0; shift < 63 && (rows - 1) >> shift; shift += 8) {
        int64_t at[257] = {0};
        for (int64_t i = 0; i < a->n; i++) at[(from[i].row >> shift & 255) + 1]++;
        for (int k = 0; k < 256; k++) at[k + 1] += at[k];
        for (int64_t i = 0; i < a->n; i++) to[at[from[i].row >> shift & 255]++] = from[i];
        fire_row_entry *swap = from;
        from = to;
        to = swap;
    }
    return from;
}

#define SUMS(T) \
    static void sum_##T(const fire_row_entry *e, int64_t n, int64_t width, double *sum, T *to) { \
        for (int64_t j = 0; j < width; j++) sum[j] = 0; \
        for (int64_t i = 0; i < n; i++) { \
            const T *v = e[i].value; \
            for (int64_t j = 0; j < width; j++) sum[j] += (double)v[j]; \
        } \
        for (int64_t j = 0; j < width; j++) to[j] = (T)sum[j]; \
    }
SUMS(float)
SUMS(double)

/* The entries' sums by row, into `to`, which has room and is not where they lie. */
static void add_rows(const fire_step *s, int32_t t, fire_row_adder *a, fire_rows *to) {
    const fire_table *table = &s->table[t];
    size_t bytes = row_bytes(s, t);
    to->n = 0;
    if (!a->n) return;
    const fire_row_entry *e = sort(a, table->rows);
    for (int64_t i = 0, end; i < a->n; i = end) {
        void *v = (char *)to->value + (size_t)to->n * bytes;
        for (end = i + 1; end < a->n && e[end].row == e[i].row; end++) {}
        if (s->net->type == FIRE_F32) sum_float(e + i, end - i, table->width, a->sum, v);
        else sum_double(e + i, end - i, table->width, a->sum, v);
        to->row[to->n++] = e[i].row;
    }
    a->n = 0;
}

static void add_list(const fire_step *s, int32_t t, fire_row_adder *a, const int64_t *row, const void *value, int64_t n) {
    size_t bytes = row_bytes(s, t);
    for (int64_t i = 0; i < n; i++) a->entry[a->n++] = (fire_row_entry){row[i], (const char *)value + (size_t)i * bytes};
}

/* ---- a slice ---- */

fire_status fire_tables_room(fire_step *s, fire_slice *c, const fire_plan *p, fire_error *err) {
    if (!s->n_tables) return FIRE_OK;
    if (!c->rows_of && !(c->rows_of = fire_alloc(s->ctx, (size_t)s->n_tables, sizeof *c->rows_of, err))) return FIRE_NOMEM;
    int64_t most = 0;
    for (int32_t t = 0; t < s->n_tables; t++) {
        const fire_table *table = &s->table[t];
        int64_t tokens = 0;
        for (int32_t k = 0; k < table->n_uses; k++) {
            fire_tensor index = fire_plan_tensor(p, s->table_use[table->first_use + k].index);
            if (index.type && !fire_add(tokens, fire_count(&index.shape), &tokens)) return fire_fail(err, FIRE_E_NOMEM, "out of memory: a batch is too large");
        }
        if (tokens > most) most = tokens;
        fire_status st = rows_room(s->ctx, &c->rows_of[t], tokens < table->rows ? tokens : table->rows, table->width, s->net->type, err);
        if (st) return st;
    }
    return adder_room(s->ctx, s, &c->adder, most, err);
}

void fire_tables_take(fire_step *s, fire_slice *c) {
    for (int32_t t = 0; t < s->n_tables; t++) {
        const fire_table *table = &s->table[t];
        size_t bytes = row_bytes(s, t);
        fire_row_adder *a = &c->adder;
        for (int32_t k = 0; c->rows && k < table->n_uses; k++) {
            const fire_table_use *u = &s->table_use[table->first_use + k];
            if (!u->dy) continue;
            fire_tensor index = fire_plan_tensor(c->last->plan, u->index);
            const char *dy = fire_plan_data(c->last->plan, u->dy);
            int64_t n = fire_count(&index.shape);
            index.data = fire_plan_data(c->last->plan, u->index);
            for (int64_t i = 0; i < n; i++, dy += bytes) {
                int64_t row = index.type == FIRE_I64 ? ((const int64_t *)index.data)[i] : ((const int32_t *)index.data)[i];
                if (row < 0) row += table->rows; /* as Gather */
                if (row >= 0 && row < table->rows) a->entry[a->n++] = (fire_row_entry){row, dy};
            }
        }
        if (c->rows) add_rows(s, t, a, &c->rows_of[t]);
        else if (c->rows_of) c->rows_of[t].n = 0;
    }
}

static void rows_free(fire_context *ctx, fire_rows *r, int32_t n) {
    for (int32_t t = 0; r && t < n; t++) {
        fire_free(ctx, r[t].row);
        fire_free(ctx, r[t].value);
    }
    fire_free(ctx, r);
}

void fire_tables_free(fire_step *s) {
    for (int32_t i = 0; s->slice && i < s->n_slices; i++) {
        fire_slice *c = &s->slice[i];
        rows_free(s->ctx, c->rows_of, s->n_tables);
        fire_free(s->ctx, c->adder.entry);
        fire_free(s->ctx, c->adder.sum);
    }
    fire_free(s->ctx, s->table);
    fire_free(s->ctx, s->table_use);
}

/* ---- slices and workers ---- */

fire_status fire_row_sums_new(fire_row_sums *r, const fire_step *s, fire_comm *comm, fire_error *err) {
    size_t ranks = (size_t)fire_comm_size(comm);
    *r = (fire_row_sums){.ctx = s->ctx};
    if (!s->n_tables) return FIRE_OK;
    if (!(r->total = fire_alloc(s->ctx, (size_t)s->n_tables, sizeof *r->total, err)) || !(r->list = fire_alloc(s->ctx, 2 * ranks, sizeof *r->list, err)) ||
        !(r->bytes = fire_alloc(s->ctx, 2 * ranks, sizeof *r->bytes, err)))
        return FIRE_NOMEM;
    return FIRE_OK;
}

void fire_row_sums_free(fire_row_sums *r, const fire_step *s) {
    if (!r->ctx) return;
    rows_free(r->ctx, r->total, s->n_tables);
    fire_free(r->ctx, r->adder.entry);
    fire_free(r->ctx, r->adder.sum);
    fire_free(r->ctx, r->list);
    fire_free(r->ctx, r->bytes);
    fire_free(r->ctx, r->message);
    *r = (fire_row_sums){0};
}

/* Room for the sum of n entries of table t, and for adding them. */
static fire_status sum_room(fire_row_sums *r, const fire_step *s, int32_t t, int64_t n, fire_error *err) {
    fire_status st = adder_room(r->ctx, s, &r->adder, n, err);
    return st ? st : rows_room(r->ctx, &r->total[t], n < s->table[t].rows ? n : s->table[t].rows, s->table[t].width, s->net->type, err);
}

static fire_status add_slices(fire_row_sums *r, const fire_step *s, int32_t slices, fire_error *err) {
    for (int32_t t = 0; t < s->n_tables; t++) {
        int64_t n = 0;
        for (int32_t i = 0; i < slices; i++) n += s->slice[i].rows_of ? s->slice[i].rows_of[t].n : 0;
        fire_status st = sum_room(r, s, t, n, err);
        if (st) return st;
        for (int32_t i = 0; i < slices; i++) {
            const fire_rows *from = s->slice[i].rows_of ? &s->slice[i].rows_of[t] : NULL;
            if (from) add_list(s, t, &r->adder, from->row, from->value, from->n);
        }
        add_rows(s, t, &r->adder, &r->total[t]);
    }
    return FIRE_OK;
}

/* A message: how many lists, then how many rows each has of each table, as int64; then, in the same order, numbers of rows (int64) and their values,
** which fill up to a multiple of 8 bytes. */
static size_t padded(size_t bytes) { return (bytes + 7) / 8 * 8; }

static fire_status write_message(fire_row_sums *r, const fire_step *s, int32_t lists, bool apart, size_t *bytes, fire_error *err) {
    int32_t tables = s->n_tables;
    size_t size = 8 * (1 + (size_t)lists * (size_t)tables);
    for (int pass = 0; pass < 2; pass++) {
        size_t at = 8 * (1 + (size_t)lists * (size_t)tables);
        for (int32_t i = 0; i < lists; i++)
            for (int32_t t = 0; t < tables; t++) {
                const fire_rows none = {0}, *rows = !apart ? &r->total[t] : s->slice[i].rows_of ? &s->slice[i].rows_of[t] : &none;
                size_t values = (size_t)rows->n * row_bytes(s, t);
                if (pass == 0) size += 8 * (size_t)rows->n + padded(values);
                else {
                    memcpy(r->message + 8 * (1 + (size_t)i * (size_t)tables + (size_t)t), &rows->n, 8);
                    if (rows->n) memcpy(r->message + at, rows->row, 8 * (size_t)rows->n), memcpy(r->message + at + 8 * (size_t)rows->n, rows->value, values);
                    at += 8 * (size_t)rows->n + padded(values);
                }
            }
        if (pass == 0 && (int64_t)size > r->room) {
            fire_free(r->ctx, r->message);
            r->room = 0;
            if (!(r->message = fire_alloc(r->ctx, size, 2, err))) return FIRE_NOMEM; /* twice: batches differ */
            r->room = (int64_t)(2 * size);
        }
    }
    int64_t n = lists;
    memcpy(r->message, &n, 8);
    *bytes = size;
    return FIRE_OK;
}

/* Whether a message is one: lengths fit, rows are of the table and ascend. rows[t] += rows of table t. */
static bool check_message(const fire_step *s, const uint8_t *m, size_t bytes, int64_t *rows) {
    int64_t lists, head, n;
    int32_t tables = s->n_tables;
    if (bytes < 8) return false;
    memcpy(&lists, m, 8);
    if (lists < 0 || lists > (1 << 16) || !fire_mul(lists * tables + 1, 8, &head) || (uint64_t)head > bytes) return false;
    size_t at = (size_t)head;
    for (int64_t i = 0; i < lists; i++)
        for (int32_t t = 0; t < tables; t++) {
            memcpy(&n, m + 8 * (1 + i * tables + t), 8);
            if (n < 0 || n > s->table[t].rows || (uint64_t)n > (bytes - at) / 8) return false;
            int64_t values, last = -1;
            if (!fire_mul(n, (int64_t)row_bytes(s, t), &values) || padded((size_t)values) > bytes - at - 8 * (size_t)n) return false;
            for (int64_t k = 0; k < n; k++) {
                int64_t row;
                memcpy(&row, m + at + 8 * (size_t)k, 8);
                if (row <= last || row >= s->table[t].rows) return false;
                last = row;
            }
            at += 8 * (size_t)n + padded((size_t)values);
            rows[t] += n;
        }
    return at == bytes;
}

/* The lists of table t in a message that has been checked. */
static void add_message(const fire_step *s, int32_t t, fire_row_adder *a, const uint8_t *m) {
    int64_t lists, n;
    memcpy(&lists, m, 8);
    size_t at = 8 * (1 + (size_t)lists * (size_t)s->n_tables);
    for (int64_t i = 0; i < lists; i++)
        for (int32_t k = 0; k < s->n_tables; k++) {
            memcpy(&n, m + 8 * (1 + i * s->n_tables + k), 8);
            const uint8_t *row = m + at;
            if (k == t) add_list(s, t, a, (const int64_t *)row, row + 8 * (size_t)n, n); /* memory of an allocation, multiples of 8 from its beginning */
            at += 8 * (size_t)n + padded((size_t)n * row_bytes(s, k));
        }
}

static fire_status add_messages(fire_row_sums *r, const fire_step *s, const void *const *message, const size_t *bytes, int32_t ranks, fire_error *err) {
    int64_t *rows = fire_alloc(r->ctx, (size_t)s->n_tables, sizeof *rows, err);
    fire_status st = rows ? FIRE_OK : FIRE_NOMEM;
    for (int32_t k = 0; k < ranks && !st; k++)
        if (!check_message(s, message[k], bytes[k], rows)) st = fire_fail(err, FIRE_E_PEER_FAILED, "rank %d sent rows of an embedding that make no sense (%zu bytes)", (int)k, bytes[k]);
    for (int32_t t = 0; t < s->n_tables && !st; t++) {
        if ((st = sum_room(r, s, t, rows[t], err))) break;
        for (int32_t k = 0; k < ranks; k++) add_message(s, t, &r->adder, message[k]);
        add_rows(s, t, &r->adder, &r->total[t]);
    }
    fire_free(r->ctx, rows);
    return st;
}

fire_status fire_row_sums_make(fire_row_sums *r, const fire_step *s, int32_t slices, bool apart, fire_comm *comm, fire_error *err) {
    int32_t ranks = fire_comm_size(comm), own = fire_comm_rank(comm);
    fire_status st = apart && ranks > 1 ? FIRE_OK : add_slices(r, s, slices, err);
    if (st || ranks == 1) return st;
    size_t bytes = 0, *send_bytes = r->bytes, *got_bytes = r->bytes + ranks;
    const void **send = r->list;
    void **got = (void **)(uintptr_t)(r->list + ranks);
    if ((st = write_message(r, s, apart ? slices : 1, apart, &bytes, err))) return st;
    for (int32_t k = 0; k < ranks; k++) {
        send[k] = r->message;
        send_bytes[k] = k == own ? 0 : bytes;
    }
    if ((st = fire_comm_exchange(comm, send, send_bytes, got, got_bytes, err))) return st;
    void *mine = got[own];
    got[own] = r->message;
    got_bytes[own] = bytes;
    st = add_messages(r, s, (const void *const *)got, got_bytes, ranks, err);
    got[own] = mine;
    for (int32_t k = 0; k < ranks; k++) fire_comm_release(comm, got[k]);
    return st;
}
