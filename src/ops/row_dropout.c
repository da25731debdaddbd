/* row_dropout - zero units at random and scale the others by 1 / (1 - rate); see dropout.h for which.
**
** x is [n, ...], row_id i64 [n], draw i64 [2]: seed and epoch. The gradient is the same operator on dy: it drops the same units.
*/
#include "dropout.h"
#include "op.h"

typedef struct { double rate; int64_t layer, channels; } dropout_attrs;
#define AT(field) offsetof(dropout_attrs, field)
static const fire_attr attrs_of_dropout[] = {
    {"rate", FIRE_ATTR_FLOAT, AT(rate), 0.5, 0, 1, .help = "share of units that become 0"},
    {"layer", FIRE_ATTR_INT, AT(layer), 0, 0, 0, .help = "number of the layer, so that layers draw independently"},
    {"channels", FIRE_ATTR_INT, AT(channels), 0, 0, 1 << 30, .help = "0: every unit is drawn; else unit u falls with unit u % channels: whole channels of the last dimension"},
    {0},
};

static void row_dropout_run(const fire_call *call) {
    const dropout_attrs *t = call->attrs;
    const fire_tensor *x = &call->in[0], *y = &call->out[0];
    const int64_t *id = call->in[1].data, *draw = call->in[2].data;
    int64_t rows = x->shape.dim[0], units = rows ? fire_count(&x->shape) / rows : 0;
    double scale = t->rate < 1 ? 1 / (1 - t->rate) : 0;
    fire_key key = fire_dropout_key((uint64_t)draw[0], (uint64_t)draw[1], (uint64_t)t->layer);
    for (int64_t r = 0; r < rows && units; r++)
        for (int64_t u = 0; u < units; u++) {
            uint32_t four[4];
            int64_t drawn = t->channels ? u % t->channels : u;
            fire_dropout_draw(key, (uint64_t)id[r], (uint64_t)drawn / 4, four);
            bool keep = (double)fire_uniform(four[drawn % 4]) >= t->rate;
            fire_put(y, r * units + u, keep ? fire_get(x, r * units + u) * scale : 0);
        }
}

static void row_dropout_grad(fire_graph *g, const fire_node *n, const fire_value *dy, fire_value *dx) {
    char text[FIRE_ATTRS_TEXT];
    dx[0] = fire_apply(g, "RowDropout", 3, FIRE_IN(dy[0], n->in[1], n->in[2]), fire_node_attrs(n, text));
}

static int64_t row_dropout_flops(const fire_call *call) { return FIRE_WORK(15, fire_count(&call->in[0].shape)); }

const fire_op fire_op_row_dropout = {
    .name = "RowDropout", .domain = FIRE_DOMAIN, .help = "zero units at random by row id, seed, epoch and layer; scale the others",
    .min_in = 3, .max_in = 3, .n_out = 1, .in_place = 1, .attrs = attrs_of_dropout, .attr_size = sizeof(dropout_attrs),
    .infer = fire_infer_drawn, .run = row_dropout_run, .grad = row_dropout_grad, .flops = row_dropout_flops,
    .examples = {"[4,10] i64[4] i64[2]", "[4,3,5] i64[4] i64[2] rate=0.2 layer=3", "[7] i64[7] i64[2]", "[3,4] i64[3] i64[2] rate=0",
                 "[3,4] i64[3] i64[2] rate=1", "[33,17] i64[33] i64[2] rate=0.1",
                 "[4,3,6] i64[4] i64[2] channels=6", "[3,5,2,3] i64[3] i64[2] channels=3 rate=0.3"},
};
