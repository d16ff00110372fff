"""Adam and its relatives: moving averages of the gradient and of its square, corrected for their start from zero."""

import math
from dataclasses import KW_ONLY
from typing import ClassVar

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from batchwright._component import component
from batchwright.optim.rule import (
    BETA_1,
    Form,
    NonNegative,
    Optimizer,
    Positive,
    Scaling,
    Share,
    State,
    Tree,
    average,
    average_square,
    one_minus_power,
    zeros,
)


@component
class Adam(Optimizer):
    """Adam: the average gradient over the root of its average square.

        m ← β₁·m + (1 − β₁)·g,    v ← β₂·v + (1 − β₂)·g²
        d = m̂ / (√v̂ + ε),    m̂ = m / (1 − β₁ᵗ),    v̂ = v / (1 − β₂ᵗ)    (t = 1, 2, ...)

    Args:
        learning_rate: η > 0, close to the size of a step.
        beta_1: β₁ in [0, 1), the share of the average gradient that is kept in each iteration.
        beta_2: β₂ in [0, 1), the same for the average square.
        epsilon: ε > 0.
        amsgrad: divide by the largest v so far, so that a parameter's effective rate never rises again.

    Algorithm 1 of the paper, as in PyTorch (ε = 1e-8 there). Keras adds its ε to √v before the correction, so that it
    weighs 1/√(1 − β₂ᵗ) times as much: 32 times in the first iteration, about the same after some thousand.

    >>> Adam(0.01).beta_2
    0.999

    References:
        Kingma and Ba, Adam: A Method for Stochastic Optimization, 2015, arXiv 1412.6980.
        Reddi, Kale and Kumar, On the Convergence of Adam and Beyond, 2018, arXiv 1904.09237 (amsgrad).
    """

    name: ClassVar[str] = "adam"

    learning_rate: Positive = 0.001
    beta_1: Share = 0.9
    beta_2: Share = 0.999
    epsilon: Positive = 1e-7
    amsgrad: bool = False

    def init(self, params: Tree) -> State:
        return adam_state(params, amsgrad=self.amsgrad)

    def direction(self, gradients: Tree, state: State, params: Tree) -> tuple[Tree, State]:
        return adam_direction(gradients, state, beta_1=self.beta_1, beta_2=self.beta_2, epsilon=self.epsilon)

    def scaling(self) -> Scaling:
        """The square-root rule of Malladi et al. 2022."""
        return ADAM_SCALING

    def preconditioner(self, state: State) -> Tree:
        return adam_preconditioner(state, beta_2=self.beta_2, epsilon=self.epsilon)

    @classmethod
    def forms(cls) -> tuple[Form, ...]:
        return (Form(cls.name, tuned=BETA_1),)


@component
class AdamW(Optimizer):
    """Adam with decoupled weight decay: d as Adam's, and w ← w − η·(d + λ·w).

    Args:
        learning_rate: η > 0.
        beta_1: β₁ in [0, 1).
        beta_2: β₂ in [0, 1).
        epsilon: ε > 0.
        amsgrad: as in Adam.
        weight_decay: λ ≥ 0, passed by name; PyTorch's default is 0.01.

    Keras differs as for Adam.

    >>> AdamW().weight_decay
    0.004

    References:
        Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2019, arXiv 1711.05101.
    """

    name: ClassVar[str] = "adamw"

    learning_rate: Positive = 0.001
    beta_1: Share = 0.9
    beta_2: Share = 0.999
    epsilon: Positive = 1e-7
    amsgrad: bool = False
    _: KW_ONLY
    weight_decay: NonNegative | None = 0.004

    def init(self, params: Tree) -> State:
        return adam_state(params, amsgrad=self.amsgrad)

    def direction(self, gradients: Tree, state: State, params: Tree) -> tuple[Tree, State]:
        return adam_direction(gradients, state, beta_1=self.beta_1, beta_2=self.beta_2, epsilon=self.epsilon)

    def scaling(self) -> Scaling:
        """As Adam's; the decay stays, because w ← w − η·λ·w contains the rate already."""
        return ADAM_SCALING

    def preconditioner(self, state: State) -> Tree:
        return adam_preconditioner(state, beta_2=self.beta_2, epsilon=self.epsilon)

    @classmethod
    def forms(cls) -> tuple[Form, ...]:
        """Empty: Adam stands for both when rules are compared."""
        return ()


@component
class Nadam(Optimizer):
    """Adam with Nesterov's look ahead, by a momentum μₜ that rises from β₁/2 to β₁.

        μₜ = β₁·(1 − ½·0.96^(t/250)),    m and v as in Adam
        d = m̂ / (√v̂ + ε),    v̂ = v / (1 − β₂ᵗ)
        m̂ = μₜ₊₁·m / (1 − μ₁···μₜ₊₁) + (1 − μₜ)·g / (1 − μ₁···μₜ)

    Args:
        learning_rate: η > 0.
        beta_1: β₁ in [0, 1).
        beta_2: β₂ in [0, 1).
        epsilon: ε > 0.

    PyTorch has the same rule (ε = 1e-8). Keras's μₜ rises 250 times as fast, with 0.96^t.

    >>> Nadam().beta_1
    0.9

    References:
        Dozat, Incorporating Nesterov Momentum into Adam, 2016.
    """

    name: ClassVar[str] = "nadam"

    learning_rate: Positive = 0.001
    beta_1: Share = 0.9
    beta_2: Share = 0.999
    epsilon: Positive = 1e-7

    def init(self, params: Tree) -> State:
        return {**adam_state(params), "momentum_product": jnp.ones(())}

    def direction(self, gradients: Tree, state: State, params: Tree) -> tuple[Tree, State]:
        step = state["step"] + 1
        t = step.astype(jnp.float32)
        now, ahead = (self.beta_1 * (1.0 - 0.5 * jnp.exp2(k * _LOG2_RISE)) for k in (t, t + 1.0))
        product = state["momentum_product"] * now
        m = average(state["mean"], gradients, self.beta_1)
        v = average_square(state["square"], gradients, self.beta_2)
        of_mean, of_gradient = ahead / (1.0 - product * ahead), (1.0 - now) / (1.0 - product)
        of_square = 1.0 / one_minus_power(self.beta_2, t)
        direction = jax.tree.map(
            lambda m, g, v: (of_mean * m + of_gradient * g) / (jnp.sqrt(of_square * v) + self.epsilon), m, gradients, v
        )
        return direction, {"step": step, "mean": m, "square": v, "momentum_product": product}

    def scaling(self) -> Scaling:
        """As Adam's, except for the weight of the newest gradient; μ still rises by iterations."""
        return ADAM_SCALING

    def preconditioner(self, state: State) -> Tree:
        return adam_preconditioner(state, beta_2=self.beta_2, epsilon=self.epsilon)

    @classmethod
    def forms(cls) -> tuple[Form, ...]:
        return (Form(cls.name, tuned=BETA_1),)


_LOG2_RISE = math.log2(0.96) / 250.0
ADAM_SCALING = Scaling(0.5, ("beta_1",), ("beta_2",), {"epsilon": -0.5})


def adam_state(params: Tree, *, amsgrad: bool = False) -> State:
    """Adam's state: t as an int32 scalar, m and v, and, with `amsgrad`, the largest v."""
    state = {"step": jnp.zeros((), jnp.int32), "mean": zeros(params), "square": zeros(params)}
    return {**state, "largest_square": zeros(params)} if amsgrad else state


def adam_direction(
    gradients: Tree, state: State, *, beta_1: ArrayLike, beta_2: ArrayLike, epsilon: ArrayLike
) -> tuple[Tree, State]:
    """Adam's direction and the state after it; see Adam."""
    step = state["step"] + 1
    t = step.astype(jnp.float32)
    of_mean, of_square = 1.0 / one_minus_power(beta_1, t), 1.0 / one_minus_power(beta_2, t)
    after = {
        "step": step,
        "mean": average(state["mean"], gradients, beta_1),
        "square": average_square(state["square"], gradients, beta_2),
    }
    divisor = after["square"]
    if "largest_square" in state:
        divisor = after["largest_square"] = jax.tree.map(jnp.maximum, state["largest_square"], divisor)
    direction = jax.tree.map(lambda m, v: of_mean * m / (jnp.sqrt(of_square * v) + epsilon), after["mean"], divisor)
    return direction, after


def adam_preconditioner(state: State, *, beta_2: ArrayLike, epsilon: ArrayLike) -> Tree:
    """P = 1/(√v̂ + ε); before the first iteration, with v̂ = 0."""
    of_square = 1.0 / one_minus_power(beta_2, jnp.maximum(state["step"], 1).astype(jnp.float32))
    squares = state.get("largest_square", state["square"])
    return jax.tree.map(lambda v: 1.0 / (jnp.sqrt(of_square * v) + epsilon), squares)
