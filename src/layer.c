/* layer.c - the table of layers. */
#include "constraints.h"
#include "layer.h"
#include "regularizers.h"
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

static bool ends_with(const char *text, const char *end) {
    size_t n = strlen(text), k = strlen(end);
    return n >= k && !strcmp(text + n - k, end);
}

fire_status fire_layer_check(const fire_layer *kind, const void *attrs, fire_error *err) {
    for (const fire_attr *a = kind->attrs; a && a->name; a++) {
        const char *text = (const char *)attrs + a->offset;
        fire_error why = {0};
        fire_status s = FIRE_OK;
        if (a->type != FIRE_ATTR_TEXT || !*text) continue;
        if (ends_with(a->name, "_initializer") || !strcmp(a->name, "initializer")) s = fire_init_check(text, &why);
        else if (ends_with(a->name, "_regularizer")) s = fire_regularizer_check(text, &why);
        else if (ends_with(a->name, "_constraint")) s = fire_constraint_check(text, &why);
        if (s) return fire_fail(err, why.code, "%s: %s", a->name, why.message);
    }
    return kind->check ? kind->check(attrs, err) : FIRE_OK;
}
