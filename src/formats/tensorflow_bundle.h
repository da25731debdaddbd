/* tensorflow_bundle.h - checkpoints of TensorFlow: a table of names (variables.index) and files of numbers. */
#ifndef FIRE_TENSORFLOW_BUNDLE_H
#define FIRE_TENSORFLOW_BUNDLE_H
#include "formats/onnx.h"

typedef struct fire_tf_entry { /* a tensor */
    fire_span name;
    uint64_t type;          /* DataType */
    int32_t rank;           /* -1: unknown */
    int64_t dim[FIRE_MAX_RANK];
    uint64_t shard, offset, size;
    uint32_t crc;           /* masked CRC32C of its bytes */
    bool sliced;            /* in pieces under other names */
    bool checked;           /* the checksum was right */
} fire_tf_entry;

typedef struct fire_tf_bundle {
    fire_context *ctx;
    fire_arena arena;
    fire_tf_entry *entry; int64_t n_entries; /* in the order of their names */
    uint64_t shards;
} fire_tf_bundle;

/* fire_bundle_read - read an index, which is borrowed for the call. Every block's checksum is checked. Call fire_bundle_clear whether it succeeds or fails. */
fire_status fire_bundle_read(fire_context *ctx, fire_span index, fire_tf_bundle *to, fire_error *err);
void fire_bundle_clear(fire_tf_bundle *b);
fire_tf_entry *fire_bundle_find(const fire_tf_bundle *b, fire_span name); /* or NULL */
/* fire_bundle_tensor - its type, shape and bytes in the file of its shard, checked against size and (once) checksum. */
fire_status fire_bundle_tensor(fire_tf_entry *e, fire_span file, fire_tensor *out, fire_error *err);
#endif
