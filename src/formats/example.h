/* example.h - the parts of tf.train.Example that decoding one record, decoding columns, and encoding share. The interface is in firesteel.h. */
#ifndef FIRE_EXAMPLE_H
#define FIRE_EXAMPLE_H
#include "wire.h"

/* fire_example_walk - call `entry` for each feature of an Example or SequenceExample, in the order of the record; body is its Feature or FeatureList. *sequence tells which
** one it was. Of entries with one name the last counts, as protobuf has it: that is for `entry` to see to. */
typedef fire_status fire_example_entry(void *user, const char *name, size_t name_size, bool list, const fire_wire *body, fire_error *err);
fire_status fire_example_walk(const void *bytes, size_t size, fire_example_entry *entry, void *user, bool *sequence, fire_error *err);

/* fire_feature_read - the kind of a Feature, and its values counted in *n or put at `to` behind *n others: fire_bytes, float or int64_t. Of lists of different kinds the
** last ones count. */
fire_status fire_feature_read(const fire_wire *body, fire_feature_kind *kind, void *to, int64_t *n, fire_error *err);
/* fire_feature_list_next - the next Feature of a FeatureList; *more is false behind the last. */
fire_status fire_feature_list_next(fire_wire *list, fire_wire *body, bool *more, fire_error *err);

static inline size_t fire_feature_size(fire_feature_kind kind) { return kind == FIRE_FEATURE_BYTES ? sizeof(fire_bytes) : kind == FIRE_FEATURE_FLOAT ? 4 : 8; }

/* fire_example_put - encode an example that is known to be good. */
void fire_example_put(fire_buffer *b, const fire_example *e);
#endif
