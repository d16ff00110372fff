"""A run of one's own, looked at: the loss around its way, how sharp it was there, and the noise of its gradients."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from batchwright._shown import Drawings, Shown
from batchwright.errors import UsageError
from batchwright.lab.own_run.batch_choice import BatchChoice, batch_choice
from batchwright.lab.own_run.batch_clouds import Clouds, clouds
from batchwright.lab.own_run.landscape import GRID, Directions, Landscape, landscape
from batchwright.lab.own_run.retrace import MOMENTS, Trace, retrace
from batchwright.lab.own_run.sharpness import Sharpness, sharpness
from batchwright.runs.run import Run, open_run

if TYPE_CHECKING:
    import polars as pl

Look: TypeAlias = Literal["sharpness", "gradients", "time"]
LOOKS: tuple[Look, ...] = ("sharpness", "gradients", "time")


@dataclass(frozen=True, eq=False, repr=False)
class OwnRun(Shown):
    """What a run went through.

    Args:
        name: of the run's folder.
        trace: its way.
        landscape: the loss over a plane through the way's end.
        sharpness: the curvature along the way, if it was asked for.
        clouds: gradients of batches in the middle of the way, if they were asked for.
        choice: why the run's batch size, by noise and clock, if it was asked for.
    """

    name: str
    trace: Trace = field(repr=False)
    landscape: Landscape
    sharpness: Sharpness | None = None
    clouds: Clouds | None = None
    choice: BatchChoice | None = None

    def __repr__(self) -> str:
        return f"<OwnRun {self.name}: the plane explains {self.landscape.share:.1%} of the way>"

    def drawings(self) -> Drawings:
        """The loss with the way on it, true and projected loss, and what else was asked for."""
        from batchwright.lab.own_run import drawing as draw

        sharp, cloud = self.sharpness, self.clouds
        return {
            "surface": lambda: draw.draw_landscape(self.landscape, self.name),
            "loss": lambda: draw.draw_true_loss(self.landscape, self.name),
            "sharpness": "it was not asked for" if sharp is None else lambda: draw.draw_sharpness(sharp, self.name),
            "gradients": "they were not asked for" if cloud is None else lambda: draw.draw_clouds(cloud, self.name),
            "time": "it was not asked for" if self.choice is None else self.choice.drawing(),
        }

    def frames(self) -> "dict[str, pl.DataFrame]":
        """A row for each moment: where it lies in the plane, its true loss and the loss of its projection."""
        import polars as pl

        seen = self.landscape
        columns: dict[str, Any] = {
            "iteration": seen.iterations,
            "learning_rate": [moment.rate for moment in self.trace.moments],
            "first": seen.points[:, 0],
            "second": seen.points[:, 1],
            "loss": seen.losses,
            "projected_loss": seen.projected,
        }
        if self.sharpness is not None:
            sharp = self.sharpness
            columns |= {"curvature": sharp.curvatures, "smallest_curvature": sharp.smallest, "limit": sharp.limits}
        return {"way": pl.DataFrame(columns)}

    def to_json(self) -> dict[str, Any]:
        """All of it as plain data."""
        plain = {"run": self.name, "exact": self.trace.exact, "kept_iteration": self.trace.kept_iteration}
        plain |= {"landscape": self.landscape.to_json()}
        plain |= {} if self.sharpness is None else {"sharpness": self.sharpness.to_json()}
        plain |= {} if self.clouds is None else {"gradients": self.clouds.to_json()}
        return plain | ({} if self.choice is None else {"batch_size": self.choice.to_json()})

    def sentences(self) -> list[str]:
        """What there is to see, a sentence each."""
        from batchwright.lab.own_run.words import describe_run

        return [one.en for one in describe_run(self)]


def look_at_run(
    run: Run | Path | str,
    *,
    directions: Directions = "path",
    grid: int = GRID,
    moments: int = MOMENTS,
    looks: tuple[Look, ...] = LOOKS,
    seed: int = 0,
) -> OwnRun:
    """Train a run again and look at its way through its parameters. Nothing is written.

    Args:
        run: a run, or its folder; it takes as long as it took, and then some seconds.
        directions: "path" or "random": what the plane of the loss holds.
        grid: points of the plane in each direction, 5 to 101.
        moments: at which parameters are kept, 2 to 200.
        looks: what is measured besides.
        seed: of random directions, rows and batches.

    Raises:
        UsageError: a number or a word is not one of those that may be.
        RunError: the run cannot be read, or not be trained again.
        ConfigError: the sharpness is asked for, and the network cannot be differentiated twice.
    """
    if directions not in ("path", "random"):
        raise UsageError(f"directions is {directions!r}; it must be 'path' or 'random'.")
    if wrong := [look for look in looks if look not in LOOKS]:
        raise UsageError(f"looks has {wrong[0]!r}; it may have {' and '.join(LOOKS)}.")
    if not 5 <= grid <= 101:
        raise UsageError(f"grid is {grid}; it must be 5 to 101.")
    opened = run if isinstance(run, Run) else open_run(run)
    trace = retrace(opened, moments=moments, curved="sharpness" in looks)
    return OwnRun(
        opened.path.name,
        trace,
        landscape(trace, directions=directions, grid=grid, seed=seed),
        sharpness(trace) if "sharpness" in looks else None,
        clouds(trace, seed=seed) if "gradients" in looks else None,
        batch_choice(trace, opened, seed=seed) if "time" in looks else None,
    )
