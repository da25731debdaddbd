/* graph.h - the graph of operators: build, differentiate, look.
**
** A value is a plain integer that names one tensor inside one graph; the graph owns everything in it, and nodes are
** stored in an order in which they can run. While a graph is built the first failure sticks to it and later calls
** return 0 and do nothing, so calls compose and the message stays exact. A node points at its const fire_op: there is
** no enum of operators and no switch over one.
*/
#ifndef FIRE_GRAPH_H
#define FIRE_GRAPH_H
#include "attrs.h"

typedef int32_t fire_value; /* 0: no value (an optional input left out, or a failure) */
typedef struct fire_op fire_op;

#define FIRE_MAX_IN 32
#define FIRE_MAX_OUT 5

typedef enum fire_source {
    FIRE_FROM_NODE,
    FIRE_FROM_INPUT, /* bound before every run: data */
    FIRE_FROM_PARAM, /* bound before a run: a weight; constant during it */
    FIRE_FROM_CONST, /* numbers kept in the graph */
} fire_source;

typedef struct fire_value_info {
    fire_source source;
    fire_tensor tensor;   /* type and shape (batch as -1); data only of constants */
    const char *name;     /* of inputs, params and outputs; else NULL */
    int32_t node;         /* that makes it, or -1 */
} fire_value_info;

typedef struct fire_node {
    const fire_op *op;
    void *attrs;          /* op->attr_size bytes, NULL when 0 */
    int32_t n_in, n_out;
    fire_value in[FIRE_MAX_IN], out[FIRE_MAX_OUT];
    const char *layer;    /* name of the layer that made it, for messages and explain; or NULL */
} fire_node;

typedef struct fire_graph {
    fire_context *ctx;
    fire_arena arena;
    fire_error first;     /* the failure that stopped building; status 0: none */
    fire_node *node;      /* [n_nodes], topological order */
    int64_t n_nodes, node_capacity;
    fire_value_info *value; /* [n_values], value[0] unused */
    int64_t n_values, value_capacity;
    const char *layer;    /* given to the nodes made from now on */
    /* Data of constants may lie in a file, at any address; get gives an aligned copy that lives at least as long. get NULL: all are aligned. */
    struct { fire_status (*get)(void *user, void **data, size_t bytes, fire_error *err); void *user; } align;
    int64_t block_limit;  /* bytes that the block of a plan of it may take; 0: none */
} fire_graph;

/* fire_graph_init - make an empty graph in place; fire_graph_clear frees what is in it. Never fails. */
void fire_graph_init(fire_graph *g, fire_context *ctx);
void fire_graph_clear(fire_graph *g);
/* fire_graph_copy - init `to` as a copy of `from` with the same numbers of values and nodes. On failure `to` is empty. */
fire_status fire_graph_copy(const fire_graph *from, fire_graph *to, fire_error *err);
/* fire_graph_check - FIRE_OK, or the first failure met while building. */
fire_status fire_graph_check(const fire_graph *g, fire_error *err);
/* fire_graph_fail - make `code` the graph's first failure unless it has one. Returns 0. */
fire_value fire_graph_fail(fire_graph *g, int32_t code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

fire_value fire_graph_input(fire_graph *g, const char *name, fire_type type, fire_shape shape);
fire_value fire_graph_param(fire_graph *g, const char *name, fire_type type, fire_shape shape);
fire_value fire_graph_const(fire_graph *g, fire_type type, fire_shape shape, const void *data); /* data is copied */
fire_value fire_graph_borrow(fire_graph *g, fire_type type, fire_shape shape, void *data); /* the same, data staying where it lies as long as the graph */
/* fire_graph_align - before the numbers of a constant are looked at: let them lie at a multiple of 16 bytes. Other values are left alone. */
fire_status fire_graph_align(const fire_graph *g, fire_value v, fire_error *err);
fire_value fire_graph_scalar(fire_graph *g, fire_type type, double v);                          /* rank 0 constant */

/* fire_apply - add one operator and return its first output.
**   fire_apply(g, "Gemm", 2, FIRE_IN(x, w), "transB=1")
** Attribute texts are those of attrs.h. fire_apply_all also gives the other outputs, out[op->n_out]. */
#define FIRE_IN(...) (const fire_value[]){__VA_ARGS__}
fire_value fire_apply(fire_graph *g, const char *op, int n_in, const fire_value *in, const char *attrs);
fire_status fire_apply_all(fire_graph *g, const char *op, int n_in, const fire_value *in, const char *attrs, fire_value *out);

/* fire_gradient - d(sum_j sum(y[j] * dy[j])) / dx[i] for each i, by adding nodes. dx[i] is 0 when no y depends on x[i]
** in a differentiable way. dy[j] 0 stands for ones. */
fire_status fire_gradient(fire_graph *g, int n_y, const fire_value *y, const fire_value *dy, int n_x, const fire_value *x, fire_value *dx);

/* Looking. Values are borrowed until something is added. */
static inline const fire_value_info *fire_look(const fire_graph *g, fire_value v) { return &g->value[v]; }
static inline fire_shape fire_shape_of(const fire_graph *g, fire_value v) { return g->value[v].tensor.shape; }
static inline fire_type fire_type_of(const fire_graph *g, fire_value v) { return g->value[v].tensor.type; }
/* fire_producer - the node that makes v, or NULL when v is an input, param or constant (or 0). */
const fire_node *fire_producer(const fire_graph *g, fire_value v);
#endif
