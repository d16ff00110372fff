"""Trainings that pages look at: each is what its settings and its iteration say, and is kept while someone looks."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from batchwright.data.formats.source import Source
from batchwright.lab.network.ask import ROWS, AskedNetwork, read_network, read_rows
from batchwright.lab.network.chosen_rows import ChosenRows
from batchwright.lab.network.live import MOST_ITERATIONS, Live

MOST_KEPT = 16
"""Trainings that are kept; one more puts out the one that was looked at least recently."""
IDLE = 600.0
"""Seconds without a look after which a training is forgotten; looked at again, it is done again, with the same bits."""


@dataclass
class _Kept:
    """A training and the losses of its newest iterations."""

    live: Live
    seen: float


@dataclass
class Sessions:
    """The trainings of all pages.

    A training is a pure function of its settings, so that nothing is lost where one is forgotten, and a link leads to
    the same numbers in another browser or after another start of the server.

    Args:
        table: the user's own table.
        clock: gives seconds.
    """

    table: Source = None
    clock: Callable[[], float] = time.monotonic
    kept: OrderedDict[tuple[tuple[str, str], ...], _Kept] = field(default_factory=OrderedDict)
    rows: OrderedDict[tuple[str, ...], ChosenRows] = field(default_factory=OrderedDict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def at(self, texts: Mapping[str, str], page: str) -> "Stand":
        """The training that these texts ask for, at their iteration or on its way there.

        Hold the lock until nothing of it is read any more: the next iterations use its arrays up.

        Args:
            texts: what is asked for.
            page: tells pages apart that look at the same training at different iterations.

        Raises:
            UsageError: a text is wrong.
            DataError: the table cannot be read.
        """
        self.forget()
        asked = read_network(texts, self.table, self.rows_of(texts))
        key = (("page", page[:64]), *sorted((name, text) for name, text in asked.texts.items() if name != "steps"))
        live = self.kept[key].live if key in self.kept else None
        if live is None or live.iteration > asked.steps:
            live = Live(asked.small)
        self.kept[key] = _Kept(live, self.clock())
        self.kept.move_to_end(key)
        before, wanted = live.iteration, min(asked.steps - live.iteration, MOST_ITERATIONS)
        losses = live.advance(wanted).tolist() if wanted > 0 else []
        return Stand(asked, live, before, tuple(losses))

    def rows_of(self, texts: Mapping[str, str]) -> ChosenRows:
        """The rows that these texts choose, which are read once."""
        key = tuple(texts.get(name, "") for name in ROWS)
        if key not in self.rows:
            self.rows[key] = read_rows(texts, self.table)
            while len(self.rows) > MOST_KEPT:
                self.rows.popitem(last=False)
        return self.rows[key]

    def forget(self) -> None:
        """End the trainings that nobody has looked at for a while, and those that are too many."""
        old = [key for key, one in self.kept.items() if self.clock() - one.seen > IDLE]
        for key in old:
            del self.kept[key]
        while len(self.kept) >= MOST_KEPT:
            self.kept.popitem(last=False)


@dataclass(frozen=True)
class Stand:
    """A training at an iteration, with the losses of the batches since it was looked at before.

    Args:
        asked: what was asked for.
        live: the training.
        before: the iteration at which it was before.
        losses: of the batches since then.
    """

    asked: AskedNetwork
    live: Live
    before: int
    losses: tuple[float, ...]
