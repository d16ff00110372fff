"""How much is drawn, and how often: long curves at once, only what is seen, and seldom what takes long."""

from statistics import median

import pytest
from tests.dashboard.folders import write_run
from tests.pages.chromium import find_chromium
from tests.pages.servers import served

from batchwright.dashboard import make_app

pytestmark = pytest.mark.skipif(find_chromium() is None, reason="there is no Chromium on this machine")

LONG = """
const { Chart } = await import('/static/dashboard/chart.js');
const { smooth } = await import('/static/dashboard/series.js');
const x = Array.from({length: 100000}, (_, place) => place + 1), y = x.map(place => Math.random() + 10 / place);
const options = {xLabel: 'epoch', yLabel: 'loss', logX: false, logY: false};
const frame = () => new Promise(done => requestAnimationFrame(() => setTimeout(done)));
"""


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawing")
    write_run(folder / "runs" / "a")
    with served(make_app(folder / "runs")) as running:
        opened = browser.open(running.link)
        opened.wait("document.querySelectorAll('.chart .u-over').length")
        yield opened
        opened.close()


def draw(page, script):
    return page.run(f"(async () => {{ {LONG} {script} }})()")


def test_a_long_curve_is_drawn_at_once(page):
    times = draw(
        page,
        """
    const chart = new Chart('long');
    document.querySelector('main').prepend(chart.element);
    await frame();
    const times = [];
    for (let turn = 0; turn < 7; turn++) {
      const began = performance.now();
      chart.draw(() => [{label: 'a', x, y: smooth(y, 0.9), place: 0}], {...options, logY: turn % 2 === 1});
      times.push(performance.now() - began);
      await frame();
    }
    return times
    """,
    )
    assert median(times) < 100, f"milliseconds: {sorted(times)}"


def test_a_chart_that_nobody_sees_is_drawn_when_it_is_scrolled_to(page):
    seen = draw(
        page,
        """
    const chart = new Chart('far');
    const far = document.createElement('div');
    far.style.marginTop = '5000px';
    far.append(chart.element);
    document.querySelector('main').append(far);
    let asked = 0;
    const make = () => { asked++; return [{label: 'a', x: [1, 2], y: [1, 2], place: 0}] };
    chart.draw(make, options);
    while (chart.near) await frame();
    const counts = [asked];
    for (let turn = 0; turn < 5; turn++) chart.draw(make, options);
    counts.push(asked);
    chart.element.scrollIntoView({behavior: 'instant'});
    while (!chart.near) await frame();
    counts.push(asked);
    chart.draw(make, options);
    counts.push(asked);
    far.remove();
    return counts
    """,
    )
    assert seen == [1, 1, 2, 3]


CLOCK = """
let now = 0, last = 0;
const due = new Map();
const later = (what, at) => (due.set(++last, [at, what]), last);
performance.now = () => now;
window.setTimeout = (what, time = 0) => later(what, now + time);
window.clearTimeout = (which) => due.delete(which);
window.requestAnimationFrame = (what) => later(what, now + 16);
const pass = (time) => {
  for (const end = now + time; ; ) {
    const [which, next] = [...due].sort((a, b) => a[1][0] - b[1][0])[0] ?? [0, [Infinity]];
    if (next[0] > end) { now = Math.max(now, end); return }
    due.delete(which);
    now = Math.max(now, next[0]);
    next[1]();
  }
};
"""
"""Milliseconds that pass when a test says so: what is due is done at its time."""


def test_what_takes_long_is_drawn_seldom_but_at_once_for_a_person(browser, page):
    alone = browser.open(page.run("location.href"))
    for takes, pause in ((2, 1000), (10, 5000), (30, 8000)):
        (first, second, *more), counts = draw(
            alone,
            f"""
        const {{ Pace }} = await import('/static/dashboard/pace.js');
        {CLOCK}
        const drawn = [];
        const pace = new Pace(() => {{ drawn.push(now); now += {takes} }});
        pace.soon();
        for (let turn = 0; turn < {2 * pause} / 10; turn++) {{ pass(10); pace.soon() }}
        const seldom = drawn.splice(0);
        pace.now();
        pass(16);
        const counts = [drawn.length];
        pace.soon();
        for (const time of [{pause}, 16]) {{ pass(time); counts.push(drawn.length) }}
        return [seldom, counts]
        """,
        )
        assert first == 16 and more == []
        assert takes + pause <= second - first <= takes + pause + 10 + 16, "a share of 0.002, and 8 s at most"
        assert counts == [1, 1, 2]
    alone.close()
