/* explain.c - firesteel explain CODE: what a stable error code means and what to do. */
#include "cli.h"
#include "error.h"
#include <string.h>

typedef struct options { bool unused; } options;

/* A line break at most every 100 columns. */
static void wrap(const char *text) {
    int at = 0;
    while (*text) {
        int n = (int)strcspn(text, " ");
        if (at > 0 && at + 1 + n > 100) {
            putchar('\n');
            at = 0;
        }
        at += printf("%s%.*s", at ? " " : "", n, text);
        text += n;
        while (*text == ' ') text++;
    }
    putchar('\n');
}

static fire_status run(const void *user, int n, char *const *args, fire_error *err) {
    (void)user;
    const char *title = "";
    if (n == 0) {
        for (int i = 0; fire_explain_codes(i); i++) {
            fire_explain(fire_explain_codes(i), &title);
            printf("FS%d  %s\n", fire_explain_codes(i), title);
        }
        return FIRE_OK;
    }
    const char *digits = args[0] + ((args[0][0] | 32) == 'f' && (args[0][1] | 32) == 's' ? 2 : 0);
    int32_t code = 0;
    if (strlen(digits) == 4 && strspn(digits, "0123456789") == 4)
        for (int i = 0; i < 4; i++) code = code * 10 + (digits[i] - '0');
    const char *text = code ? fire_explain(code, &title) : NULL;
    if (!text) {
        char shown[60];
        return fire_fail(err, FIRE_E_USAGE, "there is no error code '%s'; `firesteel explain` lists them", fire_escape(shown, sizeof shown, args[0], strlen(args[0])));
    }
    static const char *const groups[] = {"", "usage", "data", "diverged", "cluster", "model file"};
    printf("FS%d: %s (%s)\n\n", code, title, code / 1000 < 6 ? groups[code / 1000] : "");
    wrap(text);
    return FIRE_OK;
}

const cli_command cli_explain = {
    .name = "explain", .usage = "explain [CODE]", .summary = "Say what an error code means and what to do",
    .size = sizeof(options), .least = 0, .most = 1, .run = run,
    .details = "CODE is written as in messages, FS2004, or without the letters. Without CODE all are listed.",
};
