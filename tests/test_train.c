/* test_train.c - fit, evaluate, gradients and adapt in one process, with any number of threads, and checkpoints that go on. */
#include "train_table.h"

static void learns(void **state) {
    for (int type = 0; type < 2; type++) {
        fixture f;
        told t = {0};
        begin_with(&f, type ? FIRE_F64 : FIRE_F32, mlp, "Adam learning_rate=0.02", SCCE, NULL);
        fire_fit_options o = options(30, 32);
        fire_fit_report r;
        o.progress = listen_in, o.user = &t;
        OK(fire_fit(f.net, f.data, &o, &r, err_));
        assert_int_equal(t.epochs, 30);
        assert_int_equal(t.rows, 30 * ROWS);
        assert_int_equal(r.rows, 30 * ROWS);
        assert_int_equal(r.steps, 30 * 13);
        assert_int_equal(r.best_epoch, -1);
        assert_true(t.loss[29] < 0.25 * t.loss[0]);
        assert_true(t.accuracy[29] > 0.95);
        double results[FIRE_MAX_RESULTS];
        OK(fire_evaluate(f.net, f.data, NULL, results, err_));
        assert_true(results[0] < t.loss[29] && results[1] >= 0.95);
        fire_network_info info;
        fire_network_info_get(f.net, &info);
        assert_int_equal(info.step, 390);
        assert_int_equal(info.epoch, 30);
        end(&f);
    }
}

/* The loss of an epoch without updates is the loss of evaluate; and both are what scoring says. */
static void loss_is_the_mean_over_rows(void **state) {
    fixture f;
    told t = {0};
    begin_with(&f, FIRE_F64, mlp, "SGD learning_rate=0", SCCE, NULL);
    fire_fit_options o = options(1, 50);
    o.progress = listen_in, o.user = &t;
    OK(fire_fit(f.net, f.data, &o, NULL, err_));
    double results[FIRE_MAX_RESULTS], *p = malloc(sizeof(double) * ROWS * CLASSES), loss = 0, right = 0;
    OK(fire_evaluate(f.net, f.data, NULL, results, err_));
    OK(fire_predict(f.net, f.data, p, NULL, err_));
    for (int i = 0; i < ROWS; i++) {
        int best = 0;
        for (int k = 1; k < CLASSES; k++) if (p[i * CLASSES + k] > p[i * CLASSES + best]) best = k;
        loss -= log(p[i * CLASSES + f.t.y[i]]) / ROWS;
        right += (best == f.t.y[i]) / (double)ROWS;
    }
    assert_true(fabs(loss - results[0]) < 1e-12 && fabs(loss - t.loss[0]) < 1e-12);
    assert_true(fabs(right - results[1]) < 1e-12 && fabs(right - t.accuracy[0]) < 1e-12);
    free(p);
    end(&f);
}

static void fit_with(const fire_config *config, fire_type type, const char *const *layers, int64_t batch, bool reproducible, weights *w, int parts) {
    fixture f;
    begin_with(&f, type, layers, "Adam learning_rate=0.01", SCCE, config);
    fire_fit_options o = options(0, batch);
    o.reproducible = reproducible;
    for (int i = 0; i < parts; i++) {
        o.epochs = 4 / parts;
        OK(fire_fit(f.net, f.data, &o, NULL, err_));
    }
    read_weights(f.net, w);
    end(&f);
}

static void threads_and_kernels_agree(void **state) {
    static weights one, w;
    fit_with(&(fire_config){.threads = 1}, FIRE_F64, mlp, 200, false, &one, 1);
    for (int32_t threads = 1; threads <= 4; threads++) {
        fit_with(&(fire_config){.threads = threads}, FIRE_F64, mlp, 200, false, &w, 1);
        assert_true(difference(&one, &w) < 1e-9);
        fit_with(&(fire_config){.threads = threads, .reference_only = true}, FIRE_F64, mlp, 200, false, &w, 1);
        assert_true(difference(&one, &w) < 1e-9);
    }
    fit_with(&(fire_config){.threads = 1}, FIRE_F32, mlp, 200, false, &w, 1);
    assert_true(difference(&one, &w) < 1e-3); /* Adam divides small gradients by their own size: float32's rounding grows */
    fit_with(&(fire_config){.threads = 1}, FIRE_F64, mlp, 200, false, &w, 2);
    assert_memory_equal(&one, &w, sizeof w); /* two fits of two epochs are one of four */
}

/* Batch moments are those of the whole batch however many threads share it, and so are moving averages. */
static void batch_moments(void **state) {
    static weights one, w;
    fit_with(&(fire_config){.threads = 1}, FIRE_F64, normed, 200, false, &one, 1);
    for (int32_t threads = 2; threads <= 4; threads++) {
        fit_with(&(fire_config){.threads = threads}, FIRE_F64, normed, 200, false, &w, 1);
        assert_true(difference(&one, &w) < 1e-9);
    }
    /* By hand: one step that changes no weight moves the averages by a fifth of the way to the moments of what comes in. */
    static const char *const alone[] = {"BatchNormalization momentum=0.8", "Dense units=3 activation=softmax", NULL};
    fixture f;
    begin_with(&f, FIRE_F64, alone, "SGD learning_rate=0", SCCE, &(fire_config){.threads = 3});
    fire_fit_options o = options(1, ROWS);
    OK(fire_fit(f.net, f.data, &o, NULL, err_));
    for (int k = 0; k < WIDTH; k++) {
        double mean = 0, variance = 0;
        for (int i = 0; i < ROWS; i++) mean += f.t.x[i][k] / ROWS;
        for (int i = 0; i < ROWS; i++) variance += (f.t.x[i][k] - mean) * (f.t.x[i][k] - mean) / ROWS;
        fire_weight_info info;
        OK(fire_network_weight(f.net, 2, &info, err_));
        assert_true(fabs(fire_get(&info.value, k) - 0.2 * mean) < 1e-12);
        OK(fire_network_weight(f.net, 3, &info, err_));
        assert_true(fabs(fire_get(&info.value, k) - (0.8 + 0.2 * variance)) < 1e-12);
    }
    end(&f);
}

static void reproducible_threads(void **state) {
    static weights one, w;
    for (int k = 0; k < 2; k++) {
        fit_with(&(fire_config){.threads = 1}, FIRE_F32, k ? held : dropped, 100, true, &one, 1);
        for (int32_t threads = 2; threads <= 4; threads++) {
            fit_with(&(fire_config){.threads = threads}, FIRE_F32, k ? held : dropped, 100, true, &w, 1);
            assert_memory_equal(&one, &w, sizeof w);
        }
    }
}


static void weighted(void **state) {
    /* All weights 3 at a third of the rate is no weights, with plain SGD; class weights likewise; and the two multiply. */
    static weights plain, w;
    for (int how = 0; how < 4; how++) {
        fixture f;
        begin_with(&f, FIRE_F64, mlp, how ? how == 3 ? "SGD learning_rate=0.01" : "SGD learning_rate=0.03" : "SGD learning_rate=0.09", SCCE, NULL);
        double three[ROWS], results[FIRE_MAX_RESULTS], base = 0, class_weight[] = {3, 3, 3};
        for (int i = 0; i < ROWS; i++) three[i] = 3;
        if (how == 1 || how == 3) {
            fire_tensor x = {FIRE_F64, {2, {ROWS, WIDTH}}, f.t.x}, y = {FIRE_I32, {1, {ROWS}}, f.t.y}, tw = {FIRE_F64, {1, {ROWS}}, three};
            fire_dataset_free(f.data);
            OK(fire_dataset_new(f.ctx, &f.data, err_));
            OK(fire_dataset_add(f.data, &x, &y, &tw, err_));
        }
        fire_fit_options o = options(3, 64);
        if (how >= 2) o.class_weight = class_weight, o.n_class_weight = 3;
        OK(fire_fit(f.net, f.data, &o, NULL, err_));
        OK(fire_evaluate(f.net, f.data, NULL, results, err_));
        read_weights(f.net, how ? &w : &plain);
        if (how) assert_true(difference(&plain, &w) < 1e-12);
        OK(fire_gradients(f.net, f.data, false, &base, NULL, NULL, err_));
        assert_true(fabs(base - results[0]) < 1e-12 * base); /* weights count in evaluate, class weights do not */
        end(&f);
    }
    /* Weight 0 takes a row out of the gradient, but not out of the denominator. */
    fixture f;
    begin_with(&f, FIRE_F64, mlp, "SGD", SCCE, NULL);
    double zero[ROWS], loss, all;
    for (int i = 0; i < ROWS; i++) zero[i] = i < 100;
    OK(fire_network_build(f.net, &(fire_shape){1, {WIDTH}}, err_));
    fire_dataset *d[2];
    for (int k = 0; k < 2; k++) {
        int64_t n = k ? 100 : ROWS;
        fire_tensor x = {FIRE_F64, {2, {n, WIDTH}}, f.t.x}, y = {FIRE_I32, {1, {n}}, f.t.y}, tw = {FIRE_F64, {1, {n}}, zero};
        OK(fire_dataset_new(f.ctx, &d[k], err_));
        OK(fire_dataset_add(d[k], &x, &y, k ? NULL : &tw, err_));
    }
    OK(fire_gradients(f.net, d[0], false, &all, NULL, NULL, err_));
    OK(fire_gradients(f.net, d[1], false, &loss, NULL, NULL, err_));
    assert_true(fabs(all * ROWS - loss * 100) < 1e-9);
    fire_dataset_free(d[0]);
    fire_dataset_free(d[1]);
    end(&f);
}

static void gradients_are_differences(void **state) {
    fixture f;
    begin_with(&f, FIRE_F64, mlp, "SGD", SCCE, NULL);
    double loss, kernel[WIDTH * 16], bias[16], kernel2[48], bias2[3], *dx = malloc(sizeof f.t.x);
    void *all[] = {kernel, bias, kernel2, bias2};
    OK(fire_gradients(f.net, f.data, false, &loss, all, dx, err_));
    for (int i = 0; i < 4; i++) {
        fire_weight_info info;
        OK(fire_network_weight(f.net, i, &info, err_));
        double *v = info.value.data;
        for (int64_t k = 0; k < fire_count(&info.value.shape); k += 3) {
            double h = 1e-6, keep = v[k], up, down;
            v[k] = keep + h;
            OK(fire_gradients(f.net, f.data, false, &up, NULL, NULL, err_));
            v[k] = keep - h;
            OK(fire_gradients(f.net, f.data, false, &down, NULL, NULL, err_));
            v[k] = keep;
            assert_true(fabs((up - down) / (2 * h) - ((double *)all[i])[k]) < 1e-7);
        }
    }
    for (int k = 0; k < WIDTH; k++) {
        double h = 1e-6, up, down;
        f.t.x[7][k] += h;
        OK(fire_gradients(f.net, f.data, false, &up, NULL, NULL, err_));
        f.t.x[7][k] -= 2 * h;
        OK(fire_gradients(f.net, f.data, false, &down, NULL, NULL, err_));
        f.t.x[7][k] += h;
        assert_true(fabs((up - down) / (2 * h) - dx[7 * WIDTH + k]) < 1e-8);
    }
    /* A frozen layer: zero gradient, and fit leaves it. */
    static weights before, after;
    OK(fire_network_set_trainable(f.net, 0, false, err_));
    OK(fire_gradients(f.net, f.data, false, &loss, all, NULL, err_));
    for (int k = 0; k < WIDTH * 16; k++) assert_true(kernel[k] == 0);
    assert_true(kernel2[0] != 0);
    read_weights(f.net, &before);
    fire_fit_options o = options(2, 32);
    OK(fire_fit(f.net, f.data, &o, NULL, err_));
    read_weights(f.net, &after);
    assert_memory_equal(before.v, after.v, sizeof(double) * (WIDTH * 16 + 16));
    assert_true(before.v[WIDTH * 16 + 16] != after.v[WIDTH * 16 + 16]);
    free(dx);
    end(&f);
}

static void stops_early(void **state) {
    fixture f;
    told t = {0};
    begin_with(&f, FIRE_F64, mlp, "Adam learning_rate=0.2", SCCE, NULL);
    OK(fire_dataset_split(f.data, 0.25, 2, false, err_));
    fire_fit_options o = options(60, 32);
    fire_fit_report r;
    o.progress = listen_in, o.user = &t;
    o.stop.monitor = "val_loss", o.stop.patience = 3, o.stop.restore_best = true;
    OK(fire_fit(f.net, f.data, &o, &r, err_));
    assert_true(r.stopped_early && r.epochs_run == r.best_epoch + 4 && r.epochs_run == t.epochs);
    double best = INFINITY;
    int at = -1;
    for (int i = 0; i < t.epochs; i++) if (t.val[i] < best) best = t.val[i], at = i;
    assert_int_equal(at, r.best_epoch);
    /* The weights that are back give that epoch's validation loss again. */
    memset(&t, 0, sizeof t);
    OK(fire_network_compile(f.net, "SGD learning_rate=0", SCCE, "accuracy", err_));
    o.epochs = 1, o.stop.monitor = NULL;
    OK(fire_fit(f.net, f.data, &o, &r, err_));
    assert_true(t.val[0] == best);
    o.stop.monitor = "val_los";
    assert_int_equal(fire_fit(f.net, f.data, &o, &r, &f.err), FIRE_USAGE);
    assert_non_null(strstr(f.err.message, "val_loss"));
    end(&f);
}

static void can_be_cancelled(void **state) {
    fixture f;
    told t = {.stop_at = 2};
    begin_with(&f, FIRE_F32, mlp, "SGD", SCCE, NULL);
    fire_fit_options o = options(9, 32);
    fire_fit_report r = {0};
    o.progress = listen_in, o.user = &t;
    assert_int_equal(fire_fit(f.net, f.data, &o, &r, &f.err), FIRE_CANCELLED);
    assert_int_equal(t.epochs, 2);
    assert_int_equal(r.epochs_run, 2);
    /* A learning rate that the callback sets holds from then on. */
    static weights before, after;
    t = (told){.net = f.net, .rate = 1e-30};
    o.epochs = 1;
    OK(fire_fit(f.net, f.data, &o, &r, err_));
    read_weights(f.net, &before);
    OK(fire_fit(f.net, f.data, &o, &r, err_));
    read_weights(f.net, &after);
    assert_memory_equal(&before, &after, sizeof before);
    end(&f);
}

static void divergence(void **state) {
    fixture f;
    static weights start, now;
    begin_with(&f, FIRE_F32, regression, "SGD learning_rate=0.01", "mse", NULL);
    fire_fit_options o = options(2, 32);
    OK(fire_fit(f.net, f.data, &o, NULL, err_));
    read_weights(f.net, &start);
    OK(fire_network_set_learning_rate(f.net, 1e20, err_));
    assert_int_equal(fire_fit(f.net, f.data, &o, NULL, &f.err), FIRE_DIVERGED);
    assert_int_equal(f.err.code, FIRE_E_DIVERGED);
    assert_non_null(strstr(f.err.message, "epoch 1, step "));
    assert_non_null(strstr(f.err.message, "learning rate 1e+20"));
    read_weights(f.net, &now);
    assert_memory_equal(&start, &now, sizeof now);
    f.t.x[17][2] = NAN; /* features that are not finite are named as the cause */
    OK(fire_network_set_learning_rate(f.net, 0.01, err_));
    assert_int_equal(fire_fit(f.net, f.data, &o, NULL, &f.err), FIRE_DIVERGED);
    assert_non_null(strstr(f.err.message, "the features of this batch hold NaN or infinity, row 17 for one;"));
    read_weights(f.net, &now);
    assert_memory_equal(&start, &now, sizeof now);
    f.t.x[17][2] = 0;
    double target[ROWS] = {[23] = INFINITY};
    fire_tensor x = {FIRE_F64, {2, {ROWS, WIDTH}}, f.t.x}, y = {FIRE_F64, {1, {ROWS}}, target};
    fire_dataset *d;
    OK(fire_dataset_new(f.ctx, &d, err_));
    OK(fire_dataset_add(d, &x, &y, NULL, err_));
    assert_int_equal(fire_fit(f.net, d, &o, NULL, &f.err), FIRE_DIVERGED);
    assert_non_null(strstr(f.err.message, "the labels of this batch hold NaN or infinity, row 23 for one;"));
    fire_dataset_free(d);
    end(&f);
}

static void bad_input(void **state) {
    fixture f;
    fire_dataset *none;
    double results[FIRE_MAX_RESULTS];
    begin_with(&f, FIRE_F32, mlp, "SGD", SCCE, NULL);
    fire_fit_options o = options(1, 32);
    OK(fire_dataset_new(f.ctx, &none, err_));
    assert_int_equal(fire_fit(f.net, none, &o, NULL, &f.err), FIRE_DATA);
    assert_int_equal(f.err.code, FIRE_E_NO_ROWS);
    assert_int_equal(fire_evaluate(f.net, none, NULL, results, &f.err), FIRE_DATA);
    assert_int_equal(fire_gradients(f.net, none, false, results, NULL, NULL, &f.err), FIRE_DATA);
    fire_dataset_free(none);
    f.t.y[5] = 3;
    assert_int_equal(fire_fit(f.net, f.data, &o, NULL, &f.err), FIRE_DATA);
    assert_int_equal(f.err.code, FIRE_E_LABEL);
    assert_non_null(strstr(f.err.message, "row 5 is 3, expected a whole number from 0 to 2"));
    assert_int_equal(fire_evaluate(f.net, f.data, NULL, results, &f.err), FIRE_DATA);
    f.t.y[5] = 0;
    fire_fit_options bad = o;
    bad.batch_size = -1;
    assert_int_equal(fire_fit(f.net, f.data, &bad, NULL, &f.err), FIRE_USAGE);
    bad = o, bad.size = 0;
    assert_int_equal(fire_fit(f.net, f.data, &bad, NULL, &f.err), FIRE_USAGE);
    bad = o, bad.class_weight = (const double[]){1, -1, 1}, bad.n_class_weight = 3;
    assert_int_equal(fire_fit(f.net, f.data, &bad, NULL, &f.err), FIRE_USAGE);
    assert_non_null(strstr(f.err.message, "class 1 is -1"));
    OK(fire_fit(f.net, f.data, &o, NULL, err_));

    /* What is learned from NaN is not kept: the same network trains when the rows are mended. */
    static const char *const normalized[] = {"Normalization", "Dense units=1 activation=sigmoid", NULL};
    fire_network *net = NULL;
    OK(make_network(f.ctx, FIRE_F32, normalized, "SGD", "bce", &net, err_));
    for (int i = 0; i < ROWS; i++) f.t.y[i] &= 1;
    f.t.x[3][1] = NAN;
    assert_int_equal(fire_fit(net, f.data, &o, NULL, &f.err), FIRE_DATA);
    assert_non_null(strstr(f.err.message, "Normalization 'normalization': the features that it learns from hold NaN"));
    f.t.x[3][1] = 0;
    OK(fire_fit(net, f.data, &o, NULL, err_));
    f.t.y[9] = -1; /* yes or no, and nothing else */
    assert_int_equal(fire_fit(net, f.data, &o, NULL, &f.err), FIRE_DATA);
    assert_int_equal(f.err.code, FIRE_E_LABEL);
    assert_non_null(strstr(f.err.message, "the label of row 9 is -1, expected 0, 1 or a probability"));
    fire_network_free(net);

    /* Rows of another width; labels of another shape; no labels. */
    fire_dataset *d;
    double three[6] = {0};
    int32_t label[4] = {0};
    fire_tensor x = {FIRE_F64, {2, {2, 3}}, three}, wide = {FIRE_F64, {2, {1, WIDTH}}, three}, y = {FIRE_I32, {1, {2}}, label}, two = {FIRE_I32, {2, {1, 2}}, label};
    OK(fire_dataset_new(f.ctx, &d, err_));
    OK(fire_dataset_add(d, &x, &y, NULL, err_));
    assert_int_equal(fire_fit(f.net, d, &o, NULL, &f.err), FIRE_USAGE);
    assert_non_null(strstr(f.err.message, "[n, 3], the network takes [n, 5]"));
    fire_dataset_free(d);
    OK(fire_dataset_new(f.ctx, &d, err_));
    OK(fire_dataset_add(d, &wide, &two, NULL, err_));
    assert_int_equal(fire_fit(f.net, d, &o, NULL, &f.err), FIRE_USAGE);
    assert_non_null(strstr(f.err.message, "the labels have shape [n, 2], the loss SparseCategoricalCrossentropy (for class numbers"));
    fire_dataset_free(d);
    OK(fire_dataset_new(f.ctx, &d, err_));
    OK(fire_dataset_add(d, &wide, NULL, NULL, err_));
    assert_int_equal(fire_fit(f.net, d, &o, NULL, &f.err), FIRE_USAGE);
    assert_non_null(strstr(f.err.message, "no labels, which the loss SparseCategoricalCrossentropy needs; give y"));
    fire_dataset_free(d);
    fire_network *plain;
    OK(fire_network_new(f.ctx, FIRE_F32, &plain, err_));
    assert_int_equal(fire_fit(plain, f.data, &o, NULL, &f.err), FIRE_USAGE);
    assert_int_equal(f.err.code, FIRE_E_NOT_COMPILED);
    fire_network_free(plain);
    end(&f);
}

/* ---- checkpoints ---- */

/* A checkpoint goes on where it was written: four epochs, or two, a load, and two more, give the same bits. */
static void goes_on(const char *optimizer, fire_type type, const char *const *layers) {
    static weights whole, parts;
    char dir[] = "/tmp/fire-train-XXXXXX", command[64];
    assert_non_null(mkdtemp(dir));
    fixture f;
    begin_with(&f, type, layers, optimizer, SCCE, NULL);
    fire_fit_options o = options(4, 50);
    OK(fire_fit(f.net, f.data, &o, NULL, err_));
    read_weights(f.net, &whole);
    end(&f);
    begin_with(&f, type, layers, optimizer, SCCE, NULL);
    o.epochs = 2, o.checkpoint_dir = dir;
    OK(fire_fit(f.net, f.data, &o, NULL, err_));
    for (int k = 0; k < 2; k++) { /* the checkpoint of an epoch, and one of a fit that has ended */
        fire_network *again = NULL;
        if (k) OK(fire_save_checkpoint(f.net, dir, err_));
        OK(fire_load(f.ctx, dir, &again, err_));
        o.epochs = 4, o.initial_epoch = 2, o.checkpoint_dir = NULL;
        OK(fire_fit(again, f.data, &o, NULL, err_));
        read_weights(again, &parts);
        fire_network_free(again);
        if (memcmp(&whole, &parts, sizeof whole)) fail_msg("%s: two epochs and two more are not four (%s)", optimizer, k ? "saved at the end" : "saved by fit");
    }
    end(&f);
    snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

/* In the middle of an epoch too: who is told that a checkpoint is due writes the `take`-th, and that training goes on to the same bits and results. */
typedef struct taken { fire_network *net; const char *dir; int at, take; int32_t epoch; int64_t step; double result[3][2]; fire_status st; } taken;
static int take(void *user, const fire_progress *p) {
    taken *t = user;
    if (p->event == FIRE_EPOCH_END) memcpy(t->result[p->epoch], p->result, sizeof t->result[0]);
    if (p->event != FIRE_CHECKPOINT || t->at++ != t->take) return 0;
    bool ended = p->step == p->steps; /* the third one is due at the end of an epoch */
    t->epoch = p->epoch + ended, t->step = ended ? 0 : p->step;
    t->st = fire_save_checkpoint(t->net, t->dir, NULL);
    return 0;
}

static void goes_on_inside(const char *optimizer, fire_type type, const char *const *layers, int which, bool reproducible) {
    static weights whole, parts;
    char dir[] = "/tmp/fire-train-XXXXXX", command[64];
    assert_non_null(mkdtemp(dir));
    fixture f;
    begin_with(&f, type, layers, optimizer, SCCE, NULL);
    taken t = {.net = f.net, .dir = dir, .take = which};
    fire_fit_options o = options(3, 50);
    o.checkpoint_steps = 3, o.progress = take, o.user = &t, o.reproducible = reproducible;
    OK(fire_fit(f.net, f.data, &o, NULL, err_));
    assert_int_equal(t.st, FIRE_OK);
    assert_true(t.at > which && t.step == (which == 2 ? 0 : which % 3 * 3 + 3));
    read_weights(f.net, &whole);
    end(&f);
    begin_with(&f, type, layers, optimizer, SCCE, NULL);
    fire_network *again = NULL;
    OK(fire_load(f.ctx, dir, &again, err_));
    taken u = {.take = -1};
    o.initial_epoch = t.epoch, o.initial_step = t.step, o.user = &u;
    OK(fire_fit(again, f.data, &o, NULL, err_));
    read_weights(again, &parts);
    fire_network_free(again);
    if (memcmp(&whole, &parts, sizeof whole) || memcmp(t.result[t.epoch], u.result[t.epoch], (size_t)(3 - t.epoch) * sizeof t.result[0]))
        fail_msg("%s: it does not go on after epoch %d, step %d: loss %.17g, then %.17g", optimizer, (int)t.epoch, (int)t.step, t.result[t.epoch][0], u.result[t.epoch][0]);
    OK(fire_load(f.ctx, dir, &again, err_));
    o.batch_size = 500, o.initial_step = 9;
    fire_error why = {0};
    assert_int_equal(fire_fit(again, f.data, &o, NULL, &why), FIRE_USAGE);
    assert_non_null(strstr(why.message, "of before"));
    fire_network_free(again);
    end(&f);
    snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

static void goes_on_in_the_middle_of_an_epoch(void **state) {
    for (int which = 0; which < 4; which++) {
        goes_on_inside("Adam learning_rate=0.01", FIRE_F32, held, which, which % 2);
        goes_on_inside("SGD momentum=0.9", FIRE_F64, normed, which, which == 2);
    }
    goes_on_inside("Nadam gradient_accumulation_steps=4 clipvalue=0.01", FIRE_F32, held, 1, false);
    goes_on_inside("Adam use_ema=1 ema_momentum=0.5", FIRE_F64, held, 2, false);
    (void)state;
}

static void goes_on_from_a_checkpoint(void **state) {
    static const char *const settings[] = {"SGD momentum=0.9 nesterov=1", "RMSprop centered=1 momentum=0.5", "Adam amsgrad=1 use_ema=1 ema_overwrite_frequency=5", "Adam use_ema=1 ema_momentum=0.5",
        "Nadam gradient_accumulation_steps=4 clipvalue=0.01", "SGD global_clipnorm=0.1 weight_decay=0.1 exclude_from_weight_decay=bias|gamma",
        "SGD momentum=0.9 learning_rate=\"OneCycleLR max_lr=0.1 total_steps=30\"", "Adam learning_rate=\"PiecewiseConstantDecay boundaries=[7,20] values=[0.01,0.02,0.001]\""};
    for (const fire_optim *const *p = fire_optims; *p; p++) goes_on((*p)->name, FIRE_F32, (*p)->full_batch ? normed : held);
    for (size_t k = 0; k < sizeof settings / sizeof *settings; k++) goes_on(settings[k], k % 2 ? FIRE_F32 : FIRE_F64, held);
    goes_on("LBFGS history_size=3 tol=0", FIRE_F64, dropped);
}

/* ---- failing calls ---- */

static fire_status whole_life(fire_context *ctx, void *user, fire_error *err) {
    table *t = user;
    fire_dataset *d = NULL;
    fire_network *net = NULL;
    double results[FIRE_MAX_RESULTS], loss;
    fire_tensor x = {FIRE_F64, {2, {70, WIDTH}}, t->x}, y = {FIRE_I32, {1, {70}}, t->y};
    static const char *const layers[] = {"Normalization", "Dense units=4 activation=relu kernel_regularizer=L2 kernel_constraint=UnitNorm", "Dropout", "BatchNormalization", "Dense units=3 activation=softmax", NULL};
    fire_fit_options o = options(2, 32);
    o.stop.monitor = "val_loss", o.stop.patience = 5, o.stop.restore_best = true;
    fire_status st = fire_dataset_new(ctx, &d, err);
    if (!st) st = fire_dataset_add(d, &x, &y, NULL, err);
    if (!st) st = fire_dataset_split(d, 0.2, 1, true, err);
    if (!st) st = make_network(ctx, FIRE_F32, layers, "Adam use_ema=1 clipnorm=1", SCCE, &net, err);
    if (!st) st = fire_fit(net, d, &o, NULL, err);
    if (!st) st = fire_evaluate(net, d, NULL, results, err);
    if (!st) st = fire_gradients(net, d, true, &loss, NULL, NULL, err);
    if (!st) st = fire_adapt(net, d, NULL, err);
    fire_network_free(net);
    fire_dataset_free(d);
    return st;
}

static void allocation_failures(void **state) {
    table *t = malloc(sizeof *t);
    make_table(t);
    assert_true(harness_fail_each(whole_life, t) > 100);
    free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learns), cmocka_unit_test(loss_is_the_mean_over_rows), cmocka_unit_test(threads_and_kernels_agree),
        cmocka_unit_test(batch_moments), cmocka_unit_test(reproducible_threads), cmocka_unit_test(weighted),
        cmocka_unit_test(gradients_are_differences), cmocka_unit_test(stops_early), cmocka_unit_test(can_be_cancelled),
        cmocka_unit_test(divergence), cmocka_unit_test(bad_input), cmocka_unit_test(goes_on_in_the_middle_of_an_epoch),
        cmocka_unit_test(goes_on_from_a_checkpoint), cmocka_unit_test(allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
