"""Options of the verbs that train with other processes."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

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
    if peers is None:
        yield
        return
    from batchwright.cluster.membership import together

    with _own_output(), together(peers):
        yield


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
