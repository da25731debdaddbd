/* train_table.h - a table, networks to train on it, and who listens: what tests of fire_fit share. */
#ifndef FIRE_TRAIN_TABLE_H
#define FIRE_TRAIN_TABLE_H
#include "harness.h"
#include "network.h"
#include "ranks.h"
#include "weights.h"
#include <math.h>

enum { ROWS = 403, WIDTH = 5, CLASSES = 3 };
typedef struct table { double x[ROWS][WIDTH]; int32_t y[ROWS]; } table;

static inline void make_table(table *t) {
    uint64_t state = 9;
    for (int i = 0; i < ROWS; i++) {
        for (int k = 0; k < WIDTH; k++) t->x[i][k] = (double)(harness_random(&state) % 2000) / 1000 - 1;
        t->y[i] = t->x[i][0] + t->x[i][1] > 0.4 ? 2 : t->x[i][2] > t->x[i][3];
    }
}

/* Layers as "Kind attrs" lines. */
static inline fire_status make_network(fire_context *ctx, fire_type type, const char *const *layers, const char *optimizer, const char *loss, fire_network **out, fire_error *err) {
    fire_network *net = NULL;
    fire_status st = fire_network_new(ctx, type, &net, err);
    for (; !st && *layers; layers++) {
        char name[64];
        const char *attrs = fire_name_read(*layers, name, sizeof name);
        st = fire_network_add(net, name, attrs, err);
    }
    if (!st) st = fire_network_compile(net, optimizer, loss, strstr(loss, "cross") ? "accuracy" : "mae", err);
    if (st) { fire_network_free(net); return st; }
    *out = net;
    return FIRE_OK;
}
static const char *const mlp[] = {"Dense units=16 activation=relu", "Dense units=3 activation=softmax", NULL};
static const char *const dropped[] = {"Dense units=16 activation=relu", "Dropout rate=0.3", "Dense units=3 activation=softmax", NULL};
static const char *const regression[] = {"Dense units=8 activation=tanh", "Dense units=1", NULL};
/* Everything that an update can have around its rule, and moments of the batch, which slices and workers share. */
static const char *const held[] = {"Dense units=16 activation=tanh kernel_regularizer=\"L1L2 l1=0.001 l2=0.002\" bias_constraint=\"MinMaxNorm max_value=0.5\"",
                                   "BatchNormalization momentum=0.8 gamma_constraint=NonNeg", "Dropout rate=0.2", "Dense units=3 activation=softmax kernel_regularizer=OrthogonalRegularizer", NULL};
static const char *const normed[] = {"Dense units=16 activation=tanh", "BatchNormalization momentum=0.8", "Dense units=3 activation=softmax", NULL};
#define SCCE "sparse_categorical_crossentropy"

#define OK(call) do { fire_error e_ = {0}; fire_error *err_ = &e_; if ((call)) fail_msg("%s", e_.message); } while (0)

typedef struct fixture { harness h; fire_context *ctx; fire_dataset *data; fire_network *net; fire_error err; table t; } fixture;

static inline void begin_with(fixture *f, fire_type type, const char *const *layers, const char *optimizer, const char *loss, const fire_config *config) {
    memset(f, 0, sizeof *f);
    harness_init(&f->h);
    f->ctx = harness_context(&f->h, config);
    make_table(&f->t);
    fire_tensor x = {FIRE_F64, {2, {ROWS, WIDTH}}, f->t.x}, y = {FIRE_I32, {1, {ROWS}}, f->t.y};
    OK(fire_dataset_new(f->ctx, &f->data, err_));
    OK(fire_dataset_add(f->data, &x, &y, NULL, err_));
    OK(make_network(f->ctx, type, layers, optimizer, loss, &f->net, err_));
}
static inline void end(fixture *f) {
    fire_network_free(f->net);
    fire_dataset_free(f->data);
    fire_context_free(f->ctx);
    assert_int_equal(f->h.live, 0);
}
static inline fire_fit_options options(int epochs, int64_t batch) { return (fire_fit_options){.size = sizeof(fire_fit_options), .epochs = epochs, .batch_size = batch, .seed = 4}; }

typedef struct told { int epochs, batches; int64_t rows; double loss[64], accuracy[64], val[64]; int stop_at; fire_network *net; double rate; } told;
static inline int listen_in(void *user, const fire_progress *p) {
    told *t = user;
    if (p->event == FIRE_BATCH_END) { t->batches++; return 0; }
    t->loss[t->epochs] = p->result[0];
    t->accuracy[t->epochs] = p->result[1];
    t->val[t->epochs] = p->validation[0];
    t->rows += p->rows;
    if (p->step != p->steps) return 9;
    if (t->rate) fire_network_set_learning_rate(t->net, t->rate, NULL);
    return ++t->epochs == t->stop_at;
}
#endif
