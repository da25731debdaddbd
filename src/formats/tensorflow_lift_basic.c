/* tensorflow_lift_basic.c - constants, what passes values on, matrix products and biases. */
#include "formats/tensorflow_lift.h"

void fire_tf_const(fire_import *b, fire_lift *n) {
    const fire_onnx_attr *a = fire_lift_attr(n, "value");
    if (!a || a->type != FIRE_IS_TENSOR) { fire_import_fail(b, FIRE_E_CORRUPT, "has no tensor 'value'"); return; }
    n->out[0] = fire_import_tensor(b, &a->tensor, "its value");
}

/* Values go on as they are: lists and variables are known by theirs. */
void fire_tf_identity(fire_import *b, fire_lift *n) {
    if (n->n_in < 1) { fire_import_fail(b, FIRE_E_CORRUPT, "has no input"); return; }
    for (int64_t k = 0; k < n->n_in && k < n->n_out; k++) n->out[k] = n->in[k];
}

void fire_tf_binary(fire_import *b, fire_lift *n) {
    if (n->n_in != 2) { fire_import_fail(b, FIRE_E_CORRUPT, "has %lld inputs, expected 2", (long long)n->n_in); return; }
    n->out[0] = fire_import_two(b, "Add", n->in[0], n->in[1]);
}

static fire_value transposed(fire_import *b, fire_value x, bool wanted) {
    int perm[FIRE_MAX_RANK], rank = b->g->first.status ? 0 : fire_shape_of(b->g, x).rank;
    if (!wanted || rank < 2) return x;
    for (int d = 0; d < rank; d++) perm[d] = d;
    perm[rank - 1] = rank - 2, perm[rank - 2] = rank - 1;
    return fire_import_permute(b, x, perm);
}

void fire_tf_matmul(fire_import *b, fire_lift *n) {
    if (n->n_in != 2) { fire_import_fail(b, FIRE_E_CORRUPT, "has %lld inputs, expected 2", (long long)n->n_in); return; }
    fire_value x = transposed(b, n->in[0], fire_lift_int(n, "transpose_a", 0) || fire_lift_int(n, "adj_x", 0));
    fire_value y = transposed(b, n->in[1], fire_lift_int(n, "transpose_b", 0) || fire_lift_int(n, "adj_y", 0));
    n->out[0] = fire_import_two(b, "MatMul", x, y);
}

void fire_tf_bias_add(fire_import *b, fire_lift *n) {
    if (n->n_in != 2) { fire_import_fail(b, FIRE_E_CORRUPT, "has %lld inputs, expected 2", (long long)n->n_in); return; }
    if (b->g->first.status) return;
    fire_value bias = n->in[1];
    const int rank = fire_shape_of(b->g, n->in[0]).rank;
    if (fire_lift_text(n, "data_format", "NCHW") && rank > 2) { /* channels stand second: [c] becomes [c, 1, 1] */
        fire_shape s = {.rank = rank - 1};
        s.dim[0] = fire_shape_of(b->g, bias).dim[0];
        for (int d = 1; d < rank - 1; d++) s.dim[d] = 1;
        bias = fire_import_reshape(b, bias, s);
    }
    n->out[0] = fire_import_two(b, "Add", n->in[0], bias);
}
