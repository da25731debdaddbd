/* step - samples per CPU-second of training 784-256-128-10 (relu, softmax, sparse cross-entropy, Adam) on one thread, and % of the core's peak.
**
**     step [seconds per batch size] [batch ...]
**
** An epoch is 16,384 random rows: gathering, shuffling, forward, backward, update and metrics, all in one call. The best epoch counts.
*/
#include "firesteel.h"
#include "peak.h"
#include <stdio.h>
#include <stdlib.h>

enum { ROWS = 16384, WIDTH = 784 };

static fire_error err;
#define TRY(call) do { if (call) { fprintf(stderr, "FS%d %s\n", (int)err.code, err.message); exit(1); } } while (0)

/* Best samples per CPU-second over `seconds`, after one epoch to warm up. */
static double measure(fire_context *ctx, fire_dataset *data, int64_t batch, double seconds) {
    fire_network *net;
    TRY(fire_network_new(ctx, FIRE_F32, &net, &err));
    TRY(fire_network_add(net, "Dense", "units=256 activation=relu", &err));
    TRY(fire_network_add(net, "Dense", "units=128 activation=relu", &err));
    TRY(fire_network_add(net, "Dense", "units=10 activation=softmax", &err));
    TRY(fire_network_compile(net, "Adam", "sparse_categorical_crossentropy", NULL, &err));
    fire_fit_options o = {.size = sizeof o, .batch_size = batch, .epochs = 1, .seed = 1};
    TRY(fire_fit(net, data, &o, NULL, &err));
    double best = 0, end = cpu_seconds() + seconds;
    while (cpu_seconds() < end) {
        double begun = cpu_seconds();
        TRY(fire_fit(net, data, &o, NULL, &err));
        double rate = ROWS / (cpu_seconds() - begun);
        if (rate > best) best = rate;
    }
    fire_network_free(net);
    return best;
}

int main(int argc, char **argv) {
    double seconds = argc > 1 ? atof(argv[1]) : 3;
    /* Forward and two gradients of three products, less the gradient of the first layer's input. */
    const double flops = 2.0 * (3 * (784 * 256 + 256 * 128 + 128 * 10) - 784 * 256);
    float *x = malloc(sizeof(float) * ROWS * WIDTH);
    int64_t *y = malloc(sizeof(int64_t) * ROWS);
    if (!x || !y) return 6;
    uint32_t random = 1;
    for (int i = 0; i < ROWS * WIDTH; i++) x[i] = (float)((random = random * 1664525u + 1013904223u) >> 8) * 0x1p-24f;
    for (int i = 0; i < ROWS; i++) y[i] = (random = random * 1664525u + 1013904223u) >> 16 & 7;
    fire_context *ctx;
    fire_dataset *data;
    TRY(fire_context_new(NULL, &ctx, &err));
    TRY(fire_dataset_new(ctx, &data, &err));
    TRY(fire_dataset_add(data, &(fire_tensor){FIRE_F32, {2, {ROWS, WIDTH}}, x}, &(fire_tensor){FIRE_I64, {1, {ROWS}}, y}, NULL, &err));
    double peak = peak_gflops();
    printf("peak of one core %.1f GFLOP/s\n%6s %16s %10s %12s\n", peak, "batch", "samples/CPU-s", "% of peak", "us per step");
    int64_t usual[] = {32, 128, 1024};
    for (int i = 0; i < (argc > 2 ? argc - 2 : 3); i++) {
        int64_t batch = argc > 2 ? atoll(argv[i + 2]) : usual[i];
        double rate = measure(ctx, data, batch, seconds);
        printf("%6lld %16.0f %10.1f %12.1f\n", (long long)batch, rate, 100 * rate * flops * 1e-9 / peak, 1e6 * (double)batch / rate);
        fflush(stdout);
    }
    fire_dataset_free(data);
    fire_context_free(ctx);
    free(x);
    free(y);
    return 0;
}
