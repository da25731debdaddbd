/* layer_normalization_body.h - for one element type; layer_normalization.c includes it through both.h. y may be x, dx may be dy or x. */
#include "lanes_body.h"

#define PARTS(k, n) for (int64_t k = 0, n; n = size - k < LANES ? size - k : LANES, k < size; k += n)

static void T(norm)(const fire_call *call, int64_t rows, int64_t size, REAL epsilon, const REAL *bias) {
    const REAL *x = call->in[0].data, *scale = call->in[1].data;
    REAL *y = call->out[0].data, *means = call->out[1].data, *inverses = call->out[2].data, root;
    for (int64_t i = 0; i < rows; i++, x += size, y += size) {
        VEC sum = {0}, square = {0};
        PARTS(k, n) sum += T(load_part)(x + k, n, 0);
        REAL mean = T(add_lanes)(sum) / (REAL)size;
        PARTS(k, n) {
            VEC d = T(load_part)(x + k, n, mean) - mean;
            square += d * d;
        }
        root = T(add_lanes)(square) / (REAL)size + epsilon;
        REAL inverse = 1 / (sizeof(REAL) == 4 ? (REAL)sqrtf((float)root) : (REAL)sqrt((double)root));
        PARTS(k, n) {
            VEC v = (T(load_part)(x + k, n, mean) - mean) * inverse * T(load_part)(scale + k, n, 0);
            if (bias) v += T(load_part)(bias + k, n, 0);
            T(store_part)(y + k, n, v);
        }
        means[i] = mean, inverses[i] = inverse;
    }
}

static void T(norm_grad)(const fire_call *call, int64_t rows, int64_t size) {
    const REAL *dy = call->in[0].data, *x = call->in[1].data, *scale = call->in[2].data, *means = call->in[3].data, *inverses = call->in[4].data;
    REAL *dx = call->out[0].data, *dscale = call->out[1].data, *dbias = call->out[2].data, *a = call->scratch, *b = a + size;
    for (int64_t k = 0; k < size; k++) dscale[k] = dbias[k] = a[k] = b[k] = 0;
    for (int64_t i = 0; i < rows; i++, x += size, dy += size, dx += size) {
        REAL mean = means[i], inverse = inverses[i];
        VEC s = {0}, sz = {0};
        PARTS(k, n) {
            VEC d = T(load_part)(dy + k, n, 0), z = (T(load_part)(x + k, n, mean) - mean) * inverse, w = d * T(load_part)(scale + k, n, 0);
            s += w, sz += w * z;
            T(store_part)(a + k, n, T(load_part)(a + k, n, 0) + d * z);
            T(store_part)(b + k, n, T(load_part)(b + k, n, 0) + d);
        }
        REAL every = T(add_lanes)(s) / (REAL)size, along = T(add_lanes)(sz) / (REAL)size;
        PARTS(k, n) {
            VEC z = (T(load_part)(x + k, n, mean) - mean) * inverse, w = T(load_part)(dy + k, n, 0) * T(load_part)(scale + k, n, 0);
            T(store_part)(dx + k, n, (w - every - z * along) * inverse);
        }
        if (i % BLOCK == BLOCK - 1 || i == rows - 1) {
            EACH(k, size) dscale[k] += a[k], dbias[k] += b[k];
            for (int64_t k = 0; k < size; k++) a[k] = b[k] = 0;
        }
    }
}
#undef PARTS
