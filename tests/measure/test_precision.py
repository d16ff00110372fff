"""Which precision is taken by times, and that measuring changes nothing."""

import jax
import numpy as np
import pytest
from tests.builders import make_program, random_rows, same_bits

from batchwright import nn
from batchwright.measure.precision import Precisions, compare_precisions
from batchwright.training.plan import make_plan
from batchwright.training.state import initial_state


@pytest.mark.parametrize(
    ("bfloat16", "best"),
    [
        ((0.5, 0.5, 0.5, 0.5, 0.5), "bfloat16"),
        ((0.9, 0.9, 0.9, 0.9, 0.9), "float32"),
        ((1.3, 1.3, 1.3, 1.3, 1.3), "float32"),
        ((0.5, 0.5, 9.0, 0.5, 0.5), "bfloat16"),
        ((0.5, 0.5, 0.5, 0.9, 0.9), "float32"),
    ],
    ids=["twice as fast", "a little faster", "slower", "once disturbed", "not sure"],
)
def test_bfloat16_is_taken_where_it_is_surely_faster(bfloat16: tuple[float, ...], best: str) -> None:
    assert Precisions((1.0,) * 5, bfloat16).best == best


def test_the_reason_tells_both_times() -> None:
    found = Precisions((0.003, 0.0031, 0.0029), (0.0015, 0.0015, 0.0015))
    assert found.reason.startswith("an iteration takes 3 ms in float32 and 1.5 ms in bfloat16, 2.00 times as fast; ")


@pytest.mark.parametrize("rows", [40, 1000])
def test_measuring_leaves_the_state_alone(rows: int) -> None:
    program, data = make_program(hidden_layer_sizes=(8,)), random_rows(rows)
    half = make_program(hidden_layer_sizes=(8,), dtype="bfloat16")
    state = initial_state(program, data.inputs, seed=0)
    before = jax.tree.map(np.array, state.variables)
    found = compare_precisions((program, half), state, data, make_plan(data.length, 16, 1), quickly=True)
    assert same_bits(nn.Variables(*state.variables), nn.Variables(*before))
    assert len(found.float32) == len(found.bfloat16) > 2
    assert min(*found.float32, *found.bfloat16) > 0
