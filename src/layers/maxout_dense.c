/* maxout_dense - the largest of several dense layers of one input, unit by unit; w [features, width, units], b [features, units]. Keras 1 had it.
** Goodfellow et al., Maxout Networks, 2013. */
#include "compose.h"
#include "kernel_bias.h"

typedef struct {
    int64_t units, features;
    bool use_bias;
    fire_kernel_bias held;
} maxout_attrs;

#define AT(field) offsetof(maxout_attrs, field)
static const fire_attr attrs[] = {
    {"units", FIRE_ATTR_INT, AT(units), 0, 1, 1 << 24, NULL, NULL, "width of the output; must be given"},
    {"features", FIRE_ATTR_INT, AT(features), 4, 1, 1 << 10, NULL, NULL, "dense layers of which the largest is taken"},
    {"use_bias", FIRE_ATTR_BOOL, AT(use_bias), 1, 0, 1, NULL, NULL, "add b"},
    FIRE_KERNEL_BIAS(AT(held)),
    {0},
};

static fire_status maxout_check(const void *attrs_, fire_error *err) {
    const maxout_attrs *t = attrs_;
    if (t->units == 0) return fire_fail(err, FIRE_E_ATTRIBUTE, "units is missing; give the width of the output, as in units=10");
    return fire_kernel_bias_check(&t->held, err);
}

static fire_value maxout_build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) {
    const maxout_attrs *t = attrs_;
    fire_graph *g = b->g;
    fire_shape x = fire_shape_of(g, in[0]);
    if (x.rank != 2) return fire_graph_fail(g, FIRE_E_SHAPE, "MaxoutDense '%s': needs rows of features, [n, features]; the input has %d dimensions", g->layer, (int)x.rank);
    fire_value w = fire_weight(b, "kernel", (fire_shape){3, {t->features, x.dim[1], t->units}}, fire_kernel_how(&t->held), true);
    fire_value c = t->use_bias ? fire_weight(b, "bias", (fire_shape){2, {t->features, t->units}}, fire_bias_how(&t->held), true) : 0;
    /* One product: the kernels beside each other. */
    int64_t all = t->features * t->units;
    fire_value side = fire_reshape(g, fire_permute(g, w, (int[]){1, 0, 2}), (fire_shape){2, {x.dim[1], all}});
    fire_value y = c ? fire_apply(g, "Gemm", 3, FIRE_IN(in[0], side, fire_reshape(g, c, (fire_shape){1, {all}})), NULL) : fire_two(g, "MatMul", in[0], side);
    return fire_over(g, "ReduceMax", fire_reshape(g, y, (fire_shape){3, {-1, t->features, t->units}}), 1u << 1, false);
}

const fire_layer fire_layer_maxout_dense = {
    .name = "MaxoutDense", .help = "the largest of several dense layers, unit by unit",
    .attrs = attrs, .attr_size = sizeof(maxout_attrs), .min_in = 1, .max_in = 1, .check = maxout_check, .build = maxout_build,
    .examples = {"[5] units=3", "[4] units=2 features=3 use_bias=0", "[4] units=2 kernel_regularizer=L2 bias_initializer=\"RandomNormal stddev=0.1\""},
};
