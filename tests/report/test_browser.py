"""The page in Chromium, where there is one: it loads nothing, its tables sort, and axe finds nothing."""

import json
import re
from importlib import util
from pathlib import Path

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


@pytest.fixture(scope="module")
def text(trained) -> str:
    return page(contents(trained("sign")))


def with_script(text: str, *scripts: str) -> str:
    """The page with further scripts, which its own policy would not let run."""
    more = "".join(f"<script>{script}</script>" for script in scripts)
    return POLICY.sub("", text).replace("</body>", f"{more}</body>")


def test_it_opens_without_requests_and_without_a_word_on_the_console(text, tmp_path):
    (tmp_path / "page.html").write_text(text, encoding="utf-8")
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


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(text, tmp_path, scheme):
    found = util.find_spec("axe_core_python")
    if found is None or found.origin is None:
        pytest.skip("axe-core-python is not installed")
    axe = (Path(found.origin).parent / "axe.min.js").read_text(encoding="utf-8")
    (tmp_path / "page.html").write_text(with_script(text, axe, AXE), encoding="utf-8")
    dark = ("--force-dark-mode", "--blink-settings=preferredColorScheme=0") if scheme == "dark" else ()
    opened = open_page(tmp_path / "page.html", tmp_path, *dark)
    said = re.search(r"AXE(.*)END", opened.text)
    assert said is not None
    assert json.loads(said[1]) == []
