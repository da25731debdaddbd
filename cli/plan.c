/* plan.c - firesteel explain-plan MODEL: which kernel each node of the network gets, and why others declined. */
#include "cli.h"
#include "error.h"

typedef struct options { int64_t batch, threads; bool training; } options;

static const cli_option table[] = {
    {"batch", 'b', CLI_INT, offsetof(options, batch), 0, 1, 1 << 20, "N", NULL, "rows of a batch; the scoring block of the model if not given"},
    {"training", 't', CLI_FLAG, offsetof(options, training), .help = "the training step instead of scoring; the model must be compiled"},
    {"threads", 0, CLI_INT, offsetof(options, threads), 1, 1, 1024, "N", NULL, "threads to plan for"},
    {0},
};

static fire_status run(const void *user, int n, char *const *args, fire_error *err) {
    const options *o = user;
    fire_context *ctx;
    fire_network *net;
    (void)n;
    fire_status st = cli_context(o->threads, &ctx, err);
    if (st) return st;
    if (!(st = fire_load(ctx, args[0], &net, err))) {
        fire_network_info info;
        fire_network_info_get(net, &info);
        st = fire_explain_plan(net, o->batch ? o->batch : info.block_rows > 0 ? info.block_rows : 1, o->training, cli_stdout, NULL, err);
        fire_network_free(net);
    }
    fire_context_free(ctx);
    return st;
}

const cli_command cli_explain_plan = {
    .name = "explain-plan", .usage = "explain-plan MODEL [--batch N] [--training]", .summary = "Show the kernel of each node, and why faster ones declined",
    .options = table, .size = sizeof(options), .least = 1, .most = 1, .run = run,
};
