/* test_ops.c - every operator in the table on its own examples. Nothing here names an operator: one added to ops.def is tested at once. */
#include "harness.h"
#include "op.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- an example as a graph of one operator ---- */

typedef struct {
    harness_example e;
    fire_graph g;
    fire_value in[FIRE_MAX_IN], out[FIRE_MAX_OUT];
} one;

static bool is_float(fire_type t) { return t == FIRE_F32 || t == FIRE_F64; }

/* Inputs of the float type under test stay inputs, also with given numbers, so that their gradients are checked; whole numbers and floats whose
** type is spelled out become constants (axes, shapes, scales). */
static fire_status build(fire_context *ctx, const fire_op *op, const char *example, fire_type type, one *o, fire_error *err) {
    fire_graph_init(&o->g, ctx);
    if (!harness_example_read(example, &o->e)) fail_msg("%s: cannot read the example '%s'", op->name, example);
    for (int i = 0; i < o->e.n_in; i++) {
        const harness_input *x = &o->e.in[i];
        fire_type t = x->type ? x->type : type;
        char name[16];
        snprintf(name, sizeof name, "x%d", i);
        if (x->absent) o->in[i] = 0;
        else if (x->constant && (!is_float(t) || x->type)) {
            uint64_t room[64];
            fire_tensor c = {t, x->shape, room};
            harness_fill(x, i, 1, &c);
            o->in[i] = fire_graph_const(&o->g, t, x->shape, room);
        } else o->in[i] = fire_graph_input(&o->g, name, t, x->shape);
    }
    fire_apply_all(&o->g, op->name, o->e.n_in, o->in, o->e.attrs, o->out);
    return fire_graph_check(&o->g, err);
}

/* Numbers for the inputs that the example speaks of. In float64 they are rounded to float32 first, so that both types see the same. */
static void fill(const one *o, fire_tensor *value) {
    for (int i = 0; i < o->e.n_in; i++) {
        if (!o->in[i]) continue;
        fire_tensor *t = &value[o->in[i]];
        harness_fill(&o->e.in[i], i, 7, t);
        if (t->type == FIRE_F64)
            for (int64_t k = 0, n = fire_count(&t->shape); k < n; k++) ((double *)t->data)[k] = (float)((double *)t->data)[k];
    }
}

static void each(void (*check)(fire_context *ctx, const fire_op *op, const char *example)) {
    harness h;
    harness_init(&h);
    fire_context *ctx = harness_context(&h, NULL);
    for (const fire_op *const *p = fire_ops; *p; p++)
        for (size_t k = 0; k < sizeof (*p)->examples / sizeof *(*p)->examples && (*p)->examples[k]; k++) check(ctx, *p, (*p)->examples[k]);
    fire_context_free(ctx);
    assert_int_equal(h.live, 0);
}

/* ---- the table ---- */

static void test_table(void **state) {
    for (const fire_op *const *p = fire_ops; *p; p++) {
        const fire_op *op = *p;
        if (p[1] && strcmp(op->name, p[1]->name) >= 0) fail_msg("%s comes before %s in ops.def", op->name, p[1]->name);
        if (!op->examples[0]) fail_msg("%s has no examples", op->name);
        if (!op->help || !op->help[0]) fail_msg("%s has no help", op->name);
        assert_true(op->infer && op->run);
        assert_true(op->min_in >= 0 && op->min_in <= op->max_in && op->max_in <= FIRE_MAX_IN && op->n_out >= 1 && op->n_out <= FIRE_MAX_OUT);
        assert_true((op->attrs == NULL) == (op->attr_size == 0));
        assert_ptr_equal(fire_op_named(op->name), op);
        assert_ptr_equal(fire_op_find(op->domain, op->name), op);
        assert_null(fire_op_find("com.example", op->name));
        if (op->domain) assert_null(fire_op_find(NULL, op->name));
        for (const fire_attr *a = op->attrs; a && a->name; a++)
            if (!a->help || !a->help[0]) fail_msg("%s: attribute %s has no help", op->name, a->name);
    }
    assert_null(fire_op_named("NoSuchOperator"));
    assert_null(fire_op_named(""));
}

/* ---- gradients ---- */

/* sum over outputs of y * dy, and the sum of magnitudes, which bounds its rounding error */
static double weighted(const one *o, const fire_op *op, const fire_value *dy, fire_tensor *value, double *size) {
    double s = 0;
    *size = 0;
    harness_run(&o->g, value);
    for (int j = 0; j < op->n_out; j++) {
        if (!dy[j]) continue;
        for (int64_t k = 0, n = fire_count(&value[o->out[j]].shape); k < n; k++) {
            double t = fire_get(&value[o->out[j]], k) * fire_get(&value[dy[j]], k);
            s += t;
            *size += fabs(t);
        }
    }
    return s;
}

static int64_t gradients_checked;

/* Central differences with step h are off by h^2/6 times the third derivative, at most about 1e-8 of the gradient for numbers in
** [0.1, 1], and by the rounding of the sums, a few eps * size / h. So: relative error below 1e-6, above a floor of 8 eps size / h, about
** 2e-9 for sums of size 10. */
static void check_gradient(fire_context *ctx, const fire_op *op, const char *example) {
    const double h = 1e-5;
    fire_error err = {0};
    one o;
    if (!op->grad) return;
    if (build(ctx, op, example, FIRE_F64, &o, &err)) fail_msg("%s %s: %s", op->name, example, err.message);
    fire_value y[FIRE_MAX_OUT], dy[FIRE_MAX_OUT], by_out[FIRE_MAX_OUT] = {0}, x[FIRE_MAX_IN], dx[FIRE_MAX_IN];
    int n_y = 0, n_x = 0;
    for (int j = 0; j < op->n_out; j++)
        if (fire_type_of(&o.g, o.out[j]) == FIRE_F64 && !(op->saved >> j & 1)) {
            y[n_y] = o.out[j];
            by_out[j] = dy[n_y++] = fire_graph_input(&o.g, "dy", FIRE_F64, fire_shape_of(&o.g, o.out[j]));
        }
    for (int i = 0; i < o.e.n_in; i++)
        if (o.in[i] && fire_type_of(&o.g, o.in[i]) == FIRE_F64) x[n_x++] = o.in[i];
    int64_t nodes = o.g.n_nodes;
    if (fire_gradient(&o.g, n_y, y, dy, n_x, x, dx)) fail_msg("%s %s: %s", op->name, example, o.g.first.message);
    fire_tensor *value = harness_values(&o.g, 1, &err);
    if (!value) fail_msg("%s %s: %s", op->name, example, err.message);
    fill(&o, value);
    for (int j = 0; j < n_y; j++) harness_fill(&(harness_input){0}, 9 + j, 3, &value[dy[j]]);
    harness_run(&o.g, value);
    int64_t all = o.g.n_nodes;
    for (int i = 0; i < n_x; i++) {
        fire_tensor *t = &value[x[i]];
        if (dx[i] && !fire_same_shape(&value[dx[i]].shape, &t->shape)) fail_msg("%s %s: the gradient of input %d has another shape", op->name, example, i);
        for (int64_t k = 0, n = fire_count(&t->shape); k < n; k++) {
            double *p = (double *)t->data + k, p0 = *p, size, got = dx[i] ? fire_get(&value[dx[i]], k) : 0;
            o.g.n_nodes = nodes; /* forward only, while differences are taken */
            *p = p0 + h;
            double above = weighted(&o, op, by_out, value, &size);
            *p = p0 - h;
            double want = (above - weighted(&o, op, by_out, value, &size)) / (2 * h), floor = 8 * 2.2e-16 * (size + 1) / h;
            *p = p0;
            o.g.n_nodes = all;
            if (!(fabs(got - want) <= 1e-6 * fmax(fabs(got), fabs(want)) + floor))
                fail_msg("%s %s: gradient of input %d at %lld is %.12g, differences say %.12g", op->name, example, i, (long long)k, got, want);
            gradients_checked++;
        }
    }
    harness_values_free(&o.g, value);
    fire_graph_clear(&o.g);
}
static void test_gradients(void **state) {
    gradients_checked = 0;
    each(check_gradient);
    assert_true(gradients_checked > 1000);
}

/* ---- float32 against float64, and the promises that the planner relies on ---- */

static void same(const fire_op *op, const char *example, const char *what, const fire_tensor *a, const fire_tensor *b) {
    assert_true(fire_same_shape(&a->shape, &b->shape));
    for (int64_t k = 0, n = fire_count(&a->shape); k < n; k++) {
        double p = fire_get(a, k), q = fire_get(b, k);
        if (p == q || (p != p && q != q)) continue;
        fail_msg("%s %s: %s: element %lld is %.9g, not %.9g", op->name, example, what, (long long)k, p, q);
    }
}

/* Kernels calculate in double whatever the type, so float32 is float64 rounded once: half a unit in the last place, 6e-8. */
static void check_types(fire_context *ctx, const fire_op *op, const char *example) {
    fire_error err = {0};
    one o[2];
    fire_tensor *value[2];
    for (int k = 0; k < 2; k++) {
        if (build(ctx, op, example, k ? FIRE_F64 : FIRE_F32, &o[k], &err)) fail_msg("%s %s: %s", op->name, example, err.message);
        value[k] = harness_values(&o[k].g, 1, &err);
        assert_non_null(value[k]);
        fill(&o[k], value[k]);
        harness_run(&o[k].g, value[k]);
    }
    for (int j = 0; j < op->n_out; j++) {
        const fire_tensor *a = &value[0][o[0].out[j]], *b = &value[1][o[1].out[j]];
        assert_true(fire_same_shape(&a->shape, &b->shape));
        for (int64_t k = 0, n = fire_count(&a->shape); k < n; k++) {
            double p = fire_get(a, k), q = fire_get(b, k);
            if (p != q && !(p != p && q != q) && !(fabs(p - q) <= 6e-8 * fabs(q) + 1e-44))
                fail_msg("%s %s: output %d at %lld is %.9g in float32, %.12g in float64", op->name, example, j, (long long)k, p, q);
        }
    }
    for (int k = 0; k < 2; k++) {
        harness_values_free(&o[k].g, value[k]);
        fire_graph_clear(&o[k].g);
    }
}
static void test_types(void **state) { each(check_types); }

/* Run node 0 with input i's data replaced; outputs go to fresh memory, output 0 to `over` unless it is NULL. */
static void run_again(const one *o, const fire_op *op, const fire_tensor *value, int i, void *data, void *over, const char *example, const char *what) {
    const fire_node *n = &o->g.node[0];
    fire_call call = {.attrs = n->attrs, .n_in = n->n_in, .n_out = n->n_out};
    for (int k = 0; k < n->n_in; k++)
        if (n->in[k]) call.in[k] = value[n->in[k]];
    call.in[i].data = data;
    for (int k = 0; k < n->n_out; k++) {
        call.out[k] = value[n->out[k]];
        call.out[k].data = k == 0 && over ? over : malloc((size_t)fire_count(&call.out[k].shape) * fire_type_size(call.out[k].type) + 1);
    }
    size_t scratch = op->scratch ? op->scratch(&call) : 0;
    call.scratch = malloc(scratch ? scratch : 1);
    op->run(&call);
    for (int k = 0; k < n->n_out; k++) {
        same(op, example, what, &call.out[k], &value[n->out[k]]);
        if (!(k == 0 && over)) free(call.out[k].data);
    }
    free(call.scratch);
}

static void check_promises(fire_context *ctx, const fire_op *op, const char *example) {
    fire_error err = {0};
    one o;
    if (build(ctx, op, example, FIRE_F32, &o, &err)) fail_msg("%s %s: %s", op->name, example, err.message);
    fire_tensor *value = harness_values(&o.g, 1, &err);
    assert_non_null(value);
    fill(&o, value);
    harness_run(&o.g, value);
    const fire_tensor *y = &value[o.out[0]];
    for (int i = 0; i < o.g.node[0].n_in; i++) {
        if (!o.in[i]) continue;
        fire_tensor *x = &value[o.in[i]];
        size_t bytes = (size_t)fire_count(&x->shape) * fire_type_size(x->type);
        if ((op->in_place >> i & 1) && x->type == y->type && fire_same_shape(&x->shape, &y->shape)) {
            void *copy = malloc(bytes + 1);
            memcpy(copy, x->data, bytes);
            run_again(&o, op, value, i, copy, copy, example, "over its own input");
            free(copy);
        }
        if (op->shape_only >> i & 1) run_again(&o, op, value, i, NULL, NULL, example, "without the data of an input of which only the shape counts");
    }
    if (op->pure_shape) {
        assert_int_equal(value[o.in[0]].type, y->type);
        assert_int_equal(fire_count(&value[o.in[0]].shape), fire_count(&y->shape));
        assert_memory_equal(value[o.in[0]].data, y->data, (size_t)fire_count(&y->shape) * fire_type_size(y->type));
    }
    if (op->flops) {
        fire_call call = {.attrs = o.g.node[0].attrs, .n_in = o.g.node[0].n_in, .n_out = op->n_out};
        for (int i = 0; i < call.n_in; i++)
            if (o.in[i]) call.in[i] = value[o.in[i]];
        for (int j = 0; j < op->n_out; j++) call.out[j] = value[o.out[j]];
        assert_true(op->flops(&call) >= 0);
    }
    harness_values_free(&o.g, value);
    fire_graph_clear(&o.g);
}
static void test_promises(void **state) { each(check_promises); }

/* ---- the batch ---- */

/* Inputs of the example with every first dimension that equals that of input 0 set to `batch`; `only`: input 0's alone. */
static void with_batch(const harness_example *e, bool only, int64_t batch, fire_tensor *in, double room[][64]) {
    int64_t rows = e->in[0].shape.dim[0];
    for (int i = 0; i < e->n_in; i++) {
        const harness_input *x = &e->in[i];
        in[i] = (fire_tensor){0};
        if (x->absent) continue;
        in[i].type = x->type ? x->type : FIRE_F32;
        in[i].shape = x->shape;
        if (x->constant) {
            in[i].data = room[i];
            harness_fill(x, i, 1, &in[i]);
        } else if (x->shape.rank > 0 && x->shape.dim[0] == rows && !(only && i > 0)) in[i].shape.dim[0] = batch;
    }
}

static int64_t batches_agreed;

/* infer with the batch unknown, then set, must give what infer gives with the batch known. It may refuse (a batch cannot be folded into
** another dimension), but then with a reason. */
static bool agrees(const fire_op *op, const char *example, const void *attrs, const harness_example *e, bool only) {
    double room[FIRE_MAX_IN][64];
    fire_tensor in[FIRE_MAX_IN], open[FIRE_MAX_OUT], known[FIRE_MAX_OUT];
    fire_error err = {0};
    with_batch(e, only, -1, in, room);
    if (fire_op_infer(op, attrs, e->n_in, in, open, &err)) {
        assert_true(err.code == FIRE_E_SHAPE || err.code == FIRE_E_UNSUPPORTED);
        return false;
    }
    int64_t rows = e->in[0].shape.dim[0];
    for (int64_t batch = rows; batch <= rows + 2; batch += 2) {
        with_batch(e, only, batch, in, room);
        if (fire_op_infer(op, attrs, e->n_in, in, known, &err)) fail_msg("%s %s: with %lld rows: %s", op->name, example, (long long)batch, err.message);
        for (int j = 0; j < op->n_out; j++) {
            fire_shape s = open[j].shape;
            for (int d = 0; d < s.rank; d++)
                if (s.dim[d] == -1) s.dim[d] = batch;
            if (!fire_same_shape(&s, &known[j].shape) || open[j].type != known[j].type) {
                char a[FIRE_SHAPE_TEXT], b[FIRE_SHAPE_TEXT];
                fail_msg("%s %s: output %d with open batch is %s, with %lld rows %s", op->name, example, j, fire_shape_text(&open[j].shape, a),
                         (long long)batch, fire_shape_text(&known[j].shape, b));
            }
        }
    }
    return true;
}

static void test_batch(void **state) {
    for (const fire_op *const *p = fire_ops; *p; p++) {
        int fine = 0;
        for (size_t k = 0; k < sizeof (*p)->examples / sizeof *(*p)->examples && (*p)->examples[k]; k++) {
            harness_example e;
            assert_true(harness_example_read((*p)->examples[k], &e));
            if (e.in[0].shape.rank == 0 || e.in[0].shape.dim[0] == 1) continue;
            void *attrs = calloc(1, (*p)->attr_size + 1);
            assert_int_equal(fire_attrs_read((*p)->name, (*p)->attrs, attrs, e.attrs, NULL, 0, NULL), FIRE_OK);
            fine += agrees(*p, (*p)->examples[k], attrs, &e, false) + agrees(*p, (*p)->examples[k], attrs, &e, true);
            free(attrs);
        }
        if (!fine) fail_msg("%s works on no example with an open batch", (*p)->name);
        batches_agreed += fine;
    }
    assert_true(batches_agreed > 100);
}

/* ---- hostile shapes, types and attributes: a status or a run, never a crash ---- */

static uint64_t seed = 20240613;
static int64_t pick(int64_t n) { return (int64_t)(harness_random(&seed) % (uint64_t)n); }

static void mutate(const fire_op *op, const harness_example *e, const void *base, int64_t *ran) {
    static const fire_type types[] = {FIRE_F32, FIRE_F64, FIRE_U8, FIRE_I8, FIRE_U16, FIRE_I16, FIRE_I32, FIRE_I64, FIRE_BOOL};
    static const int64_t dims[] = {0, 1, 2, 3, 5, -1, 70000, (int64_t)1 << 33, INT64_MAX};
    harness_example m = *e;
    double room[FIRE_MAX_IN][64];
    fire_tensor in[FIRE_MAX_IN] = {0}, out[FIRE_MAX_OUT] = {0};
    fire_error err = {0};
    void *attrs = malloc(op->attr_size + 1);
    if (op->attr_size) memcpy(attrs, base, op->attr_size);
    for (int64_t times = 1 + pick(3); times > 0; times--) {
        harness_input *x = &m.in[pick(m.n_in)];
        switch (pick(op->attrs ? 7 : 5)) {
        case 0: x->type = types[pick(9)]; break;
        case 1: if (x->shape.rank) x->shape.dim[pick(x->shape.rank)] = dims[pick(9)]; break;
        case 2: if (x->shape.rank < FIRE_MAX_RANK) x->shape.dim[x->shape.rank++] = dims[pick(6)]; break;
        case 3: if (x->shape.rank) x->shape.rank--; break;
        case 4: if (x->constant) x->number[pick(64)] = (double)(pick(2) ? pick(20) - 10 : INT64_MIN); else x->absent = pick(4) == 0; break;
        default: {
            const fire_attr *a = op->attrs;
            for (int64_t skip = pick(3); a[1].name && skip; skip--) a++;
            char text[96];
            snprintf(text, sizeof text, a->type == FIRE_ATTR_INTS ? "%s=[%lld,1,0]" : "%s=%lld", a->name, (long long)(pick(20) - 9));
            void *other = calloc(1, op->attr_size);
            if (!fire_attrs_read(op->name, op->attrs, other, text, NULL, 0, &err)) memcpy(attrs, other, op->attr_size);
            free(other);
        }
        }
    }
    if (pick(8) == 0) m.n_in = (int)pick(FIRE_MAX_IN + 1);
    int64_t elements = 0;
    bool fits = true;
    for (int i = 0; i < m.n_in; i++) {
        harness_input *x = &m.in[i];
        if (x->absent) continue;
        in[i].type = x->type ? x->type : FIRE_F32;
        in[i].shape = x->shape;
        /* infer is only ever given shapes that could be made. */
        if (fire_shape_check("mutant", in[i].type, &x->shape, NULL)) { free(attrs); return; }
        int64_t n = fire_count(&x->shape);
        if (x->constant && (n < 0 || n > 64)) x->constant = false;
        if (x->constant) {
            in[i].data = room[i];
            harness_fill(x, i, 1, &in[i]);
        }
        fits = fits && n >= 0 && n < 100000 && (elements += n) < 100000;
    }
    if (fire_op_infer(op, attrs, m.n_in, in, out, &err)) {
        assert_true(err.status == FIRE_USAGE && err.message[0]);
        if (strncmp(err.message, op->name, strlen(op->name))) fail_msg("%s: '%s' does not begin with its name", op->name, err.message);
    } else {
        fire_call call = {.attrs = attrs, .n_in = m.n_in, .n_out = op->n_out};
        for (int j = 0; j < op->n_out; j++) {
            int64_t n = fire_count(&out[j].shape);
            fits = fits && n >= 0 && n < 100000;
        }
        if (fits) {
            for (int i = 0; i < m.n_in; i++) {
                call.in[i] = in[i];
                if (!in[i].type) continue;
                call.in[i].data = malloc((size_t)fire_count(&in[i].shape) * fire_type_size(in[i].type) + 1);
                if (in[i].data) memcpy(call.in[i].data, in[i].data, (size_t)fire_count(&in[i].shape) * fire_type_size(in[i].type));
                else harness_fill(&m.in[i], i, 5, &call.in[i]);
            }
            for (int j = 0; j < op->n_out; j++) {
                call.out[j] = out[j];
                call.out[j].data = malloc((size_t)fire_count(&out[j].shape) * fire_type_size(out[j].type) + 1);
            }
            size_t scratch = op->scratch ? op->scratch(&call) : 0;
            call.scratch = malloc(scratch + 1);
            op->run(&call);
            if (op->flops) op->flops(&call);
            free(call.scratch);
            for (int i = 0; i < m.n_in; i++) free(call.in[i].data);
            for (int j = 0; j < op->n_out; j++) free(call.out[j].data);
            ++*ran;
        }
    }
    free(attrs);
}

static void test_hostile(void **state) {
    int64_t ran = 0;
    for (const fire_op *const *p = fire_ops; *p; p++)
        for (size_t k = 0; k < sizeof (*p)->examples / sizeof *(*p)->examples && (*p)->examples[k]; k++) {
            harness_example e;
            assert_true(harness_example_read((*p)->examples[k], &e));
            void *attrs = calloc(1, (*p)->attr_size + 1);
            assert_int_equal(fire_attrs_read((*p)->name, (*p)->attrs, attrs, e.attrs, NULL, 0, NULL), FIRE_OK);
            for (int i = 0; i < 300; i++) mutate(*p, &e, attrs, &ran);
            free(attrs);
        }
    assert_true(ran > 1000);
}

/* ---- failures while building ---- */

static void test_sticky(void **state) {
    harness h;
    harness_init(&h);
    fire_context *ctx = harness_context(&h, NULL);
    for (const fire_op *const *p = fire_ops; *p; p++) {
        fire_graph g;
        fire_error err = {0};
        fire_graph_init(&g, ctx);
        fire_value x = fire_graph_input(&g, "x", FIRE_F32, (fire_shape){1, {3}});
        assert_int_equal(fire_apply(&g, (*p)->name, 1, FIRE_IN(-1), NULL), 0);
        fire_error first = g.first;
        assert_int_equal(first.status, FIRE_USAGE);
        assert_int_equal(strncmp(first.message, (*p)->name, strlen((*p)->name)), 0);
        /* Nothing happens from now on, and the message stays. */
        int64_t nodes = g.n_nodes, values = g.n_values;
        assert_int_equal(fire_apply(&g, (*p)->name, 1, FIRE_IN(x), "nonsense=1"), 0);
        assert_int_equal(fire_graph_input(&g, "y", FIRE_F32, (fire_shape){0}), 0);
        assert_int_equal(fire_graph_scalar(&g, FIRE_F32, 1), 0);
        fire_value dx;
        assert_int_equal(fire_gradient(&g, 1, &x, FIRE_IN(0), 1, &x, &dx), FIRE_USAGE);
        assert_int_equal(g.n_nodes, nodes);
        assert_int_equal(g.n_values, values);
        assert_int_equal(fire_graph_check(&g, &err), FIRE_USAGE);
        assert_string_equal(err.message, first.message);
        fire_graph_clear(&g);

        /* An unknown attribute is told together with the operator and the layer. */
        g.layer = "dense_1";
        one o;
        harness_example_read((*p)->examples[0], &o.e);
        fire_graph_init(&o.g, ctx);
        o.g.layer = "dense_1";
        for (int i = 0; i < o.e.n_in; i++)
            o.in[i] = o.e.in[i].absent ? 0 : fire_graph_input(&o.g, "x", o.e.in[i].type ? o.e.in[i].type : FIRE_F32, o.e.in[i].shape);
        assert_int_equal(fire_apply(&o.g, (*p)->name, o.e.n_in, o.in, "nonsense=1"), 0);
        assert_non_null(strstr(o.g.first.message, "no attribute 'nonsense'"));
        assert_non_null(strstr(o.g.first.message, "(layer dense_1)"));
        fire_graph_clear(&o.g);
    }
    fire_graph g;
    fire_graph_init(&g, ctx);
    char name[64];
    snprintf(name, sizeof name, "%sx", fire_ops[0]->name);
    assert_int_equal(fire_apply(&g, name, 0, NULL, NULL), 0);
    assert_int_equal(g.first.code, FIRE_E_UNKNOWN_NAME);
    char near[64];
    snprintf(near, sizeof near, "did you mean '%s'?", fire_ops[0]->name);
    assert_non_null(strstr(g.first.message, near));
    fire_graph_clear(&g);
    fire_context_free(ctx);
    assert_int_equal(h.live, 0);
}

typedef struct { const fire_op *op; const char *example; } job;
static fire_status build_and_differentiate(fire_context *ctx, void *user, fire_error *err) {
    const job *j = user;
    one o;
    fire_status s = build(ctx, j->op, j->example, FIRE_F64, &o, err);
    if (!s && is_float(fire_type_of(&o.g, o.out[0]))) {
        fire_value dx[FIRE_MAX_IN], x[FIRE_MAX_IN];
        int n = 0;
        for (int i = 0; i < o.e.n_in; i++)
            if (o.in[i]) x[n++] = o.in[i];
        fire_gradient(&o.g, 1, o.out, FIRE_IN(0), n, x, dx);
        s = fire_graph_check(&o.g, err);
    }
    fire_graph_clear(&o.g);
    return s;
}
static void test_allocation_failures(void **state) {
    int64_t failed = 0;
    for (const fire_op *const *p = fire_ops; *p; p++)
        for (size_t k = 0; k < sizeof (*p)->examples / sizeof *(*p)->examples && (*p)->examples[k]; k++)
            failed += harness_fail_each(build_and_differentiate, &(job){*p, (*p)->examples[k]});
    assert_true(failed > 500);
}

/* ---- examples with their results as JSON, for tests/python/test_operators.py, where ONNX's own reference judges them ---- */

static void print_tensor(const fire_tensor *t) {
    printf("{\"type\": %d, \"shape\": [", t->type);
    for (int d = 0; d < t->shape.rank; d++) printf("%s%lld", d ? ", " : "", (long long)t->shape.dim[d]);
    printf("], \"data\": [");
    for (int64_t k = 0, n = fire_count(&t->shape); k < n; k++) {
        const double x = fire_get(t, k);
        if (isfinite(x)) printf("%s%.17g", k ? ", " : "", x);
        else printf("%s%s", k ? ", " : "", isnan(x) ? "NaN" : x < 0 ? "-Infinity" : "Infinity"); /* as Python's JSON has them */
    }
    printf("]}");
}

static void print_example(fire_context *ctx, const fire_op *op, const char *example) {
    for (int k = 0; k < 2; k++) {
        fire_error err = {0};
        char text[FIRE_ATTRS_TEXT] = "";
        one o;
        if (op->domain) return;
        if (build(ctx, op, example, k ? FIRE_F64 : FIRE_F32, &o, &err)) fail_msg("%s", err.message);
        fire_tensor *value = harness_values(&o.g, 1, &err);
        fill(&o, value);
        harness_run(&o.g, value);
        fire_attrs_write(op->attrs, o.g.node[0].attrs, true, text, sizeof text);
        printf("{\"op\": \"%s\", \"attrs\": \"", op->name);
        for (const char *c = text; *c; c++) printf(*c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
        printf("\", \"inputs\": [");
        for (int i = 0; i < o.e.n_in; i++) {
            printf(i ? ", " : "");
            if (o.in[i]) print_tensor(&value[o.in[i]]);
            else printf("null");
        }
        printf("], \"outputs\": [");
        for (int j = 0; j < op->n_out; j++) {
            printf(j ? ", " : "");
            print_tensor(&value[o.out[j]]);
        }
        printf("]}\n");
        harness_values_free(&o.g, value);
        fire_graph_clear(&o.g);
    }
}

int main(int argc, char **argv) {
    if (argc == 2 && !strcmp(argv[1], "examples")) {
        each(print_example);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table), cmocka_unit_test(test_gradients), cmocka_unit_test(test_types), cmocka_unit_test(test_promises),
        cmocka_unit_test(test_batch), cmocka_unit_test(test_hostile), cmocka_unit_test(test_sticky), cmocka_unit_test(test_allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
