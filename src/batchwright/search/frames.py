"""Tables of a search, as data frames."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import polars as pl

from batchwright.config import flow

if TYPE_CHECKING:
    from batchwright.search.importance import Importance
    from batchwright.search.study import Finished

TRIAL = {"trial": pl.Int64, "ending": pl.String, "value": pl.Float64, "epochs": pl.Int64}
Row: TypeAlias = tuple[str, str, float, float, float]
ENDS = dict.fromkeys(("share", "low", "high"), pl.Float64)


def search_frames(finished: "Sequence[Finished]", importance: "Importance | None") -> dict[str, pl.DataFrame]:
    """All tables of a search by name: trials, curves, importance, interactions."""
    shares, pairs = list[Row](), list[Row]()
    if importance:
        both = {"fanova": importance.fanova, "ped_anova": importance.ped_anova}
        shares = [(name, one.name, one.share, one.low, one.high) for name, found in both.items() for one in found]
        pairs = [(one.first, one.second, one.share, one.low, one.high) for one in importance.interactions]
    curves = [(one.number, epoch, value) for one in finished for epoch, value in enumerate(one.outcome.curve, start=1)]
    return {
        "trials": trials_frame(finished),
        "curves": pl.DataFrame(curves, {"trial": pl.Int64, "epoch": pl.Int64, "value": pl.Float64}, orient="row"),
        "importance": pl.DataFrame(shares, {"method": pl.String, "setting": pl.String, **ENDS}, orient="row"),
        "interactions": pl.DataFrame(pairs, {"first": pl.String, "second": pl.String, **ENDS}, orient="row"),
    }


def trials_frame(finished: "Sequence[Finished]") -> pl.DataFrame:
    """A row for each trial: how it ended, what it came to, and a column for each setting."""
    rows = [(one.number, one.outcome.ending, one.outcome.value, len(one.outcome.curve)) for one in finished]
    keys = dict.fromkeys(key for one in finished for key in one.chosen)
    settings = [_settings_column(key, [one.chosen.get(key) for one in finished]) for key in keys]
    return pl.DataFrame(rows, TRIAL, orient="row").with_columns(settings)


def _settings_column(key: str, values: Sequence[Any]) -> pl.Series:
    """Values of a setting: as numbers if all are, otherwise as in a configuration; null where a trial has none."""
    if all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in values):
        return pl.Series(key, values, strict=False)
    return pl.Series(key, [None if value is None else flow(value) for value in values], pl.String)
