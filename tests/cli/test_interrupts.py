"""Ctrl-C ends a verb with one line, wherever it comes."""

import os
import signal
import time

import pytest

from batchwright.runs import run


class Collected:
    """Where an exception cannot be passed on: an object that is thrown away."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)


def wait() -> None:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(30)


def fail_to_import() -> None:
    try:
        wait()
    except KeyboardInterrupt:
        raise ImportError("an extension was not initialized") from None


def swallow() -> None:
    Collected()
    time.sleep(30)


@pytest.mark.parametrize("meanwhile", [wait, fail_to_import, swallow])
def test_one_line_says_so(meanwhile, batchwright, monkeypatch) -> None:
    monkeypatch.setattr(run, "open_run", lambda _: meanwhile())
    before = signal.getsignal(signal.SIGINT)
    answer = batchwright("report", "some-run")
    assert (answer.code, answer.out, answer.err) == (130, "", "batchwright: interrupted.\n")
    assert signal.getsignal(signal.SIGINT) is before


def test_other_errors_stay_what_they_are(batchwright, monkeypatch) -> None:
    def fail(_: object) -> None:
        raise ImportError("no such module")

    monkeypatch.setattr(run, "open_run", fail)
    with pytest.raises(ImportError, match="no such module"):
        batchwright("report", "some-run")
