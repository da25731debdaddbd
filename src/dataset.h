/* dataset.h - inside a dataset: rows in chunks, read through views of where they already lie. */
#ifndef FIRE_DATASET_H
#define FIRE_DATASET_H
#include "context.h"

typedef enum fire_role { FIRE_ROLE_X, FIRE_ROLE_Y, FIRE_ROLE_W } fire_role;

/* fire_dataset_gather - copy rows index[0..n) of the training rows (validation: of the validation rows) to `to`, densely, converted
** to `type`; index NULL: rows first .. first + n - 1. Rows past the end are the caller's fault (assert). A role the dataset lacks: weights
** read as 1, others are a fault. */
void fire_dataset_gather(const fire_dataset *data, fire_role role, bool validation, const int64_t *index, int64_t first, int64_t n, fire_type type, void *to);

/* fire_dataset_direct - the address of rows first .. first + n - 1 when they already lie densely as `type` in one chunk, else NULL. */
const void *fire_dataset_direct(const fire_dataset *data, fire_role role, bool validation, int64_t first, int64_t n, fire_type type);

/* Rows and order. shards: how many the dataset was dealt to (1 when it was not); this process owns [first_shard, first_shard + own_shards).
** Training rows lie shard by shard; shard_rows[s] is known for every shard, those of other ranks too. row_id is the id of a
** training row: its index when it was not dealt. */
int32_t fire_dataset_shards(const fire_dataset *data);
void fire_dataset_own_shards(const fire_dataset *data, int32_t *first, int32_t *count);
int64_t fire_dataset_shard_rows(const fire_dataset *data, int32_t shard);
int64_t fire_dataset_shard_first(const fire_dataset *data, int32_t own_shard); /* index of its first training row here */
uint64_t fire_dataset_row_id(const fire_dataset *data, int64_t row);

/* fire_dataset_split_shards - cut an undealt dataset (one process) into `shards` by the hash of its row ids, for the reproducible mode. */
fire_status fire_dataset_split_shards(fire_dataset *data, int32_t shards, fire_error *err);

/* fire_dataset_check_labels - whether every y (training and validation) is a whole number in [0, classes); the error names row and value. */
fire_status fire_dataset_check_labels(const fire_dataset *data, int64_t classes, fire_error *err);
#endif
