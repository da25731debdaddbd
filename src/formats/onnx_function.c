/* onnx_function.c - functions of an ONNX file (FunctionProto): a node that calls one becomes the nodes of its body.
**
** A function sees its inputs and the attributes of the node that calls it, nothing else of the graph around. It is indexed when it is first called,
** and that index serves all calls: since a function that calls itself is refused, only one call of it is being lifted at a time.
*/
#include "formats/onnx_import.h"
#include <string.h>

#define DEPTH 48 /* of functions inside each other */

static bool same(fire_span a, fire_span b) { return !fire_span_compare(a, b); }
static fire_span domain_of(fire_span s) { return fire_span_is(s, "ai.onnx") ? (fire_span){0} : s; }

static fire_status text_of(const fire_wire *w, const fire_wire_field *f, fire_span *out, fire_error *err) {
    if (f->kind != 2) return fire_fail(err, FIRE_E_CORRUPT, "field %u before byte %lld is no text", f->number, (long long)(w->at - w->begin));
    *out = (fire_span){f->bytes, f->size};
    return FIRE_OK;
}

/* Name, domain and overload alone: bodies of functions that nobody calls are not looked at. */
fire_status fire_onnx_functions(fire_onnx *m, const fire_wire *file, fire_error *err) {
    fire_wire in = *file;
    fire_wire_field f;
    bool more;
    fire_status s;
    int64_t n = 0;
    while (!(s = fire_wire_next(&in, &f, &more, err)) && more) n += f.number == 25;
    if (s || !n) return s;
    fire_onnx_functions_list *list = fire_arena_alloc(&m->arena, 1, sizeof *list, err);
    if (!list || !(list->row = fire_arena_alloc(&m->arena, (size_t)n, sizeof *list->row, err))) return FIRE_NOMEM;
    m->functions = list;
    in = *file;
    while (!s && !(s = fire_wire_next(&in, &f, &more, err)) && more) {
        if (f.number != 25) continue;
        fire_onnx_function *fn = &list->row[list->n];
        fire_wire body;
        if ((s = fire_wire_enter(&in, &f, &body, err))) break;
        fn->body = body;
        while (!s && !(s = fire_wire_next(&body, &f, &more, err)) && more) {
            if (f.number == 1) s = text_of(&body, &f, &fn->name, err);
            else if (f.number == 10) s = text_of(&body, &f, &fn->domain, err);
            else if (f.number == 13) s = text_of(&body, &f, &fn->overload, err);
        }
        more = true;
        fn->domain = domain_of(fn->domain);
        for (int64_t i = 0; i < list->n && !s; i++)
            if (same(list->row[i].name, fn->name) && same(list->row[i].domain, fn->domain) && same(list->row[i].overload, fn->overload)) {
                char shown[80];
                s = fire_fail(err, FIRE_E_CORRUPT, "the function '%s' at byte %lld is defined twice", fire_escape(shown, sizeof shown, (const char *)fn->name.bytes, fn->name.size),
                              (long long)(fn->body.begin ? fn->body.at - m->bytes : 0));
            }
        list->n++;
        if (list->n > 10000) s = fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "more than 10000 functions");
    }
    return s;
}

fire_onnx_function *fire_onnx_function_of(const fire_onnx *m, const fire_onnx_node *n) {
    for (int64_t i = 0; m->functions && i < m->functions->n; i++) {
        fire_onnx_function *fn = &m->functions->row[i];
        if (same(fn->name, n->op) && same(fn->domain, domain_of(n->domain)) && same(fn->overload, n->overload)) return fn;
    }
    return NULL;
}

static fire_status open_function(const fire_onnx *m, fire_onnx_function *fn, fire_error *err) {
    if (fn->open) return FIRE_OK;
    fire_status s = fire_onnx_read_function(m, &fn->body, &fn->m, err);
    if (s) fire_onnx_clear(&fn->m);
    fn->open = !s;
    return s;
}

void fire_onnx_functions_clear(fire_onnx *m) {
    for (int64_t i = 0; m->functions && i < m->functions->n; i++) {
        m->functions->row[i].m.functions = NULL; /* it is this list */
        fire_onnx_clear(&m->functions->row[i].m);
    }
}

fire_status fire_onnx_function_check(fire_onnx *m, fire_onnx_function *fn, fire_error *err) {
    char shown[80];
    if (fn->checked) return FIRE_OK;
    fn->checked = true; /* before its nodes are: those may call it, which is refused when it runs */
    if (++m->functions->depth > DEPTH) return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "more than %d functions inside each other", DEPTH);
    fire_status s = open_function(m, fn, err);
    if (!s) s = fire_onnx_check_nodes(&fn->m, err);
    m->functions->depth--;
    if (s && s != FIRE_NOMEM && err) {
        fire_error why = *err;
        s = fire_fail(err, why.code, "function '%s': %s", fire_escape(shown, sizeof shown, (const char *)fn->name.bytes, fn->name.size), why.message);
    }
    return s;
}

/* What an attribute of the function stands for in this call: what the node gives, else what the function gives. *found NULL: left out. */
static fire_status look_up(fire_import *b, const fire_scope *s, fire_span name, const fire_onnx_attr **found, fire_error *err) {
    *found = NULL;
    for (int64_t i = 0; i < s->call->n_attrs; i++)
        if (same(s->call->attr[i].name, name)) { *found = &s->call->attr[i]; return FIRE_OK; }
    fire_wire in = s->function->body;
    fire_wire_field f;
    bool more;
    fire_status r;
    while (!(r = fire_wire_next(&in, &f, &more, err)) && more) {
        if (f.number != 11) continue;
        fire_onnx_attr *a = fire_arena_alloc(&b->arena, 1, sizeof *a, err);
        if (!a) return FIRE_NOMEM;
        if ((r = fire_onnx_attr_read(&in, &f, &b->arena, a, err))) return r;
        if (same(a->name, name)) { *found = a; return FIRE_OK; }
    }
    return r;
}

fire_status fire_import_references(fire_import *b, fire_lift *l, fire_error *err) {
    int64_t n = 0;
    for (int64_t i = 0; i < l->n_attrs; i++) {
        fire_onnx_attr a = l->attr[i];
        if (a.reference) {
            const fire_scope *s = b->scope;
            const fire_onnx_attr *given;
            while (s && !s->call) s = s->outer;
            if (!s) {
                char shown[80];
                return fire_fail(err, FIRE_E_CORRUPT, "an attribute refers to '%s' of a function, but stands in none", fire_escape(shown, sizeof shown, (const char *)a.refers_to.bytes, a.refers_to.size));
            }
            fire_status r = look_up(b, s, a.refers_to, &given, err);
            if (r) return r;
            if (!given) continue; /* the operator's own default */
            fire_span name = a.name;
            a = *given;
            a.name = name;
        }
        l->attr[n++] = a;
    }
    l->n_attrs = n;
    return FIRE_OK;
}

void fire_import_call(fire_import *b, fire_lift *l, fire_onnx_function *fn) {
    int32_t depth = 0;
    for (const fire_scope *s = b->scope; s; s = s->caller ? s->caller : s->outer) {
        if (s->function == fn) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "the function calls itself"); return; }
        if (++depth > DEPTH) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "more than %d functions inside each other", DEPTH); return; }
    }
    if (open_function(b->scope->m, fn, &b->g->first)) return;
    fire_onnx *m = &fn->m;
    if (l->n_in > m->n_inputs || l->n_out > m->n_outputs) {
        fire_import_fail(b, FIRE_E_CORRUPT, "calls a function of %lld inputs and %lld outputs with %lld and %lld", (long long)m->n_inputs, (long long)m->n_outputs, (long long)l->n_in, (long long)l->n_out);
        return;
    }
    fire_scope scope = {.m = m, .caller = b->scope, .call = l, .function = fn};
    fire_onnx_forget(m);
    for (int64_t i = 0; i < m->n_inputs; i++) {
        fire_onnx_name *d = fire_onnx_find(m, m->input[i].name);
        d->value = i < l->n_in ? l->in[i] : 0;
        d->left_out = !d->value; /* who reads it leaves it out too */
    }
    fire_import_nodes(b, &scope);
    fire_scope *around = b->scope;
    b->scope = &scope;
    scope.at = m->n_nodes;
    for (int64_t k = 0; k < l->n_out && !b->g->first.status; k++)
        if (l->node->out[k].size) l->out[k] = fire_import_find(b, m->output[k].name);
    b->scope = around;
}
