/* op.h - what an operator file sees. Read this and src/ops/relu.c, and you can add an operator: one file in
** src/ops/, one line in src/ops/ops.def.
**
** Names, attributes and meaning are ONNX's; operators that ONNX lacks (gradients, fused losses) have domain
** "ai.firesteel". Kernels here are the reference: plain, obvious C in double arithmetic for every element type they
** allow; faster ones live in src/kernels/ and are checked against these on the operator's own examples.
*/
#ifndef FIRE_OP_H
#define FIRE_OP_H
#include "graph.h"
#include "half.h"
#include <string.h>

/* One call of a kernel: shapes are concrete, data pointers set. in[i].type is 0 for an input left out. */
typedef struct fire_call {
    const void *attrs;
    int32_t n_in, n_out;
    fire_tensor in[FIRE_MAX_IN], out[FIRE_MAX_OUT];
    void *scratch; /* as many bytes as the kernel asked for, 64-byte aligned; contents undefined */
    void *state;   /* what a kernel made when it was prepared; NULL for reference kernels */
    uint32_t held; /* bit i: input i has the same numbers in every run; known when a kernel is prepared (kernel.h) */
} fire_call;

#define FIRE_DOMAIN "ai.firesteel"

struct fire_op {
    const char *name;        /* saved in model files: never rename */
    const char *domain;      /* NULL: ONNX's own */
    const char *help;
    int32_t min_in, max_in;  /* inputs; those past min_in may be left out */
    int32_t n_out;
    const fire_attr *attrs;  /* ends with a NULL name; NULL: none */
    size_t attr_size;
    uint32_t in_place;       /* bit i: output 0 may lie over input i when shape and type agree */
    uint32_t shape_only;     /* bit i: of input i only the shape matters, its numbers are never read and need not be kept */
    uint32_t saved;          /* bit o: output o is there for the gradient alone; nothing else reads it, and none comes in for it */
    uint32_t values;         /* bit i: infer wants the numbers of input i: it must be a constant */
    bool pure_shape;         /* moves no numbers (Reshape, Flatten, Identity): output 0 aliases input 0 */

    /* Output 0 is summed over the slices of a step: a plan stops behind it so that somebody can do that (plan.h). True: over the workers too,
    ** however the step is computed. NULL: it is not. */
    bool (*joins)(const void *attrs);

    /* Set types and shapes of out[] from in[] and attrs, or say why it cannot be. Runs when the graph is built, with -1
    ** for the batch, and again when a plan is made, with the batch known. in[i].data is set for constants. */
    fire_status (*infer)(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err);

    /* Reference kernel. */
    void (*run)(const fire_call *call);

    /* Bytes of scratch that run needs; NULL: none. */
    size_t (*scratch)(const fire_call *call);

    /* Add nodes that compute the gradient of each input into dx[i] (leave 0: none), given dy[k] for each output (0: no
    ** gradient comes in there). n is borrowed and moves when nodes are added: copy what you need first.
    ** NULL: no gradient. */
    void (*grad)(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx);

    /* Own operators that inference graphs hold: add the standard operators that mean the same for a saved model, in[] standing for n's inputs,
    ** and put their results into out[op->n_out]. NULL: ONNX's own, or never saved. */
    void (*lower)(fire_graph *g, const fire_node *n, const fire_value *in, fire_value *out);

    /* Floating point operations of a call, multiply and add counted apart; NULL: one per output element. */
    int64_t (*flops)(const fire_call *call);

    /* A fused operator tries to replace nodes by itself: called by the planner for each node i, last first.
    ** `uses` counts the readers of each value, graph outputs included. True: it rewrote node i (which now is this
    ** operator); nodes that nobody reads any more are dropped by the planner. NULL: not a fused operator. */
    bool (*fuse)(fire_graph *g, int32_t i, const int32_t *uses);

    /* Shapes, types and attributes that the operator must work on: "[3,4] [5,4] transB=1"; a type other than the test's
    ** float type before the shape: "i64[3]"; a constant: "i64[2]{0,-1}"; an input left out: "-"; whole numbers drawn below k: "i64[3]<5"; positive numbers: "[3]>0". The tests, the bench and the fuzzer take their cases from here. */
    const char *examples[12];
};

extern const fire_op *const fire_ops[]; /* sorted by name, ends with NULL */
const fire_op *fire_op_find(const char *domain, const char *name); /* domain NULL or "": ONNX's; unknown: NULL */
const fire_op *fire_op_named(const char *name);                    /* in any domain: names are unique */

/* fire_get, fire_put - one element of any type as a double; for reference kernels. Whole numbers beyond 2^53 lose digits. */
static inline double fire_get(const fire_tensor *t, int64_t i) {
    switch (t->type) {
    case FIRE_F32: return ((const float *)t->data)[i];
    case FIRE_F64: return ((const double *)t->data)[i];
    case FIRE_U8: case FIRE_BOOL: return ((const uint8_t *)t->data)[i];
    case FIRE_I8: return ((const int8_t *)t->data)[i];
    case FIRE_U16: return ((const uint16_t *)t->data)[i];
    case FIRE_I16: return ((const int16_t *)t->data)[i];
    case FIRE_I32: return ((const int32_t *)t->data)[i];
    case FIRE_I64: return (double)((const int64_t *)t->data)[i];
    case FIRE_U32: return ((const uint32_t *)t->data)[i];
    case FIRE_U64: return (double)((const uint64_t *)t->data)[i];
    case FIRE_F16: return fire_half_get(((const uint16_t *)t->data)[i]);
    case FIRE_BF16: return fire_brain_get(((const uint16_t *)t->data)[i]);
    default: return 0;
    }
}
/* A double as a whole number without undefined behaviour: NaN becomes 0, what is too large the nearest. */
static inline int64_t fire_whole(double v) {
    return v >= 0x1p63 ? INT64_MAX : v < -0x1p63 ? INT64_MIN : v != v ? 0 : (int64_t)v;
}
static inline void fire_put(const fire_tensor *t, int64_t i, double v) { /* narrow integers wrap, as in NumPy */
    switch (t->type) {
    case FIRE_F32: ((float *)t->data)[i] = (float)v; break;
    case FIRE_F64: ((double *)t->data)[i] = v; break;
    case FIRE_U8: ((uint8_t *)t->data)[i] = (uint8_t)fire_whole(v); break;
    case FIRE_BOOL: ((uint8_t *)t->data)[i] = v != 0; break;
    case FIRE_I8: ((int8_t *)t->data)[i] = (int8_t)fire_whole(v); break;
    case FIRE_U16: ((uint16_t *)t->data)[i] = (uint16_t)fire_whole(v); break;
    case FIRE_I16: ((int16_t *)t->data)[i] = (int16_t)fire_whole(v); break;
    case FIRE_I32: ((int32_t *)t->data)[i] = (int32_t)fire_whole(v); break;
    case FIRE_I64: ((int64_t *)t->data)[i] = fire_whole(v); break;
    case FIRE_U32: ((uint32_t *)t->data)[i] = (uint32_t)fire_whole(v); break;
    case FIRE_U64: ((uint64_t *)t->data)[i] = v >= 0x1p64 ? UINT64_MAX : v >= 0x1p63 ? (uint64_t)v : (uint64_t)fire_whole(v); break;
    case FIRE_F16: ((uint16_t *)t->data)[i] = fire_half_put(v); break;
    case FIRE_BF16: ((uint16_t *)t->data)[i] = fire_brain_put(v); break;
    default: break;
    }
}
/* fire_move - element i of `from` to element o of `to`, of the same type, bit by bit. */
static inline void fire_move(const fire_tensor *to, int64_t o, const fire_tensor *from, int64_t i) {
    switch (fire_type_size(to->type)) {
    case 1: ((uint8_t *)to->data)[o] = ((const uint8_t *)from->data)[i]; break;
    case 2: ((uint16_t *)to->data)[o] = ((const uint16_t *)from->data)[i]; break;
    case 4: memcpy((char *)to->data + 4 * o, (const char *)from->data + 4 * i, 4); break;
    default: memcpy((char *)to->data + 8 * o, (const char *)from->data + 8 * i, 8); break;
    }
}

/* fire_op_infer - what the graph and the planner call: counts inputs, runs op->infer, puts "Name: " before its message and
** checks that the shapes that come out can be counted in bytes without overflow (the batch as 1 while it is -1). */
fire_status fire_op_infer(const fire_op *op, const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err);
/* fire_shape_check - rank and dimensions (-1 allowed) are legal and the bytes countable. `what` begins the message. */
fire_status fire_shape_check(const char *what, fire_type type, const fire_shape *s, fire_error *err);

/* Shared by op files (op.c). Messages of infer do not name the operator: fire_op_infer does. */
fire_status fire_infer_same(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err);      /* numbers; all alike; out[0] like in[0] */
fire_status fire_infer_same_float(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err);
/* Of operators that draw by row: x [n, ...], row_id i64 [n], draw i64 [2], seed and epoch, give a tensor like x. */
fire_status fire_infer_drawn(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err);
fire_status fire_infer_broadcast(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err); /* NumPy's rule */
fire_status fire_infer_compare(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err);   /* the same, a bool comes out */
fire_status fire_want_float(const fire_tensor *t, const char *what, fire_error *err);
fire_status fire_want_number(const fire_tensor *t, const char *what, fire_error *err); /* all but bool */
fire_status fire_want_index(const fire_tensor *t, const char *what, fire_error *err);  /* i32 or i64 */
fire_status fire_want_same_type(int n_in, const fire_tensor *in, fire_error *err);

/* fire_axis - an axis from -rank to rank - 1 as one from 0; fire_axes - a constant tensor of axes as a set of bits. */
fire_status fire_axis(int64_t axis, int rank, int *out, fire_error *err);
fire_status fire_axes(const fire_tensor *t, int rank, uint32_t *mask, fire_error *err);

/* fire_broadcast_shape - the shape that a and b have together; -1 fits -1 and 1. out may be a or b. */
fire_status fire_broadcast_shape(const fire_shape *a, const fire_shape *b, fire_shape *out, fire_error *err);

/* Visit the elements of shape `over` in order; i[k] is the element of t[k] that stands there, t[k] being broadcast to it.
**   fire_walk w = fire_walk_start(&y->shape, 2, call->in);
**   for (int64_t e = 0; e < count; e++, fire_walk_next(&w)) fire_put(y, e, fire_get(a, w.i[0]) + fire_get(b, w.i[1])); */
#define FIRE_MAX_WALK 8 /* tensors */
typedef struct fire_walk {
    int32_t rank, n;
    int64_t i[FIRE_MAX_WALK], at[FIRE_MAX_RANK], dim[FIRE_MAX_RANK], stride[FIRE_MAX_WALK][FIRE_MAX_RANK];
} fire_walk;
fire_walk fire_walk_start(const fire_shape *over, int n, const fire_tensor *t);
void fire_walk_next(fire_walk *w);

/* Reference kernels of one formula: out = f(in) and out = f(in0, in1) element by element, the second with broadcasting. Whole
** numbers go through doubles. */
void fire_run_unary(const fire_call *call, double (*f)(double));
void fire_run_binary(const fire_call *call, double (*f)(double, double));
/* The same, with g for int64, whose numbers a double does not hold: so these are exact, and wrap around. fire_whole_at: number i of a
** tensor, of which one that is absent has 0. */
void fire_run_unary_whole(const fire_call *call, double (*f)(double), int64_t (*g)(int64_t));
void fire_run_binary_whole(const fire_call *call, double (*f)(double, double), int64_t (*g)(int64_t, int64_t));
static inline int64_t fire_whole_at(const fire_tensor *t, int64_t i) { return t->type == FIRE_I64 ? ((const int64_t *)t->data)[i] : fire_whole(fire_get(t, i)); }
static inline int64_t fire_whole_add(int64_t a, int64_t b) { return (int64_t)((uint64_t)a + (uint64_t)b); }
static inline int64_t fire_whole_sub(int64_t a, int64_t b) { return (int64_t)((uint64_t)a - (uint64_t)b); }
static inline int64_t fire_whole_mul(int64_t a, int64_t b) { return (int64_t)((uint64_t)a * (uint64_t)b); }
void fire_run_copy(const fire_call *call); /* in0's numbers as they lie: Reshape and its kin */

/* fire_node_attrs - attributes of a node as text, for a grad that applies an operator with the same ones. Returns buf. */
#define FIRE_ATTRS_TEXT 4096
const char *fire_node_attrs(const fire_node *n, char buf[FIRE_ATTRS_TEXT]);

/* fire_transpose - x with its n axes in the order of perm: nothing where that is how they lie, or what a Transpose before it was made of.
** For lower functions and layers. */
fire_value fire_transpose(fire_graph *g, fire_value x, int n, const int64_t *perm);

/* fire_graph_lower - init `to` as the same graph in standard operators only, as far as they have a lower; map[from->n_values] gets the
** values. On failure `to` is empty. */
fire_status fire_graph_lower(const fire_graph *from, fire_graph *to, fire_value *map, fire_error *err);

/* fire_axes_const - a constant i64 tensor with the axes of a set, as inputs named axes want it. */
fire_value fire_axes_const(fire_graph *g, uint32_t mask);

/* fire_sum_like - dy summed over what broadcasting repeated, so that it has the shape of x; dy itself when nothing was. */
fire_value fire_sum_like(fire_graph *g, fire_value dy, fire_value x);
#endif
