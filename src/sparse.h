/* sparse.h - gradients of large tables as rows: cost and traffic of a step are those of its tokens, not of the table.
**
** A table is a weight whose layer asked for it (fire_how.sparse) and that the graph reads by Gather along axis 0 alone. In place of a gradient
** of the table's shape a plan gives, for each Gather, the indices and the gradient of what was gathered. From there on a gradient is a
** fire_rows: numbers of rows, ascending, each once, and for each the sum of its values. Sums of equal rows are made in double, in a
** fixed order (of uses and tokens within a slice, then of slices, then of ranks), and rounded once per stage, so that the same rows give the same bits.
** In reproducible mode the eight shards' rows travel apart and are added in the order of shards: the bits depend on nothing else.
*/
#ifndef FIRE_SPARSE_H
#define FIRE_SPARSE_H
#include "network.h"
#include "plan.h"

struct fire_step;
struct fire_slice;

/* Rows of a table with their gradients. value is [n, width] of the network's type; both have room for `room` rows. */
typedef struct fire_rows { int64_t n, room; int64_t *row; void *value; } fire_rows;

/* One Gather: its indices, and the gradient of its output, [count of indices, width]. */
typedef struct fire_table_use { fire_value index, dy; } fire_table_use;

typedef struct fire_table {
    int64_t weight, rows, width;
    int32_t first_use, n_uses;
} fire_table;

/* Values on their way into a sum. */
typedef struct fire_row_entry { int64_t row; const void *value; } fire_row_entry;
typedef struct fire_row_adder {
    fire_row_entry *entry;  /* [2 * room]: in order; and room to sort them */
    int64_t n, room;
    double *sum;            /* [width of the widest table] */
} fire_row_adder;

/* fire_tables_why_not - a reason why the network's optimizer needs whole gradients; NULL: it does not. */
const char *fire_tables_why_not(const fire_network *net);

/* fire_tables_find - before gradients are built: fill step->table and its uses with the indices, and x with what gradients of are wanted, which is
** one value for each use. Tables that cannot be sparse stay out, or fail where their layer insists. Returns how many x there are in *n. */
fire_status fire_tables_find(struct fire_step *s, fire_value *x, int *n, fire_error *err);
/* fire_tables_set - the gradients dx[] that came of it. */
fire_status fire_tables_set(struct fire_step *s, const fire_value *dx, fire_error *err);

/* fire_tables_room - a slice has room for what its plan for some number of rows will give; fire_tables_take - what its plan gave, summed. */
fire_status fire_tables_room(struct fire_step *s, struct fire_slice *c, const fire_plan *p, fire_error *err);
void fire_tables_take(struct fire_step *s, struct fire_slice *c);
void fire_tables_free(struct fire_step *s);

/* Sums over slices and workers. */
typedef struct fire_row_sums {
    fire_context *ctx;
    fire_rows *total;       /* [step->n_tables] */
    fire_row_adder adder;
    const void **list;      /* [workers]: messages under way, and their lengths */
    size_t *bytes;
    uint8_t *message;
    int64_t room;           /* of message, bytes */
} fire_row_sums;
fire_status fire_row_sums_new(fire_row_sums *r, const struct fire_step *s, fire_comm *comm, fire_error *err);
void fire_row_sums_free(fire_row_sums *r, const struct fire_step *s);

/* fire_row_sums_make - r->total from the rows of slices [0, slices) of all ranks; apart: slices travel one by one (reproducible mode). On every rank
** the same. */
fire_status fire_row_sums_make(fire_row_sums *r, const struct fire_step *s, int32_t slices, bool apart, fire_comm *comm, fire_error *err);
#endif
