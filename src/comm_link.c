/* comm_link.c - messages over links: frames, progress, deadlines, last words.
**
** All links of a rank are served by one loop over non-blocking sockets: it tries what can move, spins a moment, then waits in
** poll. Links on which nothing is expected are watched too, so that a lost peer or a failure is seen at once by everybody.
*/
#include "comm.h"
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAGIC 0x31736673u      /* "sfs1" */
#define SPIN 50e-6             /* seconds of trying before poll: longer than a loopback round trip, shorter than a time slice */
#define NOTHING (-EAGAIN)
/* Ranks are given even work, but not even machines: a peer may take so many times as long as this rank did before it counts as silent.
** Nothing is sent meanwhile: a sign of life from a thread of its own would also come from a rank that hangs. */
#define LEEWAY 4

/* ---- plain sockets ---- */

static int64_t tcp_send(fire_link *link, const struct iovec *part, int n) {
    struct msghdr m = {.msg_iov = (struct iovec *)part, .msg_iovlen = (size_t)n};
    ssize_t r;
    do r = sendmsg(link->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT); while (r < 0 && errno == EINTR);
    return r >= 0 ? r : errno == EWOULDBLOCK ? NOTHING : -errno;
}

static int64_t tcp_recv(fire_link *link, const struct iovec *part, int n) {
    struct msghdr m = {.msg_iov = (struct iovec *)part, .msg_iovlen = (size_t)n};
    ssize_t r;
    do r = recvmsg(link->fd, &m, MSG_DONTWAIT); while (r < 0 && errno == EINTR);
    return r >= 0 ? r : errno == EWOULDBLOCK ? NOTHING : -errno;
}

static void tcp_close(fire_link *link) { (void)link; }

const fire_link_io fire_link_tcp = {tcp_send, tcp_recv, tcp_close};

void fire_link_begin(fire_link *link, int fd, int32_t rank, const char *address) {
    memset(link, 0, sizeof *link);
    link->io = &fire_link_tcp;
    link->fd = fd;
    link->rank = rank;
    link->words_at = -1;
    link->out.done = link->in.done = true;
    link->since = fire_seconds();
    fire_escape(link->address, sizeof link->address, address, strlen(address));
}

void fire_link_close(fire_link *link) {
    if (link->fd < 0) return;
    link->io->close(link);
    close(link->fd);
    link->fd = -1;
}

/* ---- headers ---- */

static void put(uint8_t *to, uint64_t v, int bytes) { for (int i = 0; i < bytes; i++) to[i] = (uint8_t)(v >> (8 * i)); }
static uint64_t get(const uint8_t *from, int bytes) {
    uint64_t v = 0;
    for (int i = 0; i < bytes; i++) v |= (uint64_t)from[i] << (8 * i);
    return v;
}

typedef struct header { uint8_t op, detail; uint16_t root; uint64_t sequence, total; uint32_t bytes, frame; } header;

static void header_put(uint8_t to[FIRE_COMM_HEADER], const header *h) {
    put(to, MAGIC, 4); to[4] = h->op; to[5] = h->detail; put(to + 6, h->root, 2); put(to + 8, h->sequence, 8);
    put(to + 16, h->total, 8); put(to + 24, h->bytes, 4); put(to + 28, h->frame, 4);
}

static bool header_get(const uint8_t from[FIRE_COMM_HEADER], header *h) {
    *h = (header){from[4], from[5], (uint16_t)get(from + 6, 2), get(from + 8, 8), get(from + 16, 8), (uint32_t)get(from + 24, 4), (uint32_t)get(from + 28, 4)};
    return get(from, 4) == MAGIC;
}

static const char *op_name(int op) {
    static const char *const name[] = {"?", "sum", "broadcast", "gather", "exchange", "fail", "bye"};
    return op >= 1 && op <= FIRE_COMM_BYE ? name[op] : name[0];
}

static const char *call_text(char *to, size_t capacity, const header *h) {
    if (h->op == FIRE_COMM_SUM) snprintf(to, capacity, "sum %llu of type %d, %llu bytes", (unsigned long long)h->sequence, h->detail, (unsigned long long)h->total);
    else if (h->op == FIRE_COMM_BROADCAST) snprintf(to, capacity, "broadcast %llu from rank %d, %llu bytes", (unsigned long long)h->sequence, h->root, (unsigned long long)h->total);
    else snprintf(to, capacity, "%s %llu, %llu bytes", op_name(h->op), (unsigned long long)h->sequence, (unsigned long long)h->total);
    return to;
}

/* ---- streams ---- */

void fire_stream_set(fire_stream *s, void *part0, int64_t size0, void *part1, int64_t size1) {
    s->part[0] = part0; s->size[0] = size0;
    s->part[1] = part1; s->size[1] = size1;
    s->window = 0;
    s->at = s->frame_end = 0;
    s->limit = size0 + size1;
    s->frame = 0;
    s->done = false;
    /* header_at stays: a receiver may hold the header of this very message already. */
}

static int64_t stream_total(const fire_stream *s) { return s->size[0] + s->size[1]; }

/* Where the frame that begins at `at` ends: frames do not cross from one part to the other. */
static int64_t stream_frame_end(const fire_stream *s) {
    int64_t part_end = s->at < s->size[0] ? s->size[0] : stream_total(s);
    return part_end - s->at > FIRE_COMM_FRAME ? s->at + FIRE_COMM_FRAME : part_end;
}

/* The address of byte `at` of the message; what follows up to frame_end lies behind it. NULL at the end. */
static uint8_t *stream_place(const fire_stream *s) {
    if (s->at >= stream_total(s)) return NULL;
    if (s->at >= s->size[0]) return s->part[1] + (s->at - s->size[0]);
    return s->part[0] + (s->window ? s->at % s->window : s->at);
}

static header expected(const fire_comm *comm, const fire_stream *s, int64_t frame_end) {
    return (header){(uint8_t)comm->op, comm->detail, (uint16_t)comm->root, comm->sequence, (uint64_t)stream_total(s), (uint32_t)(frame_end - s->at), s->frame};
}

/* ---- failures ---- */

static const char *doing(const fire_comm *comm, char to[48]) {
    if (comm->sequence) snprintf(to, 48, "%s %llu", op_name((int)comm->op), (unsigned long long)comm->sequence);
    else snprintf(to, 48, "meeting");
    return to;
}

static fire_status fail_lost(fire_comm *comm, fire_link *link, int error, fire_error *err) {
    char what[48];
    comm->failed_rank = link->rank;
    if (link->left)
        return fire_fail(err, FIRE_E_PEER_LOST, "rank %d at %s ended its work while rank %d waits for it in %s", link->rank, link->address, comm->rank, doing(comm, what));
    return fire_fail(err, FIRE_E_PEER_LOST, "rank %d at %s is lost in %s: %s; see its executor's log", link->rank, link->address, doing(comm, what),
                     error ? strerror(error) : "it closed the connection");
}

/* The words of a failure frame: origin rank i32, code i32, text. */
static fire_status fail_words(fire_comm *comm, fire_link *link, fire_error *err) {
    char text[900];
    int32_t origin = (int32_t)get(link->words, 4), code = (int32_t)get(link->words + 4, 4);
    fire_escape(text, sizeof text, (const char *)link->words + 8, (size_t)(link->words_size - 8));
    if (origin < 0 || origin >= comm->size) origin = link->rank;
    comm->failed_rank = origin;
    fire_fail(err, FIRE_E_PEER_FAILED, "rank %d at %s gave up: FS%d: %s", origin, origin == link->rank ? link->address
              : origin == comm->rank ? "this host" : comm->link[origin].fd >= 0 ? comm->link[origin].address : "an unknown address", code, text);
    return FIRE_CLUSTER;
}

/* ---- receiving ---- */

/* Look at a complete header that the stream cannot use: good-bye, the begin of a failure, or a later message (nothing happens). */
static fire_status header_other(fire_comm *comm, fire_link *link, fire_error *err) {
    header h;
    if (!header_get(link->in.header, &h))
        return fire_fail(err, FIRE_E_PEER_LOST, "rank %d at %s sent bytes that are no message", link->rank, link->address);
    if (h.op == FIRE_COMM_BYE) {
        link->left = true;
        link->in.header_at = 0;
    } else if (h.op == FIRE_COMM_FAIL) {
        if (h.bytes < 8 || h.bytes > FIRE_COMM_WORDS) return fire_fail(err, FIRE_E_PEER_LOST, "rank %d at %s sent a failure of %u bytes", link->rank, link->address, h.bytes);
        link->words_at = 0;
        link->words_size = (int32_t)h.bytes;
    }
    return FIRE_OK;
}

/* Take the header at hand as that of the next frame. `early` payload bytes were already written to their place. */
static fire_status header_take(fire_comm *comm, fire_link *link, int64_t early, fire_error *err) {
    fire_stream *s = &link->in;
    header h;
    bool ours = header_get(s->header, &h);
    if (!ours || h.op == FIRE_COMM_FAIL || h.op == FIRE_COMM_BYE) {
        /* What was taken for payload is the begin of the words. */
        uint8_t begin[FIRE_COMM_WORDS];
        int64_t n = early > FIRE_COMM_WORDS ? FIRE_COMM_WORDS : early;
        if (n > 0) memcpy(begin, stream_place(s), (size_t)n);
        fire_status st = header_other(comm, link, err);
        if (st != FIRE_OK) return st;
        if (link->words_at >= 0) {
            link->words_at = (int32_t)(n < link->words_size ? n : link->words_size);
            if (n > 0) memcpy(link->words, begin, (size_t)link->words_at);
        }
        return FIRE_OK;
    }
    if (link->take_any && s->frame == 0 && h.op == comm->op && h.sequence == comm->sequence) {
        if (h.total > (uint64_t)FIRE_COMM_LIMIT)
            return fire_fail(err, FIRE_E_PEER_LOST, "rank %d at %s announces a message of %llu bytes, the limit is %lld", link->rank, link->address,
                             (unsigned long long)h.total, (long long)FIRE_COMM_LIMIT);
        if (h.total > 0 && !(link->taken = fire_alloc(comm->ctx, (size_t)h.total, 1, err))) return FIRE_NOMEM;
        fire_stream_set(s, link->taken, (int64_t)h.total, NULL, 0);
        link->take_any = false;
    }
    int64_t end = stream_frame_end(s);
    header want = expected(comm, s, end);
    uint8_t exact[FIRE_COMM_HEADER];
    header_put(exact, &want);
    if (memcmp(exact, s->header, sizeof exact) != 0) {
        char here[80], there[80];
        return fire_fail(err, FIRE_E_USAGE, "ranks disagree on what comes next: rank %d calls %s, but rank %d at %s calls %s", comm->rank, call_text(here, sizeof here, &want),
                         link->rank, link->address, call_text(there, sizeof there, &h));
    }
    s->frame_end = end;
    s->frame++;
    s->header_at = 0;
    s->at += early;
    if (s->at == stream_total(s)) s->done = true;
    return FIRE_OK;
}

/* Whether a frame may be received now: its place must be free. */
static bool has_room(const fire_stream *s) { return !s->done && (s->at < s->frame_end ? s->frame_end : stream_frame_end(s)) <= s->limit; }

/* Whether reading from the link makes sense. */
static bool wants_input(const fire_link *link) {
    if (link->fd < 0 || link->left) return false;
    if (link->words_at >= 0 || link->in.header_at < FIRE_COMM_HEADER) return link->in.at >= link->in.frame_end || has_room(&link->in);
    return has_room(&link->in);
}

/* Read once from a link; *moved says whether something came. */
static fire_status link_recv(fire_comm *comm, fire_link *link, bool *moved, fire_error *err) {
    fire_stream *s = &link->in;
    if (link->words_at >= 0) { /* the peer gives up: read why */
        if (link->words_at < link->words_size) {
            struct iovec part = {link->words + link->words_at, (size_t)(link->words_size - link->words_at)};
            int64_t n = link->io->recv(link, &part, 1);
            if (n == NOTHING) return FIRE_OK;
            if (n <= 0) return fail_lost(comm, link, (int)-n, err);
            link->words_at += (int32_t)n;
            *moved = true;
        }
        return link->words_at == link->words_size ? fail_words(comm, link, err) : FIRE_OK;
    }
    bool active = !s->done;
    if (s->at < s->frame_end) { /* the rest of a frame, and the header behind it */
        struct iovec part[2] = {{stream_place(s), (size_t)(s->frame_end - s->at)}, {s->header, FIRE_COMM_HEADER}};
        int64_t n = link->io->recv(link, part, 2);
        if (n == NOTHING) return FIRE_OK;
        if (n <= 0) return fail_lost(comm, link, (int)-n, err);
        *moved = true;
        int64_t payload = n < s->frame_end - s->at ? n : s->frame_end - s->at;
        s->at += payload;
        s->header_at = (int32_t)(n - payload);
        if (s->at == stream_total(s)) s->done = true, active = false;
    } else if (s->header_at < FIRE_COMM_HEADER) {
        /* A header; when its frame's place is known and free, the payload behind it in the same call. */
        int64_t room = active && !link->take_any && has_room(s) ? stream_frame_end(s) - s->at : 0;
        struct iovec part[2] = {{s->header + s->header_at, (size_t)(FIRE_COMM_HEADER - s->header_at)}, {room ? stream_place(s) : NULL, (size_t)room}};
        int64_t n = link->io->recv(link, part, room ? 2 : 1);
        if (n == NOTHING) return FIRE_OK;
        if (n <= 0) return fail_lost(comm, link, (int)-n, err);
        *moved = true;
        int64_t head = n < (int64_t)part[0].iov_len ? n : (int64_t)part[0].iov_len;
        s->header_at += (int32_t)head;
        if (s->header_at < FIRE_COMM_HEADER) return FIRE_OK;
        if (active) return header_take(comm, link, n - head, err);
    }
    if (s->header_at == FIRE_COMM_HEADER && s->at >= s->frame_end) {
        if (active) { *moved = true; return header_take(comm, link, 0, err); }
        return header_other(comm, link, err);
    }
    return FIRE_OK;
}

fire_status fire_link_watch(fire_comm *comm, fire_link *link, fire_error *err) {
    for (;;) {
        bool moved = false;
        if (!wants_input(link)) return FIRE_OK;
        fire_status st = link_recv(comm, link, &moved, err);
        if (st != FIRE_OK || !moved) return st;
    }
}

/* A link broke while sending: what the peer said before may tell why. Reads and drops what came until the end. */
static fire_status last_words(fire_comm *comm, fire_link *link, int error, fire_error *err) {
    static const int64_t most = 64 << 20; /* more than sockets can hold */
    uint8_t sink[4096];
    fire_stream *s = &link->in;
    for (int64_t dropped = 0; dropped < most;) {
        bool moved = false;
        if (link->words_at >= 0 || s->header_at == FIRE_COMM_HEADER || s->at >= s->frame_end) {
            header h;
            if (link->words_at < 0 && s->header_at == FIRE_COMM_HEADER) {
                if (header_other(comm, link, err) != FIRE_OK) break;
                if (link->words_at < 0 && s->header_at == FIRE_COMM_HEADER) { /* a message: drop its payload */
                    header_get(s->header, &h);
                    s->at = 0;
                    s->frame_end = h.bytes;
                    s->header_at = 0;
                    continue;
                }
            }
            s->done = true;
            if (link_recv(comm, link, &moved, err) != FIRE_OK) { if (err->code == FIRE_E_PEER_FAILED) return FIRE_CLUSTER; break; }
            if (!moved) break;
        } else {
            int64_t want = s->frame_end - s->at < (int64_t)sizeof sink ? s->frame_end - s->at : (int64_t)sizeof sink;
            struct iovec part = {sink, (size_t)want};
            int64_t n = link->io->recv(link, &part, 1);
            if (n <= 0) break;
            s->at += n;
            dropped += n;
        }
    }
    return fail_lost(comm, link, error, err);
}

/* ---- sending ---- */

static fire_status link_send(fire_comm *comm, fire_link *link, bool *moved, fire_error *err) {
    fire_stream *s = &link->out;
    while (!s->done) {
        if (s->header_at == 0) {
            int64_t end = stream_frame_end(s);
            if (end > s->limit) return FIRE_OK;
            header h = expected(comm, s, end);
            header_put(s->header, &h);
            s->frame_end = end;
        }
        struct iovec part[2] = {{s->header + s->header_at, (size_t)(FIRE_COMM_HEADER - s->header_at)}, {stream_place(s), (size_t)(s->frame_end - s->at)}};
        int64_t n = part[0].iov_len ? link->io->send(link, part, 2) : link->io->send(link, part + 1, 1);
        if (n == NOTHING || n == 0) return FIRE_OK;
        if (n < 0) return last_words(comm, link, (int)-n, err);
        *moved = true;
        comm->sent += n;
        int64_t head = n < (int64_t)part[0].iov_len ? n : (int64_t)part[0].iov_len;
        s->header_at += (int32_t)head;
        s->at += n - head;
        if (s->header_at == FIRE_COMM_HEADER && s->at == s->frame_end) {
            s->header_at = 0;
            s->frame++;
            if (s->at == stream_total(s)) s->done = true;
        }
    }
    return FIRE_OK;
}

static bool wants_output(const fire_link *link) {
    const fire_stream *s = &link->out;
    return link->fd >= 0 && !s->done && (s->header_at > 0 || stream_frame_end(s) <= s->limit);
}

/* Queue bytes that belong to no operation; wait for room a little. */
static void send_small(fire_link *link, const uint8_t *bytes, int64_t n, double until) {
    while (n > 0) {
        struct iovec part = {(void *)(uintptr_t)bytes, (size_t)n};
        int64_t sent = link->io->send(link, &part, 1);
        if (sent == NOTHING) {
            double left = until - fire_seconds();
            if (left <= 0) return;
            struct pollfd p = {.fd = link->fd, .events = POLLOUT};
            poll(&p, 1, (int)(left * 1000) + 1);
            if (p.revents & (POLLERR | POLLHUP)) return;
            continue;
        }
        if (sent <= 0) return;
        bytes += sent;
        n -= sent;
    }
}

/* Finish the frame under way with zeros: whoever gets it will read next that it does not count. */
static void finish_frame(fire_link *link, double until) {
    static const uint8_t zeros[4096];
    fire_stream *s = &link->out;
    if (s->done || s->header_at == 0) return;
    send_small(link, s->header + s->header_at, FIRE_COMM_HEADER - s->header_at, until);
    for (int64_t n = s->frame_end - s->at; n > 0; n -= (int64_t)sizeof zeros) send_small(link, zeros, n < (int64_t)sizeof zeros ? n : (int64_t)sizeof zeros, until);
    s->done = true;
}

fire_status fire_comm_end(fire_comm *comm, fire_error *err) {
    if (comm->failed.status == FIRE_OK) comm->failed = *err;
    if (comm->told || !comm->link) return err->status;
    comm->told = true;
    uint8_t bytes[FIRE_COMM_HEADER + FIRE_COMM_WORDS];
    size_t text = strlen(err->message);
    /* A relayed failure keeps the words of its origin. */
    const char *words = err->message;
    int32_t origin = comm->rank, code = err->code;
    if (err->code == FIRE_E_PEER_FAILED) {
        const char *colon = strstr(words, "gave up: FS");
        if (colon) {
            const char *p = colon + strlen("gave up: FS");
            int32_t v = 0;
            while (*p >= '0' && *p <= '9' && v < 100000) v = v * 10 + (*p++ - '0');
            if (p[0] == ':' && p[1] == ' ') words = p + 2, code = v, origin = comm->failed_rank;
            text = strlen(words);
        }
    }
    if (text > FIRE_COMM_WORDS - 8) text = FIRE_COMM_WORDS - 8;
    header h = {.op = FIRE_COMM_FAIL, .total = text + 8, .bytes = (uint32_t)text + 8};
    header_put(bytes, &h);
    put(bytes + FIRE_COMM_HEADER, (uint32_t)origin, 4);
    put(bytes + FIRE_COMM_HEADER + 4, (uint32_t)code, 4);
    memcpy(bytes + FIRE_COMM_HEADER + 8, words, text);
    double until = fire_seconds() + 1; /* for all peers together */
    /* First to those with room at once, then to those that read slowly. */
    for (int pass = 0; pass < 2; pass++)
        for (int32_t r = 0; r < comm->size; r++) {
            fire_link *link = &comm->link[r];
            if (r == comm->rank || link->fd < 0 || link->left) continue;
            struct pollfd p = {.fd = link->fd, .events = POLLOUT};
            bool ready = poll(&p, 1, 0) == 1 && p.revents == POLLOUT;
            if (ready != (pass == 0)) continue;
            if (pass == 1 && (p.revents & (POLLERR | POLLHUP))) continue;
            finish_frame(link, until);
            send_small(link, bytes, FIRE_COMM_HEADER + 8 + (int64_t)text, until);
            shutdown(link->fd, SHUT_WR);
            link->left = true; /* no good-bye follows */
        }
    return err->status;
}

/* ---- the loop ---- */

fire_status fire_comm_begin(fire_comm *comm, fire_comm_op op, uint8_t detail, int32_t root, fire_error *err) {
    if (comm->failed.status != FIRE_OK) {
        *err = comm->failed;
        return err->status;
    }
    comm->sequence++;
    comm->op = op;
    comm->detail = detail;
    comm->root = root;
    double now = fire_seconds();
    comm->patience = comm->deadline + LEEWAY * (now - comm->ended);
    for (int32_t r = 0; r < comm->size; r++) comm->link[r].since = now;
    return FIRE_OK;
}

/* The peer that has been silent past the deadline, longest first; NULL when none. */
static fire_link *overdue(fire_comm *comm, double now) {
    fire_link *worst = NULL;
    for (int32_t r = 0; r < comm->size; r++) {
        fire_link *l = &comm->link[r];
        if (r == comm->rank || (l->in.done && l->out.done)) continue;
        if (!(has_room(&l->in) || wants_output(l)) || now - l->since < comm->patience) continue;
        if (!worst || l->since < worst->since) worst = l;
    }
    return worst;
}

static double next_deadline(const fire_comm *comm, double now) {
    double first = comm->patience;
    for (int32_t r = 0; r < comm->size; r++) {
        const fire_link *l = &comm->link[r];
        if (r == comm->rank || (l->in.done && l->out.done)) continue;
        double left = l->since + comm->patience - now;
        if (left < first) first = left;
    }
    return first < 0 ? 0 : first;
}

/* Try every link once in both directions. A good-bye from a peer that is still needed is a loss. */
static fire_status try_links(fire_comm *comm, bool *any, bool *all_done, fire_error *err) {
    *all_done = true;
    for (int32_t r = 0; r < comm->size; r++) {
        fire_link *l = &comm->link[r];
        if (r == comm->rank) continue;
        bool moved = false;
        if (!l->out.done) {
            fire_status st = link_send(comm, l, &moved, err);
            if (st != FIRE_OK) return st;
        }
        if ((!l->in.done || l->words_at >= 0) && wants_input(l)) {
            fire_status st = link_recv(comm, l, &moved, err);
            if (st != FIRE_OK) return st;
        }
        if (!l->in.done && l->left) return fail_lost(comm, l, 0, err);
        if (!l->out.done || !l->in.done) *all_done = false;
        if (moved) l->since = fire_seconds(), *any = true;
    }
    return FIRE_OK;
}

static fire_status wait_links(fire_comm *comm, double seconds, fire_error *err) {
    for (int32_t r = 0; r < comm->size; r++) {
        fire_link *l = &comm->link[r];
        struct pollfd *p = &comm->poll[r];
        *p = (struct pollfd){.fd = r == comm->rank || l->left ? -1 : l->fd};
        if (wants_input(l)) p->events |= POLLIN;
        if (wants_output(l)) p->events |= POLLOUT;
    }
    int ms = seconds > 3600 ? 3600000 : (int)(seconds * 1000) + 1;
    if (poll(comm->poll, (nfds_t)comm->size, ms) < 0 && errno != EINTR) return fire_fail(err, FIRE_E_PEER_LOST, "poll: %s", strerror(errno));
    for (int32_t r = 0; r < comm->size; r++) {
        fire_link *l = &comm->link[r];
        short got = comm->poll[r].fd < 0 ? 0 : comm->poll[r].revents;
        if (got & POLLIN && l->in.done) { /* nothing is expected here: a later message, or bad news */
            fire_status st = fire_link_watch(comm, l, err);
            if (st != FIRE_OK) return st;
        } else if (got & (POLLERR | POLLHUP) && !(got & POLLIN)) {
            int error = 0;
            socklen_t size = sizeof error;
            getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &error, &size);
            return last_words(comm, l, error, err);
        }
    }
    return FIRE_OK;
}

fire_status fire_comm_run(fire_comm *comm, void (*after)(void *user), void *user, fire_error *err) {
    double idle = 0; /* since when nothing moves */
    for (;;) {
        bool moved = false, all_done;
        fire_status st = try_links(comm, &moved, &all_done, err);
        if (st == FIRE_OK && moved && after) after(user);
        if (st == FIRE_OK && all_done) {
            comm->ended = fire_seconds();
            return FIRE_OK;
        }
        if (st == FIRE_OK && moved) {
            idle = 0;
            continue;
        }
        if (st == FIRE_OK) {
            double now = fire_seconds();
            if (idle == 0) idle = now;
            if (now - idle < SPIN) {
                sched_yield();
                continue;
            }
            fire_link *silent = overdue(comm, now);
            if (silent) {
                char what[48];
                comm->failed_rank = silent->rank;
                st = fire_fail(err, FIRE_E_PEER_SILENT, "rank %d at %s was silent for %.3g s in %s; it hangs, is stopped or is cut off", silent->rank, silent->address,
                               now - silent->since, doing(comm, what));
            } else st = wait_links(comm, next_deadline(comm, now), err);
        }
        if (st != FIRE_OK) return fire_comm_end(comm, err);
    }
}
