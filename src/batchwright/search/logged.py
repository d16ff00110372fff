"""Log a search, as a consumer of its events: each trial as a run, and the training of the best one as another."""

from collections.abc import Generator, Iterator, Sequence

from batchwright.search.events import Began, Progress, RoundDone, SearchEvent
from batchwright.search.trials import Standing
from batchwright.tracking.log import AT_ONCE, FLUSH, Log
from batchwright.tracking.places import Place
from batchwright.tracking.tracker import EPOCH, About, Ended, Ending, Epoch
from batchwright.tracking.training import TrainingLog, pass_on
from batchwright.workflow import Trained
from batchwright.workflow.events import Noted


def log_search(events: Iterator[SearchEvent], places: Sequence[Place]) -> Iterator[SearchEvent]:
    """The events of a search, which is logged meanwhile; what could not be logged comes as `Noted`."""
    return _log_events(events, places) if places else events


def _log_events(events: Iterator[SearchEvent], places: Sequence[Place]) -> Generator[SearchEvent, None, None]:
    log, trials, winner, events = Log(places), set[int](), None, iter(events)
    began: Began | None = None
    try:
        for event in events:
            match event:
                case Began():
                    began, winner = event, TrainingLog(log, event.folder.resolve().name)
                case Progress() if began is not None:
                    _log_trials(event, began, log, trials)
                case _ if winner is not None:
                    winner.see(event)
            if isinstance(event, Trained) and winner is not None:
                yield from map(Noted, winner.close(FLUSH))
            yield from pass_on(event, events)
            if isinstance(event, RoundDone) and winner is not None:
                yield from map(Noted, winner.news())
    except BaseException as error:
        if winner is not None:
            winner.fail(error)
            winner.close(AT_ONCE)
        raise


def _log_trials(progress: Progress, began: Began, log: Log, done: set[int]) -> None:
    """Log the trials that have ended since, and that no earlier process has trained."""
    chosen = {one.number: one.chosen for one in progress.asked}
    for one in progress.standings:
        if one.outcome is None or one.number in done or one.number in progress.known:
            continue
        done.add(one.number)
        monitor = began.objective.monitor
        name, group = f"trial-{one.number:03d}", began.folder.resolve().name
        logged = log.begin(About(name, group, chosen.get(one.number, {})))
        for epoch, value in enumerate(one.curve, start=1):
            logged.add(Epoch({EPOCH: epoch, monitor: value}))
        logged.end(_ending(one))


def _ending(trial: Standing) -> Ending:
    outcome = trial.outcome
    assert outcome is not None
    ended: Ended = "diverged" if outcome.ending in ("diverged", "undefined") else "finished"
    return Ending(ended, f"{outcome.ending} after {len(trial.curve)} epochs", len(trial.curve))
