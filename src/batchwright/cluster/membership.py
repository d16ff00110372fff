"""A process among those that train together: what they agree on, and what follows when one of them is lost.

The first process keeps a small store, through which the others find each other, and which all ask and tell. Each says
every few seconds that it lives. A process that falls silent, or whose computation fails because another has gone, ends;
all that was trained up to the last checkpoint is kept.
"""

import json
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, runtime_checkable

from jax._src import distributed  # JAX has no public way to learn of a loss without being ended by it
from jax._src.lib import _jax  # type: ignore[attr-defined]
from jax._src.xla_bridge import backends_are_initialized
from jax.errors import JaxRuntimeError

from batchwright.cluster.peers import Peers
from batchwright.cluster.service import LONG, SHORT, Service
from batchwright.cluster.watchdog import Watchdog
from batchwright.errors import LostProcessError, UsageError

JOIN_SECONDS = 300
"""The longest that a process waits for the others to begin."""
AGREE_SECONDS = 24 * 3600
"""The longest that a process waits for what another has to say: whether that lives is found out by its heartbeats."""
MESSAGES, KEPT = "batchwright/messages", 4096
"""Messages after which an old one is removed: no process is as far behind another."""


@runtime_checkable
class Exchange(Protocol):
    """What tells all processes what each of them says."""

    def exchange(self, text: str) -> Sequence[str]:
        """The texts that all processes give, in their order."""


@runtime_checkable
class Cluster(Exchange, Protocol):
    """The processes that train together; `index` is the number of this one, from 0."""

    index: int
    count: int

    def agree(self, number: float) -> float:
        """The number that the first process gives."""

    @contextmanager
    def explaining(self) -> Iterator[None]:
        """Say of an error that follows from the loss of a process which was lost.

        Raises:
            LostProcessError: in its place.
        """

    @contextmanager
    def in_turn(self) -> Iterator[None]:
        """The first process goes through the block, then the first of each other machine, then all others."""

    def fail(self, message: str) -> None:
        """Tell the others why this process ends before its time."""

    def leave(self) -> None:
        """Wait for all others to come here, and go apart."""


class Alone:
    """A process that trains by itself."""

    index, count = 0, 1

    def agree(self, number: float) -> float:
        return number

    def exchange(self, text: str) -> Sequence[str]:
        return (text,)

    @contextmanager
    def explaining(self) -> Iterator[None]:
        yield

    @contextmanager
    def in_turn(self) -> Iterator[None]:
        yield

    def fail(self, message: str) -> None:
        pass

    def leave(self) -> None:
        pass


ALONE: Cluster = Alone()
_current: Cluster = ALONE


def current() -> Cluster:
    """What this process belongs to: JAX has one group of processes at a time."""
    return _current


class Joined:
    """A process that has found the others."""

    def __init__(self, peers: Peers, store: Any, watchdog: Watchdog, service: Service | None) -> None:
        self.index, self.count = peers.index, peers.count
        self._store, self._watchdog, self._service = store, watchdog, service
        self._said = 0

    def agree(self, number: float) -> float:
        with self.explaining():
            key = self._next_key("agree")
            if self.index == 0:
                self._store.key_value_set(key, repr(float(number)))
                return number
            return float(self._store.blocking_key_value_get(key, 1000 * AGREE_SECONDS))

    def exchange(self, text: str) -> Sequence[str]:
        with self.explaining():
            key = self._next_key("exchange")
            self._store.key_value_set(f"{key}/{self.index}", text)
            return [
                self._store.blocking_key_value_get(f"{key}/{index}", 1000 * AGREE_SECONDS)
                for index in range(self.count)
            ]

    @contextmanager
    def explaining(self) -> Iterator[None]:
        try:
            yield
        except JaxRuntimeError as error:
            lost = self._watchdog.wait_for_loss()
            if lost is None:
                raise
            raise LostProcessError(lost) from error

    @contextmanager
    def in_turn(self) -> Iterator[None]:
        machines = self.exchange(socket.gethostname())
        turn = 0 if self.index == 0 else 1 if self.index == machines.index(machines[self.index]) else 2
        for number in range(3):
            if number == turn:
                yield
            self.exchange("done")

    def fail(self, message: str) -> None:
        self._watchdog.tell_failure(message)
        self._part()

    def leave(self) -> None:
        self.exchange("left")
        self._watchdog.stop()
        self._store.shutdown()
        self._part()
        if self._service:
            self._service.end()

    def _part(self) -> None:
        """Belong to nobody from here on; what JAX has of the others is left to the end of the process."""
        global _current
        _current = ALONE
        distributed.global_state.client = None

    def _next_key(self, kind: str) -> str:
        """The key of the next message; all processes send and wait for the same, one after the other."""
        self._said += 1
        if self.index == 0 and self._said > KEPT:
            self._store.key_value_delete(f"{MESSAGES}/{self._said - KEPT}")
        return f"{MESSAGES}/{self._said}/{kind}"


def join(peers: Peers) -> Cluster:
    """Find the others, before anything uses JAX; this process belongs to them from here on.

    Raises:
        UsageError: JAX has been used, the others cannot be found, or the address of the first one is taken.
    """
    global _current
    if _current is not ALONE or backends_are_initialized():
        raise UsageError("this process has used JAX already: join others before that.")
    watchdog = Watchdog(peers)
    service = Service(_bound(peers.coordinator), peers.count) if peers.index == 0 else None
    try:
        store = _connect(peers)
    except UsageError:
        if service:
            service.end()
        raise
    cluster = Joined(peers, store, watchdog, service)
    watchdog.start(store)
    _current = cluster
    return cluster


@contextmanager
def together(peers: Peers | None) -> Iterator[Cluster]:
    """Belong to the others inside the block, where there are some; they are told if it fails."""
    cluster = ALONE if peers is None else join(peers)
    try:
        yield cluster
    except BaseException as error:
        cluster.fail(str(error) or type(error).__name__)
        raise
    cluster.leave()


def _connect(peers: Peers) -> Any:
    """The store of the first process.

    This is `jax.distributed.initialize`, except that the loss of a process does not abort the others on the spot.
    """
    state = distributed.global_state
    try:
        client = _jax.get_distributed_runtime_client(
            peers.coordinator,
            peers.index,
            init_timeout=JOIN_SECONDS,
            shutdown_timeout=SHORT,
            heartbeat_timeout=LONG,
            shutdown_on_destruction=False,
            use_compression=True,
            missed_heartbeat_callback=lambda _: None,  # without one, JAX aborts where the others do not come
        )
        client.connect()
    except (JaxRuntimeError, RuntimeError, ValueError) as error:
        raise UsageError(
            f"process {peers.index} of {peers.count} cannot join the others at {peers.coordinator}: "
            "not all have come, or the first one is not there. All have to be started within "
            f"{JOIN_SECONDS} s, with the address of a free port of the first one's machine."
        ) from error
    state.num_processes, state.process_id, state.coordinator_address = peers.count, peers.index, peers.coordinator
    state.client = client
    return client


def _bound(coordinator: str) -> str:
    """Where the first process listens: the loopback alone where all are on one machine, else everywhere."""
    host, _, port = coordinator.rpartition(":")
    return coordinator if host in ("127.0.0.1", "localhost") else f"[::]:{port}"


def require_alike(cluster: Exchange, facts: Mapping[str, str]) -> None:
    """Refuse to train together where facts of the processes differ.

    Raises:
        UsageError: which, of which process, and how.
    """
    told = [json.loads(text) for text in cluster.exchange(json.dumps(dict(facts)))]
    for index, other in enumerate(told[1:], start=1):
        differing = [name for name in {**told[0], **other} if told[0].get(name) != other.get(name)]
        if differing:
            shown = "; ".join(f"{name}: {told[0].get(name)!s:.80} and {other.get(name)!s:.80}" for name in differing)
            raise UsageError(
                f"processes 0 and {index} cannot train together, as they differ in {shown}. Make them alike."
            )
