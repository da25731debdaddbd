/* deal.c - row ids from content, and rows dealt to shards by id.
**
** Afterwards the rows of a shard and their order depend on the table alone, however its rows were spread over the workers:
**   1. a row's hash is that of its converted bytes (and of which part it belongs to);
**   2. equal rows are numbered: each hash has a home rank, which is told how many rows of it every rank has and gives each rank
**      the number to start from. Equal rows are alike in all that training reads, so it does not matter which gets which;
**   3. id = mix(hash, number), shard = id mod shards; rows go to the rank that owns their shard and lie there by (shard, id).
*/
#include "dataset.h"
#include <stdlib.h>
#include <string.h>

uint64_t fire_mix(uint64_t x) {
    x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93u;
    x = (x ^ (x >> 29)) * 0xa24baed4963ee407u;
    return x ^ (x >> 32);
}

/* Each step is a bijection of h for a given word and of the word for a given h, so two rows that differ in one word never collide. */
uint64_t fire_hash(uint64_t start, const void *bytes, size_t n) {
    const unsigned char *p = bytes;
    uint64_t h = fire_mix(start ^ (uint64_t)n * 0x9fb21c651e98df25u), w;
    for (; n >= 8; n -= 8, p += 8) {
        memcpy(&w, p, 8);
        h = ((h << 29 | h >> 35) ^ w * 0xa24baed4963ee407u) * 0x9fb21c651e98df25u;
    }
    if (n) {
        w = 0;
        memcpy(&w, p, n);
        h = ((h << 29 | h >> 35) ^ w * 0xa24baed4963ee407u) * 0x9fb21c651e98df25u;
    }
    return fire_mix(h);
}

int32_t fire_shard_first(int32_t shards, int32_t ranks, int32_t rank) {
    return (int32_t)(((int64_t)rank * shards + ranks - 1) / ranks);
}

/* What the ranks must agree on before rows move. Sent as it lies in memory: all ranks run the same program on the same kind of machine. */
typedef struct facts {
    int64_t rows, shards, type, has_shape, has_w, has_y, on_disk;
    fire_shape x, y;
    int64_t width[3];
} facts;

typedef struct hashed { uint64_t hash; int64_t row; } hashed; /* row: training rows first, then validation rows */
typedef struct tally { uint64_t hash, count; } tally;
typedef struct place { uint64_t id; const char *bytes; int64_t row; int32_t shard, part; } place; /* of a row that is here now: its bytes where it was received, or its number */
#define ROUND (4 << 20)               /* bytes of rows that each rank reads and sends at once where rows lie on disk */

/* One deal in progress: what must be freed however it ends. */
typedef struct deal {
    fire_dataset *d;
    fire_context *ctx;
    fire_comm *comm;
    int32_t ranks, rank, shards;
    facts facts;
    size_t size[3], row_bytes;        /* bytes of x, y, w of a row, and of all of it */
    hashed *hash;                     /* [rows here], sorted */
    uint64_t *id;                     /* [rows here] */
    void **send, **recv;              /* [ranks] */
    size_t *send_bytes, *recv_bytes;  /* [ranks] */
    char *row;                        /* one row's bytes */
    bool streams;                     /* some rank has rows on disk: all send theirs in rounds, and rows lie as they came */
    int64_t most_rows;                /* of a rank */
    fire_chunk *fresh; int64_t n_fresh, fresh_capacity; /* what has come in rounds */
    int64_t forget_after;             /* rows that a chunk gets before its pages are given back */
    place *place; int64_t n_place;    /* [n_place] */
} deal;

static int by_hash(const void *a, const void *b) {
    const hashed *p = a, *q = b;
    return p->hash != q->hash ? (p->hash < q->hash ? -1 : 1) : p->row < q->row ? -1 : p->row > q->row;
}

static void free_messages(deal *t) {
    for (int32_t r = 0; r < t->ranks; r++) {
        if (t->send) { fire_free(t->ctx, t->send[r]); t->send[r] = NULL; }
        if (t->recv) { fire_comm_release(t->comm, t->recv[r]); t->recv[r] = NULL; }
        if (t->send_bytes) t->send_bytes[r] = t->recv_bytes[r] = 0;
    }
}

static fire_status exchange(deal *t, fire_error *err) {
    return fire_comm_exchange(t->comm, (const void *const *)t->send, t->send_bytes, t->recv, t->recv_bytes, err);
}

static fire_status malformed(fire_error *err, int32_t rank) {
    return fire_fail(err, FIRE_E_PEER_FAILED, "rank %d sent rows of an unexpected size while rows were dealt; all workers must run the same version", (int)rank);
}

/* What a peer says of its rows is possible at all. */
static bool sane(const facts *f) {
    int64_t sum = 0;
    for (int r = 0; r < 3; r++)
        if (!fire_add(sum, f->width[r], &sum)) return false;
    return f->rows >= 0 && sum < INT64_MAX / 64 && f->x.rank >= 0 && f->x.rank <= FIRE_MAX_RANK && f->y.rank >= 0 && f->y.rank <= FIRE_MAX_RANK &&
           (f->type == FIRE_NO_TYPE || f->type == FIRE_F32 || f->type == FIRE_F64);
}

/* Learn the shape of rows from the ranks that have some. */
static fire_status agree(deal *t, fire_error *err) {
    fire_dataset *d = t->d;
    t->facts = (facts){.rows = d->n[0] + d->n[1], .shards = t->shards, .type = d->packed, .has_shape = d->has_shape, .has_w = d->has_w, .has_y = d->has_y, .on_disk = d->cache && d->cache->spilled, .x = d->x, .y = d->y};
    for (int r = 0; r < 3; r++) t->facts.width[r] = d->row_width[r];
    if (t->ranks > 1) {
        facts *all = fire_alloc(t->ctx, (size_t)t->ranks, sizeof *all, err);
        if (!all) return FIRE_NOMEM;
        fire_status st = fire_comm_gather(t->comm, &t->facts, sizeof t->facts, all, err);
        const facts *first = NULL;
        for (int32_t r = 0; !st && r < t->ranks; r++) {
            char a[FIRE_SHAPE_TEXT], b[FIRE_SHAPE_TEXT];
            if (!sane(&all[r])) st = malformed(err, r);
            else if (all[r].shards != t->shards) st = fire_fail(err, FIRE_E_USAGE, "rank %d deals rows to %lld shards, this rank to %d", (int)r, (long long)all[r].shards, (int)t->shards);
            if (all[r].rows > t->most_rows) t->most_rows = all[r].rows;
            t->streams |= all[r].on_disk != 0;
            if (st || !all[r].has_shape || !all[r].rows) continue;
            if (!first) { first = &all[r]; continue; }
            if (!fire_same_shape(&first->x, &all[r].x) || !fire_same_shape(&first->y, &all[r].y))
                st = fire_fail(err, FIRE_E_RAGGED, "rank %d has rows of features %s and labels %s, other ranks differ; all rows must have one width", (int)r,
                               fire_shape_text(&all[r].x, a), fire_shape_text(&all[r].y, b));
            else if (first->type != all[r].type || first->has_w != all[r].has_w || first->has_y != all[r].has_y)
                st = fire_fail(err, FIRE_E_USAGE, "rank %d packed its rows as another type or with other columns than other ranks", (int)r);
        }
        if (!st && first) t->facts = *first;
        fire_free(t->ctx, all);
        if (st) return st;
    }
    size_t number = fire_type_size((fire_type)t->facts.type);
    for (int r = 0; r < 3; r++) {
        bool has = r == FIRE_ROLE_X ? t->facts.has_shape : r == FIRE_ROLE_Y ? t->facts.has_y : t->facts.has_w;
        t->size[r] = has ? (size_t)t->facts.width[r] * number : 0;
    }
    t->row_bytes = t->size[0] + t->size[1] + t->size[2];
    return FIRE_OK;
}

/* The bytes of row i (training rows first), as they will be stored. */
static void row_read(const deal *t, int64_t i, char *to) {
    const fire_dataset *d = t->d;
    bool validation = i >= d->n[0];
    if (validation) i -= d->n[0];
    for (int r = 0; r < 3; r++) {
        if (t->size[r]) fire_dataset_gather(d, (fire_role)r, validation, NULL, i, 1, (fire_type)t->facts.type, to);
        to += t->size[r];
    }
}

static int32_t home(const deal *t, uint64_t hash) { return (int32_t)((unsigned __int128)hash * (uint32_t)t->ranks >> 64); }

/* Number equal rows over all ranks and turn hashes into ids. */
static fire_status number_rows(deal *t, fire_error *err) {
    int64_t n = t->d->n[0] + t->d->n[1];
    if (!(t->hash = fire_dataset_room(t->d, n, sizeof *t->hash, err)) || !(t->id = fire_dataset_room(t->d, n, sizeof *t->id, err)) ||
        !(t->row = fire_alloc(t->ctx, t->row_bytes, 1, err)))
        return err->status;
    for (int64_t i = 0; i < n; i++) {
        row_read(t, i, t->row);
        t->hash[i] = (hashed){fire_hash(i >= t->d->n[0], t->row, t->row_bytes), i};
    }
    qsort(t->hash, (size_t)n, sizeof *t->hash, by_hash);

    if (t->ranks > 1) {
        /* Homes are ranges of hashes, so what goes to each home is one run of the sorted list. */
        for (int64_t i = 0, j; i < n; i = j) {
            for (j = i + 1; j < n && t->hash[j].hash == t->hash[i].hash; j++) {}
            t->send_bytes[home(t, t->hash[i].hash)] += sizeof(tally);
        }
        for (int32_t r = 0; r < t->ranks; r++)
            if (!(t->send[r] = fire_alloc(t->ctx, t->send_bytes[r], 1, err))) return FIRE_NOMEM;
        int32_t at = -1;
        int64_t k = 0;
        for (int64_t i = 0, j; i < n; i = j) {
            for (j = i + 1; j < n && t->hash[j].hash == t->hash[i].hash; j++) {}
            int32_t h = home(t, t->hash[i].hash);
            if (h != at) at = h, k = 0;
            ((tally *)t->send[h])[k++] = (tally){t->hash[i].hash, (uint64_t)(j - i)};
        }
        fire_status st = exchange(t, err);
        if (st) return st;

        /* As a home: walk all lists, each sorted, in step; a rank's start is the count of the ranks before it. Counts become starts in place. */
        int64_t *next = fire_alloc(t->ctx, (size_t)t->ranks, sizeof *next, err);
        if (!next) return FIRE_NOMEM;
        for (int32_t r = 0; r < t->ranks && !st; r++)
            if (t->recv_bytes[r] % sizeof(tally)) st = malformed(err, r);
        while (!st) {
            bool any = false;
            uint64_t lowest = 0, sum = 0;
            for (int32_t r = 0; r < t->ranks; r++)
                if (next[r] < (int64_t)(t->recv_bytes[r] / sizeof(tally))) {
                    uint64_t h = ((tally *)t->recv[r])[next[r]].hash;
                    if (!any || h < lowest) lowest = h;
                    any = true;
                }
            if (!any) break;
            for (int32_t r = 0; r < t->ranks; r++)
                if (next[r] < (int64_t)(t->recv_bytes[r] / sizeof(tally))) {
                    tally *e = &((tally *)t->recv[r])[next[r]];
                    if (e->hash != lowest) continue;
                    uint64_t count = e->count;
                    e->count = sum;
                    sum += count;
                    next[r]++;
                }
        }
        fire_free(t->ctx, next);
        if (st) return st;

        /* Answers go back the same way. What was sent and what was received change places for this. */
        void **lists = t->recv, **answers = t->send;
        for (int32_t r = 0; r < t->ranks; r++) {
            fire_free(t->ctx, answers[r]);
            answers[r] = NULL;
            if (!(answers[r] = fire_alloc(t->ctx, t->recv_bytes[r], 1, err))) return FIRE_NOMEM;
            if (t->recv_bytes[r]) memcpy(answers[r], lists[r], t->recv_bytes[r]);
            fire_comm_release(t->comm, lists[r]);
            lists[r] = NULL;
            t->send_bytes[r] = t->recv_bytes[r];
        }
        if ((st = exchange(t, err))) return st;
        at = -1;
        for (int64_t i = 0, j; i < n; i = j) {
            for (j = i + 1; j < n && t->hash[j].hash == t->hash[i].hash; j++) {}
            int32_t h = home(t, t->hash[i].hash);
            if (h != at) at = h, k = 0;
            if ((size_t)(k + 1) * sizeof(tally) > t->recv_bytes[h] || ((tally *)t->recv[h])[k].hash != t->hash[i].hash) return malformed(err, h);
            uint64_t start = ((tally *)t->recv[h])[k++].count;
            for (int64_t m = i; m < j; m++) t->id[t->hash[m].row] = fire_mix(t->hash[m].hash + 0x9e3779b97f4a7c15u * (start + (uint64_t)(m - i) + 1));
        }
        free_messages(t);
    } else
        for (int64_t i = 0, j; i < n; i = j)
            for (j = i; j < n && t->hash[j].hash == t->hash[i].hash; j++)
                t->id[t->hash[j].row] = fire_mix(t->hash[j].hash + 0x9e3779b97f4a7c15u * (uint64_t)(j - i + 1));
    fire_free(t->ctx, t->hash);
    t->hash = NULL;
    return FIRE_OK;
}

static int by_place(const void *a, const void *b) {
    const place *p = a, *q = b;
    if (p->part != q->part) return p->part < q->part ? -1 : 1;
    if (p->shard != q->shard) return p->shard < q->shard ? -1 : 1;
    if (p->id != q->id) return p->id < q->id ? -1 : 1;
    return 0;
}

static int32_t shard_of(const deal *t, uint64_t id) { return (int32_t)(id % (uint64_t)t->shards); }
static int32_t owner(const deal *t, int32_t shard) { return (int32_t)((int64_t)shard * t->ranks / t->shards); }

/* A row on the wire: id, part, and its bytes. */
static size_t record_bytes(const deal *t) { return 16 + ((t->row_bytes + 7) & ~(size_t)7); }

/* The messages of rows [from, to): each to the rank that owns its shard. */
static fire_status pack_rows(deal *t, int64_t from, int64_t to, fire_error *err) {
    size_t record = record_bytes(t);
    for (int64_t i = from; i < to; i++) t->send_bytes[owner(t, shard_of(t, t->id[i]))] += record;
    for (int32_t r = 0; r < t->ranks; r++) {
        if (!(t->send[r] = fire_alloc(t->ctx, t->send_bytes[r], 1, err))) return FIRE_NOMEM;
        t->send_bytes[r] = 0;
    }
    for (int64_t i = from; i < to; i++) {
        int32_t r = owner(t, shard_of(t, t->id[i]));
        char *p = (char *)t->send[r] + t->send_bytes[r];
        uint64_t part = i >= t->d->n[0];
        memcpy(p, &t->id[i], 8);
        memcpy(p + 8, &part, 8);
        row_read(t, i, p + 16);
        t->send_bytes[r] += record;
    }
    return FIRE_OK;
}

static fire_status move_rows(deal *t, fire_error *err) {
    fire_status st = pack_rows(t, 0, t->d->n[0] + t->d->n[1], err);
    if (st) return st;
    st = exchange(t, err);
    for (int32_t r = 0; r < t->ranks; r++) { /* not needed while the rows that came are copied */
        fire_free(t->ctx, t->send[r]);
        t->send[r] = NULL;
    }
    return st;
}

/* ---- rows on disk: in rounds ---- */

/* A row that came into the last chunk, or one more. */
static fire_status add_row(deal *t, const char *bytes, int64_t total, fire_error *err) {
    fire_dataset *d = t->d;
    fire_chunk *c = t->n_fresh ? &t->fresh[t->n_fresh - 1] : NULL;
    if (!c || c->rows == c->capacity) {
        int32_t n[3] = {t->size[0] > 0, t->size[1] > 0, t->size[2] > 0};
        bool on_disk = d->cache && total * (int64_t)t->row_bytes > d->cache->memory;
        int64_t first = c ? c->first + c->rows : 0, rows = on_disk ? fire_cache_chunk(d, (int64_t)t->row_bytes + 1) : total;
        if (c) fire_chunk_forget(d, c);
        t->forget_after = d->cache ? d->cache->window / 4 / ((int64_t)t->row_bytes + 1) + 1 : INT64_MAX;
        fire_status st = fire_grow(t->ctx, &t->fresh, &t->fresh_capacity, t->n_fresh + 1, sizeof *t->fresh, err);
        if (st) return st;
        c = &t->fresh[t->n_fresh++];
        if ((st = fire_chunk_new(d, c, n, t->facts.width, rows < total - first ? rows : total - first, on_disk, (fire_type)t->facts.type, err))) return st;
        c->first = first;
    }
    for (int r = 0; r < 3; r++) {
        if (t->size[r]) memcpy((char *)c->block[r] + (size_t)c->rows * t->size[r], bytes, t->size[r]);
        bytes += t->size[r];
    }
    if (++c->rows % t->forget_after == 0 && c->on_disk) fire_chunk_forget(d, c);
    return FIRE_OK;
}

/* Every rank sends the next rows of its table, and takes in what the others send. */
static fire_status stream_rows(deal *t, fire_error *err) {
    int64_t n = t->d->n[0] + t->d->n[1], total = 0;
    size_t record = record_bytes(t), ranks = (size_t)t->ranks;
    int64_t each = ROUND / (int64_t)record > 0 ? ROUND / (int64_t)record : 1;
    int64_t *count = fire_alloc(t->ctx, ranks * (ranks + 1), sizeof *count, err), *all = count + ranks; /* [to], then [from][to] */
    if (!count) return FIRE_NOMEM;
    for (int64_t i = 0; i < n; i++) count[owner(t, shard_of(t, t->id[i]))]++;
    fire_status st = fire_comm_gather(t->comm, count, ranks * sizeof *count, all, err);
    for (size_t r = 0; r < ranks && !st; r++)
        if (!fire_add(total, all[r * ranks + (size_t)t->rank], &total)) st = malformed(err, (int32_t)r);
    fire_free(t->ctx, count);
    if (!st && !(t->place = fire_dataset_room(t->d, total, sizeof *t->place, err))) st = err->status;
    for (int64_t from = 0; from < t->most_rows && !st; from += each) {
        st = pack_rows(t, from < n ? from : n, from + each < n ? from + each : n, err);
        if (!st) st = exchange(t, err);
        for (int32_t r = 0; r < t->ranks && !st; r++)
            for (size_t o = 0; o < t->recv_bytes[r] && !st; o += record) {
                uint64_t part;
                place *at = &t->place[t->n_place];
                if (t->recv_bytes[r] % record || t->n_place == total) { st = malformed(err, r); break; }
                memcpy(&at->id, (char *)t->recv[r] + o, 8);
                memcpy(&part, (char *)t->recv[r] + o + 8, 8);
                at->part = part != 0;
                at->shard = shard_of(t, at->id);
                at->row = t->n_place++;
                if (owner(t, at->shard) != t->rank) st = malformed(err, r);
                else st = add_row(t, (char *)t->recv[r] + o + 16, total, err);
            }
        free_messages(t);
    }
    if (!st && t->n_place != total) st = malformed(err, t->rank);
    free_messages(t);
    return st;
}

/* Compare rows of one id by their bytes. */
static int compare_rows(const deal *t, const place *a, const place *b) {
    if (!t->streams) return memcmp(a->bytes, b->bytes, t->row_bytes);
    const fire_chunk *c[2] = {t->fresh, t->fresh};
    while (a->row - c[0]->first >= c[0]->rows) c[0]++;
    while (b->row - c[1]->first >= c[1]->rows) c[1]++;
    for (int r = 0; r < 3; r++) {
        int order = t->size[r] ? memcmp((char *)c[0]->block[r] + (size_t)(a->row - c[0]->first) * t->size[r], (char *)c[1]->block[r] + (size_t)(b->row - c[1]->first) * t->size[r], t->size[r]) : 0;
        if (order) return order;
    }
    return 0;
}

static int32_t own_first(const deal *t, int32_t rank) { return fire_shard_first(t->shards, t->ranks, rank); }

/* Put the rows that are here now in order. With one rank they stay where they are and only their numbers are sorted. */
static fire_status arrange(deal *t, fire_error *err) {
    fire_dataset *d = t->d;
    int64_t total = d->n[0] + d->n[1], n[2] = {0};
    size_t record = record_bytes(t);
    bool moved = t->ranks > 1 && !t->streams, listed = d->listed && !t->streams;
    if (t->streams) total = t->n_place;
    if (moved) {
        total = 0;
        for (int32_t r = 0; r < t->ranks; r++) {
            if (t->recv_bytes[r] % record) return malformed(err, r);
            total += (int64_t)(t->recv_bytes[r] / record);
        }
    }
    int32_t first = own_first(t, t->rank), own = own_first(t, t->rank + 1) - first;
    fire_status st = FIRE_NOMEM;
    fire_chunk c = {0};
    int64_t *index[2] = {0}, *start[2] = {0}, *width[3] = {0};
    uint64_t *ids = NULL;
    place *at = t->streams ? t->place : fire_dataset_room(d, total, sizeof *at, err);
    if (!at) return err->status;
    t->place = at;
    int64_t k = 0;
    if (t->streams) {}
    else if (moved)
        for (int32_t r = 0; r < t->ranks; r++)
            for (size_t o = 0; o < t->recv_bytes[r]; o += record, k++) {
                uint64_t part;
                memcpy(&at[k].id, (char *)t->recv[r] + o, 8);
                memcpy(&part, (char *)t->recv[r] + o + 8, 8);
                at[k].part = part != 0;
                at[k].shard = shard_of(t, at[k].id);
                at[k].bytes = (char *)t->recv[r] + o + 16;
                if (at[k].shard < first || at[k].shard >= first + own) { st = malformed(err, r); goto fail; }
            }
    else
        for (; k < total; k++) at[k] = (place){.id = t->id[k], .row = k, .shard = shard_of(t, t->id[k]), .part = k >= d->n[0]};
    qsort(at, (size_t)total, sizeof *at, by_place);
    /* Different rows of one id have never been seen, but the order must not depend on luck: insert by bytes. */
    for (int64_t i = 1; t->ranks > 1 && i < total; i++)
        for (int64_t j = i; j > 0 && by_place(&at[j - 1], &at[j]) == 0 && compare_rows(t, &at[j - 1], &at[j]) > 0; j--) {
            place x = at[j];
            at[j] = at[j - 1];
            at[j - 1] = x;
        }
    for (int64_t i = 0; i < total; i++) n[at[i].part]++;

    for (int p = 0; p < 2; p++)
        if (!(index[p] = fire_dataset_room(d, n[p], sizeof **index, err)) || !(start[p] = fire_alloc(t->ctx, (size_t)own + 1, sizeof **start, err))) goto fail;
    if (!(ids = fire_dataset_room(d, n[0], sizeof *ids, err))) goto fail;
    for (int r = 0; r < 3 && t->ranks > 1; r++) {
        if (!(width[r] = fire_alloc(t->ctx, 1, sizeof **width, err))) goto fail;
        width[r][0] = t->facts.width[r];
    }
    if (moved) {
        for (int r = 0; r < 3; r++) {
            if (!t->size[r]) continue;
            if (!(c.view[r] = fire_alloc(t->ctx, 1, sizeof(fire_view), err)) || !(c.block[r] = fire_alloc(t->ctx, (size_t)total, t->size[r], err))) goto fail;
            c.n_views[r] = 1;
        }
        if ((st = fire_grow(t->ctx, &d->chunk, &d->chunk_capacity, d->n_chunks + 1, sizeof *d->chunk, err))) goto fail;
        c.rows = c.capacity = total;
    }

    for (int64_t i = 0; i < total; i++) {
        int p = at[i].part;
        int64_t to = p ? i - n[0] : i;
        if (moved) {
            const char *from = at[i].bytes;
            for (int r = 0; r < 3; r++) {
                if (t->size[r]) memcpy((char *)c.block[r] + (size_t)i * t->size[r], from, t->size[r]);
                from += t->size[r];
            }
            index[p][to] = i;
        } else {
            int64_t row = t->streams ? at[i].row : at[i].row - (p ? d->n[0] : 0);
            index[p][to] = listed ? d->index[p][row] : row;
        }
        if (!p) ids[to] = at[i].id;
        start[p][at[i].shard - first + 1]++;
    }
    for (int p = 0; p < 2; p++)
        for (int32_t s = 0; s < own; s++) start[p][s + 1] += start[p][s];

    /* Nothing fails from here on. */
    if (t->ranks > 1) {
        for (int64_t i = 0; i < d->n_chunks; i++) fire_chunk_free(t->ctx, &d->chunk[i]);
        if (moved) {
            d->chunk[0] = c;
            d->n_chunks = 1;
        } else {
            fire_free(t->ctx, d->chunk);
            d->chunk = t->fresh;
            d->n_chunks = t->n_fresh;
            d->chunk_capacity = t->fresh_capacity;
            t->fresh = NULL;
            t->n_fresh = 0;
        }
        for (int r = 0; r < 3; r++) {
            for (int64_t i = 0; t->size[r] && i < d->n_chunks; i++) fire_view_array(d->chunk[i].view[r], (fire_type)t->facts.type, d->chunk[i].block[r], d->chunk[i].rows, t->facts.width[r]);
            fire_free(t->ctx, d->width[r]);
            d->width[r] = width[r];
            d->n_columns[r] = t->size[r] > 0;
            d->row_width[r] = t->size[r] ? t->facts.width[r] : 0;
        }
        if (d->cache) d->cache->held = d->cache->spilled = 0;
        for (int64_t i = 0; d->cache && i < d->n_chunks; i++) *(d->chunk[i].on_disk ? &d->cache->spilled : &d->cache->held) += d->chunk[i].bytes;
        d->raw_rows = total;
        d->x = t->facts.x;
        d->y = t->facts.y;
        d->has_shape = t->facts.has_shape;
        d->has_y = t->facts.has_y;
        d->has_w = t->facts.has_w;
        d->packed = (fire_type)t->facts.type;
    }
    for (int p = 0; p < 2; p++) {
        fire_free(t->ctx, d->index[p]);
        fire_free(t->ctx, d->start[p]);
        d->index[p] = index[p];
        d->start[p] = start[p];
        d->index_capacity[p] = d->n[p] = n[p];
    }
    fire_free(t->ctx, d->id);
    d->id = ids;
    d->listed = true;
    d->shards = t->shards;
    d->first_shard = first;
    d->own_shards = own;
    return FIRE_OK;
fail:
    if (err->status) st = err->status;
    fire_free(t->ctx, ids);
    for (int r = 0; r < 3; r++) {
        fire_free(t->ctx, width[r]);
        fire_free(t->ctx, c.view[r]);
        fire_free(t->ctx, c.block[r]);
    }
    for (int p = 0; p < 2; p++) {
        fire_free(t->ctx, index[p]);
        fire_free(t->ctx, start[p]);
    }
    return st;
}

fire_status fire_dataset_deal(fire_dataset *d, fire_comm *comm, int32_t shards, fire_error *err) {
    fire_error local = {0};
    if (!err) err = &local;
    deal t = {.d = d, .ctx = d->ctx, .comm = comm, .ranks = fire_comm_size(comm), .rank = fire_comm_rank(comm)};
    t.shards = shards ? shards : t.ranks;
    fire_status st = FIRE_OK;
    if (shards < 0 || shards > 65536) st = fire_fail(err, FIRE_E_USAGE, "fire_dataset_deal: %d shards, expected 0 to 65536", (int)shards);
    else if (!d->all_packed) st = fire_fail(err, FIRE_E_USAGE, "fire_dataset_deal needs packed rows; take them in with fire_dataset_pack");
    size_t ranks = (size_t)t.ranks;
    if (!st && (!(t.send = fire_alloc(t.ctx, ranks, sizeof *t.send, err)) || !(t.recv = fire_alloc(t.ctx, ranks, sizeof *t.recv, err)) ||
                !(t.send_bytes = fire_alloc(t.ctx, ranks, sizeof *t.send_bytes, err)) || !(t.recv_bytes = fire_alloc(t.ctx, ranks, sizeof *t.recv_bytes, err))))
        st = FIRE_NOMEM;
    if (!st) st = agree(&t, err);
    if (!st) st = number_rows(&t, err);
    if (!st && t.ranks > 1) st = t.streams ? stream_rows(&t, err) : move_rows(&t, err);
    if (!st) st = arrange(&t, err);
    fire_dataset_forget(d);
    if (t.send && t.recv && t.send_bytes && t.recv_bytes) free_messages(&t);
    fire_free(t.ctx, t.send);
    fire_free(t.ctx, t.recv);
    fire_free(t.ctx, t.send_bytes);
    fire_free(t.ctx, t.recv_bytes);
    fire_free(t.ctx, t.hash);
    fire_free(t.ctx, t.id);
    fire_free(t.ctx, t.row);
    fire_free(t.ctx, t.place);
    for (int64_t i = 0; i < t.n_fresh; i++) fire_chunk_free(t.ctx, &t.fresh[i]);
    fire_free(t.ctx, t.fresh);
    if (st && comm) fire_comm_fail(comm, err);
    return st;
}
