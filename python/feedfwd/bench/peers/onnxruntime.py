"""ONNX Runtime: prediction only; Gemm and Relu nodes, which it fuses."""

from __future__ import annotations

from typing import Any

import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from feedfwd.bench import cases
from feedfwd.bench.serve import Work


class Peer:
    """Its own thread pool."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.version = str(onnxruntime.__version__)

    def prediction(self, case: cases.Prediction) -> Work:
        x, _ = case.data()
        nodes: list[Any] = []
        constants: list[Any] = []
        first = cases.weights(case.widths)
        value = "x"
        for i in range(len(first) // 2):
            for kind, array in (("w", first[2 * i]), ("b", first[2 * i + 1])):
                constants.append(numpy_helper.from_array(array, f"{kind}{i}"))
            nodes.append(helper.make_node("Gemm", [value, f"w{i}", f"b{i}"], [f"z{i}"]))
            value = f"z{i}"
            if i + 1 < len(first) // 2:
                nodes.append(helper.make_node("Relu", [value], [f"h{i}"]))
                value = f"h{i}"
        ends = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, width])
            for name, width in (("x", case.widths[0]), (value, case.widths[-1]))
        ]
        graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], constants)
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        session = onnxruntime.InferenceSession(
            made.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        return (
            lambda: session.run(None, {"x": x})[0].ravel()[:20].tolist(),
            lambda: session.run(None, {"x": x})[0],
        )
