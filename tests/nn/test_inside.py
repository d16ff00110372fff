"""Looking inside a network changes none of its outputs, and shows what each layer gives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from batchwright import nn
from batchwright.nn.custom import Custom
from batchwright.nn.inside import look_inside
from batchwright.nn.uncompiled import call_uncompiled

NUMERIC = {"numeric": np.random.default_rng(0).normal(size=(12, 6)).astype(np.float32)}
IMAGE = {"image": np.random.default_rng(1).integers(0, 255, (12, 8, 8, 1)).astype(np.uint8)}
BOTH = NUMERIC | IMAGE
OF_NUMBERS, OF_IMAGE = nn.Features(numeric=6), nn.Features(image=(8, 8, 1))
OF_BOTH = nn.Features(numeric=6, image=(8, 8, 1))
SHORTCUT = nn.Residual(nn.Dense(8), nn.Dense(8, use_bias=False))
CASES = {
    "mlp": (nn.MLP((8, 4), dropout=0.0), OF_NUMBERS, NUMERIC),
    "tabular": (nn.Tabular((8,), dropout=0.0), OF_NUMBERS, NUMERIC),
    "cnn": (nn.CNN((8,), filters=(4,), blocks=1), OF_IMAGE, IMAGE),
    "image and columns": (nn.CNN((8,), filters=(4,)), OF_BOTH, BOTH),
    "a layer of one's own, without an end": (
        Custom(nn.Sequential((SHORTCUT, nn.Activation("tanh")))),
        OF_NUMBERS,
        NUMERIC,
    ),
    "a layer of one's own": (Custom(nn.Sequential((nn.LayerNorm(), nn.Dense(3)))), OF_NUMBERS, NUMERIC),
}


@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_outputs_are_those_of_the_network(case: str, *, train: bool) -> None:
    architecture, features, rows = CASES[case]
    network, key = architecture.build(features, 3), jax.random.key(0)
    inputs = {name: jnp.asarray(array) for name, array in rows.items()}
    variables = call_uncompiled(network.init, key, inputs)
    wanted, _ = network.apply(variables, inputs, train=train, key=key, present=None)
    found, seen = look_inside(network, variables, inputs, train=train, key=key)
    np.testing.assert_array_equal(found, wanted)
    names = [one.name for one in seen]
    assert len(set(names)) == len(names)
    np.testing.assert_array_equal(seen[-1].output, wanted)
    for path, _ in jax.tree_util.tree_leaves_with_path(variables.params):
        layer = jax.tree_util.keystr(path[:-1], simple=True, separator="/")
        assert layer in names or layer.startswith("inputs/")


def test_what_is_drawn_at_random_is_left_out() -> None:
    network = nn.MLP((8,), dropout=0.5, batch_normalization=False).build(OF_NUMBERS, 3)
    inputs = {"numeric": jnp.asarray(NUMERIC["numeric"])}
    variables = network.init(jax.random.key(0), inputs)
    wanted, _ = network.apply(variables, inputs, train=False, key=None, present=None)
    found, seen = look_inside(network, variables, inputs, train=True, key=jax.random.key(1))
    np.testing.assert_array_equal(found, wanted)
    assert [one.name for one in seen] == ["inputs", "body/dense_0", "body/activation_1", "body/dense_3"]
