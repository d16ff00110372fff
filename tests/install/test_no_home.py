"""Without a home folder and without a network all works: in a container, on a cluster, as a service."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

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
