/* tensorflow_list.c - TensorList and TensorArray: lists of tensors that exist while a graph is imported.
**
** A list is known by the value that stands for its handle or flow: a constant without meaning of its own, which goes through Identity, Switch, calls and
** loops as it is. Lists never change: to set an item gives a new list. Versions of one list share the memory of their items: an item that was set
** after a list was made is not there for it.
*/
#include "formats/tensorflow_lift.h"

typedef struct store {
    fire_value *item; int64_t item_capacity;
    int64_t *since; int64_t since_capacity; /* the version that set it */
    int64_t n, version;
    fire_type type;
    bool has_shape; fire_shape shape;       /* of items, -1: free */
    bool growing;                           /* writing behind the end makes it longer */
} store;

typedef struct list { store *s; int64_t n, version; } list;

typedef struct fire_tf_lists {
    store **store; int64_t n_stores, store_capacity;
    list *list; int64_t n_lists, list_capacity;
    int32_t *of; int64_t of_capacity;       /* by value: which list, from 1; -1 and below: which variable */
} fire_tf_lists;

void fire_tensorflow_lists_free(fire_import *b) {
    fire_tf_lists *l = b->lists;
    if (!l) return;
    for (int64_t i = 0; i < l->n_stores; i++) {
        fire_free(b->ctx, l->store[i]->item);
        fire_free(b->ctx, l->store[i]->since);
        fire_free(b->ctx, l->store[i]);
    }
    fire_free(b->ctx, l->store);
    fire_free(b->ctx, l->list);
    fire_free(b->ctx, l->of);
    fire_free(b->ctx, l);
    b->lists = NULL;
}

/* The list of a value; NULL: it stands for none. */
static list *look(const fire_import *b, fire_value v) {
    const fire_tf_lists *l = b->lists;
    return l && v > 0 && v < l->of_capacity && l->of[v] > 0 ? &l->list[l->of[v] - 1] : NULL;
}
static list *list_of(fire_import *b, fire_value v) {
    list *l = b->g->first.status ? NULL : look(b, v);
    if (!l && !b->g->first.status) fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "its input is no list of tensors that this run knows");
    return l;
}

fire_value fire_tensorflow_name(fire_import *b, int64_t i) {
    fire_value v = fire_graph_const(b->g, FIRE_I32, (fire_shape){0}, &(int32_t){0});
    if (!v || (!b->lists && !(b->lists = fire_alloc(b->ctx, 1, sizeof *b->lists, &b->g->first)))) return 0;
    if (fire_grow(b->ctx, &b->lists->of, &b->lists->of_capacity, (int64_t)v + 1, sizeof *b->lists->of, &b->g->first)) return 0;
    b->lists->of[v] = -1 - (int32_t)i;
    return v;
}
int64_t fire_tensorflow_named(const fire_import *b, fire_value v) {
    const fire_tf_lists *l = b->lists;
    return l && v > 0 && v < l->of_capacity && l->of[v] < 0 ? -1 - (int64_t)l->of[v] : -1;
}

/* A value that stands for a list. */
static fire_value name_list(fire_import *b, store *s, int64_t n, int64_t version, fire_type type) {
    fire_tf_lists *l = b->lists;
    fire_value v = fire_graph_const(b->g, type, (fire_shape){0}, &(int64_t){0});
    if (!v || fire_grow(b->ctx, &l->of, &l->of_capacity, (int64_t)v + 1, sizeof *l->of, &b->g->first)
        || fire_grow(b->ctx, &l->list, &l->list_capacity, l->n_lists + 1, sizeof *l->list, &b->g->first)) return 0;
    l->list[l->n_lists++] = (list){s, n, version};
    l->of[v] = (int32_t)l->n_lists;
    return v;
}

static bool resize(fire_import *b, store *s, int64_t n) {
    const int64_t more = n > FIRE_IMPORT_NODES ? INT64_MAX : (n - s->n) * 16;
    if (more > b->bytes_left) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "a list of %lld tensors", (long long)n); return false; }
    b->bytes_left -= more;
    if (fire_grow(b->ctx, &s->item, &s->item_capacity, n, sizeof *s->item, &b->g->first) || fire_grow(b->ctx, &s->since, &s->since_capacity, n, sizeof *s->since, &b->g->first)) return false;
    for (; s->n < n; s->n++) s->item[s->n] = 0, s->since[s->n] = 0;
    return true;
}

static store *new_store(fire_import *b, int64_t n, fire_type type) {
    if (b->g->first.status) return NULL;
    if (!b->lists && !(b->lists = fire_alloc(b->ctx, 1, sizeof *b->lists, &b->g->first))) return NULL;
    fire_tf_lists *l = b->lists;
    if (n < 0) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "a list of %lld tensors", (long long)n); return NULL; }
    if (fire_grow(b->ctx, &l->store, &l->store_capacity, l->n_stores + 1, sizeof *l->store, &b->g->first)) return NULL;
    store *s = fire_alloc(b->ctx, 1, sizeof *s, &b->g->first);
    if (!s) return NULL;
    l->store[l->n_stores++] = s;
    s->type = type;
    return resize(b, s, n) ? s : NULL;
}

static fire_value item_of(const list *l, int64_t i) { return i < l->s->n && l->s->item[i] && l->s->since[i] <= l->version ? l->s->item[i] : 0; }

/* A list of the same items that may be written to as version s->version: `l` itself if it is the last of its store and item i is free. */
static store *to_write(fire_import *b, const list *l, int64_t i, int64_t n) {
    store *s = l->s;
    const list old = *l; /* it moves when lists are added */
    if (old.version == s->version && (i < 0 || i >= s->n || !s->item[i]) && n >= old.n) {
        if (n > s->n && !resize(b, s, n)) return NULL;
        s->version++;
        return s;
    }
    store *copy = new_store(b, n, s->type);
    if (!copy) return NULL;
    copy->has_shape = s->has_shape, copy->shape = s->shape, copy->growing = s->growing;
    for (int64_t k = 0; k < n && k < old.n; k++) copy->item[k] = item_of(&old, k);
    return copy;
}

static fire_value set_item(fire_import *b, fire_value of, int64_t i, fire_value x, bool grow, fire_type handle) {
    const list *l = list_of(b, of);
    if (!l || !x) return 0;
    if (i < 0 || i >= FIRE_IMPORT_NODES || (i >= l->n && !(grow || l->s->growing))) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "item %lld of a list of %lld", (long long)i, (long long)l->n); return 0; }
    const int64_t n = i >= l->n ? i + 1 : l->n;
    store *s = to_write(b, l, i, n);
    if (!s) return 0;
    s->item[i] = x;
    s->since[i] = s->version;
    return name_list(b, s, n, s->version, handle);
}

/* ---- shapes of items ---- */

/* A shape given as a tensor: -1 for all of it, or a dimension each. false: not known. */
static bool shape_input(fire_import *b, fire_value v, fire_shape *out) {
    const fire_tensor *t = v ? fire_import_numbers(b, v) : NULL;
    if (!t || !t->shape.rank || fire_count(&t->shape) > FIRE_MAX_RANK) return false;
    *out = (fire_shape){.rank = (int32_t)fire_count(&t->shape)};
    for (int d = 0; d < out->rank; d++) out->dim[d] = fire_whole(fire_get(t, d));
    return true;
}
static bool shape_attr(const fire_lift *n, const char *name, fire_shape *out) {
    const fire_onnx_attr *a = fire_lift_attr(n, name);
    if (!a || a->type != FIRE_IS_INTS || a->number < 0 || a->number > FIRE_MAX_RANK) return false;
    *out = (fire_shape){.rank = (int32_t)a->n_ints};
    for (int64_t d = 0; d < a->n_ints; d++) out->dim[d] = a->ints[d];
    return true;
}

/* The item at i: what was set, or zeros if some item, or the list, says their shape. */
static fire_value get_item(fire_import *b, const list *of, int64_t i, const fire_shape *wanted) {
    const list l = *of;
    if (i < 0 || i >= l.n) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "item %lld of a list of %lld", (long long)i, (long long)l.n); return 0; }
    if (item_of(&l, i)) return item_of(&l, i);
    fire_shape shape = {0};
    bool known = false;
    if (wanted && fire_count(wanted) >= 0) shape = *wanted, known = true;
    if (!known && l.s->has_shape && fire_count(&l.s->shape) >= 0) shape = l.s->shape, known = true;
    for (int64_t k = 0; k < l.n && !known; k++)
        if (item_of(&l, k)) shape = fire_shape_of(b->g, item_of(&l, k)), known = fire_count(&shape) >= 0;
    if (!known) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "item %lld of a list is read before it is set", (long long)i); return 0; }
    return fire_import_apply(b, "Expand", 2, FIRE_IN(fire_graph_scalar(b->g, l.s->type ? l.s->type : FIRE_F32, 0), fire_import_ints(b, shape.rank, shape.dim)), " ");
}

static fire_value join(fire_import *b, fire_value *v, int64_t n) { /* along the first axis, in groups */
    while (n > 1) {
        int64_t made = 0;
        for (int64_t i = 0; i < n; made++) {
            int k = (int)(n - i < FIRE_MAX_IN ? n - i : FIRE_MAX_IN);
            v[made] = k == 1 ? v[i] : fire_import_apply(b, "Concat", k, v + i, "axis=0");
            i += k;
        }
        n = made;
    }
    return v[0];
}

/* Items at index[n], stacked along a new first axis (or joined along theirs). */
static fire_value stack(fire_import *b, const list *of, const int64_t *index, int64_t n, const fire_shape *wanted, bool along) {
    const list l = *of;
    if (!n) {
        fire_shape s = wanted ? *wanted : l.s->has_shape ? l.s->shape : (fire_shape){0};
        if (!along) {
            if (s.rank >= FIRE_MAX_RANK) s.rank = FIRE_MAX_RANK - 1;
            memmove(s.dim + 1, s.dim, (size_t)s.rank * sizeof *s.dim), s.rank++;
        }
        if (!s.rank) s.rank = 1;
        s.dim[0] = 0;
        for (int d = 1; d < s.rank; d++) s.dim[d] = s.dim[d] < 0 ? 0 : s.dim[d];
        return fire_graph_const(b->g, l.s->type ? l.s->type : FIRE_F32, s, &(int64_t){0});
    }
    fire_value *v = fire_alloc(b->ctx, (size_t)n, sizeof *v, &b->g->first), y = 0;
    for (int64_t k = 0; v && k < n && !b->g->first.status; k++) {
        v[k] = get_item(b, &l, index ? index[k] : k, wanted);
        if (!along && !b->g->first.status) v[k] = fire_import_unsqueeze(b, v[k], 0);
    }
    if (v && !b->g->first.status) y = join(b, v, n);
    fire_free(b->ctx, v);
    return y;
}

/* The rows of x as items from item `first` on, at index[] or in order. */
static bool unstack(fire_import *b, store *s, fire_value x, const int64_t *index) {
    if (b->g->first.status) return false;
    const fire_shape shape = fire_shape_of(b->g, x);
    if (shape.rank && shape.dim[0] < 0) return fire_import_concrete(b, x);
    if (!shape.rank) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "a number cannot be taken apart"); return false; }
    for (int64_t k = 0; k < shape.dim[0] && !b->g->first.status; k++) {
        const int64_t i = index ? index[k] : k;
        if (i < 0 || i > FIRE_IMPORT_NODES || (i >= s->n && !resize(b, s, i + 1))) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "item %lld of a list", (long long)i); return false; }
        if (b->nodes_left-- <= 0) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "more than %d nodes are computed", FIRE_IMPORT_NODES); return false; }
        s->item[i] = fire_import_apply(b, "Gather", 2, FIRE_IN(x, fire_graph_const(b->g, FIRE_I64, (fire_shape){0}, &k)), "axis=0");
        s->since[i] = s->version;
    }
    return !b->g->first.status;
}

/* Whole numbers of an input, in memory of the node; NULL: failed. */
static int64_t *numbers(fire_import *b, fire_value v, int64_t *n) {
    const fire_tensor *t = v ? fire_import_numbers(b, v) : NULL;
    if (!t) { if (!b->g->first.status) fire_import_fail(b, FIRE_E_CORRUPT, "lacks an input"); return NULL; }
    *n = fire_count(&t->shape);
    int64_t *to = fire_arena_alloc(&b->arena, (size_t)*n + 1, sizeof *to, &b->g->first);
    for (int64_t i = 0; to && i < *n; i++) to[i] = fire_whole(fire_get(t, i));
    return to;
}
static bool number(fire_import *b, fire_value v, int64_t *out) {
    int64_t n = 0;
    const int64_t *p = numbers(b, v, &n);
    if (p && n != 1) fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "%lld numbers where one is expected", (long long)n);
    *out = p ? p[0] : 0;
    return p && n == 1;
}
static fire_value i32(fire_import *b, int64_t v) { return fire_graph_const(b->g, FIRE_I32, (fire_shape){0}, &(int32_t){(int32_t)v}); }

/* Where inputs of the TensorArray operators stand, the flow always last. */
static fire_value array_of(const fire_import *b, const fire_lift *n, int64_t flow) { /* V2's first flow is a plain 0: then the handle is meant */
    const fire_value v = fire_lift_in(n, flow);
    return look(b, v) ? v : fire_lift_in(n, 0);
}

/* ---- lifts ---- */

/* Reserve, Empty, TensorArray. */
void fire_tf_list_new(fire_import *b, fire_lift *n) {
    const bool array = !strncmp(n->op, "TensorArray", 11), empty = !strcmp(n->op, "EmptyTensorList");
    int64_t size = 0;
    if (!empty && !number(b, fire_lift_in(n, array ? 0 : 1), &size)) return;
    store *s = new_store(b, size, (fire_type)fire_lift_int(n, array ? "dtype" : "element_dtype", FIRE_F32));
    if (!s) return;
    s->has_shape = array ? shape_attr(n, "element_shape", &s->shape) : shape_input(b, fire_lift_in(n, 0), &s->shape);
    s->growing = array && fire_lift_int(n, "dynamic_size", 0);
    n->out[0] = name_list(b, s, size, 0, FIRE_I32);
    n->out[1] = name_list(b, s, size, 0, FIRE_F32);
}

void fire_tf_list_set(fire_import *b, fire_lift *n) {
    const bool array = !strncmp(n->op, "TensorArray", 11);
    int64_t i;
    if (!number(b, fire_lift_in(n, 1), &i)) return;
    n->out[0] = set_item(b, array ? array_of(b, n, 3) : fire_lift_in(n, 0), i, fire_lift_in(n, 2), fire_lift_int(n, "resize_if_index_out_of_bounds", 0), array ? FIRE_F32 : FIRE_I32);
}

void fire_tf_list_get(fire_import *b, fire_lift *n) {
    const bool array = !strncmp(n->op, "TensorArray", 11);
    const list *l = list_of(b, array ? array_of(b, n, 2) : fire_lift_in(n, 0));
    int64_t i;
    fire_shape shape;
    if (!l || !number(b, fire_lift_in(n, 1), &i)) return;
    const bool has = !array && shape_input(b, fire_lift_in(n, 2), &shape);
    if (!b->g->first.status) n->out[0] = get_item(b, l, i, has ? &shape : NULL);
}

void fire_tf_list_stack(fire_import *b, fire_lift *n) {
    const list *l = list_of(b, fire_lift_in(n, 0));
    fire_shape shape;
    const bool has = l && shape_input(b, fire_lift_in(n, 1), &shape);
    if (l && !b->g->first.status) n->out[0] = stack(b, l, NULL, l->n, has ? &shape : NULL, false);
}

void fire_tf_list_gather(fire_import *b, fire_lift *n) {
    const bool array = !strncmp(n->op, "TensorArray", 11);
    const list *l = list_of(b, array ? array_of(b, n, 2) : fire_lift_in(n, 0));
    int64_t count = 0;
    fire_shape shape;
    const int64_t *index = l ? numbers(b, fire_lift_in(n, 1), &count) : NULL;
    if (!index) return;
    const bool has = array ? shape_attr(n, "element_shape", &shape) : shape_input(b, fire_lift_in(n, 2), &shape);
    if (!b->g->first.status) n->out[0] = stack(b, l, index, count, has ? &shape : NULL, false);
}

/* Value and the first dimension of each item. */
void fire_tf_list_concat(fire_import *b, fire_lift *n) {
    const bool array = !strncmp(n->op, "TensorArray", 11);
    const list *at = list_of(b, array ? array_of(b, n, 1) : fire_lift_in(n, 0));
    if (!at) return;
    const list l = *at;
    int64_t *length = fire_arena_alloc(&b->arena, (size_t)l.n + 1, sizeof *length, &b->g->first);
    for (int64_t i = 0; length && i < l.n && !b->g->first.status; i++) {
        fire_value v = get_item(b, &l, i, NULL);
        if (!v) return;
        length[i] = fire_shape_of(b->g, v).rank ? fire_shape_of(b->g, v).dim[0] : 0;
    }
    if (b->g->first.status) return;
    n->out[0] = stack(b, &l, NULL, l.n, NULL, true);
    if (n->n_out > 1) n->out[1] = fire_import_ints(b, l.n, length);
}

/* A tensor's rows, or pieces of given lengths, as a list. */
void fire_tf_list_from(fire_import *b, fire_lift *n) {
    if (fire_lift_in(n, 0) <= 0) { fire_import_fail(b, FIRE_E_CORRUPT, "lacks an input"); return; }
    store *s = new_store(b, 0, fire_type_of(b->g, n->in[0]));
    if (!s || !unstack(b, s, n->in[0], NULL)) return;
    s->has_shape = shape_input(b, fire_lift_in(n, 1), &s->shape);
    n->out[0] = name_list(b, s, s->n, 0, FIRE_I32);
}

/* TensorListScatter (tensor, indices, shape[, size]), ...IntoExistingList (list, tensor, indices), TensorArrayScatter (handle, indices, value, flow). */
void fire_tf_list_scatter(fire_import *b, fire_lift *n) {
    const bool array = !strncmp(n->op, "TensorArray", 11), into = !strcmp(n->op, "TensorListScatterIntoExistingList");
    const fire_value x = fire_lift_in(n, array ? 2 : into ? 1 : 0);
    int64_t count = 0, size = -1;
    const int64_t *index = numbers(b, fire_lift_in(n, array ? 1 : into ? 2 : 1), &count);
    if (!index || !x || !fire_import_concrete(b, x)) return;
    if (fire_shape_of(b->g, x).rank < 1 || fire_shape_of(b->g, x).dim[0] != count) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "%lld places for the rows of another number", (long long)count); return; }
    store *s;
    if (array || into) {
        const list *l = list_of(b, array ? array_of(b, n, 3) : n->in[0]);
        if (!l) return;
        size = l->n;
        for (int64_t k = 0; k < count; k++)
            if (index[k] >= l->n && !l->s->growing) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "item %lld of a list of %lld", (long long)index[k], (long long)l->n); return; }
        s = to_write(b, &(list){l->s, l->n, -1}, 0, l->n); /* version -1: always a copy, which keeps nothing */
        if (s)
            for (int64_t k = 0; k < size; k++) s->item[k] = item_of(list_of(b, array ? array_of(b, n, 3) : n->in[0]), k);
    } else {
        if (fire_lift_in(n, 3) && !number(b, n->in[3], &size)) return;
        s = new_store(b, size > 0 ? size : 0, fire_type_of(b->g, x));
        if (s) s->has_shape = shape_input(b, fire_lift_in(n, 2), &s->shape);
    }
    if (s && unstack(b, s, x, index)) n->out[0] = name_list(b, s, s->n, s->version, array ? FIRE_F32 : FIRE_I32);
}

/* TensorArraySplit (handle, value, lengths, flow), TensorListSplit (tensor, shape, lengths). */
void fire_tf_list_split(fire_import *b, fire_lift *n) {
    const bool array = !strncmp(n->op, "TensorArray", 11);
    const fire_value x = fire_lift_in(n, array ? 1 : 0);
    int64_t count = 0, from = 0;
    const int64_t *length = numbers(b, fire_lift_in(n, 2), &count);
    if (!length || !x || !fire_import_concrete(b, x)) return;
    store *s = new_store(b, count, fire_type_of(b->g, x));
    for (int64_t k = 0; s && k < count && !b->g->first.status; k++) {
        if (length[k] < 0 || fire_shape_of(b->g, x).rank < 1 || length[k] > fire_shape_of(b->g, x).dim[0] - from) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "lengths that do not fit"); return; }
        s->item[k] = fire_import_slice(b, x, 0, from, from + length[k]);
        from += length[k];
    }
    if (s && !b->g->first.status) n->out[0] = name_list(b, s, count, 0, array ? FIRE_F32 : FIRE_I32);
}

void fire_tf_list_push(fire_import *b, fire_lift *n) {
    const list *l = list_of(b, fire_lift_in(n, 0));
    if (l) n->out[0] = set_item(b, n->in[0], l->n, fire_lift_in(n, 1), true, FIRE_I32);
}

void fire_tf_list_pop(fire_import *b, fire_lift *n) {
    const list *l = list_of(b, fire_lift_in(n, 0));
    fire_shape shape;
    if (!l) return;
    if (!l->n) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "the list is empty"); return; }
    const list all = *l;
    const bool has = shape_input(b, fire_lift_in(n, 1), &shape);
    n->out[1] = get_item(b, &all, all.n - 1, has ? &shape : NULL);
    store *s = to_write(b, &(list){all.s, all.n - 1, -1}, 0, all.n - 1);
    if (!s) return;
    for (int64_t k = 0; k < all.n - 1; k++) s->item[k] = item_of(&all, k);
    n->out[0] = name_list(b, s, all.n - 1, s->version, FIRE_I32);
}

void fire_tf_list_length(fire_import *b, fire_lift *n) {
    const bool array = !strncmp(n->op, "TensorArray", 11);
    const list *l = list_of(b, array ? array_of(b, n, 1) : fire_lift_in(n, 0));
    if (l) n->out[0] = i32(b, l->n);
}

void fire_tf_list_resize(fire_import *b, fire_lift *n) {
    const list *l = list_of(b, fire_lift_in(n, 0));
    int64_t size;
    if (!l || !number(b, fire_lift_in(n, 1), &size)) return;
    const list all = *l;
    store *s = size < 0 ? NULL : new_store(b, size, all.s->type);
    if (!s) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "a list of %lld tensors", (long long)size); return; }
    s->has_shape = all.s->has_shape, s->shape = all.s->shape;
    for (int64_t k = 0; k < size && k < all.n; k++) s->item[k] = item_of(&all, k);
    n->out[0] = name_list(b, s, size, 0, FIRE_I32);
}

void fire_tf_list_shape(fire_import *b, fire_lift *n) {
    const list *l = list_of(b, fire_lift_in(n, 0));
    if (!l) return;
    fire_shape s = l->s->shape;
    if (!l->s->has_shape) n->out[0] = fire_import_cast(b, fire_graph_scalar(b->g, FIRE_I64, -1), (fire_type)fire_lift_int(n, "shape_type", FIRE_I32));
    else n->out[0] = fire_import_cast(b, fire_import_ints(b, s.rank, s.dim), (fire_type)fire_lift_int(n, "shape_type", FIRE_I32));
}

void fire_tf_list_join(fire_import *b, fire_lift *n) { /* TensorListConcatLists: pairs, item by item */
    const list *x = list_of(b, fire_lift_in(n, 0)), *y = x ? list_of(b, fire_lift_in(n, 1)) : NULL;
    if (!y) return;
    const list p = *x, q = *y;
    store *s = new_store(b, p.n + q.n, p.s->type);
    if (!s) return;
    s->has_shape = p.s->has_shape, s->shape = p.s->shape;
    for (int64_t k = 0; k < p.n; k++) s->item[k] = item_of(&p, k);
    for (int64_t k = 0; k < q.n; k++) s->item[p.n + k] = item_of(&q, k);
    n->out[0] = name_list(b, s, s->n, 0, FIRE_I32);
}
