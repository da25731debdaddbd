/* step.c - a network and its loss made ready for slices of rows: one graph, and what each slice needs. */
#include "step.h"
#include <stdio.h>
#include <string.h>

static fire_shape without_batch(const fire_shape *s) {
    fire_shape r = {.rank = s->rank > 0 ? s->rank - 1 : 0};
    for (int i = 0; i < r.rank; i++) r.dim[i] = s->dim[i + 1];
    return r;
}

static fire_shape with_batch(const fire_shape *s) {
    fire_shape r = {.rank = s->rank + 1, .dim = {-1}};
    for (int i = 0; i < s->rank; i++) r.dim[i + 1] = s->dim[i];
    return r;
}

/* A loss may take targets as wide as the data has them, dimension -1; of a rank without rows it is 1. */
static fire_shape wide_target(fire_shape target, const fire_dataset *data) {
    for (int d = 0; d < target.rank; d++)
        if (target.dim[d] < 0) target.dim[d] = data->has_shape && data->has_y ? fire_count(&data->y) : 1;
    return target;
}

fire_status fire_step_check_labels(const fire_network *net, const fire_dataset *data, fire_error *err) {
    int64_t from = 0;
    fire_status s = FIRE_OK;
    for (int32_t k = 0; k < net->n_outputs && !s; k++) {
        fire_shape output, pred, target = {0};
        const char *name;
        const fire_compiled_loss *loss = &net->loss[k];
        fire_network_part(net, true, k, &output, &name);
        pred = without_batch(&output);
        if ((s = loss->kind->target_shape(loss->attrs, &pred, &target, err))) return s;
        target = wide_target(target, data);
        int64_t width = fire_count(&target);
        int64_t ignored;
        bool ignores = loss->kind->ignores && loss->kind->ignores(loss->attrs, &ignored);
        if (loss->kind->class_index) s = fire_dataset_check_labels(data, from, width, pred.dim[pred.rank - 1], ignores ? &ignored : NULL, err);
        else if (loss->kind->probability) s = fire_dataset_check_labels(data, from, width, 0, NULL, err);
        from += width;
    }
    return s;
}

fire_status fire_step_fits(const fire_network *net, const fire_shape *x, bool has_y, const fire_shape *y, const fire_shape *target, fire_error *err) {
    char a[FIRE_SHAPE_TEXT], b[FIRE_SHAPE_TEXT];
    fire_shape input = without_batch(&net->input), batch = with_batch(y), want = with_batch(target);
    if (fire_count(&input) != fire_count(x)) {
        fire_shape got = with_batch(x);
        return fire_fail(err, FIRE_E_SHAPE, "the data has features of shape %s, the network takes %s; give it as many numbers per row", fire_shape_text(&got, a),
                         fire_shape_text(&net->input, b));
    }
    if (!has_y) return fire_fail(err, FIRE_E_USAGE, "the data has no labels, which the loss %s needs; give y, or name the label's column", net->loss->kind->name);
    bool any = target->rank == 1 && target->dim[0] < 0; /* as wide as the data */
    if (any ? fire_count(y) < 1 : fire_count(y) != fire_count(target))
        return fire_fail(err, FIRE_E_SHAPE, "the labels have shape %s, the loss %s (%s) takes %s for outputs of shape %s", fire_shape_text(&batch, a), net->loss->kind->name,
                         net->loss->kind->help, fire_shape_text(&want, b), fire_shape_text(&net->output, (char[FIRE_SHAPE_TEXT]){0}));
    return FIRE_OK;
}

/* ---- the graph ---- */

static bool learns(const fire_network *net, int64_t i) {
    return net->weight[i].trainable && net->layer[net->weight[i].layer].trainable;
}

static bool is_table(const fire_step *s, int64_t i) {
    for (int32_t t = 0; t < s->n_tables; t++)
        if (s->table[t].weight == i) return true;
    return false;
}

static fire_value axes_from(fire_graph *g, int from, int rank) {
    int64_t axis[FIRE_MAX_RANK];
    for (int d = from; d < rank; d++) axis[d - from] = d;
    return fire_graph_const(g, FIRE_I64, (fire_shape){1, {rank - from}}, axis);
}

/* Losses that a mask [n, t] (0: none) leaves out become zero, and are not counted; those that the loss weighs by their targets count so much. */
static void count_losses(fire_step *s, fire_step_output *o, fire_value mask) {
    fire_graph *g = &s->g;
    const fire_loss *kind = o->loss->kind;
    fire_value factor = kind->weigh ? kind->weigh(g, o->loss->attrs, s->net->type, o->y) : 0;
    if (mask && !g->first.status && fire_shape_of(g, o->each).rank >= fire_shape_of(g, mask).rank) { /* else one loss for a whole sequence: nothing to leave out */
        fire_value keep = fire_apply(g, "Cast", 1, &mask, s->net->type == FIRE_F64 ? "to=11" : "to=1");
        factor = factor ? fire_apply(g, "Mul", 2, FIRE_IN(factor, keep), NULL) : keep;
    }
    if (!factor || g->first.status) return;
    o->count = fire_apply(g, "ReduceSum", 2, FIRE_IN(factor, axes_from(g, 0, fire_shape_of(g, factor).rank)), "keepdims=0");
    o->each = fire_apply(g, "Mul", 2, FIRE_IN(o->each, factor), NULL);
}

/* Losses of one output. */
static fire_status build_loss(fire_step *s, int32_t k, fire_error *err) {
    fire_graph *g = &s->g;
    fire_step_output *o = &s->output[k];
    fire_type type = o->loss->kind->target ? o->loss->kind->target : s->net->type;
    o->pred = s->made.out[k];
    o->y = s->y;
    if (s->n_outputs > 1) {
        fire_shape shape = with_batch(&o->target);
        int64_t to = o->y_from + o->y_width, one = 1;
        fire_shape single = {1, {1}};
        o->y = fire_apply(g, "Slice", 4, FIRE_IN(s->y, fire_graph_const(g, FIRE_I64, single, &o->y_from), fire_graph_const(g, FIRE_I64, single, &to), fire_graph_const(g, FIRE_I64, single, &one)), NULL);
        if (shape.rank != 2) o->y = fire_apply(g, "Reshape", 2, FIRE_IN(o->y, fire_graph_const(g, FIRE_I64, (fire_shape){1, {shape.rank}}, shape.dim)), NULL);
        if (type != s->target_type) {
            char to_type[16];
            snprintf(to_type, sizeof to_type, "to=%d", (int)type);
            o->y = fire_apply(g, "Cast", 1, &o->y, to_type);
        }
    }
    o->each = o->loss->kind->build(g, o->loss->attrs, o->y, &o->pred);
    fire_status st = fire_graph_check(g, err);
    if (st) return st;
    fire_shape each = fire_shape_of(g, o->each), row = without_batch(&each);
    o->values = each.rank ? fire_count(&row) : -1;
    if (o->values <= 0) return fire_fail(err, FIRE_E_UNSUPPORTED, "the loss %s does not give a value for each row", o->loss->kind->name);
    count_losses(s, o, s->made.mask[k]);
    if (o->count && o->loss->by_weight)
        return fire_fail(err, FIRE_E_UNSUPPORTED, "%s: reduction=mean_with_sample_weight goes with neither masks nor weights of classes", o->loss->kind->name);
    return fire_graph_check(g, err);
}

/* How many rows x has. */
static fire_value rows_of(fire_step *s, fire_value x) { return fire_apply(&s->g, "CountLike", 2, FIRE_IN(x, fire_graph_scalar(&s->g, s->net->type, 0)), NULL); }
static fire_value of_batch(fire_step *s, fire_value count) { return fire_apply(&s->g, "BatchSum", 1, &count, "synchronized=1"); }

/* What brings the losses of an output of which not all values count to their mean, when all is divided by the number of rows in the end: rows over values that
** count, both of the whole batch. */
static fire_value rows_by_count(fire_step *s, fire_value row, fire_value count) {
    fire_graph *g = &s->g;
    fire_value rows = of_batch(s, rows_of(s, row));
    count = of_batch(s, count);
    count = fire_apply(g, "Add", 2, FIRE_IN(count, fire_graph_scalar(g, s->net->type, 1e-7)), NULL); /* as Keras: there may be none */
    return fire_apply(g, "Div", 2, FIRE_IN(rows, count), NULL);
}

/* The losses of all outputs as one of each row, [n]: each divided by its values of a row, by its weight. */
static fire_value join_losses(fire_step *s, bool differentiated) {
    fire_graph *g = &s->g;
    fire_value total = 0;
    for (int32_t k = 0; k < s->n_outputs; k++) {
        const fire_step_output *o = &s->output[k];
        int rank = fire_shape_of(g, o->each).rank;
        fire_value row = rank == 1 ? o->each : fire_apply(g, "ReduceSum", 2, FIRE_IN(o->each, axes_from(g, 1, rank)), "keepdims=0");
        bool some = o->count && s->n_outputs > 1 && differentiated;
        double factor = some ? o->loss->weight : o->loss->weight / (double)o->values;
        if (some) row = fire_apply(g, "Mul", 2, FIRE_IN(row, rows_by_count(s, row, o->count)), NULL);
        if (factor != 1) row = fire_apply(g, "Mul", 2, FIRE_IN(row, fire_graph_scalar(g, s->net->type, factor)), NULL);
        total = total ? fire_apply(g, "Add", 2, FIRE_IN(total, row), NULL) : row;
    }
    return total;
}

/* Penalties on outputs of layers, beside the losses, so that weights of rows do not touch them. Keras divides them by the rows of a batch, and what a step
** gives is divided by the number of loss values. */
static fire_status build_penalty(fire_step *s, bool differentiated, fire_error *err) {
    fire_graph *g = &s->g;
    const fire_step_output *o = s->output;
    if (o->loss->sum || o->loss->by_weight)
        return fire_fail(err, FIRE_E_UNSUPPORTED, "a penalty on the outputs of a layer goes with losses that are averaged over their values, reduction=sum_over_batch_size");
    s->penalty = s->made.activity;
    double values = s->loss == o->each ? (double)o->values : 1;
    if (s->n_outputs == 1 && o->count) { /* values that count, over rows; both of the slice alone where nothing stops for others */
        fire_value rows = rows_of(s, s->penalty), count = o->count;
        if (differentiated) rows = of_batch(s, rows), count = of_batch(s, count);
        s->penalty = fire_apply(g, "Mul", 2, FIRE_IN(s->penalty, fire_apply(g, "Div", 2, FIRE_IN(count, rows), NULL)), NULL);
        values /= (double)o->values;
    }
    if (values != 1) s->penalty = fire_apply(g, "Mul", 2, FIRE_IN(s->penalty, fire_graph_scalar(g, s->net->type, values)), NULL);
    return fire_graph_check(g, err);
}

/* Places for the values of updates, behind the gradients. As with these, a value has one place, and only what a node makes can be put there. */
static fire_status place_updates(fire_step *s, fire_error *err) {
    fire_network *net = s->net;
    fire_graph *g = &s->g;
    fire_status st = fire_graph_check(g, err);
    int64_t line = 64 / (int64_t)fire_type_size(net->type);
    for (int64_t i = 0; i < net->n_weights && !st; i++) {
        if (!s->update[i]) continue;
        bool copy = fire_look(g, s->update[i])->source != FIRE_FROM_NODE || s->update[i] == s->loss;
        for (int64_t j = 0; j < net->n_weights; j++) copy |= s->grad[j] == s->update[i] || (j < i && s->update[j] == s->update[i]);
        if (copy) s->update[i] = fire_apply(g, "Add", 2, FIRE_IN(s->update[i], fire_graph_scalar(g, net->type, 0)), NULL);
        s->update_at[i] = s->numbers;
        s->numbers += (fire_count(&net->weight[i].shape) + line - 1) / line * line;
        st = fire_graph_check(g, err);
    }
    return st;
}

static fire_status build_graph(fire_step *s, const fire_step_options *o, fire_error *err) {
    fire_network *net = s->net;
    fire_graph *g = &s->g;
    fire_status st = fire_network_forward(net, g, &(fire_forward){.training = o->training, .stateful = o->stateful, .activity = true, .weight = s->weight, .update = o->update ? s->update : NULL}, &s->made, err);
    if (st) return st;
    s->y = fire_graph_input(g, "y_true", s->target_type, with_batch(&s->target));
    for (int32_t k = 0; k < s->n_outputs; k++) {
        if ((st = build_loss(s, k, err))) return st;
    }
    s->loss = s->n_outputs == 1 && s->output[0].loss->weight == 1 ? s->output[0].each : join_losses(s, o->gradient || o->input_gradient);
    if ((st = fire_graph_check(g, err))) return st;
    if (s->made.activity && (st = build_penalty(s, o->gradient || o->input_gradient, err))) return st;
    fire_shape loss = fire_shape_of(g, s->loss), each = without_batch(&loss);
    s->values = fire_count(&each);
    if ((st = fire_states_ready(net, &s->made.states, err))) return st;
    if (!o->gradient && !o->input_gradient) return FIRE_OK;

    /* Row weights come in where the gradient begins: d(sum of w * loss). */
    s->w = fire_graph_input(g, "row_weight", net->type, loss);
    size_t most = (size_t)net->n_weights + (size_t)g->n_nodes + 1; /* a node is one use of a table at most */
    fire_value *x = fire_alloc(s->ctx, most, 2 * sizeof *x, err);
    if (!x) return FIRE_NOMEM;
    fire_value *dx = x + most;
    int n = 0;
    if (o->gradient && o->sparse && (st = fire_tables_find(s, x, &n, err))) {
        fire_free(s->ctx, x);
        return st;
    }
    for (int64_t i = 0; o->gradient && i < net->n_weights; i++)
        if (learns(net, i) && !is_table(s, i)) x[n++] = s->weight[i];
    if (o->input_gradient) x[n++] = s->made.x;
    st = n ? fire_gradient(g, s->penalty ? 2 : 1, (fire_value[]){s->loss, s->penalty}, (fire_value[]){s->w, 0}, n, x, dx) : FIRE_OK;
    if (st) fire_graph_check(g, err);
    if (!st) st = fire_graph_check(g, err);
    n = s->n_table_uses;
    for (int64_t i = 0; !st && o->gradient && i < net->n_weights; i++)
        if (learns(net, i) && !is_table(s, i)) s->grad[i] = dx[n++];
    if (!st && o->input_gradient) s->dx = dx[n];
    /* A gradient goes straight to its place, and one value has one place: a second use of it gets its own copy. */
    for (int64_t i = 0; !st && i < net->n_weights; i++)
        for (int64_t j = 0; s->grad[i] && j < i; j++)
            if (s->grad[j] == s->grad[i]) {
                s->grad[i] = fire_apply(g, "Add", 2, FIRE_IN(s->grad[i], fire_graph_scalar(g, net->type, 0)), NULL);
                break;
            }
    if (!st) st = fire_tables_set(s, dx, err);
    bool whole = !o->sparse || fire_tables_why_not(net); /* tables lie last: where none of them has a gradient like the others, that ends before them */
    for (int64_t i = 0; i < net->n_weights; i++) whole |= net->weight[i].sparse && s->grad[i];
    s->flat = s->numbers = whole ? net->n_params : net->n_dense;
    if (!st) st = place_updates(s, err);
    fire_free(s->ctx, x);
    return st;
}

void fire_step_free(fire_step *s) {
    if (!s->ctx) return;
    fire_tables_free(s);
    for (int32_t i = 0; s->slice && i < s->n_slices; i++) {
        fire_slice *c = &s->slice[i];
        for (int k = 0; k < FIRE_SLICE_PLANS; k++) fire_plan_free(c->ready[k].plan);
        fire_free(s->ctx, c->x);
        fire_free(s->ctx, c->y);
        fire_free(s->ctx, c->w);
        fire_free(s->ctx, c->id);
        fire_free(s->ctx, c->grad);
        fire_free(s->ctx, c->sums);
    }
    fire_free(s->ctx, s->slice);
    fire_free(s->ctx, s->weight);
    fire_free(s->ctx, s->grad);
    fire_free(s->ctx, s->update);
    fire_free(s->ctx, s->update_at);
    fire_free(s->ctx, s->point);
    fire_free(s->ctx, s->sums_at);
    fire_graph_clear(&s->g);
    *s = (fire_step){0};
}

/* Where plans will stop: a plan for one row tells. */
static fire_status find_points(fire_step *s, fire_error *err) {
    bool any = false;
    for (int64_t k = 0; k < s->g.n_nodes; k++) {
        const fire_node *n = &s->g.node[k];
        if (!n->op->joins) continue;
        any = true;
        fire_shape x = fire_shape_of(&s->g, n->out[0]); /* slices have different numbers of rows: what is summed has none */
        for (int d = 0; d < x.rank; d++)
            if (x.dim[d] == -1) return fire_fail(err, FIRE_E_UNSUPPORTED, "%s: the rows of slices cannot be summed (layer %s)", n->op->name, n->layer ? n->layer : "");
    }
    if (!any) return FIRE_OK;
    fire_value *outputs = fire_alloc(s->ctx, fire_step_wants_most(s), sizeof *outputs, err);
    if (!outputs) return FIRE_NOMEM;
    fire_plan *p = NULL;
    fire_status st = fire_plan_new(&s->g, 1, fire_step_wants(s, outputs), outputs, &p, err);
    fire_free(s->ctx, outputs);
    if (st) return st;
    int32_t n = fire_plan_points(p);
    if (!(s->point = fire_alloc(s->ctx, (size_t)n, sizeof *s->point, err))) st = FIRE_NOMEM;
    for (int32_t i = 0; i < n && !st; i++) {
        fire_tensor x = fire_plan_point(p, i, &s->point[i].over_workers);
        s->point[i].count = fire_count(&x.shape);
    }
    if (!st) s->n_points = n;
    fire_plan_free(p);
    return st;
}

static fire_status make(fire_step *s, const fire_step_options *o, fire_error *err) {
    fire_network *net = s->net;
    fire_context *ctx = s->ctx;
    size_t number = fire_type_size(net->type);
    fire_status st = fire_network_check_compiled(net, &s->target, err);
    if (st) return st;
    s->target = wide_target(s->target, s->data);
    s->n_outputs = net->n_outputs;
    for (int32_t k = 0; k < s->n_outputs; k++) {
        fire_step_output *out = &s->output[k];
        fire_shape output;
        const char *name;
        out->loss = &net->loss[k];
        fire_network_part(net, true, k, &output, &name);
        out->pred_row = without_batch(&output);
        if ((st = out->loss->kind->target_shape(out->loss->attrs, &out->pred_row, &out->target, err))) return st;
        out->target = wide_target(out->target, s->data);
        out->y_from = s->y_width;
        out->y_width = fire_count(&out->target);
        s->y_width += out->y_width;
    }
    /* Class numbers are whole, but beside other targets they are numbers like these. */
    s->target_type = s->n_outputs == 1 && net->loss->kind->target ? net->loss->kind->target : net->type;
    fire_shape input = without_batch(&net->input);
    s->x_width = fire_count(&input);
    s->n_sums = 2 * (int64_t)s->n_outputs;
    s->flat = s->numbers = net->n_params;
    s->batch_rows = 1;
    s->weighted = s->data->has_w || o->class_weight;
    if (!(s->weight = fire_alloc(ctx, (size_t)net->n_weights, sizeof *s->weight, err)) || !(s->grad = fire_alloc(ctx, (size_t)net->n_weights, sizeof *s->grad, err)) ||
        !(s->update = fire_alloc(ctx, (size_t)net->n_weights, sizeof *s->update, err)) || !(s->update_at = fire_alloc(ctx, (size_t)net->n_weights, sizeof *s->update_at, err)) ||
        !(s->sums_at = fire_alloc(ctx, (size_t)net->n_metrics + 1, sizeof *s->sums_at, err)) ||
        !(s->slice = fire_alloc(ctx, (size_t)o->slices, sizeof *s->slice, err)))
        return FIRE_NOMEM;
    s->n_slices = o->slices;
    for (int64_t i = 0; i < net->n_metrics; i++) {
        s->sums_at[i] = s->n_sums;
        s->n_sums += net->metric[i].kind->sums(net->metric[i].attrs, &s->output[net->metric[i].output].pred_row);
    }
    if ((st = build_graph(s, o, err)) || (st = find_points(s, err))) return st;
    if (s->made.activity) s->activity_at = s->n_sums, s->n_sums += 2;
    int64_t ys, ws, grads;
    if (!fire_mul(s->capacity, s->y_width, &ys) || !fire_mul(s->capacity, s->values, &ws) || !fire_add(s->numbers, 3, &grads))
        return fire_fail(err, FIRE_E_NOMEM, "out of memory: a batch of %lld rows is too large", (long long)s->capacity);
    for (int32_t i = 0; i < s->n_slices; i++) {
        fire_slice *c = &s->slice[i];
        if (!(c->y = fire_alloc(ctx, (size_t)ys, 8, err)) || !(c->w = fire_alloc(ctx, (size_t)ws, number, err)) ||
            !(c->sums = fire_alloc(ctx, (size_t)s->n_sums, sizeof(double), err)) || (o->gradient && !(c->grad = fire_alloc(ctx, (size_t)grads, number, err))) ||
            (s->made.row_id && !(c->id = fire_alloc(ctx, (size_t)s->capacity, sizeof(int64_t), err))))
            return FIRE_NOMEM;
        for (int64_t k = 0; k < ws; k++) {
            if (net->type == FIRE_F32) ((float *)c->w)[k] = 1;
            else ((double *)c->w)[k] = 1;
        }
    }
    return FIRE_OK;
}

fire_status fire_step_new(fire_step *s, fire_network *net, const fire_dataset *data, const fire_step_options *o, fire_error *err) {
    *s = (fire_step){.ctx = net->ctx, .net = net, .data = data, .training = o->training, .capacity = o->capacity, .class_weight = o->class_weight, .n_class_weight = o->n_class_weight};
    fire_graph_init(&s->g, net->ctx);
    fire_status st = make(s, o, err);
    if (st) fire_step_free(s);
    return st;
}
