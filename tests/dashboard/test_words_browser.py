"""All that the pages say is there in English and in Chinese."""

import re
from pathlib import Path
from typing import get_args

import pytest
from tests.dashboard.folders import hold, write_comparison, write_run, write_search
from tests.pages.chromium import find_chromium
from tests.pages.servers import served

from batchwright import dashboard
from batchwright.config.settings import Origin as SettingsOrigin
from batchwright.dashboard import make_app
from batchwright.dashboard.words import WORDS
from batchwright.diagnosis import SURE
from batchwright.diagnosis.diagnose import FOLLOWS
from batchwright.diagnosis.verdict import Kind
from batchwright.runs.manifest import Origin, Status
from batchwright.search.study import ENDINGS
from batchwright.training.plan import Descent

pytestmark = pytest.mark.skipif(find_chromium() is None, reason="there is no Chromium on this machine")

STATIC = Path(dashboard.__file__).parent / "static"
DIAGNOSIS = Path(dashboard.__file__).parents[1] / "diagnosis"
LABELS = "main :is(h1, h2, button, label, th, dt, legend, summary, figcaption, a, option, .status-finished)"
CODE = re.compile(r"[\d\s,.:%↕✎-]*|[\w./<>= -]*[./_=][\w./<>= -]*|English|SHA-256|Python|loss|accuracy|epoch|relu|tanh")
"""Numbers, names of settings, columns and files: the same in every language."""


@pytest.fixture(scope="module")
def board(browser, tmp_path_factory):
    root = tmp_path_factory.mktemp("words") / "runs"
    write_run(root / "run_1")
    write_run(root / "run_2", status="running", epochs=3)
    write_search(root / "search_1")
    write_comparison(root / "comparison_1")
    lock = hold(root / "run_2")
    with served(make_app(root)) as running:
        running.page = browser.open(running.link)
        running.page.wait("document.querySelector('td.name a')")
        yield running
        running.page.close()
    lock.release()


def tables(board, module, name):
    return board.page.run(f"import('/static/dashboard/{module}.js').then(found => found.{name})")


def gaps(words):
    return set(re.findall(r"\{(\w+)\}", words))


def test_every_text_is_there_in_both_languages(board):
    texts = tables(board, "texts", "texts")
    assert texts["en"].keys() == texts["zh"].keys()
    for key, words in texts["en"].items():
        assert words and texts["zh"][key], key
        if key != "seeds_of":  # one language counts all runs, the other those that are not named
            assert gaps(words) == gaps(texts["zh"][key]), key
    for key, said in WORDS.items():
        assert set(said) == {"en", "zh"}, key
        assert gaps(said["en"]) == gaps(said["zh"]), key


def test_every_text_that_a_page_asks_for_is_there(board):
    texts = tables(board, "texts", "texts")
    asked = {key for path in STATIC.glob("*.js") for key in re.findall(r'\bt\("(\w+)"', path.read_text("utf-8"))}
    assert len(asked) > 60
    assert asked <= texts["en"].keys()


def test_every_word_of_the_folders_is_there(board):
    words = tables(board, "words", "words")
    assert words["status"].keys() == {*get_args(Status), "compiling", "killed", "unreadable", "gone"}
    assert words["ending"].keys() == set(ENDINGS)
    assert words["origin"].keys() == set(get_args(Origin)) == set(get_args(SettingsOrigin))
    assert words["descent"].keys() == set(get_args(Descent))
    assert words["sure"].keys() == {*SURE, "note"}
    named = re.findall(r'Diagnosis\(\s*"([a-z ]+)"', "".join(path.read_text() for path in DIAGNOSIS.glob("*.py")))
    assert len(named) > 20
    assert words["kind"].keys() >= {*named, *FOLLOWS, *get_args(Kind)}


@pytest.mark.parametrize("where", ["/", "run_1", "run_2", "search_1", "trial", "comparison_1", "/machine", "/runs/0"])
def test_a_chinese_page_has_no_english_labels(board, where):
    page = board.page
    addresses = {row["name"]: row for row in page.run("fetch('/api/table').then(one => one.json())")["rows"]}
    if where == "trial":
        address = f"/searches/{addresses['search_1']['id']}/trials/1"
    elif where in addresses:
        kind = {"run": "runs", "search": "searches", "comparison": "comparisons"}[addresses[where]["kind"]]
        address = f"/{kind}/{addresses[where]['id']}"
    else:
        address = where
    page.go(f"{board.address}{address}?lang=zh")
    page.wait("document.querySelector('main h1, main a')")
    if where == "run_1":
        page.wait("document.querySelector('table.diagnosis')", 60)
    said = page.run(f"[...document.querySelectorAll({LABELS!r})].map(one => one.textContent.trim())")
    english = {words for words in said if not re.search("[\u4e00-\u9fff]", words) and not CODE.fullmatch(words)}
    assert not english
    assert page.console == [] or where == "/runs/0"
    if where == "/runs/0":
        page.wait("document.querySelector('.banner').textContent.includes('该文件夹已不在')")
