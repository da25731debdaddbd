/* run.h - for fuzzing: run a model of other software on zeros of the shapes that it declares, and look at all that comes back. */
#ifndef FIRE_FUZZ_RUN_H
#define FIRE_FUZZ_RUN_H
#include "limits.h"
#include <string.h>

#define WORK ((int64_t)1 << 21)
#define FREE_DIM 2 /* for a dimension that the file leaves free */

static void fuzz_check(fire_status s, const fire_error *err) { /* a failure says what it is, in printable text */
    if (err->status != s || !err->message[0]) abort();
    for (const char *p = err->message; *p; p++)
        if ((unsigned char)*p < 0x20 || (unsigned char)*p > 0x7e) abort();
}

/* Twice: the second time a plan that was kept is used, which must give the same bits. */
static inline void fuzz_run(fire_context *ctx, fire_network *net) {
    fire_named in[16], *out[2] = {NULL, NULL};
    char name[16][256];
    int32_t n = 0, n_out[2] = {0, 0};
    fire_error err = {0};
    fire_tensor shape;
    for (; n < 16 && !fire_run_port(net, false, n, &shape, name[n], sizeof name[n]); n++) {
        int64_t count = 1;
        for (int d = 0; d < shape.shape.rank; d++) {
            if (shape.shape.dim[d] < 0) shape.shape.dim[d] = FREE_DIM;
            if (__builtin_mul_overflow(count, shape.shape.dim[d], &count) || count > 1 << 16) goto done;
        }
        in[n] = (fire_named){name[n], shape};
        in[n].tensor.data = calloc((size_t)count + 1, 16); /* of any type */
        if (!in[n].tensor.data) goto done;
        if (shape.type == FIRE_TEXT)
            for (int64_t i = 0; i < count; i++) ((const char **)in[n].tensor.data)[i] = "";
        else if (!fire_type_size(shape.type)) { n++; goto done; } /* lists, optionals */
    }
    for (int pass = 0; pass < 2; pass++) {
        fire_status s = fire_run(net, n, in, &out[pass], &n_out[pass], &err);
        if (s) { fuzz_check(s, &err); break; }
        for (int32_t k = 0; k < n_out[pass]; k++) {
            const fire_tensor *t = &out[pass][k].tensor;
            size_t all = fire_type_size(t->type);
            for (int d = 0; d < t->shape.rank; d++) all *= (size_t)t->shape.dim[d];
            volatile uint8_t sum = 0;
            for (size_t i = 0; i < all; i++) sum = (uint8_t)(sum + ((const uint8_t *)t->data)[i]); /* every byte is there */
        }
    }
done:
    for (int32_t i = 0; i < n; i++) free(in[i].tensor.data);
    fire_release(ctx, out[0]);
    fire_release(ctx, out[1]);
}

/* Bytes of a model: loaded, and run. */
static inline void fuzz_load_and_run(fire_context *ctx, const uint8_t *bytes, size_t size) {
    fire_network *net = NULL;
    fire_error err = {0};
    const fire_status s = fire_load_bytes(ctx, bytes, size, &net, &err);
    if (s) fuzz_check(s, &err);
    else fuzz_run(ctx, net);
    fire_network_free(net);
}
#endif
