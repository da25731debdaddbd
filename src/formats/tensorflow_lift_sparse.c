/* tensorflow_lift_sparse.c - sparse tensors of TensorFlow: places [n, rank] that are known when the graph is made, values [n], the shape of the dense one.
**
** Places are computed while the graph is made; values are moved by Gather, so that they may be anything.
*/
#include "formats/tensorflow_help.h"
#include "sort.h"

typedef struct places { fire_tensor at; int64_t n; fire_shape shape; } places;
typedef struct entry { int64_t key, i; } entry; /* where it stands in the dense tensor, and among the values */

static int by_key(const void *a, const void *b) {
    const entry *x = a, *y = b;
    return x->key != y->key ? (x->key > y->key) - (x->key < y->key) : (x->i > y->i) - (x->i < y->i);
}

/* Places and shape of a sparse tensor, checked against each other. */
static bool read_places(fire_import *b, fire_value at, fire_value shape, places *p) {
    int64_t rank, all = 1;
    p->shape = (fire_shape){0};
    if (!fire_tf_numbers(b, at, &p->at) || !fire_tf_list(b, shape, FIRE_MAX_RANK, p->shape.dim, &rank)) return false;
    p->shape.rank = (int32_t)rank;
    if (p->at.type != FIRE_I64 || p->at.shape.rank != 2 || p->at.shape.dim[1] != rank || rank < 1) { fire_tf_fail(b, "the places do not fit %lld dimensions", (long long)rank); return false; }
    for (int d = 0; d < rank; d++)
        if (p->shape.dim[d] < 0 || !fire_mul(all, p->shape.dim[d] ? p->shape.dim[d] : 1, &all)) { fire_tf_fail(b, "a dimension of %lld", (long long)p->shape.dim[d]); return false; }
    p->n = p->at.shape.dim[0];
    if (!fire_tf_spend(b, p->n * rank)) return false;
    for (int64_t i = 0; i < p->n; i++)
        for (int d = 0; d < rank; d++) {
            const int64_t v = ((const int64_t *)p->at.data)[i * rank + d];
            if (v < 0 || v >= p->shape.dim[d]) { fire_tf_fail(b, "place %lld is outside of the tensor", (long long)i); return false; }
        }
    return true;
}
static int64_t place(const places *p, int64_t i, int d) { return ((const int64_t *)p->at.data)[i * p->shape.rank + d]; }
static int64_t flat(const places *p, int64_t i, const fire_shape *in) {
    int64_t key = 0;
    for (int d = 0; d < in->rank; d++) key = key * in->dim[d] + place(p, i, d);
    return key;
}
static fire_value values_at(fire_import *b, fire_value values, int64_t n, const int64_t *pick) { return fire_tf_gather(b, values, fire_tf_index(b, FIRE_I64, (fire_shape){1, {n}}, pick), 0); }
static bool fits(fire_import *b, fire_value values, int64_t n) {
    const fire_shape s = fire_tf_shape(b, values);
    if (s.rank == 1 && s.dim[0] == n) return true;
    fire_tf_fail(b, "the values do not fit %lld places", (long long)n);
    return false;
}

void fire_tf_sparse_dense_add(fire_import *b, fire_lift *n) { /* indices, values, shape, dense */
    if (fire_tf_has(b, n, 4)) n->out[0] = fire_import_apply(b, "ScatterND", 3, FIRE_IN(n->in[3], fire_import_cast(b, n->in[0], FIRE_I64), n->in[1]), "reduction=add");
}

/* Entries, sorted, as places and values. */
static void put_sorted(fire_import *b, fire_lift *n, entry *e, int64_t count, const fire_shape *shape, fire_value values) {
    fire_tensor at;
    int64_t *pick = fire_arena_alloc(&b->arena, (size_t)count + 1, sizeof *pick, &b->g->first);
    if (!pick || !fire_tf_new(b, FIRE_I64, (fire_shape){2, {count, shape->rank}}, &at)) return;
    fire_sort(e, count, sizeof *e, by_key);
    for (int64_t i = 0; i < count; i++) {
        int64_t rest = e[i].key;
        for (int d = shape->rank - 1; d >= 0; d--) ((int64_t *)at.data)[i * shape->rank + d] = rest % shape->dim[d], rest /= shape->dim[d];
        pick[i] = e[i].i;
    }
    n->out[0] = fire_tf_keep(b, &at);
    n->out[1] = values_at(b, values, count, pick);
}

void fire_tf_sparse_reorder(fire_import *b, fire_lift *n) { /* indices, values, shape */
    places p;
    if (!fire_tf_has(b, n, 3) || !read_places(b, n->in[0], n->in[2], &p) || !fits(b, n->in[1], p.n)) return;
    entry *e = fire_arena_alloc(&b->arena, (size_t)p.n + 1, sizeof *e, &b->g->first);
    for (int64_t i = 0; e && i < p.n; i++) e[i] = (entry){flat(&p, i, &p.shape), i};
    if (e) put_sorted(b, n, e, p.n, &p.shape, n->in[1]);
}

void fire_tf_sparse_concat(fire_import *b, fire_lift *n) { /* indices..., values..., shapes... */
    const int64_t parts = n->n_in / 3;
    places p, first = {0};
    fire_shape all = {0};
    int axis = 0;
    int64_t count = 0, size = 1, moved = 0;
    entry *e = NULL;
    if (parts < 1 || !fire_tf_has(b, n, 3 * parts)) return;
    for (int pass = 0; pass < 2; pass++) {
        int64_t k = 0;
        for (int64_t j = 0; j < parts; j++) {
            if (!read_places(b, n->in[j], n->in[2 * parts + j], &p) || !fits(b, n->in[parts + j], p.n)) return;
            if (!j) first = p;
            if (!j && fire_axis(fire_lift_int(n, "concat_dim", 0), p.shape.rank, &axis, &b->g->first)) return;
            if (!pass && !j) all = p.shape, all.dim[axis] = 0;
            for (int d = 0; d < p.shape.rank; d++)
                if (p.shape.rank != first.shape.rank || (d != axis && p.shape.dim[d] != first.shape.dim[d])) { fire_tf_fail(b, "the parts differ in shape"); return; }
            if (!pass) {
                if (!fire_add(all.dim[axis], p.shape.dim[axis], &all.dim[axis]) || !fire_add(count, p.n, &count)) { fire_tf_fail(b, "the parts are too large"); return; }
                continue;
            }
            for (int64_t i = 0; i < p.n; i++, k++) {
                int64_t key = 0;
                for (int d = 0; d < all.rank; d++) key = key * all.dim[d] + place(&p, i, d) + (d == axis ? moved : 0);
                e[k] = (entry){key, k};
            }
            moved += p.shape.dim[axis];
        }
        for (int d = 0; !pass && d < all.rank; d++)
            if (!fire_mul(size, all.dim[d] ? all.dim[d] : 1, &size)) { fire_tf_fail(b, "the parts are too large"); return; }
        if (!e && !(e = fire_arena_alloc(&b->arena, (size_t)count + 1, sizeof *e, &b->g->first))) return;
    }
    put_sorted(b, n, e, count, &all, fire_tf_concat(b, parts, n->in + parts, 0));
    n->out[2] = fire_import_ints(b, all.rank, all.dim);
}

void fire_tf_sparse_reshape(fire_import *b, fire_lift *n) { /* indices, shape, new shape */
    places p;
    fire_shape to = {0};
    fire_tensor at;
    int64_t count, all = 1, rest = 1;
    int open = -1;
    if (!fire_tf_has(b, n, 3) || !read_places(b, n->in[0], n->in[1], &p) || !fire_tf_list(b, n->in[2], FIRE_MAX_RANK, to.dim, &count)) return;
    to.rank = (int32_t)count;
    for (int d = 0; d < p.shape.rank; d++) all *= p.shape.dim[d]; /* counted by read_places */
    for (int d = 0; d < to.rank; d++) {
        if (to.dim[d] == -1 && open < 0) open = d;
        else if (to.dim[d] < 0 || !fire_mul(rest, to.dim[d], &rest)) { fire_tf_fail(b, "a dimension of %lld", (long long)to.dim[d]); return; }
    }
    if (open >= 0) to.dim[open] = rest ? all / rest : 0, rest *= to.dim[open];
    if (rest != all || to.rank < 1) { fire_tf_fail(b, "%lld numbers do not fit %lld", (long long)all, (long long)rest); return; }
    if (!fire_tf_new(b, FIRE_I64, (fire_shape){2, {p.n, to.rank}}, &at)) return;
    for (int64_t i = 0; i < p.n; i++) {
        int64_t key = flat(&p, i, &p.shape);
        for (int d = to.rank - 1; d >= 0; d--) ((int64_t *)at.data)[i * to.rank + d] = key % to.dim[d], key /= to.dim[d];
    }
    n->out[0] = fire_tf_keep(b, &at);
    n->out[1] = fire_import_ints(b, to.rank, to.dim);
}

void fire_tf_sparse_slice(fire_import *b, fire_lift *n) { /* indices, values, shape, start, size */
    places p;
    fire_tensor at;
    int64_t start[FIRE_MAX_RANK], size[FIRE_MAX_RANK], counts[2], count = 0;
    if (!fire_tf_has(b, n, 5) || !read_places(b, n->in[0], n->in[2], &p) || !fits(b, n->in[1], p.n) || !fire_tf_list(b, n->in[3], FIRE_MAX_RANK, start, &counts[0]) || !fire_tf_list(b, n->in[4], FIRE_MAX_RANK, size, &counts[1])) return;
    const int rank = p.shape.rank;
    if (counts[0] != rank || counts[1] != rank) { fire_tf_fail(b, "start and size do not fit %d dimensions", rank); return; }
    for (int d = 0; d < rank; d++) {
        if (start[d] < 0 || size[d] < 0) { fire_tf_fail(b, "a part of %lld from %lld", (long long)size[d], (long long)start[d]); return; }
        const int64_t left = p.shape.dim[d] > start[d] ? p.shape.dim[d] - start[d] : 0;
        if (size[d] > left) size[d] = left;
    }
    int64_t *pick = fire_arena_alloc(&b->arena, (size_t)p.n + 1, sizeof *pick, &b->g->first);
    for (int64_t i = 0; pick && i < p.n; i++) {
        bool in = true;
        for (int d = 0; d < rank; d++) in &= place(&p, i, d) >= start[d] && place(&p, i, d) - start[d] < size[d];
        if (in) pick[count++] = i;
    }
    if (!pick || !fire_tf_new(b, FIRE_I64, (fire_shape){2, {count, rank}}, &at)) return;
    for (int64_t i = 0; i < count; i++)
        for (int d = 0; d < rank; d++) ((int64_t *)at.data)[i * rank + d] = place(&p, pick[i], d) - start[d];
    n->out[0] = fire_tf_keep(b, &at);
    n->out[1] = values_at(b, n->in[1], count, pick);
    n->out[2] = fire_import_ints(b, rank, size);
}

void fire_tf_sparse_fill_rows(fire_import *b, fire_lift *n) { /* indices, values, shape, default: rows without a value get one at their begin */
    places p;
    fire_tensor at, empty, back;
    if (!fire_tf_has(b, n, 4) || !read_places(b, n->in[0], n->in[2], &p) || !fits(b, n->in[1], p.n)) return;
    const int rank = p.shape.rank;
    const int64_t rows = p.shape.dim[0];
    if (!fire_tf_new(b, FIRE_BOOL, (fire_shape){1, {rows}}, &empty) || !fire_tf_new(b, FIRE_I64, (fire_shape){1, {p.n}}, &back)) return;
    int64_t *next = fire_arena_alloc(&b->arena, (size_t)rows + 1, sizeof *next, &b->g->first), count = 0;
    if (!next) return;
    for (int64_t r = 0; r <= rows; r++) next[r] = 0;
    for (int64_t i = 0; i < p.n; i++) next[place(&p, i, 0)]++;
    for (int64_t r = 0; r < rows; r++) {
        const int64_t own = next[r];
        ((uint8_t *)empty.data)[r] = !own;
        next[r] = count;
        count += own ? own : 1;
    }
    int64_t *pick = fire_arena_alloc(&b->arena, (size_t)count + 1, sizeof *pick, &b->g->first);
    if (!pick || !fire_tf_new(b, FIRE_I64, (fire_shape){2, {count, rank}}, &at)) return;
    for (int64_t r = 0; r < rows; r++)
        if (((uint8_t *)empty.data)[r]) pick[next[r]] = p.n, ((int64_t *)at.data)[next[r] * rank] = r;
    for (int64_t i = 0; i < p.n; i++) {
        const int64_t to = next[place(&p, i, 0)]++;
        pick[to] = i;
        ((int64_t *)back.data)[i] = to;
        for (int d = 0; d < rank; d++) ((int64_t *)at.data)[to * rank + d] = place(&p, i, d);
    }
    n->out[0] = fire_tf_keep(b, &at);
    n->out[1] = values_at(b, fire_tf_concat(b, 2, FIRE_IN(n->in[1], fire_import_reshape(b, n->in[3], (fire_shape){1, {1}})), 0), count, pick);
    n->out[2] = fire_tf_keep(b, &empty);
    n->out[3] = fire_tf_keep(b, &back);
}

void fire_tf_sparse_sum(fire_import *b, fire_lift *n) { /* indices, values, shape, axes: dense sums */
    places p;
    int64_t axes[FIRE_MAX_RANK], count;
    fire_shape y = {0}, kept;
    uint32_t mask = 0;
    if (!fire_tf_has(b, n, 4) || !read_places(b, n->in[0], n->in[2], &p) || !fits(b, n->in[1], p.n) || !fire_tf_list(b, n->in[3], FIRE_MAX_RANK, axes, &count)) return;
    for (int64_t k = 0; k < count; k++) {
        int axis;
        if (fire_axis(axes[k], p.shape.rank, &axis, &b->g->first)) return;
        mask |= 1u << axis;
    }
    kept = p.shape;
    for (int d = 0; d < p.shape.rank; d++)
        if (mask >> d & 1) kept.dim[d] = 1;
        else y.dim[y.rank++] = p.shape.dim[d];
    int64_t *to = fire_arena_alloc(&b->arena, (size_t)p.n + 1, sizeof *to, &b->g->first);
    for (int64_t i = 0; to && i < p.n; i++) {
        to[i] = 0;
        for (int d = 0; d < p.shape.rank; d++) to[i] = to[i] * kept.dim[d] + (mask >> d & 1 ? 0 : place(&p, i, d));
    }
    if (!to) return;
    const fire_shape flat_shape = {1, {fire_count(&kept)}};
    fire_value z = fire_import_apply(b, "ScatterND", 3, FIRE_IN(fire_tf_fill(b, fire_tf_type(b, n->in[1]), flat_shape, 0), fire_tf_index(b, FIRE_I64, (fire_shape){2, {p.n, 1}}, to), n->in[1]), "reduction=add");
    n->out[0] = fire_import_reshape(b, z, fire_lift_int(n, "keep_dims", 0) ? kept : y);
}

void fire_tf_sparse_dense_cwise(fire_import *b, fire_lift *n) { /* indices, values, shape, dense: the dense one is spread over the sparse one */
    places p;
    if (!fire_tf_has(b, n, 4) || !read_places(b, n->in[0], n->in[2], &p) || !fits(b, n->in[1], p.n) || !fire_import_concrete(b, n->in[3])) return;
    const fire_shape s = fire_shape_of(b->g, n->in[3]);
    const int lead = p.shape.rank - s.rank;
    bool right = lead >= 0;
    for (int d = 0; d < s.rank && right; d++) right = s.dim[d] == 1 || s.dim[d] == p.shape.dim[lead + d];
    int64_t *from = fire_arena_alloc(&b->arena, (size_t)p.n + 1, sizeof *from, &b->g->first);
    if (!right || !from) { fire_tf_fail(b, "the dense tensor does not fit the sparse one"); return; }
    for (int64_t i = 0; i < p.n; i++) {
        from[i] = 0;
        for (int d = 0; d < s.rank; d++) from[i] = from[i] * s.dim[d] + (s.dim[d] == 1 ? 0 : place(&p, i, lead + d));
    }
    const fire_value other = values_at(b, fire_import_reshape(b, n->in[3], (fire_shape){1, {fire_count(&s)}}), p.n, from);
    n->out[0] = fire_import_two(b, strstr(n->op, "Mul") ? "Mul" : strstr(n->op, "Div") ? "Div" : "Add", n->in[1], other);
}
