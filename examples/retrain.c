/* retrain.c - take a trained network, give it a new head, train that on other data, save.
**
**     retrain model.onnx new.onnx
**
** model.onnx comes from Python (`model.save("model.onnx")`), Spark or C alike: the layers are in the file. What it has learned is
** frozen; its last layer goes, and a new one learns to tell rows that rise from rows that fall.
*/
#include "firesteel.h"
#include <stdio.h>
#include <stdlib.h>

static fire_error err;
#define TRY(call) do { if (call) { fprintf(stderr, "retrain: FS%d %s\n", (int)err.code, err.message); status = err.status; goto done; } } while (0)

/* Rows of the width that the network takes, and their classes: 1 when the second half of a row sums to more than the first. */
static void make_rows(float *x, float *y, int64_t rows, int64_t width) {
    uint32_t random = 1;
    for (int64_t i = 0; i < rows; i++) {
        float rise = 0;
        for (int64_t k = 0; k < width; k++) {
            random = random * 1664525u + 1013904223u;
            x[i * width + k] = (float)(random >> 8) / (1 << 24) - 0.5f;
            rise += 2 * k < width ? -x[i * width + k] : x[i * width + k];
        }
        y[i] = rise > 0;
    }
}

static int on_progress(void *user, const fire_progress *p) {
    if (p->event == FIRE_EPOCH_END) printf("epoch %d  loss %.4f  accuracy %.3f\n", p->epoch + 1, p->result[0], p->result[1]);
    return 0;
}

int main(int argc, char **argv) {
    enum { ROWS = 2000 };
    fire_context *ctx = NULL;
    fire_network *net = NULL;
    fire_dataset *data = NULL;
    float *x = NULL, *y = NULL;
    double result[FIRE_MAX_RESULTS];
    int status = 0;
    if (argc != 3) return fprintf(stderr, "usage: retrain model.onnx new.onnx\n"), 1;

    /* The network as it was saved: layers, weights, how it was trained. */
    TRY(fire_context_new(NULL, &ctx, &err));
    TRY(fire_load(ctx, argv[1], &net, &err));
    fire_network_info info;
    fire_network_info_get(net, &info);

    /* Freeze what it knows; replace the last layer. */
    TRY(fire_network_pop(net, &err));
    for (int i = 0; i < fire_network_layers(net); i++) TRY(fire_network_set_trainable(net, i, false, &err));
    TRY(fire_network_add(net, "Dense", "units=2 activation=softmax", &err));
    TRY(fire_network_compile(net, "Adam learning_rate=0.01", "sparse_categorical_crossentropy", "accuracy", &err));

    /* Data: the same shape of rows, other questions about them. */
    fire_tensor rows = {.type = FIRE_F32, .shape = info.input}, classes = {.type = FIRE_F32, .shape = {1, {ROWS}}};
    int64_t width = 1;
    for (int i = 1; i < rows.shape.rank; i++) width *= rows.shape.dim[i];
    rows.shape.dim[0] = ROWS;
    rows.data = x = malloc((size_t)(ROWS * width) * sizeof *x);
    classes.data = y = malloc(ROWS * sizeof *y);
    if (!x || !y) { status = FIRE_NOMEM; goto done; }
    make_rows(x, y, ROWS, width);
    TRY(fire_dataset_new(ctx, &data, &err));
    TRY(fire_dataset_add(data, &rows, &classes, NULL, &err));

    TRY(fire_fit(net, data, &(fire_fit_options){.size = sizeof(fire_fit_options), .epochs = 5, .seed = 1, .progress = on_progress}, NULL, &err));
    TRY(fire_evaluate(net, data, NULL, result, &err));
    printf("accuracy %.3f with %d layers\n", result[1], fire_network_layers(net));
    TRY(fire_save(net, argv[2], &err));
done:
    fire_dataset_free(data);
    fire_network_free(net);
    fire_context_free(ctx);
    free(x);
    free(y);
    return status;
}
