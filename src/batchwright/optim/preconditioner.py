"""What adaptive update rules multiply a gradient by, read from their state: one function per layout of a state."""

import jax
import jax.numpy as jnp

from batchwright.optim.adam import Adam, AdamW, Nadam
from batchwright.optim.adaptive import Adadelta, Adagrad, RMSprop
from batchwright.optim.rule import Optimizer, State, Tree, one_minus_power


def preconditioner(optimizer: Optimizer, opt_state: State) -> Tree | None:
    """P of a rule whose step is η·P·(an average of gradients), a positive number for each parameter; None without one.

        Adam, AdamW, Nadam   P = 1 / (√v̂ + ε)
        RMSprop, Adagrad     P = 1 / √(v + ε)
        Adadelta             P = √((E[d²] + ε) / (E[g²] + ε))

    It is that of the iteration before, which the next batch has no part in. Before the first, v̂ is 0 and P constant.
    SGD, Lion, Muon and what comes from Optax have None: the first has no second moment, the step of the next two is no
    multiple of the gradient, and the last is not known. Clipping, l2, weight decay and `rates` are no part of P.

    Args:
        optimizer: the rule.
        opt_state: its state, as `init` or `update` gave it.

    >>> from batchwright.optim import RMSprop, init
    >>> rule = RMSprop(epsilon=0.25)
    >>> preconditioner(rule, init(rule, {"w": jnp.zeros(2)}))["w"].tolist()
    [2.0, 2.0]
    """
    match optimizer:
        case Adam() | AdamW() | Nadam():
            return _adam(optimizer, opt_state)
        case RMSprop():
            return _rmsprop(optimizer, opt_state)
        case Adagrad():
            return jax.tree.map(lambda total: _inverse_root(total + optimizer.epsilon), opt_state["squares"])
        case Adadelta():
            return _adadelta(optimizer, opt_state)
        case _:
            return None


def _adam(optimizer: Adam | AdamW | Nadam, state: State) -> Tree:
    of_square = 1.0 / one_minus_power(optimizer.beta_2, jnp.maximum(state["step"], 1).astype(jnp.float32))
    squares = state.get("largest_square", state["square"])
    return jax.tree.map(lambda v: 1.0 / (jnp.sqrt(of_square * v) + optimizer.epsilon), squares)


def _rmsprop(optimizer: RMSprop, state: State) -> Tree:
    if not optimizer.centered:
        return jax.tree.map(lambda v: _inverse_root(v + optimizer.epsilon), state["square"])

    def of_spread(v: jax.Array, a: jax.Array) -> jax.Array:
        return _inverse_root(jnp.maximum(v - jnp.square(a), 0.0) + optimizer.epsilon)

    return jax.tree.map(of_spread, state["square"], state["mean"])


def _adadelta(optimizer: Adadelta, state: State) -> Tree:
    def root(steps: jax.Array, squares: jax.Array) -> jax.Array:
        return jnp.sqrt((steps + optimizer.epsilon) / (squares + optimizer.epsilon))

    return jax.tree.map(root, state["step_square"], state["gradient_square"])


def _inverse_root(square: jax.Array) -> jax.Array:
    return 1.0 / jnp.sqrt(square)
