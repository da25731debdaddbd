/* squeeze.c - compressed sums over workers with error feedback. */
#include "comm.h"
#include "half.h"
#include "squeeze.h"
#include <math.h>
#include <string.h>

#define LEVELS 16     /* a number is sent as 1, 2, 4 ... 32768 units */
#define MOST 0.5      /* of all numbers: units of more would be too small for the large ones */
#define FROM 0.75     /* units from which a number is sent: each is rounded to the nearest level */
#define VALUE_BITS 2.5 /* of level and sign, on average */
#define SAMPLE 2048   /* numbers looked at to choose a unit, at least */
#define SAMPLE_HITS 64 /* of which so many should be sent */
#define FILL 0.97     /* of a message that the unit aims at */
#define LONG 12       /* ones that begin a distance written out */
#define LONG_BITS 38  /* of such a distance at most */

/* Message: the unit, how many numbers it tells of, the exact numbers, then bits, lowest first: of each number the distance from the one before, less 1,
** in a Rice code (its upper bits as so many ones and a zero, then `low` lower ones; LONG ones, six bits of length and so many bits where it is far), its
** level (as many ones, and a zero before the last level) and its sign. */
typedef struct writer { uint8_t *at, *end; uint64_t bits; int fill; int64_t count; int low; } writer;

#define SLACK 8       /* bytes that put may write behind the end */
static inline void put(writer *w, uint64_t v, int n) { /* n <= 56 */
    w->bits |= v << w->fill;
    w->fill += n;
    memcpy(w->at, &w->bits, 8);
    w->at += w->fill >> 3;
    w->bits >>= w->fill & 56;
    w->fill &= 7;
}

static inline uint64_t ones(int n) { return ((uint64_t)1 << n) - 1; }

static inline bool put_number(writer *w, uint64_t distance, int level, bool minus) {
    uint64_t high = distance >> w->low, value = ones(level) | (uint64_t)minus << (level + (level + 1 < LEVELS));
    int value_bits = level + (level + 1 < LEVELS) + 1, length = 64 - __builtin_clzll(distance | 1);
    int n = high < LONG ? (int)high + 1 + w->low : LONG + 6 + length;
    if ((w->fill + n + value_bits + 7) / 8 > w->end - w->at || length > LONG_BITS) return false;
    uint64_t v = high < LONG ? ones((int)high) | (distance & ones(w->low)) << (high + 1) : ones(LONG) | (uint64_t)length << LONG | distance << (LONG + 6);
    if (n + value_bits <= 56) put(w, v | value << n, n + value_bits);
    else put(w, v, n), put(w, value, value_bits);
    w->count++;
    return true;
}

static void put_end(writer *w) {
    if (w->fill) *w->at++ = (uint8_t)w->bits;
    memset(w->at, 0, (size_t)(w->end - w->at));
}

/* Bits from `bit` on, 57 of them, zeros behind the end. */
static inline uint64_t look(const uint8_t *from, int64_t bytes, int64_t bit) {
    uint64_t v = 0;
    int64_t at = bit >> 3;
    if (at + 8 <= bytes) memcpy(&v, from + at, 8);
    else for (int i = 0; at + i < bytes; i++) v |= (uint64_t)from[at + i] << 8 * i;
    return v >> (bit & 7);
}

/* The level nearest to a number, by how many times it is as large as the least that is sent: the exponent. */
static inline int level_of(float times) {
    uint32_t bits;
    memcpy(&bits, &times, 4);
    int exponent = (int)(bits >> 23 & 255) - 127;
    return exponent < 0 ? 0 : exponent < LEVELS ? exponent : LEVELS - 1;
}

/* Of both types: add numbers to the rest, telling whether all is finite; a sample of its magnitudes; write numbers [from, to) of the rest, which
** stand at `place` and behind in the message; add what a message says to x. */
#define LOOPS(T)                                                                                                          \
    static bool gather_##T(T *rest, const T *x, int64_t n) {                                                              \
        T odd = 0;                                                                                                        \
        for (int64_t i = 0; i < n; i++) {                                                                                 \
            rest[i] += x[i];                                                                                              \
            odd += rest[i] - rest[i];                                                                                     \
        }                                                                                                                 \
        return odd == 0;                                                                                                  \
    }                                                                                                                     \
    static void sample_##T(double *to, int64_t m, const T *rest, int64_t n, uint64_t turn) {                              \
        int64_t step = n / m, at = (int64_t)(turn * 7919 % (uint64_t)step);                                               \
        for (int64_t i = 0; i < m; i++) to[i] = fabs((double)rest[i * step + at]);                                        \
    }                                                                                                                     \
    static bool write_##T(writer *w, T *rest, int64_t from, int64_t to, T unit, int64_t *last, int64_t place) {           \
        const T least = (T)FROM * unit;                                                                                   \
        for (int64_t i = from; i < to; i++, place++) {                                                                    \
            T v = rest[i], size = v < 0 ? -v : v;                                                                         \
            if (!(size >= least)) continue;                                                                               \
            int level = level_of((float)(size / least));                                                                  \
            T sent = unit * (T)(1 << level);                                                                              \
            if (!put_number(w, (uint64_t)(place - *last - 1), level, v < 0)) return false;                                \
            *last = place;                                                                                                \
            rest[i] = v < 0 ? v + sent : v - sent;                                                                        \
        }                                                                                                                 \
        return true;                                                                                                      \
    }                                                                                                                     \
    static bool read_##T(const uint8_t *from, int64_t bytes, int64_t count, int low, T *x, int64_t n, int64_t start, T unit) { \
        int64_t place = -1, bit = 0;                                                                                      \
        for (; count > 0; count--) {                                                                                      \
            uint64_t v = look(from, bytes, bit), distance;                                                                \
            int high = __builtin_ctzll(~v | (uint64_t)1 << LONG), level, length = high + 1 + low;                         \
            if (high < LONG) distance = (uint64_t)high << low | (v >> (high + 1) & ones(low));                            \
            else {                                                                                                        \
                if ((length = (int)(v >> LONG & 63)) > LONG_BITS) return false;                                           \
                distance = v >> (LONG + 6) & ones(length);                                                                \
                length += LONG + 6;                                                                                       \
            }                                                                                                             \
            v = length + LEVELS + 1 <= 57 ? v >> length : look(from, bytes, bit + length);                                \
            level = __builtin_ctzll(~v | (uint64_t)1 << (LEVELS - 1));                                                    \
            bit += length + level + (level + 1 < LEVELS) + 1;                                                             \
            if (bit > 8 * bytes || distance >= (uint64_t)(n - 1 - place)) return false;                                   \
            place += (int64_t)distance + 1;                                                                               \
            int64_t i = start + place;                                                                                    \
            T sent = unit * (T)(1 << level);                                                                              \
            x[i < n ? i : i - n] += v >> (level + (level + 1 < LEVELS)) & 1 ? -sent : sent;                               \
        }                                                                                                                 \
        return count == 0;                                                                                                \
    }
LOOPS(float)
LOOPS(double)
#define CALL(name, ...) (s->type == FIRE_F32 ? name##_float(__VA_ARGS__) : name##_double(__VA_ARGS__))

/* The k-th largest of x[n], k from 0. Reorders x. */
static double select_largest(double *x, int64_t n, int64_t k) {
    int64_t lo = 0, hi = n - 1;
    while (lo < hi) {
        double pivot = x[lo + (hi - lo) / 2];
        int64_t i = lo, j = hi;
        while (i <= j) {
            while (x[i] > pivot) i++;
            while (x[j] < pivot) j--;
            if (i > j) break;
            double swap = x[i];
            x[i++] = x[j];
            x[j--] = swap;
        }
        if (k <= j) hi = j;
        else if (k >= i) lo = i;
        else break;
    }
    return x[k];
}

/* Bits of a number's distance where `share` of all numbers are sent, and the best count of lower bits for it: each further one halves the upper part. */
static double distance_bits(double share, int *low) {
    double best = INFINITY;
    for (int k = 0; k < 31; k++) {
        double ahead = pow(1 - share, (double)((int64_t)1 << k)), bits = 1 + k + ahead / (1 - ahead);
        if (bits >= best) break;
        best = bits;
        *low = k;
    }
    return best;
}

/* The share of all numbers of which a message can hold so many bytes. */
static double density(int64_t bytes, int64_t n, int *low) {
    *low = 0;
    if (!n || bytes <= 0) return 0;
    double d = 8 * (double)bytes / (double)n, share = fmin(d / 8, MOST);
    for (int i = 0; i < 8; i++) share = fmin(d / (distance_bits(share, low) + VALUE_BITS), MOST);
    return share;
}

static size_t head_bytes(const fire_squeeze *s) { return 2 * sizeof(double) + (size_t)s->exact * fire_type_size(s->type); }

void fire_squeeze_free(fire_squeeze *s) {
    if (!s->ctx) return;
    fire_free(s->ctx, s->rest);
    fire_free(s->ctx, s->brain);
    fire_free(s->ctx, s->sum_rest);
    fire_free(s->ctx, s->message);
    fire_free(s->ctx, s->sample);
    *s = (fire_squeeze){0};
}

fire_status fire_squeeze_new(fire_context *ctx, fire_squeeze *s, fire_comm *comm, fire_compression kind, double ratio, fire_type type, int64_t n, int64_t exact, fire_error *err) {
    *s = (fire_squeeze){.ctx = ctx, .comm = comm, .kind = kind, .type = type, .n = n, .exact = exact};
    int32_t ranks = fire_comm_size(comm);
    if (!(s->rest = fire_alloc(ctx, (size_t)n, fire_type_size(type), err))) return FIRE_NOMEM;
    if (kind == FIRE_COMPRESS_BF16) {
        s->brain = fire_alloc(ctx, (size_t)n, sizeof *s->brain, err);
        return s->brain && (s->sum_rest = fire_alloc(ctx, (size_t)n, sizeof *s->sum_rest, err)) ? FIRE_OK : FIRE_NOMEM;
    }
    /* fire_comm_sum sends each of the others the whole of a small sum; of a large one each number leaves a rank twice, but for its own chunk. */
    int64_t whole = (n + exact) * (int64_t)fire_type_size(type), least = (int64_t)head_bytes(s) + 16;
    double wanted = ratio * (double)(whole <= FIRE_COMM_SMALL ? whole : whole * 2 / ranks);
    s->bytes = (int64_t)wanted - FIRE_COMM_HEADER * (1 + (int64_t)wanted / FIRE_COMM_FRAME);
    if (s->bytes < least) s->bytes = least;
    s->share = density(s->bytes - (int64_t)head_bytes(s), n, &s->low);
    double most = (double)n * s->share, seen = most > 0 ? SAMPLE_HITS * (double)n / most : (double)n;
    s->n_sample = seen < SAMPLE ? SAMPLE : seen < (double)n ? (int64_t)seen : n;
    if (s->n_sample > n) s->n_sample = n;
    if (!fire_mul(ranks, s->bytes, &whole) || !fire_add(whole, SLACK, &whole)) return fire_fail(err, FIRE_E_NOMEM, "out of memory: messages of %lld bytes", (long long)s->bytes);
    s->message = fire_alloc(ctx, (size_t)whole, 1, err);
    return s->message && (s->sample = fire_alloc(ctx, (size_t)s->n_sample, sizeof *s->sample, err)) ? FIRE_OK : FIRE_NOMEM;
}

/* The unit with which as many numbers are sent as a message holds; where most are zero, that of the smallest that was seen. */
static double find_unit(fire_squeeze *s) {
    int64_t m = s->n_sample, k = (int64_t)(FILL * s->share * (double)m);
    if (!m) return INFINITY;
    CALL(sample, s->sample, m, s->rest, s->n, s->turn);
    double t = select_largest(s->sample, m, k < m ? k : m - 1);
    if (t > 0) return t / FROM;
    t = INFINITY;
    for (int64_t i = 0; i < m; i++)
        if (s->sample[i] > 0 && s->sample[i] < t) t = s->sample[i];
    return t / FROM;
}

static fire_status sum_threshold(fire_squeeze *s, void *x, fire_error *err) {
    size_t number = fire_type_size(s->type), head = head_bytes(s);
    int32_t ranks = fire_comm_size(s->comm), rank = fire_comm_rank(s->comm);
    uint8_t *mine = s->message + (int64_t)rank * s->bytes;
    writer w = {.at = mine + head, .end = mine + s->bytes, .low = s->low};
    int64_t start = s->n ? (int64_t)(s->turn * 0x9e3779b97f4a7c15u % (uint64_t)s->n) : 0, last = -1;
    bool finite = CALL(gather, s->rest, x, s->n);
    double unit = finite ? find_unit(s) : (double)NAN;
    if (s->type == FIRE_F32) unit = (double)(float)unit;
    if (!finite) put_number(&w, 0, 0, false); /* one number, which becomes NaN */
    else if (s->type == FIRE_F32) (void)(write_float(&w, s->rest, start, s->n, (float)unit, &last, 0) && write_float(&w, s->rest, 0, start, (float)unit, &last, s->n - start));
    else (void)(write_double(&w, s->rest, start, s->n, unit, &last, 0) && write_double(&w, s->rest, 0, start, unit, &last, s->n - start));
    put_end(&w);
    memcpy(mine, &unit, sizeof unit);
    memcpy(mine + sizeof unit, &w.count, sizeof w.count);
    memcpy(mine + sizeof unit + sizeof w.count, (char *)x + (size_t)s->n * number, (size_t)s->exact * number);
    s->turn++;
    fire_status st = fire_comm_gather(s->comm, mine, (size_t)s->bytes, s->message, err);
    if (st) return st;

    memset(x, 0, (size_t)(s->n + s->exact) * number);
    for (int32_t r = 0; r < ranks; r++) {
        const uint8_t *m = s->message + (int64_t)r * s->bytes, *exact = m + sizeof unit + sizeof w.count;
        int64_t count;
        memcpy(&unit, m, sizeof unit);
        memcpy(&count, m + sizeof unit, sizeof count);
        bool good = s->type == FIRE_F32 ? read_float(m + head, s->bytes - (int64_t)head, count, s->low, x, s->n, start, (float)unit)
                                        : read_double(m + head, s->bytes - (int64_t)head, count, s->low, x, s->n, start, unit);
        if (!good) return fire_fail(err, FIRE_E_PEER_FAILED, "rank %d sent gradients that cannot be read; all workers must run the same version", (int)r);
        for (int64_t i = 0; i < s->exact; i++) {
            if (s->type == FIRE_F32) {
                float v;
                memcpy(&v, exact + (size_t)i * number, number);
                ((float *)x)[s->n + i] += v;
            } else {
                double v;
                memcpy(&v, exact + (size_t)i * number, number);
                ((double *)x)[s->n + i] += v;
            }
        }
    }
    return FIRE_OK;
}

#define BRAIN(T)                                                                              \
    static void to_brain_##T(uint16_t *to, T *rest, const T *x, int64_t n) {                  \
        for (int64_t i = 0; i < n; i++) {                                                     \
            T v = rest[i] + x[i];                                                             \
            to[i] = fire_brain_of((float)v);                                                  \
            rest[i] = v - (T)fire_brain_float(to[i]);                                         \
        }                                                                                     \
    }                                                                                         \
    static void from_brain_##T(T *to, const uint16_t *x, int64_t n) {                         \
        for (int64_t i = 0; i < n; i++) to[i] = (T)fire_brain_float(x[i]);                    \
    }
BRAIN(float)
BRAIN(double)

static fire_status sum_brain(fire_squeeze *s, void *x, fire_error *err) {
    CALL(to_brain, s->brain, s->rest, x, s->n);
    fire_status st = fire_comm_sum_brain(s->comm, s->brain, s->sum_rest, s->n, err);
    if (!st) st = fire_comm_sum(s->comm, s->type, (char *)x + (size_t)s->n * fire_type_size(s->type), s->exact, err);
    if (!st) CALL(from_brain, x, s->brain, s->n);
    return st;
}

fire_status fire_squeeze_sum(fire_squeeze *s, void *x, fire_error *err) {
    return s->kind == FIRE_COMPRESS_BF16 ? sum_brain(s, x, err) : sum_threshold(s, x, err);
}
