"""A few curves in the terminal, such as loss and val_loss by epoch."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from batchwright.figures.plane import runs
from batchwright.figures.scale import Floats, Numbers, floats
from batchwright.figures.text import clean
from batchwright.figures.thinning import thin

BRAILLE = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
"""The bit of each dot of a character [4 down, 2 across], added to U+2800."""
SPACING = (1, 3, 5, 7)
"""The first curve has a dot in every column, the second in every third: they differ without colours."""
STEEP = 4
"""Dots above each other that are shown in every column, as they may be a spike."""
LETTERS = "*o+x"
"""The same where braille cannot be written."""
LONGEST_NAME = 24


def line_sketch(
    curves: Mapping[str, Numbers],
    width: int = 60,
    height: int = 10,
    *,
    first: int = 1,
    end: int | None = None,
    plain: bool = False,
) -> str:
    """Curves over a common range, each with its name behind its last value.

    A spike is never lost: a column shows all values from the lowest to the highest in it. Values that are not finite
    leave a gap.

    Args:
        curves: numbers by name, evenly spaced.
        width: columns of the plot, ≥ 2, not counting labels and names.
        height: lines of the plot, ≥ 2; one more line below shows the first and the last place.
        first: the number of the first place.
        end: the number of the last place; None: the places are counted one by one.
        plain: only ASCII characters; see `needs_plain`.

    >>> print(line_sketch({"loss": [4, 2, 1, 1], "val_loss": [4, 3, 3, 4]}, width=16, height=4, plain=True))
            4 |**o          ooo o val_loss
              |  **ooooooooo
              |    ****
            1 |        ******** * loss
               1              4
    """
    values = {_name(name, plain=plain): floats(numbers) for name, numbers in curves.items()}
    given = np.concatenate([np.empty(0), *values.values()])
    finite = given[np.isfinite(given)]
    if not len(finite):
        return "(no finite value to show)"
    low, high = float(finite.min()), float(finite.max())
    longest = max(map(len, values.values()))
    across, down = (1, 1) if plain else (2, 4)
    dots = [_trace(curve, longest, low, high, width * across, height * down) for curve in values.values()]
    lines = _letters(dots) if plain else _braille(dots)
    names = _end_names(list(values), dots, height, down, plain=plain)
    labels = [f"{high:.3g}", *[""] * (height - 2), f"{low:.3g}"]
    bar = "|" if plain else "│"
    drawn = [f"{label:>9} {bar}{line} {name}".rstrip() for label, line, name in zip(labels, lines, names, strict=True)]
    begin = str(first)
    last = f"{first + longest - 1 if end is None else end:,}".rjust(width - len(begin)) if longest > 1 else ""
    return "\n".join([*drawn, f"{'':>11}{begin}{last}"])


def needs_plain(encoding: str | None) -> bool:
    """Whether an output with this encoding cannot show the dots of `line_sketch`.

    >>> needs_plain("utf-8"), needs_plain("cp1252"), needs_plain(None)
    (False, True, True)
    """
    try:
        "⠿│".encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return True
    return False


def _name(name: str, *, plain: bool) -> str:
    short = clean(name)
    short = short if len(short) <= LONGEST_NAME else short[: LONGEST_NAME - 3] + "..."
    return short.encode("ascii", "replace").decode() if plain else short


def _trace(values: Floats, longest: int, low: float, high: float, wide: int, tall: int) -> NDArray[np.bool_]:
    """The dots of a curve [down, across]."""
    dots = np.zeros((tall, wide), dtype=np.bool_)
    share = (values / 2 - low / 2) / ((high / 2 - low / 2) or 1.0) if high > low else np.full(len(values), 0.5)
    rows = (tall - 1) * (1 - np.where(np.isfinite(values), share, np.nan))
    columns = np.arange(len(values)) * (wide - 1) / max(longest - 1, 1)
    for begin, end in runs(np.isfinite(rows)):
        kept = begin + thin(columns[begin:end], rows[begin:end], 8 * wide)
        points = list(zip(columns[kept].tolist(), rows[kept].tolist(), strict=True))
        for one, other in pairwise([points[0], *points]):
            _join(dots, one, other)
    return dots


def _join(dots: NDArray[np.bool_], begin: tuple[float, float], end: tuple[float, float]) -> None:
    """Mark the dots from one point to another, without a gap."""
    steps = max(1, int(np.ceil(max(abs(end[0] - begin[0]), abs(end[1] - begin[1])))))
    share = np.linspace(0.0, 1.0, steps + 1)
    columns = np.rint(begin[0] + share * (end[0] - begin[0])).astype(int)
    dots[np.rint(begin[1] + share * (end[1] - begin[1])).astype(int), columns] = True


def _braille(curves: Sequence[NDArray[np.bool_]]) -> list[str]:
    shown = np.zeros_like(curves[0])
    for place, dots in enumerate(curves):
        kept = np.arange(dots.shape[1]) % SPACING[place % len(SPACING)] == 0
        shown |= dots & (kept | (dots.sum(axis=0) >= STEEP))
    cells = shown.reshape(shown.shape[0] // 4, 4, shown.shape[1] // 2, 2)
    codes = np.einsum("ijkl,jl->ik", cells.astype(int), BRAILLE)
    return ["".join(chr(0x2800 + code) if code else " " for code in line) for line in codes.tolist()]


def _letters(curves: Sequence[NDArray[np.bool_]]) -> list[str]:
    shown = np.full(curves[0].shape, " ")
    for place, dots in reversed(list(enumerate(curves))):  # the first is in front
        shown[dots] = LETTERS[place % len(LETTERS)]
    return ["".join(line) for line in shown.tolist()]


def _end_names(
    names: Sequence[str], curves: Sequence[NDArray[np.bool_]], height: int, down: int, *, plain: bool
) -> list[str]:
    """For each line of the plot, the names of the curves that end in it, with a sample of each."""
    ends: list[list[str]] = [[] for _ in range(height)]
    for place, (name, dots) in enumerate(zip(names, curves, strict=True)):
        if dots.any():
            last = int(np.flatnonzero(dots.any(axis=0))[-1])
            row = int(np.flatnonzero(dots[:, last])[-1]) // down
            sample = LETTERS[place % len(LETTERS)] if plain else ("⠒⠒", "⠂⠐", "⠂ ", "⠐ ")[place % 4]
            ends[row].append(f"{sample} {name}")
    return [", ".join(line) for line in ends]
