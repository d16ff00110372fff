"""What a notebook shows, and how figures and tables are asked for by name."""

from html.parser import HTMLParser

import polars as pl
import pytest

from batchwright._shown import LONGEST, MOST_COLUMNS, MOST_ROWS, Drawings, Shown, html_table
from batchwright.errors import RunError, UsageError
from batchwright.figures import Axis, Bar, bars

HOSTILE = "<script>alert(1)</script>&\"'\x1b[31m\u202e<img src=x onerror=alert(2)>"


class Elements(HTMLParser):
    """The names of the elements of a page, and whether all are closed in their order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names, self.open, self.attributes = list[str](), list[str](), list[str]()
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.open.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def assert_harmless(page: str) -> None:
    elements = Elements(page)
    assert not elements.open
    assert not {"script", "img", "iframe", "object", "foreignobject", "a"} & set(elements.names)
    assert not [name for name in elements.attributes if name.startswith("on") or name in ("href", "src")]
    assert "\x1b" not in page and "\u202e" not in page


class Thing(Shown):
    def __init__(self, rows: int = 3, columns: int = 2) -> None:
        names = [f"{HOSTILE} {number}" for number in range(columns)]
        self.table = pl.DataFrame({name: [HOSTILE * 20] * rows for name in names})

    def __repr__(self) -> str:
        return f"<Thing {HOSTILE}>"

    def drawings(self) -> Drawings:
        return {
            "missing": "it was not measured",
            "first": lambda: bars([Bar(HOSTILE, 1.0)], Axis(HOSTILE), title="first"),
            "second": lambda: bars([Bar("a", 1.0)], Axis("b"), title="second"),
        }

    def frames(self) -> dict[str, pl.DataFrame]:
        return {"cells": self.table, "none": pl.DataFrame()}


def test_hostile_text_is_shown_and_does_nothing() -> None:
    page = Thing()._repr_html_()
    assert_harmless(page)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_a_large_table_is_cut_and_says_so() -> None:
    page = html_table(Thing(rows=1_000, columns=40).table)
    elements = Elements(page)
    assert elements.names.count("tr") == MOST_ROWS + 1
    assert elements.names.count("th") == MOST_COLUMNS
    assert f"{1_000 - MOST_ROWS:,} more rows and {40 - MOST_COLUMNS} more columns" in page
    assert len(page) < (MOST_ROWS + 1) * MOST_COLUMNS * (LONGEST * 6 + 20)


def test_figures_are_asked_for_by_name() -> None:
    thing = Thing()
    assert thing.figures == ("first", "second")
    assert repr(thing.figure()) == repr(thing.figure("first")) == "<Svg: first>"
    assert repr(thing.figure("second")) == "<Svg: second>"
    with pytest.raises(UsageError, match=r"unknown figure 'secnd': did you mean 'second'\? Allowed: first, second\."):
        thing.figure("secnd")
    with pytest.raises(UsageError, match=r"no figure 'missing' here: it was not measured\. Figures: first, second"):
        thing.figure("missing")


def test_tables_are_asked_for_by_name() -> None:
    thing = Thing()
    assert thing.frame().equals(thing.frame("cells")) and thing.frame("none").width == 0
    with pytest.raises(UsageError, match=r"unknown table 'cell': did you mean 'cells'\?"):
        thing.frame("cell")


def test_without_any_figure_the_first_reason_is_said() -> None:
    class Bare(Thing):
        def drawings(self) -> Drawings:
            return {"curves": "no epoch was completed"}

    assert "<svg" not in Bare()._repr_html_()
    with pytest.raises(UsageError, match=r"no figure 'curves' here: no epoch was completed\. Figures: none"):
        Bare().figure()


def test_what_cannot_be_read_is_said_in_place_of_it() -> None:
    class Damaged(Thing):
        def frames(self) -> dict[str, pl.DataFrame]:
            raise RunError(f"{HOSTILE} is damaged")

    page = Damaged()._repr_html_()
    assert_harmless(page)
    assert "is damaged" in page
