"""Curves in the terminal."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchwright.figures import line_sketch, needs_plain

values = st.lists(st.floats(), min_size=1, max_size=80)


def rows(text: str, plain: bool) -> list[str]:
    return [line.partition("|" if plain else "│")[2] for line in text.split("\n")[:-1]]


@given(st.dictionaries(st.text(max_size=50), values, max_size=5), st.integers(2, 80), st.integers(2, 12), st.booleans())
@settings(max_examples=25)
def test_any_curves_keep_their_bounds(curves, width: int, height: int, plain: bool) -> None:
    text = line_sketch(curves, width, height, plain=plain)
    if text == "(no finite value to show)":
        assert not any(np.isfinite(numbers).any() for numbers in curves.values())
        return
    lines = text.split("\n")
    assert len(lines) == height + 1
    assert not plain or text.isascii()
    plot = "".join(line[:width] for line in rows(text, plain))
    assert set(plot) <= (set(" *o+x") if plain else {" ", *map(chr, range(0x2801, 0x2900))})


@given(st.integers(10, 80), st.integers(2, 12))
def test_a_line_upwards_rises(width: int, height: int) -> None:
    lines = [line[:width] for line in rows(line_sketch({"": np.arange(500)}, width, height, plain=True), True)]
    lowest = [max(row for row, line in enumerate(lines) if line[column : column + 1] == "*") for column in range(width)]
    assert lowest[0] == height - 1
    assert min(row for row, line in enumerate(lines) if line.ljust(width)[-1] == "*") == 0
    assert all(after <= before for before, after in pairwise(lowest))


@pytest.mark.parametrize("name", ["loss", "val_loss"])
@pytest.mark.parametrize("plain", [True, False])
def test_a_spike_reaches_the_top(name: str, plain: bool) -> None:
    curves = {"loss": np.zeros(10_000), "val_loss": np.zeros(10_000)}
    curves[name][4_321] = 9.0
    top = rows(line_sketch(curves, width=50, plain=plain), plain)[0]
    assert top.strip(), "the only value as high is seen"
    assert 18 <= len(top) - len(top.lstrip()) <= 24


def test_labels_and_names() -> None:
    curves = {"loss": [4.0, 1.0], "val_loss": [4.0, 3.0]}
    lines = line_sketch(curves, width=20, height=8, first=5, plain=True).split("\n")
    assert lines[0].startswith("        4 |")
    assert lines[7].startswith("        1 |") and lines[7].endswith("* loss")
    assert [line for line in lines if line.endswith("o val_loss")]
    assert lines[8].split() == ["5", "6"]


def test_a_gap_is_seen() -> None:
    text = line_sketch({"loss": [1.0] * 40 + [np.nan] * 20 + [1.0] * 40}, width=50, height=3, plain=True)
    assert " " * 9 in rows(text, True)[1].rstrip()[:50].strip()


def test_hostile_names_are_harmless() -> None:
    text = line_sketch({"\x1b[31mred\n\u202e" + "x" * 99: [1.0, 2.0]})
    assert not set("\x1b\u202e") & set(text)
    assert max(map(len, text.split("\n"))) < 110


@pytest.mark.parametrize(("encoding", "plain"), [("utf-8", False), ("utf-16", False), ("ascii", True), ("cp437", True)])
def test_which_outputs_need_plain_characters(encoding: str, plain: bool) -> None:
    assert needs_plain(encoding) is plain
    assert needs_plain(None)
    assert needs_plain("no such encoding")
