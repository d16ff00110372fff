"""The pages of over- and underfitting and of batch normalization in Chromium: sliders, comparisons, links, Chinese."""

from collections.abc import Iterator

import pytest
from tests.lab.test_browser import slide
from tests.pages.chromium import Page, chromium, find_chromium
from tests.pages.servers import Served, served

from batchwright.lab.answers import Desk
from batchwright.lab.app import make_app

pytestmark = [
    pytest.mark.skipif(find_chromium() is None, reason="there is no Chromium on this machine"),
    pytest.mark.slow,
]
SHOWN = "document.querySelectorAll('.chart .curve').length > 3"
WORDS = "document.querySelector('.words').textContent"


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with served(make_app(Desk())) as running:
        yield running


@pytest.fixture(scope="module")
def page(server: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with chromium(tmp_path_factory.mktemp("browser")) as browser:
        yield browser.open(server.link)


def go(page: Page, server: Served, query: str) -> None:
    page.console.clear()
    page.look_like(width=1300)
    page.go(f"{server.address}/lab/fit?epochs=30{query}")
    page.wait(SHOWN, 120)


def test_a_slider_changes_words_link_and_command(page: Page, server: Served) -> None:
    go(page, server, "")
    slide(page, "Degree", 1)
    page.wait("document.body.innerText.includes('batchwright lab fit sine --epochs 30 --capacity 1')", 60)
    assert "capacity=1" in page.run("location.search")
    assert "underfits" in page.run(WORDS) and "2 parameters" in page.text()
    assert page.console == []


def test_capacities_are_compared(page: Page, server: Served) -> None:
    go(page, server, "&capacity=6")
    page.run("[...document.querySelectorAll('button')].find(one => one.textContent.includes('each capacity')).click()")
    page.wait("document.querySelectorAll('.charts section')[2].querySelectorAll('circle').length === 18", 120)
    page.wait("!document.querySelector('button:disabled')")
    assert page.console == []


def test_a_link_restores_a_network(page: Page, server: Served) -> None:
    go(page, server, "&model=network&capacity=40&dropout=0.2&patience=20")
    assert page.run("document.querySelector('input[aria-label=\"Units of each hidden layer\"]').value") == "40"
    assert page.run("document.querySelector('input[aria-label=\"Dropout\"]').checkVisibility()")
    assert "CurveFit(epochs=30, model='network', capacity=40, dropout=0.2, patience=20)" in page.text()


def test_a_wrong_link_is_explained(page: Page, server: Served) -> None:
    go(page, server, "&capacity=99")
    assert "1 to 20" in page.run("document.querySelector('.banner').textContent")


def test_the_page_speaks_chinese(page: Page, server: Served) -> None:
    go(page, server, "&lang=zh&capacity=1")
    assert "欠拟合" in page.run(WORDS) and "训练数据的行数" in page.text()
    go(page, server, "&lang=en")


def test_batch_sizes_are_compared(page: Page, server: Served) -> None:
    page.console.clear()
    page.look_like(width=1300)
    page.go(f"{server.address}/lab/normalization?steps=20&layers=1&batch_size=5")
    page.wait("document.querySelectorAll('.chart circle').length > 3", 120)
    assert "batchwright lab normalization moons --steps 20 --layers 1 --batch-size 5" in page.text()
    page.run(
        "[...document.querySelectorAll('button')].find(one => one.textContent.includes('each batch size')).click()"
    )
    page.wait("document.querySelectorAll('.charts section')[2].querySelectorAll('circle').length === 27", 120)
    page.wait("!document.querySelector('button:disabled')")
    assert page.axe() == [] and page.console == []
    page.look_like(width=380, dark=True)
    assert page.axe() == []
    assert page.run("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    page.go(f"{server.address}/lab/normalization?steps=20&batch_size=1&lang=zh")
    page.wait(f"document.querySelector('.words') && {WORDS}.includes('方差为 0')", 60)
    page.go(f"{server.address}/lab/normalization?layers=9&lang=en")
    page.wait("document.querySelector('.banner').textContent.includes('1 to 4')", 60)


@pytest.mark.parametrize(("width", "dark"), [(1300, False), (1300, True), (380, False)])
def test_axe_finds_nothing_and_nothing_is_too_wide(page: Page, server: Served, width: int, dark: bool) -> None:
    go(page, server, "")
    page.look_like(width=width, dark=dark)
    assert page.axe() == []
    assert page.run("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
