/* spatial.c - what layers over one to three spatial dimensions share. */
#include "spatial.h"
#include "op.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

fire_status fire_spatial_list_check(const fire_ints *list, const char *name, int rank, bool empty, fire_error *err) {
    if (list->n == 1 || list->n == rank || (empty && !list->n)) return FIRE_OK;
    if (!list->n) return fire_fail(err, FIRE_E_ATTRIBUTE, "%s is missing; give 1 or %d numbers, as in %s=[3]", name, rank, name);
    return fire_fail(err, FIRE_E_ATTRIBUTE, "%s has %d numbers, expected 1 or %d", name, (int)list->n, rank);
}

fire_status fire_spatial_pairs_check(const fire_ints *list, const char *name, int rank, fire_error *err) {
    if (list->n == 1 || list->n == rank || list->n == 2 * rank) return FIRE_OK;
    return fire_fail(err, FIRE_E_ATTRIBUTE, "%s has %d numbers, expected 1, %d (both sides of each dimension) or %d (before and behind each)", name, (int)list->n, rank, 2 * rank);
}

void fire_spatial_pairs(const fire_ints *list, int rank, int64_t low[3], int64_t high[3]) {
    for (int i = 0; i < rank; i++) {
        low[i] = list->v[list->n == 1 ? 0 : list->n == 2 * rank ? 2 * i : i];
        high[i] = list->v[list->n == 1 ? 0 : list->n == 2 * rank ? 2 * i + 1 : i];
    }
}

/* Numbers of a padding that is no word; false: it is none. */
static bool read_padding(const char *text, fire_ints *list) {
    bool brackets = *text == '[';
    *list = (fire_ints){0};
    for (text += brackets; list->n < 6;) {
        char *end;
        long v = strtol(text, &end, 10);
        if (end == text || v < 0 || v > 1 << 30) return false;
        list->v[list->n++] = v;
        while (*end == ' ') end++;
        if (!brackets || *end == ']') return !end[brackets];
        if (*end != ',') return false;
        text = end + 1;
    }
    return false;
}

fire_status fire_spatial_padding_check(const char *padding, int rank, bool causal, fire_error *err) {
    fire_ints list;
    char shown[80];
    if (!strcmp(padding, "valid") || !strcmp(padding, "same") || (causal && !strcmp(padding, "causal"))) return FIRE_OK;
    if (read_padding(padding, &list)) return fire_spatial_pairs_check(&list, "padding", rank, err);
    return fire_fail(err, FIRE_E_ATTRIBUTE, "padding is '%s', expected valid, same%s, or numbers as in \"[1,1]\"", fire_escape(shown, sizeof shown, padding, strlen(padding)), causal ? ", causal" : "");
}

fire_status fire_spatial_window_check(const fire_spatial_attrs *t, int rank, bool causal, fire_error *err) {
    fire_status s = fire_spatial_list_check(&t->kernel_size, "kernel_size", rank, false, err);
    if (!s) s = fire_spatial_list_check(&t->strides, "strides", rank, false, err);
    if (!s) s = fire_spatial_list_check(&t->dilation_rate, "dilation_rate", rank, false, err);
    return s ? s : fire_spatial_padding_check(t->padding, rank, causal, err);
}

fire_value fire_spatial_in(fire_build *b, const char *kind, const fire_spatial_attrs *t, int rank, fire_value x) {
    fire_graph *g = b->g;
    if (g->first.status) return 0;
    fire_shape s = fire_shape_of(g, x);
    char text[FIRE_SHAPE_TEXT];
    bool first = !strcmp(t->data_format, "channels_first");
    static const char *const want[2][3] = {{"[n, steps, channels]", "[n, rows, columns, channels]", "[n, planes, rows, columns, channels]"},
                                           {"[n, channels, steps]", "[n, channels, rows, columns]", "[n, channels, planes, rows, columns]"}};
    if (s.rank != rank + 2) return fire_graph_fail(g, FIRE_E_SHAPE, "%s '%s': the input is %s, expected %s", kind, g->layer, fire_shape_text(&s, text), want[first][rank - 1]);
    int64_t perm[5] = {0};
    for (int d = 1; d <= rank; d++) perm[d] = d + 1;
    perm[rank + 1] = 1;
    return first ? fire_transpose(g, x, rank + 2, perm) : x;
}

fire_value fire_spatial_out(fire_build *b, const fire_spatial_attrs *t, fire_value y) {
    if (b->g->first.status || strcmp(t->data_format, "channels_first")) return y;
    int rank = fire_shape_of(b->g, y).rank;
    int64_t perm[FIRE_MAX_RANK] = {0};
    perm[1] = rank - 1;
    for (int d = 2; d < rank; d++) perm[d] = d - 1;
    return fire_transpose(b->g, y, rank, perm);
}

static int put(char *to, int at, const char *name, int n, const int64_t *v) {
    at += snprintf(to + at, (size_t)(FIRE_SPATIAL_WINDOW - at), " %s=[", name);
    for (int i = 0; i < n; i++) at += snprintf(to + at, (size_t)(FIRE_SPATIAL_WINDOW - at), "%s%lld", i ? "," : "", (long long)v[i]);
    return at + snprintf(to + at, (size_t)(FIRE_SPATIAL_WINDOW - at), "]");
}

/* At most 15 numbers of ten digits: it fits. */
const char *fire_spatial_window(const fire_spatial_attrs *t, int rank, const int64_t *kernel, bool name_kernel, const fire_ints *strides, char to[FIRE_SPATIAL_WINDOW]) {
    int64_t stride[3] = {1, 1, 1}, dilation[3] = {1, 1, 1}, pads[6] = {0};
    fire_ints list;
    for (int i = 0; i < rank; i++) {
        stride[i] = fire_spatial_number(strides, i, 1);
        dilation[i] = fire_spatial_number(&t->dilation_rate, i, 1);
    }
    int at = snprintf(to, FIRE_SPATIAL_WINDOW, "channels_last=1");
    at = put(to, at, "strides", rank, stride);
    if (dilation[0] > 1 || (rank > 1 && dilation[1] > 1) || (rank > 2 && dilation[2] > 1)) at = put(to, at, "dilations", rank, dilation);
    if (name_kernel) at = put(to, at, "kernel_shape", rank, kernel);
    if (!strcmp(t->padding, "same")) at += snprintf(to + at, (size_t)(FIRE_SPATIAL_WINDOW - at), " auto_pad=SAME_UPPER");
    else if (!strcmp(t->padding, "causal")) pads[0] = (kernel[0] - 1) * dilation[0], put(to, at, "pads", 2, pads); /* both below 2^30 */
    else if (read_padding(t->padding, &list)) fire_spatial_pairs(&list, rank, pads, pads + rank), put(to, at, "pads", 2 * rank, pads);
    return to;
}

fire_value fire_spatial_pad(fire_graph *g, fire_value x, int rank, const int64_t *low, const int64_t *high, const char *mode) {
    int64_t pads[10] = {0}; /* of all dimensions: other software stumbles over the input `axes` between Transposes */
    char text[40];
    bool any = false;
    for (int i = 0; i < rank; i++) pads[i + 1] = low[i], pads[rank + 2 + i + 1] = high[i], any = any || low[i] || high[i];
    if (!any || g->first.status) return x;
    snprintf(text, sizeof text, "mode=%s", mode);
    return fire_apply(g, "Pad", 2, FIRE_IN(x, fire_graph_const(g, FIRE_I64, (fire_shape){1, {2 * (rank + 2)}}, pads)), text);
}
