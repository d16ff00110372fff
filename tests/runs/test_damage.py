"""Files that were cut short or changed: a clean error, never a crash and never another model."""

import json
import math
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.runs.conftest import FILES

from batchwright.errors import RunError
from batchwright.runs import open_run

quickly = settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])


def read_all(path: Path) -> None:
    """Read every file of a run."""
    run = open_run(path)
    assert run.config
    assert len(run.history) == 2
    assert math.isnan(run.history[0]["val_loss"])
    run.indices()
    run.load_model()


def assert_refused(path: Path, name: str, content: bytes) -> None:
    whole = (path / name).read_bytes()
    (path / name).write_bytes(content)
    try:
        if name != "manifest.json" or not same_json(content, whole):
            with pytest.raises(RunError, match=re.escape(Path(name).name)):
                read_all(path)
    finally:
        (path / name).write_bytes(whole)


def same_json(one: bytes, other: bytes) -> bool:
    """Whether two texts differ in white space only: the one change that a manifest does not notice."""
    try:
        return json.loads(one) == json.loads(other)
    except ValueError:
        return False


@pytest.mark.parametrize("name", FILES)
@given(share=st.floats(0, 1), bit=st.integers(0, 7))
@quickly
def test_flipped_bit_is_refused(run_path: Path, name: str, share: float, bit: int) -> None:
    content = bytearray((run_path / name).read_bytes())
    content[min(int(share * len(content)), len(content) - 1)] ^= 1 << bit
    assert_refused(run_path, name, bytes(content))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.99])
def test_truncated_file_is_refused(run_path: Path, name: str, share: float) -> None:
    content = (run_path / name).read_bytes()
    assert_refused(run_path, name, content[: int(share * len(content))])


@pytest.mark.parametrize("name", FILES)
def test_lengthened_file_is_refused(run_path: Path, name: str) -> None:
    assert_refused(run_path, name, (run_path / name).read_bytes() + b"x")


@pytest.mark.parametrize("name", FILES)
def test_missing_file_is_refused(run_path: Path, name: str) -> None:
    (run_path / name).unlink()
    with pytest.raises(RunError, match=Path(name).name):
        read_all(run_path)


def test_edited_manifest_is_refused(run_path: Path) -> None:
    manifest = run_path / "manifest.json"
    manifest.write_text(manifest.read_text().replace("0.9", "0.99"))
    with pytest.raises(RunError, match="changed or damaged since it was written"):
        open_run(run_path)
