"""The noise scale along a run: the same at the same epoch, wherever the rows lie and wherever the run goes on."""

from dataclasses import replace

import jax
import numpy as np
from tests.builders import (
    EVERY_ITERATION,
    ROWS,
    Lines,
    end,
    events_of,
    history,
    make_job,
    make_rows,
    same_bits,
    start,
    taken,
)

from batchwright import optim
from batchwright.measure.live import LiveNoise, live_noise, rows_to_measure
from batchwright.measure.noise_scale import measure_noise
from batchwright.runs.reading import numbers, to_plain
from batchwright.training.feed import OnDisk
from batchwright.training.job import Job

COLUMNS = ("noise_scale", "noise_scale_low", "noise_scale_high", "gradient_variance", "gradient_norm2")


def probe_of(job: Job, seed: int = 0) -> LiveNoise:
    state = start(job.program, make_rows())
    return live_noise(job.program, job.train, state.variables, rows=ROWS, seed=seed)


def test_it_is_that_of_all_rows_where_all_are_measured() -> None:
    job = make_job(optimizer=optim.Adam(0.01))
    state = start(job.program, make_rows())
    found = probe_of(job)(state, 1)
    assert tuple(found) == COLUMNS
    noise = measure_noise(job.program, state, make_rows(), np.arange(48, dtype=np.int32)).overall
    assert noise.low < found["noise_scale"] < noise.high
    assert found["noise_scale"] == found["gradient_variance"] / found["gradient_norm2"]


def test_rows_are_drawn_by_seed_and_epoch() -> None:
    job = make_job()
    state, probe = start(job.program, make_rows()), replace(probe_of(job), count=24)
    assert probe(state, 1) == probe(state, 1)
    assert probe(state, 1) != probe(state, 2)
    assert probe(state, 1) != replace(probe, seed=1)(state, 1)


def test_rows_on_the_disk_are_those_in_memory() -> None:
    job = make_job()
    on_disk = replace(job, train=OnDisk(Lines(make_rows()), 16))
    state = start(job.program, make_rows())
    in_memory, from_disk = (replace(probe_of(each), count=24)(state, 3) for each in (job, on_disk))
    assert in_memory == from_disk


def test_it_changes_nothing_and_is_the_same_after_every_checkpoint() -> None:
    job = replace(make_job(network={"dropout": 0.3}, optimizer=optim.Adam(0.01)), checkpoints=EVERY_ITERATION)
    whole = events_of(replace(job, probe=probe_of(job)))
    assert same_bits(end(whole).variables, end(events_of(job)).variables)
    assert all(name in row for row in history(whole) for name in COLUMNS)
    for checkpoint in taken(whole)[::6]:
        rest = events_of(replace(job, probe=probe_of(job)), checkpoint)
        np.testing.assert_equal(history(rest), history(whole)[len(checkpoint.history) :])


def test_what_cannot_be_told_is_nan_and_survives_json() -> None:
    job = make_job()
    state = start(job.program, make_rows())
    diverged = state._replace(params=jax.tree.map(lambda leaf: leaf * np.float32(np.nan), state.params))
    for row in (replace(probe_of(job), count=2)(state, 1), probe_of(job)(diverged, 1)):
        assert all(np.isnan(value) for value in row.values())
        np.testing.assert_equal(numbers(to_plain(row)), row)


def test_batch_normalization_takes_groups_and_more_rows() -> None:
    job = make_job(network={"batch_normalization": True})
    state = start(job.program, make_rows())
    probe = live_noise(job.program, job.train, state.variables, rows=60_000, seed=0)
    assert (probe.count, probe.group_rows) == (rows_to_measure(60_000, mixed=True), 16)
    assert rows_to_measure(1_000, mixed=True) == 256
    assert rows_to_measure(100, mixed=True) == 100
