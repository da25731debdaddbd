/* order.c - shards of a fit, the order of each epoch, and the merged schedule in exact integers. */
#include "order.h"
#include "rng.h"
#include <string.h>

void fire_shards_free(fire_shards *s) {
    if (!s->ctx) return;
    fire_free(s->ctx, s->rows);
    fire_free(s->ctx, s->start);
    fire_free(s->ctx, s->row);
    fire_free(s->ctx, s->id);
    fire_free(s->ctx, s->sort);
    *s = (fire_shards){0};
}

fire_status fire_shards_new(fire_context *ctx, fire_shards *s, const fire_dataset *d, fire_comm *comm, int32_t fixed, fire_error *err) {
    int32_t ranks = fire_comm_size(comm), rank = fire_comm_rank(comm), dealt = d->start[0] ? d->shards : 0;
    bool recut = fixed && fixed != dealt;
    *s = (fire_shards){.ctx = ctx};
    if (recut && ranks > 1)
        return fire_fail(err, FIRE_E_USAGE, "reproducible training on %d workers needs rows dealt to %d shards, these were dealt to %d; call fire_dataset_deal with %d shards", (int)ranks,
                         (int)fixed, (int)d->shards, (int)fixed);
    if (recut) s->n = s->own = fixed;
    else if (dealt) s->n = dealt, s->first = d->first_shard, s->own = d->own_shards;
    else s->n = ranks, s->first = rank, s->own = 1;
    if (dealt && !recut && (s->first != fire_shard_first(dealt, ranks, rank) || s->first + s->own != fire_shard_first(dealt, ranks, rank + 1)))
        return fire_fail(err, FIRE_E_USAGE, "the rows were dealt among other workers than those that train; deal with the same fire_comm");

    int64_t n = d->n[0];
    if (n > UINT32_MAX) return fire_fail(err, FIRE_E_UNSUPPORTED, "%lld rows on one worker, at most %lld are possible; use more workers", (long long)n, (long long)UINT32_MAX);
    if (!(s->rows = fire_alloc(ctx, (size_t)s->n, sizeof *s->rows, err)) || !(s->start = fire_alloc(ctx, (size_t)s->own + 1, sizeof *s->start, err)) ||
        !(s->row = fire_dataset_room(d, n, sizeof *s->row, err)) || !(s->id = fire_dataset_room(d, n, sizeof *s->id, err)))
        goto nomem;
    if (recut) {
        /* Count, then place: rows keep their order inside a shard. */
        for (int64_t i = 0; i < n; i++) s->rows[fire_mix(fire_dataset_row_id(d, i)) % (uint64_t)s->n]++;
        for (int32_t k = 0; k < s->n; k++) s->start[k + 1] = s->start[k] + s->rows[k];
        for (int64_t i = 0; i < n; i++) {
            uint64_t id = fire_dataset_row_id(d, i);
            int64_t at = s->start[fire_mix(id) % (uint64_t)s->n]++;
            s->row[at] = i;
            s->id[i] = id;
        }
        for (int32_t k = s->n; k > 0; k--) s->start[k] = s->start[k - 1];
        s->start[0] = 0;
    } else {
        for (int32_t k = 0; k < s->own; k++) {
            int64_t first = 0, rows = fire_dataset_shard(d, false, k, &first);
            s->rows[s->first + k] = rows;
            s->start[k + 1] = first + rows;
        }
        for (int64_t i = 0; i < n; i++) {
            s->row[i] = i;
            s->id[i] = fire_dataset_row_id(d, i);
            if (!dealt && ranks > 1) s->id[i] = s->id[i] * (uint64_t)ranks + (uint64_t)rank; /* no two rows of the job share an id */
        }
    }
    int64_t largest = 0;
    for (int32_t k = 0; k < s->own; k++)
        if (s->start[k + 1] - s->start[k] > largest) largest = s->start[k + 1] - s->start[k];
    if (!(s->sort = fire_dataset_room(d, largest, 2 * sizeof *s->sort, err))) goto nomem;
    if (ranks > 1) {
        fire_status st = fire_comm_sum(comm, FIRE_I64, s->rows, s->n, err);
        if (st) { fire_shards_free(s); return st; }
    }
    for (int32_t k = 0; k < s->n; k++)
        if (!fire_add(s->total, s->rows[k], &s->total)) {
            fire_shards_free(s);
            return fire_fail(err, FIRE_E_UNSUPPORTED, "too many rows");
        }
    return FIRE_OK;
nomem:
    fire_shards_free(s);
    return err && err->status ? err->status : FIRE_NOMEM;
}

/* Sort n entries by their upper 32 bits, least significant digit first: three passes of 11, 11 and 10 bits. */
uint64_t *fire_sort_upper(uint64_t *a, uint64_t *b, int64_t n) {
    static const int shift[3] = {32, 43, 54}, bits[3] = {11, 11, 10};
    for (int pass = 0; pass < 3; pass++) {
        uint32_t at[2048] = {0}, mask = (1u << bits[pass]) - 1, sum = 0;
        for (int64_t i = 0; i < n; i++) at[a[i] >> shift[pass] & mask]++;
        for (uint32_t k = 0; k <= mask; k++) {
            uint32_t count = at[k];
            at[k] = sum;
            sum += count;
        }
        for (int64_t i = 0; i < n; i++) b[at[a[i] >> shift[pass] & mask]++] = a[i];
        uint64_t *swap = a;
        a = b;
        b = swap;
    }
    return a;
}

void fire_order(fire_shards *s, uint64_t seed, int64_t epoch, bool shuffle, int64_t *order) {
    if (!shuffle) {
        memcpy(order, s->row, (size_t)s->start[s->own] * sizeof *order);
        return;
    }
    fire_key key = fire_key_make(seed, FIRE_STREAM_SHUFFLE);
    for (int32_t k = 0; k < s->own; k++) {
        int64_t first = s->start[k], n = s->start[k + 1] - first;
        const int64_t *row = s->row + first;
        const uint64_t *id = s->id;
        /* An entry is the upper half of the row's 64-bit draw, and its place in the shard. */
        for (int64_t i = 0; i < n; i++) s->sort[i] = (fire_draw(key, id[row[i]], (uint64_t)epoch) & 0xffffffff00000000u) | (uint64_t)i;
        uint64_t *e = fire_sort_upper(s->sort, s->sort + n, n);
        /* Equal halves are rare: order those by the whole draw, then by id. */
        for (int64_t i = 1; i < n; i++)
            for (int64_t j = i; j > 0 && e[j - 1] >> 32 == e[j] >> 32; j--) {
                uint64_t p = id[row[(uint32_t)e[j - 1]]], q = id[row[(uint32_t)e[j]]], x = fire_draw(key, p, (uint64_t)epoch), y = fire_draw(key, q, (uint64_t)epoch);
                if (x < y || (x == y && p <= q)) break;
                uint64_t swap = e[j];
                e[j] = e[j - 1];
                e[j - 1] = swap;
            }
        for (int64_t i = 0; i < n; i++) order[first + i] = row[(uint32_t)e[i]];
    }
    fire_forget(s->ctx, s->sort);
    fire_forget(s->ctx, s->row);
    fire_forget(s->ctx, s->id);
}

/* How many rows of a shard with `other` rows stand before (at: or at) position (k + 1/2) / n: those j with (2j + 1) n < (2k + 1) other. */
static int64_t rows_before(int64_t k, int64_t n, int64_t other, bool at) {
    if (!other) return 0;
    unsigned __int128 a = (unsigned __int128)(2 * (uint64_t)k + 1) * (uint64_t)other - !at;
    uint64_t odd = a >> 64 ? (uint64_t)(a / (uint64_t)n) : (uint64_t)a / (uint64_t)n;
    return (int64_t)((odd + 1) / 2); /* odd numbers up to it */
}

int64_t fire_shards_upto(const fire_shards *s, int32_t own_shard, int64_t merged) {
    int32_t me = s->first + own_shard;
    int64_t n = s->rows[me];
    if (s->n == 1 || merged <= 0 || n == 0) return merged <= 0 || n == 0 ? 0 : merged < n ? merged : n;
    if (merged >= s->total) return n;
    int64_t k = (int64_t)((unsigned __int128)(uint64_t)merged * (uint64_t)n / (uint64_t)s->total);
    bool rising = false, falling = false;
    /* Row k stands at place p(k) of the merged order; the answer is the first k with p(k) >= merged. The guess is off by a few. */
    for (;;) {
        int64_t p = k; /* of row k; past the end: none */
        for (int32_t o = 0; k < n && o < s->n; o++)
            if (o != me) p += rows_before(k, n, s->rows[o], o < me);
        if (k < n && p < merged) {
            k++;
            rising = true;
            if (falling) return k;
        } else {
            if (rising || k == 0) return k;
            k--;
            falling = true;
        }
    }
}
