/* ops.c - firesteel ops: layers, losses, metrics, optimizers, schedules, initializers, regularizers, constraints and operators with their attributes. */
#include "cli.h"
#include "error.h"
#include "json.h"
#include <string.h>

typedef struct options { bool json; const char *kind; } options;

static const cli_option table[] = {
    {"json", 'j', CLI_FLAG, offsetof(options, json), .help = "one JSON object a line, with ranges and help of every attribute"},
    {"kind", 'k', CLI_TEXT, offsetof(options, kind), .arg = "KIND", .choices = "layer|loss|metric|optimizer|schedule|initializer|regularizer|constraint|operator", .help = "only these"},
    {0},
};

/* The catalog arrives as JSON lines, piece by piece; a line is read when it is complete. It is gone through once per kind. */
typedef struct shower {
    const options *o;
    const char *name;          /* wanted, or NULL: all */
    const char *kind;          /* shown in this turn */
    const char *title;         /* still to print above them */
    fire_buffer line;
    int shown;
    fire_near near;
    char best[64];             /* the near name: its line does not live on */
} shower;

static const char *const kinds[][2] = {{"layer", "layers"}, {"loss", "losses"}, {"metric", "metrics"}, {"optimizer", "optimizers"}, {"schedule", "schedules"},
                                       {"initializer", "initializers"}, {"regularizer", "regularizers"}, {"constraint", "constraints"},
                                       {"operator", "operators"}, {"training operator", "training operators"}};

static void copy(const fire_json *j, const fire_json_token *t, char *to, size_t capacity) {
    if (fire_json_copy(j, t, to, capacity, NULL, NULL)) snprintf(to, capacity, "?");
}

/* A scalar or a list of numbers as it stands in the document. */
static void copy_plain(fire_json *j, const fire_json_token *t, char *to, size_t capacity) {
    if (t->kind == FIRE_JSON_TEXT) copy(j, t, to, capacity);
    else if (t->kind == FIRE_JSON_ARRAY) {
        const char *begin = t->text;
        fire_json_skip(j, t, NULL);
        snprintf(to, capacity, "%.*s", (int)(j->at - begin), begin);
    } else snprintf(to, capacity, "%.*s", (int)t->size, t->text);
}

typedef struct attr { char name[64], type[16], value[160], min[32], max[32], choices[600], help[400]; } attr;

static void attr_read(fire_json *j, attr *a) {
    fire_json_token t, v;
    *a = (attr){0};
    while (!fire_json_next(j, &t, NULL) && t.kind == FIRE_JSON_KEY) {
        if (fire_json_next(j, &v, NULL)) return;
        if (fire_json_is(&t, "name")) copy_plain(j, &v, a->name, sizeof a->name);
        else if (fire_json_is(&t, "type")) copy_plain(j, &v, a->type, sizeof a->type);
        else if (fire_json_is(&t, "default")) copy_plain(j, &v, a->value, sizeof a->value);
        else if (fire_json_is(&t, "min")) copy_plain(j, &v, a->min, sizeof a->min);
        else if (fire_json_is(&t, "max")) copy_plain(j, &v, a->max, sizeof a->max);
        else if (fire_json_is(&t, "choices")) copy_plain(j, &v, a->choices, sizeof a->choices);
        else if (fire_json_is(&t, "help")) copy_plain(j, &v, a->help, sizeof a->help);
        else fire_json_skip(j, &v, NULL);
    }
}

static void show_attr(const attr *a) {
    printf("    %-22s %-6s", a->name, a->type);
    if (a->value[0]) printf(" default %s", a->value);
    if (a->min[0] && a->max[0]) printf(", %s to %s", a->min, a->max);
    if (a->choices[0]) printf(", one of %s", a->choices);
    if (a->help[0]) printf("%s  %s", a->value[0] ? ";" : "", a->help);
    putchar('\n');
}

typedef struct entry { char kind[40], name[64], aliases[200], help[600]; fire_json attrs; } entry;

/* Read a line up to its attributes, which come last. */
static bool entry_read(const fire_buffer *line, entry *e) {
    fire_json j;
    fire_json_token t, v;
    *e = (entry){0};
    fire_json_open(&j, line->data, (size_t)line->size);
    if (fire_json_expect(&j, FIRE_JSON_OBJECT, "an object", &t, NULL)) return false;
    while (!fire_json_next(&j, &t, NULL) && t.kind == FIRE_JSON_KEY) {
        if (fire_json_next(&j, &v, NULL)) return false;
        if (fire_json_is(&t, "kind")) copy_plain(&j, &v, e->kind, sizeof e->kind);
        else if (fire_json_is(&t, "name")) copy_plain(&j, &v, e->name, sizeof e->name);
        else if (fire_json_is(&t, "aliases")) copy_plain(&j, &v, e->aliases, sizeof e->aliases);
        else if (fire_json_is(&t, "help")) copy_plain(&j, &v, e->help, sizeof e->help);
        else if (fire_json_is(&t, "attrs") && v.kind == FIRE_JSON_ARRAY) {
            e->attrs = j;
            return true;
        } else fire_json_skip(&j, &v, NULL);
    }
    return false;
}

/* Name and attributes with their defaults, at most 130 columns wide. */
static void show_short(entry *e) {
    fire_json_token t;
    attr a;
    int column = 33, n = 0;
    printf("  %-31s", e->name);
    for (bool first = true; !fire_json_next(&e->attrs, &t, NULL) && t.kind == FIRE_JSON_OBJECT; first = false) {
        char text[260];
        attr_read(&e->attrs, &a);
        n = snprintf(text, sizeof text, "%s=%s", a.name, a.value[0] ? a.value : "\"\"");
        if (!first && column + 1 + n > 130) column = printf("\n  %-31s", "") - 1;
        column += printf("%s%s", first ? "" : " ", text);
    }
    putchar('\n');
}

static void show_long(entry *e) {
    fire_json_token t;
    attr a;
    printf("%s %s: %s\n", e->kind, e->name, e->help);
    if (e->aliases[0]) printf("  also %s\n", e->aliases);
    while (!fire_json_next(&e->attrs, &t, NULL) && t.kind == FIRE_JSON_OBJECT) {
        attr_read(&e->attrs, &a);
        show_attr(&a);
    }
}

static bool is_called(const entry *e, const char *name) {
    char quoted[80];
    snprintf(quoted, sizeof quoted, "\"%.70s\"", name);
    return fire_same_word(e->name, name) || strstr(e->aliases, quoted);
}

static void show(shower *s, const char *title) {
    entry e;
    size_t k, w = s->o->kind ? strlen(s->o->kind) : 0;
    if (!entry_read(&s->line, &e) || strcmp(e.kind, s->kind)) return;
    k = strlen(e.kind);
    if (w && (k < w || strcmp(e.kind + k - w, s->o->kind))) return;
    if (s->name && !is_called(&e, s->name)) {
        fire_near_try(&s->near, e.name);
        if (s->near.best == e.name) {
            snprintf(s->best, sizeof s->best, "%s", e.name);
            s->near.best = s->best;
        }
        return;
    }
    if (s->o->json) printf("%.*s\n", (int)s->line.size, (const char *)s->line.data);
    else if (s->name) show_long(&e);
    else {
        if (title) printf("%s%s\n", s->shown ? "\n" : "", title);
        show_short(&e);
    }
    s->shown++;
}

static void take(void *user, const char *text, size_t bytes) {
    shower *s = user;
    int before;
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] != '\n') {
            fire_buffer_add(&s->line, text + i, 1);
            continue;
        }
        before = s->shown;
        if (!s->line.first.status && s->line.size > 0) show(s, s->title);
        if (s->shown != before) s->title = NULL;
        s->line.size = 0;
    }
}

static fire_status run(const void *user, int n, char *const *args, fire_error *err) {
    fire_context *ctx;
    fire_status st = cli_context(1, &ctx, err);
    if (st) return st;
    shower s = {.o = user, .name = n ? args[0] : NULL, .line = {.ctx = ctx}};
    s.near.name = s.name;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        s.kind = kinds[i][0];
        s.title = kinds[i][1];
        fire_catalog(take, &s);
    }
    if (s.line.first.status) {
        st = s.line.first.status;
        if (err) *err = s.line.first;
    } else if (n && !s.shown) {
        char shown[80], near[FIRE_NEAR_TEXT];
        fire_near_text(&s.near, near);
        st = fire_fail(err, FIRE_E_UNKNOWN_NAME, "nothing is called '%s'%s", fire_escape(shown, sizeof shown, args[0], strlen(args[0])), near[0] ? near : "; `firesteel ops` lists everything");
    }
    fire_buffer_free(&s.line);
    fire_context_free(ctx);
    return st;
}

const cli_command cli_ops = {
    .name = "ops", .usage = "ops [NAME] [--kind KIND] [--json]", .summary = "List layers, losses, metrics, optimizers, initializers and operators",
    .options = table, .size = sizeof(options), .least = 0, .most = 1, .run = run,
    .details = "With NAME, everything about it: each attribute with its default, range and help.\nexample: firesteel ops Adam",
};
