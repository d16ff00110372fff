"""Update rules that divide each gradient by its own usual size: Adagrad, Adadelta, RMSprop."""

from typing import ClassVar

import jax
import jax.numpy as jnp

from batchwright._component import component
from batchwright.optim.rule import (
    RHO,
    Form,
    NonNegative,
    Optimizer,
    Positive,
    Scaling,
    Share,
    State,
    Tree,
    add_scaled,
    average,
    average_square,
    inverse_root,
    is_on,
    zeros,
)


@component
class Adagrad(Optimizer):
    """Adagrad: the gradient divided by the root of the sum of its squares so far.

        G ← G + g²,    G₀ = initial_accumulator_value
        d = g / √(G + ε)

    Args:
        learning_rate: η > 0; the rule works better with larger rates than its default, which is Keras's.
        initial_accumulator_value: G₀ ≥ 0.
        epsilon: ε > 0.

    Keras's rule and defaults. PyTorch divides by √G + ε, and starts from G₀ = 0 with ε = 1e-10.

    >>> Adagrad(learning_rate=0.1).initial_accumulator_value
    0.1

    References:
        Duchi, Hazan and Singer, Adaptive Subgradient Methods for Online Learning and Stochastic Optimization, 2011.
    """

    name: ClassVar[str] = "adagrad"
    usual_rate: ClassVar[float | None] = 0.01

    learning_rate: Positive = 0.001
    initial_accumulator_value: NonNegative = 0.1
    epsilon: Positive = 1e-7

    def init(self, params: Tree) -> State:
        return {"squares": jax.tree.map(lambda w: jnp.full_like(w, self.initial_accumulator_value), params)}

    def direction(self, gradients: Tree, state: State, params: Tree) -> tuple[Tree, State]:
        squares = jax.tree.map(lambda total, g: total + jnp.square(g), state["squares"], gradients)
        direction = jax.tree.map(lambda g, total: g / jnp.sqrt(total + self.epsilon), gradients, squares)
        return direction, {"squares": squares}

    def scaling(self) -> Scaling:
        """The rate stays. Over the same rows a sum, unlike an average, has κ times fewer squares, each κ times smaller.

        So √G is κ times smaller, and one step is as long as κ steps were. Not in the papers; it follows from the same.
        """
        return Scaling(0.0, powers={"initial_accumulator_value": -2.0, "epsilon": -2.0})

    def preconditioner(self, state: State) -> Tree:
        """P = 1/√(G + ε)."""
        return jax.tree.map(lambda total: inverse_root(total + self.epsilon), state["squares"])


@component
class Adadelta(Optimizer):
    """Adadelta: steps in the unit of the parameter, from the ratio of the RMS of earlier steps to the RMS of gradients.

        E[g²] ← ρ·E[g²] + (1 − ρ)·g²
        d = √(E[d²] + ε) / √(E[g²] + ε) · g
        E[d²] ← ρ·E[d²] + (1 − ρ)·d²

    Args:
        learning_rate: η > 0; 1 is the paper's rule.
        rho: ρ in [0, 1), the share of the averages that is kept in each iteration.
        epsilon: ε > 0; also the size of the first steps.

    Keras and PyTorch have the same rule; PyTorch's defaults are η = 1, ρ = 0.9, ε = 1e-6. Keras's η = 0.001 moves the
    parameters so little that nothing is learned in the usual number of epochs for tables.

    >>> Adadelta().rho
    0.95

    References:
        Zeiler, ADADELTA: An Adaptive Learning Rate Method, 2012, arXiv 1212.5701.
    """

    name: ClassVar[str] = "adadelta"

    learning_rate: Positive = 1.0
    rho: Share = 0.95
    epsilon: Positive = 1e-7

    def init(self, params: Tree) -> State:
        return {"gradient_square": zeros(params), "step_square": zeros(params)}

    def direction(self, gradients: Tree, state: State, params: Tree) -> tuple[Tree, State]:
        gradient_square = average_square(state["gradient_square"], gradients, self.rho)
        direction = jax.tree.map(
            lambda g, steps, squares: g * jnp.sqrt((steps + self.epsilon) / (squares + self.epsilon)),
            gradients,
            state["step_square"],
            gradient_square,
        )
        step_square = average_square(state["step_square"], direction, self.rho)
        return direction, {"gradient_square": gradient_square, "step_square": step_square}

    # There is no `scaling`: the size of the steps grows from ε with the number of iterations, first as ε·t, and after
    # 1/(1 − ρ) iterations as (1 − ρ)·ε·t. No choice of η, ρ and ε keeps both phases as they were per row.

    def preconditioner(self, state: State) -> Tree:
        """P = √((E[d²] + ε) / (E[g²] + ε))."""

        def root(steps: jax.Array, squares: jax.Array) -> jax.Array:
            return jnp.sqrt((steps + self.epsilon) / (squares + self.epsilon))

        return jax.tree.map(root, state["step_square"], state["gradient_square"])

    @classmethod
    def forms(cls) -> tuple[Form, ...]:
        return (Form(cls.name, tuned=RHO),)


@component
class RMSprop(Optimizer):
    """RMSprop: the gradient divided by the root of a moving average of its squares.

        v ← ρ·v + (1 − ρ)·g²
        u = g / √(v + ε);    centered: a ← ρ·a + (1 − ρ)·g  and  u = g / √(v − a² + ε)
        d = u,  or with momentum  d = b ← μ·b + u

    Args:
        learning_rate: η > 0.
        rho: ρ in [0, 1), the share of the averages that is kept in each iteration.
        momentum: μ in [0, 1); 0 keeps no velocity.
        epsilon: ε > 0.
        centered: divide by the standard deviation of the gradient rather than its root mean square.

    Keras's rule and defaults, except for the rate inside its velocity (see SGD). PyTorch divides by √v + ε, and its
    defaults are η = 0.01, ρ = 0.99 (called alpha there), ε = 1e-8.

    >>> RMSprop(momentum=0.9).rho
    0.9

    References:
        Hinton, Neural Networks for Machine Learning, lecture 6e, 2012.
        Graves, Generating Sequences With Recurrent Neural Networks, 2013, arXiv 1308.0850 (centered).
    """

    name: ClassVar[str] = "rmsprop"

    learning_rate: Positive = 0.001
    rho: Share = 0.9
    momentum: Share = 0.0
    epsilon: Positive = 1e-7
    centered: bool = False

    def init(self, params: Tree) -> State:
        kept = {"square": True, "mean": self.centered, "velocity": is_on(self.momentum)}
        return {name: zeros(params) for name, needed in kept.items() if needed}

    def direction(self, gradients: Tree, state: State, params: Tree) -> tuple[Tree, State]:
        after = {"square": average_square(state["square"], gradients, self.rho)}
        spread = after["square"]
        if self.centered:
            after["mean"] = average(state["mean"], gradients, self.rho)
            # Rounding can leave the variance of a steady gradient just below zero.
            spread = jax.tree.map(lambda v, a: jnp.maximum(v - jnp.square(a), 0.0), spread, after["mean"])
        direction = jax.tree.map(lambda g, v: g / jnp.sqrt(v + self.epsilon), gradients, spread)
        if is_on(self.momentum):
            direction = after["velocity"] = add_scaled(direction, state["velocity"], self.momentum)
        return direction, after

    def scaling(self) -> Scaling:
        """The square-root rule of Malladi et al. 2022, but ε is added to v, not to √v. Momentum stays as in SGD."""
        return Scaling(0.5, squares=("rho",), powers={"epsilon": -1.0})

    def preconditioner(self, state: State) -> Tree:
        """P = 1/√(v + ε);    centered: 1/√(v − a² + ε)."""
        if not self.centered:
            return jax.tree.map(lambda v: inverse_root(v + self.epsilon), state["square"])

        def of_spread(v: jax.Array, a: jax.Array) -> jax.Array:
            return inverse_root(jnp.maximum(v - jnp.square(a), 0.0) + self.epsilon)

        return jax.tree.map(of_spread, state["square"], state["mean"])

    @classmethod
    def forms(cls) -> tuple[Form, ...]:
        return (Form(cls.name, tuned=RHO),)
