/* main.c - the firesteel command: finds the subcommand, prints help and errors, sets the exit code. */
#include "cli.h"
#include "error.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

const cli_command *const cli_commands[] = {&cli_inspect, &cli_convert, &cli_run, &cli_score, &cli_train, &cli_ops, &cli_explain, &cli_explain_plan, NULL};

void cli_remark(const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    fputs("firesteel: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
}

void cli_stdout(void *user, const char *text, size_t bytes) {
    (void)user;
    fwrite(text, 1, bytes, stdout);
}

fire_status cli_context(int64_t threads, fire_context **out, fire_error *err) {
    fire_config config = {.size = sizeof config, .threads = (int32_t)threads};
    return fire_context_new(&config, out, err);
}

const char *cli_count(int64_t v, char buf[CLI_COUNT]) {
    char digits[CLI_COUNT];
    int n = snprintf(digits, sizeof digits, "%lld", (long long)v), at = 0;
    for (int i = 0; i < n && at < CLI_COUNT - 2; i++) {
        if (i > 0 && (n - i) % 3 == 0 && digits[i - 1] != '-') buf[at++] = ',';
        buf[at++] = digits[i];
    }
    buf[at] = 0;
    return buf;
}

static void general_help(FILE *to) {
    fprintf(to, "firesteel %s: deep learning for Apache Spark, its engine as a command.\n\nusage: firesteel COMMAND ...\n\ncommands:\n", fire_version());
    for (int i = 0; cli_commands[i]; i++) fprintf(to, "  %-14s %s\n", cli_commands[i]->name, cli_commands[i]->summary);
    fprintf(to, "  %-14s %s\n", "help COMMAND", "Say more about a command");
    fprintf(to, "\nexit codes: 0 ok, 1 usage, 2 data, 3 diverged, 4 cluster, 5 model file, 6 out of memory, 130 interrupted\n");
}

static fire_status find(const char *name, const cli_command **out, fire_error *err) {
    fire_near near = {.name = name};
    for (int i = 0; cli_commands[i]; i++) {
        if (!strcmp(cli_commands[i]->name, name)) {
            *out = cli_commands[i];
            return FIRE_OK;
        }
        fire_near_try(&near, cli_commands[i]->name);
    }
    char text[FIRE_NEAR_TEXT], shown[80];
    fire_near_text(&near, text);
    fire_escape(shown, sizeof shown, name, strlen(name));
    return fire_fail(err, FIRE_E_USAGE, "there is no command '%s'%s", shown, text[0] ? text : "; `firesteel help` lists them");
}

/* One error is one line, whatever stands in it. */
static int print_error(const fire_error *err) {
    char line[sizeof err->message];
    snprintf(line, sizeof line, "%s", err->message);
    for (char *p = line; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 127) *p = ' ';
    fprintf(stderr, "firesteel: FS%d: %s\n", err->code, line);
    return err->status;
}

static fire_status run(int argc, char **argv, fire_error *err) {
    if (argc < 2) {
        general_help(stderr);
        return fire_fail(err, FIRE_E_USAGE, "which command?");
    }
    const cli_command *c = NULL;
    fire_status st;
    if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
        printf("firesteel %s\n", fire_version());
        return FIRE_OK;
    }
    bool help = !strcmp(argv[1], "help") || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h");
    if (help && argc < 3) {
        general_help(stdout);
        return FIRE_OK;
    }
    if ((st = find(argv[help ? 2 : 1], &c, err))) return st;
    for (int i = 2; i < argc && !help && strcmp(argv[i], "--"); i++) help = !strcmp(argv[i], "--help") || !strcmp(argv[i], "-h");
    if (help) {
        cli_help(c, stdout);
        return FIRE_OK;
    }
    void *options = malloc(c->size ? c->size : 1);
    char **args = malloc((size_t)argc * sizeof *args);
    int n;
    if (options && args) {
        st = cli_parse(c, argc - 1, argv + 1, options, args, &n, err);
        if (!st) st = c->run(options, n, args, err);
    } else st = fire_fail(err, FIRE_E_NOMEM, "out of memory");
    free(options);
    free(args);
    return st;
}

int main(int argc, char **argv) {
    fire_error err = {0};
    fire_status st = run(argc, argv, &err);
    if (fflush(stdout) != 0 && !st) st = fire_fail(&err, FIRE_E_FILE_IO, "cannot write to standard output");
    return st ? print_error(&err) : 0;
}
