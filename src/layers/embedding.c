/* embedding - a row of numbers to learn for each whole number from 0 to input_dim - 1.
**
** Numbers outside give zeros and teach nothing, but -1 to -input_dim count rows from the end, as for Gather. A large table gets its gradient as the
** rows that a batch reads (sparse.h): then only these are updated, they and what the optimizer keeps for them.
*/
#include "compose.h"
#include <string.h>

#define LARGE (1 << 24)     /* numbers of a table from which on it is sparse by itself */
#define EXACT_F32 (1 << 24) /* float32 holds all whole numbers so far */

typedef struct {
    int64_t input_dim, output_dim;
    fire_attr_text initializer, regularizer, constraint;
    bool mask_zero;
    fire_attr_text sparse;
} embedding_attrs;

#define AT(field) offsetof(embedding_attrs, field)
static const fire_attr attrs[] = {
    {"input_dim", FIRE_ATTR_INT, AT(input_dim), 0, 1, (double)((int64_t)1 << 40), .help = "how many numbers have a row, from 0; must be given. Of other numbers, -1 to -input_dim count rows from the end, the rest gives zeros and teaches nothing"},
    {"output_dim", FIRE_ATTR_INT, AT(output_dim), 0, 1, 1 << 24, .help = "width of a row; must be given"},
    {"embeddings_initializer", FIRE_ATTR_TEXT, AT(initializer), .text = "uniform", .help = "first values of the rows"},
    {"embeddings_regularizer", FIRE_ATTR_TEXT, AT(regularizer), .text = "", .help = "penalty on the rows"},
    {"embeddings_constraint", FIRE_ATTR_TEXT, AT(constraint), .text = "", .help = "what the rows are held to"},
    {"mask_zero", FIRE_ATTR_BOOL, AT(mask_zero), 0, 0, 1, .help = "steps of number 0 are padding, which later layers leave out"},
    {"sparse", FIRE_ATTR_TEXT, AT(sparse), .text = "auto", .choices = "always|auto|never",
     .help = "update only the rows that a batch reads, at the cost of these alone; auto: tables of 2^24 numbers or more, where optimizer, regularizer and constraint allow it"},
    {0},
};

static fire_status embedding_check(const void *attrs_, fire_error *err) {
    const embedding_attrs *t = attrs_;
    if (!t->input_dim || !t->output_dim) return fire_fail(err, FIRE_E_ATTRIBUTE, "%s is missing", t->input_dim ? "output_dim" : "input_dim");
    if (!strcmp(t->sparse, "always") && (*t->regularizer || *t->constraint))
        return fire_fail(err, FIRE_E_ATTRIBUTE, "sparse=always does not go with %s, which looks at all rows in every step; leave one of them out",
                         *t->regularizer ? "embeddings_regularizer" : "embeddings_constraint");
    return fire_init_check(t->initializer, err);
}

static fire_value embedding_build(fire_build *b, const void *attrs_, int n_in, const fire_value *in) {
    const embedding_attrs *t = attrs_;
    fire_graph *g = b->g;
    if (!g->first.status && fire_type_of(g, in[0]) == FIRE_F32 && t->input_dim > EXACT_F32)
        return fire_graph_fail(g, FIRE_E_ATTRIBUTE, "Embedding '%s': input_dim is %lld, but float32 holds whole numbers to %d only; make the network float64 or hash the numbers to fewer", g->layer, (long long)t->input_dim, EXACT_F32);
    bool large = t->input_dim >= (LARGE + t->output_dim - 1) / t->output_dim;
    fire_sparse sparse = !strcmp(t->sparse, "always") ? FIRE_SPARSE_ALWAYS : !strcmp(t->sparse, "auto") && large && !*t->regularizer && !*t->constraint ? FIRE_SPARSE_MAY : FIRE_SPARSE_NEVER;
    fire_value table = fire_weight(b, "embeddings", (fire_shape){2, {t->input_dim, t->output_dim}}, (fire_how){t->initializer, t->regularizer, t->constraint, sparse}, true);
    fire_value id = fire_cast(g, in[0], FIRE_I64);
    if (t->mask_zero && !g->first.status) b->mask_out[0] = fire_one(g, "Not", fire_two(g, "Equal", id, fire_graph_scalar(g, FIRE_I64, 0)));
    return fire_apply(g, "Gather", 2, FIRE_IN(table, id), "axis=0");
}

const fire_layer fire_layer_embedding = {
    .name = "Embedding", .help = "a row of numbers to learn for each whole number",
    .attrs = attrs, .attr_size = sizeof(embedding_attrs), .min_in = 1, .max_in = 1, .check = embedding_check, .build = embedding_build,
    .examples = {"[4] input_dim=5 output_dim=3", "[2,3] input_dim=4 output_dim=2", "[5] input_dim=3 output_dim=2 mask_zero=1", "[4] input_dim=6 output_dim=2 sparse=always"},
};
