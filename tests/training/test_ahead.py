"""What the end of an epoch takes is compiled beside the loop of a short training, and changes nothing."""

import threading
from dataclasses import replace
from typing import Any

import pytest
from tests.builders import end, events_of, history, make_job, same_bits

from batchwright.training import ahead

JOB = make_job(epochs=3, quickly=True)


class Diagnostics:
    """Counts its calls, by the thread."""

    def __init__(self) -> None:
        self.threads: list[str] = []

    def __call__(self, *_: Any, **__: Any) -> dict[str, float]:
        self.threads.append(threading.current_thread().name)
        return {}


def test_short_trainings_are_prepared_in_another_thread_before_the_first_epoch() -> None:
    seen = Diagnostics()
    events_of(replace(JOB, diagnostics=seen))
    here = threading.current_thread().name
    assert len(seen.threads) == 4 and seen.threads[0] != here and set(seen.threads[1:]) == {here}


def test_other_trainings_are_not() -> None:
    seen = Diagnostics()
    events_of(replace(JOB, quickly=False, diagnostics=seen))
    assert seen.threads == [threading.current_thread().name] * 3


def test_the_training_is_the_same_to_the_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    beside = events_of(JOB)
    monkeypatch.setattr(ahead, "_pays_beside", lambda _: False)
    alone = events_of(JOB)
    assert history(beside) == history(alone)
    assert same_bits(end(beside).variables, end(alone).variables)


def test_what_fails_beside_fails_the_training() -> None:
    def fail(*_: Any, **__: Any) -> dict[str, float]:
        raise ArithmeticError("beside")

    with pytest.raises(ArithmeticError, match="beside"):
        events_of(replace(JOB, diagnostics=fail))
