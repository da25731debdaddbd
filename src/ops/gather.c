/* gather - pieces of `data` along an axis, chosen by indices; negative ones count from the end.
**
** y is data's shape with the axis replaced by the shape of the indices. A run cannot fail, so an index out of range gives zeros;
** where indices come from data they are checked on the way in.
*/
#include "op.h"

typedef struct { int64_t axis; } gather_attrs;
static const fire_attr attrs_of_gather[] = {
    {"axis", FIRE_ATTR_INT, offsetof(gather_attrs, axis), 0, -FIRE_MAX_RANK, FIRE_MAX_RANK - 1, .help = "dimension of data that is indexed"},
    {0},
};

static fire_status gather_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    int axis;
    const fire_shape *x = &in[0].shape, *index = &in[1].shape;
    fire_status s = fire_want_index(&in[1], "indices", err);
    if (!s) s = fire_axis(((const gather_attrs *)attrs)->axis, x->rank, &axis, err);
    if (s) return s;
    if (x->rank - 1 + index->rank > FIRE_MAX_RANK) return fire_fail(err, FIRE_E_UNSUPPORTED, "more than %d dimensions would come out", FIRE_MAX_RANK);
    fire_shape *y = &out[0].shape;
    for (int d = 0; d < axis; d++) y->dim[y->rank++] = x->dim[d];
    for (int d = 0; d < index->rank; d++) y->dim[y->rank++] = index->dim[d];
    for (int d = axis + 1; d < x->rank; d++) y->dim[y->rank++] = x->dim[d];
    out[0].type = in[0].type;
    return FIRE_OK;
}

typedef struct { int64_t outer, size, inner, picks; } sizes;
static sizes sizes_of(const void *attrs, const fire_shape *x, const fire_shape *index) {
    sizes s = {1, 1, 1, fire_count(index)};
    int axis = 0;
    (void)fire_axis(((const gather_attrs *)attrs)->axis, x->rank, &axis, NULL);
    for (int d = 0; d < axis; d++) s.outer *= x->dim[d];
    s.size = x->dim[axis];
    for (int d = axis + 1; d < x->rank; d++) s.inner *= x->dim[d];
    return s;
}
/* The k-th index, from 0, or -1 when it is out of range. */
static int64_t pick(const fire_tensor *index, int64_t k, int64_t size) {
    int64_t i = index->type == FIRE_I64 ? ((const int64_t *)index->data)[k] : ((const int32_t *)index->data)[k];
    if (i < 0) i += size;
    return i >= 0 && i < size ? i : -1;
}

static void gather_run(const fire_call *call) {
    sizes s = sizes_of(call->attrs, &call->in[0].shape, &call->in[1].shape);
    int64_t bytes = s.inner * (int64_t)fire_type_size(call->in[0].type);
    char *y = call->out[0].data;
    for (int64_t o = 0; o < s.outer && bytes > 0; o++)
        for (int64_t k = 0; k < s.picks; k++, y += bytes) {
            int64_t i = pick(&call->in[1], k, s.size);
            if (i < 0) memset(y, 0, (size_t)bytes);
            else memcpy(y, (const char *)call->in[0].data + (o * s.size + i) * bytes, (size_t)bytes);
        }
}

static void gather_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    char text[FIRE_ATTRS_TEXT];
    dx[0] = fire_apply(g, "GatherGrad", 3, FIRE_IN(dy[0], n->in[1], n->in[0]), fire_node_attrs(n, text));
}

const fire_op fire_op_gather = {
    .name = "Gather", .help = "pieces along an axis, chosen by indices",
    .min_in = 2, .max_in = 2, .n_out = 1, .attrs = attrs_of_gather, .attr_size = sizeof(gather_attrs),
    .infer = gather_infer, .run = gather_run, .grad = gather_grad,
    .examples = {"[5,3] i64[4]<5", "[5,3] i32[2,3]<5", "[4,5] i64[2]{-1,0} axis=1", "[4,5] i64[]{2} axis=1", "[2,3,4] i64[3]<4 axis=-1", "i64[5] i64[3]<5"},
};

/* GatherGrad: dy added up where Gather took it from. Inputs are dy, the indices and data, of which only the shape matters. */
static fire_status gather_grad_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    fire_tensor want = {0};
    fire_status s = fire_want_float(&in[0], "input", err);
    if (!s) s = gather_infer(attrs, 2, (const fire_tensor[]){in[2], in[1]}, &want, err);
    if (s) return s;
    if (!fire_same_shape(&want.shape, &in[0].shape)) {
        char a[FIRE_SHAPE_TEXT], b[FIRE_SHAPE_TEXT];
        return fire_fail(err, FIRE_E_SHAPE, "gradient %s, expected %s", fire_shape_text(&in[0].shape, a), fire_shape_text(&want.shape, b));
    }
    out[0].type = in[0].type;
    out[0].shape = in[2].shape;
    return FIRE_OK;
}

static size_t gather_grad_scratch(const fire_call *call) { return (size_t)fire_count(&call->out[0].shape) * sizeof(double); }

static void gather_grad_run(const fire_call *call) {
    sizes s = sizes_of(call->attrs, &call->out[0].shape, &call->in[1].shape);
    double *sum = call->scratch;
    int64_t count = s.outer * s.size * s.inner, e = 0;
    for (int64_t i = 0; i < count; i++) sum[i] = 0;
    for (int64_t o = 0; o < s.outer && count; o++)
        for (int64_t k = 0; k < s.picks; k++) {
            int64_t i = pick(&call->in[1], k, s.size);
            for (int64_t j = 0; j < s.inner; j++, e++)
                if (i >= 0) sum[(o * s.size + i) * s.inner + j] += fire_get(&call->in[0], e);
        }
    for (int64_t i = 0; i < count; i++) fire_put(&call->out[0], i, sum[i]);
}

const fire_op fire_op_gather_grad = {
    .name = "GatherGrad", .domain = FIRE_DOMAIN, .help = "gradient of Gather: dy added up where it was taken from",
    .min_in = 3, .max_in = 3, .n_out = 1, .shape_only = 4, .attrs = attrs_of_gather, .attr_size = sizeof(gather_attrs),
    .infer = gather_grad_infer, .run = gather_grad_run, .scratch = gather_grad_scratch,
    .examples = {"[4,3] i64[4]<5 [5,3]", "[4,2] i64[2]{-1,0} [4,5] axis=1", "[2,3,3] i32[2,3]<5 [5,3]"},
};
