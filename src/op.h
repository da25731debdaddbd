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

/* One call of a kernel: shapes are concrete, data pointers set. in[i].type is 0 for an input left out. */
typedef struct fire_call {
    const void *attrs;
    int32_t n_in, n_out;
    fire_tensor in[FIRE_MAX_IN], out[FIRE_MAX_OUT];
    void *scratch; /* as many bytes as the kernel asked for, 64-byte aligned; contents undefined */
    void *state;   /* what a kernel made when it was prepared; NULL for reference kernels */
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
    bool pure_shape;         /* moves no numbers (Reshape, Flatten, Identity): output 0 aliases input 0 */

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
    default: return 0;
    }
}
static inline void fire_put(const fire_tensor *t, int64_t i, double v) {
    switch (t->type) {
    case FIRE_F32: ((float *)t->data)[i] = (float)v; break;
    case FIRE_F64: ((double *)t->data)[i] = v; break;
    case FIRE_U8: ((uint8_t *)t->data)[i] = (uint8_t)v; break;
    case FIRE_BOOL: ((uint8_t *)t->data)[i] = v != 0; break;
    case FIRE_I8: ((int8_t *)t->data)[i] = (int8_t)v; break;
    case FIRE_U16: ((uint16_t *)t->data)[i] = (uint16_t)v; break;
    case FIRE_I16: ((int16_t *)t->data)[i] = (int16_t)v; break;
    case FIRE_I32: ((int32_t *)t->data)[i] = (int32_t)v; break;
    case FIRE_I64: ((int64_t *)t->data)[i] = (int64_t)v; break;
    default: break;
    }
}

/* Shared by op files (op.c). */
fire_status fire_infer_same(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err);      /* out[0] like in[0] */
fire_status fire_infer_broadcast(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err); /* NumPy's rule */
#endif
