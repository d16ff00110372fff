"""The update rules that have names, and the adapter for rules of Optax."""

from collections.abc import Callable
from dataclasses import KW_ONLY
from typing import ClassVar, Protocol, runtime_checkable

import jax
import jax.numpy as jnp

from batchwright._component import component
from batchwright.optim.adam import Adam, AdamW, Nadam
from batchwright.optim.adaptive import Adadelta, Adagrad, RMSprop
from batchwright.optim.muon import Muon
from batchwright.optim.rule import Optimizer, Positive, State, Tree, init, update
from batchwright.optim.sgd import SGD, Lion

__all__ = [
    "OPTIMIZERS",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "FromOptax",
    "Lion",
    "Muon",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "init",
    "update",
]

OPTIMIZERS: tuple[type[Optimizer], ...] = (SGD, Adagrad, Adadelta, RMSprop, Adam, AdamW, Nadam, Lion, Muon)


@runtime_checkable
class Transformation(Protocol):
    """The two functions of an `optax.GradientTransformation`."""

    @property
    def init(self) -> Callable[..., Tree]: ...

    @property
    def update(self) -> Callable[..., tuple[Tree, Tree]]: ...


@component
class FromOptax(Optimizer):
    """Any transformation of Optax as an update rule.

        d = −u,  with u the update that Optax would add to the parameters:  w ← w + η·u

    Args:
        rule: the transformation, with its own rate if it has one, such as `optax.adam(1e-3)`. Its numbers are part of
            the program: changing them compiles again.
        learning_rate: η > 0, by name: a factor on the rule's own rate, scaled by the schedule.

    >>> import jax.numpy as jnp, optax
    >>> rule, w = FromOptax(optax.sgd(0.1)), jnp.array(1.0)
    >>> w, _ = update(rule, jnp.array(2.0), init(rule, w), w, rule.learning_rate)
    >>> round(float(w), 6)
    0.8
    """

    name: ClassVar[str] = "optax"

    rule: Transformation
    _: KW_ONLY
    learning_rate: Positive = 1.0

    def __repr__(self) -> str:
        """The rule and its steps: Optax gives rules no name."""
        return f"FromOptax(steps {self._steps()}, learning_rate={self.learning_rate})"

    def _steps(self) -> str:
        params, state = {"w": jnp.array([1.0, -2.0])}, None
        try:
            state = self.rule.init(params)
            steps = []
            for factor in (1.0, -0.5, 3.0):
                updates, state = self.rule.update({"w": factor * jnp.array([0.3, 2.0])}, state, params)
                params = jax.tree.map(jnp.add, params, updates)
                steps += updates["w"].tolist()
        except Exception:  # a rule for parameters with other names, which only training can try
            return repr(self.rule)
        return ", ".join(f"{step:.4g}" for step in steps)

    def init(self, params: Tree) -> State:
        return {"optax": self.rule.init(params)}

    def direction(self, gradients: Tree, state: State, params: Tree) -> tuple[Tree, State]:
        updates, after = self.rule.update(gradients, state["optax"], params)
        return jax.tree.map(lambda u: -u, updates), {"optax": after}
