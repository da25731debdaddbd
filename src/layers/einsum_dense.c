/* einsum_dense - activation(x w + b), the product being given by an equation with a letter for each dimension: "abc,cd->abd". Dots stand for the
** dimensions of x that the letters leave: "...x,xy->...y".
*/
#include "compose.h"
#include "kernel_bias.h"
#include "op.h"

typedef struct {
    fire_attr_text equation, activation, bias_axes;
    fire_ints output_shape;
    fire_kernel_bias held;
} einsum_attrs;

#define AT(field) offsetof(einsum_attrs, field)
static const fire_attr attrs[] = {
    {"equation", FIRE_ATTR_TEXT, AT(equation), .text = "", .help = "letters of x, of the kernel, and of the output, as in \"abc,cd->abd\"; must be given"},
    {"output_shape", FIRE_ATTR_INTS, AT(output_shape), 0, -1, 1 << 24, .help = "sizes of the output's letters but the first; -1: x says it; must be given"},
    {"activation", FIRE_ATTR_TEXT, AT(activation), .text = "linear", .choices = FIRE_ACTIVATION_CHOICES, .help = "applied to the result"},
    {"bias_axes", FIRE_ATTR_TEXT, AT(bias_axes), .text = "", .help = "letters of the output that have a bias; empty: none is added"},
    FIRE_KERNEL_BIAS(AT(held)),
    {0},
};

static fire_status einsum_check(const void *attrs_, fire_error *err) {
    const einsum_attrs *t = attrs_;
    if (!*t->equation) return fire_fail(err, FIRE_E_ATTRIBUTE, "equation is missing; give one, as in equation=\"abc,cd->abd\"");
    if (!t->output_shape.n) return fire_fail(err, FIRE_E_ATTRIBUTE, "output_shape is missing; give the sizes of the output's letters but the first");
    return fire_kernel_bias_check(&t->held, err);
}

/* One part of the equation: its letters, with '0', '1' ... for the dots, of which there are `dots`. False: a character that is no letter, too long. */
typedef struct { char label[FIRE_MAX_RANK + 1]; int n, at; } part; /* at: where the dots stand, -1: nowhere */
static bool read_part(const char **text, const char *end, int dots, part *p) {
    *p = (part){.at = -1};
    for (; **text && !strchr(end, **text); ++*text) {
        if (!strncmp(*text, "...", 3) && p->at < 0) {
            p->at = p->n;
            *text += 2;
            for (int i = 0; i < dots; i++) {
                if (p->n == FIRE_MAX_RANK) return false;
                p->label[p->n++] = (char)('0' + i);
            }
        } else {
            char c = **text;
            if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) || p->n == FIRE_MAX_RANK || strchr(p->label, c)) return false;
            p->label[p->n++] = c;
        }
    }
    return true;
}

static fire_value misfit(fire_graph *g, const einsum_attrs *t, const fire_shape *x, const char *why) {
    char a[FIRE_SHAPE_TEXT], shown[80];
    return fire_graph_fail(g, FIRE_E_ATTRIBUTE, "EinsumDense '%s': the equation '%s' for an input %s: %s", g->layer,
                           fire_escape(shown, sizeof shown, t->equation, strlen(t->equation)), fire_shape_text(x, a), why);
}

static fire_value einsum_build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) {
    const einsum_attrs *t = attrs_;
    fire_graph *g = b->g;
    fire_shape x = fire_shape_of(g, in[0]), kernel = {.rank = 0}, bias = {.rank = 0};
    part px, pw, py;
    int letters = 0, dots = 0;
    for (const char *c = t->equation; *c && *c != ','; c++) letters += *c != '.';
    if (strstr(t->equation, "...")) dots = x.rank - letters;
    const char *p = t->equation;
    if (dots < 0) return misfit(g, t, &x, "it has more letters than the input has dimensions");
    if (!read_part(&p, ",", dots, &px) || *p++ != ',' || !read_part(&p, "-", dots, &pw) || *p++ != '-' || *p++ != '>' || !read_part(&p, "", dots, &py))
        return misfit(g, t, &x, "expected letters, each once in a part, as in abc,cd->abd");
    if (px.n != x.rank) return misfit(g, t, &x, "its letters are not as many as the input's dimensions");
    if (pw.at >= 0 || (px.at >= 0) != (py.at >= 0)) return misfit(g, t, &x, "dots stand in the input and the output, or nowhere");

    /* Sizes of the output: the batch or what the dots stand for comes from x, the rest is listed. */
    int64_t out[FIRE_MAX_RANK];
    int listed = 0;
    for (int i = 0; i < py.n; i++) {
        const char *from = strchr(px.label, py.label[i]);
        bool dotted = py.at >= 0 && i >= py.at && i < py.at + dots, first = py.at != 0 && i == 0;
        int64_t known = from ? x.dim[from - px.label] : -1, given = -1;
        if (!dotted && !first) {
            if (listed == t->output_shape.n) return misfit(g, t, &x, "output_shape lists too few sizes");
            given = t->output_shape.v[listed++];
        }
        if (given > 0 && from && known != given) return misfit(g, t, &x, "output_shape says another size than the input has");
        out[i] = given > 0 ? given : known;
        if (out[i] < 0 && !from) return misfit(g, t, &x, "output_shape must say the sizes that only the kernel has");
    }
    if (listed != t->output_shape.n) return misfit(g, t, &x, "output_shape lists too many sizes");
    for (int i = 0; i < pw.n; i++) {
        const char *a = strchr(px.label, pw.label[i]), *o = strchr(py.label, pw.label[i]);
        if (!a && !o) return misfit(g, t, &x, "a letter of the kernel is in neither the input nor the output");
        kernel.dim[kernel.rank++] = a ? x.dim[a - px.label] : out[o - py.label];
        if (kernel.dim[kernel.rank - 1] < 0) return misfit(g, t, &x, "the batch cannot be a dimension of the kernel");
    }
    if (!py.n || py.label[0] != px.label[0]) return misfit(g, t, &x, "the batch must come first in the output");
    fire_value w = fire_weight(b, "kernel", kernel, fire_kernel_how(&t->held), true);
    char plain[3 * FIRE_MAX_RANK + 8];
    strcpy(plain, px.label), strcat(plain, ","), strcat(plain, pw.label), strcat(plain, "->"), strcat(plain, py.label);
    fire_value y = fire_einsum(g, plain, in[0], w);
    if (*t->bias_axes) {
        for (const char *c = t->bias_axes; *c; c++)
            if (*c == '.' || !strchr(py.label, *c)) return misfit(g, t, &x, "bias_axes has a letter that the output lacks");
        for (int i = 0; i < py.n; i++) {
            bool has = strchr(t->bias_axes, py.label[i]);
            if (has && out[i] < 0) return misfit(g, t, &x, "the batch cannot have a bias of its own");
            if (has || bias.rank) bias.dim[bias.rank++] = has ? out[i] : 1;
        }
        y = fire_two(g, "Add", y, fire_weight(b, "bias", bias, fire_bias_how(&t->held), true));
    }
    return fire_activate(g, t->activation, y);
}

const fire_layer fire_layer_einsum_dense = {
    .name = "EinsumDense", .help = "a dense layer whose product an equation describes",
    .attrs = attrs, .attr_size = sizeof(einsum_attrs), .min_in = 1, .max_in = 1, .passes_mask = true, .check = einsum_check, .build = einsum_build,
    .examples = {"[4] equation=\"ab,bc->ac\" output_shape=[3] bias_axes=c", "[3,4] equation=\"abc,cd->abd\" output_shape=[-1,2] bias_axes=d activation=tanh",
                 "[3,4] equation=\"abc,cde->abde\" output_shape=[3,2,2] bias_axes=de", "[3,4] equation=\"...x,xy->...y\" output_shape=[2]",
                 "[3,4] equation=\"abc,bcd->ad\" output_shape=[5] bias_axes=d", "[3,4] equation=\"abc,bd->acd\" output_shape=[4,2] bias_axes=cd",
                 "[2,3,2] equation=\"ab...,bc->ac...\" output_shape=[4] bias_axes=c"},
};
