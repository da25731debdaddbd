/* recurrent.c - SimpleRNNSequence, LSTMSequence, GRUSequence and their gradients: a step is one product with the recurrent weights, which are
** packed once for all steps, and one pass over the gates in vectors. The gradient of the weights is one product over all steps. */
#include "recurrent.h"
#include "product.h"
#include "vector.h"

/* What a run works with; the parts of scratch that a kernel has no use for are empty. */
typedef struct room {
    fire_recurrent s;
    void *product;           /* scratch of products */
    void *pack, *pack2;      /* r, or its two parts of a GRU */
    void *dh, *dc, *part;    /* [n, u] each */
    void *sums;              /* [4, gates u]: of a step and of all */
    void *more, *dropped;    /* [t, n, u] each */
} room;

/* Sizes in bytes, or with `at` the places too. */
static size_t lay(room *r, char *at, size_t width, bool back, bool drop) {
    const fire_recurrent *s = &r->s;
    int64_t wide = s->gates * s->u, k = back ? wide : s->u, n = back ? s->u : wide, state = s->n * s->u, pack = FIRE_ISA_NAME(fire_product_packed)(k, n) + FIRE_ISA_NAME(fire_product_packed)(k, s->u);
    const struct { void **to; int64_t elements; } parts[] = {
        {&r->pack, pack}, {&r->pack2, s->gates == 3 ? pack : 0}, {&r->dh, state}, {&r->dc, back ? state : 0}, {&r->part, state}, {&r->sums, 4 * wide},
        {&r->more, back && s->gates == 3 ? s->t * state : 0}, {&r->dropped, back && drop ? s->t * state : 0}};
    size_t bytes = FIRE_PRODUCT_SCRATCH;
    r->product = at;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (at) *parts[i].to = at + bytes;
        bytes += ((size_t)parts[i].elements * width + 63) / 64 * 64;
    }
    return bytes;
}

#define FROM(call, i) ((call)->in[i].type ? (call)->in[i].data : NULL)

#define BODY "recurrent_body.h"
#include "both.h"

/* ---- the table's side ---- */

static void read_sizes(const char *op, const fire_call *call, int gates, const fire_tensor *y, fire_recurrent *s) {
    *s = (fire_recurrent){.t = y->shape.dim[0], .n = y->shape.dim[1], .u = y->shape.dim[2], .gates = gates,
                          .reverse = fire_kernel_number(op, call->attrs, "reverse") != 0, .truncate = (int64_t)fire_kernel_number(op, call->attrs, "truncate"),
                          .act = fire_curve_named(fire_kernel_text(op, call->attrs, "activation")), .gate = FIRE_SIGMOID};
    if (gates > 1) s->gate = fire_curve_named(fire_kernel_text(op, call->attrs, "recurrent_activation"));
}

static const char *decline_sizes(const fire_call *call, const fire_tensor *y) {
    fire_type t = call->in[0].type;
    if (t != FIRE_F32 && t != FIRE_F64) return "the type is not a float";
    return fire_count(&y->shape) == 0 ? "there are no numbers" : NULL;
}

#define KERNEL(symbol, op_name, g, y, back_, drop_)                                                                              \
    static const char *symbol##_decline(fire_context *ctx, const fire_call *call) { return decline_sizes(call, &(y)); }         \
    static fire_status symbol##_prepare(fire_context *ctx, fire_call *call, size_t *scratch, fire_error *err) {                  \
        room r = {0};                                                                                                            \
        read_sizes(op_name, call, g, &(y), &r.s);                                                                                \
        *scratch = lay(&r, NULL, fire_type_size(call->in[0].type), back_, call->in[drop_].type != 0);                            \
        return FIRE_OK;                                                                                                          \
    }                                                                                                                            \
    static void symbol##_run(const fire_call *call) {                                                                            \
        room r = {0};                                                                                                            \
        read_sizes(op_name, call, g, &(y), &r.s);                                                                                \
        lay(&r, call->scratch, fire_type_size(call->in[0].type), back_, call->in[drop_].type != 0);                              \
        if (call->in[0].type == FIRE_F32) symbol##_f32(call, &r);                                                                \
        else symbol##_f64(call, &r);                                                                                             \
    }                                                                                                                            \
    const fire_kernel FIRE_ISA_NAME(fire_kernel_native_##symbol) = {                                                             \
        .name = "native." FIRE_ISA_TEXT "." #symbol, .op = op_name, .isa = FIRE_ISA_LEVEL, .decline = symbol##_decline, .prepare = symbol##_prepare, .run = symbol##_run};
KERNEL(simple_rnn, "SimpleRNNSequence", 1, call->out[0], false, FIRE_SEQ_DROP)
KERNEL(simple_rnn_grad, "SimpleRNNSequenceGrad", 1, call->in[FIRE_BACK_Y], true, FIRE_BACK_DROP)
KERNEL(lstm, "LSTMSequence", 4, call->out[1], false, FIRE_SEQ_DROP)
KERNEL(lstm_grad, "LSTMSequenceGrad", 4, call->in[FIRE_BACK_Y], true, FIRE_BACK_DROP)
KERNEL(gru, "GRUSequence", 3, call->out[1], false, FIRE_SEQ_DROP)
KERNEL(gru_grad, "GRUSequenceGrad", 3, call->in[FIRE_BACK_Y], true, FIRE_BACK_DROP)
