"""What every layer promises: finite outputs, its input's dtype, and the same alone as in a population."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from batchwright import nn

KEY, ROWS = jax.random.key(1), 24
SMALLER = nn.Sequential((nn.DepthwiseConv2D(strides=2, use_bias=False), nn.BatchNorm()))
CASES = [  # a layer, and the shape of a row
    (nn.Dense(4), (6,)),
    (nn.Conv2D(4, strides=2), (5, 6, 4)),
    (nn.DepthwiseConv2D(strides=2, depth_multiplier=2), (5, 6, 4)),
    (nn.Conv1D(4, strides=2), (7, 4)),
    (nn.Series(2), (6,)),
    (nn.BatchNorm(), (5, 6, 4)),
    (nn.LayerNorm(), (5, 6, 4)),
    (nn.RMSNorm(), (5, 6, 4)),
    (nn.GroupNorm(2), (5, 6, 4)),
    (nn.Activation("leaky_relu"), (5, 6, 4)),
    (nn.Dropout(0.3), (5, 6, 4)),
    (nn.MaxPool(), (5, 6, 4)),
    (nn.MaxPool(), (7, 4)),
    (nn.AvgPool(), (5, 6, 4)),
    (nn.GlobalAveragePool(), (5, 6, 4)),
    (nn.GlobalMaxPool(), (7, 4)),
    (nn.Flatten(), (5, 6, 4)),
    (nn.Sequential((nn.Series(2), nn.Conv1D(4), nn.GroupNorm(2), nn.GlobalMaxPool())), (6,)),
    (nn.ImageAndRest((4, 3, 2), SMALLER), (29,)),
    (nn.EnsembleDense(4, 3, "signs"), (6,)),
    (nn.EnsembleDense(4, 3, own_outputs=False), (3, 6)),
    (nn.EnsembleHead(2, 3), (3, 6)),
    (nn.EachSubmodel(nn.BatchNorm()), (3, 6)),
    (
        nn.Residual(SMALLER, nn.AvgPool()),
        (6, 6, 4),
    ),
]
every = pytest.mark.parametrize(("layer", "shape"), CASES, ids=[type(layer).__name__ for layer, _ in CASES])


def rows(shape: tuple[int, ...], *members: int) -> jax.Array:
    return jnp.asarray(np.random.default_rng(0).normal(size=(*members, ROWS, *shape)), jnp.float32)


@jax.jit
def step(layer: nn.Layer, variables: nn.Variables, x: jax.Array) -> tuple:
    """Output, state, and the gradients of a sum over the outputs with signs that alternate."""

    def loss(params: dict, x: jax.Array) -> tuple[jax.Array, tuple[jax.Array, dict]]:
        y, state = layer.apply(nn.Variables(params, variables.state), x, train=True, key=KEY, present=None)
        pull = jnp.cos(jnp.arange(y.size, dtype=jnp.float32)).reshape(y.shape)
        return jnp.sum(pull * jnp.square(y.astype(jnp.float32))), (y, state)

    gradients, (y, state) = jax.grad(loss, (0, 1), has_aux=True)(variables.params, x)
    return y, state, *gradients


def test_every_layer_is_tried() -> None:
    of_whole_numbers = {nn.Embedding, nn.EmbeddingBag}
    assert {type(layer) for layer, _ in CASES} == set(nn.LAYERS) - of_whole_numbers


@every
def test_it_keeps_the_dtype_and_learns_all_parameters(layer: nn.Layer, shape: tuple[int, ...]) -> None:
    assert isinstance(layer, nn.Layer)
    x = rows(shape)
    variables = layer.init(KEY, shape)
    full, half = (step(layer, variables, array) for array in (x, x.astype(jnp.bfloat16)))
    for (y, state, for_params, for_x), dtype in ((full, "float32"), (half, "bfloat16")):
        assert (y.dtype, for_x.dtype) == (dtype, dtype)
        for own, tree in ((variables.state, state), (variables.params, for_params)):
            assert jax.tree.structure(own) == jax.tree.structure(tree)
            assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(tree))
        assert all(np.isfinite(np.asarray(leaf, np.float32)).all() for leaf in jax.tree.leaves((y, state, for_x)))
        assert all(np.asarray(leaf).any() for leaf in jax.tree.leaves(for_params))
    np.testing.assert_allclose(
        np.asarray(half[0], np.float32), full[0], atol=0.03 * float(jnp.abs(full[0]).max()), rtol=0.03
    )


@every
@pytest.mark.parametrize("shared", [True, False], ids=["rows for all", "rows each"])
def test_a_member_of_a_population_gives_what_it_gives_alone(
    layer: nn.Layer, shape: tuple[int, ...], shared: bool
) -> None:
    """Members with numbers and variables of their own."""
    layers = [layer, jax.tree.map(lambda number: number * 0.5, layer)]
    variables = [layer.init(key, shape) for key in jax.random.split(KEY, 2)]
    stacked = [jax.tree.map(lambda *leaves: jnp.stack(leaves), *members) for members in (layers, variables)]
    rows_axis = None if shared and jax.tree.leaves(stacked) else 0
    x = rows(shape) if rows_axis is None else rows(shape, 2)
    together = jax.jit(jax.vmap(step.__wrapped__, (0, 0, rows_axis)))(*stacked, x)
    for member in range(2):
        alone = step(layers[member], variables[member], x if rows_axis is None else x[member])
        own = jax.tree.map(lambda leaf, i=member: leaf[i], together)
        jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-5), own, alone)
