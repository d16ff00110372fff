"""Without a home folder and without a network all works: in a container, on a cluster, as a service."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from batchwright import _cache

COMMANDS = """
import sys
from batchwright.cli.main import main
for words in ("train iris --network linear --epochs 1 --run-dir run", "predict run iris", "report run --html"):
    sys.argv = ["batchwright", *words.split()]
    try:
        main()
    except SystemExit as left:
        assert not left.code, words
"""


def test_a_folder_of_programs_that_is_named_needs_no_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user of a container has a number and no entry that says where the home folder is."""

    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert _cache._cache_folder(str(tmp_path / "programs")) == tmp_path / "programs"
    assert _cache._cache_folder(None) is None


def without_network() -> list[str]:
    """Words before a command that take all networks away from it, where this user may do so."""
    words = [shutil.which("unshare") or "", "--net"]
    may = bool(words[0]) and subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0
    return words if may else []


def test_a_training_needs_neither(tmp_path: Path) -> None:
    """The home folder is below a file, so that nobody can make it, not even root."""
    (tmp_path / "file").touch()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "BATCHWRIGHT_"))}
    env = kept | {"HOME": str(tmp_path / "file/home")}
    words = [*without_network(), sys.executable, "-W", "error", "-c", COMMANDS]
    done = subprocess.run(words, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run/report.html").is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "run"]
