/* tensors.h - tensors in files for the command: NPY, or ONNX's TensorProto (.pb). */
#ifndef FIRE_CLI_TENSORS_H
#define FIRE_CLI_TENSORS_H
#include "cli.h"

/* cli_tensor_read - the whole tensor in memory of the arena. `want`: what the model says, FIRE_NO_TYPE: nothing. The format is told by the content. */
fire_status cli_tensor_read(fire_arena *arena, const char *path, fire_type want, fire_tensor *out, fire_error *err);
/* cli_tensor_write - to a file whose name says the format: .pb, else NPY, which has no texts, lists and absent values. `declared`: as the model says. */
fire_status cli_tensor_write(fire_context *ctx, const char *path, const char *name, fire_type declared, const fire_tensor *t, fire_error *err);
/* cli_tensor_print - a line with name, type and shape, then some of the numbers. */
void cli_tensor_print(const char *name, const fire_tensor *t);
#endif
