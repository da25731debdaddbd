/* adamw - Adam with weight decay apart from the gradient (Loshchilov and Hutter, 2019); see adam.h. */
#include "adam.h"

const fire_optim FIRE_ISA_NAME(fire_optim_adamw) = {
    .name = "AdamW", .help = "Adam with weight decay that does not go through the gradient", .attrs = attrs, .attr_size = sizeof(adam_attrs), .rate_offset = AT(learning_rate),
    .weight_decay = 0.004, .slots = adam_slots, .update = adam_update,
};
