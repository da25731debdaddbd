/* layer.h - what a layer file sees. A layer owns no kernel: it asks for the weights that it needs and composes operators.
** One layer, one file in src/layers/, one line in layers.def. Names, attributes, defaults and the order of weights are
** Keras 3's.
*/
#ifndef FIRE_LAYER_H
#define FIRE_LAYER_H
#include "graph.h"
#include "rng.h"

struct fire_padding; /* arrow.h */

typedef struct fire_layer fire_layer;
typedef struct fire_build fire_build;

#define FIRE_LAYER_OUT 8 /* outputs of a layer at most */

/* What build is given besides its attributes, and what it gives besides its first output. */
struct fire_build {
    fire_graph *g;
    struct fire_network *net;
    fire_type net_type;   /* of the network */
    int32_t layer, use;   /* index of the layer being built, and of this application of it */
    bool training;        /* dropout and the like are active */
    fire_value row_id;    /* I64 [n]: ids of the batch's rows; only when training */
    fire_value draw;      /* I64 [2]: seed and epoch; only when training */
    fire_value mask[FIRE_MAX_IN];         /* of each input: BOOL [n, t], true where a step counts; 0: every step does */
    fire_value mask_out[FIRE_LAYER_OUT];  /* of each output, set by build; preset to mask[0] where the layer passes_mask, else 0 */
    fire_value out[FIRE_LAYER_OUT];       /* further outputs, from 1 on, set by build with n_out */
    int32_t n_out;                        /* preset to 1 */
    /* For the functions below alone: */
    bool first;           /* weights are registered, not looked up */
    int32_t next_weight;  /* of this layer */
    int32_t next_draw;    /* of this use */
    struct fire_states *states; /* what stateful layers begin with and leave; NULL: they begin at zero, as others do */
    bool steps_are_rows;  /* inside a TimeDistributed: rows are no rows of the batch */
    const char *prefix;   /* before the names of weights: that of an inner layer; or NULL */
    fire_value *weight_value; /* [net->n_weights], or NULL */
    fire_value *update;       /* [net->n_weights], or NULL */
    fire_value *activity;     /* [n]: penalties on outputs so far, 0: none; or NULL: nobody wants them */
};

/* Whether the gradient of a weight [rows, width], which the layer reads by Gather alone, is one of the rows that a batch reads (sparse.h). */
typedef enum fire_sparse { FIRE_SPARSE_NEVER, FIRE_SPARSE_MAY, FIRE_SPARSE_ALWAYS } fire_sparse; /* MAY: where nothing speaks against it; ALWAYS: otherwise it is an error */

/* How a weight begins and what holds it, as texts: an initializer ("glorot_uniform", "RandomNormal stddev=0.1"), a regularizer
** ("L2 l2=0.01"), a constraint ("MaxNorm max_value=2"); NULL or "": none of the last two. */
typedef struct fire_how { const char *init, *regularizer, *constraint; fire_sparse sparse; } fire_how;

/* fire_weight - the layer's next weight as a graph value of the network's type. The first build registers it; later builds
** find it again, in the same order. Shapes have no batch. */
fire_value fire_weight(fire_build *b, const char *name, fire_shape shape, fire_how how, bool trainable);

/* fire_update - after each training step the layer's k-th weight, one that is not trained, becomes `value`: the mean over slices and workers,
** weighted by their rows. Only has an effect when training. */
void fire_update(fire_build *b, int32_t k, fire_value value);

/* fire_penalize - a penalty on what the layer gives, one number for each row [n] (0: nothing). Its mean over the batch, whatever the weights of rows, is added to
** the loss. Only has an effect where a loss is computed. */
void fire_penalize(fire_build *b, fire_value each);

/* fire_build_inner - build the layer that `text` describes ("LSTM units=3"), an attribute of the layer being built, with its weights named
** prefix/... Masks and further outputs are in b, as for any layer. `inner` is what comes of fire_inner_check. */
fire_value fire_build_inner(fire_build *b, const char *prefix, const char *text, int n_in, const fire_value *in);
/* fire_inner_check - whether `text` describes a layer with good attributes; for check. */
fire_status fire_inner_check(const char *text, fire_error *err);

/* fire_state - a state that the layer keeps from batch to batch, [n, units]: *first gets what it begins with, unless the result is -1 (not now: *first
** stays). fire_state_next - what it becomes after the batch. fire_network_batch - rows of every batch, as an Input says; 0: any. */
int32_t fire_state(fire_build *b, int64_t units, fire_value *first);
void fire_state_next(fire_build *b, int32_t state, fire_value last);
int64_t fire_network_batch(const struct fire_network *net);

/* fire_draw_stream - the number that tells this random layer's draws from those of others: RowDropout's attribute `layer`. Each call gives
** another one; the same ones at every build. */
int64_t fire_draw_stream(fire_build *b);

struct fire_layer {
    const char *name;        /* Keras' class, saved in model files: never rename */
    const char *help;
    const fire_attr *attrs;
    size_t attr_size;
    int32_t min_in, max_in;  /* 1, 1 for most */
    bool any_tensor;         /* takes and gives tensors of every type and shape; others: of the network's type, with the batch first */
    bool passes_mask;        /* the output's mask is the first input's (Keras' supports_masking) */

    /* What the attribute table cannot say (a required attribute, an initializer's text); NULL: nothing. Messages need no layer name. */
    fire_status (*check)(const void *attrs, fire_error *err);
    /* A layer that fixes the input of the network, and so comes first, says its shape (without batch). NULL: does not. */
    void (*input_shape)(const void *attrs, fire_shape *shape);
    /* And how rows of another length come to it, and how many rows every batch has (0: any). NULL: neither. */
    void (*input_padding)(const void *attrs, struct fire_padding *padding);
    int64_t (*input_batch)(const void *attrs);

    /* What the layer's only output was called in the file that it came from; NULL: nothing. A network's output keeps that name. */
    const char *(*output_name)(const void *attrs);

    /* Whether a layer with these attributes keeps states from batch to batch (fire_state). NULL: none does. */
    bool (*keeps_state)(const void *attrs);

    /* Add the layer's operators and return its first output; in[i] has the batch as dimension 0, -1. Failures go to the graph. */
    fire_value (*build)(fire_build *b, const void *attrs, int n_in, const fire_value *in);

    /* Layers that learn from data without gradients: statistics are sums over rows, so that workers can add theirs. `sums` has
    ** adapt_sums(attrs, input shape without batch) doubles, starts at zero, and gets every row; finish turns it into the weights,
    ** weight[k] in the order of fire_weight. NULL: does not adapt. */
    int64_t (*adapt_sums)(const void *attrs, const fire_shape *input);
    void (*adapt_add)(const void *attrs, const fire_tensor *x, double *sums); /* x: [rows, ...] */
    void (*adapt_finish)(const void *attrs, const fire_shape *input, const double *sums, const fire_tensor *weight);

    /* Shapes of the inputs (without batch) and attributes that it must work on: "[784] units=10 activation=relu", "[4] [4]". */
    const char *examples[12];
};
/* fire_layer_check - whether attributes that the table has accepted are good: texts that name initializers, regularizers and constraints, then what
** the layer's own check says. The message begins with the attribute where one is to blame, and names no layer. */
fire_status fire_layer_check(const fire_layer *kind, const void *attrs, fire_error *err);
extern const fire_layer *const fire_layers[]; /* sorted by name, ends with NULL */
const fire_layer *fire_layer_find(const char *name);

/* fire_activate - apply an activation by its Keras name ("linear" gives x back); see activations.c, where each is one row. */
fire_value fire_activate(fire_graph *g, const char *activation, fire_value x);
/* fire_logits - what y is the softmax or sigmoid of; 0 when it is neither. `activation` NULL: either. */
fire_value fire_logits(const fire_graph *g, fire_value y, const char *activation);
#define FIRE_ACTIVATION_CHOICES                                                                                                              \
    "celu|elu|exponential|gelu|gelu_tanh|glu|hard_shrink|hard_sigmoid|hard_sigmoid_keras2|hard_silu|hard_swish|hard_tanh|leaky_relu|linear|"   \
    "log_sigmoid|log_softmax|mish|relu|relu6|selu|sigmoid|silu|soft_shrink|softmax|softplus|softsign|sparse_plus|sparse_sigmoid|squareplus|" \
    "step|swish|tanh|tanh_shrink"

/* An initializer: Keras' names; one row each in init.c; the class and the function name both work. fan-in and fan-out are Keras' (the last two dimensions times the receptive field). */
/* fire_init_check - whether `text` names an initializer with good attributes. */
fire_status fire_init_check(const char *text, fire_error *err);
/* fire_init_fill - draw a weight: element i depends on (seed, place, i) alone. */
fire_status fire_init_fill(const char *text, uint64_t seed, int64_t place, const fire_tensor *w, fire_error *err);
/* fire_init_look - name, help and attributes of the i-th initializer; false past the last. */
bool fire_init_look(int i, const char **name, const char **help, const fire_attr **attrs);
#endif
