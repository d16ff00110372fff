"""ONNX files: written from the graph of a model, and run by onnxruntime to be checked."""

from collections.abc import Mapping

import numpy as np

from batchwright.export.checking import Answers, Checked, check
from batchwright.export.formats import Format, Options
from batchwright.export.model_graph import graph_of
from batchwright.export.onnx_file import require_onnx, to_onnx
from batchwright.export.rows_to_check import CheckRows
from batchwright.runs.model import SavedModel


def _write(model: SavedModel, options: Options) -> bytes:
    require_onnx()
    graph = graph_of(model, interval=options.interval)
    return to_onnx(graph, opset=options.opset, about=options.about, precision=options.precision)


def _check(content: bytes, model: SavedModel, rows: CheckRows, options: Options) -> Checked:
    return check(OnnxModel(content).answers, model, rows, interval=options.interval)


class OnnxModel:
    """A model in an ONNX file, run by onnxruntime."""

    def __init__(self, content: bytes) -> None:
        require_onnx()
        from onnxruntime import InferenceSession

        self._session = InferenceSession(content, providers=["CPUExecutionProvider"])

    def answers(self, columns: Mapping[str, np.ndarray]) -> Answers:
        """The columns of the answers for typed columns."""
        names = [one.name for one in self._session.get_outputs()]
        return dict(zip(names, self._session.run(names, dict(columns)), strict=True))


ONNX = Format("onnx", ".onnx", ("interval", "opset", "precision"), _write, _check)
