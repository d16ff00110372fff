"""A `torch.nn.Sequential` becomes layers of our own that give the same and train the same."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.nn.foreign.fitting import (
    CLASSES,
    COLUMNS,
    IMAGE,
    RATE,
    array_of,
    batches_of,
    check_dropout,
    check_members,
    check_outputs,
    check_saved,
    check_second_fit,
    columns,
    first,
    images,
    trained,
)

from batchwright import nn
from batchwright.errors import ConfigError
from batchwright.training.state import Rows

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
torch.set_num_threads(1)
t = torch.nn
Sequential = t.Sequential


def tabular(rate: float = 0.0) -> object:
    torch.manual_seed(0)
    block = Sequential(t.Linear(COLUMNS, 8), t.BatchNorm1d(8), t.ELU(0.7), t.Dropout(rate))
    return Sequential(block, t.Linear(8, 8, bias=False), t.LayerNorm(8), t.GELU(), t.Linear(8, CLASSES))


def convolutional() -> object:
    """8 x 8 pixels; what follows the Flatten sees the features in PyTorch's order."""
    torch.manual_seed(0)
    return Sequential(
        t.Conv2d(IMAGE[2], 6, 3, padding=1, bias=False),
        t.BatchNorm2d(6, momentum=0.3),
        t.SiLU(),
        t.MaxPool2d(3, stride=2, padding=1),
        t.Conv2d(6, 5, 3, stride=2, padding=1),
        t.Softplus(),
        t.AvgPool2d(2, stride=1),
        t.Flatten(),
        t.BatchNorm1d(5, momentum=None, affine=False),
        t.Linear(5, 6),
        t.LeakyReLU(0.2),
        t.Linear(6, CLASSES),
    )


def given(rows: Rows) -> object:
    x = array_of(rows)
    return torch.tensor(np.moveaxis(x, -1, 1) if x.ndim == 4 else x)


def outputs_of(module: object, rows: Rows) -> np.ndarray:
    module.eval()
    with torch.no_grad():
        return module(given(rows)).numpy()


@pytest.mark.parametrize(("made", "rows"), [(tabular, columns()), (convolutional, images())])
@pytest.mark.parametrize("size", [16, 20], ids=["full batches", "a last batch that is not full"])
def test_it_trains_as_in_pytorch(made: object, rows: Rows, size: int) -> None:
    module, expected = made(), []
    network = nn.from_torch(module)
    check_outputs(network, rows, outputs_of(module, rows))
    module.train()
    x, targets = given(rows), torch.tensor(np.asarray(rows.targets).astype(np.int64))
    optimizer = torch.optim.SGD(module.parameters(), RATE)
    for batches in batches_of(rows, size):
        losses, sizes = [], [len(batch) for batch in batches]
        for batch in batches:
            optimizer.zero_grad()
            loss = t.functional.cross_entropy(module(x[batch]), targets[batch])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        expected.append(np.average(losses, weights=sizes))
    found = trained(network, rows, size=size)
    learned = jax.tree.map(jnp.asarray, found.variables)
    np.testing.assert_allclose(found.losses, expected, rtol=1e-4)
    ours = network.apply(learned, rows.inputs, train=False, key=None, present=None)[0]
    np.testing.assert_allclose(ours, outputs_of(module, rows), atol=1e-4)


ACTIVATIONS = (
    t.ReLU(), t.ReLU6(), t.LeakyReLU(0.3), t.ELU(0.5), t.CELU(0.5), t.SELU(), t.GELU(), t.GELU("tanh"), t.SiLU(),
    t.Mish(), t.Tanh(), t.Tanhshrink(), t.Sigmoid(), t.LogSigmoid(), t.Softplus(2.0, 3.0), t.Softsign(),
    t.Hardtanh(-0.5, 0.75), t.Hardsigmoid(), t.Hardswish(), t.Identity(),
)  # fmt: skip


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
def test_activations_and_their_gradients(activation: object) -> None:
    x = np.arange(-70, 71, 5, dtype=np.float32).reshape(1, -1) / 10
    network = nn.from_torch(activation)
    variables = network.init(jax.random.key(0), {"numeric": jnp.asarray(x)})

    def total(x: jax.Array) -> jax.Array:
        return network.apply(variables, {"numeric": x}, train=True, key=None, present=None)[0].sum()

    tensor = torch.tensor(x, requires_grad=True)
    y = activation(tensor)
    y.sum().backward()
    found = network.apply(variables, {"numeric": jnp.asarray(x)}, train=False, key=None, present=None)[0]
    np.testing.assert_allclose(found, y.detach().numpy(), atol=1e-5)
    np.testing.assert_allclose(jax.grad(total)(jnp.asarray(x)), tensor.grad.numpy(), atol=1e-5)


@pytest.mark.parametrize(
    "layers",
    [
        (t.Conv2d(2, 4, 3),),
        (t.Conv2d(2, 4, (3, 2), stride=(1, 2), padding=(0, 1)),),
        (t.Conv2d(2, 4, 3, padding="same", dilation=2, groups=2),),
        (t.Conv2d(2, 4, 2, padding="same"),),
        (t.Conv2d(2, 4, 5, stride=3, padding=2),),
        (t.MaxPool2d(2),),
        (t.MaxPool2d(3, 1, 1),),
        (t.AvgPool2d(3, 2, 1),),
        (t.BatchNorm2d(2),),
        (t.AdaptiveAvgPool2d(1),),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
def test_layers_of_images(layers: tuple) -> None:
    rows, module = images(6), Sequential(*layers, t.Flatten())
    check_outputs(nn.from_torch(module), rows, outputs_of(module, rows), atol=1e-4)


def test_members_second_fits_and_saved_weights() -> None:
    rows = columns()
    check_dropout(nn.from_torch(tabular(0.5)), rows)
    check_members(nn.from_torch(tabular(0.5)), rows)
    check_members(nn.from_torch(convolutional()), images())
    network = nn.from_torch(tabular())
    check_second_fit(network, rows)
    block = "sequential_0"
    names = {f"params/body/{block}/dense_0/{name}" for name in ("kernel", "bias")}
    names |= {f"params/body/{block}/torch_batch_norm_1/{name}" for name in ("gamma", "beta")}
    names |= {f"state/body/{block}/torch_batch_norm_1/{name}" for name in ("mean", "variance", "count")}
    names |= {f"params/body/layer_norm_2/{name}" for name in ("gamma", "beta")}
    names |= {"params/body/dense_1/kernel", "params/body/dense_4/kernel", "params/body/dense_4/bias"}
    check_saved(first(network, rows), names)


def test_dropout_rates_are_numbers_of_the_program() -> None:
    one, other = (nn.from_torch(Sequential(t.Linear(COLUMNS, CLASSES), t.Dropout(rate))) for rate in (0.2, 0.4))
    assert jax.tree.leaves(one) == [0.2]
    assert jax.tree.leaves(other) == [0.4]


def test_it_is_not_changed_and_its_later_changes_do_not_matter() -> None:
    module, rows = tabular(), columns()
    network, before = nn.from_torch(module), outputs_of(module, rows)
    trained(network, rows)
    np.testing.assert_array_equal(outputs_of(module, rows), before)
    with torch.no_grad():
        module[-1].weight.zero_()
    check_outputs(network, rows, before)


class Own(t.Module):
    def forward(self, x: object) -> object:
        return x


def frozen() -> object:
    return Sequential(t.Linear(COLUMNS, 3).requires_grad_(False))


def shared() -> object:
    layer = t.Linear(COLUMNS, COLUMNS)
    return Sequential(layer, t.ReLU(), layer)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (Own, r"layer 0, a .*Own\. It knows Sequential, Linear"),
        (lambda: Sequential(Sequential(t.ReLU(), t.Softmax(1))), r"layer 0\.1, a .*Softmax"),
        (lambda: t.MaxPool2d(2, ceil_mode=True), "MaxPool2d with ceil_mode: build it without"),
        (lambda: t.Conv2d(1, 1, 3, padding_mode="reflect"), "padding_mode='reflect'"),
        (lambda: t.AvgPool2d(3, padding=1, count_include_pad=False), "count_include_pad"),
        (lambda: t.BatchNorm1d(3, track_running_stats=False), "track_running_stats=False"),
        (lambda: t.LayerNorm(3, elementwise_affine=False), "elementwise_affine=False"),
        (lambda: t.Flatten(0), "other axes"),
        (lambda: t.AdaptiveAvgPool2d(2), "output_size"),
        (lambda: t.LazyLinear(3), "lazy"),
        (frozen, "frozen, as 0.weight"),
        (shared, r"0\.weight and 2\.weight are the same"),
        (lambda: "module", r"takes a torch\.nn\.Sequential, but got str"),
        (lambda: Sequential, "the class Sequential"),
    ],
)
def test_what_cannot_be_turned_is_told(made: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        nn.from_torch(made())


@pytest.mark.parametrize(
    ("module", "rows", "message"),
    [
        (Sequential(t.ReLU(), t.Linear(7, 3)), columns(4), r"dense_1 gets rows of shape \(5,\), for which its weights"),
        (Sequential(t.Linear(8, 3)), images(4), "put a torch.nn.Flatten before it"),
        (Sequential(t.Conv2d(1, 3, 3)), columns(4), "takes images"),
        (Sequential(t.MaxPool2d(9), t.Flatten()), images(4), "does not fit"),
        (Sequential(t.ReLU()), images(4), r"gives \[2, 8, 8, 2\]"),
    ],
)
def test_rows_that_do_not_fit_are_told(module: object, rows: Rows, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        first(nn.from_torch(module), rows)


def test_a_module_of_another_library_is_told_by_name() -> None:
    keras = pytest.importorskip("keras", reason="Keras is not installed")
    with pytest.raises(ConfigError, match=r"use bw\.nn\.from_keras"):
        nn.from_torch(keras.layers.Dense(3))
    flax = pytest.importorskip("flax.linen", reason="Flax is not installed")
    with pytest.raises(ConfigError, match=r"use bw\.nn\.from_flax"):
        nn.from_torch(flax.Dense(3))
