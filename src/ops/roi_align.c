/* roi_align - boxes of a picture, each resampled to the same size: x [n, c, h, w], boxes [k, 4] of x1, y1, x2, y2, which picture each is of [k];
** y [k, c, output_height, output_width]. A cell takes the average, or the largest, of a few places in it, read bilinearly (He and others, Mask R-CNN, 2017).
*/
#include "op.h"
#include <math.h>

typedef struct {
    int64_t height, width, ratio;
    double scale;
    fire_attr_text transform, mode;
} roi_attrs;
static const fire_attr attrs_of_roi[] = {
    {"coordinate_transformation_mode", FIRE_ATTR_TEXT, offsetof(roi_attrs, transform), .text = "half_pixel", .choices = "half_pixel|output_half_pixel", .help = "half_pixel: centres of pixels lie at halves"},
    {"mode", FIRE_ATTR_TEXT, offsetof(roi_attrs, mode), .text = "avg", .choices = "avg|max", .help = "average or largest of the places of a cell"},
    {"output_height", FIRE_ATTR_INT, offsetof(roi_attrs, height), 1, 1, 1 << 20, .help = "rows of the output"},
    {"output_width", FIRE_ATTR_INT, offsetof(roi_attrs, width), 1, 1, 1 << 20, .help = "columns of the output"},
    {"sampling_ratio", FIRE_ATTR_INT, offsetof(roi_attrs, ratio), 0, 0, 1 << 10, .help = "places of a cell along an axis; 0: as many as it has pixels"},
    {"spatial_scale", FIRE_ATTR_FLOAT, offsetof(roi_attrs, scale), 1, 0, 0, .help = "boxes are multiplied by this first"},
    {0},
};

static fire_status roi_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    const roi_attrs *t = attrs;
    const fire_shape *x = &in[0].shape, *box = &in[1].shape, *of = &in[2].shape;
    char a[FIRE_SHAPE_TEXT], b[FIRE_SHAPE_TEXT], c[FIRE_SHAPE_TEXT];
    fire_status s = fire_want_float(&in[0], "input", err);
    if (!s) s = fire_want_float(&in[1], "boxes", err);
    if (!s) s = fire_want_index(&in[2], "batch_indices", err);
    if (s) return s;
    if (x->rank != 4 || box->rank != 2 || box->dim[1] != 4 || of->rank != 1 || of->dim[0] != box->dim[0] || x->dim[2] < 1 || x->dim[3] < 1)
        return fire_fail(err, FIRE_E_SHAPE, "input %s, boxes %s, batch_indices %s, expected [n, c, h, w], [k, 4], [k]", fire_shape_text(x, a), fire_shape_text(box, b), fire_shape_text(of, c));
    out[0].type = in[0].type;
    out[0].shape = (fire_shape){4, {box->dim[0], x->dim[1], t->height, t->width}};
    return FIRE_OK;
}

/* Along an axis: cell i of `cells` has `n` places, the k-th at start + (i + (k + 0.5) / n) * cell. Those outside of [-1, size] are zeros. */
typedef struct { double start, cell; int64_t n, size; } ruler;

static ruler rule(const roi_attrs *t, double from, double to, int64_t cells, int64_t size) {
    bool half = t->transform[0] == 'h';
    double shift = half ? 0.5 : 0, start = from * t->scale - shift, length = to * t->scale - shift - start;
    if (!half && !(length >= 1)) length = 1;
    ruler r = {start, length / (double)cells, t->ratio, size};
    if (!t->ratio) r.n = fire_whole(fmin(fmax(ceil(r.cell), 0), 1e12));
    if (!(fabs(start) < 1e300 && fabs(r.cell) < 1e300)) r.n = 0; /* a box without end has no places */
    return r;
}

/* Places k of cell i that may lie inside: [*first, *end). */
static void range_of(const ruler *r, int64_t i, int64_t *first, int64_t *end) {
    double step = r->cell / (double)(r->n ? r->n : 1), base = r->start + (double)i * r->cell;
    *first = 0, *end = r->n;
    if (!(step > 0) || r->n < 64) return;
    double low = floor((-1 - base) / step) - 1, high = ceil(((double)r->size - base) / step) + 1;
    if (low > 0) *first = low < (double)r->n ? (int64_t)low : r->n;
    if (high < (double)r->n) *end = high > 0 ? (int64_t)high : 0;
    if (*end < *first) *end = *first;
}

/* Two neighbours of place k and the weight of the second; false: outside. */
static bool place_at(const ruler *r, int64_t i, int64_t k, int64_t at[2], double *f) {
    double p = r->start + (double)i * r->cell + ((double)k + 0.5) * r->cell / (double)r->n;
    if (!(p >= -1 && p <= (double)r->size)) return false;
    if (p < 0) p = 0;
    at[0] = (int64_t)p;
    if (at[0] >= r->size - 1) return at[0] = at[1] = r->size - 1, *f = 0, true;
    at[1] = at[0] + 1;
    *f = p - (double)at[0];
    return true;
}

static void roi_run(const fire_call *call) {
    const roi_attrs *t = call->attrs;
    const fire_tensor *x = &call->in[0], *box = &call->in[1], *y = &call->out[0];
    const int64_t c = x->shape.dim[1], h = x->shape.dim[2], w = x->shape.dim[3];
    const bool largest = t->mode[0] == 'm';
    for (int64_t b = 0, e = 0; b < box->shape.dim[0]; b++) {
        const ruler across = rule(t, fire_get(box, 4 * b), fire_get(box, 4 * b + 2), t->width, w), down = rule(t, fire_get(box, 4 * b + 1), fire_get(box, 4 * b + 3), t->height, h);
        const int64_t picture = fire_whole(fire_get(&call->in[2], b));
        const double count = fmax((double)across.n * (double)down.n, 1);
        for (int64_t ch = 0; ch < c; ch++)
            for (int64_t i = 0; i < t->height; i++)
                for (int64_t j = 0; j < t->width; j++, e++) {
                    double sum = 0, top = 0;
                    int64_t seen = 0, base = (picture * c + ch) * h, r[2], q[2], from[2], to[2];
                    range_of(&down, i, &from[0], &to[0]);
                    range_of(&across, j, &from[1], &to[1]);
                    for (int64_t k = from[0]; k < to[0] && picture >= 0 && picture < x->shape.dim[0]; k++)
                        for (int64_t l = from[1]; l < to[1]; l++) {
                            double f, g;
                            if (!place_at(&down, i, k, r, &f) || !place_at(&across, j, l, q, &g)) continue;
                            double part[4] = {(1 - f) * (1 - g) * fire_get(x, (base + r[0]) * w + q[0]), (1 - f) * g * fire_get(x, (base + r[0]) * w + q[1]),
                                              f * (1 - g) * fire_get(x, (base + r[1]) * w + q[0]), f * g * fire_get(x, (base + r[1]) * w + q[1])};
                            double best = fmax(fmax(part[0], part[1]), fmax(part[2], part[3]));
                            sum += part[0] + part[1] + part[2] + part[3];
                            if (!seen++ || best > top) top = best;
                        }
                    if (largest && (double)seen < (double)across.n * (double)down.n && (top < 0 || !seen)) top = 0; /* those outside */
                    fire_put(y, e, largest ? top : sum / count);
                }
    }
}

const fire_op fire_op_roi_align = {
    .name = "RoiAlign", .help = "boxes of pictures resampled to one size",
    .min_in = 3, .max_in = 3, .n_out = 1, .attrs = attrs_of_roi, .attr_size = sizeof(roi_attrs), .infer = roi_infer, .run = roi_run,
    .examples = {"[2,3,6,7] f32[3,4]{0,0,5,5,1,2,6.5,4,-1,0.5,2,8} i64[3]<2 output_height=2 output_width=3", "[1,2,8,8] f32[2,4]{0,0,15,15,3,4,12,9} i64[2]{0,0} output_height=3 output_width=2 sampling_ratio=2 spatial_scale=0.5",
                 "[2,1,5,5] f32[2,4]{0,0,4,4,1,1,2,3} i64[2]<2 mode=max coordinate_transformation_mode=output_half_pixel output_width=2", "[2,1,5,5] [2,4] i64[2]<2"},
};
