/* caffe_help.h - what lifts of Caffe's layers share. */
#ifndef FIRE_CAFFE_HELP_H
#define FIRE_CAFFE_HELP_H
#include "formats/caffe.h"
#include <math.h>
#include <string.h>

#define fire_caffe_fail(b, ...) fire_import_fail(b, FIRE_E_MODEL_UNSUPPORTED, __VA_ARGS__)

/* fire_caffe_has - whether the layer has at least so many bottoms and blobs; fails if not. */
bool fire_caffe_has(fire_import *b, const fire_lift *n, int64_t bottoms, int64_t blobs);
static inline int64_t fire_caffe_bottoms(const fire_import *b) { return b->scope->m->caffe->node[b->scope->at].n_bottoms; }
static inline fire_value fire_caffe_blob(const fire_import *b, const fire_lift *n, int64_t i) { return fire_lift_in(n, fire_caffe_bottoms(b) + i); }
/* fire_caffe_open - the layer's parameter, which fails the import where it is broken. */
fire_wire fire_caffe_open(fire_import *b, const fire_lift *n, uint32_t number, uint32_t old_number);
/* fire_caffe_axis - a field that is a dimension below rank, negative from behind; false: failed. */
bool fire_caffe_axis(fire_import *b, fire_wire param, uint32_t field, int otherwise, int rank, int *axis);
static inline fire_shape fire_caffe_shape(fire_import *b, fire_value v) { return b->g->first.status || v <= 0 ? (fire_shape){0} : fire_shape_of(b->g, v); }
fire_value fire_caffe_times(fire_import *b, fire_value x, double v);
fire_value fire_caffe_plus(fire_import *b, fire_value x, double v);
/* fire_caffe_beside - v [c...] in a shape that is broadcast to x [.., c..., ..] from dimension `axis` on. */
fire_value fire_caffe_beside(fire_import *b, fire_value v, int axis, fire_value x);

fire_lift_function fire_caffe_convolution, fire_caffe_pooling, fire_caffe_inner_product, fire_caffe_lrn, fire_caffe_batch_norm, fire_caffe_scale, fire_caffe_bias, fire_caffe_mvn,
    fire_caffe_normalize, fire_caffe_embed, fire_caffe_one, fire_caffe_relu, fire_caffe_prelu, fire_caffe_elu, fire_caffe_power, fire_caffe_exp, fire_caffe_log, fire_caffe_softmax,
    fire_caffe_threshold, fire_caffe_clip, fire_caffe_swish, fire_caffe_dropout, fire_caffe_eltwise, fire_caffe_concat, fire_caffe_slice, fire_caffe_split, fire_caffe_flatten, fire_caffe_reshape,
    fire_caffe_permute, fire_caffe_crop, fire_caffe_arg_max, fire_caffe_reduction, fire_caffe_tile, fire_caffe_relu6,
    fire_caffe_axpy, fire_caffe_shuffle;
#endif
