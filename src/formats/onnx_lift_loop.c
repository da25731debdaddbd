/* onnx_lift_loop.c - If, Loop, Scan and SequenceMap: the graph of an attribute, lifted into the graph around it once for each time it runs.
**
** What decides (a condition, the number of trips) must be known: it is a constant, or is computed from what was fed (fire_import_known). Depth,
** nodes and bytes are counted against the budgets of onnx_import.h.
*/
#include "formats/onnx_lift.h"

/* The body of an attribute, indexed; false: failed. */
static bool open_body(fire_import *b, fire_lift *n, const char *name, fire_onnx *m) {
    const fire_onnx_attr *a = fire_lift_attr(n, name);
    *m = (fire_onnx){0};
    if (b->g->first.status) return false;
    if (!a || !a->graph.begin) { fire_import_fail(b, FIRE_E_CORRUPT, "has no graph '%s'", name); return false; }
    if (b->depth >= FIRE_IMPORT_DEPTH) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "more than %d graphs inside each other", FIRE_IMPORT_DEPTH); return false; }
    if (fire_onnx_read_inner(b->scope->m, &a->graph, m, &b->g->first)) {
        fire_onnx_clear(m);
        return false;
    }
    return true;
}

/* Once through the body: in[] are its inputs, out[] gets its outputs. Initializers keep their values from trip to trip. */
static bool run_body(fire_import *b, fire_onnx *m, const fire_value *in, fire_value *out) {
    fire_scope scope = {.m = m, .outer = b->scope};
    for (int64_t i = 0; i < m->n_names; i++)
        if (m->name[i].from != FIRE_ONNX_INITIALIZER) m->name[i].value = 0;
    for (int64_t i = 0; i < m->n_inputs; i++) fire_onnx_find(m, m->input[i].name)->value = in[i];
    b->depth++;
    fire_import_nodes(b, &scope);
    fire_scope *around = b->scope;
    b->scope = &scope;
    scope.at = m->n_nodes;
    for (int64_t k = 0; k < m->n_outputs && !b->g->first.status; k++) out[k] = fire_import_find(b, m->output[k].name);
    b->scope = around;
    b->depth--;
    return !b->g->first.status;
}

bool fire_lift_body(fire_import *b, fire_lift *n, const char *name, int n_in, const fire_value *in, int n_out, fire_value *out) {
    fire_onnx m;
    if (!open_body(b, n, name, &m)) return false;
    bool fits = m.n_inputs == n_in && m.n_outputs == n_out;
    if (!fits) fire_import_fail(b, FIRE_E_CORRUPT, "'%s' has %lld inputs and %lld outputs, expected %d and %d", name, (long long)m.n_inputs, (long long)m.n_outputs, n_in, n_out);
    else fits = run_body(b, &m, in, out);
    fire_onnx_clear(&m);
    return fits;
}

static bool truth(fire_import *b, fire_value v, bool *is) {
    const fire_tensor *t = fire_import_numbers(b, v);
    if (!t) return false;
    if (fire_count(&t->shape) != 1) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "the condition is not one value"); return false; }
    *is = fire_get(t, 0) != 0;
    return true;
}

void fire_lift_if(fire_import *b, fire_lift *n) {
    bool yes;
    fire_onnx m;
    if (n->n_in < 1 || !n->in[0]) { fire_import_fail(b, FIRE_E_CORRUPT, "has no condition"); return; }
    if (!truth(b, n->in[0], &yes) || !open_body(b, n, yes ? "then_branch" : "else_branch", &m)) return;
    if (m.n_inputs || m.n_outputs != n->n_out) fire_import_fail(b, FIRE_E_CORRUPT, "a branch has %lld inputs and %lld outputs, expected 0 and %lld", (long long)m.n_inputs, (long long)m.n_outputs, (long long)n->n_out);
    else run_body(b, &m, NULL, n->out);
    fire_onnx_clear(&m);
}

fire_value fire_import_concat(fire_import *b, fire_value *v, int64_t n, int axis) {
    if (b->g->first.status || n < 1) return 0;
    const fire_type type = fire_import_type(b, v[0]);
    while (n > 1) {
        int64_t made = 0;
        for (int64_t i = 0; i < n; made++) {
            int k = (int)(n - i < FIRE_MAX_IN ? n - i : FIRE_MAX_IN);
            v[made] = k == 1 ? v[i] : fire_import_apply(b, "Concat", k, v + i, "axis=%d", axis);
            i += k;
        }
        n = made; /* in groups: an operator takes FIRE_MAX_IN */
    }
    return fire_import_as(b, v[0], type);
}

typedef struct { fire_value *v; int64_t n, capacity; } list_of;

/* An output of no trips: [0, ...] of the type that the body declares. */
static fire_value nothing(fire_import *b, const fire_onnx_value *v) {
    fire_shape s = {.rank = v->has_shape && v->rank < FIRE_MAX_RANK ? v->rank + 1 : 1};
    for (int d = 1; d < s.rank; d++) s.dim[d] = v->dim[d - 1] < 0 ? 0 : v->dim[d - 1];
    const fire_type type = v->is_tensor && v->type <= FIRE_F6_E3M2 ? (fire_type)v->type : FIRE_F32;
    return fire_import_as(b, fire_graph_const(b->g, fire_import_storage(type), s, &(int64_t){0}), type);
}

/* Whether the body hands its condition on as it came: then nothing but the number of trips ends the loop. */
static bool goes_on(const fire_onnx *m) {
    const fire_span out = m->output[0].name, in = m->input[1].name;
    if (!fire_span_compare(out, in)) return true;
    const fire_onnx_name *d = fire_onnx_find(m, out);
    const fire_onnx_node *n = d && d->from == FIRE_ONNX_NODE ? &m->node[d->index] : NULL;
    return n && fire_span_is(n->op, "Identity") && n->n_in == 1 && !fire_span_compare(n->in[0], in);
}

/* Inputs: trips, condition, what is carried. Body: trip, condition, carried -> condition, carried, scanned. */
void fire_lift_loop(fire_import *b, fire_lift *n) {
    fire_onnx m;
    int64_t trips = INT64_MAX, carried = n->n_in - 2;
    bool on = true;
    if (carried < 0) { fire_import_fail(b, FIRE_E_CORRUPT, "has %lld inputs, expected at least 2", (long long)n->n_in); return; }
    if (n->in[0]) {
        const fire_tensor *t = fire_import_numbers(b, n->in[0]);
        if (!t) return;
        if (fire_count(&t->shape) != 1) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "the number of trips is not one number"); return; }
        trips = t->type == FIRE_I64 ? *(const int64_t *)t->data : fire_whole(fire_get(t, 0));
    }
    if (n->in[1] && !truth(b, n->in[1], &on)) return;
    if (!open_body(b, n, "body", &m)) return;
    int64_t scans = n->n_out - carried;
    fire_value *in = fire_alloc(b->ctx, (size_t)(carried + 2), sizeof *in, &b->g->first), *out = fire_alloc(b->ctx, (size_t)m.n_outputs, sizeof *out, &b->g->first);
    list_of *scan = fire_alloc(b->ctx, (size_t)(scans > 0 ? scans : 0), sizeof *scan, &b->g->first);
    if (!in || !out || !scan) goto done;
    if (m.n_inputs != carried + 2 || m.n_outputs != 1 + carried + scans || scans < 0) {
        fire_import_fail(b, FIRE_E_CORRUPT, "the body has %lld inputs and %lld outputs, expected %lld and %lld", (long long)m.n_inputs, (long long)m.n_outputs, (long long)carried + 2, (long long)n->n_out + 1);
        goto done;
    }
    for (int64_t k = 0; k < carried; k++) in[2 + k] = n->in[2 + k];
    if (on && trips > b->nodes_left && goes_on(&m)) {
        fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "runs %lld times; this version computes at most %d nodes, trips of loops counted", (long long)trips, FIRE_IMPORT_NODES);
        goto done;
    }
    for (int64_t trip = 0; trip < trips && on && !b->g->first.status; trip++) {
        if (b->nodes_left-- <= 0) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "more than %d nodes are computed, trips of loops counted", FIRE_IMPORT_NODES); break; }
        in[0] = fire_graph_const(b->g, FIRE_I64, (fire_shape){0}, &trip);
        in[1] = fire_graph_scalar(b->g, FIRE_BOOL, 1);
        if (!run_body(b, &m, in, out)) break;
        if (out[0] > 0 && b->g->value[out[0]].source != FIRE_FROM_CONST) { /* compute what goes on together with the condition, so that no trip is computed twice */
            if (carried < 60 ? !fire_import_known(b, (int)carried + 1, out) : !fire_import_known(b, 1, out)) break;
        }
        if (!truth(b, out[0], &on)) break;
        for (int64_t k = 0; k < carried; k++) in[2 + k] = out[1 + k];
        for (int64_t k = 0; k < scans; k++) {
            if (fire_grow(b->ctx, &scan[k].v, &scan[k].capacity, scan[k].n + 1, sizeof *scan[k].v, &b->g->first)) break;
            scan[k].v[scan[k].n++] = fire_import_as(b, fire_import_unsqueeze(b, out[1 + carried + k], 0), fire_import_type(b, out[1 + carried + k]));
        }
    }
    for (int64_t k = 0; k < carried && !b->g->first.status; k++) n->out[k] = in[2 + k];
    for (int64_t k = 0; k < scans && !b->g->first.status; k++)
        n->out[carried + k] = scan[k].n ? fire_import_concat(b, scan[k].v, scan[k].n, 0) : nothing(b, &m.output[1 + carried + k]);
done:
    for (int64_t k = 0; scan && k < scans; k++) fire_free(b->ctx, scan[k].v);
    fire_free(b->ctx, scan);
    fire_free(b->ctx, out);
    fire_free(b->ctx, in);
    fire_onnx_clear(&m);
}

/* The body once for each element of the first input; other sequences give theirs, tensors are the same each time. */
void fire_lift_sequence_map(fire_import *b, fire_lift *n) {
    fire_onnx m;
    const fire_import_list *list = n->n_in ? fire_import_list_get(b, n->in[0]) : NULL;
    if (!list || list->none) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "input 0 is no sequence"); return; }
    const int64_t trips = list->n;
    if (!open_body(b, n, "body", &m)) return;
    fire_value *in = fire_alloc(b->ctx, (size_t)n->n_in, sizeof *in, &b->g->first), *out = fire_alloc(b->ctx, (size_t)m.n_outputs, sizeof *out, &b->g->first);
    list_of *made = fire_alloc(b->ctx, (size_t)n->n_out, sizeof *made, &b->g->first);
    if (!in || !out || !made) goto done;
    if (m.n_inputs != n->n_in || m.n_outputs != n->n_out) {
        fire_import_fail(b, FIRE_E_CORRUPT, "the body has %lld inputs and %lld outputs, expected %lld and %lld", (long long)m.n_inputs, (long long)m.n_outputs, (long long)n->n_in, (long long)n->n_out);
        goto done;
    }
    for (int64_t trip = 0; trip < trips && !b->g->first.status; trip++) {
        if (b->nodes_left-- <= 0) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "more than %d nodes are computed, trips of loops counted", FIRE_IMPORT_NODES); break; }
        for (int64_t i = 0; i < n->n_in; i++) {
            list = fire_import_list_get(b, n->in[i]);
            if (list && (list->none || list->n != trips)) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "input %lld has %lld elements, the first has %lld", (long long)i, (long long)list->n, (long long)trips); break; }
            in[i] = list ? list->item[trip] : n->in[i];
        }
        if (b->g->first.status || !run_body(b, &m, in, out)) break;
        for (int64_t k = 0; k < n->n_out; k++) {
            if (out[k] <= 0) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "output %lld of the body is no tensor", (long long)k); break; }
            if (fire_grow(b->ctx, &made[k].v, &made[k].capacity, made[k].n + 1, sizeof *made[k].v, &b->g->first)) break;
            made[k].v[made[k].n++] = out[k];
        }
    }
    for (int64_t k = 0; k < n->n_out && !b->g->first.status; k++)
        n->out[k] = fire_import_list_new(b, made[k].n, made[k].v, made[k].n ? FIRE_NO_TYPE : m.output[k].is_tensor && m.output[k].type <= FIRE_F6_E3M2 ? (fire_type)m.output[k].type : FIRE_F32);
done:
    for (int64_t k = 0; made && k < n->n_out; k++) fire_free(b->ctx, made[k].v);
    fire_free(b->ctx, made);
    fire_free(b->ctx, out);
    fire_free(b->ctx, in);
    fire_onnx_clear(&m);
}

static int64_t ints_at(const fire_onnx_attr *a, int64_t i) { return a && i < a->n_ints ? a->ints[i] : 0; }

/* Inputs: state, scanned tensors. Body: state, slices -> state, slices. */
static void scan_over(fire_import *b, fire_lift *n, const char *directions) {
    fire_onnx m;
    const int64_t scanned = fire_lift_int(n, "num_scan_inputs", 0), states = n->n_in - scanned;
    const fire_onnx_attr *in_axes = fire_lift_attr(n, "scan_input_axes"), *back = fire_lift_attr(n, directions);
    const fire_onnx_attr *out_axes = fire_lift_attr(n, "scan_output_axes"), *out_back = fire_lift_attr(n, "scan_output_directions");
    if (scanned < 1 || states < 0 || n->n_out < states || !open_body(b, n, "body", &m)) { fire_import_fail(b, FIRE_E_CORRUPT, "has %lld inputs of which %lld are scanned", (long long)n->n_in, (long long)scanned); return; }
    const int64_t scans = n->n_out - states;
    fire_value *in = fire_alloc(b->ctx, (size_t)n->n_in, sizeof *in, &b->g->first), *out = fire_alloc(b->ctx, (size_t)m.n_outputs, sizeof *out, &b->g->first);
    list_of *made = fire_alloc(b->ctx, (size_t)scans, sizeof *made, &b->g->first);
    int64_t trips = -1;
    if (!in || !out || !made) goto done;
    if (m.n_inputs != n->n_in || m.n_outputs != n->n_out) {
        fire_import_fail(b, FIRE_E_CORRUPT, "the body has %lld inputs and %lld outputs, expected %lld and %lld", (long long)m.n_inputs, (long long)m.n_outputs, (long long)n->n_in, (long long)n->n_out);
        goto done;
    }
    for (int64_t k = 0; k < scanned; k++) {
        int axis;
        fire_shape s = fire_shape_of(b->g, n->in[states + k]);
        if (fire_axis(ints_at(in_axes, k), s.rank, &axis, &b->g->first)) goto done;
        if (s.dim[axis] < 0 || (trips >= 0 && s.dim[axis] != trips)) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "the scanned inputs do not have one known length"); goto done; }
        trips = s.dim[axis];
    }
    for (int64_t k = 0; k < states; k++) in[k] = n->in[k];
    for (int64_t trip = 0; trip < trips && !b->g->first.status; trip++) {
        for (int64_t k = 0; k < scanned; k++) {
            int axis;
            fire_value x = n->in[states + k];
            (void)fire_axis(ints_at(in_axes, k), fire_shape_of(b->g, x).rank, &axis, NULL);
            int64_t at = ints_at(back, k) ? trips - 1 - trip : trip;
            in[states + k] = fire_import_as(b, fire_import_apply(b, "Gather", 2, FIRE_IN(x, fire_graph_const(b->g, FIRE_I64, (fire_shape){0}, &at)), "axis=%d", axis), fire_import_type(b, x));
        }
        if (b->g->first.status || !run_body(b, &m, in, out)) break;
        for (int64_t k = 0; k < states; k++) in[k] = out[k];
        for (int64_t k = 0; k < scans; k++) {
            int axis;
            if (out[states + k] < 0) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "a sequence cannot be scanned"); break; }
            if (fire_grow(b->ctx, &made[k].v, &made[k].capacity, made[k].n + 1, sizeof *made[k].v, &b->g->first)) break;
            if (fire_axis(ints_at(out_axes, k), fire_shape_of(b->g, out[states + k]).rank + 1, &axis, &b->g->first)) break;
            made[k].v[made[k].n++] = fire_import_as(b, fire_import_unsqueeze(b, out[states + k], axis), fire_import_type(b, out[states + k]));
        }
    }
    for (int64_t k = 0; k < states && !b->g->first.status; k++) n->out[k] = in[k];
    for (int64_t k = 0; k < scans && !b->g->first.status; k++) {
        int axis = 0;
        if (!made[k].n) { n->out[states + k] = nothing(b, &m.output[states + k]); continue; }
        (void)fire_axis(ints_at(out_axes, k), fire_shape_of(b->g, made[k].v[0]).rank, &axis, NULL);
        if (ints_at(out_back, k))
            for (int64_t i = 0; i < made[k].n / 2; i++) {
                fire_value t = made[k].v[i];
                made[k].v[i] = made[k].v[made[k].n - 1 - i];
                made[k].v[made[k].n - 1 - i] = t;
            }
        n->out[states + k] = fire_import_concat(b, made[k].v, made[k].n, axis);
    }
done:
    for (int64_t k = 0; made && k < scans; k++) fire_free(b->ctx, made[k].v);
    fire_free(b->ctx, made);
    fire_free(b->ctx, out);
    fire_free(b->ctx, in);
    fire_onnx_clear(&m);
}

/* Opset 8 has a batch in front, each row of which is scanned by itself, and the lengths of rows as its first input. */
void fire_lift_scan(fire_import *b, fire_lift *n) {
    if (n->opset >= 9) { scan_over(b, n, "scan_input_directions"); return; }
    const int64_t scanned = fire_lift_int(n, "num_scan_inputs", 0);
    fire_lift row = *n;
    if (scanned < 1 || n->n_in - 1 < scanned || b->g->first.status) { fire_import_fail(b, FIRE_E_CORRUPT, "has %lld inputs of which %lld are scanned", (long long)n->n_in, (long long)scanned); return; }
    row.n_in = n->n_in - 1;
    const fire_shape s = fire_shape_of(b->g, n->in[n->n_in - 1]);
    const int64_t rows = s.rank > 1 ? s.dim[0] : 0, steps = s.rank > 1 ? s.dim[1] : 0;
    if (rows < 1 || steps < 0) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "a scan over rows whose number is not known, or none"); return; }
    if (n->in[0]) {
        const fire_tensor *lengths = fire_import_numbers(b, n->in[0]);
        for (int64_t i = 0, count = lengths ? fire_count(&lengths->shape) : 0; i < count; i++)
            if (fire_get(lengths, i) != (double)steps) { fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, "rows of unlike length"); return; }
    }
    list_of *made = fire_alloc(b->ctx, (size_t)n->n_out, sizeof *made, &b->g->first);
    row.in = fire_arena_alloc(&b->arena, (size_t)row.n_in, sizeof *row.in, &b->g->first);
    row.out = row.in ? fire_arena_alloc(&b->arena, (size_t)n->n_out, sizeof *row.out, &b->g->first) : NULL;
    for (int64_t i = 0; i < rows && made && row.out && !b->g->first.status; i++) {
        fire_value at = fire_graph_const(b->g, FIRE_I64, (fire_shape){0}, &i);
        for (int64_t k = 0; k < row.n_in; k++) row.in[k] = fire_import_two(b, "Gather", n->in[k + 1], at);
        scan_over(b, &row, "directions");
        for (int64_t k = 0; k < n->n_out && !b->g->first.status; k++)
            if (!fire_grow(b->ctx, &made[k].v, &made[k].capacity, made[k].n + 1, sizeof *made[k].v, &b->g->first)) made[k].v[made[k].n++] = fire_import_unsqueeze(b, row.out[k], 0);
    }
    for (int64_t k = 0; made && k < n->n_out; k++) {
        if (!b->g->first.status) n->out[k] = fire_import_concat(b, made[k].v, made[k].n, 0);
        fire_free(b->ctx, made[k].v);
    }
    fire_free(b->ctx, made);
}
