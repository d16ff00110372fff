"""`batchwright serve` before it serves: what is wrong is one sentence. `test_server` asks one that does."""

import shutil
import socket
from pathlib import Path

import pytest
from tests.cli.conftest import Batchwright, batchwright  # noqa: F401  (a fixture)

from batchwright.cli.serve import TOKEN


def test_what_is_wrong_is_said_in_one_line(
    batchwright: Batchwright,  # noqa: F811
    run_path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shutil.copytree(run_path, tmp_path / "run")
    (tmp_path / "short").write_text("abc")
    (tmp_path / "empty").mkdir()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for words, said in (
            (["none"], "none is not a folder, so there is no run in it"),
            (["empty", "--port", 0], "no folder in it is that of a run that has finished"),
            (["run", "--port", port], "is in use by another program: give another, or 0 for one that is free"),
            (["run", "--host", "192.0.2.1"], "192.0.2.1"),
            (["run", "--token", "short"], "--token short: a token has 16 characters or more"),
            (["run", "--token", "none"], "--token none: the file cannot be read"),
            (["run", "--max-batch", 3], "--max-batch 3 is no power of two"),
            (["run", "--max-body", "much"], "'much' is not a size"),
        ):
            answer = batchwright("serve", *words)
            assert (answer.code, answer.out) == (2, "")
            assert said in answer.err and answer.err.count("\n") == 1, answer.err
        monkeypatch.setenv(TOKEN, "with a blank in the midst")
        assert f"{TOKEN}: a token has" in batchwright("serve", "run", "--port", 0).err
    weights = Path("run/model/weights.safetensors")
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    monkeypatch.delenv(TOKEN)
    answer = batchwright("serve", "run", "--port", 0)
    assert answer.code == 2 and "is damaged" in answer.err
