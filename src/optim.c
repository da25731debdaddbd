/* optim.c - the table of optimizers, one copy per instruction set, and the attributes that all of them have. */
#include "optim.h"
#include "loss.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

#define FIRE_OPTIM(symbol) extern const fire_optim fire_optim_##symbol##_base, fire_optim_##symbol##_avx2, fire_optim_##symbol##_avx512;
#include "optims/optims.def"
#undef FIRE_OPTIM
const fire_optim *const fire_optims[] = {
#define FIRE_OPTIM(symbol) &fire_optim_##symbol##_base,
#include "optims/optims.def"
#undef FIRE_OPTIM
    NULL};
static const fire_optim *const avx2[] = {
#define FIRE_OPTIM(symbol) &fire_optim_##symbol##_avx2,
#include "optims/optims.def"
#undef FIRE_OPTIM
    NULL};
static const fire_optim *const avx512[] = {
#define FIRE_OPTIM(symbol) &fire_optim_##symbol##_avx512,
#include "optims/optims.def"
#undef FIRE_OPTIM
    NULL};

const fire_optim *fire_optim_find(const char *name, int isa) {
    const fire_optim *const *p = isa >= FIRE_ISA_AVX512 ? avx512 : isa == FIRE_ISA_AVX2 ? avx2 : fire_optims;
    while (*p && !fire_same_word((*p)->name, name) && !fire_alias_has((*p)->alias, name)) p++;
    return *p;
}

/* ---- attributes ---- */

#define AT(field) offsetof(fire_optim_common, field)
static const fire_attr shared[] = {
    {"weight_decay", FIRE_ATTR_FLOAT, AT(weight_decay), 0, 0, 1e30, NULL, NULL, "before each update a weight loses this share of itself, times the learning rate"},
    {"clipnorm", FIRE_ATTR_FLOAT, AT(clipnorm), 0, 0, 1e30, NULL, NULL, "the norm of a weight's gradient at most; 0: any"},
    {"clipvalue", FIRE_ATTR_FLOAT, AT(clipvalue), 0, 0, 1e30, NULL, NULL, "each number of a gradient at most, either side; 0: any"},
    {"global_clipnorm", FIRE_ATTR_FLOAT, AT(global_clipnorm), 0, 0, 1e30, NULL, NULL, "the norm of all gradients together at most; 0: any"},
    {"use_ema", FIRE_ATTR_BOOL, AT(use_ema), 0, 0, 1, NULL, NULL, "keep a moving average of the weights, which they become when fit ends"},
    {"ema_momentum", FIRE_ATTR_FLOAT, AT(ema_momentum), 0.99, 0, 1, NULL, NULL, "share of the average that stays"},
    {"ema_overwrite_frequency", FIRE_ATTR_INT, AT(ema_overwrite_frequency), 0, 0, 1e15, NULL, NULL, "weights become their average every so many updates; 0: at the end alone"},
    {"gradient_accumulation_steps", FIRE_ATTR_INT, AT(gradient_accumulation_steps), 0, 0, 1e9, NULL, NULL, "one update for so many steps, with the mean of their gradients; 0: each"},
    {"exclude_from_weight_decay", FIRE_ATTR_TEXT, AT(exclude_from_weight_decay), 0, 0, 0, NULL, NULL, "weights with one of these words, separated by |, in their names keep their size"},
    {0},
};

/* What compile's lines after the first have besides, see compile.c. */
static const fire_attr layers = {"layers", FIRE_ATTR_TEXT, AT(layers), 0, 0, 0, NULL, NULL, "the layers that it updates, names or beginnings of names, separated by |"};

static size_t shared_offset(const fire_optim *o) { return (o->attr_size + 15) & ~(size_t)15; }
size_t fire_optim_bytes(const fire_optim *o) { return shared_offset(o) + sizeof(fire_optim_common); }
fire_optim_common *fire_optim_shared(const fire_optim *o, const void *attrs) { return (fire_optim_common *)((char *)attrs + shared_offset(o)); }

void fire_optim_look(const fire_optim *o, fire_attr table[FIRE_OPTIM_ATTRS]) {
    size_t at = shared_offset(o);
    int n = 0;
    memset(table, 0, FIRE_OPTIM_ATTRS * sizeof *table);
    for (const fire_attr *a = o->attrs; a->name; a++) table[n++] = *a;
    for (const fire_attr *a = shared; a->name && !o->full_batch; a++) { /* what holds steps of batches says nothing to full ones */
        assert(n < FIRE_OPTIM_ATTRS - 1);
        table[n] = *a;
        table[n++].offset += at;
        if (a == shared) table[n - 1].value = o->weight_decay;
    }
}

/* The table with learning_rate as a text and with layers; the rate's default is written into `number`. *rate: that of the optimizer's own table. */
static void text_table(const fire_optim *o, fire_attr table[FIRE_OPTIM_ATTRS], char number[FIRE_NUMBER_TEXT], fire_attr *rate) {
    fire_optim_look(o, table);
    int n = 0;
    while (table[n].name) n++;
    assert(n < FIRE_OPTIM_ATTRS - 1);
    table[n] = layers;
    table[n].offset += shared_offset(o);
    for (fire_attr *a = table; a->name; a++) {
        if (a->offset != o->rate_offset || strcmp(a->name, "learning_rate")) continue;
        *rate = *a;
        a->type = FIRE_ATTR_TEXT;
        a->offset = shared_offset(o) + AT(rate_text);
        a->text = fire_number_text(a->value, number);
        a->min = a->max = 0;
    }
}

fire_status fire_optim_read(const fire_optim *o, void *mem, const char *text, fire_error *err) {
    fire_attr table[FIRE_OPTIM_ATTRS], rate[2] = {{0}};
    char number[FIRE_NUMBER_TEXT], pair[FIRE_ATTR_TEXT_SIZE + 32], name[64];
    text_table(o, table, number, &rate[0]);
    fire_status s = fire_attrs_read(o->name, table, mem, text, NULL, 0, err);
    if (s) return s;
    fire_optim_common *c = fire_optim_shared(o, mem);
    const char *given = fire_name_read(c->rate_text, name, sizeof name);
    c->schedule = fire_schedule_find(name);
    if (c->schedule) {
        s = fire_schedule_read(c->schedule, c->schedule_attrs, given, c->rate_text, err);
        if (s) return s;
        c->rate_text[sizeof c->rate_text - 1] = 0;
    } else if ((name[0] >= 'A' && name[0] <= 'Z') || (name[0] >= 'a' && name[0] <= 'z' && strcmp(name, "inf") && strcmp(name, "nan"))) {
        char shown[80], near[FIRE_NEAR_TEXT];
        fire_near best = {.name = name};
        for (const fire_schedule *const *p = fire_schedules; *p; p++) fire_near_try(&best, (*p)->name);
        return fire_fail(err, FIRE_E_ATTRIBUTE, "%s: learning_rate is '%s', expected a number or a schedule%s", o->name, fire_escape(shown, sizeof shown, name, strlen(name)),
                         fire_near_text(&best, near));
    } else {
        size_t n = strlen(c->rate_text);
        if (strchr(c->rate_text, ' ') || !n || c->rate_text[0] == '"' || c->rate_text[0] == '[') {
            char shown[80];
            return fire_fail(err, FIRE_E_ATTRIBUTE, "%s: learning_rate is '%s', expected a number or a schedule", o->name, fire_escape(shown, sizeof shown, c->rate_text, n));
        }
        snprintf(pair, sizeof pair, "learning_rate=%s", c->rate_text);
        if ((s = fire_attrs_read(o->name, rate, mem, pair, NULL, 0, err))) return s;
        fire_optim_set_rate(o, mem, *(const double *)((const char *)mem + o->rate_offset));
    }
    int clips = (c->clipnorm > 0) + (c->clipvalue > 0) + (c->global_clipnorm > 0);
    if (clips > 1) return fire_fail(err, FIRE_E_ATTRIBUTE, "%s: %d of clipnorm, clipvalue and global_clipnorm are given, expected one at most", o->name, clips);
    if (c->gradient_accumulation_steps == 1) return fire_fail(err, FIRE_E_ATTRIBUTE, "%s: gradient_accumulation_steps is 1, expected at least 2, or 0 for none", o->name);
    return FIRE_OK;
}

size_t fire_optim_write(const fire_optim *o, const void *mem, char *to, size_t capacity) {
    fire_attr table[FIRE_OPTIM_ATTRS], rate = {0};
    char number[FIRE_NUMBER_TEXT];
    text_table(o, table, number, &rate);
    size_t head = strlen(o->name), bytes = fire_attrs_write(table, mem, false, NULL, 0), n = head + (bytes ? bytes + 1 : 0);
    if (capacity > head) {
        memcpy(to, o->name, head + 1);
        if (bytes && capacity > head + 1) {
            to[head] = ' ';
            fire_attrs_write(table, mem, false, to + head + 1, capacity - head - 1);
        }
    }
    return n;
}

void fire_optim_set_rate(const fire_optim *o, void *mem, double rate) {
    fire_optim_common *c = fire_optim_shared(o, mem);
    char number[FIRE_NUMBER_TEXT];
    c->schedule = NULL;
    memcpy((char *)mem + o->rate_offset, &rate, sizeof rate);
    memset(c->rate_text, 0, sizeof c->rate_text);
    snprintf(c->rate_text, sizeof c->rate_text, "%s", fire_number_text(rate, number));
}
