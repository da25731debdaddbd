/* comm_meet.c - how ranks meet: listen, connect, and the challenge that keeps strangers out.
**
** Rank i connects to every lower rank. On a fresh connection
**     1. the caller sends a hello: magic, version, its rank, the rank it wants, the number of ranks, a fresh 16-byte nonce;
**     2. the listener answers with its own hello;
**     3. the caller sends HMAC-SHA256(secret, "caller" hello hello), the listener checks it
**     4. and sends HMAC-SHA256(secret, "listener" hello hello), which the caller checks.
** Every message has a fixed size, and nothing more is read before both proofs are good. Nonces make an old recording worthless, the
** role in the proof a mirror. A listener keeps at most PENDING unproven connections, the oldest gives way, and none for longer
** than PROOF_SECONDS; all sockets are non-blocking, so a stranger can send garbage, nothing, or a byte an hour: nobody waits for him.
** TLS takes its place between the TCP connection and step 1.
*/
#include "comm.h"
#include "sha256.h"
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define VERSION 1
#define HELLO 36
#define PROOF 32
#define PENDING 64
#define PROOF_SECONDS 5.0
#define RETRIES 3          /* after connections lost in the middle of the challenge */
#define BACKLOG 1024

/* ---- sockets ---- */

typedef union address { struct sockaddr any; struct sockaddr_in v4; struct sockaddr_in6 v6; struct sockaddr_storage room; } address;

static socklen_t address_size(const address *a) { return a->any.sa_family == AF_INET ? sizeof a->v4 : sizeof a->v6; }
static uint16_t address_port(const address *a) { return ntohs(a->any.sa_family == AF_INET ? a->v4.sin_port : a->v6.sin6_port); }

/* "10.0.0.7:4123" or "[fd00::7]:4123". */
static void address_text(char *to, size_t capacity, const address *a) {
    char host[INET6_ADDRSTRLEN] = "?";
    if (a->any.sa_family == AF_INET) inet_ntop(AF_INET, &a->v4.sin_addr, host, sizeof host);
    else inet_ntop(AF_INET6, &a->v6.sin6_addr, host, sizeof host);
    snprintf(to, capacity, a->any.sa_family == AF_INET ? "%s:%u" : "[%s]:%u", host, address_port(a));
}

static int socket_make(int family, int *out) {
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    *out = fd;
    return fd < 0 ? errno : 0;
}

/* Small frames must not wait for acknowledgements. Buffers are left to the kernel, which grows them beyond what SO_SNDBUF may ask for. */
static void socket_tune(int fd) {
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
}

/* ---- listen ---- */

static int listen_on(const address *a, int *out) {
    int fd, error = socket_make(a->any.sa_family, &fd);
    if (error) return error;
    int zero = 0;
    if (a->any.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&a->v6.sin6_addr)) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
    if (bind(fd, &a->any, address_size(a)) != 0 || listen(fd, BACKLOG) != 0) {
        error = errno;
        close(fd);
        return error;
    }
    *out = fd;
    return 0;
}

/* The address that others should use when we listen on all: the first of an interface that is up, the loopback last. */
static void own_address(address *a, uint16_t port) {
    struct ifaddrs *list = NULL;
    int best = 0;
    memset(a, 0, sizeof *a);
    a->v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (getifaddrs(&list) != 0) return;
    for (struct ifaddrs *i = list; i; i = i->ifa_next) {
        if (!i->ifa_addr || !(i->ifa_flags & IFF_UP) || i->ifa_flags & IFF_LOOPBACK) continue;
        if (i->ifa_addr->sa_family == AF_INET && best < 2) {
            memcpy(&a->v4, i->ifa_addr, sizeof a->v4);
            a->v4.sin_port = htons(port);
            best = 2;
        } else if (i->ifa_addr->sa_family == AF_INET6 && best < 1 && !IN6_IS_ADDR_LINKLOCAL(&((struct sockaddr_in6 *)(void *)i->ifa_addr)->sin6_addr)) {
            memcpy(&a->v6, i->ifa_addr, sizeof a->v6);
            a->v6.sin6_port = htons(port);
            best = 1;
        }
    }
    freeifaddrs(list);
}

fire_status fire_comm_listen(fire_context *ctx, const char *host, char *text, size_t capacity, fire_comm **out, fire_error *err) {
    address a = {0}, bound;
    int fd = -1, error;
    if (!host) {
        a.v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_addr = in6addr_any};
        error = listen_on(&a, &fd);
        if (error) {
            a.v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY)};
            error = listen_on(&a, &fd);
        }
        if (error) return fire_fail(err, FIRE_E_PORT, "cannot listen on any address: %s", strerror(error));
    } else {
        char shown[FIRE_COMM_ADDRESS];
        struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *list = NULL;
        fire_escape(shown, sizeof shown, host, strlen(host));
        int gai = getaddrinfo(host, "0", &hints, &list);
        if (gai != 0) return fire_fail(err, FIRE_E_PORT, "cannot listen on \"%s\": %s", shown, gai_strerror(gai));
        error = EADDRNOTAVAIL;
        for (struct addrinfo *i = list; i && fd < 0; i = i->ai_next) {
            if (i->ai_addrlen > sizeof a) continue;
            memcpy(&a, i->ai_addr, i->ai_addrlen);
            error = listen_on(&a, &fd);
        }
        freeaddrinfo(list);
        if (error) return fire_fail(err, FIRE_E_PORT, "cannot listen on \"%s\": %s; give an address of this machine", shown, strerror(error));
    }
    socklen_t size = sizeof bound;
    if (getsockname(fd, &bound.any, &size) != 0) {
        error = errno;
        close(fd);
        return fire_fail(err, FIRE_E_PORT, "cannot listen: %s", strerror(error));
    }
    if (!host) own_address(&bound, address_port(&bound));
    char full[FIRE_COMM_ADDRESS];
    address_text(full, sizeof full, &bound);
    if (strlen(full) >= capacity) {
        close(fd);
        return fire_fail(err, FIRE_E_USAGE, "the address %s needs %zu bytes, given were %zu", full, strlen(full) + 1, capacity);
    }
    fire_comm *comm = fire_alloc(ctx, 1, sizeof *comm, err);
    if (!comm) {
        close(fd);
        return FIRE_NOMEM;
    }
    comm->ctx = ctx;
    comm->listener = fd;
    memcpy(text, full, strlen(full) + 1);
    *out = comm;
    return FIRE_OK;
}

/* ---- the challenge ---- */

typedef struct hello { uint32_t rank, wants, size; uint8_t nonce[16]; } hello;

static void hello_put(uint8_t to[HELLO], const hello *h) {
    const uint32_t word[5] = {0x65726966u, VERSION, h->rank, h->wants, h->size}; /* "fire" */
    for (int i = 0; i < 5; i++)
        for (int b = 0; b < 4; b++) to[4 * i + b] = (uint8_t)(word[i] >> (8 * b));
    memcpy(to + 20, h->nonce, 16);
}

/* The version of a hello, 0 when it is none. */
static uint32_t hello_get(const uint8_t from[HELLO], hello *h) {
    uint32_t word[5] = {0};
    for (int i = 0; i < 5; i++)
        for (int b = 0; b < 4; b++) word[i] |= (uint32_t)from[4 * i + b] << (8 * b);
    *h = (hello){word[2], word[3], word[4], {0}};
    memcpy(h->nonce, from + 20, 16);
    return word[0] == 0x65726966u ? word[1] : 0;
}

static void proof_make(const uint8_t secret[16], char role, const uint8_t caller[HELLO], const uint8_t listener[HELLO], uint8_t out[PROOF]) {
    uint8_t text[24 + 2 * HELLO] = "firesteel challenge 1 ";
    text[23] = (uint8_t)role;
    memcpy(text + 24, caller, HELLO);
    memcpy(text + 24 + HELLO, listener, HELLO);
    fire_hmac_sha256(secret, 16, text, sizeof text, out);
}

static bool nonce_make(uint8_t nonce[16]) { return getrandom(nonce, 16, 0) == 16; }

/* A connection that has not proven itself. As the listener sees it, or the caller. */
typedef enum stage { FREE, CONNECTING, HELLO_WAITED, PROOF_WAITED } stage;

typedef struct meeting {
    int fd;
    stage stage;
    double born;
    int32_t at;                 /* bytes of the message that is being read */
    uint8_t caller[HELLO], listener[HELLO], proof[PROOF];
    /* of callers only */
    struct addrinfo *list, *next; /* addresses of the peer, the one to try next */
    double retry;               /* not before; 0: now */
    int32_t tries;              /* connections lost during the challenge */
    int error;
} meeting;

typedef struct meet {           /* everything under way while meeting */
    fire_comm *comm;
    const char *const *addresses;
    const uint8_t *secret;
    meeting *call;              /* [rank]: to the lower ranks */
    meeting *pending;           /* [PENDING]: who came to us */
    struct pollfd *poll;        /* [1 + rank + PENDING + size] */
    int32_t missing;            /* links that are not made yet */
    int64_t strangers;
    double start, until, deaf;  /* deaf: accept nothing before (out of descriptors) */
} meet;

static bool send_all(int fd, const uint8_t *bytes, size_t n) { return send(fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)n; }

/* Read on towards `size` bytes: 1 complete, 0 not yet, -1 lost (errno, 0: closed). Never reads more than that. */
static int read_part(meeting *m, uint8_t *to, int32_t size) {
    ssize_t n = recv(m->fd, to + m->at, (size_t)(size - m->at), MSG_DONTWAIT);
    if (n < 0) return errno == EAGAIN || errno == EINTR ? 0 : -1;
    if (n == 0) {
        errno = 0;
        return -1;
    }
    m->at += (int32_t)n;
    if (m->at < size) return 0;
    m->at = 0;
    return 1;
}

static void drop(meeting *m) {
    if (m->fd >= 0) close(m->fd);
    m->fd = -1;
    m->stage = FREE;
    m->at = 0;
}

static void join(meet *t, meeting *m, int32_t rank) {
    fire_link *l = &t->comm->link[rank];
    if (l->fd < 0) t->missing--;
    else fire_link_close(l); /* it proved itself again: the peer lost the first connection */
    socket_tune(m->fd);
    fire_link_begin(l, m->fd, rank, t->addresses[rank]);
    m->fd = -1;
    drop(m);
}

/* ---- as a listener ---- */

static void welcome(meet *t, double now) {
    for (int i = 0; i < PENDING; i++) { /* so many a round, then the others get their turn */
        int fd = accept4(t->comm->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) t->deaf = now + 0.05;
            return;
        }
        meeting *place = &t->pending[0];
        for (int k = 0; k < PENDING && place->stage != FREE; k++)
            if (t->pending[k].stage == FREE || t->pending[k].born < place->born) place = &t->pending[k];
        if (place->stage != FREE) t->strangers++;
        drop(place);
        place->fd = fd;
        place->stage = HELLO_WAITED;
        place->born = now;
    }
}

/* Serve one who came. Whoever does not fit is dropped without a word. */
static void answer(meet *t, meeting *m) {
    fire_comm *comm = t->comm;
    hello h, mine = {(uint32_t)comm->rank, 0, (uint32_t)comm->size, {0}};
    if (m->stage == HELLO_WAITED) {
        int got = read_part(m, m->caller, HELLO);
        if (got == 0) return;
        if (got > 0 && hello_get(m->caller, &h) == VERSION && h.wants == (uint32_t)comm->rank && h.size == (uint32_t)comm->size
            && h.rank > (uint32_t)comm->rank && h.rank < h.size && nonce_make(mine.nonce)) {
            mine.wants = h.rank;
            hello_put(m->listener, &mine);
            if (send_all(m->fd, m->listener, HELLO)) {
                m->stage = PROOF_WAITED;
                return;
            }
        }
    } else {
        int got = read_part(m, m->proof, PROOF);
        if (got == 0) return;
        uint8_t want[PROOF];
        proof_make(t->secret, 'c', m->caller, m->listener, want);
        if (got > 0 && fire_equal(want, m->proof, PROOF)) {
            proof_make(t->secret, 'l', m->caller, m->listener, want);
            if (send_all(m->fd, want, PROOF)) {
                hello_get(m->caller, &h);
                join(t, m, (int32_t)h.rank);
                return;
            }
        }
    }
    t->strangers++;
    drop(m);
}

/* ---- as a caller ---- */

/* The addresses of "host:port" or "[host]:port". */
static fire_status resolve(const char *text, int32_t rank, struct addrinfo **list, fire_error *err) {
    char host[256], shown[FIRE_COMM_ADDRESS];
    fire_escape(shown, sizeof shown, text, strlen(text));
    const char *colon = strrchr(text, ':');
    size_t n = colon ? (size_t)(colon - text) : 0;
    bool brackets = n > 2 && text[0] == '[' && text[n - 1] == ']';
    if (n == 0 || n >= sizeof host || !colon[1]) return fire_fail(err, FIRE_E_USAGE, "the address of rank %d is \"%s\", expected host:port", rank, shown);
    memcpy(host, text + brackets, n - 2 * brackets);
    host[n - 2 * brackets] = 0;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    int gai = getaddrinfo(host, colon + 1, &hints, list);
    if (gai != 0) return fire_fail(err, FIRE_E_PORT, "rank %d at %s: %s", rank, shown, gai_strerror(gai));
    return FIRE_OK;
}

static fire_status fail_call(meet *t, int32_t rank, int error, fire_error *err) {
    char shown[FIRE_COMM_ADDRESS];
    fire_escape(shown, sizeof shown, t->addresses[rank], strlen(t->addresses[rank]));
    t->comm->failed_rank = rank;
    if (error == ECONNREFUSED) return fire_fail(err, FIRE_E_PEER_LOST, "rank %d at %s refused the connection: its process is gone; see its executor's log", rank, shown);
    return fire_fail(err, FIRE_E_PORT, "cannot reach rank %d at %s: %s", rank, shown, strerror(error));
}

/* The connection broke before the listener answered: it may have been crowded out by strangers, so try again until the deadline;
** but after our proof was sent, only a few times: the listener did not believe it. */
static fire_status call_again(meet *t, int32_t rank, double now, fire_error *err) {
    meeting *m = &t->call[rank];
    bool proven = m->stage == PROOF_WAITED;
    drop(m);
    m->retry = now + 0.02 * (1 + m->tries);
    if (m->tries < 50) m->tries++;
    if (!proven || m->tries < RETRIES) return FIRE_OK;
    char shown[FIRE_COMM_ADDRESS];
    fire_escape(shown, sizeof shown, t->addresses[rank], strlen(t->addresses[rank]));
    t->comm->failed_rank = rank;
    return fire_fail(err, FIRE_E_PEER_AUTH, "rank %d at %s does not accept this process: it holds another secret, so it belongs to another job or attempt", rank, shown);
}

static fire_status call_start(meet *t, int32_t rank, double now, fire_error *err) {
    meeting *m = &t->call[rank];
    if (!m->next) {
        if (m->error) return fail_call(t, rank, m->error, err);
        m->next = m->list;
    }
    while (m->next) {
        struct addrinfo *a = m->next;
        m->next = a->ai_next;
        if (a->ai_family != AF_INET && a->ai_family != AF_INET6) continue;
        int error = socket_make(a->ai_family, &m->fd);
        if (error == EMFILE || error == ENFILE) return fire_fail(err, FIRE_E_PORT, "cannot open a socket to rank %d: %s", rank, strerror(error));
        if (!error && connect(m->fd, a->ai_addr, a->ai_addrlen) != 0 && errno != EINPROGRESS) error = errno;
        if (!error) {
            m->stage = CONNECTING;
            m->born = now;
            return FIRE_OK;
        }
        drop(m);
        m->error = error;
    }
    return fail_call(t, rank, m->error ? m->error : EADDRNOTAVAIL, err);
}

/* Go on with the call to a lower rank. */
static fire_status call(meet *t, int32_t rank, double now, fire_error *err) {
    fire_comm *comm = t->comm;
    meeting *m = &t->call[rank];
    char shown[FIRE_COMM_ADDRESS];
    fire_escape(shown, sizeof shown, t->addresses[rank], strlen(t->addresses[rank]));
    if (m->stage == CONNECTING) {
        int error = 0;
        socklen_t size = sizeof error;
        if (getsockopt(m->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
        if (error) {
            drop(m);
            m->error = error;
            return m->next ? call_start(t, rank, now, err) : fail_call(t, rank, error, err);
        }
        socket_tune(m->fd);
        hello mine = {(uint32_t)comm->rank, (uint32_t)rank, (uint32_t)comm->size, {0}};
        if (!nonce_make(mine.nonce)) return fire_fail(err, FIRE_E_PORT, "no random numbers: %s", strerror(errno));
        hello_put(m->caller, &mine);
        m->next = m->list; /* this address answers; a retry may use it again */
        m->error = 0;
        if (!send_all(m->fd, m->caller, HELLO)) return call_again(t, rank, now, err);
        m->stage = HELLO_WAITED;
        return FIRE_OK;
    }
    bool first = m->stage == HELLO_WAITED;
    int got = read_part(m, first ? m->listener : m->proof, first ? HELLO : PROOF);
    if (got == 0) return FIRE_OK;
    if (got < 0) return call_again(t, rank, now, err);
    comm->failed_rank = rank;
    if (first) {
        hello h;
        uint32_t version = hello_get(m->listener, &h);
        if (version == 0) return fire_fail(err, FIRE_E_PEER_AUTH, "whoever listens at %s is not rank %d of a firesteel job", shown, rank);
        if (version != VERSION) return fire_fail(err, FIRE_E_VERSION_SKEW, "rank %d at %s speaks version %u of the protocol, this process version %d; use one firesteel everywhere", rank, shown, version, VERSION);
        if (h.rank != (uint32_t)rank || h.wants != (uint32_t)comm->rank || h.size != (uint32_t)comm->size)
            return fire_fail(err, FIRE_E_PEER_AUTH, "at %s rank %u of %u answers, expected rank %d of %d", shown, h.rank, h.size, rank, comm->size);
        uint8_t proof[PROOF];
        proof_make(t->secret, 'c', m->caller, m->listener, proof);
        if (!send_all(m->fd, proof, PROOF)) return call_again(t, rank, now, err);
        m->stage = PROOF_WAITED;
        return FIRE_OK;
    }
    uint8_t want[PROOF];
    proof_make(t->secret, 'l', m->caller, m->listener, want);
    if (!fire_equal(want, m->proof, PROOF))
        return fire_fail(err, FIRE_E_PEER_AUTH, "whoever listens at %s could not prove that it is rank %d of this job", shown, rank);
    join(t, m, rank);
    return FIRE_OK;
}

/* ---- all together ---- */

static fire_status fail_missing(meet *t, fire_error *err) {
    fire_comm *comm = t->comm;
    int32_t r = 0;
    while (r == comm->rank || comm->link[r].fd >= 0) r++;
    char shown[FIRE_COMM_ADDRESS], strangers[64] = "";
    fire_escape(shown, sizeof shown, t->addresses[r], strlen(t->addresses[r]));
    if (t->strangers) snprintf(strangers, sizeof strangers, " (%lld connections of strangers were refused)", (long long)t->strangers);
    comm->failed_rank = r;
    return fire_fail(err, FIRE_E_PEER_SILENT, "rank %d at %s did not %s rank %d within %.3g s, %d of %d ranks are missing%s; it is slow, stopped or cut off", r, shown,
                     r < comm->rank ? "answer" : "connect to", comm->rank, comm->deadline, t->missing, comm->size, strangers);
}

/* One round: wait for something, then serve it. */
static fire_status meet_round(meet *t, fire_error *err) {
    fire_comm *comm = t->comm;
    double now = fire_seconds(), wake = t->until;
    struct pollfd *p = t->poll, *calls = p + 1, *came = calls + comm->rank, *links = came + PENDING;
    for (int32_t r = 0; r < comm->rank; r++) {
        meeting *m = &t->call[r];
        if (m->stage == FREE && comm->link[r].fd < 0) {
            if (m->retry <= now) {
                fire_status st = call_start(t, r, now, err);
                if (st != FIRE_OK) return st;
            } else if (m->retry < wake) wake = m->retry;
        }
        calls[r] = (struct pollfd){.fd = m->stage == FREE ? -1 : m->fd, .events = m->stage == CONNECTING ? POLLOUT : POLLIN};
    }
    for (int k = 0; k < PENDING; k++) {
        meeting *m = &t->pending[k];
        if (m->stage != FREE && now - m->born > PROOF_SECONDS) {
            t->strangers++;
            drop(m);
        }
        came[k] = (struct pollfd){.fd = m->stage == FREE ? -1 : m->fd, .events = POLLIN};
        if (m->stage != FREE && m->born + PROOF_SECONDS < wake) wake = m->born + PROOF_SECONDS;
    }
    for (int32_t r = 0; r < comm->size; r++)
        links[r] = (struct pollfd){.fd = r == comm->rank || comm->link[r].left || comm->link[r].in.header_at == FIRE_COMM_HEADER ? -1 : comm->link[r].fd, .events = POLLIN};
    p[0] = (struct pollfd){.fd = now < t->deaf ? -1 : comm->listener, .events = POLLIN};
    if (now < t->deaf && t->deaf < wake) wake = t->deaf;
    if (now >= t->until) return fail_missing(t, err);
    double seconds = wake - now;
    int ms = seconds > 3600 ? 3600000 : seconds < 0 ? 0 : (int)(seconds * 1000) + 1;
    if (poll(p, (nfds_t)(1 + comm->rank + PENDING + comm->size), ms) < 0 && errno != EINTR) return fire_fail(err, FIRE_E_PORT, "poll: %s", strerror(errno));
    now = fire_seconds();
    for (int32_t r = 0; r < comm->rank; r++)
        if (calls[r].fd >= 0 && calls[r].revents) {
            fire_status st = call(t, r, now, err);
            if (st != FIRE_OK) return st;
        }
    for (int k = 0; k < PENDING; k++)
        if (came[k].fd >= 0 && came[k].revents) answer(t, &t->pending[k]);
    for (int32_t r = 0; r < comm->size; r++) /* a peer that met us already may give up meanwhile */
        if (links[r].fd >= 0 && links[r].revents && comm->link[r].fd == links[r].fd) {
            fire_status st = fire_link_watch(comm, &comm->link[r], err);
            if (st != FIRE_OK) return st;
        }
    if (p[0].revents) welcome(t, now);
    return FIRE_OK;
}

static fire_status meet_all(meet *t, fire_error *err) {
    fire_comm *comm = t->comm;
    size_t calls = (size_t)comm->rank;
    t->call = fire_alloc(comm->ctx, calls, sizeof *t->call, err);
    if (!t->call) return FIRE_NOMEM;
    for (size_t r = 0; r < calls; r++) t->call[r].fd = -1;
    t->pending = fire_alloc(comm->ctx, PENDING, sizeof *t->pending, err);
    if (!t->pending) return FIRE_NOMEM;
    for (int k = 0; k < PENDING; k++) t->pending[k].fd = -1;
    t->poll = fire_alloc(comm->ctx, 1 + calls + PENDING + (size_t)comm->size, sizeof *t->poll, err);
    if (!t->poll) return FIRE_NOMEM;
    for (int32_t r = 0; r < comm->rank; r++) {
        fire_status st = resolve(t->addresses[r], r, &t->call[r].list, err);
        if (st != FIRE_OK) return st;
        t->call[r].next = t->call[r].list;
    }
    t->start = fire_seconds();
    t->until = t->start + comm->deadline;
    while (t->missing > 0) {
        fire_status st = meet_round(t, err);
        if (st != FIRE_OK) return st;
    }
    return FIRE_OK;
}

fire_status fire_comm_open(fire_comm *comm, int32_t rank, int32_t size, const char *const *addresses, const uint8_t secret[16], double deadline, fire_error *err) {
    fire_error local;
    if (!err) err = &local;
    if (!comm || comm->link) return fire_fail(err, FIRE_E_USAGE, "fire_comm_open needs a comm that listens and was not opened before");
    if (size < 1 || size > FIRE_COMM_RANKS || rank < 0 || rank >= size) return fire_fail(err, FIRE_E_USAGE, "rank %d of %d: ranks go from 0 to size - 1, size from 1 to %d", rank, size, FIRE_COMM_RANKS);
    if (!(deadline > 0 && deadline < 1e9)) return fire_fail(err, FIRE_E_USAGE, "the deadline is %g s, expected more than 0", deadline);
    fire_link *link = fire_alloc(comm->ctx, (size_t)size, sizeof *link, err);
    struct pollfd *polls = link ? fire_alloc(comm->ctx, (size_t)size, sizeof *polls, err) : NULL;
    void **term = polls ? fire_alloc(comm->ctx, (size_t)size, sizeof *term, err) : NULL;
    if (!term) {
        fire_free(comm->ctx, link);
        fire_free(comm->ctx, polls);
        return FIRE_NOMEM;
    }
    for (int32_t r = 0; r < size; r++) {
        link[r].fd = -1;
        link[r].words_at = -1;
        link[r].in.done = link[r].out.done = true;
    }
    comm->link = link;
    comm->poll = polls;
    comm->term = term;
    comm->rank = rank;
    comm->size = size;
    comm->deadline = deadline;
    fire_status st = FIRE_OK;
    if (size > 1) {
        meet t = {.comm = comm, .addresses = addresses, .secret = secret, .missing = size - 1};
        st = meet_all(&t, err);
        for (int32_t r = 0; r < rank && t.call; r++) {
            drop(&t.call[r]);
            if (t.call[r].list) freeaddrinfo(t.call[r].list);
        }
        for (int k = 0; k < PENDING && t.pending; k++) drop(&t.pending[k]);
        fire_free(comm->ctx, t.call);
        fire_free(comm->ctx, t.pending);
        fire_free(comm->ctx, t.poll);
    }
    close(comm->listener); /* everyone is here: nobody else can come in */
    comm->listener = -1;
    comm->ended = fire_seconds();
    return st == FIRE_OK ? FIRE_OK : fire_comm_end(comm, err);
}
