"""New rows are read so that each keeps its place, whatever its cells are, and however the source is cut."""

from functools import reduce
from operator import add
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from batchwright.data import whole_rows
from batchwright.data.encode.encoding import Encoding
from batchwright.data.load import load
from batchwright.data.whole_rows import WholeRows, level, read_whole
from batchwright.errors import DataError

ROWS = 60
FRAME = pl.DataFrame(
    {
        "id": [f"n{row}" for row in range(ROWS)],
        "x": np.linspace(-1, 1, ROWS),
        "city": ["Bern", "Genf", "Basel"] * (ROWS // 3),
        "y": ["lo", "hi"] * (ROWS // 2),
    }
)
FORMS = {
    "good": ("{n},0.{n},Bern", True),
    "unseen": ("{n},0.5,Rome", True),
    "missing": ("{n},,", True),
    "quoted": ('"{n}","0.25","Ge\nnf"', True),
    "bad": ("{n},tall,Bern", False),
    "short": ("{n},0.5", False),
    "long": ("{n},0.5,Bern,,", False),
}
"""How a line is written, and whether it fits."""


@pytest.fixture(scope="module")
def encoding() -> Encoding:
    return load(FRAME, target="y", validation_split=0.0, test_split=0.0).encoding


def together(pieces: list[WholeRows]) -> WholeRows:
    return reduce(add, pieces)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(sorted(FORMS)), min_size=1, max_size=25), st.integers(20, 200))
def test_each_row_keeps_its_place_in_any_mixture(
    tmp_path_factory: pytest.TempPathFactory, encoding: Encoding, forms: list[str], piece: int
) -> None:
    path = tmp_path_factory.mktemp("mixture") / "new.csv"
    lines = [FORMS[form][0].replace("{n}", str(row + 1)) for row, form in enumerate(forms)]
    path.write_text("\n".join(["id,x,city", *lines]) + "\n")
    fits = [FORMS[form][1] for form in forms]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(whole_rows, "PIECE_BYTES", piece)
        found = together(list(read_whole(path, encoding, keep=("id", "x"), on_bad_rows="drop")))
    assert found.fits.tolist() == fits
    whole_records = [form not in ("short", "long") for form in forms]
    assert found.written["id"].to_list() == [str(row + 1) if whole_records[row] else None for row in range(len(forms))]
    assert found.bad.count == fits.count(False)
    if any(fits):
        clean = path.with_name("clean.csv")
        kept = [line for line, fit in zip(lines, fits, strict=True) if fit]
        clean.write_text("\n".join(["id,x,city", *kept]) + "\n")
        expected = together(list(read_whole(clean, encoding)))
        for name, array in expected.inputs.items():
            np.testing.assert_array_equal(found.inputs[name], array)
        assert found.unfamiliar == expected.unfamiliar


def test_columns_are_kept_as_they_are_written(tmp_path: Path, encoding: Encoding) -> None:
    text = 'id,x,city,y,"a,b"\n007,1.50,Bern,?,=1\n"8",NA," Genf ",,-5\n'
    (tmp_path / "new.csv").write_text(text)
    (rows,) = read_whole(tmp_path / "new.csv", encoding, keep=("a,b", "y,id", "x", "city"))
    assert rows.written.columns == ["a,b", "y", "id", "x", "city"]
    assert rows.written.rows() == [("=1", "?", "007", "1.50", "Bern"), ("-5", None, "8", "NA", " Genf ")]


def test_types_of_parquet_are_kept_and_row_numbers_count_on(
    tmp_path: Path, encoding: Encoding, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = pl.DataFrame({"id": range(10), "x": [0.5] * 7 + [float("inf")] + [0.5] * 2, "city": ["Bern"] * 10})
    frame.write_parquet(tmp_path / "new.parquet")
    monkeypatch.setattr(whole_rows, "PIECE_CELLS", 9)
    pieces = list(read_whole(tmp_path / "new.parquet", encoding, keep=("id",), on_bad_rows="drop"))
    assert len(pieces) == 4
    found = together(pieces)
    assert found.written["id"].to_list() == list(range(10))
    assert np.flatnonzero(~found.fits).tolist() == [7]
    assert [cell.line for cell in found.bad.first] == [8]
    with pytest.raises(DataError, match="row 8, column 'x': 'inf'"):
        list(read_whole(tmp_path / "new.parquet", encoding))


@pytest.mark.parametrize("ending", ["arff", "csv", "jsonl", "frame"])
def test_bad_rows_keep_their_places_in_other_formats(tmp_path: Path, encoding: Encoding, ending: str) -> None:
    path: object = tmp_path / f"new.{ending}"
    rows = [("a", "0.5"), ("b", "tall"), ("c", "1.5")]
    text = {
        "arff": "@relation r\n@attribute id string\n@attribute x numeric\n@attribute city string\n@data\n"
        "a,0.5,Bern\nb,0.5\nc,1.5,Bern\n",
        "csv": "id,x,city\n" + "".join(f"{name},{x},Bern\n" for name, x in rows),
        "jsonl": "".join(f'{{"id": "{name}", "x": "{x}", "city": "Bern"}}\n' for name, x in rows),
    }
    if ending == "frame":
        path = pl.DataFrame({"id": ["a", "b", "c"], "x": [0.5, float("inf"), 1.5], "city": ["Bern"] * 3})
    else:
        (tmp_path / f"new.{ending}").write_text(text[ending])
    (found,) = read_whole(path, encoding, keep=("id",), on_bad_rows="drop")
    assert found.fits.tolist() == [True, False, True]
    names = ["a", None if ending == "arff" else "b", "c"]
    assert found.written["id"].to_list() == names
    assert len(found.inputs["numeric"]) == 2


def test_an_error_counts_the_bad_cells_of_all_pieces(
    tmp_path: Path, encoding: Encoding, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "new.csv").write_text("x,city\n" + "0.5,Bern\nhigh,Bern\n" * 20)
    monkeypatch.setattr(whole_rows, "PIECE_BYTES", 50)
    with pytest.raises(DataError, match=r"found 20 cells .*first ten") as caught:
        list(read_whole(tmp_path / "new.csv", encoding))
    assert caught.value.remedy.startswith("`on_bad_rows=drop`")


@pytest.mark.parametrize(
    ("keep", "said"),
    [(("cty",), "unknown column 'cty': did you mean 'city'"), (("city,ix",), "unknown column 'ix'")],
)
def test_a_column_to_keep_has_to_be_there(encoding: Encoding, keep: tuple[str, ...], said: str) -> None:
    with pytest.raises(DataError, match=said):
        list(read_whole(FRAME, encoding, keep=keep))


def test_images_have_no_columns_to_keep() -> None:
    encoding = load("digits").encoding
    with pytest.raises(DataError, match="no column 'id' to keep"):
        list(read_whole("digits", encoding, keep=("id",)))


def test_answers_for_images_have_their_paths_and_bad_files_come_last(tmp_path: Path) -> None:
    for place, name in enumerate(("a/1.png", "a/2.png", "b/3.png", "b/4.png", "b/5.png")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((4, 4), 40 * place, np.uint8)).save(tmp_path / name)
    encoding = load(tmp_path, validation_split=0.0, test_split=0.0).encoding
    (tmp_path / "a" / "2.png").write_bytes(b"no image")
    found = together(list(read_whole(tmp_path, encoding, on_bad_rows="drop")))
    assert found.written["path"].to_list() == ["a/1.png", "b/3.png", "b/4.png", "b/5.png", "a/2.png"]
    assert found.fits.tolist() == [True] * 4 + [False]
    assert found.inputs["image"][:, 0, 0, 0].tolist() == [0, 80, 120, 160]
    with pytest.raises(DataError, match=r"2\.png"):
        list(read_whole(tmp_path, encoding))
    with pytest.raises(DataError, match=r"no column 'id' to keep: leave it out\. Their answers have the column 'path'"):
        list(read_whole(tmp_path, encoding, keep=("id",), on_bad_rows="drop"))


@pytest.mark.parametrize("piece", [20, 1000])
def test_lines_that_are_no_rows_are_counted(
    tmp_path: Path, encoding: Encoding, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whole_rows, "PIECE_BYTES", piece)
    (tmp_path / "new.csv").write_text("x,city\n1,Bern\n,\n2,Genf\n,\n3,Bern\n")
    found = together(list(read_whole(tmp_path / "new.csv", encoding)))
    assert found.fits.tolist() == [True] * 3
    assert found.notes == ("2 lines of empty cells only left out",)


def test_a_unit_that_training_did_not_have_is_told(tmp_path: Path, encoding: Encoding) -> None:
    (tmp_path / "new.csv").write_text("x,city\n4.1 kg,Bern\n5 kg,Genf\n")
    with pytest.raises(DataError, match=r"'x' are numbers written as in '4.1 kg'"):
        list(read_whole(tmp_path / "new.csv", encoding))
    (tmp_path / "some.csv").write_text("x,city\n4.1 kg,Bern\n5,Genf\n")
    with pytest.raises(DataError, match=r"line 2, column 'x': '4.1 kg'") as caught:
        list(read_whole(tmp_path / "some.csv", encoding))
    assert "written as in" not in str(caught.value)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.booleans(), max_size=12), min_size=1, max_size=8), st.integers(1, 6))
def test_pieces_are_cut_into_whole_blocks(masks: list[list[bool]], block: int) -> None:
    pieces, start = [], 0
    for mask in masks:
        fits, numbers = np.array(mask, bool), np.arange(start, start + len(mask), dtype=np.float32)
        pieces.append(WholeRows({"numeric": numbers[fits, None]}, fits, pl.DataFrame({"number": numbers})))
        start += len(mask)
    cut = list(level(pieces, block))
    counts = [int(piece.fits.sum()) for piece in cut]
    assert all(count % block == 0 and count > 0 for count in counts[:-1])
    assert counts[-1] >= block or len(cut) == 1
    assert counts[-1] < 2 * block
    together_before, together_after = together(pieces), together(cut)
    np.testing.assert_array_equal(together_after.fits, together_before.fits)
    np.testing.assert_array_equal(together_after.inputs["numeric"], together_before.inputs["numeric"])
    assert together_after.written.equals(together_before.written)
