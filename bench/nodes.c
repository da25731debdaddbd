/* nodes - where the time of a plan goes: for each of its steps the microseconds of a run, its share, GFLOP/s and % of the core's peak.
**
**     nodes MODEL [batch [runs]] [--training]
**
** Numbers are random, threads one, times the process CPU clock's; the best of all runs counts for each step. --training plans the step that fit
** makes: forward, backward and what is found beside it, without the optimizer. Steps that are done once for the weights are left out.
*/
#include "firesteel.h"
#include "peak.h"
#include "step.h"
#include <stdio.h>
#include <stdlib.h>

static fire_error err;
#define TRY(call) do { if (call) { fprintf(stderr, "FS%d %s\n", (int)err.code, err.message); exit(1); } } while (0)

/* Memory for every input and weight of the graph, in the plan's shapes: floats from 0.1 to 1, so that variances are none too small, and zeros where
** whole numbers are wanted. It is kept until the end. */
static void bind_all(const fire_graph *g, fire_plan *plan) {
    uint32_t random = 1;
    for (fire_value v = 1; v < g->n_values; v++) {
        if (g->value[v].source != FIRE_FROM_INPUT && g->value[v].source != FIRE_FROM_PARAM) continue;
        fire_tensor t = fire_plan_tensor(plan, v);
        if (!t.type) continue;
        int64_t n = fire_count(&t.shape);
        t.data = calloc((size_t)n + 1, fire_type_size(t.type));
        if (!t.data) exit(6);
        if (t.type == FIRE_F32 || t.type == FIRE_F64)
            for (int64_t i = 0; i < n; i++) fire_put(&t, i, 0.1 + 0.9 * ((random = random * 1664525u + 1013904223u) >> 8) * 0x1p-24);
        fire_plan_bind(plan, v, t.data);
    }
}

int main(int argc, char **argv) {
    bool training = argc > 2 && !strcmp(argv[argc - 1], "--training");
    argc -= training;
    if (argc < 2) return fprintf(stderr, "nodes MODEL [batch [runs]] [--training]\n"), 2;
    fire_context *ctx;
    fire_network *net;
    TRY(fire_context_new(NULL, &ctx, &err));
    TRY(fire_load(ctx, argv[1], &net, &err));
    int64_t batch = argc > 2 ? atoll(argv[2]) : training ? 32 : fire_block_rows(net), runs = argc > 3 ? atoll(argv[3]) : 30;
    fire_plan *plan;
    fire_graph *g, own;
    fire_step step = {0};
    fire_network_graph made;
    if (training) {
        fire_dataset *none;
        TRY(fire_dataset_new(ctx, &none, &err));
        TRY(fire_step_new(&step, net, none, &(fire_step_options){.training = true, .gradient = true, .sparse = true, .update = true, .slices = 1, .capacity = 1}, &err));
        fire_value *outputs = calloc(fire_step_wants_most(&step), sizeof *outputs);
        if (!outputs) return 6;
        g = &step.g;
        TRY(fire_plan_new(g, batch, fire_step_wants(&step, outputs), outputs, &plan, &err));
    } else {
        fire_graph_init(&own, ctx);
        g = net->onnx ? net->onnx : &own;
        if (net->onnx) made.y = net->onnx_out;
        else TRY(fire_network_forward(net, g, &(fire_forward){0}, &made, &err));
        TRY(fire_plan_new_steady(g, batch, 1, &made.y, &plan, &err));
    }
    bind_all(g, plan);
    if (!training) fire_plan_hold(plan);
    int n = fire_plan_steps(plan);
    double *best = calloc((size_t)n, sizeof *best), *now = calloc((size_t)n, sizeof *now), sum = 0, peak = peak_gflops();
    if (!best || !now) return 6;
    for (int64_t r = 0; r < runs + 2; r++) {
        memset(now, 0, (size_t)n * sizeof *now);
        fire_plan_time(plan, cpu_seconds, now);
        for (int k = 0; k < n; k++)
            if (r == 2 || (r > 2 && now[k] < best[k])) best[k] = now[k];
    }
    for (int k = 0; k < n; k++) sum += best[k];
    printf("%10s %6s %9s %7s   operator, kernel, result; peak %.1f GFLOP/s\n", "us", "%", "GFLOP/s", "% peak", peak);
    double flops = 0;
    for (int k = 0; k < n; k++) {
        if (best[k] == 0) continue;
        const char *op, *kernel = fire_plan_kernel(plan, k, &op);
        char text[1024];
        double f = (double)fire_plan_step_flops(plan, k), rate = f / best[k] * 1e-9;
        flops += f;
        printf("%10.1f %6.1f %9.1f %7.1f   %s %s %s\n", best[k] * 1e6, 100 * best[k] / sum, rate, 100 * rate / peak, op, kernel, fire_plan_step_text(plan, k, text, sizeof text));
    }
    printf("%10.1f %6.1f %9.1f %7.1f   all\n", sum * 1e6, 100.0, flops / sum * 1e-9, 100 * flops / sum * 1e-9 / peak);
    return 0; /* what was made ends with the process */
}
