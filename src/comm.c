/* comm.c - collective operations: sum, broadcast, gather, exchange.
**
** Sums are deterministic: the terms of each element are added in one binary tree over ranks, the one that adds neighbours, then
** pairs of pairs, and so on: ((0+1)+(2+3))+4. Small sums are exchanged whole and every rank adds them itself. For large ones rank r
** owns the r-th chunk: it receives the others' terms of it, adds block after block while later ones still arrive, and sends each
** finished block to everyone. So each byte crosses a link once in each half, and what is received ahead stays in the cache.
*/
#include "comm.h"
#include "half.h"
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int32_t fire_comm_rank(const fire_comm *comm) { return comm ? comm->rank : 0; }
int32_t fire_comm_size(const fire_comm *comm) { return comm && comm->size > 0 ? comm->size : 1; }
int64_t fire_comm_sent(const fire_comm *comm) { return comm ? comm->sent : 0; }

/* ---- adding ---- */

/* y = a + b; y may be a or b. 64 bytes at a time, whatever vectors the CPU has. */
#define ADDER(name, type, vector)                                                       \
    typedef type vector __attribute__((vector_size(64), aligned(sizeof(type)), may_alias)); \
    static void name(void *to, const void *from_a, const void *from_b, int64_t n) {     \
        type *y = to;                                                                   \
        const type *a = from_a, *b = from_b;                                            \
        const int64_t step = 64 / (int64_t)sizeof(type);                                \
        int64_t i = 0;                                                                  \
        for (; i + step <= n; i += step) *(vector *)(y + i) = *(const vector *)(a + i) + *(const vector *)(b + i); \
        for (; i < n; i++) y[i] = a[i] + b[i];                                          \
    }
ADDER(add_f32, float, vector_f32)
ADDER(add_f64, double, vector_f64)
ADDER(add_u64, uint64_t, vector_u64) /* of I64 too: wraps instead of overflowing */

/* Add the terms of n elements, term[r] from rank r, in the tree into `to`, which may be one of the terms. Terms are overwritten. */
static void add_tree(fire_type type, void *to, void *const *term, int32_t size, int64_t n) {
    void (*add)(void *, const void *, const void *, int64_t) = type == FIRE_F32 ? add_f32 : type == FIRE_F64 ? add_f64 : add_u64;
    for (int64_t stride = 1; stride < size; stride *= 2)
        for (int64_t r = 0; r + stride < size; r += 2 * stride) add(2 * stride >= size ? to : term[r], term[r], term[r + stride], n);
}

/* Terms of bfloat16 are added in float32, rank by rank, with what rounding took from the sums before; `to` may be one of the terms. */
static void add_brain(uint16_t *to, float *rest, void *const *term, int32_t size, int64_t n) {
    enum { BLOCK = 512 };
    float sum[BLOCK];
    for (int64_t at = 0; at < n; at += BLOCK) {
        int64_t m = n - at < BLOCK ? n - at : BLOCK;
        memcpy(sum, rest + at, (size_t)m * sizeof *sum);
        for (int32_t r = 0; r < size; r++) {
            const uint16_t *x = (const uint16_t *)term[r] + at;
            for (int64_t i = 0; i < m; i++) sum[i] += fire_brain_float(x[i]);
        }
        for (int64_t i = 0; i < m; i++) {
            to[at + i] = fire_brain_of(sum[i]);
            rest[at + i] = sum[i] - fire_brain_float(to[at + i]);
        }
    }
}

/* ---- sum ---- */

typedef struct sum {
    fire_comm *comm;
    fire_type type;
    int64_t element;       /* bytes of one */
    uint8_t *own;          /* this rank's chunk */
    int64_t own_size, summed; /* bytes of it; bytes done */
    void **term;           /* [size], of the comm */
    float *rest;           /* of bfloat16: what rounding takes away, for the own chunk */
} sum;

static void add_terms(const sum *s, void *to, int64_t at, int64_t bytes) {
    if (s->type == FIRE_BF16) add_brain(to, s->rest + at / s->element, s->term, s->comm->size, bytes / s->element);
    else add_tree(s->type, to, s->term, s->comm->size, bytes / s->element);
}

/* The bytes of rank r's chunk: whole cache lines as far as possible. */
static void chunk_of(int64_t bytes, int32_t size, int32_t r, int64_t *first, int64_t *count) {
    int64_t lines = (bytes + 63) / 64, each = lines / size, more = lines % size;
    int64_t begin = (each * r + (r < more ? r : more)) * 64, end = begin + (each + (r < more ? 1 : 0)) * 64;
    *first = begin < bytes ? begin : bytes;
    *count = (end < bytes ? end : bytes) - *first;
}

/* How far a link may be read: the ring holds so much of the own chunk, and what follows it lies elsewhere. */
static int64_t room_for(const sum *s, const fire_link *l) {
    return s->own_size - s->summed <= FIRE_COMM_WINDOW ? l->in.size[0] + l->in.size[1] : s->summed + FIRE_COMM_WINDOW;
}

/* How much may be sent: terms only so far ahead of what came from the peer, so that what is under way stays in caches instead of
** filling socket buffers; then finished blocks. Nobody waits in a circle: whoever waits for a term is behind whom he waits for. */
static int64_t ready_for(const sum *s, const fire_link *l) {
    return l->in.at + FIRE_COMM_AHEAD < l->out.size[0] ? l->in.at + FIRE_COMM_AHEAD : l->out.size[0] + s->summed;
}

/* Add the blocks of the own chunk that everyone has sent, let them go out, and make room in the rings. */
static void sum_blocks(void *user) {
    sum *s = user;
    fire_comm *comm = s->comm;
    int64_t arrived = s->own_size;
    for (int32_t r = 0; r < comm->size; r++)
        if (r != comm->rank && comm->link[r].in.at < arrived) arrived = comm->link[r].in.at;
    while (s->summed < s->own_size) {
        int64_t block = s->own_size - s->summed < FIRE_COMM_FRAME ? s->own_size - s->summed : FIRE_COMM_FRAME;
        if (arrived < s->summed + block) break;
        for (int32_t r = 0; r < comm->size; r++)
            s->term[r] = r == comm->rank ? s->own + s->summed : comm->link[r].in.part[0] + s->summed % FIRE_COMM_WINDOW;
        add_terms(s, s->own + s->summed, s->summed, block);
        s->summed += block;
    }
    for (int32_t r = 0; r < comm->size; r++) {
        if (r == comm->rank) continue;
        fire_link *l = &comm->link[r];
        l->out.limit = ready_for(s, l);
        l->in.limit = room_for(s, l);
    }
}

static fire_status scratch_get(fire_comm *comm, int64_t each, fire_error *err) {
    int64_t need = each * comm->size;
    if (comm->scratch_size >= need) return FIRE_OK;
    uint8_t *more = fire_alloc(comm->ctx, (size_t)need, 1, err);
    if (!more) return FIRE_NOMEM;
    fire_free(comm->ctx, comm->scratch);
    comm->scratch = more;
    comm->scratch_size = need;
    return FIRE_OK;
}

static fire_status sum_small(fire_comm *comm, sum *s, void *buf, int64_t bytes, fire_error *err) {
    for (int32_t r = 0; r < comm->size; r++) {
        s->term[r] = r == comm->rank ? buf : comm->scratch + (int64_t)r * FIRE_COMM_SMALL;
        if (r == comm->rank) continue;
        fire_stream_set(&comm->link[r].out, buf, bytes, NULL, 0);
        fire_stream_set(&comm->link[r].in, s->term[r], bytes, NULL, 0);
    }
    fire_status st = fire_comm_run(comm, NULL, NULL, err);
    if (st == FIRE_OK) add_terms(s, buf, 0, bytes);
    return st;
}

static fire_status sum_large(fire_comm *comm, sum *s, uint8_t *buf, int64_t bytes, fire_error *err) {
    int64_t own_first;
    chunk_of(bytes, comm->size, comm->rank, &own_first, &s->own_size);
    s->own = buf + own_first;
    if (s->rest) s->rest += own_first / s->element;
    for (int32_t r = 0; r < comm->size; r++) {
        if (r == comm->rank) continue;
        fire_link *l = &comm->link[r];
        int64_t first, count;
        chunk_of(bytes, comm->size, r, &first, &count);
        /* Out: the peer's chunk, then the own one when it is summed. In: terms of the own chunk, then the peer's summed one. The
        ** peer sends a summed block only after it has our terms, so the place that they lie in is free by then. */
        fire_stream_set(&l->out, buf + first, count, s->own, s->own_size);
        fire_stream_set(&l->in, comm->scratch + (int64_t)r * FIRE_COMM_WINDOW, s->own_size, buf + first, count);
        l->out.limit = ready_for(s, l);
        l->in.window = FIRE_COMM_WINDOW;
        l->in.limit = room_for(s, l);
    }
    return fire_comm_run(comm, sum_blocks, s, err);
}

/* Whether the operation needs peers at all. Not open: a failure. */
static fire_status check_open(const fire_comm *comm, fire_error *err) {
    if (comm->size > 0) return FIRE_OK;
    return fire_fail(err, FIRE_E_USAGE, "the comm is not open; call fire_comm_open first");
}

static fire_status sum_any(fire_comm *comm, fire_type type, void *buf, float *rest, int64_t n, fire_error *err) {
    fire_error local;
    if (!err) err = &local;
    int64_t bytes;
    if (!fire_mul(n, (int64_t)fire_type_size(type), &bytes)) return fire_fail(err, FIRE_E_USAGE, "fire_comm_sum of %lld elements", (long long)n);
    if (!comm) return FIRE_OK;
    fire_status st = check_open(comm, err);
    if (st != FIRE_OK || comm->size == 1) return st;
    if ((st = fire_comm_begin(comm, FIRE_COMM_SUM, (uint8_t)type, 0, err)) != FIRE_OK) return st;
    if ((st = scratch_get(comm, bytes <= FIRE_COMM_SMALL ? FIRE_COMM_SMALL : FIRE_COMM_WINDOW, err)) != FIRE_OK) return fire_comm_end(comm, err);
    sum s = {.comm = comm, .type = type, .element = (int64_t)fire_type_size(type), .term = comm->term, .rest = rest};
    return bytes <= FIRE_COMM_SMALL ? sum_small(comm, &s, buf, bytes, err) : sum_large(comm, &s, buf, bytes, err);
}

fire_status fire_comm_sum(fire_comm *comm, fire_type type, void *buf, int64_t n, fire_error *err) {
    if (type != FIRE_F32 && type != FIRE_F64 && type != FIRE_I64) return fire_fail(err, FIRE_E_USAGE, "fire_comm_sum adds F32, F64 or I64, not type %d", (int)type);
    return sum_any(comm, type, buf, NULL, n, err);
}

fire_status fire_comm_sum_brain(fire_comm *comm, uint16_t *buf, float *rest, int64_t n, fire_error *err) { return sum_any(comm, FIRE_BF16, buf, rest, n, err); }

/* ---- the others ---- */

fire_status fire_comm_broadcast(fire_comm *comm, int32_t root, void *buf, size_t bytes, fire_error *err) {
    fire_error local;
    if (!err) err = &local;
    if (root < 0 || root >= fire_comm_size(comm)) return fire_fail(err, FIRE_E_USAGE, "broadcast from rank %d of %d", root, fire_comm_size(comm));
    if (bytes > (size_t)FIRE_COMM_LIMIT) return fire_fail(err, FIRE_E_USAGE, "broadcast of %zu bytes, the limit is %lld", bytes, (long long)FIRE_COMM_LIMIT);
    if (!comm) return FIRE_OK;
    fire_status st = check_open(comm, err);
    if (st != FIRE_OK || comm->size == 1) return st;
    if ((st = fire_comm_begin(comm, FIRE_COMM_BROADCAST, 0, root, err)) != FIRE_OK) return st;
    if (comm->rank == root) {
        for (int32_t r = 0; r < comm->size; r++)
            if (r != root) fire_stream_set(&comm->link[r].out, buf, (int64_t)bytes, NULL, 0);
    } else fire_stream_set(&comm->link[root].in, buf, (int64_t)bytes, NULL, 0);
    return fire_comm_run(comm, NULL, NULL, err);
}

fire_status fire_comm_gather(fire_comm *comm, const void *mine, size_t bytes, void *all, fire_error *err) {
    fire_error local;
    if (!err) err = &local;
    if (bytes > (size_t)FIRE_COMM_LIMIT / FIRE_COMM_RANKS) return fire_fail(err, FIRE_E_USAGE, "gather of %zu bytes from each rank, the limit is %lld", bytes, (long long)FIRE_COMM_LIMIT / FIRE_COMM_RANKS);
    fire_status st = comm ? check_open(comm, err) : FIRE_OK;
    if (st != FIRE_OK) return st;
    if (comm && comm->size > 1) {
        if ((st = fire_comm_begin(comm, FIRE_COMM_GATHER, 0, 0, err)) != FIRE_OK) return st;
        for (int32_t r = 0; r < comm->size; r++) {
            if (r == comm->rank) continue;
            fire_stream_set(&comm->link[r].out, (void *)(uintptr_t)mine, (int64_t)bytes, NULL, 0);
            fire_stream_set(&comm->link[r].in, (uint8_t *)all + (size_t)r * bytes, (int64_t)bytes, NULL, 0);
        }
        if ((st = fire_comm_run(comm, NULL, NULL, err)) != FIRE_OK) return st;
    }
    if (bytes > 0) memmove((uint8_t *)all + (size_t)fire_comm_rank(comm) * bytes, mine, bytes);
    return FIRE_OK;
}

fire_status fire_comm_exchange(fire_comm *comm, const void *const *send, const size_t *bytes, void **recv, size_t *received, fire_error *err) {
    fire_error local;
    if (!err) err = &local;
    if (!comm) return fire_fail(err, FIRE_E_USAGE, "fire_comm_exchange needs a comm");
    fire_status st = check_open(comm, err);
    if (st != FIRE_OK) return st;
    for (int32_t r = 0; r < comm->size; r++)
        if (bytes[r] > (size_t)FIRE_COMM_LIMIT) return fire_fail(err, FIRE_E_USAGE, "exchange of %zu bytes with rank %d, the limit is %lld", bytes[r], r, (long long)FIRE_COMM_LIMIT);
    void *own = NULL;
    if (comm->size > 1 && (st = fire_comm_begin(comm, FIRE_COMM_EXCHANGE, 0, 0, err)) != FIRE_OK) return st;
    if (bytes[comm->rank] > 0) {
        if (!(own = fire_alloc(comm->ctx, bytes[comm->rank], 1, err))) return fire_comm_end(comm, err);
        memcpy(own, send[comm->rank], bytes[comm->rank]);
    }
    for (int32_t r = 0; r < comm->size; r++) {
        fire_link *l = &comm->link[r];
        if (r == comm->rank) continue;
        l->taken = NULL;
        l->take_any = true;
        fire_stream_set(&l->out, (void *)(uintptr_t)send[r], (int64_t)bytes[r], NULL, 0);
        fire_stream_set(&l->in, NULL, 0, NULL, 0);
    }
    if (comm->size > 1) st = fire_comm_run(comm, NULL, NULL, err);
    for (int32_t r = 0; r < comm->size; r++) {
        fire_link *l = &comm->link[r];
        void *got = r == comm->rank ? own : l->taken;
        if (st != FIRE_OK) fire_free(comm->ctx, got);
        else {
            recv[r] = got;
            received[r] = r == comm->rank ? bytes[r] : (size_t)l->in.size[0];
        }
        l->taken = NULL;
        l->take_any = false;
    }
    return st;
}

void fire_comm_release(fire_comm *comm, void *recv) {
    if (comm) fire_free(comm->ctx, recv);
}

void fire_comm_fail(fire_comm *comm, const fire_error *why) {
    if (!comm || !why || why->status == FIRE_OK || comm->failed.status != FIRE_OK) return;
    fire_error err = *why;
    comm->failed_rank = comm->rank;
    fire_comm_end(comm, &err);
}

void fire_comm_free(fire_comm *comm) {
    if (!comm) return;
    if (comm->listener >= 0) close(comm->listener);
    if (comm->link) {
        static const uint8_t bye[FIRE_COMM_HEADER] = {0x73, 0x66, 0x73, 0x31, FIRE_COMM_BYE};
        double until = fire_seconds() + 0.5;
        for (int32_t r = 0; r < comm->size; r++) {
            fire_link *l = &comm->link[r];
            if (l->fd < 0) continue;
            struct iovec part = {(void *)(uintptr_t)bye, sizeof bye};
            if (comm->failed.status == FIRE_OK) l->io->send(l, &part, 1);
            else {
                /* Closing with unread input would reset the connection and so lose the failure that the peer has not read yet:
                ** end our half and take what still comes, for a moment. */
                uint8_t sink[4096];
                struct iovec rest = {sink, sizeof sink};
                struct pollfd p = {.fd = l->fd, .events = POLLIN};
                shutdown(l->fd, SHUT_WR);
                for (int64_t n = 1; n != 0;) {
                    n = l->io->recv(l, &rest, 1);
                    double left = until - fire_seconds();
                    if (n > 0) continue;
                    if (left <= 0 || poll(&p, 1, (int)(left * 1000) + 1) <= 0 || p.revents & (POLLERR | POLLHUP)) break;
                }
            }
            fire_link_close(l);
        }
    }
    fire_free(comm->ctx, comm->link);
    fire_free(comm->ctx, comm->poll);
    fire_free(comm->ctx, comm->term);
    fire_free(comm->ctx, comm->scratch);
    fire_free(comm->ctx, comm);
}
