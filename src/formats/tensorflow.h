/* tensorflow.h - graphs of TensorFlow (tensorflow.org, graph.proto): index a GraphDef as the structures of onnx.h.
**
** A GraphDef becomes a fire_onnx of domain "tensorflow" that has what TensorFlow adds in fire_onnx.tf: the order in which nodes run, control
** edges, loops of TensorFlow 1 and the library of functions. Nodes are lifted one by one as those of ONNX are (onnx_import.h), by the functions of
** tensorflow_lift.def; which of them run, and how often, is decided by tensorflow_flow.c.
*/
#ifndef FIRE_TENSORFLOW_H
#define FIRE_TENSORFLOW_H
#include "formats/onnx_import.h"

#define FIRE_TF_DOMAIN "tensorflow"
#define FIRE_TF_OUTPUTS 4096 /* of one node */
#define FIRE_TF_DEPTH 32     /* of calls inside each other */

/* Values of names while nodes are run, besides those of the graph. */
#define FIRE_TF_DEAD INT32_MIN        /* on a way that this run does not take */
#define FIRE_TF_ALIVE (INT32_MIN + 1) /* nothing but that it runs is wanted */

typedef enum fire_tf_kind { FIRE_TF_PLAIN, FIRE_TF_SWITCH, FIRE_TF_MERGE, FIRE_TF_ENTER, FIRE_TF_EXIT, FIRE_TF_NEXT, FIRE_TF_LOOP_COND } fire_tf_kind;

typedef struct fire_tf_edge { int32_t node, output; } fire_tf_edge; /* node -1: an input of the function, or nothing of that name */

typedef struct fire_tf_node { /* beside fire_onnx_node of the same index */
    fire_tf_kind kind;
    fire_tf_edge *from;       /* [n_in] of its fire_onnx_node */
    int32_t n_control; int32_t *control; /* nodes that come before it */
    int32_t frame;            /* in which loop it stands */
    bool need;                /* its outputs are wanted */
    bool alive;               /* only whether it runs is wanted */
    bool moot;                /* it may be dead: something before it is a Switch */
    bool fed;                 /* an input of the model: never lifted */
    bool constant;            /* an Enter whose value stays for all trips */
    bool dead;                /* now, while nodes are run */
    fire_value value, next;   /* now: what an Exit or NextIteration holds, and for the trip after this */
} fire_tf_node;

/* A loop of TensorFlow 1, or (frame 0) the whole graph. unit: nodes, and n_nodes + f for frame f inside, in the order in which they run. */
typedef struct fire_tf_frame { int32_t around, depth; bool moot; fire_span name; int32_t *unit; int64_t n_units; } fire_tf_frame;

typedef struct fire_tf_function { fire_span name; fire_wire body; fire_onnx *m; bool running; } fire_tf_function;

typedef struct fire_tf_library { fire_tf_function *function; int64_t n; /* sorted by name */ } fire_tf_library;

typedef struct fire_tf {
    fire_tf_node *node;
    fire_tf_frame *frame; int32_t n_frames;
    fire_tf_library *library; /* of the whole file */
    struct fire_tf_saved *saved; /* of a SavedModel; or NULL */
    bool guessed;             /* nobody named the outputs */
    bool function;            /* a function of it: names of tensors are "node:output:i" */
} fire_tf;

/* What of a graph is wanted; names as "node" or "node:1". No outputs: those that nobody reads. */
typedef struct fire_tf_want { int32_t n_inputs, n_outputs; const char *const *input, *const *output; const char *signature; } fire_tf_want;

/* Files beside a SavedModel: *out lives as long as `user`. */
typedef struct fire_tf_files { void *user; fire_status (*get)(void *user, const char *name, fire_span *out, fire_error *err); } fire_tf_files;

/* fire_tensorflow_saved_read - index a SavedModel: the graph tagged "serve", or the first, with the inputs and outputs of a signature (NULL:
** serving_default, or the only one) unless `want` names others. */
fire_status fire_tensorflow_saved_read(fire_context *ctx, const void *bytes, size_t size, const fire_tf_files *files, const fire_tf_want *want, fire_onnx *m, fire_error *err);
void fire_tensorflow_saved_clear(fire_onnx *m);
void fire_tensorflow_forget(fire_onnx *m); /* no variable has a value in the graph */
bool fire_tensorflow_has_variables(const fire_onnx *m); /* then constants are no weights */
/* fire_tensorflow_variable - the value of a variable as a constant, by the value that stands for its handle; false: it stands for none. */
bool fire_tensorflow_variable(fire_import *b, fire_value handle, fire_value *out);

/* fire_tensorflow_is - whether bytes begin like a GraphDef. */
bool fire_tensorflow_is(const void *bytes, size_t size);
/* fire_tensorflow_read - index a GraphDef; body: it is the message inside `bytes`, NULL: all of them. Call fire_onnx_clear whether it succeeds or fails. */
fire_status fire_tensorflow_read(fire_context *ctx, const void *bytes, size_t size, const fire_wire *body, const fire_tf_want *want, fire_onnx *m, fire_error *err);
/* fire_tensorflow_library - index the functions of a FunctionDefLibrary. fire_tensorflow_function - find one by name and index its body; NULL: failed, or
** there is none. */
fire_status fire_tensorflow_library(fire_onnx *m, const fire_wire *w, const fire_wire_field *at, fire_error *err);
fire_tf_function *fire_tensorflow_find(const fire_tf_library *l, fire_span name);
fire_status fire_tensorflow_open(const fire_onnx *around, fire_tf_function *f, fire_error *err);
void fire_tensorflow_clear(fire_onnx *m); /* for fire_onnx_clear */
/* fire_tensorflow_call - lift the body of a function, with values for its arguments; out[n_out]. */
void fire_tensorflow_call(fire_import *b, fire_span name, int64_t n_in, const fire_value *in, int64_t n_out, fire_value *out);
fire_lift_function fire_tf_call;
/* fire_tensorflow_name - a value that stands for variable i, from 0. */
fire_value fire_tensorflow_name(fire_import *b, int64_t i);
int64_t fire_tensorflow_named(const fire_import *b, fire_value v); /* which variable; -1: none */
void fire_tensorflow_lists_free(fire_import *b);
/* fire_tensorflow_order - find the nodes that m's outputs need, and their order. */
fire_status fire_tensorflow_order(fire_onnx *m, fire_error *err);
/* fire_tensorflow_state - make edges of what sees a variable after it was changed come from what changed it; post[n_post]: nodes in an order in which they
** can run. */
fire_status fire_tensorflow_state(fire_onnx *m, const int32_t *post, int64_t n_post, fire_error *err);
/* fire_tensorflow_nodes - as fire_import_nodes. */
void fire_tensorflow_nodes(fire_import *b, fire_scope *scope);
/* fire_tensorflow_knows - whether some part of this reader handles the operator. */
bool fire_tensorflow_knows(const fire_onnx *m, fire_span op);

/* fire_tensorflow_leaves_out - output k, which nobody asked for by name, stands on a way that this run did not take. */
bool fire_tensorflow_leaves_out(const fire_onnx *m, int64_t k);
bool fire_tensorflow_keeps_halves(const char *op); /* it passes halves on, or converts them itself */

/* fire_tensorflow_type - the FIRE_ type of a DataType; 0: none. References are what they refer to. */
fire_type fire_tensorflow_type(uint64_t type);
/* fire_tensorflow_attr - the entry of NodeDef.attr in a field; its name empty: to be left out. */
fire_status fire_tensorflow_attr(const fire_wire *w, const fire_wire_field *at, fire_arena *arena, fire_onnx_attr *a, fire_error *err);
/* fire_tensorflow_shape - the TensorShapeProto in a field: rank -1 if it is unknown, dimensions -1. */
fire_status fire_tensorflow_shape(const fire_wire *w, const fire_wire_field *at, int32_t *rank, int64_t dim[FIRE_MAX_RANK], fire_error *err);
fire_status fire_tensorflow_tensor(const fire_wire *w, const fire_wire_field *at, fire_onnx_tensor *t, fire_error *err);
/* fire_tensorflow_numbers - as fire_onnx_tensor_copy, for values in typed fields, the last of which stands for all that follow. */
fire_status fire_tensorflow_numbers(const fire_onnx *m, const fire_onnx_tensor *t, const char *what, const fire_tensor *as, void *to, fire_error *err);
/* fire_tensorflow_outputs - how many outputs an operator has by its name: 0 none, -1 unknown (one, or a list); results: without those that serve
** the gradient. fire_tensorflow_output - which of them has this name; -1: none. */
int fire_tensorflow_outputs(fire_span op, bool results);
int fire_tensorflow_output(fire_span op, fire_span name);

extern const fire_lift_entry fire_tensorflow_lifts[];
#endif
