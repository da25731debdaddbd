/* graph_layers.h - a graph that was read from a file of other software as a network of layers.
**
** The graph is cut into parts, one for each node of the file, and every part becomes a layer of the kind Operators: a program over the part's inputs
** and weights as text. Nothing of the file's format is left then: what an operator of ONNX or TensorFlow means was said when the graph was made.
*/
#ifndef FIRE_GRAPH_LAYERS_H
#define FIRE_GRAPH_LAYERS_H
#include "graph.h"

#define FIRE_PART_BODY 4095    /* bytes of a layer's program at most; a part that is longer becomes several layers */
#define FIRE_PART_WEIGHTS 2047 /* bytes of the lines of its weights */
#define FIRE_PARTS 4000        /* at most */

struct fire_network;

/* Nodes [first, first of the next part) of the graph. name: of the layer, made unique and without what names may not hold. op: what it was in the file. */
typedef struct fire_graph_part {
    int64_t first;
    const char *name, *op;
    double dropout;      /* share that a dropout drops in training; then the part is one node that gives its input back. -1: none */
} fire_graph_part;

/* A param of the graph that becomes a weight. data: of the network's type; borrowed. */
typedef struct fire_graph_weight { fire_value value; const char *name; fire_tensor data; bool trainable; } fire_graph_weight;
typedef struct fire_graph_port { fire_value value; const char *name; } fire_graph_port;

struct fire_onnx_file;
typedef struct fire_graph_parts {
    const fire_graph *g;
    struct fire_onnx_file *home; /* of the weights' data; NULL: they are copied */
    fire_type type;      /* of the network: that of its inputs, which have the batch, -1, first */
    int64_t n_parts, n_weights;
    int32_t n_in, n_out;
    const fire_graph_part *part;
    const fire_graph_weight *weight;
    const fire_graph_port *in, *out;
} fire_graph_parts;

/* fire_network_from_graph - a network whose layers are the parts, in their order. A weight that several parts read is a layer of its own; large
** constants are weights that are not trained. Outputs of other types are cast. Fails with FIRE_E_MODEL_UNSUPPORTED where the graph cannot be layers:
** an output without the batch, constants that the network's type cannot hold, too many parts. */
fire_status fire_network_from_graph(fire_context *ctx, const fire_graph_parts *p, struct fire_network **out, fire_error *err);
#endif
