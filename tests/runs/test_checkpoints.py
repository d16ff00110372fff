"""Checkpoints on the disk: whole or not there, verified, the newest that can be trusted, and never a wrong one."""

import errno
import json
import os
import threading
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.builders import EVERY_ITERATION, PATIENT, events_of, make_job, taken

from batchwright import optim
from batchwright.errors import RunError, UsageError
from batchwright.runs import checkpoints
from batchwright.runs.checkpoints import Writer
from batchwright.training.checkpoint import Checkpoint

JOB = make_job(optimizer=optim.Adam(0.01), early_stopping=PATIENT, checkpoints=EVERY_ITERATION)


@pytest.fixture(scope="module")
def made() -> list[Checkpoint]:
    """One after each iteration of a training of three epochs."""
    return taken(events_of(JOB))


def same(one: Checkpoint, other: Checkpoint) -> bool:
    arrays = [jax.tree.leaves((point.state, point.losses, point.kept)) for point in (one, other)]
    plain = [
        (point.history, point.kept_epoch, point.seconds, point.diverged, jax.tree.structure(point.state))
        for point in (one, other)
    ]
    return plain[0] == plain[1] and all(
        np.array_equal(a, b) and np.asarray(a).dtype == np.asarray(b).dtype for a, b in zip(*arrays, strict=True)
    )


def read(run: Path, made: list[Checkpoint]) -> tuple[Checkpoint | None, list[str]]:
    return checkpoints.read(run, made[0].state)


def test_what_was_written_is_read(tmp_path: Path, made: list[Checkpoint]) -> None:
    for checkpoint in made:
        checkpoints.write(tmp_path, checkpoint, keep=2)
        found, problems = read(tmp_path, made)
        assert found is not None
        assert same(found, checkpoint)
        assert problems == []
    assert not made[-1].keeps_its_own, "the case has to hold some whose best epoch lies behind"
    assert any(point.keeps_its_own for point in made)


def test_a_number_that_is_not_finite_in_the_history_survives(tmp_path: Path, made: list[Checkpoint]) -> None:
    row = made[-1].history[0] | {"val_loss": float("nan")}
    checkpoints.write(tmp_path, replace(made[-1], history=(row, *made[-1].history[1:])), keep=2)
    found, _ = read(tmp_path, made)
    assert found is not None
    assert np.isnan(found.history[0]["val_loss"])


def test_only_the_newest_are_kept(tmp_path: Path, made: list[Checkpoint]) -> None:
    for checkpoint in made:
        checkpoints.write(tmp_path, checkpoint, keep=3)
    names = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert names == [f"000-{int(point.state.step):012d}" for point in made[-3:]]


def test_none_is_none(tmp_path: Path, made: list[Checkpoint]) -> None:
    assert read(tmp_path, made) == (None, [])


FILES = ("state.safetensors", "checkpoint.json")


@pytest.mark.parametrize("name", FILES)
@given(share=st.floats(0, 1), bit=st.integers(0, 7), cut=st.booleans())
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_damaged_one_gives_way_to_the_one_before(
    tmp_path: Path, made: list[Checkpoint], name: str, share: float, bit: int, cut: bool
) -> None:
    for checkpoint in made[5:7]:
        checkpoints.write(tmp_path, checkpoint, keep=2)
    path = checkpoints.place(tmp_path, made[6]) / name
    whole = path.read_bytes()
    place = min(int(share * len(whole)), len(whole) - 1)
    damaged = whole[:place] if cut else whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :]
    path.write_bytes(damaged)
    found, problems = read(tmp_path, made)
    path.write_bytes(whole)
    assert found is not None
    if name == "checkpoint.json" and _same_json(damaged, whole):  # a line break more or less
        assert same(found, made[6])
    else:
        assert same(found, made[5])
        assert len(problems) == 1
        assert made[6].state.step is not None


def _same_json(one: bytes, other: bytes) -> bool:
    try:
        return json.loads(one) == json.loads(other)
    except ValueError:
        return False


@pytest.mark.parametrize("name", FILES)
def test_links_are_refused(tmp_path: Path, made: list[Checkpoint], name: str) -> None:
    checkpoints.write(tmp_path, made[0], keep=2)
    path = checkpoints.place(tmp_path, made[0]) / name
    outside = tmp_path / "outside"
    path.rename(outside)
    path.symlink_to(outside)
    found, problems = read(tmp_path, made)
    assert found is None
    assert "is a link" in problems[0]


def test_one_of_another_network_is_refused(tmp_path: Path, made: list[Checkpoint]) -> None:
    other = make_job(network={"hidden_layer_sizes": (9,)}, optimizer=optim.Adam(0.01), checkpoints=EVERY_ITERATION)
    checkpoints.write(tmp_path, taken(events_of(other))[0], keep=2)
    found, problems = read(tmp_path, made)
    assert found is None
    assert "does not hold the expected arrays" in problems[0]


@pytest.mark.parametrize("call", ["fsync", "rename", "mkdir"])
def test_disk_that_fails_leaves_the_one_before(
    tmp_path: Path, made: list[Checkpoint], monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    checkpoints.write(tmp_path, made[0], keep=2)

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(UsageError, match="is full"):
            checkpoints.write(tmp_path, made[1], keep=2)
    found, problems = read(tmp_path, made)
    assert found is not None
    assert same(found, made[0])
    assert problems == []
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["000-000000000001"]


def test_writer_writes_the_newest_and_never_stops_training(
    tmp_path: Path, made: list[Checkpoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the disk stuck in the first, all others are handed over at once, and only the last of them is written."""
    stuck, write = threading.Event(), checkpoints.write
    written: list[int] = []

    def slow(run: Path, checkpoint: Checkpoint, *, keep: int) -> None:
        stuck.wait(10)
        written.append(int(checkpoint.state.step))
        write(run, checkpoint, keep=keep)

    monkeypatch.setattr(checkpoints, "write", slow)
    writer = Writer(tmp_path, keep=2)
    for checkpoint in made:
        writer.submit(checkpoint)
    stuck.set()
    writer.close()
    assert written[-1] == int(made[-1].state.step)
    assert len(written) <= 2
    found, _ = read(tmp_path, made)
    assert found is not None
    assert same(found, made[-1])


def test_writer_tells_what_went_wrong(tmp_path: Path, made: list[Checkpoint]) -> None:
    (tmp_path / "checkpoints").write_text("in the way")
    writer = Writer(tmp_path, keep=2)
    writer.submit(made[0])
    with pytest.raises(UsageError, match="could not write"):
        writer.close()


def test_forged_count_of_iterations_is_refused(tmp_path: Path, made: list[Checkpoint]) -> None:
    from batchwright.runs.sealed import seal, unseal

    checkpoints.write(tmp_path, made[0], keep=2)
    path = checkpoints.place(tmp_path, made[0]) / "checkpoint.json"
    for done in (-1, 10**15):
        plain = unseal(path.read_bytes(), path, 1)
        path.write_text(seal(plain | {"done": done}))
        found, problems = read(tmp_path, made)
        assert found is None
        assert problems
        with pytest.raises(RunError):
            raise RunError(problems[0])
