/* error.h - how a failure is made; see errors.def for the codes. */
#ifndef FIRE_ERROR_H
#define FIRE_ERROR_H
#include "firesteel.h"

/* One enumerator per line of errors.def, e.g. FIRE_E_SHAPE = 1002. */
enum {
#define FIRE_ERROR(name, number, title, text) FIRE_E_##name = number,
#include "errors.def"
#undef FIRE_ERROR
};

/* fire_fail - fill *err (may be NULL) and return the status of the code's group: number / 1000,
** except FIRE_E_NOMEM and FIRE_E_CANCELLED. Keeps the message within its buffer. */
fire_status fire_fail(fire_error *err, int32_t code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* fire_escape - copy text of unknown origin into to[capacity] so that it is printable ASCII on one
** line: other bytes become \xHH, a cut is shown by "...". Returns to. */
const char *fire_escape(char *to, size_t capacity, const char *from, size_t bytes);

/* fire_shape_text - "[32, 784]", the batch as "n". Returns buf. */
#define FIRE_SHAPE_TEXT 200
const char *fire_shape_text(const fire_shape *s, char buf[FIRE_SHAPE_TEXT]);

/* fire_type_text - "float32"; "no type" for an unknown one. A constant. */
const char *fire_type_text(fire_type t);
#endif
