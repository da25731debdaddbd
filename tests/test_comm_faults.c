/* test_comm_faults - the transport when peers give up, die, stop, are slow, speak nonsense or are strangers, and when memory ends. */
#include "crew.h"
#include "sha256.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>

/* ---- giving up ---- */

static void one_gives_up(crew *c, fire_comm *comm, int rank) {
    static float buf[3][2000000];
    fire_error err = {0}, why = {.status = FIRE_DATA, .code = FIRE_E_NOT_FINITE, .message = "column 'x', row 17 is NaN\n\x1b[31m"};
    fire_status st = fire_comm_sum(comm, FIRE_F32, buf[rank], 100, &err);
    if (rank == 1) {
        CHECK(st == FIRE_OK, "%s", err.message);
        fire_comm_fail(comm, &why);
        CHECK(fire_comm_sum(comm, FIRE_F32, buf[rank], 100, &err) == FIRE_DATA, "own call after fail: %s", err.message);
        return;
    }
    double start = fire_seconds();
    if (!st) st = fire_comm_sum(comm, FIRE_F32, buf[rank], 2000000, &err); /* else it heard so while it still waited for another rank's numbers */
    CHECK(st == FIRE_CLUSTER && err.code == FIRE_E_PEER_FAILED, "status %d: %s", st, err.message);
    CHECK(strstr(err.message, "rank 1") && strstr(err.message, "FS2004: column 'x', row 17 is NaN\\x0A\\x1B[31m"), "%s", err.message);
    CHECK(fire_seconds() - start < 5, "took %.1f s", fire_seconds() - start);
}

static void test_giving_up(void **state) {
    (void)state;
    crew c;
    crew_begin(&c, 3, 30, "127.0.0.1");
    crew_run(&c, one_gives_up);
    crew_fine(&c);
    crew_end(&c);
}

/* Rank 2 leaves the sums in the middle of a frame: its sockets are full, because nobody reads yet. */
static void mid_frame(crew *c, fire_comm *comm, int rank) {
    size_t n = 64 << 20;
    uint8_t *buf = calloc(n, 1);
    fire_error err = {0};
    float x = 0; /* a call just before: what a rank computes since its last one would lengthen its deadline */
    CHECK(fire_comm_sum(comm, FIRE_F32, &x, 1, &err) == FIRE_OK, "%s", err.message);
    if (rank == 2) {
        comm->deadline = 0.3;
        fire_status st = fire_comm_broadcast(comm, 2, buf, n, &err); /* the others sleep */
        CHECK(st == FIRE_CLUSTER && err.code == FIRE_E_PEER_SILENT, "status %d: %s", st, err.message);
    } else {
        sleep_for(2);
        fire_status st = fire_comm_broadcast(comm, 2, buf, n, &err);
        /* Its reason lies behind the rest of a 64 MB frame: it arrives if this rank reads within the half second that rank 2 lingers. */
        CHECK(st == FIRE_CLUSTER && (err.code == FIRE_E_PEER_FAILED || err.code == FIRE_E_PEER_LOST) && strstr(err.message, "rank 2"), "status %d: %s", st, err.message);
    }
    free(buf);
}

static void test_mid_frame(void **state) {
    (void)state;
    crew c;
    crew_begin(&c, 3, 20, "127.0.0.1");
    crew_run(&c, mid_frame);
    crew_fine(&c);
    crew_end(&c);
}

static void leaves(crew *c, fire_comm *comm, int rank) {
    float x = 1;
    fire_error err = {0};
    CHECK(fire_comm_sum(comm, FIRE_F32, &x, 1, &err) == FIRE_OK, "%s", err.message);
    if (rank == 0) return; /* says good-bye */
    if (rank == 1) { /* the others still broadcast: rank 0 is not needed for it */
        CHECK(fire_comm_broadcast(comm, 1, &x, 4, &err) == FIRE_OK, "%s", err.message);
    } else CHECK(fire_comm_broadcast(comm, 1, &x, 4, &err) == FIRE_OK, "%s", err.message);
    sleep_for(0.05);
    fire_status st = fire_comm_sum(comm, FIRE_F32, &x, 1, &err);
    CHECK(st == FIRE_CLUSTER && strstr(err.message, "rank 0"), "status %d: %s", st, err.message);
}

static void test_leaving(void **state) {
    (void)state;
    crew c;
    crew_begin(&c, 3, 20, "127.0.0.1");
    crew_run(&c, leaves);
    crew_fine(&c);
    crew_end(&c);
}

/* ---- peers that die or stop ---- */

static void sum_for_ever(crew *c, fire_comm *comm, int rank) {
    int64_t n = 300000;
    float *buf = calloc((size_t)n, 4);
    fire_error err = {0};
    double last = fire_seconds();
    while (fire_comm_sum(comm, FIRE_F32, buf, n, &err) == FIRE_OK) last = fire_seconds();
    c->result[rank].err = err;
    snprintf(c->result[rank].complaint, 1200, "%g", fire_seconds() - last);
    free(buf);
}

static void one_dies(int how, int victim, double deadline, double at_least, double at_most) {
    crew c;
    crew_begin(&c, 3, deadline, "127.0.0.1");
    crew_fork(&c, sum_for_ever);
    sleep_for(0.5);
    double start = fire_seconds();
    kill(c.child[victim], how);
    char name[24];
    snprintf(name, sizeof name, "rank %d", victim);
    for (int r = 0; r < 3; r++) {
        if (r == victim) continue;
        crew_reap(&c, r);
        double took = fire_seconds() - start;
        const fire_error *err = &c.result[r].err;
        if (c.result[r].opened != FIRE_OK || err->status != FIRE_CLUSTER || !strstr(err->message, name)) fail_msg("rank %d: %d %s", r, err->status, err->message);
        if (took < at_least || took > at_most) fail_msg("rank %d noticed after %.3f s: %s", r, took, err->message);
        print_message("rank %d after %.3f s: FS%d: %s\n", r, took, err->code, err->message);
    }
    if (how == SIGSTOP) { /* it comes back and learns that it is out */
        kill(c.child[victim], SIGCONT);
        crew_reap(&c, victim);
        assert_int_equal(c.result[victim].err.status, FIRE_CLUSTER);
        print_message("the stopped one: FS%d: %s\n", c.result[victim].err.code, c.result[victim].err.message);
    } else crew_reap(&c, victim);
    crew_end(&c);
}

static void test_killed(void **state) {
    (void)state;
    for (int victim = 0; victim < 3; victim++) one_dies(SIGKILL, victim, 60, 0, 5);
}

static void test_stopped(void **state) {
    (void)state;
    one_dies(SIGSTOP, 1, 2, 1.5, 4.5);
}

/* A peer may compute longer than the deadline if this rank needed long as well; but not for ever, and not where this rank had little to do. */
static void slow(crew *c, fire_comm *comm, int rank) {
    int64_t x = 1;
    fire_error err = {0};
    sleep_for(rank ? 0.9 : 0.25);
    CHECK(fire_comm_sum(comm, FIRE_I64, &x, 1, &err) == FIRE_OK, "both computed: %s", err.message);
    if (rank) sleep_for(1.2);
    fire_status st = fire_comm_sum(comm, FIRE_I64, &x, 1, &err);
    /* Rank 0's words may have reached rank 1 whole before it gave up: then rank 1 hears of it in its next call. */
    CHECK(rank || (st == FIRE_CLUSTER && err.code == FIRE_E_PEER_SILENT), "only one computed: status %d: %s", st, err.message);
}

static void test_slow(void **state) {
    (void)state;
    crew c;
    crew_begin(&c, 2, 0.4, "127.0.0.1");
    crew_run(&c, slow);
    crew_fine(&c);
    crew_end(&c);
}

/* One never comes: the others say who. */
static void test_absent(void **state) {
    (void)state;
    crew c;
    crew_begin(&c, 3, 1, "127.0.0.1");
    crew_start(&c, NULL, 5);
    crew_wait(&c, 5);
    for (int r = 0; r < 3; r += 2) {
        assert_int_equal(c.result[r].opened, FIRE_CLUSTER);
        assert_non_null(strstr(c.result[r].err.message, "rank 1"));
        assert_true(c.result[r].seconds < 3);
    }
    crew_end(&c);
    crew_begin(&c, 2, 30, "127.0.0.1"); /* one is gone: refused at once */
    fire_comm_free(c.comm[0]);
    c.comm[0] = NULL;
    crew_start(&c, NULL, 2);
    crew_wait(&c, 2);
    assert_int_equal(c.result[1].err.code, FIRE_E_PEER_LOST);
    assert_true(c.result[1].seconds < 2);
    crew_end(&c);
}

/* ---- strangers ---- */

static void one_sum(crew *c, fire_comm *comm, int rank) {
    int64_t x = rank + 1;
    fire_error err = {0};
    CHECK(fire_comm_sum(comm, FIRE_I64, &x, 1, &err) == FIRE_OK && x == 3, "%lld: %s", (long long)x, err.message);
}

static int dial(const char *address) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)atoi(strrchr(address, ':') + 1))};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static void hello_of(uint8_t to[36], uint32_t rank, uint32_t wants, uint32_t size, uint8_t nonce) {
    uint32_t word[5] = {0x65726966u, 1, rank, wants, size};
    memcpy(to, word, 20);
    memset(to + 20, nonce, 16);
}

static void proof_of(uint8_t to[32], const uint8_t secret[16], char role, const uint8_t caller[36], const uint8_t listener[36]) {
    uint8_t text[96] = "firesteel challenge 1 ";
    text[23] = (uint8_t)role;
    memcpy(text + 24, caller, 36);
    memcpy(text + 60, listener, 36);
    fire_hmac_sha256(secret, 16, text, sizeof text, to);
}

static bool read_all(int fd, uint8_t *to, size_t n) {
    struct timeval t = {10, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
    while (n > 0) {
        ssize_t r = recv(fd, to, n, 0);
        if (r <= 0) return false;
        to += r;
        n -= (size_t)r;
    }
    return true;
}

/* Whether the other side hung up on us, having said nothing. */
static bool hung_up(int fd) {
    uint8_t b;
    struct timeval t = {10, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
    ssize_t r = recv(fd, &b, 1, 0);
    return r == 0 || (r < 0 && errno == ECONNRESET);
}

static void write_to(int fd, const void *p, size_t n) { if (send(fd, p, n, MSG_NOSIGNAL) < 0) assert_int_equal(errno, EPIPE); }

static void test_strangers(void **state) {
    (void)state;
    crew c;
    crew_begin(&c, 2, 20, "127.0.0.1");
    int silent[150], n = 0;
    for (int i = 0; i < 120; i++) silent[n++] = dial(c.address[0]); /* more than rank 0 keeps, before it even opens */
    crew_start(&c, one_sum, 1);
    uint8_t hello[36], answer[36], proof[32], wrong[16] = {1}, theirs[32];

    int http = dial(c.address[0]);
    const char *get = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: a stranger\r\n\r\n";
    write_to(http, get, strlen(get));
    assert_true(hung_up(http));
    close(http);

    hello_of(hello, 1, 0, 2, 9);
    int liar = dial(c.address[0]); /* another secret */
    write_to(liar, hello, 36);
    assert_true(read_all(liar, answer, 36));
    proof_of(proof, wrong, 'c', hello, answer);
    write_to(liar, proof, 32);
    assert_true(hung_up(liar));
    close(liar);

    int mirror = dial(c.address[0]); /* sends back what it hears, nonce and all */
    write_to(mirror, hello, 36);
    assert_true(read_all(mirror, answer, 36));
    write_to(mirror, answer, 32);
    assert_true(hung_up(mirror));
    close(mirror);

    static const uint32_t odd[][3] = {{0, 0, 2}, {2, 0, 2}, {1, 1, 2}, {1, 0, 3}, {0xffffffff, 0, 2}, {1, 0, 0}};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) { /* ranks that cannot be */
        hello_of(hello, odd[i][0], odd[i][1], odd[i][2], 3);
        int fd = dial(c.address[0]);
        write_to(fd, hello, 36);
        assert_true(hung_up(fd));
        close(fd);
    }
    uint64_t seed = 7;
    for (int i = 0; i < 100; i++) { /* noise of any length */
        uint8_t noise[100];
        for (size_t k = 0; k < sizeof noise; k++) noise[k] = (uint8_t)harness_random(&seed);
        if (i % 3 == 0) hello_of(noise, 1, 0, 2, (uint8_t)i);
        if (i % 6 == 0) noise[harness_random(&seed) % 20] ^= (uint8_t)(1 << harness_random(&seed) % 8);
        int fd = dial(c.address[0]);
        write_to(fd, noise, harness_random(&seed) % 100);
        close(fd);
    }
    hello_of(hello, 1, 0, 2, 4);
    int slow = dial(c.address[0]); /* a few bytes, and no more */
    write_to(slow, hello, 5);
    silent[n++] = slow;

    crew_start(&c, one_sum, 2); /* and now the one who belongs here */
    crew_wait(&c, 3);
    crew_fine(&c);
    if (c.result[1].seconds > 5) fail_msg("strangers held rank 1 up for %.1f s", c.result[1].seconds);
    for (int i = 0; i < n; i++) close(silent[i]);
    crew_end(&c);

    /* A member with another secret is told so, and fast; the listener goes on waiting for the right one. */
    crew_begin(&c, 2, 2, "127.0.0.1");
    memset(c.secret[1], 1, 16);
    crew_run(&c, NULL);
    assert_int_equal(c.result[1].err.code, FIRE_E_PEER_AUTH);
    assert_true(c.result[1].seconds < 1.5);
    assert_int_equal(c.result[0].err.code, FIRE_E_PEER_SILENT);
    assert_non_null(strstr(c.result[0].err.message, "strangers"));
    crew_end(&c);
    (void)theirs;
}

/* A recorder between caller and listener, to replay what it heard. */
typedef struct recorder { int listener; const char *to; uint8_t hello[36], proof[32]; char address[64]; } recorder;

static void *record(void *user) {
    recorder *rec = user;
    int in = accept(rec->listener, NULL, NULL), out = dial(rec->to);
    uint8_t buf[4096];
    size_t heard = 0;
    for (;;) {
        struct pollfd p[2] = {{.fd = in, .events = POLLIN}, {.fd = out, .events = POLLIN}};
        if (poll(p, 2, 10000) <= 0) break;
        int from = p[0].revents ? in : out;
        ssize_t n = recv(from, buf, sizeof buf, 0);
        if (n <= 0) break;
        for (ssize_t i = 0; i < n && from == in; i++, heard++) {
            if (heard < 36) rec->hello[heard] = buf[i];
            else if (heard < 68) rec->proof[heard - 36] = buf[i];
        }
        write_to(from == in ? out : in, buf, (size_t)n);
    }
    close(in);
    close(out);
    return NULL;
}

static void test_replay(void **state) {
    (void)state;
    crew c;
    crew_begin(&c, 2, 10, "127.0.0.1");
    recorder rec = {.listener = socket(AF_INET, SOCK_STREAM, 0), .to = c.address[0]};
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof a;
    assert_int_equal(bind(rec.listener, (struct sockaddr *)&a, sizeof a), 0);
    listen(rec.listener, 5);
    getsockname(rec.listener, (struct sockaddr *)&a, &size);
    snprintf(rec.address, sizeof rec.address, "127.0.0.1:%d", ntohs(a.sin_port));
    c.addresses[0] = rec.address;
    pthread_t thread;
    pthread_create(&thread, NULL, record, &rec);
    crew_run(&c, NULL);
    pthread_join(thread, NULL);
    close(rec.listener);
    crew_fine(&c); /* the recorder could forward, not read or change: this is what TLS will end */
    crew_end(&c);

    crew_begin(&c, 2, 10, "127.0.0.1"); /* a later attempt, even with the same secret */
    crew_start(&c, NULL, 1);
    int fd = dial(c.address[0]);
    uint8_t answer[36];
    write_to(fd, rec.hello, 36);
    assert_true(read_all(fd, answer, 36));
    write_to(fd, rec.proof, 32);
    assert_true(hung_up(fd));
    close(fd);
    crew_start(&c, NULL, 2);
    crew_wait(&c, 3);
    crew_fine(&c);
    crew_end(&c);
}

/* A member that knows the secret but speaks nonsense afterwards: an error with its name, never a crash. */
static void hear_nonsense(crew *c, fire_comm *comm, int rank) {
    float *buf = calloc(100000, 4);
    fire_error err = {0};
    const void *send[2] = {NULL, NULL};
    void *recv[2] = {NULL, NULL};
    size_t none[2] = {0, 0}, received[2];
    fire_status st = c->deadline < 6 ? fire_comm_exchange(comm, send, none, recv, received, &err) : fire_comm_sum(comm, FIRE_F32, buf, 100000, &err);
    CHECK(st != FIRE_OK && strstr(err.message, "rank 1"), "status %d: %s", st, err.message);
    free(buf);
}

static void test_nonsense(void **state) {
    (void)state;
    uint64_t seed = 11;
    for (int i = 0; i < 60; i++) {
        crew c;
        crew_begin(&c, 2, i % 2 ? 5 : 10, "127.0.0.1");
        crew_start(&c, hear_nonsense, 1);
        uint8_t hello[36], answer[36], proof[32], bytes[2000];
        hello_of(hello, 1, 0, 2, (uint8_t)i);
        int fd = dial(c.address[0]);
        write_to(fd, hello, 36);
        assert_true(read_all(fd, answer, 36));
        proof_of(proof, c.secret[0], 'c', hello, answer);
        write_to(fd, proof, 32);
        assert_true(read_all(fd, proof, 32));
        for (size_t k = 0; k < sizeof bytes; k++) bytes[k] = (uint8_t)harness_random(&seed);
        /* A header that is nearly right: one byte of it wrong, or a length beyond all bounds. */
        uint8_t head[32] = {0x73, 0x66, 0x73, 0x31, i % 2 ? FIRE_COMM_EXCHANGE : FIRE_COMM_SUM, i % 2 ? 0 : FIRE_F32, 0, 0, 1};
        uint32_t total = 400000;
        memcpy(head + 16, &total, 4);
        if (i % 3) head[harness_random(&seed) % 32] ^= (uint8_t)(1 + harness_random(&seed) % 255);
        if (i % 4 == 1) memset(head + 16, 0xff, 8);
        if (i > 6) memcpy(bytes, head, 32);
        if (i % 10 == 9) bytes[4] = FIRE_COMM_FAIL;
        write_to(fd, bytes, 8 + harness_random(&seed) % 1900);
        shutdown(fd, SHUT_WR);
        crew_wait(&c, 1);
        close(fd);
        if (c.result[0].opened != FIRE_OK || c.result[0].complaint[0]) fail_msg("%d: %s %s", i, c.result[0].err.message, c.result[0].complaint);
        crew_end(&c);
    }
}

/* ---- memory ---- */

/* Rank 0 allocates from the failing context, rank 1 from its own. */
typedef struct pair { fire_context *ctx[2]; fire_comm *comm[2]; char address[2][64]; const char *addresses[2]; fire_status status[2]; fire_error err[2]; int rank; } pair;
typedef struct half { pair *p; int rank; } half;

static void *pair_work(void *user) {
    half *h = user;
    pair *p = h->p;
    int r = h->rank;
    static const uint8_t secret[16] = {7};
    fire_error *err = &p->err[r];
    static float buf[2][50000];
    const void *send[2] = {"abc", "defg"};
    size_t bytes[2] = {3, 4}, received[2];
    void *recv[2];
    fire_status st = fire_comm_open(p->comm[r], r, 2, p->addresses, secret, 10, err);
    if (!st) st = fire_comm_sum(p->comm[r], FIRE_F32, buf[r], 3, err);
    if (!st) st = fire_comm_sum(p->comm[r], FIRE_F32, buf[r], 50000, err);
    if (!st) st = fire_comm_exchange(p->comm[r], send, bytes, recv, received, err);
    if (!st) for (int q = 0; q < 2; q++) fire_comm_release(p->comm[r], recv[q]);
    if (!st) st = fire_comm_broadcast(p->comm[r], 0, buf[r], 1000, err);
    p->status[r] = st;
    fire_comm_free(p->comm[r]);
    return NULL;
}

static fire_status meet_and_work(fire_context *ctx, void *user, fire_error *err) {
    pair p = {.ctx = {ctx, user}};
    for (int r = 0; r < 2; r++) {
        fire_status st = fire_comm_listen(p.ctx[r], "127.0.0.1", p.address[r], 64, &p.comm[r], err);
        if (st) {
            if (r) fire_comm_free(p.comm[0]);
            return st;
        }
        p.addresses[r] = p.address[r];
    }
    half h[2] = {{&p, 0}, {&p, 1}};
    pthread_t t;
    double start = fire_seconds();
    pthread_create(&t, NULL, pair_work, &h[1]);
    pair_work(&h[0]);
    pthread_join(t, NULL);
    assert_true(fire_seconds() - start < 5);
    /* Whoever is out of memory, the other one hears of it. */
    assert_int_equal(p.status[0] != FIRE_OK, p.status[1] != FIRE_OK);
    *err = p.err[0];
    return p.status[0];
}

static void test_memory(void **state) {
    (void)state;
    harness h;
    harness_init(&h);
    fire_context *mate = harness_context(&h, NULL);
    int64_t n = harness_fail_each(meet_and_work, mate);
    assert_true(n >= 7);
    fire_context_free(mate);
    assert_int_equal(h.live, 0);
}
int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed), /* forks: before any thread was made */
        cmocka_unit_test(test_stopped),
        cmocka_unit_test(test_giving_up),
        cmocka_unit_test(test_mid_frame),
        cmocka_unit_test(test_leaving),
        cmocka_unit_test(test_slow),
        cmocka_unit_test(test_absent),
        cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_nonsense),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
