/* evaluate.c - loss and metrics of a table, gradients of one batch, and layers that learn from data without gradients. */
#include "step.h"
#include "update.h"
#include <math.h>
#include <string.h>

/* Everything that must hold before rows can run through network and loss. */
static fire_status prepare(fire_network *net, fire_dataset *data, const fire_facts *facts, fire_error *err) {
    fire_status st;
    fire_shape target;
    if (net->onnx) return fire_fail(err, FIRE_E_UNSUPPORTED, "the network was loaded from a plain ONNX graph and has no loss; score it with fire_predict");
    if (!net->loss || !net->optim) return fire_fail(err, FIRE_E_NOT_COMPILED, "the network is not compiled; call compile with an optimizer and a loss first");
    if (!net->built && (st = fire_network_build(net, &facts->x, err))) return st;
    if ((st = fire_network_check_compiled(net, &target, err))) return st;
    if ((st = fire_step_fits(net, &facts->x, facts->has_y, &facts->y, &target, err))) return st;
    if ((st = fire_step_check_labels(net, data, err))) return st;
    return fire_network_init(net, net->last_seed, err);
}

static fire_status evaluate(fire_network *net, fire_dataset *data, fire_comm *comm, double *results, fire_error *err) {
    fire_facts facts;
    static const char *const same_name[] = {"number type", "layer count"};
    int64_t same[] = {net->type, net->n_layers}, rows;
    fire_status st = fire_meet(net->ctx, data, comm, same, 2, same_name, &facts, err);
    if (!st && !facts.rows) st = fire_fail(err, FIRE_E_NO_ROWS, "there are no rows to evaluate");
    if (!st) st = prepare(net, data, &facts, err);
    if (st) return st;
    fire_step step;
    bool stateful = fire_network_stateful(net);
    if (stateful && (fire_comm_size(comm) > 1 || data->start[0]))
        return fire_fail(err, FIRE_E_UNSUPPORTED, "a network with stateful layers goes through rows in order, which rows dealt to workers have not; evaluate it in one process");
    if ((st = fire_states_check(net, facts.rows, "evaluate", err))) return st;
    fire_step_options o = {.stateful = stateful, .slices = stateful ? 1 : net->ctx->threads, .capacity = fire_block_rows(net)};
    if ((st = fire_step_new(&step, net, data, &o, err))) return st;
    fire_pool *pool = NULL;
    if (o.slices > 1) st = fire_pool_new(net->ctx, o.slices, &pool, err);
    if (!st) st = fire_step_evaluate(&step, pool, false, comm, results, &rows, err);
    fire_pool_free(pool);
    fire_step_free(&step);
    return st;
}

fire_status fire_evaluate(fire_network *net, fire_dataset *data, fire_comm *comm, double *results, fire_error *err) {
    fire_error local = {0};
    if (!err) err = &local;
    fire_status st = evaluate(net, data, comm, results, err);
    if (st && comm) fire_comm_fail(comm, err);
    return st;
}

fire_status fire_gradients(fire_network *net, fire_dataset *data, bool training, double *loss, void *const *weights, void *input, fire_error *err) {
    fire_facts facts;
    fire_status st = fire_meet(net->ctx, data, NULL, NULL, 0, NULL, &facts, err);
    if (!st && !facts.rows) st = fire_fail(err, FIRE_E_NO_ROWS, "there are no rows to take gradients over");
    if (!st) st = prepare(net, data, &facts, err);
    if (st) return st;
    fire_step s;
    fire_step_options o = {.training = training, .gradient = weights != NULL, .input_gradient = input != NULL, .slices = 1, .capacity = facts.rows};
    if ((st = fire_step_new(&s, net, data, &o, err))) return st;
    s.draw[0] = (int64_t)net->last_seed;
    s.draw[1] = net->epoch;
    if ((st = fire_step_run(&s, 0, false, NULL, 0, facts.rows))) {
        if (err) *err = s.slice[0].error;
        fire_step_free(&s);
        return st;
    }
    /* Sums become the mean over all loss values. */
    double values = net->loss->sum || !s.slice[0].values ? 1 : s.slice[0].values;
    size_t number = fire_type_size(net->type);
    fire_penalties p;
    if ((st = fire_penalties_new(&p, net, err))) {
        fire_step_free(&s);
        return st;
    }
    double penalty = fire_penalties_add(&p, net, values, s.slice[0].grad);
    if (loss) *loss = s.slice[0].loss / values + penalty;
    for (int64_t i = 0; weights && i < net->n_weights; i++) {
        int64_t n = fire_count(&net->weight[i].shape);
        if (!weights[i]) continue;
        bool held = false;
        for (int64_t k = 0; k < p.n; k++) held |= p.row[k].weight == i;
        if (!s.grad[i] && !held) { memset(weights[i], 0, (size_t)n * number); continue; }
        fire_tensor from = {.type = net->type, .data = (char *)s.slice[0].grad + (size_t)net->weight[i].offset * number}, to = {.type = net->type, .data = weights[i]};
        for (int64_t k = 0; k < n; k++) fire_put(&to, k, fire_get(&from, k) / values);
    }
    if (input) {
        int64_t n = facts.rows * s.x_width;
        if (!s.dx) memset(input, 0, (size_t)n * number);
        else {
            fire_tensor from = {.type = net->type, .data = fire_plan_data(s.slice[0].last->plan, s.dx)}, to = {.type = net->type, .data = input};
            for (int64_t k = 0; k < n; k++) fire_put(&to, k, fire_get(&from, k) / values);
        }
    }
    fire_penalties_free(&p);
    fire_step_free(&s);
    return FIRE_OK;
}

/* ---- adapting ---- */

/* Sums of layer l over this rank's rows, shard by shard, each in its slot. */
static fire_status sum_rows(fire_network *net, const fire_dataset *data, int32_t l, int64_t n, int32_t slot, int32_t own, double *sums, fire_error *err) {
    fire_context *ctx = net->ctx;
    const fire_layer_node *node = &net->layer[l];
    fire_graph g;
    fire_network_graph made;
    fire_plan *plan = NULL;
    void *x = NULL;
    fire_value *weight = fire_alloc(ctx, (size_t)net->n_weights, sizeof *weight, err);
    if (!weight) return FIRE_NOMEM;
    fire_graph_init(&g, ctx);
    fire_status st = fire_network_prefix(net, &g, l, &made, weight, err);
    int64_t block = fire_block_rows(net), planned = 0, width = data->row_width[FIRE_ROLE_X];
    if (!st && !(x = fire_alloc(ctx, (size_t)(block * width), fire_type_size(net->type), err))) st = FIRE_NOMEM;
    bool raw = made.y == made.x;
    for (int32_t k = 0; !st && k < own; k++) {
        int64_t first = 0, rows = fire_dataset_shard(data, false, k, &first), end = first + rows;
        for (int64_t m; !st && first < end; first += m) {
            m = end - first < block ? end - first : block;
            fire_dataset_gather(data, FIRE_ROLE_X, false, NULL, first, m, net->type, x);
            fire_tensor in = {.type = net->type, .shape = net->input, .data = x};
            in.shape.dim[0] = m;
            if (!raw && planned != m) {
                fire_plan_free(plan);
                plan = NULL;
                if ((st = fire_plan_new(&g, m, 1, &made.y, &plan, err))) break;
                planned = m;
                for (int64_t i = 0; i < net->n_weights; i++)
                    if (weight[i]) fire_plan_bind(plan, weight[i], fire_weight_data(net, i));
                fire_plan_bind(plan, made.x, x);
            }
            if (!raw) {
                fire_plan_run(plan);
                in = fire_plan_tensor(plan, made.y);
                in.data = fire_plan_data(plan, made.y);
            }
            node->kind->adapt_add(node->attrs, &in, sums + (slot + k) * n);
        }
    }
    fire_plan_free(plan);
    fire_free(ctx, x);
    fire_free(ctx, weight);
    fire_graph_clear(&g);
    return st;
}

fire_status fire_adapt_layers(fire_network *net, const fire_dataset *data, fire_comm *comm, bool all, fire_error *err) {
    bool dealt = data->start[0] != NULL;
    int32_t ranks = fire_comm_size(comm), slots = dealt ? data->shards : ranks, own = dealt ? data->own_shards : 1;
    int32_t slot = dealt ? data->first_shard : fire_comm_rank(comm);
    for (int32_t l = 0; l < net->n_layers; l++) {
        const fire_layer_node *node = &net->layer[l];
        bool ready = true;
        if (!node->kind->adapt_sums) continue;
        for (int32_t i = 0; i < node->n_weights; i++) ready &= net->weight[node->first_weight + i].ready;
        if (ready && !all) continue;
        fire_shape in = fire_network_entry(net, l), row = {.rank = in.rank - 1};
        for (int d = 0; d < row.rank; d++) row.dim[d] = in.dim[d + 1];
        int64_t n = node->kind->adapt_sums(node->attrs, &row);
        double *sums = fire_alloc(net->ctx, (size_t)slots, (size_t)n * sizeof *sums, err);
        fire_tensor *weight = fire_alloc(net->ctx, (size_t)node->n_weights, sizeof *weight, err);
        fire_status st = sums && weight ? FIRE_OK : FIRE_NOMEM;
        if (!st && data->has_shape) st = sum_rows(net, data, l, n, slot, own, sums, err);
        if (!st) st = fire_add_slots(comm, sums, slots, n, err);
        for (int64_t k = 0; !st && k < n; k++) /* what is learned from NaN would stay when the rows are mended */
            if (!isfinite(sums[k])) st = fire_fail(err, FIRE_E_NOT_FINITE, "%s '%s': the features that it learns from hold NaN or infinity; fill or leave out such rows", node->kind->name, node->name);
        if (!st) {
            for (int32_t i = 0; i < node->n_weights; i++) {
                const fire_weight_slot *w = &net->weight[node->first_weight + i];
                weight[i] = (fire_tensor){.type = net->type, .shape = w->shape, .data = fire_weight_data(net, node->first_weight + i)};
            }
            node->kind->adapt_finish(node->attrs, &row, sums, weight);
            net->value_stamp++;
            for (int32_t i = 0; i < node->n_weights; i++) net->weight[node->first_weight + i].ready = true;
        }
        fire_free(net->ctx, sums);
        fire_free(net->ctx, weight);
        if (st) return st;
    }
    return FIRE_OK;
}

fire_status fire_adapt(fire_network *net, fire_dataset *data, fire_comm *comm, fire_error *err) {
    fire_error local = {0};
    if (!err) err = &local;
    fire_facts facts;
    char a[FIRE_SHAPE_TEXT], b[FIRE_SHAPE_TEXT];
    static const char *const same_name[] = {"number type", "layer count"};
    int64_t same[] = {net->type, net->n_layers};
    fire_status st = net->onnx ? fire_network_no_layers(net, "adapt", err) : FIRE_OK;
    if (!st) st = fire_meet(net->ctx, data, comm, same, 2, same_name, &facts, err);
    if (!st && !facts.rows) st = fire_fail(err, FIRE_E_NO_ROWS, "there are no rows to adapt to");
    if (!st && !net->built) st = fire_network_build(net, &facts.x, err);
    if (!st) {
        fire_shape input = {.rank = net->input.rank - 1};
        for (int d = 0; d < input.rank; d++) input.dim[d] = net->input.dim[d + 1];
        if (fire_count(&input) != fire_count(&facts.x))
            st = fire_fail(err, FIRE_E_SHAPE, "a row of the data has shape %s, the network takes %s", fire_shape_text(&facts.x, a), fire_shape_text(&net->input, b));
    }
    if (!st) st = fire_network_init(net, net->last_seed, err);
    if (!st) st = fire_adapt_layers(net, data, comm, true, err);
    if (st && comm) fire_comm_fail(comm, err);
    return st;
}
