/* onnx.h - graphs as ONNX files (onnx.ai, onnx.proto): index a ModelProto, make a graph of it, write one.
**
** Reading is in two steps. fire_onnx_read indexes a file in memory: every size is checked, nothing is copied but a list of what is
** where. fire_onnx_graph then builds a fire_graph from it, in which every initializer is a constant. Files that firesteel wrote are
** made into layers instead; see model.c.
*/
#ifndef FIRE_ONNX_H
#define FIRE_ONNX_H
#include "graph.h"
#include "wire.h"

#define FIRE_ONNX_IR 8      /* written: the version that came with opset 18 */
#define FIRE_ONNX_OPSET 18  /* written */
#define FIRE_ONNX_MAX_IR 14
#define FIRE_ONNX_MIN_OPSET 1
#define FIRE_ONNX_MAX_OPSET 28

typedef struct fire_span { const uint8_t *bytes; size_t size; } fire_span; /* text inside the file, not terminated */

typedef struct fire_onnx_tensor {
    fire_span name;
    uint64_t type;        /* TensorProto.DataType, whatever the file says */
    int32_t rank;         /* may be too large for fire_shape; dim holds the first ones */
    int64_t dim[FIRE_MAX_RANK];
    fire_span raw;        /* raw_data */
    bool has_raw, external;
    fire_span location, offset, length; /* of external_data */
    bool tensorflow;      /* of TensorFlow's TensorProto: other fields, a value that is repeated is there once */
    fire_wire body;       /* the message, for values in typed fields */
} fire_onnx_tensor;

typedef struct fire_onnx_value {
    fire_span name;
    fire_span label;      /* what users call it, where that is another name */
    bool is_tensor, has_shape;
    bool is_list, optional; /* a sequence of tensors; something that may be absent; is_tensor is false for both */
    uint64_t type;          /* of the tensors */
    int32_t rank;
    int64_t dim[FIRE_MAX_RANK]; /* -1: not a number in the file */
    fire_span param[FIRE_MAX_RANK]; /* its name instead */
} fire_onnx_value;

typedef struct fire_onnx_node {
    fire_span op, domain, name, overload;
    int64_t n_in, n_out;
    fire_span *in, *out;
    fire_wire body;       /* for the attributes */
} fire_onnx_node;

/* Where a name is defined. */
typedef enum fire_onnx_from { FIRE_ONNX_INITIALIZER, FIRE_ONNX_INPUT, FIRE_ONNX_NODE } fire_onnx_from;
typedef struct fire_onnx_name { fire_span name; fire_onnx_from from; int64_t index; int32_t output; fire_value value; bool left_out; /* an input of a function that the call does not give */ } fire_onnx_name;

typedef struct fire_onnx_pair { char *key, *text; } fire_onnx_pair; /* terminated */

typedef struct fire_onnx_file fire_onnx_file; /* onnx_file.h */

typedef struct fire_onnx_functions_list fire_onnx_functions_list; /* onnx_import.h */

typedef struct fire_onnx {
    fire_context *ctx;
    fire_onnx_file *file; /* borrowed; NULL: of bytes alone */
    fire_arena arena;
    const uint8_t *bytes; size_t size; /* borrowed */
    uint64_t ir, opset;                /* opset of ONNX's own domain */
    fire_onnx_pair *pair; int64_t n_pairs;
    fire_onnx_node *node; int64_t n_nodes;
    fire_onnx_tensor *initializer; int64_t n_initializers;
    fire_onnx_value *input, *output; int64_t n_inputs, n_outputs; /* inputs: those that are not initializers */
    fire_onnx_name *name; int64_t n_names; /* sorted */
    fire_onnx_functions_list *functions; bool inner; /* inner: they are those of the model around */
    struct fire_tf *tf; struct fire_tf_edge *output_from; /* of a TensorFlow graph (tensorflow.h); else NULL */
    struct fire_caffe *caffe; /* of a net of Caffe (caffe.h); else NULL */
} fire_onnx;

/* fire_onnx_read - index a model; where its external data lies is left open. Call fire_onnx_clear whether it succeeds or fails. */
fire_status fire_onnx_read(fire_context *ctx, const void *bytes, size_t size, fire_onnx *m, fire_error *err);
/* fire_onnx_read_file - the same with external data, from where the file says. The file must live as long as m. */
fire_status fire_onnx_read_file(fire_onnx_file *file, fire_onnx *m, fire_error *err);
void fire_onnx_clear(fire_onnx *m);

const char *fire_onnx_text(const fire_onnx *m, const char *key); /* of metadata_props, or NULL */
fire_onnx_name *fire_onnx_find(const fire_onnx *m, fire_span name); /* or NULL */
bool fire_span_is(fire_span s, const char *text);
static inline fire_span fire_onnx_label(const fire_onnx_value *v) { return v->label.size ? v->label : v->name; }
int fire_span_compare(fire_span a, fire_span b);

/* fire_onnx_tensor_read - index the TensorProto in a field. */
fire_status fire_onnx_tensor_read(const fire_wire *w, const fire_wire_field *at, fire_onnx_tensor *t, fire_error *err);
/* fire_onnx_tensor_place - find the bytes of a tensor that lies in another file. */
fire_status fire_onnx_tensor_place(const fire_onnx *m, fire_onnx_tensor *t, fire_error *err);
/* fire_onnx_tensor_shape - type and shape of an initializer, in types and sizes that this version has. `what` names it in messages. */
fire_status fire_onnx_tensor_shape(const fire_onnx *m, const fire_onnx_tensor *t, const char *what, fire_tensor *out, fire_error *err);
/* fire_onnx_tensor_copy - its numbers, densely, into to[bytes]. */
fire_status fire_onnx_tensor_copy(const fire_onnx *m, const fire_onnx_tensor *t, const char *what, const fire_tensor *as, void *to, size_t bytes, fire_error *err);

/* fire_onnx_tensor_texts - the n texts of a tensor of texts; they stay in the file. */
fire_status fire_onnx_tensor_texts(const fire_onnx *m, const fire_onnx_tensor *t, const char *what, int64_t n, fire_span *text, fire_error *err);

/* fire_onnx_hash - 64 hexadecimal digits over all that decides what the graph computes but the values of weights, and over the n texts.
** The same for a file that other software read and wrote again unchanged. Constants ("const.<n>") count with their values. */
fire_status fire_onnx_hash(const fire_onnx *m, int n, const char *const *texts, char out[65], fire_error *err);

/* fire_onnx_read_inner - index the graph of an attribute, with m as for fire_onnx_read. */
fire_status fire_onnx_read_inner(const fire_onnx *around, const fire_wire *body, fire_onnx *m, fire_error *err);

/* fire_onnx_read_function - index a FunctionProto. fire_onnx_functions - list those of a file; fire_onnx_functions_clear frees their indices. */
fire_status fire_onnx_read_function(const fire_onnx *around, const fire_wire *body, fire_onnx *m, fire_error *err);
fire_status fire_onnx_functions(fire_onnx *m, const fire_wire *file, fire_error *err);
void fire_onnx_functions_clear(fire_onnx *m);

/* fire_onnx_check - whether opset and operators are ones that this version has. fire_onnx_forget - no name has a value. */
fire_status fire_onnx_check(fire_onnx *m, fire_error *err);
void fire_onnx_forget(fire_onnx *m);

/* fire_onnx_graph - build the model's graph into an empty `g`: one input x, one output y, both with the batch first. Messages name node, operator
** and opset. The graph borrows the file's bytes. When it fails, *later says whether the model may still run when all shapes are known. */
fire_status fire_onnx_graph(fire_onnx *m, fire_graph *g, fire_value *x, fire_value *y, bool *later, fire_error *err);

/* fire_onnx_layers - the model as a network of layers with the file's weights (graph_layers.h). FIRE_E_MODEL_UNSUPPORTED: it can only be run by name, or
** scored; the message says what stands against layers. */
struct fire_network;
fire_status fire_onnx_layers(fire_onnx *m, struct fire_network **out, fire_error *err);

/* A file of other software that is run by name (onnx_model.c). It takes a share of `file`. */
typedef struct fire_onnx_model fire_onnx_model;
fire_status fire_onnx_model_new(fire_context *ctx, fire_onnx_file *file, fire_onnx_model **out, fire_error *err);
void fire_onnx_model_free(fire_onnx_model *o);
fire_onnx_file *fire_onnx_model_file(const fire_onnx_model *o);
fire_onnx *fire_onnx_model_index(fire_onnx_model *o);
/* fire_onnx_model_run - as fire_run. */
fire_status fire_onnx_model_run(fire_onnx_model *o, int32_t n, const fire_named *in, fire_named **out, int32_t *n_out, fire_error *err);
/* fire_onnx_model_explain - as fire_explain_run. */
fire_status fire_onnx_model_explain(fire_onnx_model *o, int64_t batch, int32_t n, const fire_named *shapes, fire_write *write, void *user, fire_error *err);
/* fire_onnx_model_run_rows - as fire_run_rows. */
fire_status fire_onnx_model_run_rows(fire_onnx_model *o, int64_t rows, int32_t n, const fire_named *in, fire_named **out, int32_t *n_out, fire_error *err);
/* fire_onnx_model_port - name, type and shape of input or output i; not FIRE_OK past the last one. */
fire_status fire_onnx_model_port(const fire_onnx_model *o, bool output, int64_t i, fire_tensor *shape, char *name, size_t capacity);

/* fire_onnx_write - append a ModelProto to an empty buffer: the nodes that the outputs need; weights become initializers by name, those that the
** graph does not read included; metadata before the graph, so that a file cut anywhere is seen to be cut. Raw numbers begin at multiples
** of 64 bytes in the file. */
typedef struct fire_onnx_weight { fire_value value; const char *name; fire_tensor tensor; } fire_onnx_weight; /* value 0: not in the graph */
typedef struct fire_onnx_meta { const char *key, *text; } fire_onnx_meta;
typedef struct fire_onnx_port { fire_value value; const char *name; } fire_onnx_port; /* an input or output; name NULL: the value's own, or x or y */
typedef struct fire_onnx_ports { int32_t n_in, n_out; const fire_onnx_port *in, *out; } fire_onnx_ports; /* several outputs: each made by a node */
fire_status fire_onnx_write(fire_buffer *b, const fire_graph *g, const fire_onnx_ports *ports, int64_t n_weights, const fire_onnx_weight *weight,
                            int64_t n_meta, const fire_onnx_meta *meta, fire_error *err);
#endif
