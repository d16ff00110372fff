"""Trackers that are told and remember, or fail, or never answer."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from batchwright.tracking.places import Kind, Place
from batchwright.tracking.tracker import About, Ending, Epoch


@dataclass
class Told:
    """Remembers what it is told; fails as often as it should, or waits until it is released."""

    failures: int = 0
    waits: bool = False
    begun: list[tuple[About, str]] = field(default_factory=list)
    epochs: list[Epoch] = field(default_factory=list)
    endings: list[Ending] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    def _fail(self) -> None:
        if self.waits:
            self.released.wait()
        if self.failures:
            self.failures -= 1
            raise ConnectionError("nobody\nis there at https://me:secret@example.org")

    def start(self, about: About, earlier: str) -> str:
        self._fail()
        self.begun.append((about, earlier))
        return earlier or "the-identity"

    def add(self, epochs: Sequence[Epoch]) -> None:
        self._fail()
        self.epochs += epochs

    def end(self, ending: Ending) -> None:
        self._fail()
        self.endings.append(ending)


def place_of(tracker: Told, *, shows_weights: bool = False) -> Place:
    kind = Kind("told", "", False, "", lambda _: tracker, lambda _: None, shows_weights=shows_weights)
    return Place(kind, "")
