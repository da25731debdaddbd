/* graph_layers.c - cut a graph into layers; see graph_layers.h. */
#include "graph_layers.h"
#include "function.h"
#include "network.h"
#include <stdio.h>
#include <string.h>

#define NAME_BYTES 200 /* of layers and weights */

typedef struct cutter {
    fire_context *ctx;
    const fire_graph_parts *p;
    const fire_graph *g;
    fire_network *net;
    bool *needed;              /* [n_nodes] */
    int64_t *first, *last;     /* [n_values] nodes that read a value first and last; -1: none, INT64_MAX: it goes out */
    int64_t *weight;           /* [n_values] its place in p->weight, or -1 */
    int32_t *tensor;           /* [n_values] of the network; -1: none yet */
    int32_t *number;           /* [n_values] in the program being written */
    fire_tensor *own; int64_t n_own, own_capacity; /* values of the network's weights, in their order */
    fire_buffer body, lines, text; /* a program, its weights, the attributes of a layer */
    int32_t n_in, n_held, n_out;
    fire_value in[FIRE_MAX_IN], held[FIRE_MAX_IN], out[FIRE_LAYER_OUT]; /* of the program: values from outside, weights, results */
} cutter;

/* ---- names ---- */

/* A name without what names of layers and weights may not hold; '/' becomes '.'. */
static void clean(const char *name, char to[NAME_BYTES]) {
    size_t n = 0;
    while (*name == '/') name++;
    for (; *name && n < NAME_BYTES - 12; name++) {
        const unsigned char c = (unsigned char)*name;
        to[n++] = c == '/' ? '.' : c <= ' ' || c >= 0x7f || strchr("\"\\;=", c) ? '_' : (char)c;
    }
    to[n] = 0;
}

static bool layer_name_taken(const fire_network *net, const char *name) {
    for (int64_t i = 0; i < net->n_layers; i++)
        if (!strcmp(net->layer[i].name, name)) return true;
    return false;
}

/* A name that no layer has yet: as wanted, or with a number behind it. */
static void layer_name(const cutter *c, const char *wanted, char to[NAME_BYTES]) {
    clean(wanted, to);
    if (!*to) strcpy(to, "layer");
    const size_t n = strlen(to);
    for (int k = 1; layer_name_taken(c->net, to); k++) snprintf(to + n, NAME_BYTES - n, "_%d", k);
}

/* ---- rows ---- */

/* An integer attribute of that name. */
static bool int_attr(const fire_node *n, const char *name, int64_t *v) {
    for (const fire_attr *a = n->op->attrs; a && a->name; a++)
        if (a->type == FIRE_ATTR_INT && !strcmp(a->name, name)) return memcpy(v, (const char *)n->attrs + a->offset, sizeof *v), true;
    return false;
}

static int batches(const fire_shape *s) {
    int n = 0;
    for (int d = 0; d < s->rank; d++) n += s->dim[d] < 0;
    return n;
}

/* What a row gives must not depend on the others: the batch stays one dimension, and nothing goes along it. */
static fire_status check_rows(const cutter *c, fire_error *err) {
    for (int64_t i = 0; i < c->g->n_nodes; i++) {
        const fire_node *n = &c->g->node[i];
        int64_t axis;
        int rows = 0;
        for (int k = 0; k < n->n_in; k++) rows |= n->in[k] && !(n->op->shape_only >> k & 1) ? batches(&c->g->value[n->in[k]].tensor.shape) : 0;
        if (!c->needed[i] || !rows) continue;
        const fire_shape *x = &c->g->value[n->in[0]].tensor.shape, *y = &c->g->value[n->out[0]].tensor.shape;
        bool mixed = batches(y) != 1;
        if (int_attr(n, "axis", &axis) && axis >= -x->rank && axis < x->rank && n->in[0]) mixed |= x->dim[axis < 0 ? axis + x->rank : axis] < 0;
        if (mixed)
            return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "%s (%s) mixes the rows of a batch", n->layer ? n->layer : "a node", n->op->name);
    }
    return FIRE_OK;
}

/* ---- what is read by whom ---- */

static fire_status look(cutter *c, fire_error *err) {
    const fire_graph *g = c->g;
    const size_t values = (size_t)g->n_values;
    c->needed = fire_alloc(c->ctx, (size_t)g->n_nodes, sizeof *c->needed, err);
    c->first = c->needed ? fire_alloc(c->ctx, values, sizeof *c->first, err) : NULL;
    c->last = c->first ? fire_alloc(c->ctx, values, sizeof *c->last, err) : NULL;
    c->weight = c->last ? fire_alloc(c->ctx, values, sizeof *c->weight, err) : NULL;
    c->tensor = c->weight ? fire_alloc(c->ctx, values, sizeof *c->tensor, err) : NULL;
    c->number = c->tensor ? fire_alloc(c->ctx, values, sizeof *c->number, err) : NULL;
    if (!c->number) return FIRE_NOMEM;
    for (int64_t v = 0; v < g->n_values; v++) c->first[v] = c->last[v] = c->weight[v] = c->tensor[v] = -1;
    for (int64_t i = 0; i < c->p->n_weights; i++) c->weight[c->p->weight[i].value] = i;
    for (int32_t k = 0; k < c->p->n_out; k++) c->last[c->p->out[k].value] = INT64_MAX;
    for (int64_t i = g->n_nodes; i-- > 0;) {
        const fire_node *n = &g->node[i];
        for (int k = 0; k < n->n_out; k++) c->needed[i] |= c->last[n->out[k]] >= 0;
        for (int k = 0; k < n->n_in && c->needed[i]; k++) {
            if (!n->in[k]) continue;
            c->first[n->in[k]] = i;
            if (c->last[n->in[k]] < i) c->last[n->in[k]] = i;
        }
    }
    return FIRE_OK;
}

/* ---- one program ---- */

static int find(const fire_value *list, int32_t n, fire_value v) {
    for (int32_t i = 0; i < n; i++)
        if (list[i] == v) return i;
    return -1;
}

static bool small_constant(const fire_value_info *v) { return v->source == FIRE_FROM_CONST && fire_count(&v->tensor.shape) <= FIRE_FUNCTION_NUMBERS; }

/* Whether v is numbers, a param or a large constant, which some layer has to own. */
static bool is_owned(const fire_value_info *v) { return v->source == FIRE_FROM_PARAM || (v->source == FIRE_FROM_CONST && !small_constant(v)); }

static fire_tensor data_of(const cutter *c, fire_value v) { return c->weight[v] >= 0 ? c->p->weight[c->weight[v]].data : c->g->value[v].tensor; }

/* What nodes [a, e) take from outside. False: more than a layer may have. */
static bool gather(cutter *c, int64_t a, int64_t e) {
    c->n_in = c->n_held = c->n_out = 0;
    for (int64_t i = a; i < e; i++) {
        const fire_node *n = &c->g->node[i];
        for (int k = 0; k < n->n_in && c->needed[i]; k++) {
            const fire_value x = n->in[k];
            const fire_value_info *v = &c->g->value[x];
            if (!x || small_constant(v) || (v->source == FIRE_FROM_NODE && v->node >= a)) continue;
            const bool alone = is_owned(v) && c->first[x] >= a && c->last[x] < e; /* weights that others read too are a layer's output */
            fire_value *list = alone ? c->held : c->in;
            int32_t *count = alone ? &c->n_held : &c->n_in;
            if (find(list, *count, x) >= 0) continue;
            if (*count == FIRE_MAX_IN - 1) return false;
            list[(*count)++] = x;
        }
        for (int k = 0; k < n->n_out && c->needed[i]; k++) {
            if (c->last[n->out[k]] < e) continue;
            if (c->n_out == FIRE_LAYER_OUT) return false;
            c->out[c->n_out++] = n->out[k];
        }
    }
    return true;
}

/* The line of a weight. */
static void put_weight(cutter *c, fire_value v, int32_t at) {
    char name[NAME_BYTES];
    const fire_tensor t = data_of(c, v);
    const bool param = c->weight[v] >= 0;
    clean(param ? c->p->weight[c->weight[v]].name : "constant", name);
    for (int32_t k = 0; k < at; k++) { /* two of a layer that are called the same are told apart by their place */
        char other[NAME_BYTES];
        clean(c->weight[c->held[k]] >= 0 ? c->p->weight[c->weight[c->held[k]]].name : "constant", other);
        if (!strcmp(name, other)) { snprintf(name + strlen(name), 12, "_%d", (int)at); break; }
    }
    fire_buffer_text(&c->lines, "%s%s shape=[", c->lines.size ? ";" : "", *name ? name : "weight");
    for (int d = 0; d < t.shape.rank; d++) fire_buffer_text(&c->lines, d ? ",%lld" : "%lld", (long long)t.shape.dim[d]);
    fire_buffer_text(&c->lines, param && c->p->weight[c->weight[v]].trainable ? "]" : "] trainable=0");
}

/* Numbers of inputs and weights, with the casts of constants that are weights of another type: gives the next number. */
static int32_t put_heads(cutter *c) {
    int32_t n = 0;
    for (int32_t k = 0; k < c->n_in; k++) c->number[c->in[k]] = n++;
    if (!c->n_in) n++; /* the network's input, of which nothing is read: layers have inputs */
    for (int32_t k = 0; k < c->n_held; k++) {
        put_weight(c, c->held[k], k);
        c->number[c->held[k]] = n++;
    }
    for (int32_t k = 0; k < c->n_held; k++) {
        const fire_type type = c->g->value[c->held[k]].tensor.type;
        if (type == c->net->type) continue;
        fire_buffer_text(&c->body, "Cast %d to=%d;", (int)c->number[c->held[k]], (int)type);
        c->number[c->held[k]] = n++;
    }
    return n;
}

/* Write nodes [a, e) as a program. False: it does not fit into one layer, or (err) it cannot be written. */
static bool compose(cutter *c, int64_t a, int64_t e, fire_error *err) {
    char attrs[FIRE_ATTRS_TEXT];
    c->body.size = c->lines.size = 0;
    if (!gather(c, a, e)) return false;
    int32_t next = put_heads(c);
    for (int64_t i = a; i < e && c->body.size <= FIRE_PART_BODY; i++) {
        const fire_node *n = &c->g->node[i];
        if (!c->needed[i]) continue;
        int n_out = n->n_out;
        while (n_out > 1 && c->last[n->out[n_out - 1]] < 0) n_out--;
        fire_buffer_text(&c->body, "%s", n->op->name);
        if (n_out > 1) fire_buffer_text(&c->body, ":%d", n_out);
        for (int k = 0; k < n->n_in; k++) {
            const fire_value_info *v = &c->g->value[n->in[k]];
            fire_buffer_add(&c->body, k ? "," : " ", 1);
            if (!n->in[k]) fire_buffer_add(&c->body, "_", 1);
            else if (!small_constant(v)) fire_buffer_text(&c->body, "%d", (int)c->number[n->in[k]]);
            else if (!fire_function_constant(&v->tensor, &c->body))
                return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "a constant of %s has type %s, which layers do not keep", n->layer ? n->layer : n->op->name, fire_type_text(v->tensor.type)), false;
        }
        if (n->op->domain && !n->op->lower)
            return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "%s is made of %s, which layers do not keep", n->layer ? n->layer : "a node", n->op->name), false;
        fire_node_attrs(n, attrs);
        if (strchr(attrs, ';')) return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "an attribute of %s holds ';'", n->layer ? n->layer : n->op->name), false;
        fire_buffer_text(&c->body, " ");
        fire_buffer_add(&c->body, attrs, strlen(attrs));
        fire_buffer_add(&c->body, ";", 1);
        for (int k = 0; k < n_out; k++) c->number[n->out[k]] = next++;
    }
    fire_buffer_text(&c->body, "out ");
    for (int32_t k = 0; k < c->n_out; k++) fire_buffer_text(&c->body, k ? ",%d" : "%d", (int)c->number[c->out[k]]);
    return c->body.size <= FIRE_PART_BODY && c->lines.size <= FIRE_PART_WEIGHTS;
}

/* ---- layers ---- */

static void put_quoted(fire_buffer *b, const char *key, const char *text, size_t n) {
    fire_buffer_text(b, " %s=\"", key);
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '"' || text[i] == '\\') fire_buffer_add(b, "\\", 1);
        fire_buffer_add(b, text + i, 1);
    }
    fire_buffer_add(b, "\"", 1);
}

/* Names of the layer's outputs in the file, if it gave them any. */
static void put_tensors(cutter *c) {
    char names[FIRE_ATTR_TEXT_SIZE], one[NAME_BYTES];
    size_t n = 0;
    for (int32_t k = 0; k < c->n_out; k++) {
        const char *name = c->g->value[c->out[k]].name;
        if (!name || strlen(name) >= NAME_BYTES - 12 || strpbrk(name, ";\"\\\n") || n + strlen(name) + 2 > sizeof names) return;
        snprintf(one, sizeof one, "%s%s", k ? ";" : "", name);
        memcpy(names + n, one, strlen(one));
        n += strlen(one);
    }
    put_quoted(&c->text, "tensors", names, n);
}

/* Add the program as a layer of that name. */
static fire_status add_layer(cutter *c, const char *name, const char *op, fire_error *err) {
    int32_t in[FIRE_MAX_IN], tensor;
    for (int32_t k = 0; k < c->n_in; k++) in[k] = c->tensor[c->in[k]];
    if (!c->n_in) in[0] = c->tensor[c->p->in[0].value];
    c->text.size = 0;
    put_quoted(&c->text, "body", (const char *)c->body.data, (size_t)c->body.size);
    if (c->lines.size) put_quoted(&c->text, "weights", (const char *)c->lines.data, (size_t)c->lines.size);
    put_quoted(&c->text, "operator", op, strnlen(op, 60));
    put_tensors(c);
    put_quoted(&c->text, "name", name, strlen(name));
    fire_buffer_add(&c->text, "", 1);
    const fire_error *bad = c->text.first.status ? &c->text.first : c->lines.first.status ? &c->lines.first : &c->body.first;
    if (bad->status) return fire_fail(err, bad->code, "%s", bad->message);
    fire_status s = fire_grow(c->ctx, &c->own, &c->own_capacity, c->n_own + c->n_held, sizeof *c->own, err);
    if (!s) s = fire_network_call(c->net, "Operators", (const char *)c->text.data, c->n_in ? c->n_in : 1, in, &tensor, err);
    if (s) return s;
    for (int32_t k = 0; k < c->n_held; k++) c->own[c->n_own++] = data_of(c, c->held[k]);
    for (int32_t k = 0; k < c->n_out; k++) c->tensor[c->out[k]] = tensor + k;
    return FIRE_OK;
}

/* A layer that gives numbers which several layers read. */
static fire_status add_shared(cutter *c, fire_value v, fire_error *err) {
    char name[NAME_BYTES];
    layer_name(c, c->weight[v] >= 0 ? c->p->weight[c->weight[v]].name : "constant", name);
    c->body.size = c->lines.size = 0;
    c->n_in = 0;
    c->n_held = c->n_out = 1;
    c->held[0] = c->out[0] = v;
    (void)put_heads(c);
    fire_buffer_text(&c->body, "out %d", (int)c->number[v]);
    return add_layer(c, name, "Weight", err);
}

static fire_status check_constants(const cutter *c, fire_error *err) {
    for (int32_t k = 0; k < c->n_held; k++) {
        const fire_tensor t = data_of(c, c->held[k]);
        const bool whole = t.type != FIRE_F32 && t.type != FIRE_F64;
        if (t.type == c->net->type || t.type == FIRE_F32) continue;
        for (int64_t i = 0, n = fire_count(&t.shape); i < n; i++) {
            const double v = fire_get(&t, i);
            if (c->net->type == FIRE_F32 ? (double)(float)v == v : !whole || (v < 0x1p53 && v > -0x1p53)) continue;
            return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "a constant of %s holds numbers that %s does not", fire_type_text(t.type), fire_type_text(c->net->type));
        }
    }
    return FIRE_OK;
}

/* A dropout is the layer of that name, if it has rows. */
static bool is_dropout(const cutter *c, const fire_graph_part *part, int64_t a, int64_t e) {
    const fire_node *n = &c->g->node[a];
    if (part->dropout < 0 || e != a + 1 || n->n_in < 1 || c->tensor[n->in[0]] < 0) return false;
    const fire_tensor *x = &c->g->value[n->in[0]].tensor;
    return x->type == c->net->type && x->shape.rank > 0 && x->shape.dim[0] == -1;
}

static fire_status cut_part(cutter *c, int64_t at, fire_error *err) {
    const fire_graph_part *part = &c->p->part[at];
    const int64_t end = at + 1 < c->p->n_parts ? c->p->part[at + 1].first : c->g->n_nodes;
    char name[NAME_BYTES];
    for (int64_t a = part->first, e; a < end; a = e) {
        e = end;
        if (!c->needed[a]) { e = a + 1; continue; }
        if (is_dropout(c, part, a, e)) {
            char text[NAME_BYTES + 100], rate[FIRE_NUMBER_TEXT];
            const fire_node *n = &c->g->node[a];
            layer_name(c, part->name, name);
            snprintf(text, sizeof text, "rate=%s name=\"%s\"", fire_number_text(part->dropout, rate), name);
            fire_status s = fire_network_call(c->net, "Dropout", text, 1, &c->tensor[n->in[0]], &c->tensor[n->out[0]], err);
            if (s) return s;
            continue;
        }
        fire_error why = {0};
        while (!compose(c, a, e, &why)) {
            if (why.status) { if (err) *err = why; return why.status; }
            if (e == a + 1) return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "%s has more inputs or numbers than a layer takes", part->name);
            e = a + (e - a) / 2;
        }
        bool shared = false;
        for (int32_t k = 0; k < c->n_in; k++) {
            const fire_value v = c->in[k];
            if (c->tensor[v] >= 0 || !is_owned(&c->g->value[v])) continue;
            fire_status s = add_shared(c, v, err);
            if (s) return s;
            shared = true;
            (void)gather(c, a, e);
        }
        if (shared) (void)compose(c, a, e, NULL); /* as before: it has fitted */
        fire_status s = check_constants(c, err);
        layer_name(c, part->name, name);
        if (!s) s = add_layer(c, name, part->op, err);
        if (s) return s;
    }
    return FIRE_OK;
}

/* ---- inputs and outputs ---- */

static fire_status add_inputs(cutter *c, fire_error *err) {
    char name[NAME_BYTES];
    for (int32_t k = 0; k < c->p->n_in; k++) {
        const fire_graph_port *in = &c->p->in[k];
        const fire_shape shape = fire_shape_of(c->g, in->value);
        layer_name(c, in->name, name);
        c->text.size = 0;
        fire_buffer_text(&c->text, "shape=[");
        for (int d = 1; d < shape.rank; d++) fire_buffer_text(&c->text, d > 1 ? ",%lld" : "%lld", (long long)shape.dim[d]);
        fire_buffer_text(&c->text, "] name=\"%s\"", name);
        fire_buffer_add(&c->text, "", 1);
        if (c->text.first.status) return fire_fail(err, c->text.first.code, "%s", c->text.first.message);
        fire_status s = fire_network_input(c->net, (const char *)c->text.data, &c->tensor[in->value], err);
        if (s) return s;
    }
    return FIRE_OK;
}

static fire_status add_outputs(cutter *c, fire_error *err) {
    int32_t out[FIRE_MAX_PARTS];
    char name[NAME_BYTES], shape[FIRE_SHAPE_TEXT], text[NAME_BYTES + 200];
    for (int32_t k = 0; k < c->p->n_out; k++) {
        const fire_graph_port *port = &c->p->out[k];
        const fire_tensor *y = &c->g->value[port->value].tensor;
        fire_escape(name, sizeof name, port->name, strlen(port->name));
        if (c->tensor[port->value] < 0) return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "output '%s' does not depend on the inputs", name);
        if (y->shape.rank < 1 || y->shape.dim[0] != -1)
            return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "output '%s' has shape %s; expected the batch as its first dimension", name, fire_shape_text(&y->shape, shape));
        out[k] = c->tensor[port->value];
        if (y->type == c->net->type) continue;
        char own[NAME_BYTES];
        snprintf(text, sizeof text, "%.150s_cast", port->name);
        layer_name(c, text, own);
        snprintf(text, sizeof text, "body=\"Cast 0 to=%d\" operator=Cast name=\"%s\"", (int)c->net->type, own);
        fire_status s = fire_network_call(c->net, "Operators", text, 1, &out[k], &out[k], err);
        if (s) return s;
    }
    return fire_network_outputs(c->net, c->p->n_out, out, err);
}

static fire_status take_weights(cutter *c, fire_error *err) {
    if (c->net->n_weights != c->n_own) return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "%lld weights became %lld", (long long)c->n_own, (long long)c->net->n_weights);
    for (int64_t i = 0; i < c->n_own; i++) {
        fire_status s = fire_weight_place(c->net, i, &c->own[i], err);
        if (s) return s;
        c->net->weight[i].ready = true;
    }
    c->net->value_stamp++;
    return FIRE_OK;
}

fire_status fire_network_from_graph(fire_context *ctx, const fire_graph_parts *p, fire_network **out, fire_error *err) {
    cutter c = {.ctx = ctx, .p = p, .g = p->g, .body = {.ctx = ctx}, .lines = {.ctx = ctx}, .text = {.ctx = ctx}};
    if (p->n_in < 1 || p->n_in > FIRE_MAX_PARTS || p->n_out < 1 || p->n_out > FIRE_MAX_PARTS)
        return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "%d inputs and %d outputs, expected 1 to %d of each", (int)p->n_in, (int)p->n_out, FIRE_MAX_PARTS);
    if (p->n_parts > FIRE_PARTS) return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "%lld nodes, expected at most %d", (long long)p->n_parts, FIRE_PARTS);
    fire_status s = fire_network_new(ctx, p->type, &c.net, err);
    if (!s) fire_network_set_apart(c.net, p->home);
    if (!s) s = look(&c, err);
    if (!s) s = check_rows(&c, err);
    if (!s) s = add_inputs(&c, err);
    for (int64_t i = 0; i < p->n_parts && !s; i++) s = cut_part(&c, i, err);
    if (!s) s = add_outputs(&c, err);
    if (!s) s = take_weights(&c, err);
    fire_free(ctx, c.needed);
    fire_free(ctx, c.first);
    fire_free(ctx, c.last);
    fire_free(ctx, c.weight);
    fire_free(ctx, c.tensor);
    fire_free(ctx, c.number);
    fire_free(ctx, c.own);
    fire_buffer_free(&c.body);
    fire_buffer_free(&c.lines);
    fire_buffer_free(&c.text);
    if (s) fire_network_free(c.net);
    else *out = c.net;
    return s;
}
