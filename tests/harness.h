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
    int64_t live;      /* blocks allocated and not freed, files open */
    int64_t calls;     /* allocations and I/O calls so far */
    int64_t fail_at;   /* the call, counted from 1, that fails; 0: none */
    bool tolerable;    /* the call that failed was one that may be ignored: closing what was only read, removing */
} harness;

void harness_init(harness *h);
/* harness_context - a context that allocates through h; options 0 or NULL mean the defaults. */
fire_context *harness_context(harness *h, const fire_config *config);

/* harness_fail_each - run body with its 1st, 2nd, ... allocation or I/O call failing until it succeeds; each failure must be a
** status, with nothing leaked. Returns the number of calls that were made to fail. */
int64_t harness_fail_each(fire_status (*body)(fire_context *ctx, void *user, fire_error *err), void *user);

/* An operator's example, op.h: "[3,4] i64[2]{0,-1} - transB=1". */
typedef struct harness_input {
    bool absent, positive;
    fire_type type;      /* FIRE_NO_TYPE: the float type under test */
    fire_shape shape;
    int64_t below;       /* whole numbers below this; 0: not asked for */
    bool constant;       /* with these numbers */
    double number[64];
} harness_input;
typedef struct harness_example {
    int n_in;
    harness_input in[32]; /* FIRE_MAX_IN */
    const char *attrs;   /* rest of the text */
} harness_example;

/* harness_example_read - false when the text is not an example. */
bool harness_example_read(const char *text, harness_example *e);

/* harness_fill - give t (type, shape and data set) numbers for input i of an example. Floats are +-[0.1, 1], never two alike in a
** tensor of up to 509 nor across inputs, at least 1e-4 apart: away from the kinks at 0 and at ties. */
void harness_fill(const harness_input *in, int i, uint64_t seed, fire_tensor *t);

/* harness_random - the next number of a small generator (splitmix64). */
uint64_t harness_random(uint64_t *state);

/* A tiny evaluator, an independent judge of plans: every value of a graph in memory of its own (malloc), nodes run in order by their
** reference kernels. harness_values gives each value's tensor with -1 as `batch`, constants filled in, other data zeroed; the caller fills
** inputs and params. Returns NULL when a shape cannot be inferred for this batch; *err says why. Index 0 is unused. */
struct fire_graph;
fire_tensor *harness_values(const struct fire_graph *g, int64_t batch, fire_error *err);
void harness_run(const struct fire_graph *g, fire_tensor *value);
void harness_values_free(const struct fire_graph *g, fire_tensor *value);
#endif
