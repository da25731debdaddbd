/* update.c - one update of all weights: what every optimizer has around its own rule. */
#include "update.h"
#include <math.h>
#include <string.h>

static void *number_at(const fire_network *net, void *flat, int64_t i) { return (char *)flat + (size_t)i * fire_type_size(net->type); }
static void *slot_at(const fire_network *net, int32_t k) { return number_at(net, net->slots, k * net->n_params); }
static fire_tensor weight_tensor(const fire_network *net, int64_t i, void *flat) {
    const fire_weight_slot *w = &net->weight[i];
    return (fire_tensor){.type = net->type, .shape = w->shape, .data = number_at(net, flat, w->offset)};
}

/* ---- penalties ---- */

fire_status fire_penalties_new(fire_penalties *p, const fire_network *net, fire_error *err) {
    fire_context *ctx = net->ctx;
    int64_t most = 0;
    *p = (fire_penalties){.ctx = ctx};
    fire_status s = FIRE_OK;
    if (!(p->row = fire_alloc(ctx, (size_t)net->n_weights, sizeof *p->row, err))) return FIRE_NOMEM;
    for (int64_t i = 0; i < net->n_weights && !s; i++) {
        const fire_weight_slot *w = &net->weight[i];
        if (!w->regularizer || !*w->regularizer || !w->trainable || !net->layer[w->layer].trainable) continue;
        fire_penalty *row = &p->row[p->n];
        row->weight = i;
        if (!(row->attrs = fire_alloc(ctx, 1, FIRE_REGULARIZER_SIZE, err))) { s = FIRE_NOMEM; break; }
        p->n++;
        fire_error why = {0};
        if ((s = fire_regularizer_read(w->regularizer, &row->kind, row->attrs, &why)) || (row->kind->fits && (s = row->kind->fits(row->attrs, &w->shape, &why)))) {
            fire_fail(err, why.code, "weight %s: %s", w->name, why.message);
            break;
        }
        int64_t need = row->kind->scratch ? row->kind->scratch(row->attrs, &w->shape) : 0;
        if (need > most) most = need;
    }
    if (!s && !(p->scratch = fire_alloc(ctx, (size_t)most, sizeof *p->scratch, err))) s = FIRE_NOMEM;
    if (s) fire_penalties_free(p);
    return s;
}

void fire_penalties_free(fire_penalties *p) {
    if (!p->ctx) return;
    for (int64_t i = 0; i < p->n; i++) fire_free(p->ctx, p->row[i].attrs);
    fire_free(p->ctx, p->row);
    fire_free(p->ctx, p->scratch);
    *p = (fire_penalties){0};
}

double fire_penalties_add(const fire_penalties *p, const fire_network *net, double scale, void *grad) {
    double sum = 0;
    for (int64_t i = 0; i < p->n; i++) {
        const fire_penalty *row = &p->row[i];
        fire_tensor w = weight_tensor(net, row->weight, net->params), dw = grad ? weight_tensor(net, row->weight, grad) : (fire_tensor){0};
        sum += row->kind->value(row->attrs, &w, scale, &dw, p->scratch);
    }
    return sum;
}

/* ---- making ---- */

/* Whether one of the words of a|b|c is part of the name. */
static bool excluded(const char *words, const char *name) {
    for (const char *p = words; *p;) {
        size_t n = strcspn(p, "|");
        for (const char *at = name; n && *at; at++)
            if (!strncmp(at, p, n)) return true;
        p += n + (p[n] == '|');
    }
    return false;
}

static bool is_decaying(const fire_using *o, const fire_weight_slot *w) {
    const fire_optim_common *c = fire_optim_shared(o->kind, o->attrs);
    return !o->kind->full_batch && c->weight_decay > 0 && !excluded(c->exclude_from_weight_decay, w->name);
}

void fire_updater_add_table(fire_updater *u, int64_t weight, const fire_rows *rows) {
    int32_t optim = fire_network_optim(u->net, u->net->weight[weight].layer) + 1;
    u->table[u->n_tables++] = (fire_row_rule){.weight = weight, .optim = optim, .decays = is_decaying(&u->optim[optim], &u->net->weight[weight]), .rows = rows};
}

fire_status fire_updater_new(fire_updater *u, fire_network *net, const fire_value *moved, fire_error *err) {
    fire_context *ctx = net->ctx;
    const fire_optim_common *c = fire_optim_shared(net->optim, net->optim_attrs);
    fire_status s = FIRE_OK;
    int64_t most = 0, line = 64 / (int64_t)fire_type_size(net->type);
    *u = (fire_updater){.net = net};
    if (!(u->optim = fire_alloc(ctx, (size_t)net->n_own_optims + 1, sizeof *u->optim, err))) s = FIRE_NOMEM;
    else if (!(u->table = fire_alloc(ctx, (size_t)net->n_weights, sizeof *u->table, err))) s = FIRE_NOMEM;
    else if (!(u->range = fire_alloc(ctx, (size_t)net->n_weights, sizeof *u->range, err)) || !(u->rule = fire_alloc(ctx, (size_t)net->n_weights, sizeof *u->rule, err))) s = FIRE_NOMEM;
    u->plain = !c->clipnorm && !c->clipvalue && !c->global_clipnorm && !c->use_ema && !c->gradient_accumulation_steps;
    for (int64_t k = 0; k <= net->n_own_optims && !s; k++) {
        const fire_compiled_optim own = k ? net->own_optim[k - 1] : (fire_compiled_optim){net->optim, net->optim_attrs};
        u->optim[k] = (fire_using){.kind = own.kind, .attrs = own.attrs, .momentum = NAN};
        u->plain = u->plain && !own.kind->per_weight;
    }
    for (int64_t i = 0; i < net->n_weights && !s; i++) {
        const fire_weight_slot *w = &net->weight[i];
        if (!moved[i]) continue;
        int64_t end = w->offset + fire_count(&w->shape);
        int32_t optim = fire_network_optim(net, w->layer) + 1;
        bool decays = is_decaying(&u->optim[optim], w);
        fire_range *last = u->n_ranges ? &u->range[u->n_ranges - 1] : NULL;
        if (last && last->decays == decays && last->optim == optim && (last->to + line - 1) / line * line == w->offset) last->to = end;
        else u->range[u->n_ranges++] = (fire_range){w->offset, end, optim, decays};
        fire_rule *r = &u->rule[u->n_rules++];
        *r = (fire_rule){.weight = i, .optim = optim, .decays = decays};
        if (!w->constraint || !*w->constraint) continue;
        u->plain = false;
        fire_error why = {0};
        if (!(r->attrs = fire_alloc(ctx, 1, FIRE_CONSTRAINT_SIZE, err))) s = FIRE_NOMEM;
        else if ((s = fire_constraint_read(w->constraint, &r->constraint, r->attrs, &why)) || (s = fire_constraint_axes(r->constraint, r->attrs, &w->shape, &r->axes, &why)))
            fire_fail(err, why.code, "weight %s: %s", w->name, why.message);
        if (fire_count(&w->shape) > most) most = fire_count(&w->shape);
    }
    if (!s && !(u->scratch = fire_alloc(ctx, (size_t)most, sizeof *u->scratch, err))) s = FIRE_NOMEM;
    if (!s) s = fire_penalties_new(&u->penalties, net, err);
    if (u->penalties.n) u->plain = false;
    if (s) fire_updater_free(u);
    return s;
}

void fire_updater_free(fire_updater *u) {
    if (!u->net) return;
    fire_context *ctx = u->net->ctx;
    for (int64_t i = 0; i < u->n_rules; i++) fire_free(ctx, u->rule[i].attrs);
    fire_free(ctx, u->optim);
    fire_free(ctx, u->range);
    fire_free(ctx, u->rule);
    fire_free(ctx, u->table);
    fire_free(ctx, u->scratch);
    fire_penalties_free(&u->penalties);
    *u = (fire_updater){0};
}

/* ---- loops over numbers ---- */

/* Four sums side by side, for one would wait for each addition. */
#define LOOPS(T) \
    static double squares_##T(const T *x, int64_t n) { \
        double s[4] = {0}; \
        for (int64_t i = 0; i < n; i++) s[i & 3] += (double)x[i] * (double)x[i]; \
        return (s[0] + s[1]) + (s[2] + s[3]); \
    } \
    static void scale_##T(T *x, int64_t n, T by) { for (int64_t i = 0; i < n; i++) x[i] *= by; } \
    static void decay_##T(T *w, int64_t n, T decay, T rate) { for (int64_t i = 0; i < n; i++) w[i] -= w[i] * decay * rate; } \
    static void clip_##T(T *x, int64_t n, T scale, T most) { \
        for (int64_t i = 0; i < n; i++) { \
            T v = x[i] * scale; \
            x[i] = v > most ? most : v < -most ? -most : v; \
        } \
    } \
    static void wait_##T(T *a, const T *x, int64_t n, T scale) { for (int64_t i = 0; i < n; i++) a[i] += x[i] * scale; } \
    static void join_##T(T *x, T *a, int64_t n, T scale, T steps) { \
        for (int64_t i = 0; i < n; i++) { \
            x[i] = (x[i] * scale + a[i]) / steps; \
            a[i] = 0; \
        } \
    } \
    static void average_##T(T *a, const T *w, int64_t n, T stay, T take) { for (int64_t i = 0; i < n; i++) a[i] = stay * a[i] + take * w[i]; }
LOOPS(float)
LOOPS(double)
#define CALL(name, type, ...) ((type) == FIRE_F32 ? name##_float(__VA_ARGS__) : name##_double(__VA_ARGS__))

static double squares(fire_type t, const void *x, int64_t n) { return CALL(squares, t, x, n); }

/* ---- an update ---- */

void fire_updater_begin(fire_updater *u) {
    fire_network *net = u->net;
    const fire_optim_common *c = fire_optim_shared(net->optim, net->optim_attrs);
    int64_t every = c->gradient_accumulation_steps ? c->gradient_accumulation_steps : 1;
    int64_t before = net->step;
    u->update = net->step++ / every + 1;
    for (int64_t k = 0; k <= net->n_own_optims; k++) {
        fire_using *o = &u->optim[k];
        const fire_optim_common *own = fire_optim_shared(o->kind, o->attrs);
        /* By the number of steps made, as Keras: accumulated ones count. */
        double base = own->schedule ? own->schedule->rate(own->schedule_attrs, before) : *(const double *)((const char *)o->attrs + o->kind->rate_offset);
        o->momentum = own->schedule && own->schedule->momentum ? own->schedule->momentum(own->schedule_attrs, before) : NAN;
        o->rate = o->kind->rate ? o->kind->rate(o->attrs, base, u->update) : base;
    }
    u->rate = u->optim[0].rate;
}

static fire_optim_call call_of(const fire_updater *u, const fire_using *o, double gscale, int64_t from, int64_t to, void *g, void *const *slot) {
    const fire_network *net = u->net;
    return (fire_optim_call){.attrs = o->attrs, .rate = o->rate, .momentum = o->momentum, .gscale = gscale, .step = u->update, .type = net->type,
                             .from = from, .to = to, .w = net->params, .g = g, .slot = slot};
}

#define MAX_SLOTS 8
static void all_slots(const fire_network *net, void *slot[MAX_SLOTS]) {
    int32_t n = fire_network_slot_count(net);
    for (int32_t k = 0; k < n && k < MAX_SLOTS; k++) slot[k] = slot_at(net, k);
}

static void decay(const fire_updater *u, const fire_using *o, int64_t from, int64_t to) {
    const fire_network *net = u->net;
    double share = fire_optim_shared(o->kind, o->attrs)->weight_decay;
    void *w = number_at(net, net->params, from);
    if (net->type == FIRE_F32) decay_float(w, to - from, (float)share, (float)o->rate);
    else decay_double(w, to - from, share, o->rate);
}

void fire_updater_piece(const fire_updater *u, double gscale, int64_t from, int64_t to, void *g) {
    void *slot[MAX_SLOTS];
    all_slots(u->net, slot);
    for (int64_t k = 0; k < u->n_ranges; k++) {
        const fire_range *r = &u->range[k];
        const fire_using *o = &u->optim[r->optim];
        int64_t a = r->from > from ? r->from : from, b = r->to < to ? r->to : to;
        if (a >= b) continue;
        if (r->decays) decay(u, o, a, b);
        fire_optim_call call = call_of(u, o, gscale, a, b, g, slot);
        o->kind->update(&call);
    }
}

void fire_updater_rows(const fire_updater *u, int64_t t, double gscale, int64_t from, int64_t to) {
    const fire_network *net = u->net;
    const fire_rows *rows = u->table[t].rows;
    const fire_weight_slot *w = &net->weight[u->table[t].weight];
    const fire_using *o = &u->optim[u->table[t].optim];
    int64_t width = w->shape.dim[1];
    int32_t slots = o->kind->slots(o->attrs);
    for (int64_t i = from, end; i < to; i = end) { /* a run of neighbours is one piece of the table */
        for (end = i + 1; end < to && rows->row[end] == rows->row[end - 1] + 1; end++) {}
        int64_t at = w->offset + rows->row[i] * width, n = (end - i) * width;
        void *slot[MAX_SLOTS];
        for (int32_t k = 0; k < slots; k++) slot[k] = number_at(net, slot_at(net, k), at);
        if (u->table[t].decays) decay(u, o, at, at + n);
        fire_optim_call call = call_of(u, o, gscale, 0, n, number_at(net, rows->value, i * width), slot);
        call.w = number_at(net, net->params, at);
        o->kind->update(&call);
    }
}

/* The factor that brings the gradient's norm down to clip, the norm being that of the numbers times gscale. */
static double to_norm(double square, double gscale, double clip) {
    double norm = sqrt(square) * fabs(gscale);
    return norm > clip ? clip / norm : 1;
}

static int64_t row_numbers(const fire_updater *u, const fire_row_rule *t) { return t->rows->n * u->net->weight[t->weight].shape.dim[1]; }

/* Rows that no token named have a gradient of zero, which changes no norm. */
static void update_tables(const fire_updater *u, double gscale) {
    const fire_network *net = u->net;
    const fire_optim_common *c = fire_optim_shared(net->optim, net->optim_attrs);
    for (int64_t k = 0; k < u->n_tables; k++) {
        const fire_row_rule *t = &u->table[k];
        int64_t n = row_numbers(u, t);
        double scale = gscale;
        if (c->clipnorm > 0) scale *= to_norm(squares(net->type, t->rows->value, n), gscale, c->clipnorm);
        if (c->clipvalue > 0) {
            if (net->type == FIRE_F32) clip_float(t->rows->value, n, (float)scale, (float)c->clipvalue);
            else clip_double(t->rows->value, n, scale, c->clipvalue);
            scale = 1;
        }
        fire_updater_rows(u, k, scale, 0, t->rows->n);
    }
}

static void update_weights(const fire_updater *u, double gscale, void *g) {
    const fire_network *net = u->net;
    const fire_optim_common *c = fire_optim_shared(net->optim, net->optim_attrs);
    void *slot[MAX_SLOTS];
    all_slots(net, slot);
    double all = 0;
    for (int64_t k = 0; k < u->n_ranges && c->global_clipnorm > 0; k++) all += squares(net->type, number_at(net, g, u->range[k].from), u->range[k].to - u->range[k].from);
    for (int64_t k = 0; k < u->n_tables && c->global_clipnorm > 0; k++) all += squares(net->type, u->table[k].rows->value, row_numbers(u, &u->table[k]));
    if (c->global_clipnorm > 0) gscale *= to_norm(all, gscale, c->global_clipnorm);
    for (int64_t k = 0; k < u->n_rules; k++) {
        const fire_weight_slot *w = &net->weight[u->rule[k].weight];
        const fire_using *o = &u->optim[u->rule[k].optim];
        int64_t from = w->offset, n = fire_count(&w->shape);
        void *x = number_at(net, g, from);
        double scale = gscale;
        if (c->clipnorm > 0) scale *= to_norm(squares(net->type, x, n), gscale, c->clipnorm);
        if (c->clipvalue > 0) {
            if (net->type == FIRE_F32) clip_float(x, n, (float)scale, (float)c->clipvalue);
            else clip_double(x, n, scale, c->clipvalue);
            scale = 1;
        }
        if (u->rule[k].decays) decay(u, o, from, from + n);
        if (o->kind->direction) {
            if (net->type == FIRE_F32) scale_float(x, n, (float)scale);
            else scale_double(x, n, scale);
            scale = 1;
        }
        fire_optim_call call = call_of(u, o, scale, from, from + n, g, slot);
        if (o->kind->direction) o->kind->direction(&call);
        if (o->kind->per_weight) {
            call.w_norm = sqrt(squares(net->type, number_at(net, net->params, from), n));
            call.g_norm = sqrt(squares(net->type, x, n)) * fabs(scale);
        }
        o->kind->update(&call);
    }
    update_tables(u, gscale);
}

static void average(const fire_updater *u, const fire_optim_common *c, int32_t slot) {
    const fire_network *net = u->net;
    double stay = u->update > 1 ? c->ema_momentum : 0;
    bool over = c->ema_overwrite_frequency && u->update % c->ema_overwrite_frequency == 0;
    for (int64_t k = 0; k < u->n_ranges; k++) {
        int64_t from = u->range[k].from, n = u->range[k].to - from;
        void *a = number_at(net, slot_at(net, slot), from), *w = number_at(net, net->params, from);
        if (net->type == FIRE_F32) average_float(a, w, n, (float)stay, (float)(1 - stay));
        else average_double(a, w, n, stay, 1 - stay);
        if (over) memcpy(w, a, (size_t)n * fire_type_size(net->type));
    }
}

void fire_updater_run(fire_updater *u, double gscale, void *g) {
    fire_network *net = u->net;
    const fire_optim_common *c = fire_optim_shared(net->optim, net->optim_attrs);
    fire_network_extra extra = fire_network_extra_slots(net);
    int64_t every = c->gradient_accumulation_steps;
    bool now = !every || net->step % every == 0;
    for (int64_t k = 0; every && k < u->n_ranges; k++) {
        int64_t from = u->range[k].from, n = u->range[k].to - from;
        void *a = number_at(net, slot_at(net, extra.accumulator), from), *x = number_at(net, g, from);
        if (net->type == FIRE_F32 && now) join_float(x, a, n, (float)gscale, (float)every);
        else if (net->type == FIRE_F32) wait_float(a, x, n, (float)gscale);
        else if (now) join_double(x, a, n, gscale, (double)every);
        else wait_double(a, x, n, gscale);
    }
    if (now) update_weights(u, every ? 1 : gscale, g);
    if (c->use_ema) average(u, c, extra.average);
    for (int64_t k = 0; k < u->n_rules; k++) {
        const fire_rule *r = &u->rule[k];
        if (!r->constraint) continue;
        fire_tensor w = weight_tensor(net, r->weight, net->params);
        r->constraint->apply(r->attrs, r->axes, &w, u->scratch);
    }
}

/* ---- averages at the ends of a fit ---- */

void fire_average_take(fire_updater *u) {
    fire_network *net = u->net;
    fire_network_extra e = fire_network_extra_slots(net);
    size_t number = fire_type_size(net->type);
    if (e.average < 0 || !net->slots || !net->step) return;
    memcpy(slot_at(net, e.raw), net->params, (size_t)net->n_params * number);
    for (int64_t k = 0; k < u->n_ranges; k++) {
        int64_t from = u->range[k].from;
        memcpy(number_at(net, net->params, from), number_at(net, slot_at(net, e.average), from), (size_t)(u->range[k].to - from) * number);
    }
    net->averaged = true;
}

void fire_average_leave(fire_updater *u) {
    fire_network *net = u->net;
    fire_network_extra e = fire_network_extra_slots(net);
    size_t number = fire_type_size(net->type);
    bool same = net->averaged && e.average >= 0 && net->slots;
    for (int64_t k = 0; k < u->n_ranges && same; k++) {
        int64_t from = u->range[k].from;
        same = !memcmp(number_at(net, net->params, from), number_at(net, slot_at(net, e.average), from), (size_t)(u->range[k].to - from) * number);
    }
    if (same) memcpy(net->params, slot_at(net, e.raw), (size_t)net->n_params * number);
    net->averaged = false;
}
