/* onnx_graph.c - build a graph with a free batch from an indexed ONNX model of one input and one output. */
#include "formats/onnx_file.h"
#include "formats/onnx_import.h"
#include <stdio.h>
#include <string.h>

static const char *show(fire_span s, char *to, size_t capacity) { return fire_escape(to, capacity, (const char *)s.bytes, s.size); }

static fire_status check_input(const fire_onnx *m, fire_shape *shape, fire_error *err) {
    char text[80], shown[FIRE_SHAPE_TEXT];
    if (m->n_inputs != 1 || m->n_outputs != 1)
        return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "the model has %lld inputs and %lld outputs; rows are scored by models with one of each", (long long)m->n_inputs, (long long)m->n_outputs);
    const fire_onnx_value *v = m->input;
    const char *name = show(v->name, text, sizeof text);
    if (!v->is_tensor || (v->type != FIRE_F32 && v->type != FIRE_F64))
        return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "input '%s' is no tensor of float32 or float64", name);
    if (!v->has_shape || v->rank < 1 || v->rank > FIRE_MAX_RANK)
        return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "input '%s' needs a shape of 1 to %d dimensions, the first of them the batch", name, FIRE_MAX_RANK);
    *shape = (fire_shape){.rank = v->rank};
    memcpy(shape->dim, v->dim, sizeof shape->dim);
    for (int i = 0; i < v->rank; i++)
        if (i ? v->dim[i] < 0 : v->dim[i] >= 0)
            return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "input '%s' has shape %s; expected a free first dimension, the batch, and fixed others", name, fire_shape_text(shape, shown));
    return FIRE_OK;
}

fire_status fire_onnx_graph(fire_onnx *m, fire_graph *g, fire_value *x, fire_value *y, bool *later, fire_error *err) {
    char text[80], shown[FIRE_SHAPE_TEXT];
    fire_shape shape;
    *later = true;
    fire_status s = fire_onnx_check(m, err);
    if (s) { *later = false; return s; }
    if ((s = check_input(m, &shape, err))) return s;
    const fire_type type = (fire_type)m->input->type;
    *x = fire_graph_input(g, show(m->input->name, text, sizeof text), type, shape);
    fire_scope scope = {.m = m};
    fire_import b = {.ctx = m->ctx, .g = g, .arena = {.ctx = m->ctx}, .scope = &scope, .symbolic = true};
    fire_import_begin(&b, 2 * (m->file ? fire_onnx_file_size(m->file) : (int64_t)m->size) + FIRE_IMPORT_SYMBOLIC);
    fire_onnx_forget(m);
    fire_onnx_find(m, m->input->name)->value = *x;
    fire_import_nodes(&b, &scope);
    scope.at = m->n_nodes;
    *y = fire_import_find(&b, m->output->name);
    fire_import_end(&b);
    *later = b.late;
    if ((s = fire_graph_check(g, err))) return s;
    *later = true;
    if (*y < 0) return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "output '%s' is no tensor", show(m->output->name, text, sizeof text));
    if (fire_type_of(g, *y) != type)
        return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "output '%s' is %s, but the input is %s; this version expects one type", show(m->output->name, text, sizeof text),
                         fire_type_text(fire_type_of(g, *y)), fire_type_text(type));
    shape = fire_shape_of(g, *y);
    if (shape.rank < 1 || shape.dim[0] != -1)
        return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "output '%s' has shape %s; expected the batch as its first dimension", show(m->output->name, text, sizeof text), fire_shape_text(&shape, shown));
    char *name = fire_arena_text(&g->arena, show(m->output->name, text, sizeof text), err);
    if (!name) return FIRE_NOMEM;
    if (!g->value[*y].name) g->value[*y].name = name; /* an output keeps its name when the graph is saved again */
    return FIRE_OK;
}
