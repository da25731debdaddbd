/* tensorflow_lift_index.c - TensorFlow's operators that pick by number, put at places, and gather into segments. */
#include "formats/tensorflow_help.h"

static fire_value wide(fire_import *b, fire_value v) { return fire_import_cast(b, v, FIRE_I64); }

/* params, indices and maybe an axis; the first batch_dims dimensions of both are the same. */
void fire_tf_gather_of(fire_import *b, fire_lift *n) {
    int axis = 0, lead;
    if (!fire_tf_has(b, n, n->n_in > 2 ? 3 : 2)) return;
    fire_value x = n->in[0], index = wide(b, n->in[1]);
    fire_shape s = fire_tf_shape(b, x), t = fire_tf_shape(b, index);
    if (n->n_in > 2 && !fire_tf_axis(b, n->in[2], s.rank, &axis)) return;
    int64_t dims = fire_lift_int(n, "batch_dims", 0);
    if (dims < 0) dims += t.rank;
    if (dims == 0) { n->out[0] = fire_tf_gather(b, x, index, axis); return; }
    if (dims < 0 || dims > t.rank || dims > axis || s.rank + t.rank - dims - 1 > FIRE_MAX_RANK || !fire_import_concrete(b, x) || !fire_import_concrete(b, index)) { fire_tf_fail(b, "batch_dims %lld does not fit", (long long)dims); return; }
    lead = (int)dims;
    /* The axis right behind the batch, both in one: places of row r are moved by r times the size of the axis. */
    int perm[FIRE_MAX_RANK], k = 0;
    int64_t rows = 1, size = s.dim[axis];
    fire_shape flat = {.rank = 1};
    for (int d = 0; d < lead; d++) perm[k++] = d, rows *= s.dim[d];
    perm[k++] = axis;
    for (int d = lead; d < s.rank; d++)
        if (d != axis) perm[k++] = d;
    if (!fire_mul(rows, size, &flat.dim[0])) { fire_tf_fail(b, "it is too large"); return; }
    for (int d = lead + 1; d < s.rank; d++) flat.dim[flat.rank++] = s.dim[perm[d]];
    fire_shape per = {.rank = t.rank};
    for (int d = 0; d < t.rank; d++) per.dim[d] = d < lead ? t.dim[d] : 1;
    fire_tensor from;
    if (fire_count(&per) != rows || !fire_tf_new(b, FIRE_I64, per, &from)) { fire_tf_fail(b, "the batches differ"); return; }
    for (int64_t r = 0; r < rows; r++) ((int64_t *)from.data)[r] = r * size;
    fire_value y = fire_tf_gather(b, fire_import_reshape(b, fire_import_permute(b, x, perm), flat), fire_import_two(b, "Add", index, fire_tf_keep(b, &from)), 0);
    /* [batch, places, outer, inner] to [batch, outer, places, inner] */
    int back[FIRE_MAX_RANK], places = t.rank - lead, outer = axis - lead;
    k = 0;
    for (int d = 0; d < lead; d++) back[k++] = d;
    for (int d = 0; d < outer; d++) back[k++] = t.rank + d;
    for (int d = 0; d < places; d++) back[k++] = lead + d;
    for (int d = t.rank + outer; d < t.rank + s.rank - lead - 1; d++) back[k++] = d;
    n->out[0] = fire_import_permute(b, y, back);
}

void fire_tf_gather_nd(fire_import *b, fire_lift *n) {
    if (!fire_tf_has(b, n, 2)) return;
    fire_shape t = fire_shape_of(b->g, n->in[1]), s = fire_shape_of(b->g, n->in[0]);
    if (t.rank > 0 && t.dim[t.rank - 1] == 0) { /* no place: all of it, once for each */
        fire_shape to = {.rank = t.rank - 1};
        if (t.rank - 1 + s.rank > FIRE_MAX_RANK) { fire_tf_fail(b, "too many dimensions"); return; }
        for (int d = 0; d < t.rank - 1; d++) to.dim[d] = t.dim[d];
        for (int d = 0; d < s.rank; d++) to.dim[to.rank++] = s.dim[d];
        n->out[0] = fire_tf_expand(b, n->in[0], to);
        return;
    }
    n->out[0] = fire_import_apply(b, "GatherND", 2, FIRE_IN(n->in[0], wide(b, n->in[1])), "batch_dims=0");
}

/* data with updates put, added ... at places; how: ScatterND's reduction. */
static fire_value scatter(fire_import *b, fire_value data, fire_value index, fire_value updates, const char *how) {
    if (b->g->first.status) return 0;
    const fire_type type = fire_type_of(b->g, data);
    if (type == FIRE_BOOL) return fire_import_cast(b, scatter(b, fire_import_cast(b, data, FIRE_U8), index, fire_import_cast(b, updates, FIRE_U8), how), FIRE_BOOL);
    return fire_import_apply(b, "ScatterND", 3, FIRE_IN(data, wide(b, index), updates), "reduction=%s", how);
}

void fire_tf_scatter_nd(fire_import *b, fire_lift *n) { /* indices, updates, shape */
    fire_shape s = {0};
    int64_t count;
    if (!fire_tf_has(b, n, 3) || !fire_tf_list(b, n->in[2], FIRE_MAX_RANK, s.dim, &count)) return;
    s.rank = (int32_t)count;
    n->out[0] = scatter(b, fire_tf_fill(b, fire_tf_type(b, n->in[1]), s, 0), n->in[0], n->in[1], "add");
}

/* TensorScatterAdd, ScatterNdUpdate, ScatterMul ...: what is done stands in the name. Those without Nd or Tensor count rows. */
void fire_tf_scatter_into(fire_import *b, fire_lift *n) {
    const char *op = n->op;
    if (!fire_tf_has(b, n, 3)) return;
    fire_value data = n->in[0], index = n->in[1], updates = n->in[2];
    fire_shape s = fire_shape_of(b->g, data), t = fire_shape_of(b->g, index);
    if (!strstr(op, "Nd") && !strstr(op, "Tensor")) {
        fire_shape to = t;
        index = fire_import_unsqueeze(b, index, t.rank);
        for (int d = 1; d < s.rank && to.rank < FIRE_MAX_RANK; d++) to.dim[to.rank++] = s.dim[d];
        updates = fire_tf_expand(b, updates, to);
    }
    const char *how = strstr(op, "Update") ? "none" : strstr(op, "Add") || strstr(op, "Sub") ? "add" : strstr(op, "Max") ? "max" : strstr(op, "Min") ? "min" : "mul";
    if (strstr(op, "Sub")) updates = fire_import_one(b, "Neg", updates);
    if (strstr(op, "Div")) updates = fire_import_one(b, "Reciprocal", updates);
    n->out[0] = scatter(b, data, index, updates, how);
}

void fire_tf_sparse_to_dense(fire_import *b, fire_lift *n) { /* indices, shape, values, default */
    fire_shape s = {0};
    int64_t count;
    if (!fire_tf_has(b, n, 4) || !fire_tf_list(b, n->in[1], FIRE_MAX_RANK, s.dim, &count)) return;
    s.rank = (int32_t)count;
    fire_value index = n->in[0], values = n->in[2];
    fire_shape t = fire_shape_of(b->g, index), v = fire_shape_of(b->g, values), rows = {1, {t.rank > 0 ? t.dim[0] : 1}};
    if (t.rank < 2) index = fire_import_reshape(b, index, (fire_shape){2, {rows.dim[0], 1}});
    if (v.rank == 0) values = fire_tf_expand(b, values, rows);
    n->out[0] = scatter(b, fire_tf_expand(b, n->in[3], s), index, values, "none");
}

void fire_tf_one_hot(fire_import *b, fire_lift *n) { /* indices, depth, on, off */
    int64_t depth;
    int axis;
    if (!fire_tf_has(b, n, 4) || !fire_tf_whole(b, n->in[1], &depth)) return;
    fire_shape s = fire_shape_of(b->g, n->in[0]), t = {.rank = s.rank + 1};
    fire_tensor places;
    if (fire_axis(fire_lift_int(n, "axis", -1), s.rank + 1, &axis, &b->g->first)) return;
    if (depth < 0 || t.rank > FIRE_MAX_RANK) { fire_tf_fail(b, "a depth of %lld", (long long)depth); return; }
    for (int d = 0; d < t.rank; d++) t.dim[d] = d == axis ? depth : 1;
    if (!fire_tf_new(b, FIRE_I64, t, &places)) return;
    for (int64_t i = 0; i < depth; i++) ((int64_t *)places.data)[i] = i;
    n->out[0] = fire_tf_where(b, fire_import_two(b, "Equal", fire_import_unsqueeze(b, wide(b, n->in[0]), axis), fire_tf_keep(b, &places)), n->in[2], n->in[3]);
}

void fire_tf_where_true(fire_import *b, fire_lift *n) { /* the places of what is not 0, in rows */
    fire_tensor x, y;
    if (!fire_tf_has(b, n, 1) || !fire_tf_numbers(b, n->in[0], &x)) return;
    int64_t all = fire_count(&x.shape), count = 0, k = 0;
    for (int64_t i = 0; i < all; i++) count += fire_get(&x, i) != 0;
    if (!fire_tf_new(b, FIRE_I64, (fire_shape){2, {count, x.shape.rank}}, &y)) return;
    for (int64_t i = 0; i < all; i++) {
        if (fire_get(&x, i) == 0) continue;
        int64_t rest = i;
        for (int d = x.shape.rank - 1; d >= 0; d--) ((int64_t *)y.data)[k * x.shape.rank + d] = rest % x.shape.dim[d], rest /= x.shape.dim[d];
        k++;
    }
    n->out[0] = fire_tf_keep(b, &y);
}

/* ---- the largest ---- */

static fire_value number_i64(fire_import *b, int64_t v) { return fire_import_ints(b, 1, &v); }

void fire_tf_top_k(fire_import *b, fire_lift *n) {
    int64_t k = fire_lift_int(n, "k", 1);
    fire_value out[FIRE_MAX_OUT];
    if (!fire_tf_has(b, n, 1) || (n->n_in > 1 && !fire_tf_whole(b, n->in[1], &k))) return;
    if (fire_import_all(b, "TopK", 2, FIRE_IN(n->in[0], number_i64(b, k)), "axis=-1", out)) return;
    n->out[0] = out[0];
    n->out[1] = fire_import_cast(b, out[1], (fire_type)fire_lift_int(n, "index_type", FIRE_I32));
}

void fire_tf_nth_element(fire_import *b, fire_lift *n) {
    int64_t k;
    fire_value out[FIRE_MAX_OUT];
    if (!fire_tf_has(b, n, 2) || !fire_tf_whole(b, n->in[1], &k)) return;
    int rank = fire_shape_of(b->g, n->in[0]).rank;
    if (k < 0 || k > INT32_MAX || rank < 1) { fire_tf_fail(b, "element %lld", (long long)k); return; }
    if (fire_import_all(b, "TopK", 2, FIRE_IN(n->in[0], number_i64(b, k + 1)), fire_lift_int(n, "reverse", 0) ? "axis=-1" : "axis=-1 largest=0", out)) return;
    n->out[0] = fire_import_two(b, "Squeeze", fire_import_slice(b, out[0], rank - 1, k, k + 1), number_i64(b, rank - 1));
}

/* Whether fewer than k predictions of a row are above that of its target. */
void fire_tf_in_top_k(fire_import *b, fire_lift *n) {
    int64_t k = fire_lift_int(n, "k", 1);
    if (!fire_tf_has(b, n, 2) || (n->n_in > 2 && !fire_tf_whole(b, n->in[2], &k))) return;
    fire_value x = n->in[0], at = fire_import_unsqueeze(b, wide(b, n->in[1]), 1);
    fire_value score = fire_import_apply(b, "GatherElements", 2, FIRE_IN(x, at), "axis=1");
    fire_value above = fire_import_reduce(b, "ReduceSum", fire_import_cast(b, fire_import_two(b, "Greater", x, score), FIRE_I64), 2, false);
    fire_value few = fire_import_two(b, "Less", above, fire_import_like(b, above, (double)k));
    fire_value fine = fire_import_one(b, "Not", fire_import_two(b, "Or", fire_import_one(b, "IsNaN", score), fire_import_one(b, "IsInf", score)));
    n->out[0] = fire_import_two(b, "And", few, fire_import_two(b, "Squeeze", fine, number_i64(b, 1)));
}

/* ---- segments ---- */

/* x [rows..., inner...] into `count` segments by ids [rows...]; negative ones are dropped. How: sum, mean, sqrtn, prod, max, min. Segments that nothing is in are
** `empty`, of extremes the type's own when unsorted. */
static fire_value segments(fire_import *b, fire_value x, fire_value ids, int64_t count, const char *how, bool unsorted) {
    if (b->g->first.status || !fire_import_concrete(b, x)) return 0;
    const fire_type type = fire_type_of(b->g, x);
    fire_shape s = fire_shape_of(b->g, x), t = fire_shape_of(b->g, ids), y = {1, {count}}, flat = {1, {1}}, per = {1, {count}};
    for (int d = 0; d < t.rank; d++) flat.dim[0] *= s.dim[d];
    for (int d = t.rank; d < s.rank; d++) y.dim[y.rank++] = flat.dim[flat.rank++] = s.dim[d];
    while (per.rank < y.rank) per.dim[per.rank++] = 1;
    x = fire_import_reshape(b, x, flat);
    ids = fire_import_reshape(b, wide(b, ids), (fire_shape){2, {flat.dim[0], 1}});
    ids = fire_tf_where(b, fire_import_two(b, "Less", ids, fire_import_like(b, ids, 0)), fire_import_like(b, ids, (double)count), ids);
    const bool extreme = how[0] == 'm' && how[1] != 'e', max = extreme && how[1] == 'a', whole = !fire_tf_float(type);
    double begin = how[0] == 'p' ? 1 : 0;
    if (extreme) {
        int bits = 8 * (int)fire_type_size(type);
        const bool sign = type == FIRE_I8 || type == FIRE_I16 || type == FIRE_I32 || type == FIRE_I64;
        begin = whole ? (sign ? (max ? -ldexp(1, bits - 1) : ldexp(1, bits - 1) - 1) : max ? 0 : ldexp(1, bits) - 1) : type == FIRE_F64 ? (max ? -1.7976931348623157e308 : 1.7976931348623157e308) : max ? -3.4028234663852886e38 : 3.4028234663852886e38;
    }
    fire_value z = scatter(b, fire_tf_fill(b, type, y, begin), ids, x, extreme ? (max ? "max" : "min") : how[0] == 'p' ? "mul" : "add");
    const bool mean = how[0] == 'm' && !extreme, root = how[1] == 'q';
    if (!mean && !root && !(extreme && !unsorted)) return z;
    fire_value number = scatter(b, fire_tf_fill(b, FIRE_F64, (fire_shape){1, {count}}, 0), ids, fire_tf_fill(b, FIRE_F64, (fire_shape){1, {flat.dim[0]}}, 1), "add");
    number = fire_import_reshape(b, number, per);
    if (extreme) return fire_tf_where(b, fire_import_two(b, "Equal", number, fire_import_like(b, number, 0)), fire_import_like(b, z, 0), z);
    number = fire_import_two(b, "Max", number, fire_import_like(b, number, 1));
    return fire_import_two(b, "Div", z, fire_import_cast(b, root ? fire_import_one(b, "Sqrt", number) : number, type));
}

static const char *how_of(const char *op) {
    static const char *const words[][2] = {{"SqrtN", "sqrtn"}, {"Sum", "sum"}, {"Mean", "mean"}, {"Prod", "prod"}, {"Max", "max"}, {"Min", "min"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strstr(op, words[i][0])) return words[i][1];
    return "sum";
}

void fire_tf_segment(fire_import *b, fire_lift *n) { /* Segment..(x, ids), UnsortedSegment..(x, ids, count), SparseSegment..(x, indices, ids[, count]) */
    const bool sparse = !strncmp(n->op, "Sparse", 6), unsorted = n->op[0] == 'U', given = unsorted || strstr(n->op, "WithNum") || strstr(n->op, "V2");
    int64_t count = 0, more = sparse ? 1 : 0;
    if (!fire_tf_has(b, n, 2 + more + given)) return;
    fire_value x = n->in[0], ids = n->in[1 + more];
    if (sparse) x = fire_tf_gather(b, x, wide(b, n->in[1]), 0);
    fire_tensor t;
    if (given) { if (!fire_tf_whole(b, n->in[2 + more], &count)) return; }
    else if (fire_tf_numbers(b, ids, &t) && fire_count(&t.shape) > 0) count = fire_whole(fire_get(&t, fire_count(&t.shape) - 1)) + 1; /* sorted: the last is the largest */
    if (count < 0 || count > INT32_MAX) { fire_tf_fail(b, "%lld segments", (long long)count); return; }
    n->out[0] = segments(b, x, ids, count, how_of(n->op), unsorted);
}

/* ---- counting ---- */

void fire_tf_bincount(fire_import *b, fire_lift *n) { /* numbers, size, weights */
    int64_t size, rows = 1;
    if (!fire_tf_has(b, n, 3) || !fire_tf_whole(b, n->in[1], &size) || !fire_import_concrete(b, n->in[0])) return;
    fire_shape s = fire_shape_of(b->g, n->in[0]), w = fire_shape_of(b->g, n->in[2]);
    const fire_type type = fire_type_of(b->g, n->in[2]);
    const bool dense = n->op[0] == 'D', binary = dense && fire_lift_int(n, "binary_output", 0);
    int64_t count = fire_count(&s), all;
    if (dense && s.rank == 2) rows = s.dim[0];
    if (size < 0 || !fire_mul(rows, size, &all)) { fire_tf_fail(b, "%lld bins", (long long)size); return; }
    fire_value at = fire_import_reshape(b, wide(b, n->in[0]), (fire_shape){1, {count}});
    fire_value out = fire_import_two(b, "GreaterOrEqual", at, fire_import_like(b, at, (double)size));
    if (rows != 1 && count > 0) {
        fire_tensor from;
        if (!fire_tf_new(b, FIRE_I64, (fire_shape){1, {count}}, &from)) return;
        for (int64_t i = 0; i < count; i++) ((int64_t *)from.data)[i] = i / (count / rows) * size;
        at = fire_import_two(b, "Add", at, fire_tf_keep(b, &from));
    }
    at = fire_import_unsqueeze(b, fire_tf_where(b, out, fire_import_like(b, at, (double)all), at), 1);
    fire_value ones = fire_count(&w) == count && count && !binary ? fire_import_reshape(b, n->in[2], (fire_shape){1, {count}}) : fire_tf_fill(b, type, (fire_shape){1, {count}}, 1);
    fire_value y = scatter(b, fire_tf_fill(b, type, (fire_shape){1, {all}}, 0), at, ones, binary ? "max" : "add");
    n->out[0] = dense && s.rank == 2 ? fire_import_reshape(b, y, (fire_shape){2, {rows, size}}) : y;
}

void fire_tf_histogram(fire_import *b, fire_lift *n) { /* values, range [2], bins */
    int64_t bins;
    fire_tensor range;
    if (!fire_tf_has(b, n, 3) || !fire_tf_whole(b, n->in[2], &bins) || !fire_tf_numbers(b, n->in[1], &range) || !fire_import_concrete(b, n->in[0])) return;
    const fire_type type = (fire_type)fire_lift_int(n, "dtype", FIRE_I32);
    fire_shape s = fire_shape_of(b->g, n->in[0]);
    int64_t count = fire_count(&s);
    if (fire_count(&range.shape) != 2 || bins < 1 || bins > INT32_MAX || !(fire_get(&range, 1) > fire_get(&range, 0))) { fire_tf_fail(b, "%lld bins of no range", (long long)bins); return; }
    double low = fire_get(&range, 0), high = fire_get(&range, 1);
    fire_value x = fire_import_cast(b, fire_import_reshape(b, n->in[0], (fire_shape){1, {count}}), FIRE_F64);
    x = fire_import_one(b, "Floor", fire_tf_times(b, fire_tf_plus(b, x, -low), (double)bins / (high - low)));
    x = fire_import_two(b, "Min", fire_import_two(b, "Max", x, fire_import_like(b, x, 0)), fire_import_like(b, x, (double)(bins - 1)));
    n->out[0] = scatter(b, fire_tf_fill(b, type, (fire_shape){1, {bins}}, 0), fire_import_unsqueeze(b, wide(b, x), 1), fire_tf_fill(b, type, (fire_shape){1, {count}}, 1), "add");
}

/* LowerBound, UpperBound: row by row how many of the sorted numbers are below (not above) each value. */
void fire_tf_bound(fire_import *b, fire_lift *n) {
    if (!fire_tf_has(b, n, 2)) return;
    fire_value sorted = fire_import_unsqueeze(b, n->in[0], 1), values = fire_import_unsqueeze(b, n->in[1], 2);
    fire_value below = n->op[0] == 'L' ? fire_import_two(b, "Less", sorted, values) : fire_import_two(b, "LessOrEqual", sorted, values);
    n->out[0] = fire_import_cast(b, fire_import_reduce(b, "ReduceSum", fire_import_cast(b, below, FIRE_I64), 4, false), (fire_type)fire_lift_int(n, "out_type", FIRE_I32));
}

/* ---- partitions and sets ---- */

void fire_tf_partition(fire_import *b, fire_lift *n) {
    fire_tensor t;
    if (!fire_tf_has(b, n, 2) || !fire_tf_numbers(b, n->in[1], &t) || !fire_import_concrete(b, n->in[0])) return;
    fire_shape s = fire_shape_of(b->g, n->in[0]), flat = {1, {fire_count(&t.shape)}};
    int64_t parts = fire_lift_int(n, "num_partitions", 1), all = fire_count(&t.shape);
    for (int d = t.shape.rank; d < s.rank; d++) flat.dim[flat.rank++] = s.dim[d];
    if (s.rank < t.shape.rank || fire_count(&flat) != fire_count(&s)) { fire_tf_fail(b, "the partitions do not fit"); return; }
    fire_value x = fire_import_reshape(b, n->in[0], flat);
    int64_t *pick = fire_arena_alloc(&b->arena, (size_t)all + 1, sizeof *pick, &b->g->first);
    for (int64_t k = 0; pick && k < parts && k < n->n_out; k++) {
        int64_t count = 0;
        for (int64_t i = 0; i < all; i++)
            if (fire_get(&t, i) == (double)k) pick[count++] = i;
        if (!fire_tf_spend(b, all)) return;
        n->out[k] = fire_tf_gather(b, x, fire_tf_index(b, FIRE_I64, (fire_shape){1, {count}}, pick), 0);
    }
}

void fire_tf_stitch(fire_import *b, fire_lift *n) { /* indices..., data...: the last that names a place wins */
    int64_t parts = n->n_in / 2, total = 0, size = 0;
    if (parts < 1 || !fire_tf_has(b, n, n->n_in)) return;
    fire_tensor *t = fire_arena_alloc(&b->arena, (size_t)parts, sizeof *t, &b->g->first);
    fire_value *x = t ? fire_arena_alloc(&b->arena, (size_t)parts, sizeof *x, &b->g->first) : NULL;
    if (!x) return;
    for (int64_t k = 0; k < parts; k++) {
        if (!fire_tf_numbers(b, n->in[k], &t[k]) || !fire_import_concrete(b, n->in[parts + k])) return;
        fire_shape s = fire_shape_of(b->g, n->in[parts + k]), flat = {1, {fire_count(&t[k].shape)}};
        for (int d = t[k].shape.rank; d < s.rank; d++) flat.dim[flat.rank++] = s.dim[d];
        if (s.rank < t[k].shape.rank || fire_count(&flat) != fire_count(&s)) { fire_tf_fail(b, "data and indices differ"); return; }
        x[k] = fire_import_reshape(b, n->in[parts + k], flat);
        total += flat.dim[0];
        for (int64_t i = 0; i < flat.dim[0]; i++) {
            double at = fire_get(&t[k], i);
            if (!(at >= 0 && at < (double)(b->bytes_left / 8))) { fire_tf_fail(b, "index %g", at); return; }
            if ((int64_t)at >= size) size = (int64_t)at + 1;
        }
    }
    fire_tensor pick;
    if (!fire_tf_new(b, FIRE_I64, (fire_shape){1, {size}}, &pick)) return;
    total = 0;
    for (int64_t k = 0; k < parts; k++)
        for (int64_t i = 0; i < fire_count(&t[k].shape); i++) ((int64_t *)pick.data)[(int64_t)fire_get(&t[k], i)] = total++;
    n->out[0] = fire_tf_gather(b, fire_tf_concat(b, parts, x, 0), fire_tf_keep(b, &pick), 0);
}

/* Elements of `size` bytes: where each stands first among them. first[i] == i for those that are new. */
static bool first_places(fire_import *b, const char *x, int64_t count, size_t size, int64_t *first) {
    uint64_t slots = 16;
    while (slots < (uint64_t)count * 2) slots *= 2;
    int64_t *table = fire_alloc(b->ctx, (size_t)slots, sizeof *table, &b->g->first); /* open addressing, elements plus one */
    if (!table) return false;
    memset(table, 0, (size_t)slots * sizeof *table);
    for (int64_t i = 0; i < count; i++) {
        uint64_t h = 1469598103934665603u;
        for (size_t k = 0; k < size; k++) h = (h ^ (uint8_t)x[(size_t)i * size + k]) * 1099511628211u;
        h ^= h >> 29;
        for (h &= slots - 1; table[h] && memcmp(x + (size_t)(table[h] - 1) * size, x + (size_t)i * size, size); h = (h + 1) & (slots - 1)) {}
        if (!table[h]) table[h] = i + 1;
        first[i] = table[h] - 1;
    }
    fire_free(b->ctx, table);
    return true;
}

void fire_tf_unique(fire_import *b, fire_lift *n) { /* x, maybe an axis; out: y, where each went, how often each came */
    int64_t list[1], count = 0;
    int axis = 0;
    if (!fire_tf_has(b, n, 1) || (n->n_in > 1 && !fire_tf_list(b, n->in[1], 1, list, &count))) return;
    fire_value x = n->in[0];
    fire_shape s = fire_shape_of(b->g, x);
    if (count && fire_axis(list[0], s.rank, &axis, &b->g->first)) return;
    int perm[FIRE_MAX_RANK], k = 1;
    perm[0] = axis;
    for (int d = 0; d < s.rank; d++)
        if (d != axis) perm[k++] = d;
    fire_tensor t, where, times;
    if (s.rank < 1 || !fire_tf_numbers(b, fire_import_permute(b, x, perm), &t)) return;
    int64_t rows = t.shape.dim[0], fresh = 0;
    size_t size = rows ? (size_t)(fire_count(&t.shape) / rows) * fire_type_size(t.type) : 0;
    const fire_type type = (fire_type)fire_lift_int(n, "out_idx", FIRE_I32);
    int64_t *first = fire_arena_alloc(&b->arena, (size_t)rows + 1, sizeof *first, &b->g->first), *pick = first ? fire_arena_alloc(&b->arena, (size_t)rows + 1, sizeof *pick, &b->g->first) : NULL;
    if (!pick || !first_places(b, t.data, rows, size, first) || !fire_tf_new(b, type, (fire_shape){1, {rows}}, &where)) return;
    for (int64_t i = 0; i < rows; i++) {
        if (first[i] == i) fire_put(&where, i, (double)fresh), pick[fresh++] = i;
        else fire_put(&where, i, fire_get(&where, first[i]));
    }
    if (!fire_tf_new(b, type, (fire_shape){1, {fresh}}, &times)) return;
    for (int64_t i = 0; i < rows; i++) {
        int64_t at = (int64_t)fire_get(&where, i);
        fire_put(&times, at, fire_get(&times, at) + 1);
    }
    n->out[0] = fire_tf_gather(b, x, fire_tf_index(b, FIRE_I64, (fire_shape){1, {fresh}}, pick), axis);
    n->out[1] = fire_tf_keep(b, &where);
    if (n->n_out > 2) n->out[2] = fire_tf_keep(b, &times);
}

void fire_tf_list_diff(fire_import *b, fire_lift *n) { /* what is in x and not in y, and where it stood */
    fire_tensor t;
    if (!fire_tf_has(b, n, 2)) return;
    fire_value both = fire_tf_concat(b, 2, FIRE_IN(n->in[1], n->in[0]), 0); /* y first: an x that is in it stands there first */
    if (!fire_tf_numbers(b, both, &t)) return;
    int64_t skip = fire_shape_of(b->g, n->in[1]).dim[0], all = fire_count(&t.shape), count = 0;
    int64_t *first = fire_arena_alloc(&b->arena, (size_t)all + 1, sizeof *first, &b->g->first), *pick = first ? fire_arena_alloc(&b->arena, (size_t)all + 1, sizeof *pick, &b->g->first) : NULL;
    if (!pick || !first_places(b, t.data, all, fire_type_size(t.type), first)) return;
    for (int64_t i = skip; i < all; i++)
        if (first[i] >= skip) pick[count++] = i - skip;
    fire_value at = fire_tf_index(b, FIRE_I64, (fire_shape){1, {count}}, pick);
    n->out[0] = fire_tf_gather(b, n->in[0], at, 0);
    n->out[1] = fire_import_cast(b, at, (fire_type)fire_lift_int(n, "out_idx", FIRE_I32));
}
