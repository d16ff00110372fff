"""The page in Chromium, where there is one: it loads nothing, its tables sort, and axe finds nothing."""

import json
import re
from importlib import util
from pathlib import Path

import numpy as np
import pytest
from tests.report.browser import find_chromium, open_page

from batchwright.report import contents, page

pytestmark = pytest.mark.skipif(find_chromium() is None, reason="there is no Chromium on this machine")

POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
CLICK = """
document.querySelector('table[aria-label="Columns"] th button').click();
document.body.dataset.first = document.querySelector('table[aria-label="Columns"] tbody th').textContent;
document.body.dataset.wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
"""
AXE = """
axe.run({resultTypes: ["violations"]}).then(found => {
  document.body.textContent = "AXE" + JSON.stringify(found.violations.map(one => [one.id, one.impact])) + "END";
});
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


def with_script(text: str, *scripts: str) -> str:
    """The page with further scripts, which its own policy would not let run."""
    more = "".join(f"<script>{script}</script>" for script in scripts)
    return POLICY.sub("", text).replace("</body>", f"{more}</body>")


@pytest.mark.parametrize("of", ["run", "search", "comparison"])
def test_it_opens_without_requests_and_without_a_word_on_the_console(pages, of, tmp_path):
    (tmp_path / "page.html").write_text(pages[of], encoding="utf-8")
    opened = open_page(tmp_path / "page.html", tmp_path)
    assert opened.console == []
    assert opened.requests == []
    assert "<button" in opened.text  # its own script has run, so that the policy allows it


@pytest.mark.parametrize("width", [320, 1600])
def test_tables_sort_and_nothing_is_wider_than_the_window(text, tmp_path, width):
    (tmp_path / "page.html").write_text(with_script(text, CLICK), encoding="utf-8")
    opened = open_page(tmp_path / "page.html", tmp_path, width=width)
    assert 'data-first="third"' in opened.text
    assert 'data-wide="0"' in opened.text


@pytest.mark.parametrize("of", ["search", "comparison"])
def test_other_pages_are_not_wider_than_the_window_either(pages, of, tmp_path):
    wide = CLICK.splitlines()[-1]
    (tmp_path / "page.html").write_text(with_script(pages[of], wide), encoding="utf-8")
    assert 'data-wide="0"' in open_page(tmp_path / "page.html", tmp_path, width=320).text


def test_rows_are_picked_by_their_words_and_sorted_by_the_keyboard(pages, searched, tmp_path):
    (tmp_path / "page.html").write_text(with_script(pages["search"], PICK), encoding="utf-8")
    opened = open_page(tmp_path / "page.html", tmp_path)
    shown = sum(one.chosen["network.activation"] == "tanh" for one in searched.finished)
    assert 0 < shown < 14
    assert f'data-shown="{shown}"' in opened.text and 'data-tanh="true"' in opened.text
    assert f'data-told="{shown} of 14 rows"' in opened.text
    assert 'data-sort="descending"' in opened.text
    largest = max(one.outcome.value for one in searched.finished if np.isfinite(one.outcome.value))
    assert f'data-first="{largest!r}"' in opened.text


def test_a_cell_of_the_confusion_matrix_leads_to_its_rows_even_where_others_were_picked(text, tmp_path):
    (tmp_path / "page.html").write_text(with_script(text, LEAD), encoding="utf-8")
    opened = open_page(tmp_path / "page.html", tmp_path)
    assert 'data-hidden="true"' in opened.text
    assert re.search(r'data-group="true (\w+), predicted \w+"', opened.text) and 'data-there="true"' in opened.text


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("of", ["run", "search", "comparison"])
def test_axe_finds_nothing(pages, of, tmp_path, scheme):
    found = util.find_spec("axe_core_python")
    if found is None or found.origin is None:
        pytest.skip("axe-core-python is not installed")
    axe = (Path(found.origin).parent / "axe.min.js").read_text(encoding="utf-8")
    (tmp_path / "page.html").write_text(with_script(pages[of], axe, AXE), encoding="utf-8")
    dark = ("--force-dark-mode", "--blink-settings=preferredColorScheme=0") if scheme == "dark" else ()
    opened = open_page(tmp_path / "page.html", tmp_path, *dark)
    said = re.search(r"AXE(.*)END", opened.text)
    assert said is not None
    assert json.loads(said[1]) == []
