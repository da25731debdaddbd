/* comm.c - speed of sums between two ranks on the loopback: latency of 8 bytes, rate of 1 MB and 64 MB, and two bounds: the same
** bytes written and read over a bare socket pair, and copied by memcpy.
**
** comm [ranks]. Ranks are threads. Prints one JSON object a line; each number is the best of several rounds. */
#include "firesteel.h"
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static int size = 2;
static fire_comm *comm[16];
static char address[16][64];
static const char *addresses[16];

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}
static double cpu(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

static void *rank_run(void *user) {
    int rank = (int)(size_t)user;
    static const uint8_t secret[16] = {1};
    fire_error err;
    cpu_set_t one; /* a core each, as far as they go: a wandering scheduler would be measured otherwise */
    CPU_ZERO(&one);
    CPU_SET((size_t)rank % (size_t)sysconf(_SC_NPROCESSORS_ONLN), &one);
    pthread_setaffinity_np(pthread_self(), sizeof one, &one);
    if (fire_comm_open(comm[rank], rank, size, addresses, secret, 60, &err)) { fprintf(stderr, "%s\n", err.message); exit(4); }
    static const struct { int64_t bytes; int rounds, calls; } plan[] = {{8, 20, 2000}, {16384, 20, 500}, {1000000, 20, 40}, {64000000, 8, 2}};
    float *buf = calloc(16000000, 4);
    if (!buf) exit(6);
    for (size_t p = 0; p < sizeof plan / sizeof *plan; p++) {
        double best = 1e9, best_cpu = 1e9;
        for (int round = 0; round < plan[p].rounds; round++) {
            double start = now(), start_cpu = cpu();
            for (int i = 0; i < plan[p].calls; i++)
                if (fire_comm_sum(comm[rank], FIRE_F32, buf, plan[p].bytes / 4, &err)) { fprintf(stderr, "%s\n", err.message); exit(4); }
            double each = (now() - start) / plan[p].calls, each_cpu = (cpu() - start_cpu) / plan[p].calls;
            if (each < best) best = each;
            if (each_cpu < best_cpu) best_cpu = each_cpu;
        }
        if (rank == 0)
            printf("{\"what\": \"sum\", \"ranks\": %d, \"bytes\": %lld, \"seconds\": %.3g, \"cpu_seconds\": %.3g, \"MB_per_s\": %.0f}\n", size, (long long)plan[p].bytes, best, best_cpu,
                   (double)plan[p].bytes / best / 1e6);
    }
    free(buf);
    fire_comm_free(comm[rank]);
    return NULL;
}

/* The bound: a peer that reads and writes without looking. Each side sends and receives `bytes` in 64 KiB pieces. */
static void *raw_run(void *user) {
    int fd = (int)(size_t)user;
    static char block[2][128 << 10];
    for (int64_t n = 0; n < 2 * 64000000; n += (int64_t)sizeof block[0]) {
        if (send(fd, block[0], sizeof block[0], 0) < 0) exit(4);
        for (size_t k = 0; k < sizeof block[0];) {
            ssize_t r = recv(fd, block[1] + k, sizeof block[0] - k, 0);
            if (r <= 0) exit(4);
            k += (size_t)r;
        }
    }
    return NULL;
}

static void raw(void) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int l = socket(AF_INET, SOCK_STREAM, 0), x = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    if (bind(l, (void *)&a, sizeof a) || listen(l, 1) || getsockname(l, (void *)&a, &n) || connect(x, (void *)&a, sizeof a)) exit(4);
    int y = accept(l, NULL, NULL);
    setsockopt(x, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(y, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    pthread_t t;
    double start = now();
    pthread_create(&t, NULL, raw_run, (void *)(size_t)x);
    raw_run((void *)(size_t)y);
    pthread_join(t, NULL);
    /* 128 MB went each way; a sum of n bytes by two ranks sends n each way. */
    printf("{\"what\": \"bare sockets, as a sum\", \"MB_per_s\": %.0f}\n", 2 * 64.0 / (now() - start));
    char *from = calloc(64, 1000000), *to = calloc(64, 1000000);
    double best = 1e9;
    for (int i = 0; i < 5; i++) {
        start = now();
        memcpy(to, from, 64000000);
        from[i] = to[i + 1];
        if (now() - start < best) best = now() - start;
    }
    printf("{\"what\": \"memcpy\", \"MB_per_s\": %.0f}\n", 64 / best);
    free(from);
    free(to);
    close(l); close(x); close(y);
}

int main(int argc, char **argv) {
    fire_context *ctx;
    fire_error err;
    pthread_t t[16];
    if (argc > 1) size = atoi(argv[1]);
    if (size < 2 || size > 16) return 1;
    if (fire_context_new(NULL, &ctx, &err)) return 6;
    for (int r = 0; r < size; r++) {
        if (fire_comm_listen(ctx, "127.0.0.1", address[r], sizeof address[r], &comm[r], &err)) { fprintf(stderr, "%s\n", err.message); return 4; }
        addresses[r] = address[r];
    }
    for (int r = 0; r < size; r++) pthread_create(&t[r], NULL, rank_run, (void *)(size_t)r);
    for (int r = 0; r < size; r++) pthread_join(t[r], NULL);
    raw();
    fire_context_free(ctx);
    return 0;
}
