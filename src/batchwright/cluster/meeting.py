"""Where processes that train together meet before they work: each says who it is, or why it cannot train.

The first process listens at the coordinator's address until all have come; then it tells them the port of its store. A
process that has failed comes too, and says why: all end with its word. Once all have met, the address is free again, so
that a training can be started anew with it at once.
"""

import json
import socket
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass

from batchwright.cluster.arrivals import PROCESSES, Arrival, difference, read_arrival, read_line
from batchwright.cluster.peers import split_address
from batchwright.errors import UsageError

JOIN_SECONDS = 300.0
"""The longest that a process waits for the others to come."""
TELL_SECONDS = 20.0
"""The longest that one waits to tell the others why all end: those of one launcher begin within seconds."""
NOTE_SECONDS = 10.0
"""After this time it says for whom it waits."""
BEAT_SECONDS, SILENT_SECONDS = 2.0, 20.0
"""Between two signs of the first process that it still waits; silence after which it is taken for gone."""
ASK_SECONDS, CONNECT_SECONDS = 0.5, 5.0
"""Between two attempts to reach the first process, and how long one may take."""
HELLO_SECONDS = 2.0
"""How long the first process listens to one that comes."""

HOW_TO_START = (
    f"All have to be started within {JOIN_SECONDS:g} s, with numbers from 0 and with the address of a free port of the "
    "first one's machine."
)
MOST_DIGITS = 7
"""Of the number of processes that a stranger may tell."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def listen(host: str, port: int) -> socket.socket:
    """A socket that others reach at this address: on the loopback alone where all are on one machine, else everywhere.

    Raises:
        OSError: it cannot be had.
    """
    if host in LOOPBACK:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    if socket.has_dualstack_ipv6():
        return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("", port))


class Reception:
    """The first process, to which the others come."""

    def __init__(self, coordinator: str, own: Arrival) -> None:
        """Listen at the coordinator's address.

        Raises:
            UsageError: the address is taken, or not one of this machine.
        """
        try:
            self._listener = listen(*split_address(coordinator))
        except OSError as error:
            raise UsageError(
                f"the first process cannot listen at {coordinator}: {error.strerror or error}. Where the address is in "
                "use, another program has the port, or the first process of another training waits there: give all "
                "processes another port as `coordinator=HOST:PORT`."
            ) from error
        self._listener.settimeout(ASK_SECONDS)
        self._coordinator, self._own = coordinator, own
        self._come = dict[int, Guest]()
        self._told, self._expected = set[int | None](), _others_of(own)
        self._beat = time.monotonic()

    def gather(self, port: int) -> None:
        """Wait until all have come, and tell them the port of the store.

        Raises:
            UsageError: one cannot train, or differs, or does not come; those that have come are told.
        """
        try:
            if word := self._wait():
                self.refuse(word)
                raise UsageError(word)
            for guest in self._come.values():
                guest.tell(port=port)
        except KeyboardInterrupt:
            self._refuse_all(f"{self._own.name} was ended while it waited for the others.")
            raise
        finally:
            self._listener.close()

    def refuse(self, word: str) -> None:
        """Tell those that have come why all end, and for a while those that still come."""
        self._refuse_all(word)
        began = time.monotonic()
        with self._listener:
            while len(self._told) < (self._expected or sys.maxsize) and time.monotonic() - began < TELL_SECONDS:
                if guest := self._next():
                    self._refuse(guest, word)

    def _wait(self) -> str:
        """Wait until all have come; why all have to end, as a sentence, if they have to."""
        began, noted = time.monotonic(), False
        while missing := [str(index) for index in range(1, _others_of(self._own) + 1) if index not in self._come]:
            waited = time.monotonic() - began
            which = f"process{'es' * (len(missing) > 1)} {', '.join(missing)} of {self._own.facts[PROCESSES]}"
            if waited > JOIN_SECONDS:
                return f"{which} did not come to the first one at {self._coordinator}. {HOW_TO_START}"
            if waited > NOTE_SECONDS and not noted:
                noted = True
                _note(f"waiting at {self._coordinator} for {which}")
            if (guest := self._next()) and (word := self._take(guest)):
                return word
            self._forget_those_who_left()
        return ""

    def _next(self) -> "Guest | None":
        """The next that comes, if one does; strangers are sent away."""
        try:
            connection, _ = self._listener.accept()
        except TimeoutError:
            return None
        connection.settimeout(HELLO_SECONDS)
        try:
            return Guest(read_arrival(read_line(connection)), connection)
        except (OSError, ValueError, RecursionError):
            connection.close()
            return None

    def _take(self, guest: "Guest") -> str:
        """Keep one that has come; why all have to end because of it, if they have to."""
        said, others = guest.said, {None: None, 0: self._own} | {index: one.said for index, one in self._come.items()}
        if said.failure:
            word = f"{said.name} has ended: {said.failure}"
        elif word := difference(self._own.facts, said.facts, said.index or 0):
            word = f"{word} Process {said.index} is on {said.who}."
        elif (twin := others.get(said.index)) or said.index not in range(1, _others_of(self._own) + 1):
            word = f"there are {(twin or self._own).name} and {said.name}: give each process a number of its own."
        else:
            assert said.index is not None
            self._come[said.index] = guest
            return ""
        self._refuse(guest, word)
        return word

    def _forget_those_who_left(self) -> None:
        """Say that this one still waits; one that was ended meanwhile may be started again."""
        if time.monotonic() - self._beat < BEAT_SECONDS:
            return
        self._beat = time.monotonic()
        for index, guest in list(self._come.items()):
            if not guest.still_waits():
                del self._come[index]

    def _refuse_all(self, word: str) -> None:
        for guest in self._come.values():
            self._refuse(guest, word)
        self._come.clear()

    def _refuse(self, guest: "Guest", word: str) -> None:
        guest.tell(refusal=word)
        self._told.add(guest.said.index)
        self._expected = max(self._expected, _others_of(guest.said))


@dataclass(frozen=True)
class Guest:
    """A process that has come to the first one, and waits for its answer."""

    said: Arrival
    connection: socket.socket

    def tell(self, **answer: object) -> None:
        """Answer, and part."""
        with suppress(OSError), self.connection:
            self.connection.sendall(json.dumps(answer).encode() + b"\n")

    def still_waits(self) -> bool:
        """Give a sign; False if it has gone."""
        try:
            self.connection.sendall(b"\n")
        except OSError:
            self.connection.close()
            return False
        return True


def _others_of(one: Arrival) -> int:
    """How many others this process expects; 0 where it does not know."""
    count = one.facts.get(PROCESSES, "")
    return int(count) - 1 if count.isdecimal() and len(count) < MOST_DIGITS else 0


def attend(coordinator: str, own: Arrival) -> int:
    """Come to the first process; the port of its store once all have come.

    Raises:
        UsageError: it refuses, or does not answer for so long.
    """
    began, noted, problem = time.monotonic(), False, ""
    while time.monotonic() - began < (TELL_SECONDS if own.failure else JOIN_SECONDS):
        answer: object = None
        try:
            answer = _ask(coordinator, own)
        except OSError as error:
            problem = error.strerror or str(error)
        except (ValueError, RecursionError):
            problem = "another program answers"
        match answer:
            case {"port": int(port)}:
                return port
            case {"refusal": str(word)}:
                raise UsageError(word)
        if time.monotonic() - began > NOTE_SECONDS and not noted:
            noted = True
            _note(f"waiting for the first process at {coordinator} ({problem})")
        time.sleep(ASK_SECONDS)
    raise UsageError(f"{own.name} does not reach the first one at {coordinator} ({problem}). {HOW_TO_START}")


def _ask(coordinator: str, own: Arrival) -> object:
    """What the first process answers, once all have come or it refuses.

    Raises:
        OSError: it is not there, or goes away.
        ValueError: it is another program.
    """
    with socket.create_connection(split_address(coordinator), timeout=CONNECT_SECONDS) as connection:
        connection.settimeout(SILENT_SECONDS)
        connection.sendall(json.dumps(asdict(own)).encode() + b"\n")
        answer: object = json.loads(read_line(connection))
        return answer


def tell_failure(coordinator: str, own: Arrival) -> None:
    """Tell the others why this process will not train with them, for as long as they may still come."""
    with suppress(UsageError, OSError):  # they are not there, or were told
        if own.index == 0:
            Reception(coordinator, own).refuse(f"{own.name} has ended: {own.failure}")
        else:
            attend(coordinator, own)


def _note(text: str) -> None:
    sys.stderr.write(f"note: {text}\n")
    sys.stderr.flush()
