"""In Chromium: columns of any name, a trial alone, a training that is being compiled, a table wider than the window."""

import json

import pytest
from tests.dashboard.folders import hold, write_run, write_search
from tests.pages.chromium import find_chromium
from tests.pages.servers import served

from batchwright.dashboard import make_app

pytestmark = pytest.mark.skipif(find_chromium() is None, reason="there is no Chromium on this machine")

BUTTONS = "[...document.querySelectorAll('button')]"
LINKS = "[...document.querySelectorAll('td.name a')]"
NAMES = (
    *("a,b", "a", "b", "x&column=y", "50%2C", "#?=+ ", "__proto__", "constructor", "<b>bold</b>"),
    *('"', "'", "\\", "损失，值", "n" * 150, "val_p/q"),
)


def write_columns(folder, names):
    """A run whose history has a column for each name, level at the place of the name."""
    write_run(folder, epochs=2)
    rows = [
        {"epoch": epoch, "loss": 1.0, **{name: 10.0 + place for place, name in enumerate(names)}} for epoch in (1, 2)
    ]
    content = "".join(json.dumps(row) + "\n" for row in rows)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["history.jsonl"]["bytes"] = len(content)
    manifest["metrics"] = {"te/st": {"x": 0.0}, "test": {name: 10.0 + place for place, name in enumerate(names)}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "history.jsonl").write_text(content)


def test_a_column_of_any_name_is_picked_and_kept_in_the_address(browser, tmp_path):
    write_columns(tmp_path / "runs" / "a", NAMES)
    with served(make_app(tmp_path / "runs")) as running:
        page = browser.open(running.link)
        page.wait("document.querySelectorAll('fieldset button').length > 10")
        picked = NAMES[:9]
        for name in picked:
            page.run(f"{BUTTONS}.find(one => one.textContent === {json.dumps(name)}).click()")
        labels = "[...document.querySelectorAll('.chart')].map(one => one.getAttribute('aria-label'))"
        expected = [f"{name}: a {10 + place}" for place, name in enumerate(picked)]
        page.wait(f"JSON.stringify({labels}) === JSON.stringify({json.dumps(['loss: a 1', *expected])})")
        page.wait("location.search.includes('constructor')")
        page.go(running.address + page.run("location.pathname + location.search"))
        page.wait(f"JSON.stringify({labels}) === JSON.stringify({json.dumps(['loss: a 1', *expected])})")
        chips = "[...document.querySelectorAll('fieldset button[aria-pressed=true]')].map(one => one.textContent)"
        assert set(page.run(chips)) == {"loss", "val_loss", *picked}
        assert page.console == []
        page.close()


def test_the_metric_of_any_name_is_in_the_table(browser, tmp_path):
    write_columns(tmp_path / "runs" / "a", NAMES)
    with served(make_app(tmp_path / "runs")) as running:
        page = browser.open(running.link)
        page.wait("document.querySelector('td.name a')")
        for place, name in enumerate(NAMES):
            page.run(
                f"(() => {{ const it = document.querySelector('select[aria-label=Metric]'); it.value = "
                f"{json.dumps('test/' + name)}; it.dispatchEvent(new Event('change')) }})()"
            )
            assert page.run("document.querySelector('table.runs tbody tr').cells[6].textContent") == str(10 + place), (
                name
            )
        page.close()


def test_the_page_of_a_run_draws_columns_of_any_name(browser, tmp_path):
    write_columns(tmp_path / "runs" / "a", [f"val_{name}" for name in NAMES] + ["__proto__", "gap", "val_loss"])
    with served(make_app(tmp_path / "runs")) as running:
        page = browser.open(running.link)
        page.wait("document.querySelector('td.name a')")
        page.go(running.address + page.run(f"{LINKS}[0].getAttribute('href')"))
        page.wait(f"document.querySelectorAll('.chart').length === {len(NAMES) + 2}")
        captions = page.run("[...document.querySelectorAll('figcaption')].map(one => one.textContent)")
        assert captions == ["Loss", "val_loss − loss", *(f"val_{name}" for name in NAMES)]
        gap = "document.querySelectorAll('.chart')[1].getAttribute('aria-label')"
        assert page.run(gap) == f"val_loss − loss: val_loss − loss {9 + len(NAMES) + 2}", "and no column of that name"
        assert page.console == []
        page.close()


def test_a_trial_is_looked_at_alone(browser, tmp_path):
    folder = write_search(tmp_path / "runs" / "s", done=False)
    write_run(folder / "best")
    lock = hold(folder)
    with served(make_app(tmp_path / "runs")) as running:
        page = browser.open(running.link)
        page.wait("document.querySelector('td.name a')")
        page.run(f"{LINKS}.find(one => one.textContent === 's').click()")
        page.wait("document.querySelector('svg.parallel')")
        page.run("[...document.querySelectorAll('tbody th a')].find(one => one.textContent === '0').click()")
        page.wait("document.querySelector('h1')?.textContent === 'trial 0 · s'")
        page.wait("document.querySelector('.chart').getAttribute('aria-label').includes('trial 0 0.9, trial 1 0.2')")
        text = page.text()
        assert "stopped: val_loss 0.9, number 2 of 3" in text and "optimizer.learning_rate" in text and "sgd" in text
        page.run("[...document.querySelectorAll('a')].find(one => one.textContent === 'the next better trial').click()")
        page.wait("document.querySelector('h1')?.textContent === 'trial 1 · s'")
        assert "the best trial as a run" in page.text()
        assert [one for one in page.axe() if one[1] in ("serious", "critical", "moderate")] == []
        address = page.run("location.pathname").rpartition("/")[0]
        page.go(f"{running.address}{address}/3")
        page.wait("document.body.innerText.includes('not recorded yet')")
        with (folder / "trials.jsonl").open("a") as file:
            file.write('{"number": 3, "settings": {"x": 1}, "ending": "finished", "value": 0.1, "curve": [0.1]}\n')
        page.wait("document.body.innerText.includes('finished: val_loss 0.1, number 1 of 4')")
        page.go(running.address + address.rpartition("/")[0])
        page.wait("document.querySelector('svg.parallel')")
        page.run("document.querySelector('svg.parallel').parentNode.focus()")
        page.press("ArrowDown", "Enter")
        page.wait("document.querySelector('h1')?.textContent === 'trial 3 · s'")
        assert page.console == []
        page.close()
    lock.release()


def test_a_training_that_is_compiled_says_so_until_there_are_numbers(browser, tmp_path):
    folder = write_run(tmp_path / "runs" / "a", status="running", epochs=1)
    row = (folder / "history.jsonl").read_bytes()
    (folder / "history.jsonl").write_bytes(b"")
    lock = hold(folder)
    with served(make_app(tmp_path / "runs")) as running:
        page = browser.open(running.link)
        page.wait("document.querySelector('td.name a')")
        assert page.run("document.querySelector('.status-compiling').textContent") == "compiling"
        page.wait("document.querySelector('.legend').textContent.includes('curves begin after it')")
        page.go(running.address + page.run(f"{LINKS}[0].getAttribute('href')"))
        page.wait("document.querySelector('h1 + p .status-compiling')")
        assert "the training is being compiled: curves begin after it" in page.text()
        page.run(f"{BUTTONS}.find(one => one.textContent === 'Stop with a checkpoint').click()")
        page.wait("document.body.innerText.includes('ends when it is compiled, after its first segment')")
        assert (folder / "request").read_text() == "stop"
        (folder / "progress.json").write_text('{"epoch": 1, "iteration": 5, "loss": 0.5}')
        page.wait("document.querySelector('.status-running')")
        (folder / "history.jsonl").write_bytes(row)
        page.wait("document.querySelectorAll('.chart .u-over').length")
        assert "compiled" not in page.text()
        page.close()
    lock.release()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_table_wider_than_the_window_shows_where_there_is_more(browser, tmp_path, dark):
    write_run(tmp_path / "runs" / "a")
    with served(make_app(tmp_path / "runs")) as running:
        page = browser.open(running.link, width=390, dark=dark)
        page.wait("document.querySelector('.scroller.more-after:not(.more-before) td.name a')")
        shade = "getComputedStyle(document.querySelector('.scroller'), '::after')"
        assert page.run(f"{shade}.borderRightWidth") == "2px" and page.run(f"{shade}.pointerEvents") == "none"
        page.run("document.querySelector('.wide').scrollLeft = 100")
        page.wait("document.querySelector('.scroller.more-after.more-before')")
        page.run("document.querySelector('.wide').scrollLeft = 9999")
        page.wait("document.querySelector('.scroller.more-before:not(.more-after)')")
        page.look_like(width=1900, dark=dark)
        page.run("document.querySelector('.board').style.display = 'block'")
        page.wait("document.querySelector('.scroller:not(.more-before):not(.more-after)')")
        page.close()


def test_a_row_under_the_mouse_stays_while_the_table_changes(browser, tmp_path):
    folder = write_run(tmp_path / "runs" / "a", status="running", epochs=1)
    lock = hold(folder)
    with served(make_app(tmp_path / "runs")) as running:
        page = browser.open(running.link)
        page.wait("document.querySelector('td.name a')")
        page.run("window.link = document.querySelector('td.name a'), 1")
        with (folder / "history.jsonl").open("ab") as file:
            file.write(b'{"epoch": 2, "iteration": 20, "seconds": 0.2, "loss": 0.25, "val_loss": 0.5}\n')
        page.wait("document.querySelector('table.runs tbody').textContent.includes('2/20')")
        assert page.run("window.link.isConnected")
        page.close()
    lock.release()
