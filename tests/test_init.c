/* test_init.c - initializers: moments and bounds as the formulas say, orthogonality, and draws that depend on seed and place alone. */
#include "harness.h"
#include "layer.h"
#include "op.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static fire_error err;
#define OK(call) do { if ((call) != FIRE_OK) fail_msg("%s: %s", #call, err.message); } while (0)

static fire_tensor drawn(const char *text, uint64_t seed, int64_t place, fire_type type, fire_shape shape) {
    fire_tensor t = {type, shape, calloc((size_t)fire_count(&shape), fire_type_size(type))};
    OK(fire_init_fill(text, seed, place, &t, &err));
    return t;
}

/* [3, 3, 64, 128]: fan in 576, fan out 1152. `most` bounds every element; the spread of a standard deviation from 73,728 draws is
** below 0.4 % of it, so 2 % is five sigma; the mean lies within five of its own. */
static void moments(void **state) {
    const double in = 576, out = 1152, cut = .87962566103423978;
    const struct { const char *text; double mean, sigma, most; } cases[] = {
        {"glorot_uniform", 0, sqrt(2 / (in + out)), sqrt(6 / (in + out))}, {"GlorotNormal", 0, sqrt(2 / (in + out)), 2 * sqrt(2 / (in + out)) / cut},
        {"he_uniform", 0, sqrt(2 / in), sqrt(6 / in)}, {"he_normal", 0, sqrt(2 / in), 2 * sqrt(2 / in) / cut},
        {"lecun_uniform", 0, sqrt(1 / in), sqrt(3 / in)}, {"lecun_normal", 0, sqrt(1 / in), 2 * sqrt(1 / in) / cut},
        {"RandomUniform", 0, 0.1 / sqrt(12), 0.05}, {"random_uniform minval=-1 maxval=3", 1, 4 / sqrt(12), 3},
        {"RandomNormal", 0, 0.05, 1}, {"random_normal mean=2 stddev=3", 2, 3, 30}, {"truncated_normal", 0, 0.05 * cut, 0.1},
        {"VarianceScaling", 0, sqrt(1 / in), 2 * sqrt(1 / in) / cut}, {"VarianceScaling scale=3 mode=fan_out distribution=uniform", 0, sqrt(3 / out), 3 / sqrt(out)},
        {"variance_scaling mode=fan_avg distribution=untruncated_normal", 0, sqrt(2 / (in + out)), 1},
        {"orthogonal", 0, 1 / sqrt(in), 1}, {"zeros", 0, 0, 0}, {"Ones", 1, 0, 1}, {"Constant value=-2.5", -2.5, 0, 2.5},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        fire_tensor t = drawn(cases[k].text, 5, 2, FIRE_F64, (fire_shape){4, {3, 3, 64, 128}});
        int64_t n = fire_count(&t.shape);
        double sum = 0, square = 0, most = 0;
        for (int64_t i = 0; i < n; i++) sum += fire_get(&t, i), most = fmax(most, fabs(fire_get(&t, i)));
        double mean = sum / (double)n;
        for (int64_t i = 0; i < n; i++) square += pow(fire_get(&t, i) - mean, 2);
        double sigma = sqrt(square / (double)n);
        if (fabs(mean - cases[k].mean) > 5 * cases[k].sigma / sqrt((double)n) || fabs(sigma - cases[k].sigma) > 0.02 * cases[k].sigma || most > cases[k].most)
            fail_msg("%s: mean %g, deviation %g, largest %g", cases[k].text, mean, sigma, most);
        free(t.data);
    }
}

static void orthogonal_is(void **state) {
    static const int64_t shapes[][2] = {{30, 12}, {12, 30}, {17, 17}, {1, 5}, {5, 1}};
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++)
        for (int type = 0; type < 2; type++) {
            fire_tensor t = drawn("Orthogonal gain=2", 1, (int64_t)k, type ? FIRE_F64 : FIRE_F32, (fire_shape){2, {shapes[k][0], shapes[k][1]}});
            int64_t rows = shapes[k][0], columns = shapes[k][1], less = rows < columns ? rows : columns;
            for (int64_t a = 0; a < less; a++)
                for (int64_t b = 0; b < less; b++) {
                    double sum = 0;
                    for (int64_t i = 0; i < (rows < columns ? columns : rows); i++)
                        sum += rows < columns ? fire_get(&t, a * columns + i) * fire_get(&t, b * columns + i) : fire_get(&t, i * columns + a) * fire_get(&t, i * columns + b);
                    assert_true(fabs(sum - (a == b ? 4 : 0)) < (type ? 1e-12 : 1e-5));
                }
            free(t.data);
        }
}

static void identity_is(void **state) {
    fire_tensor t = drawn("Identity gain=3", 0, 0, FIRE_F32, (fire_shape){2, {3, 4}});
    for (int i = 0; i < 12; i++) assert_true(fire_get(&t, i) == (i % 5 == 0 ? 3 : 0));
    free(t.data);
    t = drawn("identity", 0, 0, FIRE_F32, (fire_shape){2, {4, 3}});
    for (int i = 0; i < 12; i++) assert_true(fire_get(&t, i) == (i % 4 == 0 && i < 9));
    free(t.data);
}

static void draws_depend_on_seed_and_place(void **state) {
    fire_tensor a = drawn("glorot_uniform", 1, 0, FIRE_F64, (fire_shape){2, {4, 5}}), b = drawn("glorot_uniform", 1, 0, FIRE_F64, (fire_shape){2, {4, 5}});
    fire_tensor c = drawn("glorot_uniform", 2, 0, FIRE_F64, (fire_shape){2, {4, 5}}), d = drawn("glorot_uniform", 1, 1, FIRE_F64, (fire_shape){2, {4, 5}});
    fire_tensor f = drawn("glorot_uniform", 1, 0, FIRE_F32, (fire_shape){2, {4, 5}}), e = drawn("random_uniform", 1, 0, FIRE_F64, (fire_shape){1, {9}});
    fire_tensor longer = drawn("random_uniform", 1, 0, FIRE_F64, (fire_shape){1, {14}});
    assert_memory_equal(a.data, b.data, 20 * 8);
    assert_memory_equal(e.data, longer.data, 9 * 8);
    for (int i = 0; i < 20; i++) {
        assert_true(fire_get(&a, i) != fire_get(&c, i) && fire_get(&a, i) != fire_get(&d, i));
        assert_true((float)fire_get(&a, i) == (float)fire_get(&f, i));
    }
    free(a.data), free(b.data), free(c.data), free(d.data), free(e.data), free(f.data), free(longer.data);
}

static void bad_texts(void **state) {
    static const struct { const char *text, *message; } cases[] = {
        {"glorot_unifrom", "no initializer named 'glorot_unifrom'; did you mean 'glorot_uniform'?"},
        {"RandomNormal sigma=1", "RandomNormal: no attribute 'sigma'; it has mean, stddev"},
        {"RandomNormal stddev=-1", "RandomNormal: stddev is -1, expected 0 to 1e+30"},
        {"VarianceScaling mode=fan", "VarianceScaling: mode is 'fan', expected one of fan_in|fan_out|fan_avg"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        assert_true(fire_init_check(cases[k].text, &err) != FIRE_OK);
        assert_string_equal(err.message, cases[k].message);
    }
    float x[8];
    assert_true(fire_init_fill("identity", 0, 0, &(fire_tensor){FIRE_F32, {1, {8}}, x}, &err) != FIRE_OK);
    assert_string_equal(err.message, "Identity: does not fit a weight of shape [8]");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(moments), cmocka_unit_test(orthogonal_is), cmocka_unit_test(identity_is),
                                       cmocka_unit_test(draws_depend_on_seed_and_place), cmocka_unit_test(bad_texts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
