/* onnx_lift.c - the list of lifts, and what several of them share. */
#include "formats/onnx_lift.h"

const fire_lift_entry fire_lifts[] = {
#define LIFT(name, function) {name, function, NULL},
#include "formats/onnx_lift.def"
#undef LIFT
    {NULL, NULL, NULL}};

bool fire_lift_number(fire_import *b, fire_value v, const char *what, double *to) {
    const fire_tensor *t = fire_import_numbers(b, v);
    if (t && fire_count(&t->shape) == 1) return *to = fire_get(t, 0), true;
    fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "%s is not one number", what);
    return false;
}

fire_tensor fire_lift_room(fire_import *b, fire_type type, fire_shape s) {
    fire_tensor y = {type, s, NULL};
    int64_t bytes;
    if (b->g->first.status) return y;
    if (!fire_type_size(type)) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "element type %d is not supported", (int)type); return y; }
    fire_error why = {0};
    if (fire_shape_check("the result", type, &s, &why)) { fire_import_fail(b, why.code, "%s", why.message); return y; }
    if (fire_count(&s) < 0 || !fire_mul(fire_count(&s), (int64_t)fire_type_size(type), &bytes) || bytes > b->bytes_left) {
        fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "makes more numbers than a run may hold");
        return y;
    }
    b->bytes_left -= bytes;
    y.data = fire_arena_alloc(&b->g->arena, (size_t)fire_count(&s), fire_type_size(type), &b->g->first);
    return y;
}

fire_value fire_lift_made(fire_import *b, const fire_tensor *t) { return fire_graph_borrow(b->g, t->type, t->shape, t->data); }
