"""Calls side by side: in order, within each other, where one fails, and in a process that was forked."""

import os
import subprocess
import sys
import threading
import time

import pytest

from batchwright.population import threads
from batchwright.population.threads import map_on_cores


@pytest.fixture(autouse=True)
def _three_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "cores", lambda: 3)


def test_results_are_in_order_and_come_from_threads_that_are_kept() -> None:
    def call(number: int, word: str) -> tuple[int, str, str]:
        time.sleep(0.01 * (number % 2))
        return number, word, threading.current_thread().name

    first, second = (map_on_cores(call, range(12), "abcdefghijkl") for _ in range(2))
    assert [(number, word) for number, word, _ in first] == list(enumerate("abcdefghijkl"))
    names = {name for _, _, name in first + second}
    assert len(names) <= 3
    assert threading.current_thread().name not in names


def test_a_single_call_is_made_here() -> None:
    assert map_on_cores(lambda _: threading.current_thread(), [0]) == [threading.current_thread()]


def test_calls_within_calls_end_however_many_there_are() -> None:
    """Each of nine waits for nine of its own: threads that waited for each other would never end."""

    def inner(number: int) -> int:
        return sum(map_on_cores(lambda other: number * other, range(9)))

    assert map_on_cores(inner, range(9)) == [36 * number for number in range(9)]


def test_what_fails_is_told_when_what_has_begun_has_ended() -> None:
    begun, ended = [], []

    def call(number: int) -> None:
        begun.append(number)
        if number == 0:
            raise KeyError(number)
        time.sleep(0.05)
        ended.append(number)

    with pytest.raises(KeyError):
        map_on_cores(call, range(100))
    assert sorted(begun) == [0, *sorted(ended)]
    assert len(begun) < 100
    assert map_on_cores(abs, [-1, -2]) == [1, 2]


FORKED = """
import os
from batchwright.population.threads import map_on_cores
map_on_cores(abs, range(4))
child = os.fork()
if child == 0:
    os._exit(sum(map_on_cores(abs, [-3, -4])))
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks on Windows")
def test_a_forked_process_has_threads_of_its_own_and_idle_ones_let_a_process_end() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKED], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "7"
