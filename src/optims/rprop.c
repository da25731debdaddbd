/* rprop - a step size for each weight that grows while its gradient keeps its sign (Riedmiller and Braun, 1993); torch's form. For full batches. */
#include "kernel.h"
#include "optim.h"
#include <math.h>

typedef struct { double learning_rate, shrink, grow, least, most; } rprop_attrs;

#define AT(field) offsetof(rprop_attrs, field)
static const fire_attr attrs[] = {
    {"learning_rate", FIRE_ATTR_FLOAT, AT(learning_rate), 0.01, 0, 1e30, NULL, NULL, "size of the first steps"},
    {"eta_minus", FIRE_ATTR_FLOAT, AT(shrink), 0.5, 0, 1, NULL, NULL, "factor of a step whose gradient has turned"},
    {"eta_plus", FIRE_ATTR_FLOAT, AT(grow), 1.2, 1, 1e6, NULL, NULL, "factor of a step whose gradient has not"},
    {"min_step", FIRE_ATTR_FLOAT, AT(least), 1e-6, 0, 1e30, NULL, NULL, "size of a step at least"},
    {"max_step", FIRE_ATTR_FLOAT, AT(most), 50, 0, 1e30, NULL, NULL, "size of a step at most"},
    {0},
};

/* Before the first update all sizes are 0: they begin with the rate. */
#define RPROP(T) \
    static void update_##T(T first, T shrink, T grow, T least, T most, T scale, int64_t from, int64_t to, T *restrict w, const T *restrict g, \
                           T *restrict last, T *restrict size) { \
        for (int64_t i = from; i < to; i++) { \
            T x = g[i] * scale, s = size[i] == 0 ? first : size[i], turn = x * last[i]; \
            s *= turn > 0 ? grow : turn < 0 ? shrink : 1; \
            s = s < least ? least : s > most ? most : s; \
            if (turn < 0) x = 0; \
            w[i] -= x > 0 ? s : x < 0 ? -s : 0; \
            last[i] = x; \
            size[i] = s; \
        } \
    }
RPROP(float)
RPROP(double)

static void rprop_update(const fire_optim_call *c) {
    const rprop_attrs *t = c->attrs;
    if (c->type == FIRE_F32)
        update_float((float)c->rate, (float)t->shrink, (float)t->grow, (float)t->least, (float)t->most, (float)c->gscale, c->from, c->to, c->w, c->g, c->slot[0], c->slot[1]);
    else update_double(c->rate, t->shrink, t->grow, t->least, t->most, c->gscale, c->from, c->to, c->w, c->g, c->slot[0], c->slot[1]);
}

static int32_t rprop_slots(const void *attrs_) { return 2; }

const fire_optim FIRE_ISA_NAME(fire_optim_rprop) = {
    .name = "Rprop", .help = "torch's: steps by the sign of the gradient alone", .attrs = attrs, .attr_size = sizeof(rprop_attrs), .rate_offset = AT(learning_rate),
    .slots = rprop_slots, .update = rprop_update,
};
