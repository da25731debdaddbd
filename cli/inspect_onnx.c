/* inspect_onnx.c - what inspect says of graphs of other software: ONNX models, TensorFlow's GraphDefs and nets of Caffe. */
#include "inspect.h"
#include "error.h"
#include "formats/caffe.h"
#include "formats/onnx_file.h"
#include "formats/tensorflow.h"
#include "sort.h"
#include <stdlib.h>
#include <string.h>

#define KINDS 512 /* of operators that are told apart */

typedef struct kind { fire_span op, domain; int64_t count; } kind;
typedef struct counts { kind kind[KINDS]; int64_t n, nodes, inner, others; } counts;

static bool same(fire_span a, fire_span b) { return a.size == b.size && (!a.size || !memcmp(a.bytes, b.bytes, a.size)); }

static void count(counts *c, fire_span op, fire_span domain) {
    for (int64_t i = 0; i < c->n; i++)
        if (same(c->kind[i].op, op) && same(c->kind[i].domain, domain)) {
            c->kind[i].count++;
            return;
        }
    if (c->n < KINDS) c->kind[c->n++] = (kind){op, domain, 1};
    else c->others++;
}

static fire_status count_graph(counts *c, const fire_wire *graph, fire_error *err);

/* NodeProto: itself, and the graphs in its attributes. `inner`: it stands in one of these. */
static fire_status count_node(counts *c, const fire_wire *body, bool inner, fire_error *err) {
    fire_wire in = *body, attr, graph;
    fire_wire_field f, g;
    bool more, more_attrs;
    fire_span op = {0}, domain = {0};
    fire_status s;
    while (!(s = fire_wire_next(&in, &f, &more, err)) && more) {
        if (f.number == 4 && f.kind == 2) op = (fire_span){f.bytes, f.size};
        if (f.number == 7 && f.kind == 2) domain = (fire_span){f.bytes, f.size};
        if (f.number != 5) continue;
        if ((s = fire_wire_enter(&in, &f, &attr, err))) break;
        while (!(s = fire_wire_next(&attr, &g, &more_attrs, err)) && more_attrs)
            if ((g.number == 6 || g.number == 11) && ((s = fire_wire_enter(&attr, &g, &graph, err)) || (s = count_graph(c, &graph, err)))) return s;
        if (s) break;
    }
    if (s) return s;
    if (inner) c->inner++;
    else c->nodes++;
    count(c, op, domain);
    return FIRE_OK;
}

static fire_status count_graph(counts *c, const fire_wire *graph, fire_error *err) { /* as deep as fire_wire_enter goes */
    fire_wire in = *graph, node;
    fire_wire_field f;
    bool more;
    fire_status s;
    while (!(s = fire_wire_next(&in, &f, &more, err)) && more)
        if (f.number == 1 && ((s = fire_wire_enter(&in, &f, &node, err)) || (s = count_node(c, &node, true, err)))) break;
    return s;
}

static int by_count(const void *a, const void *b) {
    const kind *x = a, *y = b;
    if (x->count != y->count) return x->count < y->count ? 1 : -1;
    const size_t n = x->op.size < y->op.size ? x->op.size : y->op.size;
    const int c = n ? memcmp(x->op.bytes, y->op.bytes, n) : 0;
    return c ? c : (x->op.size > y->op.size) - (x->op.size < y->op.size);
}

static const char *type_of(uint64_t type, char buf[32]) {
    static const char *const rest[] = {[0] = "unknown type", [8] = "string", [14] = "complex64", [15] = "complex128", [17] = "float8e4m3fn", [18] = "float8e4m3fnuz", [19] = "float8e5m2", [20] = "float8e5m2fnuz", [21] = "uint4",
                                       [22] = "int4", [23] = "float4e2m1", [24] = "float8e8m0", [25] = "uint2", [26] = "int2"};
    if (type < 1000 && fire_type_size((fire_type)type)) return fire_type_text((fire_type)type);
    if (type < sizeof rest / sizeof *rest && rest[type]) return rest[type];
    snprintf(buf, 32, "type %llu", (unsigned long long)type);
    return buf;
}

/* Bytes of a tensor's numbers; -1: impossible. */
static int64_t bytes_of(const fire_onnx_tensor *t, int64_t *numbers) {
    static const uint8_t bits[] = {0, 32, 8, 8, 16, 16, 32, 64, 0, 8, 16, 64, 32, 64, 64, 128, 16, 8, 8, 8, 8, 4, 4, 4, 8, 2, 2};
    int64_t n = 1, all;
    for (int i = 0; i < t->rank && i < FIRE_MAX_RANK; i++)
        if (!fire_mul(n, t->dim[i], &n)) return -1;
    *numbers = n;
    if (t->type >= sizeof bits || t->rank > FIRE_MAX_RANK || !fire_mul(n, bits[t->type], &all)) return -1;
    return all / 8 + (all % 8 != 0);
}

static void shape_text(const fire_onnx_value *v, char *to, size_t capacity) {
    size_t at = 0;
    if (!v->has_shape) {
        snprintf(to, capacity, "of any shape");
        return;
    }
    at += (size_t)snprintf(to, capacity, "[");
    for (int i = 0; i < v->rank && i < FIRE_MAX_RANK && at < capacity - 70; i++) {
        char name[60];
        fire_escape(name, sizeof name, (const char *)v->param[i].bytes, v->param[i].size);
        if (v->dim[i] >= 0) snprintf(name, sizeof name, "%lld", (long long)v->dim[i]);
        at += (size_t)snprintf(to + at, capacity - at, "%s%s", i ? ", " : "", name[0] ? name : "?");
    }
    snprintf(to + at, capacity - at, v->rank > FIRE_MAX_RANK ? ", ...]" : "]");
}

static void print_values(const char *what, int64_t n, const fire_onnx_value *value) {
    char name[200], shape[600], type[32];
    printf("%s\n", what);
    for (int64_t i = 0; i < n; i++) {
        shape_text(&value[i], shape, sizeof shape);
        printf("  %-30s %s %s\n", fire_escape(name, sizeof name, (const char *)value[i].name.bytes, value[i].name.size), value[i].is_tensor ? type_of(value[i].type, type) : "no tensor", shape);
    }
}

static void json_values(const char *what, int64_t n, const fire_onnx_value *value) {
    char type[32];
    printf(", \"%s\": [", what);
    for (int64_t i = 0; i < n; i++) {
        printf("%s{\"name\": ", i ? ", " : "");
        cli_json_span(value[i].name.bytes, value[i].name.size);
        printf(", \"type\": \"%s\", \"shape\": ", value[i].is_tensor ? type_of(value[i].type, type) : "no tensor");
        if (!value[i].has_shape) fputs("null", stdout);
        else {
            putchar('[');
            for (int d = 0; d < value[i].rank && d < FIRE_MAX_RANK; d++) {
                fputs(d ? ", " : "", stdout);
                if (value[i].dim[d] >= 0) printf("%lld", (long long)value[i].dim[d]);
                else if (value[i].param[d].size) cli_json_span(value[i].param[d].bytes, value[i].param[d].size);
                else fputs("null", stdout);
            }
            putchar(']');
        }
        putchar('}');
    }
    putchar(']');
}

/* What stands in ModelProto besides the graph. */
typedef struct about { fire_span producer, version, domain[16]; uint64_t opset[16]; int n_opsets, n_functions; } about;

static fire_status read_about(const void *bytes, size_t size, about *a, fire_error *err) {
    fire_wire in = {bytes, bytes, (const uint8_t *)bytes + size, 0}, set;
    fire_wire_field f, g;
    bool more, more_set;
    fire_status s;
    while (!(s = fire_wire_next(&in, &f, &more, err)) && more) {
        if (f.number == 2 && f.kind == 2) a->producer = (fire_span){f.bytes, f.size};
        if (f.number == 3 && f.kind == 2) a->version = (fire_span){f.bytes, f.size};
        a->n_functions += f.number == 25;
        if (f.number != 8 || a->n_opsets == 16) continue;
        if ((s = fire_wire_enter(&in, &f, &set, err))) return s;
        while (!(s = fire_wire_next(&set, &g, &more_set, err)) && more_set) {
            if (g.number == 1 && g.kind == 2) a->domain[a->n_opsets] = (fire_span){g.bytes, g.size};
            if (g.number == 2) a->opset[a->n_opsets] = g.value;
        }
        if (s) return s;
        a->n_opsets++;
    }
    return s;
}

static void print_text(const fire_onnx *m, const about *a, const counts *c, const char *path, int64_t params, int64_t bytes, int64_t external, const char *why, bool weights) {
    char text[400], text2[100], n[CLI_COUNT], type[32];
    cli_shown(text, sizeof text, path);
    printf("%s: %s", text, m->tf ? "a TensorFlow graph" : m->caffe ? "a net of Caffe" : "an ONNX graph");
    if (!m->tf && !m->caffe) {
        if (a->producer.size) printf(" of %s %s", fire_escape(text, sizeof text, (const char *)a->producer.bytes, a->producer.size), fire_escape(text2, sizeof text2, (const char *)a->version.bytes, a->version.size));
        printf(", IR version %llu", (unsigned long long)m->ir);
        for (int i = 0; i < a->n_opsets; i++)
            printf(", opset %llu%s%s", (unsigned long long)a->opset[i], a->domain[i].size ? " of " : "", fire_escape(text, sizeof text, (const char *)a->domain[i].bytes, a->domain[i].size));
    }
    printf("\n\n");
    print_values("inputs", m->n_inputs, m->input);
    print_values("outputs", m->n_outputs, m->output);
    printf("%s nodes", cli_count(c->nodes, n));
    if (c->inner) printf(", and %s in branches and loops", cli_count(c->inner, n));
    if (a->n_functions) printf(", %d functions of the file's own", a->n_functions);
    putchar('\n');
    for (int64_t i = 0; i < c->n; i++) {
        printf("  %-30s %s", fire_escape(text, sizeof text, (const char *)c->kind[i].op.bytes, c->kind[i].op.size), cli_count(c->kind[i].count, n));
        printf("%s%s\n", c->kind[i].domain.size ? "  of " : "", fire_escape(text, sizeof text, (const char *)c->kind[i].domain.bytes, c->kind[i].domain.size));
    }
    if (c->others) printf("  %-30s %s\n", "others", cli_count(c->others, n));
    if (weights) {
        printf("weights\n");
        for (int64_t i = 0; i < m->n_initializers; i++) {
            const fire_onnx_tensor *t = &m->initializer[i];
            fire_onnx_value v = {.has_shape = true, .rank = t->rank};
            memcpy(v.dim, t->dim, sizeof v.dim);
            shape_text(&v, text2, sizeof text2);
            printf("  %-30s %s %s%s\n", fire_escape(text, sizeof text, (const char *)t->name.bytes, t->name.size), type_of(t->type, type), text2, t->external ? "  in another file" : "");
        }
    }
    printf("parameters     %s in %lld tensors\n", cli_count(params, n), (long long)m->n_initializers);
    printf("bytes          %s\n", cli_count(bytes, n));
    if (external) printf("               %s tensors lie in other files\n", cli_count(external, n));
    for (int64_t i = 0; i < m->n_pairs; i++) {
        cli_shown(text2, 60, m->pair[i].key);
        cli_shown(text, sizeof text, m->pair[i].text);
        printf("%-14s %s\n", text2, text);
    }
    if (why) printf("this version does not run it: %s\n", why);
}

static void print_json(const fire_onnx *m, const about *a, const counts *c, int64_t params, int64_t bytes, int64_t external, const char *why, bool weights) {
    char type[32];
    printf("{\"format\": \"%s\", \"onnx\": %s, \"ir_version\": %llu, \"opsets\": {", m->tf ? "tensorflow" : m->caffe ? "caffe" : "onnx", m->tf || m->caffe ? "false" : "true", (unsigned long long)m->ir);
    for (int i = 0; i < a->n_opsets; i++) {
        fputs(i ? ", " : "", stdout);
        cli_json_span(a->domain[i].bytes, a->domain[i].size);
        printf(": %llu", (unsigned long long)a->opset[i]);
    }
    printf("}, \"producer\": ");
    cli_json_span(a->producer.bytes, a->producer.size);
    json_values("inputs", m->n_inputs, m->input);
    json_values("outputs", m->n_outputs, m->output);
    printf(", \"nodes\": %lld, \"inner_nodes\": %lld, \"functions\": %d, \"operators\": {", (long long)c->nodes, (long long)c->inner, a->n_functions);
    for (int64_t i = 0; i < c->n; i++) {
        fputs(i ? ", " : "", stdout);
        cli_json_span(c->kind[i].op.bytes, c->kind[i].op.size);
        printf(": %lld", (long long)c->kind[i].count);
    }
    printf("}, \"params\": %lld, \"tensors\": %lld, \"bytes\": %lld, \"external\": %lld", (long long)params, (long long)m->n_initializers, (long long)bytes, (long long)external);
    if (weights) {
        printf(", \"weights\": [");
        for (int64_t i = 0; i < m->n_initializers; i++) {
            const fire_onnx_tensor *t = &m->initializer[i];
            fire_shape shape = {.rank = t->rank < FIRE_MAX_RANK ? t->rank : FIRE_MAX_RANK};
            memcpy(shape.dim, t->dim, sizeof shape.dim);
            printf("%s{\"name\": ", i ? ", " : "");
            cli_json_span(t->name.bytes, t->name.size);
            cli_json_pair("type", type_of(t->type, type));
            cli_json_shape("shape", &shape);
            putchar('}');
        }
        putchar(']');
    }
    cli_json_pair("why_not", why);
    printf(", \"notes\": {");
    for (int64_t i = 0; i < m->n_pairs; i++) {
        fputs(i ? ", " : "", stdout);
        cli_json_span(m->pair[i].key, strlen(m->pair[i].key));
        fputs(": ", stdout);
        cli_json_span(m->pair[i].text, strlen(m->pair[i].text));
    }
    printf("}}\n");
}

static bool has_external(const fire_onnx *m) {
    for (int64_t i = 0; i < m->n_initializers; i++)
        if (m->initializer[i].external) return true;
    return false;
}

/* fire_onnx_check, with the files that lie beside the model. */
static fire_status check_outside(const cli_inspect_how *o, const char *path, fire_error *err) {
    fire_onnx_file *file = NULL;
    fire_onnx whole = {0};
    fire_status s = fire_onnx_file_open(o->ctx, path, &file, err);
    if (!s) {
        s = fire_onnx_read_file(file, &whole, err);
        if (!s) s = fire_onnx_check(&whole, err);
        fire_onnx_clear(&whole);
    }
    fire_onnx_file_free(file);
    return s;
}

fire_status cli_inspect_onnx(const cli_inspect_how *o, const char *path, const void *bytes, size_t size, fire_error *err) {
    fire_onnx m;
    about a = {0};
    counts *c = calloc(1, sizeof *c);
    if (!c) return fire_fail(err, FIRE_E_NOMEM, "out of memory");
    const bool caffe = fire_caffe_is(bytes, size), tf = !caffe && fire_tensorflow_is(bytes, size), onnx = !caffe && !tf;
    fire_status s = caffe ? fire_caffe_read(o->ctx, bytes, size, NULL, 0, &m, err) : tf ? fire_tensorflow_read(o->ctx, bytes, size, NULL, NULL, &m, err) : fire_onnx_read(o->ctx, bytes, size, &m, err);
    if (!s && onnx) s = read_about(bytes, size, &a, err);
    for (int64_t i = 0; i < m.n_nodes && !s; i++) {
        if (onnx) s = count_node(c, &m.node[i].body, false, err);
        else {
            count(c, m.node[i].op, (fire_span){0});
            c->nodes++;
        }
    }
    if (!s) {
        fire_error why = {0};
        int64_t params = 0, sum = 0, external = 0;
        const bool runs = (has_external(&m) ? check_outside(o, path, &why) : fire_onnx_check(&m, &why)) == FIRE_OK;
        fire_sort(c->kind, c->n, sizeof *c->kind, by_count);
        for (int64_t i = 0; i < m.n_initializers; i++) {
            int64_t numbers = 0, n = bytes_of(&m.initializer[i], &numbers);
            external += m.initializer[i].external;
            if (n < 0) continue;
            if (!fire_add(params, numbers, &params)) params = INT64_MAX;
            if (!fire_add(sum, n, &sum)) sum = INT64_MAX;
        }
        if (o->json) print_json(&m, &a, c, params, sum, external, runs ? NULL : why.message, o->weights);
        else print_text(&m, &a, c, path, params, sum, external, runs ? NULL : why.message, o->weights);
    }
    fire_onnx_clear(&m);
    free(c);
    return s;
}
