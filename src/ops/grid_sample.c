/* grid_sample - a tensor [n, c, d...] read at places that a second one, [n, e..., rank], gives: y is [n, c, e...].
**
** A place has the last dimension first; -1 and 1 are the edges of the data (align_corners=0) or the centres of its outermost elements (1).
*/
#include "op.h"
#include <math.h>

#define MOST 3 /* spatial dimensions */
typedef struct {
    int64_t align;
    fire_attr_text mode, padding;
} grid_attrs;
static const fire_attr attrs_of_grid[] = {
    {"align_corners", FIRE_ATTR_INT, offsetof(grid_attrs, align), 0, 0, 1, .help = "1: -1 and 1 are the centres of the outermost elements, 0: the edges"},
    {"mode", FIRE_ATTR_TEXT, offsetof(grid_attrs, mode), .text = "linear", .choices = "linear|nearest|cubic|bilinear|bicubic", .help = "neighbours that count"},
    {"padding_mode", FIRE_ATTR_TEXT, offsetof(grid_attrs, padding), .text = "zeros", .choices = "zeros|border|reflection", .help = "what stands outside"},
    {0},
};

static fire_status grid_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    const fire_shape *x = &in[0].shape, *at = &in[1].shape;
    char a[FIRE_SHAPE_TEXT], b[FIRE_SHAPE_TEXT];
    fire_status s = fire_want_float(&in[0], "input", err);
    if (!s) s = fire_want_float(&in[1], "grid", err);
    if (s) return s;
    int rank = x->rank - 2;
    bool fits = rank >= 1 && rank <= MOST && at->rank == x->rank && at->dim[rank + 1] == rank && at->dim[0] == x->dim[0];
    for (int d = 1; d <= rank && fits; d++) fits = x->dim[d + 1] >= 1;
    if (!fits) return fire_fail(err, FIRE_E_SHAPE, "input %s and grid %s, expected [n, c, d...] and [n, e..., 1 to %d]", fire_shape_text(x, a), fire_shape_text(at, b), MOST);
    out[0].type = in[0].type;
    out[0].shape = (fire_shape){x->rank, {x->dim[0], x->dim[1]}};
    for (int d = 0; d < rank; d++) out[0].shape.dim[d + 2] = at->dim[d + 1];
    return FIRE_OK;
}

typedef struct { const grid_attrs *t; const fire_tensor *x; int rank; int64_t size[MOST]; double place[MOST]; } reader;

/* v mirrored at low and high until it lies between them. */
static double mirror(double v, double low, double high) {
    double width = high - low, over = v < low ? low - v : v > high ? v - high : 0;
    if (over == 0) return v;
    if (!(width > 0) || !(over < 1e15)) return low;
    double times = floor(over / width), rest = over - times * width;
    bool odd = fmod(times, 2) != 0;
    return (v < low) != odd ? low + rest : high - rest;
}
static double low_of(const reader *r) { return r->t->align ? 0 : -0.5; }
static double high_of(const reader *r, int d) { return (double)r->size[d] - (r->t->align ? 1 : 0.5); }

/* Index p of dimension d after padding; -1: a zero. */
static int64_t inside(const reader *r, int d, double p) {
    double last = (double)(r->size[d] - 1);
    if (r->t->padding[0] == 'z') return p >= 0 && p <= last ? (int64_t)p : -1;
    if (r->t->padding[0] == 'r') p = trunc(mirror(p, low_of(r), high_of(r, d)));
    return (int64_t)(p > 0 ? p < last ? p : last : 0);
}

static double read_at(const reader *r, int d, int64_t offset) {
    if (d == r->rank) return fire_get(r->x, offset);
    double p = r->place[d], first = floor(p), f = p - first, weight[4] = {1, 0, 0, 0}, sum = 0;
    int n = 1;
    if (r->t->mode[0] == 'n') first = p;
    else if (strstr(r->t->mode, "cubic")) {
        for (int k = 0; k < 4; k++) {
            double u = fabs(f + 1 - k), a = -0.75; /* Keys' cubic */
            weight[k] = u <= 1 ? ((a + 2) * u - (a + 3)) * u * u + 1 : (((u - 5) * u + 8) * u - 4) * a;
        }
        first -= 1, n = 4;
    } else weight[0] = 1 - f, weight[1] = f, n = 2;
    for (int k = 0; k < n; k++) {
        int64_t i = weight[k] != 0 ? inside(r, d, first + k) : -1;
        if (i >= 0) sum += weight[k] * read_at(r, d + 1, offset * r->size[d] + i);
    }
    return sum;
}

static void grid_run(const fire_call *call) {
    const fire_tensor *x = &call->in[0], *at = &call->in[1], *y = &call->out[0];
    reader r = {.t = call->attrs, .x = x, .rank = x->shape.rank - 2};
    int64_t places = 1, channels = x->shape.dim[1];
    for (int d = 0; d < r.rank; d++) r.size[d] = x->shape.dim[d + 2], places *= at->shape.dim[d + 1];
    for (int64_t n = 0; n < x->shape.dim[0]; n++)
        for (int64_t p = 0; p < places; p++) {
            for (int d = 0; d < r.rank; d++) {
                double v = fire_get(at, (n * places + p) * r.rank + r.rank - 1 - d), size = (double)r.size[d];
                v = r.t->align ? (v + 1) / 2 * (size - 1) : ((v + 1) * size - 1) / 2;
                if (!(fabs(v) < 1e15)) v = v > 0 ? 1e15 : -1e15; /* NaN, too, is far outside */
                if (r.t->mode[0] == 'n') v = rint(v);
                if (v < low_of(&r) || v > high_of(&r, d)) {
                    if (r.t->padding[0] == 'b') v = v < 0 ? 0 : size - 1;
                    else if (r.t->padding[0] == 'r') v = mirror(v, low_of(&r), high_of(&r, d));
                }
                r.place[d] = v;
            }
            for (int64_t c = 0; c < channels; c++) fire_put(y, (n * channels + c) * places + p, read_at(&r, 0, n * channels + c));
        }
}

static int64_t grid_flops(const fire_call *call) {
    int64_t taps = strstr(((const grid_attrs *)call->attrs)->mode, "cubic") ? 64 : 8, n = fire_count(&call->out[0].shape);
    return fire_mul(n, 2 * taps, &n) ? n : INT64_MAX;
}

const fire_op fire_op_grid_sample = {
    .name = "GridSample", .help = "a tensor read at given places, between its elements",
    .min_in = 2, .max_in = 2, .n_out = 1, .attrs = attrs_of_grid, .attr_size = sizeof(grid_attrs), .infer = grid_infer, .run = grid_run, .flops = grid_flops,
    .examples = {"[2,3,4,5] [2,2,3,2]", "[2,1,3,3] [2,4,4,2] align_corners=1 padding_mode=border", "[1,2,4,4] [1,3,2,2] mode=cubic padding_mode=reflection", "[2,2,3,4,2] [2,2,2,2,3] mode=nearest",
                 "[2,2,5] [2,4,1] padding_mode=reflection align_corners=1", "[1,1,1,1] [1,2,2,2] padding_mode=reflection align_corners=1", "[1,2,3,3] [1,2,2,2] mode=bicubic align_corners=1"},
};
