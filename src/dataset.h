/* dataset.h - inside a dataset: rows in chunks, read through views of where they already lie. */
#ifndef FIRE_DATASET_H
#define FIRE_DATASET_H
#include "arrow.h"

typedef enum fire_role { FIRE_ROLE_X, FIRE_ROLE_Y, FIRE_ROLE_W } fire_role;

/* Rows that came together. A role's columns are joined in order; a role without columns is missing (weights then are 1). */
typedef struct fire_chunk {
    int64_t first, rows;        /* raw rows: numbered through all chunks */
    fire_view *view[3];
    int32_t n_views[3];
    struct ArrowArray batch;    /* release NULL: none */
    void *block[3];             /* of a packed chunk: [capacity, width], its own memory */
    int64_t capacity, bytes;    /* bytes: of the blocks */
    bool on_disk;               /* which lie there */
} fire_chunk;

/* Rows on local disk, and a window of them in memory in the order in which they are wanted (cache.c). */
typedef struct fire_cache {
    char *folder;
    int64_t memory, window;     /* bytes of rows that are kept in memory; about so many are brought there at once */
    int64_t held, spilled;      /* bytes of packed rows in memory and on disk now */
    int64_t touched;            /* bytes of rows on disk that may lie in memory since all were forgotten; changed atomically */
    int64_t last;               /* raw row that was read last; likewise */
    /* The window: rows list[0 .. rows) of the training rows, densely, in that order. list NULL: empty. */
    const int64_t *list;
    int64_t rows, room;
    uint64_t *sort;             /* [2 * room] */
    void *block[3];             /* [room, width] */
    fire_view view[3];
} fire_cache;

/* Rows of each part, 0 training and 1 validation, are raw rows in a list; without a list they are all raw rows, in order. */
struct fire_dataset {
    fire_context *ctx;
    fire_chunk *chunk; int64_t n_chunks, chunk_capacity;
    int64_t raw_rows, seen, skipped;  /* seen: rows looked at, for messages */
    bool listed;                      /* false: index is not used, part 1 is empty */
    int64_t *index[2], n[2], index_capacity[2];
    uint64_t *id;                     /* of training rows; NULL: their raw number */
    fire_shape x, y;
    bool has_shape, has_y, has_w;
    int64_t *width[3];                /* of each column */
    int32_t n_columns[3];
    int64_t row_width[3];             /* numbers per row */
    fire_type packed;                 /* type of packed chunks; 0: none */
    bool all_packed;
    fire_padding *pad; int32_t n_pads; /* of each feature column, when there are as many of them */
    char *label;                      /* name of the first label column, for messages; or NULL */
    /* After a deal: shards in all, those of this process, and where each begins in index[part]: [own_shards + 1]. */
    int32_t shards, first_shard, own_shards;
    int64_t *start[2];
    fire_cache *cache;                /* NULL: all rows stay in memory */
};

/* cache.c. fire_dataset_room - zeroed memory for something of each row, on disk where rows are, freed by fire_free. fire_dataset_forget - no row on
** disk need stay in memory. fire_cache_touched - rows are about to be read,
** from raw row `first` on; in_order: its neighbours. */
void *fire_dataset_room(const fire_dataset *d, int64_t count, size_t size, fire_error *err);
void fire_dataset_forget(const fire_dataset *d);
void fire_cache_touched(const fire_dataset *d, fire_role role, int64_t first, int64_t rows, bool in_order);
void fire_cache_free(fire_dataset *d);
int64_t fire_cache_chunk(const fire_dataset *d, int64_t row_bytes); /* rows of a chunk on disk */
void fire_chunk_forget(const fire_dataset *d, const fire_chunk *c);

/* dataset.c: a packed chunk for `rows` rows of n[r] > 0 roles, width[r] numbers each; on failure what was made is in *c. */
fire_status fire_chunk_new(const fire_dataset *d, fire_chunk *c, const int32_t n[3], const int64_t width[3], int64_t rows, bool on_disk, fire_type type, fire_error *err);
void fire_chunk_free(fire_context *ctx, fire_chunk *c);

/* fire_dataset_window - room for a window where there are rows on disk; fire_dataset_bring - rows list[0 .. n), as many as it holds, into it,
** unless the first `need` are there already. The list stays as it is until the next call. fire_dataset_staged - where rows index[0 .. n) lie
** in it, as `type`; NULL: they do not. fire_dataset_leave - the list is gone. */
fire_status fire_dataset_window(fire_dataset *d, fire_error *err);
fire_status fire_dataset_bring(fire_dataset *d, const int64_t *list, int64_t n, int64_t need, fire_error *err);
const void *fire_dataset_staged(const fire_dataset *d, fire_role role, bool validation, const int64_t *index, int64_t n, fire_type type);
bool fire_dataset_holds(const fire_dataset *d, bool validation, const int64_t *index, int64_t n); /* whether they are in the window */
void fire_dataset_reorder(fire_dataset *d); /* the list has changed: what is in the window is not what it says */
void fire_dataset_leave(fire_dataset *d);
uint64_t *fire_sort_upper(uint64_t *a, uint64_t *b, int64_t n); /* order.c: by their upper 32 bits; returns a or b, where the result lies */

/* fire_dataset_gather - copy rows index[0..n) of the training rows (validation: of the validation rows) to `to`, densely, converted
** to `type` (F32, F64, I32, I64); index NULL: rows first .. first + n - 1. Rows past the end are the caller's fault (assert). A role the dataset lacks: weights
** read as 1, others are a fault. */
void fire_dataset_gather(const fire_dataset *data, fire_role role, bool validation, const int64_t *index, int64_t first, int64_t n, fire_type type, void *to);

/* fire_dataset_direct - the address of rows first .. first + n - 1 when they already lie densely as `type` in one chunk, else NULL. */
const void *fire_dataset_direct(const fire_dataset *data, fire_role role, bool validation, int64_t first, int64_t n, fire_type type);

/* Rows and order. shards: how many the dataset was dealt to (1 when it was not); this process owns [first_shard, first_shard + own_shards),
** whose rows lie one shard after another. row_id is the id of a training row: its index when it was not dealt. */
int32_t fire_dataset_shards(const fire_dataset *data);
void fire_dataset_own_shards(const fire_dataset *data, int32_t *first, int32_t *count);
/* fire_dataset_shard - its rows of the part are [*first, *first + returned). own_shard counts from 0. */
int64_t fire_dataset_shard(const fire_dataset *data, bool validation, int32_t own_shard, int64_t *first);
uint64_t fire_dataset_row_id(const fire_dataset *data, int64_t row);

/* fire_shard_owner - first of the shards that `rank` owns; shards are dealt in contiguous runs: s belongs to rank floor(s * ranks / shards). */
int32_t fire_shard_first(int32_t shards, int32_t ranks, int32_t rank);

/* fire_hash - 64 bits of any bytes; fire_mix - a bijection of 64 bits that spreads. Both are the same for ever: row ids, and so every trained
** model, depend on them. */
uint64_t fire_hash(uint64_t start, const void *bytes, size_t n);
uint64_t fire_mix(uint64_t x);

/* fire_dataset_check_labels - whether the n numbers from `from` on of every y (training and validation) are a whole number in [0, classes), or with 0 classes a number from 0
** to 1; the error names row and value. *ignored, unless NULL, is a label that is good, too. */
fire_status fire_dataset_check_labels(const fire_dataset *data, int64_t from, int64_t n, int64_t classes, const int64_t *ignored, fire_error *err);
#endif
