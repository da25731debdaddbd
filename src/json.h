/* json.h - a small JSON reader over memory, and what writing needs. For safetensors headers and manifests.
**
** The reader hands out one token after the other and never allocates, copies or recurses; nesting is at most FIRE_JSON_DEPTH. It
** accepts exactly RFC 8259, UTF-8 checked, and fails with the byte offset.
*/
#ifndef FIRE_JSON_H
#define FIRE_JSON_H
#include "wire.h"

#define FIRE_JSON_DEPTH 64

typedef enum fire_json_kind {
    FIRE_JSON_END,                       /* the document is complete */
    FIRE_JSON_OBJECT, FIRE_JSON_ARRAY,   /* { and [ */
    FIRE_JSON_CLOSE,                     /* } or ] */
    FIRE_JSON_KEY, FIRE_JSON_TEXT,       /* text: between the quotes, still escaped */
    FIRE_JSON_INT, FIRE_JSON_NUMBER,     /* value of an INT; the characters of any number */
    FIRE_JSON_TRUE, FIRE_JSON_FALSE, FIRE_JSON_NULL,
} fire_json_kind;

typedef struct fire_json_token {
    fire_json_kind kind;
    const char *text; size_t size;       /* borrowed from the document */
    int64_t value;                       /* of FIRE_JSON_INT: a whole number that fits */
} fire_json_token;

typedef struct fire_json {
    const char *begin, *at, *end;
    int32_t depth;
    uint64_t arrays;                     /* bit d: level d is an array */
    enum { FIRE_JSON_WANTS_VALUE, FIRE_JSON_WANTS_FIRST, FIRE_JSON_WANTS_MORE, FIRE_JSON_DONE } state;
} fire_json;

void fire_json_open(fire_json *j, const void *text, size_t size);
fire_status fire_json_next(fire_json *j, fire_json_token *t, fire_error *err);
/* fire_json_expect - the next token, which must be of this kind; `what` stands in the message. */
fire_status fire_json_expect(fire_json *j, fire_json_kind kind, const char *what, fire_json_token *t, fire_error *err);
/* fire_json_skip - read past the value that `t` begins. */
fire_status fire_json_skip(fire_json *j, const fire_json_token *t, fire_error *err);
/* fire_json_is - whether a key or text is `word` (unescaped, compared byte by byte). */
bool fire_json_is(const fire_json_token *t, const char *word);
/* fire_json_copy - a key or text, unescaped and terminated, into to[capacity]; *size (may be NULL) gets its length. Texts with a zero
** character or of capacity bytes and more are refused. An unescaped text is never longer than t->size. */
fire_status fire_json_copy(const fire_json *j, const fire_json_token *t, char *to, size_t capacity, size_t *size, fire_error *err);
/* fire_json_fail - FIRE_E_CORRUPT with the offset of `t` in the document: "byte 17: <message>". */
fire_status fire_json_fail(const fire_json *j, const fire_json_token *t, const char *message, fire_error *err);

/* fire_utf8_check - whether bytes are UTF-8 throughout. */
bool fire_utf8_check(const char *text, size_t size);
/* fire_json_put_text - write a quoted text; bytes that are not UTF-8 become U+FFFD. */
void fire_json_put_text(fire_buffer *b, const char *text);
#endif
