"""Workers: order, one more try at the end, and no waiting for what never answers."""

import threading
import time

from tests.tracking.pretended import Told

from batchwright.tracking.tracker import EPOCH, Epoch
from batchwright.tracking.worker import Worker, close_all


def soon() -> float:
    return time.monotonic() + 60.0


def epoch(number: int) -> Epoch:
    return Epoch({EPOCH: number})


def numbers(tracker: Told) -> list[int]:
    return [one.number for one in tracker.epochs]


def test_steps_are_carried_out_in_order() -> None:
    done, worker = list[int](), Worker("here")
    for number in range(50):
        worker.put(lambda number=number: done.append(number))
    assert worker.close(soon()) == ""
    assert done == list(range(50))


def test_epochs_that_wait_are_added_together_and_none_is_lost() -> None:
    gate, calls, tracker, worker = threading.Event(), list[int](), Told(), Worker("here")
    tracker.add = lambda epochs: (calls.append(len(epochs)), tracker.epochs.extend(epochs))
    worker.put(gate.wait)
    for number in range(1, 8):
        worker.add(tracker, epoch(number))
    gate.set()
    assert worker.close(soon()) == ""
    assert numbers(tracker) == list(range(1, 8))
    assert len(calls) < 7


def test_what_failed_is_tried_once_more_at_the_end() -> None:
    tracker, worker = Told(failures=1), Worker("here")
    worker.add(tracker, epoch(1))
    while not (said := worker.news()):
        time.sleep(0.001)
    assert "ConnectionError: nobody is there at https://***@example.org" in said
    assert worker.news() == "", "it is said once"
    worker.add(tracker, epoch(2))
    assert worker.close(soon()) == ""
    assert numbers(tracker) == [1, 2]


def test_what_fails_at_the_end_too_is_given_up_and_said() -> None:
    tracker, worker = Told(failures=99), Worker("here")
    worker.add(tracker, epoch(1))
    said = worker.close(soon())
    assert said.startswith("logging to here failed at the end too (ConnectionError")
    assert tracker.failures == 97


def test_nobody_waits_for_what_never_answers() -> None:
    tracker, worker, other = Told(waits=True), Worker("there"), Worker("here")
    worker.add(tracker, epoch(1))
    try:
        said = close_all([worker, other], 0.2)
    finally:
        tracker.released.set()
    assert said == (
        "logging to there was ended before it was done (it does not answer): what is missing is in the run",
    )
