"""What the page of the small network is told: at any iteration, on bad questions, and after it was forgotten."""

import base64
import json
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.pages.chromium import Page, chromium, find_chromium
from tests.pages.servers import Served, served

from batchwright.lab import Live, read_network, take_picture, weights_of
from batchwright.lab.answers import Desk
from batchwright.lab.app import make_app
from batchwright.lab.network.answer import (
    answer_chain,
    answer_choices,
    answer_frame,
    answer_rows,
    network_command,
)
from batchwright.lab.network.ask import NETWORK_DEFAULTS
from batchwright.lab.network.live_session import IDLE, MOST_KEPT, Sessions
from batchwright.lab.network.routes import answer_in_turn

HOSTILE = '<b onclick="alert(1)">\n,"x'


@pytest.fixture(scope="module")
def sessions() -> Sessions:
    return Sessions()


def test_a_frame_is_the_training_at_its_iteration(sessions: Sessions) -> None:
    first = answer_frame(sessions, {"page": "a", "steps": "20"})
    frame = answer_frame(sessions, {"page": "a", "steps": "50"})
    live = Live(read_network({}).small)
    losses = live.advance(50)
    assert (first["before"], first["iteration"], frame["before"], frame["iteration"]) == (0, 20, 20, 50)
    assert frame["metrics"]["train"]["loss"] == live.metrics()["train"]["loss"]
    np.testing.assert_allclose([*first["losses"], *frame["losses"]], losses, rtol=1e-4)
    sent = np.frombuffer(base64.b64decode(frame["answers"]["classes"][1]), np.uint8)
    np.testing.assert_allclose(sent / 255, take_picture(live).answers[:, 1], atol=0.0021)
    unit = np.frombuffer(base64.b64decode(frame["units"][1][0]), np.uint8).astype(float) - 128
    own = take_picture(live).units[1][:, 0]
    np.testing.assert_allclose(unit / 127, own / np.abs(own).max(), atol=0.005)
    assert frame["batch"] == live.next_batch().tolist()
    assert len(answer_rows(sessions, {"page": "a", "steps": "20"})["points"]) == 200


def test_the_spread_counts_what_the_units_give_for_the_training_rows(sessions: Sessions) -> None:
    frame = answer_frame(sessions, {"page": "g", "steps": "20"})
    live = Live(read_network({}).small)
    live.advance(20)
    inputs = live.small.rows.dataset.train.inputs["numeric"].astype(np.float64)
    for layer, told in zip(weights_of(live), frame["spread"], strict=False):
        inputs = np.tanh(inputs @ layer.kernel + layer.bias)
        np.testing.assert_allclose(told["range"], [inputs.min(), inputs.max()], rtol=1e-4)
        counts = np.histogram(inputs, 24)[0]
        assert sum(told["counts"]) == inputs.size and np.abs(counts - told["counts"]).sum() <= 4  # float32 at an edge
    assert len(frame["spread"]) == 2 and answer_frame(sessions, {"page": "g", "layers": ""})["spread"] == []


def test_back_and_forth_gives_the_same_numbers(sessions: Sessions) -> None:
    there = answer_frame(sessions, {"page": "b", "steps": "40"})
    answer_frame(sessions, {"page": "b", "steps": "90"})
    again = answer_frame(sessions, {"page": "b", "steps": "40"})
    assert again["before"] == 0 and again["weights"] == there["weights"]


def test_pages_do_not_disturb_each_other(sessions: Sessions) -> None:
    one = answer_frame(sessions, {"page": "c", "steps": "30"})
    answer_frame(sessions, {"page": "d", "steps": "10"})
    more = answer_frame(sessions, {"page": "c", "steps": "31"})
    assert (one["before"], more["before"], len(more["losses"])) == (0, 30, 1)


def test_idle_trainings_end_and_few_are_kept() -> None:
    now = [0.0]
    sessions = Sessions(clock=lambda: now[0])
    for number in range(MOST_KEPT + 5):
        answer_frame(sessions, {"page": str(number)})
    assert len(sessions.kept) <= MOST_KEPT
    now[0] = IDLE + 1
    answer_frame(sessions, {"page": "last", "steps": "3"})
    assert len(sessions.kept) == 1


def test_a_long_way_is_gone_in_pieces(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("live", "live_session"):
        monkeypatch.setattr(f"batchwright.lab.network.{module}.MOST_ITERATIONS", 1_000)
    asked = {"page": "e", "steps": "1050", "batch_size": "full", "layers": ""}
    frame = answer_frame(sessions, asked)
    assert (frame["iteration"], frame["wanted"]) == (1_000, 1_050) and len(frame["losses"]) == 400
    assert answer_frame(sessions, asked)["iteration"] == 1_050


def test_the_numbers_of_an_iteration_come_as_lines(sessions: Sessions) -> None:
    answer_frame(sessions, {"page": "f", "steps": "5", "rule": "sgd"})
    told = answer_chain(sessions, {"page": "f", "steps": "5", "rule": "sgd", "row": "2"})
    names = [part["name"] for part in told["passages"]]
    assert told["iteration"] == 6 and names[0] == "row" and names[-1] == "update" and "loss" in names
    assert "number 3 of 10" in told["passages"][0]["title"]["en"]
    assert all(part["title"]["zh"] for part in told["passages"])


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ({"layers": "99"}, "1 to 8 units"),
        ({"layers": "2,x"}, "whole number"),
        ({"activation": HOSTILE}, "unknown activation"),
        ({"learning_rate": "nan"}, "learning_rate"),
        ({"steps": "-1"}, "0 to 1,000,000"),
        ({"steps": "1e9"}, "whole number"),
        ({"batch_size": "0"}, "batch size is 0"),
        ({"dropout": "1"}, "dropout"),
        ({"rule": "sg"}, "unknown rule"),
        ({"optimizer.momentum": "7", "rule": "momentum"}, "momentum"),
        ({"optimizer.__class__": "x"}, "__class__"),
        ({"data": "table"}, "--table FILE"),
        ({"data": "moon"}, "did you mean 'moons'"),
        ({"inputs": "a"}, "leave it out"),
        ({"colour": "red"}, "unknown setting"),
        ({"seed": "9" * 3000}, "characters"),
        ({"batch_normalization": "maybe"}, "true or false"),
    ],
)
def test_bad_questions_are_answered_in_words(sessions: Sessions, texts: dict[str, str], said: str) -> None:
    found = answer_in_turn(sessions, answer_frame, texts)
    assert said in found["problem"]["en"] and found["problem"]["zh"]


def test_a_table_offers_its_columns(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    frame = pl.DataFrame({"a": random.normal(size=40), HOSTILE: random.normal(size=40), "c": ["u", "v"] * 20})
    path = tmp_path / "t.parquet"
    frame.write_parquet(path)
    sessions = Sessions(path)
    choices = answer_choices(sessions, {})
    assert choices["table"]["numbers"] == ("a", HOSTILE) and choices["table"]["target"] == "c"
    found = answer_rows(sessions, {"data": "table", "inputs": json.dumps([HOSTILE, "a"])})
    assert found["inputs"] == (HOSTILE, "a")


def test_the_command_gives_the_same_network() -> None:
    asked = read_network({"data": "xor", "rule": "sgd", "layers": "3", "optimizer.momentum": "0.5", "steps": "7"})
    command = network_command(asked)
    assert command == "batchwright lab network xor --optimizer sgd --layers 3 --set optimizer.momentum=0.5 --steps 7"


def test_the_defaults_of_the_page_are_those_of_the_server() -> None:
    import batchwright.lab.app as app

    text = (app.STATIC / "network_scene.js").read_text(encoding="utf-8")
    inside = text.partition("const DEFAULTS = {")[2].partition("};")[0].replace("\n", " ")
    told = dict(pair.strip().split(": ", 1) for pair in inside.replace('4,2"', '4;2"').split(",") if pair.strip())
    assert {key: json.loads(value).replace(";", ",") for key, value in told.items()} == NETWORK_DEFAULTS


needs_chromium = pytest.mark.skipif(find_chromium() is None, reason="there is no Chromium")


def _open(browser: object, server: Served, query: str = "") -> Page:
    page = browser.open(server.link.replace("/?", f"/lab/network?{query}&" if query else "/lab/network?"))  # type: ignore[attr-defined]
    page.wait("document.querySelector('.words')?.textContent.includes('15 iterations')", 90)
    return page  # type: ignore[no-any-return]


@needs_chromium
def test_a_person_plays_and_looks_at_the_numbers(tmp_path: Path) -> None:
    press = "[...document.querySelectorAll('button')].find(one => one.textContent === '{}').click()"
    at = "Number(document.querySelector('.words').textContent.match(/Iteration (.*), epoch/)[1].replaceAll(',', ''))"
    with served(make_app(Desk())) as server, chromium(tmp_path) as browser:
        page = _open(browser, server, "steps=7&layers=3")
        assert page.run(at) == 7
        page.run(press.format("One iteration"))
        page.wait(f"{at} === 8")
        page.run(press.format("One epoch"))
        page.wait(f"{at} === 15")
        page.run(press.format("Play"))
        page.wait(f"{at} >= 255", 60)
        page.run(press.format("Pause"))
        page.run("document.querySelector('details').open = true")
        page.wait("document.querySelectorAll('.numbers pre').length === 9", 60)
        assert page.wait("location.search.includes('steps=')")
        assert [one for one in page.axe() if one[1] in ("serious", "critical")] == []
        page.run("document.querySelector('[data-what=\"more0\"]').focus()")
        page.press("Enter")
        page.wait(f"{at} === 0 && document.querySelector('.unit output').textContent === '4'", 60)
        assert page.run("document.activeElement.dataset.what") == "more0"
        assert page.console == []


@needs_chromium
def test_a_bad_link_is_told_and_the_page_stays_usable(tmp_path: Path) -> None:
    with served(make_app(Desk())) as server, chromium(tmp_path) as browser:
        page = browser.open(server.link.replace("/?", "/lab/network?layers=77&"))
        page.wait("document.querySelector('.banner').textContent.includes('1 to 8 units')", 60)
        page.run(
            "[...document.querySelectorAll('button')].find(one => one.textContent === 'Forget all settings').click()"
        )
        page.wait("document.querySelector('.words').textContent.includes('Iteration 0')", 60)
        assert page.run("document.querySelector('.banner').textContent") == ""
        assert page.console == []


@needs_chromium
def test_a_table_that_does_not_do_is_told_and_another_target_can_be_chosen(tmp_path: Path) -> None:
    """The table has one column of numbers, which is its last and is taken for the target."""
    hostile = '<img src=x onerror="document.title = 1">'
    table = tmp_path / "t.csv"
    table.write_text(
        "kind;" + hostile.replace('"', "'") + "\n" + "".join(f"{'ab'[i % 2]};{i * i}\n" for i in range(40))
    )
    target = "document.querySelector('select[aria-label=\"What is predicted\"]')"
    with served(make_app(Desk(), table)) as server, chromium(tmp_path) as browser:
        page = browser.open(server.link.replace("/?", "/lab/network?data=table&"))
        page.wait("document.querySelector('.banner').textContent.includes('no column with different numbers')", 60)
        page.wait(f"{target}.options.length === 2")
        page.run(f"{target}.value = 'kind'; {target}.dispatchEvent(new Event('change'))")
        page.wait("document.querySelector('.words').textContent.includes('Iteration 0')", 60)
        assert page.run("document.querySelector('.banner').textContent") == ""
        assert page.run("document.querySelectorAll('main img').length") == 0
        assert page.console == []


def test_a_frame_costs_less_than_the_twentieth_of_a_second(sessions: Sessions) -> None:
    """60 iterations and all that is drawn of them; seconds of the processor, which other processes do not slow down."""
    spent = []
    for number in range(1, 12):
        before = time.process_time()
        answer_frame(sessions, {"page": "fast", "layers": "8,8", "steps": str(60 * number)})
        spent.append(time.process_time() - before)
    assert sorted(spent)[len(spent) // 2] < 0.05
