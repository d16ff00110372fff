"""The Python file predicts what the model predicts, with NumPy alone, from rows of any form; mistakes are told."""

import ast
import datetime
import io
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import polars as pl
import pytest
from tests.export.models import MODELS, TEXTS, Example
from tests.export.reading import TOLERANCE, compare

from batchwright.data.new_rows import read_like
from batchwright.export.numpy_file import MODULES, RUNTIME, numpy_file
from batchwright.export.parts import parts_of
from batchwright.runs.predictions import predict

Get = Callable[[str], Example]
NO_OTHER = """
import runpy, sys
sys.argv = ["model.py", "{source}"]
try:
    runpy.run_path("model.py", run_name="__main__")
except SystemExit as end:
    print(end.code, sorted({{"batchwright", "jax", "polars", "pandas", "onnx"}} & set(sys.modules)), file=sys.stderr)
"""


def run(text: str) -> dict[str, Any]:
    """The names that a file defines."""
    names: dict[str, Any] = {"__name__": "model"}
    exec(compile(text, "model.py", "exec"), names)
    return names


def text_of(example: Example, **asked: Any) -> str:
    return numpy_file(parts_of(example.model, **asked), example.model.encoding, ["Made for a test."])


@pytest.fixture(scope="module")
def loaded(example: Get) -> Callable[[str], dict[str, Any]]:
    """The names of the file of a model."""
    return cache(lambda name: run(text_of(example(name))))


@pytest.mark.parametrize("name", [*MODELS, *TEXTS])
def test_it_predicts_what_the_model_predicts(name: str, example: Get, loaded: Any) -> None:
    model, source, columns = example(name)
    found = loaded(name)["predict"](columns["image"] if name == "image" else columns)
    assert compare(found, predict(model, source).frame()) < TOLERANCE


@pytest.mark.parametrize("name", ["classes", "values", "several targets", "labels"])
def test_it_has_the_intervals_that_are_asked_for(name: str, example: Get) -> None:
    model, source, columns = example(name)
    found = run(text_of(example(name), interval=0.8))["predict"](columns)
    assert compare(found, predict(model, source, interval=0.8).frame()) < TOLERANCE


def test_on_the_command_line_it_needs_numpy_alone(example: Get, tmp_path: Path) -> None:
    model, source, _ = example("classes")
    (tmp_path / "model.py").write_text(text_of(example("classes")), encoding="utf-8")
    command = [sys.executable, "-I", "-c", NO_OTHER.format(source=source)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr.splitlines()[-1] == "0 []"
    found = pl.read_csv(io.StringIO(done.stdout))
    assert compare({name: found[name] for name in found.columns}, predict(model, source).frame()) < TOLERANCE


def test_the_top_says_what_it_is_and_how_it_is_used(example: Get) -> None:
    said = ast.get_docstring(ast.parse(text_of(example("classes"))))
    assert said is not None and "Predict kind with NumPy alone." in said and "Made for a test." in said
    assert "- amount: a number, " in said and " in training, written as '1.234,5 kg'" in said
    assert "- code: a category, '001', '002', '003', '004'" in said
    assert "Answers: predicted_kind, probability_big" in said


def test_rows_may_have_any_form(example: Get, loaded: Any) -> None:
    _, _, columns = example("dates, order and embedding")
    answer = loaded("dates, order and embedding")["predict"]
    wanted = answer(columns)["predicted_value"]
    rows = [{name: cells[row] for name, cells in columns.items()} for row in range(20)]
    for given in (rows, pd.DataFrame(columns)[:20], pl.DataFrame(columns)[:20]):
        np.testing.assert_allclose(answer(given)["predicted_value"], wanted[:20], rtol=1e-6)
    as_dates = [
        None if cell.strip() in ("", "NA") else datetime.datetime.strptime(cell, "%d.%m.%Y") for cell in columns["day"]
    ]
    for days in (as_dates, np.array(as_dates, "datetime64[ns]"), pd.Series(as_dates), pl.Series(as_dates)):
        np.testing.assert_array_equal(answer({**columns, "day": days})["predicted_value"], wanted)
    assert answer({name: [] for name in columns})["predicted_value"].shape == (0,)


def test_numbers_may_be_numbers(example: Get, loaded: Any) -> None:
    given = {"number": ["1.5", "", "2"], "colour": ["red", "", "blue"]}
    wanted = loaded("log target")["predict"](given)["predicted_price"]
    for numbers in ([1.5, None, 2], np.array([1.5, np.nan, 2], np.float32), pd.Series([1.5, None, 2])):
        np.testing.assert_array_equal(
            loaded("log target")["predict"](given | {"number": numbers})["predicted_price"], wanted
        )


def test_images_may_be_shares(example: Get, loaded: Any) -> None:
    pixels = example("image").columns["image"][:5]
    answer = loaded("image")["predict"]
    wanted = answer(pixels)["probability_dark"]
    for given in (pixels[..., 0], pixels / 255, pixels.astype(int)):
        np.testing.assert_array_equal(answer(given)["probability_dark"], wanted)
    for wrong, said in ((pixels[:, :4], r"shape \(rows, 8, 7, 1\)"), (pixels * 2.5, "from 0 to 255")):
        with pytest.raises(ValueError, match=said):
            answer(wrong)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"number": ["1"]}, "the rows lack 'colour', which the model needs. Their columns: 'number'."),
        ([{"number": 1, "colour": "red"}, {"number": "x"}], "row 2, column 'number': 'x' is not a finite number"),
        ({"number": ["1", "2"], "colour": ["red"]}, "different lengths"),
        (np.zeros((2, 3)), "not an array"),
    ],
)
def test_mistakes_are_told(given: Any, said: str, loaded: Any) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        loaded("log target")["predict"](given)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("number;colour\n1;red\n;\n\n2;x;y\n", "line 5 has 3 fields, expected 2."),
        ("colour\tnumber\nred\tone\n", "line 2, column 'number': 'one' is not a finite number"),
        ("", "the file has no rows."),
        ("number,color\n1,red\n", "lack 'colour'"),
        ("number,colour\n", "the file has no rows."),
        ("number,colour,number\n1,red,2\n", "several columns named 'number'"),
        ('number,colour\n\n1,red\n2,"blue\n3,red\n', "the record of line 4 cannot be taken apart"),
        ('number,colour\n1,"red"x\n', "the record of line 2 cannot be taken apart"),
    ],
)
def test_mistakes_in_a_file_are_told(
    text: str, said: str, loaded: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rows.csv").write_text(text, encoding="utf-8")
    names = loaded("log target")
    assert names["main"](names["MODELS"], [str(tmp_path / "rows.csv")], "usage") == 2
    assert said in capsys.readouterr().err


def test_files_of_any_delimiter_are_read(loaded: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names, outputs = loaded("log target"), set()
    for mark, start in ((",", "\ufeff"), (";", ""), ("\t", ""), ("|", "")):
        lines = ('colour,"number","a\nb"', '"red",1,', ",,", "", 'blue,,"x,"', "")
        text = start + "\r\n".join(lines).replace(",", mark)
        (tmp_path / "rows.csv").write_text(text, encoding="utf-8", newline="")
        assert names["main"](names["MODELS"], [str(tmp_path / "rows.csv")], "usage") == 0
        outputs.add(capsys.readouterr().out)
    assert len(outputs) == 1 and outputs.pop().count("\n") == 3
    assert names["main"](names["MODELS"], [], "how it is used") == 2
    assert "how it is used" in capsys.readouterr().err


def test_a_file_may_have_what_changes_no_cell(loaded: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names, outputs = loaded("log target"), list[str]()
    for text in ("number;colour;a;a\n1;red;;\n;; ;\n", '\n\nnumber; "colour"\n1; "red"\n ;\n;\n'):
        (tmp_path / "rows.csv").write_text(text, encoding="utf-8")
        assert names["main"](names["MODELS"], [str(tmp_path / "rows.csv")], "usage") == 0
        said = capsys.readouterr()
        outputs.append(said.out)
        assert (said.err == "note: 1 line of empty cells only left out\n") == (text.endswith("\n;\n"))
    assert outputs[0] == outputs[1] and outputs[0].count("\n") == 3, "a row of blanks is a row, as for predict"


@pytest.mark.parametrize("networks", [("torch_network",), ("flax_network",)])
def test_no_two_modules_share_a_name(networks: tuple[str, ...]) -> None:
    found = Counter[str]()
    for name in (*MODULES, *networks):
        tree = ast.parse((RUNTIME / f"{name}.py").read_text(encoding="utf-8"))
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                found[node.name] += 1
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            found.update(leaf.id for one in targets if one for leaf in ast.walk(one) if isinstance(leaf, ast.Name))
    assert [name for name, count in found.items() if count > 1] == []


@pytest.mark.parametrize("name", ["classes", "dates, order and embedding", "tags"])
def test_what_is_unlike_training_is_noted_as_predict_notes_it(name: str, example: Get, loaded: Any) -> None:
    model, source, columns = example(name)
    wanted = [note for note in predict(model, source).notes if note.startswith("column ")]
    assert loaded(name)["notes"](columns) == wanted
    kinds = ("hold categories that training never saw", "are missing, and none was in training", "are far outside")
    assert name == "tags" or all(
        any(kind in note for note in wanted) for kind in kinds[: 3 if name == "classes" else 2]
    )


def test_notes_are_told_on_the_command_line(loaded: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    long = "m" * 99
    (tmp_path / "rows.csv").write_text(f"number,colour\n1,red\n,\n\n2e9,{long}\n,\n3,mauve\n", encoding="utf-8")
    names = loaded("log target")
    assert names["main"](names["MODELS"], [str(tmp_path / "rows.csv")], "usage") == 0
    said = capsys.readouterr()
    assert said.out.count("\n") == 4
    told = said.err.splitlines()
    assert told[0] == "note: 2 lines of empty cells only left out"
    assert (
        told[1].startswith("note: column 'colour': 2 of 3 cells hold categories")
        and f"({'such as'} '{'m' * 59})" in told[1]
    )
    assert told[2].startswith("note: column 'number': 1 of 3 cells are far outside") and len(told) == 3


def test_a_row_of_quoted_empty_cells_is_a_row(example: Get, loaded: Any, tmp_path: Path) -> None:
    """As `predict` takes it: only lines of delimiters alone are none."""
    (tmp_path / "rows.csv").write_text('number,colour\n1,red\n"",""\n,\n', encoding="utf-8")
    typed, _ = loaded("log target")["typed_file"](loaded("log target")["ENCODING"], str(tmp_path / "rows.csv"))
    assert len(typed["colour"]) == 2 == len(predict(example("log target").model, tmp_path / "rows.csv").answers)


def test_a_network_from_elsewhere_can_be_put_between(example: Get, loaded: Any) -> None:
    """What `encode` gives is what the network of the model takes, and `decode` gives the answers to its outputs."""
    model, source, columns = example("several targets")
    inputs = loaded("several targets")["encode"](columns)
    rows = read_like(source, model.encoding.schema, model.encoding.preprocessing, model.encoding.reading)
    for key, array in model.encoding.inputs(rows).items():
        np.testing.assert_allclose(inputs[key], array, rtol=1e-6, atol=1e-6)
    variables = jax.tree.map(jnp.asarray, model.variables)
    outputs = model.model.outputs(variables, {key: jnp.asarray(array) for key, array in inputs.items()})
    assert compare(loaded("several targets")["decode"](outputs), predict(model, source).frame()) < TOLERANCE
