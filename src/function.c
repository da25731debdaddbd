/* function.c - programs over operators: read and built in one pass. */
#include "function.h"
#include "op.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_VALUES = 1024 };

/* One statement without its ';' as text of its own. Returns what follows. */
static const char *next_statement(const char *text, char *to, size_t capacity) {
    size_t n = strcspn(text, ";");
    size_t k = n < capacity - 1 ? n : capacity - 1;
    memcpy(to, text, k);
    to[k] = 0;
    text += n;
    return *text ? text + 1 : NULL;
}

/* i[2]{0,-1}: a constant of whole numbers. */
static fire_value whole_constant(fire_graph *g, const char **text) {
    int64_t v[32];
    int n = 0;
    const char *s = *text + 1;
    char *end;
    long long size = *s == '[' ? strtoll(s + 1, &end, 10) : -1;
    if (size < 0 || size > 32 || end[0] != ']' || end[1] != '{') return 0;
    for (s = end + 2; *s && *s != '}'; s = end + (*end == ',')) {
        long long x = strtoll(s, &end, 10);
        if (end == s || n == 32) return 0;
        v[n++] = x;
    }
    if (*s != '}' || n != size) return 0;
    *text = s + 1;
    return fire_graph_const(g, FIRE_I64, (fire_shape){1, {n}}, v);
}

/* f{0.5}: a number of the network's type. */
static fire_value float_constant(fire_graph *g, fire_type type, const char **text) {
    char *end;
    if ((*text)[1] != '{') return 0;
    double v = fire_number_read(*text + 2, &end);
    if (end == *text + 2 || *end != '}') return 0;
    *text = end + 1;
    return fire_graph_scalar(g, type, v);
}

/* t7[2,3]{1,2,3,4,5,6}: numbers of an ONNX type in a shape. */
static fire_value typed_constant(fire_graph *g, const char **text) {
    char *end;
    _Alignas(8) char mem[8 * FIRE_FUNCTION_NUMBERS];
    fire_tensor t = {.data = mem};
    const char *s = *text + 1;
    t.type = (fire_type)strtoll(s, &end, 10);
    const bool real = t.type == FIRE_F32 || t.type == FIRE_F64;
    if (end == s || *end != '[' || (!real && t.type != FIRE_BOOL && t.type != FIRE_I64 && t.type != FIRE_I32 && t.type != FIRE_I16 && t.type != FIRE_I8 && t.type != FIRE_U8)) return 0;
    for (s = end + 1; *s && *s != ']'; s = end + (*end == ',')) {
        long long d = strtoll(s, &end, 10);
        if (end == s || d < 0 || d > FIRE_FUNCTION_NUMBERS || t.shape.rank == FIRE_MAX_RANK) return 0;
        t.shape.dim[t.shape.rank++] = d;
    }
    int64_t count = fire_count(&t.shape), k = 0;
    if (*s != ']' || s[1] != '{' || count < 0 || count > FIRE_FUNCTION_NUMBERS) return 0;
    for (s += 2; *s && *s != '}'; s = end + (*end == ','), k++) {
        double v = 0;
        long long whole = 0;
        if (real) v = fire_number_read(s, &end);
        else whole = strtoll(s, &end, 10);
        if (end == s || k == count) return 0;
        if (t.type == FIRE_I64) ((int64_t *)(void *)mem)[k] = whole;
        else fire_put(&t, k, real ? v : (double)whole);
    }
    if (*s != '}' || k != count) return 0;
    *text = s + 1;
    return fire_graph_const(g, t.type, t.shape, mem);
}

bool fire_function_constant(const fire_tensor *t, fire_buffer *to) {
    char number[FIRE_NUMBER_TEXT];
    const int64_t count = fire_count(&t->shape);
    const bool real = t->type == FIRE_F32 || t->type == FIRE_F64;
    if (count < 0 || count > FIRE_FUNCTION_NUMBERS) return false;
    if (!real && t->type != FIRE_BOOL && t->type != FIRE_I64 && t->type != FIRE_I32 && t->type != FIRE_I16 && t->type != FIRE_I8 && t->type != FIRE_U8) return false;
    fire_buffer_text(to, "t%d[", (int)t->type);
    for (int d = 0; d < t->shape.rank; d++) fire_buffer_text(to, d ? ",%lld" : "%lld", (long long)t->shape.dim[d]);
    fire_buffer_text(to, "]{");
    for (int64_t k = 0; k < count; k++)
        if (t->type == FIRE_I64) fire_buffer_text(to, k ? ",%lld" : "%lld", (long long)((const int64_t *)t->data)[k]);
        else fire_buffer_text(to, k ? ",%s" : "%s", fire_number_text(fire_get(t, k), number));
    fire_buffer_text(to, "}");
    return true;
}

/* A value: a number or a constant, at *text, which moves behind it. 0: neither. */
static fire_value operand(fire_graph *g, fire_type type, int n, const fire_value *value, const char **text) {
    if (**text == 'f') return float_constant(g, type, text);
    if (**text == 'i') return whole_constant(g, text);
    if (**text == 't') return typed_constant(g, text);
    char *end;
    long long k = strtoll(*text, &end, 10);
    if (end == *text || k < 0 || k >= n || **text == '+' || **text == ' ') return 0;
    *text = end;
    return value[k];
}

static int bad(fire_graph *g, const char *statement) {
    char shown[80];
    fire_graph_fail(g, FIRE_E_ATTRIBUTE, "body: cannot read '%s', expected an operator of ONNX and its inputs, as in 'Mul 0,2'", fire_escape(shown, sizeof shown, statement, strlen(statement)));
    return 0;
}

/* An operator that a program may hold: one of ONNX, or one that is saved as such. */
static const fire_op *known_op(const char *name) {
    const fire_op *op = fire_op_named(name);
    return op && (!op->domain || op->lower) ? op : NULL;
}

/* "TopK:2" gives two values: takes the number away from the name. */
static int outputs_of(char *name) {
    char *colon = strchr(name, ':');
    if (!colon) return 1;
    *colon = 0;
    return colon[1] >= '1' && colon[1] <= '0' + FIRE_MAX_OUT && !colon[2] ? colon[1] - '0' : FIRE_MAX_OUT + 1;
}

int fire_function_build(fire_graph *g, const char *text, fire_type type, int n_in, const fire_value *in, int capacity, fire_value *out) {
    fire_value value[MAX_VALUES];
    int n = 0, n_out = 0;
    char statement[FIRE_FUNCTION_STATEMENT], name[64];
    for (; n < n_in && n < MAX_VALUES; n++) value[n] = in[n];
    while (text && !g->first.status) {
        if (strcspn(text, ";") >= sizeof statement) return bad(g, text);
        text = next_statement(text, statement, sizeof statement);
        const char *s = fire_name_read(statement, name, sizeof name);
        fire_value arg[FIRE_MAX_IN];
        int n_arg = 0;
        while (*s && *s != ' ') {
            if (n_arg == FIRE_MAX_IN) return bad(g, statement);
            if (*s == '_') arg[n_arg++] = 0, s++;
            else if (!(arg[n_arg++] = operand(g, type, n, value, &s))) return bad(g, statement);
            if (*s == ',') s++;
            else if (*s && *s != ' ') return bad(g, statement);
        }
        while (*s == ' ') s++;
        if (!strcmp(name, "out")) {
            if (text || n_arg > capacity || !n_arg) return bad(g, statement);
            for (; n_out < n_arg; n_out++) out[n_out] = arg[n_out];
            break;
        }
        if (!strcmp(name, "Float") && n_arg == 1 && !*s && n < MAX_VALUES) {
            value[n++] = fire_apply(g, "Cast", 1, arg, type == FIRE_F64 ? "to=11" : "to=1");
            continue;
        }
        int wanted = outputs_of(name);
        const fire_op *op = known_op(name);
        if (!op || wanted > op->n_out || n + wanted > MAX_VALUES) return bad(g, statement);
        fire_value made[FIRE_MAX_OUT];
        if (fire_apply_all(g, name, n_arg, arg, s, made)) return 0;
        for (int k = 0; k < wanted; k++) value[n++] = made[k];
    }
    if (g->first.status) return 0;
    if (!n_out && n > n_in) out[n_out++] = value[n - 1];
    if (!n_out) fire_graph_fail(g, FIRE_E_ATTRIBUTE, "body: computes nothing");
    return n_out;
}

fire_status fire_function_check(const char *text, fire_error *err) {
    char statement[FIRE_FUNCTION_STATEMENT], name[64], shown[80];
    if (!*text) return fire_fail(err, FIRE_E_ATTRIBUTE, "body is missing; give the operators, as in body=\"Mul 0,0\"");
    while (text) {
        text = next_statement(text, statement, sizeof statement);
        fire_name_read(statement, name, sizeof name);
        (void)outputs_of(name);
        if (strcmp(name, "out") && strcmp(name, "Float") && !known_op(name))
            return fire_fail(err, FIRE_E_UNKNOWN_NAME, "body: no operator of ONNX named '%s'; `firesteel ops` lists all", fire_escape(shown, sizeof shown, name, strlen(name)));
    }
    return FIRE_OK;
}

fire_status fire_function_shapes(fire_context *ctx, fire_type type, const char *body, int32_t n_in, const fire_tensor *in, int32_t capacity, fire_tensor *out,
                                 int32_t *n_out, fire_error *err) {
    fire_graph g;
    fire_value value[FIRE_MAX_IN * 2], y[FIRE_MAX_IN];
    if (n_in < 1 || n_in > FIRE_MAX_IN * 2 || capacity < 1) return fire_fail(err, FIRE_E_USAGE, "%d inputs, expected 1 to %d", (int)n_in, FIRE_MAX_IN * 2);
    fire_graph_init(&g, ctx);
    for (int32_t k = 0; k < n_in; k++) value[k] = fire_graph_input(&g, "x", in[k].type, in[k].shape);
    int n = fire_function_build(&g, body, type, n_in, value, capacity < FIRE_MAX_IN ? capacity : FIRE_MAX_IN, y);
    fire_status s = fire_graph_check(&g, err);
    for (int k = 0; k < n && !s; k++) out[k] = (fire_tensor){fire_type_of(&g, y[k]), fire_shape_of(&g, y[k]), NULL};
    fire_graph_clear(&g);
    if (!s) *n_out = n;
    return s;
}
