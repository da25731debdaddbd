/* noise - layers that disturb numbers while training and otherwise give them back: GaussianNoise, GaussianDropout, AlphaDropout, and SpatialDropout of
** whole channels. Draws depend on (seed, layer, epoch, row id, unit) alone.
*/
#include "compose.h"
#include <math.h>
#include <stdio.h>

/* Normal numbers in the shape of x. */
static fire_value normal(fire_build *b, fire_value x, double mean, double deviation) {
    char text[2 * FIRE_NUMBER_TEXT + 64], one[FIRE_NUMBER_TEXT], two[FIRE_NUMBER_TEXT];
    snprintf(text, sizeof text, "mean=%s stddev=%s layer=%lld", fire_number_text(mean, one), fire_number_text(deviation, two), (long long)fire_draw_stream(b));
    return fire_apply(b->g, "RowNormal", 3, FIRE_IN(x, b->row_id, b->draw), text);
}

/* ---- GaussianNoise ---- */

typedef struct { double stddev; } noise_attrs;
static const fire_attr attrs_of_noise[] = {
    {"stddev", FIRE_ATTR_FLOAT, offsetof(noise_attrs, stddev), 0, 0, 1e300, .help = "standard deviation of what is added; must be given"},
    {0},
};
static fire_value noise_build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) {
    const noise_attrs *t = attrs_;
    return b->training && t->stddev > 0 ? fire_two(b->g, "Add", in[0], normal(b, in[0], 0, t->stddev)) : in[0];
}
const fire_layer fire_layer_gaussian_noise = {
    .name = "GaussianNoise", .help = "adds normal numbers while training",
    .attrs = attrs_of_noise, .attr_size = sizeof(noise_attrs), .min_in = 1, .max_in = 1, .passes_mask = true, .build = noise_build,
    .examples = {"[6] stddev=0.5", "[3,4] stddev=0.1", "[3] stddev=0"},
};

/* ---- layers with a rate ---- */

typedef struct { double rate; } rate_attrs;
static const fire_attr attrs_of_rate[] = {
    {"rate", FIRE_ATTR_FLOAT, offsetof(rate_attrs, rate), 0.5, 0, 1, .help = "share of the numbers that falls; must be given"},
    {0},
};
static fire_status below_one(const void *attrs_, fire_error *err) {
    const rate_attrs *t = attrs_;
    return t->rate < 1 ? FIRE_OK : fire_fail(err, FIRE_E_ATTRIBUTE, "rate is 1, expected less");
}

/* Factors of mean 1 and the variance that dropout of this rate has. */
static fire_value gaussian_build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) {
    const rate_attrs *t = attrs_;
    return b->training && t->rate > 0 ? fire_two(b->g, "Mul", in[0], normal(b, in[0], 1, sqrt(t->rate / (1 - t->rate)))) : in[0];
}
const fire_layer fire_layer_gaussian_dropout = {
    .name = "GaussianDropout", .help = "multiplies by normal numbers around 1 while training",
    .attrs = attrs_of_rate, .attr_size = sizeof(rate_attrs), .min_in = 1, .max_in = 1, .passes_mask = true, .check = below_one, .build = gaussian_build,
    .examples = {"[6] rate=0.5", "[3,4] rate=0.2", "[3] rate=0"},
};

/* What falls becomes alpha', selu's limit, and the rest is scaled so that mean and variance stay: Klambauer et al., "Self-normalizing neural networks", 2017. */
static fire_value alpha_build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) {
    const rate_attrs *t = attrs_;
    fire_graph *g = b->g;
    if (!b->training || t->rate == 0) return in[0];
    const double limit = -1.6732632423543772848170429916717 * 1.0507009873554804934193349852946;
    double a = 1 / sqrt((1 - t->rate) * (1 + t->rate * limit * limit)), shift = -a * limit * t->rate;
    /* kept: 1 or 0, from a dropout of ones, which gives 1 / (1 - rate) or 0. */
    fire_value ones = fire_two(g, "ExpandLike", fire_number(g, in[0], 1), in[0]), kept = fire_times(g, fire_drop(b, ones, t->rate), 1 - t->rate);
    fire_value fallen = fire_times(g, fire_two(g, "Sub", fire_number(g, in[0], 1), kept), limit);
    return fire_plus(g, fire_times(g, fire_two(g, "Add", fire_two(g, "Mul", in[0], kept), fallen), a), shift);
}
const fire_layer fire_layer_alpha_dropout = {
    .name = "AlphaDropout", .help = "dropout that keeps mean and variance, for selu",
    .attrs = attrs_of_rate, .attr_size = sizeof(rate_attrs), .min_in = 1, .max_in = 1, .passes_mask = true, .check = below_one, .build = alpha_build,
    .examples = {"[6] rate=0.5", "[3,4] rate=0.2", "[3] rate=0"},
};

/* ---- SpatialDropout ---- */

static fire_value spatial(fire_build *b, const rate_attrs *t, fire_value x, int rank, const char *layer) {
    fire_graph *g = b->g;
    fire_shape s = fire_shape_of(g, x);
    char shown[FIRE_SHAPE_TEXT], rate[FIRE_NUMBER_TEXT], text[FIRE_NUMBER_TEXT + 96];
    if (s.rank != rank) return fire_graph_fail(g, FIRE_E_SHAPE, "%s '%s': the input %s, expected %d dimensions, channels last", layer, g->layer, fire_shape_text(&s, shown), rank);
    if (!b->training || t->rate == 0) return x;
    snprintf(text, sizeof text, "rate=%s layer=%lld channels=%lld", fire_number_text(t->rate, rate), (long long)fire_draw_stream(b), (long long)s.dim[rank - 1]);
    return fire_apply(g, "RowDropout", 3, FIRE_IN(x, b->row_id, b->draw), text);
}
#define SPATIAL(n, ...)                                                                                                                                   \
    static fire_value spatial##n##_build(fire_build *b, const void *attrs, int n_in, const fire_value *in) { return spatial(b, attrs, in[0], n + 2, "SpatialDropout" #n "D"); } \
    const fire_layer fire_layer_spatial_dropout##n##d = {                                                                                                 \
        .name = "SpatialDropout" #n "D", .help = "drops whole channels at random while training",                                                        \
        .attrs = attrs_of_rate, .attr_size = sizeof(rate_attrs), .min_in = 1, .max_in = 1, .passes_mask = true, .check = below_one, .build = spatial##n##_build, \
        .examples = {__VA_ARGS__},                                                                                                                        \
    }
SPATIAL(1, "[4,3] rate=0.5", "[4,6] rate=0");
SPATIAL(2, "[2,3,4] rate=0.5");
SPATIAL(3, "[2,2,2,3] rate=0.3");
