"""From what scikit-learn hands to an estimator to columns, targets and weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeAlias

import narwhals as nw
import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.validation import validate_data

from batchwright.data.disk.budget import available_memory
from batchwright.errors import DataError

Columns: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class Given:
    """Rows that count: their columns by name, what is to be predicted, and weights [rows], or None.

    `y` is [rows], or [rows, targets].
    """

    columns: Columns
    y: np.ndarray
    weights: np.ndarray | None

    def table(self, targets: np.ndarray) -> tuple[dict[str, Any], str | tuple[str, ...], str | None]:
        """All columns of a table, and the names in it of the targets, one or several, and of the weights."""
        columns = [targets] if targets.ndim == 1 else list(targets.T)
        bases = ["target"] if targets.ndim == 1 else [f"target_{number}" for number in range(len(columns))]
        names = tuple(map(self._free_name, bases))
        table = dict(self.columns) | dict(zip(names, columns, strict=True))
        target = names[0] if targets.ndim == 1 else names
        if self.weights is None:
            return table, target, None
        weight = self._free_name("weight")
        return table | {weight: self.weights}, target, weight

    def _free_name(self, base: str) -> str:
        """A name that no column has."""
        return next(name for n in count() if (name := base + "_" * n) not in self.columns)


def check_rows(estimator: Any, x: Any, y: Any, sample_weight: Any, *, fitting: bool) -> Given:
    """The rows as scikit-learn checks them, without rows of weight 0.

    Raises:
        ValueError, TypeError: arrays that scikit-learn's own estimators refuse.
    """
    targets = _targets(estimator, y)
    columns = columns_of(estimator, x, fitting=fitting)
    weights = None if sample_weight is None else _weights(sample_weight)
    check_consistent_length(next(iter(columns.values())), targets, weights)
    if weights is not None:
        counting = np.flatnonzero(weights)
        columns = {name: cells[counting] for name, cells in columns.items()}
        targets, weights = targets[counting], weights[counting]
        weights = None if (weights == weights[0]).all() else weights
    return Given(columns, targets, weights)


def columns_of(estimator: Any, x: Any, *, fitting: bool = False) -> Columns:
    """The columns of x, by the names that they had in `fit`."""
    frame = nw.from_native(x, eager_only=True, pass_through=True)
    if isinstance(frame, nw.DataFrame):
        validate_data(estimator, x, reset=fitting, skip_check_array=True)
        cells = list(frame.iter_columns())
    else:
        array = validate_data(
            estimator,
            x,
            reset=fitting,
            accept_sparse="csr",
            dtype=(np.float64, np.float32),
            ensure_all_finite="allow-nan",
        )
        cells = list(_make_dense(array).T)
    names = getattr(estimator, "feature_names_in_", map(str, range(len(cells))))
    return dict(zip(names, cells, strict=True))


def _make_dense(array: Any) -> np.ndarray:
    """The array itself, or a sparse one with all of its zeros.

    Raises:
        DataError: it does not fit in memory.
    """
    if isinstance(array, np.ndarray):
        return array
    rows, columns = array.shape
    needed, free = rows * columns * array.dtype.itemsize, available_memory()
    if free is not None and needed > free:
        raise DataError(
            f"X is sparse, and its {rows:,} rows of {columns:,} columns take {needed / 1e9:.2g} GB with their zeros, "
            f"which training needs; {free / 1e9:.2g} GB are free: take fewer columns, as TruncatedSVD or SelectKBest "
            "of scikit-learn do, or fewer rows at a time with partial_fit."
        )
    return np.asarray(array.toarray())


def _targets(estimator: Any, y: Any) -> np.ndarray:
    """The array [rows], or [rows, targets] of several, that y is, as scikit-learn checks it."""
    dense: Any = y.toarray() if issparse(y) else y  # type: ignore[attr-defined]
    shape = np.asarray(dense).shape
    if len(shape) == 2 and shape[1] > 1:
        several: np.ndarray = check_array(dense, dtype=None, input_name="y")
        return several
    checked: np.ndarray = validate_data(estimator, y=dense)
    return checked


def _weights(sample_weight: Any) -> np.ndarray:
    weights: np.ndarray = check_array(sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight")
    if weights.ndim != 1:
        raise ValueError(f"sample_weight holds one weight per row, but has the shape {weights.shape}.")
    if weights.min() < 0 or weights.max() == 0:
        raise ValueError(f"sample_weight must be at least 0, and not all zero; its smallest is {weights.min():g}.")
    return weights
