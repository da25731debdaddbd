/* count_like - how many numbers of x stand behind each of y: the count of x over that of y, as one number. Neither is read, so that the
** planner makes it a constant once the batch is known.
*/
#include "op.h"

static fire_status count_like_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    fire_status s = fire_want_float(&in[0], "input", err);
    out[0].type = in[0].type;
    return s;
}

static void count_like_run(const fire_call *call) {
    int64_t x = fire_count(&call->in[0].shape), y = fire_count(&call->in[1].shape);
    fire_put(&call->out[0], 0, y ? (double)x / (double)y : 0);
}

const fire_op fire_op_count_like = {
    .name = "CountLike", .domain = FIRE_DOMAIN, .help = "how many numbers of x stand behind each of y",
    .min_in = 2, .max_in = 2, .n_out = 1, .shape_only = 3,
    .infer = count_like_infer, .run = count_like_run,
    .examples = {"[4,3] [3]", "[4,5,2] [2]", "[7] []"},
};
