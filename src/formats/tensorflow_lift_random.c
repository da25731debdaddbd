/* tensorflow_lift_random.c - TensorFlow's random draws, in the bits that TensorFlow draws on a CPU where a seed is given.
**
** The generator is Philox 4x32-10 (Salmon et al., Parallel random numbers: as easy as 1, 2, 3), keyed by the node's seeds. Without seeds TensorFlow draws
** differently each time; here the draws are then those of the node's place in the file, the same in every run.
*/
#include "formats/tensorflow_help.h"

typedef struct { uint32_t counter[4], key[2], result[4]; int used; } draws;

static void philox(const uint32_t counter[4], const uint32_t key[2], uint32_t y[4]) {
    uint32_t k[2] = {key[0], key[1]};
    memcpy(y, counter, 16);
    for (int round = 0; round < 10; round++, k[0] += 0x9E3779B9u, k[1] += 0xBB67AE85u) {
        uint64_t p = (uint64_t)0xD2511F53u * y[0], q = (uint64_t)0xCD9E8D57u * y[2];
        uint32_t next[4] = {(uint32_t)(q >> 32) ^ y[1] ^ k[0], (uint32_t)q, (uint32_t)(p >> 32) ^ y[3] ^ k[1], (uint32_t)p};
        memcpy(y, next, 16);
    }
}
static void skip(draws *d, uint64_t groups) {
    for (int i = 0; i < 4 && groups; i++) {
        uint64_t sum = (uint64_t)d->counter[i] + (uint32_t)groups;
        d->counter[i] = (uint32_t)sum;
        groups = (groups >> 32) + (sum >> 32);
    }
    d->used = 4;
}
static uint32_t draw(draws *d) {
    if (d->used == 4) {
        philox(d->counter, d->key, d->result);
        skip(d, 1);
        d->used = 0;
    }
    return d->result[d->used++];
}
static double uniform32(uint32_t x) { return (double)(x & 0x7fffff) * 0x1p-23; }
static double uniform64(uint32_t high, uint32_t low) { return (double)((uint64_t)(high & 0xfffff) << 32 | low) * 0x1p-52; }
/* Two normal numbers of two uniform ones (Box and Muller), in float32 as there. */
static void normal32(draws *d, double y[2]) {
    float u = (float)uniform32(draw(d)), v = 6.28318530717958647692f * (float)uniform32(draw(d));
    if (u < 1e-7f) u = 1e-7f;
    float r = sqrtf(-2 * logf(u));
    y[0] = (double)(sinf(v) * r), y[1] = (double)(cosf(v) * r);
}
static void normal64(draws *d, double y[2]) {
    uint32_t x[4];
    for (int i = 0; i < 4; i++) x[i] = draw(d);
    double u = uniform64(x[0], x[1]), v = 6.28318530717958647692 * uniform64(x[2], x[3]);
    double r = sqrt(-2 * log(u < 1e-7 ? 1e-7 : u));
    y[0] = sin(v) * r, y[1] = cos(v) * r;
}

static draws seeded(uint64_t low, uint64_t high) {
    return (draws){{0, 0, (uint32_t)high, (uint32_t)(high >> 32)}, {(uint32_t)low, (uint32_t)(low >> 32)}, {0}, 4};
}

/* Stateful draws have seeds as attributes; stateless ones two numbers (V1) or a key and a counter (V2) as inputs `at` and `at` + 1. */
static bool begin(fire_import *b, const fire_lift *n, int64_t at, draws *d) {
    if (strncmp(n->op, "Stateless", 9)) {
        uint64_t low = (uint64_t)fire_lift_int(n, "seed", 0), high = (uint64_t)fire_lift_int(n, "seed2", 0);
        *d = seeded(low, low || high ? high : 1 + (uint64_t)b->scope->at);
        return true;
    }
    fire_tensor t, c;
    if (!fire_tf_numbers(b, n->in[at], &t)) return false;
    if (strstr(n->op, "V2")) {
        if (t.type != FIRE_U64 || fire_count(&t.shape) < 1 || !fire_tf_numbers(b, n->in[at + 1], &c) || c.type != FIRE_U64 || fire_count(&c.shape) < 2) { fire_tf_fail(b, "the key is not understood"); return false; }
        *d = seeded(((const uint64_t *)t.data)[0], ((const uint64_t *)c.data)[1]);
        d->counter[0] = (uint32_t)((const uint64_t *)c.data)[0], d->counter[1] = (uint32_t)(((const uint64_t *)c.data)[0] >> 32);
        return true;
    }
    if (fire_count(&t.shape) != 2) { fire_tf_fail(b, "the seed is not two numbers"); return false; }
    uint64_t s[2] = {(uint64_t)fire_whole(fire_get(&t, 0)), (uint64_t)fire_whole(fire_get(&t, 1))};
    uint32_t from[4] = {(uint32_t)s[0], (uint32_t)(s[0] >> 32), (uint32_t)s[1], (uint32_t)(s[1] >> 32)}, key[2] = {0x3ec8f720u, 0x02461e29u}, mixed[4];
    philox(from, key, mixed);
    *d = (draws){{0, 0, mixed[2], mixed[3]}, {mixed[0], mixed[1]}, {0}, 4};
    return true;
}

/* Room for draws of the shape in input 0 (and behind it `more`). */
static bool room(fire_import *b, const fire_lift *n, fire_type type, const fire_shape *more, fire_tensor *y) {
    fire_shape s = {0};
    int64_t count;
    if (!fire_tf_has(b, n, 1) || !fire_tf_list(b, n->in[0], FIRE_MAX_RANK, s.dim, &count)) return false;
    s.rank = (int32_t)count;
    for (int d = 0; more && d < more->rank; d++) {
        if (s.rank == FIRE_MAX_RANK) { fire_tf_fail(b, "too many dimensions"); return false; }
        s.dim[s.rank++] = more->dim[d];
    }
    if (!fire_type_size(type)) { fire_tf_fail(b, "the type is not supported"); return false; }
    return fire_tf_new(b, type, s, y);
}

void fire_tf_random(fire_import *b, fire_lift *n) { /* (Stateless)RandomUniform, RandomStandardNormal, RandomNormal, TruncatedNormal */
    const fire_type type = (fire_type)fire_lift_int(n, "dtype", FIRE_F32);
    const bool wide = type == FIRE_F64;
    fire_tensor y;
    draws d;
    if (!fire_tf_has(b, n, strncmp(n->op, "Stateless", 9) ? 1 : strstr(n->op, "V2") ? 4 : 2) || !begin(b, n, 1, &d) || !room(b, n, type, NULL, &y)) return;
    int64_t count = fire_count(&y.shape);
    if (!fire_tf_spend(b, 8 * count)) return;
    if (strstr(n->op, "Truncated")) { /* each group of numbers has 256 draws of its own for each of them; what lies beyond 2 is drawn again */
        draws base = d;
        int64_t size = wide ? 2 : 4;
        for (int64_t g = 0; g * size < count; g++) {
            d = base;
            skip(&d, (uint64_t)(g * size * 64));
            for (int64_t k = 0; k < size;) {
                double pair[2];
                if (wide) normal64(&d, pair);
                else normal32(&d, pair);
                for (int i = 0; i < 2 && k < size; i++)
                    if (fabs(pair[i]) < 2) {
                        if (g * size + k < count) fire_put(&y, g * size + k, pair[i]);
                        k++;
                    }
            }
        }
    } else if (strstr(n->op, "Normal"))
        for (int64_t i = 0; i < count; i += 2) {
            double pair[2];
            if (wide) normal64(&d, pair);
            else normal32(&d, pair);
            fire_put(&y, i, pair[0]);
            if (i + 1 < count) fire_put(&y, i + 1, pair[1]);
        }
    else
        for (int64_t i = 0; i < count; i++) {
            uint32_t x = draw(&d);
            fire_put(&y, i, wide ? uniform64(x, draw(&d)) : type == FIRE_F16 ? (double)(x & 0x3ff) * 0x1p-10 : type == FIRE_BF16 ? (double)(x & 0x7f) * 0x1p-7 : uniform32(x));
        }
    n->out[0] = fire_tf_keep(b, &y);
}

void fire_tf_random_int(fire_import *b, fire_lift *n) { /* RandomUniformInt(shape, from, to), StatelessRandomUniformInt(shape, seed, from, to), V2 (shape, key, counter, alg, from, to) */
    int64_t at = strncmp(n->op, "Stateless", 9) ? 1 : strstr(n->op, "V2") ? 4 : 2;
    fire_tensor y, from, to;
    draws d;
    if (!fire_tf_has(b, n, at + 2) || !begin(b, n, 1, &d) || !fire_tf_numbers(b, n->in[at], &from) || !fire_tf_numbers(b, n->in[at + 1], &to)) return;
    if (fire_count(&from.shape) != 1 || fire_count(&to.shape) != 1 || !(fire_get(&to, 0) > fire_get(&from, 0))) { fire_tf_fail(b, "no number lies between the limits"); return; }
    if (!room(b, n, from.type, NULL, &y)) return;
    int64_t low = fire_whole(fire_get(&from, 0));
    uint64_t range = (uint64_t)fire_whole(fire_get(&to, 0)) - (uint64_t)low;
    for (int64_t i = 0, count = fire_count(&y.shape); i < count; i++) {
        uint64_t x = draw(&d);
        if (from.type == FIRE_I64) x |= (uint64_t)draw(&d) << 32;
        fire_put(&y, i, (double)(int64_t)((uint64_t)low + x % range));
    }
    n->out[0] = fire_tf_keep(b, &y);
}

void fire_tf_random_shuffle(fire_import *b, fire_lift *n) { /* rows in another order */
    draws d;
    if (!fire_tf_has(b, n, 1) || !fire_import_concrete(b, n->in[0]) || !begin(b, n, 0, &d)) return;
    fire_shape s = fire_shape_of(b->g, n->in[0]);
    fire_tensor at;
    if (s.rank == 0) { n->out[0] = n->in[0]; return; }
    if (!fire_tf_new(b, FIRE_I64, (fire_shape){1, {s.dim[0]}}, &at)) return;
    int64_t *p = at.data;
    for (int64_t i = 0; i < s.dim[0]; i++) p[i] = i;
    for (int64_t i = 0; i + 1 < s.dim[0]; i++) {
        int64_t k = i + (int64_t)(draw(&d) % (uint64_t)(s.dim[0] - i)), t = p[i];
        p[i] = p[k];
        p[k] = t;
    }
    n->out[0] = fire_tf_gather(b, n->in[0], fire_tf_keep(b, &at), 0);
}

void fire_tf_multinomial(fire_import *b, fire_lift *n) { /* logits [rows, classes], how many: classes drawn */
    fire_tensor x, y;
    int64_t count;
    draws d;
    if (!fire_tf_has(b, n, strncmp(n->op, "Stateless", 9) ? 2 : 3) || !begin(b, n, 2, &d) || !fire_tf_numbers(b, n->in[0], &x) || !fire_tf_whole(b, n->in[1], &count)) return;
    if (x.shape.rank != 2 || x.shape.dim[1] < 1 || count < 0) { fire_tf_fail(b, "logits are not rows of classes"); return; }
    int64_t classes = x.shape.dim[1], work;
    const fire_type type = (fire_type)fire_lift_int(n, "output_dtype", FIRE_I64);
    if (!fire_tf_new(b, type, (fire_shape){2, {x.shape.dim[0], count}}, &y) || !fire_mul(fire_count(&y.shape), classes, &work) || !fire_tf_spend(b, work)) return;
    for (int64_t r = 0; r < x.shape.dim[0]; r++) {
        double top = -INFINITY, all = 0;
        for (int64_t c = 0; c < classes; c++) top = fmax(top, fire_get(&x, r * classes + c));
        for (int64_t c = 0; c < classes; c++) all += exp(fire_get(&x, r * classes + c) - top);
        for (int64_t k = 0; k < count; k++) {
            uint32_t high = draw(&d);
            double left = uniform64(high, draw(&d)) * all;
            int64_t c = 0;
            while (c + 1 < classes && (left -= exp(fire_get(&x, r * classes + c) - top)) >= 0) c++;
            fire_put(&y, r * count + k, (double)c);
        }
    }
    n->out[0] = fire_tf_keep(b, &y);
}

/* Gamma by Marsaglia and Tsang's way (2000); Poisson by gamma's reduction for large rates (Ahrens and Dieter) and by products of uniforms. */
static double uniform(draws *d) { uint32_t high = draw(d); return uniform64(high, draw(d)) + 0x1p-54; }
static double gamma_of(draws *d, double a) {
    double boost = a < 1 ? pow(uniform(d), 1 / a) : 1, k = (a < 1 ? a + 1 : a) - 1.0 / 3, c = 1 / sqrt(9 * k), pair[2];
    for (int times = 0; times < 1000; times++) {
        normal64(d, pair);
        double v = 1 + c * pair[0];
        v = v * v * v;
        if (v > 0 && log(uniform(d)) < 0.5 * pair[0] * pair[0] + k - k * v + k * log(v)) return boost * k * v;
    }
    return boost * k;
}
static double poisson_of(draws *d, double rate) {
    double sum = 0;
    while (rate > 30 && rate < 1e12) {
        double m = floor(rate * 7 / 8), x = gamma_of(d, m);
        if (x <= rate) sum += m, rate -= x;
        else { /* how many of m - 1 points lie below the rate */
            for (double k = 1; k < m && k < 1e6; k++) sum += uniform(d) < rate / x;
            return sum;
        }
    }
    for (double p = uniform(d), least = exp(-rate); p > least; p *= uniform(d)) sum++;
    return sum;
}
void fire_tf_random_of(fire_import *b, fire_lift *n) { /* RandomGamma(shape, alpha), RandomPoissonV2(shape, rate): one draw for each parameter, `shape` times */
    fire_tensor p, y;
    draws d;
    const bool gamma = strstr(n->op, "Gamma") != NULL;
    if (!fire_tf_has(b, n, 2) || !begin(b, n, 0, &d) || !fire_tf_numbers(b, n->in[1], &p)) return;
    if (!room(b, n, gamma ? p.type : (fire_type)fire_lift_int(n, "dtype", FIRE_I64), &p.shape, &y)) return;
    int64_t per = fire_count(&p.shape), count = fire_count(&y.shape);
    for (int64_t i = 0; i < count; i++) {
        double v = fire_get(&p, i % per);
        if (!(v >= 0) || !fire_tf_spend(b, gamma ? 100 : 100 + (int64_t)fmin(v, 1e6))) { fire_tf_fail(b, "a parameter of %g", v); return; }
        fire_put(&y, i, gamma ? gamma_of(&d, v) : poisson_of(&d, v));
    }
    n->out[0] = fire_tf_keep(b, &y);
}

/* What tf.random.stateless_* ask first: a key and a counter of two seeds, and the kind of generator. */
void fire_tf_random_key(fire_import *b, fire_lift *n) {
    fire_tensor key, counter;
    draws d;
    if (strstr(n->op, "GetAlg")) { n->out[0] = fire_tf_index(b, FIRE_I32, (fire_shape){0}, &(int64_t){1}); return; }
    if (!fire_tf_has(b, n, 1) || !begin(b, n, 0, &d) || !fire_tf_new(b, FIRE_U64, (fire_shape){1, {1}}, &key) || !fire_tf_new(b, FIRE_U64, (fire_shape){1, {2}}, &counter)) return;
    ((uint64_t *)key.data)[0] = d.key[0] | (uint64_t)d.key[1] << 32;
    ((uint64_t *)counter.data)[1] = d.counter[2] | (uint64_t)d.counter[3] << 32;
    n->out[0] = fire_tf_keep(b, &key);
    if (strstr(n->op, "Counter")) n->out[1] = fire_tf_keep(b, &counter);
    if (strstr(n->op, "Alg")) n->out[2] = fire_tf_index(b, FIRE_I32, (fire_shape){0}, &(int64_t){1});
}
