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

from batchwright.cluster.arrivals import arrival, difference
from batchwright.cluster.meeting import Reception, attend, tell_failure
from batchwright.cluster.peers import Peers, as_written, split_address
from batchwright.cluster.service import LONG, SHORT, Service
from batchwright.cluster.watchdog import Watchdog
from batchwright.errors import BatchwrightError, LostProcessError, UsageError

LOOK_SECONDS = 1.0
"""Between two looks whether another process is lost, while this one waits for its word."""
TIME_IS_OVER = "DEADLINE_EXCEEDED"
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

    def fail(self, error: BaseException) -> None:
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

    def fail(self, error: BaseException) -> None:
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
            return float(self._get(key))

    def exchange(self, text: str) -> Sequence[str]:
        with self.explaining():
            key = self._next_key("exchange")
            self._store.key_value_set(f"{key}/{self.index}", text)
            return [self._get(f"{key}/{index}") for index in range(self.count)]

    @contextmanager
    def explaining(self) -> Iterator[None]:
        try:
            yield
        except JaxRuntimeError as error:
            lost = self._watchdog.wait_for_loss()
            if lost is None:
                raise
            raise lost from error

    @contextmanager
    def in_turn(self) -> Iterator[None]:
        machines = self.exchange(socket.gethostname())
        turn = 0 if self.index == 0 else 1 if self.index == machines.index(machines[self.index]) else 2
        for number in range(3):
            if number == turn:
                yield
            self.exchange("done")

    def fail(self, error: BaseException) -> None:
        code = error.exit_code if isinstance(error, BatchwrightError) else LostProcessError.exit_code
        self._watchdog.tell_failure(str(error) or type(error).__name__, code)
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

    def _get(self, key: str) -> str:
        """What another process says under this key, which may take as long as it lives.

        Raises:
            BatchwrightError: one is lost, or has ended.
        """
        while True:
            try:
                return str(self._store.blocking_key_value_get(key, int(1000 * LOOK_SECONDS)))
            except JaxRuntimeError as error:
                if not str(error).startswith(TIME_IS_OVER):
                    raise
            if self._watchdog.has_lost and (lost := self._watchdog.wait_for_loss()):
                raise lost

    def _next_key(self, kind: str) -> str:
        """The key of the next message; all processes send and wait for the same, one after the other."""
        self._said += 1
        if self.index == 0 and self._said > KEPT:
            self._store.key_value_delete(f"{MESSAGES}/{self._said - KEPT}")
        return f"{MESSAGES}/{self._said}/{kind}"


def join(peers: Peers) -> Cluster:
    """Find the others, before anything uses JAX; this process belongs to them from here on.

    Raises:
        UsageError: JAX has been used, the others do not come or cannot train with this one, or the address of the first
            one is taken.
    """
    global _current
    if _current is not ALONE or backends_are_initialized():
        word = "this process has used JAX already: join others before that."
        tell_failure(peers.coordinator, arrival(peers.index, peers.count, word))
        raise UsageError(word)
    watchdog = Watchdog(peers)
    port, service = _meet(peers)
    try:
        store = _connect(peers, port)
    except UsageError:
        if service:
            service.end()
        raise
    cluster = Joined(peers, store, watchdog, service)
    watchdog.start(store)
    _current = cluster
    return cluster


def _meet(peers: Peers) -> tuple[int, Service | None]:
    """Wait until all have come; the port of the store, and the process that has it, where this is the first one."""
    own = arrival(peers.index, peers.count)
    if peers.index > 0:
        return attend(peers.coordinator, own), None
    reception = Reception(peers.coordinator, own)
    service = Service(split_address(peers.coordinator)[0], peers.count)
    try:
        reception.gather(service.port)
    except BaseException:
        service.end()
        raise
    return service.port, service


@contextmanager
def together(peers: Peers | None) -> Iterator[Cluster]:
    """Belong to the others inside the block, where there are some; they are told if it fails."""
    cluster = ALONE if peers is None else join(peers)
    try:
        yield cluster
    except BaseException as error:
        cluster.fail(error)
        raise
    cluster.leave()


def _connect(peers: Peers, port: int) -> Any:
    """The store of the first process, which listens at this port.

    This is `jax.distributed.initialize`, except that the loss of a process does not abort the others on the spot.
    """
    state, address = distributed.global_state, f"{as_written(split_address(peers.coordinator)[0])}:{port}"
    try:
        client = _jax.get_distributed_runtime_client(
            address,
            peers.index,
            init_timeout=SHORT,
            shutdown_timeout=SHORT,
            heartbeat_timeout=LONG,
            shutdown_on_destruction=False,
            use_compression=True,
            missed_heartbeat_callback=lambda _: None,  # without one, JAX aborts where the others do not come
        )
        client.connect()
    except (JaxRuntimeError, RuntimeError, ValueError) as error:
        raise UsageError(
            f"process {peers.index} of {peers.count} has met the others, but does not reach the store of the first one "
            f"at {address}: the processes have to reach each other's ports, and not that of the coordinator alone."
        ) from error
    state.num_processes, state.process_id, state.coordinator_address = peers.count, peers.index, address
    state.client = client
    return client


def require_alike(cluster: Exchange, facts: Mapping[str, str]) -> None:
    """Refuse to train together where facts of the processes differ.

    Raises:
        UsageError: which, of which process, and how.
    """
    told = [json.loads(text) for text in cluster.exchange(json.dumps(dict(facts)))]
    for index, other in enumerate(told[1:], start=1):
        if word := difference(told[0], other, index):
            raise UsageError(word)
