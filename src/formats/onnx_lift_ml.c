/* onnx_lift_ml.c - operators of ONNX's domain ai.onnx.ml on numbers. */
#include "formats/onnx_lift.h"

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
