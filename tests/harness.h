/* harness.h - what the C tests share: a counting allocator and files that can be told to fail. */
#ifndef FIRE_HARNESS_H
#define FIRE_HARNESS_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "firesteel.h"

typedef struct harness {
    fire_memory memory;
    fire_io io;
    int64_t live;      /* blocks allocated and not freed */
    int64_t calls;     /* allocations and I/O calls so far */
    int64_t fail_at;   /* the call, counted from 1, that fails; 0: none */
} harness;

void harness_init(harness *h);
/* harness_context - a context that allocates through h; options 0 or NULL mean the defaults. */
fire_context *harness_context(harness *h, const fire_config *config);

/* harness_fail_each - run body with the 1st, 2nd, ... allocation or I/O call failing until it succeeds; each failure must be a
** status, with nothing leaked. Returns the number of calls that were made to fail. */
int64_t harness_fail_each(fire_status (*body)(fire_context *ctx, void *user, fire_error *err), void *user);
#endif
