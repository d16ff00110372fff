"""The path of a descent: where it went, by which gradients and rates, and how it ended."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from batchwright._shown import Drawings, Shown
from batchwright.lab.descent.convergence import Until
from batchwright.lab.descent.rules import name_of
from batchwright.lab.descent.surfaces import Surface
from batchwright.optim import Optimizer, Schedule
from batchwright.training.plan import BatchSize

if TYPE_CHECKING:
    import polars as pl

Floats: TypeAlias = NDArray[np.float64]
End: TypeAlias = Literal["steps", "converged", "diverged"]


@dataclass(frozen=True, eq=False, repr=False)
class Path(Shown):
    """A path over a surface, computed in float32 by the rules that train networks.

    Args:
        surface: what it descends.
        rule: the update rule, with its learning rate.
        schedule: of the rates.
        batch_size: rows of a batch, or "full".
        iterations_per_epoch: steps of an epoch.
        points: the weights, before the first step and after each [steps + 1, weights].
        losses: of all rows at these points [steps + 1].
        gradients: what the rule got in each step [steps, weights].
        slopes: the gradient of the loss of all rows at each point [steps + 1, weights].
        rates: the learning rate of each step [steps].
        states: what the rule remembers after each step, by name, such as velocity [steps, weights].
        ended: by its steps, because it converged, or because it diverged. A path that diverged ends with its last
            finite point.
        until: when it would have converged.
    """

    surface: Surface
    rule: Optimizer
    schedule: Schedule
    batch_size: BatchSize
    iterations_per_epoch: int
    points: Floats
    losses: Floats
    gradients: Floats
    slopes: Floats
    rates: Floats
    states: Mapping[str, Floats]
    ended: End
    until: Until | None = None

    @property
    def steps(self) -> int:
        """Steps that were taken."""
        return len(self.rates)

    @property
    def end(self) -> tuple[float, ...]:
        """The last weights."""
        return tuple(self.points[-1].tolist())

    def __repr__(self) -> str:
        ended = {"steps": "", "converged": ", converged", "diverged": ", diverged"}[self.ended]
        return (
            f"<Path of {name_of(self.rule)} over {self.surface.name}: {self.steps:,} steps, "
            f"loss {self.losses[0]:.4g} to {self.losses[-1]:.4g}{ended}>"
        )

    def drawings(self) -> Drawings:
        """The path over the surface, and the loss by step."""
        from batchwright.lab.descent.drawing import draw_loss, draw_path

        return {"path": lambda: draw_path(self), "loss": lambda: draw_loss([self])}

    def frames(self) -> "dict[str, pl.DataFrame]":
        """A row for each point: step, weights, loss, and the rate and gradient of the step that led to it."""
        import polars as pl

        names = weight_names(self.surface)
        columns: dict[str, Any] = {"step": np.arange(self.steps + 1)}
        columns |= {name: self.points[:, place] for place, name in enumerate(names)}
        columns["loss"] = self.losses
        columns["learning_rate"] = np.append(np.nan, self.rates)
        for place, name in enumerate(names):
            columns[f"gradient_{name}"] = np.append(np.nan, self.gradients[:, place])
        for kept, values in self.states.items():
            columns |= {f"{kept}_{name}": np.append(np.nan, values[:, place]) for place, name in enumerate(names)}
        return {"steps": pl.DataFrame(columns)}

    def to_json(self) -> dict[str, Any]:
        """All of it as plain data."""
        from batchwright.config.components import to_plain

        return {
            "surface": self.surface.name,
            "formula": self.surface.formula,
            "minimum": self.surface.minimum,
            "rule": name_of(self.rule),
            "numbers": to_plain(self.rule),
            "schedule": to_plain(self.schedule),
            "batch_size": self.batch_size,
            "iterations_per_epoch": self.iterations_per_epoch,
            "ended": self.ended,
            "steps": self.steps,
            "points": self.points.tolist(),
            "losses": self.losses.tolist(),
            "gradients": self.gradients.tolist(),
            "rates": self.rates.tolist(),
            "states": {name: values.tolist() for name, values in self.states.items()},
        }


def weight_names(surface: Surface) -> tuple[str, ...]:
    """w, or w1 and w2."""
    return ("w",) if surface.weights == 1 else ("w1", "w2")
