"""Resuming is exact, and a member of a population is trained as alone, also with text, tags and images in columns."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from tests.builders import EVERY_ITERATION, copy_to_device, end, history, same_bits, taken

import batchwright as bw
from batchwright import workflow
from batchwright.config import load_config
from batchwright.data.dataset import Dataset
from batchwright.population.fit import fit_members
from batchwright.runs.tensors import by_path
from batchwright.training.checkpoint import Checkpoint, first_checkpoint
from batchwright.training.events import Event
from batchwright.training.fit import fit
from batchwright.training.job import Job
from batchwright.training.state import initial_state
from batchwright.workflow.preparing import example_of

ROWS = 48
SAID = ("the red one is good", "the blue one is bad", "a green one that is fine", "no colour was seen on it at all")


def words_and_tags(folder: Path) -> Dataset:
    rng = np.random.default_rng(0)
    texts = [f"{SAID[row % 4]} {rng.choice(['today', 'again', 'never', 'later'])} {row}" for row in range(ROWS)]
    tags = ["|".join(rng.choice(["new", "old", "dear", "cheap"], rng.integers(1, 4), replace=False)) for _ in texts]
    table = {"x": rng.normal(size=ROWS), "text": texts, "tags": tags, "y": ["ab"[row % 2] for row in range(ROWS)]}
    data = bw.load(table, target="y", kinds={"text": "text", "tags": "tags"}, text={"features": 256})
    assert {column.kind for column in data.schema.columns if column.used} == {"numeric", "text", "tags"}
    return data


def pictures(folder: Path) -> Dataset:
    rng = np.random.default_rng(0)
    for row in range(ROWS):
        Image.fromarray(rng.integers(0, 255, (6, 6), np.uint8)).save(folder / f"{row}.png")
    names = [f"{row}.png" for row in range(ROWS)]
    table = pl.DataFrame({"photo": names, "x": rng.normal(size=ROWS), "y": ["ab"[row % 2] for row in range(ROWS)]})
    table.write_csv(folder / "t.csv")
    data = bw.load(folder / "t.csv", target="y")
    assert {column.kind for column in data.schema.columns if column.used} == {"numeric", "image"}
    return data


KINDS = {"text and tags": (words_and_tags, "mlp"), "images": (pictures, "cnn")}


@pytest.fixture(params=KINDS)
def job(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Job, dict[str, np.ndarray]]:
    load, network = KINDS[request.param]
    data = load(tmp_path)
    keys = {"network.name": network, "training.epochs": "2", "training.batch_size": "12", "network.dropout": "0.2"}
    keys |= {"optimizer.name": "sgd", "optimizer.learning_rate": "0.05", "optimizer.momentum": "0.9"}
    keys |= {"network.filters": "[3]"} if network == "cnn" else {"network.hidden_layer_sizes": "[6]"}
    prepared = workflow.prepare(load_config(None, [(key, value, key) for key, value in keys.items()]), data)
    return prepared.job, example_of(data)


def events_of(job: Job, example: dict[str, np.ndarray], since: Checkpoint | None = None) -> list[Event]:
    start = first_checkpoint(initial_state(job.program, example, seed=job.seed))
    return list(fit(job, start if since is None else copy_to_device(since)))


def test_from_every_checkpoint_the_rest_has_the_same_bits(job: tuple[Job, dict[str, np.ndarray]]) -> None:
    made, example = replace(job[0], checkpoints=EVERY_ITERATION), job[1]
    whole = events_of(made, example)
    checkpoints = taken(whole)
    assert len(checkpoints) == made.plan.updates >= 4
    for checkpoint in checkpoints[:-1:2]:
        rest = events_of(made, example, checkpoint)
        assert same_bits(end(rest).variables, end(whole).variables)
        assert history(rest) == history(whole)[len(checkpoint.history) :]


def test_a_member_of_a_population_is_trained_as_alone(job: tuple[Job, dict[str, np.ndarray]]) -> None:
    made, example = job
    faster = replace(made.program, optimizer=bw.optim.SGD(0.1, momentum=0.5))
    members = [made, replace(made, seed=5), replace(made, program=faster)]
    for run, one in zip(list(fit_members(members, example))[-1], members, strict=True):
        stopped = end(events_of(one, example))
        assert run.end is not None and run.now.kept_epoch == stopped.epoch
        kept, alone = by_path(run.now.kept), by_path(stopped.variables)
        for name, array in kept.items():
            # Bins begin where a number lies: at this kink of their relu, rounding decides whether a unit learns.
            most = 0.01 if name == "params/inputs/numbers/bias" else 3e-4
            np.testing.assert_allclose(array, alone[name], rtol=1e-3, atol=most)
        assert kept.keys() == alone.keys()
