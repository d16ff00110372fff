"""The lab from the command line."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image


def test_a_line_is_described_and_drawn(batchwright) -> None:
    said = batchwright("lab", "line", "--learning-rate", "0.9", "--output", "descent.svg", "--animate", "4")
    assert said.code == 0
    assert "It diverges" in said.out and "above the limit 0.2637" in said.out and "log10 of the loss" in said.out
    assert ElementTree.parse("descent.svg").getroot().findall(".//{*}animate")
    again = batchwright("lab", "line", "--output", "descent.svg")
    assert again.code == 2 and "exists already" in again.err


def test_a_gif_moves_without_being_asked(batchwright) -> None:
    said = batchwright("lab", "line", "--steps", "4", "--output", "descent.gif")
    assert said.code == 0 and said.out.endswith("descent.gif\n")
    with Image.open("descent.gif") as found:
        assert found.n_frames > 10 and found.size == (760, 380)


def test_json_has_the_path_and_the_limits(batchwright) -> None:
    said = batchwright(
        "lab", "line", "--points", "1,2 2,4", "--learning-rate", "0.1", "--steps", "2", "--start=0", "--json"
    )
    found = json.loads(said.out)["paths"][0]
    expected = [0.0]
    for _ in range(2):  # L′(w) = 2·mean x²·(w − 2) = 5·(w − 2)
        expected.append(expected[-1] - 0.1 * 5 * (expected[-1] - 2))
    np.testing.assert_allclose(np.array(found["points"])[:, 0], expected, rtol=1e-5)
    assert found["limits"] == {"flattest": 5.0, "steepest": 5.0, "best": 0.2, "largest": 0.4}


def test_several_rules_are_a_table(batchwright) -> None:
    said = batchwright("lab", "surface", "valley", "--optimizer", "sgd,adam", "--learning-rate", "0.1", "--steps", "20")
    assert said.code == 0
    assert "diverged" in said.out and "adam" in said.out and "all steps taken" in said.out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("line", "--learning-rate", "-1"), "above 0"),
        (("line", "--optimizer", "adm"), "did you mean 'adam'"),
        (("surface", "bowll"), "did you mean 'bowl'"),
        (("line", "--points", "1;2"), "pairs"),
        (("line", "--animate", "3"), "--output"),
        (("line", "--animate", "3", "--output", "a.png"), "SVG or GIF"),
        (("line", "--output", "a.jpg"), ".svg, .png or .gif"),
        (("fit", "--output", "a.gif"), "this figure does not move"),
        (("line", "--set", "momentum"), "KEY=VALUE"),
    ],
)
def test_bad_input_is_a_sentence(batchwright, words: tuple[str, ...], told: str) -> None:
    said = batchwright("lab", *words)
    assert said.code == 2 and told in said.err and "Traceback" not in said.err
    assert not list(Path().iterdir())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["line", "--points", ""], "--points is empty"),
        (["line", "--optimizer", " "], "--optimizer is empty"),
        (["surface", "bowl", "--start", ""], "--start is empty"),
        (["line", "--set", "optimizer.momentum="], "is not KEY=VALUE"),
        (["network", "moons", "--rows", ""], "--rows is empty"),
        (["fit", "--rows", ""], "--rows is empty"),
        (["normalization", "--batch-size", "9999"], "there are 150 training rows"),
        (["network", "moons", "--batch-size", "9999", "--steps", "3"], "there are 150 training rows"),
        (
            ["network", "moons", "--explain", "--row", "9999", "--steps", "3"],
            "the batch after 3 iterations has 10 rows",
        ),
        (
            ["network", "moons", "--batch-size", "100", "--explain", "--row", "51", "--steps", "1"],
            "the batch after 1 iterations has 50 rows: give 1 to 50",
        ),
        (["network", "moons", "--row", "2", "--steps", "3"], "give --explain"),
        (["network", "--table", "f.csv"], "`batchwright lab network f.csv`"),
    ],
)
def test_what_would_be_changed_in_silence_is_refused(batchwright, arguments: list[str], words: str) -> None:
    said = batchwright("lab", *arguments)
    assert said.code == 2 and said.out == ""
    assert words in " ".join(said.err.split())


def test_lab_alone_opens_the_page(batchwright, monkeypatch: pytest.MonkeyPatch) -> None:
    import batchwright.pages as pages

    asked = {}
    monkeypatch.setattr(pages, "serve", lambda _, **given: asked.update(given))
    assert batchwright("lab", "--port", "8123", "--no-open").code == 0
    assert (asked["port"], asked["opens"], asked["path"]) == (8123, False, "/lab/line")
    assert "export" in batchwright("lab", "--help").out


@pytest.mark.slow
def test_ctrl_c_ends_the_server_quietly_while_it_compiles(tmp_path: Path) -> None:
    server = subprocess.Popen(
        [sys.executable, "-m", "batchwright", "lab", "--no-open"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    assert server.stdout is not None
    assert "/lab/line?token=" in server.stdout.readline()
    time.sleep(1.0)
    server.send_signal(signal.SIGINT)
    _, err = server.communicate(timeout=120)
    assert "Traceback" not in err and "terminate" not in err
    assert server.returncode in (0, 130)
