"""Figures and tables from the command line: of a run, of a search, and of what verbs find."""

import json
from pathlib import Path
from xml.etree import ElementTree

import polars as pl
import pytest

import batchwright as bw

pytestmark = pytest.mark.slow

SMALL = ("--network", "linear", "--epochs", "4")


@pytest.fixture
def run(batchwright) -> Path:
    assert batchwright("train", "iris", *SMALL, "--run-dir", "run").code == 0
    return Path("run")


def test_plot_lists_and_draws(batchwright, run: Path) -> None:
    listed = batchwright("plot", run).out.splitlines()
    assert "curves" in listed and "noise_scale (not here: it was not measured)" in listed
    assert batchwright("plot", run, "curves").out.strip() == str(run / "curves.svg")
    drawn = ElementTree.parse(run / "curves.svg").getroot()
    assert drawn.findtext("{*}title") == "Loss by epoch"
    assert bw.open_run(run).figure("curves").text == (run / "curves.svg").read_text(encoding="utf-8")
    again = batchwright("plot", run, "curves")
    assert again.code == 2 and "exists already and is not overwritten" in again.err
    assert batchwright("plot", run, "curves", "--output", "other.svg").code == 0


def test_plot_draws_an_image(batchwright, run: Path) -> None:
    pytest.importorskip("resvg_py")
    assert batchwright("plot", run, "confusion", "--output", "confusion.png").code == 0
    assert Path("confusion.png").read_bytes().startswith(b"\x89PNG")


def test_plot_reads_the_rows_again_for_predicted_numbers(batchwright) -> None:
    batchwright("train", "diabetes", *SMALL, "--run-dir", "run")
    assert "predictions" in batchwright("plot", "run").out.splitlines()
    assert batchwright("plot", "run", "predictions").code == 0
    trained = bw.fit(bw.load("diabetes"), network=bw.nn.Linear(), epochs=4)
    assert trained.figure("predictions").text == Path("run/predictions.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "curvs"), "unknown figure 'curvs': did you mean 'curves'?"),
        (("run", "noise_scale"), "run has no figure 'noise_scale': it was not measured."),
        (("run", "curves", "--output", "curves.pdf"), "curves.pdf does not end in .svg or .png"),
        (("run", "curves", "--output", "none/curves.svg"), "none"),
        (("run", "--output", "curves.svg"), "curves.svg gets one figure: name it."),
        (("rn", "curves"), "Did you mean run?"),
    ],
)
def test_plot_says_what_is_wrong(batchwright, run: Path, words: tuple[str, ...], said: str) -> None:
    answer = batchwright("plot", *words)
    assert answer.code == 2 and said in answer.err
    assert not [*Path().glob("**/*.pdf"), *Path().glob("**/curves.svg")]


def test_a_search_has_figures_of_its_own(batchwright) -> None:
    space = ("--set", "optimizer.learning_rate={log: [1e-3, 1e-1]}", "--batch-size", "16")
    answer = batchwright("search", "iris", *SMALL, *space, "--trials", "8", "--run-dir", "found", "--csv", "tables")
    assert answer.code == 0
    assert "importance" in batchwright("plot", "found").out.splitlines()
    assert batchwright("plot", "found", "parallel").out.strip() == str(Path("found/parallel.svg"))
    assert batchwright("plot", "found/best", "curves").code == 0
    trials = pl.read_csv("tables/trials.csv")
    assert trials.height == 8 and trials["optimizer.learning_rate"].is_between(1e-3, 1e-1).all()
    assert trials.rows() == bw.open_search("found").frame().rows()


def test_report_sketches_the_losses_and_writes_tables(batchwright, run: Path) -> None:
    said = batchwright("report", run, "--csv", "tables")
    assert "val_loss\n" in said.out and "⠒⠒" in said.out
    assert {path.name for path in Path("tables").iterdir()} == {
        f"{name}.csv" for name in ("history", "layers", "metrics", "classes", "confusion", "settings", "seconds")
    }
    history = pl.read_csv("tables/history.csv")
    assert history["loss"].to_list() == [row["loss"] for row in bw.open_run(run).history]
    refused = batchwright("report", run, "--csv", "tables")
    assert refused.code == 2 and "a folder without CSV files" in refused.err
    assert json.loads(batchwright("report", run, "--json").out)["run"] == "run"


def test_comparisons_and_measurements_are_drawn_and_written(batchwright) -> None:
    vary = ("--vary", "network.name=linear,mlp", "--trials", "1", "--seeds", "2", "--batch-size", "16")
    answer = batchwright("compare", "iris", "--epochs", "2", *vary, "--figure", "curves.svg", "--csv", "compared")
    assert answer.code == 0
    assert ElementTree.parse("curves.svg").getroot().findtext("{*}title").startswith("Lowest validation loss")
    assert set(pl.read_csv("compared/variants.csv")["name"]) == {"linear", "mlp"}
    answer = batchwright("find-batch-size", "iris", "--network", "linear", "--figure", "speed.svg", "--csv", "sizes")
    assert answer.code == 0
    assert pl.read_csv("sizes/batch_sizes.csv")["recommended"].sum() == 1
    answer = batchwright("find-learning-rate", "iris", "--network", "linear", "--figure", "rates.pdf")
    assert answer.code == 2 and "does not end in .svg or .png" in answer.err
