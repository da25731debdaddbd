/* local.c - local steps: workers that train by themselves for a while, then average.
**
** What travels is by how much each weight has moved since the last averaging, so weights that nobody moved keep their bits, and compression with its
** rest works as for gradients. With it travel the numbers that training makes of fixed weights, and the sums that tell how training goes. Small
** batches of the global order stay as they are: in each step a worker takes its own rows of the batch, and divides by how many they are.
*/
#include "train.h"
#include <math.h>
#include <string.h>

fire_status fire_local_new(fire_training *f, fire_error *err) {
    fire_network *net = f->net;
    size_t number = fire_type_size(net->type);
    if (!fire_train_local(f)) return FIRE_OK;
    int64_t n = net->n_params + f->step.numbers - f->step.flat + FIRE_LOCAL_TAIL;
    f->local.from = fire_alloc(f->ctx, (size_t)net->n_params, number, err);
    return f->local.from && (f->local.moved = fire_alloc(f->ctx, (size_t)n, number, err)) ? FIRE_OK : FIRE_NOMEM;
}

void fire_local_free(fire_training *f) {
    fire_free(f->ctx, f->local.from);
    fire_free(f->ctx, f->local.moved);
}

bool fire_train_local(const fire_training *f) { return f->o.local_steps > 1 && f->ranks > 1; }
bool fire_train_averaged(const fire_training *f) { return f->local.steps == 0; }

void fire_local_begin(fire_training *f) {
    if (f->local.steps++) return;
    memcpy(f->local.from, f->net->params, (size_t)f->net->n_params * fire_type_size(f->net->type));
    f->local.loss = f->local.values = f->local.penalty = 0;
    f->local.spoilt = false;
}

/* Fixed weights that training changes: where each lies behind the weights' moves. */
static void each_update(fire_training *f, fire_tensor moved, bool back) {
    const fire_step *s = &f->step;
    for (int64_t i = 0; i < f->net->n_weights; i++) {
        if (!s->update[i]) continue;
        fire_tensor w = {.type = f->net->type, .data = fire_weight_data(f->net, i)};
        int64_t n = fire_count(&f->net->weight[i].shape), at = f->net->n_params + s->update_at[i] - s->flat;
        for (int64_t k = 0; k < n; k++) {
            if (back) fire_put(&w, k, fire_get(&moved, at + k) / f->ranks);
            else fire_put(&moved, at + k, fire_get(&w, k));
        }
    }
}

/* The optimizer's state becomes its mean. */
static fire_status average_state(fire_training *f, fire_error *err) {
    fire_network *net = f->net;
    int64_t n = (int64_t)fire_network_slot_count(net) * net->n_params;
    if (!net->slots || !n) return FIRE_OK;
    fire_status st = fire_comm_sum(f->comm, net->type, net->slots, n, err);
    if (net->type == FIRE_F32) for (int64_t i = 0; i < n && !st; i++) ((float *)net->slots)[i] /= (float)f->ranks;
    else for (int64_t i = 0; i < n && !st; i++) ((double *)net->slots)[i] /= f->ranks;
    return st;
}

#define MOVES(T)                                                                                                 \
    static void moves_##T(T *moved, const T *w, const T *from, int64_t n) { for (int64_t i = 0; i < n; i++) moved[i] = w[i] - from[i]; } \
    static void move_##T(T *w, const T *from, const T *moved, T share, int64_t n) { for (int64_t i = 0; i < n; i++) w[i] = from[i] + moved[i] * share; }
MOVES(float)
MOVES(double)

fire_status fire_local_average(fire_training *f, int32_t epoch, int64_t t, fire_error *err) {
    fire_network *net = f->net;
    fire_local *l = &f->local;
    int64_t n = net->n_params, updates = f->step.numbers - f->step.flat, tail = n + updates;
    fire_tensor moved = {.type = net->type, .data = l->moved};
    if (net->type == FIRE_F32) moves_float(l->moved, net->params, l->from, n);
    else moves_double(l->moved, net->params, l->from, n);
    if (updates) each_update(f, moved, false);
    fire_put(&moved, tail, l->spoilt ? (double)NAN : l->loss);
    fire_put(&moved, tail + 1, l->values);
    fire_put(&moved, tail + 2, l->penalty);
    fire_put(&moved, tail + 3, f->cancel);
    fire_status st = f->squeeze.kind ? fire_squeeze_sum(&f->squeeze, l->moved, err) : fire_comm_sum(f->comm, net->type, l->moved, tail + FIRE_LOCAL_TAIL, err);
    if (st) return st;
    l->length = l->steps;
    l->steps = 0;
    double loss = fire_get(&moved, tail), values = fire_get(&moved, tail + 1), penalty = fire_get(&moved, tail + 2) / f->ranks;
    if (!isfinite(loss + penalty)) return fire_train_diverged(f, loss + penalty, epoch, t, err);
    if (net->type == FIRE_F32) move_float(net->params, l->from, l->moved, 1.0f / (float)f->ranks, n);
    else move_double(net->params, l->from, l->moved, 1.0 / f->ranks, n);
    if (updates) each_update(f, moved, true);
    bool last = t + 1 == f->steps;
    if ((last || !(f->o.own_state || f->squeeze.kind)) && (st = average_state(f, err))) return st;
    f->cancel = fire_get(&moved, tail + 3) != 0;
    f->loss_sum += loss;
    f->values_sum += values;
    f->penalty_sum += penalty;
    f->last_loss = loss / (values ? values : 1);
    return f->cancel ? fire_fail(err, FIRE_E_CANCELLED, "training was stopped at epoch %d, step %lld", (int)epoch + 1, (long long)t + 1) : FIRE_OK;
}
