"""Folders for MLflow and for the Hugging Face Hub, opened again, and by the libraries that they are for."""

import json
import re
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import yaml

import batchwright as bw
from batchwright import workflow
from batchwright.config import load_config
from batchwright.errors import ConfigError, RunError, UsageError
from batchwright.export.exporting import FOLDERS
from batchwright.export.mlflow_model import _load_pyfunc
from batchwright.runs.run import Run


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    draw, rows = np.random.default_rng(0), 120
    frame = pl.DataFrame(
        {
            "whole": draw.integers(5_000_000_000, size=rows),
            "part": np.where(draw.random(rows) < 0.1, np.nan, draw.normal(size=rows)),
            "a `colour` | of <it>": draw.choice(["red", "green", "blue"], rows),
            "day": [date(2024, 1, 1) + timedelta(days=int(days)) for days in draw.integers(400, size=rows)],
            "bought": draw.choice(["yes", "no"], rows),
        }
    )
    path = tmp_path_factory.mktemp("a-secret-place") / "people.csv"
    frame.with_columns(pl.col("part").fill_nan(None)).write_csv(path)
    return path


@pytest.fixture(scope="module")
def run(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    chosen = {"data.source": f"{table}", "data.target": "bought", "training.epochs": "1", "network.name": "mlp"}
    settings = load_config(None, [(key, value, "") for key, value in chosen.items()])
    trained = list(workflow.train(settings, run_dir=tmp_path_factory.mktemp("runs") / "people-1"))[-1]
    assert isinstance(trained, bw.Trained)
    assert trained.run is not None
    return trained.run


@pytest.fixture(scope="module")
def folders(run: Run, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("exported")
    for kind in FOLDERS:
        made = bw.export_model(run, root / kind.name, format=kind.name)
        assert (made.format, made.checked.difference, made.checked.what) == (kind.name, 0.0, "test rows")
        assert made.bytes == sum(path.stat().st_size for path in (root / kind.name).rglob("*") if path.is_file())
    return {kind.name: root / kind.name for kind in FOLDERS}


@pytest.mark.parametrize("kind", FOLDERS, ids=lambda kind: kind.name)
def test_the_run_in_a_folder_answers_alike(kind: object, folders: dict[str, Path], run: Run, table: Path) -> None:
    made = bw.open_run(folders[kind.name] / kind.run)
    assert bw.predict(made, table).frame().equals(bw.predict(run, table).frame())
    assert bw.predict(made, table, interval=0.8).frame().equals(bw.predict(run, table, interval=0.8).frame())
    assert made.metrics == run.metrics
    assert made.history == run.history


@pytest.mark.parametrize("kind", FOLDERS, ids=lambda kind: kind.name)
def test_nothing_tells_of_the_machine(kind: object, folders: dict[str, Path], table: Path) -> None:
    for path in folders[kind.name].rglob("*"):
        if path.is_file():
            assert b"a-secret-place" not in path.read_bytes(), path
            assert not re.search(rb'"threads|"processor', path.read_bytes()), path
    assert not list(folders[kind.name].rglob("splits*")), "which row is in which part"


def test_the_loader_of_mlflow_answers_as_predict_does(folders: dict[str, Path], run: Run, table: Path) -> None:
    frame = pd.read_csv(table).drop(columns="bought")
    found = _load_pyfunc(f"{folders['mlflow'] / 'run'}").predict(frame)
    wanted = bw.predict(run, table).frame()
    assert list(found.columns) == wanted.columns
    assert all(found[name].tolist() == wanted[name].to_list() for name in wanted.columns)


def test_answers_of_mlflow_have_the_index_of_their_rows(folders: dict[str, Path], table: Path) -> None:
    """Put beside the rows by pandas, each answer is beside its own row, whichever rows were chosen."""
    frame = pd.read_csv(table).drop(columns="bought")
    predictor = _load_pyfunc(f"{folders['mlflow'] / 'run'}")
    every, some = predictor.predict(frame), predictor.predict(frame.iloc[7:2:-1])
    assert some.index.tolist() == [7, 6, 5, 4, 3]
    assert frame.join(some, how="inner")[some.columns].equals(every.loc[some.index].sort_index())
    assert predictor.predict(frame.to_dict("list")).index.tolist() == frame.index.tolist()


def test_the_signature_names_what_the_network_gets_and_gives(folders: dict[str, Path], run: Run, table: Path) -> None:
    described = yaml.safe_load((folders["mlflow"] / "MLmodel").read_text())
    inputs, outputs = (json.loads(described["signature"][name]) for name in ("inputs", "outputs"))
    assert [one["name"] for one in inputs] == [one for one in pl.read_csv(table).columns if one != "bought"]
    answers = bw.predict(run, table).frame()
    assert [one["name"] for one in outputs] == answers.columns
    assert [one["type"] for one in outputs] == ["string", "double", "double"]


@pytest.mark.filterwarnings("ignore")
def test_mlflow_itself_loads_it(folders: dict[str, Path], run: Run, table: Path) -> None:
    """Whole numbers, missing cells and dates as text are taken; a missing column is refused."""
    mlflow = pytest.importorskip("mlflow")
    frame = pd.read_csv(table).drop(columns="bought")
    loaded = mlflow.pyfunc.load_model(f"{folders['mlflow']}")
    wanted = bw.predict(run, table).frame()
    found = loaded.predict(frame)
    assert all(found[name].tolist() == wanted[name].to_list() for name in wanted.columns)
    with pytest.raises(mlflow.exceptions.MlflowException, match="whole"):
        loaded.predict(frame.drop(columns="whole"))


def test_the_card_has_metadata_and_says_how_to_use_it(folders: dict[str, Path], run: Run) -> None:
    card = (folders["huggingface"] / "README.md").read_text()
    _, head, words = card.split("---\n", 2)
    metadata = yaml.safe_load(head)
    assert (metadata["library_name"], metadata["pipeline_tag"]) == ("batchwright", "tabular-classification")
    (result,) = metadata["model-index"][0]["results"]
    assert result["dataset"]["name"] == "people"
    found = {one["type"]: one["value"] for one in result["metrics"]}
    assert found == run.metrics["test"]
    assert "| `a 'colour' / of ‹it>` | categories |" in words
    assert "bw.open_run(folder)" in words


def test_the_hub_reads_the_card(folders: dict[str, Path], run: Run) -> None:
    hub = pytest.importorskip("huggingface_hub")
    data = hub.ModelCard.load(folders["huggingface"] / "README.md").data
    assert data.library_name == "batchwright"
    found = {one.metric_type: one.metric_value for one in data.eval_results}
    assert found == run.metrics["test"]


def test_images_have_a_signature_of_their_own(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(256, size=(40, 6, 5), dtype=np.uint8)
    trained = bw.fit(bw.load((images, np.arange(40) % 2)), epochs=1, run_dir=tmp_path / "run", network=bw.nn.MLP((4,)))
    for kind in FOLDERS:
        bw.export_model(trained.run, tmp_path / kind.name, format=kind.name)
    (one,) = json.loads(yaml.safe_load((tmp_path / "mlflow" / "MLmodel").read_text())["signature"]["inputs"])
    assert one == {"type": "tensor", "tensor-spec": {"dtype": "uint8", "shape": [-1, 6, 5, 1]}}
    found = _load_pyfunc(f"{tmp_path / 'mlflow' / 'run'}").predict(images)
    assert found.iloc[:, 0].tolist() == bw.predict(trained.model, images).frame().to_series(0).to_list()
    assert "Images of 6 × 5 pixels with 1 channel." in (tmp_path / "huggingface" / "README.md").read_text()


def test_what_cannot_be_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(UsageError, match="exists already"):
        bw.export_model(run, tmp_path / "there", format="mlflow")
    with pytest.raises(ConfigError, match="takes a run with its record"):
        bw.export_model(run.load_model(), tmp_path / "new", format="huggingface")
    with pytest.raises(ConfigError, match="interval is for files"):
        bw.export_model(run, tmp_path / "new", format="mlflow", interval=0.9)
    with pytest.raises(ConfigError, match="did you mean 'mlflow'"):
        bw.export_model(run, tmp_path / "new", format="mflow")
    broken = Run(run.path, type(run.manifest)(**{**vars(run.manifest), "files": {}, "status": "interrupted"}))
    with pytest.raises(RunError, match="did not get that far"):
        bw.export_model(broken, tmp_path / "new", format="mlflow")
    assert not (tmp_path / "new").exists()
