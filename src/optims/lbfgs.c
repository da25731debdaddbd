/* lbfgs - limited-memory BFGS (Nocedal and Wright, 2006, chapters 3 and 7) over all rows at once; the steps are taken by src/lbfgs.c. */
#include "kernel.h"
#include "lbfgs.h"
#include "optim.h"

#define AT(field) offsetof(fire_lbfgs_attrs, field)
static const fire_attr attrs[] = {
    {"learning_rate", FIRE_ATTR_FLOAT, AT(learning_rate), 1, 1e-30, 1e30, NULL, NULL, "the first step that a line search tries, in Newton steps"},
    {"history_size", FIRE_ATTR_INT, AT(history_size), 10, 1, 100, NULL, NULL, "steps that it remembers; two numbers per weight each"},
    {"tol", FIRE_ATTR_FLOAT, AT(tol), 1e-6, 0, 1, NULL, NULL, "fit ends when an iteration lowers the loss by less than this share of it, or of 1"},
    {"gradient_tol", FIRE_ATTR_FLOAT, AT(gradient_tol), -1, -1, 1, NULL, NULL, "fit ends when the norm of the gradient is at most this share of the loss, or 1e-8; below 0: it does not matter"},
    {"max_evaluations", FIRE_ATTR_INT, AT(max_evaluations), 25, 2, 1000, NULL, NULL, "passes over the rows per iteration at most"},
    {0},
};

static int32_t lbfgs_slots(const void *attrs_) { return 2 * (int32_t)((const fire_lbfgs_attrs *)attrs_)->history_size; }

const fire_optim FIRE_ISA_NAME(fire_optim_lbfgs) = {
    .name = "LBFGS", .alias = "l_bfgs|l-bfgs", .help = "limited-memory BFGS over all rows; each epoch is an iteration", .attrs = attrs, .attr_size = sizeof(fire_lbfgs_attrs),
    .rate_offset = AT(learning_rate), .full_batch = true, .slots = lbfgs_slots,
};
