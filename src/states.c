/* states.c - what stateful layers keep from batch to batch: one block in the network, rows by units for each state, bound into plans as their first
** states and filled from their last ones after each run. Row i of a batch goes on where row i of the batch before ended, as in Keras. */
#include "layer.h"
#include "network.h"
#include "plan.h"
#include <string.h>

int64_t fire_network_batch(const fire_network *net) {
    for (int64_t i = 0; i < net->n_layers; i++) {
        const fire_layer_node *n = &net->layer[i];
        int64_t rows = n->kind->input_batch ? n->kind->input_batch(n->attrs) : 0;
        if (rows) return rows;
    }
    return 0;
}

bool fire_network_stateful(const fire_network *net) {
    for (int64_t i = 0; i < net->n_layers; i++)
        if (net->layer[i].kind->keeps_state && net->layer[i].kind->keeps_state(net->layer[i].attrs)) return true;
    return false;
}

/* ---- in graphs ---- */

int32_t fire_state(fire_build *b, int64_t units, fire_value *first) {
    fire_states *s = b->states;
    if (!s || b->g->first.status) return -1;
    if (s->n == FIRE_MAX_STATES) {
        fire_graph_fail(b->g, FIRE_E_UNSUPPORTED, "the network has more than %d states", FIRE_MAX_STATES);
        return -1;
    }
    s->layer[s->n] = b->layer;
    s->units[s->n] = units;
    *first = s->first[s->n] = fire_graph_input(b->g, "state", b->net->type, (fire_shape){2, {-1, units}});
    return s->n++;
}

void fire_state_next(fire_build *b, int32_t state, fire_value last) {
    if (state >= 0) b->states->last[state] = fire_apply(b->g, "Identity", 1, &last, NULL); /* a value of its own, whatever else the layer gives */
}

/* ---- in the network ---- */

void fire_states_free(fire_network *net) {
    fire_free(net->ctx, net->state);
    net->state = NULL;
    net->n_state = 0;
}

fire_status fire_states_ready(fire_network *net, const fire_states *s, fire_error *err) {
    int64_t rows = fire_network_batch(net), total = 0, n;
    if (!s->n || net->state) return FIRE_OK;
    for (int32_t i = 0; i < s->n; i++) {
        net->state_at[i] = total;
        net->state_layer[i] = s->layer[i];
        if (!fire_mul(rows, s->units[i], &n) || !fire_add(total, n, &total)) return fire_fail(err, FIRE_E_NOMEM, "out of memory: states of %lld rows are too large", (long long)rows);
    }
    if (!(net->state = fire_alloc(net->ctx, (size_t)total, fire_type_size(net->type), err))) return FIRE_NOMEM; /* zeros */
    net->n_state = s->n;
    net->state_at[s->n] = total;
    return FIRE_OK;
}

static char *state_data(const fire_network *net, int32_t i) { return (char *)net->state + (size_t)net->state_at[i] * fire_type_size(net->type); }

void fire_states_bind(const fire_network *net, const fire_states *s, fire_plan *p) {
    for (int32_t i = 0; i < s->n; i++) fire_plan_bind(p, s->first[i], state_data(net, i));
}

void fire_states_keep(const fire_network *net, const fire_states *s, const fire_plan *p) {
    for (int32_t i = 0; i < s->n; i++)
        memcpy(state_data(net, i), fire_plan_data(p, s->last[i]), (size_t)(net->state_at[i + 1] - net->state_at[i]) * fire_type_size(net->type));
}

fire_status fire_states_check(const fire_network *net, int64_t rows, const char *what, fire_error *err) {
    int64_t batch = fire_network_batch(net);
    if (!fire_network_stateful(net) || rows % batch == 0) return FIRE_OK;
    return fire_fail(err, FIRE_E_USAGE, "%lld rows to %s are no whole number of batches of %lld, whose states the network's stateful layers keep; give a multiple, or another batch_size to Input",
                     (long long)rows, what, (long long)batch);
}

fire_status fire_network_reset_states(fire_network *net, int32_t layer, fire_error *err) {
    if (layer >= net->n_layers) return fire_fail(err, FIRE_E_USAGE, "there is no layer %d to reset", (int)layer);
    if (layer < 0 ? !fire_network_stateful(net) : !net->layer[layer].kind->keeps_state || !net->layer[layer].kind->keeps_state(net->layer[layer].attrs))
        return fire_fail(err, FIRE_E_USAGE, "%s%s%s keeps no states to reset; make its recurrent layers with stateful=true", layer < 0 ? "the network" : "layer '",
                         layer < 0 ? "" : net->layer[layer].name, layer < 0 ? "" : "'");
    for (int32_t i = 0; i < net->n_state; i++)
        if (layer < 0 || net->state_layer[i] == layer) memset(state_data(net, i), 0, (size_t)(net->state_at[i + 1] - net->state_at[i]) * fire_type_size(net->type));
    return FIRE_OK;
}
