/* gather_nd - pieces of `data`: the last dimension of the indices holds a place in its dimensions behind the first batch_dims ones, from the
** left; what is left of them is the piece. A place out of range gives zeros.
*/
#include "op.h"
#include <string.h>

typedef struct { int64_t batch; } gather_attrs;
static const fire_attr attrs_of_gather[] = {
    {"batch_dims", FIRE_ATTR_INT, offsetof(gather_attrs, batch), 0, 0, FIRE_MAX_RANK - 1, .help = "leading dimensions that data and indices share"},
    {0},
};

static fire_status gather_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    const int64_t batch = ((const gather_attrs *)attrs)->batch;
    const fire_shape *x = &in[0].shape, *index = &in[1].shape;
    char a[FIRE_SHAPE_TEXT], b[FIRE_SHAPE_TEXT];
    fire_status s = fire_want_index(&in[1], "indices", err);
    if (s) return s;
    int64_t depth = index->rank ? index->dim[index->rank - 1] : 0;
    bool fits = index->rank > batch && x->rank > batch && depth >= 1 && depth <= x->rank - batch;
    for (int d = 0; d < batch && fits; d++) fits = x->dim[d] == index->dim[d];
    if (!fits) return fire_fail(err, FIRE_E_SHAPE, "indices %s do not fit data %s", fire_shape_text(index, a), fire_shape_text(x, b));
    if (index->rank - 1 + x->rank - batch - depth > FIRE_MAX_RANK) return fire_fail(err, FIRE_E_UNSUPPORTED, "more than %d dimensions would come out", FIRE_MAX_RANK);
    fire_shape *y = &out[0].shape;
    for (int d = 0; d < index->rank - 1; d++) y->dim[y->rank++] = index->dim[d];
    for (int64_t d = batch + depth; d < x->rank; d++) y->dim[y->rank++] = x->dim[d];
    out[0].type = in[0].type;
    return FIRE_OK;
}

static void gather_run(const fire_call *call) {
    const fire_tensor *x = &call->in[0], *index = &call->in[1], *y = &call->out[0];
    const int64_t batch = ((const gather_attrs *)call->attrs)->batch, depth = index->shape.dim[index->shape.rank - 1];
    int64_t picks = 1, blocks = 1, piece = (int64_t)fire_type_size(x->type), room = 1;
    for (int64_t d = batch; d < index->shape.rank - 1; d++) picks *= index->shape.dim[d];
    for (int64_t d = 0; d < batch; d++) blocks *= x->shape.dim[d];
    for (int64_t d = batch + depth; d < x->shape.rank; d++) piece *= x->shape.dim[d];
    for (int64_t d = batch; d < batch + depth; d++) room *= x->shape.dim[d];
    for (int64_t k = 0; k < blocks * picks && piece > 0; k++) {
        int64_t from = 0;
        bool inside = true;
        for (int64_t d = 0; d < depth; d++) {
            int64_t size = x->shape.dim[batch + d], i = fire_whole(fire_get(index, k * depth + d));
            if (i < 0) i += size;
            inside &= i >= 0 && i < size;
            from = from * size + (inside ? i : 0);
        }
        char *to = (char *)y->data + k * piece;
        if (inside) memcpy(to, (char *)x->data + (k / picks * room + from) * piece, (size_t)piece);
        else memset(to, 0, (size_t)piece);
    }
}

const fire_op fire_op_gather_nd = {
    .name = "GatherND", .help = "pieces of a tensor by places in its first dimensions",
    .min_in = 2, .max_in = 2, .n_out = 1, .attrs = attrs_of_gather, .attr_size = sizeof(gather_attrs), .infer = gather_infer, .run = gather_run,
    .examples = {"[2,3] i64[4,2]<2", "[3,4] i64[5,1]<3", "[2,3,4] i64[2,2,1]<3 batch_dims=1", "i32[4] i64[1]<4", "[2,3,2] i64[2,1]<2"},
};
