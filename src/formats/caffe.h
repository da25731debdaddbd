/* caffe.h - networks of Caffe (caffe.proto): index a NetParameter as the structures of onnx.h.
**
** Layers become nodes of a fire_onnx that has `caffe` set, blobs of layers initializers "layer/kernel", "layer/bias" ..., and a layer's
** inputs are its bottoms and then its blobs. Where a layer writes to a blob that is there already (a ReLU in place), the last of them has the
** blob's name, those before are called "blob@layer". Nodes are lifted by the functions of caffe_lift.c. It is the net of phase TEST.
*/
#ifndef FIRE_CAFFE_H
#define FIRE_CAFFE_H
#include "formats/onnx_import.h"

typedef struct fire_caffe_node { int64_t n_bottoms; bool old; } fire_caffe_node; /* old: a V1LayerParameter, whose fields have other numbers */
typedef struct fire_caffe { fire_caffe_node *node; int64_t batch; /* that the file declares; 0: none */ } fire_caffe;

/* fire_caffe_is - whether bytes are a NetParameter with layers. */
bool fire_caffe_is(const void *bytes, size_t size);
/* fire_caffe_read - index a net; weights: of a second NetParameter (size 0: none), whose layers of the same names have the blobs. Call
** fire_onnx_clear whether it succeeds or fails. */
fire_status fire_caffe_read(fire_context *ctx, const void *bytes, size_t size, const void *weights, size_t weights_size, fire_onnx *m, fire_error *err);
extern const fire_lift_entry fire_caffe_lifts[]; /* ends with NULL */

/* Parameters of layers, by their field in LayerParameter and in V1LayerParameter (0: it has none). */
#define FIRE_CAFFE_ARGMAX 103, 23
#define FIRE_CAFFE_CONCAT 104, 9
#define FIRE_CAFFE_CONVOLUTION 106, 10
#define FIRE_CAFFE_DROPOUT 108, 12
#define FIRE_CAFFE_DUMMY_DATA 109, 26
#define FIRE_CAFFE_ELTWISE 110, 24
#define FIRE_CAFFE_EXP 111, 41
#define FIRE_CAFFE_INNER_PRODUCT 117, 17
#define FIRE_CAFFE_LRN 118, 18
#define FIRE_CAFFE_MEMORY_DATA 119, 22
#define FIRE_CAFFE_MVN 120, 34
#define FIRE_CAFFE_POOLING 121, 19
#define FIRE_CAFFE_POWER 122, 21
#define FIRE_CAFFE_RELU 123, 30
#define FIRE_CAFFE_SOFTMAX 125, 39
#define FIRE_CAFFE_SLICE 126, 31
#define FIRE_CAFFE_THRESHOLD 128, 25
#define FIRE_CAFFE_PRELU 131, 0
#define FIRE_CAFFE_RESHAPE 133, 0
#define FIRE_CAFFE_LOG 134, 0
#define FIRE_CAFFE_FLATTEN 135, 0
#define FIRE_CAFFE_REDUCTION 136, 0
#define FIRE_CAFFE_EMBED 137, 0
#define FIRE_CAFFE_TILE 138, 0
#define FIRE_CAFFE_BATCH_NORM 139, 0
#define FIRE_CAFFE_ELU 140, 0
#define FIRE_CAFFE_BIAS 141, 0
#define FIRE_CAFFE_SCALE 142, 0
#define FIRE_CAFFE_INPUT 143, 0
#define FIRE_CAFFE_CROP 144, 0
#define FIRE_CAFFE_SWISH 147, 0
#define FIRE_CAFFE_CLIP 148, 0
#define FIRE_CAFFE_SHUFFLE 164, 0 /* of forks, as those that follow */
#define FIRE_CAFFE_PERMUTE 202, 0
#define FIRE_CAFFE_NORMALIZE 206, 0

/* fire_caffe_param - a message inside a layer; empty: it is not there, and all its fields have their defaults. fire_caffe_number - the last value
** of a field that is a number of any kind. fire_caffe_list - the values of a repeated field, at most `most`, of as many as there are. */
fire_wire fire_caffe_param(const fire_wire *layer, bool old, uint32_t number, uint32_t old_number);
double fire_caffe_number(fire_wire param, uint32_t field, double otherwise);
int64_t fire_caffe_list(fire_wire param, uint32_t field, bool floats, int64_t most, double *to);
#endif
