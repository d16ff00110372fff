"""A comparison in its folder: written when it has ended, and opened again without trust."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from batchwright import _machine
from batchwright._files import path_of
from batchwright._shown import Drawings, Shown
from batchwright.comparison.compare import Begun, Compared, ComparedVariant, CompareEvent, CompareOptions, compare
from batchwright.comparison.learning_curve import LearningCurve
from batchwright.comparison.variants import own_keys
from batchwright.data.dataset import Dataset
from batchwright.errors import RunError
from batchwright.runs.comparisons import ComparisonPlan, create_comparison, read_comparison
from batchwright.runs.manifest import COMPARISON, Setting, new_manifest
from batchwright.runs.reading import REMEDY, parse, to_plain
from batchwright.search.space import Space
from batchwright.workflow import Estimate
from batchwright.workflow.budget import PATIENCE

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class SavedComparison(Shown):
    """The comparison in the folder `path`: what was compared, and what came of it."""

    path: Path
    plan: ComparisonPlan
    compared: Compared

    def __repr__(self) -> str:
        """The folder, and the variants, best first."""
        names = ", ".join(f"{row.name:.30}" for row in self.compared.rows[:8])
        return f"<SavedComparison {self.path}, best first: {names}>"

    def drawings(self) -> Drawings:
        """What draws each figure, by name, or why there is none."""
        return self.compared.drawings()

    def frames(self) -> "dict[str, pl.DataFrame]":
        """All tables by name, each as a data frame: those of what was compared."""
        return self.compared.frames()


def compare_into(
    run_dir: Path | None,
    space: Space,
    vary: str | None,
    options: CompareOptions,
    dataset: Dataset | None = None,
    *,
    interrupted: Callable[[], bool] = lambda: False,
) -> Iterator[CompareEvent]:
    """Compare as `compare` does, and write what came of it into a folder, which is taken before anything is trained.

    Args:
        run_dir: a new folder; None writes nothing.
        space: as for `compare`, like the arguments below.
        vary: the same.
        options: the same.
        dataset: the same.
        interrupted: the same.

    Raises:
        DataError, ConfigError, InterruptedRunError: as for `compare`; the folder is then removed again.
        RunError: the folder exists, and is not empty.
        UsageError: it cannot be written.
    """
    events = compare(space, vary, options, dataset, interrupted=interrupted)
    if run_dir is None:
        yield from events
        return
    begun = next(events)
    assert isinstance(begun, Begun)
    with create_comparison(run_dir, _plan_of(begun, space, vary, options)) as folder:
        yield begun
        for event in events:
            if isinstance(event, Compared):
                folder.write_result(_plain_result(event), space.to_text())
            yield event


def _plan_of(begun: Begun, space: Space, vary: str | None, options: CompareOptions) -> ComparisonPlan:
    dataset, settings = begun.prepared.dataset, begun.prepared.settings
    made, own = new_manifest(dataset.name), own_keys(begun.variants, settings.origins) | {PATIENCE}
    common = {key: value for key, value in settings.values.items() if key not in own}
    return ComparisonPlan(
        source=dataset.name,
        fingerprint=dataset.fingerprint,
        rows={name: part.rows for name, part in dataset.parts.items()},
        vary=vary,
        trials=options.trials,
        seeds=options.seeds,
        settings={key: Setting(value, settings.origins[key]) for key, value in common.items()},
        reasons={key: str(found.get("reason", "")) for key, found in settings.evidence.items() if key in common},
        own_parts=bool(space.brought.plain()),
        created=made.created,
        versions=made.versions,
        machine=_machine.describe(),
        notes=begun.notes,
    )


def _plain_result(found: Compared) -> dict[str, Any]:
    """What came of a comparison, as plain data."""
    plain: dict[str, Any] = to_plain(asdict(found))
    return plain


def open_comparison(path: Path | str) -> SavedComparison:
    """The comparison in a folder. Nothing in it is executed, and nothing outside it is read.

    Raises:
        RunError: it is not the folder of a comparison, or the file is damaged.
    """
    path = path_of(path, "path")
    plan, plain = read_comparison(path)
    where = path / COMPARISON
    result = parse(_Result, plain, where)
    rows = tuple(_variant(one, plan.seeds, where) for one in result.rows)
    return SavedComparison(
        path, plan, Compared(rows, result.target, result.verdict, _curve(result, where), result.seconds)
    )


@dataclass(frozen=True)
class _Variant:
    """A variant as it is written: a loss that was not finite is None."""

    name: str
    settings: dict[str, Any]
    tuned: tuple[dict[str, Any], ...]
    stable_range: tuple[float, float] | None
    by_seed: tuple[float, ...]
    curve: tuple[float | None, ...]
    validation: Estimate | None
    updates_per_epoch: int
    seconds_per_epoch: float
    at_equal_seconds: float | None
    updates_to_target: int | None
    seconds_to_target: float | None
    curves_by_seed: tuple[tuple[float | None, ...], ...]


@dataclass(frozen=True)
class _Result:
    """What `_plain_result` gave."""

    rows: tuple[_Variant, ...]
    target: float | None
    verdict: str
    learning_curve: LearningCurve | None
    seconds: float


def _variant(one: _Variant, all_seeds: int, where: Path) -> ComparedVariant:
    """A variant; a loss that was not finite is the worst there can be.

    Raises:
        RunError: its curves do not belong together, or it has not all seeds and not none.
    """
    seeds, epochs = len(one.by_seed), len(one.curve)
    fits = len(one.curves_by_seed) == seeds and all(len(curve) == epochs for curve in one.curves_by_seed)
    if (
        not fits
        or seeds not in (0, all_seeds)
        or (seeds > 0) != (epochs > 0)
        or (one.validation is None) != (seeds == 0)
    ):
        raise RunError(f"{where}: the curves of {one.name!r:.60} do not fit its seeds. {REMEDY}")
    if one.stable_range is not None and not 0 < one.stable_range[0] <= one.stable_range[1]:
        raise RunError(f"{where}: {one.name!r:.60} has no range of learning rates above 0. {REMEDY}")
    plain: Mapping[str, Any] = vars(one)
    curves = tuple(map(_finite_or_worst, one.curves_by_seed))
    return ComparedVariant(**{**plain, "curve": _finite_or_worst(one.curve), "curves_by_seed": curves})


def _finite_or_worst(curve: tuple[float | None, ...]) -> tuple[float, ...]:
    return tuple(inf if value is None else value for value in curve)


def _curve(result: _Result, where: Path) -> LearningCurve | None:
    """The learning curve.

    Raises:
        RunError: a number of rows is below 1, or has no loss.
    """
    found = result.learning_curve
    if found is not None and (
        len(found.rows) != len(found.losses) or not found.rows or min(*found.rows, found.more_rows) < 1
    ):
        raise RunError(f"{where}: the learning curve has a number of rows below 1, or without a loss. {REMEDY}")
    return found
