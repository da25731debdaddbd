/* lbfgs.c - the iteration: two-loop recursion for the direction, strong Wolfe conditions for the step.
**
** Slot k holds a step s and slot history_size + k the change y of the gradient along it; iteration i writes pair i modulo history_size, zeros
** where the curvature y . s was not positive. So all that an iteration knows lies in weights, slots and the number of the step, and a checkpoint goes on
** where it was.
*/
#include "lbfgs.h"
#include "network.h"
#include <math.h>
#include <string.h>

#define LESS 1e-4   /* Wolfe's first condition: the loss falls by this share of what the slope promises */
#define FLATTER 0.9 /* the second: the slope is at most this share of the first */
#define FLAT 1e-8   /* the norm of a gradient that nothing is to be had from */
#define FURTHER 1.5 /* how first steps grow, as Breeze's, so that from the same weights the path is Spark's */

/* ---- vectors ---- */

static double dot(const fire_network *net, const void *a, const void *b) {
    double s[4] = {0};
    int64_t n = net->n_params;
    if (net->type == FIRE_F32) for (int64_t i = 0; i < n; i++) s[i & 3] += (double)((const float *)a)[i] * (double)((const float *)b)[i];
    else for (int64_t i = 0; i < n; i++) s[i & 3] += ((const double *)a)[i] * ((const double *)b)[i];
    return (s[0] + s[1]) + (s[2] + s[3]);
}

/* to = a x + b y; to may be x or y. */
static void mix(const fire_network *net, void *to, double a, const void *x, double b, const void *y) {
    int64_t n = net->n_params;
    if (net->type == FIRE_F32) for (int64_t i = 0; i < n; i++) ((float *)to)[i] = (float)(a * (double)((const float *)x)[i] + b * (double)((const float *)y)[i]);
    else for (int64_t i = 0; i < n; i++) ((double *)to)[i] = a * ((const double *)x)[i] + b * ((const double *)y)[i];
}

static void copy(const fire_network *net, void *to, const void *from) { memcpy(to, from, (size_t)net->n_params * fire_type_size(net->type)); }
static void *pair(const fire_network *net, int64_t k) { return (char *)net->slots + (size_t)(k * net->n_params) * fire_type_size(net->type); }

/* ---- life ---- */

fire_status fire_lbfgs_new(fire_lbfgs *l, fire_network *net, void *user, fire_status (*objective)(void *, void *, double *, fire_error *), fire_error *err) {
    *l = (fire_lbfgs){.net = net, .user = user, .objective = objective};
    void **own[] = {&l->g, &l->g0, &l->w0, &l->d};
    for (size_t k = 0; k < sizeof own / sizeof *own; k++)
        if (!(*own[k] = fire_alloc(net->ctx, (size_t)net->n_params, fire_type_size(net->type), err))) {
            fire_lbfgs_free(l);
            return FIRE_NOMEM;
        }
    return FIRE_OK;
}

void fire_lbfgs_free(fire_lbfgs *l) {
    if (!l->net) return;
    void *own[] = {l->g, l->g0, l->w0, l->d};
    for (size_t k = 0; k < sizeof own / sizeof *own; k++) fire_free(l->net->ctx, own[k]);
    *l = (fire_lbfgs){0};
}

/* ---- the direction ---- */

/* d = -H g, H from the pairs, the latest first (algorithm 7.4). */
static void find_direction(fire_lbfgs *l, const fire_lbfgs_attrs *t) {
    fire_network *net = l->net;
    int64_t m = t->history_size, n = net->step < m ? net->step : m;
    double share[100], scale = 1;
    bool scaled = false;
    mix(net, l->d, -1, l->g, 0, l->g);
    for (int64_t i = 0; i < n; i++) {
        int64_t k = (net->step - 1 - i) % m;
        double sy = dot(net, pair(net, k), pair(net, m + k));
        share[i] = 0;
        if (!(sy > 0)) continue;
        if (!scaled) scale = sy / dot(net, pair(net, m + k), pair(net, m + k)), scaled = true;
        share[i] = dot(net, pair(net, k), l->d) / sy;
        mix(net, l->d, 1, l->d, -share[i], pair(net, m + k));
    }
    mix(net, l->d, scale, l->d, 0, l->d);
    for (int64_t i = n - 1; i >= 0; i--) {
        int64_t k = (net->step - 1 - i) % m;
        double sy = dot(net, pair(net, k), pair(net, m + k));
        if (sy > 0) mix(net, l->d, 1, l->d, share[i] - dot(net, pair(net, m + k), l->d) / sy, pair(net, k));
    }
}

/* ---- the step ---- */

typedef struct point { double t, loss, slope; } point; /* along the direction */

/* The loss at w0 + t d. What is not finite is taken for very large. */
static fire_status look(fire_lbfgs *l, double t, point *p, fire_error *err) {
    mix(l->net, l->net->params, 1, l->w0, t, l->d);
    fire_status st = l->objective(l->user, l->g, &l->loss, err);
    *p = (point){t, l->loss, st ? 0 : dot(l->net, l->g, l->d)};
    if (!isfinite(p->loss) || !isfinite(p->slope)) p->loss = INFINITY, p->slope = 0;
    return st;
}

/* Where the cubic through both points is lowest, kept from either end by a tenth of the way (equation 3.59). */
static double between(point a, point b) {
    double low = fmin(a.t, b.t), high = fmax(a.t, b.t), edge = 0.1 * (high - low), at = 0.5 * (low + high);
    if (isfinite(a.loss) && isfinite(b.loss)) {
        double u = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t), square = u * u - a.slope * b.slope;
        if (square >= 0) {
            double v = copysign(sqrt(square), b.t - a.t), x = b.t - (b.t - a.t) * ((b.slope + v - u) / (b.slope - a.slope + 2 * v));
            if (isfinite(x)) at = x;
        }
    }
    return at < low + edge ? low + edge : at > high - edge ? high - edge : at;
}

/* Algorithms 3.5 and 3.6: first steps grow until they enclose what is looked for, then the enclosure shrinks. *end is where the weights are in
** the end, its t 0 when no better place was found. */
static fire_status search(fire_lbfgs *l, const fire_lbfgs_attrs *a, double t, point start, point *end, fire_error *err) {
    point last = start, low = start, high = {0}, p = start;
    bool enclosed = false;
    fire_status st;
    for (int64_t i = 0; i < a->max_evaluations; i++) {
        if ((st = look(l, t, &p, err))) return st;
        bool worse = p.loss > start.loss + LESS * t * start.slope || p.loss >= (enclosed ? low.loss : i ? last.loss : INFINITY);
        if (!worse && fabs(p.slope) <= -FLATTER * start.slope) {
            *end = p;
            return FIRE_OK;
        }
        if (enclosed) {
            if (worse) high = p;
            else {
                if (p.slope * (high.t - low.t) >= 0) high = low;
                low = p;
            }
        } else if (worse) low = last, high = p, enclosed = true;
        else if (p.slope >= 0) low = p, high = last, enclosed = true;
        else last = low = p, t *= FURTHER;
        if (!enclosed) continue;
        if (fabs(high.t - low.t) <= 1e-12 * fmax(low.t, high.t)) break;
        t = between(low, high);
    }
    *end = low; /* it has fallen at least */
    return p.t == low.t ? FIRE_OK : look(l, low.t, end, err);
}

/* Whether the gradient is as small as gradient_tol says. */
static bool flat(const fire_lbfgs *l, const fire_lbfgs_attrs *a) {
    return a->gradient_tol >= 0 && sqrt(dot(l->net, l->g, l->g)) <= fmax(a->gradient_tol * l->loss, FLAT);
}

fire_status fire_lbfgs_step(fire_lbfgs *l, bool *done, fire_error *err) {
    fire_network *net = l->net;
    const fire_lbfgs_attrs *a = net->optim_attrs;
    bool begins = !l->known;
    fire_status st = begins ? l->objective(l->user, l->g, &l->loss, err) : FIRE_OK;
    *done = false;
    if (st || !isfinite(l->loss)) return st;
    l->known = true;
    if (begins && flat(l, a)) { /* no step is to be made */
        *done = true;
        return FIRE_OK;
    }
    copy(net, l->w0, net->params);
    copy(net, l->g0, l->g);
    find_direction(l, a);
    point start = {0, l->loss, dot(net, l->g, l->d)}, end;
    bool first = net->step == 0;
    if (!(start.slope < 0)) { /* rounding has spoilt it: begin anew */
        memset(net->slots, 0, 2 * (size_t)(a->history_size * net->n_params) * fire_type_size(net->type));
        find_direction(l, a);
        start.slope = dot(net, l->g, l->d);
        first = true;
    }
    if (!(start.slope < 0)) { /* the gradient is zero */
        *done = true;
        net->step++;
        return FIRE_OK;
    }
    double t = first ? a->learning_rate / sqrt(dot(net, l->g, l->g)) : a->learning_rate; /* at first as long as 1 */
    l->known = false;
    if ((st = search(l, a, t, start, &end, err))) return st;
    l->known = true;
    int64_t k = net->step++ % a->history_size;
    void *s = pair(net, k), *y = pair(net, a->history_size + k);
    mix(net, s, end.t, l->d, 0, l->d);
    mix(net, y, 1, l->g, -1, l->g0);
    double sy = dot(net, s, y);
    if (!(sy > 1e-10 * dot(net, y, y))) { /* no curvature to learn from */
        mix(net, s, 0, s, 0, s);
        mix(net, y, 0, y, 0, y);
    }
    double most = fmax(1, fmax(fabs(start.loss), fabs(l->loss)));
    *done = start.loss - l->loss <= a->tol * most || flat(l, a);
    return FIRE_OK;
}
