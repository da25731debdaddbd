/* onnx_proto_text.c - the messages of ONNX models, for text files. Names and numbers are those of onnx.proto. */
#include "formats/protobuf_table.h"

static const fire_proto_name kinds[] = {{"UNDEFINED", 0}, {"FLOAT", 1}, {"INT", 2}, {"STRING", 3}, {"TENSOR", 4}, {"GRAPH", 5}, {"FLOATS", 6}, {"INTS", 7}, {"STRINGS", 8}, {"TENSORS", 9},
    {"GRAPHS", 10}, {"SPARSE_TENSOR", 11}, {"SPARSE_TENSORS", 12}, {"TYPE_PROTO", 13}, {"TYPE_PROTOS", 14}, {NULL, 0}};
static const fire_proto_name places[] = {{"DEFAULT", 0}, {"EXTERNAL", 1}, {NULL, 0}};

OPEN(pair, "StringStringEntryProto", FIELD("key", 1, BYTES), FIELD("value", 2, BYTES));
OPEN(opset, "OperatorSetIdProto", FIELD("domain", 1, BYTES), FIELD("version", 2, I64));
OPEN(tensor, "TensorProto", FIELD("dims", 1, I64), FIELD("data_type", 2, I32), FIELD("float_data", 4, FLOAT), FIELD("int32_data", 5, I32), FIELD("string_data", 6, BYTES),
        FIELD("int64_data", 7, I64), FIELD("name", 8, BYTES), FIELD("raw_data", 9, BYTES), FIELD("double_data", 10, DOUBLE), FIELD("uint64_data", 11, U64), INNER("external_data", 13, pair),
        NAMED("data_location", 14, places));
OPEN(dim, "TensorShapeProto.Dimension", FIELD("dim_value", 1, I64), FIELD("dim_param", 2, BYTES));
OPEN(shape, "TensorShapeProto", INNER("dim", 1, dim));
static const fire_proto_message type; /* they hold each other */
OPEN(tensor_type, "TypeProto.Tensor", FIELD("elem_type", 1, I32), INNER("shape", 2, shape));
OPEN(of_type, "TypeProto.Sequence", INNER("elem_type", 1, type));
OPEN(type, "TypeProto", INNER("tensor_type", 1, tensor_type), INNER("sequence_type", 4, of_type), INNER("optional_type", 9, of_type));
OPEN(value, "ValueInfoProto", FIELD("name", 1, BYTES), INNER("type", 2, type));
static const fire_proto_message graph;
OPEN(attribute, "AttributeProto", FIELD("name", 1, BYTES), FIELD("f", 2, FLOAT), FIELD("i", 3, I64), FIELD("s", 4, BYTES), INNER("t", 5, tensor), INNER("g", 6, graph),
        FIELD("floats", 7, FLOAT), FIELD("ints", 8, I64), FIELD("strings", 9, BYTES), INNER("tensors", 10, tensor), INNER("graphs", 11, graph), NAMED("type", 20, kinds),
        FIELD("ref_attr_name", 21, BYTES));
OPEN(node, "NodeProto", FIELD("input", 1, BYTES), FIELD("output", 2, BYTES), FIELD("name", 3, BYTES), FIELD("op_type", 4, BYTES), INNER("attribute", 5, attribute),
        FIELD("domain", 7, BYTES), FIELD("overload", 8, BYTES));
OPEN(graph, "GraphProto", INNER("node", 1, node), FIELD("name", 2, BYTES), INNER("initializer", 5, tensor), INNER("input", 11, value), INNER("output", 12, value), INNER("value_info", 13, value));
OPEN(function, "FunctionProto", FIELD("name", 1, BYTES), FIELD("input", 4, BYTES), FIELD("output", 5, BYTES), FIELD("attribute", 6, BYTES), INNER("node", 7, node),
        INNER("opset_import", 9, opset), FIELD("domain", 10, BYTES), INNER("attribute_proto", 11, attribute), FIELD("overload", 13, BYTES));

static const fire_proto_field model_fields[] = {FIELD("ir_version", 1, I64), FIELD("producer_name", 2, BYTES), FIELD("producer_version", 3, BYTES), FIELD("domain", 4, BYTES),
    FIELD("model_version", 5, I64), FIELD("doc_string", 6, BYTES), INNER("graph", 7, graph), INNER("opset_import", 8, opset), INNER("metadata_props", 14, pair),
    INNER("functions", 25, function), END};
const fire_proto_message fire_proto_onnx_model = {"ModelProto", model_fields, true};
