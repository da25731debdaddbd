/* plan.c - firesteel explain-plan MODEL: which kernel each node of the network gets, and why others declined. */
#include "cli.h"
#include "error.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef struct options { int64_t batch, threads; bool training; cli_list shape; } options;

static const cli_option table[] = {
    {"batch", 'b', CLI_INT, offsetof(options, batch), 0, 1, 1 << 20, "N", NULL, "rows of a batch; the scoring block of the model if not given"},
    {"training", 't', CLI_FLAG, offsetof(options, training), .help = "the training step instead of scoring; the model must be compiled"},
    {"shape", 's', CLI_LIST, offsetof(options, shape), .arg = "NAME=2,3", .help = "of an input of a model that runs by name; again for each"},
    {"threads", 0, CLI_INT, offsetof(options, threads), 1, 1, 1024, "N", NULL, "threads to plan for"},
    {0},
};

/* "x=1,3,224,224"; name gets what stands before the sign. */
static fire_status read_shape(const char *text, char name[256], fire_shape *shape, fire_error *err) {
    char shown[80];
    const char *sign = strrchr(text, '=');
    *shape = (fire_shape){0};
    bool good = sign && sign > text && sign - text < 256;
    if (good) memcpy(name, text, (size_t)(sign - text)), name[sign - text] = 0;
    for (const char *p = sign; good && *p && p[1]; ) {
        char *end;
        errno = 0;
        const long long v = strtoll(p + 1, &end, 10);
        good = end > p + 1 && (*end == ',' || !*end) && v >= 0 && !errno && shape->rank < FIRE_MAX_RANK && p[1] >= '0' && p[1] <= '9';
        if (good) shape->dim[shape->rank++] = v;
        p = end;
    }
    return good ? FIRE_OK : fire_fail(err, FIRE_E_USAGE, "--shape %s: expected NAME=2,3,4", fire_escape(shown, sizeof shown, text, strlen(text)));
}

/* By name, with the shapes given. */
static fire_status explain_run(fire_network *net, const options *o, fire_error *err) {
    static char names[CLI_MOST][256];
    static fire_named shapes[CLI_MOST];
    fire_status st = FIRE_OK;
    for (int64_t i = 0; i < o->shape.n && !st; i++) {
        st = read_shape(o->shape.text[i], names[i], &shapes[i].tensor.shape, err);
        shapes[i].name = names[i];
    }
    return st ? st : fire_explain_run(net, o->batch, (int32_t)o->shape.n, shapes, cli_stdout, NULL, err);
}

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
        if (o->shape.n) st = explain_run(net, o, err);
        else st = fire_explain_plan(net, o->batch ? o->batch : info.block_rows > 0 ? info.block_rows : 1, o->training, cli_stdout, NULL, err);
        fire_network_free(net);
    }
    fire_context_free(ctx);
    return st;
}

const cli_command cli_explain_plan = {
    .name = "explain-plan", .usage = "explain-plan MODEL [--batch N] [--training] [--shape NAME=2,3]", .summary = "Show the kernel of each node, and why faster ones declined",
    .options = table, .size = sizeof(options), .least = 1, .most = 1, .run = run,
};
