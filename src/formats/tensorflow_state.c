/* tensorflow_state.c - variables that a graph changes while it runs, as a flow of values.
**
** An operator that changes a variable gives its new value. Here everything that sees the variable after such an operator, by the order that edges of
** data and control give, is made to read that operator instead, so that a run needs no state and leaves the model as it is. Where the order is open, or
** a variable changes in a loop or on one of two ways, the graph is refused. What changes a variable that nothing reads later is not run at all.
*/
#include "formats/tensorflow.h"
#include <string.h>

#define MAX_CHANGES 64 /* of one variable: bits of a mask */
#define MAX_WORK (1 << 25) /* edges looked at, for all variables together */

static fire_status node_fail(const fire_onnx *m, int64_t i, fire_error *err, const char *why, int64_t other) {
    char a[80], z[80];
    return fire_fail(err, FIRE_E_MODEL_UNSUPPORTED, "node '%s' %s '%s'", fire_escape(a, sizeof a, (const char *)m->node[i].name.bytes, m->node[i].name.size), why,
                     fire_escape(z, sizeof z, (const char *)m->node[other].name.bytes, m->node[other].name.size));
}

static bool begins(fire_span s, const char *with) { return s.size >= strlen(with) && !memcmp(s.bytes, with, strlen(with)); }

/* Operators that change the variable of their first input; handle: it is a resource. */
static bool changes(fire_span op, bool *handle) {
    static const char *const refs[] = {"Assign", "AssignAdd", "AssignSub", "ScatterAdd", "ScatterDiv", "ScatterMax", "ScatterMin", "ScatterMul", "ScatterSub", "ScatterUpdate", "ScatterNdAdd",
        "ScatterNdMax", "ScatterNdMin", "ScatterNdSub", "ScatterNdUpdate"};
    *handle = begins(op, "ResourceScatter") || fire_span_is(op, "AssignVariableOp") || fire_span_is(op, "AssignAddVariableOp") || fire_span_is(op, "AssignSubVariableOp");
    if (*handle) return true;
    for (size_t i = 0; i < sizeof refs / sizeof *refs; i++)
        if (fire_span_is(op, refs[i])) return true;
    return false;
}
static bool reads_handle(fire_span op) { return fire_span_is(op, "ReadVariableOp") || fire_span_is(op, "ResourceGather") || fire_span_is(op, "ResourceGatherNd"); }
static bool overwrites(fire_span op) { return fire_span_is(op, "Assign") || fire_span_is(op, "AssignVariableOp"); }

/* Which variable stands behind an edge: a node, or in a function (-1) an argument of that name. */
typedef struct origin { int32_t node; fire_span name; } origin;

/* Whether a node hands on the variable of its first input, as a reference or a handle. */
static bool hands_on(const fire_onnx *m, int32_t i, bool handle) {
    bool is_handle;
    const fire_span op = m->node[i].op;
    if (!m->node[i].n_in || m->tf->node[i].fed) return false;
    return handle ? fire_span_is(op, "Identity") : fire_span_is(op, "RefIdentity") || (changes(op, &is_handle) && !is_handle);
}

/* root[i]: the node at whose end the variable stands that node i hands on, or i. */
static void find_roots(const fire_onnx *m, const int32_t *post, int64_t n_post, bool handle, int32_t *root) {
    for (int64_t p = 0; p < n_post; p++) { /* what a node reads stands before it */
        const int32_t i = post[p], from = hands_on(m, i, handle) ? m->tf->node[i].from[0].node : -1;
        root[i] = from < 0 ? i : root[from];
    }
}

static origin origin_of(const fire_onnx *m, fire_tf_edge e, fire_span name, bool handle, int32_t *const root[2]) {
    if (e.node < 0) return (origin){-1, name};
    const int32_t at = root[handle][e.node];
    if (hands_on(m, at, handle)) return (origin){-1, m->node[at].in[0]}; /* of an argument */
    return (origin){at, {0}};
}
static bool same(origin a, origin b) { return a.node == b.node && (a.node >= 0 || (!fire_span_compare(a.name, b.name) && a.name.size)); }

typedef struct change { int32_t node; origin of; bool handle; } change;

/* What is overwritten is not read. */
static void forget_old(fire_onnx *m, int32_t i) {
    if (m->node[i].n_in < 2) return;
    m->tf->node[i].from[0] = m->tf->node[i].from[1];
    m->node[i].in[0] = m->node[i].in[1];
}

/* What one variable's changes mean for the nodes in `post`, an order in which they can run. seen[i]: changes that node i comes after; ahead[i]: those that
** come after it; own[i]: which one it is. */
static fire_status follow(fire_onnx *m, const int32_t *post, int64_t n_post, const change *c, int n, uint64_t *const mask[3], int32_t *const root[2], fire_error *err) {
    fire_tf *tf = m->tf;
    uint64_t moot = 0, *seen = mask[0], *ahead = mask[1], *own = mask[2];
    for (int64_t p = 0; p < n_post; p++) seen[post[p]] = ahead[post[p]] = own[post[p]] = 0;
    for (int k = 0; k < n; k++) {
        own[c[k].node] |= UINT64_C(1) << k;
        if (tf->node[c[k].node].frame) return node_fail(m, c[k].node, err, "changes in a loop the variable", c[k].of.node < 0 ? c[k].node : c[k].of.node);
        if (tf->node[c[k].node].moot) moot |= UINT64_C(1) << k;
    }
    for (int pass = 0; pass < 2; pass++)
        for (int64_t q = 0; q < n_post; q++) {
            const int32_t i = post[pass ? n_post - 1 - q : q];
            const int64_t n_in = tf->node[i].fed ? 0 : m->node[i].n_in + tf->node[i].n_control;
            for (int64_t k = 0; k < n_in; k++) {
                const int32_t from = k < m->node[i].n_in ? tf->node[i].from[k].node : tf->node[i].control[k - m->node[i].n_in];
                if (from < 0 || (tf->node[i].kind == FIRE_TF_MERGE && tf->node[from].kind == FIRE_TF_NEXT)) continue;
                if (pass) ahead[from] |= ahead[i] | own[i];
                else seen[i] |= seen[from] | own[from];
            }
        }
    const uint64_t all = n == 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
    for (int64_t p = 0; p < n_post; p++) {
        const int32_t i = post[p];
        fire_onnx_node *node = &m->node[i];
        bool handle = false;
        const bool change_itself = changes(node->op, &handle), by_handle = change_itself ? handle : reads_handle(node->op);
        uint64_t open = all & ~seen[i] & ~ahead[i] & ~moot & ~own[i];
        if ((!open && !seen[i]) || tf->node[i].fed || by_handle != c[0].handle || fire_span_is(node->op, "RefIdentity")) continue;
        for (int64_t k = 0; k < node->n_in && (k == 0 || !by_handle); k++) {
            if ((k == 0 && overwrites(node->op)) || !same(origin_of(m, tf->node[i].from[k], node->in[k], by_handle, root), c[0].of)) continue;
            const int32_t before = tf->node[i].from[k].node;
            int last = -1, other = 0;
            for (int z = 0; z < n; z++)
                if (seen[i] >> z & 1 && seen[c[z].node] == (seen[i] & ~(UINT64_C(1) << z))) last = z;
            while (open && !(open >> other & 1)) other++;
            if (open) return node_fail(m, i, err, "reads a variable, and no order says whether before or after it is changed by", c[other].node);
            if (!seen[i]) continue;
            for (other = 0; !(seen[i] >> other & 1);) other++;
            if (last < 0) return node_fail(m, i, err, "reads a variable that several nodes change in no order, among them", c[other].node);
            if (moot >> last & 1 && !tf->node[i].moot) return node_fail(m, i, err, "reads a variable that is changed on one of two ways only, by", c[last].node);
            if (before == c[last].node) continue;
            tf->node[i].from[k] = (fire_tf_edge){c[last].node, 0};
            node->in[k] = m->node[c[last].node].name;
            if (c[last].handle && overwrites(m->node[c[last].node].op)) forget_old(m, c[last].node);
        }
    }
    return FIRE_OK;
}

fire_status fire_tensorflow_state(fire_onnx *m, const int32_t *post, int64_t n_post, fire_error *err) {
    int64_t n = 0, edges = 0, work = 0;
    bool handle;
    for (int64_t p = 0; p < n_post; p++) {
        n += m->node[post[p]].n_in && changes(m->node[post[p]].op, &handle);
        edges += 1 + m->node[post[p]].n_in + m->tf->node[post[p]].n_control;
    }
    if (!n) return FIRE_OK;
    change *list = fire_alloc(m->ctx, (size_t)n, sizeof *list, err), *group = list ? fire_alloc(m->ctx, MAX_CHANGES, sizeof *group, err) : NULL;
    uint64_t *mask[3] = {NULL};
    for (int k = 0; k < 3 && group && (!k || mask[k - 1]); k++) mask[k] = fire_alloc(m->ctx, (size_t)m->n_nodes, sizeof **mask, err);
    int32_t *root[2] = {NULL};
    for (int k = 0; k < 2 && mask[2] && (!k || root[0]); k++)
        if ((root[k] = fire_alloc(m->ctx, (size_t)m->n_nodes, sizeof **root, err))) find_roots(m, post, n_post, k, root[k]);
    fire_status s = root[1] ? FIRE_OK : FIRE_NOMEM;
    n = 0;
    for (int64_t p = 0; p < n_post && !s; p++)
        if (m->node[post[p]].n_in && changes(m->node[post[p]].op, &handle))
            list[n++] = (change){post[p], origin_of(m, m->tf->node[post[p]].from[0], m->node[post[p]].in[0], handle, root), handle};
    for (int64_t i = 0; i < n && !s; i++) {
        int count = 0;
        if (list[i].node < 0) continue; /* of a variable that was looked at */
        const change first = list[i];
        for (int64_t k = i; k < n && !s; k++) {
            if (list[k].node < 0 || list[k].handle != first.handle || !same(list[k].of, first.of)) continue;
            if (count == MAX_CHANGES) s = node_fail(m, list[k].node, err, "is one of too many that change a variable, as does", first.node);
            else group[count++] = list[k];
            list[k].node = -1;
        }
        work += edges + n;
        if (!s && work > MAX_WORK) s = node_fail(m, first.node, err, "is one of too many that change variables, as does", first.node);
        if (!s) s = follow(m, post, n_post, group, count, mask, root, err);
    }
    for (int64_t p = 0; p < n_post && !s; p++)
        if (fire_span_is(m->node[post[p]].op, "Assign")) forget_old(m, post[p]);
    for (int k = 0; k < 2; k++) fire_free(m->ctx, root[k]);
    for (int k = 0; k < 3; k++) fire_free(m->ctx, mask[k]);
    fire_free(m->ctx, group);
    fire_free(m->ctx, list);
    return s;
}
