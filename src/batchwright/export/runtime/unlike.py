"""Cells unlike all of the training, counted by column: unseen categories, missing cells, numbers far outside."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from batchwright.export.runtime.dates import NO_DATE
from batchwright.export.runtime.texts import category_codes, split_values

MARGIN = 0.5
"""A number is far outside if it is outside by more than this share of the width of the range of training."""


def notes_on(known: Sequence[Mapping[str, Any]], typed: Mapping[str, np.ndarray]) -> list[str]:
    """A sentence for each kind of cell and each column, in the words of `predict`."""
    found = list[str]()
    for describe in (_unseen, _missing, _far_outside):
        for one in sorted(known, key=lambda each: str(each["column"])):
            cells = typed[one["column"]]
            count, said = describe(one, cells)
            if count:
                found.append(f"column {one['column']!r}: {count:,} of {len(cells):,} cells {said}")
    return found


def _unseen(known: Mapping[str, Any], cells: np.ndarray) -> tuple[int, str]:
    """How many cells, or values in cells, are categories that training did not know, and what is said of them."""
    strange = _strangers(known, cells) if "known" in known else []
    if not strange:
        return 0, ""
    rows = "one row only" if known["least"] == 2 else f"fewer than {known['least']:,} rows"
    seen = f"never saw, or saw in {rows}" if known["least"] > 1 else "never saw"
    return len(strange), f"hold categories that training {seen} (such as {strange[0]!r:.60}): they are taken as unknown"


def _strangers(known: Mapping[str, Any], cells: np.ndarray) -> list[str]:
    if known["separator"]:
        names = set(known["known"])
        return [one for cell in cells.tolist() for one in split_values(cell, known["separator"]) if one not in names]
    codes = category_codes(cells, known["known"], missing=False, merge_case=known["merge_case"])
    return [cell for cell, code in zip(cells.tolist(), codes.tolist(), strict=True) if not code and cell]


def _missing(known: Mapping[str, Any], cells: np.ndarray) -> tuple[int, str]:
    if not known["taken_as"]:
        return 0, ""
    absent = np.isnan(cells) if cells.dtype.kind == "f" else cells == (NO_DATE if cells.dtype.kind == "i" else "")
    return int(absent.sum()), f"are missing, and none was in training: they are taken as {known['taken_as']}"


def _far_outside(known: Mapping[str, Any], cells: np.ndarray) -> tuple[int, str]:
    if "lowest" not in known:
        return 0, ""
    low, high = known["lowest"], known["highest"]
    with np.errstate(over="ignore", invalid="ignore"):
        outside = np.nan_to_num(np.maximum(cells - high, low - cells), nan=0.0, posinf=np.inf)
        far = outside > MARGIN * (high - low)
    farthest = cells[int(np.argmax(outside))] if far.any() else np.nan
    learned = f"training had {low:.6g} to {high:.6g}"
    return int(far.sum()), f"are far outside the range of training (such as {farthest:.6g}; {learned})"
