/* network.h - inside a network: layers, weights in one flat buffer, compile settings, optimizer state.
**
** Weights of a network lie in two flat buffers, the trainable ones (which is also the shape of the gradient, the optimizer slots
** and the all-reduce buffer) and the others; each weight starts at a multiple of 64 bytes, the padding stays zero. Until somebody writes to them,
** those of a network that was loaded lie in its file (weights.c).
*/
#ifndef FIRE_NETWORK_H
#define FIRE_NETWORK_H
#include "layer.h"
#include "loss.h"
#include "metric.h"
#include "op.h"
#include "optim.h"

#define FIRE_MAX_PARTS 32 /* inputs or outputs of a network at most */
#define FIRE_MAX_STATES 64

struct fire_plan;

typedef struct fire_weight_slot {
    char *name;           /* "dense/kernel" */
    char *init, *regularizer, *constraint; /* texts; "": none of the last two */
    int32_t layer;
    bool trainable;       /* by its kind; frozen layers keep it but are left out of the update */
    fire_sparse sparse;   /* such weights lie behind the others in params */
    bool ready;           /* has a value that was drawn, set, trained or adapted. Weights of a layer that adapts start with their
                          ** initial value and stay unready until fire_adapt or fire_network_set_weight. */
    fire_shape shape;
    int64_t offset;       /* elements from the start of its flat buffer */
    void *lies;           /* net->apart: where its numbers are; NULL: nowhere, it is still to be drawn */
} fire_weight_slot;

typedef struct fire_layer_node {
    const fire_layer *kind;
    void *attrs;          /* kind->attr_size bytes, and behind them what all layers have (network.c) */
    char *name;
    char *text;           /* attributes that differ from their defaults, without the name */
    int64_t flops;        /* forward, per row, all uses */
    bool trainable;
    bool built;           /* its weights are registered */
    fire_shape output;    /* first output of its first use, batch as -1; rank 0 until built */
    int32_t first_weight, n_weights;
} fire_layer_node;

/* One application of a layer. Tensors are numbered: output k of use u is u * FIRE_LAYER_OUT + k, and -1 - k is part k of the network's
** input. In a plain chain of layers, use i is of layer i. */
typedef struct fire_use {
    int32_t layer, n_in, n_out;         /* n_out 0: not built */
    int32_t in[FIRE_MAX_IN];            /* tensors */
    fire_shape output[FIRE_LAYER_OUT];  /* batch as -1 */
    fire_type type[FIRE_LAYER_OUT];     /* of outputs; the network's, unless the layer makes any tensor */
} fire_use;

/* The loss of one output. common: what all losses have (compile.c). */
typedef struct fire_compiled_loss { const fire_loss *kind; void *attrs; char *text; double weight; bool sum, by_weight; } fire_compiled_loss; /* sum: not divided by anything; by_weight: by the sum of row weights */
/* kind NULL: "accuracy", until fire_network_check_compiled knows which one. name: in the history. */
typedef struct fire_compiled_metric { const fire_metric *kind; void *attrs; char *name, *text; int32_t output; bool weighted; } fire_compiled_metric; /* weighted: rows by their weights */

typedef struct fire_compiled_optim { const fire_optim *kind; void *attrs; } fire_compiled_optim;

struct fire_network {
    fire_context *ctx;
    fire_type type;
    fire_layer_node *layer; int64_t n_layers, layer_capacity;
    fire_use *use; int64_t n_uses, use_capacity;
    int32_t n_inputs, n_outputs;
    fire_shape input_part[FIRE_MAX_PARTS]; /* batch as -1 */
    int32_t output_part[FIRE_MAX_PARTS];   /* tensors */
    fire_weight_slot *weight; int64_t n_weights, weight_capacity;
    bool built;
    fire_shape input, output;   /* batch as -1; several parts: [-1, numbers of all], one after the other */
    void *params, *fixed;       /* flat buffers of `type`: trainable, others; NULL while the weights lie apart */
    bool apart; struct fire_onnx_file *home; fire_arena kept; /* apart: each lies in its file `home`, or in `kept` (weights.c) */
    int64_t n_params, n_fixed;  /* elements, padding included */
    int64_t n_dense;            /* of params before the first weight that is sparse */
    int64_t weight_limit;       /* while it is read from a file: bytes that its weights may take; 0: any */
    uint64_t value_stamp;       /* changes whenever weights may have got other numbers: what was made of them is stale */
    uint64_t shape_stamp;       /* changes whenever layers or weights' places change: plans made before are stale */

    /* compile */
    fire_compiled_loss *loss; int64_t n_losses; char *loss_text; /* one per output; NULL: not compiled */
    char **result; int64_t n_results; /* names of what fit and evaluate give: the loss, that of each output if there are several, metrics */
    const fire_optim *optim; void *optim_attrs; char *optim_text;
    fire_compiled_optim *own_optim; int64_t n_own_optims; /* of the layers that fire_optim_common.layers names, lines after the first of optim_text */
    fire_compiled_metric *metric; int64_t n_metrics, metric_capacity;
    char *metrics_text;
    void *slots;                /* optimizer state: fire_network_slot_count arrays of n_params each, or NULL */
    bool averaged;              /* use_ema: fit has ended, params are the average and what training made of them is in its slot */
    int64_t step, epoch;        /* step counts batches, of which several make an update where gradients are accumulated */
    uint64_t last_seed;
    /* While a checkpoint in the middle of an epoch is written, and after one was read: steps of the epoch that are done, and the sums that its
    ** results will be made of (train.c). */
    int64_t epoch_step; double *epoch_sums; int64_t n_epoch_sums;

    /* a model that came as plain ONNX: its file, and its graph in place of layers; onnx_out 0: it has no rows to score, and only runs by name */
    struct fire_graph *onnx; fire_value onnx_in, onnx_out;
    struct fire_onnx_model *onnx_file;
    char *no_layers;             /* why it has none */
    uint64_t file_stamp;         /* layers that were made of onnx_file: value_stamp of then; as long as it stands the file is the network */

    struct { char *key, *text; } *note; int64_t n_notes, note_capacity;
    /* What stateful layers keep (states.c): state i is [batch, units] from state_at[i] on, of `type`. NULL: zeros that nobody has asked for yet. */
    void *state; int32_t n_state, state_layer[FIRE_MAX_STATES]; int64_t state_at[FIRE_MAX_STATES + 1];
    struct fire_scorer *scorer;  /* cached by fire_predict; freed when shape_stamp moves on */
};

/* fire_network_forward - build the forward graph over inputs "x", of shape net->input (apart: one input per part, named like its layer), with
** weights as params. training adds the inputs row_id and draw where a layer wants them (0 otherwise). */
typedef struct fire_forward {
    bool training, apart, stateful; /* stateful: layers that keep states begin with them */
    bool activity;        /* penalties on outputs are wanted */
    fire_value *weight;   /* [n_weights] gets each weight's value; or NULL */
    fire_value *update;   /* [n_weights] gets what training makes of it (fire_update), 0: nothing; or NULL */
} fire_forward;
typedef struct fire_states {
    int32_t n, layer[FIRE_MAX_STATES];
    int64_t units[FIRE_MAX_STATES];
    fire_value first[FIRE_MAX_STATES], last[FIRE_MAX_STATES];
} fire_states;
typedef struct fire_network_graph {
    fire_states states;
    fire_value x;         /* 0: apart, see in */
    fire_value y, logits; /* y: of shape net->output; logits 0: none */
    fire_value row_id, draw;
    fire_value activity;  /* [n] penalties on outputs; 0: none */
    fire_value in[FIRE_MAX_PARTS], out[FIRE_MAX_PARTS];
    fire_value mask[FIRE_MAX_PARTS]; /* of each output; 0: none */
} fire_network_graph;
fire_status fire_network_forward(const fire_network *net, fire_graph *g, const fire_forward *how, fire_network_graph *out, fire_error *err);

/* fire_network_stateful - whether some layer keeps states; then batches have fire_network_batch rows. fire_states_check - whether `rows` rows to `what` ("train on")
** are whole batches of such a network. fire_states_ready - make the network's states, zeros, unless they are there; then plans whose outputs hold every
** last state are bound to them, and after each run of one it says what they have become. */
bool fire_network_stateful(const fire_network *net);
fire_status fire_states_check(const fire_network *net, int64_t rows, const char *what, fire_error *err);
fire_status fire_states_ready(fire_network *net, const fire_states *s, fire_error *err);
void fire_states_bind(const fire_network *net, const fire_states *s, struct fire_plan *p);
void fire_states_keep(const fire_network *net, const fire_states *s, const struct fire_plan *p);
void fire_states_free(fire_network *net);

/* fire_network_prefix - the same as far as the first input of `layer`'s first use (for inference): out->y is what goes into it. */
fire_status fire_network_prefix(const fire_network *net, fire_graph *g, int32_t layer, fire_network_graph *out, fire_value *weight_value, fire_error *err);

/* fire_network_entry - shape of that first input, batch as -1. */
fire_shape fire_network_entry(const fire_network *net, int32_t layer);

/* fire_network_no_layers - fail: `what` wants layers, and the network is a plain graph. */
fire_status fire_network_no_layers(const fire_network *net, const char *what, fire_error *err);

/* fire_network_is_chain - whether every layer is used once, by the next one. */
bool fire_network_is_chain(const fire_network *net);

/* For the files network*.c alone. */
fire_status fire_network_append(fire_network *net, const char *layer, const char *attrs, fire_error *err); /* a layer without a use */
fire_status fire_network_append_use(fire_network *net, int32_t layer, int n_in, const int32_t *in, fire_error *err);
fire_status fire_network_append_input(fire_network *net, const char *attrs, int32_t *tensor, fire_error *err);
fire_status fire_network_shape(fire_network *net, int64_t from, fire_error *err); /* build uses [from, n_uses) */
void fire_network_changed(fire_network *net); /* plans, scorers and optimizer state are stale */
fire_status fire_network_place(fire_network *net, fire_error *err);
char *fire_layer_text(const fire_network *net, const fire_layer_node *n, fire_error *err); /* with name and trainable: what append takes */

/* fire_network_check_compiled - before training or evaluation: the network is built and compiled, loss and metrics fit its output;
** "accuracy" becomes the right one. *target (may be NULL) gets the shape of y_true, without the batch: of several outputs, all joined. */
fire_status fire_network_check_compiled(fire_network *net, fire_shape *target, fire_error *err);
/* fire_network_optim - which of own_optim updates the weights of a layer; -1: net->optim. */
int32_t fire_network_optim(const fire_network *net, int64_t layer);
/* fire_network_slots - make net->slots, all zero, unless it is there or the optimizer has none. */
fire_status fire_network_slots(fire_network *net, fire_error *err);
/* Slots behind the optimizer's own: sums of gradients that wait, the moving average of weights, the weights behind it; -1: none. */
typedef struct fire_network_extra { int32_t n, accumulator, average, raw; } fire_network_extra;
fire_network_extra fire_network_extra_slots(const fire_network *net);
int32_t fire_network_slot_count(const fire_network *net); /* all of them */
void fire_network_clear_slots(fire_network *net);         /* as they begin */
/* fire_network_forget - drop the optimizer's state and counters. */
void fire_network_forget(fire_network *net);
/* fire_network_clear_compile - back to not compiled. */
void fire_network_clear_compile(fire_network *net);
void fire_scorer_free(fire_context *ctx, struct fire_scorer *s); /* score.c */
/* fire_scorer_logits - false unless the network's graph for scoring is there and up to date; then, whether it has logits. */
bool fire_scorer_logits(const fire_network *net, bool *has_logits);

/* fire_graph_flops - floating point operations of all nodes for one row, multiply and add counted apart; 0 without memory (err may be NULL). */
int64_t fire_graph_flops(const fire_graph *g, fire_error *err);

/* Weights (weights.c). fire_weight_data - where weight i lies now: to be read behind fire_weight_ready (at a multiple of 16 bytes then), to be written
** behind fire_network_own. weights_ready: all of them. own: in the flat buffers. release: what they lay in before goes. */
void *fire_weight_data(const fire_network *net, int64_t i);
fire_status fire_weight_ready(const fire_network *net, int64_t i, fire_error *err);
fire_status fire_network_weights_ready(const fire_network *net, fire_error *err);
fire_status fire_network_own(fire_network *net, fire_error *err);
void fire_network_release(fire_network *net);
/* For those who make a network from a file. set_apart: a network that has no weights yet will have them apart; it takes a share of home (may be
** NULL). fire_weight_place - weight i is `from`: where it lies, if that is in home and of the network's type, else as a copy. fire_weight_room - memory
** to write its numbers into. share_weights: those of `from`, which is apart, for a network apart of the same home and the same layers. */
void fire_network_set_apart(fire_network *net, struct fire_onnx_file *home);
fire_status fire_weight_place(fire_network *net, int64_t i, const fire_tensor *from, fire_error *err);
void *fire_weight_room(fire_network *net, int64_t i, fire_error *err);
fire_status fire_network_share_weights(const fire_network *from, fire_network *to, fire_error *err);
/* fire_block_rows - rows per scoring block: 256, fewer as FLOPs per row grow, 1 for large networks. */
int64_t fire_block_rows(const fire_network *net);

/* fire_network_describe - layers as text, one "Kind name=... attr=..." line each, for the model file; fire_network_restore builds
** the same network again from it. A network that was built without an Input layer has a last line "built input=[784]". Lines
** end with \n; memory of the context. home: NULL, or the file that the
** weights lie in: then they are apart. weight_limit: bytes of weights that a text of unknown origin may ask for; 0: any. */
fire_status fire_network_describe(const fire_network *net, char **text, fire_error *err);
fire_status fire_network_restore(fire_context *ctx, fire_type type, const char *text, struct fire_onnx_file *home, int64_t weight_limit, fire_network **out, fire_error *err);
#endif
