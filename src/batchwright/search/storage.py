"""The storage of a study: a journal in the search's folder, or a database, which may be unreachable for a while."""

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

from batchwright._extras import missing
from batchwright._files import explain_write_errors
from batchwright.errors import BatchwrightError, UsageError
from batchwright.search.journal import mend_journal

T = TypeVar("T")

HEARTBEAT, GRACE = 10, 60
"""Seconds between two heartbeats of a trial in a database, and after the last one until others take the trial over."""
WAITS = (1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds to wait before an unreachable database is asked again."""


def journal(path: Path) -> JournalStorage:
    """The journal in a file, which is created if missing; no other process writes it.

    A killed process may leave an incomplete last line and Optuna's own lock; both are removed.

    Raises:
        RunError: the journal is damaged elsewhere.
    """
    mend_journal(path)
    with explain_write_errors(path):
        path.touch()
        for lock in path.parent.glob(f"{path.name}.lock*"):
            lock.unlink()
    with silence_warnings():
        return JournalStorage(JournalFileBackend(str(path.absolute())))


def database(url: str) -> RDBStorage:
    """The database at a URL; trials of dead processes are recognised by their missing heartbeats.

    Raises:
        UsageError: there is no database, or no driver for it.
    """
    named = url.replace("postgresql://", "postgresql+psycopg://", 1)
    try:
        with silence_warnings():
            return RDBStorage(
                named,
                {"pool_pre_ping": True},
                heartbeat_interval=HEARTBEAT,
                grace_period=GRACE,
                heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(),
            )
    except ImportError as error:
        kind = url.split(":")[0]
        if not kind.startswith("postgresql"):
            raise UsageError(f"{kind} needs a driver that is not installed: {error}.") from error
        raise UsageError(f"{missing('psycopg', 'batchwright[postgresql]', what=kind)}.") from error
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise UsageError(f"`storage` takes the URL of a database, as postgresql://user@host/name: {error}") from error
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        said = str(error.__cause__ or error).splitlines()[0]
        raise UsageError(f"the database of `storage` cannot be opened: {said}") from error


def retry(ask: Callable[[], T]) -> T:
    """The answer of a storage; an unreachable storage is asked again a little later.

    Raises:
        BatchwrightError: it could not be reached for half a minute.
        UsageError: its file cannot be read or written.
    """
    for wait in (*WAITS, None):
        try:
            with silence_warnings():
                return ask()
        except OSError as error:
            cause = f"{f'{error.filename}: ' if error.filename else ''}{error.strerror or error}"
            raise UsageError(
                f"the study cannot be read or written: {cause}. Trials recorded before are kept; once this is fixed, "
                "the search can be resumed."
            ) from error
        except (optuna.exceptions.StorageInternalError, SQLAlchemyError) as error:
            if wait is None or not _may_come_back(error):
                cause = str(error.__cause__ or error).splitlines()[0]
                raise BatchwrightError(
                    f"the database of the study cannot be reached: {cause}. It has all recorded trials; the "
                    "others are trained again when the search is started again with the same command."
                ) from error
            time.sleep(wait)
    raise AssertionError("the last wait raises")


class Heartbeat:
    """Heartbeats for the trials of this process, if its storage takes them."""

    def __init__(self, study: optuna.Study, kept_in: RDBStorage | JournalStorage, running: set[int]) -> None:
        self._study, self._kept_in, self._running = study, kept_in, running
        self._ended, self._thread = threading.Event(), None
        if isinstance(kept_in, RDBStorage):
            self._thread = threading.Thread(target=self._beat, daemon=True, name="batchwright heartbeat")
            self._thread.start()

    def beat(self, number: int) -> None:
        """Send a heartbeat for a trial."""
        if isinstance(self._kept_in, RDBStorage):
            self._kept_in.record_heartbeat(trial_id(self._study, number))

    def stop(self) -> None:
        """Stop sending heartbeats."""
        self._ended.set()
        if self._thread:
            self._thread.join()

    def _beat(self) -> None:
        while not self._ended.wait(HEARTBEAT):
            for number in tuple(self._running):
                with suppress(SQLAlchemyError, optuna.exceptions.OptunaError):  # the next request reports it
                    self.beat(number)


@contextmanager
def silence_warnings() -> Iterator[None]:
    """Silence Optuna's warnings about experimental features, enqueued trials outside a range, and own heartbeats."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        warnings.filterwarnings("ignore", message="Fixed parameter|Inconsistent parameter|Heartbeat of storage")
        yield


def trial_id(study: optuna.Study, number: int) -> int:
    """The id of a trial in the storage of its study."""
    return study._storage.get_trial_id_from_study_id_trial_number(study._study_id, number)


def close(kept_in: RDBStorage | JournalStorage) -> None:
    """Close the connections to a database."""
    if isinstance(kept_in, RDBStorage):
        kept_in.remove_session()
        kept_in.engine.dispose()


def _may_come_back(error: Exception) -> bool:
    """Whether a storage may be reachable a little later."""
    cause = error.__cause__ or error
    return isinstance(cause, OperationalError) or (isinstance(cause, DBAPIError) and cause.connection_invalidated)
