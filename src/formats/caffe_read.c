/* caffe_read.c - index a NetParameter of Caffe in memory. Field numbers are those of caffe.proto. */
#include "formats/caffe.h"
#include "sort.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Of a file; so many that no net comes near, so few that a file cannot ask for memory by empty layers. */
#define MAX_LAYERS 20000
#define MAX_TENSORS 4096 /* bottoms or tops of a layer */
#define MAX_BLOBS 64     /* of a layer */
#define MAX_INPUTS 256

typedef enum { COMPUTES, DATA, LOSS, LEFT_OUT } role; /* loss: of its bottoms the first one is an output; silence: none */
typedef struct layer {
    fire_span name, type;
    fire_wire body;
    bool old;
    role role;
    int64_t n_bottoms, n_labels, n_tops, n_blobs; /* labels: bottoms behind the others that nobody wants to see */
    fire_span *bottom, *top;
    fire_wire blobs; bool old_blobs; /* the layer that has them */
} layer;
typedef struct place { fire_span name; fire_wire body; bool old; } place;           /* of a layer with blobs */
typedef struct entry { fire_span blob, name; int64_t layer, input, uses; bool muted; } entry; /* something that is written to; layer -1: input `input`; muted: it is no output */

static const char *show(fire_span s, char *to, size_t capacity) { return fire_escape(to, capacity, (const char *)s.bytes, s.size); }
static fire_span span(const char *text) { return (fire_span){(const uint8_t *)text, strlen(text)}; }
static fire_wire all_of(const void *bytes, size_t size) { return (fire_wire){bytes, bytes, size ? (const uint8_t *)bytes + size : bytes, 0}; }

/* ---- fields ---- */

fire_wire fire_caffe_param(const fire_wire *body, bool old, uint32_t number, uint32_t old_number) {
    fire_wire in = *body, found = {0};
    fire_wire_field f;
    bool more;
    while (!fire_wire_next(&in, &f, &more, NULL) && more)
        if (f.kind == 2 && f.number == (old ? old_number : number)) (void)fire_wire_enter(&in, &f, &found, NULL);
    return found;
}

static double number_of(const fire_wire_field *f) {
    float narrow;
    double wide;
    const uint32_t bits = (uint32_t)f->value;
    if (f->kind == 0) return (double)(int64_t)f->value;
    if (f->kind == 5) { memcpy(&narrow, &bits, 4); return (double)narrow; }
    memcpy(&wide, &f->value, 8);
    return wide;
}

double fire_caffe_number(fire_wire p, uint32_t field, double otherwise) {
    fire_wire_field f;
    bool more;
    while (!fire_wire_next(&p, &f, &more, NULL) && more) {
        const double v = f.number == field && f.kind != 2 ? number_of(&f) : NAN;
        if (v == v) otherwise = v;
    }
    return otherwise;
}

int64_t fire_caffe_list(fire_wire p, uint32_t field, bool floats, int64_t most, double *to) {
    fire_wire_field f;
    bool more;
    int64_t n = 0;
    while (!fire_wire_next(&p, &f, &more, NULL) && more) {
        if (f.number != field || (f.kind != 2 && f.kind != (floats ? 5 : 0))) continue;
        if (f.kind != 2) {
            if (n < most) to[n] = number_of(&f);
            n++;
            continue;
        }
        for (const uint8_t *at = f.bytes, *end = at + f.size; at < end;) { /* packed */
            fire_wire_field one = {.kind = floats ? 5 : 0};
            uint8_t byte = 0x80;
            if (floats && end - at < 4) return -1;
            for (int i = 0; i < 4 && floats; i++) one.value |= (uint64_t)*at++ << (8 * i);
            for (int shift = 0; !floats && byte & 0x80; shift += 7) {
                if (at == end || shift > 63) return -1;
                one.value |= (uint64_t)((byte = *at++) & 0x7f) << shift;
            }
            if (n < most) to[n] = number_of(&one);
            n++;
        }
    }
    return n;
}

/* A shape of sizes that tensors can have; false: it is none. */
static bool shape_of(fire_wire in, int64_t *rank, int64_t dim[FIRE_MAX_RANK]) {
    double v[FIRE_MAX_RANK];
    *rank = fire_caffe_list(in, 1, false, FIRE_MAX_RANK, v);
    for (int64_t d = 0; d < *rank && *rank <= FIRE_MAX_RANK; d++) {
        if (v[d] < 0 || v[d] > INT32_MAX) return false;
        dim[d] = (int64_t)v[d];
    }
    return *rank >= 0 && *rank <= FIRE_MAX_RANK;
}

bool fire_caffe_is(const void *bytes, size_t size) {
    fire_wire w = all_of(bytes, size), in;
    fire_wire_field f, g;
    bool more, text, number;
    while (!fire_wire_next(&w, &f, &more, NULL) && more) {
        static const struct { uint32_t number, kind; } fields[] = {{1, 2}, {2, 2}, {3, 2}, {4, 0}, {4, 2}, {5, 0}, {6, 2}, {7, 0}, {8, 2}, {100, 2}};
        bool known = false;
        for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) known |= f.number == fields[i].number && f.kind == fields[i].kind;
        if (!known) return false;
        if (f.number == 100) return !fire_wire_enter(&w, &f, &in, NULL) && !fire_wire_next(&in, &g, &more, NULL);
        if (f.number != 2 || fire_wire_enter(&w, &f, &in, NULL)) continue;
        for (text = number = false; !fire_wire_next(&in, &g, &more, NULL) && more;) text |= g.number == 4 && g.kind == 2, number |= g.number == 5 && g.kind == 0;
        if (text && number) return true;
    }
    return false;
}

/* ---- layers ---- */

static const char *const old_types[] = {"", "Accuracy", "BNLL", "Concat", "Convolution", "Data", "Dropout", "EuclideanLoss", "Flatten", "HDF5Data", "HDF5Output", "Im2col", "ImageData",
    "InfogainLoss", "InnerProduct", "LRN", "MultinomialLogisticLoss", "Pooling", "ReLU", "Sigmoid", "Softmax", "SoftmaxWithLoss", "Split", "TanH", "WindowData", "Eltwise", "Power",
    "SigmoidCrossEntropyLoss", "HingeLoss", "MemoryData", "ArgMax", "Threshold", "DummyData", "Slice", "MVN", "AbsVal", "Silence", "ContrastiveLoss", "Exp", "Deconvolution"};

static bool ends(fire_span s, const char *end) { return s.size >= strlen(end) && !memcmp(s.bytes + s.size - strlen(end), end, strlen(end)); }

/* What a layer is for in phase TEST. Losses give nothing there, but two that begin with what is wanted. */
static role role_of(layer *l) {
    if (fire_span_is(l->type, "SoftmaxWithLoss") || fire_span_is(l->type, "SigmoidCrossEntropyLoss")) {
        l->type = span(l->type.bytes[1] == 'o' ? "Softmax" : "Sigmoid");
        if (l->n_bottoms > 1) l->n_labels = l->n_bottoms - 1, l->n_bottoms = 1;
        if (l->n_tops > 1) l->n_tops = 1;
        return COMPUTES;
    }
    if (fire_span_is(l->type, "Input") || ends(l->type, "Data")) return DATA;
    const bool silence = fire_span_is(l->type, "Silence");
    if (!silence && !fire_span_is(l->type, "Accuracy") && !fire_span_is(l->type, "HDF5Output") && !ends(l->type, "Loss")) return COMPUTES;
    const int64_t seen = !silence && l->n_bottoms ? 1 : 0;
    l->n_labels = l->n_bottoms - seen;
    l->n_bottoms = seen;
    return LOSS;
}

/* Whether a NetStateRule holds in phase TEST, level 0, without stages. */
static bool holds(fire_wire rule) {
    double none;
    return fire_caffe_number(rule, 1, 1) == 1 && fire_caffe_number(rule, 2, 0) <= 0 && fire_caffe_number(rule, 3, 0) >= 0 && fire_caffe_list(rule, 4, false, 0, &none) == 0;
}

static fire_status text_of(const fire_wire *w, const fire_wire_field *f, fire_span *out, fire_error *err) {
    *out = (fire_span){f->bytes, f->size};
    return f->kind == 2 ? FIRE_OK : fire_fail(err, FIRE_E_CORRUPT, "field %u before byte %lld is no text", f->number, (long long)(w->at - w->begin));
}

static fire_status read_layer(fire_onnx *m, const fire_wire *w, const fire_wire_field *at, bool old, layer *l, fire_error *err) {
    const uint32_t name = old ? 4 : 1, type = old ? 5 : 2, bottom = old ? 2 : 3, top = old ? 3 : 4, blobs = old ? 6 : 7, include = old ? 32 : 8, exclude = old ? 33 : 9;
    fire_wire in, rule;
    fire_wire_field f;
    bool more, asked = false, met = false, out = false;
    uint64_t number = 0;
    char text[80];
    fire_status s = fire_wire_enter(w, at, &in, err);
    *l = (layer){.body = in, .old = old};
    for (int pass = 0; pass < 2 && !s; pass++) {
        in = l->body;
        if (pass && (!(l->bottom = fire_arena_alloc(&m->arena, (size_t)l->n_bottoms, sizeof *l->bottom, err)) ||
                     !(l->top = fire_arena_alloc(&m->arena, (size_t)l->n_tops + 1, sizeof *l->top, err)))) return FIRE_NOMEM;
        l->n_bottoms = l->n_tops = l->n_blobs = 0;
        while (!s && !(s = fire_wire_next(&in, &f, &more, err)) && more) {
            fire_span t;
            if (f.number == name) s = text_of(&in, &f, &l->name, err);
            else if (f.number == type && old) number = f.value;
            else if (f.number == type) s = text_of(&in, &f, &l->type, err);
            else if (f.number == bottom || f.number == top) {
                s = text_of(&in, &f, &t, err);
                if (!s && pass) *(f.number == top ? &l->top[l->n_tops] : &l->bottom[l->n_bottoms]) = t;
                *(f.number == top ? &l->n_tops : &l->n_bottoms) += 1;
            } else if (f.number == blobs) l->n_blobs++;
            else if ((f.number == include || f.number == exclude) && !(s = fire_wire_enter(&in, &f, &rule, err))) {
                if (f.number == exclude) out |= holds(rule);
                else asked = true, met |= holds(rule);
            }
        }
    }
    if (s) return s;
    if (old) l->type = span(number < sizeof old_types / sizeof *old_types ? old_types[number] : "");
    show(l->name, text, sizeof text);
    if (!l->type.size) return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "layer '%s' has no type that is known; nets of Caffe's first version are upgraded by its upgrade_net_proto_text and upgrade_net_proto_binary", text);
    if (l->n_bottoms > MAX_TENSORS || l->n_tops > MAX_TENSORS || l->n_blobs > MAX_BLOBS)
        return fire_fail(err, FIRE_E_CORRUPT, "layer '%s' has %lld bottoms, %lld tops and %lld blobs", text, (long long)l->n_bottoms, (long long)l->n_tops, (long long)l->n_blobs);
    l->blobs = l->body;
    l->old_blobs = old;
    l->role = role_of(l);
    if (l->role != DATA && (out || (asked && !met))) l->role = LEFT_OUT; /* data of either phase say what comes in */
    if (l->role == COMPUTES && !l->n_tops) l->top[l->n_tops++] = l->name;
    return FIRE_OK;
}

static int by_place(const void *a, const void *b) {
    const place *x = a, *y = b;
    int c = fire_span_compare(x->name, y->name);
    return c ? c : (x->body.at > y->body.at) - (x->body.at < y->body.at);
}

/* Layers of field 100, or of the older field 2. */
static fire_status read_layers(fire_onnx *m, fire_wire net, layer **out, int64_t *n, fire_error *err) {
    fire_wire in = net;
    fire_wire_field f;
    bool more;
    int64_t fresh = 0, old = 0;
    fire_status s;
    while (!(s = fire_wire_next(&in, &f, &more, err)) && more) fresh += f.number == 100, old += f.number == 2;
    if (s) return s;
    *n = fresh ? fresh : old;
    if (*n > MAX_LAYERS) return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "%lld layers, expected at most %d", (long long)*n, MAX_LAYERS);
    layer *l = *out = fire_arena_alloc(&m->arena, (size_t)*n, sizeof *l, err);
    if (!l) return FIRE_NOMEM;
    for (in = net; !s && !(s = fire_wire_next(&in, &f, &more, err)) && more;)
        if (f.number == (fresh ? 100 : 2)) s = read_layer(m, &in, &f, !fresh, l++, err);
    return s;
}

/* Blobs of a layer come from the layer of its name in another net. */
static fire_status take_weights(fire_onnx *m, const void *bytes, size_t size, layer *l, int64_t n, fire_error *err) {
    layer *from = NULL;
    int64_t n_from = 0, taken = 0, offered = 0;
    if (!fire_caffe_is(bytes, size)) return fire_fail(err, FIRE_E_NOT_A_MODEL, "the file of weights is no net of Caffe");
    fire_status s = read_layers(m, all_of(bytes, size), &from, &n_from, err);
    place *p = s ? NULL : fire_arena_alloc(&m->arena, (size_t)n_from, sizeof *p, err);
    if (!p) return s ? s : FIRE_NOMEM;
    for (int64_t i = 0; i < n_from; i++) p[i] = (place){from[i].name, from[i].body, from[i].old}, offered += from[i].n_blobs;
    fire_sort(p, n_from, sizeof *p, by_place);
    for (int64_t i = 0; i < n; i++) {
        int64_t low = 0, high = n_from;
        while (low < high) {
            const int64_t mid = low + (high - low) / 2;
            if (fire_span_compare(p[mid].name, l[i].name) < 0) low = mid + 1;
            else high = mid;
        }
        for (; low < n_from && !fire_span_compare(p[low].name, l[i].name); low++) {
            fire_wire in = p[low].body;
            fire_wire_field f;
            bool more;
            int64_t blobs = 0;
            while (!fire_wire_next(&in, &f, &more, NULL) && more) blobs += f.number == (p[low].old ? 6 : 7);
            if (!blobs) continue;
            l[i].blobs = p[low].body, l[i].old_blobs = p[low].old, l[i].n_blobs = blobs;
            taken++;
            break;
        }
    }
    return taken || !offered ? FIRE_OK : fire_fail(err, FIRE_E_USAGE, "none of the layers has a name that a layer with weights in the other file has");
}

/* ---- weights ---- */

static const char *blob_name(fire_span type, int64_t i) {
    static const struct { const char *type, *name[3]; } names[] = {{"Convolution", {"kernel", "bias"}}, {"Deconvolution", {"kernel", "bias"}}, {"DepthwiseConvolution", {"kernel", "bias"}},
        {"ConvolutionDepthwise", {"kernel", "bias"}}, {"InnerProduct", {"kernel", "bias"}},
        {"Embed", {"kernel", "bias"}}, {"PReLU", {"alpha"}}, {"BatchNorm", {"moving_mean", "moving_variance", "factor"}}, {"Scale", {"gamma", "beta"}}, {"Bias", {"bias"}},
        {"Normalize", {"scale"}}};
    for (size_t k = 0; k < sizeof names / sizeof *names && i < 3; k++)
        if (fire_span_is(type, names[k].type)) return names[k].name[i];
    return NULL;
}

/* Old blobs have four dimensions whatever they mean: the ones in front go. */
static void strip(fire_onnx_tensor *t, fire_span type, int64_t i) {
    const bool matrix = !i && (fire_span_is(type, "InnerProduct") || fire_span_is(type, "Embed")), window = !i && (ends(type, "onvolution") || ends(type, "Depthwise"));
    const int keep = window ? t->rank : matrix ? 2 : 1;
    if (t->rank != 4) return;
    int from = 0;
    while (t->rank - from > keep && t->dim[from] == 1) from++;
    if (t->rank - from != keep) return;
    memmove(t->dim, t->dim + from, (size_t)keep * sizeof *t->dim);
    t->rank = keep;
}

/* BlobProto. Numbers in one piece stay where they lie. */
static fire_status read_blob(fire_onnx *m, const fire_wire *w, const fire_wire_field *at, fire_onnx_tensor *t, fire_error *err) {
    fire_wire in, body, shape = {0};
    fire_wire_field f;
    bool more, shaped = false, old = false;
    int64_t pieces = 0, rank = 0, bytes = 0;
    double dim[4] = {0};
    fire_status s = fire_wire_enter(w, at, &body, err);
    for (in = body; !s && !(s = fire_wire_next(&in, &f, &more, err)) && more;) {
        if (f.number >= 1 && f.number <= 4 && f.kind == 0) dim[f.number - 1] = number_of(&f), old = true;
        else if (f.number == 7) s = fire_wire_enter(&in, &f, &shape, err), shaped = true;
        else if (f.number == 5 || f.number == 8) {
            const int64_t each = f.number == 5 ? 4 : 8, n = f.kind == 2 ? (int64_t)f.size / each : 1;
            if (f.kind == 2 ? f.size % (size_t)each != 0 : f.kind != (f.number == 5 ? 5 : 1)) return fire_fail(err, FIRE_E_CORRUPT, "broken numbers before byte %lld", (long long)(in.at - in.begin));
            pieces += f.number == 5 && f.kind == 2 ? 1 : 2; /* two: they must be copied */
            bytes += 4 * n;
            t->raw = (fire_span){f.bytes, f.size};
        }
    }
    if (s) return s;
    t->type = FIRE_F32;
    t->has_raw = true;
    if (shaped ? !shape_of(shape, &rank, t->dim) : false) return fire_fail(err, FIRE_E_CORRUPT, "a blob before byte %lld has an impossible shape", (long long)(w->at - w->begin));
    for (int d = 0; d < 4 && old && !shaped; d++, rank++) {
        if (dim[d] < 0 || dim[d] > INT32_MAX) return fire_fail(err, FIRE_E_CORRUPT, "a blob before byte %lld has an impossible shape", (long long)(w->at - w->begin));
        t->dim[d] = (int64_t)dim[d];
    }
    t->rank = (int32_t)rank;
    if (pieces <= 1) return FIRE_OK;
    uint8_t *to = fire_arena_alloc(&m->arena, (size_t)bytes, 1, err);
    if (!to) return FIRE_NOMEM;
    t->raw = (fire_span){to, (size_t)bytes};
    for (in = body; !fire_wire_next(&in, &f, &more, NULL) && more;) {
        if (f.number != 5 && f.number != 8) continue;
        const size_t each = f.number == 5 ? 4 : 8, n = f.kind == 2 ? f.size / each : 1;
        for (size_t i = 0; i < n; i++, to += 4) {
            float v;
            double wide;
            const uint8_t *p = f.kind == 2 ? f.bytes + i * each : (const uint8_t *)&f.value;
            if (each == 4) memcpy(&v, p, 4);
            else memcpy(&wide, p, 8), v = (float)wide;
            memcpy(to, &v, 4);
        }
    }
    return FIRE_OK;
}

/* "layer/kernel" */
static fire_status read_blobs(fire_onnx *m, const layer *l, fire_onnx_tensor *t, fire_error *err) {
    fire_wire in = l->blobs;
    fire_wire_field f;
    bool more;
    fire_status s = FIRE_OK;
    for (int64_t i = 0; !s && !(s = fire_wire_next(&in, &f, &more, err)) && more;) {
        if (f.number != (l->old_blobs ? 6 : 7)) continue;
        const char *own = blob_name(l->type, i);
        char number[32];
        snprintf(number, sizeof number, "blob%lld", (long long)i);
        const size_t n = strlen(own ? own : number);
        char *name = fire_arena_alloc(&m->arena, l->name.size + n + 1, 1, err);
        if (!name) return FIRE_NOMEM;
        if (l->name.size) memcpy(name, l->name.bytes, l->name.size);
        name[l->name.size] = '/';
        memcpy(name + l->name.size + 1, own ? own : number, n);
        t->name = (fire_span){(uint8_t *)name, l->name.size + 1 + n};
        s = read_blob(m, &in, &f, t, err);
        strip(t++, l->type, i++);
    }
    return s;
}

/* ---- inputs ---- */

static void put_shape(fire_onnx_value *v, int64_t rank, const int64_t *dim) {
    v->has_shape = rank > 0;
    v->rank = (int32_t)rank;
    for (int64_t d = 0; d < rank; d++) v->dim[d] = dim[d] > 0 ? dim[d] : -1;
}

/* Shape k of those in field `field` of p, or the only one. */
static fire_status nth_shape(fire_wire p, uint32_t field, int64_t k, fire_onnx_value *v, fire_error *err) {
    fire_wire in = p, shape, found = {0};
    fire_wire_field f;
    bool more;
    int64_t n = 0, rank, dim[FIRE_MAX_RANK];
    fire_status s = FIRE_OK;
    while (!s && !(s = fire_wire_next(&in, &f, &more, err)) && more) {
        if (f.number != field || (s = fire_wire_enter(&in, &f, &shape, err))) continue;
        if (!n || n == k) found = shape;
        n++;
    }
    if (s || !n || (n > 1 && k >= n)) return s;
    if (!shape_of(found, &rank, dim)) return fire_fail(err, FIRE_E_CORRUPT, "the shape of an input before byte %lld is impossible", (long long)(p.end - p.begin));
    put_shape(v, rank, dim);
    return FIRE_OK;
}

/* Four numbers from field `first` on. */
static void four(fire_wire p, uint32_t first, fire_onnx_value *v) {
    int64_t dim[4];
    for (uint32_t d = 0; d < 4; d++) {
        const double n = fire_caffe_number(p, first + d, 0);
        dim[d] = n > 0 && n <= INT32_MAX ? (int64_t)n : 0;
    }
    if (dim[0] && dim[1]) put_shape(v, 4, dim);
}

static fire_status input_of_layer(const layer *l, int64_t k, fire_onnx_value *v, fire_error *err) {
    if (fire_span_is(l->type, "Input")) return nth_shape(fire_caffe_param(&l->body, l->old, FIRE_CAFFE_INPUT), 1, k, v, err);
    if (fire_span_is(l->type, "DummyData")) {
        const fire_wire p = fire_caffe_param(&l->body, l->old, FIRE_CAFFE_DUMMY_DATA);
        four(p, 2, v);
        return nth_shape(p, 6, k, v, err);
    }
    if (fire_span_is(l->type, "MemoryData") && !k) four(fire_caffe_param(&l->body, l->old, FIRE_CAFFE_MEMORY_DATA), 1, v);
    return FIRE_OK;
}

/* Names in field 3 with shapes in field 8, or four numbers each in field 4; then what layers of data give. */
static fire_status read_inputs(fire_onnx *m, fire_wire net, const layer *l, int64_t n, fire_onnx_value *v, int64_t *count, fire_error *err) {
    fire_wire in = net;
    fire_wire_field f;
    bool more;
    fire_status s = FIRE_OK;
    double *number;
    const int64_t numbers = fire_caffe_list(net, 4, false, 0, NULL);
    if (!(number = fire_arena_alloc(&m->arena, (size_t)(numbers > 0 ? numbers : 0), sizeof *number, err))) return FIRE_NOMEM;
    if (numbers > 0) (void)fire_caffe_list(net, 4, false, numbers, number);
    while (!s && !(s = fire_wire_next(&in, &f, &more, err)) && more) {
        if (f.number != 3) continue;
        fire_onnx_value *to = &v[*count];
        *to = (fire_onnx_value){.is_tensor = true, .type = FIRE_F32};
        if ((s = text_of(&in, &f, &to->name, err))) break;
        s = nth_shape(net, 8, *count, to, err);
        if (!s && !to->has_shape && numbers >= 4 * (*count + 1)) {
            int64_t dim[4];
            for (int d = 0; d < 4; d++) dim[d] = number[4 * *count + d] > 0 && number[4 * *count + d] <= INT32_MAX ? (int64_t)number[4 * *count + d] : 0;
            put_shape(to, 4, dim);
        }
        ++*count;
    }
    for (int64_t i = 0; i < n && !s; i++)
        for (int64_t k = 0; k < l[i].n_tops && l[i].role == DATA && !s; k++) {
            v[*count] = (fire_onnx_value){.is_tensor = true, .type = FIRE_F32, .name = l[i].top[k]};
            s = input_of_layer(&l[i], k, &v[(*count)++], err);
        }
    return s;
}

/* ---- blobs become tensors that are written once ---- */

static int by_blob(const void *a, const void *b) {
    const entry *x = a, *y = b;
    int c = fire_span_compare(x->blob, y->blob);
    return c ? c : x->layer != y->layer ? (x->layer > y->layer) - (x->layer < y->layer) : (x->input > y->input) - (x->input < y->input);
}

/* What a blob holds when layer `at` runs; NULL: nothing has written to it. */
static entry *current(entry *e, int64_t n, fire_span blob, int64_t at) {
    int64_t low = 0, high = n;
    while (low < high) { /* the first behind */
        const int64_t mid = low + (high - low) / 2;
        const int c = fire_span_compare(e[mid].blob, blob);
        if (c < 0 || (!c && e[mid].layer < at)) low = mid + 1;
        else high = mid;
    }
    return low && !fire_span_compare(e[low - 1].blob, blob) ? &e[low - 1] : NULL;
}

static fire_status name_entries(fire_onnx *m, const layer *l, entry *e, int64_t *n, fire_error *err) {
    char text[80];
    int64_t kept = 0;
    fire_sort(e, *n, sizeof *e, by_blob);
    for (int64_t i = 0; i < *n; i++) {
        const bool again = kept && e[kept - 1].layer == e[i].layer && !fire_span_compare(e[kept - 1].blob, e[i].blob);
        if (again && e[i].layer >= 0) return fire_fail(err, FIRE_E_CORRUPT, "layer '%s' has the same top twice", show(l[e[i].layer].name, text, sizeof text));
        if (again) { /* data of two phases: the shape that is known */
            if (!m->input[e[kept - 1].input].has_shape) e[kept - 1].input = e[i].input;
            continue;
        }
        e[kept++] = e[i];
    }
    *n = kept;
    for (int64_t i = 0, first = 0; i < kept; i++) {
        if (i && fire_span_compare(e[i].blob, e[i - 1].blob)) first = i;
        const bool last = i + 1 == kept || fire_span_compare(e[i].blob, e[i + 1].blob), input = e[first].layer < 0;
        e[i].name = e[i].blob;
        if (e[i].layer < 0 || (last && !input)) continue;
        const fire_span by = l[e[i].layer].name;
        char *own = fire_arena_alloc(&m->arena, e[i].blob.size + by.size + 1, 1, err);
        if (!own) return FIRE_NOMEM;
        if (e[i].blob.size) memcpy(own, e[i].blob.bytes, e[i].blob.size);
        own[e[i].blob.size] = '@';
        if (by.size) memcpy(own + e[i].blob.size + 1, by.bytes, by.size);
        e[i].name = (fire_span){(uint8_t *)own, e[i].blob.size + 1 + by.size};
    }
    return FIRE_OK;
}

/* Which layers are wanted: those with a top that a wanted layer reads, or that is an output. What only a loss reads as its labels, or Silence, is none. */
static fire_status find_wanted(layer *l, int64_t n, entry *e, int64_t n_entries, fire_error *err) {
    char text[80], name[80];
    for (int64_t i = n; i-- > 0;) {
        if (l[i].role != COMPUTES && l[i].role != LOSS) continue;
        bool wanted = false;
        for (int64_t k = 0; k < l[i].n_tops && l[i].role == COMPUTES; k++) {
            const entry *x = current(e, n_entries, l[i].top[k], i + 1);
            wanted |= x->uses || !x->muted;
        }
        const bool mutes = l[i].role == COMPUTES && !wanted;
        if (mutes) l[i].role = LEFT_OUT;
        for (int64_t k = 0; k < l[i].n_bottoms + l[i].n_labels; k++) {
            entry *from = current(e, n_entries, l[i].bottom[k], i);
            if (!from && wanted && k < l[i].n_bottoms)
                return fire_fail(err, FIRE_E_CORRUPT, "layer '%s' reads the blob '%s', which nothing before it makes", show(l[i].name, name, sizeof name), show(l[i].bottom[k], text, sizeof text));
            if (from && (mutes || k >= l[i].n_bottoms)) from->muted = true;
            else if (from && wanted) from->uses++;
        }
    }
    return FIRE_OK;
}

/* Nodes, of which the inputs' names lie in one block each. */
static fire_status make_nodes(fire_onnx *m, const layer *l, int64_t n, entry *e, int64_t n_entries, fire_error *err) {
    fire_onnx_tensor *t = m->initializer;
    for (int64_t i = 0; i < n; i++) {
        if (l[i].role != COMPUTES) continue;
        fire_onnx_node *node = &m->node[m->n_nodes];
        m->caffe->node[m->n_nodes++] = (fire_caffe_node){l[i].n_bottoms, l[i].old};
        *node = (fire_onnx_node){.op = l[i].type, .name = l[i].name, .n_in = l[i].n_bottoms + l[i].n_blobs, .n_out = l[i].n_tops, .body = l[i].body};
        node->in = fire_arena_alloc(&m->arena, (size_t)node->n_in, sizeof *node->in, err);
        node->out = node->in ? fire_arena_alloc(&m->arena, (size_t)node->n_out, sizeof *node->out, err) : NULL;
        if (!node->out) return FIRE_NOMEM;
        for (int64_t k = 0; k < l[i].n_bottoms; k++) node->in[k] = current(e, n_entries, l[i].bottom[k], i)->name;
        for (int64_t k = 0; k < l[i].n_tops; k++) node->out[k] = current(e, n_entries, l[i].top[k], i + 1)->name;
        const fire_onnx_tensor *first = t;
        fire_status s = l[i].n_blobs ? read_blobs(m, &l[i], t, err) : FIRE_OK;
        if (s) return s;
        t += l[i].n_blobs;
        for (int64_t k = 0; k < l[i].n_blobs; k++) node->in[l[i].n_bottoms + k] = first[k].name;
    }
    m->n_initializers = t - m->initializer;
    return FIRE_OK;
}

static int by_name(const void *a, const void *b) { return fire_span_compare(((const fire_onnx_name *)a)->name, ((const fire_onnx_name *)b)->name); }

/* Inputs that something reads, outputs that nothing reads, and all names. */
static fire_status make_names(fire_onnx *m, const layer *l, int64_t n, entry *e, int64_t n_entries, fire_error *err) {
    char text[80];
    int64_t outs = 0;
    for (int64_t i = 0; i < m->n_nodes; i++) outs += m->node[i].n_out;
    fire_onnx_value *input = fire_arena_alloc(&m->arena, (size_t)n_entries, sizeof *input, err);
    m->output = input ? fire_arena_alloc(&m->arena, (size_t)outs, sizeof *m->output, err) : NULL;
    m->name = m->output ? fire_arena_alloc(&m->arena, (size_t)(n_entries + m->n_initializers + outs), sizeof *m->name, err) : NULL;
    if (!m->name) return FIRE_NOMEM;
    const fire_onnx_value *declared = m->input;
    const int64_t n_declared = m->n_inputs;
    m->n_inputs = 0;
    for (int64_t i = 0; i < n_declared; i++) { /* in the order of the file */
        const entry *x = current(e, n_entries, declared[i].name, 0);
        if (!x || x->input != i || !x->uses) continue;
        input[m->n_inputs] = declared[i];
        if (declared[i].has_shape) {
            if (!m->caffe->batch && declared[i].dim[0] > 0) m->caffe->batch = declared[i].dim[0];
            input[m->n_inputs].dim[0] = -1; /* nets take any batch */
        }
        m->name[m->n_names++] = (fire_onnx_name){declared[i].name, FIRE_ONNX_INPUT, m->n_inputs++, 0, 0};
    }
    m->input = input;
    for (int64_t i = 0; i < m->n_initializers; i++) m->name[m->n_names++] = (fire_onnx_name){m->initializer[i].name, FIRE_ONNX_INITIALIZER, i, 0, 0};
    for (int64_t i = 0; i < m->n_nodes; i++)
        for (int64_t k = 0; k < m->node[i].n_out; k++) m->name[m->n_names++] = (fire_onnx_name){m->node[i].out[k], FIRE_ONNX_NODE, i, (int32_t)k, 0};
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < l[i].n_tops && l[i].role == COMPUTES; k++) {
            const entry *x = current(e, n_entries, l[i].top[k], i + 1);
            if (!x->uses && !x->muted) m->output[m->n_outputs++] = (fire_onnx_value){.name = x->name, .is_tensor = true, .type = FIRE_F32};
        }
    fire_sort(m->name, m->n_names, sizeof *m->name, by_name);
    for (int64_t i = 1; i < m->n_names; i++)
        if (!fire_span_compare(m->name[i - 1].name, m->name[i].name)) return fire_fail(err, FIRE_E_CORRUPT, "the name '%s' is defined twice", show(m->name[i].name, text, sizeof text));
    return m->n_outputs ? FIRE_OK : fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "the net computes nothing");
}

fire_status fire_caffe_read(fire_context *ctx, const void *bytes, size_t size, const void *weights, size_t weights_size, fire_onnx *m, fire_error *err) {
    const fire_wire net = all_of(bytes, size);
    layer *l = NULL;
    int64_t n = 0, n_entries = 0, inputs = 0, nodes = 0, blobs = 0;
    *m = (fire_onnx){.ctx = ctx, .arena = {.ctx = ctx}, .bytes = bytes, .size = size + weights_size, .opset = FIRE_ONNX_OPSET, .ir = FIRE_ONNX_IR};
    if (!fire_caffe_is(bytes, size)) return fire_fail(err, FIRE_E_NOT_A_MODEL, "this is no net of Caffe");
    if (!(m->caffe = fire_arena_alloc(&m->arena, 1, sizeof *m->caffe, err))) return FIRE_NOMEM;
    fire_status s = read_layers(m, net, &l, &n, err);
    if (!s && weights_size) s = take_weights(m, weights, weights_size, l, n, err);
    if (s) return s;
    fire_wire in = net;
    fire_wire_field f;
    bool more;
    while (!(s = fire_wire_next(&in, &f, &more, err)) && more) inputs += f.number == 3;
    for (int64_t i = 0; i < n; i++) {
        n_entries += l[i].role == COMPUTES ? l[i].n_tops : 0;
        inputs += l[i].role == DATA ? l[i].n_tops : 0;
        blobs += l[i].role == COMPUTES ? l[i].n_blobs : 0;
        nodes += l[i].role == COMPUTES;
    }
    if (inputs > MAX_INPUTS) return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "%lld inputs, expected at most %d", (long long)inputs, MAX_INPUTS);
    m->n_initializers = blobs;
    m->input = fire_arena_alloc(&m->arena, (size_t)inputs, sizeof *m->input, err);
    m->initializer = m->input ? fire_arena_alloc(&m->arena, (size_t)blobs, sizeof *m->initializer, err) : NULL;
    m->node = m->initializer ? fire_arena_alloc(&m->arena, (size_t)nodes, sizeof *m->node, err) : NULL;
    m->caffe->node = m->node ? fire_arena_alloc(&m->arena, (size_t)nodes, sizeof *m->caffe->node, err) : NULL;
    entry *e = m->caffe->node ? fire_arena_alloc(&m->arena, (size_t)(n_entries + inputs), sizeof *e, err) : NULL;
    if (!e) return FIRE_NOMEM;
    s = read_inputs(m, net, l, n, m->input, &m->n_inputs, err);
    n_entries = 0;
    for (int64_t i = 0; i < m->n_inputs; i++) e[n_entries++] = (entry){.blob = m->input[i].name, .layer = -1, .input = i};
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < l[i].n_tops && l[i].role == COMPUTES; k++) e[n_entries++] = (entry){.blob = l[i].top[k], .layer = i, .input = k};
    if (!s) s = name_entries(m, l, e, &n_entries, err);
    if (!s) s = find_wanted(l, n, e, n_entries, err);
    if (!s) s = make_nodes(m, l, n, e, n_entries, err);
    return s ? s : make_names(m, l, n, e, n_entries, err);
}
