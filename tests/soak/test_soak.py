"""Runs that are killed over and over, and resumed: none is lost, and the final bits are those of the run left alone.

`BATCHWRIGHT_SOAK_KILLS` says how often each test kills; `make soak` takes 200, the whole suite one.
"""

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.children import Child, Children

from batchwright.errors import RunError
from batchwright.runs.run import open_run

KILLS = int(os.environ.get("BATCHWRIGHT_SOAK_KILLS", "1"))
EPOCHS = "40" if KILLS > 1 else "8"
CHILD = Path(__file__).with_name("child.py")
WORDS = (
    *("train", "digits", "--epochs", EPOCHS, "--batch-size", "16", "--dropout", "0.2", "--early-stopping", "null"),
    *("--set", "training.checkpoints.iterations=23", "--set", "training.checkpoints.seconds=0.05", "--run-dir", "run"),
)


@pytest.fixture(scope="module", autouse=True)
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The processes keep what they have compiled, as those of a user do; in `make soak` they compile it as well."""
    with pytest.MonkeyPatch.context() as patch:
        if "BATCHWRIGHT_SOAK_KILLS" in os.environ:
            patch.delenv("XLA_FLAGS")
        patch.setenv("BATCHWRIGHT_CACHE", str(tmp_path_factory.mktemp("programs")))
        yield


def start(children: Children, folder: Path, *words: str, fatal: int = 0) -> Child:
    return children.fork(CHILD, fatal, *words, cwd=folder)


def words_for(folder: Path) -> tuple[str, ...]:
    """Train anew where nothing had begun, else resume."""
    try:
        begun = "config.yaml" in open_run(folder / "run").manifest.files
    except RunError:
        begun = False
    if begun:
        return ("resume", "run")
    for path in sorted((folder / "run").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    return WORDS


def has_finished(folder: Path) -> bool:
    """Whether the run says so; a process may be killed after that, on its way out."""
    try:
        return open_run(folder / "run").manifest.status == "finished"
    except RunError:
        return False


def finish(children: Children, folder: Path) -> None:
    if has_finished(folder):
        return
    process = start(children, folder, *words_for(folder))
    assert process.ended() == 0, process.err


def ended_well(folder: Path, whole: Path) -> bool:
    """Whether the run has finished, and then it has to be the one that was left alone."""
    if has_finished(folder):
        assert_same(folder / "run", whole)
        return True
    return False


def progress(folder: Path) -> int:
    """Updates of the newest checkpoint."""
    names = [path.name for path in (folder / "run/checkpoints").glob("000-*")]
    return max((int(name.partition("-")[2]) for name in names), default=0)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that was left alone."""
    folder = tmp_path_factory.mktemp("whole")
    with Children() as children:
        finish(children, folder)
    return folder / "run"


def assert_same(run: Path, whole: Path) -> None:
    assert (run / "model/weights.safetensors").read_bytes() == (whole / "model/weights.safetensors").read_bytes()
    rows = [
        [{name: value for name, value in row.items() if name != "seconds"} for row in open_run(path).history]
        for path in (run, whole)
    ]
    assert rows[0] == rows[1]
    assert open_run(run).metrics == open_run(whole).metrics
    assert not list(run.rglob("*.part")), "nothing half written is left"


@pytest.mark.soak
def test_killed_at_random_moments(tmp_path: Path, whole: Path, children: Children) -> None:
    """A new run begins whenever one has ended before it was killed often enough."""
    moments, kills, runs = random.Random(0), 0, 0
    while kills < KILLS:
        folder = tmp_path / str(runs)
        folder.mkdir(exist_ok=True)
        process = start(children, folder, *words_for(folder))
        time.sleep(moments.uniform(0.2, 1.2) if moments.random() < 0.2 else 0)
        begun = time.monotonic()
        before, delay = progress(folder), moments.uniform(0, 0.6)
        while process.alive and time.monotonic() - begun < 30 and progress(folder) == before:
            time.sleep(0.005)
        time.sleep(delay)
        ended = process.kill()
        assert ended in (0, -signal.SIGKILL), process.err
        assert progress(folder) >= before, "a checkpoint is never lost"
        kills += ended != 0
        runs += ended_well(folder, whole)
    finish(children, folder)
    assert ended_well(folder, whole)
    print(f"{kills} kills, {runs + 1} runs, all with the same bits")  # noqa: T201


def test_killed_at_each_step_of_a_save(tmp_path: Path, whole: Path, children: Children) -> None:
    """Each process is killed at its nth change to the folder, for spread n, and the next goes on where it was."""
    kills, runs = 0, 0
    for fatal in np.unique(np.linspace(max(KILLS, 60), 1, KILLS).astype(int)):
        folder = tmp_path / str(runs)
        folder.mkdir(exist_ok=True)
        process = start(children, folder, *words_for(folder), fatal=int(fatal))
        ended = process.ended()
        assert ended in (0, -signal.SIGKILL), process.err
        kills += ended != 0
        runs += ended_well(folder, whole)
    finish(children, folder)
    assert ended_well(folder, whole)
    assert kills
    print(f"{kills} kills, {runs + 1} runs, all with the same bits")  # noqa: T201


@pytest.mark.soak
@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="a small file system needs root to be mounted")
def test_full_disk_ends_the_run_and_resuming_completes_it(tmp_path: Path, whole: Path, children: Children) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(small)], check=False)
    if mounted.returncode != 0:
        pytest.skip("a tmpfs cannot be mounted here")
    try:
        filler = small / "filler"
        process = start(children, small, *WORDS)
        process.wait_until(lambda: progress(small) >= 100)
        filler.write_bytes(bytes(_free(small)))
        assert process.ended() == 2, process.err
        assert "is full" in process.err
        assert progress(small) >= 100
        filler.unlink()
        finish(children, small)
        assert_same(small / "run", whole)
    finally:
        subprocess.run(["umount", str(small)], check=True)


def _free(path: Path) -> int:
    status = os.statvfs(path)
    return status.f_bavail * status.f_frsize
