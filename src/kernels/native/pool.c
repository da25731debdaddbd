/* pool.c - MaxPool, AveragePool and their gradients. Channels last: the inner loops run over channels. With channels first each channel is
** taken for a row of one channel, and the inner loops run over windows beside each other; those of the gradients over nothing. */
#include "vector.h"
#include "window.h"

enum { TAPS = 256 }; /* numbers of a window at most */

/* A window after the other. rel: the taps of a window that lies in x as a whole, in places from its first. */
typedef struct { int64_t at[3], rel[TAPS]; int taps; } walk;

static walk walk_start(const fire_window *w) {
    walk p = {0};
    int64_t k[3];
    for (k[0] = 0; k[0] < w->k[0]; k[0]++)
        for (k[1] = 0; k[1] < w->k[1]; k[1]++)
            for (k[2] = 0; k[2] < w->k[2]; k[2]++)
                p.rel[p.taps++] = ((k[0] * w->dilation[0]) * w->x[1] + k[1] * w->dilation[1]) * w->x[2] + k[2] * w->dilation[2];
    return p;
}
static void walk_next(const fire_window *w, walk *p) {
    if (++p->at[2] < w->y[2]) return;
    p->at[2] = 0;
    if (++p->at[1] < w->y[1]) return;
    p->at[1] = 0, p->at[0]++;
}

/* The taps of a window that lie in x, in elements from the start of the row of n. Gives back how many. */
static int taps_of(const fire_window *w, const walk *p, int64_t channels, int64_t at[TAPS]) {
    int64_t first = 0, k[3], from;
    bool inside = true;
    for (int d = 0; d < 3; d++) {
        int64_t i = p->at[d] * w->stride[d] - w->low[d];
        inside = inside && i >= 0 && i + (w->k[d] - 1) * w->dilation[d] < w->x[d];
        first = first * w->x[d] + i;
    }
    int n = 0;
    if (inside) {
        for (; n < p->taps; n++) at[n] = (first + p->rel[n]) * channels;
        return n;
    }
    for (k[0] = 0; k[0] < w->k[0]; k[0]++)
        for (k[1] = 0; k[1] < w->k[1]; k[1]++)
            for (k[2] = 0; k[2] < w->k[2]; k[2]++)
                if ((from = fire_window_tap(w, p->at, k)) >= 0) at[n++] = from * channels;
    return n;
}

/* What a mean is divided by, with padding or without. */
static int64_t divisor(const fire_window *w, const int64_t y[3]) {
    int64_t all = 1;
    for (int d = 0; d < 3; d++) {
        int64_t n = 0;
        for (int64_t k = 0; k < w->k[d]; k++) {
            int64_t i = y[d] * w->stride[d] + k * w->dilation[d] - w->low[d];
            n += i >= -w->low[d] && i < w->x[d] + w->high[d];
        }
        all *= n;
    }
    return all;
}

/* Of two vectors of n lanes, of which the second begins with the last element of the first, every second element. */
#define SECOND(l, n) (2 * (l) + ((l) >= (n) / 2))
#define SECOND2(l, n) SECOND(l, n), SECOND(l + 1, n)
#define SECOND4(l, n) SECOND2(l, n), SECOND2(l + 2, n)
#define SECOND8(l, n) SECOND4(l, n), SECOND4(l + 4, n)
#define SECOND16(l, n) SECOND8(l, n), SECOND8(l + 8, n)
#if FIRE_ISA_LEVEL == 3
INLINE fire_vf every_second_f32(fire_vf a, fire_vf b) { return __builtin_shufflevector(a, b, SECOND16(0, 16)); }
INLINE fire_vd every_second_f64(fire_vd a, fire_vd b) { return __builtin_shufflevector(a, b, SECOND8(0, 8)); }
#elif FIRE_ISA_LEVEL == 2
INLINE fire_vf every_second_f32(fire_vf a, fire_vf b) { return __builtin_shufflevector(a, b, SECOND8(0, 8)); }
INLINE fire_vd every_second_f64(fire_vd a, fire_vd b) { return __builtin_shufflevector(a, b, SECOND4(0, 4)); }
#else
INLINE fire_vf every_second_f32(fire_vf a, fire_vf b) { return __builtin_shufflevector(a, b, SECOND4(0, 4)); }
INLINE fire_vd every_second_f64(fire_vd a, fire_vd b) { return __builtin_shufflevector(a, b, SECOND2(0, 2)); }
#endif

#define BODY "pool_body.h"
#include "both.h"

static const char *decline(const fire_call *call, int x) {
    const fire_window_attrs *t = call->attrs;
    fire_window w;
    if (call->in[0].type != FIRE_F32 && call->in[0].type != FIRE_F64) return "the type is not a float";
    if (fire_pool_fit(t, &call->in[x].shape, &w, NULL) || w.k[0] > TAPS || w.k[1] > TAPS || w.k[2] > TAPS || fire_window_count(w.k) > TAPS) return "the window is large";
    return NULL;
}
static const char *decline_x(fire_context *ctx, const fire_call *call) {
    const fire_window_attrs *t = call->attrs;
    return t->bias && !t->channels_last ? "sums are made with channels last" : decline(call, 0);
}
static const char *decline_second(fire_context *ctx, const fire_call *call) { return decline(call, 1); }

static fire_window window_of(const fire_call *call, int x) {
    fire_window w = {0};
    (void)fire_pool_fit(call->attrs, &call->in[x].shape, &w, NULL);
    if (!w.last) w.n *= w.c, w.c = 1;
    return w;
}

#define KERNEL(symbol, op_name, x, decline_)                                                                                                                          \
    static void symbol##_run(const fire_call *call) {                                                                                                                 \
        fire_window w = window_of(call, x);                                                                                                                           \
        void *sum = call->n_out > 1 && ((const fire_window_attrs *)call->attrs)->bias ? call->out[1].data : NULL;                                                     \
        if (call->in[0].type == FIRE_F32) symbol##_f32(&w, call->attrs, call->in[0].data, call->in[1].data, call->out[0].data, sum);  \
        else symbol##_f64(&w, call->attrs, call->in[0].data, call->in[1].data, call->out[0].data, sum);                              \
    }                                                                                                                                                                 \
    const fire_kernel FIRE_ISA_NAME(fire_kernel_native_##symbol) = {.name = "native." FIRE_ISA_TEXT ".pool", .op = op_name, .isa = FIRE_ISA_LEVEL, .decline = decline_, .run = symbol##_run}
KERNEL(max_pool, "MaxPool", 0, decline_x);
KERNEL(max_pool_grad, "MaxPoolGrad", 0, decline_x);
KERNEL(average_pool, "AveragePool", 0, decline_x);
KERNEL(average_pool_grad, "AveragePoolGrad", 1, decline_second);
