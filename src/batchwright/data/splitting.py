"""Divide rows into training, validation and test: a pure function of the seed.

Every row is in exactly one of the three parts.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Int8, Int64, Integer, Shaped

from batchwright.errors import ConfigError, DataError

Method = Literal["stratified", "shuffled", "group", "time"]
METHODS: tuple[Method, ...] = ("stratified", "shuffled", "group", "time")

TEST, VALIDATION, TRAIN = 0, 1, 2


@dataclass(frozen=True)
class Indices:
    """The rows of each part as positions in the source, from 0, in its order ("time": in the order of time)."""

    train: Int64[np.ndarray, " train"]
    validation: Int64[np.ndarray, " validation"]
    test: Int64[np.ndarray, " test"]

    def __repr__(self) -> str:
        """The number of rows in each part."""
        return f"<Indices: {len(self.train):,} train, {len(self.validation):,} validation, {len(self.test):,} test>"


def split(
    by: Shaped[np.ndarray, " rows"],
    method: Method = "stratified",
    *,
    validation_split: float = 0.15,
    test_split: float = 0.15,
    seed: int = 0,
) -> Indices:
    """The rows of each part.

    Args:
        by: what the method uses: the label of each row, its group, or its time; "shuffled" uses only their number.
        method: "shuffled" draws rows; "stratified" draws from each class its share, within one row, and leaves each
            class a training row; "group" draws whole groups, so that none is in two parts; "time" takes the last rows
            for the test, and those before them for validation; rows of the same time are in one part.
        validation_split: share of the rows for validation, in [0, 1).
        test_split: share of the rows for the test, in [0, 1).
        seed: seed of the drawing, at least 0; the same seed gives the same parts.

    Raises:
        ConfigError: a share is out of range, or the two leave no training rows.
        DataError: fewer groups or times than parts.

    >>> parts = split(np.array(["a", "b"] * 10), validation_split=0.2, test_split=0.2)
    >>> len(parts.train), len(parts.validation), len(parts.test)
    (12, 4, 4)
    """
    check_fractions(validation_split, test_split)
    fractions, rng = (test_split, validation_split), np.random.default_rng(seed)
    match method:
        case "time":
            return _split_by_time(by, fractions)
        case "group":
            part = _split_by_group(by, fractions, rng)
        case "stratified":
            part = _split_by_class(by, fractions, rng)
        case "shuffled":
            part = _split_by_class(np.zeros(len(by), np.int8), fractions, rng)
    return Indices(*(np.flatnonzero(part == number) for number in (TRAIN, VALIDATION, TEST)))


def check_fractions(validation_split: float, test_split: float) -> None:
    """Raise ConfigError unless both are in [0, 1) and leave rows for training."""
    shares = {"validation_split": validation_split, "test_split": test_split}
    problems = [
        f"{name} must hold 0 <= {name} < 1, but got {share}." for name, share in shares.items() if not 0 <= share < 1
    ]
    if not problems and validation_split + test_split >= 1:
        problems = [
            f"validation_split {validation_split} + test_split {test_split} must be below 1, to leave training rows."
        ]
    if problems:
        raise ConfigError(" ".join(problems))


def _split_by_class(
    labels: Shaped[np.ndarray, " rows"], fractions: tuple[float, float], rng: np.random.Generator
) -> Int8[np.ndarray, " rows"]:
    """The part of each row: in each class, the first rows in a random order are test rows, the next validation rows."""
    codes, sizes = _code_labels(labels)
    order = np.arange(len(labels), dtype=np.min_scalar_type(len(labels)))
    rng.shuffle(order)
    if len(sizes) > 1:
        order = order[np.argsort(codes[order], kind="stable")]
    test = _counts(sizes, fractions[TEST], sizes - 1)
    validation = _counts(sizes, fractions[VALIDATION], sizes - 1 - test)
    counts = np.stack([test, validation, sizes - test - validation], axis=1)  # [classes, parts]
    names = np.array([TEST, VALIDATION, TRAIN], np.int8)
    part = np.empty(len(labels), np.int8)
    part[order] = np.repeat(np.tile(names, len(sizes)), counts.reshape(-1))
    return part


def _code_labels(
    labels: Shaped[np.ndarray, " rows"],
) -> tuple[Integer[np.ndarray, " rows"], Int64[np.ndarray, " classes"]]:
    """The index of each label among the sorted labels, in the smallest integer type, and the rows of each label."""
    distinct = np.unique(labels)
    codes = np.searchsorted(distinct, labels)
    return codes.astype(np.min_scalar_type(len(distinct))), np.bincount(codes, minlength=len(distinct))


def _counts(
    sizes: Int64[np.ndarray, " classes"], fraction: float, most: Int64[np.ndarray, " classes"]
) -> Int64[np.ndarray, " classes"]:
    """The rows of each class that make up a fraction of all: its share rounded down, the rest by largest remainder."""
    share = sizes * fraction
    counts: np.ndarray = np.minimum(np.floor(share + 1e-9).astype(np.int64), most)
    lacking = round_half_up(float(share.sum())) - int(counts.sum())
    open_to_more = np.flatnonzero((counts < most) & (share > counts + 1e-9))
    largest_first = open_to_more[np.argsort((counts - share)[open_to_more], kind="stable")]
    counts[largest_first[: max(lacking, 0)]] += 1
    return counts


def _split_by_group(
    groups: Shaped[np.ndarray, " rows"], fractions: tuple[float, float], rng: np.random.Generator
) -> Int8[np.ndarray, " rows"]:
    """The part of each row: groups in random order join a part while it comes nearer to its share; at least one."""
    codes, sizes = _code_labels(groups)
    wanted = [number for number in (TEST, VALIDATION) if fractions[number] > 0]
    if len(sizes) <= len(wanted):
        raise DataError(f"{len(sizes)} groups cannot fill {len(wanted) + 1} parts, as no group may be in two of them.")
    part_of_group = np.full(len(sizes), TRAIN, np.int8)
    left = rng.permutation(len(sizes)).tolist()
    for later, number in zip(range(len(wanted), 0, -1), wanted, strict=True):
        taken, target = 0.0, len(groups) * fractions[number]
        for group in list(left):
            if len(left) > later and taken + sizes[group] / 2 <= target:
                left.remove(group)
                part_of_group[group], taken = number, taken + sizes[group]
        if taken == 0:
            smallest = min(left, key=sizes.__getitem__)
            left.remove(smallest)
            part_of_group[smallest] = number
    return np.take(part_of_group, codes)


def _split_by_time(times: Shaped[np.ndarray, " rows"], fractions: tuple[float, float]) -> Indices:
    """The parts one after the other in time; each begins where the time changes, as near to its share as possible."""
    order, rows = np.argsort(times, kind="stable"), len(times)
    changes = np.flatnonzero(times[order][1:] != times[order][:-1]) + 1
    test_rows, validation_rows = (round_half_up(rows * fraction) for fraction in fractions)
    needed = (test_rows > 0) + (validation_rows > 0)
    if len(changes) < needed:
        raise DataError(
            f"{len(changes) + 1} different times cannot fill {needed + 1} parts, as rows of the same time are in one "
            "part."
        )
    test = _nearest_place(changes[1 if validation_rows else 0 :], rows - test_rows) if test_rows else rows
    validation = _nearest_place(changes[changes < test], test - validation_rows) if validation_rows else test
    return Indices(*np.split(order, (validation, test)))


def _nearest_place(places: Int64[np.ndarray, " places"], wanted: int) -> int:
    return int(places[np.abs(places - wanted).argmin()])


def round_half_up(number: float) -> int:
    """The nearest whole number; a half goes up."""
    return math.floor(number + 0.5)
