"""Rows in the order of time, of which those held out are drawn from among the others."""

import datetime
from typing import Any

import numpy as np
import pytest

from batchwright.data.load import load
from batchwright.data.options import DataOptions
from batchwright.findings.time_order import time_order
from batchwright.findings.told import Told

DAYS = [datetime.date(2024, 1, 1) + datetime.timedelta(days=row // 3) for row in range(300)]
VALUES = np.random.default_rng(0).normal(size=300)


def found(days: list[Any], **options: Any) -> list[str]:
    data = load({"day": days, "x": VALUES, "y": VALUES**2}, target="y", **options)
    told = Told(DataOptions(**{key: value for key, value in options.items() if key in ("time", "group", "split")}))
    return [f"{one.severity}: {one.evidence} {one.advice}" for one in time_order(data, told)]


@pytest.mark.parametrize("days", [DAYS, DAYS[::-1], [None, *DAYS[1:]]])
def test_rows_in_the_order_of_dates_are_told(days: list[Any]) -> None:
    (told,) = found(days)
    assert told.startswith("note: the rows are in the order of column 'day', and validation and test rows are drawn")
    assert told.endswith("`data.time=day`")


@pytest.mark.parametrize(
    ("days", "options"),
    [
        ([*DAYS[1:], DAYS[0]], {}),  # one row is out of order
        ([DAYS[0]] * 150 + [DAYS[299]] * 150, {}),  # two dates, which may be in order by chance
        (DAYS, {"time": "day"}),
        (DAYS, {"validation_split": 0, "test_split": 0}),
        ([str(day)[:4] for day in DAYS], {}),  # no dates
    ],
)
def test_others_are_not(days: list[Any], options: dict[str, Any]) -> None:
    assert found(days, **options) == []


def test_what_stands_in_its_place_is_named() -> None:
    assert found(DAYS, split="shuffled")[0].endswith("`data.time=day`, in place of `data.split`")
