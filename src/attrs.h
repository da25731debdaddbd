/* attrs.h - options as tables. One row gives an attribute its name, default, range and help; reading,
** saving, Python signatures, the command and the docs all come from that row.
**
** Text form: name=value pairs separated by spaces. Numbers as in C, booleans 0, 1, true, false (any case),
** lists [2,3], texts bare or in double quotes with \" and \\. A text may hold attributes again: layer="LSTM units=3". */
#ifndef FIRE_ATTRS_H
#define FIRE_ATTRS_H
#include "context.h"

typedef enum fire_attr_type { FIRE_ATTR_INT, FIRE_ATTR_FLOAT, FIRE_ATTR_BOOL, FIRE_ATTR_TEXT, FIRE_ATTR_INTS, FIRE_ATTR_FLOATS, FIRE_ATTR_TEXTS } fire_attr_type;

/* How each type lies in the struct: int64_t, double, bool, fire_attr_text, fire_ints, fire_floats; TEXTS, a list in ONNX, is one
** text of words separated by commas. */
#define FIRE_ATTR_TEXT_SIZE 1024
typedef char fire_attr_text[FIRE_ATTR_TEXT_SIZE];
#define FIRE_ATTR_LONGEST 8192 /* of a text whose row has max: char[max + 1] */
typedef struct fire_ints { int32_t n; int64_t v[32]; } fire_ints;
typedef struct fire_floats { int32_t n; double v[64]; } fire_floats;

typedef struct fire_attr {
    const char *name;          /* ONNX's name for operators, Keras' for layers; NULL ends a table */
    fire_attr_type type;
    size_t offset;             /* in the struct of attributes */
    double value, min, max;    /* default and range of INT, FLOAT, BOOL and of each element of INTS and FLOATS; 0, 0: no range. max of TEXT: its bytes at most, 0: the usual */
    const char *text;          /* default of TEXT ("" if NULL), INTS or FLOATS ("[1,1]"; NULL: empty) */
    const char *choices;       /* TEXT: allowed words separated by '|', NULL: any */
    const char *help;
} fire_attr;

/* fire_attrs_read - fill `mem` (zeroed, attr_size bytes) with defaults and then with what `text` says (may be NULL). `who`
** stands in messages. Unknown names fail with the nearest known one. When rest is not NULL, unknown pairs are
** copied there (capacity bytes) instead of failing, e.g. "name=dense_1". */
fire_status fire_attrs_read(const char *who, const fire_attr *attrs, void *mem, const char *text, char *rest, size_t capacity, fire_error *err);

/* fire_attrs_write - the canonical text of what differs from the defaults (all: of everything), terminated, into
** to[capacity]. Returns the length needed, as snprintf does. Doubles are written so that they read back to the same bits. */
size_t fire_attrs_write(const fire_attr *attrs, const void *mem, bool all, char *to, size_t capacity);

/* fire_attrs_json - the table as a JSON array for fire_catalog. */
void fire_attrs_json(const fire_attr *attrs, fire_write *write, void *user);

/* fire_name_read - split "Adam learning_rate=0.1" at the first space: copies the name, returns the rest. */
const char *fire_name_read(const char *text, char *name, size_t capacity);

/* fire_same_word - equal, upper and lower case (ASCII) alike. */
bool fire_same_word(const char *a, const char *b);

/* The nearest known name for a message: set .name, try every candidate, then print "; did you mean 'units'?" or "" into buf. */
typedef struct fire_near { const char *name, *best; int distance; } fire_near;
#define FIRE_NEAR_TEXT 80
void fire_near_try(fire_near *n, const char *candidate);
const char *fire_near_text(const fire_near *n, char buf[FIRE_NEAR_TEXT]);

/* Numbers as text, with a point whatever locale the program has: fire_number_text gives the shortest text that reads back to the
** same bits ("inf", "-inf", "nan" for the others) and returns buf; fire_number_read is strtod. */
#define FIRE_NUMBER_TEXT 32
const char *fire_number_text(double v, char buf[FIRE_NUMBER_TEXT]);
double fire_number_read(const char *text, char **end);

/* Text to a fire_write: formatted, at most 1,023 bytes a call; as a JSON string in quotes (UTF-8 passes as it is). */
void fire_print(fire_write *write, void *user, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void fire_json_text(fire_write *write, void *user, const char *text);
#endif
