"""The bits of a run depend on the number of threads, which is recorded, kept by resuming, and can be fixed."""

import json
import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.numpy import load_file
from tests.children import Children

import batchwright as bw
from batchwright import _machine, workflow
from batchwright.config import load_config
from batchwright.errors import InterruptedRunError, UsageError
from batchwright.runs.run import open_run

CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
pytestmark = pytest.mark.skipif(len(CORES) < 2, reason="one core only")

ON_CORES = "import os, sys; os.sched_setaffinity(0, map(int, sys.argv.pop(1).split(','))); "
COMMAND = ON_CORES + "from batchwright.cli.main import main; main()"
BEGIN = (
    ON_CORES
    + """
from batchwright import workflow
from batchwright.config import load_config
from batchwright.errors import InterruptedRunError
from pathlib import Path
seen = []
settings = load_config(None, [(key, value, key) for key, value in (pair.split("=") for pair in sys.argv[1:])])
try:
    for event in workflow.train(settings, run_dir=Path("broken"), interrupted=lambda: len(seen) >= 2):
        seen += [event] if type(event).__name__ == "EpochDone" else []
except InterruptedRunError:
    pass
"""
)
ONE, ALL = str(CORES[0]) if CORES else "0", ",".join(map(str, CORES))
TRAIN = ("train", "digits", "--network", "mlp", "--epochs", 5, "--batch-size", "full")
BEGUN = ("data.source=digits", "network.name=mlp", "training.epochs=5", "training.batch_size=full")


def run(children: Children, folder: Path, code: str, cores: str, *words: object) -> str:
    env = {"BATCHWRIGHT_CACHE": str(folder.parent / "programs")}
    (folder / "program.py").write_text(code)
    child = children.fork(folder / "program.py", cores, *words, cwd=folder, env=env)
    assert child.ended() == 0, child.err
    return child.err


def weights(folder: Path) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in load_file(folder / "model/weights.safetensors").items()}


@pytest.mark.slow
def test_a_run_of_one_core_goes_on_exactly_on_all(tmp_path: Path, children: Children) -> None:
    run(children, tmp_path, COMMAND, ONE, *TRAIN, "--run-dir", "one")
    run(children, tmp_path, COMMAND, ALL, *TRAIN, "--run-dir", "all")
    assert weights(tmp_path / "one") != weights(tmp_path / "all"), "nothing to be kept: the test cannot fail"
    run(children, tmp_path, BEGIN, ONE, *BEGUN)
    assert json.loads((tmp_path / "broken/manifest.json").read_text())["machine"]["threads"] == "1"
    said = run(children, tmp_path, COMMAND, ALL, "resume", "broken")
    assert weights(tmp_path / "broken") == weights(tmp_path / "one")
    assert "it began with" not in said


@pytest.mark.slow
def test_a_deterministic_run_has_the_same_bits_on_one_core_and_on_all(tmp_path: Path, children: Children) -> None:
    for cores, name in ((ONE, "one"), (ALL, "all")):
        run(children, tmp_path, COMMAND, cores, *TRAIN, "--deterministic", "--run-dir", name)
    assert weights(tmp_path / "one") == weights(tmp_path / "all")


@pytest.mark.soak
def test_a_deterministic_run_is_verified_with_the_threads_that_it_began_with(
    tmp_path: Path, children: Children
) -> None:
    run(children, tmp_path, COMMAND, ONE, *TRAIN, "--deterministic", "--run-dir", "run")
    assert run(children, tmp_path, COMMAND, ALL, "resume", "run", "--verify") == ""


def test_what_has_changed_is_one_sentence() -> None:
    now = _machine.describe()
    assert int(now["threads"]) >= 1 and now["jaxlib"] and now["processor"]
    assert _machine.difference_note(now) == ""
    assert _machine.difference_note({}) == "", "a run of before this was recorded"
    said = _machine.difference_note(now | {"threads": "64", "jax": "0.1"})
    assert said.startswith(f"it began with threads '64', now '{now['threads']}'; jax '0.1', now '{now['jax']}': ")


def test_threads_cannot_be_changed_once_jax_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    _machine.describe()
    monkeypatch.setenv(_machine.VARIABLE, "3")
    assert not _machine.use_threads(5)
    assert os.environ[_machine.VARIABLE] == "3"
    with pytest.raises(UsageError, match="with 3 threads already, and 4 are needed: ask for it before"):
        _machine.be_deterministic()
    _machine.use_recorded_threads({"threads": "7"})
    assert _machine.threads() == 3
    monkeypatch.setenv(_machine.VARIABLE, "4")
    _machine.be_deterministic()


def test_going_on_upon_another_machine_is_a_warning_in_python(tmp_path: Path) -> None:
    settings = load_config(None, [("data.source", "iris", ""), ("network", "{kind: linear}", "")])
    with suppress(InterruptedRunError):
        list(workflow.train(settings, run_dir=tmp_path / "run", interrupted=lambda: True))
    manifest = open_run(tmp_path / "run").manifest
    moved = replace(manifest, machine=manifest.machine | {"jaxlib": "0.1"})
    (tmp_path / "run/manifest.json").write_text(moved.to_text())
    with pytest.warns(UserWarning, match="run: it began with jaxlib '0.1', now '"):
        bw.resume(tmp_path / "run")
