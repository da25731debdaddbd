/* inspect.h - what the parts of `firesteel inspect` share. But for networks with layers and SavedModels, which are
** loaded, nothing here takes memory for the numbers of a file. */
#ifndef FIRE_CLI_INSPECT_H
#define FIRE_CLI_INSPECT_H
#include "cli.h"
#include "formats/onnx.h"

typedef struct cli_inspect_how { fire_context *ctx; bool json, weights; } cli_inspect_how;

/* One for each kind of file. */
fire_status cli_inspect_network(const cli_inspect_how *o, const char *path, bool *plain, fire_error *err); /* *plain: it has no layers, nothing was said */
fire_status cli_inspect_onnx(const cli_inspect_how *o, const char *path, const void *bytes, size_t size, fire_error *err); /* TensorFlow's GraphDef too */
fire_status cli_inspect_safetensors(const cli_inspect_how *o, const char *path, const void *bytes, size_t size, fire_error *err);
fire_status cli_inspect_npy(const cli_inspect_how *o, const char *path, const void *bytes, size_t size, fire_error *err);
fire_status cli_inspect_records(const cli_inspect_how *o, const char *path, bool *other, fire_error *err); /* *other: these are no records, nothing was said */
bool cli_records_are(const void *bytes, size_t size);
/* cli_inspect_others - say what else a file is, by its first bytes; false: not known. */
bool cli_inspect_others(const cli_inspect_how *o, const char *path, const void *bytes, size_t size);

/* Pieces of the output. */
void cli_shown(char *to, size_t capacity, const char *text); /* printable; NULL as "" */
void cli_json_pair(const char *key, const char *text);       /* , "key": "text" */
void cli_json_span(const void *bytes, size_t size);          /* a quoted text; what is not UTF-8 becomes U+FFFD, very long ones are cut */
void cli_json_shape(const char *key, const fire_shape *s);
#endif
