"""What follows from shapes alone, found once for all programs that differ in numbers, as the trials of a search do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, wraps
from typing import Any, TypeVar

import jax
import numpy as np

F = TypeVar("F", bound=Callable[..., Any])

MOST_KNOWN = 32
"""Results that are kept: more than a search or a comparison has forms of programs at a time."""


@dataclass(frozen=True)
class _Alike:
    """A program and an example without content, equal to all others of the same structure and shapes."""

    shapes: Any
    program: Any = field(compare=False)
    example: Mapping[str, jax.ShapeDtypeStruct] = field(compare=False)


def by_shapes(function: F) -> F:
    """`function(program, example, *more)`, called once for all programs and examples that it cannot tell apart.

    It may look at the structure of the program and at shapes and dtypes, not at numbers.
    """

    @lru_cache(maxsize=MOST_KNOWN)
    def know(alike: _Alike, *more: Any) -> Any:
        return function(alike.program, alike.example, *more)

    @wraps(function)
    def find(program: Any, example: Mapping[str, Any], *more: Any) -> Any:
        return know(_alike(program, example), *more)

    return find  # type: ignore[return-value]


def _alike(program: Any, example: Mapping[str, Any]) -> _Alike:
    leaves, structure = jax.tree.flatten(program)
    numbers = tuple((np.shape(leaf), str(getattr(leaf, "dtype", type(leaf)))) for leaf in leaves)
    rows = {
        name: jax.ShapeDtypeStruct(array.shape, jax.dtypes.canonicalize_dtype(array.dtype))
        for name, array in example.items()
    }
    return _Alike(
        (structure, numbers, tuple((name, one.shape, str(one.dtype)) for name, one in rows.items())), program, rows
    )
