/* test_plan - plans against running every node one by one, on random graphs made from the operators' own examples; memory, binding. */
#include "harness.h"
#include "op.h"
#include "plan.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- random graphs ---- */

typedef struct { uint64_t random; } dice;
static int roll(dice *d, int n) { return (int)(harness_random(&d->random) % (uint64_t)n); }

#define MAX_VALUES 4096
typedef struct random_graph {
    fire_graph g;
    int n_filled;                       /* inputs and params, with how to fill them */
    fire_value filled[MAX_VALUES];
    harness_input how[MAX_VALUES];
    int n_outputs;
    fire_value output[8];
} random_graph;

/* An input for slot x of an example: a value that is already there, or a new input, param or constant. */
static fire_value choose(random_graph *r, dice *d, const harness_input *x, fire_type type) {
    fire_type t = x->type ? x->type : type;
    bool plain = !x->constant && !x->positive && !x->below && t == type;
    if (plain && roll(d, 4)) {
        fire_value fit[MAX_VALUES];
        int n = 0;
        for (int64_t v = 1; v < r->g.n_values; v++)
            if (fire_type_of(&r->g, (fire_value)v) == t) {
                fire_shape s = fire_shape_of(&r->g, (fire_value)v);
                if (fire_same_shape(&s, &x->shape)) fit[n++] = (fire_value)v;
            }
        if (n) return fit[roll(d, n)];
    }
    if ((x->constant && (x->type || (t != FIRE_F32 && t != FIRE_F64))) || (plain && roll(d, 3) == 0)) {
        uint64_t room[4096];
        fire_tensor c = {t, x->shape, room};
        harness_fill(x, 0, harness_random(&d->random), &c);
        return fire_graph_const(&r->g, t, x->shape, room);
    }
    char name[24];
    snprintf(name, sizeof name, "x%d", r->n_filled);
    fire_value v = roll(d, 2) ? fire_graph_input(&r->g, name, t, x->shape) : fire_graph_param(&r->g, name, t, x->shape);
    r->filled[r->n_filled] = v;
    r->how[r->n_filled++] = *x;
    return v;
}

static bool add_random(random_graph *r, dice *d, fire_type type, int n_ops) {
    const fire_op *op = fire_ops[roll(d, n_ops)];
    int n = 0;
    while (n < 12 && op->examples[n]) n++;
    harness_example e;
    assert_true(harness_example_read(op->examples[roll(d, n)], &e));
    fire_value in[FIRE_MAX_IN] = {0}, out[FIRE_MAX_OUT];
    for (int i = 0; i < e.n_in; i++)
        if (!e.in[i].absent && !(in[i] = choose(r, d, &e.in[i], type))) return false;
    return fire_apply_all(&r->g, op->name, e.n_in, in, e.attrs, out) == FIRE_OK;
}

static void make_graph(random_graph *r, fire_context *ctx, dice *d, fire_type type) {
    int n_ops = 0, nodes = 1 + roll(d, 30);
    while (fire_ops[n_ops]) n_ops++;
    memset(r, 0, sizeof *r);
    fire_graph_init(&r->g, ctx);
    for (int k = 0; k < nodes; k++)
        if (!add_random(r, d, type, n_ops)) fail_msg("building: %s", r->g.first.message);
    if (roll(d, 2)) { /* backward from some float value to all float inputs */
        fire_value y[1] = {0}, dy[1] = {0}, dx[MAX_VALUES];
        for (int64_t v = r->g.n_values - 1; v > 0 && !y[0]; v--)
            if (fire_type_of(&r->g, (fire_value)v) == type) y[0] = (fire_value)v;
        if (y[0] && fire_gradient(&r->g, 1, y, dy, r->n_filled, r->filled, dx)) fail_msg("gradient: %s", r->g.first.message);
        for (int i = 0; y[0] && i < r->n_filled && r->n_outputs < 5; i++)
            if (dx[i] && roll(d, 2)) r->output[r->n_outputs++] = dx[i];
    }
    for (int k = 1 + roll(d, 3); k > 0; k--) r->output[r->n_outputs++] = (fire_value)(1 + roll(d, (int)r->g.n_values - 1));
}

/* Fill twice with one seed: the same numbers. */
static void fill_value(const random_graph *r, int i, uint64_t seed, fire_tensor *t) {
    harness_fill(&r->how[i], i, seed, t);
    if (t->type == FIRE_F64)
        for (int64_t k = 0, n = fire_count(&t->shape); k < n; k++) ((double *)t->data)[k] = (float)((double *)t->data)[k];
}

static bool close_to(double a, double b, double size, double tolerance) {
    if (a != a || b != b || isinf(a) || isinf(b)) return !isfinite(a) && !isfinite(b);
    return fabs(a - b) <= tolerance * (fabs(a) + size);
}

/* Room for every tensor that is bound, each with a guard on both sides. */
#define GUARD 64
static void *guarded(size_t bytes) {
    char *p = malloc(bytes + 2 * GUARD + 1);
    assert_non_null(p);
    memset(p, 0x5A, bytes + 2 * GUARD);
    return p + GUARD;
}
static void check_guard(void *p, size_t bytes) {
    const char *c = p;
    for (int i = 1; i <= GUARD; i++)
        if (c[-i] != 0x5A || c[bytes + (size_t)i - 1] != 0x5A) fail_msg("written past the end of a bound tensor");
    free((char *)p - GUARD);
}

/* Float64, so that a rounding more or less by fusion stays far below the tolerance; steps at exact ties aside (harness_fill avoids them). */
static void check_graph(fire_context *ctx, uint64_t seed, harness *h) {
    random_graph *r = malloc(sizeof *r);
    assert_non_null(r);
    dice d = {seed};
    fire_error err = {0};
    make_graph(r, ctx, &d, FIRE_F64);
    fire_tensor *value = harness_values(&r->g, 1, &err);
    if (!value) fail_msg("graph %llu: %s", (unsigned long long)seed, err.message);
    for (int i = 0; i < r->n_filled; i++) fill_value(r, i, seed, &value[r->filled[i]]);
    harness_run(&r->g, value);

    fire_plan *p;
    bool steady = roll(&d, 2) == 0; /* params keep their numbers */
    if ((steady ? fire_plan_new_steady : fire_plan_new)(&r->g, 1, r->n_outputs, r->output, &p, &err)) fail_msg("graph %llu: %s", (unsigned long long)seed, err.message);
    void *in[MAX_VALUES], *out[8];
    size_t in_bytes[MAX_VALUES], out_bytes[8];
    for (int i = 0; i < r->n_filled; i++) {
        fire_tensor t = value[r->filled[i]];
        in_bytes[i] = (size_t)fire_count(&t.shape) * fire_type_size(t.type);
        t.data = in[i] = guarded(in_bytes[i]);
        fill_value(r, i, seed, &t);
        fire_plan_bind(p, r->filled[i], in[i]);
    }
    bool bound[8] = {0};
    for (int k = 0; k < r->n_outputs; k++) {
        const fire_value_info *v = fire_look(&r->g, r->output[k]);
        out_bytes[k] = (size_t)fire_count(&v->tensor.shape) * fire_type_size(v->tensor.type);
        out[k] = guarded(out_bytes[k]);
        bool twice = false;
        for (int q = 0; q < k; q++) twice = twice || r->output[q] == r->output[k];
        if (v->source == FIRE_FROM_NODE && !twice && roll(&d, 2)) fire_plan_bind(p, r->output[k], out[k]), bound[k] = true;
    }
    int64_t calls = h->calls;
    for (int round = 0; round < 2; round++) { /* the second run must not see what the first left */
        if (steady && (round == 0 || roll(&d, 2))) fire_plan_hold(p);
        fire_plan_run(p);
        for (int k = 0; k < r->n_outputs; k++) {
            fire_tensor want = value[r->output[k]], got = fire_plan_tensor(p, r->output[k]);
            assert_true(fire_same_shape(&want.shape, &got.shape));
            assert_int_equal(want.type, got.type);
            assert_ptr_equal(got.data, fire_plan_data(p, r->output[k]));
            if (bound[k]) assert_ptr_equal(got.data, out[k]);
            double size = 1; /* inputs are of that size, and sums of them may cancel */
            for (int64_t e = 0, n = fire_count(&want.shape); e < n; e++)
                if (isfinite(fire_get(&want, e))) size = fmax(size, fabs(fire_get(&want, e)));
            for (int64_t e = 0, n = fire_count(&want.shape); e < n; e++)
                if (!close_to(fire_get(&want, e), fire_get(&got, e), size, 1e-9))
                    fail_msg("graph %llu, output %d (value %d), element %lld: %.17g, expected %.17g", (unsigned long long)seed, k, (int)r->output[k],
                             (long long)e, fire_get(&got, e), fire_get(&want, e));
        }
    }
    assert_int_equal(h->calls, calls); /* a run allocates nothing */
    fire_plan_free(p);
    for (int i = 0; i < r->n_filled; i++) { /* inputs are only read */
        fire_tensor t = value[r->filled[i]];
        void *again = malloc(in_bytes[i] + 1);
        t.data = again;
        fill_value(r, i, seed, &t);
        assert_memory_equal(again, in[i], in_bytes[i]);
        free(again);
        check_guard(in[i], in_bytes[i]);
    }
    for (int k = 0; k < r->n_outputs; k++) check_guard(out[k], out_bytes[k]);
    harness_values_free(&r->g, value);
    fire_graph_clear(&r->g);
    free(r);
}

static void random_graphs(bool reference_only, uint64_t first, int count) {
    harness h;
    harness_init(&h);
    fire_config c = {.reference_only = reference_only};
    fire_context *ctx = harness_context(&h, &c);
    for (int k = 0; k < count; k++) check_graph(ctx, first + (uint64_t)k, &h);
    fire_context_free(ctx);
    assert_int_equal(h.live, 0);
}
static void test_random_graphs_reference(void **state) { random_graphs(true, 1, 1500); }
static void test_random_graphs_fast(void **state) { random_graphs(false, 1000001, 1500); }

/* ---- a network's training graph ---- */

typedef struct { fire_graph g; fire_value x, t, w[3], b[3], loss, p, out[8]; int n_out; } mlp;

static const int64_t WIDTH[4] = {20, 17, 33, 10};

static void make_mlp(mlp *m, fire_context *ctx, fire_type type) {
    fire_graph *g = &m->g;
    fire_graph_init(g, ctx);
    fire_value y = m->x = fire_graph_input(g, "x", type, (fire_shape){2, {-1, WIDTH[0]}});
    m->t = fire_graph_input(g, "t", FIRE_I64, (fire_shape){1, {-1}});
    for (int k = 0; k < 3; k++) {
        m->w[k] = fire_graph_param(g, "w", type, (fire_shape){2, {WIDTH[k], WIDTH[k + 1]}});
        m->b[k] = fire_graph_param(g, "b", type, (fire_shape){1, {WIDTH[k + 1]}});
        y = fire_apply(g, "Gemm", 3, FIRE_IN(y, m->w[k], m->b[k]), NULL);
        if (k < 2) y = fire_apply(g, k ? "Tanh" : "Relu", 1, FIRE_IN(y), NULL);
    }
    fire_value two[FIRE_MAX_OUT], x[6], dy[1] = {0};
    fire_apply_all(g, "SoftmaxCrossEntropy", 2, FIRE_IN(y, m->t), NULL, two);
    m->loss = two[0], m->p = two[1];
    for (int k = 0; k < 3; k++) x[2 * k] = m->w[k], x[2 * k + 1] = m->b[k];
    m->out[0] = m->loss, m->out[1] = m->p;
    m->n_out = fire_gradient(g, 1, &m->loss, dy, 6, x, m->out + 2) ? 2 : 8;
}

/* One plan for each batch size from one graph; gradients are written where the caller says, into one flat buffer. */
static void test_batches_and_binding(void **state) {
    harness h;
    harness_init(&h);
    fire_context *ctx = harness_context(&h, NULL);
    fire_error err = {0};
    mlp m;
    make_mlp(&m, ctx, FIRE_F64);
    assert_int_equal(fire_graph_check(&m.g, &err), FIRE_OK);
    static const int64_t batches[] = {1, 7, 32, 0};
    for (int q = 0; q < 4; q++) {
        int64_t n = batches[q];
        fire_tensor *value = harness_values(&m.g, n, &err);
        assert_non_null(value);
        fire_plan *p;
        if (fire_plan_new(&m.g, n, m.n_out, m.out, &p, &err)) fail_msg("%s", err.message);
        harness_fill(&(harness_input){0}, 0, 1, &value[m.x]);
        for (int k = 0; k < 3; k++) {
            harness_fill(&(harness_input){0}, 1 + k, 1, &value[m.w[k]]);
            harness_fill(&(harness_input){0}, 4 + k, 1, &value[m.b[k]]);
            fire_plan_bind(p, m.w[k], value[m.w[k]].data);
            fire_plan_bind(p, m.b[k], value[m.b[k]].data);
        }
        for (int64_t i = 0; i < n; i++) ((int64_t *)value[m.t].data)[i] = i % 10;
        fire_plan_bind(p, m.x, value[m.x].data);
        fire_plan_bind(p, m.t, value[m.t].data);
        harness_run(&m.g, value);
        double flat[4096];
        int64_t at[8], used = 0;
        for (int k = 2; k < 8; k++) {
            at[k] = used;
            used += fire_count(&value[m.out[k]].shape);
            fire_plan_bind(p, m.out[k], flat + at[k]);
        }
        assert_true(used < 4096);
        fire_plan_run(p);
        for (int k = 0; k < 8; k++) {
            const double *got = k < 2 ? fire_plan_data(p, m.out[k]) : flat + at[k];
            for (int64_t e = 0, c = fire_count(&value[m.out[k]].shape); e < c; e++) {
                double want = fire_get(&value[m.out[k]], e);
                if (!(fabs(got[e] - want) <= 1e-11 * (1 + fabs(want)))) fail_msg("batch %d, output %d, element %d: %g, expected %g", (int)n, k, (int)e, got[e], want);
            }
        }
        assert_true(fire_plan_needs(p, m.x) && fire_plan_needs(p, m.w[2]));
        if (n == 32) assert_true(fire_plan_flops(p) > 32 * 2 * 3 * (20 * 17 + 17 * 33 + 33 * 10) - 32 * 2 * 20 * 17);
        fire_plan_free(p);
        harness_values_free(&m.g, value);
    }
    /* Scoring from the same graph: no labels, no backward pass. */
    fire_plan *p;
    assert_int_equal(fire_plan_new(&m.g, INT64_MAX / 2, 1, &m.p, &p, &err), FIRE_USAGE); /* more bytes than can be counted */
    assert_int_equal(fire_plan_new(&m.g, 4, 1, &m.p, &p, &err), FIRE_OK);
    assert_true(fire_plan_needs(p, m.x));
    assert_true(fire_plan_steps(p) <= 4);
    fire_plan_free(p);
    fire_graph_clear(&m.g);
    fire_context_free(ctx);
    assert_int_equal(h.live, 0);
}

/* Activations of a deep chain share memory: the block must not grow with depth. */
static void test_memory_is_shared(void **state) {
    harness h;
    harness_init(&h);
    fire_context *ctx = harness_context(&h, NULL);
    int64_t bytes[2];
    for (int q = 0; q < 2; q++) {
        fire_graph g;
        fire_graph_init(&g, ctx);
        fire_value x = fire_graph_input(&g, "x", FIRE_F32, (fire_shape){2, {-1, 64}}), w = fire_graph_param(&g, "w", FIRE_F32, (fire_shape){2, {64, 64}});
        for (int k = 0; k < (q ? 100 : 10); k++) x = fire_apply(&g, "Relu", 1, FIRE_IN(fire_apply(&g, "Neg", 1, FIRE_IN(fire_apply(&g, "MatMul", 2, FIRE_IN(x, w), NULL)), NULL)), NULL);
        fire_plan *p;
        assert_int_equal(fire_plan_new(&g, 128, 1, &x, &p, NULL), FIRE_OK);
        bytes[q] = fire_plan_bytes(p);
        fire_plan_free(p);
        fire_graph_clear(&g);
    }
    assert_int_equal(bytes[0], bytes[1]);
    assert_true(bytes[0] >= 2 * 128 * 64 * 4);
    fire_context_free(ctx);
}

/* Outputs that are an input, an input under another shape, a constant, and one value twice. */
static void test_outputs_that_are_not_computed(void **state) {
    harness h;
    harness_init(&h);
    fire_context *ctx = harness_context(&h, NULL);
    fire_graph g;
    fire_graph_init(&g, ctx);
    float numbers[6] = {1, 2, 3, 4, 5, 6}, data[6] = {9, 8, 7, 6, 5, 4}, to[6] = {0}, flat[6] = {0}, neg[6];
    fire_value x = fire_graph_input(&g, "x", FIRE_F32, (fire_shape){2, {2, 3}}), c = fire_graph_const(&g, FIRE_F32, (fire_shape){1, {6}}, numbers);
    fire_value f = fire_apply(&g, "Flatten", 1, FIRE_IN(x), "axis=0"), n = fire_apply(&g, "Neg", 1, FIRE_IN(x), NULL), nf = fire_apply(&g, "Flatten", 1, FIRE_IN(n), "axis=0");
    fire_value folded = fire_apply(&g, "Neg", 1, FIRE_IN(c), NULL);
    fire_value outputs[] = {x, c, f, n, nf, folded, n};
    fire_plan *p;
    fire_error err;
    if (fire_plan_new(&g, 2, 7, outputs, &p, &err)) fail_msg("%s", err.message);
    fire_plan_bind(p, x, data);
    fire_plan_bind(p, c, to);
    fire_plan_bind(p, f, flat);
    fire_plan_bind(p, nf, neg);
    fire_plan_run(p);
    assert_ptr_equal(fire_plan_data(p, x), data);
    assert_memory_equal(to, numbers, sizeof to);
    assert_memory_equal(flat, data, sizeof flat);
    for (int i = 0; i < 6; i++) {
        assert_true(((float *)fire_plan_data(p, n))[i] == -data[i]);
        assert_true(neg[i] == -data[i]);
        assert_true(((float *)fire_plan_data(p, folded))[i] == -numbers[i]);
    }
    fire_plan_free(p);
    fire_value wrong = 99;
    assert_int_equal(fire_plan_new(&g, 2, 1, &wrong, &p, &err), FIRE_USAGE);
    assert_int_equal(fire_plan_new(&g, -1, 1, &x, &p, &err), FIRE_USAGE);
    
    fire_graph_clear(&g);
    fire_context_free(ctx);
    assert_int_equal(h.live, 0);
}

static void collect(void *user, const char *text, size_t bytes) { strncat(user, text, bytes); }

/* What follows from params is made by fire_plan_hold, and only there: relu(conv(x, w) * s + b), all folded into one convolution. */
static void test_hold(void **state) {
    harness h;
    harness_init(&h);
    fire_context *ctx = harness_context(&h, NULL);
    fire_graph g;
    fire_graph_init(&g, ctx);
    fire_shape of_x = {4, {-1, 6, 6, 3}}, of_w = {4, {3, 3, 3, 16}}, of_s = {1, {16}};
    fire_value x = fire_graph_input(&g, "x", FIRE_F32, of_x), w = fire_graph_param(&g, "w", FIRE_F32, of_w), s = fire_graph_param(&g, "s", FIRE_F32, of_s), b = fire_graph_param(&g, "b", FIRE_F32, of_s);
    fire_value y = fire_apply(&g, "Conv", 2, FIRE_IN(x, w), "channels_last=1");
    y = fire_apply(&g, "Relu", 1, FIRE_IN(fire_apply(&g, "Add", 2, FIRE_IN(fire_apply(&g, "Mul", 2, FIRE_IN(y, s), NULL), b), NULL)), NULL);
    static float x_data[2 * 6 * 6 * 3], w_data[3 * 3 * 3 * 16], s_data[16], b_data[16], seen[2][2 * 4 * 4 * 16];
    for (int i = 0; i < 216; i++) x_data[i] = (float)(i % 7) - 2;
    for (int i = 0; i < 432; i++) w_data[i] = (float)(i % 5) - 1;
    for (int i = 0; i < 16; i++) s_data[i] = 1 + (float)i, b_data[i] = (float)i - 8;
    fire_plan *held, *plain;
    assert_int_equal(fire_plan_new_steady(&g, 2, 1, &y, &held, NULL), FIRE_OK);
    assert_int_equal(fire_plan_new(&g, 2, 1, &y, &plain, NULL), FIRE_OK);
    fire_plan *both[2] = {held, plain};
    for (int k = 0; k < 2; k++) {
        fire_plan_bind(both[k], x, x_data);
        fire_plan_bind(both[k], w, w_data);
        fire_plan_bind(both[k], s, s_data);
        fire_plan_bind(both[k], b, b_data);
    }
    for (int change = 0; change < 2; change++) {
        for (int i = 0; i < 432 && change; i++) w_data[i] = (float)(i % 3) - 1;
        for (int i = 0; i < 16 && change; i++) s_data[i] = 3 - (float)i;
        if (change) { /* not told yet */
            fire_plan_run(held);
            assert_memory_equal(fire_plan_data(held, y), seen[0], sizeof seen[0]);
        }
        fire_plan_hold(held);
        for (int round = 0; round < 2; round++)
            for (int k = 0; k < 2; k++) {
                fire_plan_run(both[k]);
                memcpy(seen[k], fire_plan_data(both[k], y), sizeof seen[k]);
            }
        float largest = 0;
        for (size_t e = 0; e < sizeof seen[0] / sizeof seen[0][0]; e++) {
            assert_float_equal(seen[0][e], seen[1][e], 1e-3);
            if (seen[0][e] > largest) largest = seen[0][e];
        }
        assert_true(largest > 1);
    }
    char text[1 << 14] = "";
    fire_plan_explain(held, collect, text);
    assert_non_null(strstr(text, "once for the weights"));
    assert_null(strstr(text, "ChannelAffine"));
    fire_plan_free(held);
    fire_plan_free(plain);
    fire_graph_clear(&g);
    fire_context_free(ctx);
    assert_int_equal(h.live, 0);
}

static void test_explain(void **state) {
    harness h;
    harness_init(&h);
    fire_config c = {.isa = 1};
    fire_context *ctx = harness_context(&h, &c);
    mlp m;
    make_mlp(&m, ctx, FIRE_F32);
    fire_plan *p;
    assert_int_equal(fire_plan_new(&m.g, 32, m.n_out, m.out, &p, NULL), FIRE_OK);
    char text[1 << 16] = "";
    fire_plan_explain(p, collect, text);
    int lines = 0;
    for (char *s = text; (s = strchr(s, '\n')); s++) lines++;
    assert_int_equal(lines, fire_plan_steps(p));
    assert_non_null(strstr(text, "FusedGemm"));
    assert_non_null(strstr(text, "[32, 20] [20, 17] [17] -> [32, 17]"));
    assert_null(strstr(text, " Relu ")); /* fused */
    fire_plan_free(p);
    fire_graph_clear(&m.g);
    fire_context_free(ctx);
}

static fire_status plan_and_run(fire_context *ctx, void *user, fire_error *err) {
    mlp m;
    make_mlp(&m, ctx, *(fire_type *)user);
    fire_plan *p = NULL;
    fire_status s = fire_graph_check(&m.g, err);
    if (!s) s = fire_plan_new(&m.g, 32, m.n_out, m.out, &p, err);
    fire_plan_free(p);
    fire_graph_clear(&m.g);
    return s;
}
static void test_allocation_fails(void **state) {
    fire_type types[] = {FIRE_F32, FIRE_F64};
    for (int i = 0; i < 2; i++) assert_true(harness_fail_each(plan_and_run, &types[i]) > 20);
}

/* A product large enough for oneDNN: failed allocations end in a status there too, and the caller's OpenMP setting stays his. */
int omp_get_max_threads(void);
void omp_set_num_threads(int n);

static fire_status plan_large(fire_context *ctx, void *user, fire_error *err) {
    fire_graph g;
    fire_graph_init(&g, ctx);
    fire_value x = fire_graph_input(&g, "x", FIRE_F32, (fire_shape){2, {-1, 520}}), w = fire_graph_param(&g, "w", FIRE_F32, (fire_shape){2, {520, 520}});
    fire_value y = fire_apply(&g, "Relu", 1, FIRE_IN(fire_apply(&g, "Gemm", 2, FIRE_IN(x, w), NULL)), NULL);
    fire_plan *p = NULL;
    fire_status s = fire_graph_check(&g, err);
    if (!s) s = fire_plan_new(&g, 520, 1, &y, &p, err);
    if (!s && user) {
        assert_string_equal(fire_plan_kernel(p, 0, NULL), "onednn.matmul");
        fire_plan_bind(p, x, user);
        fire_plan_bind(p, w, user);
        fire_plan_run(p);
        for (int64_t i = 0; i < 520 * 520; i++) assert_true(((float *)fire_plan_data(p, y))[i] == 520);
    }
    fire_plan_free(p);
    fire_graph_clear(&g);
    return s;
}
static void test_large_product(void **state) {
    harness h;
    harness_init(&h);
    fire_context *ctx = harness_context(&h, NULL);
    bool has_kernel = ctx->isa >= FIRE_ISA_AVX2;
    float *ones = malloc(520 * 520 * sizeof *ones);
    for (int i = 0; i < 520 * 520; i++) ones[i] = 1;
    omp_set_num_threads(3);
    assert_int_equal(plan_large(ctx, has_kernel ? ones : NULL, NULL), FIRE_OK);
    assert_int_equal(omp_get_max_threads(), 3);
    fire_context_free(ctx);
    free(ones);
    assert_true(harness_fail_each(plan_large, NULL) > 5);
    assert_int_equal(omp_get_max_threads(), 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_graphs_reference), cmocka_unit_test(test_random_graphs_fast), cmocka_unit_test(test_batches_and_binding),
        cmocka_unit_test(test_memory_is_shared), cmocka_unit_test(test_outputs_that_are_not_computed), cmocka_unit_test(test_hold), cmocka_unit_test(test_explain),
        cmocka_unit_test(test_allocation_fails), cmocka_unit_test(test_large_product),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
