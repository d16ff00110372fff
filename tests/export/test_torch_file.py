"""The file for PyTorch predicts what the model predicts, and its network can be trained on; where PyTorch is."""

from collections.abc import Callable

import numpy as np
import pytest
from tests.export.models import MODELS, TEXTS, Example
from tests.export.reading import TOLERANCE, compare

from batchwright.data.new_rows import read_like
from batchwright.errors import UsageError
from batchwright.export import torch_format
from batchwright.export.formats import Options
from batchwright.export.numpy_format import PythonModel
from batchwright.export.parts import ENCODED, OUTPUTS, parts_of
from batchwright.export.runtime.graph import Model, run_graph
from batchwright.export.torch_file import torch_file
from batchwright.export.typed_inputs import typed_inputs
from batchwright.runs.predictions import predict

Get = Callable[[str], Example]


@pytest.mark.parametrize("name", ["classes", "several targets", "image", "words"])
def test_the_parts_together_are_the_model(name: str, example: Get) -> None:
    model, source, _ = example(name)
    encoding = model.encoding
    given = typed_inputs(encoding, read_like(source, encoding.schema, encoding.preprocessing, encoding.reading))
    parts = parts_of(model)
    for graph in parts:
        inputs = [(one.name, one.dtype, one.shape[1:]) for one in graph.inputs]
        nodes = [(one.op, one.inputs, one.output.name, one.attributes) for one in graph.nodes]
        outputs = [one.name for one in graph.outputs]
        found = run_graph(Model((), inputs, graph.constants, nodes, outputs), given)
        given = {key.removeprefix(ENCODED): array for key, array in found.items()}
    assert compare(given, predict(model, source).frame()) < TOLERANCE


def test_without_the_package_it_is_said_what_to_install(example: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_format, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match="pip install torch"):
        torch_format.TORCH.write(example("log target").model, Options())


@pytest.mark.parametrize("name", [*MODELS, *TEXTS])
def test_it_predicts_what_the_model_predicts(name: str, example: Get) -> None:
    pytest.importorskip("torch")
    model, source, columns = example(name)
    found = PythonModel(torch_file(parts_of(model), model.encoding, []).encode()).call("predict", columns)
    assert compare(found, predict(model, source).frame()) < TOLERANCE


def test_its_network_can_be_trained_on(example: Get) -> None:
    torch = pytest.importorskip("torch")
    model, _, columns = example("classes")
    file = PythonModel(torch_file(parts_of(model), model.encoding, []).encode())
    network, inputs = file.call("make_network"), file.call("encode", columns)
    rule = torch.optim.SGD(network.parameters(), lr=0.1)
    losses = []
    for _ in range(5):
        loss = torch.nn.functional.cross_entropy(
            network(**inputs), torch.zeros(len(inputs["numeric"]), dtype=torch.long)
        )
        rule.zero_grad()
        loss.backward()
        rule.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] and np.isfinite(losses).all()
    assert network.output == OUTPUTS
