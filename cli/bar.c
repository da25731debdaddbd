/* bar.c - training progress on standard error: a bar on a terminal, a line per epoch elsewhere. */
#include "cli.h"
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

void cli_bar_open(cli_bar *b, const fire_network *net, bool quiet, bool json) { *b = (cli_bar){.net = net, .tty = isatty(2), .quiet = quiet, .json = json}; }

static int columns(void) {
    struct winsize w;
    return ioctl(2, TIOCGWINSZ, &w) == 0 && w.ws_col >= 20 ? w.ws_col : 80;
}

static int results(const cli_bar *b, const fire_progress *p, char *to, size_t capacity) {
    size_t at = 0;
    to[0] = 0;
    for (int pass = 0; pass < (p->has_validation ? 2 : 1); pass++)
        for (int i = 0; i < p->n_results && at < capacity; i++) {
            const char *name = fire_network_metric(b->net, i);
            int n = snprintf(to + at, capacity - at, "  %s%s %.4g", pass ? "val_" : "", name ? name : "?", pass ? p->validation[i] : p->result[i]);
            at += n > 0 ? (size_t)n : 0;
        }
    return (int)(at < capacity ? at : capacity - 1);
}

/* One JSON object per epoch on standard output, for programs; what is not a number in JSON becomes null. */
static void print_number(const char *prefix, const char *name, double v) {
    char buf[FIRE_NUMBER_TEXT];
    bool finite = v - v == 0;
    fputs(", ", stdout);
    char key[200];
    snprintf(key, sizeof key, "%s%s", prefix, name);
    fire_json_text(cli_stdout, NULL, key);
    printf(": %s", finite ? fire_number_text(v, buf) : "null");
}

static void print_json(const cli_bar *b, const fire_progress *p) {
    printf("{\"epoch\": %d", p->epoch + 1);
    for (int pass = 0; pass < (p->has_validation ? 2 : 1); pass++)
        for (int i = 0; i < p->n_results; i++) {
            const char *name = fire_network_metric(b->net, i);
            print_number(pass ? "val_" : "", name ? name : "?", pass ? p->validation[i] : p->result[i]);
        }
    print_number("", "learning_rate", p->learning_rate);
    print_number("", "seconds", p->seconds);
    printf(", \"rows\": %lld}\n", (long long)p->rows);
    fflush(stdout);
}

void cli_bar_close(cli_bar *b) {
    if (b->drawn) fprintf(stderr, "\r%*s\r", b->drawn, "");
    b->drawn = 0;
}

void cli_bar_show(cli_bar *b, const fire_progress *p) {
    char text[600], line[1000], rate[CLI_COUNT];
    bool end = p->event == FIRE_EPOCH_END;
    if (end && b->json) print_json(b, p);
    if (b->quiet || (!end && !b->tty)) return;
    results(b, p, text, sizeof text);
    cli_count(p->seconds > 0 ? (int64_t)((double)p->rows / p->seconds) : 0, rate);
    if (end) {
        cli_bar_close(b);
        fprintf(stderr, "epoch %d/%d  %.1f s%s  %s rows/s\n", p->epoch + 1, p->epochs, p->seconds, text, rate);
        return;
    }
    int width = columns() - 1, bar = 24, done = p->steps > 0 ? (int)(bar * p->step / p->steps) : 0;
    double left = p->step > 0 ? p->seconds * (double)(p->steps - p->step) / (double)p->step : 0;
    int n = snprintf(line, sizeof line, "epoch %d/%d [%.*s%.*s] %lld/%lld%s  %s rows/s  %.0f s left", p->epoch + 1, p->epochs, done, "========================", bar - done,
                     "                        ", (long long)p->step, (long long)p->steps, text, rate, left);
    if (n > width) n = width;
    fprintf(stderr, "\r%.*s%*s", n, line, b->drawn > n ? b->drawn - n : 0, "");
    fflush(stderr);
    b->drawn = n;
}
