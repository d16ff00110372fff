"""An ONNX file answers as the model does: 1,000 rows with cells that no training row had, by onnxruntime."""

from collections.abc import Callable

import numpy as np
import pytest
from tests.export.models import MODELS, Example
from tests.export.reading import TOLERANCE, compare

from batchwright.data.new_rows import read_like
from batchwright.export.model_graph import graph_of
from batchwright.export.onnx_file import to_onnx
from batchwright.export.onnx_format import OnnxModel
from batchwright.export.typed_inputs import typed_inputs
from batchwright.runs.predictions import predict

pytest.importorskip("onnxruntime")

Get = Callable[[str], Example]


def columns_of(example: Example) -> dict[str, np.ndarray]:
    """The typed columns of the new rows."""
    encoding = example.model.encoding
    return typed_inputs(encoding, read_like(example.source, encoding.schema, encoding.preprocessing, encoding.reading))


@pytest.mark.parametrize("name", [*MODELS, "tags"])
def test_it_answers_as_predict_does(name: str, example: Get) -> None:
    model, source, _ = example(name)
    graph = graph_of(model, interval=0.9)
    found = OnnxModel(to_onnx(graph))
    given, wanted = columns_of(example(name)), predict(model, source, interval=0.9).frame()
    assert compare(found.answers(given), wanted) < TOLERANCE
    for count in (1, 7):
        few = found.answers({key: array[:count] for key, array in given.items()})
        assert compare(few, wanted[:count]) < TOLERANCE
