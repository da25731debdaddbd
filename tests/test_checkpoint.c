/* test_checkpoint - a folder from which training goes on, whatever happens while it is written. */
#include "harness.h"
#include "error.h"
#include "file.h"
#include "network.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static fire_context *ctx;
static char root[] = "/tmp/fire_checkpoint_XXXXXX", dir[64];
static const char *const files[] = {"model.onnx", "state.safetensors", "manifest.json", "model.onnx.new", "state.safetensors.new", "manifest.json.new"};

static void path_of(char to[200], const char *name) { snprintf(to, 200, "%s/%s", dir, name); }
static void clear_dir(void) {
    char path[200];
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        path_of(path, files[i]);
        unlink(path);
    }
    rmdir(dir);
}
static int set_up(void **state) {
    if (!mkdtemp(root)) return -1;
    snprintf(dir, sizeof dir, "%s/c", root);
    return fire_context_new(NULL, &ctx, NULL);
}
static int tear_down(void **state) {
    clear_dir();
    fire_context_free(ctx);
    return rmdir(root);
}

#define OK(call) do { fire_error e_ = {0}; if ((call) != FIRE_OK) fail_msg("%s: %s", #call, e_.message); } while (0)
#define err_ (&e_)

/* A network in the middle of training: every number in it follows from `mark`. */
static fire_status make(fire_context *c, int64_t mark, fire_network **out, fire_error *err) {
    fire_network *net;
    fire_status s = fire_network_new(c, FIRE_F32, &net, err);
    if (s) return s;
    s = fire_network_add(net, "Input", "shape=[3]", err);
    if (!s) s = fire_network_add(net, "Dense", "units=4 activation=relu", err);
    if (!s) s = fire_network_add(net, "Dense", "units=2", err);
    if (!s) s = fire_network_compile(net, "Adam learning_rate=0.25", "mse", NULL, err);
    if (!s) s = fire_network_init(net, (uint64_t)mark, err);
    if (!s) s = fire_network_slots(net, err);
    for (int64_t i = 0; i < net->n_weights && !s; i++) {
        int64_t n = fire_count(&net->weight[i].shape);
        for (int64_t k = 0; k < n; k++) {
            ((float *)fire_weight_data(net, i))[k] = (float)(mark + i + k);
            for (int slot = 0; slot < 2; slot++) ((float *)net->slots)[slot * net->n_params + net->weight[i].offset + k] = (float)(mark * 100 + slot * 50 + i + k);
        }
    }
    net->step = mark, net->epoch = mark / 2;
    if (s) fire_network_free(net);
    else *out = net;
    return s;
}

static fire_status save_mark(fire_context *c, int64_t mark, fire_error *err) {
    fire_network *net;
    fire_status s = make(c, mark, &net, err);
    if (s) return s;
    s = fire_save_checkpoint(net, dir, err);
    fire_network_free(net);
    return s;
}

/* Load with a context that works, check every number, and say which it was; -1: it cannot be loaded. */
static int64_t load_mark(void) {
    fire_network *net, *expected;
    fire_error err = {0};
    if (fire_load(ctx, dir, &net, &err)) { print_message("%s\n", err.message); return -1; }
    int64_t mark = net->step;
    OK(make(ctx, mark, &expected, err_));
    assert_int_equal(net->epoch, expected->epoch);
    assert_true(net->last_seed == (uint64_t)mark);
    assert_string_equal(net->optim_text, "Adam learning_rate=0.25");
    assert_int_equal(net->n_params, expected->n_params);
    assert_non_null(net->slots);
    OK(fire_network_own(net, err_));
    assert_memory_equal(net->params, expected->params, (size_t)net->n_params * 4);
    assert_memory_equal(net->slots, expected->slots, (size_t)net->n_params * 2 * 4);
    fire_network_free(net);
    fire_network_free(expected);
    return mark;
}

static void round_trip(void **state) {
    for (int64_t mark = 1; mark <= 3; mark++) {
        OK(save_mark(ctx, mark, err_));
        assert_int_equal(load_mark(), mark);
        char path[200];
        struct stat st;
        for (size_t i = 0; i < sizeof files / sizeof *files; i++) { /* three files, nothing left over */
            path_of(path, files[i]);
            assert_int_equal(stat(path, &st), i < 3 ? 0 : -1);
        }
    }
    char path[200]; /* the model in it is a model file by itself */
    path_of(path, "model.onnx");
    fire_network *net;
    OK(fire_load(ctx, path, &net, err_));
    assert_int_equal(net->step, 0);
    fire_network_free(net);
    clear_dir();
}

/* A network that was not trained yet, and one without an optimizer. */
static void without_state(void **state) {
    fire_network *net, *back;
    OK(fire_network_new(ctx, FIRE_F64, &net, err_));
    OK(fire_network_add(net, "Input", "shape=[2]", err_));
    OK(fire_network_add(net, "Dense", "units=1", err_));
    for (int compiled = 0; compiled < 2; compiled++) {
        if (compiled) OK(fire_network_compile(net, "SGD momentum=0.9", "mse", "mae", err_));
        OK(fire_save_checkpoint(net, dir, err_));
        OK(fire_load(ctx, dir, &back, err_));
        assert_true(back->type == FIRE_F64 && !back->slots && (back->optim != NULL) == compiled);
        fire_network_free(back);
    }
    fire_network_free(net);
    clear_dir();
}

static void every_call_fails(void **state) {
    /* Each call of a save fails in turn, on top of what the failures before it left: the old checkpoint or the new one is there. */
    OK(save_mark(ctx, 1, err_));
    int64_t old = 1, failures = 0;
    for (int64_t n = 1, mark = 2;; n++, mark++) {
        harness h;
        fire_error err = {0};
        harness_init(&h);
        fire_context *c = harness_context(&h, NULL);
        h.calls = 0, h.fail_at = n;
        fire_status s = save_mark(c, mark, &err);
        bool reached = h.calls >= n;
        fire_context_free(c);
        assert_int_equal(h.live, 0);
        int64_t got = load_mark();
        if (got != old && got != mark) fail_msg("call %d failed with \"%s\"; then the checkpoint was %d, neither %d nor %d", (int)n, err.message, (int)got, (int)old, (int)mark);
        if (!s) assert_int_equal(got, mark);
        old = got;
        if (!reached) break;
        failures += s != FIRE_OK;
    }
    assert_true(failures > 40);
    clear_dir();
}

static fire_status load_once(fire_context *c, void *user, fire_error *err) {
    fire_network *net;
    fire_status s = fire_load(c, dir, &net, err);
    if (!s) fire_network_free(net);
    return s;
}
static void every_load_fails(void **state) {
    OK(save_mark(ctx, 1, err_));
    assert_true(harness_fail_each(load_once, NULL) > 20);
    clear_dir();
}

/* ---- power failure: from the n-th call on nothing happens any more, and what was not synced is half there ---- */

typedef struct machine { int64_t calls, dies_at; char path[300]; bool unsynced; } machine;

static bool dead(machine *m) {
    if (++m->calls < m->dies_at) return false;
    struct stat st;
    if (m->unsynced && !stat(m->path, &st)) assert_int_equal(truncate(m->path, st.st_size / 2), 0);
    m->unsynced = false;
    return true;
}
static int m_open(void *u, const char *path, bool write, void **file) {
    machine *m = u;
    if (dead(m)) return -EIO;
    int r = fire_io_posix.open(NULL, path, write, file);
    if (!r && write) m->unsynced = true, snprintf(m->path, sizeof m->path, "%s", path);
    return r;
}
static int64_t m_size(void *u, void *f) { return dead(u) ? -EIO : fire_io_posix.size(NULL, f); }
static int64_t m_read(void *u, void *f, int64_t at, void *to, size_t n) { return dead(u) ? -EIO : fire_io_posix.read(NULL, f, at, to, n); }
static int64_t m_write(void *u, void *f, const void *from, size_t n) { return dead(u) ? -EIO : fire_io_posix.write(NULL, f, from, n); }
static int m_sync(void *u, void *f) {
    if (dead(u)) return -EIO;
    ((machine *)u)->unsynced = false;
    return fire_io_posix.sync(NULL, f);
}
static int m_close(void *u, void *f) { int r = fire_io_posix.close(NULL, f); return dead(u) ? -EIO : r; }
static int m_rename(void *u, const char *a, const char *b) {
    machine *m = u;
    if (dead(m)) return -EIO;
    assert_false(m->unsynced); /* nothing is renamed before its bytes are safe */
    return fire_io_posix.rename(NULL, a, b);
}
static int m_remove(void *u, const char *a) { return dead(u) ? -EIO : fire_io_posix.remove(NULL, a); }
static int m_make_dir(void *u, const char *a) { return dead(u) ? -EIO : fire_io_posix.make_dir(NULL, a); }
static int m_sync_dir(void *u, const char *a) { return dead(u) ? -EIO : fire_io_posix.sync_dir(NULL, a); }

static void power_fails(void **state) {
    OK(save_mark(ctx, 1, err_));
    int64_t old = 1, cuts = 0;
    for (int64_t n = 1, mark = 2;; n++, mark++) {
        machine m = {.dies_at = n};
        fire_io io = {&m, m_open, m_size, m_read, m_write, m_sync, m_close, m_rename, m_remove, m_make_dir, m_sync_dir};
        fire_context *c;
        OK(fire_context_new(&(fire_config){.size = sizeof(fire_config), .io = &io}, &c, err_));
        fire_status s = save_mark(c, mark, NULL);
        fire_context_free(c);
        int64_t got = load_mark();
        if (got != old && got != mark) fail_msg("dead from call %d on: the checkpoint is %d, neither %d nor %d", (int)n, (int)got, (int)old, (int)mark);
        old = got;
        if (!s) break;
        cuts++;
    }
    assert_true(cuts > 15);
    clear_dir();
}

/* ---- kill -9 at random moments ---- */

static void killed(void **state) {
    uint64_t random = 12345;
    int64_t last = 0, moved = 0;
    const int rounds = getenv("FIRE_KILLS") ? atoi(getenv("FIRE_KILLS")) : 60;
    OK(save_mark(ctx, 0, err_));
    double start = fire_seconds();
    for (int i = 0; i < 5; i++) OK(save_mark(ctx, 0, err_));
    const uint64_t window = (uint64_t)((fire_seconds() - start) / 5 * 3e6) + 500; /* microseconds: three saves */
    for (int round = 0; round < rounds || (moved < 5 && round < 20 * rounds); round++) { /* enough rounds on a busy machine, too */
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (!pid) {
            for (int64_t mark = last + 1;; mark++)
                if (save_mark(ctx, mark, NULL)) _exit(1);
        }
        usleep((useconds_t)(harness_random(&random) % window));
        int status;
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status)); /* it saved until it was killed */
        int64_t got = load_mark();
        if (got < last) fail_msg("round %d: the checkpoint is %d, but %d was there before", round, (int)got, (int)last);
        moved += got > last;
        last = got;
    }
    assert_true(moved >= 5);
    clear_dir();
}

/* ---- damage ---- */

static void put_file(const char *name, const void *bytes, size_t size) {
    char path[200];
    path_of(path, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    fclose(f);
}
static uint8_t *get_file(const char *name, size_t *size) {
    char path[200];
    void *bytes;
    path_of(path, name);
    OK(fire_file_read(ctx, path, &bytes, size, err_));
    return bytes;
}

static void damage_is_found(void **state) {
    OK(save_mark(ctx, 5, err_));
    for (int i = 0; i < 2; i++) { /* any byte of the two files */
        size_t size;
        uint8_t *bytes = get_file(files[i], &size);
        for (size_t at = 0; at < size; at += 37) {
            bytes[at] ^= 0x10;
            put_file(files[i], bytes, size);
            fire_network *net;
            fire_error err = {0};
            assert_int_equal(fire_load(ctx, dir, &net, &err), FIRE_FILE);
            assert_int_equal(err.code, FIRE_E_CORRUPT);
            assert_non_null(strstr(err.message, files[i]));
            bytes[at] ^= 0x10;
        }
        put_file(files[i], bytes, size);
        fire_release(ctx, bytes);
    }
    assert_int_equal(load_mark(), 5);
    size_t size;
    uint8_t *bytes = get_file("manifest.json", &size);
    for (size_t at = 0; at < size; at++) { /* the manifest: a status, whatever is in it */
        for (int bit = 0; bit < 8; bit++) {
            bytes[at] ^= (uint8_t)(1 << bit);
            put_file("manifest.json", bytes, size);
            fire_network *net = NULL;
            fire_error err = {0};
            fire_status s = fire_load(ctx, dir, &net, &err);
            assert_true(s == FIRE_OK || s == FIRE_FILE);
            fire_network_free(net);
            bytes[at] ^= (uint8_t)(1 << bit);
        }
        put_file("manifest.json", bytes, at);
        fire_network *net;
        if (at + 2 < size) assert_int_equal(fire_load(ctx, dir, &net, NULL), FIRE_FILE);
    }
    /* A newer format is not overwritten by an old program; a broken manifest is. */
    uint8_t *v = memmem(bytes, size, "\"version\": 1", 12);
    v[11] = '2';
    put_file("manifest.json", bytes, size);
    fire_network *net;
    fire_error err = {0};
    assert_int_equal(fire_load(ctx, dir, &net, &err), FIRE_FILE);
    assert_int_equal(err.code, FIRE_E_FILE_VERSION);
    assert_int_equal(save_mark(ctx, 6, &err), FIRE_FILE);
    v[11] = '1';
    put_file("manifest.json", bytes, size / 2);
    OK(save_mark(ctx, 7, err_));
    assert_int_equal(load_mark(), 7);
    fire_release(ctx, bytes);
    clear_dir();
    assert_int_equal(fire_load(ctx, dir, &net, &err), FIRE_FILE);
    assert_int_equal(err.code, FIRE_E_FILE_IO);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip), cmocka_unit_test(without_state), cmocka_unit_test(every_call_fails), cmocka_unit_test(every_load_fails),
        cmocka_unit_test(power_fails), cmocka_unit_test(killed), cmocka_unit_test(damage_is_found),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
