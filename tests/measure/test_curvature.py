"""The largest curvature is the largest eigenvalue of the whole Hessian, and so is the smallest."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from tests.builders import make_program, make_rows, start
from tests.own_parts import Line

import batchwright as bw
from batchwright import nn
from batchwright.errors import ConfigError
from batchwright.measure.curvature import Curvature, _ends, largest_curvature
from batchwright.measure.inside import divide
from batchwright.training.state import Program, TrainState, initial_state

ROWS = jax.tree.map(lambda array: np.asarray(array)[:48], make_rows(weighted=True))
GROUPS = 4


def curvature_of(program: Program, state: TrainState) -> Curvature:
    return largest_curvature(program, state, divide(ROWS, program.model.task, groups=GROUPS), seed=0)


def dense_eigenvalues(state: TrainState, activate: Callable[[jax.Array], jax.Array], *, normalize: bool) -> np.ndarray:
    """Those of JAX's Hessian in float64, of a network that is written out here."""
    with jax.enable_x64(True), jax.numpy_rank_promotion("allow"):
        flat, to_tree = ravel_pytree(jax.tree.map(lambda array: np.asarray(array, np.float64), state.params["body"]))
        x, shares = ROWS.inputs["numeric"].astype(np.float64), ROWS.weights.astype(np.float64)
        shares = shares / shares.sum()
        last = "dense_4" if normalize else "dense_3"

        def outputs(body: dict, rows: np.ndarray) -> jax.Array:
            h = x[rows] @ body["dense_0"]["kernel"] + body["dense_0"].get("bias", 0.0)
            if normalize:
                norm = body["batch_norm_1"]
                h = (h - h.mean(axis=0)) / jnp.sqrt(h.var(axis=0) + 1e-3) * norm["gamma"] + norm["beta"]
            return activate(h) @ body[last]["kernel"] + body[last]["bias"]

        def loss(numbers: jax.Array) -> jax.Array:
            total, body = jnp.float64(0), to_tree(numbers)
            for rows in np.arange(len(x)).reshape(GROUPS, -1):
                logs = jax.nn.log_softmax(outputs(body, rows))[np.arange(len(rows)), ROWS.targets[rows]]
                total -= jnp.sum(shares[rows] * logs)
            return total

        return np.linalg.eigvalsh(np.asarray(jax.jit(jax.hessian(loss))(flat)))


def check(found: Curvature, eigenvalues: np.ndarray) -> None:
    size = np.abs(eigenvalues).max()
    assert found.largest == pytest.approx(eigenvalues[-1], rel=1e-3)
    assert found.smallest == pytest.approx(eigenvalues[0], rel=1e-2, abs=1e-3 * size)
    assert found.known and np.abs(eigenvalues - found.largest).min() <= found.error + 1e-4 * size


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("normalize", [False, True])
def test_its_ends_are_those_of_the_whole_hessian(activation: str, normalize: bool) -> None:
    program = make_program(activation=activation, batch_normalization=normalize)
    state = start(program, make_rows())
    function = {"tanh": jnp.tanh, "relu": lambda h: jnp.maximum(h, 0)}[activation]
    check(curvature_of(program, state), dense_eigenvalues(state, function, normalize=normalize))


def test_a_loss_that_bends_downwards_most_has_its_largest_curvature_above_0() -> None:
    """Before a batch normalization, small weights have large curvatures of both signs."""
    program = make_program(activation="relu", batch_normalization=True)
    state = start(program, make_rows())
    first = {"dense_0": {"kernel": 0.02 * state.params["body"]["dense_0"]["kernel"]}}
    state = state._replace(params=state.params | {"body": state.params["body"] | first})
    eigenvalues = dense_eigenvalues(state, lambda h: jnp.maximum(h, 0), normalize=True)
    assert -eigenvalues[0] > eigenvalues[-1] > 0
    check(curvature_of(program, state), eigenvalues)


def test_what_is_not_known_says_so() -> None:
    """A spectrum with an end too dense for so few steps: the error reaches the next eigenvalue."""
    random = np.random.default_rng(0)
    eigenvalues = np.linspace(-1, 1, 2000)
    vector, before, length, diagonal, beside = random.normal(size=2000), np.zeros(2000), 0.0, [], []
    vector /= np.linalg.norm(vector)
    for _ in range(20):
        turned = eigenvalues * vector - length * before
        diagonal.append(vector @ turned)
        rest = turned - diagonal[-1] * vector
        length = np.linalg.norm(rest)
        before, vector = vector, rest / length
        beside.append(length)
    found, enough = _ends(np.array(diagonal), np.array(beside))
    assert not enough and not found.known
    assert found.largest < 1 and np.abs(eigenvalues - found.largest).min() <= found.error


def test_few_parameters_are_all_found() -> None:
    """A vector of rounding ends it: the eigenvalues of what came before are all there are."""
    found, enough = _ends(np.array([2.0, -3.0, 50.0]), np.array([0.5, 1e-9, 1.0]))
    assert enough and found.largest == pytest.approx((np.sqrt(26) - 1) / 2)
    assert found.smallest == pytest.approx((-np.sqrt(26) - 1) / 2) and found.error < 1e-8


def test_a_flat_loss_has_none() -> None:
    assert _ends(np.zeros(20), np.zeros(20)) == (Curvature(0.0, 0.0, 0.0), True)
    found, enough = _ends(np.array([1.0, np.nan]), np.ones(2))
    assert enough and not found.known and np.isnan(found.largest)


def test_of_images_it_is_found() -> None:
    """That a convolution has its second derivative is tested with it."""
    network = nn.CNN((4,), filters=(2,), blocks=1, pooling="average")
    rows = {"image": np.random.default_rng(0).integers(0, 255, (48, 6, 6, 1)).astype(np.uint8)}
    program = make_program()
    program = replace(program, model=replace(program.model, network=network.build(nn.Features(image=(6, 6, 1)), 3)))
    state = initial_state(program, rows, seed=0)
    found = largest_curvature(program, state, divide(ROWS._replace(inputs=rows), program.model.task, groups=2), seed=0)
    assert found.known and found.largest > 0


@jax.custom_vjp
def identity(x: jax.Array) -> jax.Array:
    return x


def callback(_: None, g: jax.Array) -> tuple[jax.Array]:
    return (jax.pure_callback(np.asarray, jax.ShapeDtypeStruct(g.shape, g.dtype), g),)


identity.defvjp(lambda x: (x, None), callback)


class Once:
    """A layer with a gradient that has none."""

    def init(self, key: jax.Array, shape: tuple[int, ...]) -> nn.Variables:
        return nn.Variables({}, {})

    def apply(self, variables: nn.Variables, x: jax.Array, **_: object) -> tuple[jax.Array, dict]:
        return identity(x), {}


def test_a_network_without_a_second_derivative_is_refused() -> None:
    program = make_program()
    body = nn.Sequential((nn.Dense(3), Once()))
    network = replace(program.model.network, body=body)
    program = replace(program, model=replace(program.model, network=network))
    with pytest.raises(ConfigError, match="can be differentiated twice"):
        curvature_of(program, start(program, make_rows()))


class OnceLine(Line):
    """A network of a user's own with a gradient that has none."""

    def apply(self, variables: nn.Variables, inputs: Any, **given: Any) -> tuple[jax.Array, dict]:
        outputs, state = super().apply(variables, inputs, **given)
        return identity(outputs), state


def test_it_is_refused_before_anything_is_trained_or_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"can be differentiated twice.*leave out `training\.curvature`"):
        bw.fit(bw.load("iris"), network=OnceLine(), curvature=True, epochs=1, batch_size=16, run_dir=tmp_path / "run")
    assert not list(tmp_path.iterdir())
