"""Ensembles with shared weights: each submodel is the separate network with weights r∘W∘s, in float64 by NumPy."""

from collections.abc import Iterator
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from batchwright.errors import ConfigError
from batchwright.nn import (
    CNN,
    MLP,
    Activation,
    Dense,
    EnsembleDense,
    EnsembleHead,
    Features,
    Network,
    Sequential,
    Tabular,
    Variables,
    as_architecture,
)
from batchwright.nn.ensembles import submodels_of
from batchwright.nn.frozen import with_frozen
from batchwright.nn.sensitivity import sensitivity
from batchwright.nn.uncompiled import call_uncompiled
from batchwright.optim import Muon

K, ROWS = 3, 20
X = np.random.default_rng(0).normal(size=(ROWS, 5)).astype(np.float32)
INPUTS = {"numeric": jnp.asarray(X)}


def moved(network: Network) -> Variables:
    """First variables, each number moved a little, as after some training."""
    variables = call_uncompiled(network.init, jax.random.key(0), INPUTS)
    rng = np.random.default_rng(1)
    return jax.tree.map(lambda leaf: leaf + jnp.asarray(0.3 * rng.random(leaf.shape), leaf.dtype), variables)


def submodel(body: dict[str, Any], state: dict[str, Any], i: int, *, train: bool) -> np.ndarray:
    """The outputs of submodel i [n, o] from the arrays of an MLP, as a network on its own would give them."""
    own = lambda leaf: np.asarray(leaf, np.float64)[0, min(i, leaf.shape[1] - 1)]  # noqa: E731
    h = X.astype(np.float64)
    for name in sorted(body, key=lambda name: int(name.rpartition("_")[2])):
        params = body[name]
        if name.startswith("ensemble_head"):
            return np.asarray(h @ np.asarray(params["kernel"][i], np.float64) + own(params["bias"]))
        if name.startswith("each_submodel"):
            h = np.maximum(normalized(h, params, state[name], i, train=train), 0)
            continue
        kernel = np.asarray(params["kernel"], np.float64)
        if "input_scale" in params:
            kernel = own(params["input_scale"])[:, None] * kernel
        if "output_scale" in params:
            kernel = kernel * own(params["output_scale"])[None, :]
        bias = params.get("bias", np.zeros(kernel.shape[1]))
        h = h @ kernel + (own(bias) if bias.ndim == 3 else np.asarray(bias, np.float64))
        if "each_submodel_1" not in body:
            h = np.maximum(h, 0)
    raise AssertionError("there is no head")


def normalized(h: np.ndarray, params: dict[str, Any], state: dict[str, Any], i: int, *, train: bool) -> np.ndarray:
    gamma, beta, mean, variance = (
        np.asarray(array, np.float64).reshape(K, -1)[i]
        for array in (params["gamma"], params["beta"], state["mean"], state["variance"])
    )
    if train:
        mean, variance = h.mean(axis=0), h.var(axis=0)
    return gamma * (h - mean) / np.sqrt(variance + 1e-3) + beta


@pytest.mark.parametrize("train", [False, True], ids=["evaluation", "training"])
@pytest.mark.parametrize("normalize", [None, True], ids=["plain", "batch norm"])
@pytest.mark.parametrize("kind", ["full", "mini"])
def test_submodels_are_separate_networks(kind: Literal["full", "mini"], normalize: bool | None, train: bool) -> None:
    settings: dict[str, Any] = {"ensemble_kind": kind, "batch_normalization": normalize, "dropout": 0.0}
    network = MLP((7, 6), ensemble=K, **settings).build(Features(numeric=5), 2)
    variables = moved(network)
    outputs, _ = jax.jit(partial(network.apply, train=train, key=None, present=None))(variables, INPUTS)
    assert outputs.shape == (ROWS, K, 2)
    for i in range(K):
        expected = submodel(variables.params["body"], variables.state["body"], i, train=train)
        np.testing.assert_allclose(outputs[:, i], expected, rtol=2e-4, atol=2e-4)


def test_without_hidden_layers_submodels_are_linear() -> None:
    network = MLP((), ensemble=K).build(Features(numeric=5), 2)
    variables = moved(network)
    head = variables.params["body"]["ensemble_head_0"]
    expected = np.einsum("nf,kfo->nko", X, head["kernel"]) + np.asarray(head["bias"])
    found, _ = network.apply(variables, INPUTS, train=True, key=None, present=None)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def scales(params: dict[str, Any]) -> Iterator[np.ndarray]:
    """The scales of the inputs and of the outputs, in the order of the layers."""
    for name in sorted(params, key=lambda name: int(name.rpartition("_")[2])):
        yield from (np.asarray(params[name][kind]) for kind in ("input_scale", "output_scale") if kind in params[name])


def test_only_the_first_scales_are_drawn_and_heads_differ() -> None:
    full, mini, tabular = (
        call_uncompiled(architecture.build(Features(numeric=5), 1).init, jax.random.key(0), INPUTS).params["body"]
        for architecture in (
            MLP((16, 16), ensemble=8),
            MLP((16, 16), ensemble=8, ensemble_kind="mini"),
            Tabular((16, 16), ensemble=8),
        )
    )
    first, *others = scales(full)
    assert set(np.unique(first)) == {-1.0, 1.0}
    assert all((one == 1).all() for one in others)
    assert len(others) == 3
    assert [one.shape for one in scales(mini)] == [(1, 8, 5)]
    first, *others = scales(tabular)
    assert 0.8 < first.std() < 1.2
    assert len(np.unique(first)) == first.size
    assert all((one == 1).all() for one in others)
    heads = np.asarray(full["ensemble_head_6"]["kernel"])
    assert len({head.tobytes() for head in heads}) == 8


def test_convolutions_are_shared_and_the_layers_after_them_are_not() -> None:
    network = CNN(filters=(4,), hidden_layer_sizes=(6,), ensemble=K).build(Features(image=(4, 4, 1)), 2)
    rows = {"image": jnp.zeros((5, 4, 4, 1), jnp.uint8)}
    variables = call_uncompiled(network.init, jax.random.key(0), rows)
    assert network.apply(variables, rows, train=False, key=None, present=None)[0].shape == (5, K, 2)
    assert {name for name in variables.params["body"] if "batch_norm" in name} == {"batch_norm_1"}


def test_in_bfloat16_the_answers_are_nearly_the_same() -> None:
    wide, narrow = (
        MLP((7, 6), ensemble=K).build(Features(numeric=5), 2, dtype=dtype) for dtype in ("float32", "bfloat16")
    )
    variables = moved(wide)
    found = [one.apply(variables, INPUTS, train=False, key=None, present=None)[0] for one in (wide, narrow)]
    assert found[1].dtype == jnp.float32
    np.testing.assert_allclose(*found, rtol=0.05, atol=0.05)


def test_statistics_of_submodels_are_frozen_with_their_parameters() -> None:
    network = MLP((7,), ensemble=K, batch_normalization=True, dropout=0.0).build(Features(numeric=5), 2)
    variables = moved(network)
    frozen = with_frozen(network, lambda name: "each_submodel" in name)
    _, state = frozen.apply(variables, INPUTS, train=True, key=None, present=None)
    assert jax.tree.all(jax.tree.map(lambda a, b: bool((a == b).all()), state, variables.state))


def test_scales_are_no_matrices_to_orthogonalise() -> None:
    params = MLP((7,), ensemble=K).build(Features(numeric=5), 2).init(jax.random.key(0), INPUTS).params
    assert list(Muon().init(params)["velocity"]) == ["body/ensemble_dense_0/kernel"]


def test_sensitivity_is_that_of_the_mean_output() -> None:
    network = MLP((), ensemble=K).build(Features(numeric=5), 1)
    variables = moved(network)
    kernel = np.asarray(variables.params["body"]["ensemble_head_0"]["kernel"], np.float64).mean(axis=0)[:, 0]
    found = sensitivity(network, variables, {"numeric": X})["numeric"]
    assert found == pytest.approx(np.abs(kernel) * X.std(axis=0), rel=1e-4)


def test_layers_of_ensembles_make_a_network_of_ones_own() -> None:
    layers = (EnsembleDense(6, K, "signs"), Activation(), EnsembleHead(2, K))
    network = as_architecture(Sequential(layers)).build(Features(numeric=5), 2)
    outputs, _ = network.apply(moved(network), INPUTS, train=True, key=None, present=None)
    assert outputs.shape == (ROWS, K, 2)
    assert submodels_of(network) == K
    with pytest.raises(ConfigError, match=r"ends in EnsembleHead\(2\), and the target needs 3 outputs: make it"):
        as_architecture(Sequential(layers)).build(Features(numeric=5), 3).init(jax.random.key(0), INPUTS)


def test_dense_takes_rows_of_rows() -> None:
    layer, x = Dense(4), jnp.asarray(X.reshape(4, 5, 5))
    variables = layer.init(jax.random.key(0), (5, 5))
    y, _ = layer.apply(variables, x, train=False, key=None, present=None)
    np.testing.assert_allclose(y, X.reshape(4, 5, 5) @ variables.params["kernel"], rtol=1e-4, atol=1e-5)
