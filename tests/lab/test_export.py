"""The copy of the lab as files: an answer for every point of its grid, and pages that work without a server."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.lab.test_browser import slide
from tests.pages.chromium import Page, chromium, find_chromium

from batchwright.errors import RunError, UsageError
from batchwright.lab.export import GRIDS, KEYS, bundle, export
from batchwright.lab.fit.ask import read_fit
from batchwright.lab.network.ask import read_network
from batchwright.lab.normalization.ask import read_study
from batchwright.lab.own_run.looks import RunLooks
from batchwright.lab.scenes import DESCENTS

SMALL = {
    "line": {"learning_rate": ("0.05", "0.3")},
    "surface": {"surface": ("bowl", "saddle"), "rule": ("sgd,adam",), "learning_rate": ("0.1",), "start": ("", "1,1")},
    "network": {"data": ("moons", "sine"), "layers": ("4,2",), "steps": ("0", "10", "60")},
    "normalization": {"batch_size": ("1", "full"), "steps": ("20",)},
    "fit": {"model": ("polynomial",), "capacity": ("1", "4"), "patience": ("0",), "epochs": ("30",)},
}


class Looked(RunLooks):
    """A run that was looked at."""

    def wait(self, directions: str) -> dict[str, Any]:
        if self.run.name == "lost":
            return {"state": "failed", "reason": "its rows are gone"}
        said = [{"en": f"By {directions} & <b>.", "zh": "两个方向。"}]
        return {"state": "ready", "run": "a", "sentences": said, "figures": ["surface"], "command": "c", "python": "p"}

    def figure(self, directions: str, name: str) -> str:
        return f'<svg xmlns="http://www.w3.org/2000/svg" width="200" height="100"><title>{directions}</title></svg>'


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("copy") / "site"
    export(folder, SMALL, Looked(Path("runs/a")))
    return folder


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, site: Path) -> Iterator[Page]:
    if find_chromium() is None:
        pytest.skip("there is no Chromium on this machine")
    with chromium(tmp_path_factory.mktemp("browser")) as browser:
        yield browser.open((site / "index.html").as_uri())


def read_answer(site: Path, name: str) -> Any:
    text = (site / f"data/{name}.js").read_text(encoding="utf-8")
    found = re.fullmatch(r'batchwrightLab\.answers\["(.*?)"\]=(.*);\n', text)
    assert found is not None and found[1] == name
    return json.loads(found[2])["answer"]


def test_there_is_an_answer_for_every_point_of_the_grid(site: Path) -> None:
    files = {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}
    assert {"index.html", "line.zh.html", "surface.html", "network.html", "run.zh.html", "lab.js"} <= files
    assert len([name for name in files if name.startswith("data/")]) == 2 + 4 + 4 + 6 + 2 + 2 + 2 + 2 * 2
    assert read_answer(site, "answer-line-1")["path"]["rate"] == 0.3
    assert read_answer(site, "answer-fit-0-1-0-0")["python"].count("CurveFit(epochs=30)")
    frame, rows = read_answer(site, "frame-network-1-0-2"), read_answer(site, "rows-network-1")
    assert (frame["before"], frame["iteration"], len(frame["losses"])) == (10, 60, 50)
    assert rows["inputs"] == ["x"] and len(rows["points"]) == 200


def test_a_folder_that_is_there_and_a_run_that_cannot_be_shown_are_refused(site: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="exists"):
        export(site, SMALL)
    with pytest.raises(RunError, match="lost cannot be looked at: its rows are gone"):
        export(tmp_path / "new", {}, Looked(Path("lost")))
    with pytest.raises(UsageError, match="line has no answer to"):
        export(tmp_path / "new", {"line": {"learning_rate": ("-1",)}})
    assert not list(tmp_path.iterdir())


def test_every_value_of_the_grids_is_taken_by_its_scene() -> None:
    readers = {"network": read_network, "normalization": read_study, "fit": read_fit}
    readers |= {name: scene.read for name, scene in DESCENTS.items()}
    for scene, grid in GRIDS.items():
        usual = {key: values[0] for key, values in grid.items()}
        for key, values in grid.items():
            for value in values:
                readers[scene]({**usual, key: value})
    assert all(set(keys) <= {key for grid in GRIDS.values() for key in grid} for keys in KEYS.values())


def test_every_module_is_in_the_copy_without_imports() -> None:
    text = bundle(GRIDS)
    assert not re.search(r"^\s*(import|export) ", text, re.MULTILINE)
    for asked in re.findall(r'= modules\["(.*?)"\];', text):
        assert f'modules["{asked}"] = (() => {{' in text
        assert text.index(f'modules["{asked}"] = ') < text.index(f'= modules["{asked}"];')


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "shown", "label", "place", "then"),
    [
        ("line", "One weight", "Learning rate η", 1, "above the limit"),
        ("surface.zh", "曲面", "学习率 η", 0, "w₁"),
        ("network", "A small network", "iteration", 2, "Iteration 60"),
        ("normalization", "Batch normalization", None, 0, "fails"),
        ("fit", "Over- and underfitting", "Degree", 0, "underfits"),
        ("run", "Your own run", None, 0, "By path & <b>."),
        ("run.zh", "你自己的训练", None, 0, "两个方向。"),
    ],
)
def test_a_page_works_as_a_file(
    page: Page, site: Path, name: str, shown: str, label: str, place: int, then: str
) -> None:
    page.console.clear()
    page.requests.clear()
    page.go((site / f"{name}.html").as_uri())
    page.wait("document.querySelectorAll('.chart').length > 0 && document.querySelector('pre').textContent")
    assert shown in page.text()
    if label:
        slide(page, label, place)
    if name == "normalization":  # the default, a batch of 16, is not in this copy
        assert page.run("document.querySelector('select').value") == "1"
    page.wait(f"document.body.innerText.includes({json.dumps(then)})")
    page.look_like(width=380)
    assert page.axe() == [] and page.console == []
    assert page.run("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    page.look_like(width=1300)
    assert all(address.startswith(("file:", "data:")) for address in page.requests)


@pytest.mark.slow
def test_a_network_is_played_and_its_loss_has_all_frames(page: Page, site: Path) -> None:
    page.go((site / "network.html").as_uri() + "?steps=60&data=sine")
    page.wait("document.querySelector('.words')?.textContent.includes('Iteration 60')")
    line = "document.querySelector('svg[aria-label=\"The loss by iteration\"] .s1').getAttribute('d')"
    assert page.run(line).count("L") == 2  # three frames
    press = "[...document.querySelectorAll('button')].find(one => one.textContent === '{}').click()"
    page.run(press.format("Back to the start"))
    page.wait("document.querySelector('.words').textContent.includes('Iteration 0')")
    page.run(press.format("Play"))
    page.wait("document.querySelector('.words').textContent.includes('Iteration 60')")
    page.wait("[...document.querySelectorAll('button')].some(one => one.textContent === 'Play')")
    assert page.console == []
