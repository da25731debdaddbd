/* pool.h - our own threads: they spin briefly, then park. */
#ifndef FIRE_POOL_H
#define FIRE_POOL_H
#include "context.h"

typedef struct fire_pool fire_pool;

/* fire_pool_new - `threads` in all, the caller's included; 1 makes no thread. */
fire_status fire_pool_new(fire_context *ctx, int32_t threads, fire_pool **out, fire_error *err);
void fire_pool_free(fire_pool *pool);
int32_t fire_pool_threads(const fire_pool *pool); /* NULL: 1 */

/* fire_pool_run - call work(user, i) for i in [0, n), spread over the threads, and return when all are done. Which
** thread takes which i is open. NULL pool: a loop. One caller at a time; not from inside work. */
void fire_pool_run(fire_pool *pool, int32_t n, void (*work)(void *user, int32_t i), void *user);
#endif
