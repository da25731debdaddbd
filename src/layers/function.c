/* function - layers that are programs (function.h) over their inputs and own weights: Function, which somebody wrote in Python, and Operators, a part
** of a graph that other software wrote (graph_layers.h). */
#include "function.h"
#include "graph_layers.h"
#include "layer.h"
#include "op.h"
#include <stdio.h>
#include <string.h>

enum { NAME = 256 }; /* bytes of a weight's name */

typedef struct { char body[FIRE_FUNCTION_TEXT + 1], weights[FIRE_ATTR_TEXT_SIZE]; } function_attrs;
typedef struct { char body[FIRE_PART_BODY + 1], weights[FIRE_PART_WEIGHTS + 1], operator[64], tensors[FIRE_ATTR_TEXT_SIZE]; } operators_attrs;

#define AT(field) offsetof(function_attrs, field)
static const fire_attr attrs[] = {
    {"body", FIRE_ATTR_TEXT, AT(body), 0, 0, FIRE_FUNCTION_TEXT, NULL, NULL, "the operators: \"Mul 0,1;Relu 2\" numbers the inputs and then the weights from 0; must be given"},
    {"weights", FIRE_ATTR_TEXT, AT(weights), 0, 0, 0, NULL, NULL, "one weight after the other, separated by ';': \"kernel shape=[3,4] initializer=ones\""},
    {0},
};

#define PART(field) offsetof(operators_attrs, field)
static const fire_attr operators_table[] = {
    {"body", FIRE_ATTR_TEXT, PART(body), 0, 0, FIRE_PART_BODY, NULL, NULL, "the operators, as in Function; must be given"},
    {"weights", FIRE_ATTR_TEXT, PART(weights), 0, 0, FIRE_PART_WEIGHTS, NULL, NULL, "one weight after the other, as in Function"},
    {"operator", FIRE_ATTR_TEXT, PART(operator), 0, 0, 63, NULL, NULL, "what it was in the file that it came from"},
    {"tensors", FIRE_ATTR_TEXT, PART(tensors), 0, 0, 0, NULL, NULL, "names of its outputs there, separated by ';'"},
    {0},
};

/* A weight's line. */
typedef struct { fire_ints shape; bool trainable; fire_attr_text initializer, regularizer, constraint; } weight_attrs;
#define WT(field) offsetof(weight_attrs, field)
static const fire_attr weight_table[] = {
    {"shape", FIRE_ATTR_INTS, WT(shape), 0, 1, 1 << 30, NULL, NULL, "of the weight"},
    {"trainable", FIRE_ATTR_BOOL, WT(trainable), 1, 0, 1, NULL, NULL, "false: fixed"},
    {"initializer", FIRE_ATTR_TEXT, WT(initializer), 0, 0, 0, "glorot_uniform", NULL, "first values"},
    {"regularizer", FIRE_ATTR_TEXT, WT(regularizer), 0, 0, 0, NULL, NULL, "what is added to the loss"},
    {"constraint", FIRE_ATTR_TEXT, WT(constraint), 0, 0, 0, NULL, NULL, "what holds after each step"},
    {0},
};

/* The next weight of the text, which moves behind it. False: there is none, or *err says what is wrong. */
static bool next_weight(const char **text, char name[NAME], weight_attrs *t, fire_error *err) {
    fire_attr_text line;
    size_t n = strcspn(*text, ";");
    if (!**text) return false;
    if (n >= sizeof line) return fire_fail(err, FIRE_E_ATTRIBUTE, "weights: a weight's line has %zu bytes, expected at most %zu", n, sizeof line - 1), false;
    memcpy(line, *text, n);
    line[n] = 0;
    *text += n + ((*text)[n] == ';');
    const char *rest = fire_name_read(line, name, NAME);
    if (!*name) return fire_fail(err, FIRE_E_ATTRIBUTE, "weights: a weight has no name"), false;
    if (fire_attrs_read(name, weight_table, t, rest, NULL, 0, err)) return false;
    if (t->shape.n > FIRE_MAX_RANK) return fire_fail(err, FIRE_E_ATTRIBUTE, "weights: %s has %d dimensions, expected at most %d", name, (int)t->shape.n, FIRE_MAX_RANK), false;
    return fire_init_check(t->initializer, err) == FIRE_OK;
}

static fire_status check(const char *body, const char *text, fire_error *err) {
    char name[NAME];
    weight_attrs t;
    fire_error why = {0};
    while (next_weight(&text, name, &t, &why)) {}
    return why.status ? fire_fail(err, why.code, "%s", why.message) : fire_function_check(body, err);
}

static fire_status function_check(const void *attrs_, fire_error *err) {
    const function_attrs *a = attrs_;
    return check(a->body, a->weights, err);
}

static fire_status operators_check(const void *attrs_, fire_error *err) {
    const operators_attrs *a = attrs_;
    return check(a->body, a->weights, err);
}

/* Run the program; the outputs are b->out. */
static void build(fire_build *b, const char *kind, const char *body, const char *text, int n_in, const fire_value *in) {
    fire_graph *g = b->g;
    fire_value value[2 * FIRE_MAX_IN];
    int n = n_in;
    char name[NAME];
    weight_attrs t;
    memcpy(value, in, (size_t)n_in * sizeof *in);
    while (n < 2 * FIRE_MAX_IN && next_weight(&text, name, &t, &g->first)) {
        fire_shape shape = {.rank = t.shape.n};
        for (int d = 0; d < t.shape.n; d++) shape.dim[d] = t.shape.v[d];
        value[n++] = fire_weight(b, name, shape, (fire_how){t.initializer, t.regularizer, t.constraint}, t.trainable);
    }
    if (*text) fire_graph_fail(g, FIRE_E_UNSUPPORTED, "%s '%s': more than %d inputs and weights", kind, g->layer, 2 * FIRE_MAX_IN);
    b->n_out = fire_function_build(g, body, b->net_type, n, value, FIRE_LAYER_OUT, b->out);
}

static fire_value function_build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) {
    const function_attrs *a = attrs_;
    fire_graph *g = b->g;
    const fire_type type = b->net_type;
    char shown[FIRE_SHAPE_TEXT];
    build(b, "Function", a->body, a->weights, n_in, in);
    for (int k = 0; k < b->n_out; k++) {
        fire_shape y = fire_shape_of(g, b->out[k]);
        if (fire_type_of(g, b->out[k]) != type)
            return fire_graph_fail(g, FIRE_E_SHAPE, "Function '%s': output %d is %s, expected %s; cast it", g->layer, k, fire_type_text(fire_type_of(g, b->out[k])), fire_type_text(type));
        if (y.rank < 1 || y.dim[0] != -1)
            return fire_graph_fail(g, FIRE_E_SHAPE, "Function '%s': output %d is %s, expected the batch as its first dimension", g->layer, k, fire_shape_text(&y, shown));
    }
    return b->out[0];
}

static fire_value operators_build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) {
    const operators_attrs *a = attrs_;
    build(b, "Operators", a->body, a->weights, n_in, in);
    return b->out[0];
}

static const char *operators_output(const void *attrs_) {
    const char *name = ((const operators_attrs *)attrs_)->tensors;
    return *name && !strchr(name, ';') ? name : NULL;
}

const fire_layer fire_layer_function = {
    .name = "Function", .help = "operators over inputs and weights, as custom layers are saved",
    .attrs = attrs, .attr_size = sizeof(function_attrs), .min_in = 1, .max_in = FIRE_MAX_IN, .check = function_check, .build = function_build,
    .examples = {"[4] body=\"Mul 0,0\"", "[3] [3] body=\"Mul 0,1;Add 2,f{0.5};Tanh 3\"", "[4] body=\"MatMul 0,1;Add 3,2\" weights=\"kernel shape=[4,2];bias shape=[2] initializer=zeros\"",
                 "[3,4] body=\"ReduceMean 0,i[1]{-1} keepdims=0\""},
};

const fire_layer fire_layer_operators = {
    .name = "Operators", .help = "operators over inputs and weights: a node of a graph that other software wrote",
    .attrs = operators_table, .attr_size = sizeof(operators_attrs), .min_in = 1, .max_in = FIRE_MAX_IN, .any_tensor = true, .check = operators_check, .build = operators_build, .output_name = operators_output,
    .examples = {"[3,4] body=\"Transpose 0 perm=[0,2,1];MatMul 2,1\" weights=\"kernel shape=[3,2]\" operator=MatMul", "[4] body=\"Clip 0,_,f{0.3};Mul 1,f{2}\"",
                 "[3] [3] body=\"Add 0,1;Where t9[3]{1,0,1},2,f{0.5}\""},
};
