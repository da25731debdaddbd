/* onnx_file.h - the bytes that a model stands on: its file, mapped, and the files with weights beside it. */
#ifndef FIRE_ONNX_FILE_H
#define FIRE_ONNX_FILE_H
#include "file.h"
#include "formats/onnx.h"

struct fire_tf_want; /* tensorflow.h */

/* fire_onnx_file_open - map the file at `path`; other files are looked for in its folder. fire_onnx_file_new - take *bytes over (they are emptied;
** on failure they stay); dir NULL: there are no other files. share gives one more reference, free takes one. */
fire_status fire_onnx_file_open(fire_context *ctx, const char *path, fire_onnx_file **out, fire_error *err);
fire_status fire_onnx_file_new(fire_context *ctx, fire_contents *bytes, const char *dir, fire_onnx_file **out, fire_error *err);
fire_onnx_file *fire_onnx_file_share(fire_onnx_file *f);
void fire_onnx_file_free(fire_onnx_file *f);

/* fire_model_text - make a model in protocol buffers' text format one in wire format, in memory; other bytes stay as they are. *saved: it is a
** SavedModel of TensorFlow. The two above do so by themselves. */
fire_status fire_model_text(fire_context *ctx, fire_contents *bytes, bool *saved, fire_error *err);

fire_context *fire_onnx_file_context(const fire_onnx_file *f);
const fire_contents *fire_onnx_file_bytes(const fire_onnx_file *f);
int64_t fire_onnx_file_size(const fire_onnx_file *f); /* of all files together */
bool fire_onnx_file_has_outside(const fire_onnx_file *f);

/* fire_onnx_file_outside - the bytes that external_data names; offset and length are decimal texts, empty: from 0, to the end. Messages begin
** behind the tensor's name. f may be NULL. */
fire_status fire_onnx_file_outside(fire_onnx_file *f, fire_span location, fire_span offset, fire_span length, fire_span *out, fire_error *err);

/* fire_onnx_file_choose - what of the model is wanted, of all its names copies are kept; saved: it is the saved_model.pb of a SavedModel.
** fire_onnx_file_choice - NULL: nothing was chosen. */
fire_status fire_onnx_file_choose(fire_onnx_file *f, const struct fire_tf_want *want, bool saved, fire_error *err);
const struct fire_tf_want *fire_onnx_file_choice(const fire_onnx_file *f, bool *saved);

/* fire_onnx_file_add - map a second file, of weights; fire_onnx_file_weights - its bytes, size 0: there is none. */
fire_status fire_onnx_file_add(fire_onnx_file *f, const char *path, fire_error *err);
const fire_contents *fire_onnx_file_weights(const fire_onnx_file *f);

/* fire_onnx_file_holds - whether these bytes live as long as the file: they are its own, of a file beside it, or an aligned copy. */
bool fire_onnx_file_holds(fire_onnx_file *f, const void *data, size_t bytes);

/* fire_onnx_file_align - for fire_graph.align: make *data point at an aligned copy, which lives as long as the file. */
fire_status fire_onnx_file_align(void *user, void **data, size_t bytes, fire_error *err);
#endif
