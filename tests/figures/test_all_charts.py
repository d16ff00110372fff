"""What holds for every chart, whatever it is given."""

import re
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.figures.drawing import parse, told, words

from batchwright.figures import (
    Axis,
    Bar,
    Column,
    Line,
    Mark,
    Names,
    Points,
    Svg,
    TriedRate,
    bars,
    contour,
    heat_map,
    histogram,
    line_chart,
    loss_by_rate,
    matrix,
    parallel_coordinates,
    reliability,
    scatter,
    spans,
)

Make = Callable[..., Svg]


def make_line(values: list[float], name: str, scale: str, size: dict[str, float]) -> Svg:
    places = np.arange(len(values))
    lines = [Line(name, places, values, points=True), Line(name, values, values[::-1], low=values, high=values)]
    marks = [Mark(value, name) for value in values[:3]] + [Mark(0, name, until=2), Mark(1, name, axis="y")]
    return line_chart(lines, Axis(name, name), Axis(name, scale=scale), title=name, marks=marks, **size)


def make_scatter(values: list[float], name: str, scale: str, size: dict[str, float]) -> Svg:
    points = [Points(name, values, values[::-1]), Points("other", values, values)]
    return scatter(points, Axis(name), Axis(name, scale=scale), title=name, diagonal=len(values) % 2 == 0, **size)


def make_bars(values: list[float], name: str, scale: str, size: dict[str, float]) -> Svg:
    return bars([Bar(name, value, values[0], value) for value in values], Axis(name), title=name, **size)


def make_spans(values: list[float], name: str, scale: str, size: dict[str, float]) -> Svg:
    ranges = [Bar(name, value, values[0], value) for value in values]
    return spans(ranges, Axis(name, scale=scale), title=name, **size)


def make_heat_map(values: list[float], name: str, scale: str, size: dict[str, float]) -> Svg:
    rows, columns = Names([name, "b"], name), Names([name] * len(values))
    centre = 1.0 if len(values) % 2 else None
    return heat_map([values, values[::-1]], rows, columns, Axis(name, scale=scale), title=name, centre=centre, **size)


def make_matrix(values: list[float], name: str, scale: str, size: dict[str, float]) -> Svg:
    counts = np.abs(np.nan_to_num(values, posinf=9.0, neginf=9.0)).clip(0, 1e9)
    return matrix(np.outer(counts, counts), [name] * len(counts), title=name, **size)


def make_histogram(values: list[float], name: str, scale: str, size: dict[str, float]) -> Svg:
    return histogram(values, Axis(name, scale=scale), title=name, marks=[Mark(1.0, name)], **size)


def make_reliability(values: list[float], name: str, scale: str, size: dict[str, float]) -> Svg:
    share = np.clip(values, 0, 1)
    return reliability(
        share, share[::-1], np.nan_to_num(values).clip(0, 1e9), low=share, high=share, title=name, **size
    )


def make_contour(values: list[float], name: str, scale: str, size: dict[str, float]) -> Svg:
    heights = np.array([values, values[::-1], values])
    path = Line(name, values, values)
    axes = Axis(name), Axis(name), Axis(name, scale=scale)
    return contour(heights, np.arange(len(values)), [0, 1, 5], *axes, title=name, paths=[path], **size)


def make_parallel(values: list[float], name: str, scale: str, size: dict[str, float]) -> Svg:
    columns = [Column(Axis(name, scale=scale), values), Column(Axis(name), [name] * len(values))]
    return parallel_coordinates(columns, title=name, strong=[0], **size)


def make_loss_by_rate(values: list[float], name: str, scale: str, size: dict[str, float]) -> Svg:
    tried = [TriedRate(10.0**-place, 1.0 + place, 50 + place % 2, place == 0) for place in range(len(values) + 1)]
    return loss_by_rate(tried[::-1], best=0.1, interval=(0.01, 1.0))


CHARTS: tuple[Make, ...] = (
    make_line,
    make_scatter,
    make_bars,
    make_spans,
    make_heat_map,
    make_matrix,
    make_histogram,
    make_reliability,
    make_contour,
    make_parallel,
    make_loss_by_rate,
)
SIZES = ({}, {"width": 80, "height": 50}, {"width": 300, "height": 200}, {"width": 1600, "height": 900})
HOSTILE = (
    "</title><script>alert(1)</script>",
    "a&b\"c'd",
    "\x00\x1b[31m\x07",
    "\u202eevil\u202c",
    "\ud800",
    "x" * 500,
    "",
)
HOSTILE += ("\n\n", "e" + "\u0301" * 300, "שלום", "名前", "😀" * 80, "]]>", "&#0;", "\ufffe")

values_of_any_size = st.lists(st.floats(), min_size=2, max_size=12)
names = st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(), max_size=40))


@pytest.mark.parametrize("make", CHARTS)
@given(values=values_of_any_size, name=names, scale=st.sampled_from(["linear", "log"]), size=st.sampled_from(SIZES))
@settings(max_examples=25)
def test_any_numbers_and_names_give_a_sound_figure(make: Make, values, name, scale, size) -> None:
    figure = make(values, name, scale, size)
    root = parse(figure)
    assert root.get("role") == "img"
    assert root[0].tag.endswith("title") and root[0].text
    assert root[1].tag.endswith("desc") and root[1].text
    coordinates = [text for part in root.iter() for key in ("d", "x", "y", "transform") if (text := part.get(key))]
    assert not re.search("nan|inf|e[-+]?\\d", " ".join(coordinates)), "coordinates are plain numbers"
    far = [abs(float(number)) for text in coordinates for number in re.findall(r"-?[\d.]+", text)]
    assert max(far, default=0) < 20_000, "nothing lies far outside"
    assert not {part.tag.rpartition("}")[2] for part in root.iter()} - {
        "svg", "title", "desc", "style", "rect", "path", "text", "g",
    }  # fmt: skip


@pytest.mark.parametrize("make", CHARTS)
def test_nothing_clashes_or_is_loaded(make: Make) -> None:
    """Several figures in one page: no ids, one style, no address."""
    figure = make([1.0, 3.0, 2.0], "name", "linear", {})
    assert figure == make([1.0, 3.0, 2.0], "name", "linear", {}), "the same bytes again"
    other = make_line([1.0, 2.0], "other", "linear", {})
    assert not re.search(r"\bid=|href|url\(|@import|<script|\bon\w+=", figure.text)
    assert figure.text.count("http") == 1, "the name space"
    assert parse(figure).findtext("{*}style") == parse(other).findtext("{*}style")
    assert re.findall(r"class=\"([^\"]*)\"", figure.text)[0] == "bw-figure"
    assert all(
        name.startswith("bw-") for names in re.findall(r"class=\"([^\"]*)\"", figure.text) for name in names.split()
    )


@pytest.mark.parametrize("make", CHARTS)
@pytest.mark.parametrize("width", [240, 320, 640, 1600])
def test_words_stay_within_the_figure(make: Make, width: int) -> None:
    if make is make_loss_by_rate:
        pytest.skip("it has one size")
    figure = make([0.00012, 1234.5, 3.0], "a name of some length", "linear", {"width": width, "height": width * 0.6})
    tall = float(parse(figure).get("height"))
    for text in parse(figure).iter("{http://www.w3.org/2000/svg}text"):
        across, down, length = float(text.get("x")), float(text.get("y")), len("".join(text.itertext())) * 5
        begin = across - {"end": length, "middle": length / 2}.get(text.get("text-anchor"), 0)
        if text.get("transform") is None:
            assert begin >= -4 and begin + length <= width + 4, "".join(text.itertext())
        assert 0 <= down <= tall


@pytest.mark.parametrize("make", CHARTS)
def test_a_thumbnail_has_no_words(make: Make) -> None:
    if make not in (make_loss_by_rate, make_matrix, make_heat_map):
        assert words(make([1.0, 3.0, 2.0], "name", "linear", {"width": 80, "height": 50})) == []


@pytest.mark.parametrize("make", CHARTS)
@pytest.mark.parametrize("values", [[], [np.nan, np.inf]])
def test_nothing_to_show_is_said(make: Make, values: list[float]) -> None:
    if make in (make_bars, make_spans, make_loss_by_rate, make_contour, make_heat_map) and not values:
        return
    if make in (make_matrix, make_loss_by_rate) and values:
        return
    figure = make(values, "name", "linear", {})
    if make is make_parallel and values:
        assert "2 lines have gaps" in told(figure)
    else:
        assert "Empty" in told(figure)
        assert any("there" in text for text in words(figure))


def test_a_page_cannot_stretch_the_part_that_is_clipped() -> None:
    """Pages say `svg { width: 100%; height: auto }`, which would move the lines away from their axes."""
    inner = parse(make_line([1.0, 2.0], "name", "linear", {})).find("{*}svg")
    held = dict(rule.split(":") for rule in inner.get("style").split(";"))
    assert held == {"width": f"{inner.get('width')}px", "height": f"{inner.get('height')}px", "max-width": "none"}
    assert inner.get("viewBox").split()[2:] == [inner.get("width"), inner.get("height")]


def test_a_figure_is_saved_and_shown(tmp_path) -> None:
    figure = make_line([1.0, 2.0], "größer", "linear", {})
    figure.save(tmp_path / "a.svg")
    assert (
        (tmp_path / "a.svg").read_bytes().decode("utf-8") == figure.text == figure._repr_svg_() == figure._repr_html_()
    )
    assert repr(figure) == "<Svg: größer>"


def test_hostile_words_are_shown_as_words() -> None:
    figure = make_line([1.0, 2.0], "</title><script>alert(1)</script>", "linear", {})
    assert "<script" not in figure.text
    assert "</title><script>alert(1)</script>" in words(figure)
    assert "\u202e" not in make_line([1.0, 2.0], "a\u202eb", "linear", {}).text
    assert max(map(len, words(make_line([1.0, 2.0], "x" * 500, "linear", {})))) < 120
