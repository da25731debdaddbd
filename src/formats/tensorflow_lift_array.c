/* tensorflow_lift_array.c - TensorFlow's operators that make, shape, cut and join tensors. */
#include "formats/tensorflow_help.h"

void fire_tf_shape_of(fire_import *b, fire_lift *n) { /* Shape, ShapeN */
    if (!fire_tf_has(b, n, n->n_in > 0 ? n->n_in : 1)) return;
    for (int64_t k = 0; k < n->n_in && k < n->n_out; k++) {
        const int rank = fire_tf_shape(b, n->in[k]).rank;
        n->out[k] = fire_import_cast(b, fire_import_sizes(b, n->in[k], 0, rank), fire_lift_int(n, "out_type", FIRE_I32) == FIRE_I32 ? FIRE_I32 : FIRE_I64);
    }
}
void fire_tf_size(fire_import *b, fire_lift *n) {
    if (!fire_tf_has(b, n, 1) || !fire_import_concrete(b, n->in[0])) return;
    fire_shape s = fire_shape_of(b->g, n->in[0]);
    n->out[0] = fire_tf_index(b, (fire_type)fire_lift_int(n, "out_type", FIRE_I32), (fire_shape){0}, &(int64_t){fire_count(&s)});
}
void fire_tf_rank(fire_import *b, fire_lift *n) {
    if (fire_tf_has(b, n, 1)) n->out[0] = fire_tf_index(b, FIRE_I32, (fire_shape){0}, &(int64_t){fire_shape_of(b->g, n->in[0]).rank});
}

void fire_tf_reshape(fire_import *b, fire_lift *n) {
    if (!fire_tf_has(b, n, 2)) return;
    fire_shape to = {0}, from = fire_shape_of(b->g, n->in[0]);
    int64_t count, rest = 1, at = -1;
    if (b->layers) { /* where the batch counts, and only there, the shape gets another value */
        fire_value want = fire_import_cast(b, n->in[1], FIRE_I64), free = fire_import_free_batch(b, n->in[0], want);
        if (free != want) { n->out[0] = fire_import_two(b, "Reshape", n->in[0], free); return; }
    }
    if (!fire_tf_list(b, n->in[1], FIRE_MAX_RANK, to.dim, &count)) return;
    to.rank = (int32_t)count;
    for (int d = 0; d < count; d++) {
        if (to.dim[d] == -1) at = at < 0 ? d : INT64_MAX;
        else if (to.dim[d] < 0 || !fire_mul(rest, to.dim[d], &rest)) { fire_tf_fail(b, "a dimension of %lld", (long long)to.dim[d]); return; }
    }
    if (at == INT64_MAX) { fire_tf_fail(b, "more than one dimension is -1"); return; }
    int64_t all = fire_count(&from);
    if (all == 0 && rest == 0) { /* of tensors without numbers TensorFlow looks at the sizes that are not 0 */
        all = rest = 1;
        for (int d = 0; d < from.rank; d++) if (from.dim[d] > 0 && !fire_mul(all, from.dim[d], &all)) all = 0;
        for (int d = 0; d < count; d++) if (to.dim[d] > 0 && !fire_mul(rest, to.dim[d], &rest)) rest = 1;
    }
    if (at >= 0 && all >= 0) to.dim[at] = rest ? all / rest : 0; /* a batch that is not known yet stays -1 */
    n->out[0] = fire_import_reshape(b, n->in[0], to);
}

void fire_tf_expand_dims(fire_import *b, fire_lift *n) {
    int axis;
    if (fire_tf_has(b, n, 2) && fire_tf_axis(b, n->in[1], fire_shape_of(b->g, n->in[0]).rank + 1, &axis)) n->out[0] = fire_import_unsqueeze(b, n->in[0], axis);
}

void fire_tf_squeeze(fire_import *b, fire_lift *n) {
    const fire_onnx_attr *a = fire_lift_attr(n, "squeeze_dims");
    if (!a) a = fire_lift_attr(n, "axis");
    if (!fire_tf_has(b, n, 1)) return;
    fire_shape s = fire_shape_of(b->g, n->in[0]);
    int64_t axis[FIRE_MAX_RANK], count = 0;
    for (int64_t i = 0; a && i < a->n_ints && i < FIRE_MAX_RANK; i++) axis[count++] = a->ints[i];
    if (!count)
        for (int d = 0; d < s.rank; d++)
            if (s.dim[d] == 1) axis[count++] = d;
    n->out[0] = count ? fire_import_two(b, "Squeeze", n->in[0], fire_import_ints(b, count, axis)) : n->in[0];
}

void fire_tf_transpose(fire_import *b, fire_lift *n) {
    int64_t list[FIRE_MAX_RANK], count;
    int perm[FIRE_MAX_RANK];
    if (!fire_tf_has(b, n, 2) || !fire_tf_list(b, n->in[1], FIRE_MAX_RANK, list, &count)) return;
    fire_shape s = fire_shape_of(b->g, n->in[0]);
    if (count != s.rank) { fire_tf_fail(b, "%lld axes for %d dimensions", (long long)count, (int)s.rank); return; }
    uint32_t seen = 0;
    for (int d = 0; d < s.rank; d++) {
        if (fire_axis(list[d], s.rank, &perm[d], &b->g->first)) return;
        seen |= 1u << perm[d];
    }
    if (seen != (1u << s.rank) - 1) { fire_tf_fail(b, "an axis stands twice"); return; }
    n->out[0] = fire_import_permute(b, n->in[0], perm);
}

static bool shape_from(fire_import *b, fire_value v, fire_shape *s) {
    int64_t count;
    *s = (fire_shape){0};
    if (!fire_tf_list(b, v, FIRE_MAX_RANK, s->dim, &count)) return false;
    s->rank = (int32_t)count;
    for (int d = 0; d < count; d++)
        if (s->dim[d] < 0) { fire_tf_fail(b, "a dimension of %lld", (long long)s->dim[d]); return false; }
    return true;
}

/* x in a shape that holds the number of rows; false: it does not. */
static bool with_batch(fire_import *b, fire_value x, fire_value shape, fire_value *out) {
    if (b->g->first.status || !fire_import_twin(b, shape)) return false;
    *out = fire_import_two(b, "Expand", x, fire_import_cast(b, shape, FIRE_I64));
    return true;
}

void fire_tf_fill_with(fire_import *b, fire_lift *n) {
    fire_shape s;
    if (fire_tf_has(b, n, 2) && with_batch(b, n->in[1], n->in[0], &n->out[0])) return;
    if (fire_tf_has(b, n, 2) && shape_from(b, n->in[0], &s)) n->out[0] = fire_tf_expand(b, n->in[1], s);
}
void fire_tf_empty(fire_import *b, fire_lift *n) {
    fire_shape s;
    if (fire_tf_has(b, n, 1) && shape_from(b, n->in[0], &s)) n->out[0] = fire_tf_fill(b, (fire_type)fire_lift_int(n, "dtype", FIRE_F32), s, 0);
}
void fire_tf_broadcast_to(fire_import *b, fire_lift *n) {
    fire_shape s;
    if (fire_tf_has(b, n, 2) && with_batch(b, n->in[0], n->in[1], &n->out[0])) return;
    if (fire_tf_has(b, n, 2) && shape_from(b, n->in[1], &s)) n->out[0] = fire_tf_expand(b, n->in[0], s);
}
void fire_tf_broadcast_args(fire_import *b, fire_lift *n) {
    fire_shape x, y;
    if (!fire_tf_has(b, n, 2) || !shape_from(b, n->in[0], &x) || !shape_from(b, n->in[1], &y) || fire_broadcast_shape(&x, &y, &x, &b->g->first)) return;
    n->out[0] = fire_tf_index(b, fire_type_of(b->g, n->in[0]), (fire_shape){1, {x.rank}}, x.dim);
}

void fire_tf_lin_space(fire_import *b, fire_lift *n) {
    fire_tensor from, to, y;
    int64_t count;
    if (!fire_tf_has(b, n, 3) || !fire_tf_numbers(b, n->in[0], &from) || !fire_tf_numbers(b, n->in[1], &to) || !fire_tf_whole(b, n->in[2], &count)) return;
    if (fire_count(&from.shape) != 1 || fire_count(&to.shape) != 1 || count < 1) { fire_tf_fail(b, "wants two numbers and a positive count"); return; }
    if (!fire_tf_new(b, from.type, (fire_shape){1, {count}}, &y)) return;
    double first = fire_get(&from, 0), last = fire_get(&to, 0);
    for (int64_t i = 0; i < count; i++) fire_put(&y, i, i == count - 1 && i ? last : first + (count > 1 ? (last - first) / (double)(count - 1) * (double)i : 0));
    n->out[0] = fire_tf_keep(b, &y);
}

/* ---- joining and cutting ---- */

void fire_tf_concat_of(fire_import *b, fire_lift *n) {
    const bool first = !strcmp(n->op, "Concat");
    int axis;
    if (n->n_in < 2 || !fire_tf_has(b, n, n->n_in)) { fire_import_fail(b, FIRE_E_CORRUPT, "has nothing to join"); return; }
    const fire_value *x = n->in + first;
    if (fire_tf_axis(b, n->in[first ? 0 : n->n_in - 1], fire_shape_of(b->g, x[0]).rank, &axis)) n->out[0] = fire_tf_concat(b, n->n_in - 1, x, axis);
}

void fire_tf_concat_offset(fire_import *b, fire_lift *n) {
    int64_t at, sum = 0;
    if (!fire_tf_has(b, n, n->n_in > 1 ? n->n_in : 2) || !fire_tf_whole(b, n->in[0], &at)) return;
    for (int64_t k = 1; k < n->n_in && k - 1 < n->n_out; k++) {
        int64_t dim[FIRE_MAX_RANK], count, where[FIRE_MAX_RANK] = {0};
        if (!fire_tf_list(b, n->in[k], FIRE_MAX_RANK, dim, &count)) return;
        int64_t axis = at < 0 ? at + count : at;
        if (axis < 0 || axis >= count) { fire_tf_fail(b, "axis %lld", (long long)at); return; }
        where[axis] = sum;
        if (!fire_add(sum, dim[axis], &sum)) { fire_tf_fail(b, "the sum is too large"); return; }
        n->out[k - 1] = fire_tf_index(b, fire_tf_type(b, n->in[k]), (fire_shape){1, {count}}, where);
    }
}

void fire_tf_pack(fire_import *b, fire_lift *n) {
    int axis;
    if (!fire_tf_has(b, n, n->n_in > 0 ? n->n_in : 1)) return;
    if (fire_axis(fire_lift_int(n, "axis", 0), fire_shape_of(b->g, n->in[0]).rank + 1, &axis, &b->g->first)) return;
    fire_value *x = fire_arena_alloc(&b->arena, (size_t)n->n_in, sizeof *x, &b->g->first);
    if (!x) return;
    for (int64_t i = 0; i < n->n_in; i++) x[i] = fire_import_unsqueeze(b, n->in[i], axis);
    n->out[0] = fire_tf_concat(b, n->n_in, x, axis);
}

void fire_tf_unpack(fire_import *b, fire_lift *n) {
    int axis;
    if (!fire_tf_has(b, n, 1) || fire_axis(fire_lift_int(n, "axis", 0), fire_shape_of(b->g, n->in[0]).rank, &axis, &b->g->first)) return;
    int64_t size = fire_shape_of(b->g, n->in[0]).dim[axis];
    for (int64_t k = 0; k < n->n_out && k < size; k++)
        n->out[k] = fire_import_two(b, "Squeeze", fire_import_slice(b, n->in[0], axis, k, k + 1), fire_import_ints(b, 1, &(int64_t){axis}));
}

void fire_tf_split(fire_import *b, fire_lift *n) { /* Split(axis, x), SplitV(x, sizes, axis) */
    const bool sizes = !strcmp(n->op, "SplitV");
    int axis;
    if (!fire_tf_has(b, n, sizes ? 3 : 2)) return;
    fire_value x = n->in[sizes ? 0 : 1];
    if (!fire_tf_axis(b, n->in[sizes ? 2 : 0], fire_shape_of(b->g, x).rank, &axis)) return;
    int64_t all = fire_shape_of(b->g, x).dim[axis], count = fire_lift_int(n, "num_split", 1), at = 0, list[FIRE_TF_OUTPUTS], sum = 0, open = -1;
    if (count < 1 || count > FIRE_TF_OUTPUTS || all < 0) { fire_tf_fail(b, "%lld parts of %lld", (long long)count, (long long)all); return; }
    if (sizes) {
        int64_t have;
        if (!fire_tf_list(b, n->in[1], FIRE_TF_OUTPUTS, list, &have)) return;
        count = have;
        for (int64_t k = 0; k < count; k++)
            if (list[k] == -1) open = k;
            else if (list[k] < 0 || !fire_add(sum, list[k], &sum) || sum > all) { fire_tf_fail(b, "the sizes do not fit %lld", (long long)all); return; }
        if (open >= 0) list[open] = all - sum;
    } else
        for (int64_t k = 0; k < count; k++) list[k] = all / count;
    for (int64_t k = 0; k < count && k < n->n_out; at += list[k++]) n->out[k] = fire_import_slice(b, x, axis, at, at + list[k]);
}

/* The places from[d], from[d] + step[d], ... of each dimension; count[d] of them. */
static fire_value take(fire_import *b, fire_value x, const int64_t *from, const int64_t *step, const int64_t *count) {
    fire_shape s = fire_tf_shape(b, x);
    int64_t start[FIRE_MAX_RANK], end[FIRE_MAX_RANK], axes[FIRE_MAX_RANK], by[FIRE_MAX_RANK], k = 0;
    for (int d = 0; d < s.rank; d++) {
        if (from[d] == 0 && step[d] == 1 && count[d] == s.dim[d]) continue;
        axes[k] = d;
        by[k] = step[d];
        start[k] = count[d] ? from[d] : 0;
        end[k] = count[d] ? from[d] + (count[d] - 1) * step[d] + (step[d] > 0 ? 1 : -1) : 0;
        if (!count[d]) by[k] = 1;
        if (by[k] < 0 && end[k] < 0) end[k] = -s.dim[d] - 1; /* before the first */
        k++;
    }
    if (!k) return x;
    return fire_import_apply(b, "Slice", 5, FIRE_IN(x, fire_import_ints(b, k, start), fire_import_ints(b, k, end), fire_import_ints(b, k, axes), fire_import_ints(b, k, by)), " ");
}

void fire_tf_slice(fire_import *b, fire_lift *n) {
    int64_t from[FIRE_MAX_RANK], size[FIRE_MAX_RANK], step[FIRE_MAX_RANK], count[2];
    if (!fire_tf_has(b, n, 3) || !fire_tf_list(b, n->in[1], FIRE_MAX_RANK, from, &count[0]) || !fire_tf_list(b, n->in[2], FIRE_MAX_RANK, size, &count[1])) return;
    fire_shape s = fire_tf_shape(b, n->in[0]);
    if (count[0] != s.rank || count[1] != s.rank) { fire_tf_fail(b, "%lld beginnings and %lld sizes for %d dimensions", (long long)count[0], (long long)count[1], (int)s.rank); return; }
    for (int d = 0; d < s.rank; d++) {
        step[d] = 1;
        if (s.dim[d] < 0 && from[d] == 0 && size[d] == -1) { size[d] = s.dim[d]; continue; } /* all of a batch */
        if (size[d] == -1) size[d] = s.dim[d] - from[d];
        if (from[d] < 0 || size[d] < 0 || from[d] > s.dim[d] || size[d] > s.dim[d] - from[d]) { fire_tf_fail(b, "%lld places from %lld of %lld", (long long)size[d], (long long)from[d], (long long)s.dim[d]); return; }
    }
    n->out[0] = take(b, n->in[0], from, step, size);
}

/* The specification with its masks made one of all dimensions; TensorFlow's strided_slice_op.cc is described in tf.strided_slice. */
void fire_tf_strided_slice(fire_import *b, fire_lift *n) {
    enum { MOST = 32 };
    int64_t begin[MOST], end[MOST], stride[MOST], count[3];
    if (!fire_tf_has(b, n, 4) || !fire_tf_list(b, n->in[1], MOST, begin, &count[0]) || !fire_tf_list(b, n->in[2], MOST, end, &count[1]) ||
        !fire_tf_list(b, n->in[3], MOST, stride, &count[2])) return;
    if (count[0] != count[1] || count[0] != count[2]) { fire_tf_fail(b, "beginnings, ends and strides differ in number"); return; }
    uint64_t begins = (uint64_t)fire_lift_int(n, "begin_mask", 0), ends = (uint64_t)fire_lift_int(n, "end_mask", 0), dots = (uint64_t)fire_lift_int(n, "ellipsis_mask", 0);
    uint64_t added = (uint64_t)fire_lift_int(n, "new_axis_mask", 0), gone = (uint64_t)fire_lift_int(n, "shrink_axis_mask", 0);
    fire_shape s = fire_tf_shape(b, n->in[0]), y = {0};
    int64_t from[FIRE_MAX_RANK], step[FIRE_MAX_RANK], size[FIRE_MAX_RANK];
    int named = 0, d = 0;
    bool open = false;
    for (int i = 0; i < count[0]; i++) named += !(dots >> i & 1) && !(added >> i & 1);
    if (named > s.rank) { fire_tf_fail(b, "%d places for %d dimensions", named, (int)s.rank); return; }
    for (int i = 0; i <= count[0]; i++) {
        const bool rest = i == count[0];
        if (rest && open) break;
        if (rest || (dots >> i & 1)) { /* whole dimensions: those that nothing names */
            if (open) { fire_tf_fail(b, "more than one ellipsis"); return; }
            open = true;
            for (int k = s.rank - named; k > 0; k--, d++) {
                from[d] = 0, step[d] = 1, size[d] = s.dim[d];
                if (y.rank == FIRE_MAX_RANK) { fire_tf_fail(b, "too many dimensions"); return; }
                y.dim[y.rank++] = s.dim[d];
            }
            continue;
        }
        if (y.rank == FIRE_MAX_RANK) { fire_tf_fail(b, "too many dimensions"); return; }
        if (added >> i & 1) { y.dim[y.rank++] = 1; continue; }
        int64_t all = s.dim[d], low, high;
        if (gone >> i & 1) {
            int64_t at = begins >> i & 1 ? 0 : begin[i] < 0 ? begin[i] + all : begin[i];
            if (all < 0 || at < 0 || at >= all) { fire_tf_fail(b, "place %lld of %lld", (long long)begin[i], (long long)all); return; }
            from[d] = at, step[d] = 1, size[d] = 1;
            d++;
            continue;
        }
        if (stride[i] == 0 || stride[i] == INT64_MIN) { fire_tf_fail(b, "a stride of %lld", (long long)stride[i]); return; }
        if (all < 0 && stride[i] == 1 && (begins >> i & 1) && (ends >> i & 1)) low = 0, size[d] = all; /* all of a batch */
        else if (all < 0) { (void)fire_import_concrete(b, n->in[0]); return; }
        else {
            const bool up = stride[i] > 0;
            low = begins >> i & 1 ? (up ? 0 : all - 1) : begin[i] < 0 ? begin[i] + all : begin[i];
            high = ends >> i & 1 ? (up ? all : -1) : end[i] < 0 ? end[i] + all : end[i];
            low = low < (up ? 0 : -1) ? (up ? 0 : -1) : low > (up ? all : all - 1) ? (up ? all : all - 1) : low;
            high = high < (up ? 0 : -1) ? (up ? 0 : -1) : high > (up ? all : all - 1) ? (up ? all : all - 1) : high;
            int64_t reach = up ? high - low : low - high, by = up ? stride[i] : -stride[i];
            size[d] = reach > 0 ? (reach - 1) / by + 1 : 0;
        }
        from[d] = low, step[d] = stride[i];
        y.dim[y.rank++] = size[d];
        d++;
    }
    fire_value x = take(b, n->in[0], from, step, size);
    n->out[0] = b->g->first.status ? 0 : fire_same_shape(&y, &b->g->value[x].tensor.shape) ? x : fire_import_reshape(b, x, y);
}

/* ---- padding and turning ---- */

static bool pairs(fire_import *b, fire_value v, int rank, int64_t low[FIRE_MAX_RANK], int64_t high[FIRE_MAX_RANK]) {
    int64_t list[2 * FIRE_MAX_RANK], count;
    if (!fire_tf_list(b, v, 2 * FIRE_MAX_RANK, list, &count)) return false;
    if (count != 2 * rank) { fire_tf_fail(b, "%lld paddings for %d dimensions", (long long)count, rank); return false; }
    for (int d = 0; d < rank; d++) {
        low[d] = list[2 * d], high[d] = list[2 * d + 1];
        if (low[d] < 0 || high[d] < 0 || low[d] > INT32_MAX || high[d] > INT32_MAX) { fire_tf_fail(b, "a padding of %lld and %lld", (long long)low[d], (long long)high[d]); return false; }
    }
    return true;
}
static fire_value pad(fire_import *b, fire_value x, int rank, const int64_t *low, const int64_t *high, fire_value with) {
    int64_t list[2 * FIRE_MAX_RANK];
    bool any = false;
    for (int d = 0; d < rank; d++) list[d] = low[d], list[rank + d] = high[d], any |= low[d] || high[d];
    return any ? fire_import_apply(b, "Pad", 3, FIRE_IN(x, fire_import_ints(b, 2 * rank, list), with), "mode=constant") : x;
}

void fire_tf_pad(fire_import *b, fire_lift *n) {
    int64_t low[FIRE_MAX_RANK], high[FIRE_MAX_RANK];
    if (!fire_tf_has(b, n, 2)) return;
    fire_value x = n->in[0];
    int rank = fire_shape_of(b->g, x).rank;
    if (pairs(b, n->in[1], rank, low, high)) n->out[0] = pad(b, x, rank, low, high, n->n_in > 2 ? n->in[2] : fire_import_like(b, x, 0));
}

/* REFLECT leaves the edge out of what is mirrored, SYMMETRIC does not. */
void fire_tf_mirror_pad(fire_import *b, fire_lift *n) {
    int64_t low[FIRE_MAX_RANK], high[FIRE_MAX_RANK];
    if (!fire_tf_has(b, n, 2) || !fire_import_concrete(b, n->in[0])) return;
    fire_value x = n->in[0];
    fire_shape s = fire_shape_of(b->g, x);
    int64_t off = fire_lift_text(n, "mode", "SYMMETRIC") ? 0 : 1;
    if (!pairs(b, n->in[1], s.rank, low, high)) return;
    for (int d = 0; d < s.rank; d++) {
        if (!low[d] && !high[d]) continue;
        if (low[d] > s.dim[d] - off || high[d] > s.dim[d] - off) { fire_tf_fail(b, "a padding of %lld and %lld for %lld", (long long)low[d], (long long)high[d], (long long)s.dim[d]); return; }
        fire_tensor at;
        if (!fire_tf_new(b, FIRE_I64, (fire_shape){1, {low[d] + s.dim[d] + high[d]}}, &at)) return;
        for (int64_t i = 0; i < at.shape.dim[0]; i++) {
            int64_t p = i - low[d];
            ((int64_t *)at.data)[i] = p < 0 ? off - 1 - p : p >= s.dim[d] ? 2 * s.dim[d] - 1 - off - p : p;
        }
        x = fire_tf_gather(b, x, fire_tf_keep(b, &at), d);
    }
    n->out[0] = x;
}

static fire_value reversed(fire_import *b, fire_value x, uint32_t mask) {
    int64_t from[FIRE_MAX_RANK], step[FIRE_MAX_RANK];
    if (!mask || !fire_import_concrete(b, x)) return x;
    fire_shape s = fire_shape_of(b->g, x);
    for (int d = 0; d < s.rank; d++) step[d] = mask >> d & 1 ? -1 : 1, from[d] = mask >> d & 1 ? s.dim[d] - 1 : 0;
    return take(b, x, from, step, s.dim);
}
void fire_tf_reverse(fire_import *b, fire_lift *n) {
    int64_t list[FIRE_MAX_RANK], count;
    uint32_t mask = 0;
    if (!fire_tf_has(b, n, 2) || !fire_tf_list(b, n->in[1], FIRE_MAX_RANK, list, &count)) return;
    const bool truths = !strcmp(n->op, "Reverse");
    for (int i = 0; i < count; i++) {
        int axis = i;
        if (truths) { if (list[i]) mask |= 1u << i; continue; }
        if (fire_axis(list[i], fire_shape_of(b->g, n->in[0]).rank, &axis, &b->g->first)) return;
        mask |= 1u << axis;
    }
    n->out[0] = reversed(b, n->in[0], mask);
}

/* Row by row the first `lengths` places are turned round: with batch and sequence in front, one Gather of rows. */
void fire_tf_reverse_sequence(fire_import *b, fire_lift *n) {
    int seq, batch, perm[FIRE_MAX_RANK], back[FIRE_MAX_RANK], k = 2;
    if (!fire_tf_has(b, n, 2) || !fire_import_concrete(b, n->in[0])) return;
    fire_shape s = fire_shape_of(b->g, n->in[0]), t = {0};
    if (fire_axis(fire_lift_int(n, "seq_dim", 0), s.rank, &seq, &b->g->first) || fire_axis(fire_lift_int(n, "batch_dim", 0), s.rank, &batch, &b->g->first)) return;
    if (seq == batch) { fire_tf_fail(b, "the sequence is the batch"); return; }
    perm[0] = batch, perm[1] = seq;
    for (int d = 0; d < s.rank; d++)
        if (d != seq && d != batch) perm[k++] = d;
    int64_t rows = s.dim[batch], size = s.dim[seq], all = rows * size;
    t.rank = s.rank - 1;
    t.dim[0] = all;
    for (int d = 0; d < s.rank; d++) back[perm[d]] = d;
    for (int d = 2; d < s.rank; d++) t.dim[d - 1] = s.dim[perm[d]];
    fire_tensor length, at;
    if (!fire_tf_numbers(b, n->in[1], &length) || fire_count(&length.shape) != rows) { fire_tf_fail(b, "the lengths do not fit"); return; }
    if (!fire_tf_new(b, FIRE_I64, (fire_shape){1, {all}}, &at)) return;
    for (int64_t r = 0; r < rows; r++) {
        int64_t len = fire_whole(fire_get(&length, r));
        if (len < 0 || len > size) { fire_tf_fail(b, "a length of %lld", (long long)len); return; }
        for (int64_t i = 0; i < size; i++) ((int64_t *)at.data)[r * size + i] = r * size + (i < len ? len - 1 - i : i);
    }
    fire_value x = fire_tf_gather(b, fire_import_reshape(b, fire_import_permute(b, n->in[0], perm), t), fire_tf_keep(b, &at), 0);
    fire_shape y = {.rank = s.rank};
    for (int d = 0; d < s.rank; d++) y.dim[d] = s.dim[perm[d]];
    n->out[0] = fire_import_permute(b, fire_import_reshape(b, x, y), back);
}

void fire_tf_roll(fire_import *b, fire_lift *n) {
    int64_t shift[FIRE_MAX_RANK], axes[FIRE_MAX_RANK], count[2];
    if (!fire_tf_has(b, n, 3) || !fire_tf_list(b, n->in[1], FIRE_MAX_RANK, shift, &count[0]) || !fire_tf_list(b, n->in[2], FIRE_MAX_RANK, axes, &count[1])) return;
    if (count[0] != count[1] || !fire_import_concrete(b, n->in[0])) { fire_tf_fail(b, "%lld shifts of %lld axes", (long long)count[0], (long long)count[1]); return; }
    fire_value x = n->in[0];
    fire_shape s = fire_shape_of(b->g, x);
    for (int i = 0; i < count[0]; i++) {
        int axis;
        if (fire_axis(axes[i], s.rank, &axis, &b->g->first)) return;
        if (s.dim[axis] < 1) continue;
        int64_t by = shift[i] % s.dim[axis];
        if (by < 0) by += s.dim[axis];
        if (by) x = fire_tf_concat(b, 2, FIRE_IN(fire_import_slice(b, x, axis, s.dim[axis] - by, s.dim[axis]), fire_import_slice(b, x, axis, 0, s.dim[axis] - by)), axis);
    }
    n->out[0] = x;
}

void fire_tf_invert_permutation(fire_import *b, fire_lift *n) {
    fire_tensor x, y;
    if (!fire_tf_has(b, n, 1) || !fire_tf_numbers(b, n->in[0], &x) || !fire_tf_new(b, x.type, x.shape, &y)) return;
    int64_t count = fire_count(&x.shape);
    for (int64_t i = 0; i < count; i++) {
        int64_t at = fire_whole(fire_get(&x, i));
        if (at < 0 || at >= count) { fire_tf_fail(b, "%lld in a permutation of %lld", (long long)at, (long long)count); return; }
        fire_put(&y, at, (double)i);
    }
    n->out[0] = fire_tf_keep(b, &y);
}

/* ---- space and batch, space and depth ---- */

/* A tensor reshaped to `wide`, its dimensions in the order of perm, reshaped to y. */
static fire_value fold_dims(fire_import *b, fire_value x, fire_shape wide, const int *perm, fire_shape y) {
    return fire_import_reshape(b, fire_import_permute(b, fire_import_reshape(b, x, wide), perm), y);
}

/* SpaceToBatchND and BatchToSpaceND (block, paddings or crops), and the older ones with an attribute for two dimensions. */
void fire_tf_space_batch(fire_import *b, fire_lift *n) {
    const bool nd = strstr(n->op, "ND") != NULL, to_batch = n->op[0] == 'S';
    int64_t block[3], m = 2, low[FIRE_MAX_RANK] = {0}, high[FIRE_MAX_RANK] = {0}, list[6], count, all = 1;
    if (!fire_tf_has(b, n, nd ? 3 : 2) || !fire_import_concrete(b, n->in[0])) return;
    block[0] = block[1] = fire_lift_int(n, "block_size", 2);
    if (nd && !fire_tf_list(b, n->in[1], 3, block, &m)) return;
    if (!fire_tf_list(b, n->in[nd ? 2 : 1], 6, list, &count)) return;
    fire_value x = n->in[0];
    fire_shape s = fire_shape_of(b->g, x);
    if (count != 2 * m || s.rank < m + 1) { fire_tf_fail(b, "the blocks do not fit"); return; }
    int64_t rest = 1;
    for (int d = 0; d < m; d++) {
        low[d + 1] = list[2 * d], high[d + 1] = list[2 * d + 1];
        if (block[d] < 1 || block[d] > 1 << 15 || low[d + 1] < 0 || high[d + 1] < 0 || low[d + 1] > INT32_MAX || high[d + 1] > INT32_MAX || !fire_mul(all, block[d], &all)) { fire_tf_fail(b, "the blocks do not fit"); return; }
    }
    for (int d = (int)m + 1; d < s.rank; d++) rest *= s.dim[d];
    fire_shape wide = {0}, y = s;
    int perm[FIRE_MAX_RANK], k = 0, w = (int)m;
    if (to_batch) {
        x = pad(b, x, s.rank, low, high, fire_import_like(b, x, 0));
        s = fire_tf_shape(b, x);
        y = s;
        wide.dim[wide.rank++] = s.dim[0];
        for (int d = 0; d < w; d++) {
            if (s.dim[d + 1] % block[d]) { fire_tf_fail(b, "blocks of %lld do not fit %lld", (long long)block[d], (long long)s.dim[d + 1]); return; }
            wide.dim[wide.rank++] = y.dim[d + 1] = s.dim[d + 1] / block[d];
            wide.dim[wide.rank++] = block[d];
        }
        wide.dim[wide.rank++] = rest;
        for (int d = 0; d < w; d++) perm[k++] = 2 + 2 * d;
        perm[k++] = 0;
        for (int d = 0; d < w; d++) perm[k++] = 1 + 2 * d;
        perm[k++] = 1 + 2 * w;
        if (!fire_mul(s.dim[0], all, &y.dim[0])) { fire_tf_fail(b, "the blocks do not fit"); return; }
        n->out[0] = fold_dims(b, x, wide, perm, y);
        return;
    }
    if (s.dim[0] % all) { fire_tf_fail(b, "%lld rows do not make blocks of %lld", (long long)s.dim[0], (long long)all); return; }
    for (int d = 0; d < w; d++) wide.dim[wide.rank++] = block[d];
    wide.dim[wide.rank++] = y.dim[0] = s.dim[0] / all;
    for (int d = 0; d < w; d++) wide.dim[wide.rank++] = s.dim[d + 1], y.dim[d + 1] = s.dim[d + 1] * block[d];
    wide.dim[wide.rank++] = rest;
    perm[k++] = w;
    for (int d = 0; d < w; d++) perm[k++] = w + 1 + d, perm[k++] = d;
    perm[k++] = 2 * w + 1;
    x = fold_dims(b, x, wide, perm, y);
    for (int d = 0; d < w; d++) {
        if (low[d + 1] + high[d + 1] > y.dim[d + 1]) { fire_tf_fail(b, "the crops do not fit"); return; }
        if (low[d + 1] || high[d + 1]) x = fire_import_slice(b, x, d + 1, low[d + 1], y.dim[d + 1] - high[d + 1]);
    }
    n->out[0] = x;
}

void fire_tf_space_depth(fire_import *b, fire_lift *n) {
    const bool deep = n->op[0] == 'S', first = fire_lift_text(n, "data_format", "NCHW");
    int64_t k = fire_lift_int(n, "block_size", 2);
    if (!fire_tf_has(b, n, 1) || !fire_import_concrete(b, n->in[0])) return;
    fire_shape s = fire_shape_of(b->g, n->in[0]);
    if (s.rank != 4 || k < 1 || k > 1 << 15) { fire_tf_fail(b, "blocks of %lld do not fit", (long long)k); return; }
    int64_t c = s.dim[first ? 1 : 3], h = s.dim[first ? 2 : 1], w = s.dim[first ? 3 : 2];
    if (deep ? h % k || w % k : c % (k * k)) { fire_tf_fail(b, "blocks of %lld do not fit", (long long)k); return; }
    fire_shape wide, y;
    if (deep) {
        int64_t d = c * k * k;
        y = first ? (fire_shape){4, {s.dim[0], d, h / k, w / k}} : (fire_shape){4, {s.dim[0], h / k, w / k, d}};
        wide = first ? (fire_shape){6, {s.dim[0], c, h / k, k, w / k, k}} : (fire_shape){6, {s.dim[0], h / k, k, w / k, k, c}};
        n->out[0] = fold_dims(b, n->in[0], wide, first ? (int[]){0, 3, 5, 1, 2, 4} : (int[]){0, 1, 3, 2, 4, 5}, y);
    } else {
        int64_t d = c / (k * k);
        y = first ? (fire_shape){4, {s.dim[0], d, h * k, w * k}} : (fire_shape){4, {s.dim[0], h * k, w * k, d}};
        wide = first ? (fire_shape){6, {s.dim[0], k, k, d, h, w}} : (fire_shape){6, {s.dim[0], h, w, k, k, d}};
        n->out[0] = fold_dims(b, n->in[0], wide, first ? (int[]){0, 3, 4, 1, 5, 2} : (int[]){0, 1, 3, 2, 4, 5}, y);
    }
}
