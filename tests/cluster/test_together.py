"""Processes that train one network give what one gives; one may be killed or stopped, and none may differ."""

import json
import shutil
import signal
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from tests.children import Child, Children

from batchwright.cluster import membership
from batchwright.cluster.membership import require_alike
from batchwright.config import load_config
from batchwright.errors import ConfigError, DivergedError, UsageError
from batchwright.runs.run import Run, open_run
from batchwright.workflow.together import refuse_together
from batchwright.workflow.trained import Trained
from batchwright.workflow.training import _end_events

PROCESS = Path(__file__).with_name("process.py")
ROWS = 400
TRAIN = (
    *("train", "rows.csv", "--target", "y", "--network", "mlp", "--hidden-layer-sizes", "8", "--batch-size", "30"),
    *("--no-diagnostics", "--early-stopping", "null", "--run-dir", "run", "--seed", "3"),
    *("--set", "training.checkpoints.iterations=4"),
)
SHORT = (*TRAIN, "--epochs", "3", "--json")
LONG = (*TRAIN, "--epochs", "100000")
IN_CHUNKS = ("--memory-limit", "1000GB")


def write_rows(folder: Path, seed: int = 0) -> None:
    random = np.random.default_rng(seed)
    x = random.normal(size=(ROWS, 4))
    y = (x @ random.normal(size=4) > 0).astype(int)
    lines = [",".join([*(f"{cell:.4f}" for cell in row), f"c{label}"]) for row, label in zip(x, y, strict=True)]
    (folder / "rows.csv").write_text("\n".join(["a,b,c,d,y", *lines]) + "\n")


def start_all(
    children: Children,
    *words: str,
    folder: Path,
    others: Path | None = None,
    silent: float = 60.0,
    count: int = 2,
    second: Sequence[str] = (),
) -> list[Child]:
    """Processes in one folder, or all but the first in a folder of their own; the second may have words of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{free.getsockname()[1]}"
    given = ("--distributed", "--coordinator", place, "--processes", count, "--process")
    env = {"BATCHWRIGHT_CACHE": str(folder.parent / "programs"), "NPROC": "1"}
    return [
        children.fork(PROCESS, silent, *words, *given, index, *second[: len(second) * (index == 1)], cwd=where, env=env)
        for index, where in enumerate((folder, *[others or folder] * (count - 1)))
    ]


def latest(folder: Path) -> str:
    """The name of the newest checkpoint; nothing where there is none."""
    place = folder / "run" / "checkpoints"
    names = [one.name for one in place.iterdir()] if place.is_dir() else []
    return max((name for name in names if not name.startswith(".")), default="")


def has_checkpoint(folder: Path) -> bool:
    return bool(latest(folder))


def losses(run: Run) -> list[tuple[float, float]]:
    return [(row["loss"], row["val_loss"]) for row in run.history]


def assert_alike(run: Run, other: Run) -> None:
    assert len(run.history) == len(other.history)
    np.testing.assert_allclose(losses(run), losses(other), rtol=1e-4)
    own, others = (sorted(one.load_model().variables.params["body"].items()) for one in (run, other))
    for (name, arrays), (_, those) in zip(own, others, strict=True):
        for key in arrays:
            np.testing.assert_allclose(arrays[key], those[key], rtol=2e-3, atol=2e-5, err_msg=f"{name}/{key}")


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with rows, and the run of one process."""
    folder = tmp_path_factory.mktemp("alone")
    write_rows(folder)
    with Children() as children:
        one = children.fork(PROCESS, 60, *SHORT, *IN_CHUNKS, cwd=folder, env={"NPROC": "1"})
        assert one.ended() == 0, one.err
    return folder


def copied(alone: Path, folder: Path) -> Path:
    """A folder of its own with the rows, and what was made of them."""
    shutil.copytree(alone, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("run"))
    return folder


def test_two_processes_come_to_what_one_does_and_the_first_alone_speaks(alone: Path, tmp_path: Path) -> None:
    with Children() as children:
        first, second = start_all(children, *SHORT, *IN_CHUNKS, folder=copied(alone, tmp_path))
        assert [first.ended(), second.ended()] == [0, 0], first.err + second.err
    assert_alike(open_run(tmp_path / "run"), open_run(alone / "run"))
    assert [open_run(one / "run").manifest.machine["processes"] for one in (tmp_path, alone)] == ["2", "1"]
    assert json.loads(first.out)["plan"]["training_rows"] == open_run(alone / "run").plan["training_rows"]
    assert second.out == ""
    assert sorted(path.name for path in tmp_path.glob("run*")) == ["run"]


LATER = [
    pytest.param(*lost, marks=pytest.mark.soak)
    for lost in ((0, signal.SIGSTOP), (0, signal.SIGKILL), (1, signal.SIGSTOP))
]


@pytest.mark.parametrize(("lost", "number"), [(1, signal.SIGKILL), *LATER])
def test_a_lost_process_ends_all_with_a_word_and_the_run_goes_on_with_any_number(
    alone: Path, tmp_path: Path, lost: int, number: signal.Signals
) -> None:
    folder = copied(alone, tmp_path)
    with Children() as children:
        both = start_all(children, *LONG, folder=folder, silent=3.0)
        both[0].wait_until(lambda: has_checkpoint(folder))
        both[lost].send(number)
        other = both[1 - lost]
        assert other.ended() == 75, other.err
        assert f"process {lost} of 2" in other.err
        assert "has not been heard of for 3 s" in other.err
        assert "Traceback" not in other.err
        both[lost].kill()
        done = len(open_run(folder / "run").history)
        resumed = children.fork(PROCESS, 60, "resume", "run", "--epochs", done + 2, "--json", cwd=folder)
        assert resumed.ended() == 0, resumed.err
    assert [row["epoch"] for row in open_run(folder / "run").history] == list(range(1, done + 3))


@pytest.mark.soak
def test_killed_again_and_again_on_any_number_of_processes_it_ends_as_the_run_left_alone(
    alone: Path, tmp_path: Path
) -> None:
    words = (*TRAIN, "--epochs", "60")
    whole, folder = copied(alone, tmp_path / "whole"), copied(alone, tmp_path / "killed")
    random = np.random.default_rng(0)
    with Children() as children:
        one = children.fork(PROCESS, 60, *words, cwd=whole, env={"NPROC": "1"})
        assert one.ended() == 0, one.err
        for count in (4, 2, 3):
            begun = has_checkpoint(folder)
            before = latest(folder)
            each = start_all(children, *(("resume", "run") if begun else words), folder=folder, silent=8.0, count=count)
            each[0].wait_until(lambda before=before: latest(folder) != before)
            lost = int(random.integers(count))
            each[lost].kill()
            assert [one.ended() for one in each if one is not each[lost]] == [75] * (count - 1)
        each = start_all(children, "resume", "run", folder=folder, count=4)
        assert [one.ended() for one in each] == [0] * 4, each[0].err
    assert_alike(open_run(folder / "run"), open_run(whole / "run"))


@pytest.mark.soak
def test_a_run_of_one_process_goes_on_with_two(alone: Path, tmp_path: Path) -> None:
    folder = copied(alone, tmp_path)
    with Children() as children:
        one = children.fork(PROCESS, 60, *SHORT, *IN_CHUNKS, "--epochs", 2, cwd=folder, env={"NPROC": "1"})
        assert one.ended() == 0, one.err
        both = start_all(children, "resume", "run", "--epochs", "3", folder=folder)
        assert [each.ended() for each in both] == [0, 0], both[0].err + both[1].err
    assert "it began with processes '1', now '2'" in both[0].err
    assert "goes on with devices=" not in both[0].err, "each process has as many as before"
    assert len(open_run(folder / "run").history) == 3


def test_processes_with_other_rows_are_refused(alone: Path, tmp_path: Path) -> None:
    folder, other = copied(alone, tmp_path / "a"), tmp_path / "b"
    other.mkdir()
    write_rows(other, seed=1)
    with Children() as children:
        both = start_all(children, *SHORT, folder=folder, others=other)
        assert [each.ended() for each in both] == [2, 2], both[0].err + both[1].err
    for each in both:
        assert "processes 0 and 1 cannot train together, as they differ in rows: " in each.err
    assert not (folder / "run").exists()


@pytest.mark.parametrize(
    ("second", "word"),
    [
        (("--epochs", "0"), "has ended: --epochs 0: training.epochs: must be a whole number >= 1"),
        pytest.param(("--epoch", "3"), "has ended: No such option: --epoch", marks=pytest.mark.soak),
        (
            ("--batch-size", "31"),
            "processes 0 and 1 cannot train together, as they differ in training.batch_size: 30 and 31.",
        ),
        pytest.param(("--set", "data.source=none.csv"), "has ended: ", marks=pytest.mark.soak),
    ],
)
def test_what_is_wrong_at_one_process_ends_all_with_the_reason(
    alone: Path, tmp_path: Path, second: Sequence[str], word: str
) -> None:
    with Children() as children:
        began = time.monotonic()
        both = start_all(children, *SHORT, folder=copied(alone, tmp_path), second=second)
        assert [each.ended() for each in both] == [2, 2], both[0].err + both[1].err
        assert time.monotonic() - began < 120
    assert word in both[0].err
    assert not (tmp_path / "run").exists()


class Pretended(membership.Alone):
    """A group whose second process says what it is told to."""

    count = 2

    def __init__(self, second: dict[str, str]) -> None:
        self.second = json.dumps(second)

    def exchange(self, text: str) -> list[str]:
        return [text, self.second]


def test_all_in_which_processes_differ_is_named() -> None:
    mine = {"rows": "a", "jax": "0.10", "training.seed": "0"}
    require_alike(Pretended(mine), mine)
    with pytest.raises(
        UsageError, match=r"processes 0 and 1 .* differ in jax: 0.10 and 0.11; threads: None and 2. Make"
    ):
        require_alike(Pretended({**mine, "jax": "0.11", "threads": "2"}), mine)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("training.members", "4"),
        ("training.folds", "3"),
        ("training.refit", "true"),
        ("training.max_time", "60s"),
        ("optimizer.learning_rate", "auto"),
        ("training.precision", "auto"),
    ],
)
def test_what_several_processes_would_do_otherwise_is_refused(
    key: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_config(None, [("data.source", "iris", "iris"), (key, value, key)])
    refuse_together(settings)
    monkeypatch.setattr(membership, "_current", Pretended({}))
    with pytest.raises(
        ConfigError, match=r"several processes, which train one network|auto is measured by one process"
    ):
        refuse_together(settings)


def test_what_several_processes_cannot_do_is_refused_before_they_wait(tmp_path: Path) -> None:
    write_rows(tmp_path)
    with Children() as children:
        one = children.fork(PROCESS, 60, *SHORT, "--distributed", "--ensemble", "3", cwd=tmp_path)
        assert one.ended() == 2
    assert "Give --coordinator HOST:PORT and --processes N and --process I." in one.err


def test_a_diverged_training_ends_nowhere_before_the_first_process_has_shown_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    group, said = Pretended({}), []
    monkeypatch.setattr(group, "exchange", lambda text: said.append(text) or [text, text])
    monkeypatch.setattr(membership, "_current", group)
    trained = object.__new__(Trained)
    vars(trained).update(stopped=SimpleNamespace(status="diverged", reason="nan"), run=None)
    events = _end_events(trained)
    next(events)
    assert said == []
    with pytest.raises(DivergedError):
        next(events)
    assert len(said) == 1


def test_a_process_whose_others_do_not_come_ends_with_a_word(tmp_path: Path) -> None:
    (tmp_path / "first.py").write_text(
        "import sys; from batchwright.cluster import meeting, membership; from batchwright.cluster.peers import Peers\n"
        "meeting.JOIN_SECONDS, meeting.TELL_SECONDS = 1, 0.1\n"
        "try: membership.join(Peers(sys.argv[1], 2, 0))\n"
        "except membership.UsageError as error: print(error)"
    )
    with socket.socket() as free, Children() as children:
        free.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{free.getsockname()[1]}"
        free.close()
        one = children.fork(tmp_path / "first.py", place, cwd=tmp_path)
        assert one.ended() == 0, one.err
    assert f"process 1 of 2 did not come to the first one at {place}." in one.out
