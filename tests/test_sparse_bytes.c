/* test_sparse_bytes.c - what a step of a network with a sparse table sends to other workers. */
#include "comm.h"
#include "ranks.h"
#include <stdatomic.h>

enum { ROWS = 200, STEPS = 4, WORDS = 20000, WIDTH = 16, OCCUR = 30 };

static _Atomic int64_t sent; /* by all ranks */
static int64_t count_send(fire_link *link, const struct iovec *part, int n) {
    int64_t bytes = fire_link_tcp.send(link, part, n);
    if (bytes > 0) atomic_fetch_add(&sent, bytes);
    return bytes;
}

static void worker(fire_context *ctx, fire_comm *comm, int32_t rank, int32_t size, void *user) {
    fire_link_io io = fire_link_tcp;
    int64_t from = ROWS * rank / size, to = ROWS * (rank + 1) / size;
    double (*own)[STEPS] = malloc(ROWS * sizeof *own);
    int32_t *label = malloc(ROWS * sizeof *label);
    fire_dataset *d = NULL;
    fire_network *net = NULL;
    fire_error err = {0};
    io.send = count_send;
    for (int32_t r = 0; r < size; r++)
        if (r != rank) comm->link[r].io = &io;
    for (int i = 0; i < ROWS; i++) {
        for (int k = 0; k < STEPS; k++) own[i][k] = (i * STEPS + k) % OCCUR;
        label[i] = i % 3;
    }
    fire_fit_options o = {.size = sizeof o, .epochs = *(const int *)user, .batch_size = ROWS, .seed = 4, .comm = comm};
    fire_status st = fire_dataset_new(ctx, &d, &err);
    if (!st) st = ranks_pack_batch(d, FIRE_F64, "g", to - from, STEPS, own[from], label + from, NULL, &err);
    if (!st) st = fire_dataset_deal(d, comm, 0, &err);
    if (!st) st = fire_network_new(ctx, FIRE_F64, &net, &err);
    if (!st) st = fire_network_add(net, "Embedding", "input_dim=20000 output_dim=16 sparse=always", &err);
    if (!st) st = fire_network_add(net, "GlobalAveragePooling1D", NULL, &err);
    if (!st) st = fire_network_add(net, "Dense", "units=3 activation=softmax", &err);
    if (!st) st = fire_network_compile(net, "Adam", "sparse_categorical_crossentropy", NULL, &err);
    if (!st) st = fire_fit(net, d, &o, NULL, &err);
    for (int32_t r = 0; r < size; r++)
        if (r != rank) comm->link[r].io = &fire_link_tcp;
    fire_network_free(net);
    fire_dataset_free(d);
    free(own);
    free(label);
    if (st) fail_msg("%s", err.message);
}

/* One step more costs two workers at most the rows that occur, and what the rest of the network and the results take, not the table's 2.6 MB. */
static void bytes_of_a_step(void **state) {
    int64_t bytes[2];
    for (int epochs = 1; epochs <= 2; epochs++) {
        atomic_store(&sent, 0);
        ranks_run(2, 1, worker, &epochs);
        bytes[epochs - 1] = atomic_load(&sent);
    }
    int64_t rows = 2 * OCCUR * (8 + WIDTH * 8), step = bytes[1] - bytes[0];
    assert_true(bytes[0] > WORDS * WIDTH * 8); /* the start: rank 0's weights become everyone's */
    if (step < rows / 2 || step > rows + 4000) fail_msg("a step sends %lld bytes, its rows take %lld", (long long)step, (long long)rows);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(bytes_of_a_step)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
