/* hash_bucket - whole numbers in bins, by a hash of their decimal text: FarmHash's fingerprint, or SipHash under a key. The bins are Keras'. */
#include "hash.h"
#include "op.h"
#include <stdio.h>

typedef struct { int64_t bins; bool strong; int64_t key[2]; } bucket_attrs;
#define AT(field) offsetof(bucket_attrs, field)
static const fire_attr attrs_of_bucket[] = {
    {"bins", FIRE_ATTR_INT, AT(bins), 1, 1, (double)((int64_t)1 << 52), .help = "how many bins there are"},
    {"strong", FIRE_ATTR_BOOL, AT(strong), 0, 0, 1, .help = "SipHash"},
    {"key0", FIRE_ATTR_INT, AT(key[0]), 0, 0, 0, .help = "first half of its key"},
    {"key1", FIRE_ATTR_INT, AT(key[1]), 0, 0, 0, .help = "second half of its key"},
    {0},
};

static fire_status bucket_infer(const void *attrs, int n_in, const fire_tensor *in, fire_tensor *out, fire_error *err) {
    out[0].type = FIRE_I64;
    out[0].shape = in[0].shape;
    return fire_want_index(&in[0], "input", err);
}

static void bucket_run(const fire_call *call) {
    const bucket_attrs *t = call->attrs;
    const fire_tensor *x = &call->in[0];
    const uint64_t key[2] = {(uint64_t)t->key[0], (uint64_t)t->key[1]};
    for (int64_t i = 0, n = fire_count(&x->shape); i < n; i++) {
        char text[24];
        int64_t v = x->type == FIRE_I64 ? ((const int64_t *)x->data)[i] : ((const int32_t *)x->data)[i];
        size_t length = (size_t)snprintf(text, sizeof text, "%lld", (long long)v);
        uint64_t hash = t->strong ? fire_siphash(key, text, length) : fire_fingerprint(text, length);
        ((int64_t *)call->out[0].data)[i] = (int64_t)(hash % (uint64_t)t->bins);
    }
}

static int64_t bucket_flops(const fire_call *call) { return FIRE_WORK(50, fire_count(&call->in[0].shape)); }

const fire_op fire_op_hash_bucket = {
    .name = "HashBucket", .domain = FIRE_DOMAIN, .help = "bins of whole numbers by a hash of their decimal text",
    .min_in = 1, .max_in = 1, .n_out = 1, .attrs = attrs_of_bucket, .attr_size = sizeof(bucket_attrs),
    .infer = bucket_infer, .run = bucket_run, .flops = bucket_flops,
    .examples = {"i64[4,3] bins=7", "i32[5] bins=3 strong=1 key0=133 key1=137", "i64[2] bins=1"},
};
