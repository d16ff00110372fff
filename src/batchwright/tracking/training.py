"""Log one training, as a consumer of its events."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import jax
import numpy as np

from batchwright.config import dump_config
from batchwright.errors import InterruptedRunError, RunError, UsageError
from batchwright.measure.layers import PREFIX
from batchwright.optim.names import name_of
from batchwright.runs.folder import has_row
from batchwright.tracking.identities import read_identities, write_identities
from batchwright.tracking.log import AT_ONCE, FLUSH, Log, Logged
from batchwright.tracking.places import Place
from batchwright.tracking.tracker import EPOCH, About, Ended, Ending, Epoch, Histogram, hide_passwords, histogram
from batchwright.tracking.worker import Patience
from batchwright.training.checkpoint import EpochRow
from batchwright.training.events import Compiled, EpochDone, Reduced
from batchwright.training.state import TrainState
from batchwright.workflow import Event, Prepared, Trained
from batchwright.workflow.events import Noted, Recording, RefitEpoch

REFIT = "refit/"
AnyEvent = TypeVar("AnyEvent")


def log_training(events: Iterator[Event], places: Sequence[Place]) -> Iterator[Event]:
    """The events of a training, which is logged meanwhile; what could not be logged comes as `Noted`."""
    return _log_events(events, places) if places else events


def _log_events(events: Iterator[Event], places: Sequence[Place]) -> Generator[Event, None, None]:
    events = iter(events)
    one = TrainingLog(Log(places))
    try:
        for event in events:
            one.see(event)
            if isinstance(event, Trained):
                yield from map(Noted, one.close(FLUSH))
            yield from pass_on(event, events)
            if isinstance(event, EpochDone | RefitEpoch):
                yield from map(Noted, one.news())
    except BaseException as error:
        one.fail(error)
        one.close(AT_ONCE)
        raise


def pass_on(event: AnyEvent, events: Iterator[AnyEvent]) -> Generator[AnyEvent, None, None]:
    """Yield an event; what whoever follows throws in reaches those who make the events."""
    try:
        yield event
    except BaseException as error:
        if isinstance(events, Generator):
            events.throw(error)
        raise


class TrainingLog:
    """Tells a log what happens in one training, event by event.

    `group` is the search that it is a part of.
    """

    def __init__(self, log: Log, group: str = "") -> None:
        self._log, self._group = log, group
        self._prepared: Prepared | None = None
        self._run: Path | None = None
        self._logged: Logged | None = None
        self._left_out: Epoch | None = None
        self._written = dict[str, str]()
        self._ended = False
        self._problem = ""

    def see(self, event: object) -> None:
        """Tell what an event says; whatever goes wrong with it ends the log, and not the training."""
        try:
            self._tell(event)
            self._keep_identities()
        except Exception as error:
            said = hide_passwords(" ".join(f"{type(error).__name__}: {error}".split()))
            self._problem = f"logging has ended ({said}): training goes on without it"
            self._end(Ending("failed", said))

    def news(self) -> tuple[str, ...]:
        """Sentences about what has failed since the last call."""
        problem, self._problem = self._problem, ""
        return (*((problem,) if problem else ()), *self._log.news())

    def _tell(self, event: object) -> None:
        if self._ended:
            return
        match event:
            case Prepared():
                self._prepared = event
            case Recording():
                self._run = event.path
                self._begin(event.path.resolve().name)
            case Compiled() if self._logged is None:
                self._begin(_name_by_time(self._prepared))
            case EpochDone():
                self._add(Epoch(event.row, self._weights(event)))
            case RefitEpoch():
                self._add(Epoch(_of_refit(event.row), again=True))
            case Reduced():
                self._left_out = None
            case Trained():
                self._end(_ending(event))

    def fail(self, error: BaseException) -> None:
        """Tell that the training was ended by an error, unless it has ended by itself."""
        interrupted = isinstance(error, InterruptedRunError | KeyboardInterrupt | GeneratorExit)
        said = " ".join(str(error).split())
        self._end(Ending("interrupted" if interrupted else "failed", f"{type(error).__name__}: {said}" if said else ""))

    def close(self, patience: Patience) -> tuple[str, ...]:
        """Close the log; sentences about what is missing."""
        problem = self.news()[:1] if self._problem else ()
        missing = self._log.close(patience)
        self._keep_identities()
        return (*problem, *missing)

    def _begin(self, name: str) -> None:
        assert self._prepared is not None
        earlier = dict[str, str]()
        if self._run is not None:
            with suppress(RunError):  # a damaged file ends no training: other runs are begun
                earlier = read_identities(self._run)
        self._written = dict(earlier)
        self._logged = self._log.begin(_about(self._prepared, name, self._group), earlier)

    def _add(self, epoch: Epoch) -> None:
        """Add an epoch that has a row in the history file; the last one is kept in case it is the last of all."""
        assert self._logged is not None
        self._left_out = None if has_row(epoch.number) else epoch
        if self._left_out is None:
            self._logged.add(epoch)

    def _end(self, ending: Ending) -> None:
        if self._logged is None or self._ended:
            return
        self._ended = True
        if self._left_out is not None:
            self._logged.add(self._left_out)
        self._logged.end(ending)

    def _weights(self, event: EpochDone) -> dict[str, Histogram]:
        """Histograms of the weights, after the epochs that measure layers, where a place shows them."""
        measured = any(name.startswith(PREFIX) for name in event.row)
        return _histograms(event.state) if measured and self._log.shows_weights else {}

    def _keep_identities(self) -> None:
        """Write the identities of runs that have begun meanwhile into the folder of the run."""
        if self._run is None or self._logged is None:
            return
        found = dict(self._logged.identities)
        if found.items() <= self._written.items():
            return
        self._written |= found
        with suppress(UsageError):  # a full disk ends the training by itself, or it does not matter
            write_identities(self._run, found)


def _about(prepared: Prepared, name: str, group: str) -> About:
    values = prepared.settings.values
    known = {key: value for key, value in prepared.accounting(0).items() if key not in ("memory_bytes", "descent")}
    rows = {f"plan.{key}": value for key, value in known.items()}
    config = hide_passwords(dump_config(prepared.settings))
    return About(name, group, {**values, **rows}, config)


def _ending(trained: Trained) -> Ending:
    metrics = {f"{part}/{name}": value for part, found in trained.metrics.items() for name, value in found.items()}
    figures = {name: draw for name, draw in trained.drawings().items() if not isinstance(draw, str)}
    stopped = trained.stopped
    status: Ended = stopped.status
    return Ending(status, stopped.reason, stopped.epoch, metrics, figures)


def _of_refit(row: EpochRow) -> dict[str, float]:
    """The row of an epoch of the training on all rows, under names of its own."""
    return {name if name == EPOCH else f"{REFIT}{name}": value for name, value in row.items()}


def _histograms(state: TrainState) -> dict[str, Histogram]:
    """A histogram of each parameter, by its name."""
    leaves = jax.tree_util.tree_leaves_with_path(state.params)
    found = {name_of(path): histogram(np.asarray(leaf)) for path, leaf in leaves}
    return {name: one for name, one in found.items() if one is not None}


def _name_by_time(prepared: Prepared | None) -> str:
    """A name for a training that has no folder."""
    source = "training" if prepared is None else Path(prepared.dataset.name).stem
    return f"{source}-{datetime.now(UTC):%Y%m%d-%H%M%S}"
