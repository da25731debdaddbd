/* test_packs - weights that processes share in mapped files: the same bits, found again, refused when broken, and never in the way. */
#include "harness.h"
#include "packs.h"
#include "error.h"
#include "network.h"
#include "sha256.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static fire_context *ctx;
static char folder[] = "/tmp/fire_packs_XXXXXX", path[400];
static int set_up(void **state) { return mkdtemp(folder) && !fire_context_new(NULL, &ctx, NULL) ? 0 : -1; }

/* How many files there are; path: of the last one. */
static int files(bool clear) {
    DIR *d = opendir(folder);
    int n = 0;
    for (struct dirent *e; d && (e = readdir(d));) {
        if (e->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        n++;
        if (clear) remove(path);
    }
    closedir(d);
    return n;
}
static int tear_down(void **state) {
    fire_context_free(ctx);
    files(true);
    return rmdir(folder);
}

#define OK(call) do { fire_error e_ = {0}; if ((call) != FIRE_OK) fail_msg("%s: %s", #call, e_.message); } while (0)
#define err_ (&e_)
enum { IN = 5 * 5 * 64, OUT = 5 * 5 * 192 };

static fire_status make(fire_context *c, fire_network **out, fire_error *err) {
    fire_network *net;
    fire_status s = fire_network_new(c, FIRE_F32, &net, err);
    if (s) return s;
    s = fire_network_add(net, "Input", "shape=[5,5,64]", err);
    if (!s) s = fire_network_add(net, "Conv2D", "filters=192 kernel_size=[3] padding=same", err); /* 432 KiB of weights */
    if (!s) s = fire_network_init(net, 3, err);
    if (s) fire_network_free(net);
    else *out = net;
    return s;
}
static void fill(float x[IN]) { for (int i = 0; i < IN; i++) x[i] = (float)(i % 11 - 5) / 8; }

static fire_status score(fire_context *c, float y[OUT], fire_error *err) {
    static float x[IN];
    fire_network *net;
    fill(x);
    fire_status s = make(c, &net, err);
    if (s) return s;
    s = fire_predict_row(net, x, y, err);
    fire_network_free(net);
    return s;
}

static void shared(void **state) {
    static float want[OUT], got[OUT];
    fire_context *c;
    OK(score(ctx, want, err_));
    for (int i = 0; i < 2; i++) { /* written, then found */
        OK(fire_context_new(NULL, &c, err_));
        OK(fire_set_cache(c, folder, err_));
        OK(score(c, got, err_));
        assert_memory_equal(got, want, sizeof want);
        assert_in_range(files(false), 0, 1);
        fire_context_free(c);
    }
    if (!files(false)) return; /* a processor, or a build, for which other kernels compute this */
    static const char *const broken[] = {"shorter", "another head", "empty"};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) { /* not believed, and written anew */
        fire_contents before = {0};
        OK(fire_file_read(ctx, path, &before.data, &before.size, err_));
        FILE *f = fopen(path, i == 1 ? "r+b" : "wb");
        if (i == 1) fseek(f, 20, SEEK_SET);
        assert_int_equal(fwrite(before.data, 1, i == 0 ? before.size - 4 : i == 1 ? 1 : 0, f), i == 0 ? before.size - 4 : i == 1 ? 1 : 0);
        fclose(f);
        OK(fire_context_new(NULL, &c, err_));
        OK(fire_set_cache(c, folder, err_));
        OK(score(c, got, err_));
        assert_memory_equal(got, want, sizeof want);
        fire_context_free(c);
        fire_contents after = {0};
        OK(fire_file_read(ctx, path, &after.data, &after.size, err_));
        assert_true(after.size == before.size && !memcmp(after.data, before.data, after.size));
        fire_free(ctx, before.data);
        fire_free(ctx, after.data);
    }
}

/* Weights that change are packed anew; those of before are found again. */
static void changed(void **state) {
    static float x[IN], want[3][OUT], got[OUT], w[3 * 3 * 64 * 192];
    fire_context *c;
    fire_network *plain, *net;
    OK(fire_context_new(NULL, &c, err_));
    OK(fire_set_cache(c, folder, err_));
    OK(make(ctx, &plain, err_));
    OK(make(c, &net, err_));
    fill(x);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < sizeof w / sizeof *w; i++) w[i] = (float)((int)(i * 7 + (size_t)(round % 2)) % 13 - 6) / 64;
        const fire_tensor t = {FIRE_F32, {4, {3, 3, 64, 192}}, w};
        OK(fire_network_set_weight(plain, 0, &t, err_));
        OK(fire_network_set_weight(net, 0, &t, err_));
        OK(fire_predict_row(plain, x, want[round], err_));
        OK(fire_predict_row(net, x, got, err_));
        assert_memory_equal(got, want[round], sizeof got);
    }
    assert_memory_equal(want[0], want[2], sizeof got);
    assert_memory_not_equal(want[0], want[1], sizeof got);
    fire_network_free(plain);
    fire_network_free(net);
    fire_context_free(c);
}

static fire_status body(fire_context *c, void *user, fire_error *err) {
    static float y[OUT];
    fire_status s = fire_set_cache(c, folder, err);
    if (!s) s = score(c, y, err);
    if (!s) assert_memory_equal(y, user, sizeof y);
    (void)fire_set_cache(c, NULL, NULL);
    return s;
}
/* Whatever fails: a status where nothing was computed, right numbers where the cache alone suffers. */
static void calls_fail(void **state) {
    static float want[OUT];
    OK(score(ctx, want, err_));
    for (int i = 0; i < 2; i++) {
        files(true);
        if (i) OK(body(ctx, want, err_)); /* there already */
        harness h;
        for (int64_t at = 1;; at++) {
            harness_init(&h);
            fire_context *c = harness_context(&h, NULL);
            fire_error err = {0};
            if (!i) files(true);
            h.calls = 0, h.fail_at = at;
            fire_status s = body(c, want, &err);
            const bool failed = h.calls >= at;
            h.fail_at = 0;
            fire_context_free(c);
            assert_int_equal(h.live, 0);
            if (!failed) break;
            assert_true(s == FIRE_OK || err.message[0]);
        }
    }
}

static void folders(void **state) {
    fire_error err = {0};
    assert_int_equal(fire_set_cache(ctx, "/dev/null/here", &err), FIRE_FILE);
    assert_non_null(strstr(err.message, "/dev/null/here"));
    OK(fire_set_cache(ctx, folder, err_));
    OK(fire_set_cache(ctx, NULL, err_));
}

static void hashes(void **state) {
    static uint8_t text[1000000];
    static const uint8_t want[32] = {0xcd, 0xc7, 0x6e, 0x5c, 0x99, 0x14, 0xfb, 0x92, 0x81, 0xa1, 0xc7, 0xe2, 0x84, 0xd7, 0x3e, 0x67,
                                     0xf1, 0x80, 0x9a, 0x48, 0xa4, 0x97, 0x20, 0x0e, 0x04, 0x6d, 0x39, 0xcc, 0xc7, 0x11, 0x2c, 0xd0}; /* FIPS 180-2, B.3 */
    uint8_t got[32];
    uint64_t random = 1;
    fire_sha256 s;
    memset(text, 'a', sizeof text);
    for (int round = 0; round < 20; round++) { /* whole, block by block, and in pieces of any size */
        fire_sha256_init(&s);
        for (size_t at = 0, n; at < sizeof text; at += n) {
            n = round == 0 ? sizeof text : round == 1 ? 64 : (size_t)(harness_random(&random) % 5000);
            if (n > sizeof text - at) n = sizeof text - at;
            fire_sha256_add(&s, text + at, n);
        }
        fire_sha256_end(&s, got);
        assert_memory_equal(got, want, sizeof want);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(hashes), cmocka_unit_test(folders), cmocka_unit_test(shared), cmocka_unit_test(changed), cmocka_unit_test(calls_fail)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
