"""Texts become codes as the encoders make them, in Python and in the scripts."""

import unicodedata
from typing import Any

import numpy as np
import polars as pl
import pytest
from tests.export.scripts import NODE, array_of, plain, run_script

from batchwright.data.encode.encoders import category_codes as ours
from batchwright.data.encode.tags import Tags
from batchwright.data.encode.texts import WORD, HashedText
from batchwright.export.page import folds
from batchwright.export.runtime.texts import CELL_FUNCTIONS, words_of

CELLS = [
    "a",
    "A",
    "b.",
    "3",
    "3.0",
    "03",
    "-3",
    "",
    "Straße",
    "STRASSE",
    "a;b",
    "['a', b];;c",
    "x y  z",
    "été, ça va?",
    "漢字かな ab1_2",
]
CELLS += ["ก ข้อความ", "नमस्ते दुनिया", "½ ² Ⓐb", "it's", "ΣΑΣ", "İstanbul", "1e5", "inf", "word " * 30]


def run(op: str, texts: list[str], settings: dict[str, Any], *, script: bool) -> np.ndarray:
    wide = np.array(texts, object)[:, None]
    if not script:
        return CELL_FUNCTIONS[op](wide, **settings)
    settings = settings | ({"folds": folds(merge_case=settings["merge_case"])} if "merge_case" in settings else {})
    body = "return give(CELL_OPERATORS[given.op]([take(given.x)], given.settings))"
    return array_of(run_script(body, {"op": op, "x": plain(wide), "settings": settings}))


LANGUAGES = pytest.mark.parametrize(
    "script", [False, pytest.param(True, marks=pytest.mark.skipif(NODE is None, reason="there is no Node"))]
)


@LANGUAGES
@pytest.mark.parametrize("missing", [True, False])
@pytest.mark.parametrize("merge_case", [True, False])
@pytest.mark.parametrize("categories", [("a", "b", "straße"), ("3.0", "-3"), ("3", "03", "inf"), ("3", "3.0")])
def test_categories(categories: tuple[str, ...], merge_case: bool, missing: bool, script: bool) -> None:
    cells = pl.Series([cell or None for cell in CELLS])
    wanted = ours(cells, categories, missing=missing, merge_case=merge_case)
    settings = {"categories": categories, "missing": missing, "merge_case": merge_case}
    np.testing.assert_array_equal(run("CategoryCodes", CELLS, settings, script=script)[:, 0], wanted)


@LANGUAGES
@pytest.mark.parametrize("other", [True, False])
def test_several_values(other: bool, script: bool) -> None:
    encoder = Tags("x", ";", ("a", "b"), other, missing=other)
    wanted = np.empty((len(CELLS), len(encoder.features)), np.float32)
    encoder.write(pl.Series([cell or None for cell in CELLS]), wanted)
    settings = {"separator": ";", "values": ("a", "b"), "other": other, "missing": other}
    np.testing.assert_array_equal(run("HeldValues", CELLS, settings, script=script), wanted)


@LANGUAGES
@pytest.mark.parametrize(
    ("ngrams", "length", "missing", "separator"),
    [(1, 3, True, ""), (3, 6, False, ""), (3, 2, True, ""), (1, 2, True, ";")],
)
def test_words(ngrams: int, length: int, missing: bool, separator: str, script: bool) -> None:
    encoder = HashedText("x", 4096, ngrams, length, missing, separator)
    wanted = np.empty((len(CELLS), encoder.width), np.int32)
    encoder.write(pl.Series([cell or None for cell in CELLS]), wanted)
    settings = {"features": 4096, "ngrams": ngrams, "length": length, "missing": missing, "separator": separator}
    np.testing.assert_array_equal(run("HashedWords", CELLS, settings, script=script), wanted)


def test_every_sign_belongs_to_words_as_in_training() -> None:
    known = [chr(code) for code in range(0x30000) if unicodedata.category(chr(code)) not in ("Cn", "Cs")]
    texts = [f"a{sign}b" for sign in known]
    wanted = pl.Series(texts).str.to_lowercase().str.extract_all(WORD).to_list()
    assert [words_of(text, "") for text in texts] == wanted
