/* step_ids - an id for each step of each row, [n] to [n, steps], so that random layers draw anew at every step (dropout.h). */
#include "op.h"

typedef struct { int64_t steps; } step_attrs;
static const fire_attr attrs_of_step_ids[] = {{"steps", FIRE_ATTR_INT, offsetof(step_attrs, steps), 1, 1, 1ll << 40, .help = "of a row"}, {0}};

static fire_status step_ids_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    char text[FIRE_SHAPE_TEXT];
    if (in[0].type != FIRE_I64 || in[0].shape.rank != 1)
        return fire_fail(err, FIRE_E_SHAPE, "ids are %s %s, expected int64 [n]", fire_type_text(in[0].type), fire_shape_text(&in[0].shape, text));
    out[0].type = FIRE_I64;
    out[0].shape = (fire_shape){2, {in[0].shape.dim[0], ((const step_attrs *)attrs)->steps}};
    return FIRE_OK;
}

/* Ids are drawn from all 64-bit numbers or count from 0; steps are spread by an odd number, modulo 2^64, so that neither sort collides. */
static void step_ids_run(const fire_call *call) {
    const int64_t *id = call->in[0].data, n = call->out[0].shape.dim[0], steps = call->out[0].shape.dim[1];
    int64_t *to = call->out[0].data;
    for (int64_t r = 0; r < n; r++)
        for (int64_t s = 0; s < steps; s++) to[r * steps + s] = (int64_t)((uint64_t)id[r] + (uint64_t)s * 0x9E3779B97F4A7C15u);
}

const fire_op fire_op_step_ids = {
    .name = "StepIds", .domain = FIRE_DOMAIN, .help = "an id for each step of each row",
    .min_in = 1, .max_in = 1, .n_out = 1, .attrs = attrs_of_step_ids, .attr_size = sizeof(step_attrs), .infer = step_ids_infer, .run = step_ids_run,
    .examples = {"i64[3] steps=4", "i64[5]"},
};
