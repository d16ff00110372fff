"""The largest curvature of the training loss, by power iteration: above 2/η, plain gradient descent does not settle."""

from collections.abc import Callable, Sequence
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from batchwright.measure.inside import Group
from batchwright.nn.inside import look_inside
from batchwright.nn.protocols import Tree, Variables
from batchwright.optim.names import put_back
from batchwright.optim.rule import add_scaled, global_norm
from batchwright.training.libraries import for_large_products
from batchwright.training.state import KEYS, Program, TrainState

ITERATIONS = 20
"""Products of the Hessian with a vector. Where the second curvature is 0.8 of the largest, the error is below 1 %."""


SMALL = 1e-3
"""How far the gradients lie apart from which a product is computed, as a share of the norm of the parameters."""


def largest_curvature(program: Program, train: TrainState, groups: Sequence[Group], *, seed: int) -> float:
    """The eigenvalue of largest size of the Hessian of the mean loss over all groups, in the trained parameters.

    Each group passes the network by itself, in training mode but without dropout. Other numbers compile nothing.

    Args:
        program: what is trained.
        train: the parameters; they are not used up.
        groups: of equal size, of `inside.divide`.
        seed: of the vector that the iteration begins with, and of what a network of a user's own draws.
    """
    together: Group = jax.tree.map(lambda *arrays: np.stack(arrays), *groups)
    return float(_compile()(program, train, together, np.uint32(seed)))


@cache
def _compile() -> Callable[..., Array]:
    return jax.jit(_curvature, compiler_options=for_large_products())


def _curvature(program: Program, train: TrainState, groups: Group, seed: Array) -> Array:
    trained, key = program.trained_params(train.params), jax.random.key(seed, impl=KEYS)

    def loss(some: Tree, group: Group) -> Array:
        variables = Variables(put_back(some, train.params), train.state)
        inputs = {name: jnp.asarray(array) for name, array in group.inputs.items()}
        outputs, _ = look_inside(program.model.network, variables, inputs, train=True, key=key)
        return jnp.sum(program.model.task.losses(outputs, group.targets) * group.shares)

    reach = SMALL * jnp.maximum(global_norm(trained), 1.0)

    def product(vector: Tree) -> Tree:
        """A difference of gradients, as not every layer has a second derivative."""

        def add(total: Tree, group: Group) -> tuple[Tree, None]:
            ahead, behind = (jax.grad(loss)(add_scaled(trained, vector, way * reach), group) for way in (1, -1))
            return jax.tree.map(lambda sums, a, b: sums + (a - b), total, ahead, behind), None

        total, _ = lax.scan(add, jax.tree.map(jnp.zeros_like, trained), groups)
        result: Tree = jax.tree.map(lambda leaf: leaf / (2.0 * reach * groups.targets.shape[0]), total)
        return result

    def iterate(_: Array, carry: tuple[Tree, Array]) -> tuple[Tree, Array]:
        vector, _ = carry
        turned = product(vector)
        return _unit(turned), _dot(vector, turned)

    _, found = lax.fori_loop(0, ITERATIONS, iterate, (_unit(_random_like(trained, key)), jnp.zeros(())))
    return jnp.asarray(found)


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
