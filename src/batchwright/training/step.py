"""One iteration of mini-batch gradient descent: forward, loss, backward, update."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.sharding import Mesh
from jaxtyping import Float, Int32

from batchwright.nn.protocols import Tree, Variables
from batchwright.optim.names import put_back
from batchwright.optim.rule import update
from batchwright.training.average import move_average
from batchwright.training.gradients import find_gradients
from batchwright.training.shared import Sharing, share_gradients
from batchwright.training.state import KEYS, RUNNING, Program, Rows, TrainState


class Loss(NamedTuple):
    """The mean loss over the rows of a batch, and the sum of their weights; for many batches, as arrays."""

    mean: Float[Array, "*iterations"] | Float[np.ndarray, "*iterations"]
    weight: Float[Array, "*iterations"] | Float[np.ndarray, "*iterations"]


def step(
    program: Program,
    train: TrainState,
    rows: Rows,
    batch: Int32[Array, "parts n"],
    rate: Float[Array, ""],
    newest: Float[Array, ""] | None = None,
    *,
    padded: bool,
    mesh: Mesh | None = None,
    sharing: Sharing | None = None,
) -> tuple[TrainState, Loss]:
    """The state after one update with the learning rate `rate`, and the loss of the batch before it.

    `batch` holds row numbers; where `padded`, a number past the last row marks a place without a row. The gradient is
    taken of the weighted mean loss over the rows of the batch, however many parts it has; only batch normalization
    sees each part by itself. Frozen parameters have no gradient and stay as they are. If the loss is not finite,
    nothing is updated now or later, and `status` becomes this iteration. `newest` is the share of the new variables in
    their average, where one is kept. With a `mesh`, each of its devices has rows of its own, whose numbers are those at
    its places of the batch; with `sharing`, the devices add up what they find once.
    """
    key = jax.random.fold_in(jax.random.wrap_key_data(train.key, impl=KEYS), train.step)
    if sharing is None:
        found = find_gradients(program, train.variables, rows, batch, key, padded=padded, mesh=mesh)
    else:
        found = share_gradients(program, train.variables, rows, batch, key, padded=padded, sharing=sharing)
    mean, total, state, gradients = found
    running = train.status == RUNNING
    finite = running & jnp.isfinite(mean)

    def update_state(old: _Changing) -> _Changing:
        trained = program.trained_params(old.params)
        trained, opt_state = update(program.optimizer, gradients, old.opt_state, trained, rate)
        params, average = put_back(trained, old.params), old.average
        if average is not None and newest is not None:
            average = move_average(average, Variables(params, state), newest)
        return _Changing(params, state, opt_state, old.step + 1, average)

    # A branch, not a selection: the update then works in place, and the compiler copies no velocities.
    old = _Changing(train.params, train.state, train.opt_state, train.step, train.average)
    new = lax.cond(finite, update_state, lambda same: same, old)
    status = jnp.where(running & ~finite, train.step, train.status)
    after = TrainState(new.params, new.state, new.opt_state, new.step, train.key, status, new.average)
    return after, Loss(mean, jnp.float32(batch.size) if total is None else total)


class _Changing(NamedTuple):
    """The arrays that an update changes."""

    params: Tree
    state: Tree
    opt_state: Any
    step: Array
    average: Variables | None
