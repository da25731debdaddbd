/* options.c - command lines by tables. */
#include "cli.h"
#include "error.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void near_options(const cli_command *c, const char *name, char buf[FIRE_NEAR_TEXT]) {
    fire_near near = {.name = name};
    for (const cli_option *o = c->options; o && o->name; o++) fire_near_try(&near, o->name);
    char text[FIRE_NEAR_TEXT];
    fire_near_text(&near, text);
    /* "; did you mean 'epochs'?" gets its dashes. */
    char *quote = strchr(text, '\'');
    if (!quote) snprintf(buf, FIRE_NEAR_TEXT, "%s", text);
    else snprintf(buf, FIRE_NEAR_TEXT, "%.*s'--%.60s", (int)(quote - text), text, quote + 1);
}

static bool one_of(const char *choices, const char *word) {
    size_t n = strlen(word);
    for (const char *p = choices; p; p = strchr(p, '|') ? strchr(p, '|') + 1 : NULL)
        if (!strncmp(p, word, n) && (p[n] == '|' || !p[n]) && n) return true;
    return false;
}

static fire_status set_value(const cli_command *c, const cli_option *o, const char *text, void *options, fire_error *err) {
    char *at = (char *)options + o->offset, shown[120];
    fire_escape(shown, sizeof shown, text, strlen(text));
    if (o->type == CLI_TEXT) {
        if (o->choices && !one_of(o->choices, text))
            return fire_fail(err, FIRE_E_USAGE, "%s: --%s is '%s', expected one of %s", c->name, o->name, shown, o->choices);
        memcpy(at, &text, sizeof text);
        return FIRE_OK;
    }
    if (o->type == CLI_LIST) {
        cli_list *list = (cli_list *)at;
        if (list->n == CLI_MOST) return fire_fail(err, FIRE_E_USAGE, "%s: --%s is given more than %d times", c->name, o->name, CLI_MOST);
        list->text[list->n++] = text;
        return FIRE_OK;
    }
    char *end;
    if (o->type == CLI_INT) {
        errno = 0;
        long long v = strtoll(text, &end, 10);
        if (end == text || *end || errno || (double)v < o->min || (double)v > o->max)
            return fire_fail(err, FIRE_E_USAGE, "%s: --%s is '%s', expected a whole number from %.0f to %.0f", c->name, o->name, shown, o->min, o->max);
        int64_t w = v;
        memcpy(at, &w, sizeof w);
        return FIRE_OK;
    }
    double v = fire_number_read(text, &end);
    if (end == text || *end || !(v >= o->min && v <= o->max))
        return fire_fail(err, FIRE_E_USAGE, "%s: --%s is '%s', expected a number from %g to %g", c->name, o->name, shown, o->min, o->max);
    memcpy(at, &v, sizeof v);
    return FIRE_OK;
}

static void set_defaults(const cli_command *c, void *options) {
    memset(options, 0, c->size);
    for (const cli_option *o = c->options; o && o->name; o++) {
        char *at = (char *)options + o->offset;
        int64_t v = (int64_t)o->value;
        if (o->type == CLI_INT) memcpy(at, &v, sizeof v);
        if (o->type == CLI_NUMBER) memcpy(at, &o->value, sizeof o->value);
    }
}

fire_status cli_parse(const cli_command *c, int argc, char *const *argv, void *options, char **args, int *n, fire_error *err) {
    bool only_args = false;
    *n = 0;
    set_defaults(c, options);
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i], *value = NULL;
        const cli_option *o = c->options;
        if (only_args || a[0] != '-' || !a[1]) {
            args[(*n)++] = argv[i];
            continue;
        }
        if (!strcmp(a, "--")) {
            only_args = true;
            continue;
        }
        char name[64];
        if (a[1] == '-') {
            size_t size = strcspn(a + 2, "=");
            snprintf(name, sizeof name, "%.*s", (int)(size < 60 ? size : 60), a + 2);
            if (a[2 + size] == '=') value = a + 3 + size;
            while (o && o->name && strcmp(o->name, name)) o++;
        } else {
            snprintf(name, sizeof name, "%c", a[1]);
            if (a[2]) value = a + 2;
            while (o && o->name && o->letter != a[1]) o++;
        }
        if (!o || !o->name) {
            char near[FIRE_NEAR_TEXT] = "", shown[80];
            if (a[1] == '-') near_options(c, name, near);
            fire_escape(shown, sizeof shown, a, strcspn(a, "="));
            return fire_fail(err, FIRE_E_USAGE, "%s has no option %s%s%s", c->name, shown, near[0] ? near : "; ", near[0] ? "" : "see `firesteel help` with its name");
        }
        if (o->type == CLI_FLAG) {
            bool on = true;
            if (value) return fire_fail(err, FIRE_E_USAGE, "%s: --%s takes no value", c->name, o->name);
            memcpy((char *)options + o->offset, &on, sizeof on);
            continue;
        }
        if (!value && i + 1 < argc) value = argv[++i];
        if (!value) return fire_fail(err, FIRE_E_USAGE, "%s: --%s needs a value: %s", c->name, o->name, o->arg);
        fire_status st = set_value(c, o, value, options, err);
        if (st) return st;
    }
    if (*n < c->least) return fire_fail(err, FIRE_E_USAGE, "usage: firesteel %s", c->usage);
    if (*n > c->most) {
        char shown[120];
        fire_escape(shown, sizeof shown, args[c->most], strlen(args[c->most]));
        return fire_fail(err, FIRE_E_USAGE, "%s: '%s' is one argument too many; usage: firesteel %s", c->name, shown, c->usage);
    }
    return FIRE_OK;
}

void cli_help(const cli_command *c, FILE *to) {
    fprintf(to, "%s.\n\nusage: firesteel %s\n", c->summary, c->usage);
    if (c->options && c->options->name) fprintf(to, "\noptions:\n");
    for (const cli_option *o = c->options; o && o->name; o++) {
        char left[64], letter[8] = "    ";
        if (o->letter) snprintf(letter, sizeof letter, "-%c, ", o->letter);
        snprintf(left, sizeof left, "%s--%s%s%s", letter, o->name, o->arg ? " " : "", o->arg ? o->arg : "");
        fprintf(to, "  %-32s %s", left, o->help);
        if (o->choices) fprintf(to, " (%s)", o->choices);
        if ((o->type == CLI_INT || o->type == CLI_NUMBER) && o->value >= o->min && o->value != 0) fprintf(to, " (default %g)", o->value);
        fprintf(to, "\n");
    }
    if (c->details) fprintf(to, "\n%s\n", c->details);
}
