"""Workers: order, one more try at the end, and no waiting for what never answers."""

import threading
import time

from tests.tracking.pretended import Told

from batchwright.tracking.tracker import EPOCH, Epoch
from batchwright.tracking.worker import Patience, Worker, close_all

LONG = Patience(60.0, 60.0)


def close(worker: Worker, patience: Patience = LONG) -> str:
    worker.close()
    return worker.wait(patience)


def epoch(number: int) -> Epoch:
    return Epoch({EPOCH: number})


def numbers(tracker: Told) -> list[int]:
    return [one.number for one in tracker.epochs]


def test_steps_are_carried_out_in_order() -> None:
    done, worker = list[int](), Worker("here")
    for number in range(50):
        worker.put(lambda number=number: done.append(number))
    assert close(worker) == ""
    assert done == list(range(50))


def test_epochs_that_wait_are_added_together_and_none_is_lost() -> None:
    gate, calls, tracker, worker = threading.Event(), list[int](), Told(), Worker("here")
    tracker.add = lambda epochs: (calls.append(len(epochs)), tracker.epochs.extend(epochs))
    worker.put(gate.wait)
    for number in range(1, 8):
        worker.add(tracker, epoch(number))
    gate.set()
    assert close(worker) == ""
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
    assert close(worker) == ""
    assert numbers(tracker) == [1, 2]


def test_what_fails_at_the_end_too_is_given_up_and_said() -> None:
    tracker, worker = Told(failures=99), Worker("here")
    worker.add(tracker, epoch(1))
    said = close(worker)
    assert said.startswith("logging to here failed at the end too (ConnectionError")
    assert tracker.failures == 97


def test_nobody_waits_for_what_never_answers() -> None:
    tracker, worker, other = Told(waits=True), Worker("there"), Worker("here")
    worker.add(tracker, epoch(1))
    try:
        said = close_all([worker, other], Patience(0.2, 60.0))
    finally:
        tracker.released.set()
    assert said == ("logging to there was ended before it was done (it takes too long): what is missing is in the run",)


def test_what_goes_on_is_waited_for() -> None:
    """Ten steps that together take far longer than one may."""
    done, worker = list[int](), Worker("here")
    for number in range(10):
        worker.put(lambda number=number: (time.sleep(0.1), done.append(number)))
    assert close(worker, Patience(0.6, 60.0)) == ""
    assert len(done) == 10


def test_all_of_it_has_an_end() -> None:
    stop, worker = threading.Event(), Worker("here")
    for _ in range(10_000):
        worker.put(lambda: stop.wait(0.01))
    try:
        assert "ended before it was done (it takes too long)" in close(worker, Patience(60.0, 0.3))
    finally:
        stop.set()
