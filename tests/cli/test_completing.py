"""What Tab completes in a shell: verbs, options, folders of runs, keys and their words; nothing heavy is loaded."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.test_public_api import HEAVY
from tools.generated import KEYS, MANUAL, keys_text, manual_text

from batchwright.cli.bash_words import rejoin
from batchwright.cli.completing import TRACKERS, complete_assignment, complete_run, complete_tracker, keys
from batchwright.cli.settings import OPTIONS
from batchwright.config.keys import homes
from batchwright.tracking.places import KINDS

CODE = "import sys; sys.argv = ['batchwright']; from batchwright.cli.main import main; main()"


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A few records, and folders that are none."""
    for record in ("runs/iris-1/manifest.json", "runs/iris-search-1/search.json", "kept/best/manifest.json"):
        (tmp_path / record).parent.mkdir(parents=True)
        (tmp_path / record).touch()
    (tmp_path / "runs/.hidden").mkdir()
    (tmp_path / "runs/odd\nname").mkdir()
    (tmp_path / "data.csv").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("", ["runs/iris-1", "runs/iris-search-1", "kept/", "runs/"]),
        ("ru", ["runs/"]),
        ("runs/", ["runs/iris-1", "runs/iris-search-1"]),
        ("runs/iris-s", ["runs/iris-search-1"]),
        ("./runs/iris-1", ["./runs/iris-1"]),
        ("kept/b", ["kept/best"]),
        ("da", []),
        ("nowhere/at/all", []),
    ],
)
def test_folders_of_runs(folders: Path, typed: str, completed: list[str]) -> None:
    assert complete_run(typed) == completed
    if typed.startswith(("runs", "kept")):
        assert complete_run(f"{folders}/{typed}") == [f"{folders}/{one}" for one in completed]


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("optimizer.na", ["optimizer.name=sgd", "optimizer.name=adam"]),
        ("optimizer.name=ada", ["optimizer.name=adagrad", "optimizer.name=adam", "optimizer.name=adamw"]),
        ("training.remainder=", ["training.remainder=keep", "training.remainder=drop"]),
        ("training.see", ["training.seed="]),
        ("training.seed=1", []),
        ("nothing", []),
        ("nothing=1", []),
    ],
)
def test_keys_and_their_words(typed: str, completed: list[str]) -> None:
    found = complete_assignment(typed)
    assert set(completed) <= set(found) and all(one.startswith(typed) for one in found)
    assert bool(found) == bool(completed)


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("", ["tensorboard:", "mlflow", "trackio", "wandb", "csv:"]),
        ("te", ["tensorboard:"]),
        ("tensorboard:", ["tensorboard:kept/", "tensorboard:runs/"]),
        ("tensorboard:runs/i", ["tensorboard:runs/iris-1/", "tensorboard:runs/iris-search-1/"]),
        ("csv:d", ["csv:data.csv"]),
        ("csv:./k", ["csv:./kept/"]),
        ("csv:nowhere/", []),
        ("mlflow:ru", []),
        ("x", []),
    ],
)
def test_trackers_and_their_places(folders: Path, typed: str, completed: list[str]) -> None:
    assert complete_tracker(typed) == completed
    if typed.startswith("csv:d"):
        assert complete_tracker(f"csv:{folders}/d") == [f"csv:{folders}/data.csv"]


def test_every_tracker_is_completed() -> None:
    assert tuple((kind.name, kind.needed) for kind in KINDS) == TRACKERS


def test_all_keys_are_completed() -> None:
    """Those that have keys of their own below them are not written themselves."""
    paths = {".".join(home.path) for home in homes()}
    leaves = {path for path in paths if not any(other.startswith(f"{path}.") for other in paths)}
    assert leaves <= set(keys())
    assert {option.key for option in OPTIONS} <= set(keys())
    assert {"full", "auto"} == set(keys()["training.batch_size"])


@pytest.mark.parametrize(("path", "text"), [(KEYS, keys_text), (MANUAL, manual_text)], ids=["keys", "man"])
def test_generated_files_are_as_the_code_is(path: Path, text: object) -> None:
    assert path.read_text(encoding="utf-8") == text(), "make generated"


def completed(words: str, *, code: str = CODE) -> subprocess.CompletedProcess[str]:
    """What bash would be told where the cursor is behind these words."""
    count = len(words.split(" ")) - 1
    env = {"_BATCHWRIGHT_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(count)}
    return subprocess.run([sys.executable, "-c", code], env={**os.environ, **env}, capture_output=True, text=True)


def test_the_shell_is_told(folders: Path) -> None:
    assert completed("batchwright resume runs/iris-").stdout.split() == ["runs/iris-1", "runs/iris-search-1"]
    assert "find-learning-rate" in completed("batchwright fi").stdout.split()
    assert completed("batchwright train --optimizer adam").stdout.split()[:2] == ["adam", "adamw"]
    assert completed("batchwright train --set training.remainder=d").stdout.split() == ["training.remainder=drop"]


def test_nothing_heavy_is_loaded() -> None:
    """But for pydantic, by which Typer reads values."""
    names = set(HEAVY) - {"pydantic"}
    heavy = f"import atexit, sys; atexit.register(lambda: print('loaded:', *({names!r} & set(sys.modules))))"
    found = completed("batchwright train --optimizer ", code=f"{heavy}\n{CODE}").stdout.split("\n")
    assert "sgd" in found and found[-2].strip() == "loaded:"


@pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash")
def test_bash_takes_the_script(folders: Path) -> None:
    """The script that --show-completion prints in bash, in a real one, calling the function as Tab does."""
    program = folders / "bin/batchwright"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nfrom batchwright.cli.main import main\nmain()\n")
    program.chmod(0o755)
    env = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"}
    asking = env | {"_BATCHWRIGHT_COMPLETE": "source_bash"}
    script = subprocess.run([program], env=asking, capture_output=True, text=True)
    assert script.returncode == 0, script.stderr
    lines = ("report runs/iris-", "train --set training.remainder = d", "train --log-to csv : da")
    asks = (
        f"COMP_WORDS=(batchwright {line}); COMP_CWORD={len(line.split())}; _batchwright_completion batchwright; "
        "echo ${COMPREPLY[@]}"
        for line in lines
    )
    told = subprocess.run(
        ["bash", "-c", "\n".join([script.stdout, *asks])], env=env, capture_output=True, text=True, check=False
    )
    assert told.stdout.splitlines() == ["runs/iris-1 runs/iris-search-1", "drop", "data.csv"]


@pytest.mark.parametrize(
    ("words", "at", "whole", "place", "before"),
    [
        (["b", "--log-to", "csv", ":"], 3, ["b", "--log-to", "csv:"], 2, "csv:"),
        (["b", "--log-to", "csv", ":", "a"], 4, ["b", "--log-to", "csv:a"], 2, "csv:"),
        (["b", "--log-to", "mlflow", ":", "//a", ":", "50"], 6, ["b", "--log-to", "mlflow://a:50"], 2, "mlflow://a:"),
        (["b", "--optimizer", "=", "ad"], 3, ["b", "--optimizer=ad"], 1, "--optimizer="),
        (["b", "--set", "a", "=", "1", "--epochs", ""], 6, ["b", "--set", "a=1", "--epochs", ""], 4, ""),
        (["b", "--set", "a", "=", "1", "--see"], 1, ["b", "--set", "a=1", "--see"], 1, ""),
    ],
)
def test_what_bash_cuts_is_put_together(words: list[str], at: int, whole: list[str], place: int, before: str) -> None:
    assert rejoin(words, at) == (whole, place, before)
