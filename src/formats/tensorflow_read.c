/* tensorflow_read.c - index a GraphDef in memory. Field numbers are those of graph.proto, node_def.proto, function.proto and op_def.proto. */
#include "formats/tensorflow.h"
#include "sort.h"
#include <stdio.h>
#include <string.h>

static const char domain[] = FIRE_TF_DOMAIN;

static fire_status text_of(const fire_wire *w, const fire_wire_field *f, fire_span *out, fire_error *err) {
    *out = (fire_span){f->bytes, f->size};
    return f->kind == 2 ? FIRE_OK : fire_fail(err, FIRE_E_CORRUPT, "field %u before byte %lld is no text", f->number, (long long)(w->at - w->begin));
}
static const char *show(fire_span s, char *to, size_t capacity) { return fire_escape(to, capacity, (const char *)s.bytes, s.size); }
static fire_span span(const char *text) { return (fire_span){(const uint8_t *)text, strlen(text)}; }

/* ---- names of nodes while a graph is indexed ---- */

typedef struct named { fire_span name; int32_t node; int32_t used; } named; /* used: outputs that are read, 0 for none */

static int by_name(const void *a, const void *b) { return fire_span_compare(((const named *)a)->name, ((const named *)b)->name); }
static int by_tensor(const void *a, const void *b) { return fire_span_compare(((const fire_onnx_name *)a)->name, ((const fire_onnx_name *)b)->name); }

static named *find(named *list, int64_t n, fire_span name) {
    for (int64_t low = 0, high = n; low < high;) {
        int64_t mid = low + (high - low) / 2;
        int c = fire_span_compare(name, list[mid].name);
        if (!c) return &list[mid];
        if (c < 0) high = mid;
        else low = mid + 1;
    }
    return NULL;
}

/* ---- nodes ---- */

static const fire_tf_kind *kind_of(fire_span op) {
    static const struct { const char *op; fire_tf_kind kind; } kinds[] = {{"Switch", FIRE_TF_SWITCH}, {"Merge", FIRE_TF_MERGE}, {"Enter", FIRE_TF_ENTER}, {"Exit", FIRE_TF_EXIT},
        {"NextIteration", FIRE_TF_NEXT}, {"LoopCond", FIRE_TF_LOOP_COND}, {"RefSwitch", FIRE_TF_SWITCH}, {"RefMerge", FIRE_TF_MERGE}, {"RefEnter", FIRE_TF_ENTER},
        {"RefExit", FIRE_TF_EXIT}, {"RefNextIteration", FIRE_TF_NEXT}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (fire_span_is(op, kinds[i].op)) return &kinds[i].kind;
    return NULL;
}

/* NodeDef: inputs first those with numbers, control inputs ("^name") after them. */
static fire_status read_node(fire_onnx *m, const fire_wire *w, const fire_wire_field *at, fire_onnx_node *n, fire_tf_node *t, fire_error *err) {
    fire_wire in;
    fire_wire_field f;
    bool more;
    fire_status s = fire_wire_enter(w, at, &in, err);
    n->body = in;
    n->domain = span(domain);
    for (int pass = 0; pass < 2 && !s; pass++) {
        int64_t control = n->n_in;
        in = n->body;
        if (pass) {
            if (!(n->in = fire_arena_alloc(&m->arena, (size_t)n->n_in + (size_t)t->n_control, sizeof *n->in, err))) return FIRE_NOMEM;
            n->n_in = 0;
        }
        while (!s && !(s = fire_wire_next(&in, &f, &more, err)) && more) {
            fire_span text = {0};
            if (f.number <= 3 && (s = text_of(&in, &f, &text, err))) break;
            if (f.number == 1) n->name = text;
            else if (f.number == 2) n->op = text;
            else if (f.number == 3 && text.size && text.bytes[0] == '^') {
                if (pass) n->in[control++] = (fire_span){text.bytes + 1, text.size - 1};
                else t->n_control++;
            } else if (f.number == 3) {
                if (pass) n->in[n->n_in] = text;
                n->n_in++;
            }
        }
    }
    if (s) return s;
    if (!n->name.size) return fire_fail(err, FIRE_E_CORRUPT, "the node before byte %lld has no name", (long long)(n->body.end - m->bytes));
    if (kind_of(n->op)) t->kind = *kind_of(n->op);
    return FIRE_OK;
}

/* "node:k" in memory of the index; nothing: no memory. */
static fire_span tensor_name(fire_onnx *m, fire_span node, int k, fire_error *err) {
    char *own = fire_arena_alloc(&m->arena, node.size + 16, 1, err);
    if (!own) return (fire_span){0};
    memcpy(own, node.bytes, node.size);
    return (fire_span){(uint8_t *)own, node.size + (size_t)snprintf(own + node.size, 16, ":%d", k)};
}

/* Which output of a function of the library is called so, for nodes whose operator is the function itself; 0: none that is known. */
static int output_of_function(const fire_onnx *m, fire_span op, fire_span name) {
    const fire_tf_function *of = m->tf->library ? fire_tensorflow_find(m->tf->library, op) : NULL;
    if (!of) return 0;
    fire_wire in = of->body, signature = {0}, argument;
    fire_wire_field f;
    bool more, found = false;
    while (!found && !fire_wire_next(&in, &f, &more, NULL) && more) found = f.number == 1 && !fire_wire_enter(&in, &f, &signature, NULL);
    for (int k = 0, seen = 0; found && seen < 4 * FIRE_TF_OUTPUTS && !fire_wire_next(&signature, &f, &more, NULL) && more; seen++) {
        if (f.number != 3) continue; /* output_arg, which begins with its name */
        if (!fire_wire_enter(&signature, &f, &argument, NULL) && !fire_wire_next(&argument, &f, &more, NULL) && more && f.number == 1 && f.kind == 2 &&
            !fire_span_compare((fire_span){f.bytes, f.size}, name)) return k;
        k++;
    }
    return 0;
}

/* "node", "node:1", in functions "node:output:1" or an argument: which output of what. *name: of the tensor, "node:1". false: no such. */
static bool edge_of(fire_onnx *m, named *list, int64_t n, fire_span text, fire_tf_edge *e, fire_span *name, fire_error *err) {
    const uint8_t *colon = text.size ? memchr(text.bytes, ':', text.size) : NULL, *end = text.bytes + text.size, *digits = colon;
    const fire_span node = {text.bytes, colon ? (size_t)(colon - text.bytes) : text.size};
    named *d = find(list, n, node);
    int64_t k = 0;
    *e = (fire_tf_edge){-1, 0};
    *name = text;
    if (!d) { if (colon && !m->tf->function && fire_span_is((fire_span){colon, (size_t)(end - colon)}, ":0")) *name = node; return true; }
    if (colon && m->tf->function) {
        const uint8_t *second = memchr(colon + 1, ':', (size_t)(end - colon - 1));
        if (second) {
            const fire_span output = {colon + 1, (size_t)(second - colon - 1)};
            int first = fire_tensorflow_output(m->node[d->node].op, output);
            if (first <= 0) first = output_of_function(m, m->node[d->node].op, output);
            if (first > 0) k = first;
            digits = second;
        }
    }
    if (digits) {
        int64_t number = 0;
        for (const uint8_t *p = digits + 1; p < end; p++) {
            if (*p < '0' || *p > '9' || (number = number * 10 + *p - '0') >= FIRE_TF_OUTPUTS) return false;
        }
        if (digits + 1 == end || (k += number) >= FIRE_TF_OUTPUTS) return false;
    }
    *e = (fire_tf_edge){d->node, (int32_t)k};
    if (d->used <= k) d->used = (int32_t)k + 1;
    if (!k) *name = node;
    else if (m->tf->function) {
        *name = tensor_name(m, node, (int)k, err);
        return name->bytes != NULL;
    }
    return true;
}

static fire_status bad_name(const fire_onnx *m, fire_span name, fire_error *err) {
    char text[80];
    if (err && err->status == FIRE_NOMEM) return FIRE_NOMEM;
    return fire_fail(err, FIRE_E_CORRUPT, "'%s' at byte %lld is no name of a tensor", show(name, text, sizeof text), (long long)(name.bytes - m->bytes));
}

/* Edges of all nodes by number. */
static fire_status read_edges(fire_onnx *m, named *list, fire_error *err) {
    const int64_t n = m->n_nodes;
    fire_tf *tf = m->tf;
    for (int64_t i = 0; i < n; i++) {
        fire_onnx_node *node = &m->node[i];
        fire_tf_node *t = &tf->node[i];
        t->from = fire_arena_alloc(&m->arena, (size_t)node->n_in, sizeof *t->from, err);
        t->control = t->from ? fire_arena_alloc(&m->arena, (size_t)t->n_control, sizeof *t->control, err) : NULL;
        if (!t->control) return FIRE_NOMEM;
        for (int64_t k = 0; k < node->n_in; k++) {
            fire_span name = node->in[k];
            if (!edge_of(m, list, n, name, &t->from[k], &node->in[k], err)) return bad_name(m, name, err);
        }
        const int32_t controls = t->n_control;
        t->n_control = 0;
        for (int32_t k = 0; k < controls; k++) { /* control inputs from arguments, or from nodes that the file lacks, decide nothing */
            const named *d = find(list, n, node->in[node->n_in + k]);
            if (d) t->control[t->n_control++] = d->node;
        }
    }
    return FIRE_OK;
}

/* What the outputs are, and the names of all tensors that are read. */
static fire_status read_names(fire_onnx *m, named *list, fire_error *err) {
    const int64_t n = m->n_nodes;
    const fire_tf *tf = m->tf;
    int64_t total = m->n_inputs;
    for (int64_t k = 0; k < m->n_outputs; k++) {
        fire_span name = m->output[k].name;
        char text[80];
        if (!edge_of(m, list, n, name, &m->output_from[k], &m->output[k].name, err)) return bad_name(m, name, err);
        if (m->output_from[k].node < 0 && !tf->function)
            return fire_fail(err, FIRE_E_UNKNOWN_NAME, "the graph has no node '%s'", show(name, text, sizeof text));
    }
    for (int64_t i = 0; i < n; i++) {
        fire_onnx_node *node = &m->node[list[i].node];
        node->n_out = list[i].used > 1 ? list[i].used : 1;
        total += node->n_out;
        if (total > (int64_t)m->size + FIRE_TF_OUTPUTS) return fire_fail(err, FIRE_E_CORRUPT, "the nodes have more outputs than the file has bytes");
    }
    if (!(m->name = fire_arena_alloc(&m->arena, (size_t)total, sizeof *m->name, err))) return FIRE_NOMEM;
    for (int64_t i = 0; i < m->n_inputs; i++)
        if (tf->function) m->name[m->n_names++] = (fire_onnx_name){m->input[i].name, FIRE_ONNX_INPUT, i, 0, 0};
    for (int64_t i = 0; i < n; i++) {
        fire_onnx_node *node = &m->node[i];
        if (!(node->out = fire_arena_alloc(&m->arena, (size_t)node->n_out, sizeof *node->out, err))) return FIRE_NOMEM;
        for (int64_t k = 0; k < node->n_out; k++) {
            node->out[k] = k ? tensor_name(m, node->name, (int)k, err) : node->name;
            if (!node->out[k].bytes) return FIRE_NOMEM;
            m->name[m->n_names++] = (fire_onnx_name){node->out[k], FIRE_ONNX_NODE, i, (int32_t)k, 0};
        }
    }
    fire_sort(m->name, m->n_names, sizeof *m->name, by_tensor);
    for (int64_t i = 1; i < m->n_names; i++)
        if (!fire_span_compare(m->name[i - 1].name, m->name[i].name)) {
            char text[80];
            return fire_fail(err, FIRE_E_CORRUPT, "the name '%s' is defined twice", show(m->name[i].name, text, sizeof text));
        }
    return FIRE_OK;
}

static fire_status list_nodes(fire_onnx *m, named **list, fire_error *err) {
    char text[80];
    named *l = *list = fire_alloc(m->ctx, (size_t)m->n_nodes, sizeof *l, err);
    if (!l) return FIRE_NOMEM;
    for (int64_t i = 0; i < m->n_nodes; i++) l[i] = (named){m->node[i].name, (int32_t)i, 0};
    fire_sort(l, m->n_nodes, sizeof *l, by_name);
    for (int64_t i = 1; i < m->n_nodes; i++)
        if (!fire_span_compare(l[i - 1].name, l[i].name))
            return fire_fail(err, FIRE_E_CORRUPT, "the name '%s' at byte %lld is defined twice", show(l[i].name, text, sizeof text), (long long)(l[i].name.bytes - m->bytes));
    return FIRE_OK;
}

/* The nodes of a GraphDef (field 1) or FunctionDef (field 3). */
static fire_status read_nodes(fire_onnx *m, const fire_wire *body, uint32_t field, fire_error *err) {
    fire_wire in = *body;
    fire_wire_field f;
    bool more;
    int64_t n = 0;
    fire_status s;
    while (!(s = fire_wire_next(&in, &f, &more, err)) && more) n += f.number == field;
    if (s) return s;
    if (n >= INT32_MAX / 2) return fire_fail(err, FIRE_E_CORRUPT, "%lld nodes, expected fewer", (long long)n);
    m->node = fire_arena_alloc(&m->arena, (size_t)n, sizeof *m->node, err);
    m->tf->node = m->node ? fire_arena_alloc(&m->arena, (size_t)n, sizeof *m->tf->node, err) : NULL;
    if (!m->tf->node) return FIRE_NOMEM;
    in = *body;
    while (!s && !(s = fire_wire_next(&in, &f, &more, err)) && more)
        if (f.number == field) {
            s = read_node(m, &in, &f, &m->node[m->n_nodes], &m->tf->node[m->n_nodes], err);
            m->n_nodes++;
        }
    return s;
}

/* ---- inputs and outputs of a graph ---- */

/* The attribute that says of what type the first output is: of nodes inside a graph that are fed. */
static const char *type_of_output(fire_span op) {
    static const char *const same[] = {"Identity", "StopGradient", "Reshape", "ExpandDims", "Squeeze", "Transpose", "Add", "AddV2", "Sub", "Mul", "Div", "RealDiv", "Pad", "Pack", "Concat", "ConcatV2",
        "BiasAdd", "MatMul", "Conv2D", "Relu", "Relu6", "Split", "StridedSlice", "Gather", "GatherV2", "ClipByValue", "Maximum", "Minimum"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        if (fire_span_is(op, same[i])) return fire_span_is(op, "Gather") || fire_span_is(op, "GatherV2") ? "Tparams" : "T";
    return fire_span_is(op, "Cast") ? "DstT" : "dtype";
}

/* Type and shape of a Placeholder. */
static fire_status read_placeholder(fire_onnx *m, const fire_onnx_node *n, fire_onnx_value *v, fire_error *err) {
    fire_wire in = n->body;
    fire_wire_field f;
    bool more;
    fire_arena arena = {.ctx = m->ctx};
    fire_status s = FIRE_OK;
    *v = (fire_onnx_value){.name = n->name, .is_tensor = true};
    if (fire_span_is(n->op, "ResizeBilinear") || fire_span_is(n->op, "ResizeArea") || fire_span_is(n->op, "ResizeBicubic")) v->type = FIRE_F32;
    if (fire_span_is(n->op, "DecodeJpeg") || fire_span_is(n->op, "DecodeBmp") || fire_span_is(n->op, "DecodeGif")) v->type = FIRE_U8;
    while (!s && !(s = fire_wire_next(&in, &f, &more, err)) && more) {
        fire_onnx_attr a;
        if (f.number != 5 || (s = fire_tensorflow_attr(&in, &f, &arena, &a, err))) continue;
        if (fire_span_is(a.name, type_of_output(n->op)) && a.type == FIRE_IS_INT) v->type = (uint64_t)a.number;
        if (fire_span_is(a.name, "shape") && a.type == FIRE_IS_INTS && a.number >= 0 && a.number <= FIRE_MAX_RANK) {
            v->has_shape = true;
            v->rank = (int32_t)a.n_ints;
            for (int64_t i = 0; i < a.n_ints; i++) v->dim[i] = a.ints[i];
        }
    }
    fire_arena_free(&arena);
    return s;
}

static bool is_input(fire_span op) { return fire_span_is(op, "Placeholder") || fire_span_is(op, "PlaceholderV2"); }

static void strip_zero(fire_span *name) {
    if (name->size > 2 && !memcmp(name->bytes + name->size - 2, ":0", 2)) name->size -= 2;
}

/* The inputs: placeholders, or the nodes that are named, whatever they are. */
static fire_status list_inputs(fire_onnx *m, named *list, const fire_tf_want *want, fire_error *err) {
    char text[80];
    int64_t n = want && want->n_inputs ? want->n_inputs : 0;
    for (int64_t i = 0; i < m->n_nodes; i++) n += is_input(m->node[i].op);
    if (!(m->input = fire_arena_alloc(&m->arena, (size_t)n, sizeof *m->input, err))) return FIRE_NOMEM;
    for (int32_t k = 0; want && k < want->n_inputs; k++) {
        fire_span name = span(want->input[k]);
        strip_zero(&name);
        const named *d = find(list, m->n_nodes, name);
        if (!d) return fire_fail(err, FIRE_E_UNKNOWN_NAME, "the graph has no node '%s'", show(name, text, sizeof text));
        if (m->tf->node[d->node].fed) return fire_fail(err, FIRE_E_USAGE, "the input '%s' is named twice", show(name, text, sizeof text));
        m->tf->node[d->node].fed = true;
        fire_status s = read_placeholder(m, &m->node[d->node], &m->input[m->n_inputs++], err);
        if (s) return s;
    }
    fire_status s = FIRE_OK;
    for (int64_t i = 0; i < m->n_nodes && !s; i++)
        if (is_input(m->node[i].op) && !m->tf->node[i].fed) {
            s = read_placeholder(m, &m->node[i], &m->input[m->n_inputs++], err);
            m->tf->node[i].fed = true;
        }
    return s;
}

/* Mark as moot what is between a Switch and the next Merge or Exit: it runs on one of two ways. */
static fire_status find_one_way(fire_onnx *m, fire_error *err) {
    fire_tf_node *node = m->tf->node;
    int64_t edges = 0, top = 0;
    bool any = false;
    for (int64_t i = 0; i < m->n_nodes; i++) edges += m->node[i].n_in, any |= node[i].kind == FIRE_TF_SWITCH;
    if (!any) return FIRE_OK;
    int64_t *first = fire_alloc(m->ctx, (size_t)m->n_nodes + 2, sizeof *first, err);
    int32_t *to = first ? fire_alloc(m->ctx, (size_t)edges, sizeof *to, err) : NULL, *stack = to ? fire_alloc(m->ctx, (size_t)m->n_nodes, sizeof *stack, err) : NULL;
    for (int pass = 0; stack && pass < 2; pass++) {
        for (int64_t i = 0; i < m->n_nodes; i++)
            for (int64_t k = 0; k < m->node[i].n_in; k++) {
                const int32_t from = node[i].from[k].node;
                if (from < 0) continue;
                if (pass) to[first[from + 1]++] = (int32_t)i;
                else first[from + 2]++;
            }
        for (int64_t i = 0; !pass && i < m->n_nodes; i++) first[i + 2] += first[i + 1];
    }
    for (int64_t i = 0; stack && i < m->n_nodes; i++)
        if (node[i].kind == FIRE_TF_SWITCH) node[i].moot = true, stack[top++] = (int32_t)i;
    while (top) {
        const int32_t i = stack[--top];
        for (int64_t e = first[i]; e < first[i + 1]; e++) {
            fire_tf_node *t = &node[to[e]];
            if (t->moot || t->kind == FIRE_TF_MERGE || t->kind == FIRE_TF_EXIT) continue;
            t->moot = true;
            stack[top++] = to[e];
        }
    }
    fire_status s = stack ? FIRE_OK : FIRE_NOMEM;
    fire_free(m->ctx, stack);
    fire_free(m->ctx, to);
    fire_free(m->ctx, first);
    return s;
}

/* How many outputs of node i are results: all that its operator is known to have, or those of its list. */
static int64_t results(const fire_onnx *m, int64_t i) {
    static const struct { const char *op, *attr; } lists[] = {{"Split", "num_split"}, {"SplitV", "num_split"}, {"Unpack", "num"}, {"ShapeN", "N"}, {"DynamicPartition", "num_partitions"},
        {"IdentityN", "T"}, {"If", "Tout"}, {"StatelessIf", "Tout"}, {"Case", "Tout"}, {"StatelessCase", "Tout"}, {"While", "T"}, {"StatelessWhile", "T"}, {"PartitionedCall", "Tout"},
        {"StatefulPartitionedCall", "Tout"}, {"FusedBatchNorm", "is_training"}, {"FusedBatchNormV2", "is_training"}, {"FusedBatchNormV3", "is_training"}};
    const int known = fire_tensorflow_outputs(m->node[i].op, true);
    int64_t count = known >= 0 ? known : 1;
    for (size_t l = 0; l < sizeof lists / sizeof *lists; l++) {
        if (!fire_span_is(m->node[i].op, lists[l].op)) continue;
        fire_wire in = m->node[i].body;
        fire_wire_field f;
        fire_onnx_attr a = {0};
        fire_arena arena = {.ctx = m->ctx};
        bool more, found = false, tensors = true;
        while (!found && !fire_wire_next(&in, &f, &more, NULL) && more)
            found = f.number == 5 && !fire_tensorflow_attr(&in, &f, &arena, &a, NULL) && fire_span_is(a.name, lists[l].attr);
        for (int64_t k = 0; found && k < a.n_ints; k++) tensors &= a.ints[k] != 0; /* handles and lists are no results */
        if (fire_span_is((fire_span){(const uint8_t *)lists[l].attr, strlen(lists[l].attr)}, "is_training")) count = !found || a.number ? 3 : 1; /* what was given is no result: moments of this batch are */
        else if (found && a.type == FIRE_IS_INTS) count = tensors && a.n_ints <= 64 ? a.n_ints : 1;
        else if (found && a.number > 0 && a.number <= 64) count = a.number;
        fire_arena_free(&arena);
        break;
    }
    return count;
}

/* The outputs that are named, or the tensors of nodes that nobody reads. */
static fire_status list_outputs(fire_onnx *m, const fire_tf_want *want, fire_error *err) {
    if (want && want->n_outputs) {
        m->output = fire_arena_alloc(&m->arena, (size_t)want->n_outputs, sizeof *m->output, err);
        m->output_from = m->output ? fire_arena_alloc(&m->arena, (size_t)want->n_outputs, sizeof *m->output_from, err) : NULL;
        if (!m->output_from) return FIRE_NOMEM;
        for (int32_t k = 0; k < want->n_outputs; k++) {
            size_t size = strlen(want->output[k]);
            char *own = fire_arena_text(&m->arena, want->output[k], err);
            if (!own) return FIRE_NOMEM;
            m->output[m->n_outputs] = (fire_onnx_value){.name = {(uint8_t *)own, size}, .is_tensor = true};
            strip_zero(&m->output[m->n_outputs++].name);
        }
        return FIRE_OK;
    }
    m->tf->guessed = true;
    bool *read = fire_alloc(m->ctx, (size_t)m->n_nodes, 1, err);
    if (!read) return FIRE_NOMEM;
    int64_t n = 0, constants = 0, sure = 0;
    for (int64_t i = 0; i < m->n_nodes; i++)
        for (int64_t k = 0; k < m->node[i].n_in; k++)
            if (m->tf->node[i].from[k].node >= 0) read[m->tf->node[i].from[k].node] = true;
    fire_status s = find_one_way(m, err);
    for (int64_t i = 0; i < m->n_nodes; i++) sure += !m->tf->node[i].moot && !read[i] && !m->tf->node[i].fed && results(m, i) && !fire_span_is(m->node[i].op, "Const");
    for (int64_t i = 0; i < m->n_nodes; i++) read[i] |= sure && m->tf->node[i].moot; /* the ends of ways that may not be taken are no results */
    bool others = false;
    for (int64_t i = 0; i < m->n_nodes; i++) others |= !read[i] && !m->tf->node[i].fed && results(m, i) && !fire_span_is(m->node[i].op, "Const") && !fire_span_is(m->node[i].op, "Assign");
    for (int64_t i = 0; i < m->n_nodes; i++) {
        read[i] |= m->tf->node[i].fed || !results(m, i) || (others && fire_span_is(m->node[i].op, "Assign")); /* of the part that initializes */
        if (read[i]) continue;
        constants += fire_span_is(m->node[i].op, "Const");
        n += results(m, i);
    }
    const bool only_constants = n == constants; /* else these are what an optimizer of graphs has left behind */
    m->output = fire_arena_alloc(&m->arena, (size_t)n, sizeof *m->output, err);
    m->output_from = m->output ? fire_arena_alloc(&m->arena, (size_t)n, sizeof *m->output_from, err) : NULL;
    if (!m->output_from) s = FIRE_NOMEM;
    for (int64_t i = 0; i < m->n_nodes && !s; i++) {
        if (read[i] || (fire_span_is(m->node[i].op, "Const") && !only_constants)) continue;
        for (int64_t k = 0, each = results(m, i); k < each && !s; k++) {
            fire_span name = k ? tensor_name(m, m->node[i].name, (int)k, err) : m->node[i].name;
            m->output[m->n_outputs++] = (fire_onnx_value){.name = name, .is_tensor = true};
            if (!name.bytes) s = FIRE_NOMEM;
        }
    }
    fire_free(m->ctx, read);
    return s;
}

/* Inputs that no output needs are none. */
static void drop_inputs(fire_onnx *m, const fire_tf_want *want) {
    int64_t n = 0;
    for (int64_t i = 0; i < m->n_inputs; i++) {
        const fire_onnx_name *d = fire_onnx_find(m, m->input[i].name);
        if (i < (want ? want->n_inputs : 0) || m->tf->node[d->index].need) m->input[n++] = m->input[i];
    }
    m->n_inputs = n;
}

/* ---- functions ---- */

static int by_function(const void *a, const void *b) { return fire_span_compare(((const fire_tf_function *)a)->name, ((const fire_tf_function *)b)->name); }

fire_tf_function *fire_tensorflow_find(const fire_tf_library *l, fire_span name) {
    for (int64_t low = 0, high = l->n; low < high;) {
        int64_t mid = low + (high - low) / 2;
        int c = fire_span_compare(name, l->function[mid].name);
        if (!c) return &l->function[mid];
        if (c < 0) high = mid;
        else low = mid + 1;
    }
    return NULL;
}

/* The field of a message inside a field, or nothing: FunctionDef.signature.name is field 1 of field 1. */
static fire_status inner_text(const fire_wire *body, uint32_t outer, uint32_t number, fire_span *out, fire_error *err) {
    fire_wire in = *body, inner;
    fire_wire_field f;
    bool more;
    fire_status s = FIRE_OK;
    while (!s && !(s = fire_wire_next(&in, &f, &more, err)) && more) {
        if (f.number != outer || (s = fire_wire_enter(&in, &f, &inner, err))) continue;
        while (!s && !(s = fire_wire_next(&inner, &f, &more, err)) && more)
            if (f.number == number) s = text_of(&inner, &f, out, err);
    }
    return s;
}

fire_status fire_tensorflow_library(fire_onnx *m, const fire_wire *w, const fire_wire_field *at, fire_error *err) {
    fire_wire in, body;
    fire_wire_field f;
    bool more;
    fire_tf_library *l = fire_arena_alloc(&m->arena, 1, sizeof *l, err);
    if (!l) return FIRE_NOMEM;
    int64_t n = 0;
    fire_status s = fire_wire_enter(w, at, &in, err);
    body = in;
    while (!s && !(s = fire_wire_next(&in, &f, &more, err)) && more) n += f.number == 1;
    if (!s && !(l->function = fire_arena_alloc(&m->arena, (size_t)n, sizeof *l->function, err))) return FIRE_NOMEM;
    in = body;
    while (!s && !(s = fire_wire_next(&in, &f, &more, err)) && more) {
        if (f.number != 1) continue;
        fire_tf_function *one = &l->function[l->n++];
        s = fire_wire_enter(&in, &f, &one->body, err);
        if (!s) s = inner_text(&one->body, 1, 1, &one->name, err);
    }
    fire_sort(l->function, l->n, sizeof *l->function, by_function);
    m->tf->library = l;
    return s;
}

/* Names of OpDef's arguments (input_arg is field 2, output_arg field 3) of a FunctionDef. */
static fire_status arguments(fire_onnx *m, const fire_wire *body, uint32_t field, fire_onnx_value **list, int64_t *n, fire_error *err) {
    fire_status s = FIRE_OK;
    for (int pass = 0; pass < 2 && !s; pass++) {
        fire_wire in = *body, signature, argument;
        fire_wire_field f, d;
        bool more, more_args;
        if (pass && !(*list = fire_arena_alloc(&m->arena, (size_t)*n, sizeof **list, err))) return FIRE_NOMEM;
        *n = 0;
        while (!s && !(s = fire_wire_next(&in, &f, &more, err)) && more) {
            if (f.number != 1 || (s = fire_wire_enter(&in, &f, &signature, err))) continue;
            while (!s && !(s = fire_wire_next(&signature, &d, &more_args, err)) && more_args) {
                if (d.number != field) continue;
                fire_span name = {0};
                fire_wire_field a;
                bool more_fields;
                s = fire_wire_enter(&signature, &d, &argument, err);
                while (!s && !(s = fire_wire_next(&argument, &a, &more_fields, err)) && more_fields)
                    if (a.number == 1) s = text_of(&argument, &a, &name, err);
                if (pass) (*list)[*n] = (fire_onnx_value){.name = name, .is_tensor = true};
                ++*n;
            }
        }
    }
    return s;
}

/* FunctionDef.ret: which tensor of the body each output is. */
static fire_status returns(fire_onnx *m, const fire_wire *body, fire_error *err) {
    fire_wire in = *body, pair;
    fire_wire_field f, d;
    bool more, more_fields;
    char text[80];
    fire_span *tensor = fire_alloc(m->ctx, (size_t)m->n_outputs, sizeof *tensor, err);
    fire_status s = tensor ? FIRE_OK : FIRE_NOMEM;
    while (!s && !(s = fire_wire_next(&in, &f, &more, err)) && more) {
        fire_span key = {0}, value = {0};
        if (f.number != 4) continue;
        s = fire_wire_enter(&in, &f, &pair, err);
        while (!s && !(s = fire_wire_next(&pair, &d, &more_fields, err)) && more_fields) {
            if (d.number == 1) s = text_of(&pair, &d, &key, err);
            else if (d.number == 2) s = text_of(&pair, &d, &value, err);
        }
        for (int64_t k = 0; k < m->n_outputs; k++)
            if (!fire_span_compare(m->output[k].name, key)) tensor[k] = value;
    }
    for (int64_t k = 0; k < m->n_outputs && !s; k++) {
        if (!tensor[k].size) s = fire_fail(err, FIRE_E_CORRUPT, "a function does not say what its output '%s' is", show(m->output[k].name, text, sizeof text));
        else m->output[k].name = tensor[k];
    }
    fire_free(m->ctx, tensor);
    return s;
}

fire_status fire_tensorflow_open(const fire_onnx *around, fire_tf_function *f, fire_error *err) {
    fire_onnx *m = fire_alloc(around->ctx, 1, sizeof *m, err);
    named *list = NULL;
    if (!m) return FIRE_NOMEM;
    *m = (fire_onnx){.ctx = around->ctx, .arena = {.ctx = around->ctx}, .bytes = around->bytes, .size = around->size};
    fire_status s = FIRE_OK;
    if (!(m->tf = fire_arena_alloc(&m->arena, 1, sizeof *m->tf, err))) s = FIRE_NOMEM;
    else m->tf->function = true, m->tf->library = around->tf->library, m->tf->saved = around->tf->saved;
    if (!s) s = arguments(m, &f->body, 2, &m->input, &m->n_inputs, err);
    if (!s) s = arguments(m, &f->body, 3, &m->output, &m->n_outputs, err);
    if (!s && !(m->output_from = fire_arena_alloc(&m->arena, (size_t)m->n_outputs, sizeof *m->output_from, err))) s = FIRE_NOMEM;
    if (!s) s = returns(m, &f->body, err);
    if (!s) s = read_nodes(m, &f->body, 3, err);
    if (!s) s = list_nodes(m, &list, err);
    if (!s) s = read_edges(m, list, err);
    if (!s) s = read_names(m, list, err);
    fire_free(m->ctx, list);
    if (!s) s = fire_tensorflow_order(m, err);
    if (s) {
        fire_onnx_clear(m);
        fire_free(around->ctx, m);
        return s;
    }
    f->m = m;
    return FIRE_OK;
}

void fire_tensorflow_clear(fire_onnx *m) {
    const fire_tf_library *l = m->tf->function ? NULL : m->tf->library; /* functions borrow it */
    for (int64_t i = 0; l && i < l->n; i++) {
        if (!l->function[i].m) continue;
        fire_onnx_clear(l->function[i].m);
        fire_free(m->ctx, l->function[i].m);
    }
    if (!m->tf->function) fire_tensorflow_saved_clear(m);
}

bool fire_tensorflow_is(const void *bytes, size_t size) {
    fire_wire w = {bytes, bytes, (const uint8_t *)bytes + size, 0}, in;
    fire_wire_field f;
    bool more;
    if (fire_wire_next(&w, &f, &more, NULL) || !more || f.number != 1 || f.kind != 2 || fire_wire_enter(&w, &f, &in, NULL)) return false;
    return !fire_wire_next(&in, &f, &more, NULL) && more && f.number >= 1 && f.number <= 7 && f.kind == 2;
}

fire_status fire_tensorflow_read(fire_context *ctx, const void *bytes, size_t size, const fire_wire *inner, const fire_tf_want *want, fire_onnx *m, fire_error *err) {
    *m = (fire_onnx){.ctx = ctx, .arena = {.ctx = ctx}, .bytes = bytes, .size = size};
    if (!inner && !fire_tensorflow_is(bytes, size)) return fire_fail(err, FIRE_E_NOT_A_MODEL, "this is no TensorFlow graph");
    const fire_wire body = inner ? *inner : (fire_wire){bytes, bytes, (const uint8_t *)bytes + size, 0};
    named *list = NULL;
    if (!(m->tf = fire_arena_alloc(&m->arena, 1, sizeof *m->tf, err))) return FIRE_NOMEM;
    fire_wire library = body;
    fire_wire_field f;
    bool more;
    fire_status s = read_nodes(m, &body, 1, err);
    while (!s && !(s = fire_wire_next(&library, &f, &more, err)) && more)
        if (f.number == 2) s = m->tf->library ? fire_fail(err, FIRE_E_CORRUPT, "the graph has two libraries") : fire_tensorflow_library(m, &library, &f, err);
    if (!s) s = list_nodes(m, &list, err);
    if (!s) s = list_inputs(m, list, want, err);
    if (!s) s = read_edges(m, list, err);
    if (!s) s = list_outputs(m, want, err);
    if (!s) s = read_names(m, list, err);
    fire_free(ctx, list);
    if (!s) s = fire_tensorflow_order(m, err);
    if (!s) drop_inputs(m, want);
    return s;
}
