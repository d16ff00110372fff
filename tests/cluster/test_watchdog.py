"""Heartbeats by a store in memory: a process that lives is not lost, one that falls silent or says why it ends is."""

import threading
from collections.abc import Iterator

import pytest

from batchwright.cluster import watchdog
from batchwright.cluster.peers import Peers
from batchwright.cluster.watchdog import Watchdog
from batchwright.errors import LostProcessError, UsageError


class Store:
    """What the store of the first process does for heartbeats; a process in `cut` does not reach it."""

    def __init__(self) -> None:
        self.kept = dict[str, str]()
        self.cut = set[str]()

    def key_value_set(self, key: str, value: str, *, allow_overwrite: bool) -> None:
        assert allow_overwrite
        if key.rpartition("/")[2] in self.cut:
            raise ConnectionError
        self.kept[key] = value

    def key_value_dir_get(self, key: str) -> list[tuple[str, str]]:
        return [(name, value) for name, value in list(self.kept.items()) if name.startswith(key)]


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Store, list[Watchdog]]]:
    monkeypatch.setattr(watchdog, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(watchdog, "SILENT_SECONDS", 1.0)
    monkeypatch.setattr(watchdog, "GRACE_SECONDS", 1800.0)  # then a process would be ended, which here is the test's
    store, dogs = Store(), [Watchdog(Peers("127.0.0.1:9", 3, index)) for index in range(3)]
    for dog in dogs:
        dog.start(store)
    yield store, dogs
    for dog in dogs:
        dog.stop()


def test_as_long_as_all_live_none_is_lost(three: tuple[Store, list[Watchdog]]) -> None:
    _, dogs = three
    assert dogs[1].wait_for_loss() is None


def test_the_silent_one_is_named_by_all_others(three: tuple[Store, list[Watchdog]]) -> None:
    _, dogs = three
    dogs[2].stop()
    for dog in dogs[:2]:
        assert str(dog.wait_for_loss()).startswith("process 2 of 3 (")


def test_who_does_not_reach_the_store_ends_too(three: tuple[Store, list[Watchdog]]) -> None:
    store, dogs = three
    store.cut.add("1")
    assert "process 0 of 3" in str(dogs[1].wait_for_loss())
    assert isinstance(dogs[1].wait_for_loss(), LostProcessError)
    assert "process 1 of 3" in str(dogs[0].wait_for_loss())


def test_why_a_process_ends_is_told_at_once(three: tuple[Store, list[Watchdog]]) -> None:
    _, dogs = three
    teller = threading.Thread(target=dogs[1].tell_failure, args=("its disk is full.", 2))
    teller.start()
    error = dogs[0].wait_for_loss()
    teller.join()
    word = str(error)
    assert word.startswith("process 1 of 3 (")
    assert word.endswith("has ended: its disk is full.")
    assert type(error) is UsageError, "all end with the exit code of the one that ends first"


def test_who_ends_by_itself_keeps_its_own_word_where_another_ends_too(
    three: tuple[Store, list[Watchdog]], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, dogs = three
    ended = list[int]()
    monkeypatch.setattr(watchdog, "GRACE_SECONDS", 0.01)
    monkeypatch.setattr(watchdog.os, "_exit", ended.append)
    tellers = [threading.Thread(target=dog.tell_failure, args=("it has diverged.", 3)) for dog in dogs]
    for teller in tellers:
        teller.start()
    for teller in tellers:
        teller.join()
    assert ended == []
