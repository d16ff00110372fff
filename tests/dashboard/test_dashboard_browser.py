"""The pages in Chromium, used as a person does: clicks, keys, a training that goes on, a server that is gone."""

import json
import time

import pytest
from tests.dashboard.folders import history, hold, write_comparison, write_run, write_search
from tests.pages.chromium import find_chromium
from tests.pages.servers import served

from batchwright._asking import wish_of
from batchwright.dashboard import make_app
from batchwright.dashboard.ending import Ending

pytestmark = pytest.mark.skipif(find_chromium() is None, reason="there is no Chromium on this machine")

LINKS = "[...document.querySelectorAll('td.name a')]"
BUTTONS = "[...document.querySelectorAll('button')]"
CHART = "document.querySelectorAll('.chart .u-over').length"
NAMES = "[...document.querySelectorAll('table.runs td.name')].map(one => one.textContent).join()"


@pytest.fixture
def board(tmp_path):
    root = tmp_path / "runs"
    for seed in range(3):
        write_run(root / f"seed{seed}", seed=seed)
    write_run(root / "other", rate=0.1, status="diverged")
    write_run(root / "going", rate=0.2, status="running", epochs=3)
    write_search(root / "search")
    (write_run(root / "damaged") / "manifest.json").write_text("{")
    lock = hold(root / "going")
    with served(make_app(root)) as running:
        running.root = root
        yield running
    lock.release()


@pytest.fixture
def page(board, browser):
    opened = browser.open(board.link)
    opened.wait(f"{NAMES}.length")
    yield opened
    opened.close()


def test_the_table_sorts_filters_and_picks(page, board):
    assert page.run(NAMES).count(",") == 6
    page.wait(CHART)
    page.click("button[data-key='metric']")
    assert page.run(NAMES).startswith("seed2,seed1,seed0")
    assert page.run("document.querySelector('th[aria-sort]').textContent") == "test/accuracy"
    page.click("button[data-key='metric']")
    assert page.run(NAMES).startswith("seed0,seed1,seed2")
    page.click("input[type=search]")
    page.type("seed= adam")
    assert page.wait(f"{NAMES} !== '' && {NAMES}")
    page.run("document.querySelector('input[type=search]').value = ''")
    page.type("seed1")
    page.wait(f"{NAMES} === 'seed1'")
    page.click("table.runs tbody input")
    address = page.run("location.search")
    assert "filter=seed1" in address and "pick=" in address and "sort=metric" in address
    page.go(board.address + "/" + address)
    page.wait(f"{NAMES} === 'seed1'")
    assert page.console == []


def test_seeds_are_a_band_and_can_be_drawn_apart(page):
    page.wait(CHART)
    page.run(f"{BUTTONS}.find(one => one.textContent === 'pick none').click()")
    page.wait("document.querySelector('.curves').textContent.includes('Pick runs')")
    page.click("input[type=search]")
    page.type("learning_rate=0.01")
    page.wait(f"{NAMES}.split(',').length === 3")
    page.run(f"{BUTTONS}.find(one => one.textContent === 'pick the first 10').click()")
    page.wait("document.querySelector('.legend').textContent.includes('and 2 more, seeds 0, 1, 2')")
    page.wait("document.querySelector('.chart').getAttribute('aria-label').includes('and 2 more, seeds 0, 1, 2 0.055')")
    page.run(f"{BUTTONS}.find(one => one.textContent === 'seeds as bands').click()")
    page.wait("document.querySelectorAll('.legend li').length === 3")


def test_a_training_is_followed(page, board):
    folder = board.root / "going"
    page.wait("document.querySelector('.legend').textContent.includes('read up to epoch 3, iteration 30')")
    before = len(page.requests)
    with (folder / "history.jsonl").open("ab") as file:
        file.write(history(7).split(b"\n", 3)[3])
    page.wait("document.querySelector('.legend').textContent.includes('read up to epoch 7, iteration 70')")
    page.wait(
        "[...document.querySelectorAll('table.runs tr')].some("
        "one => one.textContent.includes('going') && one.textContent.includes('7/20'))"
    )
    (folder / "progress.json").write_text('{"epoch": 8, "iteration": 1074, "loss": 0.5, "learning_rate": 0.1}')
    page.wait("document.querySelector('.legend').textContent.includes('read up to epoch 8, iteration 1,074')")
    assert len(page.requests) == before, "what is new comes by itself"
    assert page.console == []


def test_a_run_has_its_page(page, board):
    page.wait("document.querySelector('table.runs td.name a')")
    page.run(f"{LINKS}.find(one => one.textContent === 'seed1').click()")
    page.wait("document.querySelector('h1')?.textContent === 'seed1'")
    page.wait("document.querySelectorAll('.chart .u-over').length >= 2")
    text = page.text()
    for words in (
        "finished: all epochs are done",
        "Confusion matrix (test)",
        "Accounting",
        "optimizer.learning_rate",
        "batchwright report",
    ):
        assert words in text
    page.click("textarea")
    page.type("<b>good</b>")
    page.click("input[aria-label='tags']")
    page.type("best, tried twice")
    page.run(f"{BUTTONS}.find(one => one.textContent === 'Save').click()")
    page.wait("document.body.textContent.includes('Saved.')")
    assert json.loads((board.root / "seed1" / "notes.json").read_text()) == {
        "note": "<b>good</b>",
        "tags": ["best", "tried twice"],
    }
    page.go(board.address)
    page.wait("[...document.querySelectorAll('.tag')].map(one => one.textContent).join() === 'best,tried twice'")
    assert page.console == []


def test_the_page_of_an_ensemble_says_whose_curves_it_shows(browser, tmp_path):
    for name, members in (("ensemble", 3), ("alone", None)):
        write_run(tmp_path / "runs" / name, members=members)
    with served(make_app(tmp_path / "runs")) as running:
        page = browser.open(running.link)
        for name, said in (("ensemble", True), ("alone", False)):
            page.go(running.address)
            page.wait(f"{LINKS}.length === 2")
            page.run(f"{LINKS}.find(one => one.textContent === '{name}').click()")
            page.wait(f"document.querySelector('h1')?.textContent === '{name}' && {CHART}")
            assert ("The curves are those of the first member of the ensemble." in page.text()) is said
        assert page.console == []
        page.close()


def test_a_training_is_stopped_from_its_page(page, board):
    page.wait("document.querySelector('table.runs td.name a')")
    page.run(f"{LINKS}.find(one => one.textContent === 'going').click()")
    page.wait("document.querySelector('h1')?.textContent === 'going'")
    page.run(f"{BUTTONS}.find(one => one.textContent === 'Stop with a checkpoint').click()")
    page.wait("document.body.textContent.includes('Asked.')")
    assert wish_of(board.root / "going") == "stop"
    page.run(f"setTimeout(() => {BUTTONS}.find(one => one.textContent === 'Stop now').click(), 0); 1")
    until = time.monotonic() + 20
    while wish_of(board.root / "going") != "stop now" and time.monotonic() < until:
        page.run("1")
    assert wish_of(board.root / "going") == "stop now"


def test_a_search_has_its_page(page):
    page.wait("document.querySelector('table.runs td.name a')")
    page.run(f"{LINKS}.find(one => one.textContent === 'search').click()")
    page.wait("document.querySelector('svg.parallel')")
    text = page.text()
    assert "the learning rate mattered most" in text and "80 %" in text and "3 of 3 trials are done" in text
    page.run("document.querySelector('svg.parallel').parentNode.focus()")
    page.press("ArrowDown")
    assert page.run("document.querySelector('svg.parallel').parentNode.nextSibling.textContent").startswith("trial 1: ")
    page.run("[...document.querySelectorAll('th button')].find(one => one.textContent === 'val_loss').click()")
    assert page.console == []


def test_a_comparison_has_its_page(browser, tmp_path):
    write_comparison(tmp_path / "runs" / "c")
    with served(make_app(tmp_path / "runs")) as running:
        page = browser.open(running.link)
        page.wait(f"{NAMES} === 'c'")
        page.click("td.name a")
        page.wait(f"document.querySelector('h1')?.textContent === 'c' && {CHART}")
        text = page.text()
        assert "relu is better than tanh" in text and "a note" in text and "batchwright report" in text
        assert page.run("document.querySelectorAll('tbody tr').length") == 2
        assert "lowest val_loss so far" in page.run("document.querySelector('.chart').getAttribute('aria-label')")
        assert "95 % from" in text and "95 % to" in text
        assert [one for one in page.axe() if one[1] in ("serious", "critical", "moderate")] == []
        assert page.console == []
        (tmp_path / "runs" / "c").rename(tmp_path / "c")
        page.wait("document.querySelector('.banner').textContent.includes('The folder is gone')")
        page.close()


def test_what_is_wrong_is_said(page, board):
    page.go(f"{board.address}/runs/0000000000000000")
    page.wait("document.querySelector('.banner').textContent.includes('no such folder any more')")
    page.go(board.address)
    page.wait("document.querySelector('table.runs td.name a')")
    page.run(f"{LINKS}.find(one => one.textContent === 'damaged').click()")
    page.wait("document.querySelector('.banner')?.textContent.includes('manifest.json is damaged')")


def test_a_run_that_goes_while_its_page_is_open_is_said(page, board):
    banner = "document.querySelector('.banner').textContent"
    page.run(f"{LINKS}.find(one => one.textContent === 'seed1').click()")
    page.wait(f"document.querySelector('h1')?.textContent === 'seed1' && {CHART}")
    folder = board.root / "seed1"
    (folder / "history.jsonl").rename(board.root / "aside")
    page.wait(
        "document.querySelector('.status-unreadable')?.parentNode.textContent.includes('history.jsonl is missing')"
    )
    (board.root / "aside").rename(folder / "history.jsonl")
    page.wait("document.querySelector('.status-finished')")
    (folder / "manifest.json").rename(board.root / "aside")
    page.wait(f"{banner}.includes('manifest.json is missing')")
    (board.root / "aside").rename(folder / "manifest.json")
    page.wait(f"{banner} === '' && document.querySelector('.status-finished')")
    folder.rename(board.root / "renamed")
    page.wait(f"{banner}.includes('The folder is gone') && document.querySelector('.status-gone')")
    assert "Accounting" in page.text() and "batchwright report" not in page.text()
    assert page.run(CHART) >= 2, "what was read is still shown"


def test_the_end_of_a_training_is_said_with_the_command_that_shows_it_again(tmp_path, browser):
    write_run(tmp_path / "runs" / "a")
    ending = Ending("batchwright dashboard 'my runs'")
    banner = "document.querySelector('.banner').textContent"
    with served(make_app(tmp_path / "runs", ending=ending)) as running:
        page = browser.open(running.link)
        page.wait(CHART)
        write_run(tmp_path / "runs" / "b", seed=9)
        ending.begin()
        page.wait(
            f"{banner}.includes('The training is over') && {banner}.includes(\"batchwright dashboard 'my runs'\")"
        )
        page.wait(f"{NAMES}.split(',').includes('b')")  # what came last is shown
    time.sleep(0.5)
    assert "The training is over" in page.run(banner), "and the page does not wait for the server"
    page.close()


def test_a_training_that_was_killed_is_said_with_the_command_too(tmp_path, browser):
    write_run(tmp_path / "runs" / "a")
    with served(make_app(tmp_path / "runs", ending=Ending("batchwright dashboard here"))) as running:
        page = browser.open(running.link)
        page.wait(CHART)
    page.wait("document.querySelector('.banner').textContent.includes('`batchwright dashboard here` shows its runs')")
    page.close()


def test_a_server_that_is_gone_is_said_and_the_page_stays(tmp_path, browser):
    write_run(tmp_path / "runs" / "a")
    with served(make_app(tmp_path / "runs")) as running:
        page = browser.open(running.link)
        page.wait(CHART)
    page.wait("document.querySelector('.banner').textContent.includes('does not answer')")
    assert page.run(NAMES) == "a"
    page.close()


def test_after_a_break_the_page_goes_on_by_itself_with_what_it_has_missed(tmp_path, browser):
    folder = write_run(tmp_path / "runs" / "a", epochs=3)
    app = make_app(tmp_path / "runs")
    told = "document.querySelector('.chart').getAttribute('aria-label')"
    with served(app) as running:
        page = browser.open(running.link)
        page.wait(f"{told}.includes('a 0.3333')")
    page.wait("document.querySelector('.banner').textContent.includes('does not answer')")
    with (folder / "history.jsonl").open("ab") as file:
        file.write(history(5).split(b"\n", 3)[3])
    with served(app, port=running.port, door=running.door):
        page.wait(f"{told}.includes('a 0.2')")
        page.wait("document.querySelector('.banner').textContent === ''")
        page.run("document.querySelector('.chart').focus()")
        page.press(*["ArrowRight"] * 9)
        page.wait("document.querySelector('.readout').textContent.startsWith('epoch 5: a 0.2')")
    with served(app, port=running.port):
        page.wait("document.querySelector('.banner').textContent.includes('no longer let in')")
    page.close()


def test_hostile_names_are_shown_as_they_are(tmp_path, browser):
    name = "<img src=x onerror=alert(1)><b>"
    write_run(tmp_path / "runs" / name, source="<script>alert(2)</script>")
    with served(make_app(tmp_path / "runs")) as running:
        page = browser.open(running.link)
        page.wait(f"{NAMES} === {json.dumps(name)}")
        assert page.run("document.querySelectorAll('main img, main b').length") == 0
        page.run("document.querySelector('td.name a').click()")
        page.wait(f"document.querySelector('h1')?.textContent === {json.dumps(name)}")
        assert page.console == []
        page.close()


def test_the_keyboard_suffices(page):
    page.wait(CHART)
    page.run("document.activeElement.blur()")
    seen = []
    for _ in range(60):
        page.press("Tab")
        seen.append(
            page.run(
                "(document.activeElement.getAttribute('aria-label') || document.activeElement.textContent).slice(0, 30)"
            )
        )
        if page.run("document.activeElement.matches('table.runs input')"):
            break
    assert "Filter" in seen and any(word.startswith("pick ") for word in seen), seen
    before = page.run("document.activeElement.checked")
    page.press(" ")
    page.wait(
        "document.activeElement.matches('table.runs input') && "
        f"document.activeElement.checked === {json.dumps(not before)}"
    )
    page.run("document.querySelector('.chart').focus()")
    page.press("ArrowRight", "ArrowRight")
    page.wait("document.querySelector('.readout').textContent.startsWith('epoch 2:')")


@pytest.mark.parametrize("where", ["table", "run", "search", "machine"])
@pytest.mark.parametrize(
    ("width", "dark"),
    [
        (390, True),
        (1500, False),
        *(pytest.param(*other, marks=pytest.mark.soak) for other in ((390, False), (1500, True))),
    ],
)
def test_axe_finds_nothing_and_nothing_is_wider_than_the_window(page, board, where, width, dark):
    page.wait("document.querySelector('table.runs td.name a')")
    if where in ("run", "search"):
        name = {"run": "seed0", "search": "search"}[where]
        address = page.run(f"{LINKS}.find(one => one.textContent === '{name}').getAttribute('href')")
    else:
        address = {"table": "/", "machine": "/machine"}[where]
    page.look_like(width=width, dark=dark)
    page.go(board.address + address)
    page.wait({"machine": "document.querySelector('meter')"}.get(where, CHART))
    assert page.run("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    assert [one for one in page.axe() if one[1] in ("serious", "critical", "moderate")] == []
    assert page.console == []


def test_chinese(page, board):
    page.go(f"{board.address}/?lang=zh")
    page.wait("document.querySelector('.legend li')")
    assert "筛选" in page.text() and page.run("document.documentElement.lang") == "zh"
    page.go(f"{board.address}/machine")
    page.wait("document.body.textContent.includes('机器')")


NUMBERS = """
const { History, smooth, thin, thinPlaces, band, lineOf } = await import('/static/dashboard/series.js');
"""


@pytest.fixture(scope="module")
def modules(browser, tmp_path_factory):
    """A page that shows no runs."""
    with served(make_app(tmp_path_factory.mktemp("none"))) as running:
        opened = browser.open(running.link)
        opened.wait("document.querySelector('main *')")
        yield opened
        opened.close()


def numbers(modules, script):
    return modules.run(f"(async () => {{ {NUMBERS} {script} }})()")


def test_smoothing_is_an_average_of_what_came_before(modules):
    values = [3.0, 1.0, None, 4.0]
    found = numbers(modules, f"return smooth({json.dumps(values)}, 0.5)")
    sums, whole, expected = 0.0, 0.0, []
    for value in values:
        if value is None:
            expected.append(None)
            continue
        sums, whole = 0.5 * sums + 0.5 * value, 0.5 * whole + 0.5
        expected.append(sums / whole)
    assert found == pytest.approx(expected)
    assert numbers(modules, "return smooth([1, 2], 0)") == [1, 2]


def test_thinning_keeps_peaks_and_ends(modules):
    script = """
    const x = Array.from({length: 100000}, (_, place) => place), y = x.map(place => Math.sin(place / 5000));
    y[54321] = 99; y[12345] = -99; y[777] = null;
    const [tx, ty] = thin(x, y, 500);
    const rising = tx.every((one, place) => !place || one > tx[place - 1]);
    return [tx.length, Math.max(...ty), Math.min(...ty), tx[0], tx[tx.length - 1], rising]
    """
    length, high, low, first, last, rising = numbers(modules, script)
    assert length <= 2000 and (high, low, first, last, rising) == (99, -99, 0, 99_999, True)
    assert numbers(modules, "return thinPlaces([1, 2, 3, 4, 5], [1, 1, 1, 1, 1], 300, 2.5, 3.5)") == [1, 2, 3]
    assert numbers(modules, "return thinPlaces([], [], 300)") == []


def test_a_band_is_mean_and_extremes_also_of_lines_of_other_lengths_and_places(modules):
    same = numbers(modules, "return band([{x: [1, 2, 3], y: [1, 2, 3]}, {x: [1, 2], y: [3, 4]}])")
    assert same == {"x": [1, 2, 3], "y": [2, 3, 3], "low": [1, 2, 3], "high": [3, 4, 3]}
    other = numbers(
        modules,
        "return band([{x: [0, 10], y: [0, 10]}, {x: [0, 5, 10], y: [0, 5, 10]}, "
        "{x: [0, 2.5, 7, 10], y: [1, 3.5, 8, 11]}])",
    )
    for x, y, low, high in zip(other["x"], other["y"], other["low"], other["high"], strict=True):
        assert y == pytest.approx(x + 1 / 3) and low == pytest.approx(x) and high == pytest.approx(x + 1)


def test_a_history_grows_by_columns_of_one_length(modules):
    script = """
    const past = new History();
    past.take({anew: true, count: 2, columns: {epoch: [1, 2], loss: [5, 4]}, age: 0, damaged: 0, upto: {epoch: 2}}, 0);
    past.take({anew: false, count: 1, columns: {epoch: [3], acc: [0.5]}, age: 0, damaged: 0, upto: {epoch: 3}}, 0);
    const grown = JSON.stringify(past.columns);
    past.take({anew: true, count: 1, columns: {epoch: [1]}, age: 0, damaged: 0, upto: {epoch: 1}}, 0);
    const line = lineOf({columns: {epoch: [1, 1, null, 3], loss: [5, 6, 7, 8]}}, 'epoch', 'loss');
    return [JSON.parse(grown), past.columns, line]
    """
    grown, anew, line = numbers(modules, script)
    assert grown == {"epoch": [1, 2, 3], "loss": [5, 4, None], "acc": [None, None, 0.5]}
    assert anew == {"epoch": [1]}
    assert line == {"x": [1, 3], "y": [5, 8]}
