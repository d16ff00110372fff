"""The files for Flax and PyTorch predict what the model predicts, and their networks can be trained on."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.export.models import MODELS, TEXTS, Example
from tests.export.reading import TOLERANCE, compare

from batchwright.data.new_rows import read_like
from batchwright.errors import UsageError
from batchwright.export import module_format
from batchwright.export.formats import Options
from batchwright.export.module_file import FLAX, PYTORCH, Library, module_file
from batchwright.export.numpy_format import PythonModel
from batchwright.export.parts import OUTPUTS, parts_of
from batchwright.export.runtime.graph import ENCODED, Model, run_graph
from batchwright.export.typed_inputs import typed_inputs
from batchwright.runs.model import SavedModel
from batchwright.runs.predictions import predict

Get = Callable[[str], Example]
IN_FLAX = ("classes", "image", "submodels", "words")
"""Models of several kinds, each of which takes a second to trace and compile; `test_operators` tries all operators."""


def loaded(model: SavedModel, library: Library) -> PythonModel:
    return PythonModel(module_file(parts_of(model), model.encoding, [], library).encode())


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
        assert all(name in given or f"{ENCODED}{name}" in given for name, _, _ in inputs)
        given = dict(run_graph(Model((), inputs, graph.constants, nodes, outputs), given))
    assert compare(given, predict(model, source).frame()) < TOLERANCE


@pytest.mark.parametrize(("chosen", "install"), [(module_format.TORCH, "torch"), (module_format.FLAX_NNX, "flax")])
def test_without_the_package_it_is_said_what_to_install(
    chosen: module_format.Format, install: str, example: Get, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module_format, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match=f"the package {install} is not installed: pip install"):
        chosen.write(example("log target").model, Options())


@pytest.mark.parametrize("name", [*MODELS, *TEXTS])
def test_in_pytorch_it_predicts_what_the_model_predicts(name: str, example: Get) -> None:
    pytest.importorskip("torch")
    model, source, columns = example(name)
    assert compare(loaded(model, PYTORCH).call("predict", columns), predict(model, source).frame()) < TOLERANCE


@pytest.mark.parametrize("name", IN_FLAX)
def test_in_flax_it_predicts_what_the_model_predicts(name: str, example: Get) -> None:
    pytest.importorskip("flax")
    model, source, columns = example(name)
    given = columns["image"] if name == "image" else columns
    assert compare(loaded(model, FLAX).call("predict", given), predict(model, source).frame()) < TOLERANCE


def test_a_network_of_pytorch_can_be_trained_on(example: Get) -> None:
    torch = pytest.importorskip("torch")
    model, _, columns = example("classes")
    file = loaded(model, PYTORCH)
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


def test_a_network_of_flax_can_be_trained_on(example: Get) -> None:
    """Its weights are parameters in the layers that they came from; other numbers are none, and stay as they are."""
    nnx = pytest.importorskip("flax.nnx")
    model, _, columns = example("classes")
    file = loaded(model, FLAX)
    network, inputs = file.call("make_network"), file.call("encode", columns)
    kernel = network.weights.body.dense_0.kernel
    np.testing.assert_array_equal(kernel[...], model.variables.params["body"]["dense_0"]["kernel"])
    graph, learned, others = nnx.split(network, nnx.Param, ...)

    @jax.jit
    def step(learned):
        def loss(learned):
            return -jax.nn.log_softmax(nnx.merge(graph, learned, others)(**inputs))[:, 0].mean()

        found, gradient = jax.value_and_grad(loss)(learned)
        return found, jax.tree.map(lambda one, slope: one - 0.1 * slope, learned, gradient)

    losses = []
    for _ in range(5):
        loss, learned = step(learned)
        losses.append(float(loss))
    assert losses[-1] < losses[0] and np.isfinite(losses).all()
    assert not np.allclose(learned["weights"]["body"]["dense_0"]["kernel"][...], kernel[...])
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(learned))
