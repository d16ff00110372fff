"""The largest curvature of the training loss, by the method of Lanczos: above 2/η, plain descent does not settle."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float64

from batchwright.errors import ConfigError
from batchwright.measure.inside import Group, is_quick
from batchwright.nn.inside import look_inside
from batchwright.nn.protocols import Tree, Variables
from batchwright.optim.names import put_back
from batchwright.optim.rule import add_scaled, global_norm
from batchwright.training.libraries import for_large_products, quick_to_compile
from batchwright.training.state import KEYS, Program, TrainState

STEPS, MOST_STEPS = 20, 100
"""Products of the Hessian with a vector before each look at what they found, and at most. On iris and digits, 20 to 60
suffice."""

CLOSE = 0.01
"""It is enough if the largest curvature is known this well, as a share of it, and the smallest, as a share of what is
larger in size. The error itself is about the square of it."""

NOTHING = 1e-6
"""A vector this short, as a share of the curvature, is one of rounding: what came before has all eigenvalues."""

Basis: TypeAlias = tuple[Tree, Tree, Array]
"""The vector before the last, the last one, and how long the last one was before it was made a unit."""


class Curvature(NamedTuple):
    """The ends of the spectrum of a Hessian.

    Args:
        largest: the eigenvalue farthest above 0, or the one nearest below it if none is; 2/η limits this one.
        smallest: the eigenvalue farthest below 0, where the loss bends downwards most.
        error: |H·v - λ·v| of the largest and its unit vector: an eigenvalue is as near as this, and none is known to
            be larger.
    """

    largest: float
    smallest: float
    error: float

    @property
    def known(self) -> bool:
        """Whether the error of the largest is small beside it."""
        return self.error <= CLOSE * abs(self.largest)


def largest_curvature(program: Program, train: TrainState, groups: Sequence[Group], *, seed: int) -> Curvature:
    """The largest and the smallest eigenvalue of the Hessian of the mean loss over all groups, in these parameters.

    Each group passes the network by itself, in training mode but without dropout. The products with the Hessian are
    exact (a gradient of a gradient): a difference of gradients crosses kinks of `relu`, and has its curvature from
    them. Other numbers compile nothing.

    The vectors are not made orthogonal to all earlier ones, so that only three are kept. This finds an eigenvalue
    several times, but none wrongly (Paige 1980, Accuracy and effectiveness of the Lanczos algorithm).

    Args:
        program: what is trained.
        train: the parameters; they are not used up.
        groups: of equal size, of `inside.divide`.
        seed: of the vector that the method begins with, and of what a network of a user's own draws.

    Raises:
        ConfigError: the network has no second derivative, as one of a user's own may.
    """
    together = _together(groups)
    begin, go_on = _compile(quick=is_quick(program.trained_params(train.params), groups[0]))
    basis = begin(program, train, np.uint32(seed))
    diagonal, beside = np.zeros(0), np.zeros(0)
    while True:
        with _explained():
            basis, more = go_on(program, train, together, np.uint32(seed), basis)
        diagonal, beside = (
            np.append(old, np.asarray(new, np.float64)) for old, new in zip((diagonal, beside), more, strict=True)
        )
        found, enough = _ends(diagonal, beside)
        if enough or len(diagonal) >= MOST_STEPS:
            return found


def require_curvature(program: Program, train: TrainState, groups: Sequence[Group]) -> None:
    """Refuse a network whose curvature cannot be measured. It is traced, but nothing is compiled or computed.

    Raises:
        ConfigError: the network has no second derivative, as one of a user's own may.
    """
    seed = np.uint32(0)
    with _explained():
        basis = jax.eval_shape(_first, program, train, seed)
        jax.eval_shape(_steps, program, train, _together(groups), seed, basis)


@contextmanager
def _explained() -> Iterator[None]:
    """Turn what JAX raises for a function without a derivative into a ConfigError."""
    try:
        yield
    except (NotImplementedError, ValueError) as error:
        raise ConfigError(
            f"the curvature needs a network that can be differentiated twice, and this one cannot ({error}); leave out "
            "`training.curvature`. Of a run, look at its surface and its clouds, and not at its sharpness."
        ) from error


def _together(groups: Sequence[Group]) -> Group:
    """The groups with one more axis in front."""
    found: Group = jax.tree.map(lambda *arrays: np.stack(arrays), *groups)
    return found


def _ends(diagonal: Float64[np.ndarray, " steps"], beside: Float64[np.ndarray, " steps"]) -> tuple[Curvature, bool]:
    """The ends of the spectrum of the tridiagonal matrix, and whether further steps would add little."""
    if not (np.isfinite(diagonal).all() and np.isfinite(beside).all()):
        return Curvature(np.nan, np.nan, np.nan), True
    size = max(np.abs(diagonal).max(), beside.max())
    short = np.flatnonzero(beside <= NOTHING * size)
    steps = int(short[0]) + 1 if len(short) else len(diagonal)
    inner = beside[: steps - 1]
    values, vectors = np.linalg.eigh(np.diag(diagonal[:steps]) + np.diag(inner, 1) + np.diag(inner, -1))
    errors = beside[steps - 1] * np.abs(vectors[-1])
    found = Curvature(float(values[-1]), float(values[0]), float(errors[-1]))
    return found, bool(len(short) or (found.known and errors[0] <= CLOSE * np.abs(values).max()))


@cache
def _compile(*, quick: bool) -> tuple[Callable[..., Basis], Callable[..., tuple[Basis, tuple[Array, Array]]]]:
    options = quick_to_compile() if quick else for_large_products()
    return jax.jit(_first, compiler_options=quick_to_compile()), jax.jit(_steps, compiler_options=options)


def _first(program: Program, train: TrainState, seed: Array) -> Basis:
    """The basis that the method begins with: a vector in a random direction."""
    first = _unit(_random_like(program.trained_params(train.params), jax.random.key(seed, impl=KEYS)))
    return jax.tree.map(jnp.zeros_like, first), first, jnp.zeros(())


def _steps(
    program: Program, train: TrainState, groups: Group, seed: Array, basis: Basis
) -> tuple[Basis, tuple[Array, Array]]:
    """Go on with a basis: the diagonal of the tridiagonal matrix, and what stands beside it."""
    trained, key = program.trained_params(train.params), jax.random.key(seed, impl=KEYS)

    def loss(some: Tree, group: Group) -> Array:
        variables = Variables(put_back(some, train.params), train.state)
        inputs = {name: jnp.asarray(array) for name, array in group.inputs.items()}
        outputs, _ = look_inside(program.model.network, variables, inputs, train=True, key=key)
        return jnp.sum(program.model.losses(outputs, jnp.asarray(group.targets)) * group.shares)

    def product(vector: Tree) -> Tree:
        """Reverse over reverse, as gradients written by hand have no forward mode."""

        def add(total: Tree, group: Group) -> tuple[Tree, None]:
            turned = jax.grad(lambda some: _dot(jax.grad(loss)(some, group), vector))(trained)
            return jax.tree.map(jnp.add, total, turned), None

        total, _ = lax.scan(add, jax.tree.map(jnp.zeros_like, trained), groups)
        result: Tree = jax.tree.map(lambda leaf: leaf / groups.targets.shape[0], total)
        return result

    def step(basis: Basis, _: None) -> tuple[Basis, tuple[Array, Array]]:
        before, vector, length = basis
        turned = add_scaled(product(vector), before, -length)
        along = _dot(vector, turned)
        rest = add_scaled(turned, vector, -along)
        norm = global_norm(rest)
        return (vector, _unit(rest), norm), (along, norm)

    return lax.scan(step, basis, length=STEPS)


def _random_like(tree: Tree, key: Array) -> Tree:
    leaves, structure = jax.tree.flatten(tree)
    keys = jax.random.split(key, len(leaves))
    drawn = [jax.random.normal(own, leaf.shape) for own, leaf in zip(keys, leaves, strict=True)]
    found: Tree = jax.tree.unflatten(structure, drawn)
    return found


def _unit(tree: Tree) -> Tree:
    norm = global_norm(tree)
    unit: Tree = jax.tree.map(lambda leaf: leaf / jnp.where(norm == 0.0, 1.0, norm), tree)
    return unit


def _dot(one: Tree, other: Tree) -> Array:
    return sum(map(jnp.vdot, jax.tree.leaves(one), jax.tree.leaves(other)), jnp.zeros(()))
