"""`batchwright compare SOURCE --peers`: what a person reads, the folder, and options that do not go with it."""

import json

import pytest
from tests.cli.conftest import Batchwright

from batchwright.comparison.peers import race, saved
from batchwright.comparison.peers.known import PEERS, Peer

SMALL = ("iris", "--network", "linear", "--epochs", 2)
LINEAR = next(peer for peer in PEERS if peer.name == "linear")
MISSING = Peer("not there", LINEAR.make, "no_such_package")


def test_a_comparison_is_shown_saved_and_opened_again(
    batchwright: Batchwright, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_two(*arguments, **more):  # type: ignore[no-untyped-def]
        return race.compare_with_peers(*arguments, **more, peers=(LINEAR, MISSING))

    monkeypatch.setattr(saved, "compare_with_peers", with_two)
    answer = batchwright("compare", *SMALL, "--peers", "--run-dir", "new", "--csv", "tables", "--figure", "loss.svg")
    assert answer.code == 0, answer.err
    assert "2/3: linear" in answer.err
    assert "no_such_package is not installed: pip install 'batchwright[peers]'" in answer.out
    assert "comparison: new" in answer.out
    plain = batchwright("report", "new", "--json")
    found = json.loads(plain.out)
    assert {one["name"] for one in found["contestants"]} == {"linear", "batchwright", "not there"}
    assert found["verdict"] in answer.out
    assert found["verdict"] in batchwright("report", "new").out
    assert batchwright("plot", "new").out.split() == ["losses", "seconds"]
    page = batchwright("report", "new", "--html")
    assert page.code == 2 and "leave out --html" in page.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--peers", "--vary", "training.batch_size"], "--vary does not go with --peers"),
        (["--peers", "--seeds", "3"], "--seeds does not go with --peers"),
        (["--peer-time", "10m"], "--peer-time goes with --peers"),
        (["--peers", "--peer-time", "soon"], "length of time above 0"),
    ],
)
def test_options_that_do_not_go_together(batchwright: Batchwright, words: list[str], message: str) -> None:
    answer = batchwright("compare", "iris", *words)
    assert answer.code == 2
    assert message in answer.err
