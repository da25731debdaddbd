/* arrow.h - views of Arrow columns: the numbers of each row, found where they already lie.
**
** The C Data Interface gives pointers without sizes, so lengths of buffers must be believed; everything that can be held against
** something else (counts of children and buffers, offsets against the length of what they point into) is. After
** fire_view_check has accepted a column, reading any of its rows is safe.
*/
#ifndef FIRE_ARROW_H
#define FIRE_ARROW_H
#include "context.h"

/* One step from a row towards its numbers. Positions count from the array's own offset on. */
typedef struct fire_level {
    char kind;            /* 's' struct, 'l' list, 'L' large list, 'w' fixed-size list */
    const uint8_t *valid; /* bitmap, NULL: no nulls */
    const void *offsets;  /* int32 ('l') or int64 ('L') */
    int64_t offset, length, size; /* size: elements per row of 'w' */
} fire_level;

/* An array of numbers: type is Arrow's format letter (c C s S i I l L e f g b), or 'B': booleans of one byte each. */
typedef struct fire_leaf {
    char type;
    const uint8_t *valid;
    const void *data;
    int64_t offset, length;
} fire_leaf;

/* How rows of unlike length become one: row is their shape, whose first dimension is the steps that every row is brought to; rank 0: not at all. */
typedef struct fire_padding {
    fire_shape row;
    bool after, cut_after; /* value is added, steps are cut, at the end; else at the beginning */
    double value;
} fire_padding;

typedef struct fire_view {
    int64_t width;  /* numbers per row; -1: not known before a row is seen */
    fire_padding pad; /* with a row, width is that of the row, and rows may lie longer or shorter */
    bool uniform;   /* row r is elements start + r * width of leaf, and none is null */
    bool vector;    /* Spark's ML vectors: struct<type, size, indices, values> */
    int64_t start;
    int32_t n_levels;
    fire_level level[FIRE_MAX_RANK + 1];
    fire_leaf leaf; /* of a vector: the values */
    fire_leaf kind, size, index;         /* only of vectors */
    fire_level index_list, value_list;
} fire_view;

/* fire_view_array - a view of a dense array of `rows` rows. */
void fire_view_array(fire_view *v, fire_type type, const void *data, int64_t rows, int64_t width);

/* fire_arrow_check - what holds of every array: sane lengths, the buffers and children that its type has, and a bitmap when nulls are told of. `name` is the column's. */
fire_status fire_arrow_check(const struct ArrowSchema *s, const struct ArrowArray *a, int buffers, int64_t children, const char *name, const uint8_t **valid, fire_error *err);

/* fire_view_open - the view of column `name` of a record batch. Fails when there is no such column, or two, when its type holds no numbers, or
** when the structs contradict themselves. Nothing is read but the structs. */
fire_status fire_view_open(fire_view *v, const struct ArrowSchema *schema, const struct ArrowArray *batch, const char *name, fire_error *err);

/* fire_view_pad - bring rows to one length from now on. Only lists can be: others stay as they are. Before fire_view_check. */
fire_status fire_view_pad(fire_view *v, const fire_padding *pad, const char *name, fire_error *err);
/* fire_view_array_pad - a view of `rows` dense rows of `width` numbers each, brought to the length of pad; width is whole steps. */
void fire_view_array_pad(fire_view *v, fire_type type, const void *data, int64_t rows, int64_t width, const fire_padding *pad);

/* fire_view_check - read every row once: widths agree with each other and with v->width (when known), offsets and indices are in range,
** and no number is null, NaN or infinite: such a row fails (ERROR), is marked in bad[rows] (SKIP), or passes (KEEP). Errors count rows from `first`. */
fire_status fire_view_check(fire_view *v, const char *name, int64_t rows, int64_t first, fire_invalid invalid, uint8_t *bad, fire_error *err);

/* fire_view_read - row's numbers, v->width of them, as `type` (F32, F64, I32 or I64); nulls become NaN. */
void fire_view_read(const fire_view *v, int64_t row, fire_type type, void *to);
/* fire_view_read_rows - the same for rows row .. row + n - 1, each `stride` bytes behind the one before. */
void fire_view_read_rows(const fire_view *v, int64_t row, int64_t n, fire_type type, void *to, size_t stride);

/* fire_view_direct - where `row` lies when rows are dense, of this type and aligned; else NULL. */
const void *fire_view_direct(const fire_view *v, int64_t row, fire_type type);

/* fire_view_bools - a boolean column without nulls as one byte per row; the error names column and row. */
fire_status fire_view_bools(const fire_view *v, const char *name, int64_t rows, int64_t first, uint8_t *to, fire_error *err);
#endif
