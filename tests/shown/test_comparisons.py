"""Figures and tables of a comparison, made from curves that are known."""

import numpy as np
import pytest
from tests.figures.drawing import dots, line_points, mapping, parse, told, words
from tests.shown.test_notebook import HOSTILE, assert_harmless

from batchwright.comparison.compare import Compared, ComparedVariant
from batchwright.comparison.learning_curve import learning_curve
from batchwright.errors import UsageError
from batchwright.workflow import estimate

SEEDS = ((1.0, 0.5, 0.4), (0.8, 0.6, 0.2))
MEAN = tuple(np.mean(SEEDS, axis=0).tolist())
RATE = "optimizer.learning_rate"


def variant(name: str, curves: tuple[tuple[float, ...], ...] = SEEDS, **more) -> ComparedVariant:
    curve, ends = tuple(np.mean(curves, axis=0).tolist()), tuple(one[-1] for one in curves)
    tuned = tuple({RATE: 0.1 * (seed + 1)} for seed in range(len(curves)))
    return ComparedVariant(
        name, {RATE: 0.1}, tuned, (0.01, 0.3), ends, curve, estimate(ends), 10, 0.5, curves_by_seed=curves, **more
    )


DIVERGED = ComparedVariant("worse", {}, (), None, (), (), None, 10, 0.5)
FOUND = Compared((variant(HOSTILE), variant("other", ((2.0, 1.5, 1.4),)), DIVERGED), 0.3, "", None, 1.0)


def test_it_shows_itself() -> None:
    assert FOUND.figures == ("curves", "seconds", "losses", "stable_ranges")
    for name in FOUND.figures:
        parse(FOUND.figure(name))
        assert_harmless(FOUND.figure(name).text)
    assert_harmless(FOUND._repr_html_())
    with pytest.raises(UsageError, match="it takes three shares of the rows"):
        FOUND.figure("learning_curve")


def test_stable_ranges_are_lines_on_a_log_axis_named_by_variant() -> None:
    found = Compared((variant("one"), variant("two"), DIVERGED), 0.3, "", None, 1.0)
    figure = found.figure("stable_ranges")
    assert [told for told in words(figure) if told in ("one", "two", "worse")] == ["one", "two"]
    spots = dots(figure, "s0")
    lines = [path.get("d") for path in parse(figure).iter("{http://www.w3.org/2000/svg}path") if "H" in path.get("d")]
    [first, _] = [line for line in lines if line.count("v8") == 2]
    low, high = float(first[1:].split()[0]), float(first.partition("H")[2].partition("M")[0])
    at = low + (high - low) * np.log(0.1 / 0.01) / np.log(0.3 / 0.01)
    assert spots[:, 0] == pytest.approx([at, at], abs=0.3)
    assert "one: 0.1 (0.01 to 0.3)" in told(figure)


@pytest.mark.parametrize(("name", "unit"), [("curves", 1.0), ("seconds", 0.5)])
def test_curves_are_means_with_the_range_of_the_seeds(name: str, unit: float) -> None:
    figure = Compared((variant("one"),), 0.3, "", None, 1.0).figure(name)
    [points] = line_points(figure, "one")
    across, down = mapping(figure, "x"), mapping(figure, "y")
    assert points[:, 0] == pytest.approx(across(unit * np.arange(1, 4)), abs=0.2)
    assert points[:, 1] == pytest.approx(down(MEAN), abs=0.2)
    [band] = [
        path for path in parse(figure).iter("{http://www.w3.org/2000/svg}path") if path.get("fill-opacity") == "0.18"
    ]
    ring = np.array(band.get("d").strip("Mz").replace("L", " ").split(), np.float64)
    edges = {round(float(value)) for value in ring[1::2]}
    assert edges == {round(float(down(value))) for value in (1.0, 0.6, 0.4, 0.8, 0.5, 0.2)}


def test_what_diverged_has_a_name_and_no_bar() -> None:
    figure = FOUND.figure("losses")
    assert "worse (diverged)" in words(figure)
    assert Compared((DIVERGED,), None, "", None, 1.0).figures == ()
    assert "all has diverged" in str(Compared((DIVERGED,), None, "", None, 1.0).drawings()["curves"])


def test_tables_have_every_variant_seed_and_epoch() -> None:
    variants = FOUND.frame()
    assert variants["name"].to_list() == [HOSTILE, "other", "worse"]
    assert variants["validation_loss"].to_list() == [pytest.approx(0.3), 1.4, None]
    assert variants["largest_stable"].to_list() == [0.3, 0.3, None]
    seeds = FOUND.frame("seeds").rows()
    assert seeds[:2] == [(HOSTILE, 0, 0.4, f"{{{RATE}: 0.1}}"), (HOSTILE, 1, 0.2, f"{{{RATE}: 0.2}}")]
    curves = FOUND.frame("curves")
    assert curves.height == 6
    assert curves.row(1) == (HOSTILE, 2, 1.0, pytest.approx(0.55), 0.5, 0.6)


def test_the_curve_of_rows_is_drawn_with_what_is_predicted() -> None:
    curve = learning_curve([100, 200, 400], [[0.3, 0.32], [0.2, 0.21], [0.15, 0.16]])
    assert curve is not None
    found = Compared((variant("one"),), None, "", curve, 1.0)
    figure = found.figure("learning_curve")
    [points] = line_points(figure, "measured")
    assert points[:, 1] == pytest.approx(mapping(figure, "y")(curve.losses), abs=0.2)
    assert "predicted" in told(figure)
    table = found.frame("learning_curve")
    assert table["rows"].to_list() == [100, 200, 400, 800]
    assert table["predicted"].to_list() == [False] * 3 + [True]
