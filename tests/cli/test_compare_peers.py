"""`batchwright compare SOURCE --peers`: what a person reads, the folder, and options that do not go with it."""

import html
import json
from pathlib import Path

import pytest
from tests.cli.conftest import Batchwright

import batchwright as bw
from batchwright.comparison.peers import race, saved
from batchwright.comparison.peers.known import PEERS, Peer
from batchwright.errors import RunError

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
    assert "no_such_package, which is not installed: pip install 'batchwright[peers]'" in answer.out
    assert "comparison: new" in answer.out
    plain = batchwright("report", "new", "--json")
    found = json.loads(plain.out)
    assert {one["name"] for one in found["contestants"]} == {"linear", "batchwright", "not there"}
    assert found["verdict"] in answer.out
    assert found["verdict"] in batchwright("report", "new").out
    assert batchwright("plot", "new").out.split() == ["losses", "seconds"]
    page = batchwright("report", "new", "--html")
    assert page.code == 0, page.err
    text = Path("new/report.html").read_text()
    assert found["verdict"] in html.unescape(text) and text.count("<svg") == 2
    assert "no_such_package, which is not installed" in html.unescape(text)
    loss = next(one["scores"]["loss"]["value"] for one in found["contestants"] if one["name"] == "linear")
    assert f"{loss:.4g}" in text
    with pytest.raises(RunError, match=r"It holds a comparison with peers: .* open_leaderboard of Python opens it"):
        bw.open_comparison("new")
    for opener in (bw.open_run, bw.open_search):
        with pytest.raises(RunError, match="open_leaderboard"):
            opener("new")


def test_where_no_peer_could_be_trained_the_exit_code_says_so(
    batchwright: Batchwright, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_none(*arguments, **more):  # type: ignore[no-untyped-def]
        return race.compare_with_peers(*arguments, **more, peers=(MISSING,))

    monkeypatch.setattr(saved, "compare_with_peers", with_none)
    answer = batchwright("compare", *SMALL, "--peers", "--run-dir", "alone")
    assert answer.code == 1 and "no peer has been trained, so nothing is compared" in answer.err
    assert "no_such_package, which is not installed" in answer.out
    assert not bw.open_leaderboard("alone").has_peers
    assert batchwright("report", "alone", "--html").code == 0


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
