"""Where a study is kept: the journal of a search's folder, or a database, which may be out of reach for a while."""

import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import optuna
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback
from optuna.storages.journal import JournalFileBackend, JournalStorage
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError, SQLAlchemyError

from batchwright._files import explained
from batchwright.errors import BatchwrightError, UsageError
from batchwright.search.journal import mend_journal

T = TypeVar("T")

HEARTBEAT, GRACE = 10, 60
"""Seconds between two signs of life of a trial in a database, and after the last of them until others take it over."""
WAITS = (1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds to wait before a database that could not be reached is asked again."""


def journal(path: Path) -> JournalStorage:
    """The journal in a file, which is made where it is missing; nobody else writes it.

    A torn last line and Optuna's own lock are what a killed process leaves; both are removed.

    Raises:
        RunError: the journal is damaged elsewhere.
    """
    mend_journal(path)
    with explained(path):
        path.touch()
        for lock in path.parent.glob(f"{path.name}.lock*"):
            lock.unlink()
    with quiet():
        return JournalStorage(JournalFileBackend(str(path.absolute())))


def database(url: str) -> RDBStorage:
    """The database at a URL, in which the trials of dead processes are found by their missing signs of life.

    Raises:
        UsageError: there is none, or no driver for it.
    """
    named = url.replace("postgresql://", "postgresql+psycopg://", 1)
    try:
        with quiet():
            return RDBStorage(
                named,
                {"pool_pre_ping": True},
                heartbeat_interval=HEARTBEAT,
                grace_period=GRACE,
                heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(),
            )
    except ImportError as error:
        needed = f"{url.split(':')[0]} needs a driver: pip install 'batchwright[postgresql]'"
        raise UsageError(f"{needed} ({error}).") from error
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise UsageError(f"`storage` takes the URL of a database, as postgresql://user@host/name: {error}") from error
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        said = str(error.__cause__ or error).splitlines()[0]
        raise UsageError(f"the database of `storage` cannot be opened: {said}") from error


def retried(ask: Callable[[], T]) -> T:
    """The answer of a storage, which is asked again, a little later, where it cannot be reached.

    Raises:
        BatchwrightError: it could not be reached for half a minute.
        UsageError: its file cannot be read or written.
    """
    for wait in (*WAITS, None):
        try:
            with quiet():
                return ask()
        except OSError as error:
            cause = f"{f'{error.filename}: ' if error.filename else ''}{error.strerror or error}"
            raise UsageError(
                f"the study cannot be read or written: {cause}. What was told before is kept; once this is mended, the "
                "search can be gone on with."
            ) from error
        except (optuna.exceptions.StorageInternalError, SQLAlchemyError) as error:
            if wait is None or not _may_come_back(error):
                cause = str(error.__cause__ or error).splitlines()[0]
                raise BatchwrightError(
                    f"the database of the study cannot be reached: {cause}. It has all trials that were told; the "
                    "others are trained again when the search is started again with the same command."
                ) from error
            time.sleep(wait)
    raise AssertionError("the last wait raises")


class Heartbeat:
    """Signs of life of the trials of this process, where its storage takes them."""

    def __init__(self, study: optuna.Study, kept_in: RDBStorage | JournalStorage, running: set[int]) -> None:
        self._study, self._kept_in, self._running = study, kept_in, running
        self._ended, self._thread = threading.Event(), None
        if isinstance(kept_in, RDBStorage):
            self._thread = threading.Thread(target=self._beat, daemon=True, name="batchwright heartbeat")
            self._thread.start()

    def beat(self, number: int) -> None:
        """Give a sign of life of a trial."""
        if isinstance(self._kept_in, RDBStorage):
            self._kept_in.record_heartbeat(trial_id(self._study, number))

    def stop(self) -> None:
        """Give no more."""
        self._ended.set()
        if self._thread:
            self._thread.join()

    def _beat(self) -> None:
        while not self._ended.wait(HEARTBEAT):
            for number in tuple(self._running):
                with suppress(SQLAlchemyError, optuna.exceptions.OptunaError):  # whoever asks next is told
                    self.beat(number)


@contextmanager
def quiet() -> Iterator[None]:
    """Without Optuna's warnings: of what is experimental, trials in line beyond a range, heartbeats of our own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        warnings.filterwarnings("ignore", message="Fixed parameter|Inconsistent parameter|Heartbeat of storage")
        yield


def trial_id(study: optuna.Study, number: int) -> int:
    """What a trial of a study is called in its storage."""
    return study._storage.get_trial_id_from_study_id_trial_number(study._study_id, number)


def close(kept_in: RDBStorage | JournalStorage) -> None:
    """End the connections to a database."""
    if isinstance(kept_in, RDBStorage):
        kept_in.remove_session()
        kept_in.engine.dispose()


def _may_come_back(error: Exception) -> bool:
    """Whether a storage may be reached a little later."""
    cause = error.__cause__ or error
    return isinstance(cause, OperationalError) or (isinstance(cause, DBAPIError) and cause.connection_invalidated)
