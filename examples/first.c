/* first.c - train a small network on XOR; the smallest complete program.
**
**     first [model.onnx]      prints the four answers; saves the network when given a path
*/
#include "firesteel.h"
#include <stdio.h>

static fire_error err;
#define TRY(call) do { if (call) { fprintf(stderr, "FS%d %s\n", (int)err.code, err.message); status = err.status; goto done; } } while (0)

int main(int argc, char **argv) {
    float x[4][2] = {{0, 0}, {0, 1}, {1, 0}, {1, 1}}, y[4] = {0, 1, 1, 0}, answer[4];
    fire_context *ctx = NULL;
    fire_network *net = NULL;
    fire_dataset *data = NULL;
    int status = 0;

    TRY(fire_context_new(NULL, &ctx, &err));
    TRY(fire_network_new(ctx, FIRE_F32, &net, &err));
    TRY(fire_network_add(net, "Dense", "units=8 activation=tanh", &err));
    TRY(fire_network_add(net, "Dense", "units=1 activation=sigmoid", &err));
    TRY(fire_network_compile(net, "Adam learning_rate=0.05", "binary_crossentropy", NULL, &err));

    TRY(fire_dataset_new(ctx, &data, &err));
    TRY(fire_dataset_add(data, &(fire_tensor){FIRE_F32, {2, {4, 2}}, x}, &(fire_tensor){FIRE_F32, {1, {4}}, y}, NULL, &err));
    TRY(fire_fit(net, data, &(fire_fit_options){.size = sizeof(fire_fit_options), .epochs = 300, .batch_size = 4, .seed = 1}, NULL, &err));

    TRY(fire_predict(net, data, answer, NULL, &err));
    for (int i = 0; i < 4; i++) printf("%g xor %g = %.3f\n", x[i][0], x[i][1], answer[i]);
    if (argc > 1) TRY(fire_save(net, argv[1], &err));
done:
    fire_dataset_free(data);
    fire_network_free(net);
    fire_context_free(ctx);
    return status;
}
