"""The compiled program of a descent: the product's own update rules, one program per rule and number of weights."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from batchwright.lab.descent.surfaces import FORMULAS, Surface, Value
from batchwright.optim import Optimizer, init, update
from batchwright.tasks import Regression
from batchwright.training.libraries import PLAIN_FUSION

ROOMS = (250, 2000)
"""Steps that a program has room for: its arrays are as long, and it takes as many steps as are asked for."""
MOST_STEPS = ROOMS[-1]
TASK = Regression()
QUICKLY: dict[str, bool | int | str] = {
    "xla_backend_optimization_level": 0,
    **PLAIN_FUSION,
    "xla_cpu_parallel_codegen_split_count": 1,
}
"""Programs as small as these take longer to compile than to run: these options compile five times as fast."""
compiled = partial(jax.jit, static_argnames="formulas", compiler_options=QUICKLY)


class Given(NamedTuple):
    """What a program gets besides the rule; all arrays have the same shapes for any request.

    Args:
        which: the place of the formula.
        inputs: of the points [points, weights].
        targets: of the points [points].
        shares: for each step, the share of each point in the loss [steps, points]; 0 outside the batch.
        noise: for each step, what is added to the gradient [steps, weights].
        rates: learning rates [steps].
        steps: how many steps are taken.
    """

    which: Any
    inputs: Any
    targets: Any
    shares: Any
    noise: Any
    rates: Any
    steps: Any


class Walked(NamedTuple):
    """A path in arrays; what lies beyond the last step is 0."""

    points: Array
    gradients: Array
    slopes: Array
    states: Any


def formulas_of(surface: Surface) -> tuple[tuple[Value, ...], int]:
    """The formulas of a program for this surface, and the place of its own; none for a line on points."""
    if surface.value is None:
        return (), 0
    known = tuple(formula.value for formula in FORMULAS if formula.value is not None)
    return (known, known.index(surface.value)) if surface.value in known else ((surface.value,), 0)


def _loss(formulas: tuple[Value, ...], given: Given, kernel: Array, shares: Array) -> Array:
    """The loss at the weights [weights, 1]: of a formula, or of the points with these shares."""
    if formulas:
        value: Array = lax.switch(given.which, formulas, kernel[:, 0])
        return value
    return jnp.sum(shares * TASK.losses(given.inputs @ kernel, given.targets))


@compiled
def walk(formulas: tuple[Value, ...], rule: Optimizer, start: Array, given: Given, everything: Array) -> Walked:
    """All points of a path [room + 1, weights], the gradient of each batch, and the states of the rule.

    The weights are a matrix [weights, 1], as those of a neuron: Muon takes them for one.

    Args:
        formulas: what `given.which` chooses from.
        rule: the update rule.
        start: the weights before the first step [weights].
        given: the rest.
        everything: the share of each point in the loss of all rows [points].
    """
    slope = jax.grad(partial(_loss, formulas, given))
    params = {"kernel": start[:, None]}
    state = init(rule, params)
    room = len(given.rates)
    kept = jax.tree.map(lambda leaf: jnp.zeros((room, *jnp.shape(leaf)), jnp.result_type(leaf)), state)
    points = jnp.zeros((room + 1, len(start))).at[0].set(start)
    gradients = jnp.zeros((room, len(start)))

    def one(t: Array, carry: Any) -> Any:
        params, state, points, gradients, kept = carry
        gradient = slope(params["kernel"], given.shares[t]) + given.noise[t][:, None]
        params, state = update(rule, {"kernel": gradient}, state, params, given.rates[t])
        kept = jax.tree.map(lambda all_, now: all_.at[t].set(now), kept, state)
        return params, state, points.at[t + 1].set(params["kernel"][:, 0]), gradients.at[t].set(gradient[:, 0]), kept

    _, _, points, gradients, kept = lax.fori_loop(0, given.steps, one, (params, state, points, gradients, kept))
    slopes = jax.vmap(lambda point: slope(point[:, None], everything)[:, 0])(points)
    return Walked(points, gradients, slopes, kept)


@compiled
def mean_losses(
    formulas: tuple[Value, ...], rule: Optimizer, start: Array, given: Given, everything: Array, factors: Array
) -> Array:
    """For each factor on the rates, the mean loss of all rows along the path; infinite if the path diverges."""
    slope = jax.grad(partial(_loss, formulas, given))
    params = {"kernel": start[:, None]}

    def along(factor: Array) -> Array:
        def one(t: Array, carry: Any) -> Any:
            params, state, total = carry
            gradient = slope(params["kernel"], given.shares[t]) + given.noise[t][:, None]
            params, state = update(rule, {"kernel": gradient}, state, params, factor * given.rates[t])
            return params, state, total + _loss(formulas, given, params["kernel"], everything)

        total = lax.fori_loop(0, given.steps, one, (params, init(rule, params), jnp.zeros(())))[2]
        return jnp.where(jnp.isfinite(total), total / given.steps, jnp.inf)

    means: Array = jax.vmap(along)(factors)
    return means


@compiled
def batch_slopes(formulas: tuple[Value, ...], points: Array, given: Given, shares: Array) -> Array:
    """The gradients of many batches [batches, points] at many points of a path: [points, batches, weights]."""
    slope = jax.grad(partial(_loss, formulas, given))

    def of_batch(point: Array, one: Array) -> Array:
        gradient: Array = slope(point[:, None], one)[:, 0]
        return gradient

    clouds: Array = jax.vmap(jax.vmap(of_batch, (None, 0)), (0, None))(points, shares)
    return clouds
