/* protobuf_text.h - protocol buffers' text format to wire format, by tables of messages. Format: protobuf.dev/reference/protobuf/textformat-spec.
**
** A table says what a field of that name is. Fields that an open message does not know are read and left out; in others they are errors.
*/
#ifndef FIRE_PROTOBUF_TEXT_H
#define FIRE_PROTOBUF_TEXT_H
#include "wire.h"

typedef enum fire_proto_kind {
    FIRE_PROTO_I32, FIRE_PROTO_I64, FIRE_PROTO_U32, FIRE_PROTO_U64, FIRE_PROTO_BOOL, FIRE_PROTO_FLOAT, FIRE_PROTO_DOUBLE,
    FIRE_PROTO_BYTES, FIRE_PROTO_ENUM, FIRE_PROTO_MESSAGE, FIRE_PROTO_SKIP, /* skip: known, and left out */
} fire_proto_kind;

typedef struct fire_proto_name { const char *name; int32_t number; } fire_proto_name; /* of an enum; the last one has no name */
typedef struct fire_proto_field {
    const char *name;
    uint32_t number;
    fire_proto_kind kind;
    const struct fire_proto_message *message;
    const fire_proto_name *names;
} fire_proto_field;
typedef struct fire_proto_message { const char *name; const fire_proto_field *field; bool open; } fire_proto_message; /* the last field has no name */

/* fire_proto_text_is - whether bytes begin like the text of such a message: with one of its fields. */
bool fire_proto_text_is(const void *text, size_t size, const fire_proto_message *m);
/* fire_proto_text_read - append the message in wire format, at most six times the size of its text. Messages name line and column. */
fire_status fire_proto_text_read(const void *text, size_t size, const fire_proto_message *m, fire_buffer *out, fire_error *err);

/* The messages that model files are. */
extern const fire_proto_message fire_proto_graph_def, fire_proto_saved_model, fire_proto_onnx_model, fire_proto_caffe_net;
#endif
