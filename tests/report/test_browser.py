"""The page in Chromium, where there is one: it loads nothing, its tables sort, and axe finds nothing."""

import re
from collections.abc import Iterator
from importlib import util

import numpy as np
import pytest
from tests.pages.chromium import Browser, Page, chromium
from tests.report.browser import find_chromium, open_page

from batchwright.report import contents, page

pytestmark = pytest.mark.skipif(find_chromium() is None, reason="there is no Chromium on this machine")

CLICK = """
document.querySelector('table[aria-label="Columns"] th button').click();
document.body.dataset.first = document.querySelector('table[aria-label="Columns"] tbody th').textContent;
document.body.dataset.wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
"""
PICK = """
const table = document.querySelector('table[aria-label="Every trial"]');
const input = document.querySelector('input[aria-label="Show only rows with these words: Every trial"]');
input.value = "TANH"; input.dispatchEvent(new Event("input"));
const shown = [...table.tBodies[0].rows].filter(row => !row.hidden);
document.body.dataset.tanh = shown.every(row => row.textContent.includes("tanh"));
document.body.dataset.shown = shown.length;
document.body.dataset.told = input.parentNode.querySelector("[role=status]").textContent.trim();
const head = [...table.tHead.rows[0].cells][1];
head.querySelector("button").focus(); document.activeElement.click();
document.body.dataset.sort = head.getAttribute("aria-sort");
document.body.dataset.first = table.tBodies[0].rows[0].cells[1].dataset.value;
"""
LEAD = """
const link = document.querySelector("table.confusion a");
const input = [...document.querySelectorAll("input")].find(one => one.getAttribute("aria-label").includes("each cell"));
input.value = "no such row"; input.dispatchEvent(new Event("input"));
document.body.dataset.hidden = document.getElementById(link.hash.slice(1)).rows[1].hidden;
addEventListener("hashchange", () => {
  const group = document.querySelector("tbody:target");
  document.body.dataset.group = group.rows[0].textContent;
  document.body.dataset.there = !group.rows[1].hidden;
});
link.click();
"""


@pytest.fixture(scope="module")
def text(trained) -> str:
    return page(contents(trained("sign")))


@pytest.fixture(scope="module")
def pages(text, searched, compared) -> dict[str, str]:
    return {"run": text, "search": page(contents(searched)), "comparison": page(contents(compared))}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("chromium")) as opened:
        yield opened


@pytest.fixture
def opened(pages, browser, tmp_path):
    """Open one of the pages in a window."""

    def open_in(of: str, **looks: object) -> Page:
        (tmp_path / "page.html").write_text(pages[of], encoding="utf-8")
        return browser.open((tmp_path / "page.html").as_uri(), **looks)

    return open_in


def told(window: Page, script: str) -> dict[str, str]:
    """Run a script in the page, and what it has written into `dataset`."""
    window.run(script)
    return window.run("({...document.body.dataset})")


@pytest.mark.parametrize("of", ["run", "search", "comparison"])
def test_it_opens_without_requests_and_without_a_word_on_the_console(pages, of, tmp_path):
    (tmp_path / "page.html").write_text(pages[of], encoding="utf-8")
    opened = open_page(tmp_path / "page.html", tmp_path)
    assert opened.console == []
    assert opened.requests == []
    assert "<button" in opened.text  # its own script has run, so that the policy allows it


@pytest.mark.parametrize("width", [320, 1600])
def test_tables_sort_and_nothing_is_wider_than_the_window(opened, width):
    window = opened("run", width=width)
    assert window.run("innerWidth") == width
    said = told(window, CLICK)
    assert said["first"] == "third"
    assert said["wide"] == "0"


@pytest.mark.parametrize("of", ["search", "comparison"])
def test_other_pages_are_not_wider_than_the_window_either(opened, of):
    assert told(opened(of, width=320), CLICK.splitlines()[-1])["wide"] == "0"


def test_rows_are_picked_by_their_words_and_sorted_by_the_keyboard(opened, searched):
    said = told(opened("search"), PICK)
    shown = sum(one.chosen["network.activation"] == "tanh" for one in searched.finished)
    assert 0 < shown < 14
    assert (said["shown"], said["tanh"]) == (str(shown), "true")
    assert said["told"] == f"{shown} of 14 rows"
    assert said["sort"] == "descending"
    largest = max(one.outcome.value for one in searched.finished if np.isfinite(one.outcome.value))
    assert said["first"] == repr(largest)


def test_a_cell_of_the_confusion_matrix_leads_to_its_rows_even_where_others_were_picked(opened):
    window = opened("run")
    assert told(window, LEAD)["hidden"] == "true"
    assert window.wait("document.body.dataset.there") == "true"
    assert re.fullmatch(r"true (\w+), predicted \w+.*", window.run("document.body.dataset.group"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("of", ["run", "search", "comparison"])
def test_axe_finds_nothing(opened, of, scheme):
    if util.find_spec("axe_core_python") is None:
        pytest.skip("axe-core-python is not installed")
    window = opened(of, dark=scheme == "dark")
    assert window.run("matchMedia('(prefers-color-scheme: dark)').matches") is (scheme == "dark")
    assert window.axe() == []
