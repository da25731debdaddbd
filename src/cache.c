/* cache.c - rows on local disk: which lie there, and a window of them in memory.
**
** A row of an epoch may lie anywhere in the table. To read rows one by one in their order would touch a page for each; so the next rows of the order,
** as many as a window holds, are sorted by where they lie, read in that direction, and put where the order wants them. Pages that were mapped on the
** way are given back: what the process holds stays the window and a chunk or two. The system keeps them in its cache as long as it has room.
*/
#include "dataset.h"
#include <string.h>

#define PAGES (64 << 10)  /* bytes that one read of a row may bring in: the kernel maps its neighbours along */
#define MOST (64 << 20)   /* bytes of the first chunk on disk at most */
#define NARROW 256        /* bytes of a row */
#define SMALL (1 << 20)   /* bytes; lists that are shorter stay in memory */

fire_status fire_dataset_cache(fire_dataset *d, const char *folder, int64_t memory, int64_t window, fire_error *err) {
    if (!folder || !*folder) return fire_fail(err, FIRE_E_USAGE, "fire_dataset_cache: no folder is named");
    if (memory < 0 || window < 1) return fire_fail(err, FIRE_E_USAGE, "fire_dataset_cache: %lld bytes in memory and a window of %lld, expected at least 0 and 1", (long long)memory, (long long)window);
    if (d->has_shape || d->raw_rows) return fire_fail(err, FIRE_E_USAGE, "fire_dataset_cache: there are rows already; call it before rows are added");
    fire_cache *c = fire_alloc(d->ctx, 1, sizeof *c, err);
    if (!c) return FIRE_NOMEM;
    if (!(c->folder = fire_copy_text(d->ctx, folder, err))) {
        fire_free(d->ctx, c);
        return FIRE_NOMEM;
    }
    c->memory = memory;
    c->window = window;
    fire_cache_free(d);
    d->cache = c;
    return FIRE_OK;
}

void fire_dataset_leave(fire_dataset *d) {
    fire_cache *c = d->cache;
    if (!c) return;
    for (int r = 0; r < 3; r++) {
        fire_free(d->ctx, c->block[r]);
        c->block[r] = NULL;
    }
    fire_free(d->ctx, c->sort);
    c->sort = NULL;
    c->list = NULL;
    c->rows = c->room = 0;
}

void fire_cache_free(fire_dataset *d) {
    if (!d->cache) return;
    fire_dataset_leave(d);
    fire_free(d->ctx, d->cache->folder);
    fire_free(d->ctx, d->cache);
    d->cache = NULL;
}

void *fire_dataset_room(const fire_dataset *d, int64_t count, size_t size, fire_error *err) {
    if (d->cache && d->cache->spilled && count > (int64_t)(SMALL / size)) return fire_spill(d->ctx, d->cache->folder, (size_t)count, size, err);
    return fire_alloc(d->ctx, (size_t)count, size, err);
}

/* Not small beside what is there already, so that there are a few dozen files at most. */
int64_t fire_cache_chunk(const fire_dataset *d, int64_t row_bytes) {
    int64_t bytes = d->cache->window / 4;
    if (bytes > MOST) bytes = MOST;
    if (bytes < d->cache->spilled / 16) bytes = d->cache->spilled / 16;
    if (bytes < PAGES) bytes = PAGES;
    return bytes / row_bytes ? bytes / row_bytes : 1;
}

void fire_chunk_forget(const fire_dataset *d, const fire_chunk *c) {
    for (int r = 0; r < 3; r++) fire_forget(d->ctx, c->block[r]);
}

void fire_dataset_forget(const fire_dataset *d) {
    if (!d->cache || !d->cache->spilled) return;
    __atomic_store_n(&d->cache->touched, 0, __ATOMIC_RELAXED);
    for (int64_t i = 0; i < d->n_chunks; i++) fire_chunk_forget(d, &d->chunk[i]);
    fire_forget(d->ctx, d->id);
    for (int p = 0; p < 2; p++)
        if (d->listed) fire_forget(d->ctx, d->index[p]);
}

void fire_cache_touched(const fire_dataset *d, fire_role role, int64_t first, int64_t rows, bool in_order) {
    fire_cache *c = d->cache;
    if (!c || !c->spilled) return;
    int64_t each = d->row_width[role] * (int64_t)fire_type_size(d->packed);
    /* Labels and weights together are small, however they are read. */
    if (role == FIRE_ROLE_X) {
        int64_t last = __atomic_exchange_n(&c->last, first + rows - 1, __ATOMIC_RELAXED);
        if (!in_order && (rows > 1 || first < last || first > last + 1)) each += PAGES;
    }
    if (__atomic_add_fetch(&c->touched, rows * each, __ATOMIC_RELAXED) > c->window) fire_dataset_forget(d);
}

/* ---- the window ---- */

fire_status fire_dataset_window(fire_dataset *d, fire_error *err) {
    fire_cache *c = d->cache;
    if (!c || !c->spilled || !d->n[0] || !d->all_packed || d->raw_rows > UINT32_MAX) return FIRE_OK;
    size_t number = fire_type_size(d->packed);
    int64_t row = 2 * (int64_t)sizeof *c->sort;
    for (int r = 0; r < 3; r++) row += d->row_width[r] * (int64_t)number;
    c->room = c->window / row;
    if (c->room < 256) c->room = 256;
    if (c->room > d->n[0]) c->room = d->n[0];
    bool made = (c->sort = fire_alloc(d->ctx, (size_t)c->room, 2 * sizeof *c->sort, err)) != NULL;
    for (int r = 0; r < 3 && made; r++) {
        if (!d->n_columns[r]) continue;
        if ((made = (c->block[r] = fire_alloc(d->ctx, (size_t)(c->room * d->row_width[r]), number, err)) != NULL)) fire_view_array(&c->view[r], d->packed, c->block[r], c->room, d->row_width[r]);
    }
    if (!made) fire_dataset_leave(d);
    return made ? FIRE_OK : FIRE_NOMEM;
}

/* One row into place k of the window. Wide roles are read from the file, which leaves no pages behind; many narrow ones share a page. */
static fire_status take_row(const fire_dataset *d, const fire_chunk *c, int64_t row, int64_t k, size_t number, fire_error *err) {
    for (int r = 0; r < 3; r++) {
        size_t bytes = (size_t)d->row_width[r] * number;
        char *to = (char *)d->cache->block[r] + (size_t)k * bytes;
        fire_status st = FIRE_OK;
        if (!d->n_columns[r]) continue;
        if (bytes > NARROW) st = fire_spill_read(d->ctx, c->block[r], row * (int64_t)bytes, to, bytes, err);
        else memcpy(to, (const char *)c->block[r] + (size_t)row * bytes, bytes);
        if (st) return st;
    }
    return FIRE_OK;
}

fire_status fire_dataset_bring(fire_dataset *d, const int64_t *list, int64_t n, int64_t need, fire_error *err) {
    fire_cache *c = d->cache;
    if (!c || !c->room || !need || need > c->room) return FIRE_OK;
    if (c->list && list >= c->list && list + need <= c->list + c->rows) return FIRE_OK;
    if (n > c->room) n = c->room;
    c->list = NULL;
    const int64_t *raw = d->listed ? d->index[0] : NULL;
    for (int64_t k = 0; k < n; k++) c->sort[k] = (uint64_t)(raw ? raw[list[k]] : list[k]) << 32 | (uint64_t)k;
    const uint64_t *e = fire_sort_upper(c->sort, c->sort + n, n);
    size_t number = fire_type_size(d->packed);
    fire_status st = FIRE_OK;
    for (int64_t k = 0, at = 0; k < n && !st; k++) {
        int64_t row = (int64_t)(e[k] >> 32);
        while (row - d->chunk[at].first >= d->chunk[at].rows) at++;
        st = take_row(d, &d->chunk[at], row - d->chunk[at].first, (int64_t)(uint32_t)e[k], number, err);
    }
    fire_dataset_forget(d);
    if (st) return st;
    c->list = list;
    c->rows = n;
    return FIRE_OK;
}

void fire_dataset_reorder(fire_dataset *d) {
    if (d->cache) d->cache->list = NULL;
}

bool fire_dataset_holds(const fire_dataset *d, bool validation, const int64_t *index, int64_t n) {
    const fire_cache *c = d->cache;
    return c && c->list && index && !validation && index >= c->list && index + n <= c->list + c->rows;
}

const void *fire_dataset_staged(const fire_dataset *d, fire_role role, bool validation, const int64_t *index, int64_t n, fire_type type) {
    if (!fire_dataset_holds(d, validation, index, n) || !d->n_columns[role]) return NULL;
    return fire_view_direct(&d->cache->view[role], index - d->cache->list, type);
}
