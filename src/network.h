/* network.h - inside a network: layers, weights in one flat buffer, compile settings, optimizer state.
**
** Weights of a network lie in two flat buffers, the trainable ones (which is also the shape of the gradient, the optimizer slots
** and the all-reduce buffer) and the others; each weight starts at a multiple of 64 bytes, the padding stays zero.
*/
#ifndef FIRE_NETWORK_H
#define FIRE_NETWORK_H
#include "layer.h"
#include "loss.h"
#include "metric.h"
#include "op.h"
#include "optim.h"

typedef struct fire_weight_slot {
    char *name;           /* "dense/kernel" */
    char *init;           /* initializer text */
    int32_t layer;
    bool trainable;       /* by its kind; frozen layers keep it but are left out of the update */
    bool ready;           /* has a value that was drawn, set, trained or adapted. Weights of a layer that adapts start with their
                          ** initial value and stay unready until fire_adapt or fire_network_set_weight. */
    fire_shape shape;
    int64_t offset;       /* elements from the start of its flat buffer */
} fire_weight_slot;

typedef struct fire_layer_node {
    const fire_layer *kind;
    void *attrs;          /* kind->attr_size bytes, and behind them what all layers have (network.c) */
    char *name;
    char *text;           /* attributes that differ from their defaults, without the name */
    int64_t flops;        /* forward, per row */
    bool trainable;
    int32_t n_in, in[FIRE_MAX_IN]; /* indices of the layers that feed it; -1: the network's input */
    fire_shape output;    /* batch as -1; rank 0 until built */
    int32_t first_weight, n_weights;
} fire_layer_node;

/* kind NULL: "accuracy", until fire_network_check_compiled knows which one. name: in the history. */
typedef struct fire_compiled_metric { const fire_metric *kind; void *attrs; char *name, *text; } fire_compiled_metric;

struct fire_network {
    fire_context *ctx;
    fire_type type;
    fire_layer_node *layer; int64_t n_layers, layer_capacity;
    fire_weight_slot *weight; int64_t n_weights, weight_capacity;
    bool built;
    fire_shape input, output;   /* batch as -1 */
    void *params, *fixed;       /* flat buffers of `type`: trainable, others */
    int64_t n_params, n_fixed;  /* elements, padding included */
    int64_t weight_limit;       /* while it is read from a file: bytes that its weights may take; 0: any */
    uint64_t shape_stamp;       /* changes whenever layers or weights' places change: plans made before are stale */

    /* compile */
    const fire_loss *loss; void *loss_attrs; char *loss_text;
    const fire_optim *optim; void *optim_attrs; char *optim_text;
    fire_compiled_metric *metric; int64_t n_metrics, metric_capacity;
    char *metrics_text;
    void *slots;                /* optimizer state: slots(attrs) arrays of n_params each, or NULL */
    int64_t step, epoch;
    uint64_t last_seed;

    /* a model that came as plain ONNX: its graph in place of layers */
    struct fire_graph *onnx; fire_value onnx_in, onnx_out;

    struct { char *key, *text; } *note; int64_t n_notes, note_capacity;
    struct fire_scorer *scorer;  /* cached by fire_predict; freed when shape_stamp moves on */
};

/* fire_network_graph - build the forward graph. x is added as input "x" [-1, ...]; weights are params. training adds the inputs
** row_id and draw where a layer wants them (0 otherwise). weight_value[n_weights] gets each weight's value. */
typedef struct fire_network_graph { fire_value x, y, logits, row_id, draw; /* logits 0: none */ } fire_network_graph;
fire_status fire_network_forward(const fire_network *net, fire_graph *g, bool training, fire_network_graph *out, fire_value *weight_value, fire_error *err);

/* fire_network_prefix - the same as far as the input of `layer` (for inference): out->y is what goes into it. */
fire_status fire_network_prefix(const fire_network *net, fire_graph *g, int32_t layer, fire_network_graph *out, fire_value *weight_value, fire_error *err);

/* fire_network_check_compiled - before training or evaluation: the network is built and compiled, loss and metrics fit its output;
** "accuracy" becomes the right one. *target (may be NULL) gets the shape of y_true, without the batch. */
fire_status fire_network_check_compiled(fire_network *net, fire_shape *target, fire_error *err);
/* fire_network_slots - make net->slots, all zero, unless it is there or the optimizer has none. */
fire_status fire_network_slots(fire_network *net, fire_error *err);
/* fire_network_forget - drop the optimizer's state and counters. */
void fire_network_forget(fire_network *net);
/* fire_network_clear_compile - back to not compiled. */
void fire_network_clear_compile(fire_network *net);
void fire_scorer_free(fire_context *ctx, struct fire_scorer *s); /* score.c */

/* fire_graph_flops - floating point operations of all nodes for one row, multiply and add counted apart. */
int64_t fire_graph_flops(const fire_graph *g);

/* fire_weight_data - where weight i lies now. */
void *fire_weight_data(const fire_network *net, int64_t i);
/* fire_block_rows - rows per scoring block: 256, fewer as FLOPs per row grow, 1 for large networks. */
int64_t fire_block_rows(const fire_network *net);

/* fire_network_describe - layers as text, one "Kind name=... attr=..." line each, for the model file; fire_network_restore builds
** the same network again from it. A network that was built without an Input layer has a last line "built input=[784]". Lines
** end with \n; memory of the context. weight_limit: bytes of weights that a text of unknown origin may ask for; 0: any. */
fire_status fire_network_describe(const fire_network *net, char **text, fire_error *err);
fire_status fire_network_restore(fire_context *ctx, fire_type type, const char *text, int64_t weight_limit, fire_network **out, fire_error *err);
#endif
