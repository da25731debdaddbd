/* tensorflow_text.c - the messages of TensorFlow's graphs, for text files. Names and numbers are those of graph.proto, saved_model.proto and what these
** read. What nothing here reads is not listed: the messages are open. */
#include "formats/protobuf_table.h"

#define TYPE(name, number) {"DT_" name, number}, {"DT_" name "_REF", number + 100}
static const fire_proto_name types[] = {{"DT_INVALID", 0}, TYPE("FLOAT", 1), TYPE("DOUBLE", 2), TYPE("INT32", 3), TYPE("UINT8", 4), TYPE("INT16", 5), TYPE("INT8", 6), TYPE("STRING", 7),
    TYPE("COMPLEX64", 8), TYPE("INT64", 9), TYPE("BOOL", 10), TYPE("QINT8", 11), TYPE("QUINT8", 12), TYPE("QINT32", 13), TYPE("BFLOAT16", 14), TYPE("QINT16", 15), TYPE("QUINT16", 16),
    TYPE("UINT16", 17), TYPE("COMPLEX128", 18), TYPE("HALF", 19), TYPE("RESOURCE", 20), TYPE("VARIANT", 21), TYPE("UINT32", 22), TYPE("UINT64", 23), TYPE("FLOAT8_E5M2", 24),
    TYPE("FLOAT8_E4M3FN", 25), TYPE("FLOAT8_E4M3FNUZ", 26), TYPE("FLOAT8_E4M3B11FNUZ", 27), TYPE("FLOAT8_E5M2FNUZ", 28), TYPE("INT4", 29), TYPE("UINT4", 30), TYPE("INT2", 31),
    TYPE("UINT2", 32), {NULL, 0}};

OPEN(dim, "TensorShapeProto.Dim", FIELD("size", 1, I64), FIELD("name", 2, BYTES));
OPEN(shape, "TensorShapeProto", INNER("dim", 2, dim), FIELD("unknown_rank", 3, BOOL));
OPEN(tensor, "TensorProto", NAMED("dtype", 1, types), INNER("tensor_shape", 2, shape), FIELD("version_number", 3, I32), FIELD("tensor_content", 4, BYTES), FIELD("float_val", 5, FLOAT),
        FIELD("double_val", 6, DOUBLE), FIELD("int_val", 7, I32), FIELD("string_val", 8, BYTES), FIELD("scomplex_val", 9, FLOAT), FIELD("int64_val", 10, I64), FIELD("bool_val", 11, BOOL),
        FIELD("dcomplex_val", 12, DOUBLE), FIELD("half_val", 13, I32), FIELD("uint32_val", 16, U32), FIELD("uint64_val", 17, U64), FIELD("float8_val", 18, BYTES));

static const fire_proto_message attr_value; /* they hold each other */
OPEN(attr, "the map of attributes", FIELD("key", 1, BYTES), INNER("value", 2, attr_value));
OPEN(function_name, "NameAttrList", FIELD("name", 1, BYTES), INNER("attr", 2, attr));
OPEN(list, "AttrValue.ListValue", FIELD("s", 2, BYTES), FIELD("i", 3, I64), FIELD("f", 4, FLOAT), FIELD("b", 5, BOOL), NAMED("type", 6, types), INNER("shape", 7, shape),
        INNER("tensor", 8, tensor), INNER("func", 9, function_name));
OPEN(attr_value, "AttrValue", INNER("list", 1, list), FIELD("s", 2, BYTES), FIELD("i", 3, I64), FIELD("f", 4, FLOAT), FIELD("b", 5, BOOL), NAMED("type", 6, types),
        INNER("shape", 7, shape), INNER("tensor", 8, tensor), FIELD("placeholder", 9, BYTES), INNER("func", 10, function_name));

OPEN(node, "NodeDef", FIELD("name", 1, BYTES), FIELD("op", 2, BYTES), FIELD("input", 3, BYTES), FIELD("device", 4, BYTES), INNER("attr", 5, attr));
OPEN(argument, "OpDef.ArgDef", FIELD("name", 1, BYTES), NAMED("type", 3, types), FIELD("type_attr", 4, BYTES), FIELD("number_attr", 5, BYTES), FIELD("type_list_attr", 6, BYTES),
        FIELD("is_ref", 16, BOOL));
OPEN(signature, "OpDef", FIELD("name", 1, BYTES), INNER("input_arg", 2, argument), INNER("output_arg", 3, argument), FIELD("is_stateful", 17, BOOL), FIELD("control_output", 20, BYTES));
OPEN(ret, "the map of results", FIELD("key", 1, BYTES), FIELD("value", 2, BYTES));
OPEN(function, "FunctionDef", INNER("signature", 1, signature), INNER("node_def", 3, node), INNER("ret", 4, ret), INNER("attr", 5, attr), INNER("control_ret", 6, ret));
OPEN(gradient, "GradientDef", FIELD("function_name", 1, BYTES), FIELD("gradient_func", 2, BYTES));
OPEN(library, "FunctionDefLibrary", INNER("function", 1, function), INNER("gradient", 2, gradient));
OPEN(version, "VersionDef", FIELD("producer", 1, I32), FIELD("min_consumer", 2, I32), FIELD("bad_consumers", 3, I32));

static const fire_proto_field graph_fields[] = {INNER("node", 1, node), INNER("library", 2, library), FIELD("version", 3, I32), INNER("versions", 4, version), END};
const fire_proto_message fire_proto_graph_def = {"GraphDef", graph_fields, true};

OPEN(info, "MetaInfoDef", FIELD("meta_graph_version", 1, BYTES), FIELD("tags", 4, BYTES));
OPEN(tensor_info, "TensorInfo", FIELD("name", 1, BYTES), NAMED("dtype", 2, types), INNER("tensor_shape", 3, shape));
OPEN(port, "the map of a signature", FIELD("key", 1, BYTES), INNER("value", 2, tensor_info));
OPEN(call, "SignatureDef", INNER("inputs", 1, port), INNER("outputs", 2, port), FIELD("method_name", 3, BYTES));
OPEN(calls, "the map of signatures", FIELD("key", 1, BYTES), INNER("value", 2, call));
OPEN(variable, "SavedVariable", NAMED("dtype", 1, types), INNER("shape", 2, shape), FIELD("trainable", 3, BOOL), FIELD("name", 6, BYTES));
OPEN(object, "SavedObject", INNER("variable", 7, variable));
OPEN(objects, "SavedObjectGraph", INNER("nodes", 1, object));
OPEN(meta_graph, "MetaGraphDef", INNER("meta_info_def", 1, info), INNER("graph_def", 2, fire_proto_graph_def), INNER("signature_def", 5, calls), INNER("object_graph_def", 7, objects));

static const fire_proto_field saved_fields[] = {FIELD("saved_model_schema_version", 1, I64), INNER("meta_graphs", 2, meta_graph), END};
const fire_proto_message fire_proto_saved_model = {"SavedModel", saved_fields, true};
