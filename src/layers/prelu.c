/* prelu - x above 0, alpha x below; alpha is learned, one number for each place of a row, or one for all places along the shared axes. */
#include "compose.h"

typedef struct {
    fire_attr_text alpha_initializer, alpha_regularizer, alpha_constraint;
    fire_ints shared_axes;
} prelu_attrs;

#define AT(field) offsetof(prelu_attrs, field)
static const fire_attr attrs[] = {
    {"alpha_initializer", FIRE_ATTR_TEXT, AT(alpha_initializer), 0, 0, 0, "Zeros", NULL, "first values of alpha"},
    {"alpha_regularizer", FIRE_ATTR_TEXT, AT(alpha_regularizer), 0, 0, 0, "", NULL, "penalty of alpha"},
    {"alpha_constraint", FIRE_ATTR_TEXT, AT(alpha_constraint), 0, 0, 0, "", NULL, "what holds alpha"},
    {"shared_axes", FIRE_ATTR_INTS, AT(shared_axes), 0, 1, FIRE_MAX_RANK - 1, "[]", NULL, "dimensions along which alpha is one number; 1 is the first after the batch"},
    {0},
};

static fire_status prelu_check(const void *attrs_, fire_error *err) { return fire_init_check(((const prelu_attrs *)attrs_)->alpha_initializer, err); }

static fire_value prelu_build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) {
    const prelu_attrs *t = attrs_;
    fire_graph *g = b->g;
    fire_shape shape;
    if (!fire_place_shape(g, "PReLU", in[0], &t->shared_axes, &shape)) return 0;
    fire_value alpha = fire_weight(b, "alpha", shape, (fire_how){t->alpha_initializer, t->alpha_regularizer, t->alpha_constraint}, true);
    return fire_apply(g, "PRelu", 2, FIRE_IN(in[0], alpha), NULL);
}

const fire_layer fire_layer_prelu = {
    .name = "PReLU", .help = "x above 0, a learned slope below",
    .attrs = attrs, .attr_size = sizeof(prelu_attrs), .min_in = 1, .max_in = 1, .passes_mask = true, .check = prelu_check, .build = prelu_build,
    .examples = {"[5]", "[3,4] alpha_initializer=\"Constant value=0.25\"", "[2,3,4] shared_axes=[1,2] alpha_initializer=\"Constant value=0.1\""},
};
