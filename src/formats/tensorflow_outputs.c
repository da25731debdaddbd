/* tensorflow_outputs.c - names of the outputs of TensorFlow operators that do not have exactly one output. */
#include "formats/tensorflow.h"
#include <string.h>

/* Sorted by operator; only: results are the first output alone, the others are there for the gradient or the loop around it. */
static const struct { const char *op; bool only; const char *outputs; } table[] = {
    {"Abort", false, ""},
    {"ApproxTopK", false, "values indices"},
    {"Assert", false, ""},
    {"AssignAddVariableOp", false, ""},
    {"AssignSubVariableOp", false, ""},
    {"AssignVariableOp", false, ""},
    {"BatchNormWithGlobalNormalizationGrad", false, "dx dm dv db dg"},
    {"BatchSelfAdjointEigV2", false, "e v"},
    {"BatchSvd", false, "s u v"},
    {"BlockLSTM", false, "i cs f o ci co h"},
    {"BlockLSTMGrad", false, "x_grad cs_prev_grad h_prev_grad w_grad wci_grad wcf_grad wco_grad b_grad"},
    {"BlockLSTMGradV2", false, "x_grad cs_prev_grad h_prev_grad w_grad wci_grad wcf_grad wco_grad b_grad"},
    {"BlockLSTMV2", false, "i cs f o ci co h"},
    {"BroadcastGradientArgs", false, "r0 r1"},
    {"CTCGreedyDecoder", false, "decoded_indices decoded_values decoded_shape log_probability"},
    {"CTCLoss", true, "loss gradient"},
    {"CTCLossV2", true, "loss gradient"},
    {"CombinedNonMaxSuppression", false, "nmsed_boxes nmsed_scores nmsed_classes valid_detections"},
    {"ControlTrigger", false, ""},
    {"CudnnRNN", true, "output output_h output_c reserve_space"},
    {"CudnnRNNV2", true, "output output_h output_c reserve_space host_reserved"},
    {"CudnnRNNV3", true, "output output_h output_c reserve_space host_reserved"},
    {"DestroyResourceOp", false, ""},
    {"Eig", false, "e v"},
    {"FakeQuantWithMinMaxVarsGradient", false, "backprops_wrt_input backprop_wrt_min backprop_wrt_max"},
    {"FakeQuantWithMinMaxVarsPerChannelGradient", false, "backprops_wrt_input backprop_wrt_min backprop_wrt_max"},
    {"FractionalAvgPool", false, "output row_pooling_sequence col_pooling_sequence"},
    {"FractionalMaxPool", false, "output row_pooling_sequence col_pooling_sequence"},
    {"FusedBatchNorm", true, "y batch_mean batch_variance reserve_space_1 reserve_space_2"},
    {"FusedBatchNormGrad", false, "x_backprop scale_backprop offset_backprop reserve_space_3 reserve_space_4"},
    {"FusedBatchNormGradV2", false, "x_backprop scale_backprop offset_backprop reserve_space_3 reserve_space_4"},
    {"FusedBatchNormGradV3", false, "x_backprop scale_backprop offset_backprop reserve_space_4 reserve_space_5"},
    {"FusedBatchNormV2", true, "y batch_mean batch_variance reserve_space_1 reserve_space_2"},
    {"FusedBatchNormV3", true, "y batch_mean batch_variance reserve_space_1 reserve_space_2 reserve_space_3"},
    {"GRUBlockCell", false, "r u c h"},
    {"GRUBlockCellGrad", false, "d_x d_h_prev d_c_bar d_r_bar_u_bar"},
    {"GenerateBoundingBoxProposals", false, "rois roi_probabilities"},
    {"InitializeTable", false, ""},
    {"InitializeTableFromTextFile", false, ""},
    {"InitializeTableFromTextFileV2", false, ""},
    {"InitializeTableV2", false, ""},
    {"IsotonicRegression", false, "output segments"},
    {"LSTMBlockCell", false, "i cs f o ci co h"},
    {"LSTMBlockCellGrad", false, "cs_prev_grad dicfo wci_grad wcf_grad wco_grad"},
    {"ListDiff", false, "out idx"},
    {"LogMatrixDeterminant", false, "sign log_abs_determinant"},
    {"LookupTableExportV2", false, "keys values"},
    {"LookupTableImport", false, ""},
    {"LookupTableImportV2", false, ""},
    {"LookupTableInsert", false, ""},
    {"LookupTableInsertV2", false, ""},
    {"Lu", false, "lu p"},
    {"MaxPoolWithArgmax", false, "output argmax"},
    {"Merge", true, "output value_index"},
    {"MergeV2Checkpoints", false, ""},
    {"NoOp", false, ""},
    {"NonMaxSuppressionV4", false, "selected_indices valid_outputs"},
    {"NonMaxSuppressionV5", false, "selected_indices selected_scores valid_outputs"},
    {"PrintV2", false, ""},
    {"Qr", false, "q r"},
    {"QuantizeAndDequantizeV4Grad", false, "input_backprop input_min_backprop input_max_backprop"},
    {"QuantizeDownAndShrinkRange", false, "output output_min output_max"},
    {"QuantizeV2", false, "output output_min output_max"},
    {"QueueClose", false, ""},
    {"QueueCloseV2", false, ""},
    {"QueueEnqueue", false, ""},
    {"QueueEnqueueMany", false, ""},
    {"QueueEnqueueManyV2", false, ""},
    {"QueueEnqueueV2", false, ""},
    {"RefMerge", false, "output value_index"},
    {"RefSwitch", false, "output_false output_true"},
    {"RequantizationRange", false, "output_min output_max"},
    {"RequantizationRangePerChannel", false, "output_min output_max"},
    {"Requantize", false, "output output_min output_max"},
    {"RequantizePerChannel", false, "output output_min output_max"},
    {"ResourceScatterAdd", false, ""},
    {"ResourceScatterDiv", false, ""},
    {"ResourceScatterMax", false, ""},
    {"ResourceScatterMin", false, ""},
    {"ResourceScatterMul", false, ""},
    {"ResourceScatterNdAdd", false, ""},
    {"ResourceScatterNdMax", false, ""},
    {"ResourceScatterNdMin", false, ""},
    {"ResourceScatterNdSub", false, ""},
    {"ResourceScatterNdUpdate", false, ""},
    {"ResourceScatterSub", false, ""},
    {"ResourceScatterUpdate", false, ""},
    {"SampleDistortedBoundingBox", false, "begin size bboxes"},
    {"SampleDistortedBoundingBoxV2", false, "begin size bboxes"},
    {"Save", false, ""},
    {"SaveSlices", false, ""},
    {"SaveV2", false, ""},
    {"SelfAdjointEigV2", false, "e v"},
    {"SoftmaxCrossEntropyWithLogits", true, "loss backprop"},
    {"SparseAdd", false, "sum_indices sum_values sum_shape"},
    {"SparseAddGrad", false, "a_val_grad b_val_grad"},
    {"SparseConcat", false, "output_indices output_values output_shape"},
    {"SparseFillEmptyRows", false, "output_indices output_values empty_row_indicator reverse_index_map"},
    {"SparseFillEmptyRowsGrad", false, "d_values d_default_value"},
    {"SparseReduceMaxSparse", false, "output_indices output_values output_shape"},
    {"SparseReduceSumSparse", false, "output_indices output_values output_shape"},
    {"SparseReorder", false, "output_indices output_values"},
    {"SparseReshape", false, "output_indices output_shape"},
    {"SparseSegmentMeanGradV2", false, "output sorted_unique_indices"},
    {"SparseSegmentSqrtNGradV2", false, "output sorted_unique_indices"},
    {"SparseSegmentSumGradV2", false, "output sorted_unique_indices"},
    {"SparseSlice", false, "output_indices output_values output_shape"},
    {"SparseSoftmaxCrossEntropyWithLogits", true, "loss backprop"},
    {"SparseSparseMaximum", false, "output_indices output_values"},
    {"SparseSparseMinimum", false, "output_indices output_values"},
    {"SparseToSparseSetOperation", false, "result_indices result_values result_shape"},
    {"StatelessSampleDistortedBoundingBox", false, "begin size bboxes"},
    {"StringSplitV2", false, "indices values shape"},
    {"Svd", false, "s u v"},
    {"Switch", true, "output_false output_true"},
    {"TensorArrayClose", false, ""},
    {"TensorArrayCloseV2", false, ""},
    {"TensorArrayCloseV3", false, ""},
    {"TensorArrayConcat", false, "value lengths"},
    {"TensorArrayConcatV2", false, "value lengths"},
    {"TensorArrayConcatV3", false, "value lengths"},
    {"TensorArrayV3", true, "handle flow"},
    {"TensorListConcat", false, "tensor lengths"},
    {"TensorListConcatV2", false, "tensor lengths"},
    {"TensorListPopBack", false, "output_handle tensor"},
    {"TopK", false, "values indices"},
    {"TopKUnique", false, "topk topk_indices"},
    {"TopKV2", false, "values indices"},
    {"TopKWithUnique", false, "topk topk_indices"},
    {"Unique", false, "y idx"},
    {"UniqueV2", false, "y idx"},
    {"UniqueWithCounts", false, "y idx count"},
    {"UniqueWithCountsV2", false, "y idx count"},
    {"WriteFile", false, ""},
    {"WriteHistogramSummary", false, ""},
    {"WriteImageSummary", false, ""},
    {"WriteScalarSummary", false, ""},
    {"WriteSummary", false, ""},
    {"_FusedBatchNormEx", true, "y batch_mean batch_variance reserve_space_1 reserve_space_2 reserve_space_3"},
};

static const char *outputs_of(fire_span op, bool *only) {
    for (size_t low = 0, high = sizeof table / sizeof *table; low < high;) {
        size_t mid = low + (high - low) / 2;
        int c = fire_span_compare(op, (fire_span){(const uint8_t *)table[mid].op, strlen(table[mid].op)});
        *only = table[mid].only;
        if (!c) return table[mid].outputs;
        if (c < 0) high = mid;
        else low = mid + 1;
    }
    return NULL;
}

int fire_tensorflow_outputs(fire_span op, bool results) {
    bool only = false;
    const char *p = outputs_of(op, &only);
    if (!p) return -1;
    if (results && only) return 1;
    int n = *p != 0;
    for (; *p; p++) n += *p == ' ';
    return n;
}

int fire_tensorflow_output(fire_span op, fire_span name) {
    bool only = false;
    const char *p = outputs_of(op, &only);
    for (int k = 0; p && *p; k++) {
        size_t n = strcspn(p, " ");
        if (name.size == n && !memcmp(name.bytes, p, n)) return k;
        p += n + (p[n] == ' ');
    }
    return -1;
}
