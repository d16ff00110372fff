"""Train ours and each peer on the same rows of a table, and score all on its test rows."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from batchwright.comparison.peers.board import Contestant, Leaderboard
from batchwright.comparison.peers.child import ROWS
from batchwright.comparison.peers.columns import PeerColumns, peer_columns
from batchwright.comparison.peers.known import PEERS, Peer
from batchwright.comparison.peers.running import run_peer
from batchwright.comparison.peers.scores import OURS, score_all
from batchwright.config import Settings
from batchwright.data.dataset import Dataset, Split
from batchwright.data.disk.budget import limit_to_stream
from batchwright.data.encode.targets import ClassTarget, ValueTarget
from batchwright.data.formats.source import Source
from batchwright.data.load import Parted, encode_parts, read_parts
from batchwright.data.typed.table import Table
from batchwright.errors import ConfigError
from batchwright.training.evaluate import answers_of
from batchwright.training.state import to_device
from batchwright.workflow import Trained, train
from batchwright.workflow.held_out import needs_validation, with_validation_rows

LEARNS, STOPS, TRAIN = "train and validation", "train; validation stops it", "train"
REFITS, FOLDS = "train and validation, which first stops it", "train and validation, in folds"
"""What the validation rows are used for."""
ONE_SPLIT = "intervals are over the test rows of one split, with one seed: another split may have another order"


@dataclass(frozen=True)
class Racing:
    """A contestant is trained now: its number from 1, of how many."""

    name: str
    number: int
    contestants: int


LeaderboardEvent: TypeAlias = Racing | Leaderboard


def compare_with_peers(
    settings: Settings,
    source: Source,
    *,
    time_limit: float,
    peers: tuple[Peer, ...] = PEERS,
    interrupted: Callable[[], bool] = lambda: False,
) -> Iterator[LeaderboardEvent]:
    """Train ours and then each peer, and say what happens; at last comes the `Leaderboard`. Nothing is written.

    Args:
        settings: those of ours, and how the source is read and divided.
        source: what is read.
        time_limit: seconds that a peer may take.
        peers: which peers.
        interrupted: asked while something is trained.

    Raises:
        DataError, ConfigError: what was asked for cannot be done; nothing is trained then.
        DivergedError: ours has diverged.
        InterruptedRunError: it was interrupted.
    """
    started = time.perf_counter()
    parted = _read_table(settings, source)
    dataset = encode_parts(parted)
    columns = peer_columns(_tables(parted.rows, dataset), dataset.encoding)
    yield Racing(OURS, 1, len(peers) + 1)
    trained = _train_ours(settings, dataset, interrupted)
    answers = {OURS: _own_answers(trained)}
    seconds = {OURS: trained.seconds["compile"] + trained.seconds["fit"]}
    failures = dict[str, str]()
    with tempfile.TemporaryDirectory(prefix="batchwright-peers-") as scratch:
        _write_rows(Path(scratch), dataset, columns, settings.config.training.seed)
        for number, peer in enumerate(peers, start=2):
            yield Racing(peer.name, number, len(peers) + 1)
            found = run_peer(peer, Path(scratch), time_limit, interrupted)
            if isinstance(found, str):
                failures[peer.name] = found
            else:
                answers[peer.name], seconds[peer.name] = found
    scores = score_all(answers, _targets(dataset, "test"), classes=isinstance(dataset.target, ClassTarget))
    boosting = {peer.name for peer in peers if peer.boosting}
    contestants = [
        Contestant(name, name in boosting, use, scores.get(name), seconds.get(name), failures.get(name, ""))
        for name, use in _uses_of_rows(dataset, peers, trained).items()
    ]
    yield _ranked(dataset, contestants, (*trained.prepared.notes, *columns.notes), started)


def _uses_of_rows(dataset: Dataset, peers: tuple[Peer, ...], trained: Trained) -> dict[str, str]:
    """What each contestant uses training and validation rows for."""
    stops, learns = (TRAIN, TRAIN) if dataset.validation is None else (STOPS, LEARNS)
    ours = REFITS if trained.refit else FOLDS if trained.prepared.dealt is not None else stops
    return {OURS: ours} | {peer.name: stops if peer.stops else learns for peer in peers}


def _read_table(settings: Settings, source: Source) -> Parted:
    """The rows of each part, as a training of ours divides them.

    Raises:
        ConfigError: they do not fit in memory.
        DataError: they cannot be read.
    """
    settings = with_validation_rows(settings) if needs_validation(settings) else settings
    data = settings.config.data
    if isinstance(source, str | os.PathLike) and limit_to_stream(
        os.fspath(source), data.memory_limit, image_size=data.image_size, image_dir=data.image_dir
    ):
        raise ConfigError(f"peers take rows in memory, and those of {source} do not fit: compare on fewer rows.")
    return read_parts(source, settings.config.data_options, seed=settings.config.training.seed)


def _train_ours(settings: Settings, dataset: Dataset, interrupted: Callable[[], bool]) -> Trained:
    """Ours, trained to its end."""
    events = train(settings, dataset, record=False, interrupted=interrupted)
    trained = next(event for event in events if isinstance(event, Trained))
    for _ in events:  # raises the error of a training that has diverged or was interrupted
        pass
    return trained


def _ranked(dataset: Dataset, found: list[Contestant], notes: tuple[str, ...], started: float) -> Leaderboard:
    score, loss = ("accuracy", "log loss") if isinstance(dataset.target, ClassTarget) else ("R²", "RMSE")
    return Leaderboard(
        dataset.name,
        dataset.target.columns[0],
        score,
        loss,
        {name: part.rows for name, part in dataset.parts.items()},
        tuple(sorted(found, key=lambda one: one.scores.loss.value if one.scores else np.inf)),
        (*notes, ONE_SPLIT),
        time.perf_counter() - started,
    )


def _tables(rows: Mapping[str, object], dataset: Dataset) -> dict[str, Table]:
    """The rows of each part, if they are of a table, and of a kind that can be compared.

    Raises:
        ConfigError: peers cannot be compared with on such rows; the message says why.
    """
    tables = {name: part for name, part in rows.items() if isinstance(part, Table)}
    target = dataset.target
    if len(tables) < len(rows):
        raise ConfigError("peers take tables, and the source holds images: compare on a table.")
    if not isinstance(target, ClassTarget | ValueTarget):
        what = "is a target of several labels" if target.task == "multilabel" else f"are {len(target.columns)} targets"
        raise ConfigError(f"peers take one target of classes or numbers, but there {what}: choose one.")
    if dataset.train.weights is not None:
        raise ConfigError("peers are not given weights of rows: leave data.weights out.")
    if "test" not in tables:
        raise ConfigError("peers are compared on test rows, and there are none: set data.test_split above 0.")
    return tables


def _own_answers(trained: Trained) -> np.ndarray:
    """What ours says of the test rows: probabilities of classes, or values."""
    test = trained.prepared.dataset.test
    assert test is not None
    outputs, _, _ = answers_of(trained.model.model, trained.model.variables, to_device(test))
    task = trained.model.model.task
    found: np.ndarray = getattr(task, "probabilities", task.decode)(outputs)
    return found


def _targets(dataset: Dataset, part: str) -> np.ndarray:
    """Codes of classes, or values in their own unit."""
    split: Split | None = dataset.parts.get(part)
    found = np.zeros(0, dataset.train.targets.dtype) if split is None else split.targets
    return dataset.target.decode(found) if isinstance(dataset.target, ValueTarget) else found


def _write_rows(folder: Path, dataset: Dataset, columns: PeerColumns, seed: int) -> None:
    width = columns.numeric + columns.categorical
    parts = {name: columns.parts.get(name, np.zeros((0, width))) for name in ("train", "validation", "test")}
    inputs = {f"x_{name}": part for name, part in parts.items()}
    targets = {f"y_{name}": _targets(dataset, name) for name in ("train", "validation")}
    numbers = {"numeric": columns.numeric, "classes": len(dataset.target.classes), "seed": seed}
    np.savez(folder / ROWS, allow_pickle=False, **inputs, **targets, **{k: np.array(n) for k, n in numbers.items()})
