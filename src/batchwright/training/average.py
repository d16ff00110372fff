"""Averages of the parameters along a training, which are evaluated and kept in place of the last parameters.

Letters: w_t the parameters after iteration t (from 1), a_t their average, s_t the share of w_t in it. The host computes
s_t, as it computes learning rates; the compiled program gets nothing else:

    a_t = a_{t-1} + s_t·(w_t − a_{t-1}),    a_t = w_t where s_t = 1
"""

import math
from dataclasses import dataclass
from typing import Annotated, Literal

import jax
import jax.numpy as jnp
import numpy as np
from annotated_types import Ge, Lt
from jax import Array
from jaxtyping import Float, Float64

from batchwright.nn.protocols import Variables

Share = Annotated[float, Ge(0), Lt(1)]
DECAY, START = 0.999, 0.75
NEARLY = 1e-9
"""A share of the epochs may miss a whole number by this many epochs: 0.29·100 comes out below 29."""


@dataclass(frozen=True)
class Average:
    """An average of the parameters, which takes their place in validation, in early stopping and in the final model.

    Training itself goes on with the parameters as they are, and is the same as without an average.

    - exponential: a_t = Σᵢ dᵗ⁻ⁱ·wᵢ / Σᵢ dᵗ⁻ⁱ over all iterations i = 1 ... t. While t is small against 1/(1 − d), it is
      the plain mean of all so far (Polyak and Juditsky); later, about the mean of the last 1/(1 − d).
    - late: the mean of the parameters at the ends of the epochs from the share `start` of all epochs on; before that,
      the parameters themselves (Izmailov et al.: stochastic weight averaging).

    The statistics of batch normalization, and all other numbers of the network's state, are averaged with the same
    shares; integer arrays keep their newest values.

    Args:
        name: the kind of average.
        decay: of "exponential": d in [0, 1), 0.999 when None.
        start: of "late": in [0, 1), 0.75 when None, which leaves the last quarter of the epochs.

    Keras's `use_ema` and PyTorch's `AveragedModel` with `get_ema_multi_avg_fn` begin at w₁, which still weighs dᵗ⁻¹ at
    iteration t, so short trainings lag behind. Keras averages no batch statistics; PyTorch does with
    `use_buffers=True`, and its `update_bn` recomputes them for the averaged parameters, as is done here for images.

    >>> Average().decay, Average("late").start
    (0.999, 0.75)

    References:
        Polyak and Juditsky, Acceleration of stochastic approximation by averaging, 1992.
        Izmailov et al., Averaging Weights Leads to Wider Optima and Better Generalization, 2018, arXiv 1803.05407.
    """

    name: Literal["exponential", "late"] = "exponential"
    decay: Share | None = None
    start: Share | None = None

    def __post_init__(self) -> None:
        if self.name == "exponential" and self.decay is None:
            object.__setattr__(self, "decay", DECAY)
        if self.name == "late" and self.start is None:
            object.__setattr__(self, "start", START)

    def problem(self) -> str:
        """What is wrong between values that are valid alone, and what to do; empty where nothing is."""
        strange, of = ("start", "late") if self.name == "exponential" else ("decay", "exponential")
        if getattr(self, strange) is None:
            return ""
        return f"{strange} is of the average {of!r}, and this is {self.name!r}: leave {strange} out, or take {of!r}."

    def shares(self, *, epoch: int, epochs: int, first: int, iterations: int) -> Float64[np.ndarray, " iterations"]:
        """The shares s of the newest parameters in the iterations of an epoch.

        Args:
            epoch: the epoch, from 0.
            epochs: how many there are in all.
            first: iterations done before it.
            iterations: iterations of the epoch.

        >>> Average(decay=0.5).shares(epoch=0, epochs=1, first=0, iterations=2).tolist()  # 1, then ½ / (1 − ½²)
        [1.0, 0.6666666666666666]
        >>> [Average("late", start=0.5).shares(epoch=e, epochs=4, first=2 * e, iterations=2).tolist() for e in (2, 3)]
        [[1.0, 1.0], [0.0, 0.5]]
        """
        if self.name == "late":
            return self._late_shares(epoch - math.floor((self.start or 0.0) * epochs + NEARLY) + 1, iterations)
        done = first + np.arange(1, iterations + 1, dtype=np.float64)
        decay = self.decay or 0.0
        return np.ones(iterations) if decay == 0.0 else (decay - 1.0) / np.expm1(done * math.log(decay))

    def _late_shares(self, number: int, iterations: int) -> Float64[np.ndarray, " iterations"]:
        """The shares of the epoch with this number, counted from 1, among the epochs that are averaged."""
        if number <= 1:
            return np.ones(iterations)
        shares = np.zeros(iterations)
        shares[-1] = 1.0 / number
        return shares

    def describe(self, epochs: int) -> str:
        """Describe the average, for a sentence.

        >>> Average("late").describe(20)
        'the mean of the parameters at the ends of epochs 16 to 20'
        """
        if self.name == "exponential":
            return f"the exponential average of the parameters with decay {self.decay:g}"
        first = math.floor((self.start or 0.0) * epochs + NEARLY) + 1
        return f"the mean of the parameters at the ends of epochs {first} to {epochs}"


def move_average(average: Variables, newest: Variables, share: Float[Array, ""]) -> Variables:
    """The average after one more iteration; arrays of integers take their newest values."""

    def leaf(a: Array, w: Array) -> Array:
        if not jnp.issubdtype(w.dtype, jnp.inexact):
            return w
        return jnp.where(share == 1.0, w, a + (share * (w - a)).astype(a.dtype))

    found: Variables = jax.tree.map(leaf, average, newest)
    return found
