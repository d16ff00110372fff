"""Rows read in chunks: each once per epoch, in an order of seed and epoch alone, and training on them is exact."""

from dataclasses import replace
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.builders import (
    COLUMNS,
    EVERY_ITERATION,
    PATIENT,
    ROWS,
    LinePlaces,
    Lines,
    end,
    events_of,
    history,
    make_job,
    make_rows,
    same_bits,
    taken,
)

from batchwright import optim
from batchwright.data.dataset import Split
from batchwright.data.disk.encoded_rows import StoredRows
from batchwright.optim import schedules
from batchwright.training.evaluate import evaluate
from batchwright.training.feed import BLOCK_ROWS, OnDisk, Streamed
from batchwright.training.job import Job
from batchwright.training.order import shuffled_blocks
from batchwright.training.plan import make_plan
from batchwright.training.state import Arrays, Rows, to_device


def numbered(rows: int) -> Lines:
    """Rows whose input and target are their own number."""
    numbers = np.arange(rows)
    return Lines(Rows({"numeric": numbers[:, None].astype(np.float32)}, numbers.astype(np.int32), None))


def seen(feed: Streamed, epoch: int, since: int = 0) -> list[list[int]]:
    """The rows of every iteration, by the numbers that they carry."""
    found, places = list[list[int]](), feed.source.chunk_rows // feed.plan.batch_size
    for chunk in feed.chunks(epoch, since):
        numbers = np.append(np.asarray(chunk.rows.targets), -1)
        batches = numbers[chunk.batches[: chunk.iterations].reshape(chunk.iterations, -1)]
        found += [[int(number) for number in batch if number >= 0] for batch in batches]
        assert chunk.first + chunk.iterations == len(found) + (since // places) * places
    return found


@settings(max_examples=30, deadline=None)
@given(
    rows=st.integers(1, 900),
    batch=st.integers(5, 40),
    batches=st.integers(3, 30),
    remainder=st.sampled_from(["keep", "drop"]),
    epoch=st.integers(0, 3),
)
def test_every_row_is_in_one_batch_of_an_epoch(rows: int, batch: int, batches: int, remainder: str, epoch: int) -> None:
    plan = make_plan(rows, min(batch, rows), 1, remainder=remainder)
    feed = Streamed(OnDisk(numbered(rows), plan.batch_size * batches), plan, 7)
    found = seen(feed, epoch)
    assert len(found) == plan.iterations_per_epoch
    assert all(len(rows_of) == plan.batch_size for rows_of in found[:-1])
    together = [row for rows_of in found for row in rows_of]
    assert len(set(together)) == len(together) == plan.rows_per_epoch


def test_the_order_is_a_function_of_seed_and_epoch_and_goes_on_anywhere() -> None:
    plan = make_plan(1000, 8, 1)
    feed = Streamed(OnDisk(numbered(1000), 64), plan, 3)
    assert seen(feed, 5) == seen(feed, 5)
    assert seen(feed, 5) != seen(feed, 6)
    assert seen(feed, 5) != seen(Streamed(OnDisk(numbered(1000), 64), plan, 4), 5)
    assert seen(feed, 5, since=17) == seen(feed, 5)[16:], "from the chunk on that has the iteration"


def test_without_a_shuffle_rows_are_read_as_they_come() -> None:
    plan = make_plan(100, 8, 2, shuffle=False)
    feed = Streamed(OnDisk(numbered(100), 32), plan, 3)
    assert seen(feed, 1) == [list(range(first, min(first + 8, 100))) for first in range(0, 100, 8)]


def test_a_chunk_is_a_sample_of_all_rows() -> None:
    """Of sorted rows, each chunk of an epoch has nearly the mean of all: hundreds of blocks from anywhere."""
    rows, chunk = 400_000, 100 * BLOCK_ROWS
    means = []
    for ranges in shuffled_blocks(rows, block=BLOCK_ROWS, chunk_rows=chunk, seed=0, epoch=0):
        numbers = np.concatenate([np.arange(start, stop) for start, stop in ranges])
        means.append(numbers.mean() / rows)
    assert np.abs(np.array(means[:-1]) - 0.5).max() < 4 * np.sqrt(1 / 12 / 100)


def streamed_job(**changes: object) -> Job:
    job = make_job(**changes)
    return Job(**vars(job) | {"train": OnDisk(Lines(make_rows()), 16), "validation": OnDisk(Lines(make_rows(1)), 16)})


def stored(rows: Rows, folder: Path) -> StoredRows:
    """The rows in files."""
    folder.mkdir()
    for name, array in {**rows.inputs, "targets": rows.targets}.items():
        np.save(folder / f"{name}.npy", np.asarray(array))
    mapped = {file.stem: np.load(file, mmap_mode="r") for file in folder.iterdir()}
    return StoredRows(Split({name: mapped[name] for name in rows.inputs}, mapped["targets"]))


def test_memory_that_the_device_shares_is_filled_again_only_when_it_is_used_no_more(tmp_path: Path) -> None:
    """Many chunks, read into two memories: their training has the bits of one that reads each chunk into its own."""

    class Fresh(Lines):
        def places(self, length: int) -> "FreshPlaces":
            return FreshPlaces(self.whole, length)

    class FreshPlaces(LinePlaces):
        def fill(self, ranges: np.ndarray) -> Arrays:
            return LinePlaces(self.whole, len(self.memory.targets)).fill(ranges)

    rows, held_out = noisy_sides(3000, 0, by_class=False), noisy_sides(2000, 1, by_class=False)
    on_disk = OnDisk(stored(rows, tmp_path / "train"), 256), OnDisk(stored(held_out, tmp_path / "validation"), 256)
    places = on_disk[0].reader.places(256)
    filled = places.fill(np.array([[0, 256]]))
    assert to_device(filled).inputs["numeric"].unsafe_buffer_pointer() == filled.inputs["numeric"].ctypes.data

    job = make_job(early_stopping=PATIENT)
    job = replace(job, plan=make_plan(3000, 8, 3))
    shared = events_of(replace(job, train=on_disk[0], validation=on_disk[1]))
    apart = events_of(replace(job, train=OnDisk(Fresh(rows), 256), validation=OnDisk(Fresh(held_out), 256)))
    assert same_bits(end(shared).variables, end(apart).variables)
    assert history(shared) == history(apart)


@pytest.mark.parametrize("changes", [{}, {"remainder": "drop"}, {"network": {"dropout": 0.3}}], ids=str)
def test_streamed_training_goes_on_from_every_checkpoint_with_the_same_bits(changes: dict[str, object]) -> None:
    job = streamed_job(**changes, checkpoints=EVERY_ITERATION, early_stopping=PATIENT)
    whole = events_of(job)
    assert len(history(whole)) == 3
    for checkpoint in taken(whole)[::5]:
        rest = events_of(job, checkpoint)
        assert same_bits(end(rest).variables, end(whole).variables)
        assert history(rest) == history(whole)[len(checkpoint.history) :]


def test_metrics_do_not_depend_on_streaming() -> None:
    job = make_job()
    rows, variables = make_rows(1, weighted=True), end(events_of(job)).variables
    alone = evaluate(job.program.model, variables, rows)
    for chunk in (7, 16, ROWS):
        assert evaluate(job.program.model, variables, OnDisk(Lines(rows), chunk)) == pytest.approx(alone, rel=1e-6)


def noisy_sides(rows: int, seed: int, *, by_class: bool) -> Rows:
    """Rows on the two sides of a plane, a tenth of them on the wrong one; sorted by class where asked for."""
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(rows, COLUMNS)).astype(np.float32)
    targets = ((x.sum(axis=1) > 0) ^ (generator.random(rows) < 0.1)).astype(np.int32)
    order = np.argsort(targets, kind="stable") if by_class else np.arange(rows)
    return Rows({"numeric": jnp.asarray(x[order])}, jnp.asarray(targets[order]), None)


def test_sorted_rows_train_as_well_from_the_disk_as_shuffled_whole() -> None:
    """The validation losses of five seeds: their mean is within what seeds differ by, and one percent at most."""
    rows, held_out = 40_000, noisy_sides(20_000, 1, by_class=False)
    whole = noisy_sides(rows, 0, by_class=True)
    job = make_job(optimizer=optim.Adam(0.01), early_stopping=None, schedule=schedules.Cosine())
    job = Job(**vars(job) | {"validation": held_out, "plan": make_plan(rows, 64, 2)})
    on_disk = OnDisk(Lines(whole), 64 * 64)
    losses = {
        place: np.array([history(events_of(replace(job, train=train, seed=seed)))[-1]["val_loss"] for seed in range(5)])
        for place, train in (("memory", whole), ("disk", on_disk))
    }
    apart = losses["disk"].mean() / losses["memory"].mean() - 1
    assert abs(apart) < 0.01, losses


def test_a_reader_that_fails_ends_the_training() -> None:
    class Gone(Lines):
        def places(self, length: int) -> LinePlaces:
            return GonePlaces(self.whole, length)

    class GonePlaces(LinePlaces):
        def fill(self, ranges: np.ndarray) -> Arrays:
            if ranges.max() > 16:
                raise OSError("gone")
            return super().fill(ranges)

    job = make_job()
    with pytest.raises(OSError, match="gone"):
        events_of(Job(**vars(job) | {"train": OnDisk(Gone(make_rows()), 16)}))
