/* note.c - texts by key that travel in a network's model file. */
#include "network.h"
#include <string.h>

const char *fire_network_note(const fire_network *net, const char *key) {
    for (int64_t i = 0; i < net->n_notes; i++)
        if (!strcmp(net->note[i].key, key)) return net->note[i].text;
    return NULL;
}

fire_status fire_network_set_note(fire_network *net, const char *key, const char *text, fire_error *err) {
    int64_t i = 0;
    if (!key) return fire_fail(err, FIRE_E_USAGE, "a note without a key");
    while (i < net->n_notes && strcmp(net->note[i].key, key)) i++;
    if (!text) {
        if (i == net->n_notes) return FIRE_OK;
        fire_free(net->ctx, net->note[i].key);
        fire_free(net->ctx, net->note[i].text);
        memmove(&net->note[i], &net->note[i + 1], (size_t)(net->n_notes - i - 1) * sizeof *net->note);
        net->n_notes--;
        return FIRE_OK;
    }
    char *copy = fire_copy_text(net->ctx, text, err);
    if (!copy) return FIRE_NOMEM;
    if (i < net->n_notes) {
        fire_free(net->ctx, net->note[i].text);
        net->note[i].text = copy;
        return FIRE_OK;
    }
    char *name = fire_copy_text(net->ctx, key, err);
    if (!name || fire_grow(net->ctx, &net->note, &net->note_capacity, net->n_notes + 1, sizeof *net->note, err)) {
        fire_free(net->ctx, name);
        fire_free(net->ctx, copy);
        return FIRE_NOMEM;
    }
    net->note[i].key = name;
    net->note[i].text = copy;
    net->n_notes++;
    return FIRE_OK;
}
