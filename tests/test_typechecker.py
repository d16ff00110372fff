"""The run-time checks of all other tests notice what they are there for."""

from collections.abc import Callable, Iterator

import jaxtyping
import numpy as np
import pytest
from jaxtyping import Float32
from tests.typechecker import checked

Vector = Float32[np.ndarray, "n"]


@checked
def weigh(rows: Float32[np.ndarray, "rows n"], weights: Vector | None = None, *, first: float = 0) -> Vector:
    """A wrong result for `first` below 0."""
    weights = np.ones(rows.shape[1], np.float32) if weights is None else weights
    return weights if first >= 0 else weights[:-1]


@checked
def named(one: "Vector", other: "Vector") -> int:
    return len(one) + len(other)


@checked
def count(one: Vector) -> Iterator[int]:
    yield len(one)


def of(*shape: int, dtype: type = np.float32) -> np.ndarray:
    return np.zeros(shape, dtype)


def test_what_fits_is_let_through_and_each_call_has_sizes_of_its_own() -> None:
    assert [weigh(of(2, n), of(n), first=1).shape for n in (3, 4)] == [(3,), (4,)]
    assert weigh(of(2, 3)).shape == (3,)
    assert named(of(2), of(2)) == 4 and list(count(of(5))) == [5]


@pytest.mark.parametrize(
    "call",
    [
        lambda: weigh(of(2, 3), of(4)),
        lambda: weigh(of(3)),
        lambda: weigh(of(2, 3, dtype=np.float64)),
        lambda: weigh(of(2, 3), first="1"),
        lambda: weigh(of(2, 3), first=-1),
        lambda: named(of(2), of(3)),
        lambda: list(count(of(2, 2))),
    ],
    ids=["sizes", "rank", "dtype", "type", "result", "names", "generator"],
)
def test_what_does_not_fit_is_refused(call: Callable[[], object]) -> None:
    with pytest.raises(jaxtyping.TypeCheckError):
        call()


def inner(answer: object, kind: type) -> Callable[[object], int]:
    """A function that is defined anew in each call, with a hint of its own."""

    @checked
    def look(rows: Float32[np.ndarray, " rows"] | kind) -> int:  # type: ignore[valid-type]
        return answer  # type: ignore[return-value]

    return look


def test_each_function_that_is_defined_in_a_call_is_checked_as_itself() -> None:
    assert [inner(answer, int)(of(3)) for answer in (1, 2)] == [1, 2]
    assert inner(3, str)("text") == 3
    for look, given in ((inner("three", int), of(3)), (inner(3, int), "text"), (inner(3, int), of(2, 2))):
        with pytest.raises(jaxtyping.TypeCheckError, match="look"):
            look(given)
