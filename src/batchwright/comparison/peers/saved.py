"""A leaderboard in a folder: written when it has ended, and opened again without trust. And the one call of Python."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from batchwright._files import path_of, write_file
from batchwright.comparison.peers.board import Leaderboard
from batchwright.comparison.peers.race import LeaderboardEvent, compare_with_peers
from batchwright.comparison.peers.scores import OURS
from batchwright.config import Settings
from batchwright.config.durations import EXAMPLES, seconds_of
from batchwright.data.dataset import Dataset
from batchwright.data.formats.source import Source
from batchwright.errors import ConfigError, RunError
from batchwright.runs.folder import claim
from batchwright.runs.kinds import how_to_open
from batchwright.runs.manifest import LEADERBOARD, LOCK
from batchwright.runs.reading import REMEDY, parse, read_bytes, to_plain
from batchwright.runs.sealed import seal, unseal
from batchwright.search.brought import Parts, space_of

FORMAT = 1
"""Increased when a leaderboard is written that older versions of batchwright would misread."""
MOST_BYTES = 1 << 24
TIME_LIMIT = "10m"
"""How long a peer may take."""


def compare_peers(
    source: Source,
    space: Mapping[str, Any] | None = None,
    *,
    target: str | None = None,
    time_limit: float | str = TIME_LIMIT,
    run_dir: Path | str | None = None,
) -> Leaderboard:
    """Train batchwright and other libraries on the same rows of a table, and compare them on its test rows.

    Others are scikit-learn's gradient boosting, MLP, linear model and nearest neighbours, and CatBoost, LightGBM and
    XGBoost where they are installed, with their defaults.

    Args:
        source: a table: a path, an example, or any data frame.
        space: settings of ours by configuration key, such as "data.test_split"; other keys have their defaults.
        target: the column that is predicted.
        time_limit: how long each peer may take: seconds, or a text such as "90s", "10m" or "1h".
        run_dir: a new folder for the result, which `open_leaderboard` opens; None writes nothing.

    Raises:
        DataError, ConfigError: what was asked for cannot be done.
        DivergedError: the training of ours has diverged.
        RunError: the folder exists.
        UsageError: it cannot be written.

    >>> import batchwright as bw
    >>> found = bw.compare_peers("iris", {"network.name": "linear", "training.epochs": 5})
    >>> "scikit-learn boosting" in [one.name for one in found.contestants]
    True
    """
    if isinstance(source, Dataset):
        raise ConfigError(
            "compare_peers takes a source of rows, as load does: peers get the columns as they are, and what load has "
            "read is encoded."
        )
    chosen = {**(space or {}), **({} if target is None else {"data.target": target})}
    settings = space_of(chosen, Parts()).settings({})
    place = None if run_dir is None else path_of(run_dir, "run_dir")
    events = compare_peers_into(place, settings, source, time_limit=check_time_limit(time_limit))
    return next(event for event in events if isinstance(event, Leaderboard))


def check_time_limit(given: float | str) -> float:
    """The seconds of a limit.

    Raises:
        ConfigError: it is no length of time above 0.
    """
    seconds = seconds_of(given) if isinstance(given, str) else given
    if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not seconds > 0:
        raise ConfigError(f"the time limit of a peer is a length of time above 0, as {EXAMPLES}, but is {given!r:.60}.")
    return float(seconds)


def compare_peers_into(
    run_dir: Path | None,
    settings: Settings,
    source: Source,
    *,
    time_limit: float,
    interrupted: Callable[[], bool] = lambda: False,
) -> Iterator[LeaderboardEvent]:
    """As `compare_with_peers`, and write the result into a folder, which is taken before anything is trained.

    Raises:
        DataError, ConfigError, DivergedError, InterruptedRunError: the folder is then removed again.
        RunError: the folder exists, and is not empty.
        UsageError: it cannot be written.
    """
    events = compare_with_peers(settings, source, time_limit=time_limit, interrupted=interrupted)
    if run_dir is None:
        yield from events
        return
    with _take_folder(run_dir) as folder:
        for event in events:
            if isinstance(event, Leaderboard):
                write_file(folder / LEADERBOARD, seal({"format": FORMAT, "leaderboard": to_plain(asdict(event))}))
            yield event


@contextmanager
def _take_folder(path: Path) -> Iterator[Path]:
    """A new folder for this process alone; it is removed again if nothing was written into it."""
    made = not path.exists()
    folder, lock = claim(path, path.name)
    try:
        yield folder
    finally:
        if not (folder / LEADERBOARD).exists():
            with suppress(OSError):  # the error itself matters more than what it left behind
                (folder / LOCK).unlink()
                if made:
                    folder.rmdir()
        lock.release()


def open_leaderboard(path: Path | str) -> Leaderboard:
    """The leaderboard in a folder. Nothing in it is executed, and nothing outside it is read.

    Raises:
        RunError: there is none, or the file is not as it was written.
    """
    path = path_of(path, "path")
    where = path / LEADERBOARD
    if not where.is_file():
        raise RunError(
            f"{path} is not the folder of a comparison with peers: it has no {LEADERBOARD}.{how_to_open(path)}"
        )
    plain = unseal(read_bytes(path, LEADERBOARD, at_most=MOST_BYTES), where, FORMAT)
    found = parse(Leaderboard, plain.get("leaderboard"), where)
    names = [one.name for one in found.contestants]
    scored = [one.name for one in found.contestants if one.scores is not None and one.seconds is not None]
    if len(set(names)) < len(names) or OURS not in scored or "test" not in found.rows:
        raise RunError(f"{where} has not the scores of {OURS} and each peer on test rows. {REMEDY}")
    return found
