"""An update rule, a network and an architecture of a user's own, which tests train, record and search."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp

import batchwright as bw
from batchwright._component import component
from batchwright.nn import Variables
from batchwright.optim.rule import Form, Optimizer, Positive, Range


@component
class Nudge(Optimizer):
    """Sign descent."""

    name: ClassVar[str] = "nudge"
    learning_rate: Positive = 0.01
    size: Positive = 1.0

    def init(self, params: Any) -> Any:
        return {}

    def direction(self, gradients: Any, state: Any, params: Any) -> tuple[Any, Any]:
        return jax.tree.map(lambda g: self.size * jnp.sign(g), gradients), state

    @classmethod
    def forms(cls) -> tuple[Form, ...]:
        return (Form("nudge", tuned=Range("size", 0.5, 2.0, "log")),)


class Line:
    """A network that is no component."""

    def __init__(self, outputs: int = 3, dtype: str = "float32") -> None:
        self.outputs, self.dtype = outputs, dtype

    def __repr__(self) -> str:
        return f"Line({self.outputs})"

    def init(self, key: jax.Array, example: Any) -> Variables:
        return Variables({"w": 0.1 * jax.random.normal(key, (example["numeric"].shape[1], self.outputs))}, {})

    def apply(self, variables: Variables, inputs: Any, *, train: bool, key: Any, present: Any) -> tuple[Any, Any]:
        return (inputs["numeric"] @ variables.params["w"]).astype(self.dtype), {}


@component
class Two:
    """An architecture with a kind of its own."""

    name: ClassVar[str] = "two"
    units: int = 6

    def build(self, features: Any, outputs: int, *, dtype: Any = "float32") -> Any:
        return bw.nn.MLP((self.units,)).build(features, outputs, dtype=dtype)
