"""Update rules that follow the gradient or its running sum: SGD and Lion."""

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from batchwright._component import component
from batchwright.optim.rule import (
    BETA_1,
    MOMENTUM,
    Form,
    Optimizer,
    Positive,
    Scaling,
    Share,
    State,
    Tree,
    add_scaled,
    average,
    is_on,
    zeros,
)


@component
class SGD(Optimizer):
    """Stochastic gradient descent, with optional momentum.

        v ← μ·v + g
        d = v,  or  g + μ·v  with nesterov

    Args:
        learning_rate: η > 0.
        momentum: μ in [0, 1); 0 keeps no velocity.
        nesterov: look one step ahead along the velocity, which needs a momentum above 0.

    The default rate is ten times Keras's: with Keras's, tables of a few thousand rows are not learned in 20 epochs.

    PyTorch's rule. Keras puts the rate into the velocity, v ← μ·v − η·g and w ← w + v: the same steps while η stays
    the same; after a change of η Keras still moves on with the old rate for about 1/(1 − μ) iterations.

    >>> SGD(learning_rate=0.1, momentum=0.9).momentum
    0.9

    References:
        Sutskever, Martens, Dahl and Hinton, On the importance of initialization and momentum in deep learning, 2013.
    """

    name: ClassVar[str] = "sgd"

    learning_rate: Positive = 0.1
    momentum: Share = 0.0
    nesterov: bool = False

    def problem(self) -> str:
        if self.nesterov and np.float32(self.momentum) == 0.0:
            return (
                "nesterov looks ahead along a momentum, and there is none: set momentum, as 0.9, or leave nesterov out."
            )
        return super().problem()

    def init(self, params: Tree) -> State:
        return {"velocity": zeros(params)} if is_on(self.momentum) else {}

    def direction(self, gradients: Tree, state: State, params: Tree) -> tuple[Tree, State]:
        if not is_on(self.momentum):
            return gradients, state
        velocity = add_scaled(gradients, state["velocity"], self.momentum)
        ahead = add_scaled(gradients, velocity, self.momentum) if self.nesterov else velocity
        return ahead, {"velocity": velocity}

    def scaling(self) -> Scaling:
        """The linear rule of Goyal et al. 2017. Momentum stays: η/(1 − μ), the step in the long run, follows η."""
        return Scaling(1.0)

    @classmethod
    def forms(cls) -> tuple[Form, ...]:
        return (
            Form("batch gradient descent", batch_size="full"),
            Form("stochastic gradient descent", batch_size=1),
            Form("mini-batch gradient descent"),
            Form("momentum", tuned=MOMENTUM),
            Form("nesterov", {"nesterov": True}, MOMENTUM),
        )


@component
class Lion(Optimizer):
    """Lion: the sign of a moving average, so that every parameter moves by exactly η.

        d = sign(β₁·m + (1 − β₁)·g)
        m ← β₂·m + (1 − β₂)·g

    Args:
        learning_rate: η > 0; three to ten times smaller than Adam's.
        beta_1: β₁ in [0, 1), how much of the step comes from the average.
        beta_2: β₂ in [0, 1), what the average keeps in each iteration.

    Keras has the same rule; PyTorch has none of its own.

    >>> Lion().beta_2
    0.99

    References:
        Chen et al., Symbolic Discovery of Optimization Algorithms, 2023, arXiv 2302.06675.
    """

    name: ClassVar[str] = "lion"

    learning_rate: Positive = 0.001
    beta_1: Share = 0.9
    beta_2: Share = 0.99

    def init(self, params: Tree) -> State:
        return {"average": zeros(params)}

    def direction(self, gradients: Tree, state: State, params: Tree) -> tuple[Tree, State]:
        direction = jax.tree.map(jnp.sign, average(state["average"], gradients, self.beta_1))
        return direction, {"average": average(state["average"], gradients, self.beta_2)}

    def scaling(self) -> Scaling:
        """The square-root rule, with β₁ and β₂ kept, because the sign is taken after averaging.

        The average is √κ times less noisy, so its sign follows the mean √κ times as much; shorter averages would undo
        that.
        """
        return Scaling(0.5)

    @classmethod
    def forms(cls) -> tuple[Form, ...]:
        return (Form(cls.name, tuned=BETA_1),)
