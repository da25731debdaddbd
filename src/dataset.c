/* dataset.c - rows in chunks: taking them in, and reading them out in any order. */
#include "dataset.h"
#include "network.h"
#include "rng.h"
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

fire_status fire_dataset_new(fire_context *ctx, fire_dataset **out, fire_error *err) {
    fire_dataset *d = fire_alloc(ctx, 1, sizeof *d, err);
    if (!d) return FIRE_NOMEM;
    d->ctx = ctx;
    d->shards = d->own_shards = 1;
    d->all_packed = true;
    *out = d;
    return FIRE_OK;
}

void fire_chunk_free(fire_context *ctx, fire_chunk *c) {
    for (int r = 0; r < 3; r++) {
        fire_free(ctx, c->view[r]);
        fire_free(ctx, c->block[r]);
    }
    if (c->batch.release) c->batch.release(&c->batch);
    *c = (fire_chunk){0};
}

void fire_dataset_free(fire_dataset *d) {
    if (!d) return;
    for (int64_t i = 0; i < d->n_chunks; i++) fire_chunk_free(d->ctx, &d->chunk[i]);
    fire_free(d->ctx, d->chunk);
    for (int i = 0; i < 2; i++) {
        fire_free(d->ctx, d->index[i]);
        fire_free(d->ctx, d->start[i]);
    }
    for (int r = 0; r < 3; r++) fire_free(d->ctx, d->width[r]);
    fire_free(d->ctx, d->id);
    fire_free(d->ctx, d->label);
    fire_free(d->ctx, d->pad);
    fire_cache_free(d);
    fire_free(d->ctx, d);
}

/* ---- what every chunk must agree on ---- */

static const char *const role_name[3] = {"features", "labels", "sample weight"};

static fire_status check_columns(const fire_dataset *d, int role, int32_t n, fire_error *err) {
    if (!d->has_shape || n == d->n_columns[role]) return FIRE_OK;
    if (role == FIRE_ROLE_W || !n || !d->n_columns[role])
        return fire_fail(err, FIRE_E_USAGE, "these rows have %s %s, the rows before have %s; add all rows with the same columns", n ? "a" : "no", role_name[role],
                         d->n_columns[role] ? "one" : "none");
    return fire_fail(err, FIRE_E_USAGE, "these rows have %d columns of %s, expected %d as in the rows before", (int)n, role_name[role], (int)d->n_columns[role]);
}

/* What a successful add is going to change, allocated before anything changes. */
typedef struct shape_plan { int64_t *width[3]; char *label; } shape_plan;

static void plan_free(fire_context *ctx, shape_plan *p) {
    for (int r = 0; r < 3; r++) fire_free(ctx, p->width[r]);
    fire_free(ctx, p->label);
    *p = (shape_plan){{0}};
}

static fire_status plan_shape(const fire_dataset *d, shape_plan *p, const int32_t n[3], const fire_view *const view[3], const char *label, fire_error *err) {
    *p = (shape_plan){{0}};
    if (d->has_shape) return FIRE_OK;
    for (int r = 0; r < 3; r++) {
        if (!(p->width[r] = fire_alloc(d->ctx, (size_t)n[r], sizeof(int64_t), err))) return FIRE_NOMEM;
        for (int32_t i = 0; i < n[r]; i++) p->width[r][i] = view[r][i].width;
    }
    if (label && !(p->label = fire_copy_text(d->ctx, label, err))) return FIRE_NOMEM;
    return FIRE_OK;
}

static void commit_shape(fire_dataset *d, shape_plan *p, const int32_t n[3], const fire_shape *x, const fire_shape *y) {
    if (d->has_shape) return;
    for (int r = 0; r < 3; r++) {
        d->width[r] = p->width[r];
        d->n_columns[r] = n[r];
        d->row_width[r] = 0;
        for (int32_t i = 0; i < n[r]; i++) d->row_width[r] += p->width[r][i];
    }
    d->label = p->label;
    d->x = *x;
    d->y = *y;
    d->has_y = n[FIRE_ROLE_Y] > 0;
    d->has_w = n[FIRE_ROLE_W] > 0;
    d->has_shape = true;
    *p = (shape_plan){{0}};
}

/* Make the lists of both parts explicit, with room for `more` rows each. */
static fire_status list_rows(fire_dataset *d, bool needed, int64_t more0, int64_t more1, fire_error *err) {
    if (!d->listed && !needed) return FIRE_OK;
    int64_t old = d->listed ? d->n[0] : d->raw_rows;
    if (fire_grow(d->ctx, &d->index[0], &d->index_capacity[0], old + more0, sizeof(int64_t), err) ||
        fire_grow(d->ctx, &d->index[1], &d->index_capacity[1], d->n[1] + more1, sizeof(int64_t), err))
        return FIRE_NOMEM;
    if (!d->listed) {
        for (int64_t i = 0; i < old; i++) d->index[0][i] = i;
        d->n[0] = old;
        d->listed = true;
    }
    return FIRE_OK;
}

static fire_status not_dealt(const fire_dataset *d, fire_error *err) {
    if (!d->start[0]) return FIRE_OK;
    return fire_fail(err, FIRE_E_USAGE, "rows cannot be added after fire_dataset_deal; add all rows first");
}

fire_status fire_dataset_pad(fire_dataset *d, const fire_network *net, fire_error *err) {
    fire_status st = not_dealt(d, err);
    if (st) return st;
    if (d->has_shape) return fire_fail(err, FIRE_E_USAGE, "fire_dataset_pad: there are rows already; call it before rows are added");
    fire_padding *pad = fire_alloc(d->ctx, (size_t)net->n_inputs, sizeof *pad, err);
    if (!pad) return FIRE_NOMEM;
    bool any = false;
    for (int64_t u = 0; u < net->n_uses; u++) {
        const fire_layer_node *n = &net->layer[net->use[u].layer];
        if (!n->kind->input_padding || net->use[u].in[0] >= 0 || -1 - net->use[u].in[0] >= net->n_inputs) continue;
        fire_padding *p = &pad[-1 - net->use[u].in[0]];
        n->kind->input_padding(n->attrs, p);
        int64_t width = fire_count(&p->row);
        if (width < 0 || width > (int64_t)1 << 40) {
            fire_free(d->ctx, pad);
            return fire_fail(err, FIRE_E_SHAPE, "Input '%s': rows are too long to pad to", n->name);
        }
        any |= p->row.rank > 0;
    }
    if (!any) {
        fire_free(d->ctx, pad);
        pad = NULL;
    }
    fire_free(d->ctx, d->pad);
    d->pad = pad;
    d->n_pads = pad ? net->n_inputs : 0;
    return FIRE_OK;
}

/* ---- arrays ---- */

/* How rows of x are brought to the one input's length; NULL: they are as they should be, or differ in more than that. */
static const fire_padding *padding_for(const fire_dataset *d, const fire_shape *x) {
    if (d->n_pads != 1 || !d->pad->row.rank) return NULL;
    const fire_shape *row = &d->pad->row;
    int64_t each = 1;
    for (int k = 1; k < row->rank; k++) each *= row->dim[k];
    if (fire_same_shape(x, row) || fire_count(x) == fire_count(row)) return NULL;
    bool fits = x->rank == row->rank || (x->rank == 1 && x->dim[0] % each == 0);
    for (int k = 1; k < x->rank && fits; k++) fits = x->dim[k] == row->dim[k];
    return fits ? d->pad : NULL;
}

static fire_status check_tensor(const fire_tensor *t, const char *what, int64_t rows, int max_rank, int64_t *width, fire_error *err) {
    char text[FIRE_SHAPE_TEXT];
    if (!fire_type_size(t->type) || (t->type >= FIRE_F16 && t->type != FIRE_F64)) return fire_fail(err, FIRE_E_USAGE, "%s has type %d, which holds no numbers", what, (int)t->type);
    int64_t n = t->shape.rank >= 1 && t->shape.rank <= FIRE_MAX_RANK ? fire_count(&t->shape) : -1;
    if (n < 0 || t->shape.rank > max_rank || (rows >= 0 && t->shape.dim[0] != rows))
        return rows < 0 || n < 0
            ? fire_fail(err, FIRE_E_SHAPE, "%s has shape %s, expected [rows, ...]", what, t->shape.rank <= FIRE_MAX_RANK ? fire_shape_text(&t->shape, text) : "of too high rank")
            : fire_fail(err, FIRE_E_SHAPE, "%s has shape %s, expected %lld rows like x", what, fire_shape_text(&t->shape, text), (long long)rows);
    int64_t bytes;
    if (!fire_mul(n, 8, &bytes)) return fire_fail(err, FIRE_E_SHAPE, "%s is too large", what);
    if (!t->data && n) return fire_fail(err, FIRE_E_USAGE, "%s has no data", what);
    fire_shape row = t->shape;
    row.dim[0] = 1;
    *width = fire_count(&row);
    return FIRE_OK;
}

static fire_shape row_shape(const fire_tensor *t) {
    fire_shape s = {.rank = t->shape.rank - 1};
    for (int i = 0; i < s.rank; i++) s.dim[i] = t->shape.dim[i + 1];
    return s;
}

fire_status fire_dataset_add(fire_dataset *d, const fire_tensor *x, const fire_tensor *y, const fire_tensor *w, fire_error *err) {
    const fire_tensor *t[3] = {x, y, w};
    int64_t width[3] = {0};
    int32_t n[3] = {1, y != NULL, w != NULL};
    fire_status st = not_dealt(d, err);
    if (st) return st;
    if (!x) return fire_fail(err, FIRE_E_USAGE, "fire_dataset_add: x is NULL, expected an array of rows");
    if ((st = check_tensor(x, "x", -1, FIRE_MAX_RANK, &width[0], err))) return st;
    int64_t rows = x->shape.dim[0];
    if (y && (st = check_tensor(y, "y", rows, FIRE_MAX_RANK, &width[1], err))) return st;
    if (w && (st = check_tensor(w, "the sample weight", rows, 1, &width[2], err))) return st;
    for (int r = 0; r < 3; r++)
        if ((st = check_columns(d, r, n[r], err))) return st;
    fire_shape xs = row_shape(x), ys = y ? row_shape(y) : (fire_shape){0};
    if (xs.rank == 0) xs = (fire_shape){1, {1}}; /* as Keras: n numbers are n rows of one feature */
    const fire_padding *pad = padding_for(d, &xs);
    if (pad) xs = pad->row;
    if (d->has_shape && (!fire_same_shape(&xs, &d->x) || !fire_same_shape(&ys, &d->y))) {
        char a[FIRE_SHAPE_TEXT], b[FIRE_SHAPE_TEXT];
        bool in_x = !fire_same_shape(&xs, &d->x);
        return fire_fail(err, FIRE_E_SHAPE, "%s has rows of shape %s, expected %s as in the rows before", in_x ? "x" : "y",
                         fire_shape_text(in_x ? &xs : &ys, a), fire_shape_text(in_x ? &d->x : &d->y, b));
    }

    fire_chunk c = {.rows = rows};
    shape_plan plan = {{0}};
    st = FIRE_NOMEM;
    for (int r = 0; r < 3; r++) {
        if (!n[r]) continue;
        if (!(c.view[r] = fire_alloc(d->ctx, 1, sizeof(fire_view), err))) goto fail;
        if (r == FIRE_ROLE_X && pad) fire_view_array_pad(c.view[r], t[r]->type, t[r]->data, rows, width[r], pad);
        else fire_view_array(c.view[r], t[r]->type, t[r]->data, rows, width[r]);
        c.n_views[r] = 1;
    }
    for (int64_t i = 0; w && i < rows; i++) {
        double v;
        fire_view_read(c.view[2], i, FIRE_F64, &v);
        if (!(v >= 0) || isinf(v)) {
            st = fire_fail(err, FIRE_E_WEIGHT, "the sample weight of row %lld is %g, expected a finite number of at least 0", (long long)(d->seen + i), v);
            goto fail;
        }
    }
    if ((st = plan_shape(d, &plan, n, (const fire_view *const *)c.view, NULL, err))) goto fail;
    if ((st = fire_grow(d->ctx, &d->chunk, &d->chunk_capacity, d->n_chunks + 1, sizeof *d->chunk, err))) goto fail;
    if ((st = list_rows(d, false, rows, 0, err))) goto fail;
    commit_shape(d, &plan, n, &xs, &ys);
    c.first = d->raw_rows;
    for (int64_t i = 0; d->listed && i < rows; i++) d->index[0][d->n[0] + i] = c.first + i;
    d->n[0] += rows;
    d->raw_rows += rows;
    d->seen += rows;
    d->chunk[d->n_chunks++] = c;
    d->all_packed = false;
    return FIRE_OK;
fail:
    plan_free(d->ctx, &plan);
    fire_chunk_free(d->ctx, &c);
    return st;
}

/* ---- Arrow batches ---- */

/* Everything that taking in a batch needs until it is done. */
typedef struct intake {
    fire_dataset *d;
    const char *const *name[3];
    const char *weight[2];
    fire_view *view[3];
    int32_t n[3];
    uint8_t *bad, *validation; /* [rows], or NULL */
    int64_t rows, keep[2];     /* keep: rows of each part */
    fire_shape x, y;
} intake;

static void intake_free(intake *in) {
    for (int r = 0; r < 3; r++) fire_free(in->d->ctx, in->view[r]);
    fire_free(in->d->ctx, in->bad);
    fire_free(in->d->ctx, in->validation);
}

static fire_status intake_open(intake *in, const struct ArrowSchema *schema, const struct ArrowArray *batch, const fire_columns *columns, fire_error *err) {
    fire_dataset *d = in->d;
    fire_status st;
    if (!columns || !columns->features || !columns->features[0])
        return fire_fail(err, FIRE_E_USAGE, "no feature column is named; name at least one");
    if (!batch || !batch->release || !schema || !schema->release)
        return fire_fail(err, FIRE_E_ARROW, "the batch or its schema was released before; pass a live one");
    if (batch->length < 0 || batch->length > INT64_MAX / 16) return fire_fail(err, FIRE_E_ARROW, "the batch has a length of %lld rows", (long long)batch->length);
    in->rows = batch->length;
    in->weight[0] = columns->weight;
    in->name[FIRE_ROLE_X] = columns->features;
    in->name[FIRE_ROLE_Y] = columns->labels;
    in->name[FIRE_ROLE_W] = in->weight;
    for (int r = 0; r < 3; r++) {
        while (in->name[r] && in->name[r][in->n[r]]) in->n[r]++;
        if (!(in->view[r] = fire_alloc(d->ctx, (size_t)in->n[r], sizeof(fire_view), err))) return FIRE_NOMEM;
        for (int32_t i = 0; i < in->n[r]; i++)
            if ((st = fire_view_open(&in->view[r][i], schema, batch, in->name[r][i], err)) ||
                (r == FIRE_ROLE_X && in->n[r] == d->n_pads && (st = fire_view_pad(&in->view[r][i], &d->pad[i], in->name[r][i], err))))
                return st;
    }
    if (in->n[2] && (in->view[2][0].vector || in->view[2][0].n_levels != 1))
        return fire_fail(err, FIRE_E_COLUMN_TYPE, "column '%s' is the weight and must hold one number per row", columns->weight);
    if (columns->validation) {
        fire_view v;
        if ((st = fire_view_open(&v, schema, batch, columns->validation, err))) return st;
        if (!(in->validation = fire_alloc(d->ctx, (size_t)in->rows, 1, err))) return FIRE_NOMEM;
        if ((st = fire_view_bools(&v, columns->validation, in->rows, d->seen, in->validation, err))) return st;
    }
    return FIRE_OK;
}

static fire_status intake_check(intake *in, fire_invalid invalid, fire_error *err) {
    fire_dataset *d = in->d;
    fire_status st;
    if (invalid == FIRE_INVALID_SKIP && !(in->bad = fire_alloc(d->ctx, (size_t)in->rows, 1, err))) return FIRE_NOMEM;
    for (int r = 0; r < 3; r++) {
        /* A label or weight that is missing cannot be made up: 'keep' is for features. */
        fire_invalid how = r != FIRE_ROLE_X && invalid == FIRE_INVALID_KEEP ? FIRE_INVALID_ERROR : invalid;
        if ((st = check_columns(d, r, in->n[r], err))) return st;
        for (int32_t i = 0; i < in->n[r]; i++) {
            fire_view *v = &in->view[r][i];
            if (d->has_shape && v->width < 0) v->width = d->width[r][i];
            if ((st = fire_view_check(v, in->name[r][i], in->rows, d->seen, how, in->bad, err))) return st;
        }
    }
    for (int64_t i = 0; i < in->rows; i++)
        if (!in->bad || !in->bad[i]) in->keep[in->validation && in->validation[i]]++;
    if (in->n[2])
        for (int64_t i = 0; i < in->rows; i++) {
            double v;
            if (in->bad && in->bad[i]) continue;
            fire_view_read(in->view[2], i, FIRE_F64, &v);
            if (v < 0)
                return fire_fail(err, FIRE_E_WEIGHT, "column '%s', row %lld holds the weight %g, expected at least 0", in->weight[0], (long long)(d->seen + i), v);
        }
    for (int r = 0; r < 3; r++)
        for (int32_t i = 0; i < in->n[r]; i++) {
            int64_t w = in->view[r][i].width;
            if (w < 0 && in->keep[0] + in->keep[1])
                return fire_fail(err, FIRE_E_NULL_VALUE, "column '%s' is null in the first %lld rows, so its width is unknown; fill it, or handle invalid rows by 'skip'",
                                 in->name[r][i], (long long)in->rows);
            if (d->has_shape && w >= 0 && w != d->width[r][i])
                return fire_fail(err, FIRE_E_RAGGED, "column '%s' has rows of %lld elements, expected %lld as in the rows before", in->name[r][i], (long long)w,
                                 (long long)d->width[r][i]);
        }
    return FIRE_OK;
}

static bool intake_shape(intake *in) {
    int64_t sum[2] = {0};
    for (int r = 0; r < 2; r++)
        for (int32_t i = 0; i < in->n[r]; i++)
            if (in->view[r][i].width < 0 || !fire_add(sum[r], in->view[r][i].width, &sum[r])) return false;
    in->x = (fire_shape){1, {sum[0]}};
    bool one = in->n[1] == 1 && !in->view[1][0].vector && in->view[1][0].n_levels == 1; /* one number per row: y is [n] */
    in->y = one || !in->n[1] ? (fire_shape){0} : (fire_shape){1, {sum[1]}};
    return true;
}

/* Row numbers of the batch's kept rows join the lists; `raw` is the raw row of its first (kept, when packed) row. */
static void intake_list(intake *in, int64_t raw, bool packed) {
    fire_dataset *d = in->d;
    int64_t kept = 0;
    for (int64_t i = 0; i < in->rows; i++) {
        if (in->bad && in->bad[i]) continue;
        int part = in->validation && in->validation[i];
        if (d->listed) d->index[part][d->n[part]] = raw + (packed ? kept : i);
        d->n[part]++;
        kept++;
    }
    d->skipped += in->rows - kept;
    d->seen += in->rows;
}

fire_status fire_dataset_add_arrow(fire_dataset *d, const struct ArrowSchema *schema, struct ArrowArray *batch, const fire_columns *columns, fire_error *err) {
    intake in = {.d = d};
    shape_plan plan = {{0}};
    fire_status st = not_dealt(d, err);
    if (!st) st = intake_open(&in, schema, batch, columns, err);
    if (!st) st = intake_check(&in, columns->invalid, err);
    bool known = !st && intake_shape(&in);
    if (!st && known) st = plan_shape(d, &plan, in.n, (const fire_view *const *)in.view, columns->labels ? columns->labels[0] : NULL, err);
    if (!st) st = fire_grow(d->ctx, &d->chunk, &d->chunk_capacity, d->n_chunks + 1, sizeof *d->chunk, err);
    if (!st) st = list_rows(d, in.keep[0] < in.rows, in.keep[0], in.keep[1], err);
    if (st) { plan_free(d->ctx, &plan); intake_free(&in); return st; }

    if (known) commit_shape(d, &plan, in.n, &in.x, &in.y);
    fire_chunk c = {.first = d->raw_rows, .rows = in.rows, .batch = *batch};
    batch->release = NULL;
    intake_list(&in, c.first, false);
    d->raw_rows += in.rows;
    d->all_packed = d->all_packed && !in.rows;
    if (known) /* the chunk takes the views; without a known width no row was kept, and none will be read */
        for (int r = 0; r < 3; r++) {
            c.view[r] = in.view[r];
            c.n_views[r] = in.n[r];
            in.view[r] = NULL;
        }
    d->chunk[d->n_chunks++] = c;
    intake_free(&in);
    return FIRE_OK;
}

/* ---- packing ---- */

/* Point the views of a packed chunk at its blocks. */
static void view_blocks(const fire_dataset *d, fire_chunk *c, fire_type type) {
    for (int r = 0; r < 3; r++)
        if (c->n_views[r]) fire_view_array(c->view[r], type, c->block[r], c->rows, d->row_width[r]);
}

fire_status fire_chunk_new(const fire_dataset *d, fire_chunk *c, const int32_t n[3], const int64_t width[3], int64_t rows, bool on_disk, fire_type type, fire_error *err) {
    size_t size = fire_type_size(type);
    *c = (fire_chunk){.capacity = rows, .on_disk = on_disk};
    for (int r = 0; r < 3; r++) {
        int64_t count, bytes;
        if (!n[r]) continue;
        c->n_views[r] = 1;
        if (!fire_mul(rows, width[r], &count) || !fire_mul(count, (int64_t)size, &bytes))
            return fire_fail(err, FIRE_E_NOMEM, "out of memory: %lld rows of %lld numbers", (long long)rows, (long long)width[r]);
        if (!(c->view[r] = fire_alloc(d->ctx, 1, sizeof(fire_view), err)) ||
            !(c->block[r] = on_disk ? fire_spill(d->ctx, d->cache->folder, (size_t)count, size, err) : fire_alloc(d->ctx, (size_t)count, size, err)))
            return err && err->status ? err->status : FIRE_NOMEM;
        c->bytes += bytes;
    }
    return FIRE_OK;
}

fire_status fire_dataset_pack(fire_dataset *d, fire_type type, const struct ArrowSchema *schema, struct ArrowArray *batch, const fire_columns *columns, fire_error *err) {
    intake in = {.d = d};
    shape_plan plan = {{0}};
    fire_chunk fresh = {0};
    fire_error local = {0};
    if (!err) err = &local;
    fire_status st = not_dealt(d, err);
    if (!st && type != FIRE_F32 && type != FIRE_F64) st = fire_fail(err, FIRE_E_USAGE, "fire_dataset_pack: type %d, expected float32 or float64", (int)type);
    if (!st && d->packed && d->packed != type) st = fire_fail(err, FIRE_E_USAGE, "fire_dataset_pack: rows before were packed as another type");
    if (!st) st = intake_open(&in, schema, batch, columns, err);
    if (!st) st = intake_check(&in, columns->invalid, err);
    if (st) { intake_free(&in); return st; }
    bool known = intake_shape(&in);
    int64_t kept = in.keep[0] + in.keep[1], width[3] = {0};
    size_t size = fire_type_size(type);
    for (int r = 0; known && r < 3; r++)
        for (int32_t i = 0; i < in.n[r]; i++) width[r] += in.view[r][i].width;

    /* Small batches share a block: it is made larger than asked for, by an eighth of the rows so far and at least 64 KiB. */
    fire_chunk *c = d->n_chunks ? &d->chunk[d->n_chunks - 1] : NULL;
    bool room = c && c->capacity - c->rows >= kept;
    if (known) st = plan_shape(d, &plan, in.n, (const fire_view *const *)in.view, columns->labels ? columns->labels[0] : NULL, err);
    if (!st && kept && !room) {
        int64_t row_bytes = (width[0] + width[1] + width[2] + 1) * (int64_t)size, capacity = (64 << 10) / row_bytes;
        if (capacity < d->raw_rows / 8) capacity = d->raw_rows / 8;
        if (capacity > (64 << 20) / row_bytes) capacity = (64 << 20) / row_bytes;
        bool on_disk = d->cache && d->cache->held + (capacity < kept ? kept : capacity) * row_bytes > d->cache->memory;
        if (on_disk) capacity = fire_cache_chunk(d, row_bytes);
        if (capacity < kept) capacity = kept;
        st = fire_chunk_new(d, &fresh, in.n, width, capacity, on_disk, type, err);
        fresh.first = d->raw_rows;
        if (!st) st = fire_grow(d->ctx, &d->chunk, &d->chunk_capacity, d->n_chunks + 1, sizeof *d->chunk, err);
    }
    if (!st) st = list_rows(d, in.keep[1] > 0, in.keep[0], in.keep[1], err);
    if (st) { plan_free(d->ctx, &plan); fire_chunk_free(d->ctx, &fresh); intake_free(&in); return st; }

    if (known) commit_shape(d, &plan, in.n, &in.x, &in.y);
    if (kept) {
        if (!room) {
            d->chunk[d->n_chunks] = fresh;
            c = &d->chunk[d->n_chunks++];
            if (d->cache) *(c->on_disk ? &d->cache->spilled : &d->cache->held) += c->bytes;
        }
        else c = &d->chunk[d->n_chunks - 1];
        int64_t at = c->rows;
        for (int64_t i = 0; i < in.rows; i++) {
            if (in.bad && in.bad[i]) continue;
            for (int r = 0; r < 3; r++) {
                char *to = (char *)c->block[r] + (size_t)(at * width[r]) * size;
                for (int32_t k = 0; k < in.n[r]; k++) {
                    fire_view_read(&in.view[r][k], i, type, to);
                    to += (size_t)in.view[r][k].width * size;
                }
            }
            at++;
        }
        intake_list(&in, c->first + c->rows, true);
        c->rows = at;
        d->raw_rows += kept;
        d->packed = type;
        view_blocks(d, c, type);
        if (c->on_disk) fire_cache_touched(d, FIRE_ROLE_X, c->first + at - kept, kept, true);
    } else intake_list(&in, d->raw_rows, true);
    struct ArrowArray done = *batch;
    batch->release = NULL;
    done.release(&done);
    intake_free(&in);
    return FIRE_OK;
}

/* ---- reading ---- */

void fire_dataset_info_get(const fire_dataset *d, fire_dataset_info *info) {
    *info = (fire_dataset_info){.rows = d->n[0], .validation_rows = d->n[1], .skipped = d->skipped, .x = d->x, .y = d->y, .has_y = d->has_y, .has_w = d->has_w, .on_disk = d->cache ? d->cache->spilled : 0};
}

int64_t fire_dataset_source(const fire_dataset *d, bool validation, int64_t row) {
    if (row < 0 || row >= d->n[validation]) return -1;
    return d->listed ? d->index[validation][row] : row;
}

/* The last chunk that begins at or before raw: chunks without rows come before it. Rows of a shuffled epoch jump from chunk to chunk, so each step of the
** search is arithmetic: a processor could not guess it. */
static const fire_chunk *chunk_of(const fire_dataset *d, int64_t raw) {
    const fire_chunk *c = d->chunk;
    for (int64_t n = d->n_chunks; n > 1;) {
        int64_t half = n / 2;
        c += (c[half].first <= raw) * half;
        n -= half;
    }
    return c;
}

/* Rows that follow each other: column by column, in tiles whose rows stay in the first cache meanwhile. */
static void gather_run(const fire_dataset *d, fire_role role, int64_t first, int64_t n, fire_type type, size_t row_bytes, char *out) {
    const int64_t tile = 64;
    for (int64_t took; n > 0; first += took, n -= took, out += (size_t)took * row_bytes) {
        const fire_chunk *c = chunk_of(d, first);
        int64_t row = first - c->first;
        took = c->rows - row < n ? c->rows - row : n;
        const char *base = c->n_views[role] == 1 ? fire_view_direct(c->view[role], row, type) : NULL;
        if (base) {
            memcpy(out, base, (size_t)took * row_bytes);
            continue;
        }
        if (took > tile) took = tile;
        char *at = out;
        for (int32_t k = 0; k < c->n_views[role]; k++) {
            fire_view_read_rows(&c->view[role][k], row, took, type, at, row_bytes);
            at += (size_t)c->view[role][k].width * fire_type_size(type);
        }
    }
}

void fire_dataset_gather(const fire_dataset *d, fire_role role, bool validation, const int64_t *index, int64_t first, int64_t n, fire_type type, void *to) {
    size_t size = fire_type_size(type);
    char *out = to;
    if (n <= 0) return;
    if (!d->n_columns[role]) {
        assert(role == FIRE_ROLE_W);
        for (int64_t i = 0; i < n; i++) switch (type) {
            case FIRE_F32: ((float *)to)[i] = 1; break;
            case FIRE_F64: ((double *)to)[i] = 1; break;
            case FIRE_I32: ((int32_t *)to)[i] = 1; break;
            default: ((int64_t *)to)[i] = 1; break;
            }
        return;
    }
    const void *staged = fire_dataset_staged(d, role, validation, index, n, type);
    if (staged) {
        memcpy(to, staged, (size_t)n * (size_t)d->row_width[role] * size);
        return;
    }
    if (fire_dataset_holds(d, validation, index, n)) { /* as another type */
        for (int64_t i = 0; i < n; i++) fire_view_read(&d->cache->view[role], index - d->cache->list + i, type, out + (size_t)(i * d->row_width[role]) * size);
        return;
    }
    const int64_t *list = d->listed ? d->index[validation] : NULL;
    if (d->cache) fire_cache_touched(d, role, list ? list[index ? *index : first] : index ? *index : first, n, !index && !list);
    const fire_chunk *c = d->chunk;
    size_t row_bytes = (size_t)d->row_width[role] * size;
    if (!index && !list) {
        assert(first >= 0 && first + n <= d->n[validation]);
        gather_run(d, role, first, n, type, row_bytes, out);
        return;
    }
    /* Where some rows lie is found before the first of them is copied: rows of a shuffled epoch lie anywhere, and so their memory is under way all at once. */
    enum { AHEAD = 16, LINE = 64, LINES = 4 };
    struct { const fire_chunk *c; const char *from; } at[AHEAD]; /* from: NULL where rows are not yet as wanted */
    const char *base = NULL; /* of chunk c */
    bool fresh = true;
    for (int64_t i = 0; i < n; i += AHEAD) {
        int64_t rows[AHEAD], some = n - i < AHEAD ? n - i : AHEAD;
        for (int64_t j = 0; j < some; j++) {
            int64_t raw = index ? index[i + j] : first + i + j;
            assert(raw >= 0 && raw < d->n[validation]);
            if (list) raw = list[raw];
            if (fresh || raw < c->first || raw - c->first >= c->rows) {
                c = chunk_of(d, raw);
                base = c->n_views[role] == 1 ? fire_view_direct(c->view[role], 0, type) : NULL;
                fresh = false;
            }
            rows[j] = raw - c->first;
            at[j].c = c;
            at[j].from = base ? base + (size_t)rows[j] * row_bytes : NULL;
            for (size_t line = 0; base && line < row_bytes && line < LINES * LINE; line += LINE) __builtin_prefetch(at[j].from + line);
        }
        for (int64_t j = 0; j < some; j++, out += row_bytes) {
            if (at[j].from) {
                memcpy(out, at[j].from, row_bytes);
                continue;
            }
            char *to_row = out;
            for (int32_t k = 0; k < at[j].c->n_views[role]; k++) {
                fire_view_read(&at[j].c->view[role][k], rows[j], type, to_row);
                to_row += (size_t)at[j].c->view[role][k].width * size;
            }
        }
    }
}

const void *fire_dataset_direct(const fire_dataset *d, fire_role role, bool validation, int64_t first, int64_t n, fire_type type) {
    if (n <= 0 || !d->n_columns[role] || first < 0 || first + n > d->n[validation]) return NULL;
    int64_t raw = first;
    if (d->listed) {
        raw = d->index[validation][first];
        for (int64_t i = 1; i < n; i++)
            if (d->index[validation][first + i] != raw + i) return NULL;
    }
    const fire_chunk *c = chunk_of(d, raw);
    if (raw - c->first + n > c->rows || c->n_views[role] != 1) return NULL;
    return fire_view_direct(c->view[role], raw - c->first, type);
}

/* Whose label: "column 'kind': the label of row 7", without the column when it has no name, and without the row when rows were dealt: then
** they have no number that anybody knows. */
static const char *label_place(const fire_dataset *d, bool part, int64_t i, char place[160]) {
    char quoted[96] = "";
    if (d->label) fire_escape(quoted, sizeof quoted, d->label, strlen(d->label));
    int n = snprintf(place, 160, d->label ? "column '%s': %s" : "%s%s", quoted, d->start[0] ? "a label" : "the label of row ");
    if (!d->start[0]) snprintf(place + n, (size_t)(160 - n), "%lld", (long long)fire_dataset_source(d, part, i));
    return place;
}

fire_status fire_dataset_check_labels(const fire_dataset *d, int64_t from, int64_t n, int64_t classes, const int64_t *ignored, fire_error *err) {
    if (!d->has_y) return FIRE_OK;
    int64_t width = d->row_width[FIRE_ROLE_Y];
    double *y = fire_alloc(d->ctx, (size_t)width, sizeof *y, err);
    fire_status st = y ? FIRE_OK : FIRE_NOMEM;
    for (int part = 0; part < 2; part++)
        for (int64_t i = 0; i < d->n[part] && !st; i++) {
            fire_dataset_gather(d, FIRE_ROLE_Y, part, NULL, i, 1, FIRE_F64, y);
            for (int64_t k = from; k < from + n && k < width && !st; k++) {
                const double v = y[k];
                char place[160];
                if (ignored && v == (double)*ignored) continue;
                if (classes ? v >= 0 && v < (double)classes && v == floor(v) : v >= 0 && v <= 1) continue;
                label_place(d, part, i, place);
                st = classes ? fire_fail(err, FIRE_E_LABEL, "%s is %g, expected a whole number from 0 to %lld; number the classes from 0, or give the last layer one unit per class", place, v, (long long)classes - 1)
                             : fire_fail(err, FIRE_E_LABEL, "%s is %g, expected 0, 1 or a probability", place, v);
            }
        }
    fire_free(d->ctx, y);
    return st;
}

/* ---- splitting off validation rows ---- */

typedef struct drawn { uint64_t draw; int64_t at; } drawn;

static int by_draw(const void *a, const void *b) {
    const drawn *p = a, *q = b;
    if (p->draw != q->draw) return p->draw < q->draw ? -1 : 1;
    return p->at < q->at ? -1 : p->at > q->at;
}

fire_status fire_dataset_split(fire_dataset *d, double fraction, uint64_t seed, bool last, fire_error *err) {
    if (!(fraction > 0 && fraction < 1)) return fire_fail(err, FIRE_E_USAGE, "the validation fraction is %g, expected more than 0 and less than 1", fraction);
    int64_t n = d->n[0], moved = 0;
    int32_t own = d->start[0] ? d->own_shards : 1;
    if (d->start[0] && last) return fire_fail(err, FIRE_E_USAGE, "rows dealt to shards have no last rows; split by seed");
    drawn *draw = fire_alloc(d->ctx, (size_t)n, sizeof *draw, err);
    uint8_t *out = fire_alloc(d->ctx, (size_t)n, 1, err);
    int64_t *merged = fire_alloc(d->ctx, (size_t)(n + d->n[1]), sizeof *merged, err);
    fire_status st = draw && out && merged ? list_rows(d, true, 0, n, err) : FIRE_NOMEM;
    if (st) goto done;

    fire_key key = fire_key_make(seed, FIRE_STREAM_SPLIT);
    for (int32_t s = 0; s < own; s++) {
        int64_t first = 0, rows = fire_dataset_shard(d, false, s, &first);
        int64_t keep = (int64_t)((double)rows * (1 - fraction)), take = last ? rows - keep : (int64_t)((double)rows * fraction + 0.5);
        if (!last) {
            for (int64_t i = 0; i < rows; i++) draw[i] = (drawn){fire_draw(key, fire_dataset_row_id(d, first + i), 0), first + i};
            qsort(draw, (size_t)rows, sizeof *draw, by_draw);
        }
        for (int64_t i = 0; i < take; i++) out[last ? first + keep + i : draw[i].at] = 1;
        moved += take;
    }
    if (moved >= n && n) {
        st = fire_fail(err, FIRE_E_NO_ROWS, "a validation fraction of %g leaves none of %lld rows to train on", fraction, (long long)n);
        goto done;
    }
    /* Shard by shard: rows that stay close ranks, those that go follow the shard's earlier validation rows. */
    int64_t to0 = 0, to1 = 0;
    for (int32_t s = 0; s < own; s++) {
        int64_t first = 0, vfirst = 0, rows = fire_dataset_shard(d, false, s, &first), vrows = fire_dataset_shard(d, true, s, &vfirst), begin0 = to0, begin1 = to1;
        for (int64_t i = 0; i < vrows; i++) merged[to1++] = d->index[1][vfirst + i];
        for (int64_t i = first; i < first + rows; i++) {
            if (out[i]) { merged[to1++] = d->index[0][i]; continue; }
            d->index[0][to0] = d->index[0][i];
            if (d->id) d->id[to0] = d->id[i];
            to0++;
        }
        if (d->start[0]) { /* starts of later shards are still the old ones, which is what is read next */
            d->start[0][s] = begin0;
            d->start[1][s] = begin1;
        }
    }
    if (d->start[0]) d->start[0][own] = to0, d->start[1][own] = to1;
    memcpy(d->index[1], merged, (size_t)to1 * sizeof *merged);
    d->n[0] = to0;
    d->n[1] = to1;
done:
    fire_free(d->ctx, draw);
    fire_free(d->ctx, out);
    fire_free(d->ctx, merged);
    return st;
}

/* ---- shards ---- */

int32_t fire_dataset_shards(const fire_dataset *d) { return d->shards; }

void fire_dataset_own_shards(const fire_dataset *d, int32_t *first, int32_t *count) {
    *first = d->first_shard;
    *count = d->own_shards;
}

int64_t fire_dataset_shard(const fire_dataset *d, bool validation, int32_t own_shard, int64_t *first) {
    const int64_t *start = d->start[validation];
    *first = start ? start[own_shard] : 0;
    return start ? start[own_shard + 1] - start[own_shard] : d->n[validation];
}

uint64_t fire_dataset_row_id(const fire_dataset *d, int64_t row) {
    return d->id ? d->id[row] : (uint64_t)(d->listed ? d->index[0][row] : row);
}
