/* onnx_lift_pick.c - ONNX operators the size of whose result depends on numbers: they are computed when a run is imported. */
#include "formats/onnx_lift.h"
#include "sort.h"

/* ---- NonMaxSuppression ---- */

typedef struct { double low[2], high[2], area; } box;

/* A box by two corners, in any order, or by centre and size. */
static box box_at(const fire_tensor *t, int64_t i, bool centred) {
    double v[4];
    box b;
    for (int k = 0; k < 4; k++) v[k] = fire_get(t, 4 * i + k);
    for (int k = 0; k < 2; k++) {
        double p = centred ? v[k] - v[k + 2] / 2 : v[k], q = centred ? v[k] + v[k + 2] / 2 : v[k + 2];
        b.low[k] = p < q ? p : q;
        b.high[k] = p < q ? q : p;
    }
    b.area = (b.high[0] - b.low[0]) * (b.high[1] - b.low[1]);
    return b;
}

/* Whether two boxes share more than a part `most` of what they cover together. */
static bool overlap(const box *a, const box *b, double most) {
    double common = 1;
    for (int k = 0; k < 2; k++) {
        double side = (a->high[k] < b->high[k] ? a->high[k] : b->high[k]) - (a->low[k] > b->low[k] ? a->low[k] : b->low[k]);
        if (!(side > 0)) return false;
        common *= side;
    }
    double all = a->area + b->area - common;
    return a->area > 0 && b->area > 0 && all > 0 && (float)(common / all) > (float)most;
}

typedef struct { double score; int64_t at; } rated;
static int better_first(const void *a, const void *b) {
    const rated *p = a, *q = b;
    if (p->score != q->score) return p->score > q->score ? -1 : 1;
    return p->at < q->at ? -1 : p->at > q->at;
}

/* Boxes [n, k, 4], scores [n, classes, k]: places [found, 3] of the best boxes that do not lie over better ones, for each class. */
void fire_lift_non_max_suppression(fire_import *b, fire_lift *n) {
    fire_value in[2] = {n->in[0], fire_lift_in(n, 1)};
    double most = 0, share = 0, least = -INFINITY;
    if (!in[0] || !in[1] || !fire_import_known(b, 2, in)) { fire_import_fail(b, FIRE_E_CORRUPT, "has no boxes or scores"); return; }
    if (fire_lift_in(n, 2) && !fire_lift_number(b, n->in[2], "max_output_boxes_per_class", &most)) return;
    if (fire_lift_in(n, 3) && !fire_lift_number(b, n->in[3], "iou_threshold", &share)) return;
    if (fire_lift_in(n, 4) && !fire_lift_number(b, n->in[4], "score_threshold", &least)) return;
    const fire_tensor boxes = b->g->value[in[0]].tensor, scores = b->g->value[in[1]].tensor;
    const fire_shape *s = &scores.shape;
    if (boxes.shape.rank != 3 || boxes.shape.dim[2] != 4 || s->rank != 3 || s->dim[0] != boxes.shape.dim[0] || s->dim[2] != boxes.shape.dim[1]) {
        fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "wants boxes [n, k, 4] and scores [n, classes, k]");
        return;
    }
    const int64_t count = s->dim[2], limit = most > 0 ? most < (double)count ? (int64_t)most : count : 0;
    int64_t found = 0, capacity = 0, *place = NULL;
    rated *order = fire_alloc(b->ctx, (size_t)count, sizeof *order, &b->g->first);
    box *kept = fire_alloc(b->ctx, (size_t)limit, sizeof *kept, &b->g->first);
    for (int64_t r = 0; r < s->dim[0] * s->dim[1] && limit && order && kept && !b->g->first.status; r++) {
        int64_t candidates = 0, n_kept = 0, row = r / s->dim[1];
        for (int64_t i = 0; i < count; i++) {
            double score = fire_get(&scores, r * count + i);
            if (score > least || (least == -INFINITY && score == score)) order[candidates++] = (rated){score, i};
        }
        fire_sort(order, candidates, sizeof *order, better_first);
        for (int64_t c = 0; c < candidates && n_kept < limit; c++) {
            box at = box_at(&boxes, row * count + order[c].at, fire_lift_int(n, "center_point_box", 0) != 0);
            bool fresh = true;
            for (int64_t k = 0; k < n_kept && fresh; k++) fresh = !overlap(&at, &kept[k], share);
            if (!fresh) continue;
            kept[n_kept++] = at;
            if (fire_grow(b->ctx, &place, &capacity, 3 * (found + 1), sizeof *place, &b->g->first)) break;
            place[3 * found] = row, place[3 * found + 1] = r % s->dim[1], place[3 * found + 2] = order[c].at;
            found++;
        }
    }
    if (!b->g->first.status) n->out[0] = fire_graph_const(b->g, FIRE_I64, (fire_shape){2, {found, 3}}, place ? place : &(int64_t){0});
    fire_free(b->ctx, place);
    fire_free(b->ctx, kept);
    fire_free(b->ctx, order);
}

/* ---- Unique ---- */

typedef struct { const fire_tensor *x; int64_t outer, size, inner; } slices; /* of an axis; without one each number is a slice */

/* < 0, 0, > 0: as slice p stands to slice q. NaN stands behind numbers. */
static int compare(const slices *s, int64_t p, int64_t q) {
    for (int64_t o = 0; o < s->outer; o++)
        for (int64_t i = 0; i < s->inner; i++) {
            int64_t at = (o * s->size + p) * s->inner + i, to = (o * s->size + q) * s->inner + i;
            if (s->x->type == FIRE_I64) {
                int64_t a = ((const int64_t *)s->x->data)[at], c = ((const int64_t *)s->x->data)[to];
                if (a != c) return a < c ? -1 : 1;
                continue;
            }
            if (s->x->type == FIRE_U64) {
                uint64_t a = ((const uint64_t *)s->x->data)[at], c = ((const uint64_t *)s->x->data)[to];
                if (a != c) return a < c ? -1 : 1;
                continue;
            }
            double a = fire_get(s->x, at), c = fire_get(s->x, to);
            if (a != a || c != c) {
                if ((a != a) != (c != c)) return a != a ? 1 : -1;
                continue;
            }
            if (a != c) return a < c ? -1 : 1;
        }
    return 0;
}

/* Places 0 to n - 1 in the order of their slices, equal ones by place: merges of runs that double in length. */
static void sort_places(const slices *s, int64_t n, int64_t *place, int64_t *room) {
    for (int64_t i = 0; i < n; i++) place[i] = i;
    for (int64_t width = 1; width < n; width *= 2) {
        for (int64_t from = 0; from < n; from += 2 * width) {
            int64_t mid = from + width < n ? from + width : n, end = mid + width < n ? mid + width : n, p = from, q = mid;
            for (int64_t k = from; k < end; k++) room[k] = p < mid && (q >= end || compare(s, place[p], place[q]) <= 0) ? place[p++] : place[q++];
        }
        memcpy(place, room, (size_t)n * sizeof *place);
    }
}

void fire_lift_unique(fire_import *b, fire_lift *n) {
    const fire_tensor *t = fire_import_numbers(b, n->in[0]);
    int axis = 0;
    if (!t) return;
    fire_tensor x = *t;
    const bool whole = !fire_lift_attr(n, "axis"), sorted = fire_lift_int(n, "sorted", 1) != 0;
    slices s = {&x, 1, fire_count(&x.shape), 1};
    if (!whole) {
        if (fire_axis(fire_lift_int(n, "axis", 0), x.shape.rank, &axis, &b->g->first)) return;
        s.size = x.shape.dim[axis];
        for (int d = 0; d < x.shape.rank; d++)
            if (d < axis) s.outer *= x.shape.dim[d];
            else if (d > axis) s.inner *= x.shape.dim[d];
    }
    const fire_shape list = {1, {s.size}};
    fire_tensor made[5]; /* order, its room, first place of each group, group of each slice, counts */
    for (int k = 0; k < 5; k++)
        if (!(made[k] = fire_lift_room(b, FIRE_I64, list)).data) return;
    int64_t *order = made[0].data, *room = made[1].data, *first = made[2].data, *group = made[3].data, *count = made[4].data, groups = 0;
    sort_places(&s, s.size, order, room);
    for (int64_t i = 0; i < s.size; i++) {
        if (!i || compare(&s, order[i - 1], order[i])) first[groups] = order[i], count[groups++] = 0;
        group[order[i]] = groups - 1;
        count[groups - 1]++;
    }
    if (!sorted) { /* groups in the order in which they appear */
        int64_t seen = 0;
        for (int64_t g = 0; g < groups; g++) order[g] = -1; /* new number of a group */
        for (int64_t i = 0; i < s.size; i++) {
            if (order[group[i]] < 0) {
                room[seen] = i;
                order[group[i]] = seen++;
            }
            group[i] = order[group[i]];
        }
        memcpy(first, room, (size_t)groups * sizeof *first);
        memset(count, 0, (size_t)groups * sizeof *count);
        for (int64_t i = 0; i < s.size; i++) count[group[i]]++;
    }
    fire_value at = fire_graph_borrow(b->g, FIRE_I64, (fire_shape){1, {groups}}, first), from = fire_graph_borrow(b->g, x.type, x.shape, x.data);
    if (whole) from = fire_import_reshape(b, from, list);
    n->out[0] = fire_import_apply(b, "Gather", 2, FIRE_IN(from, at), "axis=%d", axis);
    n->out[1] = at;
    n->out[2] = fire_graph_borrow(b->g, FIRE_I64, list, group);
    n->out[3] = fire_graph_borrow(b->g, FIRE_I64, (fire_shape){1, {groups}}, count);
}

/* ---- TfIdfVectorizer ---- */

/* How often each n-gram of a pool stands in a row, with up to max_skip_count numbers between its neighbours. */
void fire_lift_tf_idf(fire_import *b, fire_lift *n) {
    const fire_onnx_attr *starts = fire_lift_attr(n, "ngram_counts"), *column = fire_lift_attr(n, "ngram_indexes"), *pool = fire_lift_attr(n, "pool_int64s"), *weight = fire_lift_attr(n, "weights");
    const int64_t least = fire_lift_int(n, "min_gram_length", 1), most = fire_lift_int(n, "max_gram_length", 1), skips = fire_lift_int(n, "max_skip_count", 0);
    if (!pool || !starts || !column) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "wants a pool of whole numbers"); return; }
    const fire_tensor *t = fire_import_numbers(b, n->in[0]);
    if (!t) return;
    const fire_tensor x = *t;
    int64_t width = 0, cost;
    for (int64_t i = 0; i < column->n_ints; i++)
        if (column->ints[i] >= width) width = column->ints[i] < INT64_MAX ? column->ints[i] + 1 : -1;
    const int64_t rows = x.shape.rank == 2 ? x.shape.dim[0] : 1, length = x.shape.rank ? x.shape.dim[x.shape.rank - 1] : 1;
    bool fits = x.shape.rank <= 2 && width > 0 && least >= 1 && most >= least && skips >= 0 && skips < 1 << 20 && (!weight || weight->n_floats >= width);
    for (int64_t i = 0; i < column->n_ints && fits; i++) fits = column->ints[i] >= 0;
    for (int64_t k = 0; k < starts->n_ints && fits; k++) fits = starts->ints[k] >= 0 && starts->ints[k] <= (k + 1 < starts->n_ints ? starts->ints[k + 1] : pool->n_ints);
    fits = fits && fire_mul(rows, length, &cost) && fire_mul(cost, skips + 1, &cost) && fire_mul(cost, pool->n_ints, &cost);
    if (!fits || cost > b->work_left) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "the n-grams do not fit, or are too many"); return; }
    b->work_left -= cost;
    fire_tensor y = fire_lift_room(b, FIRE_F32, x.shape.rank == 2 ? (fire_shape){2, {rows, width}} : (fire_shape){1, {width}});
    if (!y.data) return;
    float *count = y.data;
    memset(count, 0, (size_t)(rows * width) * sizeof *count);
    int64_t id = 0; /* of the n-gram in the pool */
    for (int64_t k = 0; k < starts->n_ints; k++) {
        const int64_t size = k + 1, end = k + 1 < starts->n_ints ? starts->ints[k + 1] : pool->n_ints;
        for (int64_t at = starts->ints[k]; at + size <= end; at += size, id++) {
            if (size < least || size > most || id >= column->n_ints) continue;
            for (int64_t r = 0; r < rows; r++)
                for (int64_t by = 1; by <= (size == 1 ? 1 : skips + 1); by++)
                    for (int64_t from = 0; from + by * (size - 1) < length; from++) {
                        bool same = true;
                        for (int64_t i = 0; i < size && same; i++) same = fire_whole(fire_get(&x, r * length + from + i * by)) == pool->ints[at + i];
                        count[r * width + column->ints[id]] += same;
                    }
        }
    }
    const bool idf = fire_lift_text(n, "mode", "IDF"), both = fire_lift_text(n, "mode", "TFIDF");
    for (int64_t i = 0; i < rows * width && (idf || both); i++) {
        if (idf && count[i] > 0) count[i] = 1;
        if (weight) count[i] *= weight->floats[i % width];
    }
    n->out[0] = fire_lift_made(b, &y);
}
