/* crew.h - ranks of one comm as threads or as processes of a test, which leave their results where the test sees them. */
#ifndef FIRE_CREW_H
#define FIRE_CREW_H
#include "harness.h"
#include "comm.h"
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST 5

/* ---- a crew: ranks as threads or as processes ---- */

typedef struct crew crew;
typedef void work(crew *c, fire_comm *comm, int rank);

typedef struct member { crew *c; int rank; pthread_t thread; } member;

struct crew {
    int size;
    double deadline;
    harness h;
    fire_context *ctx;
    fire_comm *comm[MOST];
    char address[MOST][64];
    const char *addresses[MOST];
    uint8_t secret[MOST][16];
    work *job;
    member member[MOST];
    struct result { fire_status opened; fire_error err; double seconds; char complaint[1200]; } *result; /* shared with children */
    pid_t child[MOST];
};

/* Threads cannot use cmocka's asserts: they leave a complaint. */
#define CHECK(ok, ...) do { if (!(ok) && !c->result[rank].complaint[0]) snprintf(c->result[rank].complaint, 1200, __VA_ARGS__); } while (0)

static inline void crew_begin(crew *c, int size, double deadline, const char *host) {
    memset(c, 0, sizeof *c);
    c->size = size;
    c->deadline = deadline;
    harness_init(&c->h);
    c->ctx = harness_context(&c->h, NULL);
    c->result = mmap(NULL, sizeof *c->result * MOST, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int r = 0; r < size; r++) {
        fire_error err = {0};
        if (fire_comm_listen(c->ctx, host, c->address[r], sizeof c->address[r], &c->comm[r], &err) != FIRE_OK) fail_msg("%s", err.message);
        c->addresses[r] = c->address[r];
        memset(c->secret[r], 0x5a, 16);
    }
}

static inline void crew_member(crew *c, int rank) {
    struct result *res = &c->result[rank];
    double start = fire_seconds();
    res->opened = fire_comm_open(c->comm[rank], rank, c->size, c->addresses, c->secret[rank], c->deadline, &res->err);
    if (res->opened == FIRE_OK && c->job) c->job(c, c->comm[rank], rank);
    res->seconds = fire_seconds() - start;
    fire_comm_free(c->comm[rank]);
    c->comm[rank] = NULL;
}

static inline void *crew_thread(void *user) {
    member *m = user;
    crew_member(m->c, m->rank);
    return NULL;
}

static inline void crew_start(crew *c, work *job, unsigned ranks) {
    c->job = job;
    for (int r = 0; r < c->size; r++)
        if (ranks >> r & 1) {
            c->member[r] = (member){c, r, 0};
            assert_int_equal(pthread_create(&c->member[r].thread, NULL, crew_thread, &c->member[r]), 0);
        }
}

static inline void crew_wait(crew *c, unsigned ranks) {
    for (int r = 0; r < c->size; r++)
        if (ranks >> r & 1) pthread_join(c->member[r].thread, NULL);
}

/* Everybody met, and nobody complains. */
static inline void crew_fine(crew *c) {
    for (int r = 0; r < c->size; r++) {
        if (c->result[r].opened != FIRE_OK) fail_msg("rank %d did not meet: %s", r, c->result[r].err.message);
        if (c->result[r].complaint[0]) fail_msg("rank %d: %s", r, c->result[r].complaint);
    }
}

static inline void crew_end(crew *c) {
    for (int r = 0; r < c->size; r++) fire_comm_free(c->comm[r]);
    fire_context_free(c->ctx);
    munmap(c->result, sizeof *c->result * MOST);
    assert_int_equal(c->h.live, 0);
}

static inline void crew_run(crew *c, work *job) {
    crew_start(c, job, ~0u);
    crew_wait(c, ~0u);
}

/* Ranks as processes, so that they can be killed. */
static inline void crew_fork(crew *c, work *job) {
    c->job = job;
    for (int r = 0; r < c->size; r++) {
        c->child[r] = fork();
        assert_true(c->child[r] >= 0);
        if (c->child[r] == 0) {
            for (int q = 0; q < c->size; q++)
                if (q != r) {
                    fire_comm_free(c->comm[q]);
                    c->comm[q] = NULL;
                }
            crew_member(c, r);
            _exit(0);
        }
    }
    for (int r = 0; r < c->size; r++) {
        fire_comm_free(c->comm[r]);
        c->comm[r] = NULL;
    }
}

static inline void crew_reap(crew *c, int r) {
    int status;
    waitpid(c->child[r], &status, 0);
}

static inline void sleep_for(double s) { poll(NULL, 0, (int)(s * 1000)); }
#endif
