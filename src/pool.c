/* pool.c - our own threads: they spin briefly, then park.
**
** A job's indices are handed out by one atomic word, (job << 32 | indices not yet taken). Taking one succeeds only while the word is
** still what the thread saw, so a thread that was off the core for long can never act on a finished job, and whoever runs
** takes over the share of whoever does not: a busy neighbour costs its own core, not everyone's.
*/
#include "pool.h"
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>

/* Long enough to catch the next job of a training step, short against a scheduler's slice. */
#define SPIN_SECONDS 30e-6

struct fire_pool {
    fire_context *ctx;
    int32_t threads, started;
    _Alignas(64) _Atomic uint64_t next; /* job << 32 | indices not yet taken; the last is taken first */
    _Alignas(64) _Atomic int32_t left;  /* indices not finished */
    void (*_Atomic work)(void *, int32_t); /* of the current job; valid for who takes an index of it */
    void *_Atomic user;
    _Atomic int32_t parked;             /* workers asleep, or about to be */
    _Atomic bool caller_parked, stop;
    pthread_mutex_t lock;
    pthread_cond_t wake, done;
    pthread_t thread[];                 /* [threads - 1] */
};

static void relax(void) {
#if defined __x86_64__ || defined __i386__
    __builtin_ia32_pause();
#endif
}

/* Take and do indices of the job that `seen` belongs to until none is left. */
static void take(fire_pool *p, uint64_t seen) {
    uint64_t job = seen >> 32;
    while (seen >> 32 == job && (uint32_t)seen) {
        void (*work)(void *, int32_t) = atomic_load(&p->work);
        void *user = atomic_load(&p->user);
        /* Success proves that work and user were this job's: they change only after every index is finished. */
        if (!atomic_compare_exchange_weak(&p->next, &seen, seen - 1)) continue;
        work(user, (int32_t)(uint32_t)seen - 1);
        if (atomic_fetch_sub(&p->left, 1) == 1 && atomic_load(&p->caller_parked)) {
            pthread_mutex_lock(&p->lock);
            pthread_cond_signal(&p->done);
            pthread_mutex_unlock(&p->lock);
        }
        seen = atomic_load(&p->next);
    }
}

static void *worker(void *arg) {
    fire_pool *p = arg;
    uint64_t last = 0; /* the job looked at before */
    for (;;) {
        uint64_t seen = atomic_load(&p->next);
        if (seen >> 32 == last) {
            double until = fire_seconds() + SPIN_SECONDS;
            do {
                for (int k = 0; k < 16 && (seen = atomic_load(&p->next)) >> 32 == last; k++) relax();
            } while (seen >> 32 == last && !atomic_load(&p->stop) && fire_seconds() < until);
        }
        if (seen >> 32 == last) {
            pthread_mutex_lock(&p->lock);
            atomic_fetch_add(&p->parked, 1); /* before looking again: the caller publishes first and then looks at parked */
            while ((seen = atomic_load(&p->next)) >> 32 == last && !atomic_load(&p->stop)) pthread_cond_wait(&p->wake, &p->lock);
            atomic_fetch_sub(&p->parked, 1);
            pthread_mutex_unlock(&p->lock);
        }
        if (atomic_load(&p->stop)) return NULL;
        last = seen >> 32;
        take(p, seen);
    }
}

fire_status fire_pool_new(fire_context *ctx, int32_t threads, fire_pool **out, fire_error *err) {
    if (threads < 1 || threads > 1024) return fire_fail(err, FIRE_E_USAGE, "%d threads, expected 1 to 1024", (int)threads);
    fire_pool *p = fire_alloc(ctx, 1, sizeof *p + sizeof(pthread_t) * (size_t)(threads - 1), err);
    if (!p) return FIRE_NOMEM;
    p->ctx = ctx;
    p->threads = threads;
    pthread_mutex_init(&p->lock, NULL); /* neither can fail with default attributes on Linux */
    pthread_cond_init(&p->wake, NULL);
    pthread_cond_init(&p->done, NULL);
    for (; p->started < threads - 1; p->started++) {
        if (pthread_create(&p->thread[p->started], NULL, worker, p) == 0) continue;
        int32_t got = p->started + 1;
        fire_pool_free(p);
        return fire_fail(err, FIRE_E_NOMEM, "the system started %d threads of %d; use fewer, or raise the limit on processes", (int)got, (int)threads);
    }
    *out = p;
    return FIRE_OK;
}

void fire_pool_free(fire_pool *p) {
    if (!p) return;
    pthread_mutex_lock(&p->lock);
    atomic_store(&p->stop, true);
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
    for (int32_t i = 0; i < p->started; i++) pthread_join(p->thread[i], NULL);
    pthread_cond_destroy(&p->done);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    fire_free(p->ctx, p);
}

int32_t fire_pool_threads(const fire_pool *p) { return p ? p->threads : 1; }

void fire_pool_run(fire_pool *p, int32_t n, void (*work)(void *user, int32_t i), void *user) {
    if (!p || p->threads == 1 || n <= 1) {
        for (int32_t i = 0; i < n; i++) work(user, i);
        return;
    }
    atomic_store(&p->left, n);
    atomic_store(&p->work, work);
    atomic_store(&p->user, user);
    uint64_t job = (atomic_load(&p->next) >> 32) + 1, first = (uint64_t)(uint32_t)job << 32 | (uint32_t)n;
    atomic_store(&p->next, first);
    if (atomic_load(&p->parked)) {
        pthread_mutex_lock(&p->lock);
        if (n > 2) pthread_cond_broadcast(&p->wake);
        else pthread_cond_signal(&p->wake);
        pthread_mutex_unlock(&p->lock);
    }
    take(p, first);
    /* Others still compute their last index: wait as they do. */
    double until = fire_seconds() + SPIN_SECONDS;
    while (atomic_load(&p->left)) {
        for (int k = 0; k < 16 && atomic_load(&p->left); k++) relax();
        if (!atomic_load(&p->left) || fire_seconds() < until) continue;
        pthread_mutex_lock(&p->lock);
        atomic_store(&p->caller_parked, true);
        while (atomic_load(&p->left)) pthread_cond_wait(&p->done, &p->lock);
        atomic_store(&p->caller_parked, false);
        pthread_mutex_unlock(&p->lock);
    }
}
