"""A plot of numbers in the terminal, such as the rates of a schedule."""

import numpy as np
from numpy.typing import NDArray

BLOCKS = " ▁▂▃▄▅▆▇█"


def sketch(values: NDArray[np.float64], width: int = 72, height: int = 8) -> str:
    """Columns of blocks over the iterations, labelled with the largest and the smallest value.

    A column shows the mean of its iterations; the foot of all columns is the smallest column.

    Args:
        values: finite numbers [iterations], at least one, evenly spaced.
        width: the most columns of the plot, ≥ 1, not counting the labels.
        height: lines of the plot, ≥ 1; one more line below shows the first and last iteration.

    >>> print(sketch(np.linspace(0.0, 0.1, 8), width=8, height=2))
          0.1 │    ▁▃▆█
            0 │▁▂▅▇████
               0      7
    """
    columns = np.array([part.mean() for part in np.array_split(values, min(width, len(values)))])
    low, high = columns.min(), columns.max()
    share = (columns - low) / (high - low) if high > low else np.ones(len(columns))
    eighths = np.maximum(np.rint(share * 8 * height).astype(int), 1)  # the lowest still shows
    lines = []
    for line in range(height - 1, -1, -1):
        label = _short_number(values.max()) if line == height - 1 else _short_number(values.min()) if line == 0 else ""
        bars = "".join(BLOCKS[filled] for filled in np.clip(eighths - 8 * line, 0, 8))
        lines.append(f"{label:>9} │{bars}".rstrip())
    last = f"{len(values) - 1:,}".rjust(len(columns) - 1) if len(values) > 1 else ""
    return "\n".join([*lines, " " * 11 + "0" + last])


def _short_number(value: float) -> str:
    return f"{value:.3g}"
