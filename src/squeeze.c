/* squeeze.c - compressed sums over workers with error feedback. */
#include "comm.h"
#include "half.h"
#include "squeeze.h"
#include <math.h>
#include <string.h>

#define LEVELS 4      /* a number is sent as 1, 2, 4 or 8 thresholds */
#define SAMPLE 2048   /* numbers looked at to choose a threshold, at least */
#define SAMPLE_HITS 64 /* of which so many should lie beyond it */
#define FILL 0.97     /* of a message that the threshold aims at */

/* Message: the threshold, the exact numbers, then for each number sent its distance from the one before (at least 1), level and sign in
** one integer, seven bits a byte, lowest first; a zero byte ends them, unless the message is full. */
typedef struct writer { uint8_t *at, *end; } writer;

static inline bool put(writer *w, uint64_t v) {
    uint8_t *p = w->at;
    do {
        if (p == w->end) return false;
        *p++ = (uint8_t)((v & 127) | (v > 127 ? 128 : 0));
        v >>= 7;
    } while (v);
    w->at = p;
    return true;
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
    static bool write_##T(writer *w, T *rest, int64_t from, int64_t to, T threshold, int64_t *last, int64_t place) {      \
        for (int64_t i = from; i < to; i++, place++) {                                                                    \
            T v = rest[i], size = v < 0 ? -v : v, sent = threshold;                                                       \
            if (!(size >= threshold)) continue;                                                                           \
            uint64_t level = 0;                                                                                           \
            for (; level + 1 < LEVELS && size >= 2 * sent; level++) sent *= 2;                                            \
            if (!put(w, (uint64_t)(place - *last) << 3 | level << 1 | (v < 0))) return false;                             \
            *last = place;                                                                                                \
            rest[i] = v < 0 ? v + sent : v - sent;                                                                        \
        }                                                                                                                 \
        return true;                                                                                                      \
    }                                                                                                                     \
    static bool read_##T(const uint8_t *at, const uint8_t *end, T *x, int64_t n, int64_t start, T threshold) {            \
        int64_t place = -1;                                                                                               \
        while (at < end && *at) {                                                                                         \
            uint64_t v = 0;                                                                                               \
            int shift = 0;                                                                                                \
            for (;; shift += 7, at++) {                                                                                   \
                if (at == end || shift > 56) return false;                                                                \
                v |= (uint64_t)(*at & 127) << shift;                                                                      \
                if (!(*at & 128)) break;                                                                                  \
            }                                                                                                             \
            at++;                                                                                                         \
            uint64_t gap = v >> 3;                                                                                        \
            if (!gap || gap > (uint64_t)(n - 1 - place)) return false;                                                    \
            place += (int64_t)gap;                                                                                        \
            int64_t i = start + place;                                                                                    \
            T sent = threshold * (T)(1 << (v >> 1 & 3));                                                                  \
            x[i < n ? i : i - n] += v & 1 ? -sent : sent;                                                                 \
        }                                                                                                                 \
        return true;                                                                                                      \
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

/* The share of all numbers of which a message can hold so many bytes: a number far from the one before takes more than one. */
static double density(int64_t bytes, int64_t n) {
    if (!n) return 0;
    double d = (double)bytes / (double)n, each = 1;
    for (int i = 0; i < 8; i++) {
        double share = fmin(d / each, 1);
        each = 1 + pow(1 - share, 16) + pow(1 - share, 2048) + pow(1 - share, 262144);
    }
    return fmin(d / each, 1);
}

static size_t head_bytes(const fire_squeeze *s) { return sizeof(double) + (size_t)s->exact * fire_type_size(s->type); }

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
    double most = (double)n * density(s->bytes - (int64_t)head_bytes(s), n), look = most > 0 ? SAMPLE_HITS * (double)n / most : (double)n;
    s->n_sample = look < SAMPLE ? SAMPLE : look < (double)n ? (int64_t)look : n;
    if (s->n_sample > n) s->n_sample = n;
    s->message = fire_alloc(ctx, (size_t)ranks, (size_t)s->bytes, err);
    return s->message && (s->sample = fire_alloc(ctx, (size_t)s->n_sample, sizeof *s->sample, err)) ? FIRE_OK : FIRE_NOMEM;
}

/* The threshold beyond which lie as many numbers as a message holds; where most are zero, the smallest that was seen. */
static double find_threshold(fire_squeeze *s, int64_t room) {
    int64_t m = s->n_sample, k = (int64_t)(FILL * density(room, s->n) * (double)m);
    if (!m) return INFINITY;
    CALL(sample, s->sample, m, s->rest, s->n, s->turn);
    double t = select_largest(s->sample, m, k < m ? k : m - 1);
    if (t > 0) return t;
    t = INFINITY;
    for (int64_t i = 0; i < m; i++)
        if (s->sample[i] > 0 && s->sample[i] < t) t = s->sample[i];
    return t;
}

static fire_status sum_threshold(fire_squeeze *s, void *x, fire_error *err) {
    size_t number = fire_type_size(s->type), head = head_bytes(s);
    int32_t ranks = fire_comm_size(s->comm), rank = fire_comm_rank(s->comm);
    uint8_t *mine = s->message + (int64_t)rank * s->bytes;
    writer w = {mine + head, mine + s->bytes};
    int64_t start = s->n ? (int64_t)(s->turn * 0x9e3779b97f4a7c15u % (uint64_t)s->n) : 0, last = -1;
    bool finite = CALL(gather, s->rest, x, s->n);
    double threshold = finite ? find_threshold(s, w.end - w.at) : (double)NAN;
    if (s->type == FIRE_F32) threshold = (double)(float)threshold;
    if (!finite) put(&w, 1 << 3); /* one number, which becomes NaN */
    else if (s->type == FIRE_F32) (void)(write_float(&w, s->rest, start, s->n, (float)threshold, &last, 0) && write_float(&w, s->rest, 0, start, (float)threshold, &last, s->n - start));
    else (void)(write_double(&w, s->rest, start, s->n, threshold, &last, 0) && write_double(&w, s->rest, 0, start, threshold, &last, s->n - start));
    if (w.at < w.end) *w.at = 0;
    memcpy(mine, &threshold, sizeof threshold);
    memcpy(mine + sizeof threshold, (char *)x + (size_t)s->n * number, (size_t)s->exact * number);
    s->turn++;
    fire_status st = fire_comm_gather(s->comm, mine, (size_t)s->bytes, s->message, err);
    if (st) return st;

    memset(x, 0, (size_t)(s->n + s->exact) * number);
    for (int32_t r = 0; r < ranks; r++) {
        const uint8_t *m = s->message + (int64_t)r * s->bytes, *exact = m + sizeof threshold;
        memcpy(&threshold, m, sizeof threshold);
        bool good = s->type == FIRE_F32 ? read_float(m + head, m + s->bytes, x, s->n, start, (float)threshold) : read_double(m + head, m + s->bytes, x, s->n, start, threshold);
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
