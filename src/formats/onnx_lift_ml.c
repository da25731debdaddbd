/* onnx_lift_ml.c - ONNX's domain ai.onnx.ml: linear models, encoders, scalers, TreeEnsemble. Older forests: onnx_lift_trees.c. */
#include "formats/onnx_lift.h"
#include <stdio.h>

/* Columns of x by number: [rows, picked]. */
void fire_lift_array_feature_extractor(fire_import *b, fire_lift *n) {
    fire_value x = n->in[0], at = fire_lift_in(n, 1);
    if (!x || !at || !fire_import_concrete(b, x) || !fire_import_concrete(b, at)) { fire_import_fail(b, FIRE_E_CORRUPT, "has less than two inputs"); return; }
    fire_shape s = fire_shape_of(b->g, x), k = fire_shape_of(b->g, at);
    if (s.rank < 1) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "wants a list or more"); return; }
    if (s.rank == 1) x = fire_import_unsqueeze(b, x, 0);
    n->out[0] = fire_import_apply(b, "Gather", 2, FIRE_IN(x, fire_import_reshape(b, at, (fire_shape){1, {fire_count(&k)}})), "axis=-1");
}

void fire_lift_binarizer(fire_import *b, fire_lift *n) {
    fire_value x = n->in[0];
    if (b->g->first.status) return;
    n->out[0] = fire_import_cast(b, fire_import_two(b, "Greater", x, fire_import_like(b, x, fire_lift_float(n, "threshold", 0))), fire_type_of(b->g, x));
}

/* (x - offset) * scale, one for all columns or one for each. */
void fire_lift_scaler(fire_import *b, fire_lift *n) {
    const char *names[2] = {"offset", "scale"};
    fire_value y = n->in[0];
    if (b->g->first.status) return;
    if (fire_type_of(b->g, y) != FIRE_F64) y = fire_import_cast(b, y, FIRE_F32);
    for (int i = 0; i < 2; i++) {
        const fire_onnx_attr *a = fire_lift_attr(n, names[i]);
        if (!a || b->g->first.status) continue;
        fire_value v = fire_import_cast(b, fire_graph_const(b->g, FIRE_F32, (fire_shape){1, {a->n_floats}}, a->floats), fire_type_of(b->g, y));
        y = fire_import_two(b, i ? "Mul" : "Sub", y, v);
    }
    n->out[0] = fire_import_cast(b, y, FIRE_F32);
}

/* Empty cells get a value: those that are NaN, or are replaced_value. */
void fire_lift_imputer(fire_import *b, fire_lift *n) {
    fire_value x = n->in[0];
    if (b->g->first.status) return;
    const fire_onnx_attr *floats = fire_lift_attr(n, "imputed_value_floats"), *ints = fire_lift_attr(n, "imputed_value_int64s"), *to_f = fire_lift_attr(n, "replaced_value_float"), *to_i = fire_lift_attr(n, "replaced_value_int64");
    const bool whole = ints && ints->n_ints;
    const int64_t count = whole ? ints->n_ints : floats ? floats->n_floats : 0;
    const fire_type type = fire_type_of(b->g, x);
    if (count < 1) { fire_import_fail(b, FIRE_E_CORRUPT, "has no imputed values"); return; }
    fire_value v = whole ? fire_graph_const(b->g, FIRE_I64, (fire_shape){1, {count}}, ints->ints) : fire_graph_const(b->g, FIRE_F32, (fire_shape){1, {count}}, floats->floats);
    if (count == 1) v = fire_import_reshape(b, v, (fire_shape){0});
    const double which = whole ? (to_i ? (double)to_i->number : 0) : to_f ? (double)to_f->value : 0;
    fire_value empty = which != which ? fire_import_one(b, "IsNaN", x) : fire_import_two(b, "Equal", x, fire_import_like(b, x, which));
    n->out[0] = fire_import_apply(b, "Where", 3, FIRE_IN(empty, fire_import_cast(b, v, type), x), " ");
}

/* Rows divided by their largest number, sum of sizes or length; rows of zeros stay. */
void fire_lift_normalizer(fire_import *b, fire_lift *n) {
    fire_value x = n->in[0];
    if (b->g->first.status) return;
    x = fire_import_cast(b, x, FIRE_F32);
    const bool one = fire_lift_text(n, "norm", "L1"), two = fire_lift_text(n, "norm", "L2");
    const int rank = fire_shape_of(b->g, x).rank;
    if (rank < 1) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "wants rows of numbers"); return; }
    fire_value by = fire_import_reduce(b, one ? "ReduceL1" : two ? "ReduceL2" : "ReduceMax", x, 1u << (rank - 1), true);
    fire_value none = fire_import_two(b, "Equal", by, fire_import_like(b, x, 0));
    n->out[0] = fire_import_two(b, "Div", x, fire_import_apply(b, "Where", 3, FIRE_IN(none, fire_import_like(b, x, 1), by), " "));
}

/* Columns side by side, as float32. */
void fire_lift_feature_vectorizer(fire_import *b, fire_lift *n) {
    if (n->n_in < 1) { fire_import_fail(b, FIRE_E_CORRUPT, "has no inputs"); return; }
    for (int64_t i = 0; i < n->n_in && !b->g->first.status; i++) {
        n->in[i] = fire_import_cast(b, n->in[i], FIRE_F32);
        if (!b->g->first.status && fire_shape_of(b->g, n->in[i]).rank != 2) n->in[i] = fire_import_apply(b, "Flatten", 1, &n->in[i], " ");
    }
    n->out[0] = fire_import_concat(b, n->in, n->n_in, 1);
}

/* The columns of its maps stay a tensor: scores by class, in the order of the classes. */
void fire_lift_zip_map(fire_import *b, fire_lift *n) { n->out[0] = fire_import_one(b, "Identity", n->in[0]); }

/* ---- linear models ---- */

fire_value fire_lift_post_transform(fire_import *b, const fire_lift *n, fire_value y) {
    const fire_onnx_attr *a = fire_lift_attr(n, "post_transform");
    char shown[40];
    if (!a || fire_span_is(a->text, "NONE") || b->g->first.status) return y;
    if (fire_span_is(a->text, "LOGISTIC")) return fire_import_one(b, "Sigmoid", y);
    if (fire_span_is(a->text, "SOFTMAX")) return fire_import_apply(b, "Softmax", 1, &y, "axis=-1");
    if (fire_span_is(a->text, "SOFTMAX_ZERO")) { /* what is 0 stays so and takes no share */
        fire_value none = fire_import_like(b, y, 0), zero = fire_import_one(b, "Not", fire_import_two(b, "Greater", fire_import_one(b, "Abs", y), fire_import_like(b, y, 1e-7)));
        fire_value e = fire_import_one(b, "Exp", fire_import_two(b, "Sub", y, fire_import_reduce(b, "ReduceMax", y, 2, true)));
        e = fire_import_apply(b, "Where", 3, FIRE_IN(zero, none, e), " ");
        fire_value sum = fire_import_reduce(b, "ReduceSum", e, 2, true);
        sum = fire_import_apply(b, "Where", 3, FIRE_IN(fire_import_two(b, "Equal", sum, none), fire_import_like(b, y, 1), sum), " ");
        return fire_import_two(b, "Div", e, sum);
    }
    fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "post_transform '%s' is not supported", fire_escape(shown, sizeof shown, (const char *)a->text.bytes, a->text.size));
    return 0;
}

static const fire_onnx_attr *labels_of(const fire_lift *n, bool texts) {
    const fire_onnx_attr *a = fire_lift_attr(n, "classlabels_strings"), *i = fire_lift_attr(n, "classlabels_int64s");
    return texts ? (a && a->n_texts ? a : NULL) : i ? i : fire_lift_attr(n, "classlabels_ints");
}
int64_t fire_lift_class_count(fire_import *b, const fire_lift *n) {
    const fire_onnx_attr *t = labels_of(n, true), *i = labels_of(n, false);
    const int64_t count = t ? t->n_texts : i ? i->n_ints : 0;
    if (count < 1) fire_import_fail(b, FIRE_E_CORRUPT, "has no class labels");
    return count;
}
fire_value fire_lift_class_labels(fire_import *b, const fire_lift *n, fire_value at) {
    const fire_onnx_attr *t = labels_of(n, true), *i = labels_of(n, false);
    if (b->g->first.status) return 0;
    fire_value of = t ? fire_import_texts(b, (fire_shape){1, {t->n_texts}}, t->texts) : fire_graph_const(b->g, FIRE_I64, (fire_shape){1, {i->n_ints}}, i->ints);
    fire_value y = fire_import_apply(b, "Gather", 2, FIRE_IN(of, at), " ");
    return t && !b->g->first.status ? fire_import_as(b, y, FIRE_TEXT) : y;
}

/* x [rows, columns] times the coefficients of `outputs` rows, and the intercepts. */
static fire_value linear(fire_import *b, fire_lift *n, int64_t outputs) {
    fire_value x = n->in[0];
    const fire_onnx_attr *c = fire_lift_attr(n, "coefficients"), *shift = fire_lift_attr(n, "intercepts");
    if (n->n_in != 1 || b->g->first.status) { fire_import_fail(b, FIRE_E_CORRUPT, "%lld inputs, expected 1", (long long)n->n_in); return 0; }
    if (fire_type_of(b->g, x) != FIRE_F64) x = fire_import_cast(b, x, FIRE_F32);
    if (b->g->first.status) return 0;
    const fire_type type = fire_type_of(b->g, x);
    if (fire_shape_of(b->g, x).rank == 1) x = fire_import_unsqueeze(b, x, 0);
    if (!c || c->n_floats < 1 || outputs < 1 || c->n_floats % outputs || (shift && shift->n_floats && shift->n_floats != outputs)) {
        fire_import_fail(b, FIRE_E_CORRUPT, "%lld coefficients and %lld intercepts for %lld outputs", (long long)(c ? c->n_floats : 0), (long long)(shift ? shift->n_floats : 0), (long long)outputs);
        return 0;
    }
    fire_value w = fire_graph_const(b->g, FIRE_F32, (fire_shape){2, {outputs, c->n_floats / outputs}}, c->floats);
    fire_value y = fire_import_two(b, "MatMul", x, fire_import_cast(b, fire_import_permute(b, w, (int[]){1, 0}), type));
    if (shift && shift->n_floats) y = fire_import_two(b, "Add", y, fire_import_cast(b, fire_graph_const(b->g, FIRE_F32, (fire_shape){1, {outputs}}, shift->floats), type));
    return fire_import_cast(b, y, FIRE_F32);
}

void fire_lift_linear_regressor(fire_import *b, fire_lift *n) { n->out[0] = fire_lift_post_transform(b, n, linear(b, n, fire_lift_int(n, "targets", 1))); }

/* Two classes may come with the coefficients of the second alone. */
void fire_lift_linear_classifier(fire_import *b, fire_lift *n) {
    const fire_onnx_attr *shift = fire_lift_attr(n, "intercepts");
    const int64_t classes = fire_lift_class_count(b, n), rows = shift && shift->n_floats ? shift->n_floats : classes;
    if (b->g->first.status) return;
    if (rows != classes && !(rows == 1 && classes == 2)) { fire_import_fail(b, FIRE_E_CORRUPT, "%lld intercepts for %lld classes", (long long)rows, (long long)classes); return; }
    fire_value y = linear(b, n, rows), best;
    if (b->g->first.status) return;
    if (rows == 1 && classes == 2) {
        best = fire_import_cast(b, fire_import_apply(b, "Squeeze", 2, FIRE_IN(fire_import_two(b, "Greater", y, fire_import_like(b, y, 0)), fire_import_ints(b, 1, &(int64_t){1})), " "), FIRE_I64);
        const bool logistic = fire_lift_text(n, "post_transform", "LOGISTIC"); /* other transforms are not done, as onnxruntime has it */
        y = fire_import_apply(b, "Concat", 2, FIRE_IN(logistic ? fire_import_one(b, "Neg", y) : fire_import_two(b, "Sub", fire_import_like(b, y, 1), y), y), "axis=1");
        if (logistic) y = fire_import_one(b, "Sigmoid", y);
    } else {
        best = fire_import_apply(b, "ArgMax", 1, &y, "axis=1 keepdims=0");
        y = fire_lift_post_transform(b, n, y);
    }
    n->out[0] = fire_lift_class_labels(b, n, best);
    n->out[1] = y;
}

/* ---- encoders ---- */

/* A column of texts, or numbers, that is compared or looked up: one or the other is set. */
typedef struct { const fire_span *text; fire_tensor number; int64_t n; } cells;

static bool same_text(fire_span a, fire_span b) { return a.size == b.size && (!a.size || !memcmp(a.bytes, b.bytes, a.size)); }
static bool same_cell(const cells *a, int64_t i, const cells *b, int64_t k) {
    if (a->text) return same_text(a->text[i], b->text[k]);
    const double x = fire_get(&a->number, i), y = fire_get(&b->number, k);
    return x == y || (x != x && y != y);
}
static bool is_text(fire_import *b, fire_value v) { return v > 0 && fire_import_type(b, v) == FIRE_TEXT; }
static bool cells_of(fire_import *b, fire_value v, cells *c, fire_shape *s) {
    *c = (cells){0};
    if (b->g->first.status) return false;
    if (is_text(b, v)) c->text = fire_import_text_get(b, v, s);
    else {
        const fire_tensor *t = fire_import_numbers(b, v);
        if (t) c->number = *t, *s = t->shape;
    }
    c->n = b->g->first.status ? 0 : fire_count(s);
    return !b->g->first.status && (c->text || c->number.type);
}
/* An attribute of keys, values or categories as a constant; 0: the node has none. */
static fire_value list_of(fire_import *b, const fire_onnx_attr *a) {
    if (!a || b->g->first.status) return 0;
    if (a->type == FIRE_IS_TENSOR) return fire_import_tensor(b, &a->tensor, "a list");
    if (a->n_texts) return fire_import_texts(b, (fire_shape){1, {a->n_texts}}, a->texts);
    if (a->n_ints) return fire_graph_const(b->g, FIRE_I64, (fire_shape){1, {a->n_ints}}, a->ints);
    if (a->n_floats) return fire_graph_const(b->g, FIRE_F32, (fire_shape){1, {a->n_floats}}, a->floats);
    return 0;
}
static fire_value any_of(fire_import *b, const fire_lift *n, const char *stem) {
    static const char *const kinds[] = {"strings", "int64s", "floats", "tensor"};
    char name[40];
    fire_value v = 0;
    for (int i = 0; i < 4 && !v && !b->g->first.status; i++) {
        snprintf(name, sizeof name, "%s_%s", stem, kinds[i]);
        v = list_of(b, fire_lift_attr(n, name));
    }
    return v;
}

/* The value at the place of each cell's key, or the default, which stands behind the last value. */
static void look_up(fire_import *b, fire_lift *n, fire_value x, fire_value keys, fire_value values) {
    cells from, key;
    fire_shape s, ks;
    if (!keys || !values) { fire_import_fail(b, FIRE_E_CORRUPT, "has no keys or no values"); return; }
    if (is_text(b, x) != is_text(b, keys)) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "its keys are %s, its input is not", is_text(b, keys) ? "texts" : "numbers"); return; }
    const bool text = is_text(b, values);
    if (!cells_of(b, x, &from, &s) || !cells_of(b, keys, &key, &ks)) return;
    const fire_shape vs = fire_shape_of(b->g, values);
    if (fire_count(&vs) != key.n) { fire_import_fail(b, FIRE_E_CORRUPT, "%lld keys for %lld values", (long long)key.n, (long long)fire_count(&vs)); return; }
    const fire_onnx_attr *given = fire_lift_attr(n, "default_tensor"), *words = fire_lift_attr(n, "default_string"), *whole = fire_lift_attr(n, "default_int64"), *part = fire_lift_attr(n, "default_float");
    fire_value otherwise;
    if (given) otherwise = fire_import_reshape(b, fire_import_tensor(b, &given->tensor, "default_tensor"), (fire_shape){1, {1}});
    else if (text) otherwise = fire_import_texts(b, (fire_shape){1, {1}}, &(fire_span){words ? words->text.bytes : (const uint8_t *)"_Unused", words ? words->text.size : 7});
    else {
        const double v = fire_type_of(b->g, values) == FIRE_I64 ? (whole ? (double)whole->number : -1) : part ? (double)part->value : -0.0;
        otherwise = fire_import_reshape(b, fire_import_like(b, values, v), (fire_shape){1, {1}});
    }
    if (text && given && !b->g->first.status) fire_import_as(b, otherwise, FIRE_TEXT);
    fire_value all = fire_import_apply(b, "Concat", 2, FIRE_IN(fire_import_reshape(b, values, (fire_shape){1, {key.n}}), otherwise), "axis=0");
    int64_t work;
    if (!fire_mul(from.n, key.n, &work) || work > b->work_left) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "%lld cells and %lld keys take too long", (long long)from.n, (long long)key.n); return; }
    b->work_left -= work;
    fire_tensor at = fire_lift_room(b, FIRE_I64, s);
    if (b->g->first.status) return;
    for (int64_t i = 0; i < from.n; i++) {
        int64_t k = 0;
        while (k < key.n && !same_cell(&from, i, &key, k)) k++;
        ((int64_t *)at.data)[i] = k;
    }
    n->out[0] = fire_import_apply(b, "Gather", 2, FIRE_IN(all, fire_lift_made(b, &at)), " ");
    if (text && !b->g->first.status) fire_import_as(b, n->out[0], FIRE_TEXT);
}

/* Labels by keys. Version 1 has a list of classes: texts become their places, places texts. */
void fire_lift_label_encoder(fire_import *b, fire_lift *n) {
    const fire_onnx_attr *classes = fire_lift_attr(n, "classes_strings");
    if (n->n_in != 1 || b->g->first.status) { fire_import_fail(b, FIRE_E_CORRUPT, "%lld inputs, expected 1", (long long)n->n_in); return; }
    if (!classes) { look_up(b, n, n->in[0], any_of(b, n, "keys"), any_of(b, n, "values")); return; }
    fire_tensor y = fire_lift_room(b, FIRE_I64, (fire_shape){1, {classes->n_texts}});
    if (!y.data) return;
    for (int64_t i = 0; i < classes->n_texts; i++) ((int64_t *)y.data)[i] = i;
    fire_value place = fire_lift_made(b, &y), texts = fire_import_texts(b, y.shape, classes->texts);
    if (is_text(b, n->in[0])) look_up(b, n, n->in[0], texts, place);
    else look_up(b, n, n->in[0], place, texts);
}
/* The same by cats_int64s and cats_strings. */
void fire_lift_category_mapper(fire_import *b, fire_lift *n) {
    fire_value whole = list_of(b, fire_lift_attr(n, "cats_int64s")), texts = list_of(b, fire_lift_attr(n, "cats_strings"));
    if (n->n_in != 1 || b->g->first.status) { fire_import_fail(b, FIRE_E_CORRUPT, "%lld inputs, expected 1", (long long)n->n_in); return; }
    if (is_text(b, n->in[0])) look_up(b, n, n->in[0], texts, whole);
    else look_up(b, n, n->in[0], whole, texts);
}

/* A one for each cell where its category stands, behind the last dimension. */
void fire_lift_one_hot_encoder(fire_import *b, fire_lift *n) {
    fire_value list = any_of(b, n, "cats");
    cells from, cat;
    fire_shape s, cs;
    int64_t work;
    if (n->n_in != 1 || b->g->first.status || !list) { fire_import_fail(b, FIRE_E_CORRUPT, "%lld inputs, expected 1, and categories", (long long)n->n_in); return; }
    if (is_text(b, n->in[0]) != is_text(b, list)) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "its categories are %s, its input is not", is_text(b, list) ? "texts" : "numbers"); return; }
    if (!cells_of(b, n->in[0], &from, &s) || !cells_of(b, list, &cat, &cs)) return;
    if (s.rank + 1 > FIRE_MAX_RANK || !fire_mul(from.n, cat.n, &work) || work > b->work_left) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "%lld cells and %lld categories do not fit", (long long)from.n, (long long)cat.n); return; }
    b->work_left -= work;
    fire_shape to = s;
    to.dim[to.rank++] = cat.n;
    fire_tensor y = fire_lift_room(b, FIRE_F32, to);
    if (!y.data) return;
    for (int64_t i = 0; i < from.n; i++) {
        bool found = false;
        for (int64_t k = 0; k < cat.n; k++) {
            bool is = is_text(b, list) ? same_cell(&from, i, &cat, k) : trunc(fire_get(&from.number, i)) == fire_get(&cat.number, k);
            found |= is;
            ((float *)y.data)[i * cat.n + k] = is;
        }
        if (!found && !fire_lift_int(n, "zeros", 1)) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "cell %lld is none of its categories", (long long)i); return; }
    }
    n->out[0] = fire_lift_made(b, &y);
}

/* ---- TreeEnsemble ---- */

typedef struct {
    const fire_onnx_attr *feature, *yes, *no, *yes_leaf, *no_leaf, *missing, *root, *target;
    fire_tensor split, mode, weight, member;
    int64_t n_nodes, n_leaves, n_targets;
} forest;

/* The constant of an attribute; type 0: there is none, or it failed. */
static fire_tensor tensor_of(fire_import *b, const fire_lift *n, const char *name) {
    const fire_onnx_attr *a = fire_lift_attr(n, name);
    fire_value v = a && a->type == FIRE_IS_TENSOR ? fire_import_tensor(b, &a->tensor, name) : 0;
    const fire_tensor *t = v ? fire_import_numbers(b, v) : NULL;
    return t ? *t : (fire_tensor){0};
}
static bool all_below(const fire_onnx_attr *a, int64_t n, int64_t least, int64_t most) {
    bool fits = a && a->n_ints == n;
    for (int64_t i = 0; i < n && fits; i++) fits = a->ints[i] >= least && a->ints[i] < most;
    return fits;
}

/* Whether x is one of the numbers of the member-th list; lists end with NaN. */
static bool is_member(const fire_tensor *t, int64_t list, double x) {
    for (int64_t i = 0, n = fire_count(&t->shape); i < n && list >= 0; i++) {
        double v = fire_get(t, i);
        if (v != v) list--;
        else if (!list && v == x) return true;
    }
    return false;
}

/* Way of a row from a root to a leaf; -1: the tree runs in circles. lists: number of MEMBER nodes before each node. */
static int64_t leaf_of(const forest *f, const int64_t *lists, const fire_tensor *x, int64_t row, int64_t width, int64_t node) {
    for (int64_t depth = 0; depth <= f->n_nodes; depth++) {
        double v = fire_get(x, row * width + f->feature->ints[node]), s = fire_get(&f->split, node);
        bool yes = false;
        switch ((int)fire_get(&f->mode, node)) {
        case 0: yes = v <= s; break;
        case 1: yes = v < s; break;
        case 2: yes = v >= s; break;
        case 3: yes = v > s; break;
        case 4: yes = v == s; break;
        case 5: yes = v != s; break;
        default: yes = is_member(&f->member, lists[node], v);
        }
        if (v != v && f->missing && f->missing->ints[node]) yes = true;
        int64_t next = yes ? f->yes->ints[node] : f->no->ints[node];
        if ((yes ? f->yes_leaf : f->no_leaf)->ints[node]) return next;
        node = next;
    }
    return -1;
}

/* Trees of decisions: each gives a weight to a target, which are added up (or averaged, or the least or largest is taken). */
void fire_lift_tree_ensemble(fire_import *b, fire_lift *n) {
    forest f = {fire_lift_attr(n, "nodes_featureids"), fire_lift_attr(n, "nodes_truenodeids"), fire_lift_attr(n, "nodes_falsenodeids"), fire_lift_attr(n, "nodes_trueleafs"), fire_lift_attr(n, "nodes_falseleafs"),
                fire_lift_attr(n, "nodes_missing_value_tracks_true"), fire_lift_attr(n, "tree_roots"), fire_lift_attr(n, "leaf_targetids"), tensor_of(b, n, "nodes_splits"), tensor_of(b, n, "nodes_modes"),
                tensor_of(b, n, "leaf_weights"), tensor_of(b, n, "membership_values"), 0, 0, fire_lift_int(n, "n_targets", 1)};
    const int64_t fold = fire_lift_int(n, "aggregate_function", 1);
    const fire_tensor *t = fire_import_numbers(b, n->in[0]);
    if (!t || b->g->first.status) return;
    const fire_tensor x = *t;
    const int64_t width = x.shape.rank == 2 ? x.shape.dim[1] : -1;
    f.n_nodes = f.feature ? f.feature->n_ints : 0;
    f.n_leaves = f.target ? f.target->n_ints : 0;
    bool fits = width >= 0 && f.root && all_below(f.root, f.root->n_ints, 0, f.n_nodes) && all_below(f.feature, f.n_nodes, 0, width) && f.split.type && fire_count(&f.split.shape) == f.n_nodes && f.mode.type &&
                fire_count(&f.mode.shape) == f.n_nodes && f.weight.type && fire_count(&f.weight.shape) == f.n_leaves && all_below(f.target, f.n_leaves, 0, f.n_targets) && (!f.missing || f.missing->n_ints == f.n_nodes) &&
                all_below(f.yes_leaf, f.n_nodes, 0, 2) && all_below(f.no_leaf, f.n_nodes, 0, 2) && f.yes && f.no && f.yes->n_ints == f.n_nodes && f.no->n_ints == f.n_nodes && fold >= 0 && fold <= 3;
    for (int64_t i = 0; i < f.n_nodes && fits; i++)
        fits = f.yes->ints[i] >= 0 && f.no->ints[i] >= 0 && f.yes->ints[i] < (f.yes_leaf->ints[i] ? f.n_leaves : f.n_nodes) && f.no->ints[i] < (f.no_leaf->ints[i] ? f.n_leaves : f.n_nodes);
    if (!fits) { fire_import_fail(b, FIRE_E_CORRUPT, "the lists of nodes and leaves do not fit each other or the input"); return; }
    if (fire_lift_int(n, "post_transform", 0)) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "post_transform %lld is not supported", (long long)fire_lift_int(n, "post_transform", 0)); return; }
    int64_t *lists = fire_arena_alloc(&b->arena, (size_t)f.n_nodes, sizeof *lists, &b->g->first), members = 0;
    fire_tensor y = fire_lift_room(b, x.type, (fire_shape){2, {x.shape.dim[0], f.n_targets}});
    double *sum = fire_arena_alloc(&b->arena, (size_t)f.n_targets, sizeof *sum, &b->g->first);
    if (!y.data || !lists || !sum) return;
    for (int64_t i = 0; i < f.n_nodes; i++) {
        lists[i] = members;
        if (fire_get(&f.mode, i) == 6) members++;
    }
    for (int64_t r = 0; r < x.shape.dim[0]; r++) {
        for (int64_t k = 0; k < f.n_targets; k++) sum[k] = fold == 2 ? INFINITY : fold == 3 ? -INFINITY : 0;
        for (int64_t k = 0; k < f.root->n_ints; k++) {
            int64_t leaf = leaf_of(&f, lists, &x, r, width, f.root->ints[k]);
            if (leaf < 0) { fire_import_fail(b, FIRE_E_CORRUPT, "tree %lld runs in circles", (long long)k); return; }
            double w = fire_get(&f.weight, leaf), *s = &sum[f.target->ints[leaf]];
            *s = fold == 2 ? fmin(*s, w) : fold == 3 ? fmax(*s, w) : *s + w;
        }
        for (int64_t k = 0; k < f.n_targets; k++) fire_put(&y, r * f.n_targets + k, fold == 0 ? sum[k] / (double)f.root->n_ints : sum[k] == INFINITY || sum[k] == -INFINITY ? 0 : sum[k]);
    }
    n->out[0] = fire_lift_made(b, &y);
}
