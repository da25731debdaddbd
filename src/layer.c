/* layer.c - the table of layers. */
#include "layer.h"
#include <string.h>

#define FIRE_LAYER(symbol) extern const fire_layer fire_layer_##symbol;
#include "layers/layers.def"
#undef FIRE_LAYER
const fire_layer *const fire_layers[] = {
#define FIRE_LAYER(symbol) &fire_layer_##symbol,
#include "layers/layers.def"
#undef FIRE_LAYER
    NULL};

const fire_layer *fire_layer_find(const char *name) {
    for (const fire_layer *const *p = fire_layers; *p; p++)
        if (!strcmp((*p)->name, name)) return *p;
    return NULL;
}
