/* onnx_lift_trees.c - forests of ONNX's domain ai.onnx.ml as its versions 1 to 4 write them: TreeEnsembleClassifier and TreeEnsembleRegressor. */
#include "formats/onnx_lift.h"
#include <stdio.h>
#include <stdlib.h>

enum { LEAF, LESS_OR_EQUAL, LESS, MORE_OR_EQUAL, MORE, EQUAL, OTHER };

typedef struct { int64_t tree, id; int64_t row; } place;              /* a node by its names */
typedef struct { int64_t feature, yes, no, from, n; double value; int mode; bool missing, root; } tree_node; /* yes and no: rows; from, n: what a leaf gives */
typedef struct { int64_t node, target, order; double weight; } given; /* by a leaf */
typedef struct { int64_t n, n_given, n_roots; tree_node *node; given *given; int64_t *root; } forest;

static int by_name(const void *a, const void *b) {
    const place *x = a, *y = b;
    return x->tree != y->tree ? (x->tree < y->tree ? -1 : 1) : x->id != y->id ? (x->id < y->id ? -1 : 1) : 0;
}
static int by_node(const void *a, const void *b) {
    const given *x = a, *y = b;
    return x->node != y->node ? (x->node < y->node ? -1 : 1) : x->order < y->order ? -1 : x->order > y->order;
}
static int64_t find(const place *name, int64_t n, int64_t tree, int64_t id) {
    const place *p = n ? bsearch(&(place){tree, id, 0}, name, (size_t)n, sizeof *name, by_name) : NULL;
    return p ? p->row : -1;
}

/* Numbers of an attribute: a list of floats, or under name_as_tensor a tensor. *n: how many; -1: there is no such attribute. */
static const double *numbers(fire_import *b, const fire_lift *l, const char *name, const char *as_tensor, int64_t *n) {
    const fire_onnx_attr *a = fire_lift_attr(l, name), *t = fire_lift_attr(l, as_tensor);
    const fire_tensor *from = NULL;
    *n = -1;
    if (b->g->first.status || (!a && !t)) return NULL;
    if (t && t->type == FIRE_IS_TENSOR) from = fire_import_numbers(b, fire_import_tensor(b, &t->tensor, as_tensor));
    if (t && !from) return NULL;
    const int64_t count = from ? fire_count(&from->shape) : a->n_floats;
    double *v = fire_import_pay(b, count, sizeof *v) ? fire_arena_alloc(&b->arena, (size_t)count, sizeof *v, &b->g->first) : NULL;
    for (int64_t i = 0; v && i < count; i++) v[i] = from ? fire_get(from, i) : (double)a->floats[i];
    if (v) *n = count;
    return v;
}

static int mode_of(fire_span s) {
    static const char *const names[] = {"LEAF", "BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"};
    for (int i = 0; i < 7; i++)
        if (fire_span_is(s, names[i])) return i;
    return -1;
}

/* The forest of a node whose lists of what leaves give begin with `prefix`; false: failed. width: of the rows. */
static bool grow(fire_import *b, fire_lift *l, const char *prefix, int64_t width, int64_t n_targets, forest *f) {
    char name[4][32];
    static const char *const parts[4] = {"treeids", "nodeids", "ids", "weights"};
    for (int i = 0; i < 4; i++) snprintf(name[i], sizeof name[i], "%s_%s", prefix, parts[i]);
    const fire_onnx_attr *tree = fire_lift_attr(l, "nodes_treeids"), *id = fire_lift_attr(l, "nodes_nodeids"), *feature = fire_lift_attr(l, "nodes_featureids"), *mode = fire_lift_attr(l, "nodes_modes"),
                         *yes = fire_lift_attr(l, "nodes_truenodeids"), *no = fire_lift_attr(l, "nodes_falsenodeids"), *missing = fire_lift_attr(l, "nodes_missing_value_tracks_true"),
                         *to_tree = fire_lift_attr(l, name[0]), *to_id = fire_lift_attr(l, name[1]), *target = fire_lift_attr(l, name[2]);
    char weights[48];
    snprintf(weights, sizeof weights, "%s_as_tensor", name[3]);
    int64_t n_values, n_weights;
    const double *value = numbers(b, l, "nodes_values", "nodes_values_as_tensor", &n_values), *weight = numbers(b, l, name[3], weights, &n_weights);
    const int64_t n = tree ? tree->n_ints : 0, g = target ? target->n_ints : 0;
    if (b->g->first.status) return false;
    bool fits = n && id && id->n_ints == n && feature && feature->n_ints == n && mode && mode->n_texts == n && yes && yes->n_ints == n && no && no->n_ints == n && (!missing || missing->n_ints == n || !missing->n_ints) &&
                n_values == n && to_tree && to_tree->n_ints == g && to_id && to_id->n_ints == g && n_weights == g;
    if (!fits) { fire_import_fail(b, FIRE_E_CORRUPT, "the lists of its nodes and leaves are missing or have different lengths"); return false; }
    if (!fire_import_pay(b, n, sizeof *f->node + sizeof(place) + sizeof *f->root) || !fire_import_pay(b, g, sizeof *f->given)) return false;
    *f = (forest){n, g, 0, fire_arena_alloc(&b->arena, (size_t)n, sizeof *f->node, &b->g->first), fire_arena_alloc(&b->arena, (size_t)g, sizeof *f->given, &b->g->first), fire_arena_alloc(&b->arena, (size_t)n, sizeof *f->root, &b->g->first)};
    place *by = fire_arena_alloc(&b->arena, (size_t)n, sizeof *by, &b->g->first);
    if (b->g->first.status) return false;
    for (int64_t i = 0; i < n; i++) by[i] = (place){tree->ints[i], id->ints[i], i};
    qsort(by, (size_t)n, sizeof *by, by_name);
    for (int64_t i = 0; i < n; i++) f->node[i] = (tree_node){.feature = feature->ints[i], .value = value[i], .mode = mode_of(mode->texts[i]), .missing = missing && missing->n_ints && missing->ints[i], .root = true};
    for (int64_t i = 0; i < n; i++) {
        tree_node *t = &f->node[i];
        if (t->mode == LEAF) continue;
        t->yes = find(by, n, tree->ints[i], yes->ints[i]);
        t->no = find(by, n, tree->ints[i], no->ints[i]);
        if (t->mode < 0 || t->yes < 0 || t->no < 0 || t->feature < 0 || t->feature >= width) {
            fire_import_fail(b, FIRE_E_CORRUPT, "node %lld of tree %lld has an unknown mode or child, or looks at column %lld of %lld", (long long)id->ints[i], (long long)tree->ints[i], (long long)t->feature, (long long)width);
            return false;
        }
        if (!f->node[t->yes].root || !f->node[t->no].root) { /* with one parent each, no way is longer than the tree */
            fire_import_fail(b, FIRE_E_CORRUPT, "node %lld or %lld of tree %lld has two parents", (long long)yes->ints[i], (long long)no->ints[i], (long long)tree->ints[i]);
            return false;
        }
        f->node[t->yes].root = f->node[t->no].root = false;
    }
    for (int64_t i = 0; i < n; i++)
        if (f->node[i].root) f->root[f->n_roots++] = i;
    for (int64_t i = 0; i < g; i++) {
        f->given[i] = (given){find(by, n, to_tree->ints[i], to_id->ints[i]), target->ints[i], i, weight[i]};
        if (f->given[i].node < 0 || target->ints[i] < 0 || target->ints[i] >= n_targets) {
            fire_import_fail(b, FIRE_E_CORRUPT, "weight %lld is of node %lld of tree %lld for number %lld of %lld", (long long)i, (long long)to_id->ints[i], (long long)to_tree->ints[i], (long long)target->ints[i], (long long)n_targets);
            return false;
        }
    }
    if (g) qsort(f->given, (size_t)g, sizeof *f->given, by_node);
    for (int64_t i = 0; i < g; i++) {
        tree_node *t = &f->node[f->given[i].node];
        if (!t->n++) t->from = i;
    }
    return true;
}

/* The leaf that a row comes to. */
static const tree_node *leaf_of(const forest *f, const tree_node *t, const fire_tensor *x, int64_t at) {
    while (t->mode != LEAF) {
        const double v = x->type == FIRE_F32 ? (double)((const float *)x->data)[at + t->feature] : fire_get(x, at + t->feature), s = t->value;
        bool yes = false;
        switch (t->mode) {
        case LESS_OR_EQUAL: yes = v <= s; break;
        case LESS: yes = v < s; break;
        case MORE_OR_EQUAL: yes = v >= s; break;
        case MORE: yes = v > s; break;
        case EQUAL: yes = v == s; break;
        default: yes = v != s; break;
        }
        if (v != v) yes = t->missing || t->mode == OTHER;
        t = &f->node[yes ? t->yes : t->no];
    }
    return t;
}

/* The rows that a node gets, [rows, columns], a list being one row; type 0: failed. */
static fire_tensor rows_of(fire_import *b, fire_lift *l) {
    if (l->n_in != 1 || b->g->first.status) { fire_import_fail(b, FIRE_E_CORRUPT, "%lld inputs, expected 1", (long long)l->n_in); return (fire_tensor){0}; }
    const fire_tensor *t = fire_import_numbers(b, l->in[0]);
    if (!t) return (fire_tensor){0};
    fire_tensor x = *t;
    if (x.shape.rank == 1) x.shape = (fire_shape){2, {1, x.shape.dim[0]}};
    if (x.shape.rank != 2) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "wants rows of numbers"); return (fire_tensor){0}; }
    return x;
}

/* What row r gets from all trees: fold 0 the sum, 1 the mean, 2 the least, 3 the largest. got: whether it got anything for a target. */
static void add_up(const forest *f, const fire_tensor *x, int64_t r, int fold, int64_t n, double *sum, bool *got) {
    for (int64_t k = 0; k < n; k++) sum[k] = 0, got[k] = false;
    for (int64_t k = 0; k < f->n_roots; k++) {
        const tree_node *t = leaf_of(f, &f->node[f->root[k]], x, r * x->shape.dim[1]);
        for (int64_t i = t->from; i < t->from + t->n; i++) {
            double w = f->given[i].weight, *s = &sum[f->given[i].target];
            bool *had = &got[f->given[i].target];
            *s = !*had ? w : fold == 2 ? fmin(*s, w) : fold == 3 ? fmax(*s, w) : *s + w;
            *had = true;
        }
    }
    for (int64_t k = 0; k < n && fold == 1; k++) sum[k] /= (double)(f->n_roots ? f->n_roots : 1);
}

void fire_lift_tree_regressor(fire_import *b, fire_lift *l) {
    static const char *const folds[] = {"SUM", "AVERAGE", "MIN", "MAX"};
    const fire_tensor x = rows_of(b, l);
    const int64_t targets = fire_lift_int(l, "n_targets", 1);
    int64_t n_base;
    int fold = fire_lift_attr(l, "aggregate_function") ? -1 : 0;
    for (int i = 0; i < 4 && fold < 0; i++)
        if (fire_lift_text(l, "aggregate_function", folds[i])) fold = i;
    forest f;
    if (!x.type) return;
    if (fold < 0 || targets < 1 || targets > 1 << 20) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "its aggregate_function or n_targets is not supported"); return; }
    const double *base = numbers(b, l, "base_values", "base_values_as_tensor", &n_base);
    if (!grow(b, l, "target", x.shape.dim[1], targets, &f)) return;
    if (n_base > 0 && n_base != targets) { fire_import_fail(b, FIRE_E_CORRUPT, "%lld base values for %lld targets", (long long)n_base, (long long)targets); return; }
    fire_tensor y = fire_lift_room(b, FIRE_F32, (fire_shape){2, {x.shape.dim[0], targets}});
    double *sum = fire_arena_alloc(&b->arena, (size_t)targets, sizeof *sum, &b->g->first);
    bool *got = fire_arena_alloc(&b->arena, (size_t)targets, sizeof *got, &b->g->first);
    if (b->g->first.status) return;
    for (int64_t r = 0; r < x.shape.dim[0]; r++) {
        add_up(&f, &x, r, fold, targets, sum, got);
        for (int64_t k = 0; k < targets; k++) fire_put(&y, r * targets + k, sum[k] + (n_base > 0 && got[k] ? base[k] : 0));
    }
    n_base = targets == 1; /* one number is left as it is, as onnxruntime leaves it */
    l->out[0] = n_base ? fire_lift_made(b, &y) : fire_lift_post_transform(b, l, fire_lift_made(b, &y));
}

/* Two classes may come with weights for one alone: then the other class gets what is left of 1, or, where weights are negative as well, the negative. */
void fire_lift_tree_classifier(fire_import *b, fire_lift *l) {
    const fire_tensor x = rows_of(b, l);
    int64_t n_base, classes = fire_lift_class_count(b, l);
    forest f;
    if (!x.type || classes < 1) return;
    const double *base = numbers(b, l, "base_values", "base_values_as_tensor", &n_base);
    if (!grow(b, l, "class", x.shape.dim[1], classes, &f)) return;
    if (n_base > 0 && n_base != classes && !(n_base == 1 && classes == 2)) { fire_import_fail(b, FIRE_E_CORRUPT, "%lld base values for %lld classes", (long long)n_base, (long long)classes); return; }
    bool positive = true, alike = true, mixed = false;
    for (int64_t i = 0; i < f.n_given; i++) {
        positive &= f.given[i].weight >= 0;
        alike &= f.given[i].target == f.given[0].target;
    }
    const bool single = classes == 2 && alike && f.n_given && n_base < 2 && !f.given[0].target; /* one score */
    const bool logistic = fire_lift_text(l, "post_transform", "LOGISTIC");
    fire_tensor y = fire_lift_room(b, FIRE_F32, (fire_shape){2, {x.shape.dim[0], classes}}), label = fire_lift_room(b, FIRE_I64, (fire_shape){1, {x.shape.dim[0]}});
    double *sum = fire_arena_alloc(&b->arena, (size_t)classes, sizeof *sum, &b->g->first);
    bool *got = fire_arena_alloc(&b->arena, (size_t)classes, sizeof *got, &b->g->first);
    if (b->g->first.status) return;
    mixed = classes == 2 && alike;
    for (int64_t r = 0; r < x.shape.dim[0]; r++) {
        int64_t best = 0;
        add_up(&f, &x, r, 0, classes, sum, got);
        for (int64_t k = 0; k < classes; k++) {
            if (n_base > k && !(mixed && !got[k])) sum[k] += base[k];
            sum[k] = (double)(float)sum[k]; /* what decides is what is seen */
            if (sum[k] > sum[best]) best = k;
        }
        if (mixed) best = sum[got[1] ? 1 : 0] > (positive ? 0.5 : 0);
        if (single) {
            const double p = sum[0];
            sum[0] = logistic ? 1 / (1 + exp(p)) : positive ? 1 - p : -p;
            sum[1] = logistic ? 1 / (1 + exp(-p)) : p;
        }
        for (int64_t k = 0; k < classes; k++) fire_put(&y, r * classes + k, sum[k]);
        ((int64_t *)label.data)[r] = best;
    }
    l->out[0] = fire_lift_class_labels(b, l, fire_lift_made(b, &label));
    l->out[1] = single ? fire_lift_made(b, &y) : fire_lift_post_transform(b, l, fire_lift_made(b, &y));
}
