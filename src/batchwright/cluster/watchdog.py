"""Heartbeats of the processes that train together: who falls silent is lost, and the others end with a word of it.

A computation that waits for a lost process cannot be interrupted from Python. So a thread ends the whole process, if
the computation has not failed by itself within a few seconds.
"""

import json
import os
import socket
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

from batchwright.cluster.peers import Peers
from batchwright.errors import BatchwrightError, DivergedError, LostProcessError, UsageError

BEAT_SECONDS = 2.0
"""Between two heartbeats."""
SILENT_SECONDS = 15.0
"""Silence after which a process is taken for lost: a process that works hard may miss some heartbeats."""
GRACE_SECONDS = 4.0
"""How long the computation has to fail by itself once a process is lost."""
ALIVE = "batchwright/alive/"


ERRORS = {kind.exit_code: kind for kind in (BatchwrightError, UsageError, DivergedError)}


def error_of(word: str, code: int) -> BatchwrightError:
    """The error with which a process ends because of another that ends with this exit code."""
    return ERRORS.get(code, LostProcessError)(word)


class Watchdog:
    """Sends the heartbeats of this process, and looks for those of the others."""

    def __init__(self, peers: Peers) -> None:
        self._peers = peers
        self._ended = threading.Event()
        self._lost = threading.Event()
        self._explained = threading.Event()
        self._word = ""
        self._heard = dict.fromkeys(range(peers.count), time.monotonic())
        self._last = dict[int, str]()
        self._asked = time.monotonic()
        self._names = dict[int, str]()
        self._failures = dict[int, tuple[str, int]]()
        self._own_failure = ("", 0)
        self._code = LostProcessError.exit_code
        self._threads: list[threading.Thread] = []
        self._told, self._beat_now = threading.Event(), threading.Event()

    def start(self, store: Any) -> None:
        """Begin, in threads that do not keep the process from ending."""
        now = time.monotonic()
        self._heard, self._asked = dict.fromkeys(self._heard, now), now
        works = (lambda: self._beat(store), self._judge)
        self._threads = [threading.Thread(target=work, name="heartbeats", daemon=True) for work in works]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End them; a thread that still asked the store at the end of the process would abort it."""
        self._ended.set()
        self._beat_now.set()
        for thread in self._threads:
            thread.join(2 * BEAT_SECONDS)

    def tell_failure(self, message: str, code: int) -> None:
        """Tell the others, with the next heartbeat, why this process ends, and with which exit code they are to end.

        The first one waits until they know.
        """
        self._own_failure = message, code
        self._beat_now.set()
        self._told.wait(2 * BEAT_SECONDS)
        if self._peers.index == 0 and not self._lost.is_set():
            time.sleep(2 * BEAT_SECONDS)
        self.stop()

    @property
    def has_lost(self) -> bool:
        """Whether another process is lost, or has told why it ends."""
        return self._lost.is_set()

    def wait_for_loss(self) -> BatchwrightError | None:
        """The error with which the caller ends, as soon as a loss is certain; None where no process is lost."""
        if not self._lost.wait(SILENT_SECONDS + 2 * BEAT_SECONDS):
            return None
        self._explained.set()
        return error_of(self._word, self._code)

    def _beat(self, store: Any) -> None:
        """Tell the store that this process lives, and ask it for the others."""
        number, name = 0, f"{socket.gethostname()}, process {os.getpid()}"
        while not self._ended.is_set():
            number += 1
            try:
                failure = self._own_failure
                told = json.dumps([number, name, *failure])
                store.key_value_set(f"{ALIVE}{self._peers.index}", told, allow_overwrite=True)
                if failure[0]:
                    self._told.set()
                found = store.key_value_dir_get(ALIVE)
            except Exception:
                self._ended.wait(BEAT_SECONDS / 4)
                continue
            self._note({int(key.rpartition("/")[2]): value for key, value in found})
            self._beat_now.wait(BEAT_SECONDS)
            self._beat_now.clear()

    def _note(self, beats: Mapping[int, str]) -> None:
        self._asked = time.monotonic()
        for index, told in beats.items():
            if self._last.get(index) != told:
                self._last[index], self._heard[index] = told, self._asked
                _, self._names[index], message, code = json.loads(told)
                self._failures[index] = message, code

    def _judge(self) -> None:
        """Find who is silent; then end the process, unless it ends by itself."""
        while not self._ended.wait(BEAT_SECONDS / 2):
            if self._own_failure[0]:
                return  # it ends by itself, with a word and an exit code of its own
            if word := self._silence():
                self._word = word
                self._lost.set()
                if not self._explained.wait(GRACE_SECONDS):
                    sys.stderr.write(f"batchwright: {word}\n")
                    sys.stderr.flush()
                elif self._ended.wait(GRACE_SECONDS):
                    return
                os._exit(self._code)

    def _failure(self) -> str:
        """Which other process has said that it ends, as a sentence; empty for none."""
        for index, (message, code) in self._failures.items():
            if message and index != self._peers.index:
                self._code = code
                return f"process {index} of {self._peers.count} ({self._names[index]}) has ended: {message}"
        return ""

    def _silence(self) -> str:
        """Who has been silent for too long, as a sentence; empty for nobody."""
        if word := self._failure():
            return word
        now = time.monotonic()
        silent = [0] if now - self._asked > SILENT_SECONDS else []
        silent = silent or [i for i, heard in self._heard.items() if now - heard > SILENT_SECONDS]
        others = [index for index in silent if index != self._peers.index]
        if not others:
            return ""
        index = others[0]
        name = f" ({self._names[index]})" if index in self._names else ""
        return (
            f"process {index} of {self._peers.count}{name} has not been heard of for {SILENT_SECONDS:g} s: it is dead, "
            "stopped or cut off. All processes end; what was trained is kept up to the last checkpoint."
        )
