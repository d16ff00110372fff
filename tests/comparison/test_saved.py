"""A comparison in its folder: the same figures and tables again, and refused where it is a stranger's trick."""

import errno
import json
import math
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.shown.test_comparisons import DIVERGED, SEEDS, variant
from tests.shown.test_notebook import HOSTILE

import batchwright as bw
from batchwright.comparison.compare import Compared
from batchwright.comparison.learning_curve import learning_curve
from batchwright.comparison.saved import SavedComparison, _plain_result
from batchwright.errors import InterruptedRunError, RunError, UsageError
from batchwright.runs.comparisons import ComparisonPlan, create_comparison
from batchwright.runs.manifest import COMPARISON, Setting
from batchwright.runs.sealed import seal

PLAN = ComparisonPlan(
    "iris", "0" * 64, {"train": 10}, None, 2, 2, {"training.epochs": Setting(3, "user")}, {}, False, "2030-01-01T00:00"
)
BEHIND = ((2.0, 1.5, 1.4), (2.1, 1.6, 1.5))
FOUND = Compared((variant(HOSTILE), variant("other", BEHIND), DIVERGED), 0.3, "", None, 1.0)
SMALL = {"network.name": "linear", "training.epochs": 2, "training.batch_size": 32}


def saved(path: Path, found: Compared, plan: ComparisonPlan = PLAN) -> Path:
    with create_comparison(path, plan) as folder:
        folder.write_result(_plain_result(found), "data: {source: iris}\n")
    return path


@pytest.mark.parametrize("there", [False, True])
def test_a_full_disk_leaves_no_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, there: bool) -> None:
    """A folder can often be made where not a byte can be written; one that was there before stays."""

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    if there:
        (tmp_path / "found").mkdir()
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(UsageError, match="the disk, or your share of it, is full"):
            create_comparison(tmp_path / "found", PLAN)
    assert [path.name for path in tmp_path.rglob("*")] == ["found"] * there


CURVE = learning_curve([100, 200, 400], [[0.3, 0.32], [0.2, 0.21], [0.15, 0.16]])


ALL_DIVERGED = Compared((DIVERGED,), None, "", None, 1.0)


@pytest.mark.parametrize("found", [FOUND, replace(FOUND, learning_curve=CURVE), ALL_DIVERGED])
def test_a_folder_gives_the_comparison_again(tmp_path: Path, found: Compared) -> None:
    opened = bw.open_comparison(saved(tmp_path / "found", found))
    assert opened == SavedComparison(tmp_path / "found", PLAN, found)
    assert opened.figures == found.figures
    assert all(opened.figure(name).text == found.figure(name).text for name in found.figures)
    assert all(table.equals(opened.frame(name)) for name, table in found.frames().items())
    assert repr(opened).startswith(f"<SavedComparison {tmp_path / 'found'}, best first: ")


def test_a_loss_that_was_not_finite_is_infinite_again(tmp_path: Path) -> None:
    found = Compared((variant("one", ((math.inf, 0.5), (math.inf, 0.4))),), None, "", None, 1.0)
    assert bw.open_comparison(saved(tmp_path / "found", found)).compared == found


def test_what_python_compares_is_saved_where_it_is_asked_for(tmp_path: Path) -> None:
    place = tmp_path / "found"
    data = bw.load("iris")
    found = bw.compare(data, SMALL, vary="optimizer.name=sgd,adam", trials=2, seeds=2, run_dir=place)
    opened = bw.open_comparison(place)
    assert opened.compared == found
    assert (opened.plan.vary, opened.plan.trials, opened.plan.seeds) == ("optimizer.name=sgd,adam", 2, 2)
    assert opened.plan.fingerprint == data.fingerprint and sum(opened.plan.rows.values()) == 150
    assert opened.plan.settings["training.epochs"] == Setting(2, "user")
    with pytest.raises(RunError, match="exists already and is not an empty folder"):
        bw.compare(data, SMALL, vary="optimizer.name=sgd,adam", trials=2, seeds=2, run_dir=place)
    with pytest.raises(RunError, match=r"It holds a comparison: `batchwright report .* opens it"):
        bw.open_run(place)


def test_a_folder_is_taken_before_anything_is_trained_and_removed_where_nothing_came_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def end(*_: object, **__: object) -> None:
        seen.append((tmp_path / "found").is_dir())
        raise InterruptedRunError("interrupted")

    monkeypatch.setattr("batchwright.comparison.compare._train_variant", end)
    words: dict[str, Any] = {"vary": "optimizer.name=sgd,adam", "trials": 2, "seeds": 2}
    with pytest.raises(InterruptedRunError):
        bw.compare(bw.load("iris"), SMALL, **words, run_dir=tmp_path / "found")
    assert seen == [True] and not (tmp_path / "found").exists()
    (tmp_path / "mine").mkdir()
    with pytest.raises(InterruptedRunError):
        bw.compare(bw.load("iris"), SMALL, **words, run_dir=tmp_path / "mine")
    assert list((tmp_path / "mine").iterdir()) == [], "an empty folder of the user's own stays"
    (tmp_path / "file").write_text("")
    with pytest.raises((RunError, UsageError), match="file"):
        bw.compare(bw.load("iris"), SMALL, **words, run_dir=tmp_path / "file" / "found")
    assert len(seen) == 2, "it is refused before anything is trained"


def changed(plain: dict[str, Any], *path: str | int, value: object) -> None:
    for part in path[:-1]:
        plain = plain[part]
    plain[path[-1]] = value


FORETOLD = dict.fromkeys(("mean", "low", "high"), 1.0)
NO_ROWS = {"rows": [0], "losses": [1.0], "more_rows": 2, "verdict": "", "foretold": FORETOLD}
FIRST = ("result", "rows", 0)
TAMPERED: dict[str, Callable[[dict[str, Any]], None]] = {
    "do not fit its seeds": lambda plain: changed(plain, *FIRST, "by_seed", value=[1.0, 2.0, 3.0]),
    "the curves of": lambda plain: changed(plain, *FIRST, "curves_by_seed", 0, value=[1.0]),
    "do not fit": lambda plain: changed(plain, "plan", "seeds", value=7),
    "no range of learning rates above 0": lambda plain: changed(plain, *FIRST, "stable_range", value=[-1, 1]),
    "valid number": lambda plain: changed(plain, "result", "seconds", value="1"),
    "valid string": lambda plain: changed(plain, "result", "verdict", value=[]),
    "does not say what came of": lambda plain: changed(plain, "result", value=3),
    "mapping of names": lambda plain: changed(plain, "plan", value=3),
    "run": lambda plain: changed(plain, "result", "run", value="x"),
    "a number of rows": lambda plain: changed(plain, "result", "learning_curve", value=NO_ROWS),
}


@pytest.mark.parametrize("said", TAMPERED)
def test_strange_comparisons_are_refused(tmp_path: Path, said: str) -> None:
    path = saved(tmp_path / "found", FOUND) / COMPARISON
    plain = json.loads(path.read_text(encoding="utf-8"))
    del plain["sha256"]
    TAMPERED[said](plain)
    path.write_text(seal(plain), encoding="utf-8")
    with pytest.raises(RunError, match=said):
        bw.open_comparison(path.parent)


def test_a_changed_file_a_link_and_another_folder_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "found", FOUND) / COMPARISON
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(str(SEEDS[0][0]), "1.5", 1), encoding="utf-8")
    with pytest.raises(RunError, match="changed or damaged"):
        bw.open_comparison(path.parent)
    path.rename(path.parent / "elsewhere")
    path.symlink_to(path.parent / "elsewhere")
    with pytest.raises(RunError, match="is a link"):
        bw.open_comparison(path.parent)
    with pytest.raises(RunError, match="is not the folder of a comparison"):
        bw.open_comparison(tmp_path)
