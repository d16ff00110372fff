"""Processes meet before they work: who cannot train says why, all end with that word, and the address is free again."""

import json
import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import pytest

from batchwright.cluster import meeting
from batchwright.cluster.arrivals import PROCESSES, Arrival, arrival
from batchwright.cluster.meeting import Reception, attend, tell_failure
from batchwright.cluster.peers import as_written, is_address, split_address, what_is_known
from batchwright.errors import UsageError

PORT_OF_STORE = 4711


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> str:
    """An address that is free; nobody waits for long."""
    monkeypatch.setattr(meeting, "ASK_SECONDS", 0.02)
    monkeypatch.setattr(meeting, "HELLO_SECONDS", 0.2)
    monkeypatch.setattr(meeting, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(meeting, "JOIN_SECONDS", 20.0)
    monkeypatch.setattr(meeting, "TELL_SECONDS", 1.0)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return f"127.0.0.1:{port}"


def of(index: int | None, count: int = 3, **facts: str) -> Arrival:
    """What a process says, with other facts than its own."""
    one = arrival(index, count)
    return replace(one, facts={**one.facts, **facts}, who=f"machine-{index}")


def meet(place: str, *all_of_them: Arrival) -> list[object]:
    """What becomes of each, the first process first: the port of the store, or the word with which it ends."""

    def come(number: int, one: Arrival) -> object:
        try:
            if number > 0:
                return attend(place, one)
            Reception(place, one).gather(PORT_OF_STORE)
        except UsageError as error:
            return str(error)
        return PORT_OF_STORE

    return in_threads(*(partial(come, *pair) for pair in enumerate(all_of_them)))


def in_threads(*works: Callable[[], object]) -> list[object]:
    """What these come to at once."""
    with ThreadPoolExecutor(len(works)) as pool:
        return [future.result(30) for future in [pool.submit(work) for work in works]]


def words(found: Sequence[object]) -> set[str]:
    assert all(isinstance(one, str) for one in found), found
    return set(map(str, found))


def test_all_who_come_learn_the_port_of_the_store_and_the_address_is_free_again(place: str) -> None:
    for _ in range(2):
        assert meet(place, *map(of, range(3))) == [PORT_OF_STORE] * 3


def test_one_that_has_failed_ends_all_with_its_word(place: str) -> None:
    failed = replace(of(2), failure="no such file: peeple.csv")
    (word,) = words(meet(place, of(0), of(1), failed))
    assert word == "process 2 of 3 (machine-2) has ended: no such file: peeple.csv"


def test_the_first_that_has_failed_tells_those_that_come_later(place: str) -> None:
    found = list[str]()

    def come_late(index: int) -> None:
        time.sleep(0.2 * index)
        with pytest.raises(UsageError) as caught:
            attend(place, of(index))
        found.append(str(caught.value))

    failed = replace(of(0), failure="epochs is 0.")
    in_threads(lambda: tell_failure(place, failed), lambda: come_late(1), lambda: come_late(2))
    assert found == ["process 0 of 3 (machine-0) has ended: epochs is 0."] * 2


def test_one_that_does_not_know_its_number_is_heard_too(place: str) -> None:
    failed = Arrival(None, "machine-x", {}, "--process is missing.")
    (word,) = words(meet(place, of(0, 2), failed))
    assert word == "a process (machine-x) has ended: --process is missing."


@pytest.mark.parametrize(
    ("other", "word"),
    [
        (of(1, 2, jaxlib="0.1"), "processes 0 and 1 cannot train together, as they differ in jaxlib: "),
        (
            of(1, 3),
            f"processes 0 and 1 cannot train together, as they differ in {PROCESSES}: 2 and 3. Make them alike.",
        ),
        (of(0, 2), "there are process 0 of 2 (machine-0) and process 0 of 2 (machine-0): give each process a number"),
    ],
)
def test_one_that_does_not_fit_ends_all(place: str, other: Arrival, word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meeting, "TELL_SECONDS", 0.2)  # the third of them never comes
    (said,) = words(meet(place, of(0, 2), other))
    assert said.startswith(word)


def test_two_with_one_number_are_named(place: str) -> None:
    (word,) = words(meet(place, of(0), of(1), replace(of(1), who="machine-2")))
    assert "process 1 of 3 (machine-1)" in word and "process 1 of 3 (machine-2)" in word
    assert word.endswith(": give each process a number of its own.")


def test_who_does_not_come_is_named(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meeting, "JOIN_SECONDS", 0.5)
    monkeypatch.setattr(meeting, "TELL_SECONDS", 0.1)
    (word,) = words(meet(place, of(0), of(2)))
    assert word.startswith(f"process 1 of 3 did not come to the first one at {place}.")


def test_where_nobody_listens_is_told(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meeting, "JOIN_SECONDS", 0.2)
    with pytest.raises(UsageError, match=r"process 1 of 3 \(machine-1\) does not reach .* \(Connection refused\)"):
        attend(place, of(1))


def test_an_address_in_use_is_refused_at_once(place: str) -> None:
    match = r"cannot listen at .*: Address already in use.*`coordinator=HOST:PORT`"
    with socket.create_server(split_address(place)), pytest.raises(UsageError, match=match):
        Reception(place, of(0))


STRANGE = [
    b"GET / HTTP/1.1\r\n\r\n",
    b"\n",
    b"[" * 60_000 + b"\n",
    b"{}\n",
    b'{"index": 1, "who": 3, "facts": {}, "failure": ""}\n',
    b"\xff\xfe" * 1000,
]


@pytest.mark.parametrize("said", STRANGE)
def test_strangers_are_sent_away(place: str, said: bytes) -> None:
    def come() -> None:
        time.sleep(0.1)
        with socket.create_connection(split_address(place)) as stranger:
            stranger.sendall(said)
            stranger.settimeout(5)
            assert b"port" not in stranger.recv(100)
        assert attend(place, of(1, 2)) == PORT_OF_STORE

    in_threads(lambda: Reception(place, of(0, 2)).gather(PORT_OF_STORE), come)


def test_a_huge_number_of_processes_that_a_stranger_tells_is_no_number(place: str) -> None:
    stranger = Arrival(1, "x", {PROCESSES: "9" * 5000})
    (said,) = words(meet(place, of(0, 2), stranger))
    assert said.startswith("processes 0 and 1 cannot train together")


def test_one_that_was_ended_while_it_waited_may_be_started_again(place: str) -> None:
    def come() -> None:
        with socket.create_connection(split_address(place)) as early:
            early.sendall(json.dumps(vars(of(1))).encode() + b"\n")
        time.sleep(0.3)
        in_threads(lambda: attend(place, of(1)), lambda: attend(place, of(2)))

    reception = Reception(place, of(0))
    in_threads(lambda: reception.gather(PORT_OF_STORE), come)


def test_what_is_known_of_the_others_may_be_wrong_in_part() -> None:
    told = what_is_known({"JOB_COMPLETION_INDEX": "2"}, coordinator="n1:9")
    assert (told.coordinator, told.count, told.index) == ("n1:9", None, 2)
    assert [is_address(text) for text in ("n1:9", "[::1]:9", "n1:99999999999", "n1")] == [True, True, False, False]
    assert [as_written(split_address(text)[0]) for text in ("n1:9", "[::1]:9")] == ["n1", "[::1]"]
