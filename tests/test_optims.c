/* test_optims.c - a range cut anywhere gives the bits of the whole; instruction sets and element types agree; steps are as in the papers. */
#include "harness.h"
#include "optim.h"
#include "rng.h"
#include <math.h>
#include <string.h>

static const char *const settings[] = {
    "SGD learning_rate=0.1", "SGD learning_rate=0.1 momentum=0.9", "SGD learning_rate=0.1 momentum=0.9 nesterov=1",
    "RMSprop learning_rate=0.05", "RMSprop learning_rate=0.05 momentum=0.9", "RMSprop learning_rate=0.05 centered=1",
    "RMSprop rho=0.8 momentum=0.5 centered=1 epsilon=1e-5", "Adam learning_rate=0.05", "Adam beta_1=0.5 beta_2=0.9 epsilon=1e-4",
    "Adam learning_rate=0.05 amsgrad=1", "AdamW learning_rate=0.05", "Adamax learning_rate=0.05", "Nadam learning_rate=0.05", "Nadam learning_rate=0.05 momentum_decay=0.004",
    "RAdam learning_rate=0.05 beta_2=0.5", "Adagrad learning_rate=0.05", "Adadelta learning_rate=0.5", "Ftrl learning_rate=0.05 l1_regularization_strength=0.01 beta=0.1",
    "Ftrl learning_rate=0.05 learning_rate_power=-0.3 l2_shrinkage_regularization_strength=0.1", "Lion learning_rate=0.05", "Rprop learning_rate=0.05", "Lamb learning_rate=0.05",
    "Lars learning_rate=0.05 l2=0.01", "Lars learning_rate=0.05 nesterov=1", "SGD learning_rate=0.1 momentum=0.9 dampening=0.3", "SGD learning_rate=0.1 momentum=0.9 dampening=0.3 nesterov=1",
};
enum { N = 1003, MAX_SLOTS = 3, STEPS = 5 };

typedef struct { _Alignas(64) unsigned char w[N * 8], g[N * 8], slot[MAX_SLOTS][N * 8]; } state;

static double read_at(const void *p, fire_type type, int i) { return type == FIRE_F32 ? (double)((const float *)p)[i] : ((const double *)p)[i]; }
static void write_at(void *p, fire_type type, int i, double v) {
    if (type == FIRE_F32) ((float *)p)[i] = (float)v;
    else ((double *)p)[i] = v;
}

/* The best instruction set of this CPU. */
static int best_isa(void) {
    harness h;
    harness_init(&h);
    fire_context *ctx = harness_context(&h, NULL);
    int isa = (int)ctx->isa;
    fire_context_free(ctx);
    return isa;
}

/* STEPS updates of one setting from drawn weights, every update in pieces that end at `cut`. */
static void run(const char *setting, int isa, fire_type type, const int *cut, int n_cuts, state *s) {
    char name[32];
    fire_error err;
    const char *rest = fire_name_read(setting, name, sizeof name);
    const fire_optim *o = fire_optim_find(name, isa);
    assert_non_null(o);
    _Alignas(16) unsigned char attrs[8192] = {0};
    assert_true(fire_optim_bytes(o) <= sizeof attrs);
    assert_int_equal(fire_optim_read(o, attrs, rest, &err), FIRE_OK);
    assert_true(o->slots(attrs) <= MAX_SLOTS);
    memset(s, 0, sizeof *s);
    fire_key key = fire_key_make(1, FIRE_STREAM_TEST);
    for (int i = 0; i < N; i++) write_at(s->w, type, i, fire_uniform53(fire_draw(key, (uint64_t)i, 0)) - 0.5);
    void *slots[] = {s->slot[0], s->slot[1], s->slot[2]};
    for (int k = 0; o->start && k < o->slots(attrs); k++)
        for (int i = 0; i < N; i++) write_at(s->slot[k], type, i, o->start(attrs, k));
    double base;
    memcpy(&base, attrs + o->rate_offset, sizeof base);
    for (int step = 1; step <= STEPS; step++) {
        for (int i = 0; i < N; i++) write_at(s->g, type, i, 32 * (fire_uniform53(fire_draw(key, (uint64_t)i, (uint64_t)step)) - 0.4));
        double rate = o->rate ? o->rate(attrs, base, step) : base;
        for (int k = 0, from = 0; k <= n_cuts; from = k < n_cuts ? cut[k] : 0, k++) {
            fire_optim_call call = {.attrs = attrs, .rate = rate, .momentum = NAN, .gscale = 1.0 / 32, .step = step, .type = type, .from = from,
                                    .to = k < n_cuts ? cut[k] : N, .w = s->w, .g = s->g, .slot = slots, .w_norm = 3, .g_norm = 4};
            if (o->direction) o->direction(&call);
            o->update(&call);
        }
    }
}

static void pieces_equal_the_whole(void **unused) {
    static const int cuts[][4] = {{1, 2, 3, 500}, {16, 32, 48, 1000}, {7, 333, 334, 1002}};
    static state whole, pieces;
    for (size_t k = 0; k < sizeof settings / sizeof *settings; k++)
        for (int isa = FIRE_ISA_BASE; isa <= best_isa(); isa++)
            for (int type = 0; type < 2; type++) {
                run(settings[k], isa, type ? FIRE_F64 : FIRE_F32, NULL, 0, &whole);
                for (int c = 0; c < 3; c++) {
                    run(settings[k], isa, type ? FIRE_F64 : FIRE_F32, cuts[c], 4, &pieces);
                    if (memcmp(&whole, &pieces, sizeof whole)) fail_msg("%s: isa %d, %s, cuts %d", settings[k], isa, type ? "float64" : "float32", c);
                }
            }
}

static void instruction_sets_agree(void **unused) {
    static state base, fast, wide;
    for (size_t k = 0; k < sizeof settings / sizeof *settings; k++)
        for (int type = 0; type < 2; type++) {
            fire_type t = type ? FIRE_F64 : FIRE_F32;
            run(settings[k], FIRE_ISA_BASE, t, NULL, 0, &base);
            for (int isa = FIRE_ISA_AVX2; isa <= best_isa(); isa++) {
                run(settings[k], isa, t, NULL, 0, &fast);
                for (int i = 0; i < N; i++) {
                    double a = read_at(base.w, t, i), b = read_at(fast.w, t, i);
                    if (fabs(a - b) > (type ? 1e-13 : 2e-5)) fail_msg("%s: isa %d, weight %d: %.9g and %.9g", settings[k], isa, i, a, b);
                }
            }
            if (type) continue;
            run(settings[k], FIRE_ISA_BASE, FIRE_F64, NULL, 0, &wide);
            for (int i = 0; i < N; i++)
                if (fabs(read_at(base.w, FIRE_F32, i) - read_at(wide.w, FIRE_F64, i)) > 2e-4) fail_msg("%s: float32 is off at %d", settings[k], i);
        }
}

/* Two steps of each rule by hand, for one weight with gradients 2 and -1. */
static void first_steps(void **unused) {
    static const struct { const char *setting; double w[2]; } cases[] = {
        {"SGD learning_rate=0.1", {1 - 0.2, 1 - 0.2 + 0.1}},
        {"SGD learning_rate=0.1 momentum=0.5", {0.8, 0.8 + (0.5 * -0.2 + 0.1)}},
        {"SGD learning_rate=0.1 momentum=0.5 nesterov=1", {1 + 0.5 * -0.2 - 0.2, 0.7 + 0.5 * (0.5 * -0.2 + 0.1) + 0.1}},
        {"SGD learning_rate=0.1 decay=1", {0.8, 0.8 + 0.05}},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        char name[32];
        const char *rest = fire_name_read(cases[k].setting, name, sizeof name);
        const fire_optim *o = fire_optim_find(name, FIRE_ISA_BASE);
        _Alignas(16) unsigned char attrs[8192] = {0};
        assert_int_equal(fire_optim_read(o, attrs, rest, NULL), FIRE_OK);
        double w = 1, m = 0, base, g[] = {2, -1};
        void *slot[] = {&m};
        memcpy(&base, attrs + o->rate_offset, sizeof base);
        for (int step = 1; step <= 2; step++) {
            fire_optim_call call = {.attrs = attrs, .rate = o->rate ? o->rate(attrs, base, step) : base, .momentum = NAN, .gscale = 1, .step = step, .type = FIRE_F64,
                                    .from = 0, .to = 1, .w = &w, .g = &g[step - 1], .slot = slot};
            o->update(&call);
            if (fabs(w - cases[k].w[step - 1]) > 1e-15) fail_msg("%s: step %d gave %.17g", cases[k].setting, step, w);
        }
    }
    /* Adam's first step is learning_rate whatever the gradient is (its section 2.1); RMSprop's is learning_rate / sqrt(1 - rho). */
    for (int k = 0; k < 2; k++) {
        const fire_optim *o = fire_optim_find(k ? "rmsprop" : "adam", FIRE_ISA_BASE);
        _Alignas(16) unsigned char attrs[8192] = {0};
        assert_int_equal(fire_optim_read(o, attrs, NULL, NULL), FIRE_OK);
        double w = 1, s[2] = {0}, g = 1000;
        void *slot[] = {&s[0], &s[1]};
        fire_optim_call call = {.attrs = attrs, .rate = 0.001, .momentum = NAN, .gscale = 1, .step = 1, .type = FIRE_F64, .from = 0, .to = 1, .w = &w, .g = &g, .slot = slot};
        o->update(&call);
        assert_true(fabs(1 - w - (k ? 0.001 / sqrt(0.1) : 0.001)) < 1e-8); /* float32 betas, as in Keras: 6.4e-9 */
    }
}

static void names(void **unused) {
    for (const fire_optim *const *p = fire_optims; *p; p++)
        for (int isa = 1; isa <= 3; isa++) assert_string_equal(fire_optim_find((*p)->name, isa)->name, (*p)->name);
    assert_non_null(fire_optim_find("adam", 1));
    assert_non_null(fire_optim_find("RMSPROP", 3));
    assert_null(fire_optim_find("ada", 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(pieces_equal_the_whole), cmocka_unit_test(instruction_sets_agree), cmocka_unit_test(first_steps), cmocka_unit_test(names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
