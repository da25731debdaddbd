/* peak.h - what one core can do: fused multiply-adds per second, measured, by the widest vectors that the CPU has. */
#ifndef FIRE_BENCH_PEAK_H
#define FIRE_BENCH_PEAK_H
#include <time.h>

static double cpu_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* 24 independent chains in registers: enough to hide the latency of 4 to 5 cycles on two ports. The asm keeps them from being merged. */
#define PEAK_LOOP(name, target_text, bytes, chains)                                                            \
    __attribute__((target(target_text), noinline)) static float name(long n) {                                 \
        typedef float vec __attribute__((vector_size(bytes)));                                                 \
        vec a[chains], m = (vec){0} + 0.999f, c = (vec){0} + 0.1f;                                             \
        for (int i = 0; i < chains; i++) a[i] = (vec){0} + (float)i;                                           \
        for (long k = 0; k < n; k++) {                                                                         \
            _Pragma("GCC unroll 24") for (int i = 0; i < chains; i++) a[i] = a[i] * m + c;                     \
            __asm__ volatile("" : "+x"(m), "+x"(c));                                                           \
        }                                                                                                      \
        float sum = 0;                                                                                         \
        for (int i = 0; i < chains; i++) sum += a[i][0];                                                       \
        return sum;                                                                                            \
    }
#pragma GCC push_options
#pragma GCC optimize("O3", "fp-contract=fast")
PEAK_LOOP(peak_avx512, "avx512f,fma,prefer-vector-width=512", 64, 24)
PEAK_LOOP(peak_avx2, "avx2,fma", 32, 12)
#pragma GCC pop_options

/* GFLOP/s of one core in float32, multiply and add counted apart; the best of seven tries of about 0.1 s. */
static double peak_gflops(void) {
    __builtin_cpu_init();
    bool wide = __builtin_cpu_supports("avx512f");
    float (*loop)(long) = wide ? peak_avx512 : peak_avx2;
    double per_round = wide ? 24 * 16 * 2 : 12 * 8 * 2;
    double best = 0;
    volatile float sink = 0;
    for (int k = 0; k < 7; k++) {
        const long n = 20 * 1000 * 1000;
        double begun = cpu_seconds();
        sink += loop(n);
        double rate = per_round * (double)n / (cpu_seconds() - begun) * 1e-9;
        if (rate > best) best = rate;
    }
    return best;
}
#endif
