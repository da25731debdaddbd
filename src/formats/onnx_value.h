/* onnx_value.h - values in files of their own, as ONNX's test cases have them: input_0.pb is a TensorProto, SequenceProto or OptionalProto. */
#ifndef FIRE_ONNX_VALUE_H
#define FIRE_ONNX_VALUE_H
#include "wire.h"

/* fire_onnx_value_read - decode a value into memory of the arena. `want`: the type that the model says, with FIRE_LIST and FIRE_OPTIONAL, which decide what
** message it is; FIRE_NO_TYPE: a tensor of any type. */
fire_status fire_onnx_value_read(fire_arena *arena, const void *bytes, size_t size, fire_type want, fire_tensor *out, fire_error *err);
/* fire_onnx_value_write - append one to an empty buffer, as the message that fits `declared`; failures stick to it. */
void fire_onnx_value_write(fire_buffer *b, const char *name, fire_type declared, const fire_tensor *t);
#endif
