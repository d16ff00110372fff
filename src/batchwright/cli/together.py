"""Options of the verbs that train with other processes."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated

import typer

from batchwright.cli.flags import as_flags
from batchwright.cli.output import say
from batchwright.errors import UsageError

if TYPE_CHECKING:
    from batchwright.cluster.peers import Peers

Distributed = Annotated[
    bool, typer.Option("--distributed", help="train with other processes, as Slurm or Open MPI tells, or as is given")
]
Coordinator = Annotated[
    str | None, typer.Option(metavar="HOST:PORT", help="where the first of these processes listens")
]
Processes = Annotated[int | None, typer.Option(min=1, help="how many processes train together")]
Process = Annotated[int | None, typer.Option(min=0, help="which of them this one is, from 0")]


def peers_of(
    *, distributed: bool, coordinator: str | None, processes: int | None, process: int | None
) -> "Peers | None":
    """The processes to train with; None for a training by this process alone.

    Raises:
        UsageError: it is not known which they are.
    """
    if not distributed:
        if coordinator is not None or processes is not None or process is not None:
            raise UsageError("--coordinator, --processes and --process are for a training with --distributed.")
        return None
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # XLA's words about a lost process would hide ours
    from batchwright.cluster.peers import find_peers

    return find_peers(os.environ, coordinator=coordinator, count=processes, index=process)


@contextmanager
def training_together(peers: "Peers | None") -> Iterator[None]:
    """Belong to the other processes inside the block, where there are some; only Python writes to standard output."""
    global _has_met
    if peers is None:
        yield
        return
    from batchwright.cluster.membership import together

    _has_met = True
    with _own_output(), together(peers):
        yield


_has_met = False
"""Whether this process has gone to meet the others, who are then told there what becomes of it."""


@contextmanager
def telling_others(words: Sequence[str], interrupted: Callable[[], int | None]) -> Iterator[None]:
    """Tell the others why this process ends, if its command line has these words and it ends before it meets them.

    Whoever interrupts it wants it to end at once.
    """
    global _has_met
    _has_met = False
    try:
        yield
    except (SystemExit, Exception) as error:
        reason = (error.__context__ if error.code else None) if isinstance(error, SystemExit) else error
        if reason is not None and "--distributed" in words and not _has_met and not interrupted():
            with suppress(KeyboardInterrupt):
                _tell_others(words, reason)
        raise


def _tell_others(words: Sequence[str], error: BaseException) -> None:
    """Tell the others of an error, if it is known where they meet."""
    from batchwright.cluster.arrivals import arrival
    from batchwright.cluster.meeting import TELL_SECONDS, tell_failure
    from batchwright.cluster.peers import is_address, what_is_known

    numbers = {flag: _given(words, flag) for flag in ("--processes", "--process")}
    count, index = (int(text) if text.isdecimal() else None for text in numbers.values())
    told = what_is_known(os.environ, coordinator=_given(words, "--coordinator") or None, count=count, index=index)
    if told.coordinator is None or not is_address(told.coordinator) or told.count == 1:
        return
    shown = getattr(error, "format_message", None)  # of a command line that is wrong
    said = shown() if shown else as_flags(str(error))
    say(f"note: the other processes are told of it, if they come within {TELL_SECONDS:g} s", err=True)
    tell_failure(told.coordinator, arrival(told.index, told.count, said or type(error).__name__))


def _given(words: Sequence[str], flag: str) -> str:
    """The last value of an option; empty where there is none."""
    values = [after for word, after in pairwise([*words, ""]) if word == flag]
    values += [word.partition("=")[2] for word in words if word.startswith(f"{flag}=")]
    return values[-1] if values else ""


@contextmanager
def _own_output() -> Iterator[None]:
    """Send what libraries in C++ write to standard output to standard error, as Gloo's word that it is connected."""
    sys.stdout.flush()
    kept, python = os.dup(1), sys.stdout
    os.dup2(2, 1)
    try:
        with os.fdopen(os.dup(kept), "w", encoding=python.encoding, errors=python.errors, buffering=1) as sys.stdout:
            yield
    finally:
        sys.stdout = python
        os.dup2(kept, 1)
        os.close(kept)
