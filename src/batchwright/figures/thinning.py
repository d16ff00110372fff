"""Lines of many points, thinned so that no spike is lost."""

import numpy as np
from numpy.typing import NDArray

from batchwright.figures.scale import Floats

MOST = 2_000
"""Points of a line that are drawn; a screen shows no more."""


def thin(x: Floats, y: Floats, most: int = MOST) -> NDArray[np.intp]:
    """Which points to draw: in every column, the first, the last, the lowest and the highest, in their order.

    If x falls anywhere, as on a path, equally many points in a row take the place of a column, and the points furthest
    to the left and right are kept as well.

    Args:
        x: where the points are, in pixels; finite.
        y: likewise.
        most: about the most points.
    """
    if len(x) <= most:
        return np.arange(len(x))
    rises = bool(np.all(np.diff(x) >= 0))
    if rises:
        columns = np.floor((x - x[0]) / max(x[-1] - x[0], 1e-9) * (most // 4) * (1 - 1e-9)).astype(np.int64)
    else:
        columns = np.arange(len(x)) * (most // 6) // len(x)
    begins = np.flatnonzero(np.diff(columns, prepend=columns[0] - 1))
    ends = np.append(begins[1:], len(x)) - 1
    kept = [begins, ends]
    for values in (y,) if rises else (y, x):
        kept += [_least(values, columns, begins), _least(-values, columns, begins)]
    return np.unique(np.concatenate(kept))


def _least(values: Floats, columns: NDArray[np.int64], begins: NDArray[np.intp]) -> NDArray[np.intp]:
    """The first place of the smallest value of each column; all points of a column are in a row."""
    least = np.minimum.reduceat(values, begins)
    places = np.flatnonzero(values == np.repeat(least, np.diff(begins, append=len(values))))
    return places[np.unique(columns[places], return_index=True)[1]]
