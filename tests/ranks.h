/* ranks.h - several ranks in one process, each a thread with a context of its own, joined by fire_comm over loopback. */
#ifndef FIRE_RANKS_H
#define FIRE_RANKS_H
#include "harness.h"
#include "dataset.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void ranks_body(fire_context *ctx, fire_comm *comm, int32_t rank, int32_t size, void *user);

typedef struct ranks_one {
    int32_t rank, size, threads;
    ranks_body *body;
    void *user;
    fire_context *ctx;
    fire_comm *comm;
    harness h;
    char (*address)[64];
    fire_status status;
    fire_error err;
} ranks_one;

static void *ranks_main(void *user) {
    ranks_one *r = user;
    const char *addresses[16];
    static const uint8_t secret[16] = "0123456789abcde";
    for (int32_t i = 0; i < r->size; i++) addresses[i] = r->address[i];
    if (r->comm) r->status = fire_comm_open(r->comm, r->rank, r->size, addresses, secret, 60, &r->err);
    if (!r->status) r->body(r->ctx, r->comm, r->rank, r->size, r->user);
    return NULL;
}

/* Run body on `size` ranks (1: without a comm) and check that nothing leaks. */
static inline void ranks_run(int32_t size, int32_t threads, ranks_body *body, void *user) {
    ranks_one *one = calloc((size_t)size, sizeof *one);
    pthread_t thread[16];
    char address[16][64];
    for (int32_t i = 0; i < size; i++) {
        one[i] = (ranks_one){.rank = i, .size = size, .threads = threads, .body = body, .user = user, .address = address};
        harness_init(&one[i].h);
        one[i].ctx = harness_context(&one[i].h, &(fire_config){.threads = threads});
        if (size > 1) assert_int_equal(fire_comm_listen(one[i].ctx, "127.0.0.1", address[i], sizeof address[i], &one[i].comm, &one[i].err), FIRE_OK);
    }
    for (int32_t i = 1; i < size; i++) assert_int_equal(pthread_create(&thread[i], NULL, ranks_main, &one[i]), 0);
    ranks_main(&one[0]);
    for (int32_t i = 1; i < size; i++) pthread_join(thread[i], NULL);
    for (int32_t i = 0; i < size; i++) {
        if (one[i].status) print_error("%s\n", one[i].err.message);
        assert_int_equal(one[i].status, FIRE_OK);
        fire_comm_free(one[i].comm);
        fire_context_free(one[i].ctx);
        assert_int_equal(one[i].h.live, 0);
    }
    free(one);
}

/* ---- record batches of x [n, width] as a fixed-size list, y, and a validation bitmap (NULL: none) ---- */

typedef struct ranks_batch {
    struct ArrowSchema schema, column[3], item, *children[3], *list_child[1];
    struct ArrowArray array, data[3], numbers, *data_children[3], *list_data[1];
    const void *buffers[5][2];
    char format[32];
} ranks_batch;

static inline void ranks_release(struct ArrowArray *a) { a->release = NULL; }
static inline void ranks_release_schema(struct ArrowSchema *s) { s->release = NULL; }

static inline void ranks_batch_make(ranks_batch *b, const char *number, int64_t n, int64_t width, const void *x, const int32_t *y, const uint8_t *validation) {
    memset(b, 0, sizeof *b);
    snprintf(b->format, sizeof b->format, "+w:%lld", (long long)width);
    b->item = (struct ArrowSchema){.format = number, .name = "item", .release = ranks_release_schema};
    b->list_child[0] = &b->item;
    b->column[0] = (struct ArrowSchema){.format = b->format, .name = "x", .n_children = 1, .children = b->list_child, .release = ranks_release_schema};
    b->column[1] = (struct ArrowSchema){.format = "i", .name = "y", .release = ranks_release_schema};
    b->column[2] = (struct ArrowSchema){.format = "b", .name = "test", .release = ranks_release_schema};
    for (int i = 0; i < 3; i++) b->children[i] = &b->column[i], b->data_children[i] = &b->data[i];
    int columns = validation ? 3 : 2;
    b->schema = (struct ArrowSchema){.format = "+s", .name = "", .n_children = columns, .children = b->children, .release = ranks_release_schema};
    b->buffers[0][1] = x, b->buffers[1][1] = y, b->buffers[2][1] = validation;
    b->numbers = (struct ArrowArray){.length = n * width, .n_buffers = 2, .buffers = b->buffers[0], .release = ranks_release};
    b->list_data[0] = &b->numbers;
    b->data[0] = (struct ArrowArray){.length = n, .n_buffers = 1, .buffers = b->buffers[3], .n_children = 1, .children = b->list_data, .release = ranks_release};
    b->data[1] = (struct ArrowArray){.length = n, .n_buffers = 2, .buffers = b->buffers[1], .release = ranks_release};
    b->data[2] = (struct ArrowArray){.length = n, .n_buffers = 2, .buffers = b->buffers[2], .release = ranks_release};
    b->array = (struct ArrowArray){.length = n, .n_buffers = 1, .buffers = b->buffers[4], .n_children = columns, .children = b->data_children, .release = ranks_release};
}

static inline fire_status ranks_pack_batch(fire_dataset *d, fire_type type, const char *number, int64_t n, int64_t width, const void *x, const int32_t *y, const uint8_t *validation, fire_error *err) {
    static const char *const features[] = {"x", NULL}, *const labels[] = {"y", NULL};
    ranks_batch b;
    fire_columns columns = {.features = features, .labels = labels, .validation = validation ? "test" : NULL};
    ranks_batch_make(&b, number, n, width, x, y, validation);
    return fire_dataset_pack(d, type, &b.schema, &b.array, &columns, err);
}
#endif
