"""What follows from shapes alone is found once, and again where a structure, a shape or a dtype differs."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jax
import numpy as np
from tests.builders import make_program

from batchwright import optim
from batchwright._component import component
from batchwright.training.shapes import by_shapes
from batchwright.training.state import Program, initial_state, state_shapes


@component
class Own:
    options: object


EXAMPLE = {"numeric": np.ones((4, 5), np.float32)}


def counted() -> tuple[list[int], Any]:
    calls = list[int]()

    @by_shapes
    def find(program: object, example: Mapping[str, Any], rows: int) -> tuple[object, ...]:
        calls.append(rows)
        return type(program), example["numeric"].shape, rows

    return calls, find


def test_other_numbers_ask_nothing_again() -> None:
    calls, find = counted()
    for rate in (0.1, 0.2):
        found = find(make_program(optim.SGD(rate)), {"numeric": np.full((4, 5), rate, np.float32)}, 3)
        assert found == (Program, (4, 5), 3)
    assert calls == [3]


def test_what_shapes_depend_on_is_asked_again() -> None:
    calls, find = counted()
    program = make_program(optim.SGD(0.1))
    others = (
        (make_program(optim.Adam(0.1)), EXAMPLE, 3),
        (replace(program, averaged=True), EXAMPLE, 3),
        (make_program(optim.SGD(0.1), hidden_layer_sizes=(7,)), EXAMPLE, 3),
        (program, {"numeric": np.ones((5, 5), np.float32)}, 3),
        (program, {"numeric": np.ones((4, 5), np.int32)}, 3),
        (program, EXAMPLE, 4),
    )
    find(program, EXAMPLE, 3)
    for number, (other, example, rows) in enumerate(others, start=2):
        find(other, example, rows)
        assert len(calls) == number


def test_a_network_of_ones_own_needs_no_hash_and_is_told_from_others() -> None:
    calls, find = counted()
    for options in ({"a set"}, {"another"}, {"a set"}):
        assert find(Own(options), EXAMPLE, 3) == (Own, (4, 5), 3)
    assert calls == [3, 3]


def test_shapes_of_a_state_are_those_of_the_state() -> None:
    for program in (make_program(optim.SGD(0.1, momentum=0.9)), make_program(optim.Adam(0.3)), make_program()):
        state = initial_state(program, EXAMPLE, seed=1)
        shapes = state_shapes(program, EXAMPLE)
        assert jax.tree.structure(shapes) == jax.tree.structure(state)
        for shape, leaf in zip(jax.tree.leaves(shapes), jax.tree.leaves(state), strict=True):
            assert (shape.shape, shape.dtype) == (leaf.shape, leaf.dtype)
