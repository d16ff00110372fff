"""The mean loss of every member over the same rows, in evaluation mode."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float32

from batchwright.nn.protocols import Variables
from batchwright.population.members import Population
from batchwright.training.state import Program, Rows


def mean_losses(members: Population, rows: Rows, *, together: bool) -> Float32[np.ndarray, " members"]:
    """The weighted mean loss of each member over `rows`; not finite where a member's loss is not."""
    variables = Variables(members.states.params, members.states.state)
    return np.asarray(_mean_losses(members.programs, variables, rows, together=together))


@partial(jax.jit, static_argnames="together")
def _mean_losses(programs: Program, variables: Variables, rows: Rows, *, together: bool) -> Array:
    def of_member(program: Program, variables: Variables) -> Array:
        losses = program.model.task.losses(program.model.outputs(variables, rows.inputs), rows.targets)
        weights = jnp.ones_like(losses) if rows.weights is None else rows.weights
        return jnp.sum(losses * weights) / jnp.sum(weights)

    if together:
        found: Array = jax.vmap(of_member)(programs, variables)
    else:
        found = lax.map(lambda member: of_member(*member), (programs, variables))
    return found
