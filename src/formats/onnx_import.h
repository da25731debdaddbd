/* onnx_import.h - inside the ONNX importer: nodes of a file become nodes of a graph.
**
** Every ONNX node is lifted: to the operator of its name if its meaning is the same in every opset, by a function of onnx_lift.def if it is not,
** or if it is made of other operators. What depends on constants alone is computed at once (shape arithmetic disappears). Where an operator needs
** numbers that only a run has (the shape of a Reshape, the condition of an If), the import is for one run: fire_import_known computes them from
** what was fed, and the graph is used once. Failures stick to the graph.
*/
#ifndef FIRE_ONNX_IMPORT_H
#define FIRE_ONNX_IMPORT_H
#include "formats/onnx.h"
#include "graph_layers.h"
#include "op.h"

/* AttributeProto.AttributeType */
enum { FIRE_IS_FLOAT = 1, FIRE_IS_INT = 2, FIRE_IS_TEXT = 3, FIRE_IS_TENSOR = 4, FIRE_IS_GRAPH = 5, FIRE_IS_FLOATS = 6, FIRE_IS_INTS = 7, FIRE_IS_TEXTS = 8 };

typedef struct fire_onnx_attr {
    fire_span name, text;
    uint64_t type;
    int64_t number;
    float value;
    fire_onnx_tensor tensor;
    fire_wire graph;                   /* begin NULL: none */
    int64_t n_ints, n_floats, n_texts;
    int64_t *ints; float *floats; fire_span *texts; /* in the arena that it was read with */
    bool reference; fire_span refers_to; /* to an attribute of the function around it */
} fire_onnx_attr;

/* fire_onnx_attr_room - places for as many numbers and texts as were counted. */
fire_status fire_onnx_attr_room(fire_arena *arena, fire_onnx_attr *a, fire_error *err);
/* fire_onnx_attr_read - the AttributeProto in a field. */
fire_status fire_onnx_attr_read(const fire_wire *w, const fire_wire_field *at, fire_arena *arena, fire_onnx_attr *a, fire_error *err);

/* A function of the file, and all of them. */
typedef struct fire_onnx_function {
    fire_span name, domain, overload;
    fire_wire body;
    fire_onnx m;                       /* its nodes, once it is open */
    bool open, checked;
} fire_onnx_function;
struct fire_onnx_functions_list { fire_onnx_function *row; int64_t n; int32_t depth; };

/* A graph of the file and those around it, whose names it sees. In a function: who calls it, with what. */
struct fire_lift;
typedef struct fire_scope {
    fire_onnx *m;
    const struct fire_scope *outer;
    int64_t at; /* node being lifted */
    const struct fire_scope *caller;
    const struct fire_lift *call;
    const fire_onnx_function *function;
} fire_scope;

#define FIRE_IMPORT_DEPTH 8              /* of If, Loop and Scan inside each other */
#define FIRE_IMPORT_NODES 1000000        /* lifted, every trip of a loop counted */
#define FIRE_IMPORT_FOLD ((int64_t)1 << 28)  /* bytes of constants that one import computes, besides four times those of the file and of what is fed */

#define FIRE_IMPORT_SYMBOLIC ((int64_t)20 << 20) /* the same where a file is opened, besides twice its size: with what the allocator loses it stays below 64 MiB */
#define FIRE_IMPORT_NODE 640 /* bytes that a node with its values takes */
#define FIRE_IMPORT_WORK ((int64_t)1 << 31) /* operations on constants, by reference kernels; what is more, a plan computes */
#define FIRE_IMPORT_KEY 64 /* bytes of a fed tensor that are kept to be compared: switches, sizes, rates */
#define FIRE_IMPORT_ONE_FOLD ((int64_t)1 << 28)

/* What an import for layers keeps besides the graph (onnx_layers.c). Floats that the file holds become params; a lift that wants their numbers gets
** them from fire_import_known all the same. Halves are float32. The batch is free even where the file fixes it: where numbers that say a size hold the
** batch, it is FIRE_IMPORT_BATCH, and such a constant has a twin with the numbers that another batch would give: where the two differ the batch counts.
** They end in the shape of a Reshape or Expand, or the file has no layers. */
#define FIRE_IMPORT_BATCH 1000003 /* a prime that no dimension has */
#define FIRE_IMPORT_OTHER 1000033 /* another */
typedef struct fire_import_mark { void *twin; bool zero; } fire_import_mark; /* twin: NULL: the batch does not count. zero: it is no constant, but zeros */
typedef struct fire_import_layers {
    fire_type type;                    /* of the network */
    int64_t batch;                     /* that the file fixes; 0: it does not */
    fire_value rows;                   /* the first input */
    fire_graph_part *part; int64_t n_parts, part_capacity; /* nodes of the file as they were lifted; names in the graph's arena */
    int32_t loops;                     /* of a graph of TensorFlow, around the node being lifted: what is made in there is part of the loop */
    fire_graph_weight *weight; int64_t n_weights, capacity;
    fire_import_mark *mark; int64_t mark_capacity; /* by value */
} fire_import_layers;

/* A sequence of tensors, or a value that is absent. */
typedef struct fire_import_list { int64_t n; fire_value *item; fire_type type; bool none; } fire_import_list;

typedef struct fire_import {
    fire_context *ctx;
    fire_graph *g;
    fire_arena arena;                  /* attributes and lists of the node being lifted, and of those around it */
    fire_scope *scope;
    bool symbolic;                     /* no run: the batch is -1, and what only a run knows fails */
    int32_t n_feeds; const fire_tensor *feed; const fire_value *fed; /* what was fed, and the graph's inputs for it */
    bool late;                         /* it failed for want of what only a run knows */
    bool used_numbers;                 /* the graph holds numbers that were fed, or was decided by them: it fits this run alone, or those ... */
    uint64_t key; bool no_key;         /* ... that feed the same numbers into the inputs key names by bits; no_key: they are more than FIRE_IMPORT_KEY bytes each */
    fire_value *known; int64_t known_capacity; /* by value: the constant that it is in this run */
    fire_value *wide; int64_t wide_capacity;   /* by value: the float32 that a half was rounded from */
    struct fire_import_memo *memo;     /* of constants that were computed in a loop; or NULL */
    struct fire_tf_lists *lists;       /* of tensors, in graphs of TensorFlow; or NULL */
    fire_type *called; int64_t called_capacity; /* by value: what the file calls it, where the graph holds something else */
    fire_import_list *list; int64_t n_lists, list_capacity; /* list i is the value -1 - i: only lifts that are named for it in onnx_import.c see such a value */
    fire_span *text; int64_t n_texts, text_capacity; /* texts that tensors hold; text 0 is empty. They lie in the file, in what was fed, or in the graph's arena */
    int64_t nodes_left, bytes_left, work_left;
    int64_t run_left;                  /* operations that this run may still take; INT64_MAX: no limit */
    int32_t depth;
    int32_t loops;                     /* While of TensorFlow, around the node being lifted */
    fire_import_layers *layers;        /* or NULL: an import for a run, or for scoring alone */
} fire_import;

typedef struct fire_lift {
    const fire_onnx_node *node;
    char op[64];
    int64_t n_in, n_out, n_attrs;
    fire_value *in, *out;              /* out is to be filled; 0: not computed */
    fire_onnx_attr *attr;
    uint64_t opset;
    bool own;                          /* an operator of firesteel's own domain */
} fire_lift;

/* Functions (onnx_function.c): the one that a node calls, or NULL; whether the operators in it are known; attributes of a node that refer to those of
** the call; the call itself. */
fire_onnx_function *fire_onnx_function_of(const fire_onnx *m, const fire_onnx_node *n);
fire_status fire_onnx_function_check(fire_onnx *m, fire_onnx_function *fn, fire_error *err);
fire_status fire_onnx_check_nodes(fire_onnx *m, fire_error *err);
fire_status fire_import_references(fire_import *b, fire_lift *l, fire_error *err);
void fire_import_call(fire_import *b, fire_lift *l, fire_onnx_function *fn);

void fire_import_node(fire_import *b, const fire_onnx_node *n); /* one of them: the one at scope->at */
/* fire_import_nodes - lift all nodes of a scope whose inputs have values. */
void fire_import_nodes(fire_import *b, fire_scope *scope);
void fire_import_begin(fire_import *b, int64_t bytes); /* budgets; bytes: of constants that it may compute */
void fire_import_end(fire_import *b); /* frees what it holds; the graph stays */
/* fire_import_find - the value of a name that node scope->at reads; 0: left out, or failed. */
fire_value fire_import_find(fire_import *b, fire_span name);
/* fire_import_apply - fire_apply that computes what is constant; attributes as for printf. */
fire_value fire_import_apply(fire_import *b, const char *op, int n_in, const fire_value *in, const char *attrs, ...) __attribute__((format(printf, 5, 6)));
fire_status fire_import_all(fire_import *b, const char *op, int n_in, const fire_value *in, const char *attrs, fire_value *out);
/* fire_import_remembered - what an operator gave for the same constants in an earlier trip of a loop; false: unknown. fire_import_remember - keep it. */
bool fire_import_remembered(fire_import *b, const fire_op *op, int n_in, const fire_value *in, const char *attrs, fire_value *out);
void fire_import_remember(fire_import *b, const fire_op *op, int n_in, const fire_value *in, const char *attrs, const fire_value *out);
/* fire_import_known - make each of v[n] a constant; false: it cannot be, and the graph has failed. */
bool fire_import_known(fire_import *b, int n, fire_value *v);
/* fire_import_numbers - v's numbers, known; NULL: failed. */
const fire_tensor *fire_import_numbers(fire_import *b, fire_value v);
fire_value fire_import_tensor(fire_import *b, const fire_onnx_tensor *t, const char *what); /* as a constant */
/* fire_import_type - what the file calls the type of v. fire_import_as - say so: types of 8 bits and less lie in graphs as U8, their bits;
** texts as U64, their places in b->text. as returns v. */
fire_type fire_import_type(const fire_import *b, fire_value v);
fire_value fire_import_as(fire_import *b, fire_value v, fire_type type);
fire_type fire_import_storage(fire_type type); /* what lies in the graph for it; 0: a type that is not read */
/* fire_import_list_new - a sequence of n copies from item[]; type may be 0 if there is one. fire_import_none - an absent value. */
fire_value fire_import_list_new(fire_import *b, int64_t n, const fire_value *item, fire_type type);
fire_value fire_import_none(fire_import *b, fire_type type);
/* fire_import_list_get - the sequence or absent value v, borrowed until another is made; NULL: v is a tensor. */
const fire_import_list *fire_import_list_get(const fire_import *b, fire_value v);
/* fire_import_texts - a constant of n = fire_count(&shape) texts, which stay where they lie. fire_import_text_get - the texts of v, known, and its
** shape; they lie in b->arena; NULL: failed. fire_import_pay - count bytes of the import's budget; false: it is spent, and the import has failed. */
fire_value fire_import_texts(fire_import *b, fire_shape shape, const fire_span *text);
const fire_span *fire_import_text_get(fire_import *b, fire_value v, fire_shape *shape);
bool fire_import_pay(fire_import *b, int64_t count, int64_t size);
/* fire_import_concat - tensors joined along an axis, any number of them; v is overwritten. */
fire_value fire_import_concat(fire_import *b, fire_value *v, int64_t n, int axis);
/* fire_import_fail - fail with the node's name in front. */
void fire_import_fail(fire_import *b, int32_t code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* For layers; without them these do nothing. part: what is lifted from now on belongs to a node (number: for one without a name). weight: an initializer, a constant, as a param where it can be trained. fix: v, if it is a weight, is not
** trained. mark: v's, NULL where there is none; to write to, NULL without memory. twin: numbers for the other batch, NULL: they are the same. free_batch: the shape of a Reshape of x with a free batch. expand: x in a shape that has a twin.
** is_zero: whether v holds zeros alone. recurrent: RNN, LSTM or GRU as
** operators that have gradients and fast kernels, in runs as well; false: a run needs what they do not have. */
fire_value fire_import_weight(fire_import *b, const char *name, fire_value v);
void fire_import_fix(fire_import *b, fire_value v);
void fire_import_part(fire_import *b, fire_span name, fire_span op, int64_t number);
fire_import_mark *fire_import_mark_of(fire_import *b, fire_value v);
void *fire_import_twin(const fire_import *b, fire_value v);
fire_value fire_import_free_batch(fire_import *b, fire_value x, fire_value shape);
fire_value fire_import_expand(fire_import *b, fire_value x, fire_value shape);
bool fire_import_is_zero(const fire_import *b, fire_value v);
bool fire_import_recurrent(fire_import *b, fire_lift *n);

/* Attributes of a node; the default if it has none of that name. */
const fire_onnx_attr *fire_lift_attr(const fire_lift *n, const char *name);
int64_t fire_lift_int(const fire_lift *n, const char *name, int64_t otherwise);
double fire_lift_float(const fire_lift *n, const char *name, double otherwise);
bool fire_lift_text(const fire_lift *n, const char *name, const char *is); /* whether it is this text */
/* fire_lift_same - lift to the operator of the same name, or another, with the attributes that it has; those in `skip` ("a|b") are left out. */
void fire_lift_same(fire_import *b, fire_lift *n, const char *op, const char *skip);
static inline fire_value fire_lift_in(const fire_lift *n, int64_t i) { return i < n->n_in ? n->in[i] : 0; }

/* Shared by lifts. */
fire_value fire_import_ints(fire_import *b, int64_t n, const int64_t *v);      /* i64 [n] */
fire_value fire_import_sizes(fire_import *b, fire_value x, int64_t from, int64_t to); /* dimensions [from, to) of x, i64; for layers with the batch */
fire_value fire_import_like(fire_import *b, fire_value x, double v);           /* a scalar of x's type */
fire_value fire_import_reshape(fire_import *b, fire_value x, fire_shape to);
fire_value fire_import_cast(fire_import *b, fire_value x, fire_type to);
/* fire_import_widen - bits of a small type as float32, other numbers as they are; fire_import_narrow - the way back, see small.h. */
fire_value fire_import_widen(fire_import *b, fire_value x);
fire_value fire_import_narrow(fire_import *b, fire_value x, fire_type to, bool saturate, int round);
/* fire_import_cast_text - lift a Cast from or to texts. */
void fire_import_cast_text(fire_import *b, fire_lift *n, fire_type to);
fire_value fire_import_one(fire_import *b, const char *op, fire_value x);
fire_value fire_import_two(fire_import *b, const char *op, fire_value x, fire_value y);
fire_value fire_import_slice(fire_import *b, fire_value x, int axis, int64_t from, int64_t to);
fire_value fire_import_unsqueeze(fire_import *b, fire_value x, int axis);
fire_value fire_import_permute(fire_import *b, fire_value x, const int *perm);
fire_value fire_import_reduce(fire_import *b, const char *op, fire_value x, uint32_t mask, bool keep);
bool fire_import_concrete(fire_import *b, fire_value x); /* no -1 in its shape; else fails */
bool fire_import_is_rows(fire_import *b, fire_value x);  /* none but in its first dimension; else fails */

typedef void fire_lift_function(fire_import *b, fire_lift *n);
typedef struct fire_lift_entry { const char *op; fire_lift_function *lift; const char *same; /* lift NULL: the operator of this name, without attributes */ } fire_lift_entry;
extern const fire_lift_entry fire_lifts[]; /* ends with NULL */
#endif
