"""The page of a run: made by a process of its own, with figures that nothing else can be asked for by."""

import re
import time
from pathlib import Path

import pytest
from tests.pages.chromium import chromium, find_chromium
from tests.pages.servers import served
from typer.testing import CliRunner

from batchwright.cli.main import app
from batchwright.errors import UsageError
from batchwright.lab.answers import Desk
from batchwright.lab.app import make_app
from batchwright.lab.own_run.looks import FIGURES, RunLooks


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "a <b> & c"
    given = ["train", "iris", "--epochs", "2", "--network", "linear", "--run-dir", str(folder)]
    result = CliRunner().invoke(app, given)
    assert result.exit_code == 0, result.output
    return folder


def test_a_run_is_shown_with_all_figures(run: Path, tmp_path: Path) -> None:
    with RunLooks(run) as looks, served(make_app(Desk(), None, looks)) as server:
        server.enter()
        first = server.get("/lab/look/run").json()["answer"]
        assert first["state"] == "making" and first["run"] == run.name
        assert server.get("/lab/look/run/path/surface.svg").status == 404
        until = time.monotonic() + 240
        while (found := server.get("/lab/look/run").json()["answer"])["state"] == "making" and time.monotonic() < until:
            time.sleep(0.05)
        assert found["state"] == "ready", found
        assert "explains" in found["sentences"][0]["en"]
        assert all(
            re.search("[一-龥]", one["zh"]) and not re.search("[一-龥]", one["en"]) for one in found["sentences"]
        )
        for name in FIGURES:
            figure = server.get(f"/lab/look/run/path/{name}.svg")
            assert figure.status == 200 and figure.headers["content-type"] == "image/svg+xml"
            assert ("a &lt;b&gt; &amp; c" in figure.text) == (name != "time") and "<b>" not in figure.text
            assert "script" not in figure.headers["content-security-policy"]
        for path in ("path/other.svg", "up/surface.svg", "..%2f/surface.svg", "random/surface.svg"):
            assert server.get(f"/lab/look/run/{path}").status == 404
        assert "unknown directions" in server.get("/lab/look/run?directions=up").json()["problem"]["en"]
        if find_chromium() is not None:
            with chromium(tmp_path) as browser:
                page = browser.open(server.door.link(server.door.token).replace("/?", "/lab/run?"))
                page.wait("[...document.images].filter(one => one.complete && one.naturalWidth > 100).length === 5", 60)
                assert [one for one in page.axe() if one[1] in ("serious", "critical")] == []
                assert page.console == []
        folder = looks.folder
        assert folder is not None and folder.is_dir()
    assert not folder.exists()


def test_a_run_that_cannot_be_shown_says_why(tmp_path: Path) -> None:
    with RunLooks(tmp_path / "nowhere") as looks:
        assert looks.ask("path")["state"] == "making"
        until = time.monotonic() + 120
        while (found := looks.ask("path"))["state"] == "making" and time.monotonic() < until:
            time.sleep(0.05)
        assert found["state"] == "failed" and "not a folder" in found["reason"]
        with pytest.raises(UsageError, match="unknown directions"):
            looks.ask("sideways")


def test_what_is_being_made_ends_with_the_server(run: Path) -> None:
    with RunLooks(run) as looks:
        looks.ask("random")
        process = looks._making["random"]
    assert process.wait(30) != 0


def test_without_a_run_the_page_says_how_to_name_one() -> None:
    with served(make_app(Desk())) as server:
        server.enter()
        assert "--run" in server.get("/lab/look/run").json()["problem"]["en"]


def test_figures_go_into_a_new_folder(run: Path, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    result = CliRunner().invoke(app, ["lab", "run", str(run), "--figures", str(tmp_path / "there")])
    assert isinstance(result.exception, UsageError) and "not overwritten" in str(result.exception)
