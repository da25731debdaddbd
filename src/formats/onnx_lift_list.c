/* onnx_lift_list.c - sequences and optional values: lists of the importer, of which no graph knows. */
#include "formats/onnx_lift.h"

/* Input i as a sequence; NULL: failed. */
static const fire_import_list *list_in(fire_import *b, const fire_lift *n, int64_t i) {
    const fire_import_list *list = i < n->n_in ? fire_import_list_get(b, n->in[i]) : NULL;
    if (b->g->first.status) return NULL;
    if (!list || list->none) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "input %lld is no sequence", (long long)i); return NULL; }
    return list;
}

/* The place that input i names, from -n to n - 1 + extra; `otherwise` if it is left out. */
static bool place_in(fire_import *b, const fire_lift *n, int64_t i, int64_t count, int64_t otherwise, int64_t extra, int64_t *place) {
    *place = otherwise;
    if (i < n->n_in && n->in[i]) {
        const fire_tensor *t = fire_import_numbers(b, n->in[i]);
        if (!t) return false;
        if (fire_count(&t->shape) != 1) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "the place is not one number"); return false; }
        *place = fire_whole(fire_get(t, 0));
    }
    const int64_t given = *place;
    if (*place < 0) *place += count;
    if (*place >= 0 && *place < count + extra) return true;
    fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "place %lld in a sequence of %lld", (long long)given, (long long)count);
    return false;
}

void fire_lift_sequence_construct(fire_import *b, fire_lift *n) {
    for (int64_t i = 0; i < n->n_in; i++)
        if (n->in[i] <= 0) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "input %lld is no tensor", (long long)i); return; }
    n->out[0] = fire_import_list_new(b, n->n_in, n->in, FIRE_NO_TYPE);
}

void fire_lift_sequence_empty(fire_import *b, fire_lift *n) {
    const int64_t type = fire_lift_int(n, "dtype", FIRE_F32);
    if (type < 1 || type > FIRE_F6_E3M2 || !fire_import_storage((fire_type)type)) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "element type %lld is not supported", (long long)type); return; }
    n->out[0] = fire_import_list_new(b, 0, NULL, (fire_type)type);
}

void fire_lift_sequence_at(fire_import *b, fire_lift *n) {
    const fire_import_list *list = list_in(b, n, 0);
    int64_t at;
    if (list && place_in(b, n, 1, list->n, 0, 0, &at)) n->out[0] = list->item[at];
}

void fire_lift_sequence_length(fire_import *b, fire_lift *n) {
    const fire_import_list *list = list_in(b, n, 0);
    if (list) n->out[0] = fire_graph_const(b->g, FIRE_I64, (fire_shape){0}, &list->n);
}

/* SequenceInsert and SequenceErase: a copy with one more or one fewer. */
void fire_lift_sequence_change(fire_import *b, fire_lift *n) {
    const bool insert = !strcmp(n->op, "SequenceInsert");
    const fire_import_list *list = list_in(b, n, 0);
    int64_t at;
    if (!list || !place_in(b, n, insert ? 2 : 1, list->n, insert ? list->n : list->n - 1, insert, &at)) return;
    const fire_value x = insert ? fire_lift_in(n, 1) : 0;
    if (insert && x <= 0) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "input 1 is no tensor"); return; }
    if (!fire_import_pay(b, list->n + 1, sizeof x)) return;
    fire_value *item = fire_arena_alloc(&b->arena, (size_t)list->n + 1, sizeof *item, &b->g->first);
    if (!item) return;
    int64_t made = 0;
    const fire_type type = list->type; /* the list moves when another is made */
    for (int64_t i = 0; i <= list->n; i++) {
        if (insert && i == at) item[made++] = x;
        if (i < list->n && (insert || i != at)) item[made++] = list->item[i];
    }
    n->out[0] = fire_import_list_new(b, made, item, made == 1 && insert ? FIRE_NO_TYPE : type);
}

/* A size of the parts, or a list of sizes; without either parts of 1, from which `keepdims` takes the axis away. */
void fire_lift_split_to_sequence(fire_import *b, fire_lift *n) {
    fire_value x = fire_lift_in(n, 0), split = fire_lift_in(n, 1);
    int axis;
    if (!x || b->g->first.status || !fire_import_concrete(b, x)) { fire_import_fail(b, FIRE_E_CORRUPT, "has no input"); return; }
    const fire_shape s = fire_shape_of(b->g, x);
    if (fire_axis(fire_lift_int(n, "axis", 0), s.rank, &axis, &b->g->first)) return;
    const fire_tensor *t = split ? fire_import_numbers(b, split) : NULL;
    if (split && !t) return;
    fire_tensor sizes = t ? *t : (fire_tensor){0};
    const int64_t all = s.dim[axis], each = t && sizes.shape.rank == 0 ? fire_whole(fire_get(&sizes, 0)) : 1;
    if (each < 1) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "parts of %lld", (long long)each); return; }
    const bool listed = t && sizes.shape.rank > 0;
    const int64_t parts = listed ? fire_count(&sizes.shape) : all / each + (all % each != 0);
    if (!fire_import_pay(b, parts, sizeof x) || (b->nodes_left -= parts) < 0) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "%lld parts are too many", (long long)parts); return; }
    fire_value *item = fire_arena_alloc(&b->arena, (size_t)parts, sizeof *item, &b->g->first);
    if (!item) return;
    const fire_type type = fire_import_type(b, x);
    int64_t at = 0;
    for (int64_t k = 0; k < parts && !b->g->first.status; k++) {
        const int64_t size = listed ? fire_whole(fire_get(&sizes, k)) : all - at < each ? all - at : each;
        if (size < 0 || size > all - at) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "the sizes do not fit"); return; }
        item[k] = fire_import_slice(b, x, axis, at, at + size);
        if (!split && !fire_lift_int(n, "keepdims", 1)) item[k] = fire_import_two(b, "Squeeze", item[k], fire_import_ints(b, 1, &(int64_t){axis}));
        fire_import_as(b, item[k], type);
        at += size;
    }
    if (at != all) fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "the sizes do not fit");
    n->out[0] = fire_import_list_new(b, parts, item, type);
}

void fire_lift_concat_from_sequence(fire_import *b, fire_lift *n) {
    const fire_import_list *list = list_in(b, n, 0);
    int axis;
    if (!list) return;
    if (!list->n) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "the sequence is empty"); return; }
    if (!fire_import_pay(b, list->n, sizeof *list->item)) return;
    const int64_t count = list->n;
    const bool stack = fire_lift_int(n, "new_axis", 0);
    fire_value *item = fire_arena_alloc(&b->arena, (size_t)count, sizeof *item, &b->g->first);
    if (!item || fire_axis(fire_lift_int(n, "axis", 0), fire_shape_of(b->g, list->item[0]).rank + stack, &axis, &b->g->first)) return;
    const fire_type type = list->type;
    memcpy(item, list->item, (size_t)count * sizeof *item);
    for (int64_t i = 0; i < count && stack; i++) item[i] = fire_import_unsqueeze(b, item[i], axis);
    n->out[0] = fire_import_as(b, fire_import_concat(b, item, count, axis), type);
}

/* ---- optional values: what is there is itself ---- */

void fire_lift_optional(fire_import *b, fire_lift *n) { n->out[0] = fire_lift_in(n, 0) ? n->in[0] : fire_import_none(b, FIRE_NO_TYPE); }

void fire_lift_optional_has(fire_import *b, fire_lift *n) {
    const fire_value x = fire_lift_in(n, 0);
    const fire_import_list *list = fire_import_list_get(b, x);
    if (!b->g->first.status) n->out[0] = fire_graph_scalar(b->g, FIRE_BOOL, x && !(list && list->none));
}

void fire_lift_optional_get(fire_import *b, fire_lift *n) {
    const fire_value x = fire_lift_in(n, 0);
    const fire_import_list *list = fire_import_list_get(b, x);
    if (!x || (list && list->none)) fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "the optional value is absent");
    else n->out[0] = x;
}
