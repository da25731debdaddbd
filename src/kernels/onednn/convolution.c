/* convolution.c - float32 convolutions and their gradients by oneDNN.
**
** Activations with channels last stay as they lie; those with channels first are turned and turned back where that pays. Weights are given to
** oneDNN in the order that it likes best: the primitive's state has a reorder from our order into scratch (or from scratch into our order, for
** their gradient). Weights that are held are reordered once, not by each run, and lie in the context's cache where it has one. Threads are as in
** matmul.c: one.
*/
#include "packs.h"
#include "kernel.h"
#include "sha256.h"
#include "window.h"
#include <oneapi/dnnl/dnnl.h>
#include <string.h>

/* From libgomp, which libdnnl uses; its header comes with compilers only. */
int omp_get_max_threads(void);
void omp_set_num_threads(int n);

enum { FORWARD, BACK_DATA, BACK_WEIGHTS };
enum { X, W, B, Y, ROLES }; /* data, weights, bias, result (or their gradients) */

typedef struct convolution {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_t primitive, reorder;
    dnnl_primitive_t turns[3];                   /* x to channels last, y back, and what lies in y to channels last; NULL where data is computed as it lies */
    dnnl_memory_t memory[ROLES], first[2], plain, scratch; /* first: x and y with channels first, where they are turned; plain: weights in our order when W is in oneDNN's */
    size_t turned[2];                            /* where x and y with channels last begin in scratch */
    bool relu;                                   /* is left to do */
    size_t room, packed_bytes;                   /* scratch of the primitive; weights in oneDNN's order, which lie behind it unless they are held */
    void *packed;                                /* held weights in oneDNN's order */
    uint8_t layout[32];                          /* SHA-256 of what oneDNN's order is here */
    bool shared;                                 /* it can be told: held weights may lie in the cache */
    fire_contents file;                          /* of the cache, in which they lie; size 0: they do not */
    fire_context *ctx;
    int arg[ROLES];
} convolution;

#define TRY(call) do { if (!st) st = (call); } while (0)

static void release(fire_context *ctx, void *state) {
    convolution *s = state;
    if (!s) return;
    for (int i = 0; i < ROLES; i++)
        if (s->memory[i]) dnnl_memory_destroy(s->memory[i]);
    for (int i = 0; i < 2; i++)
        if (s->first[i]) dnnl_memory_destroy(s->first[i]);
    if (s->plain) dnnl_memory_destroy(s->plain);
    if (s->scratch) dnnl_memory_destroy(s->scratch);
    if (s->reorder) dnnl_primitive_destroy(s->reorder);
    for (int i = 0; i < 3; i++)
        if (s->turns[i]) dnnl_primitive_destroy(s->turns[i]);
    if (s->primitive) dnnl_primitive_destroy(s->primitive);
    if (s->stream) dnnl_stream_destroy(s->stream);
    if (s->engine) dnnl_engine_destroy(s->engine);
    fire_free(ctx, s->packed);
    if (s->file.size) fire_contents_free(ctx, &s->file);
    fire_free(ctx, s);
}

/* [n, c, d...] as oneDNN counts dimensions, lying as our data does. */
static dnnl_status_t data_desc(dnnl_memory_desc_t *desc, const fire_window *w, int64_t channels, const int64_t *size) {
    dnnl_dims_t dims = {w->n, channels}, strides;
    int64_t step = w->last ? channels : 1;
    for (int i = w->rank - 1; i >= 0; i--) dims[2 + i] = size[3 - w->rank + i], strides[2 + i] = step, step *= dims[2 + i];
    strides[1] = w->last ? 1 : step;
    strides[0] = w->last ? step : step * channels;
    return dnnl_memory_desc_create_with_strides(desc, w->rank + 2, dims, dnnl_f32, strides);
}

/* [group, out, in, k...], the group only where there are several. strides NULL: in any order. */
static dnnl_status_t weights_desc(dnnl_memory_desc_t *desc, const fire_conv *c, bool any) {
    dnnl_dims_t dims, strides;
    const fire_window *w = &c->w;
    int g = c->group > 1;
    int64_t per = c->out / c->group, taps = fire_window_count(w->k), step = w->last ? c->in * c->out : 1;
    if (g) dims[0] = c->group, strides[0] = w->last ? per : per * c->in * taps;
    dims[g] = per, strides[g] = w->last ? 1 : c->in * taps;
    dims[g + 1] = c->in, strides[g + 1] = w->last ? c->out : taps;
    for (int i = w->rank - 1; i >= 0; i--) dims[g + 2 + i] = w->k[3 - w->rank + i], strides[g + 2 + i] = step, step *= dims[g + 2 + i];
    if (any) return dnnl_memory_desc_create_with_tag(desc, w->rank + 2 + g, dims, dnnl_f32, dnnl_format_tag_any);
    return dnnl_memory_desc_create_with_strides(desc, w->rank + 2 + g, dims, dnnl_f32, strides);
}

/* What of oneDNN decides where each weight goes: its version and processor, the order of blocks. Orders that are told in no such way are not shared. */
static void find_layout(convolution *s, const_dnnl_memory_desc_t best, const fire_conv *c) {
    const dnnl_version_t *v = dnnl_version();
    struct { int64_t numbers[16]; dnnl_dims_t dims, padded, strides, blocks, index; } told;
    const dnnl_dims_t *list;
    dnnl_format_kind_t kind;
    int32_t ndims = 0, blocks = 0;
    fire_sha256 h;
    memset(&told, 0, sizeof told);
    if (dnnl_memory_desc_query(best, dnnl_query_format_kind, &kind) || kind != dnnl_blocked || dnnl_memory_desc_query(best, dnnl_query_ndims_s32, &ndims) ||
        dnnl_memory_desc_query(best, dnnl_query_inner_nblks_s32, &blocks) || ndims > DNNL_MAX_NDIMS || blocks > DNNL_MAX_NDIMS) return;
    const struct { dnnl_query_t what; int64_t *to; int32_t n; } lists[] = {{dnnl_query_dims, told.dims, ndims}, {dnnl_query_padded_dims, told.padded, ndims}, {dnnl_query_strides, told.strides, ndims},
                                                                           {dnnl_query_inner_blks, told.blocks, blocks}, {dnnl_query_inner_idxs, told.index, blocks}};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        if (lists[i].n && dnnl_memory_desc_query(best, lists[i].what, &list)) return;
        for (int32_t d = 0; d < lists[i].n; d++) lists[i].to[d] = (*list)[d];
    }
    const int64_t numbers[] = {1, v->major, v->minor, v->patch, dnnl_get_effective_cpu_isa(), ndims, blocks, (int64_t)s->packed_bytes, c->w.last, c->w.rank, c->group, c->in, c->out, c->w.k[0], c->w.k[1], c->w.k[2]};
    memcpy(told.numbers, numbers, sizeof numbers);
    fire_sha256_init(&h);
    fire_sha256_add(&h, &told, sizeof told);
    fire_sha256_end(&h, s->layout);
    s->shared = true;
}

/* Whether data with channels first is turned for the convolution and back: without it oneDNN writes every window out and multiplies matrices, which
** costs more than turning wherever windows are larger than 1 and there are channels for a vector; so it does where each channel has a window of its own. */
static bool turns(const fire_conv *c, int kind) { return kind == FORWARD && !c->w.last && fire_window_count(c->w.k) > 1 && (c->group == 1 ? c->in >= 16 && c->out >= 16 : c->in == 1 && c->group >= 16); }

static dnnl_status_t make_turns(convolution *s, const fire_conv *c, const_dnnl_memory_desc_t x, const_dnnl_memory_desc_t y, bool add) {
    const_dnnl_memory_desc_t last[2] = {x, y};
    dnnl_memory_desc_t first[2] = {NULL, NULL};
    dnnl_primitive_desc_t desc[3] = {NULL, NULL, NULL};
    dnnl_status_t st = dnnl_success;
    TRY(data_desc(&first[0], &c->w, c->w.c, c->w.x));
    TRY(data_desc(&first[1], &c->w, c->out, c->w.y));
    TRY(dnnl_reorder_primitive_desc_create(&desc[0], first[0], s->engine, last[0], s->engine, NULL));
    TRY(dnnl_reorder_primitive_desc_create(&desc[1], last[1], s->engine, first[1], s->engine, NULL));
    if (add) TRY(dnnl_reorder_primitive_desc_create(&desc[2], first[1], s->engine, last[1], s->engine, NULL));
    for (int i = 0; i < 3; i++)
        if (desc[i]) {
            TRY(dnnl_primitive_create(&s->turns[i], desc[i]));
            dnnl_primitive_desc_destroy(desc[i]);
        }
    for (int i = 0; i < 2; i++) {
        TRY(dnnl_memory_create(&s->first[i], first[i], s->engine, DNNL_MEMORY_NONE));
        if (!st) s->turned[i] = s->room, s->room += (dnnl_memory_desc_get_size(last[i]) + 63) / 64 * 64;
        if (first[i]) dnnl_memory_desc_destroy(first[i]);
    }
    return st;
}

/* Every oneDNN object that is made here is freed here or kept in s. */
static dnnl_status_t make(convolution *s, const fire_conv *c, int kind, bool bias, bool relu, bool add, size_t *scratch) {
    dnnl_memory_desc_t x = NULL, w = NULL, plain = NULL, b = NULL, y = NULL;
    dnnl_primitive_attr_t attr = NULL;
    dnnl_post_ops_t ops = NULL;
    dnnl_primitive_desc_t desc = NULL, hint = NULL, reorder = NULL;
    dnnl_status_t st = dnnl_success;
    dnnl_dims_t stride, dilation, low, high;
    for (int i = 0; i < c->w.rank; i++) {
        int d = i + 3 - c->w.rank;
        stride[i] = c->w.stride[d], dilation[i] = c->w.dilation[d] - 1, low[i] = c->w.low[d];
        high[i] = (c->w.y[d] - 1) * c->w.stride[d] + (c->w.k[d] - 1) * c->w.dilation[d] + 1 - c->w.x[d] - c->w.low[d]; /* as far as the last window reaches */
    }
    TRY(dnnl_engine_create(&s->engine, dnnl_cpu, 0));
    TRY(dnnl_stream_create(&s->stream, s->engine, dnnl_stream_default_flags));
    fire_window lies = c->w;
    lies.last |= turns(c, kind);
    TRY(data_desc(&x, &lies, c->w.c, c->w.x));
    TRY(data_desc(&y, &lies, c->out, c->w.y));
    TRY(weights_desc(&plain, c, false));
    TRY(weights_desc(&w, c, true));
    if (bias) TRY(dnnl_memory_desc_create_with_strides(&b, 1, (dnnl_dims_t){c->out}, dnnl_f32, (dnnl_dims_t){1}));
    TRY(dnnl_primitive_attr_create(&attr));
    TRY(dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user));
    s->relu = relu && !lies.last; /* the product of matrices takes it element by element: a third of all time */
    relu = relu && lies.last;
    if (relu || add) {
        TRY(dnnl_post_ops_create(&ops));
        if (add) TRY(dnnl_post_ops_append_sum(ops, 1, 0, dnnl_f32));
        if (relu) TRY(dnnl_post_ops_append_eltwise(ops, dnnl_eltwise_relu, 0, 0));
        TRY(dnnl_primitive_attr_set_post_ops(attr, ops));
    }
    if (kind == FORWARD)
        TRY(dnnl_convolution_forward_primitive_desc_create(&desc, s->engine, dnnl_forward_inference, dnnl_convolution_direct, x, w, b, y, stride, dilation, low, high, attr));
    else
        TRY(dnnl_convolution_forward_primitive_desc_create(&hint, s->engine, dnnl_forward_training, dnnl_convolution_direct, x, w, NULL, y, stride, dilation, low, high, attr));
    if (kind == BACK_DATA) TRY(dnnl_convolution_backward_data_primitive_desc_create(&desc, s->engine, dnnl_convolution_direct, x, w, y, stride, dilation, low, high, hint, attr));
    if (kind == BACK_WEIGHTS) TRY(dnnl_convolution_backward_weights_primitive_desc_create(&desc, s->engine, dnnl_convolution_direct, x, w, b, y, stride, dilation, low, high, hint, attr));
    TRY(dnnl_primitive_create(&s->primitive, desc));
    TRY(dnnl_memory_create(&s->memory[X], x, s->engine, DNNL_MEMORY_NONE));
    TRY(dnnl_memory_create(&s->memory[Y], y, s->engine, DNNL_MEMORY_NONE));
    if (bias) TRY(dnnl_memory_create(&s->memory[B], b, s->engine, DNNL_MEMORY_NONE));
    if (!st) {
        const_dnnl_memory_desc_t room = dnnl_primitive_desc_query_md(desc, dnnl_query_scratchpad_md, 0);
        const_dnnl_memory_desc_t best = dnnl_primitive_desc_query_md(desc, kind == BACK_WEIGHTS ? dnnl_query_diff_weights_md : dnnl_query_weights_md, 0);
        *scratch = s->room = room ? (dnnl_memory_desc_get_size(room) + 63) / 64 * 64 : 0;
        if (s->room) TRY(dnnl_memory_create(&s->scratch, room, s->engine, DNNL_MEMORY_NONE));
        if (lies.last != c->w.last) TRY(make_turns(s, c, x, y, add));
        *scratch = s->room;
        s->packed_bytes = dnnl_memory_desc_get_size(best);
        TRY(dnnl_memory_create(&s->memory[W], best, s->engine, DNNL_MEMORY_NONE));
        if (!st && !dnnl_memory_desc_equal(best, plain)) {
            TRY(dnnl_memory_create(&s->plain, plain, s->engine, DNNL_MEMORY_NONE));
            bool out = kind == BACK_WEIGHTS;
            TRY(dnnl_reorder_primitive_desc_create(&reorder, out ? best : plain, s->engine, out ? plain : best, s->engine, NULL));
            TRY(dnnl_primitive_create(&s->reorder, reorder));
            *scratch += s->packed_bytes;
        }
        if (!st) find_layout(s, best, c);
    }
    dnnl_primitive_desc_t descs[] = {desc, hint, reorder};
    for (size_t i = 0; i < sizeof descs / sizeof *descs; i++)
        if (descs[i]) dnnl_primitive_desc_destroy(descs[i]);
    if (ops) dnnl_post_ops_destroy(ops);
    if (attr) dnnl_primitive_attr_destroy(attr);
    dnnl_memory_desc_t mds[] = {x, w, plain, b, y};
    for (size_t i = 0; i < sizeof mds / sizeof *mds; i++)
        if (mds[i]) dnnl_memory_desc_destroy(mds[i]);
    const int args[3][ROLES] = {{DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_BIAS, DNNL_ARG_DST},
                                {DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, 0, DNNL_ARG_DIFF_DST},
                                {DNNL_ARG_SRC, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_BIAS, DNNL_ARG_DIFF_DST}};
    memcpy(s->arg, args[kind], sizeof s->arg);
    return st;
}

/* Setting a handle allocates nothing and cannot fail. */
static void turn(convolution *s, void *from, void *to, bool out) {
    dnnl_memory_t a = out ? s->memory[W] : s->plain, b = out ? s->plain : s->memory[W];
    dnnl_memory_set_data_handle(a, from);
    dnnl_memory_set_data_handle(b, to);
    dnnl_exec_arg_t arg[2] = {{DNNL_ARG_FROM, a}, {DNNL_ARG_TO, b}};
    dnnl_primitive_execute(s->reorder, s->stream, 2, arg);
}

/* held: the weights keep their numbers. */
static fire_status prepare(fire_context *ctx, fire_call *call, const fire_conv *c, int kind, bool bias, bool relu, bool add, bool held, size_t *scratch, fire_error *err) {
    convolution *s = fire_alloc(ctx, 1, sizeof *s, err);
    if (!s) return FIRE_NOMEM;
    int threads = omp_get_max_threads();
    omp_set_num_threads(1);
    dnnl_status_t st = make(s, c, kind, bias, relu, add, scratch);
    fire_status result = FIRE_OK;
    if (st == dnnl_out_of_memory) result = fire_fail(err, FIRE_E_NOMEM, "oneDNN has no memory for a convolution");
    else if (st) result = fire_fail(err, FIRE_E_UNSUPPORTED, "oneDNN cannot compute a convolution (status %d)", (int)st);
    else if (held) {
        s->ctx = ctx;
        s->shared &= ctx->cache && s->packed_bytes >= FIRE_PACKS_FROM;
        s->packed = s->shared ? fire_packs_room(ctx, s->packed_bytes, err) : fire_alloc(ctx, s->packed_bytes, 1, err);
        if (!s->packed) result = FIRE_NOMEM;
        *scratch = s->room;
    }
    omp_set_num_threads(threads);
    if (result) release(ctx, s);
    else call->state = s;
    return result;
}

static void turn_data(convolution *s, int i, dnnl_memory_t from, dnnl_memory_t to) {
    dnnl_exec_arg_t arg[2] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
    dnnl_primitive_execute(s->turns[i], s->stream, 2, arg);
}

static void execute(const fire_call *call, void *x, void *w, void *b, void *y, bool out) {
    convolution *s = call->state;
    dnnl_exec_arg_t arg[ROLES + 1];
    void *data[ROLES] = {x, w, b, y};
    int n = 0, threads = omp_get_max_threads();
    if (threads != 1) omp_set_num_threads(1);
    if (s->file.size) data[W] = (char *)s->file.data + FIRE_PACKS_HEAD;
    else if (s->packed) data[W] = s->packed;
    else if (s->reorder) {
        data[W] = (char *)call->scratch + s->room;
        if (!out) turn(s, w, data[W], false);
    }
    if (s->turns[0]) data[X] = (char *)call->scratch + s->turned[0], data[Y] = (char *)call->scratch + s->turned[1];
    for (int i = 0; i < ROLES; i++) {
        if (!s->memory[i]) continue;
        dnnl_memory_set_data_handle(s->memory[i], data[i]);
        arg[n++] = (dnnl_exec_arg_t){s->arg[i], s->memory[i]};
    }
    if (s->scratch) {
        dnnl_memory_set_data_handle(s->scratch, call->scratch);
        arg[n++] = (dnnl_exec_arg_t){DNNL_ARG_SCRATCHPAD, s->scratch};
    }
    if (s->turns[0]) {
        dnnl_memory_set_data_handle(s->first[0], x);
        dnnl_memory_set_data_handle(s->first[1], y);
        turn_data(s, 0, s->first[0], s->memory[X]);
        if (s->turns[2]) turn_data(s, 2, s->first[1], s->memory[Y]);
    }
    dnnl_primitive_execute(s->primitive, s->stream, n, arg);
    if (s->turns[1]) turn_data(s, 1, s->memory[Y], s->first[1]);
    if (out && s->reorder) turn(s, data[W], w, true);
    if (threads != 1) omp_set_num_threads(threads);
}

static void pack(convolution *s, const fire_call *call) {
    if (!s->reorder) {
        memcpy(s->packed, call->in[W].data, s->packed_bytes);
        return;
    }
    int threads = omp_get_max_threads();
    if (threads != 1) omp_set_num_threads(1);
    turn(s, call->in[W].data, s->packed, false);
    if (threads != 1) omp_set_num_threads(threads);
}

/* The memory of its own that weights have stays theirs, for numbers that are not in the cache; while they are it takes no pages. */
static void hold(const fire_call *call) {
    convolution *s = call->state;
    const fire_tensor *w = &call->in[W];
    uint8_t key[32];
    fire_sha256 h;
    if (s->file.size) fire_contents_free(s->ctx, &s->file);
    if (s->shared) {
        fire_sha256_init(&h);
        fire_sha256_add(&h, s->layout, sizeof s->layout);
        fire_sha256_add(&h, w->data, (size_t)fire_count(&w->shape) * fire_type_size(w->type));
        fire_sha256_end(&h, key);
        if (fire_packs_find(s->ctx, key, s->packed_bytes, &s->file)) return;
    }
    pack(s, call);
    if (!s->shared) return;
    if (!fire_packs_find(s->ctx, key, s->packed_bytes, &s->file)) fire_packs_keep(s->ctx, key, s->packed, s->packed_bytes); /* nobody was faster */
    else fire_contents_free(s->ctx, &s->file);
    if (fire_packs_find(s->ctx, key, s->packed_bytes, &s->file)) fire_packs_forget(s->packed, s->packed_bytes);
}

static const char *decline(fire_context *ctx, const fire_call *call) {
    if (call->in[0].type != FIRE_F32) return "not float32";
    return fire_count(&call->out[0].shape) && call->in[0].shape.dim[0] ? NULL : "it is empty";
}
static fire_conv sizes(const fire_call *call, int x, int w) {
    fire_conv c = {0};
    (void)fire_conv_fit(call->attrs, &call->in[x].shape, &call->in[w].shape, &c, NULL);
    return c;
}
#define KERNEL(symbol, op_name, keeps) \
    const fire_kernel fire_kernel_onednn_##symbol = {.name = "onednn.convolution", .op = op_name, .isa = FIRE_ISA_AVX2, .decline = decline, .prepare = symbol##_prepare, .run = symbol##_run, .release = release, .holds = keeps, .hold = hold}

/* ---- y ---- */

static void *given(const fire_call *call, int i) { return call->n_in > i && call->in[i].type ? call->in[i].data : NULL; }

static fire_status conv_prepare(fire_context *ctx, fire_call *call, size_t *scratch, fire_error *err) {
    fire_conv c = sizes(call, 0, 1);
    return prepare(ctx, call, &c, FORWARD, call->n_in > 2 && call->in[2].type, false, false, call->held >> W & 1, scratch, err);
}
static void conv_run(const fire_call *call) { execute(call, call->in[0].data, call->in[1].data, given(call, 2), call->out[0].data, false); }
KERNEL(conv, "Conv", 1 << W);

/* What make left to do. */
static void relu(float *y, int64_t n) {
    typedef float lanes __attribute__((vector_size(16), aligned(4), may_alias));
    typedef int32_t masks __attribute__((vector_size(16), aligned(4), may_alias));
    int64_t i = 0;
    for (; i + 4 <= n; i += 4) {
        lanes v = *(lanes *)(y + i);
        *(lanes *)(y + i) = (lanes)((masks)v & ~(masks)(v < 0));
    }
    for (; i < n; i++) y[i] = y[i] < 0 ? 0 : y[i];
}

static fire_status fused_conv_prepare(fire_context *ctx, fire_call *call, size_t *scratch, fire_error *err) {
    fire_conv c = sizes(call, 0, 1);
    return prepare(ctx, call, &c, FORWARD, call->n_in > 2 && call->in[2].type, *((const fire_window_attrs *)call->attrs)->activation, call->n_in > 3 && call->in[3].type, call->held >> W & 1, scratch, err);
}
/* What is added lies in the result's place, unless somebody else wants it too. */
static void fused_conv_run(const fire_call *call) {
    const void *z = given(call, 3);
    if (z && z != call->out[0].data) memcpy(call->out[0].data, z, (size_t)fire_count(&call->out[0].shape) * sizeof(float));
    execute(call, call->in[0].data, call->in[1].data, given(call, 2), call->out[0].data, false);
    if (((const convolution *)call->state)->relu) relu(call->out[0].data, fire_count(&call->out[0].shape));
}
KERNEL(fused_conv, "FusedConv", 1 << W);

/* ---- dx ---- */

static fire_status conv_grad_x_prepare(fire_context *ctx, fire_call *call, size_t *scratch, fire_error *err) {
    fire_conv c = sizes(call, 2, 1);
    return prepare(ctx, call, &c, BACK_DATA, false, false, false, call->held >> W & 1, scratch, err);
}
static void conv_grad_x_run(const fire_call *call) { execute(call, call->out[0].data, call->in[1].data, NULL, call->in[0].data, false); }
KERNEL(conv_grad_x, "ConvGradX", 1 << W);

/* ---- dw, db ---- */

static fire_status conv_grad_w_prepare(fire_context *ctx, fire_call *call, size_t *scratch, fire_error *err) {
    fire_conv c = sizes(call, 0, 2);
    return prepare(ctx, call, &c, BACK_WEIGHTS, ((const fire_window_attrs *)call->attrs)->bias, false, false, false, scratch, err);
}
static void conv_grad_w_run(const fire_call *call) { execute(call, call->in[0].data, call->out[0].data, call->out[1].data, call->in[1].data, true); }
KERNEL(conv_grad_w, "ConvGradW", 0);

/* ---- the transposed convolution: dx of the convolution that it undoes, then the bias ---- */

static fire_status conv_transpose_prepare(fire_context *ctx, fire_call *call, size_t *scratch, fire_error *err) {
    fire_conv c = {0};
    (void)fire_conv_transpose_fit(call->attrs, &call->in[0].shape, &call->in[1].shape, &c, NULL);
    return prepare(ctx, call, &c, BACK_DATA, false, false, false, call->held >> W & 1, scratch, err);
}
static void conv_transpose_run(const fire_call *call) {
    const fire_shape *s = &call->out[0].shape;
    bool last = ((const fire_window_attrs *)call->attrs)->channels_last;
    const float *b = given(call, 2);
    float *y = call->out[0].data;
    execute(call, y, call->in[1].data, NULL, call->in[0].data, false);
    if (!b) return;
    int64_t channels = s->dim[last ? s->rank - 1 : 1], count = fire_count(s), places = count / s->dim[0] / channels;
    for (int64_t i = 0; i < count && last; i += channels)
        for (int64_t j = 0; j < channels; j++) y[i + j] += b[j];
    for (int64_t i = 0; i < count && !last; i += places)
        for (int64_t j = 0; j < places; j++) y[i + j] += b[i / places % channels];
}
KERNEL(conv_transpose, "ConvTranspose", 1 << W);
