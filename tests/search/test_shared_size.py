"""Machines that share a study have one batch size, whoever measures first."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from batchwright.search.events import SearchOptions
from batchwright.search.search import search
from batchwright.search.shared_size import Size, agreed_size
from batchwright.search.space import Space, load_space
from batchwright.search.study import Study, open_study

VALUES = {
    "data.source": "iris",
    "network.name": "linear",
    "optimizer.learning_rate": "{log: [1e-3, 1]}",
    "training.epochs": "2",
    "training.early_stopping": "null",
}


def space() -> Space:
    return load_space(None, [(key, text, key) for key, text in VALUES.items()])


@pytest.fixture
def studies(tmp_path: Path) -> Iterator[tuple[Study, Study]]:
    """One study, as two machines have it."""
    place = f"sqlite:///{tmp_path / 'study.db'}"
    both = tuple(open_study(space(), place, name="shared", identity={"rows": "a"}, seed=0) for _ in range(2))
    yield both
    for study in both:
        study.close()


def measured(size: int | None) -> Size:
    return Size(size, f"why {size}", (f"says {size}",))


def never() -> Size:
    raise AssertionError("it is known, and need not be measured")


def test_the_first_machine_measures_and_the_others_take_it(studies: tuple[Study, Study]) -> None:
    one, other = studies
    assert agreed_size(one, lambda: measured(64)) == measured(64)
    found = agreed_size(other, never)
    assert found[:2] == measured(64)[:2]
    assert found.notes == ("says 64 (by another machine of the study)",)
    assert agreed_size(one, never).size == 64


def test_of_two_that_begin_at_once_the_first_that_tells_is_followed(studies: tuple[Study, Study]) -> None:
    one, other = studies

    def slowly() -> Size:
        assert agreed_size(other, lambda: measured(32)).size == 32
        return measured(256)

    assert agreed_size(one, slowly).size == 32
    assert agreed_size(other, never).size == 32


def test_that_it_cannot_be_measured_is_shared_too(studies: tuple[Study, Study]) -> None:
    one, other = studies
    assert agreed_size(one, lambda: measured(None)).size is None
    assert agreed_size(other, never).size is None


def test_what_is_told_is_no_trial(studies: tuple[Study, Study]) -> None:
    one, other = studies
    agreed_size(one, lambda: measured(64))
    one.begin(2, seed=0)
    other.begin(2, seed=0)
    assert len(one.ask(2, space())) == 2
    assert other.finished_trials() == []
    one.reclaim()
    assert agreed_size(other, never).size == 64


def test_two_searches_of_a_study_train_with_one_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = f"sqlite:///{tmp_path / 'study.db'}"
    sizes = iter((measured(16), measured(48)))
    monkeypatch.setattr("batchwright.search.search._measured_size", lambda _: next(sizes))
    found = [
        list(search(space(), SearchOptions(trials=trials, storage=place), run_dir=tmp_path / f"machine-{trials}"))[-1]
        for trials in (1, 2)
    ]
    assert [one.trained.prepared.plan.batch_size for one in found] == [16, 16]
    assert len(found[1].finished) == 2
