/* gather_body.h - for one element type; gather.c includes it through both.h. */
#include "lanes_body.h"

static void T(gather)(const fire_call *call, const sizes *s) {
    const REAL *x = call->in[0].data;
    REAL *y = call->out[0].data;
    for (int64_t o = 0; o < s->outer && s->inner; o++)
        for (int64_t k = 0; k < s->picks; k++, y += s->inner) {
            int64_t i = pick(&call->in[1], k, s->size);
            if (i < 0) memset(y, 0, (size_t)s->inner * sizeof(REAL));
            else memcpy(y, x + (o * s->size + i) * s->inner, (size_t)s->inner * sizeof(REAL));
        }
}

static void T(gather_grad)(const fire_call *call, const sizes *s) {
    const REAL *dy = call->in[0].data;
    REAL *dx = call->out[0].data;
    int64_t count = s->outer * s->size * s->inner;
    if (!count) return;
    memset(dx, 0, (size_t)count * sizeof(REAL));
    for (int64_t o = 0; o < s->outer; o++)
        for (int64_t k = 0; k < s->picks; k++, dy += s->inner) {
            int64_t i = pick(&call->in[1], k, s->size);
            if (i < 0) continue;
            REAL *to = dx + (o * s->size + i) * s->inner;
            for (int64_t j = 0, n; j < s->inner; j += n) {
                n = s->inner - j < LANES ? s->inner - j : LANES;
                T(store_part)(to + j, n, T(load_part)(to + j, n, 0) + T(load_part)(dy + j, n, 0));
            }
        }
}
