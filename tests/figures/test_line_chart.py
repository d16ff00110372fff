"""Every point at its place, gaps where there is no value, names at the ends."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.figures.drawing import dots, line_points, mapping, parse, ticks, told, words

from batchwright.figures import Axis, Line, Mark, Svg, TriedRate, line_chart, loss_by_rate


def chart(*lines: Line, x: Axis = Axis("epoch"), y: Axis = Axis("loss"), **more) -> Svg:  # noqa: B008
    return line_chart(list(lines), x, y, title="Loss by epoch", **more)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30), st.floats(300, 1600))
def test_points_lie_where_the_ticks_say(values: list[float], width: float) -> None:
    x = np.arange(len(values)) * 1.5
    figure = chart(Line("loss", x, values), width=width)
    [points] = line_points(figure, "loss")
    if len(ticks(figure, "x")) > 1:
        assert points[:, 0] == pytest.approx(mapping(figure, "x")(x), abs=0.2)
    if np.ptp(values) > 1e-6 and len(ticks(figure, "y")) > 1:
        assert points[:, 1] == pytest.approx(mapping(figure, "y")(values), abs=0.2)


@given(st.lists(st.floats(1e-9, 1e9), min_size=2, max_size=30))
def test_points_of_a_log_axis_lie_where_the_ticks_say(values: list[float]) -> None:
    figure = chart(Line("loss", range(len(values)), values), y=Axis("loss", scale="log"))
    [points] = line_points(figure, "loss")
    if max(values) / min(values) > 1e3:
        assert points[:, 1] == pytest.approx(mapping(figure, "y", log=True)(values), abs=0.3)


def test_a_value_that_is_not_finite_leaves_a_gap_that_is_said() -> None:
    figure = chart(Line("loss", [1, 2, 3, 4, 5, 6], [1.0, 2.0, np.nan, 3.0, np.inf, 2.5]))
    assert [len(part) for part in line_points(figure, "loss")] == [2, 1, 1]
    assert "loss: 2 values are not finite and left out" in told(figure)
    assert "loss: 2 values are not finite and left out" in words(figure)


def test_a_zero_on_a_log_axis_leaves_a_gap_that_is_said() -> None:
    figure = chart(Line("loss", [1, 2, 3], [1.0, 0.0, 10.0]), y=Axis("loss", scale="log"))
    assert [len(part) for part in line_points(figure, "loss")] == [1, 1]
    assert "1 value is not above 0" in told(figure)


def test_values_beyond_an_axis_are_said() -> None:
    assert "1 value is outside 0 to 1" in told(chart(Line("loss", [1, 2], [0.5, 7.0]), y=Axis("loss", low=0, high=1)))


def test_a_long_line_is_thinned_and_its_spike_is_drawn() -> None:
    values = np.zeros(100_000)
    values[61_803] = 9.0
    figure = chart(Line("loss", np.arange(100_000), values))
    [points] = line_points(figure, "loss")
    assert len(points) <= 2_000
    assert points[:, 1].min() == pytest.approx(float(mapping(figure, "y")(9.0)), abs=0.2)
    assert len(figure.text) < 60_000


def test_one_point_is_drawn() -> None:
    figure = chart(Line("loss", [3], [0.5]))
    assert [part.tolist() for part in line_points(figure, "loss")] == [
        [pytest.approx([mapping(figure, "x")(3.0), mapping(figure, "y")(0.5)], abs=0.2)]
    ]


def test_dots_stand_at_the_points() -> None:
    figure = chart(Line("loss", [1, 2, 4], [3.0, np.nan, 1.0], points=True))
    expected = np.column_stack([mapping(figure, "x")([1, 4]), mapping(figure, "y")([3.0, 1.0])])
    assert dots(figure, "s0") == pytest.approx(expected, abs=0.2)


def test_names_stand_at_the_ends_and_never_on_each_other() -> None:
    lines = [Line(f"run {place}", [0, 1], [0.5, 0.5 + place / 1e4]) for place in range(12)]
    figure = chart(*lines)
    places = {
        "".join(text.itertext()): float(text.get("y"))
        for text in parse(figure).iter("{http://www.w3.org/2000/svg}text")
        if "run" in "".join(text.itertext())
    }
    assert len(places) == 12
    heights = [places[f"run {place}"] for place in range(12)]
    assert np.diff(heights).max() <= -14, "the higher the end, the higher the name"


def test_too_many_names_are_counted() -> None:
    lines = [Line(f"run {place}", [0, 1], [0, place]) for place in range(100)]
    named = [text for text in words(chart(*lines)) if text.startswith("run")]
    assert f"and {100 - len(named)} more" in words(chart(*lines))
    assert "88 more lines" in told(chart(*lines))


def test_pale_lines_lose_their_names_first() -> None:
    lines = [Line(f"seed {place}", [0, 1], [0, place], pale=place != 50) for place in range(100)]
    assert "seed 50" in words(chart(*lines))


def test_large_numbers_that_hardly_differ_are_written_out() -> None:
    figure = chart(Line("loss", [1_000_000, 1_000_004], [1.0, 2.0]))
    assert [label for label in words(figure) if label.startswith("1,000,00")]


def test_a_band_lies_around_its_line() -> None:
    figure = chart(Line("loss", [1, 2, 3], [2.0, 3.0, 2.5], low=[1.0, 2.0, 2.0], high=[4.0, 3.5, np.nan]))
    [band] = [part.get("d") for part in parse(figure).iter() if part.get("fill-opacity") == "0.18"]
    numbers = np.array(band.strip("Mz").replace("L", " ").split(), dtype=float).reshape(-1, 2)
    expected = mapping(figure, "y")([4.0, 3.5, 2.0, 1.0])
    assert numbers[:, 1] == pytest.approx(expected, abs=0.2)


def test_marks_stand_at_their_places() -> None:
    marks = [Mark(2, "best"), Mark(0.5, "trivial", axis="y"), Mark(99, "far away")]
    figure = chart(Line("loss", [1, 2, 3], [1.0, 0.4, 0.6]), marks=marks)
    assert {"best", "trivial"} <= set(words(figure))
    assert "far away" not in words(figure)
    [best] = [part for part in parse(figure) if part.findtext("{*}title") == "best"]
    assert float(best.get("d")[1:].split(" ")[0]) == pytest.approx(float(mapping(figure, "x")(2)), abs=0.2)
    assert "Mark at 2: best." in told(figure)


def test_lines_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="'loss'"):
        chart(Line("loss", [1, 2], [1.0]))
    with pytest.raises(ValueError, match="low and high or neither"):
        chart(Line("loss", [1, 2], [1.0, 2.0], low=[1.0, 2.0]))


def test_the_description_has_the_course() -> None:
    said = told(chart(Line("loss", [1, 2, 3], [2.0, 0.25, 1.0]), x=Axis("time", "s")))
    assert "time (s): 1 to 3" in said
    assert "loss: 3 points, from 2 to 1, lowest 0.25 at 2, highest 2 at 1." in said


def test_loss_by_rate_has_dots_marks_and_an_interval() -> None:
    tried = [TriedRate(10.0**-place, 0.1 * place, 50, place < 2) for place in range(6, 0, -1)]
    figure = loss_by_rate(tried, best=1e-3, interval=(1e-4, 1e-2))
    assert len(dots(figure, "s0")) == 5
    assert {"diverged", "best 0.001", "50 iterations"} <= set(words(figure))
    assert "left out" not in told(figure)
