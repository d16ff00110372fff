"""Answers come in the order of the rows, one for each, with the same bits however the rows are read."""

import csv
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchwright.data import whole_rows
from batchwright.data.load import load
from batchwright.errors import DataError, UsageError
from batchwright.nn import MLP
from batchwright.nn.uncompiled import call_uncompiled
from batchwright.runs.answer_files import quote_formulas, write_csv_file, write_parquet_file
from batchwright.runs.answering import Answering
from batchwright.runs.model import Blueprint, SavedModel, features_of
from batchwright.runs.predictions import evaluate_on, predict
from batchwright.tasks import Classification

ROWS = 1700
RNG = np.random.default_rng(0)
FRAME = pl.DataFrame(
    {
        "id": [f"={row}" if row % 500 == 0 else str(row) for row in range(ROWS)],
        "a": RNG.normal(size=ROWS),
        "b": RNG.normal(size=ROWS).round(3),
        "city": RNG.choice(["Bern", "Genf", "Basel"], ROWS),
        "y": RNG.choice(["-lo", "hi"], ROWS),
    }
)


@pytest.fixture(scope="module")
def model() -> SavedModel:
    """A network that is not trained: its answers are as good as others to compare."""
    encoding = load(FRAME, target="y").encoding
    blueprint = Blueprint(MLP(hidden_layer_sizes=(33,)), features_of(encoding), Classification(("-lo", "hi")))
    built = blueprint.build()
    inputs = {"numeric": jnp.zeros((2, len(encoding.preprocessing.feature_names)), jnp.float32)}
    return SavedModel(blueprint, built, call_uncompiled(built.network.init, jax.random.key(0), inputs), encoding)


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole_rows, "PIECE_BYTES", 2000)
    monkeypatch.setattr(whole_rows, "PIECE_CELLS", 500)


def answers(model: SavedModel, source: Path, **options: object) -> list[pl.DataFrame]:
    return list(Answering(model, source, **({"keep": (), "on_bad_rows": "stop"} | options)).frames())


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("rows", [ROWS, 512, 1023, 1024, 1025, 5])
def test_the_bits_are_those_of_all_rows_at_once(model: SavedModel, tmp_path: Path, rows: int) -> None:
    some = FRAME[:rows]
    expected = predict(model, some.drop("y")).frame()
    some.write_csv(tmp_path / "new.csv")
    some.write_parquet(tmp_path / "new.parquet")
    for name in ("new.csv", "new.parquet"):
        pieces = answers(model, tmp_path / name)
        assert len(pieces) == max(1, rows // 512)
        assert pl.concat(pieces).equals(expected)
        assert predict(model, tmp_path / name).frame().equals(expected)


def test_the_last_rows_need_the_ones_before_for_their_bits(model: SavedModel) -> None:
    """So the test above can fail: rows that are answered alone may differ in the last bits, and nothing else."""
    alone = predict(model, FRAME[1600:]).probabilities
    np.testing.assert_allclose(alone, predict(model, FRAME).probabilities[1600:], rtol=1e-5)


@pytest.mark.usefixtures("small_pieces")
@settings(max_examples=15, deadline=None)
@given(bad=st.sets(st.integers(0, 79), max_size=80), torn=st.sets(st.integers(0, 79), max_size=20))
def test_there_is_an_answer_or_an_empty_place_for_each_row(
    model: SavedModel, tmp_path_factory: pytest.TempPathFactory, bad: set[int], torn: set[int]
) -> None:
    path = tmp_path_factory.mktemp("mixture") / "new.csv"
    lines = FRAME[:80].write_csv().splitlines()
    for row in bad:
        lines[row + 1] = f"{row},tall,0.5,Bern,hi"
    for row in torn:
        lines[row + 1] = f"{row},0.5"
    path.write_text("\n".join(lines) + "\n")
    answering = Answering(model, path, keep=("id",), on_bad_rows="drop")
    found = pl.concat(list(answering.frames()))
    without = sorted(bad | torn)
    assert found.columns == ["id", "predicted_y", "probability_-lo", "probability_hi"]
    assert found.height == 80
    for name in found.columns[1:]:
        assert found[name].is_null().arg_true().to_list() == without
    assert found["id"].is_null().arg_true().to_list() == sorted(torn)
    counts = answering.to_json()
    assert (counts["rows"], counts["answered"]) == (80, 80 - len(without))
    assert counts["bad_cells"]["count"] == len(without)
    at_once = predict(model, path, keep="id", on_bad_rows="drop")
    assert at_once.frame().equals(found)
    assert at_once.notes == answering.notes
    np.testing.assert_array_equal(np.isnan(at_once.probabilities[:, 0]), found["predicted_y"].is_null().to_numpy())
    if not without:
        return
    with pytest.raises(DataError, match=f"found {len(without):,} "):
        predict(model, path)


def test_a_column_of_the_answers_is_not_kept_twice(model: SavedModel) -> None:
    taken = FRAME.with_columns(predicted_y=pl.lit("x"))
    with pytest.raises(DataError, match="'predicted_y' cannot be kept"):
        predict(model, taken, keep="predicted_y").frame()


def test_numbers_and_single_signs_are_no_formulas() -> None:
    risky = ["=1+1", "+cmd|x", "-2+3", "@SUM(A1)", "\tx", "\rx", "-lo", "=", "+1 @"]
    plain = ["-5", "+5", "-5.5e-3", "-1.234,5", "+41 44", "-", "+", "@", "a=b", "", "'=1", "-5%"]
    frame = pl.DataFrame({"text": [*risky, *plain, None], "number": -1.5})
    found = quote_formulas(frame)
    expected = [f"'{cell}" if len(cell) > 1 else cell for cell in risky]
    assert found.frame["text"].to_list() == [*expected, *plain, None]
    assert found.frame["number"].equals(frame["number"])
    assert (found.cells, found.example) == (8, "=1+1")


@pytest.mark.usefixtures("small_pieces")
def test_files_are_complete_or_absent(model: SavedModel, tmp_path: Path) -> None:
    FRAME.write_csv(tmp_path / "new.csv")
    answering = Answering(model, tmp_path / "new.csv", keep=("id",), on_bad_rows="stop")
    assert write_parquet_file(answering.frames(), tmp_path / "out.parquet") == ()
    expected = predict(model, FRAME, keep="id").frame()
    assert pl.read_parquet(tmp_path / "out.parquet").equals(expected)
    again = Answering(model, tmp_path / "new.csv", keep=("id",), on_bad_rows="stop")
    notes = write_csv_file(again.frames(), tmp_path / "out.csv")
    written = pl.read_csv(tmp_path / "out.csv", infer_schema=False)
    assert written["id"].to_list() == [f"'{cell}" if cell[0] == "=" else cell for cell in FRAME["id"]]
    assert set(written["predicted_y"]) <= {"'-lo", "hi"}
    lows = (expected["predicted_y"] == "-lo").sum()
    assert notes[0].startswith(f"{lows + 4:,} cells begin as a formula does (such as '=0')")
    with (tmp_path / "new.csv").open("a") as file:
        file.write("1,tall,0,Bern,hi\n")
    before = {entry.name for entry in tmp_path.iterdir()}
    for write, name in ((write_csv_file, "more.csv"), (write_parquet_file, "more.parquet")):
        with pytest.raises(DataError, match="'tall'"):
            write(Answering(model, tmp_path / "new.csv", keep=(), on_bad_rows="stop").frames(), tmp_path / name)
        with pytest.raises(UsageError, match="exists already"):
            write(iter(()), tmp_path / "out.csv")
    assert {entry.name for entry in tmp_path.iterdir()} == before


def test_an_evaluation_leaves_out_what_it_is_told_to(model: SavedModel, tmp_path: Path) -> None:
    FRAME.write_csv(tmp_path / "good.csv")
    text = (tmp_path / "good.csv").read_text() + "1,tall,0,Bern,hi\n2,0.5\n3,0.5,0,Bern,\n"
    (tmp_path / "new.csv").write_text(text)
    found = evaluate_on(model, tmp_path / "new.csv", on_bad_rows="drop")
    assert found.metrics == evaluate_on(model, tmp_path / "good.csv").metrics
    assert found.notes[0].startswith("2 rows dropped: line 1702 (column 'a': 'tall'")
    assert found.notes[1].startswith("1 row dropped: line 1704 (column 'y'")
    with pytest.raises(DataError, match="line 1702") as caught:
        evaluate_on(model, tmp_path / "new.csv")
    assert caught.value.remedy == "`on_bad_rows=drop` does that."
    with pytest.raises(DataError, match="no row with a target"):
        evaluate_on(model, FRAME.with_columns(y=pl.lit(None, pl.String)), on_bad_rows="drop")


def test_an_evaluation_counts_unfamiliar_cells(model: SavedModel) -> None:
    found = evaluate_on(model, FRAME.with_columns(city=pl.lit("Rome"), a=pl.lit(99.0)))
    assert found.unfamiliar.unseen["city"].cells == found.unfamiliar.out_of_range["a"].cells == ROWS
    assert any("'Rome'" in note for note in found.notes)
    assert any("such as 99" in note for note in found.notes)


def test_a_row_without_an_answer_is_no_blank_line(tmp_path: Path) -> None:
    answers = pl.DataFrame({"predicted_y": [None, 1.5, None, 1e300, None]})
    write_csv_file([answers, answers], tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(newline="") as file:
        found = [row["predicted_y"] for row in csv.DictReader(file)]  # which skips blank lines, as pandas does
    assert [float(cell) if cell else None for cell in found] == answers["predicted_y"].to_list() * 2
