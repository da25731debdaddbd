/* trigger.c - conditions on the state of a training; one row of the table for each kind. */
#include "trigger.h"
#include "attrs.h"
#include "error.h"
#include <math.h>
#include <string.h>

enum { EVERY_EPOCH, SEVERAL_ITERATION, MAX_EPOCH, MAX_ITERATION, MIN_LOSS, MAX_SCORE, AND, OR, KINDS };
static const struct { const char *name; bool value, whole; } kind[KINDS] = {
    {"every_epoch", false, false}, {"several_iteration", true, true}, {"max_epoch", true, true}, {"max_iteration", true, true},
    {"min_loss", true, false}, {"max_score", true, false}, {"and", false, false}, {"or", false, false},
};

fire_status fire_trigger_read(fire_trigger *t, const char *text, fire_error *err) {
    int32_t depth = 0;
    *t = (fire_trigger){0};
    for (const char *p = text ? text : ""; *p;) {
        size_t n = strcspn(p, " ");
        char word[64], shown[80];
        if (!n) { p++; continue; }
        if (n >= sizeof word || t->n == FIRE_TRIGGER_TERMS) return fire_fail(err, FIRE_E_USAGE, "a trigger of more than %d terms, or with one of more than 63 letters", FIRE_TRIGGER_TERMS);
        memcpy(word, p, n);
        word[n] = 0;
        p += n;
        size_t name = strcspn(word, "=");
        int32_t k = 0;
        while (k < KINDS && (strlen(kind[k].name) != name || strncmp(kind[k].name, word, name))) k++;
        if (k == KINDS) return fire_fail(err, FIRE_E_UNKNOWN_NAME, "no trigger named '%s'; there are every_epoch, several_iteration, max_epoch, max_iteration, min_loss, max_score, and, or",
                                         fire_escape(shown, sizeof shown, word, name));
        char *end = word + name;
        double value = kind[k].value && word[name] ? fire_number_read(word + name + 1, &end) : 0;
        if (kind[k].value ? !word[name] || *end || end == word + name + 1 || !isfinite(value) || (kind[k].whole && (value < 1 || value != floor(value) || value > 1e15)) : word[name] != 0)
            return fire_fail(err, FIRE_E_USAGE, "trigger '%s': expected %s", fire_escape(shown, sizeof shown, word, n), kind[k].whole ? "a whole number of at least 1 behind =" : kind[k].value ? "a number behind =" : "no value");
        depth += k == AND || k == OR ? -1 : 1;
        if (depth < 1) return fire_fail(err, FIRE_E_USAGE, "trigger: '%s' joins the two before it, of which there are too few", kind[k].name);
        t->term[t->n].kind = k;
        t->term[t->n++].value = value;
    }
    if (depth > 1) return fire_fail(err, FIRE_E_USAGE, "trigger: %d conditions that no 'and' or 'or' joins", (int)depth);
    return FIRE_OK;
}

bool fire_trigger_fires(const fire_trigger *t, const fire_moment *m) {
    bool stack[FIRE_TRIGGER_TERMS + 1] = {false};
    int32_t n = 0;
    for (int32_t i = 0; i < t->n; i++) {
        double v = t->term[i].value;
        switch (t->term[i].kind) {
        case EVERY_EPOCH: stack[n++] = m->ended; break;
        case SEVERAL_ITERATION: stack[n++] = m->steps % (int64_t)v == 0; break;
        case MAX_EPOCH: stack[n++] = (double)m->epochs >= v; break;
        case MAX_ITERATION: stack[n++] = (double)m->steps >= v; break;
        case MIN_LOSS: stack[n++] = m->loss < v; break;
        case MAX_SCORE: stack[n++] = m->score > v; break; /* NaN is not */
        case AND: n--; stack[n - 1] = stack[n - 1] && stack[n]; break;
        default: n--; stack[n - 1] = stack[n - 1] || stack[n]; break;
        }
    }
    return n && stack[0];
}

bool fire_trigger_looks_at(const fire_trigger *t, bool score) {
    for (int32_t i = 0; i < t->n; i++)
        if (t->term[i].kind == (score ? MAX_SCORE : MIN_LOSS)) return true;
    return false;
}
