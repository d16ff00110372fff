"""The largest curvature is the largest eigenvalue of the whole Hessian."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from tests.builders import make_program, make_rows, start

from batchwright import nn
from batchwright.measure.curvature import largest_curvature
from batchwright.measure.inside import divide
from batchwright.nn.activations import activate
from batchwright.training.state import initial_state

ROWS = jax.tree.map(lambda array: np.asarray(array)[:48], make_rows(weighted=True))


def test_of_a_network_it_is_the_largest_eigenvalue() -> None:
    program = make_program(activation="tanh")
    state = start(program, make_rows())
    flat, to_tree = ravel_pytree(state.params["body"])
    shares = jnp.asarray(ROWS.weights / ROWS.weights.sum())

    def loss(numbers: jax.Array) -> jax.Array:
        body = to_tree(numbers)
        h = activate("tanh", ROWS.inputs["numeric"] @ body["dense_0"]["kernel"] + body["dense_0"]["bias"][None, :])
        outputs = h @ body["dense_3"]["kernel"] + body["dense_3"]["bias"][None, :]
        return jnp.sum(shares * -jax.nn.log_softmax(outputs)[jnp.arange(48), ROWS.targets])

    eigenvalues = np.linalg.eigvalsh(np.asarray(jax.hessian(loss)(flat), np.float64))
    found = largest_curvature(program, state, divide(ROWS, program.model.task, groups=4), seed=0)
    assert found == pytest.approx(eigenvalues[np.abs(eigenvalues).argmax()], rel=0.02)


@pytest.mark.parametrize(
    "network", [nn.CNN((4,), filters=(2,)), nn.CNN((4,), filters=(2,), blocks=1, pooling="average")]
)
def test_of_images_it_is_found(network: nn.CNN) -> None:
    rows = {"image": np.random.default_rng(0).integers(0, 255, (48, 6, 6, 1)).astype(np.uint8)}
    program = make_program()
    program = replace(program, model=replace(program.model, network=network.build(nn.Features(image=(6, 6, 1)), 3)))
    state = initial_state(program, rows, seed=0)
    groups = divide(ROWS._replace(inputs=rows), program.model.task, groups=2)
    assert np.isfinite(largest_curvature(program, state, groups, seed=0))
