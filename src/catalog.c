/* catalog.c - everything that has a name and attributes, one JSON object a line. */
#include "constraints.h"
#include "layer.h"
#include "loss.h"
#include "metric.h"
#include "op.h"
#include "optim.h"
#include "regularizers.h"
#include <string.h>

/* The function names that compile accepts beside the class name; NULL or "": none. */
static void line(fire_write *write, void *user, const char *kind, const char *name, const char *aliases, const char *help, const fire_attr *attrs) {
    fire_print(write, user, "{\"kind\": \"%s\", \"name\": ", kind);
    fire_json_text(write, user, name);
    for (const char *p = aliases; p && *p; p += strcspn(p, "|"), p += *p == '|')
        fire_print(write, user, "%s\"%.*s\"", p == aliases ? ", \"aliases\": [" : ", ", (int)strcspn(p, "|"), p);
    fire_print(write, user, "%s, \"help\": ", aliases && *aliases ? "]" : "");
    fire_json_text(write, user, help ? help : "");
    fire_print(write, user, ", \"attrs\": ");
    fire_attrs_json(attrs, write, user);
    fire_print(write, user, "}\n");
}

void fire_catalog(fire_write *write, void *user) {
    for (const fire_layer *const *p = fire_layers; *p; p++) {
        line(write, user, "layer", (*p)->name, NULL, (*p)->help, (*p)->attrs);
        for (int i = 0; i < (int)(sizeof (*p)->examples / sizeof *(*p)->examples) && (*p)->examples[i]; i++) {
            fire_print(write, user, "{\"kind\": \"example\", \"name\": \"%s\", \"text\": ", (*p)->name);
            fire_json_text(write, user, (*p)->examples[i]);
            fire_print(write, user, "}\n");
        }
    }
    for (const fire_loss *const *p = fire_losses; *p; p++) line(write, user, "loss", (*p)->name, (*p)->alias, (*p)->help, (*p)->attrs);
    for (const fire_metric *const *p = fire_metrics; *p; p++) line(write, user, "metric", (*p)->name, (*p)->alias, (*p)->help, (*p)->attrs);
    for (const fire_optim *const *p = fire_optims; *p; p++) {
        fire_attr table[FIRE_OPTIM_ATTRS];
        fire_optim_look(*p, table);
        line(write, user, "optimizer", (*p)->name, (*p)->alias, (*p)->help, table);
    }
    for (const fire_schedule *const *p = fire_schedules; *p; p++) line(write, user, "schedule", (*p)->name, NULL, (*p)->help, (*p)->attrs);
    const char *name, *help;
    const fire_attr *attrs;
    for (int i = 0; fire_init_look(i, &name, &help, &attrs); i++) line(write, user, "initializer", name, NULL, help, attrs);
    for (const fire_regularizer *const *p = fire_regularizers; *p; p++) line(write, user, "regularizer", (*p)->name, (*p)->alias, (*p)->help, (*p)->attrs);
    for (const fire_constraint *const *p = fire_constraints; *p; p++) line(write, user, "constraint", (*p)->name, (*p)->alias, (*p)->help, (*p)->attrs);
    for (const fire_op *const *p = fire_ops; *p; p++) line(write, user, (*p)->domain ? "training operator" : "operator", (*p)->name, NULL, (*p)->help, (*p)->attrs);
}
