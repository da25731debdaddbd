/* row_normal - normally distributed numbers in the shape of x: what stands in a row depends on (seed, layer, epoch, row id, unit) alone, as with
** RowDropout.
**
** x is [n, ...], of which nothing is read, row_id i64 [n], draw i64 [2]: seed and epoch. Units 2k and 2k + 1 of a row are a pair of Box and
** Muller's, made of the two 64-bit numbers for the counter (row id, k).
*/
#include "dropout.h"
#include "op.h"
#include <math.h>

typedef struct { double mean, deviation; int64_t layer; } normal_attrs;
#define AT(field) offsetof(normal_attrs, field)
static const fire_attr attrs_of_normal[] = {
    {"mean", FIRE_ATTR_FLOAT, AT(mean), 0, 0, 0, .help = "of the numbers"},
    {"stddev", FIRE_ATTR_FLOAT, AT(deviation), 1, 0, 1e300, .help = "standard deviation"},
    {"layer", FIRE_ATTR_INT, AT(layer), 0, 0, 0, .help = "number of the layer, so that layers draw independently"},
    {0},
};

static void row_normal_run(const fire_call *call) {
    const normal_attrs *t = call->attrs;
    const fire_tensor *y = &call->out[0];
    const int64_t *id = call->in[1].data, *draw = call->in[2].data;
    int64_t rows = y->shape.dim[0], units = rows ? fire_count(&y->shape) / rows : 0;
    fire_key key = fire_dropout_key((uint64_t)draw[0], (uint64_t)draw[1], (uint64_t)t->layer);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t u = 0; u < units; u += 2) {
            uint32_t four[4];
            fire_dropout_draw(key, (uint64_t)id[r], (uint64_t)u / 2, four);
            double a = fire_uniform53((uint64_t)four[0] << 32 | four[1]), angle = 2 * M_PI * fire_uniform53((uint64_t)four[2] << 32 | four[3]);
            double radius = t->deviation * sqrt(-2 * log1p(-a)); /* 1 - a is never 0 */
            fire_put(y, r * units + u, t->mean + radius * cos(angle));
            if (u + 1 < units) fire_put(y, r * units + u + 1, t->mean + radius * sin(angle));
        }
}

static int64_t row_normal_flops(const fire_call *call) { return FIRE_WORK(40, fire_count(&call->out[0].shape)); }

const fire_op fire_op_row_normal = {
    .name = "RowNormal", .domain = FIRE_DOMAIN, .help = "normal numbers by row id, seed, epoch and layer",
    .min_in = 3, .max_in = 3, .n_out = 1, .shape_only = 1, .attrs = attrs_of_normal, .attr_size = sizeof(normal_attrs),
    .infer = fire_infer_drawn, .run = row_normal_run, .flops = row_normal_flops,
    .examples = {"[4,10] i64[4] i64[2]", "[4,3,5] i64[4] i64[2] stddev=0.2 layer=3", "[7] i64[7] i64[2] mean=1", "[3,4] i64[3] i64[2] stddev=0"},
};
