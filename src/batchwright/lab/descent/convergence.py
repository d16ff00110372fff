"""When a descent has arrived, as books define it."""

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from batchwright.errors import UsageError

By: TypeAlias = Literal["loss", "gradient", "step"]
Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Until:
    """Descend until a number is below `tolerance`.

        loss        |L(w) − L(w before)|
        gradient    |gradient of the loss of all rows|
        step        |w − w before|

    Args:
        by: which number.
        tolerance: > 0.

    Raises:
        UsageError: an unknown number, or a tolerance that is not above 0.
    """

    by: By = "loss"
    tolerance: float = 1e-6

    def __post_init__(self) -> None:
        if self.by not in get_args(By):
            raise UsageError(f"until is one of {', '.join(get_args(By))}, not {self.by!r}.")
        if not (np.isfinite(self.tolerance) and self.tolerance > 0):
            raise UsageError(f"the tolerance is {self.tolerance}; it must be a number above 0.")

    def first(self, points: Floats, losses: Floats, slopes: Floats) -> int | None:
        """The first step after which the number is below the tolerance; None if it never is.

        Args:
            points: [steps + 1, weights].
            losses: of all rows [steps + 1].
            slopes: the gradients of the loss of all rows [steps + 1, weights].
        """
        with np.errstate(all="ignore"):
            if self.by == "loss":
                size = np.abs(np.diff(losses))
            elif self.by == "step":
                size = np.linalg.norm(np.diff(points, axis=0), axis=1)
            else:
                size = np.linalg.norm(slopes, axis=1)[1:]
        arrived = np.flatnonzero(size < self.tolerance)
        return int(arrived[0]) + 1 if len(arrived) else None
