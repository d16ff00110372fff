"""How much is drawn, and how often: long curves at once, only what is seen, and seldom what takes long."""

from statistics import median

import pytest
from tests.dashboard.folders import write_run
from tests.pages.chromium import chromium, find_chromium
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
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawing")
    write_run(folder / "runs" / "a")
    with chromium(folder) as browser, served(make_app(folder / "runs")) as running:
        opened = browser.open(running.link)
        opened.wait("document.querySelectorAll('.chart .u-over').length")
        yield opened


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
    for (let turn = 0; turn < 15; turn++) {
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


def test_what_takes_long_is_drawn_seldom_but_at_once_for_a_person(page):
    drawn = draw(
        page,
        """
    const { Pace } = await import('/static/dashboard/pace.js');
    let drawn = 0;
    const pace = new Pace(() => { drawn++; const until = performance.now() + 10; while (performance.now() < until); });
    pace.soon();
    await new Promise(done => setTimeout(done, 150));
    const counts = [drawn];
    for (let turn = 0; turn < 10; turn++) { pace.soon(); await new Promise(done => setTimeout(done, 60)) }
    counts.push(drawn);
    pace.now();
    await new Promise(done => setTimeout(done, 150));
    counts.push(drawn);
    pace.soon();
    const until = performance.now() + 10000;
    while (drawn < 3 && performance.now() < until) await new Promise(done => setTimeout(done, 50));
    counts.push(drawn);
    return counts
    """,
    )
    assert drawn == [1, 1, 2, 3], "10 ms are drawn once in three seconds"
