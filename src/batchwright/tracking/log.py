"""What a command logs: the threads of its places, and one run after the other in each of them."""

from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType

from batchwright.tracking.places import Place
from batchwright.tracking.tracker import About, Ending, Epoch, Tracker
from batchwright.tracking.worker import Patience, Worker, close_all

FLUSH, AT_ONCE = Patience(30.0, 300.0), Patience(3.0, 3.0)
"""How long the end waits for trackers; and where the program is being ended by Ctrl-C or an error."""
NONE: Mapping[str, str] = MappingProxyType({})


class Log:
    """The places that a command logs to. `begin` gives what one training tells them."""

    def __init__(self, places: Sequence[Place]) -> None:
        self.places = tuple(places)
        self._workers = [Worker(str(place)) for place in places]
        self._closed = False

    @property
    def shows_weights(self) -> bool:
        """Whether a place shows histograms of weights."""
        return any(place.kind.shows_weights for place in self.places)

    def begin(self, about: About, earlier: Mapping[str, str] = NONE) -> "Logged":
        """Begin a run in each place, or go on with an earlier one, by the identities."""
        return Logged([(worker, place.open()) for worker, place in zip(self._workers, self.places, strict=True)]).start(
            about, earlier
        )

    def news(self) -> tuple[str, ...]:
        """Sentences about what has failed since the last call."""
        return tuple(filter(None, (worker.news() for worker in self._workers)))

    def close(self, patience: Patience) -> tuple[str, ...]:
        """End, and wait for as long; sentences about what is missing. The second call does nothing."""
        if self._closed:
            return ()
        self._closed = True
        return close_all(self._workers, patience)


class Logged:
    """What one training tells its trackers."""

    def __init__(self, trackers: Sequence[tuple[Worker, Tracker]]) -> None:
        self._trackers = trackers
        self.identities = dict[str, str]()

    def start(self, about: About, earlier: Mapping[str, str]) -> "Logged":
        """Begin the runs; `identities` has that of each as soon as it is known."""
        for worker, tracker in self._trackers:
            worker.put(partial(self._start, worker.name, tracker, about, earlier.get(worker.name, "")))
        return self

    def add(self, epoch: Epoch) -> None:
        """Add an epoch."""
        for worker, tracker in self._trackers:
            worker.add(tracker, epoch)

    def end(self, ending: Ending) -> None:
        """End the runs."""
        for worker, tracker in self._trackers:
            worker.put(partial(tracker.end, ending))

    def _start(self, name: str, tracker: Tracker, about: About, earlier: str) -> None:
        self.identities[name] = tracker.start(about, earlier)
