/* tensorflow_lift_linear.c - TensorFlow's operators on matrices: diagonals, bands, factors, systems of equations. */
#include "formats/tensorflow_help.h"

static bool matrices(fire_import *b, fire_value x, int64_t *rows, int64_t *columns) {
    if (!fire_import_concrete(b, x)) return false;
    fire_shape s = fire_shape_of(b->g, x);
    if (s.rank < 2) { fire_tf_fail(b, "%d dimensions, expected matrices", (int)s.rank); return false; }
    *rows = s.dim[s.rank - 2], *columns = s.dim[s.rank - 1];
    return true;
}

void fire_tf_band_part(fire_import *b, fire_lift *n) { /* input, how many diagonals below and above; negative: all */
    int64_t low, high, r, c;
    fire_tensor keep;
    if (!fire_tf_has(b, n, 3) || !fire_tf_whole(b, n->in[1], &low) || !fire_tf_whole(b, n->in[2], &high) || !matrices(b, n->in[0], &r, &c)) return;
    if (!fire_tf_new(b, FIRE_BOOL, (fire_shape){2, {r, c}}, &keep)) return;
    for (int64_t i = 0; i < r; i++)
        for (int64_t j = 0; j < c; j++) ((uint8_t *)keep.data)[i * c + j] = (low < 0 || i - j <= low) && (high < 0 || j - i <= high);
    n->out[0] = fire_tf_where(b, fire_tf_keep(b, &keep), n->in[0], fire_import_like(b, n->in[0], 0));
}

/* Diagonals low to high of [r, c] matrices packed as rows of `most` numbers, the highest first; where number p of diagonal d stands. */
typedef struct { int64_t low, high, most; bool left_upper, left_lower; } diagonals;

static int64_t length(int64_t k, int64_t r, int64_t c) {
    int64_t n = k >= 0 ? (c - k < r ? c - k : r) : (r + k < c ? r + k : c);
    return n > 0 ? n : 0;
}
static bool read_diagonals(fire_import *b, const fire_lift *n, fire_value k, int64_t r, int64_t c, diagonals *d) {
    int64_t list[2] = {0, 0}, count = 1;
    if (k && !fire_tf_list(b, k, 2, list, &count)) return false;
    if (count < 2) list[1] = list[0];
    if (list[0] < -INT32_MAX || list[1] > INT32_MAX || list[0] > INT32_MAX || list[1] < -INT32_MAX || list[1] - list[0] > r + c + 1) { fire_tf_fail(b, "diagonals %lld to %lld", (long long)list[0], (long long)list[1]); return false; }
    *d = (diagonals){list[0], count == 2 ? list[1] : list[0], 0, false, false};
    if (d->low > d->high || count < 1 || (r && c && (d->low <= -r || d->high >= c) && !(d->low == 0 && d->high == 0))) { fire_tf_fail(b, "diagonals %lld to %lld do not fit [%lld, %lld]", (long long)d->low, (long long)d->high, (long long)r, (long long)c); return false; }
    for (int64_t i = d->low; i <= d->high; i++)
        if (length(i, r, c) > d->most) d->most = length(i, r, c);
    const bool v3 = strstr(n->op, "V3") != NULL;
    d->left_upper = !v3 || fire_lift_text(n, "align", "LEFT_LEFT") || fire_lift_text(n, "align", "LEFT_RIGHT");
    d->left_lower = !v3 || fire_lift_text(n, "align", "LEFT_LEFT") || fire_lift_text(n, "align", "RIGHT_LEFT");
    return true;
}
/* How far diagonal k is moved to the right in its row. */
static int64_t shift(const diagonals *d, int64_t k, int64_t r, int64_t c) { return (k >= 0 ? d->left_upper : d->left_lower) ? 0 : d->most - length(k, r, c); }

/* x with its last `gone` dimensions as one; then those that `at` names, shaped as `to` (the last of them), and `otherwise` where at is -1. */
static fire_value pick(fire_import *b, fire_value x, int gone, const fire_tensor *at, fire_value otherwise) {
    fire_shape s = fire_tf_shape(b, x), flat = {.rank = s.rank - gone}, one = {1, {fire_count(&at->shape)}};
    int64_t size = 1, holes = 0, *p = at->data;
    for (int d = 0; d < s.rank; d++)
        if (d < flat.rank) flat.dim[d] = s.dim[d];
        else size *= s.dim[d];
    flat.dim[flat.rank++] = size;
    fire_tensor there;
    if (!fire_tf_new(b, FIRE_BOOL, at->shape, &there)) return 0;
    for (int64_t i = 0; i < one.dim[0]; i++) {
        ((uint8_t *)there.data)[i] = p[i] >= 0;
        if (p[i] < 0) p[i] = 0, holes++;
    }
    fire_shape y = flat;
    y.rank--;
    for (int d = 0; d < at->shape.rank; d++) y.dim[y.rank++] = at->shape.dim[d];
    if (size == 0) return fire_tf_expand(b, otherwise, y);
    fire_value v = fire_tf_gather(b, fire_import_reshape(b, x, flat), fire_import_reshape(b, fire_tf_keep(b, at), one), flat.rank - 1);
    v = fire_import_reshape(b, v, y);
    return holes ? fire_tf_where(b, fire_tf_keep(b, &there), v, otherwise) : v;
}

void fire_tf_diag_part(fire_import *b, fire_lift *n) { /* MatrixDiagPart(input[, k, padding]) */
    int64_t r, c;
    diagonals d;
    fire_tensor at;
    if (!fire_tf_has(b, n, 1) || !matrices(b, n->in[0], &r, &c) || !read_diagonals(b, n, n->n_in > 1 ? n->in[1] : 0, r, c, &d)) return;
    int64_t count = d.high - d.low + 1;
    fire_value pad = n->n_in > 2 ? n->in[2] : fire_import_like(b, n->in[0], 0);
    if (!fire_tf_new(b, FIRE_I64, count > 1 ? (fire_shape){2, {count, d.most}} : (fire_shape){1, {d.most}}, &at)) return;
    for (int64_t k = d.high; k >= d.low; k--)
        for (int64_t p = 0; p < d.most; p++) {
            int64_t q = p - shift(&d, k, r, c), i = q + (k < 0 ? -k : 0), j = q + (k > 0 ? k : 0);
            ((int64_t *)at.data)[(d.high - k) * d.most + p] = q >= 0 && q < length(k, r, c) ? i * c + j : -1;
        }
    n->out[0] = pick(b, n->in[0], 2, &at, pad);
}

/* Where in packed diagonals the number at (i, j) stands; -1: on none of them. */
static bool places(fire_import *b, const diagonals *d, int64_t r, int64_t c, fire_tensor *at) {
    if (!fire_tf_new(b, FIRE_I64, (fire_shape){2, {r, c}}, at)) return false;
    for (int64_t i = 0; i < r; i++)
        for (int64_t j = 0; j < c; j++) {
            int64_t k = j - i;
            ((int64_t *)at->data)[i * c + j] = k < d->low || k > d->high ? -1 : (d->high - k) * d->most + (k >= 0 ? i : j) + shift(d, k, r, c);
        }
    return true;
}

void fire_tf_diag(fire_import *b, fire_lift *n) { /* MatrixDiag(diagonal[, k, rows, columns, padding]) */
    if (!fire_tf_has(b, n, 1) || !fire_import_concrete(b, n->in[0])) return;
    fire_shape s = fire_shape_of(b->g, n->in[0]);
    int64_t r = -1, c = -1, list[2] = {0, 0}, count = 1;
    if (n->n_in > 1 && !fire_tf_list(b, n->in[1], 2, list, &count)) return;
    if (n->n_in > 3 && (!fire_tf_whole(b, n->in[2], &r) || !fire_tf_whole(b, n->in[3], &c))) return;
    int64_t low = list[0], high = count == 2 ? list[1] : list[0];
    if (low < -INT32_MAX || low > INT32_MAX || high < -INT32_MAX || high > INT32_MAX) { fire_tf_fail(b, "diagonals %lld to %lld", (long long)low, (long long)high); return; }
    int gone = high > low ? 2 : 1;
    if (s.rank < gone || s.rank - gone + 2 > FIRE_MAX_RANK) { fire_tf_fail(b, "%d dimensions", (int)s.rank); return; }
    int64_t most = s.dim[s.rank - 1], need_r = most - (high < 0 ? high : 0), need_c = most + (low > 0 ? low : 0);
    if (r < 0 && c < 0) r = c = need_r > need_c ? need_r : need_c;
    else if (r < 0) r = need_r;
    else if (c < 0) c = need_c;
    diagonals d;
    fire_tensor at;
    if (r > INT32_MAX || c > INT32_MAX || !read_diagonals(b, n, n->n_in > 1 ? n->in[1] : 0, r, c, &d)) return;
    if (d.most > most || (gone == 2 && s.dim[s.rank - 2] != high - low + 1)) { fire_tf_fail(b, "the diagonals do not fit"); return; }
    d.most = most;
    if (places(b, &d, r, c, &at)) n->out[0] = pick(b, n->in[0], gone, &at, n->n_in > 4 ? n->in[4] : fire_import_like(b, n->in[0], 0));
}

void fire_tf_set_diag(fire_import *b, fire_lift *n) { /* MatrixSetDiag(input, diagonal[, k]) */
    int64_t r, c;
    diagonals d;
    fire_tensor at;
    if (!fire_tf_has(b, n, 2) || !matrices(b, n->in[0], &r, &c) || !fire_import_concrete(b, n->in[1]) || !read_diagonals(b, n, n->n_in > 2 ? n->in[2] : 0, r, c, &d)) return;
    fire_shape s = fire_shape_of(b->g, n->in[1]);
    int gone = d.high > d.low ? 2 : 1;
    if (s.rank < gone || s.dim[s.rank - 1] != d.most || (gone == 2 && s.dim[s.rank - 2] != d.high - d.low + 1)) { fire_tf_fail(b, "the diagonals do not fit"); return; }
    if (places(b, &d, r, c, &at)) n->out[0] = pick(b, n->in[1], gone, &at, n->in[0]);
}

/* Diag and DiagPart: tensors of any rank as matrices. */
void fire_tf_tensor_diag(fire_import *b, fire_lift *n) {
    if (!fire_tf_has(b, n, 1) || !fire_import_concrete(b, n->in[0])) return;
    fire_shape s = fire_shape_of(b->g, n->in[0]), y = s;
    fire_tensor at;
    if (!strcmp(n->op, "Diag")) {
        int64_t size = fire_count(&s);
        if (2 * s.rank > FIRE_MAX_RANK) { fire_tf_fail(b, "too many dimensions"); return; }
        for (int d = 0; d < s.rank; d++) y.dim[y.rank++] = s.dim[d];
        if (!fire_tf_new(b, FIRE_I64, (fire_shape){2, {size, size}}, &at)) return;
        for (int64_t i = 0; i < size * size; i++) ((int64_t *)at.data)[i] = i / size == i % size ? i / size : -1;
        n->out[0] = fire_import_reshape(b, pick(b, n->in[0], s.rank, &at, fire_import_like(b, n->in[0], 0)), y);
        return;
    }
    int64_t size = 1;
    y.rank = s.rank / 2;
    for (int d = 0; d < y.rank; d++) size *= s.dim[d];
    if (s.rank % 2 || size > INT32_MAX || size * size != fire_count(&s) || !fire_tf_new(b, FIRE_I64, (fire_shape){1, {size}}, &at)) { fire_tf_fail(b, "the dimensions do not come in pairs"); return; }
    for (int64_t i = 0; i < size; i++) ((int64_t *)at.data)[i] = i * size + i;
    n->out[0] = fire_import_reshape(b, pick(b, n->in[0], s.rank, &at, fire_import_like(b, n->in[0], 0)), y);
}

/* (a1 b2 - a2 b1, ...) along the last dimension. */
void fire_tf_cross(fire_import *b, fire_lift *n) {
    static const int64_t next[3] = {1, 2, 0}, last[3] = {2, 0, 1};
    if (!fire_tf_has(b, n, 2)) return;
    int axis = fire_shape_of(b->g, n->in[0]).rank - 1;
    fire_value p = fire_import_ints(b, 3, next), q = fire_import_ints(b, 3, last), x = n->in[0], y = n->in[1];
    fire_value up = fire_import_two(b, "Mul", fire_tf_gather(b, x, p, axis), fire_tf_gather(b, y, q, axis));
    n->out[0] = fire_import_two(b, "Sub", up, fire_import_two(b, "Mul", fire_tf_gather(b, x, q, axis), fire_tf_gather(b, y, p, axis)));
}

/* ---- factors ---- */

static void all_outputs(fire_import *b, fire_lift *n, const char *op, const char *attrs, int count) {
    fire_value out[FIRE_MAX_OUT];
    if (!fire_tf_has(b, n, 1) || fire_import_all(b, op, 1, n->in, attrs, out)) return;
    for (int k = 0; k < count; k++) n->out[k] = out[k];
}
void fire_tf_lu(fire_import *b, fire_lift *n) {
    all_outputs(b, n, "Lu", " ", 2);
    if (!b->g->first.status) n->out[1] = fire_import_cast(b, n->out[1], (fire_type)fire_lift_int(n, "output_idx_type", FIRE_I32));
}
void fire_tf_qr(fire_import *b, fire_lift *n) { all_outputs(b, n, "Qr", fire_lift_int(n, "full_matrices", 0) ? "full=1" : "full=0", 2); }
void fire_tf_svd(fire_import *b, fire_lift *n) { all_outputs(b, n, "Svd", fire_lift_int(n, "full_matrices", 0) ? "full=1" : "full=0", 3); }
void fire_tf_eig(fire_import *b, fire_lift *n) { all_outputs(b, n, "SelfAdjointEig", " ", 2); }
void fire_tf_log_det(fire_import *b, fire_lift *n) { all_outputs(b, n, "LogDeterminant", " ", 2); }

static fire_value to_batch(fire_import *b, fire_value x, const fire_shape *as) {
    fire_shape s = fire_tf_shape(b, x), to = *as;
    if (s.rank < 2) return x;
    to.dim[to.rank - 2] = s.dim[s.rank - 2], to.dim[to.rank - 1] = s.dim[s.rank - 1];
    return fire_tf_expand(b, x, to);
}
/* Both sides with the leading dimensions that they have together. */
static bool same_batch(fire_import *b, fire_value *x, fire_value *y) {
    int64_t r, c;
    if (!matrices(b, *x, &r, &c) || !matrices(b, *y, &r, &c)) return false;
    fire_shape s = fire_shape_of(b->g, *x), t = fire_shape_of(b->g, *y), u;
    s.dim[s.rank - 1] = s.dim[s.rank - 2] = t.dim[t.rank - 1] = t.dim[t.rank - 2] = 1;
    if (fire_broadcast_shape(&s, &t, &u, &b->g->first)) return false;
    *x = to_batch(b, *x, &u), *y = to_batch(b, *y, &u);
    return !b->g->first.status;
}
void fire_tf_inverse(fire_import *b, fire_lift *n) {
    if (fire_tf_has(b, n, 1)) n->out[0] = fire_import_one(b, "MatrixInverse", fire_lift_int(n, "adjoint", 0) ? fire_tf_turned(b, n->in[0]) : n->in[0]);
}
void fire_tf_solve(fire_import *b, fire_lift *n) { /* MatrixSolve, MatrixTriangularSolve */
    if (!fire_tf_has(b, n, 2)) return;
    const bool adjoint = fire_lift_int(n, "adjoint", 0), triangular = !strcmp(n->op, "MatrixTriangularSolve") || !strcmp(n->op, "BatchMatrixTriangularSolve");
    fire_value a = adjoint ? fire_tf_turned(b, n->in[0]) : n->in[0], y = n->in[1];
    if (!same_batch(b, &a, &y)) return;
    const bool upper = !fire_lift_int(n, "lower", 1) != adjoint;
    n->out[0] = triangular ? fire_import_apply(b, "TriangularSolve", 2, FIRE_IN(a, y), "upper=%d", upper) : fire_import_two(b, "MatrixSolve", a, y);
}
void fire_tf_solve_least(fire_import *b, fire_lift *n) { /* (A'A + l2) x = A'y; for few equations A' (A A' + l2)^-1 y */
    int64_t r, c;
    fire_tensor l2;
    if (!fire_tf_has(b, n, 3) || !matrices(b, n->in[0], &r, &c) || !fire_tf_numbers(b, n->in[2], &l2) || fire_count(&l2.shape) != 1) return;
    const fire_type type = fire_type_of(b->g, n->in[0]);
    fire_value a = fire_import_cast(b, n->in[0], FIRE_F64), y = fire_import_cast(b, n->in[1], FIRE_F64), turned = fire_tf_turned(b, a);
    int64_t k = r < c ? r : c;
    fire_tensor eye;
    if (!fire_tf_new(b, FIRE_F64, (fire_shape){2, {k, k}}, &eye)) return;
    for (int64_t i = 0; i < k; i++) ((double *)eye.data)[i * k + i] = fire_get(&l2, 0);
    fire_value x, square = fire_import_two(b, "MatMul", r < c ? a : turned, r < c ? turned : a);
    square = fire_import_two(b, "Add", square, fire_tf_keep(b, &eye));
    if (r < c) x = fire_import_two(b, "MatMul", turned, fire_import_two(b, "MatrixSolve", square, y));
    else x = fire_import_two(b, "MatrixSolve", square, fire_import_two(b, "MatMul", turned, y));
    n->out[0] = fire_import_cast(b, x, type);
}
