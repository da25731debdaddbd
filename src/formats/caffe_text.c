/* caffe_text.c - the messages of Caffe's nets, for prototxt files. Names and numbers are those of caffe.proto. Parameters of layers are closed: a name
** that is misspelled there is an error. */
#include "formats/protobuf_table.h"

static const fire_proto_name phases[] = {{"TRAIN", 0}, {"TEST", 1}, {NULL, 0}};
static const fire_proto_name pools[] = {{"MAX", 0}, {"AVE", 1}, {"STOCHASTIC", 2}, {NULL, 0}};
static const fire_proto_name rounds[] = {{"CEIL", 0}, {"FLOOR", 1}, {NULL, 0}};
static const fire_proto_name regions[] = {{"ACROSS_CHANNELS", 0}, {"WITHIN_CHANNEL", 1}, {NULL, 0}};
static const fire_proto_name eltwises[] = {{"PROD", 0}, {"SUM", 1}, {"MAX", 2}, {NULL, 0}};
static const fire_proto_name reductions[] = {{"SUM", 1}, {"ASUM", 2}, {"SUMSQ", 3}, {"MEAN", 4}, {NULL, 0}};
static const fire_proto_name old_types[] = {{"NONE", 0}, {"ACCURACY", 1}, {"BNLL", 2}, {"CONCAT", 3}, {"CONVOLUTION", 4}, {"DATA", 5}, {"DROPOUT", 6}, {"EUCLIDEAN_LOSS", 7}, {"FLATTEN", 8},
    {"HDF5_DATA", 9}, {"HDF5_OUTPUT", 10}, {"IM2COL", 11}, {"IMAGE_DATA", 12}, {"INFOGAIN_LOSS", 13}, {"INNER_PRODUCT", 14}, {"LRN", 15}, {"MULTINOMIAL_LOGISTIC_LOSS", 16}, {"POOLING", 17},
    {"RELU", 18}, {"SIGMOID", 19}, {"SOFTMAX", 20}, {"SOFTMAX_LOSS", 21}, {"SPLIT", 22}, {"TANH", 23}, {"WINDOW_DATA", 24}, {"ELTWISE", 25}, {"POWER", 26}, {"SIGMOID_CROSS_ENTROPY_LOSS", 27},
    {"HINGE_LOSS", 28}, {"MEMORY_DATA", 29}, {"ARGMAX", 30}, {"THRESHOLD", 31}, {"DUMMY_DATA", 32}, {"SLICE", 33}, {"MVN", 34}, {"ABSVAL", 35}, {"SILENCE", 36}, {"CONTRASTIVE_LOSS", 37},
    {"EXP", 38}, {"DECONVOLUTION", 39}, {NULL, 0}};

CLOSED(shape, "BlobShape", FIELD("dim", 1, I64));
OPEN(blob, "BlobProto", FIELD("num", 1, I32), FIELD("channels", 2, I32), FIELD("height", 3, I32), FIELD("width", 4, I32), FIELD("data", 5, FLOAT), INNER("shape", 7, shape),
           FIELD("double_data", 8, DOUBLE));
CLOSED(rule, "NetStateRule", NAMED("phase", 1, phases), FIELD("min_level", 2, I32), FIELD("max_level", 3, I32), FIELD("stage", 4, BYTES), FIELD("not_stage", 5, BYTES));

CLOSED(argmax, "ArgMaxParameter", FIELD("out_max_val", 1, BOOL), FIELD("top_k", 2, U32), FIELD("axis", 3, I32));
CLOSED(concat, "ConcatParameter", FIELD("concat_dim", 1, U32), FIELD("axis", 2, I32));
CLOSED(convolution, "ConvolutionParameter", FIELD("num_output", 1, U32), FIELD("bias_term", 2, BOOL), FIELD("pad", 3, U32), FIELD("kernel_size", 4, U32), FIELD("group", 5, U32),
        FIELD("stride", 6, U32), SKIP("weight_filler"), SKIP("bias_filler"), FIELD("pad_h", 9, U32), FIELD("pad_w", 10, U32), FIELD("kernel_h", 11, U32), FIELD("kernel_w", 12, U32),
        FIELD("stride_h", 13, U32), FIELD("stride_w", 14, U32), SKIP("engine"), FIELD("axis", 16, I32), SKIP("force_nd_im2col"), FIELD("dilation", 18, U32));
CLOSED(dropout, "DropoutParameter", FIELD("dropout_ratio", 1, FLOAT), SKIP("scale_train"));
OPEN(dummy, "DummyDataParameter", FIELD("num", 2, U32), FIELD("channels", 3, U32), FIELD("height", 4, U32), FIELD("width", 5, U32), INNER("shape", 6, shape));
CLOSED(eltwise, "EltwiseParameter", NAMED("operation", 1, eltwises), FIELD("coeff", 2, FLOAT), SKIP("stable_prod_grad"));
CLOSED(power_of, "ExpParameter", FIELD("base", 1, FLOAT), FIELD("scale", 2, FLOAT), FIELD("shift", 3, FLOAT));
CLOSED(inner_product, "InnerProductParameter", FIELD("num_output", 1, U32), FIELD("bias_term", 2, BOOL), SKIP("weight_filler"), SKIP("bias_filler"), FIELD("axis", 5, I32), FIELD("transpose", 6, BOOL));
CLOSED(lrn, "LRNParameter", FIELD("local_size", 1, U32), FIELD("alpha", 2, FLOAT), FIELD("beta", 3, FLOAT), NAMED("norm_region", 4, regions), FIELD("k", 5, FLOAT), SKIP("engine"));
OPEN(memory, "MemoryDataParameter", FIELD("batch_size", 1, U32), FIELD("channels", 2, U32), FIELD("height", 3, U32), FIELD("width", 4, U32));
CLOSED(mvn, "MVNParameter", FIELD("normalize_variance", 1, BOOL), FIELD("across_channels", 2, BOOL), FIELD("eps", 3, FLOAT));
CLOSED(pooling, "PoolingParameter", NAMED("pool", 1, pools), FIELD("kernel_size", 2, U32), FIELD("stride", 3, U32), FIELD("pad", 4, U32), FIELD("kernel_h", 5, U32), FIELD("kernel_w", 6, U32),
        FIELD("stride_h", 7, U32), FIELD("stride_w", 8, U32), FIELD("pad_h", 9, U32), FIELD("pad_w", 10, U32), SKIP("engine"), FIELD("global_pooling", 12, BOOL), NAMED("round_mode", 13, rounds));
CLOSED(power, "PowerParameter", FIELD("power", 1, FLOAT), FIELD("scale", 2, FLOAT), FIELD("shift", 3, FLOAT));
CLOSED(relu, "ReLUParameter", FIELD("negative_slope", 1, FLOAT), SKIP("engine"));
CLOSED(softmax, "SoftmaxParameter", SKIP("engine"), FIELD("axis", 2, I32));
CLOSED(slice, "SliceParameter", FIELD("slice_dim", 1, U32), FIELD("slice_point", 2, U32), FIELD("axis", 3, I32));
CLOSED(threshold, "ThresholdParameter", FIELD("threshold", 1, FLOAT));
CLOSED(prelu, "PReLUParameter", SKIP("filler"), FIELD("channel_shared", 2, BOOL));
CLOSED(reshape, "ReshapeParameter", INNER("shape", 1, shape), FIELD("axis", 2, I32), FIELD("num_axes", 3, I32));
CLOSED(flatten, "FlattenParameter", FIELD("axis", 1, I32), FIELD("end_axis", 2, I32));
CLOSED(reduction, "ReductionParameter", NAMED("operation", 1, reductions), FIELD("axis", 2, I32), FIELD("coeff", 3, FLOAT));
CLOSED(embed, "EmbedParameter", FIELD("num_output", 1, U32), FIELD("input_dim", 2, U32), FIELD("bias_term", 3, BOOL), SKIP("weight_filler"), SKIP("bias_filler"));
CLOSED(tile, "TileParameter", FIELD("axis", 1, I32), FIELD("tiles", 2, I32));
CLOSED(batch_norm, "BatchNormParameter", FIELD("use_global_stats", 1, BOOL), FIELD("moving_average_fraction", 2, FLOAT), FIELD("eps", 3, FLOAT));
CLOSED(elu, "ELUParameter", FIELD("alpha", 1, FLOAT));
CLOSED(bias, "BiasParameter", FIELD("axis", 1, I32), FIELD("num_axes", 2, I32), SKIP("filler"));
CLOSED(scale, "ScaleParameter", FIELD("axis", 1, I32), FIELD("num_axes", 2, I32), SKIP("filler"), FIELD("bias_term", 4, BOOL), SKIP("bias_filler"));
CLOSED(input, "InputParameter", INNER("shape", 1, shape));
CLOSED(crop, "CropParameter", FIELD("axis", 1, I32), FIELD("offset", 2, U32));
CLOSED(swish, "SwishParameter", FIELD("beta", 1, FLOAT));
CLOSED(clip, "ClipParameter", FIELD("min", 1, FLOAT), FIELD("max", 2, FLOAT));
CLOSED(shuffle, "ShuffleChannelParameter", FIELD("group", 1, U32));
CLOSED(permute, "PermuteParameter", FIELD("order", 1, U32));
CLOSED(normalize, "NormalizeParameter", FIELD("across_spatial", 1, BOOL), SKIP("scale_filler"), FIELD("channel_shared", 3, BOOL), FIELD("eps", 4, FLOAT));

OPEN(layer, "LayerParameter", FIELD("name", 1, BYTES), FIELD("type", 2, BYTES), FIELD("bottom", 3, BYTES), FIELD("top", 4, BYTES), INNER("blobs", 7, blob), INNER("include", 8, rule),
           INNER("exclude", 9, rule), NAMED("phase", 10, phases), INNER("argmax_param", 103, argmax), INNER("concat_param", 104, concat), INNER("convolution_param", 106, convolution),
           INNER("dropout_param", 108, dropout), INNER("dummy_data_param", 109, dummy), INNER("eltwise_param", 110, eltwise), INNER("exp_param", 111, power_of),
           INNER("inner_product_param", 117, inner_product), INNER("lrn_param", 118, lrn), INNER("memory_data_param", 119, memory), INNER("mvn_param", 120, mvn),
           INNER("pooling_param", 121, pooling), INNER("power_param", 122, power), INNER("relu_param", 123, relu), INNER("softmax_param", 125, softmax), INNER("slice_param", 126, slice),
           INNER("threshold_param", 128, threshold), INNER("prelu_param", 131, prelu), INNER("reshape_param", 133, reshape), INNER("log_param", 134, power_of),
           INNER("flatten_param", 135, flatten), INNER("reduction_param", 136, reduction), INNER("embed_param", 137, embed), INNER("tile_param", 138, tile),
           INNER("batch_norm_param", 139, batch_norm), INNER("elu_param", 140, elu), INNER("bias_param", 141, bias), INNER("scale_param", 142, scale), INNER("input_param", 143, input),
           INNER("crop_param", 144, crop), INNER("swish_param", 147, swish), INNER("clip_param", 148, clip), INNER("shuffle_channel_param", 164, shuffle), INNER("permute_param", 202, permute), INNER("norm_param", 206, normalize));

OPEN(old_layer, "V1LayerParameter", FIELD("bottom", 2, BYTES), FIELD("top", 3, BYTES), FIELD("name", 4, BYTES), NAMED("type", 5, old_types), INNER("blobs", 6, blob),
           INNER("concat_param", 9, concat), INNER("convolution_param", 10, convolution), INNER("dropout_param", 12, dropout), INNER("inner_product_param", 17, inner_product),
           INNER("lrn_param", 18, lrn), INNER("pooling_param", 19, pooling), INNER("power_param", 21, power), INNER("memory_data_param", 22, memory), INNER("argmax_param", 23, argmax),
           INNER("eltwise_param", 24, eltwise), INNER("threshold_param", 25, threshold), INNER("dummy_data_param", 26, dummy), INNER("relu_param", 30, relu), INNER("slice_param", 31, slice),
           INNER("include", 32, rule), INNER("exclude", 33, rule), INNER("mvn_param", 34, mvn), INNER("softmax_param", 39, softmax), INNER("exp_param", 41, power_of));

static const fire_proto_field net_fields[] = {FIELD("name", 1, BYTES), INNER("layers", 2, old_layer), FIELD("input", 3, BYTES), FIELD("input_dim", 4, I32), INNER("input_shape", 8, shape),
    INNER("layer", 100, layer), SKIP("force_backward"), SKIP("state"), SKIP("debug_info"), END};
const fire_proto_message fire_proto_caffe_net = {"NetParameter", net_fields, true};
