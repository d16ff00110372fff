"""Files are written when they answer as the model does, and refused with what to do otherwise."""

import json
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from tests.export.models import Example

import batchwright as bw
from batchwright import nn
from batchwright.cli.main import main
from batchwright.errors import BatchwrightError, ConfigError, RunError, UsageError
from batchwright.export import onnx_format, rounding
from batchwright.export.exporting import export_model
from batchwright.export.onnx_file import NEWEST, OF_TEXTS
from batchwright.export.onnx_format import OnnxModel
from batchwright.export.rounded_intervals import with_own_scores
from batchwright.export.rows_to_check import made_rows, rows_to_check
from batchwright.export.typed_inputs import typed_inputs
from batchwright.runs.manifest import read_manifest
from batchwright.runs.model import SavedModel
from batchwright.runs.run import Run, open_run
from batchwright.workflow.rows_again import read_rows_again

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

Get = Callable[[str], Example]
ROWS = 240


class Sorted:
    """A network that goes by the order of the numbers."""

    def init(self, key: jax.Array, example: Any) -> nn.Variables:
        return nn.Variables({"w": jax.random.normal(key, (example["numeric"].shape[1], 3))}, {})

    def apply(self, variables: nn.Variables, inputs: Any, *, train: bool, key: Any, present: Any) -> tuple[Any, Any]:
        return jnp.sort(inputs["numeric"], axis=1) @ variables.params["w"], {}


def command(*words: object) -> int:
    """The exit code of a command."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["batchwright", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            main()
    return int(left.value.code or 0)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Trained on a file, whose rows can be read again."""
    folder = tmp_path_factory.mktemp("exported")
    rng = np.random.default_rng(0)
    x = rng.normal(size=ROWS)
    rows = {"x": x, "town": rng.choice(list("abcdefghijklmn"), ROWS), "y": np.where(x > 0, "yes", "no")}
    pl.DataFrame(rows).write_csv(folder / "rows.csv")
    how = ("--target", "y", "--epochs", 2, "--set", "network.hidden_layer_sizes=[8]")
    assert command("train", folder / "rows.csv", *how, "--run-dir", folder / "run") == 0
    return open_run(folder / "run")


def test_a_run_is_compared_on_its_own_test_rows(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "model.onnx"
    assert command("export", run.path, file) == 0
    said = capsys.readouterr().out
    assert f"{file}: onnx, {file.stat().st_size:,} bytes" in said
    assert "answers as the model does on 36 test rows: at most " in said
    model = onnx.load(file)
    assert [one.name for one in model.graph.input] == ["x", "town"]
    assert [one.name for one in model.graph.output] == ["predicted_y", "probability_no", "probability_yes"]
    kept = {one.key: one.value for one in model.metadata_props}
    assert (json.loads(kept["classes"]), kept["run"], kept["opset"]) == (["no", "yes"], "run", "13")
    assert json.loads(kept["metrics"])["test"] == pytest.approx(run.metrics["test"])
    assert json.loads(kept["schema"])["target"] == "y"
    assert str(run.path.parent) not in str(model)
    assert export_model(run, tmp_path / "again.onnx").bytes == file.stat().st_size
    assert (tmp_path / "again.onnx").read_bytes() == file.read_bytes()


def test_as_json(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("export", run.path, tmp_path / "model.bin", "--format", "onnx", "--interval", 0.8, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["format"] == "onnx" and found["rows"] == 36 and found["difference"] < 1e-5
    assert [one.name for one in onnx.load(tmp_path / "model.bin").graph.output][-1] == "set_y"


def test_where_rows_cannot_be_read_again_some_are_made_up(example: Get, tmp_path: Path) -> None:
    """Of every kind of column, with missing cells and texts that are not known."""
    for name in ("dates, order and embedding", "image and columns", "image", "classes"):
        made = export_model(example(name).model, tmp_path / f"{name}.onnx")
        assert made.checked.rows == 501 and made.checked.difference < 1e-5
        assert made.checked.what.startswith("rows")
        assert repr(made).startswith("<Exported ")
    table = made_rows(example("classes").model.encoding).rows
    assert all(0 < table.frame[name].null_count() < 150 for name in table.frame.columns)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"temperature": 1.01}, "probability_.* differs by"),
        ({"threshold": 0.999}, "'no .*' in place of 'yes .*' in row"),
    ],
    ids=["probabilities", "answers"],
)
def test_a_file_that_answers_otherwise_is_not_kept(
    changes: dict[str, float], message: str, example: Get, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model is changed as its graph is made, as if an operator did something else."""
    honest = onnx_format.graph_of

    def spoilt(one: SavedModel, **how: object) -> object:
        return honest(replace(one, model=replace(one.model, task=replace(one.model.task, **changes))), **how)

    monkeypatch.setattr(onnx_format, "graph_of", spoilt)
    with pytest.raises(BatchwrightError, match=message):
        export_model(example("threshold").model, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("model.pt", {}, r"\.pt is not known: take \.onnx, "),
        ("model", {}, "none is not known"),
        ("model.zip", {}, "`format=mlflow` and `format=huggingface` write a folder"),
        ("model.keras", {"interval": 0.9}, "interval is for onnx, numpy, html, torch and flax, and not for keras"),
        ("model.onnx", {"format": "onx"}, "did you mean 'onnx'"),
        ("nowhere/model.onnx", {}, "the folder .* does not exist"),
        ("model.onnx", {"opset": OF_TEXTS - 1}, f"opset 19 is too old for this model: take 20 to {NEWEST}"),
        ("model.onnx", {"opset": NEWEST + 1}, "is newer than what this version writes: take 20 to"),
        ("model.onnx", {"interval": 0.99}, "a level of 0.97"),
        ("model.onnx", {"interval": 2}, "above 0 and below 1"),
        ("model.onnx", {"precision": "float17"}, "did you mean 'float16'"),
    ],
)
def test_what_cannot_be_is_refused(
    name: str, options: dict[str, object], message: str, example: Get, tmp_path: Path
) -> None:
    """`classes` has a column of whole numbers as categories, which takes expressions."""
    with pytest.raises(UsageError, match=message):
        export_model(example("classes").model, tmp_path / name, **options)
    assert list(tmp_path.iterdir()) == []


def test_other_opsets_answer_alike(run: Run, tmp_path: Path) -> None:
    """With 18, the largest number takes its axes as an input."""
    for opset in (13, 17, 18, NEWEST):
        assert export_model(run, tmp_path / f"{opset}.onnx", opset=opset).checked.difference < 1e-5


def test_a_run_without_a_model_says_how_it_ended(run: Run, tmp_path: Path) -> None:
    """As one that is still running, or was killed."""
    copy = Path(shutil.copytree(run.path, tmp_path / "copy"))
    manifest = read_manifest(copy)
    del manifest.files["model/model.json"]
    (copy / "manifest.json").write_text(replace(manifest, status="running").to_text())
    with pytest.raises(
        RunError, match=r"has no model/model\.json, as its training did not get that far .status: killed"
    ):
        export_model(open_run(copy), tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()


def test_files_and_runs_that_are_not_there(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    taken = tmp_path / "taken.onnx"
    taken.write_text("mine")
    assert command("export", run.path, taken) == 2
    assert "exists already and is not overwritten" in capsys.readouterr().err
    assert taken.read_text() == "mine"
    with pytest.raises(RunError, match="is not a folder"):
        open_run(tmp_path / "run")


def test_a_column_named_as_an_answer(example: Get, tmp_path: Path) -> None:
    model = example("threshold").model
    made = model.encoding.preprocessing
    numbers = replace(made.encoders[0], column="predicted_answer")
    spoilt = replace(model.encoding, preprocessing=replace(made, encoders=(numbers, *made.encoders[1:])))
    with pytest.raises(UsageError, match="'predicted_answer' would be the name of two"):
        export_model(replace(model, encoding=spoilt), tmp_path / "model.onnx")


def test_without_the_packages_it_says_what_to_install(
    example: Get, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UsageError, match=r"onnxruntime is not installed: pip install 'batchwright\[onnx\]'"):
        export_model(example("labels").model, tmp_path / "model.onnx")


@pytest.mark.parametrize(("precision", "share"), [("float16", 0.62), ("int8", 0.45)])
def test_matrices_of_fewer_bits(
    precision: str, share: float, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file is smaller and answers as the rounded model does, whose metric is that of its own answers."""
    whole = export_model(run, tmp_path / "whole.onnx")
    assert command("export", run.path, tmp_path / "small.onnx", "--precision", precision) == 0
    said = capsys.readouterr().out
    assert weights_in(tmp_path / "small.onnx") < share * weights_in(whole.file)
    before, after = re.search("rounding changes accuracy on them from ([^ ]+) to (.+)", said).groups()
    assert float(before) == pytest.approx(run.metrics["test"]["accuracy"], abs=1e-5)
    model, rows = run.load_model(), rows_to_check(run.load_model(), run)
    answers = OnnxModel((tmp_path / "small.onnx").read_bytes()).answers(typed_inputs(model.encoding, rows.rows))
    right = np.mean(answers["predicted_y"] == np.array(["no", "yes"], object)[rows.split.targets])
    assert float(after) == pytest.approx(right, abs=1e-5)
    exact = OnnxModel(whole.file.read_bytes()).answers(typed_inputs(model.encoding, rows.rows))["probability_yes"]
    assert 1e-6 < np.abs(answers["probability_yes"] - exact).max() < 0.05


def test_what_rounding_costs_is_told_or_said_to_be_unknown(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    how = ("--precision", "int8")
    assert command("export", run.path, tmp_path / "model.onnx", *how, "--json") == 0
    told = json.loads(capsys.readouterr().out)["rounding"]
    assert told["metric"] == "accuracy" and told["before"] == pytest.approx(run.metrics["test"]["accuracy"], abs=1e-5)
    rows, away = run.path.parent / "rows.csv", run.path.parent / "away.csv"
    rows.rename(away)
    try:
        assert command("export", run.path, tmp_path / "again.onnx", *how) == 0
    finally:
        away.rename(rows)
    said = capsys.readouterr().out
    assert "answers as the rounded model does on 501 rows made up" in said
    assert "what rounding costs is not known" in said


def test_intervals_of_a_rounded_model_are_its_own(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With weights so coarse that the answers are others, the sets still hold as many validation rows as promised."""
    model, level = run.load_model(), 0.8
    np.testing.assert_allclose(with_own_scores(model, run).conformal.scores, model.conformal.scores, rtol=1e-4)
    coarse = dict(rounding.ROUNDED) | {"int8": lambda array: np.round(3 * array) / 3}
    monkeypatch.setattr(rounding, "ROUNDED", coarse)
    assert command("export", run.path, tmp_path / "model.onnx", "--precision", "int8", "--interval", level) == 0
    assert "by the answers of the rounded model to the validation rows" in capsys.readouterr().out
    again = read_rows_again(run)
    rows, targets = again.parted.rows["validation"], again.dataset.parts["validation"].targets
    sets = OnnxModel((tmp_path / "model.onnx").read_bytes()).answers(typed_inputs(model.encoding, rows))["set_y"]
    inside = sum(("no", "yes")[target] in found.split("|") for target, found in zip(targets, sets, strict=True))
    promised = int(np.ceil((len(targets) + 1) * level))
    own = with_own_scores(rounding.round_weights(model, "int8"), run).conformal.cutoffs(level)
    assert inside >= promised and abs(own[0] - model.conformal.cutoffs(level)[0]) > 1e-3


def test_intervals_of_a_rounded_model_need_its_validation_rows(run: Run, example: Get, tmp_path: Path) -> None:
    model = run.load_model()
    with pytest.raises(UsageError, match="as the model comes without its run: leave `interval` out, or"):
        export_model(model, tmp_path / "model.onnx", precision="int8", interval=0.8)
    folded = replace(model, conformal=replace(model.conformal, chosen=("folds",)))
    with pytest.raises(UsageError, match="those that it did not know come from other networks"):
        with_own_scores(folded, run)
    rows, away = run.path.parent / "rows.csv", run.path.parent / "away.csv"
    rows.rename(away)
    try:
        with pytest.raises(UsageError, match="the validation rows cannot be read again"):
            export_model(run, tmp_path / "model.onnx", precision="float16", interval=0.8)
    finally:
        away.rename(rows)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("precision", ["float16", "int8"])
def test_what_is_not_learned_is_not_rounded(precision: str, run: Run) -> None:
    model, edges = run.load_model(), np.linspace(1, 1.0001, 99, dtype=np.float32).reshape(9, 11)
    model = replace(model, variables=model.variables._replace(state={"edges": edges}))
    found = rounding.round_weights(model, precision).variables
    assert np.array_equal(found.state["edges"], edges)
    before, after = (jax.tree.leaves(one.params) for one in (model.variables, found))
    assert any(not np.array_equal(*pair) for pair in zip(before, after, strict=True))


def weights_in(file: Path) -> int:
    """The bytes of numbers that are weights."""
    kinds = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.INT8)
    constants = onnx.load(file).graph.initializer
    return sum(onnx.numpy_helper.to_array(one).nbytes for one in constants if one.data_type in kinds)


@given(arrays(np.float32, (9, 8), elements=st.floats(-8192, 8192, width=32, allow_subnormal=False)))
def test_what_is_kept_in_fewer_bits_is_the_rounded_matrix(matrix: np.ndarray) -> None:
    """Rounded as the model is, and nearer than half a step to what it was."""
    half, whole = (rounding.round_array(matrix, precision) for precision in ("float16", "int8"))
    assert np.array_equal(rounding.as_half(half).astype(np.float32), half)
    assert np.abs(half - matrix).max() <= np.abs(matrix).max() * 2**-11 + 2**-25
    np.testing.assert_allclose(rounding.unscale(rounding.as_whole(whole)), whole, rtol=1e-6, atol=1e-30)
    assert (np.abs(whole - matrix) <= np.abs(matrix).max(axis=0) / 254 * 1.001 + 1e-30).all()


def test_stablehlo_takes_a_network_that_has_no_form_in_a_graph(tmp_path: Path) -> None:
    data = bw.load("iris")
    model = bw.fit(data, network=Sorted(), epochs=1, progress=False).model
    with pytest.raises(UsageError, match=r"'sort' of JAX has no form .* test_exporting\.py, line .*stablehlo"):
        export_model(model, tmp_path / "model.onnx")
    made = export_model(model, tmp_path / "model.stablehlo")
    assert made.checked.difference < 1e-5
    network = jax.export.deserialize(bytearray(made.file.read_bytes()))
    inputs = data.parts["train"].inputs
    found = network.call(inputs)
    wanted = model.model.outputs(model.variables, {name: jnp.asarray(array) for name, array in inputs.items()})
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
    with pytest.raises(ConfigError, match="opset is for onnx, and not for stablehlo"):
        export_model(model, tmp_path / "other.stablehlo", opset=20)


@pytest.mark.parametrize("name", ["values", "image", "image and columns", "submodels", "quantiles"])
def test_stablehlo_takes_any_number_of_rows(name: str, example: Get, tmp_path: Path) -> None:
    """Of networks that a shape of their own could make fail: a size is never asked for as a whole number."""
    assert export_model(example(name).model, tmp_path / "model.stablehlo").checked.difference < 1e-5
