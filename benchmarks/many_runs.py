"""How soon the dashboard of many long runs draws what a person does, in Chromium.

Run it from the root of the repository:
`PYTHONPATH=. .venv/bin/python benchmarks/many_runs.py --markdown docs/benchmarks.md`.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from report import replace_section, table
from tests.dashboard.folders import history, write_run
from tests.pages.chromium import Browser, Page, chromium
from tests.pages.servers import Served, served

from batchwright.dashboard import make_app

SEEDS, PICKED, TURNS = 4, 20, 15
PATIENCE = 120.0
IDS = "[...document.querySelectorAll('table.runs input')].map(one => one.dataset.id)"
DRAWN = (
    "document.querySelectorAll('.charts .u-over').length === 2"
    " && document.querySelectorAll('.legend li').length === LINES"
    " && !document.querySelector('.legend').textContent.includes('no numbers yet')"
)
ACTS = {
    "smooth": "slide(0.5 + turn / 100)",
    "zoom into a third": "press('Escape'); await frame(); began = performance.now(); drag(0.3, 0.6)",
    "logarithmic axis": "button('log y').click()",
    "seeds as bands": "button('seeds as bands').click()",
    "filter": "write(`run-0${turn % 10}`)",
    "sort": "document.querySelector('button[data-key=val_loss]').click()",
}
"""What a person does, as a script in the page; each is timed until it is drawn."""
TIMED = """(async () => {
  const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  const over = document.querySelector('.u-over');
  const button = (words) => [...document.querySelectorAll('button')].find((one) => one.textContent === words);
  const put = (selector, value) => {
    const it = document.querySelector(selector);
    it.value = value;
    it.dispatchEvent(new Event('input'));
  };
  const slide = (value) => put('.curves input[type=range]', value);
  const write = (value) => put('input[type=search]', value);
  const press = (key) => document.querySelector('.chart').dispatchEvent(new KeyboardEvent('keydown', { key }));
  const drag = (from, to) => {
    const box = over.getBoundingClientRect();
    const at = (kind, share) => {
      const place = { movementX: 1, clientX: box.x + share * box.width, clientY: box.y + 50 };
      over.dispatchEvent(new MouseEvent(kind, { bubbles: true, button: 0, buttons: 1, ...place }));
    };
    at('mousemove', from);
    at('mousedown', from);
    at('mousemove', to);
    at('mouseup', to);
  };
  const times = [];
  for (let turn = 0; turn < TURNS; turn++) {
    let began = performance.now();
    ACT;
    await frame();
    times.push(performance.now() - began);
  }
  return times
})()"""

LONG = """(async () => {
  const { Chart } = await import('/static/dashboard/chart.js');
  const { smooth } = await import('/static/dashboard/series.js');
  const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  const chart = new Chart('long');
  document.querySelector('main').prepend(chart.element);
  await frame();
  const x = Array.from({ length: 100000 }, (_, place) => place + 1);
  const y = x.map((place) => Math.random() + 10 / place);
  const times = [];
  for (let turn = 0; turn < TURNS; turn++) {
    const began = performance.now();
    const options = { xLabel: 'epoch', yLabel: 'loss', logX: false, logY: turn % 2 === 1 };
    chart.draw(() => [{ label: 'a', x, y: smooth(y, 0.9), place: 0 }], options);
    await frame();
    times.push(performance.now() - began);
  }
  return times
})()"""
"""A curve of 100,000 points, smoothed and drawn again and again."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write as the command line says; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000, help="runs below the folder (default 1000)")
    parser.add_argument("--epochs", type=int, default=10_000, help="epochs of each run (default 10,000)")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="replace the section `many` of a file")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "runs"
        _write_runs(root, given.runs, given.epochs)
        with chromium(Path(name)) as browser, served(make_app(root)) as running:
            rows = _measure(browser, running)
    text = table((f"{given.runs:,} runs of {given.epochs:,} epochs", "median ms", "most ms"), rows) + "\n"
    sys.stdout.write(text)
    if given.markdown:
        replace_section(given.markdown, text, "many")
    return 0


def _write_runs(root: Path, runs: int, epochs: int) -> None:
    """Runs as a training leaves them, of a few seeds each."""
    histories = [history(epochs, 1 + seed / 10) for seed in range(SEEDS)]
    for number in range(runs):
        folder = root / f"run-{number:04}"
        write_run(folder, seed=number % SEEDS, rate=0.001 * (1 + number // SEEDS), epochs=1)
        content = histories[number % SEEDS]
        (folder / "history.jsonl").write_bytes(content)
        described = json.loads((folder / "manifest.json").read_text())
        described["files"]["history.jsonl"]["bytes"] = len(content)
        (folder / "manifest.json").write_text(json.dumps(described))


def _measure(browser: Browser, running: Served) -> list[tuple[str, str, str]]:
    began = time.monotonic()
    page = browser.open(running.link)
    page.wait(DRAWN.replace("LINES", "4"), PATIENCE)
    opened = time.monotonic() - began
    rows = [_row("open the table, with four runs drawn", [1000 * opened])]
    address = f"{running.address}/?bands=0&pick={','.join(page.run(IDS)[:PICKED])}"
    began = time.monotonic()
    page.go(address)
    page.wait(DRAWN.replace("LINES", str(PICKED)), PATIENCE)
    rows.append(_row(f"open it with {PICKED} runs drawn", [1000 * (time.monotonic() - began)]))
    rows += [
        _row(f"{name}, {PICKED} runs drawn", _times(page, TIMED.replace("ACT", act))) for name, act in ACTS.items()
    ]
    return [*rows, _row("a curve of 100,000 points, smoothed", _times(page, LONG))]


def _times(page: Page, script: str) -> list[float]:
    return list(page.run(script.replace("TURNS", str(TURNS))))


def _row(name: str, times: Sequence[float]) -> tuple[str, str, str]:
    return name, f"{median(times):.0f}", f"{max(times):.0f}"


if __name__ == "__main__":
    sys.exit(main())
