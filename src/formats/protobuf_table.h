/* protobuf_table.h - macros that write the tables of protobuf_text.h, for the files that hold one. */
#ifndef FIRE_PROTOBUF_TABLE_H
#define FIRE_PROTOBUF_TABLE_H
#include "protobuf_text.h"

#define FIELD(name, number, kind) {name, number, FIRE_PROTO_##kind, NULL, NULL}
#define INNER(name, number, message) {name, number, FIRE_PROTO_MESSAGE, &message, NULL}
#define NAMED(name, number, names) {name, number, FIRE_PROTO_ENUM, NULL, names}
#define SKIP(name) {name, 0, FIRE_PROTO_SKIP, NULL, NULL}
#define END {NULL, 0, FIRE_PROTO_SKIP, NULL, NULL}
#define MESSAGE(is, name, open, ...) \
    static const fire_proto_field is##_fields[] = {__VA_ARGS__, END}; \
    static const fire_proto_message is = {name, is##_fields, open}
#define OPEN(is, name, ...) MESSAGE(is, name, true, __VA_ARGS__)     /* fields that are not listed are left out */
#define CLOSED(is, name, ...) MESSAGE(is, name, false, __VA_ARGS__)  /* they are errors */
#endif
