"""make_text.py - write the same graphs as text, by TensorFlow's own printer. Run where TensorFlow is."""
from pathlib import Path

from google.protobuf import text_format
from tensorflow.core.framework import graph_pb2
from tensorflow.core.protobuf import saved_model_pb2

HERE = Path(__file__).resolve().parent
for name, line in (("v1_condloop", False), ("v2_nest", True)):
    graph = graph_pb2.GraphDef.FromString((HERE / f"{name}.pb").read_bytes())
    (HERE / f"{name}.pbtxt").write_text(text_format.MessageToString(graph, as_one_line=line))
saved = saved_model_pb2.SavedModel.FromString((HERE / "sm1" / "saved_model.pb").read_bytes())
for meta in saved.meta_graphs:
    meta.meta_info_def.ClearField("stripped_op_list")
    meta.object_graph_def.ClearField("concrete_functions")
(HERE / "sm1.pbtxt").write_text(text_format.MessageToString(saved, as_one_line=True))
