/* step_run.c - slices of rows through a network and its loss; evaluation; what ranks must agree on. */
#include "step.h"
#include "update.h"
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

size_t fire_step_wants_most(const fire_step *s) { return 2 * (size_t)s->net->n_weights + 2 * (size_t)s->n_table_uses + 5 * FIRE_MAX_PARTS + FIRE_MAX_STATES + 5; }

/* v, unless it is there already: two layers may look up the same numbers. */
static int add_want(fire_value *outputs, int n, fire_value v) {
    for (int i = 0; i < n; i++)
        if (outputs[i] == v) return n;
    outputs[n] = v;
    return n + 1;
}

int fire_step_wants(const fire_step *s, fire_value *outputs) {
    int n = 0;
    outputs[n++] = s->loss;
    for (int32_t k = 0; k < s->n_outputs; k++) {
        const fire_step_output *o = &s->output[k];
        if (o->each != s->loss) outputs[n++] = o->each;
        if (o->count) outputs[n++] = o->count;
        bool looked_at = false;
        for (int64_t i = 0; i < s->net->n_metrics; i++) looked_at |= s->net->metric[i].output == k;
        if (!looked_at) continue;
        outputs[n++] = o->pred;
        if (s->made.mask[k]) outputs[n++] = s->made.mask[k];
        if (o->y != s->y) outputs[n++] = o->y;
    }
    for (int64_t i = 0; i < s->net->n_weights; i++)
        if (s->grad[i]) outputs[n++] = s->grad[i];
    for (int64_t i = 0; i < s->net->n_weights; i++)
        if (s->update[i]) outputs[n++] = s->update[i];
    for (int32_t k = 0; k < s->n_table_uses; k++) {
        if (!s->table_use[k].dy) continue;
        outputs[n++] = s->table_use[k].dy;
        n = add_want(outputs, n, s->table_use[k].index);
    }
    if (s->dx) outputs[n++] = s->dx;
    if (s->made.activity) n = add_want(outputs, n, s->made.activity);
    if (s->penalty) n = add_want(outputs, n, s->penalty);
    for (int32_t i = 0; i < s->made.states.n; i++) outputs[n++] = s->made.states.last[i];
    return n;
}

/* The slice's plan for n rows, made at the first use. */
static fire_ready *ready_for(fire_step *s, fire_slice *c, int64_t n) {
    fire_ready *r = c->last;
    if (r && r->rows == n) return r;
    r = &c->ready[0];
    for (int k = 0; k < FIRE_SLICE_PLANS; k++) {
        if (c->ready[k].rows == n && c->ready[k].plan) return &c->ready[k];
        if (c->ready[k].used < r->used) r = &c->ready[k];
    }
    fire_network *net = s->net;
    fire_value *outputs = fire_alloc(s->ctx, fire_step_wants_most(s), sizeof *outputs, &c->error);
    if (!outputs) return NULL;
    int n_out = fire_step_wants(s, outputs);
    fire_plan *p = NULL;
    fire_status st = fire_plan_new(&s->g, n, n_out, outputs, &p, &c->error);
    fire_free(s->ctx, outputs);
    if (st || fire_tables_room(s, c, p, &c->error)) {
        fire_plan_free(p);
        return NULL;
    }
    fire_plan_free(r->plan);
    size_t number = fire_type_size(net->type);
    for (int64_t i = 0; i < net->n_weights; i++) {
        if (s->weight[i]) fire_plan_bind(p, s->weight[i], fire_weight_data(net, i));
        if (s->grad[i]) fire_plan_bind(p, s->grad[i], (char *)c->grad + (size_t)net->weight[i].offset * number);
        if (s->update[i]) fire_plan_bind(p, s->update[i], (char *)c->grad + (size_t)s->update_at[i] * number);
    }
    fire_states_bind(net, &s->made.states, p);
    fire_plan_bind(p, s->y, c->y);
    if (s->w) fire_plan_bind(p, s->w, c->w);
    if (s->made.row_id) fire_plan_bind(p, s->made.row_id, c->id);
    if (s->made.draw) fire_plan_bind(p, s->made.draw, s->draw);
    *r = (fire_ready){.rows = n, .plan = p};
    return r;
}

/* The factor of a row's class: told by its number, or by the largest of its one-hot labels, as in Keras. */
static double class_factor(const fire_step *s, const fire_slice *c, int64_t row) {
    int64_t k = 0;
    fire_tensor y = {.type = s->target_type, .data = c->y};
    if (s->y_width == 1) k = (int64_t)fire_get(&y, row);
    else
        for (int64_t i = 1; i < s->y_width; i++)
            if (fire_get(&y, row * s->y_width + i) > fire_get(&y, row * s->y_width + k)) k = i;
    return k >= 0 && k < s->n_class_weight ? s->class_weight[k] : 1;
}

/* Row weights, repeated for each of a row's loss values. The values are spread from the last row on, so that they may lie in place. */
static void weigh(fire_step *s, fire_slice *c, bool validation, const int64_t *index, int64_t first, int64_t n) {
    fire_tensor w = {.type = s->net->type, .data = c->w};
    fire_dataset_gather(s->data, FIRE_ROLE_W, validation, index, first, n, s->net->type, c->w);
    for (int64_t i = n - 1; i >= 0; i--) {
        double v = fire_get(&w, i);
        if (s->class_weight && !validation) v *= class_factor(s, c, i);
        for (int64_t k = s->values - 1; k >= 0; k--) fire_put(&w, i * s->values + k, v);
    }
}

/* Sum of losses [n, width] by the weights of the slice, which are repeated for each of w_width values of a row. */
static double weighted_sum(const fire_step *s, const fire_slice *c, const void *loss, int64_t n, int64_t width) {
    double sum = 0;
    int64_t w_width = s->values;
    if (s->net->type == FIRE_F32) {
        const float *l = loss, *w = c->w;
        if (s->weighted) for (int64_t i = 0; i < n * width; i++) sum += (double)l[i] * w[i / width * w_width];
        else for (int64_t i = 0; i < n * width; i++) sum += (double)l[i];
    } else {
        const double *l = loss, *w = c->w;
        if (s->weighted) for (int64_t i = 0; i < n * width; i++) sum += l[i] * w[i / width * w_width];
        else for (int64_t i = 0; i < n * width; i++) sum += l[i];
    }
    return sum;
}

/* What a run gave, into the slice's sums. */
static void take_sums(fire_step *s, fire_slice *c, int64_t n) {
    const fire_plan *p = c->last->plan;
    fire_network *net = s->net;
    for (int32_t k = 0; k < s->n_outputs; k++) {
        const fire_step_output *o = &s->output[k];
        fire_tensor count = {.type = net->type, .data = o->count ? fire_plan_data(p, o->count) : NULL};
        double sum = weighted_sum(s, c, fire_plan_data(p, o->each), n, o->values), values = o->count ? fire_get(&count, 0) : (double)n * (double)o->values;
        if (o->loss->by_weight && s->weighted) {
            fire_tensor w = {.type = net->type, .data = c->w};
            values = 0;
            for (int64_t i = 0; i < n; i++) values += fire_get(&w, i * s->values) * (double)o->values;
        }
        c->sums[2 * k] += sum;
        c->sums[2 * k + 1] += values;
        if (s->loss == o->each) c->loss = sum, c->values = values;
        else if (s->n_outputs == 1) c->loss = sum * o->loss->weight / (double)o->values, c->values = values / (double)o->values;
    }
    if (s->n_outputs > 1) c->loss = weighted_sum(s, c, fire_plan_data(p, s->loss), n, 1), c->values = (double)n;
    if (s->made.activity) {
        fire_tensor each = {.type = net->type, .data = fire_plan_data(p, s->made.activity)}, scaled = {.type = net->type, .data = fire_plan_data(p, s->penalty)};
        for (int64_t i = 0; i < n; i++) {
            c->sums[s->activity_at] += fire_get(&each, i);
            c->loss += fire_get(&scaled, i);
        }
        c->sums[s->activity_at + 1] += (double)n;
    }
    for (int64_t i = 0; i < net->n_metrics; i++) { /* Keras' `metrics` do not look at row weights, but at masks */
        const fire_step_output *o = &s->output[net->metric[i].output];
        fire_tensor y, pred = fire_plan_tensor(p, o->pred);
        fire_value mask = s->made.mask[net->metric[i].output];
        fire_weights w = {0};
        if (net->metric[i].weighted && s->weighted) w.row = (fire_tensor){.type = net->type, .shape = {2, {n, s->values}}, .data = c->w};
        if (mask) {
            w.mask = fire_plan_tensor(p, mask);
            w.mask.data = fire_plan_data(p, mask);
        }
        if (o->y == s->y) {
            y = (fire_tensor){.type = s->target_type, .shape = s->g.value[s->y].tensor.shape, .data = c->y};
            y.shape.dim[0] = n;
        } else {
            y = fire_plan_tensor(p, o->y);
            y.data = fire_plan_data(p, o->y);
        }
        pred.data = fire_plan_data(p, o->pred); /* an output that equals an input lies where that is bound */
        net->metric[i].kind->add(net->metric[i].attrs, &y, &pred, &w, c->sums + s->sums_at[i]);
    }
}

fire_status fire_step_start(fire_step *s, int32_t slice, bool validation, const int64_t *index, int64_t first, int64_t n) {
    fire_slice *c = &s->slice[slice];
    fire_network *net = s->net;
    assert(n <= s->capacity);
    c->loss = c->values = 0;
    c->rows = n;
    if (n == 0) {
        if (c->grad) memset(c->grad, 0, (size_t)s->numbers * fire_type_size(net->type));
        fire_tables_take(s, c);
        return FIRE_OK;
    }
    fire_ready *r = ready_for(s, c, n);
    if (!r) return c->error.status;
    c->last = r;
    r->used = ++c->runs;

    const void *x = index ? fire_dataset_staged(s->data, FIRE_ROLE_X, validation, index, n, net->type) : fire_dataset_direct(s->data, FIRE_ROLE_X, validation, first, n, net->type);
    if (!x) {
        if (!c->x) {
            int64_t numbers;
            if (!fire_mul(s->capacity, s->x_width, &numbers)) return fire_fail(&c->error, FIRE_E_NOMEM, "out of memory: a batch of %lld rows is too large", (long long)s->capacity);
            if (!(c->x = fire_alloc(s->ctx, (size_t)numbers, fire_type_size(net->type), &c->error))) return FIRE_NOMEM;
        }
        fire_dataset_gather(s->data, FIRE_ROLE_X, validation, index, first, n, net->type, c->x);
        x = c->x;
    }
    c->x_used = x;
    fire_plan_bind(r->plan, s->made.x, (void *)x); /* inputs are only read */
    fire_dataset_gather(s->data, FIRE_ROLE_Y, validation, index, first, n, s->target_type, c->y);
    if (s->weighted) weigh(s, c, validation, index, first, n);
    if (c->id)
        for (int64_t i = 0; i < n; i++) {
            int64_t row = index ? index[i] : first + i;
            c->id[i] = (int64_t)(s->row_id ? s->row_id[row] : fire_dataset_row_id(s->data, row));
        }
    c->at = 0;
    return FIRE_OK;
}

void fire_step_go(fire_step *s, int32_t slice, fire_tensor *sum) {
    fire_slice *c = &s->slice[slice];
    *sum = (fire_tensor){0};
    if (c->rows) fire_plan_go(c->last->plan, &c->at, sum);
}

/* A slice's share in the mean of updates: the others add theirs. */
static void share_updates(const fire_step *s, fire_slice *c) {
    double share = (double)c->rows / s->batch_rows;
    fire_tensor t = {.type = s->net->type, .data = c->grad};
    for (int64_t i = s->flat; i < s->numbers && share != 1; i++) fire_put(&t, i, fire_get(&t, i) * share);
}

void fire_step_finish(fire_step *s, int32_t slice) {
    fire_slice *c = &s->slice[slice];
    if (!c->rows) return;
    fire_tensor none;
    if (c->at == 0) fire_plan_run(c->last->plan);
    else while (fire_plan_go(c->last->plan, &c->at, &none)) {}
    fire_states_keep(s->net, &s->made.states, c->last->plan);
    share_updates(s, c);
    fire_tables_take(s, c);
    take_sums(s, c, c->rows);
}

fire_status fire_step_run(fire_step *s, int32_t slice, bool validation, const int64_t *index, int64_t first, int64_t n) {
    fire_status st = fire_step_start(s, slice, validation, index, first, n);
    if (!st) fire_step_finish(s, slice);
    return st;
}

void fire_step_updates(const fire_step *s, const void *grad) {
    fire_network *net = s->net;
    size_t number = fire_type_size(net->type);
    for (int64_t i = 0; i < net->n_weights; i++)
        if (s->update[i]) memcpy(fire_weight_data(net, i), (const char *)grad + (size_t)s->update_at[i] * number, (size_t)fire_count(&net->weight[i].shape) * number);
}


double fire_step_spoilt(const fire_step *s, int32_t *slice, int64_t *row, const char **what) {
    double largest = 0;
    *slice = -1;
    for (int32_t i = 0; i < s->n_slices; i++) {
        const fire_slice *c = &s->slice[i];
        fire_tensor x = {.type = s->net->type, .data = (void *)c->x_used}, y = {.type = s->target_type, .data = c->y};
        for (int64_t r = 0; x.data && r < c->rows; r++) {
            *what = NULL;
            for (int64_t k = 0; k < s->x_width; k++) {
                double v = fabs(fire_get(&x, r * s->x_width + k));
                if (!isfinite(v)) *what = "features";
                else if (v > largest) largest = v;
            }
            for (int64_t k = 0; k < s->y_width; k++)
                if (!isfinite(fire_get(&y, r * s->y_width + k))) *what = "labels";
            if (!*what) continue;
            *slice = i;
            *row = r;
            return largest;
        }
    }
    return largest;
}

void fire_step_clear_sums(fire_step *s) {
    for (int32_t i = 0; i < s->n_slices; i++) memset(s->slice[i].sums, 0, (size_t)s->n_sums * sizeof(double));
}

int32_t fire_step_results(const fire_step *s, const double *sums, double *results) {
    int32_t n = 1;
    results[0] = 0;
    for (int32_t k = 0; k < s->n_outputs; k++) {
        const fire_compiled_loss *loss = s->output[k].loss;
        double mean = loss->sum ? sums[2 * k] : sums[2 * k + 1] ? sums[2 * k] / sums[2 * k + 1] : 0;
        results[0] += loss->weight * mean;
        if (s->n_outputs > 1) results[n++] = mean;
    }
    if (s->made.activity && sums[s->activity_at + 1]) results[0] += sums[s->activity_at] / sums[s->activity_at + 1];
    for (int64_t i = 0; i < s->net->n_metrics; i++) {
        const fire_compiled_metric *m = &s->net->metric[i];
        const fire_shape *pred = &s->output[m->output].pred_row;
        m->kind->result(m->attrs, pred, sums + s->sums_at[i], results + n);
        n += (int32_t)fire_metric_results(m->kind, m->attrs, pred);
    }
    return n;
}

fire_status fire_add_slots(fire_comm *comm, double *sums, int64_t slots, int64_t n, fire_error *err) {
    if (fire_comm_size(comm) > 1) {
        fire_status st = fire_comm_sum(comm, FIRE_F64, sums, slots * n, err);
        if (st) return st;
    }
    for (int64_t k = 1; k < slots; k++)
        for (int64_t i = 0; i < n; i++) sums[i] += sums[k * n + i];
    return FIRE_OK;
}

/* ---- evaluation ---- */

typedef struct wave { fire_step *s; bool validation; int64_t first, end; fire_status *status; } wave;

static void run_block(void *user, int32_t i) {
    wave *w = user;
    int64_t first = w->first + i * w->s->capacity, n = w->end - first;
    w->status[i] = fire_step_run(w->s, i, w->validation, NULL, first, n < w->s->capacity ? n : w->s->capacity);
}

fire_status fire_step_evaluate(fire_step *s, fire_pool *pool, bool validation, fire_comm *comm, double *results, int64_t *rows, fire_error *err) {
    bool dealt = s->data->start[0] != NULL;
    int32_t ranks = fire_comm_size(comm), slots = dealt ? s->data->shards : ranks, own = dealt ? s->data->own_shards : 1;
    int32_t slot = dealt ? s->data->first_shard : fire_comm_rank(comm);
    int64_t n = s->n_sums + 1; /* sums, and rows */
    double *sums = fire_alloc(s->ctx, (size_t)slots, (size_t)n * sizeof *sums, err);
    fire_status *status = fire_alloc(s->ctx, (size_t)s->n_slices, sizeof *status, err), st = sums && status ? FIRE_OK : FIRE_NOMEM;
    fire_step_clear_sums(s);
    for (int32_t k = 0; !st && k < own; k++, slot++) {
        wave w = {.s = s, .validation = validation, .status = status};
        int64_t shard_rows = fire_dataset_shard(s->data, validation, k, &w.first);
        w.end = w.first + shard_rows;
        double *to = sums + slot * n;
        to[n - 1] = (double)shard_rows;
        /* A wave is a block for each slice; sums are added block by block, in order. */
        for (; !st && w.first < w.end; w.first += s->n_slices * s->capacity) {
            int64_t blocks = (w.end - w.first + s->capacity - 1) / s->capacity;
            if (blocks > s->n_slices) blocks = s->n_slices;
            fire_pool_run(pool, (int32_t)blocks, run_block, &w);
            for (int64_t b = 0; b < blocks; b++) {
                if (status[b] && !st) {
                    st = status[b];
                    if (err) *err = s->slice[b].error;
                }
                for (int64_t i = 0; i < n - 1; i++) to[i] += s->slice[b].sums[i];
                memset(s->slice[b].sums, 0, (size_t)(n - 1) * sizeof(double));
            }
        }
    }
    if (!st) st = fire_add_slots(comm, sums, slots, n, err);
    if (!st) {
        *rows = (int64_t)sums[n - 1];
        fire_step_results(s, sums, results);
        fire_penalties p;
        if (!(st = fire_penalties_new(&p, s->net, err))) {
            results[0] += fire_penalties_add(&p, s->net, 1, NULL);
            fire_penalties_free(&p);
        }
    }
    fire_free(s->ctx, sums);
    fire_free(s->ctx, status);
    return st;
}

/* ---- what ranks must agree on ---- */

typedef struct hello { int64_t same[16], rows, validation_rows, has_shape, has_y; fire_shape x, y; } hello;

fire_status fire_meet(fire_context *ctx, const fire_dataset *d, fire_comm *comm, const int64_t *same, int32_t n_same, const char *const *same_name, fire_facts *facts, fire_error *err) {
    int32_t ranks = fire_comm_size(comm);
    hello mine = {.rows = d->n[0], .validation_rows = d->n[1], .has_shape = d->has_shape, .has_y = d->has_y, .x = d->x, .y = d->y};
    assert(n_same <= 16);
    for (int32_t i = 0; i < n_same; i++) mine.same[i] = same[i];
    hello *all = fire_alloc(ctx, (size_t)ranks, sizeof *all, err);
    if (!all) return FIRE_NOMEM;
    fire_status st = FIRE_OK;
    if (ranks > 1) st = fire_comm_gather(comm, &mine, sizeof mine, all, err);
    else all[0] = mine;
    const hello *first = NULL;
    fire_facts f = {0};
    for (int32_t r = 0; !st && r < ranks; r++) {
        char a[FIRE_SHAPE_TEXT], b[FIRE_SHAPE_TEXT];
        for (int32_t i = 0; !st && i < n_same; i++)
            if (all[r].same[i] != all[0].same[i])
                st = fire_fail(err, FIRE_E_USAGE, "rank %d has %s %lld, rank 0 has %lld; all workers must be given the same", (int)r, same_name[i], (long long)all[r].same[i],
                               (long long)all[0].same[i]);
        if (st) break;
        if (all[r].x.rank < 0 || all[r].x.rank > FIRE_MAX_RANK || all[r].y.rank < 0 || all[r].y.rank > FIRE_MAX_RANK)
            st = fire_fail(err, FIRE_E_PEER_FAILED, "rank %d told an impossible shape of rows", (int)r);
        else if (all[r].rows < 0 || all[r].validation_rows < 0 || !fire_add(f.rows, all[r].rows, &f.rows) || !fire_add(f.validation_rows, all[r].validation_rows, &f.validation_rows))
            st = fire_fail(err, FIRE_E_PEER_FAILED, "rank %d told an impossible number of rows", (int)r);
        if (st || !all[r].has_shape || !(all[r].rows + all[r].validation_rows)) continue;
        if (!first) { first = &all[r]; continue; }
        if (!fire_same_shape(&first->x, &all[r].x) || !fire_same_shape(&first->y, &all[r].y) || first->has_y != all[r].has_y)
            st = fire_fail(err, FIRE_E_RAGGED, "rank %d has rows of features %s and labels %s, other ranks differ; all rows must have one width", (int)r,
                           fire_shape_text(&all[r].x, a), fire_shape_text(&all[r].y, b));
    }
    if (!st && !first) st = fire_fail(err, FIRE_E_NO_ROWS, "there are no rows%s", d->skipped ? "; all were left out as invalid" : "; the table is empty");
    if (!st) {
        f.x = first->x;
        f.y = first->y;
        f.has_y = first->has_y;
        *facts = f;
    }
    fire_free(ctx, all);
    return st;
}
