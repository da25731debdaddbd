/* inspect_network.c - what inspect says of networks with layers: model files and checkpoints of firesteel. */
#include "inspect.h"
#include "error.h"
#include "network.h"
#include <string.h>

/* "12,345" with a unit of a thousand for large numbers: "1.23 G". */
static const char *short_number(double v, char buf[24]) {
    static const char unit[] = " kMGTPE";
    int u = 0;
    while (v >= 1000 && u < 6) v /= 1000, u++;
    snprintf(buf, 24, u == 0 ? "%.0f" : "%.3g %c", v, unit[u]);
    return buf;
}

/* Bytes of the weights, each in its own type. */
static int64_t weight_bytes(const fire_network *net) {
    int64_t sum = 0;
    for (int i = 0; i < fire_network_weights(net); i++) {
        fire_weight_info w;
        int64_t n, bytes;
        if (fire_network_weight(net, i, &w, NULL)) continue;
        n = fire_count(&w.value.shape);
        if (n > 0 && fire_mul(n, (int64_t)fire_type_size(w.value.type), &bytes) && !fire_add(sum, bytes, &sum)) return INT64_MAX;
    }
    return sum;
}

static const char *type_name(fire_type t) { return t == FIRE_F64 ? "float64" : "float32"; }

static fire_status print_json(const fire_network *net, const fire_network_info *info, int64_t params, int64_t bytes, const cli_inspect_how *o, fire_error *err) {
    printf("{\"type\": \"%s\", \"layers\": [", type_name(info->type));
    for (int i = 0; i < fire_network_layers(net); i++) {
        fire_layer_info l;
        fire_status st = fire_network_layer(net, i, &l, err);
        if (st) return st;
        printf("%s{\"kind\": \"%s\"", i ? ", " : "", l.kind);
        cli_json_pair("name", l.name);
        cli_json_pair("attrs", l.attrs);
        cli_json_shape("output", &l.output);
        printf(", \"params\": %lld, \"flops_per_row\": %lld, \"trainable\": %s}", (long long)l.weights, (long long)l.flops, l.trainable ? "true" : "false");
    }
    printf("], \"onnx\": false");
    cli_json_shape("input", &info->input);
    cli_json_shape("output", &info->output);
    printf(", \"params\": %lld, \"trainable_params\": %lld, \"bytes\": %lld, \"flops_per_row\": %lld, \"block_rows\": %lld, \"step\": %lld, \"epoch\": %lld",
           (long long)params, (long long)info->trainable_params, (long long)bytes, (long long)info->flops, (long long)info->block_rows, (long long)info->step, (long long)info->epoch);
    cli_json_pair("loss", info->loss);
    cli_json_pair("optimizer", info->optimizer);
    cli_json_pair("metrics", info->metrics);
    printf(", \"notes\": {");
    for (int64_t i = 0; i < net->n_notes; i++) {
        fputs(i ? ", " : "", stdout);
        fire_json_text(cli_stdout, NULL, net->note[i].key);
        fputs(": ", stdout);
        fire_json_text(cli_stdout, NULL, net->note[i].text);
    }
    putchar('}');
    if (o->weights) {
        printf(", \"weights\": [");
        for (int i = 0; i < fire_network_weights(net); i++) {
            fire_weight_info w;
            fire_status st = fire_network_weight(net, i, &w, err);
            if (st) return st;
            printf("%s{\"name\": ", i ? ", " : "");
            fire_json_text(cli_stdout, NULL, w.name);
            cli_json_shape("shape", &w.value.shape);
            printf(", \"trainable\": %s}", w.trainable ? "true" : "false");
        }
        putchar(']');
    }
    printf("}\n");
    return FIRE_OK;
}

static fire_status print_layers(const fire_network *net, fire_error *err) {
    printf("%-32s %-40s %14s %12s %14s\n", "layer", "attributes", "output", "parameters", "FLOPs per row");
    for (int i = 0; i < fire_network_layers(net); i++) {
        fire_layer_info l;
        char name[120], attrs[200], what[200], shape[FIRE_SHAPE_TEXT], params[CLI_COUNT], flops[CLI_COUNT];
        fire_status st = fire_network_layer(net, i, &l, err);
        if (st) return st;
        cli_shown(name, sizeof name, l.name);
        cli_shown(attrs, sizeof attrs, l.attrs);
        snprintf(what, sizeof what, "%.60s (%.60s)", name, l.kind);
        printf("%-32s %-40s %14s %12s %14s%s\n", what, attrs, l.output.rank ? fire_shape_text(&l.output, shape) : "?", cli_count(l.weights, params), cli_count(l.flops, flops),
               l.trainable || !l.weights ? "" : "  frozen");
    }
    return FIRE_OK;
}

static fire_status print_text(const fire_network *net, const fire_network_info *info, int64_t params, int64_t bytes, const cli_inspect_how *o, const char *path, fire_error *err) {
    char text[400], a[FIRE_SHAPE_TEXT], b[CLI_COUNT], c[24];
    fire_status st;
    cli_shown(text, sizeof text, path);
    printf("%s: a network, %s\n\n", text, type_name(info->type));
    if ((st = print_layers(net, err))) return st;
    if (o->weights) {
        printf("\n%-40s %18s\n", "weight", "shape");
        for (int i = 0; i < fire_network_weights(net); i++) {
            fire_weight_info w;
            if ((st = fire_network_weight(net, i, &w, err))) return st;
            cli_shown(text, sizeof text, w.name);
            printf("%-40s %18s%s\n", text, fire_shape_text(&w.value.shape, a), w.trainable ? "" : "  not trainable");
        }
    }
    printf("\ninput          %s\n", info->built ? fire_shape_text(&info->input, a) : "not known yet");
    printf("output         %s\n", info->built ? fire_shape_text(&info->output, a) : "not known yet");
    printf("parameters     %s", cli_count(params, b));
    printf(", %s trainable\nbytes          ", cli_count(info->trainable_params, b));
    printf("%s\n", cli_count(bytes, b));
    printf("FLOPs per row  %s", cli_count(info->flops, b));
    if (info->flops >= 10000) printf(" (%s)", short_number((double)info->flops, c));
    putchar('\n');
    printf("scoring block  %s rows\n", cli_count(info->block_rows, b));
    static const char *const label[] = {"loss", "optimizer", "metrics"};
    const char *const value[] = {info->loss, info->optimizer, info->metrics};
    for (int i = 0; i < 3; i++)
        if (value[i] && value[i][0]) printf("%-14s %s\n", label[i], fire_escape(text, sizeof text, value[i], strlen(value[i])));
    if (info->step > 0) printf("trained        %s steps, %lld epochs\n", cli_count(info->step, b), (long long)info->epoch);
    for (int64_t i = 0; i < net->n_notes; i++) {
        char key[40];
        cli_shown(key, sizeof key, net->note[i].key);
        cli_shown(text, sizeof text, net->note[i].text);
        printf("%-14s %s\n", key, text);
    }
    return FIRE_OK;
}

fire_status cli_inspect_network(const cli_inspect_how *o, const char *path, bool *plain, fire_error *err) {
    fire_network *net;
    fire_status st = fire_load(o->ctx, path, &net, err);
    if (st) return st;
    fire_network_info info;
    fire_network_info_get(net, &info);
    *plain = info.loaded_as_onnx;
    if (!*plain) {
        const int64_t bytes = weight_bytes(net);
        st = o->json ? print_json(net, &info, info.params, bytes, o, err) : print_text(net, &info, info.params, bytes, o, path, err);
    }
    fire_network_free(net);
    return st;
}
