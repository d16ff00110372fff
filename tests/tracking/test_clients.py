"""Trackers with clients of their own, each against a store on this machine; left out where they are not installed."""

import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.tracking.conftest import PLAN

import batchwright as bw
from batchwright import workflow
from batchwright.config import load_config
from batchwright.errors import InterruptedRunError, UsageError
from batchwright.tracking import log_training, places_of, read_identities
from batchwright.workflow.events import Noted

pytestmark = pytest.mark.filterwarnings("ignore")  # those of other packages' own code


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, in which some clients make files."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def train_with_a_break(run: Path, place: str) -> bw.Trained:
    """Interrupted by Ctrl-C once the tracker's run has begun, and resumed."""
    chosen = {"data.source": "iris", "training.epochs": "60", "training.early_stopping": "null", "network.name": "mlp"}
    settings = load_config(None, [(key, value, "") for key, value in chosen.items()])

    def begun() -> bool:
        time.sleep(0.2)
        return (run / "trackers.json").exists()

    with pytest.raises(InterruptedRunError):
        list(log_training(workflow.train(settings, run_dir=run, interrupted=begun), places_of(place)))
    before = read_identities(run)
    found = list(log_training(workflow.resume(run), places_of(place, earlier=before)))
    assert [event.note for event in found if isinstance(event, Noted)] == []
    assert read_identities(run) == before
    return next(event for event in found if isinstance(event, bw.Trained))


def test_mlflow_has_the_run(here: Path) -> None:
    mlflow = pytest.importorskip("mlflow")
    uri = f"sqlite:///{here / 'ml.db'}"
    trained = train_with_a_break(here / "run", f"mlflow:{uri}")
    client = mlflow.MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("batchwright")
    (run,) = client.search_runs([experiment.experiment_id])
    assert (run.info.run_name, run.info.status) == ("run", "FINISHED")
    assert run.info.run_id == read_identities(here / "run")[f"mlflow:{uri}"]
    assert run.data.params["training.epochs"] == "60"
    assert run.data.metrics["test/accuracy"] == trained.test_metrics["accuracy"]
    for name in ("loss", "val_accuracy", "layers/body/dense_0/gradient"):
        found = [(one.step, one.value) for one in client.get_metric_history(run.info.run_id, name)]
        assert sorted(set(found)) == [(row["epoch"], row[name]) for row in trained.history if name in row], name
    paths = {one.path for one in client.list_artifacts(run.info.run_id, "figures")}
    assert paths == {f"figures/{name}.svg" for name in trained.figures}


def test_no_server_is_a_note_and_not_a_wait_of_minutes(iris: bw.Dataset, here: Path) -> None:
    pytest.importorskip("mlflow")
    with socket.socket() as taken:  # bound and not listening: nobody answers there
        taken.bind(("127.0.0.1", 0))
        place = f"mlflow:http://me:secret@127.0.0.1:{taken.getsockname()[1]}"
        with pytest.warns(UserWarning, match=r"no server answers at http://\*\*\*@127.0.0.1") as caught:
            trained = bw.fit(iris, **PLAN, log_to=place)
    assert len(trained.history) == 3
    assert "secret" not in " ".join(str(one.message) for one in caught)


def test_trackio_has_the_run(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("trackio")
    from trackio.sqlite_storage import SQLiteStorage

    project = f"test-{here.name}".replace("_", "-")
    trained = train_with_a_break(here / "run", f"trackio:{project}")
    assert capsys.readouterr().out == "", "standard output is that of the command"
    try:
        assert SQLiteStorage.get_runs(project) in (["run"], [{"name": "run"}])
        rows = SQLiteStorage.get_logs(project, "run")
        found = {(row["step"], row["loss"]) for row in rows if "loss" in row}
        assert found == {(row["epoch"], row["loss"]) for row in trained.history}
        assert rows[-1]["test/accuracy"] == trained.test_metrics["accuracy"]
        assert SQLiteStorage.get_run_config(project, "run")["training.epochs"] == 60
    finally:
        SQLiteStorage.get_project_db_path(project).unlink()


def test_wandb_has_the_run(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    trained = train_with_a_break(here / "run", "wandb:a-project")
    files = sorted(here.glob("wandb/offline-run-*/run-*.wandb"))
    assert {path.stem.removeprefix("run-") for path in files} == {read_identities(here / "run")["wandb:a-project"]}
    records = [record for path in files for record in records_of(path)]
    (project,) = {record.run.project for record in records if record.WhichOneof("record_type") == "run"}
    assert project == "a-project"
    found = {}
    for record in records:
        items = {item.key or "/".join(item.nested_key): item.value_json for item in record.history.item}
        if "loss" in items:
            found[int(items["epoch"])] = float(items["loss"])
    assert found == {row["epoch"]: row["loss"] for row in trained.history}
    assert [record.exit.exit_code for record in records if record.WhichOneof("record_type") == "exit"] == [1, 0]


def records_of(path: Path) -> Iterator[Any]:
    """The records of wandb's file: LevelDB's log format, in blocks of 32 KiB, behind a header of seven bytes."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, at, whole = path.read_bytes(), 7, b""
    while at + 7 <= len(data):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
            continue
        _, length, kind = struct.unpack("<IHB", data[at : at + 7])
        if kind == 0:
            return
        whole += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # all of it, or its last part
            yield Record.FromString(whole)
            whole = b""


def test_wandb_without_a_key_is_refused(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than wait for somebody to type one."""
    wandb = pytest.importorskip("wandb")
    wandb.teardown()  # it has read its settings already
    for name in ("WANDB_MODE", "WANDB_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(here / "netrc"))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(here))
    with pytest.raises(UsageError, match="wandb has no key: run `wandb login`"):
        places_of("wandb")
