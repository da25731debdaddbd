/* weights.c - where the numbers of weights lie: in the network's two flat buffers, or apart, each where its file has it.
**
** A network that was just loaded has its weights apart: opening a file reads none of them, scoring binds them where they are mapped (so that the
** processes of a host share them), and clones share them too. Those that a file has in another form are kept in an arena of the network. Whoever
** writes weights, or wants them as one vector, calls fire_network_own first, which makes the flat buffers and copies all of them once.
*/
#include "formats/onnx_file.h"
#include "network.h"
#include <string.h>

void *fire_weight_data(const fire_network *net, int64_t i) {
    const fire_weight_slot *w = &net->weight[i];
    if (net->apart) return w->lies;
    return (char *)(w->trainable ? net->params : net->fixed) + w->offset * (int64_t)fire_type_size(net->type);
}

static size_t bytes_of(const fire_network *net, int64_t i) { return (size_t)fire_count(&net->weight[i].shape) * fire_type_size(net->type); }

void fire_network_set_apart(fire_network *net, struct fire_onnx_file *home) {
    net->apart = true;
    net->kept = (fire_arena){.ctx = net->ctx};
    net->home = home ? fire_onnx_file_share(home) : NULL;
}

void *fire_weight_room(fire_network *net, int64_t i, fire_error *err) {
    return net->weight[i].lies = fire_arena_alloc(&net->kept, (size_t)fire_count(&net->weight[i].shape), fire_type_size(net->type), err);
}

fire_status fire_weight_place(fire_network *net, int64_t i, const fire_tensor *from, fire_error *err) {
    const int64_t n = fire_count(&from->shape);
    if (from->type == net->type && net->home && fire_onnx_file_holds(net->home, from->data, bytes_of(net, i))) {
        net->weight[i].lies = from->data;
        return FIRE_OK;
    }
    const fire_tensor to = {net->type, from->shape, fire_weight_room(net, i, err)};
    if (!to.data) return FIRE_NOMEM;
    if (from->type == to.type && n) memcpy(to.data, from->data, bytes_of(net, i));
    else for (int64_t k = 0; k < n; k++) fire_put(&to, k, fire_get(from, k));
    return FIRE_OK;
}

/* Those drawn by nobody yet have no place: their numbers are asked for behind fire_network_init alone, which makes the buffers. */
fire_status fire_weight_ready(const fire_network *net, int64_t i, fire_error *err) {
    fire_weight_slot *w = &net->weight[i];
    if (!net->apart || !w->lies || (uintptr_t)w->lies % 16 == 0) return FIRE_OK;
    return fire_onnx_file_align(net->home, &w->lies, bytes_of(net, i), err);
}

fire_status fire_network_weights_ready(const fire_network *net, fire_error *err) {
    fire_status s = FIRE_OK;
    for (int64_t i = 0; i < net->n_weights && !s; i++) s = fire_weight_ready(net, i, err);
    return s;
}

fire_status fire_network_own(fire_network *net, fire_error *err) {
    if (!net->apart) return FIRE_OK;
    const size_t size = fire_type_size(net->type);
    void *fixed = fire_alloc(net->ctx, (size_t)net->n_fixed, size, err);
    void *params = fixed ? fire_alloc(net->ctx, (size_t)net->n_params, size, err) : NULL;
    if (!params) {
        fire_free(net->ctx, fixed);
        return FIRE_NOMEM;
    }
    net->params = params;
    net->fixed = fixed;
    net->apart = false;
    for (int64_t i = 0; i < net->n_weights; i++) {
        const size_t bytes = bytes_of(net, i);
        if (net->weight[i].lies && bytes) memcpy(fire_weight_data(net, i), net->weight[i].lies, bytes);
        net->weight[i].lies = NULL;
    }
    fire_scorer_free(net->ctx, net->scorer); /* its plans read the file */
    net->scorer = NULL;
    fire_network_release(net);
    return FIRE_OK;
}

fire_status fire_network_share_weights(const fire_network *from, fire_network *to, fire_error *err) {
    if (from->n_weights != to->n_weights) return fire_fail(err, FIRE_E_USAGE, "%lld weights for %lld", (long long)from->n_weights, (long long)to->n_weights);
    for (int64_t i = 0; i < from->n_weights; i++) {
        const fire_tensor t = {from->type, from->weight[i].shape, from->weight[i].lies};
        fire_status s = t.data ? fire_weight_place(to, i, &t, err) : FIRE_OK;
        if (s) return s;
    }
    return FIRE_OK;
}

void fire_network_release(fire_network *net) {
    fire_onnx_file_free(net->home);
    net->home = NULL;
    fire_arena_free(&net->kept);
}
