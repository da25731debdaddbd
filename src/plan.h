/* plan.h - a graph made ready to run for one batch size: order, liveness, one aligned block, fusions, kernels.
**
** A plan is single-threaded; threads that compute at once have a plan each. A run allocates nothing and cannot fail.
*/
#ifndef FIRE_PLAN_H
#define FIRE_PLAN_H
#include "kernel.h"

typedef struct fire_plan fire_plan;

/* fire_plan_new - plan what is needed for outputs[n_outputs] with -1 dimensions set to `batch`. The graph is borrowed
** until the plan is freed and is not changed (the plan fuses a copy). */
fire_status fire_plan_new(const fire_graph *g, int64_t batch, int n_outputs, const fire_value *outputs, fire_plan **out, fire_error *err);
/* fire_plan_new_steady - the same for params that keep their numbers over many runs: what follows from them alone is computed by
** fire_plan_hold, which is called once params are bound, and again after their numbers have changed, before the next run. */
fire_status fire_plan_new_steady(const fire_graph *g, int64_t batch, int n_outputs, const fire_value *outputs, fire_plan **out, fire_error *err);
void fire_plan_hold(fire_plan *p);
void fire_plan_free(fire_plan *p);

/* fire_plan_bind - where an input or param lies, or where an output goes, from the next run on; any alignment works,
** 64 bytes is fastest. Inputs and params are only read. Outputs that are not bound live in the plan's block. Binding a
** value that the plan does not need is fine. */
void fire_plan_bind(fire_plan *p, fire_value v, void *data);

/* fire_plan_data - an output's numbers after a run; borrowed, overwritten by the next run. */
void *fire_plan_data(const fire_plan *p, fire_value v);
fire_tensor fire_plan_tensor(const fire_plan *p, fire_value v); /* concrete shape; type 0 when not in the plan */

/* fire_plan_needs - whether input or param v is read at all. */
bool fire_plan_needs(const fire_plan *p, fire_value v);
void fire_plan_run(fire_plan *p);

/* Sums over slices (fire_op.joins). A run as above leaves them what this slice gives. Where there are several slices each runs with
** fire_plan_go, *at beginning with 0: it stops behind the next sum, where *sum is this slice's share and is to be replaced by the whole, and
** is false when it has come to the end. All plans of a graph stop at the same ones: fire_plan_points counts them, and fire_plan_point gives
** the i-th, without data; *over_workers: workers are to be summed over as well. */
bool fire_plan_go(fire_plan *p, int64_t *at, fire_tensor *sum);
int32_t fire_plan_points(const fire_plan *p);
fire_tensor fire_plan_point(const fire_plan *p, int32_t i, bool *over_workers);

int64_t fire_plan_bytes(const fire_plan *p); /* of the block */
int64_t fire_plan_flops(const fire_plan *p);
/* fire_plan_allowed - take a run's work from *left, or fail because it is more (FIRE_E_MODEL_UNSUPPORTED). */
fire_status fire_plan_allowed(const fire_plan *p, int64_t *left, fire_error *err);
int64_t fire_plan_work(const fire_plan *p); /* the same with what fire_plan_hold computes */
int fire_plan_steps(const fire_plan *p);
/* fire_plan_time - run, and add what clock gives for each step to seconds[fire_plan_steps]; steps of fire_plan_hold are left out. */
void fire_plan_time(fire_plan *p, double (*clock)(void), double *seconds);
/* fire_plan_step_flops - operations of step i, multiply and add counted apart. */
int64_t fire_plan_step_flops(const fire_plan *p, int i);
/* fire_plan_step_text - shapes of step i, "[2, 3] [3] -> [2]". Returns buf. */
const char *fire_plan_step_text(const fire_plan *p, int i, char *buf, size_t size);
/* fire_plan_explain - one line of text per step: layer, operator, shapes, kernel, and what declined. */
void fire_plan_explain(const fire_plan *p, fire_write *write, void *user);
/* fire_plan_kernel - name of the kernel of step i ("reference" for the operator's own); *op gets the operator's name. */
const char *fire_plan_kernel(const fire_plan *p, int i, const char **op);
#endif
