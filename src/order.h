/* order.h - which rows each step takes: shards, the order of an epoch, the merged schedule. */
#ifndef FIRE_ORDER_H
#define FIRE_ORDER_H
#include "dataset.h"

/* The training rows of one fit. Shards are numbered through all ranks; this rank has own of them, from first on. */
typedef struct fire_shards {
    fire_context *ctx;
    int32_t n, first, own;
    int64_t *rows;  /* [n]: rows of every shard, on all ranks */
    int64_t total;  /* their sum */
    int64_t *start; /* [own + 1]: own shard s is row[start[s] .. start[s + 1]) */
    int64_t *row;   /* training rows of the dataset, shard by shard */
    uint64_t *id;   /* of each training row of the dataset */
    uint64_t *sort; /* scratch of fire_order: two lists of the largest own shard's rows */
} fire_shards;

/* fire_shards_new - fixed 0: the shards that the dataset was dealt to; one per rank when it was not. fixed > 0: exactly so many, by cutting
** up an undealt dataset of one process; several ranks must have dealt to this number. */
fire_status fire_shards_new(fire_context *ctx, fire_shards *s, const fire_dataset *data, fire_comm *comm, int32_t fixed, fire_error *err);
void fire_shards_free(fire_shards *s);

/* fire_order - fill order[start[own]]: each own shard's rows as this epoch takes them, by (seed, epoch, id). shuffle false: as they lie. */
void fire_order(fire_shards *s, uint64_t seed, int64_t epoch, bool shuffle, int64_t *order);

/* fire_shards_upto - how many rows of own shard `s` are among the first `merged` rows of the merged order, in which row k of a shard with n
** rows stands at (k + 1/2) / n, and the lower shard goes first at a tie. */
int64_t fire_shards_upto(const fire_shards *s, int32_t own_shard, int64_t merged);
#endif
