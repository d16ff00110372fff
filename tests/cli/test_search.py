"""`batchwright search`: what it prints and leaves behind, and that kills and Ctrl-C lose and double no trial."""

import csv
import io
import json
import re
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages.journal import JournalFileBackend, JournalStorage
from optuna.trial import TrialState
from tests.children import LIMIT, Child, Children
from tests.cli.conftest import Answer, Batchwright

from batchwright.cli.main import main
from batchwright.errors import InterruptedRunError
from batchwright.runs.run import open_run
from batchwright.runs.sealed import seal, unseal
from batchwright.search.events import Progress, RoundDone, SearchOptions
from batchwright.search.search import search
from batchwright.search.space import load_space

TINY = (
    *("iris", "--set", "network.name=mlp", "--no-batch-normalization", "--hidden-layer-sizes", 4),
    *("--batch-size", 26),
)
SEARCH = ("search", *TINY, "--epochs", 3, "--trials", 6)
LONG = (
    *("search", *TINY, "--epochs", 20, "--early-stopping", "null", "--pruning", "none", "--trials", 10),
    *("--run-dir", "long"),
)


def _command(*words: object) -> Answer:
    """Run the command line in this process, for a fixture of the module."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["batchwright", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            main()
    return Answer(left.value.code or 0, out.getvalue(), err.getvalue())


def _lines(folder: Path) -> list[dict[str, Any]]:
    def no_json(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    text = (folder / "trials.jsonl").read_text()
    return [json.loads(line, parse_constant=no_json) for line in text.splitlines()]


def _states(folder: Path) -> list[TrialState]:
    """Those of all trials in the journal, as Optuna itself reads it."""
    storage = JournalStorage(JournalFileBackend(str(folder / "study.journal")))
    (summary,) = optuna.get_all_study_summaries(storage)
    return [trial.state for trial in optuna.load_study(study_name=summary.study_name, storage=storage).trials]


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answer]:
    """What a search has said; the tests of this module run beside its folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("search"))
        yield _command(*SEARCH, "--json")


@pytest.fixture(scope="module")
def found(answer: Answer) -> dict[str, Any]:
    """What it has found."""
    assert answer.code == 0, answer.err
    said: dict[str, Any] = json.loads(answer.out)
    return {**said, "folder": Path(said["run"]).absolute()}


def test_command_prints_one_json_object(answer: Answer, found: dict[str, Any]) -> None:
    assert set(json.loads(answer.out)) == {
        *("run", "trials", "diverged", "stopped", "objective", "best", "importance", "seconds"),
    }
    assert (found["trials"], found["diverged"], found["stopped"]) == (6, 0, 0)
    assert found["run"] == "runs/iris-search-1" and found["seconds"] > 0
    best = found["best"]
    assert set(best["settings"]) == {"optimizer.learning_rate"} and best["run"] == "runs/iris-search-1/best"
    for part in ("train", "validation", "test"):
        assert {"loss", "accuracy"} <= set(best[part])
    assert "searching optimizer.learning_rate: log [" in answer.err
    assert "6/6 trials  best " in answer.err and "epoch 3/3" in answer.err


def test_every_trial_has_a_line_and_the_best_is_the_least(found: dict[str, Any]) -> None:
    lines = _lines(found["folder"])
    assert [line["number"] for line in lines] == list(range(6))
    for line in lines:
        assert set(line) == {"number", "settings", "ending", "value", "curve"}
        assert line["ending"] == "finished" and len(line["curve"]) == 3
        assert line["value"] == min(line["curve"])
    least = min(lines, key=lambda line: line["value"])
    best = found["best"]
    assert (best["number"], best["value"], best["settings"]) == (least["number"], least["value"], least["settings"])
    assert _states(found["folder"]) == [TrialState.COMPLETE] * 6


def test_the_best_trained_anew_comes_out_as_its_trial(found: dict[str, Any]) -> None:
    run = open_run(found["folder"] / "best")
    assert found["best"]["validation"]["loss"] == pytest.approx(found["best"]["value"], rel=2e-4)
    curve = _lines(found["folder"])[found["best"]["number"]]["curve"]
    assert [row["val_loss"] for row in run.history] == pytest.approx(curve, rel=2e-4)
    assert run.manifest.status == "finished" and run.metrics["test"] == found["best"]["test"]


def test_the_folder_says_what_was_searched(found: dict[str, Any]) -> None:
    plan = json.loads((found["folder"] / "search.json").read_text())
    assert (plan["source"], plan["trials"], plan["seeds"], plan["pruning"]) == ("iris", 6, 1, "halving")
    space = load_space(found["folder"] / "space.yaml")
    (dimension,) = space.dimensions
    low, high = dimension.values
    assert dimension.key == "optimizer.learning_rate" and dimension.scale == "log"
    rates = [line["settings"]["optimizer.learning_rate"] for line in _lines(found["folder"])]
    assert len(set(rates)) == 6 and all(low <= rate <= high for rate in rates)
    fixed = space.settings({"optimizer.learning_rate": rates[0]}).values
    assert (fixed["training.batch_size"], fixed["training.epochs"], fixed["network.name"]) == (26, 3, "mlp")


def test_train_takes_the_best_configuration(found: dict[str, Any]) -> None:
    answer = _command("train", "--config", found["folder"] / "best.yaml", "--run-dir", "again", "--json")
    assert answer.code == 0, answer.err
    assert json.loads(answer.out)["test"] == found["best"]["test"]


def test_evaluate_and_predict_take_the_best_run(found: dict[str, Any]) -> None:
    measured = _command("evaluate", found["folder"] / "best", "iris", "--json")
    assert measured.code == 0, measured.err
    predicted = _command("predict", found["folder"] / "best", "iris")
    assert predicted.code == 0, predicted.err
    rows = list(csv.DictReader(io.StringIO(predicted.out)))
    assert len(rows) == 150
    assert 0 < json.loads(measured.out)["metrics"]["accuracy"] <= 1


def test_the_folder_of_a_search_stands_for_its_best_run(found: dict[str, Any]) -> None:
    listed = _command("runs", found["folder"].parent, "--json")
    assert listed.code == 0, listed.err
    run = next(run for run in json.loads(listed.out) if Path(run["run"]) == found["folder"])
    assert run["status"] == "finished" and run["metrics"]["test"] == found["best"]["test"]
    folder, best = (
        _command("evaluate", path, "iris", "--json") for path in (found["folder"], found["folder"] / "best")
    )
    assert json.loads(folder.out)["metrics"] == json.loads(best.out)["metrics"]
    said = _command("report", found["folder"]).out
    assert f"{found['folder'] / 'best'}: finished" in said
    assert re.search(r"optimizer.learning_rate +[0-9.e-]+ +search", said)


def test_a_finished_search_gone_on_with_trains_no_trial(found: dict[str, Any]) -> None:
    before = (found["folder"] / "trials.jsonl").read_bytes()
    again = _command("resume", found["folder"], "--json")
    assert again.code == 0, again.err
    said = json.loads(again.out)
    assert said["trials"] == 6 and said["best"]["number"] == found["best"]["number"]
    assert said["best"]["test"] == found["best"]["test"]
    assert "6/6 trials" not in again.err, "no round was trained"
    assert (found["folder"] / "trials.jsonl").read_bytes() == before
    assert _states(found["folder"]) == [TrialState.COMPLETE] * 6


def test_several_seeds_and_rates_that_diverge_are_shown_in_the_table_of_another_search(found: dict[str, Any]) -> None:
    second = _command(*SEARCH[:-1], 3, "--learning-rate", "{log: [1e-3, 1e35]}", "--seeds", 2)
    assert second.code == 0, second.err
    lines = _lines(found["folder"].parent / "iris-search-2")
    diverged = [line for line in lines if line["ending"] == "diverged"]
    assert 0 < len(diverged) < 3 == len(lines)
    assert all(line["value"] is None and line["curve"][-1] is None for line in diverged)
    assert f"{len(diverged)} diverged, 0 were stopped early" in second.out
    assert "best of 3 trials: learning_rate " in second.out and "run: runs/iris-search-2/best" in second.out
    assert "mean of 2 seeds" in second.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--learning-rate", "{log: [1, 0.1]}"), "--learning-rate {log: [1, 0.1]}: optimizer.learning_rate: the range"),
        (("--learning-rate", "{lgo: [0.1, 1]}"), "did you mean log?"),
        (("--set", "optimizer.momentum={uniform: [0.5, 0.9]}"), "it is one of sgd"),
        (("--set", "training.epochs={uniform: [1, 9]}"), "cannot be searched"),
        (("--learning-rate", 0.1), "there is nothing to search"),
        (("--batch-size", "auto"), "auto is measured before a single training"),
        (("--batch-size", "{adaptive: {}}"), "a batch size that stays as it is"),
        (("--validation-split", 0), "above 0"),
        (("--trials", 0), "--trials"),
        (("--seeds", 0), "--seeds"),
        (("--pruning", "some"), "--pruning"),
        (("--run-dir", "taken"), "taken exists already"),
        (("--target", "petals"), "petals"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_searched_is_said_with_exit_code_2(
    batchwright: Batchwright, words: tuple[object, ...], said: str
) -> None:
    Path("taken").mkdir()
    Path("taken/file").touch()
    answer = batchwright(*SEARCH, *words)
    assert answer.code == 2, answer.err
    assert said in answer.err and "Traceback" not in answer.err
    assert answer.out == "" and not Path("runs").exists()


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("data: {source: iris}\noptimizer:\n  learning_rate: {log: [0, 1]}\n", 3, "has to stay above 0"),
        ("data: {source: iris}\noptimizer:\n  learning_rat: {log: [0.1, 1]}\n", 3, "did you mean"),
        ("data: {source: iris}\noptimizer:\n\n  name: {choice: [adam, sgdd]}\n", 4, "did you mean 'sgd'?"),
        ("data: {source: iris}\ntraining:\n  seed: {uniform: [0, 9]}\n", 3, "--seeds"),
        ("optimizer: {learning_rate: {log: [0.1, 1]}\n", 2, "YAML"),
    ],
)
def test_a_space_that_is_wrong_is_said_with_its_line(batchwright: Batchwright, text: str, line: int, said: str) -> None:
    Path("space.yaml").write_text(text)
    answer = batchwright("search", "--config", "space.yaml")
    assert answer.code == 2
    assert f"space.yaml:{line}: " in answer.err and said in answer.err
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("search.json", "{}", "search.json"),
        ("search.json", "not JSON", "search.json"),
        ("space.yaml", None, "space.yaml"),
        ("space.yaml", "optimizer: {learning_rate: {log: [1, 0]}}\n", "is inverted"),
    ],
)
def test_a_folder_that_is_broken_is_not_gone_on_with(
    found: dict[str, Any], batchwright: Batchwright, name: str, text: str | None, said: str
) -> None:
    folder = Path("broken")
    folder.mkdir()
    for kept in ("search.json", "space.yaml"):
        (folder / kept).write_bytes((found["folder"] / kept).read_bytes())
    if text is None:
        (folder / name).unlink()
    else:
        (folder / name).write_text(text)
    answer = batchwright("resume", folder)
    assert answer.code == 2, answer.err
    assert said in answer.err and not (folder / "trials.jsonl").exists()


def _interrupted(found: dict[str, Any], folder: Path, when: type) -> str:
    """What the same search says in another folder, interrupted as soon as there is such an event."""
    noted = False
    space = load_space(found["folder"] / "space.yaml")
    told = search(space, SearchOptions(trials=6), run_dir=folder, interrupted=lambda: noted)

    def follow() -> None:
        nonlocal noted
        for event in told:
            noted = noted or isinstance(event, when)

    with pytest.raises(InterruptedRunError) as error:
        follow()
    return str(error.value)


def test_interrupted_before_a_trial_has_ended_no_best_is_named(found: dict[str, Any], tmp_path: Path) -> None:
    said = _interrupted(found, tmp_path / "early", Progress)
    assert "interrupted after 0 of 6 trials" in said and not (tmp_path / "early/best.yaml").exists()
    assert "best.yaml" not in said


def test_interrupted_while_the_best_is_trained_it_says_how_to_go_on_with_the_search(
    found: dict[str, Any], tmp_path: Path
) -> None:
    said = _interrupted(found, tmp_path / "late", RoundDone)
    assert f"`batchwright resume {tmp_path / 'late'}` goes on with it" in said


def test_a_journal_whose_last_line_was_not_written_whole_is_gone_on_with(found: dict[str, Any], tmp_path: Path) -> None:
    """As a full disk or a lost machine leaves it."""
    folder = tmp_path / "torn"
    folder.mkdir()
    for name in ("search.json", "space.yaml", "study.journal"):
        (folder / name).write_bytes((found["folder"] / name).read_bytes())
    with (folder / "study.journal").open("ab") as journal:
        journal.write(b'{"op_code":5,"worker_id":"ab')
    for _ in range(2):
        assert _command("resume", folder).code == 0


def test_damaged_results_of_a_search_are_written_anew(found: dict[str, Any], tmp_path: Path) -> None:
    folder = tmp_path / "spoiled"
    folder.mkdir()
    for name in ("search.json", "space.yaml", "study.journal"):
        (folder / name).write_bytes((found["folder"] / name).read_bytes())
    for name in ("trials.jsonl", "best.yaml"):
        (folder / name).write_bytes(b"\xff\x00{not what was written")
    assert _command("resume", folder).code == 0
    for name in ("trials.jsonl", "best.yaml"):
        assert (folder / name).read_bytes() == (found["folder"] / name).read_bytes()


def test_a_search_goes_on_from_another_folder(
    table: Path, tmp_path: Path, batchwright: Batchwright, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = {"data.source": table.name, "data.target": "bought", "training.epochs": "2"}
    chosen |= {"training.batch_size": "16", "network.name": "linear"}
    space = load_space(None, [(key, value, key) for key, value in chosen.items()])
    monkeypatch.chdir(tmp_path)
    rounds = list[RoundDone]()
    events = search(space, SearchOptions(4), run_dir=Path("begun"), interrupted=lambda: bool(rounds))
    with suppress(InterruptedRunError):
        for event in events:
            rounds += [event] if isinstance(event, RoundDone) else []
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    answer = batchwright("resume", tmp_path / "begun")
    assert answer.code == 0, answer.err
    assert open_run(tmp_path / "begun").status == "finished"


def test_killed_while_it_wrote_the_journal_a_search_is_gone_on_with(found: dict[str, Any]) -> None:
    """The lock of a process that is dead stays; it is a link made as Optuna makes it for a relative path."""

    def too_long(*_: object) -> None:
        raise TimeoutError

    folder = Path("locked")
    folder.mkdir()
    for name in ("search.json", "space.yaml", "study.journal"):
        (folder / name).write_bytes((found["folder"] / name).read_bytes())
    (folder / "study.journal.lock").symlink_to(folder / "study.journal")
    before = signal.signal(signal.SIGALRM, too_long)
    signal.setitimer(signal.ITIMER_REAL, LIMIT)
    try:
        assert _command("resume", folder).code == 0
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _stop_between_writes(process: Child, lock: Path) -> None:
    """Stop a process while it does not hold the lock of its journal."""
    while True:
        process.send(signal.SIGSTOP)
        time.sleep(0.02)
        if not lock.is_symlink():
            return
        process.send(signal.SIGCONT)
        time.sleep(0.005)


@pytest.mark.soak
def test_killed_and_interrupted_in_the_middle_it_ends_with_as_many_trials_none_twice(
    tmp_path: Path, batchwright: Batchwright, children: Children
) -> None:
    folder, journal, cache = tmp_path / "long", tmp_path / "long/study.journal", tmp_path / "programs"
    process = children.batchwright(*LONG, cwd=tmp_path, cache=cache)
    process.wait_until((folder / "trials.jsonl").exists)
    size = journal.stat().st_size
    process.wait_until(lambda: journal.stat().st_size > size)
    _stop_between_writes(process, journal.with_name("study.journal.lock"))
    busy = batchwright("resume", "long")
    assert busy.code == 2 and f"is being written by another process (process {process.pid})" in busy.err
    assert process.kill() == -signal.SIGKILL
    first = _lines(folder)
    assert len(first) == 8, "the first round"
    assert TrialState.RUNNING in _states(folder), "killed in the middle of the second"

    size = journal.stat().st_size
    process = children.batchwright("resume", "long", cwd=tmp_path, cache=cache)
    process.wait_until(lambda: journal.stat().st_size > size)
    process.send(signal.SIGINT)
    assert process.ended() == 75, process.err
    assert process.out == "" and "interrupted after 8 of 10 trials" in process.err
    assert "the best so far is in long/best.yaml, and `batchwright resume long` goes on with it." in process.err
    assert TrialState.RUNNING not in _states(folder)
    assert batchwright("check", "--config", "long/best.yaml").code == 0
    assert _lines(folder) == first

    answer = batchwright("resume", "long", "--json")
    assert answer.code == 0, answer.err
    assert json.loads(answer.out)["trials"] == 10
    lines = _lines(folder)
    assert len(lines) == len({line["number"] for line in lines}) == 10
    assert len({line["settings"]["optimizer.learning_rate"] for line in lines}) == 10
    assert lines[:8] == first, "what was trained is kept"
    states = _states(folder)
    assert states.count(TrialState.COMPLETE) == 10
    assert set(states) == {TrialState.COMPLETE, TrialState.FAIL}, "what was given back, and nothing in line"
    assert open_run(folder / "best").manifest.status == "finished"


def test_rows_that_are_no_longer_the_same_are_refused(found: dict[str, Any], batchwright: Batchwright) -> None:
    folder = Path("run")
    folder.mkdir()
    (folder / "space.yaml").write_bytes((found["folder"] / "space.yaml").read_bytes())
    plan = unseal((found["folder"] / "search.json").read_bytes(), folder / "search.json", 1)
    (folder / "search.json").write_text(seal({**plan, "fingerprint": "0" * 64}))
    answer = batchwright("resume", "run")
    assert answer.code == 2 and "the rows of iris differ from the rows of the search in run" in answer.err
    assert not (folder / "trials.jsonl").exists()
