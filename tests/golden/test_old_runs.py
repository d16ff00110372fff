"""What released versions have recorded is opened, asked, reported and resumed; what newer ones record is refused.

`tools/golden.py` makes the folder of a version, with the answers that are expected of it.
"""

import json
import re
import shutil
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tools import golden

import batchwright as bw
from batchwright import workflow
from batchwright.cli.main import main
from batchwright.errors import RunError
from batchwright.report import write_report
from batchwright.runs.manifest import Manifest, describe_file, read_manifest
from batchwright.runs.sealed import seal

ROOT = Path(__file__).parents[2]
VERSIONS = sorted((path.name for path in golden.GOLDEN.iterdir() if (path / golden.NAMES).is_file()), key=len)
RUNS = ("classes", "images", "search")
CLOSE = {"rtol": 1e-3, "atol": 1e-4}
"""Another processor rounds differently, and a few epochs pass that on."""


@pytest.fixture(scope="module", params=VERSIONS)
def old(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what a version has made."""
    return shutil.copytree(golden.GOLDEN / request.param, tmp_path_factory.mktemp("golden") / request.param)


def assert_answers(found: pl.DataFrame, recorded: Path) -> None:
    expected = pl.read_csv(recorded)
    assert found.columns == expected.columns
    for name in expected.columns:
        if expected[name].dtype.is_numeric() and found[name].dtype.is_numeric():
            np.testing.assert_allclose(found[name].to_numpy(), expected[name].to_numpy(), err_msg=name, **CLOSE)
        else:
            assert found[name].cast(pl.String).to_list() == expected[name].cast(pl.String).to_list(), name


@pytest.mark.parametrize("name", RUNS)
def test_it_answers_as_it_did(old: Path, name: str) -> None:
    source = golden.NEW["classes"] if name == "search" else golden.NEW.get(name, f"{name}.npz")
    assert_answers(bw.predict(bw.open_run(old / name), old / source).frame(), old / f"{name}-answers.csv")


@pytest.mark.parametrize("name", [*RUNS, "values"])
def test_all_of_a_run_is_read(old: Path, name: str) -> None:
    run = bw.open_run(old / name)
    epochs = {"search": 3, "values": 2}.get(name, 4)
    assert [row["epoch"] for row in run.history] == list(range(1, epochs + 1))
    assert run.status == ("interrupted" if name == "values" else "finished")
    parts = run.indices()
    assert sorted(np.concatenate([parts.train, parts.validation, parts.test])) == list(range(golden.ROWS))
    assert set(run.metrics) == {"train", "validation", "test"}
    assert {"settings", "history"} <= set(run.frames())
    inputs = getattr(getattr(run.encoding, "schema", None), "used", ())
    assert inputs == (() if name == "images" else ("size", "age", "place"))


def test_a_search_and_a_comparison_are_read(old: Path) -> None:
    found = bw.open_search(old / "search")
    best = min(found.finished, key=lambda one: one.outcome.value)
    assert len(found.finished) == 3
    assert bw.open_run(old / "search").settings["optimizer.learning_rate"].value == pytest.approx(
        best.chosen["optimizer.learning_rate"]
    )
    assert {row.name for row in bw.open_comparison(old / "comparison").compared.rows} == {"sgd", "adam"}


@pytest.mark.parametrize("name", [*RUNS, "values", "comparison"])
def test_it_is_reported(old: Path, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(old)
    opened = {"search": bw.open_search, "comparison": bw.open_comparison}.get(name, bw.open_run)(old / name)
    page = write_report(opened, tmp_path / "report.html").read_text()
    assert "<svg" in page
    assert ("classes" if name in ("search", "comparison") else name) in page


def test_an_interrupted_run_goes_on(old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the command line, from its own folder, to the figures of a training that was never interrupted."""
    shutil.copytree(old, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["batchwright", "resume", "values"])
    with pytest.raises(SystemExit) as left:
        main()
    assert not left.value.code
    expected = json.loads((old / golden.HISTORY).read_text())
    for row, told in zip(bw.open_run("values").history, expected, strict=True):
        for name, value in told.items():
            np.testing.assert_allclose(row[name], value, err_msg=name, **CLOSE)
    assert_answers(bw.predict(bw.open_run("values"), golden.NEW["values"]).frame(), old / "values-answers.csv")


def newer(path: Path) -> None:
    """Write a sealed file as a later version may: in a later format, which may seal otherwise."""
    plain = json.loads(path.read_text()) | {"format": 99, "sha256": "of something else", "unheard": {"of": 1}}
    path.write_text(json.dumps(plain))


OPENERS: dict[str, Callable[[Path], object]] = {
    "classes/manifest.json": lambda old: bw.open_run(old / "classes"),
    "search/search.json": lambda old: bw.resume_search(old / "search"),
    "search/result.json": lambda old: bw.open_search(old / "search"),
    "comparison/comparison.json": lambda old: bw.open_comparison(old / "comparison"),
}


@pytest.mark.parametrize("file", OPENERS)
def test_a_newer_format_is_refused_in_words(old: Path, tmp_path: Path, file: str) -> None:
    copy = Path(shutil.copytree(old, tmp_path / "copy"))
    newer(copy / file)
    message = rf"{file} was made by a newer batchwright, in format 99; this one \({version('batchwright')}\) reads up"
    with pytest.raises(RunError, match=f"{message} to \\d+. Update batchwright: pip install --upgrade batchwright"):
        OPENERS[file](copy)


def test_a_checkpoint_of_a_newer_format_is_left_out_with_a_note(old: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(old / "values", tmp_path / "values"))
    shutil.copy(old / "values.csv", tmp_path)
    for path in run.glob("checkpoints/*/checkpoint.json"):
        newer(path)
    notes = next(iter(workflow.resume(run, bw.load(tmp_path / "values.csv", target="price")))).notes
    assert any("newer batchwright" in note for note in notes)


def made_by(run: Path, made: str) -> Manifest:
    """The manifest of a run as if another version had made it."""
    manifest = read_manifest(run)
    manifest.versions["batchwright"] = made
    return manifest


@pytest.mark.parametrize(("made", "said"), [("99.1.0", True), (version("batchwright"), False), ("new", False)])
def test_a_part_that_is_not_known_yet_is_said_to_be_newer(old: Path, tmp_path: Path, made: str, said: bool) -> None:
    """In the same format, a later version may have networks, or further keys, that this one lacks."""
    run = Path(shutil.copytree(old / "classes", tmp_path / "run"))
    manifest = made_by(run, made)
    plain = json.loads((run / "model/model.json").read_text())
    plain["network"]["name"] = "transformer"
    content = json.dumps(plain).encode()
    (run / "model/model.json").write_bytes(content)
    manifest.files["model/model.json"] = describe_file(content)
    (run / "manifest.json").write_text(manifest.to_text())
    with pytest.raises(RunError, match="transformer") as refused:
        bw.open_run(run).load_model()
    assert (f"batchwright {made} made it" in str(refused.value)) == said
    further = json.loads(manifest.to_text()) | {"colour": "blue"}
    (run / "manifest.json").write_text(seal({key: value for key, value in further.items() if key != "sha256"}))
    with pytest.raises(RunError, match="colour") as refused:
        bw.open_run(run)
    assert (f"batchwright {made} made it" in str(refused.value)) == said


def covered_by(path: Path, folder: Path) -> bool:
    """Whether a file of a record names its format, or lies beside or below one that names it and lists the file."""
    if path.suffix == ".json" and "format" in json.loads(path.read_text()):
        return True
    if path.name == "state.safetensors":
        return covered_by(path.with_name("checkpoint.json"), folder)
    if (folder / "manifest.json").exists():
        return str(path.relative_to(folder)) in read_manifest(folder).files or path.name == "history.jsonl"
    return path.parent == folder and path.name in ("space.yaml", "trials.jsonl", "best.yaml", "study.journal")


@pytest.mark.parametrize("name", ["classes", "images", "values", "search", "search/best", "comparison"])
def test_each_file_is_in_a_format_that_is_named(old: Path, name: str) -> None:
    files = [path for path in (old / name).rglob("*") if path.is_file()]
    own = [path for path in files if name != "search" or "best" not in path.relative_to(old / name).parts]
    assert own and [path for path in own if not covered_by(path, old / name)] == []


def test_each_release_has_its_folder() -> None:
    released = re.findall(r"^## \[(\d+\.\d+\.\d+)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(released) <= set(VERSIONS)


def test_what_is_recorded_otherwise_has_a_new_format() -> None:
    """Once a version is released: as long as it is not, its folder is made anew where that is needed."""
    for made in VERSIONS:
        recorded = json.loads((golden.GOLDEN / made / golden.NAMES).read_text())
        now = golden.recorded_names()
        assert all(now[what]["format"] >= then["format"] for what, then in recorded.items())
        if made != version("batchwright"):
            assert golden.changed_in_the_same_format(recorded, now) == [], "raise FORMAT in its module"


def test_a_changed_name_is_noticed() -> None:
    now = golden.recorded_names()
    assert golden.changed_in_the_same_format(now, now) == []
    before = json.loads(json.dumps(now))
    before["run"]["names"]["File"].remove("sha256")
    assert golden.changed_in_the_same_format(before, now) == ["run"]
    before["run"]["format"] = now["run"]["format"] - 1
    assert golden.changed_in_the_same_format(before, now) == []


def test_the_folders_are_small_and_name_no_home() -> None:
    files = [path for made in VERSIONS for path in (golden.GOLDEN / made).rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 300_000 * len(VERSIONS)
    for path in files:
        content = path.read_bytes()
        assert not re.search(rb"/(work|home|root|Users)/", content), path
