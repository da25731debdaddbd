/* adam - adaptive moment estimation; see adam.h. */
#include "adam.h"

const fire_optim FIRE_ISA_NAME(fire_optim_adam) = {
    .name = "Adam", .help = "adaptive moment estimation", .attrs = attrs, .attr_size = sizeof(adam_attrs), .rate_offset = AT(learning_rate),
    .slots = adam_slots, .update = adam_update,
};
