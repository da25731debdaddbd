/* window.c - sizes, attributes and reference kernels of windows that slide: convolution and what pooling shares with it. */
#include "window.h"
#include <assert.h>
#include <stdio.h>

static fire_status fit_list(const fire_ints *list, const char *name, int expected, int rank, fire_error *err) {
    if (!list->n || list->n == expected) return FIRE_OK;
    return fire_fail(err, FIRE_E_ATTRIBUTE, "%s has %d numbers, expected %d for %d spatial dimensions", name, (int)list->n, expected, rank);
}

/* Output size and padding of dimension d; messages count spatial dimensions from 0. */
static fire_status fit_dimension(const fire_window_attrs *t, fire_window *w, int d, fire_error *err) {
    int64_t reach, size = w->x[d], total;
    if (w->k[d] < 1) return fire_fail(err, FIRE_E_SHAPE, "the kernel has size %lld in dimension %d, expected at least 1", (long long)w->k[d], d - 3 + w->rank);
    if (!fire_mul(w->k[d] - 1, w->dilation[d], &reach) || reach > (int64_t)1 << 60) return fire_fail(err, FIRE_E_SHAPE, "the kernel with its dilation is too large");
    reach++;
    bool lower = !strcmp(t->auto_pad, "SAME_LOWER");
    if (lower || !strcmp(t->auto_pad, "SAME_UPPER")) {
        w->y[d] = (size - 1) / w->stride[d] + 1;
        total = (w->y[d] - 1) * w->stride[d] + reach - size; /* (y - 1) s < size */
        if (total < 0) total = 0;
        w->low[d] = lower ? total - total / 2 : total / 2;
        w->high[d] = total - w->low[d];
        return FIRE_OK;
    }
    total = size + w->low[d] + w->high[d] - reach; /* each far below 2^62 */
    if (total < 0)
        return fire_fail(err, FIRE_E_SHAPE, "a kernel of size %lld%s is larger than the input, %lld%s, in dimension %d", (long long)reach, w->dilation[d] > 1 ? " (dilated)" : "",
                         (long long)(size + w->low[d] + w->high[d]), w->low[d] + w->high[d] ? " with its padding" : "", d - 3 + w->rank);
    w->y[d] = total / w->stride[d] + 1;
    /* One more window where the last one would leave something out, unless it would begin in the padding behind. */
    if (t->ceil_mode && total % w->stride[d] && w->y[d] * w->stride[d] < size + w->low[d]) w->y[d]++;
    return FIRE_OK;
}

fire_status fire_window_fit(const fire_window_attrs *t, const fire_shape *x, const int64_t *kernel, fire_window *w, fire_error *err) {
    char text[FIRE_SHAPE_TEXT];
    *w = (fire_window){.rank = x->rank - 2, .last = t->channels_last};
    if (w->rank < 1 || w->rank > 3)
        return fire_fail(err, FIRE_E_SHAPE, "the input is %s, expected %s with 1 to 3 spatial dimensions d", fire_shape_text(x, text), w->last ? "[n, d..., c]" : "[n, c, d...]");
    for (int i = 1; i < x->rank; i++)
        if (x->dim[i] < 1) return fire_fail(err, FIRE_E_SHAPE, "the input is %s, expected at least 1 in every dimension", fire_shape_text(x, text));
    fire_status s = fit_list(&t->kernel_shape, "kernel_shape", w->rank, w->rank, err);
    if (!s) s = fit_list(&t->strides, "strides", w->rank, w->rank, err);
    if (!s) s = fit_list(&t->dilations, "dilations", w->rank, w->rank, err);
    if (!s) s = fit_list(&t->pads, "pads", 2 * w->rank, w->rank, err);
    if (s) return s;
    if (!kernel && !t->kernel_shape.n) return fire_fail(err, FIRE_E_ATTRIBUTE, "kernel_shape is missing");
    w->n = x->dim[0];
    w->c = x->dim[w->last ? x->rank - 1 : 1];
    bool explicit_pads = !t->auto_pad[0] || !strcmp(t->auto_pad, "NOTSET");
    for (int d = 0; d < 3; d++) w->x[d] = w->y[d] = w->k[d] = w->stride[d] = w->dilation[d] = 1;
    for (int i = 0; i < w->rank; i++) { /* those missing come first, so that the last dimension is the last */
        int d = i + 3 - w->rank;
        w->x[d] = x->dim[i + (w->last ? 1 : 2)];
        w->k[d] = kernel ? kernel[i] : t->kernel_shape.v[i];
        if (kernel && t->kernel_shape.n && t->kernel_shape.v[i] != kernel[i])
            return fire_fail(err, FIRE_E_ATTRIBUTE, "kernel_shape says %lld in dimension %d, the weights %lld", (long long)t->kernel_shape.v[i], i, (long long)kernel[i]);
        if (t->strides.n) w->stride[d] = t->strides.v[i];
        if (t->dilations.n) w->dilation[d] = t->dilations.v[i];
        if (t->pads.n && explicit_pads) w->low[d] = t->pads.v[i], w->high[d] = t->pads.v[w->rank + i];
        if ((s = fit_dimension(t, w, d, err))) return s;
    }
    return FIRE_OK;
}

fire_shape fire_window_shape(const fire_window *w, int64_t channels, const int64_t *size) {
    fire_shape s = {.rank = w->rank + 2, .dim = {w->n}};
    s.dim[w->last ? w->rank + 1 : 1] = channels;
    for (int i = 0; i < w->rank; i++) s.dim[i + (w->last ? 1 : 2)] = size[i + 3 - w->rank];
    return s;
}

/* ---- pooling ---- */

fire_status fire_pool_fit(const fire_window_attrs *t, const fire_shape *x, fire_window *w, fire_error *err) {
    fire_status s = fire_window_fit(t, x, NULL, w, err);
    for (int d = 0; d < 3 && !s; d++) {
        int64_t reach = (w->k[d] - 1) * w->dilation[d], pad = w->low[d] > w->high[d] ? w->low[d] : w->high[d];
        if (pad > reach) s = fire_fail(err, FIRE_E_ATTRIBUTE, "padding of %lld, expected less than the window, %lld", (long long)pad, (long long)reach + 1);
    }
    return s;
}

fire_status fire_pool_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    fire_window w;
    fire_status s = fire_want_float(&in[0], "input", err);
    if (!s) s = fire_pool_fit(attrs, &in[0].shape, &w, err);
    if (s) return s;
    out[0].type = in[0].type;
    out[0].shape = fire_window_shape(&w, w.c, w.y);
    return FIRE_OK;
}

fire_status fire_pool_grad_infer(const void *attrs, int n_in, const fire_tensor *in, int x, int dy, fire_tensor *out, fire_error *err) {
    fire_window w;
    char a[FIRE_SHAPE_TEXT], b[FIRE_SHAPE_TEXT];
    fire_status s = fire_want_float(&in[0], "input", err);
    if (!s) s = fire_want_same_type(n_in, in, err);
    if (!s) s = fire_pool_fit(attrs, &in[x].shape, &w, err);
    if (s) return s;
    fire_shape y = fire_window_shape(&w, w.c, w.y);
    if (!fire_same_shape(&y, &in[dy].shape)) return fire_fail(err, FIRE_E_SHAPE, "dy is %s, expected %s", fire_shape_text(&in[dy].shape, a), fire_shape_text(&y, b));
    out[0].type = in[x].type;
    out[0].shape = in[x].shape;
    return FIRE_OK;
}

int64_t fire_pool_flops(const fire_window *w) {
    return FIRE_WORK(w->c, fire_window_count(w->k), fire_window_count(w->y), w->n);
}

/* ---- convolution: sizes ---- */

static fire_status fit_weights(const fire_window_attrs *t, int rank, const fire_shape *w, fire_conv *c, int64_t kernel[3], fire_error *err) {
    char text[FIRE_SHAPE_TEXT];
    if (w->rank != rank + 2)
        return fire_fail(err, FIRE_E_SHAPE, "the weights are %s, expected %d dimensions", fire_shape_text(w, text), rank + 2);
    for (int i = 0; i < w->rank; i++)
        if (w->dim[i] < 1) return fire_fail(err, FIRE_E_SHAPE, "the weights are %s, expected at least 1 in every dimension", fire_shape_text(w, text));
    bool last = t->channels_last;
    c->group = t->group;
    c->out = w->dim[last ? rank + 1 : 0];
    c->in = w->dim[last ? rank : 1];
    for (int i = 0; i < rank; i++) kernel[i] = w->dim[i + (last ? 0 : 2)];
    if (c->out % c->group)
        return fire_fail(err, FIRE_E_SHAPE, "%lld channels of the weights %s cannot be split into %lld groups", (long long)c->out, fire_shape_text(w, text), (long long)c->group);
    return FIRE_OK;
}

fire_status fire_conv_fit(const fire_window_attrs *t, const fire_shape *x, const fire_shape *w, fire_conv *c, fire_error *err) {
    int64_t kernel[3] = {1, 1, 1}, channels;
    char a[FIRE_SHAPE_TEXT], b[FIRE_SHAPE_TEXT];
    if (x->rank < 3 || x->rank > 5) return fire_window_fit(t, x, kernel, &c->w, err);
    fire_status s = fit_weights(t, x->rank - 2, w, c, kernel, err);
    if (!s) s = fire_window_fit(t, x, kernel, &c->w, err);
    if (s) return s;
    if (!fire_mul(c->in, c->group, &channels) || channels != c->w.c)
        return fire_fail(err, FIRE_E_SHAPE, "the input %s has %lld channels, but the weights %s in %lld groups take %lld times %lld", fire_shape_text(x, a), (long long)c->w.c,
                         fire_shape_text(w, b), (long long)c->group, (long long)c->in, (long long)c->group);
    return FIRE_OK;
}

fire_status fire_conv_transpose_fit(const fire_window_attrs *t, const fire_shape *x, const fire_shape *w, fire_conv *c, fire_error *err) {
    char a[FIRE_SHAPE_TEXT];
    fire_window_attrs direct = {.group = t->group, .channels_last = t->channels_last, .dilations = t->dilations, .strides = t->strides, .kernel_shape = t->kernel_shape};
    int rank = x->rank - 2;
    int64_t kernel[3] = {1, 1, 1};
    if (rank < 1 || rank > 3) return fire_window_fit(t, x, kernel, &c->w, err);
    fire_status s = fit_weights(t, rank, w, c, kernel, err);
    if (!s) s = fit_list(&t->strides, "strides", rank, rank, err);
    if (!s) s = fit_list(&t->dilations, "dilations", rank, rank, err);
    if (!s) s = fit_list(&t->pads, "pads", 2 * rank, rank, err);
    if (!s) s = fit_list(&t->output_padding, "output_padding", rank, rank, err);
    if (!s) s = fit_list(&t->output_shape, "output_shape", rank, rank, err);
    if (s) return s;
    if (x->dim[t->channels_last ? rank + 1 : 1] != c->out)
        return fire_fail(err, FIRE_E_SHAPE, "the input %s has %lld channels, but the weights take %lld", fire_shape_text(x, a), (long long)x->dim[t->channels_last ? rank + 1 : 1], (long long)c->out);
    bool upper = !strcmp(t->auto_pad, "SAME_UPPER"), same = upper || !strcmp(t->auto_pad, "SAME_LOWER"), given = !t->auto_pad[0] || !strcmp(t->auto_pad, "NOTSET");
    fire_shape big = {.rank = x->rank, .dim = {x->dim[0]}};
    if (!fire_mul(c->in, c->group, &big.dim[t->channels_last ? rank + 1 : 1])) return fire_fail(err, FIRE_E_SHAPE, "the output has too many channels");
    direct.pads.n = 2 * rank;
    for (int i = 0; i < rank; i++) {
        int64_t size = x->dim[i + (t->channels_last ? 1 : 2)], stride = t->strides.n ? t->strides.v[i] : 1, dilation = t->dilations.n ? t->dilations.v[i] : 1;
        int64_t extra = t->output_padding.n ? t->output_padding.v[i] : 0, low = 0, high = 0, full, reach, out;
        if (size < 1) return fire_fail(err, FIRE_E_SHAPE, "the input is %s, expected at least 1 in every dimension", fire_shape_text(x, a));
        if (extra >= stride) return fire_fail(err, FIRE_E_ATTRIBUTE, "output_padding %lld, expected less than the stride %lld", (long long)extra, (long long)stride);
        if (!fire_mul(size - 1, stride, &full) || !fire_mul(kernel[i] - 1, dilation, &reach) || full > (int64_t)1 << 60 || reach > (int64_t)1 << 60)
            return fire_fail(err, FIRE_E_SHAPE, "the output is too large");
        full += reach + 1 + extra; /* without any padding */
        if (t->output_shape.n || same) {
            out = t->output_shape.n ? t->output_shape.v[i] : size * stride;
            int64_t total = full - out;
            if (total < 0) { /* the windows reach less far: zeros behind */
                extra -= total;
                if (extra >= stride && t->output_shape.n) return fire_fail(err, FIRE_E_ATTRIBUTE, "output_shape %lld in dimension %d, expected at most %lld", (long long)out, i, (long long)(full + stride - 1));
                if (extra >= stride) return fire_fail(err, FIRE_E_UNSUPPORTED, "auto_pad=%s with a stride of %lld and a kernel of %lld", t->auto_pad, (long long)stride, (long long)kernel[i]);
                total = 0;
            }
            low = upper ? total / 2 : total - total / 2;
            high = total - low;
        } else {
            if (given && t->pads.n) low = t->pads.v[i], high = t->pads.v[rank + i];
            out = full - low - high;
        }
        if (out < 1) return fire_fail(err, FIRE_E_SHAPE, "padding of %lld leaves nothing of %lld in dimension %d", (long long)(low + high), (long long)full, i);
        if (low > FIRE_WINDOW_SIZE || high > FIRE_WINDOW_SIZE) return fire_fail(err, FIRE_E_SHAPE, "the padding is too large");
        direct.pads.v[i] = low;
        direct.pads.v[rank + i] = high;
        big.dim[i + (t->channels_last ? 1 : 2)] = out;
    }
    if ((s = fire_conv_fit(&direct, &big, w, c, err))) return s;
    for (int i = 0; i < rank; i++)
        if (c->w.y[i + 3 - rank] != x->dim[i + (t->channels_last ? 1 : 2)])
            return fire_fail(err, FIRE_E_UNSUPPORTED, "output_shape and padding do not lead back to the input %s", fire_shape_text(x, a));
    return FIRE_OK;
}

/* ---- convolution: reference kernels. Nothing here is fast; everything is in doubles. ---- */

static int64_t weight_at(const fire_conv *c, int64_t out, int64_t in, int64_t tap, int64_t taps) {
    return c->w.last ? (tap * c->in + in) * c->out + out : (out * c->in + in) * taps + tap;
}

void fire_conv_forward(const fire_conv *c, const fire_tensor *x, const fire_tensor *w, const fire_tensor *b, const fire_tensor *y, double (*f)(double)) {
    int64_t taps = fire_window_count(c->w.k), places = fire_window_count(c->w.x), ends = fire_window_count(c->w.y), per = c->out / c->group;
    for (int64_t n = 0; n < c->w.n; n++)
        for (int64_t p = 0; p < ends; p++)
            for (int64_t o = 0; o < c->out; o++) {
                double sum = b && b->type ? fire_get(b, o) : 0;
                int64_t at[3], k[3], first = o / per * c->in;
                fire_window_split(p, c->w.y, at);
                for (int64_t tap = 0; tap < taps; tap++) {
                    fire_window_split(tap, c->w.k, k);
                    int64_t from = fire_window_tap(&c->w, at, k);
                    for (int64_t i = 0; i < c->in && from >= 0; i++)
                        sum += fire_get(x, fire_window_at(c->w.last, n, first + i, from, c->w.c, places)) * fire_get(w, weight_at(c, o, i, tap, taps));
                }
                fire_put(y, fire_window_at(c->w.last, n, o, p, c->out, ends), f ? f(sum) : sum);
            }
}

/* The window of which tap k lies on place x, or -1. */
static int64_t window_over(const fire_window *w, const int64_t x[3], const int64_t k[3]) {
    int64_t at = 0;
    for (int d = 0; d < 3; d++) {
        int64_t i = x[d] + w->low[d] - k[d] * w->dilation[d];
        if (i < 0 || i % w->stride[d] || i / w->stride[d] >= w->y[d]) return -1;
        at = at * w->y[d] + i / w->stride[d];
    }
    return at;
}

void fire_conv_back_data(const fire_conv *c, const fire_tensor *dy, const fire_tensor *w, const fire_tensor *b, const fire_tensor *dx) {
    int64_t taps = fire_window_count(c->w.k), places = fire_window_count(c->w.x), ends = fire_window_count(c->w.y), per = c->out / c->group;
    for (int64_t n = 0; n < c->w.n; n++)
        for (int64_t p = 0; p < places; p++)
            for (int64_t i = 0; i < c->w.c; i++) {
                double sum = b && b->type ? fire_get(b, i) : 0;
                int64_t at[3], k[3], first = i / c->in * per;
                fire_window_split(p, c->w.x, at);
                for (int64_t tap = 0; tap < taps; tap++) {
                    fire_window_split(tap, c->w.k, k);
                    int64_t from = window_over(&c->w, at, k);
                    for (int64_t o = first; o < first + per && from >= 0; o++)
                        sum += fire_get(dy, fire_window_at(c->w.last, n, o, from, c->out, ends)) * fire_get(w, weight_at(c, o, i % c->in, tap, taps));
                }
                fire_put(dx, fire_window_at(c->w.last, n, i, p, c->w.c, places), sum);
            }
}

void fire_conv_back_weights(const fire_conv *c, const fire_tensor *x, const fire_tensor *dy, const fire_tensor *dw, const fire_tensor *db) {
    int64_t taps = fire_window_count(c->w.k), places = fire_window_count(c->w.x), ends = fire_window_count(c->w.y), per = c->out / c->group;
    for (int64_t o = 0; o < c->out; o++) {
        for (int64_t i = 0; i < c->in; i++)
            for (int64_t tap = 0; tap < taps; tap++) {
                double sum = 0;
                int64_t at[3], k[3], channel = o / per * c->in + i;
                fire_window_split(tap, c->w.k, k);
                for (int64_t n = 0; n < c->w.n; n++)
                    for (int64_t p = 0; p < ends; p++) {
                        fire_window_split(p, c->w.y, at);
                        int64_t from = fire_window_tap(&c->w, at, k);
                        if (from >= 0) sum += fire_get(x, fire_window_at(c->w.last, n, channel, from, c->w.c, places)) * fire_get(dy, fire_window_at(c->w.last, n, o, p, c->out, ends));
                    }
                fire_put(dw, weight_at(c, o, i, tap, taps), sum);
            }
        double sum = 0;
        for (int64_t n = 0; n < c->w.n && db; n++)
            for (int64_t p = 0; p < ends; p++) sum += fire_get(dy, fire_window_at(c->w.last, n, o, p, c->out, ends));
        if (db) fire_put(db, o, sum);
    }
}

int64_t fire_conv_flops(const fire_conv *c) {
    return FIRE_WORK(2, c->out, c->in, fire_window_count(c->w.k), fire_window_count(c->w.y), c->w.n);
}

/* ---- attributes as text ---- */

static int put_list(char *to, int room, const char *name, const fire_window *w, const int64_t *a, const int64_t *b) {
    int n = snprintf(to, (size_t)room, " %s=[", name);
    for (int list = 0; list < (b ? 2 : 1); list++)
        for (int i = 3 - w->rank; i < 3; i++) n += snprintf(to + n, (size_t)(room - n), "%s%lld", to[n - 1] == '[' ? "" : ",", (long long)(list ? b : a)[i]);
    return n + snprintf(to + n, (size_t)(room - n), "]");
}

/* Lists of at most three numbers below 2^31 (padding that "same" asks for included, which a kernel that fits has): 512 bytes are ample. */
const char *fire_conv_text(const fire_conv *c, bool bias, char to[FIRE_CONV_TEXT]) {
    int n = snprintf(to, FIRE_CONV_TEXT, "group=%lld%s%s", (long long)c->group, c->w.last ? " channels_last=1" : "", bias ? " bias=1" : "");
    n += put_list(to + n, FIRE_CONV_TEXT - n, "strides", &c->w, c->w.stride, NULL);
    n += put_list(to + n, FIRE_CONV_TEXT - n, "dilations", &c->w, c->w.dilation, NULL);
    put_list(to + n, FIRE_CONV_TEXT - n, "pads", &c->w, c->w.low, c->w.high);
    return to;
}

/* ---- channels first, for files ---- */

/* Padding by name as numbers: other software does not know the names together with everything else. */
static void explicit_pads(fire_graph *g, fire_window_attrs *t, const fire_value *in, uint32_t weights) {
    fire_conv c = {0};
    fire_shape x = fire_shape_of(g, in[0]), w = weights ? fire_shape_of(g, in[1]) : x;
    if (strncmp(t->auto_pad, "SAME", 4) || (weights ? fire_conv_fit(t, &x, &w, &c, &g->first) : fire_window_fit(t, &x, NULL, &c.w, &g->first))) return;
    memcpy(t->auto_pad, "NOTSET", 7);
    t->pads.n = 2 * c.w.rank;
    for (int i = 0; i < c.w.rank; i++) t->pads.v[i] = c.w.low[3 - c.w.rank + i], t->pads.v[c.w.rank + i] = c.w.high[3 - c.w.rank + i];
}

static void lower_channels_last(fire_graph *g, const fire_node *n, const fire_value *in, fire_value *out, uint32_t data, uint32_t weights) {
    fire_value to[FIRE_MAX_IN] = {0};
    int64_t first[FIRE_MAX_RANK] = {0}, last[FIRE_MAX_RANK] = {0}, turned[FIRE_MAX_RANK] = {0};
    union { fire_window_attrs window; char bytes[sizeof(fire_window_attrs)]; } copy;
    fire_node plain = *n;
    const fire_attr *row = n->op->attrs;
    char text[FIRE_ATTRS_TEXT];
    if (g->first.status) return;
    assert(n->op->attr_size <= sizeof copy);
    memcpy(&copy, n->attrs, n->op->attr_size);
    plain.attrs = &copy;
    int rank = fire_shape_of(g, in[0]).rank;
    first[1] = rank - 1, last[rank - 1] = 1;
    for (int d = 1; d < rank - 1; d++) first[d + 1] = d, last[d] = d + 1;
    turned[0] = rank - 1, turned[1] = rank - 2; /* [k..., in, out] to [out, in, k...] */
    for (int d = 0; d < rank - 2; d++) turned[d + 2] = d;
    while (strcmp(row->name, "channels_last")) row++;
    int64_t *flag = (int64_t *)(copy.bytes + row->offset);
    bool channels_last = *flag;
    if (!strcmp(n->op->attrs->name, "auto_pad") && strcmp(n->op->name, "ConvTranspose")) explicit_pads(g, &copy.window, in, weights);
    *flag = 0;
    for (row = n->op->attrs; row->name; row++) { /* AveragePool has none before opset 19 */
        if (strcmp(row->name, "dilations")) continue;
        fire_ints *by = (fire_ints *)(copy.bytes + row->offset);
        bool some = false;
        for (int d = 0; d < by->n; d++) some |= by->v[d] != 1;
        if (!some) *by = (fire_ints){0};
    }
    fire_node_attrs(&plain, text);
    for (int i = 0; i < n->n_in; i++)
        to[i] = !in[i] ? 0 : !channels_last ? in[i] : data >> i & 1 ? fire_transpose(g, in[i], rank, first) : weights >> i & 1 ? fire_transpose(g, in[i], rank, turned) : in[i];
    out[0] = fire_apply(g, n->op->name, n->n_in, to, text);
    if (channels_last) out[0] = fire_transpose(g, out[0], rank, last);
}
void fire_lower_conv(fire_graph *g, const fire_node *n, const fire_value *in, fire_value *out) { lower_channels_last(g, n, in, out, 1, 2); }
void fire_lower_pool(fire_graph *g, const fire_node *n, const fire_value *in, fire_value *out) { lower_channels_last(g, n, in, out, 1, 0); }
