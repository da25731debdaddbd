/* schedule.c - the table of schedules. */
#include "schedule.h"
#include <string.h>

#define FIRE_SCHEDULE(symbol) extern const fire_schedule fire_schedule_##symbol;
#include "schedules/schedules.def"
#undef FIRE_SCHEDULE
const fire_schedule *const fire_schedules[] = {
#define FIRE_SCHEDULE(symbol) &fire_schedule_##symbol,
#include "schedules/schedules.def"
#undef FIRE_SCHEDULE
    NULL};

const fire_schedule *fire_schedule_find(const char *name) {
    const fire_schedule *const *p = fire_schedules;
    while (*p && !fire_same_word((*p)->name, name)) p++;
    return *p;
}

fire_status fire_schedule_read(const fire_schedule *s, void *mem, const char *text, char *canonical, fire_error *err) {
    memset(mem, 0, FIRE_SCHEDULE_SIZE);
    fire_status st = fire_attrs_read(s->name, s->attrs, mem, text, NULL, 0, err);
    if (!st && s->check) {
        fire_error why = {0};
        if ((st = s->check(mem, &why))) fire_fail(err, why.code, "%s: %s", s->name, why.message);
    }
    if (st) return st;
    size_t head = strlen(s->name), bytes = fire_attrs_write(s->attrs, mem, false, NULL, 0);
    if (head + bytes + 2 > FIRE_ATTR_TEXT_SIZE) return fire_fail(err, FIRE_E_ATTRIBUTE, "%s: its attributes are too long", s->name);
    memset(canonical, 0, FIRE_ATTR_TEXT_SIZE);
    memcpy(canonical, s->name, head);
    if (bytes) {
        canonical[head] = ' ';
        fire_attrs_write(s->attrs, mem, false, canonical + head + 1, bytes + 1);
    }
    return FIRE_OK;
}

fire_status fire_schedule_rate(const char *schedule, int64_t step, double *rate, fire_error *err) {
    _Alignas(16) unsigned char mem[FIRE_SCHEDULE_SIZE];
    char name[64], shown[80], canonical[FIRE_ATTR_TEXT_SIZE], near[FIRE_NEAR_TEXT];
    if (!schedule || !rate || step < 0) return fire_fail(err, FIRE_E_USAGE, "fire_schedule_rate: the text or the place of the rate is NULL, or the step is below 0");
    const char *rest = fire_name_read(schedule, name, sizeof name);
    const fire_schedule *s = fire_schedule_find(name);
    if (!s) {
        fire_near best = {.name = name};
        for (const fire_schedule *const *p = fire_schedules; *p; p++) fire_near_try(&best, (*p)->name);
        return fire_fail(err, FIRE_E_UNKNOWN_NAME, "no schedule named '%s'%s", fire_escape(shown, sizeof shown, name, strlen(name)), fire_near_text(&best, near)[0] ? near : "; `firesteel ops` lists all");
    }
    fire_status st = fire_schedule_read(s, mem, rest, canonical, err);
    if (!st) *rate = s->rate(mem, step);
    return st;
}
