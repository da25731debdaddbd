/* plan.c - order, liveness, one block, kernels, run.
**
** Values live in stores. Values of one store lie at the same place: what Reshape and its kin give back is their input, and an operator
** that works in place gives its output the store of the input that dies there. Stores of inputs, params and constants lie where their
** owner keeps them; the others get an offset in one block, such that two stores share bytes only if their lives do not meet. Each
** store knows every pointer to it, so that binding is a loop over a few addresses and a run is a loop over calls.
*/
#include "plan.h"
#include "denormal.h"
#include "fuse.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALIGN 64

typedef struct step {
    fire_call call;
    void (*run)(const fire_call *call);
    const fire_kernel *kernel; /* NULL: reference */
    const fire_node *node;     /* in the plan's graph */
    bool steady;               /* follows from params and constants: done by fire_plan_hold */
} step;

typedef struct store {
    fire_source source;
    bool output, steady;   /* steady: written by such a step */
    bool wanted;           /* read by a step that is not steady */
    int32_t first, last;   /* steps that write and read it first and last */
    int64_t bytes, offset;
    int64_t refs, n_refs;  /* its pointers are ref[refs .. refs + n_refs) */
} store;

struct fire_plan {
    fire_context *ctx;
    bool holds;            /* params keep their numbers: see fire_plan_hold */
    fire_graph g;          /* fused copy */
    fire_tensor *tensor;   /* [g.n_values] concrete; data follows the store */
    int32_t *place;        /* [g.n_values] store of a value, -1: not in the plan */
    store *store;
    int64_t n_stores;
    void ***ref;
    step *step;
    int64_t n_steps;
    char *block;
    int64_t bytes, flops;
};

static int64_t bytes_of(const fire_tensor *t) { return fire_count(&t->shape) * (int64_t)fire_type_size(t->type); }

/* ---- stores and lives ---- */

static int32_t add_store(fire_plan *p, fire_value v, fire_source source) {
    store *s = &p->store[p->n_stores];
    *s = (store){.source = source, .first = -1, .last = -1, .bytes = bytes_of(&p->tensor[v])};
    return p->place[v] = (int32_t)p->n_stores++;
}

/* Whether the output of a pure_shape node can lie over its input. An output that the caller may bind must have its own store, one
** that no input, constant or other output shares. */
static bool can_alias(const fire_plan *p, const fire_node *n, const bool *is_output) {
    if (!n->op->pure_shape || !fire_reads(n, 0)) return false;
    const store *s = &p->store[p->place[n->in[0]]];
    return !is_output[n->out[0]] || (s->source == FIRE_FROM_NODE && !s->output);
}

/* Give every value of the plan a store, every node that computes a step, and find when each store is read last. */
static void make_stores(fire_plan *p, const bool *is_output) {
    const fire_graph *g = &p->g;
    for (int64_t v = 0; v < g->n_values; v++) p->place[v] = -1;
    for (int64_t v = 1; v < g->n_values; v++)
        if (g->value[v].source != FIRE_FROM_NODE && is_output[v]) p->store[add_store(p, (fire_value)v, g->value[v].source)].output = true;
    for (int64_t k = 0; k < g->n_nodes; k++) {
        const fire_node *n = &g->node[k];
        for (int i = 0; i < n->n_in; i++)
            if (fire_reads(n, i) && p->place[n->in[i]] < 0) add_store(p, n->in[i], g->value[n->in[i]].source);
        bool alias = can_alias(p, n, is_output);
        if (!alias) p->step[p->n_steps++].node = n;
        int32_t now = (int32_t)p->n_steps - 1;
        for (int i = 0; i < n->n_out; i++) {
            if (!n->out[i]) continue;
            if (alias) p->place[n->out[i]] = p->place[n->in[0]];
            else p->store[add_store(p, n->out[i], FIRE_FROM_NODE)].first = now;
            if (is_output[n->out[i]]) p->store[p->place[n->out[i]]].output = true;
        }
        if (!alias)
            for (int i = 0; i < n->n_in; i++)
                if (fire_reads(n, i)) p->store[p->place[n->in[i]]].last = now;
    }
    for (int64_t s = 0; s < p->n_stores; s++) {
        if (p->store[s].output) p->store[s].last = (int32_t)p->n_steps; /* past the end */
        if (p->store[s].last < p->store[s].first) p->store[s].last = p->store[s].first; /* a second output that nobody reads */
    }
}

/* Whether step k's output 0 can be written over its input i: the operator allows it, the input's store dies here, and no other
** input reads that store except as the same value, element by element. */
static bool can_overwrite(const fire_plan *p, int64_t k, int i) {
    const fire_node *n = p->step[k].node;
    if (!(n->op->in_place >> i & 1) || !fire_reads(n, i) || !n->out[0]) return false;
    const fire_tensor *x = &p->tensor[n->in[i]], *y = &p->tensor[n->out[0]];
    const store *s = &p->store[p->place[n->in[i]]];
    if (s->source != FIRE_FROM_NODE || s->output || s->last != k || (s->steady && s->wanted) || x->type != y->type || !fire_same_shape(&x->shape, &y->shape)) return false;
    for (int j = 0; j < n->n_in; j++)
        if (j != i && fire_reads(n, j) && p->place[n->in[j]] == p->place[n->in[i]] && (n->in[j] != n->in[i] || !(n->op->in_place >> j & 1))) return false;
    return true;
}

static void overwrite_inputs(fire_plan *p) {
    for (int64_t k = 0; k < p->n_steps; k++) {
        const fire_node *n = p->step[k].node;
        for (int i = 0; i < n->n_in; i++) {
            if (!can_overwrite(p, k, i)) continue;
            int32_t from = p->place[n->out[0]], to = p->place[n->in[i]];
            for (int64_t v = 1; v < p->g.n_values; v++)
                if (p->place[v] == from) p->place[v] = to;
            store *a = &p->store[to], *b = &p->store[from];
            a->last = b->last;
            a->wanted = b->wanted;
            a->output = b->output;
            *b = (store){.first = -1, .last = -1}; /* nobody's */
            break;
        }
    }
}

/* ---- what follows from params alone ---- */

/* Whether what lies in a store is the same in every run. */
static bool stays(const fire_plan *p, const store *s) {
    return s->source == FIRE_FROM_CONST || (p->holds && (s->source == FIRE_FROM_PARAM || (s->source == FIRE_FROM_NODE && s->steady)));
}

/* Mark steps whose inputs all stay. Outputs of the plan are written by every run: the caller may say where they go. */
static void find_steady(fire_plan *p) {
    for (int64_t k = 0; k < p->n_steps && p->holds; k++) {
        step *t = &p->step[k];
        bool steady = !t->node->op->joins && t->node->n_in > 0;
        for (int i = 0; i < t->node->n_in && steady; i++)
            if (fire_reads(t->node, i)) steady = stays(p, &p->store[p->place[t->node->in[i]]]);
        for (int i = 0; i < t->node->n_out && steady; i++)
            if (t->node->out[i]) steady = !p->store[p->place[t->node->out[i]]].output;
        t->steady = steady;
        for (int i = 0; i < t->node->n_out && steady; i++)
            if (t->node->out[i]) p->store[p->place[t->node->out[i]]].steady = true;
        for (int i = 0; i < t->node->n_in && !steady; i++)
            if (fire_reads(t->node, i)) p->store[p->place[t->node->in[i]]].wanted = true;
    }
}

/* What a steady step makes for another step lives in all runs, unless that step's kernel keeps it in its own way. */
static void keep_steady(fire_plan *p) {
    for (int64_t k = 0; k < p->n_steps; k++) {
        const step *t = &p->step[k];
        for (int i = 0; i < t->node->n_in && !t->steady; i++) {
            if (!fire_reads(t->node, i)) continue;
            store *s = &p->store[p->place[t->node->in[i]]];
            if (!s->steady) continue;
            if (!t->kernel || !t->kernel->hold || !(t->kernel->holds >> i & 1)) s->first = 0, s->last = (int32_t)p->n_steps;
        }
    }
}

/* ---- the block ---- */

typedef struct item { int64_t store, bytes; } item;
static int larger_first(const void *a, const void *b) {
    const item *x = a, *y = b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    return x->store < y->store ? -1 : 1; /* the same layout everywhere, whatever qsort does with equals */
}

/* Greedy best fit: largest first, each into the smallest gap that is free during its life, or at the end. */
static fire_status lay_out(fire_plan *p, size_t scratch, fire_error *err) {
    item *todo = fire_alloc(p->ctx, (size_t)p->n_stores, sizeof *todo, err);
    int32_t *placed = fire_alloc(p->ctx, (size_t)p->n_stores, sizeof *placed, err); /* by offset */
    fire_status s = todo && placed ? FIRE_OK : FIRE_NOMEM;
    int64_t n = 0, n_placed = 0, end = 0;
    for (int64_t k = 0; k < p->n_stores && !s; k++) {
        store *t = &p->store[k];
        if (t->source != FIRE_FROM_NODE || t->first < 0 || t->bytes == 0) continue;
        if (!fire_add(t->bytes, ALIGN - 1, &t->bytes)) s = fire_fail(err, FIRE_E_NOMEM, "a tensor of %lld bytes is too large", (long long)t->bytes);
        t->bytes = t->bytes / ALIGN * ALIGN;
        todo[n++] = (item){k, t->bytes};
    }
    if (!s && n) qsort(todo, (size_t)n, sizeof *todo, larger_first);
    for (int64_t k = 0; k < n && !s; k++) {
        store *t = &p->store[todo[k].store];
        int64_t free_from = 0, best = -1, best_gap = INT64_MAX;
        for (int64_t q = 0; q < n_placed; q++) {
            const store *o = &p->store[placed[q]];
            if (o->last < t->first || o->first > t->last) continue;
            int64_t gap = o->offset - free_from;
            if (gap >= t->bytes && gap < best_gap) best = free_from, best_gap = gap;
            if (o->offset + o->bytes > free_from) free_from = o->offset + o->bytes;
        }
        t->offset = best >= 0 ? best : free_from;
        int64_t stop, at = n_placed++;
        if (!fire_add(t->offset, t->bytes, &stop)) s = fire_fail(err, FIRE_E_NOMEM, "the plan needs more memory than can be addressed");
        else if (stop > end) end = stop;
        for (; at > 0 && p->store[placed[at - 1]].offset > t->offset; at--) placed[at] = placed[at - 1];
        placed[at] = (int32_t)todo[k].store;
    }
    fire_free(p->ctx, todo);
    fire_free(p->ctx, placed);
    if (!s && !fire_add(end, (int64_t)scratch, &p->bytes)) s = fire_fail(err, FIRE_E_NOMEM, "the plan needs more memory than can be addressed");
    if (!s && p->g.block_limit && p->bytes > p->g.block_limit)
        s = fire_fail(err, FIRE_E_NOMEM, "out of memory: what is computed takes %lld bytes at once, and the limit for this model is %lld; fire_set_limits changes it", (long long)p->bytes, (long long)p->g.block_limit);
    if (!s && !(p->block = fire_alloc(p->ctx, (size_t)p->bytes, 1, err))) s = FIRE_NOMEM;
    for (int64_t k = 0; k < p->n_steps && !s; k++) p->step[k].call.scratch = p->block + end;
    return s;
}

/* ---- pointers ---- */

static void point(fire_plan *p, const store *s, void *data) {
    for (int64_t i = 0; i < s->n_refs; i++) *p->ref[s->refs + i] = data;
}

/* Collect the pointers to each store: count, then fill. */
static fire_status collect_refs(fire_plan *p, fire_error *err) {
    int64_t total = 0;
    for (int pass = 0; pass < 2; pass++) {
        if (pass == 1) {
            for (int64_t s = 0; s < p->n_stores; s++) p->store[s].refs = total, total += p->store[s].n_refs, p->store[s].n_refs = 0;
            if (!(p->ref = fire_alloc(p->ctx, (size_t)total, sizeof *p->ref, err))) return FIRE_NOMEM;
        }
#define REF(v, pointer)                                                                   \
    do {                                                                                  \
        store *s_ = &p->store[p->place[v]];                                               \
        if (pass == 1) p->ref[s_->refs + s_->n_refs] = &(pointer);                        \
        s_->n_refs++;                                                                     \
    } while (0)
        for (int64_t v = 1; v < p->g.n_values; v++)
            if (p->place[v] >= 0) REF(v, p->tensor[v].data);
        for (int64_t k = 0; k < p->n_steps; k++) {
            step *t = &p->step[k];
            for (int i = 0; i < t->node->n_in; i++)
                if (fire_reads(t->node, i)) REF(t->node->in[i], t->call.in[i].data);
            for (int i = 0; i < t->node->n_out; i++)
                if (t->node->out[i]) REF(t->node->out[i], t->call.out[i].data);
        }
#undef REF
    }
    return FIRE_OK;
}

/* ---- kernels ---- */

static const char *why_not(fire_context *ctx, const fire_kernel *k, const fire_call *call) {
    if (ctx->reference_only) return "only reference kernels are wanted";
    if (k->isa > ctx->isa) return "the CPU or the context does not offer its instruction set";
    return k->decline ? k->decline(ctx, call) : NULL;
}

static fire_status choose_kernel(fire_plan *p, step *t, size_t *scratch, fire_error *err) {
    const fire_op *op = t->node->op;
    for (const fire_kernel *const *k = fire_kernels; *k; k++) {
        if (strcmp((*k)->op, op->name) || why_not(p->ctx, *k, &t->call)) continue;
        t->run = (*k)->run;
        if ((*k)->prepare) {
            fire_status s = (*k)->prepare(p->ctx, &t->call, scratch, err);
            if (s) return s;
        }
        t->kernel = *k; /* from here on its state must be released */
        return FIRE_OK;
    }
    t->run = op->run;
    if (op->scratch) *scratch = op->scratch(&t->call);
    return FIRE_OK;
}

static int64_t step_flops(const step *t) {
    return t->node->op->flops ? t->node->op->flops(&t->call) : t->node->op->pure_shape || !t->node->out[0] ? 0 : fire_count(&t->call.out[0].shape);
}

static fire_status make_steps(fire_plan *p, size_t *scratch, fire_error *err) {
    for (int64_t k = 0; k < p->n_steps; k++) {
        step *t = &p->step[k];
        const fire_node *n = t->node;
        t->call = (fire_call){.attrs = n->attrs, .n_in = n->n_in, .n_out = n->n_out};
        for (int i = 0; i < n->n_in; i++)
            if (n->in[i]) {
                t->call.in[i] = p->tensor[n->in[i]]; /* data of constants is set: kernels may prepare them */
                if (!fire_reads(n, i)) t->call.in[i].data = NULL;
            }
        for (int i = 0; i < n->n_out; i++)
            if (n->out[i]) t->call.out[i] = p->tensor[n->out[i]];
        for (int i = 0; i < n->n_in; i++)
            if (fire_reads(n, i) && !t->steady && stays(p, &p->store[p->place[n->in[i]]])) t->call.held |= 1u << i;
        size_t need = 0;
        fire_status s = choose_kernel(p, t, &need, err);
        if (s) return s;
        if (need > *scratch) *scratch = need;
        if (!t->steady && !fire_add(p->flops, step_flops(t), &p->flops)) p->flops = INT64_MAX;
    }
    return FIRE_OK;
}

/* ---- the public part ---- */

/* In the order of the steps, so that what a kernel keeps in its own way need not stay: its memory is free afterwards. */
static void hold(fire_plan *p) {
    uint32_t denormals = fire_denormals_off();
    for (int64_t k = 0; k < p->n_steps; k++) {
        const step *t = &p->step[k];
        if (t->steady) t->run(&t->call);
        else if (t->kernel && t->kernel->hold && t->call.held & t->kernel->holds) t->kernel->hold(&t->call);
    }
    fire_denormals_restore(denormals);
}
void fire_plan_hold(fire_plan *p) { hold(p); }

static fire_status build(fire_plan *p, const fire_graph *g, int64_t batch, int n_outputs, const fire_value *outputs, fire_error *err) {
    fire_status s = fire_fuse(g, batch, n_outputs, outputs, &p->g, &p->tensor, err);
    if (s) return s;
    p->g.block_limit = g->block_limit;
    size_t values = (size_t)p->g.n_values, scratch = 0;
    bool *is_output = fire_alloc(p->ctx, values, sizeof *is_output, err);
    p->place = fire_alloc(p->ctx, values, sizeof *p->place, err);
    p->store = fire_alloc(p->ctx, values, sizeof *p->store, err);
    p->step = fire_alloc(p->ctx, (size_t)p->g.n_nodes, sizeof *p->step, err);
    if (!is_output || !p->place || !p->store || !p->step) {
        fire_free(p->ctx, is_output);
        return FIRE_NOMEM;
    }
    for (int i = 0; i < n_outputs; i++) is_output[outputs[i]] = true;
    make_stores(p, is_output);
    fire_free(p->ctx, is_output);
    find_steady(p);
    overwrite_inputs(p);
    s = make_steps(p, &scratch, err);
    keep_steady(p);
    if (!s) s = lay_out(p, scratch, err);
    if (!s) s = collect_refs(p, err);
    if (s) return s;
    for (int64_t k = 0; k < p->n_stores; k++) /* once each, however many values lie there */
        if (p->store[k].source == FIRE_FROM_NODE) point(p, &p->store[k], p->block + p->store[k].offset);
    for (int64_t v = 1; v < p->g.n_values; v++) {
        if (p->place[v] < 0) continue;
        const store *t = &p->store[p->place[v]];
        if (t->source == FIRE_FROM_CONST && p->g.value[v].source == FIRE_FROM_CONST) point(p, t, p->g.value[v].tensor.data);
    }
    if (!p->holds) hold(p);
    return FIRE_OK;
}

static fire_status plan_new(const fire_graph *g, int64_t batch, int n_outputs, const fire_value *outputs, bool holds, fire_plan **out, fire_error *err) {
    fire_plan *p = fire_alloc(g->ctx, 1, sizeof *p, err);
    if (!p) return FIRE_NOMEM;
    p->ctx = g->ctx;
    p->holds = holds;
    fire_status s = FIRE_OK;
    for (int64_t k = 0; k < g->n_nodes && !s && g->align.get; k++)
        for (int i = 0; i < g->node[k].n_in && !s; i++)
            if (g->node[k].in[i] > 0) s = fire_graph_align(g, g->node[k].in[i], err);
    if (!s) s = build(p, g, batch, n_outputs, outputs, err);
    if (s) {
        fire_plan_free(p);
        return s;
    }
    *out = p;
    return FIRE_OK;
}

fire_status fire_plan_new(const fire_graph *g, int64_t batch, int n_outputs, const fire_value *outputs, fire_plan **out, fire_error *err) {
    return plan_new(g, batch, n_outputs, outputs, false, out, err);
}
fire_status fire_plan_new_steady(const fire_graph *g, int64_t batch, int n_outputs, const fire_value *outputs, fire_plan **out, fire_error *err) {
    return plan_new(g, batch, n_outputs, outputs, true, out, err);
}

void fire_plan_free(fire_plan *p) {
    if (!p) return;
    for (int64_t k = 0; k < p->n_steps; k++)
        if (p->step[k].kernel && p->step[k].kernel->release) p->step[k].kernel->release(p->ctx, p->step[k].call.state);
    fire_free(p->ctx, p->block);
    fire_free(p->ctx, p->ref);
    fire_free(p->ctx, p->step);
    fire_free(p->ctx, p->store);
    fire_free(p->ctx, p->place);
    fire_free(p->ctx, p->tensor);
    fire_graph_clear(&p->g);
    fire_free(p->ctx, p);
}

/* The store of v, or NULL when the plan has no use for it. */
static store *store_of(const fire_plan *p, fire_value v) {
    return v > 0 && v < p->g.n_values && p->place[v] >= 0 ? &p->store[p->place[v]] : NULL;
}

void fire_plan_bind(fire_plan *p, fire_value v, void *data) {
    store *s = store_of(p, v);
    if (!s || (s->source == FIRE_FROM_NODE && !s->output)) return;
    if (s->source == FIRE_FROM_CONST) { /* an output that is a constant of the graph: there is no step to write it */
        const fire_tensor *t = &p->g.value[v].tensor;
        if (s->output && data != t->data && bytes_of(t)) memcpy(data, t->data, (size_t)bytes_of(t));
        return;
    }
    point(p, s, data);
}

void *fire_plan_data(const fire_plan *p, fire_value v) { return store_of(p, v) ? p->tensor[v].data : NULL; }
fire_tensor fire_plan_tensor(const fire_plan *p, fire_value v) { return store_of(p, v) ? p->tensor[v] : (fire_tensor){0}; }
bool fire_plan_needs(const fire_plan *p, fire_value v) { return store_of(p, v) != NULL; }

void fire_plan_run(fire_plan *p) {
    uint32_t denormals = fire_denormals_off();
    for (int64_t k = 0; k < p->n_steps; k++)
        if (!p->step[k].steady) p->step[k].run(&p->step[k].call);
    fire_denormals_restore(denormals);
}

bool fire_plan_go(fire_plan *p, int64_t *at, fire_tensor *sum) {
    uint32_t denormals = fire_denormals_off();
    bool stopped = false;
    while (*at < p->n_steps && !stopped) {
        step *t = &p->step[(*at)++];
        t->run(&t->call);
        stopped = t->node->op->joins != NULL;
        if (stopped) *sum = t->call.out[0];
    }
    fire_denormals_restore(denormals);
    return stopped;
}

int32_t fire_plan_points(const fire_plan *p) {
    int32_t n = 0;
    for (int64_t k = 0; k < p->n_steps; k++) n += p->step[k].node->op->joins != NULL;
    return n;
}

fire_tensor fire_plan_point(const fire_plan *p, int32_t i, bool *over_workers) {
    for (int64_t k = 0; k < p->n_steps; k++) {
        const step *t = &p->step[k];
        if (!t->node->op->joins || i-- > 0) continue;
        *over_workers = t->node->op->joins(t->call.attrs);
        fire_tensor x = t->call.out[0];
        x.data = NULL;
        return x;
    }
    return (fire_tensor){0};
}

void fire_plan_time(fire_plan *p, double (*clock)(void), double *seconds) {
    uint32_t denormals = fire_denormals_off();
    for (int64_t k = 0; k < p->n_steps; k++) {
        if (p->step[k].steady) continue;
        double began = clock();
        p->step[k].run(&p->step[k].call);
        seconds[k] += clock() - began;
    }
    fire_denormals_restore(denormals);
}

int64_t fire_plan_step_flops(const fire_plan *p, int i) { return step_flops(&p->step[i]); }
int64_t fire_plan_bytes(const fire_plan *p) { return p->bytes; }
int64_t fire_plan_flops(const fire_plan *p) { return p->flops; }
fire_status fire_plan_allowed(const fire_plan *p, int64_t *left, fire_error *err) {
    const int64_t work = fire_plan_work(p);
    if (*left == INT64_MAX) return FIRE_OK;
    if (work > *left)
        return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "what is computed takes %lld operations, and %lld are left of the context's limit of %lld; fire_set_limits changes it",
                         (long long)work, (long long)*left, (long long)p->ctx->work_limit);
    *left -= work;
    return FIRE_OK;
}
int64_t fire_plan_work(const fire_plan *p) {
    int64_t work = p->flops;
    for (int64_t k = 0; k < p->n_steps; k++)
        if (p->step[k].steady && !fire_add(work, step_flops(&p->step[k]), &work)) return INT64_MAX;
    return work;
}
int fire_plan_steps(const fire_plan *p) { return (int)p->n_steps; }

const char *fire_plan_kernel(const fire_plan *p, int i, const char **op) {
    assert(i >= 0 && i < p->n_steps);
    if (op) *op = p->step[i].node->op->name;
    return p->step[i].kernel ? p->step[i].kernel->name : "reference";
}

/* ---- explain ---- */

static void say(fire_write *write, void *user, const char *text) { write(user, text, strlen(text)); }

static void say_padded(fire_write *write, void *user, const char *text, int width) {
    say(write, user, text);
    for (int k = (int)strlen(text); k < width; k++) say(write, user, " ");
}

const char *fire_plan_step_text(const fire_plan *p, int i, char *buf, size_t size) {
    const fire_call *c = &p->step[i].call;
    char one[FIRE_SHAPE_TEXT];
    size_t at = 0;
    buf[0] = 0;
    for (int k = 0; k < c->n_in + c->n_out && at < size; k++) {
        const fire_tensor *t = k < c->n_in ? &c->in[k] : &c->out[k - c->n_in];
        at += (size_t)snprintf(buf + at, size - at, "%s%s", k == c->n_in ? " -> " : k ? " " : "", t->type ? fire_shape_text(&t->shape, one) : "-");
    }
    return buf;
}

void fire_plan_explain(const fire_plan *p, fire_write *write, void *user) {
    for (int64_t k = 0; k < p->n_steps; k++) {
        const step *t = &p->step[k];
        char shapes[(FIRE_MAX_IN + FIRE_MAX_OUT) * (FIRE_SHAPE_TEXT + 4)];
        fire_plan_step_text(p, (int)k, shapes, sizeof shapes);
        say_padded(write, user, t->node->layer ? t->node->layer : "", 16);
        say(write, user, " ");
        say_padded(write, user, t->node->op->name, 24);
        say(write, user, " ");
        say_padded(write, user, shapes, 48);
        say(write, user, " ");
        say(write, user, t->kernel ? t->kernel->name : "reference");
        if (t->steady) say(write, user, ", once for the weights");
        for (const fire_kernel *const *q = fire_kernels; *q && *q != t->kernel; q++) {
            if (strcmp((*q)->op, t->node->op->name)) continue;
            const char *why = why_not(p->ctx, *q, &t->call);
            if (!why) continue;
            say(write, user, "; ");
            say(write, user, (*q)->name);
            say(write, user, ": ");
            say(write, user, why);
        }
        say(write, user, "\n");
    }
}
