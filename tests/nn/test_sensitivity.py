"""The sensitivity of outputs to inputs, against linear networks whose derivatives are known, and finite differences."""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from batchwright.nn import CNN, MLP, Features, Linear, Tabular
from batchwright.nn.networks import FeedForward
from batchwright.nn.protocols import Variables
from batchwright.nn.sensitivity import has_sensitivity, sensitivity
from batchwright.nn.uncompiled import call_uncompiled

FEATURES = Features(numeric=3, cardinalities=(4, 5), text=((10, 2), (10, 3)))


def rows(count: int = 300, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "numeric": rng.normal(size=(count, 3)).astype(np.float32) * np.array([1, 2, 0], np.float32),
        "categorical": rng.integers(0, 4, (count, 2)).astype(np.int32),
        "text": rng.integers(0, 10, (count, 5)).astype(np.int32),
    }


def on_device(inputs: dict[str, np.ndarray]) -> dict[str, jax.Array]:
    return {name: jnp.asarray(array) for name, array in inputs.items()}


def test_of_a_linear_network_it_is_the_spread_times_the_weights() -> None:
    network, inputs = Linear().build(FEATURES, 2), rows()
    variables = call_uncompiled(network.init, jax.random.key(0), inputs)
    assert isinstance(network, FeedForward)
    encoder = Variables(*(tree["inputs"] for tree in variables))
    x = np.asarray(network.encoder.apply(encoder, on_device(inputs)), np.float64)
    kernel = np.asarray(variables.params["body"]["dense_0"]["kernel"], np.float64)
    found = sensitivity(network, variables, inputs)
    widths = [len(table["table"][0]) for name, table in variables.params["inputs"].items()]
    ends = np.cumsum([0, 1, 1, 1, *widths])
    mean_square = x.var(axis=0) * (kernel**2).sum(axis=1)
    expected = [np.sqrt(mean_square[low:high].sum()) for low, high in pairwise(ends)]
    assert [len(found[name]) for name in ("numeric", "categorical", "text")] == [3, 2, 2]
    both = np.concatenate([found["numeric"], found["categorical"], found["text"]])
    assert both == pytest.approx(expected, rel=0.2)  # random signs of 300 rows
    assert both[2] == 0, "a constant column"


def test_of_one_output_there_is_no_chance_in_it() -> None:
    network, inputs = MLP((8,), batch_normalization=False, activation="tanh").build(Features(numeric=3), 1), rows()
    some = {"numeric": inputs["numeric"]}
    variables = call_uncompiled(network.init, jax.random.key(1), some)
    found = sensitivity(network, variables, some)["numeric"]
    assert found == pytest.approx(sensitivity(network, variables, some, seed=5)["numeric"])
    step = 1e-2
    for column in range(2):
        moved = [{"numeric": some["numeric"] + sign * step * np.eye(3, dtype=np.float32)[column]} for sign in (1, -1)]
        ahead, behind = (
            np.asarray(network.apply(variables, on_device(one), train=False)[0], np.float64) for one in moved
        )
        slope = np.sqrt((((ahead - behind) / (2 * step)) ** 2).mean())
        assert found[column] == pytest.approx(slope * some["numeric"][:, column].std(), rel=1e-2)


def test_embedded_numbers_count_with_all_their_features_and_parts_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    network, inputs = Tabular((8,)).build(FEATURES, 1), rows()
    variables = call_uncompiled(network.init, jax.random.key(0), inputs)
    whole = sensitivity(network, variables, inputs)
    assert whole["numeric"].shape == (3,) and (whole["numeric"][:2] > 0).all() and whole["numeric"][2] == 0
    monkeypatch.setattr("batchwright.nn.sensitivity.NUMBERS_AT_ONCE", 1)
    assert {name: part.tolist() for name, part in sensitivity(network, variables, inputs).items()} == {
        name: pytest.approx(part, rel=1e-4) for name, part in whole.items()
    }


def test_networks_of_images_alone_and_of_the_users_own_have_none() -> None:
    assert has_sensitivity(Linear().build(FEATURES, 1))
    both = CNN(filters=(2,)).build(Features(numeric=2, image=(8, 8, 1)), 1)
    assert has_sensitivity(both)
    inputs = {"numeric": np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)}
    inputs["image"] = np.random.default_rng(0).integers(0, 255, (20, 8, 8, 1)).astype(np.uint8)
    found = sensitivity(both, call_uncompiled(both.init, jax.random.key(0), inputs), inputs)
    assert found.keys() == {"numeric"} and found["numeric"].shape == (2,)
    assert not has_sensitivity(CNN(filters=(2,)).build(Features(image=(8, 8, 1)), 1))
