/* tensorflow_lift_basic.c - constants, what passes values on, matrix products and biases. */
#include "formats/tensorflow_help.h"

void fire_tf_const(fire_import *b, fire_lift *n) {
    const fire_onnx_attr *a = fire_lift_attr(n, "value");
    if (!a || a->type != FIRE_IS_TENSOR) { fire_import_fail(b, FIRE_E_CORRUPT, "has no tensor 'value'"); return; }
    n->out[0] = fire_import_tensor(b, &a->tensor, "its value");
    if (!b->layers || b->layers->loops || fire_tensorflow_has_variables(b->scope->m) || b->g->first.status) return;
    char name[256];
    const fire_span own = n->node->name;
    n->out[0] = fire_import_weight(b, fire_escape(name, sizeof name, (const char *)own.bytes, own.size < 200 ? own.size : 200), n->out[0]);
    if (fire_tf_is_statistic(own)) fire_import_fix(b, n->out[0]);
}

bool fire_tf_ends(fire_span name, const char *end) {
    const size_t n = strlen(end);
    return name.size >= n && !memcmp(name.bytes + name.size - n, end, n);
}

/* What Keras and TensorFlow call the running moments of a batch normalization: no frozen graph says what was trained. */
bool fire_tf_is_statistic(fire_span name) {
    size_t digits = 0; /* "_1" of a name that was taken */
    while (digits < name.size && name.bytes[name.size - 1 - digits] >= '0' && name.bytes[name.size - 1 - digits] <= '9') digits++;
    if (digits && digits < name.size && name.bytes[name.size - 1 - digits] == '_') name.size -= digits + 1;
    return fire_tf_ends(name, "moving_mean") || fire_tf_ends(name, "moving_variance") || fire_tf_ends(name, "moving_mean/read") || fire_tf_ends(name, "moving_variance/read");
}

/* Values go on as they are: lists and variables are known by theirs. */
void fire_tf_identity(fire_import *b, fire_lift *n) {
    if (n->n_in < 1) { fire_import_fail(b, FIRE_E_CORRUPT, "has no input"); return; }
    for (int64_t k = 0; k < n->n_in && k < n->n_out; k++) n->out[k] = n->in[k];
}

void fire_tf_matmul(fire_import *b, fire_lift *n) {
    if (n->n_in != 2) { fire_import_fail(b, FIRE_E_CORRUPT, "has %lld inputs, expected 2", (long long)n->n_in); return; }
    fire_value x = n->in[0], y = n->in[1];
    if (fire_lift_int(n, "transpose_a", 0) || fire_lift_int(n, "adj_x", 0)) x = fire_tf_turned(b, x);
    if (fire_lift_int(n, "transpose_b", 0) || fire_lift_int(n, "adj_y", 0)) y = fire_tf_turned(b, y);
    n->out[0] = fire_tf_matmul_of(b, x, y);
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
