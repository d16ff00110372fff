"""After which epoch each validation row was last answered wrongly: in training, in checkpoints and in runs."""

import json
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.builders import end, events_of, make_job, make_rows, start, taken

import batchwright as bw
from batchwright import nn
from batchwright.errors import RunError
from batchwright.measure.layers import layer_probe
from batchwright.runs import checkpoints
from batchwright.runs.manifest import MISTAKES
from batchwright.runs.sealed import seal
from batchwright.tasks import Regression
from batchwright.training.checkpoint import first_checkpoint
from batchwright.training.evaluate import outputs
from batchwright.training.events import EpochDone
from batchwright.training.fit import fit
from batchwright.training.job import Job
from batchwright.training.state import Rows


def recorded(**changes: object) -> Job:
    job = make_job(**changes)
    return replace(job, diagnostics=layer_probe(job, jax.tree.map(np.asarray, make_rows())))


def test_it_is_the_last_epoch_with_another_answer() -> None:
    job = recorded(epochs=5)
    rows, last = job.validation, np.zeros(53, np.int32)
    assert isinstance(rows, Rows)
    for event in fit(job, first_checkpoint(start(job.program, make_rows()))):
        if isinstance(event, EpochDone):
            answers = outputs(job.program.model, event.state.variables, rows.inputs).argmax(axis=1)
            last[answers != np.asarray(rows.targets)] = event.row["epoch"]
            np.testing.assert_array_equal(event.last_wrong, last)
    assert 0 < np.count_nonzero(last) < 53
    assert len(set(last.tolist())) > 2


def test_a_checkpoint_brings_it_back_and_one_without_it_begins_none(tmp_path: Path) -> None:
    job = recorded()
    checkpoint = taken(events_of(job, interrupted=lambda: True))[-1]
    whole = taken(events_of(job))[-1]
    checkpoints.write(tmp_path, whole, keep=2)
    found, _ = checkpoints.read(tmp_path, start(job.program, make_rows()))
    assert found is not None
    np.testing.assert_array_equal(found.last_wrong, whole.last_wrong)
    assert found.last_wrong.dtype == np.int32
    after_an_epoch = replace(whole, history=whole.history[:1], last_wrong=None)
    assert checkpoint.last_wrong is None
    assert taken(events_of(job, after_an_epoch))[-1].last_wrong is None, "not of all epochs, so of none"


def test_a_checkpoint_from_before_it_was_kept_is_read(tmp_path: Path) -> None:
    job = make_job()
    checkpoint = taken(events_of(job))[-1]
    checkpoints.write(tmp_path, checkpoint, keep=2)
    place = checkpoints.place(tmp_path, checkpoint) / checkpoints.PLAIN
    plain = json.loads(place.read_text())
    assert plain["last_wrong"] is None
    place.write_text(seal({key: value for key, value in plain.items() if key not in ("sha256", "last_wrong")}))
    found, problems = checkpoints.read(tmp_path, start(job.program, make_rows()))
    assert found is not None
    assert problems == []
    assert found.last_wrong is None


def test_it_is_not_kept_of_numbers_nor_without_validation_rows_nor_unless_it_is_asked_for() -> None:
    job = recorded()
    network = nn.MLP((4,)).build(nn.Features(numeric=5), 1)
    model = replace(job.program.model, network=network, task=Regression())
    numbers = make_rows()._replace(targets=jnp.zeros(53))
    values = replace(
        job, program=replace(job.program, model=model), train=numbers, validation=numbers, diagnostics=None
    )
    values = replace(values, diagnostics=layer_probe(values, jax.tree.map(np.asarray, numbers)))
    for other in (values, replace(job, validation=None), replace(job, diagnostics=None)):
        events = events_of(other, first_checkpoint(start(other.program, make_rows())))
        assert taken(events)[-1].last_wrong is None
        assert end(events).status == "finished"


def test_a_run_has_it_with_the_numbers_of_the_rows(tmp_path: Path) -> None:
    data = bw.load("iris")
    trained = bw.fit(data, network=bw.nn.MLP((8,)), epochs=3, run_dir=tmp_path / "run")
    run = bw.open_run(tmp_path / "run")
    found = run.last_wrong()
    assert found is not None
    np.testing.assert_array_equal(found.rows, data.indices.validation)
    np.testing.assert_array_equal(found.epochs, trained.last_wrong.epochs)
    assert 0 <= found.epochs.min() <= found.epochs.max() <= 3
    wrong_at_the_end = (found.epochs == 3).mean()
    assert 1 - wrong_at_the_end == pytest.approx(trained.history[-1]["val_accuracy"])
    place = tmp_path / "run" / MISTAKES
    place.write_bytes(place.read_bytes()[:-4] + b"\x09\x00\x00\x00")
    with pytest.raises(RunError, match="is damaged"):
        run.last_wrong()


def test_without_diagnostics_nothing_is_kept(tmp_path: Path) -> None:
    trained = bw.fit(bw.load("iris"), network=bw.nn.MLP((8,)), epochs=2, run_dir=tmp_path / "run", diagnostics=False)
    assert bw.open_run(tmp_path / "run").last_wrong() is None
    assert trained.last_wrong is None
    assert not any(name.startswith("layers/") for row in trained.history for name in row)
