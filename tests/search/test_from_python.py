"""A search from Python: of rows that are in memory, gone on with there, and refused with what to do."""

import inspect
from pathlib import Path

import numpy as np
import pytest

import batchwright as bw
from batchwright.errors import BatchwrightError, InterruptedRunError, RunError
from batchwright.search.events import Progress, Searched, SearchOptions
from batchwright.search.search import search
from batchwright.search.space import load_space

SPACE = {
    "optimizer.learning_rate": {"log": np.array([1e-3, 1e-1])},
    "network.name": "linear",
    "training.epochs": np.int64(3),
    "training.batch_size": 16,
}


@pytest.fixture(scope="module")
def data() -> bw.Dataset:
    generator = np.random.default_rng(0)
    inputs = generator.normal(size=(200, 3)).astype(np.float32)
    return bw.load((inputs, np.where(inputs[:, 0] > 0, "up", "down")))


def test_rows_in_memory_are_searched(data: bw.Dataset, tmp_path: Path) -> None:
    found = bw.run_search(data, SPACE, trials=4, seeds=2, run_dir=str(tmp_path / "search"))
    assert len(found.finished) == 4
    losses = [one.outcome.value for one in found.finished]
    assert found.best.outcome.value == min(losses)
    rate = found.best.chosen["optimizer.learning_rate"]
    assert found.trained.prepared.settings.config.optimizer.learning_rate == rate
    assert 1e-3 <= rate <= 1e-1
    assert found.repeated is not None and len(found.repeated.runs) == 2
    assert bw.open_run(tmp_path / "search").metrics == found.trained.metrics
    assert len(repr(found)) < 500


def test_one_that_was_interrupted_is_gone_on_with_in_python(data: bw.Dataset, tmp_path: Path) -> None:
    folder, noted, generator = tmp_path / "search", False, np.random.default_rng(1)
    values = {"optimizer.learning_rate": "{log: [1e-3, 1e-1]}", "network.name": "linear"}
    values |= {"training.epochs": "3", "training.batch_size": "16"}
    space = load_space(None, [(key, text, "") for key, text in values.items()])
    events = search(space, SearchOptions(trials=3), data, run_dir=folder, interrupted=lambda: noted)
    noted = any(isinstance(event, Progress) for event in events)
    with pytest.raises(InterruptedRunError):
        next(event for event in events if isinstance(event, Searched))
    with pytest.raises(RunError, match=r"go on with it there, bw.resume_search\('.*search', data\)"):
        bw.resume_search(folder)
    with pytest.raises(RunError, match="differ from the rows of the search") as refused:
        bw.resume_search(folder, bw.load((generator.normal(size=(30, 3)), generator.normal(size=30))))
    assert len(bw.resume_search(folder, data).finished) == 3, "as long as an error is kept, nothing else is"
    assert refused.value


@pytest.mark.parametrize(
    ("space", "options", "said"),
    [
        ({"optimizer.learning_rate": {"log": [1, 0]}}, {}, "space: optimizer.learning_rate: the range"),
        ({"learning_rate": {"log": [0.1, 1]}}, {}, "it belongs under optimizer"),
        ([("optimizer.learning_rate", 0.1)], {}, r"space takes a mapping by key, as .*, but is"),
        ({3: 0.1}, {}, "has the key 3"),
        (None, {"storage": 3}, "storage takes text or None, but is 3"),
        (None, {"trials": 0, "seeds": -1}, "trials has to be a whole number from 1 on, but is 0. seeds has"),
    ],
)
def test_what_is_wrong_is_said(
    data: bw.Dataset, tmp_path: Path, space: dict[str, object] | None, options: dict[str, object], said: str
) -> None:
    with pytest.raises(BatchwrightError, match=said):
        inspect.unwrap(bw.run_search)(data, space, run_dir=tmp_path / "search", **options)
    assert not (tmp_path / "search").exists()


def test_a_folder_that_is_not_of_a_search_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is not the folder of a search"):
        bw.resume_search(tmp_path / "nosuch")


def test_arguments_of_another_type_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BatchwrightError, match=r"folder takes the path of a folder, .*, but is 3"):
        inspect.unwrap(bw.resume_search)(3)
    with pytest.raises(BatchwrightError, match="data takes rows that load has read"):
        inspect.unwrap(bw.resume_search)(tmp_path, [1])
