"""Each chart shows its numbers where they belong."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.figures.drawing import SPACE, dots, mapping, parse, told, words

from batchwright.figures import (
    Axis,
    Bar,
    Column,
    Line,
    Mark,
    Names,
    Points,
    Svg,
    bars,
    contour,
    heat_map,
    histogram,
    matrix,
    parallel_coordinates,
    reliability,
    scatter,
)
from batchwright.figures.histogram import bin_edges
from batchwright.figures.scale import scale_of


def rectangles(figure: Svg, role: str) -> np.ndarray:
    """Left, top, width and height of all rectangles of a colour, and the opacity."""
    found = []
    for path in parse(figure).iter(f"{SPACE}path"):
        if path.get("class") == f"bw-f-{role}":
            opacity = float(path.get("fill-opacity", "1"))
            corners = re.findall(r"M([-\d.]+) ([-\d.]+)h([-\d.]+)v([-\d.]+)", path.get("d"))
            found += [[*map(float, parts), opacity] for parts in corners]
    return np.array(found).reshape(-1, 5)


def test_points_of_a_scatter_chart() -> None:
    x, y = np.array([1.0, 2.0, 3.5]), np.array([10.0, 40.0, 20.0])
    figure = scatter([Points("a", x, y), Points("b", [2.0], [np.nan])], Axis("x"), Axis("y"), title="Points")
    expected = np.column_stack([mapping(figure, "x")(x), mapping(figure, "y")(y)])
    assert dots(figure, "s0")[-3:] == pytest.approx(expected, abs=0.2)
    assert {"a", "b"} <= set(words(figure)), "keys of both"
    assert "y of b: 1 value is not finite" in told(figure)


def test_sets_beyond_the_colours_have_other_forms() -> None:
    figure = scatter([Points(str(at), [at], [at]) for at in range(24)], Axis("x"), Axis("y"), title="t")
    marks = [path for path in parse(figure).iter(f"{SPACE}path") if path.get("fill-opacity") == "0.85"]
    looks = {(path.get("class"), re.sub(r"-?[\d.]+", "0", path.get("d"))) for path in marks}
    many = scatter([Points(str(at), [at], [at]) for at in range(30)], Axis("x"), Axis("y"), title="t")
    assert "6 more names not shown" in words(many)
    assert len(looks) >= 18, "six colours, and dots, triangles or shapes of four corners"


def test_many_points_become_squares_and_none_is_lost() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal(100_000), rng.standard_normal(100_000)
    x[0], y[0] = 9.0, 9.0  # far from all others
    figure = scatter([Points("", x, y)], Axis("x"), Axis("y"), title="Points")
    squares = rectangles(figure, "s0")
    across, down = mapping(figure, "x")(x), mapping(figure, "y")(y)
    sides = set(squares[:, 2])
    assert len(sides) == 1
    side = sides.pop()
    corners = {(round(left / side), round(top / side)) for left, top, *_ in squares}
    for a, b in zip(across[:500], down[:500], strict=True):
        near = [(int((a + i) // side), int((b + j) // side)) for i in (-0.2, 0, 0.2) for j in (-0.2, 0, 0.2)]
        assert corners & set(near)
    assert len(figure.text) < 150_000
    assert "the stronger its colour" in told(figure)


def test_the_diagonal_has_equal_axes() -> None:
    figure = scatter([Points("", [0.0, 1.0], [5.0, 9.0])], Axis("true"), Axis("said"), title="a", diagonal=True)
    assert mapping(figure, "x")(9.0) <= 640
    assert mapping(figure, "y")(0.0) <= 420


def test_bars_begin_at_zero_and_show_their_intervals() -> None:
    figure = bars(
        [Bar("a", 0.3, 0.2, 0.4), Bar("b", -0.1), Bar("c", np.nan)], Axis("gain", low=-0.2, high=0.5), title="t"
    )
    (left, _, wide, *_), (second, _, narrow, *_) = rectangles(figure, "s0")[0], rectangles(figure, "s1")[0]
    assert wide / 0.3 == pytest.approx(narrow / 0.1, rel=0.01)
    assert left == pytest.approx(second + narrow, abs=0.2)
    assert {"a", "b", "c", "0.3", "−0.1"} <= set(words(figure))
    assert "a: 0.3 (0.2 to 0.4)" in told(figure)
    assert "1 value is not finite" in told(figure)
    with pytest.raises(ValueError, match="log"):
        bars([Bar("a", 1.0)], Axis(scale="log"), title="t")


def test_values_beyond_an_axis_are_cut_and_said() -> None:
    figure = bars([Bar("a", 5.0, 4.0, 6.0), Bar("b", 0.5)], Axis("gain", high=1.0), title="t")
    assert rectangles(figure, "s0")[:, [0, 2]].sum(axis=1).max() <= 640
    assert "gain: 3 values are outside 0 to 1" in told(figure)
    names = Names(["a", "b"])
    assert "loss: 1 value is outside 0 to 1" in told(
        heat_map([[0.5, 3.0]], Names(["r"]), names, Axis("loss", low=0, high=1), title="t")
    )
    surface = [[0.5, 3.0], [0.1, 0.2]]
    axes = Axis("a"), Axis("b"), Axis("loss", low=0, high=1)
    assert "loss: 1 value is outside 0 to 1" in told(contour(surface, [0, 1], [0, 1], *axes, title="t"))
    columns = [Column(Axis("a", high=1.0), [0.5, 7.0]), Column(Axis("b"), [1, 2])]
    assert "1 value is beyond an axis" in told(parallel_coordinates(columns, title="t"))


def test_more_bars_than_fit_are_counted() -> None:
    assert "60 more not shown" in words(bars([Bar(str(at), at) for at in range(100)], Axis(), title="t"))[-1]


def test_cells_of_a_heat_map_deepen_with_their_values() -> None:
    values = np.array([[0.0, 1.0, 2.0], [3.0, np.nan, 4.0]])
    figure = heat_map(values, Names(["a", "b"]), Names(["x", "y", "z"]), Axis("loss"), title="t", width=400)
    cells = rectangles(figure, "s0")
    cells = cells[cells[:, 2] > 20]  # not those of the legend
    order = cells[np.lexsort((cells[:, 0], cells[:, 1]))]
    assert len(order) == 5
    assert np.all(np.diff(order[:, 4]) > 0)
    assert {"a", "b", "x", "y", "z", "4"} <= set(words(figure))
    assert "Lowest: 0 at a, x. Highest: 4 at b, z." in told(figure)
    assert "1 value is not finite" in told(figure)


def test_a_centre_has_two_colours() -> None:
    names = Names(["a", "b", "c"])
    figure = heat_map([[-1.0, 0.0, 1.0]], Names(["r"]), names, Axis("r"), title="t", centre=0.0)
    negative, positive = rectangles(figure, "s1"), rectangles(figure, "s0")
    assert negative[:, 4].max() == positive[:, 4].max()
    assert negative[negative[:, 2] > 20][0, 0] < positive[positive[:, 2] > 20][0, 0]


def test_a_large_heat_map_shows_means() -> None:
    rows = Names([str(place) for place in range(400)])
    figure = heat_map(np.ones((400, 400)), rows, rows, Axis("a"), title="t")
    assert "each cell is the mean of 3 × 3 values" in told(figure)
    assert len(figure.text) < 60_000
    with pytest.raises(ValueError, match=r"\(2, 2\)"):
        heat_map(np.ones((2, 2)), Names(["a"]), Names(["b", "c"]), Axis(), title="t")


def test_the_matrix_has_its_counts_in_its_cells() -> None:
    figure = matrix([[90, 1230], [0, 5]], ["cat", "dog"], title="Confusion")
    assert [word for word in words(figure) if re.fullmatch(r"[\d,]+", word)] == ["90", "1,230", "5"]
    right, wrong = rectangles(figure, "s0"), rectangles(figure, "s1")
    assert len(right) == 2 and len(wrong) == 1
    assert right[1, 4] > right[0, 4], "all dogs are right, few cats are"
    assert "95 of 1,325 right (7.2%)" in told(figure)
    assert "cat taken for dog: 1,230." in told(figure)


def test_a_thousand_classes_make_a_small_file_in_which_every_mistake_shows() -> None:
    counts = np.diag(np.full(1000, 100))
    counts[3, 990] = 1
    figure = matrix(counts, [f"class {place}" for place in range(1000)], title="t")
    assert len(figure.text) < 100_000
    assert len(rectangles(figure, "s1")) == 1
    assert "block of 8 × 8 classes" in told(figure)
    assert "class 3 taken for class 990: 1." in told(figure)


@pytest.mark.parametrize("counts", [[[1, -1], [0, 1]], [[1, np.nan], [0, 1]]])
def test_what_is_no_count_is_refused(counts: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="Counts"):
        matrix(counts, ["a", "b"], title="t")
    with pytest.raises(ValueError, match="2 classes"):
        matrix([[1]], ["a", "b"], title="t")


@given(st.lists(st.one_of(st.floats(-1e300, 1e300), st.integers(-40, 40)), min_size=1, max_size=60))
def test_bins_hold_every_number_and_are_few(values: list[float]) -> None:
    given = np.array(values, dtype=np.float64)
    edges = bin_edges(given, scale_of([given], Axis()))
    assert np.all(np.diff(edges) > 0)
    assert edges[0] <= given.min() and given.max() <= edges[-1]
    assert len(edges) <= 63


def test_bins_are_as_many_as_the_rule_says() -> None:
    values = np.random.default_rng(0).standard_normal(10_000)
    edges = bin_edges(values, scale_of([values], Axis()))
    rule = len(np.histogram_bin_edges(values, "fd")) - 1
    assert rule / 2.6 <= len(edges) - 1 <= rule + 2, "a width that is rounded up"


def test_a_histogram_counts() -> None:
    values = [1, 2, 2, 3, 3, 3, 9]
    figure = histogram(values, Axis("visits"), title="t", marks=[Mark(3, "most")])
    found = rectangles(figure, "s0")
    assert len(found) == 4, "empty bins have no bar"
    assert found[:, 3] / found[0, 3] == pytest.approx([1, 2, 3, 1], rel=0.02)
    middles = found[:, 0] + found[:, 2] / 2
    assert middles == pytest.approx(mapping(figure, "x")([1, 2, 3, 9]), abs=0.3)
    assert "Median 3" in told(figure)
    tall = rectangles(histogram(np.append(np.zeros(100_000), 1e3), Axis("x"), title="t"), "s0")[:, 3]
    assert len(tall) == 2 and tall.min() >= 1, "one among many shows"
    assert "2 outside" in told(histogram(values, Axis("visits", low=2, high=8), title="t"))


def test_the_reliability_diagram() -> None:
    figure = reliability(
        [0.1, 0.5, 0.9], [0.2, 0.4, np.nan], [10, 40, 0], title="t", low=[0, 0.3, 0], high=[0.4, 0.5, 1]
    )
    expected = np.column_stack([mapping(figure, "x")([0.1, 0.5]), mapping(figure, "y")([0.2, 0.4])])
    assert dots(figure, "s0") == pytest.approx(expected, abs=0.2)
    foot = rectangles(figure, "soft")
    assert foot[1, 3] / foot[0, 3] == pytest.approx(4, rel=0.05)
    assert "Mean gap between predicted and observed: 0.1." in told(figure)
    with pytest.raises(ValueError, match="Every bin"):
        reliability([0.1], [0.1, 0.2], [1], title="t")


def inside(path: str, across: float, down: float) -> bool:
    """By the rule "evenodd": whether a ray to the right crosses the path an odd number of times."""
    crossings = 0
    for ring in path.split("z")[:-1]:
        points = np.array(ring.strip("M").replace("L", " ").split(), dtype=float).reshape(-1, 2)
        following = np.roll(points, -1, axis=0)
        for (x, y), (to_x, to_y) in zip(points, following, strict=True):
            if (y > down) != (to_y > down) and across < x + (down - y) / (to_y - y) * (to_x - x):
                crossings += 1
    return crossings % 2 == 1


@given(st.integers(0, 2**32 - 1), st.booleans())
@settings(max_examples=20)
def test_levels_part_the_high_from_the_low(seed: int, holes: bool) -> None:
    rng = np.random.default_rng(seed)
    heights = rng.standard_normal((5, 6))
    if holes:
        heights[rng.random((5, 6)) < 0.15] = np.nan
    if not np.isfinite(heights).any():
        return
    figure = contour(heights, range(6), range(5), Axis("a"), Axis("b"), Axis("loss"), title="t")
    across, down = mapping(figure, "x")(np.arange(6)), mapping(figure, "y")(np.arange(5))
    areas = {path.findtext("{*}title"): path.get("d") for path in parse(figure).iter(f"{SPACE}path") if len(path)}
    levels = {name.removeprefix("above "): path for name, path in areas.items() if name.startswith("above ")}
    assert levels
    for label, path in levels.items():
        level = float(label.replace("−", "-"))
        for row in range(1, 4):
            for column in range(1, 5):
                around = heights[row - 1 : row + 2, column - 1 : column + 2]
                if np.isfinite(around).all() and abs(heights[row, column] - level) > 0.05 * np.ptp(around):
                    assert inside(path, across[column], down[row]) == (heights[row, column] > level)


def test_paths_begin_and_end_where_they_should() -> None:
    path = Line("SGD", [0.5, 2.0, 3.0], [0.5, 0.2, 1.5])
    grid = np.arange(12.0).reshape(3, 4)
    figure = contour(grid, range(4), range(3), Axis("a"), Axis("b"), Axis("loss"), title="t", paths=[path])
    expected = np.column_stack([mapping(figure, "x")([0.5, 3.0]), mapping(figure, "y")([0.5, 1.5])])
    assert dots(figure, "s1") == pytest.approx(expected, abs=0.2)
    assert "SGD" in words(figure)
    with pytest.raises(ValueError, match="have to rise"):
        contour(grid, [0, 2, 1, 3], range(3), Axis(), Axis(), Axis(), title="t")
    with pytest.raises(ValueError, match=r"\(4, 3\)"):
        contour(grid, range(3), range(4), Axis(), Axis(), Axis(), title="t")


def test_lines_of_parallel_coordinates() -> None:
    columns = [
        Column(Axis("rate", scale="log"), [0.1, 0.01, None]),
        Column(Axis("rule"), ["sgd", "adam", "sgd"]),
        Column(Axis("batch"), ["auto", 32, None]),
        Column(Axis("loss"), [0.3, 0.2, 0.1]),
    ]
    figure = parallel_coordinates(columns, title="t", strong=[1])
    drawn = {part.get("class") for part in parse(figure).iter(f"{SPACE}path")}
    assert {"bw-s-s0 bw-line", "bw-s-s1 bw-line"} <= drawn
    assert {"rate", "rule", "loss", "sgd", "adam", "auto", "32"} <= set(words(figure))
    assert "3 runs, 1 of them drawn strongly" in told(figure)
    assert "1 line has gaps" in told(figure)
    with pytest.raises(ValueError, match="equally many values"):
        parallel_coordinates([columns[0], Column(Axis(), [1.0])], title="t")
