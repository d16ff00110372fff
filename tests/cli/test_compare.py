"""`batchwright compare`, as a user meets it: the table, the JSON, and one clear sentence for what cannot be."""

import json
import re
from pathlib import Path

import pytest
from tests.cli.conftest import Batchwright

TINY = (
    *("iris", "--network", "mlp", "--no-batch-normalization", "--hidden-layer-sizes", 4, "--batch-size", 26),
    *("--epochs", 2),
)
VARY = ("--vary", "network.activation=relu,tanh", "--trials", 2, "--seeds", 2)


def test_command_compares_and_gives_it_as_json_or_as_a_table(batchwright: Batchwright) -> None:
    answer = batchwright("compare", *TINY, *VARY, "--json")
    assert answer.code == 0, answer.err
    said = json.loads(answer.out)
    assert set(said) == {"rows", "target", "verdict", "seconds"}
    assert said["seconds"] > 0 and said["verdict"]
    assert {row["name"] for row in said["rows"]} == {"relu", "tanh"}
    means = [row["validation"]["mean"] for row in said["rows"]]
    assert means == sorted(means)
    assert said["target"] == pytest.approx(sum(row["curve"][-1] for row in said["rows"]) / 2)
    for row in said["rows"]:
        assert row["settings"]["network.activation"] == row["name"]
        assert 1e-5 <= row["settings"]["optimizer.learning_rate"] <= 0.1
        assert row["validation"]["low"] <= row["validation"]["mean"] <= row["validation"]["high"]
        assert row["stable_range"] is None or row["stable_range"][0] <= row["stable_range"][1]
        assert len(row["curve"]) == 2
    best, other = said["rows"]
    assert best["updates_to_target"] in (4, 8)  # ⌈104 / 26⌉ in each of two epochs
    assert best["seconds_to_target"] == pytest.approx(best["updates_to_target"] / 4 * best["seconds_per_epoch"])
    assert (other["updates_to_target"], other["seconds_to_target"]) == (None, None)
    assert f"{best['name']}: validation loss" in answer.err

    plain = batchwright("compare", *TINY, *VARY)
    assert plain.code == 0, plain.err
    assert said["verdict"] in plain.out
    lines = plain.out.splitlines()
    assert [line.split()[0] for line in lines if line.startswith(("relu ", "tanh "))][:2] == [
        row["name"] for row in said["rows"]
    ]
    assert lines[0].startswith(f"updates and seconds until a validation loss of {said['target']:.4g}")
    assert not Path("runs").exists(), "a comparison writes nothing"


def test_a_saved_comparison_is_reported_and_plotted(batchwright: Batchwright) -> None:
    answer = batchwright("compare", *TINY, *VARY, "--run-dir", "found", "--json")
    assert answer.code == 0, answer.err
    told = json.loads(answer.out)
    assert told.pop("run") == "found"
    reported = json.loads(batchwright("report", "found", "--json").out)
    assert {name: reported[name] for name in told} == told
    assert (reported["run"], reported["vary"], reported["source"]) == ("found", VARY[1], "iris")
    said = batchwright("report", "found").out
    assert said.startswith(f"found: comparison of {VARY[1]} on iris, 2 seeds\n") and told["verdict"] in said
    assert re.search(r"network.hidden_layer_sizes +\[4\] +you", said)
    assert batchwright("report", "found", "--html").out == f"report: {Path('found/report.html')}\n"
    assert "stable_ranges" in batchwright("plot", "found").out.splitlines()
    assert batchwright("plot", "found", "curves").out == f"{Path('found/curves.svg')}\n"
    assert batchwright("report", "found", "--csv", "tables").code == 0 and Path("tables/variants.csv").exists()
    again = batchwright("compare", *TINY, *VARY, "--run-dir", "found")
    assert again.code == 2 and "found exists already and is not an empty folder" in again.err
    refused = batchwright("evaluate", "found", "iris")
    assert refused.code == 2 and "It holds a comparison: `batchwright report found` shows it" in refused.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--figure", "none/curves.svg"), "the folder none does not exist"),
        (("--figure", "there.svg"), "there.svg exists already"),
        (("--csv", "there.svg"), "there.svg is not a folder"),
        (("--csv", "there.svg/tables"), "is not a folder"),
        (("--csv", "tables"), "a folder without CSV files"),
        (("--run-dir", "tables"), "tables exists already and is not an empty folder"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is_trained(
    batchwright: Batchwright, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], said: str
) -> None:
    def train(*_: object) -> None:
        raise AssertionError("it was trained")

    monkeypatch.setattr("batchwright.comparison.compare._train_variant", train)
    Path("tables").mkdir()
    Path("tables/a.csv").write_text("a\n1\n")
    Path("there.svg").write_text("<svg/>")
    answer = batchwright("compare", *TINY, *VARY, *words)
    assert answer.code == 2 and said in answer.err
    assert sorted(path.name for path in Path().iterdir()) == ["tables", "there.svg"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--vary", "network.activatio=relu,tanh"), "did you mean network.activation"),
        (("--vary", "data.scaling=standard,robust"), "would change the rows, the loss or the seeds"),
        (("--vary", "network.activation=relu"), "takes two values or more"),
        (("--vary", "optimizer.learning_rate"), "give its values"),
        (("--vary", "training.rows=0.5,2"), "shares of the training rows"),
        (("--vary", "network.activation=reluu,relu", "--trials", 1, "--seeds", 1), "did you mean 'relu'?"),
        (("--learning-rate", "{log: [1e-3, 1]}"), "a space is for `search`"),
        (("--validation-split", 0), "above 0"),
        (("--trials", 0), "--trials"),
        (("--seeds", 0), "--seeds"),
        (("--vary", "network.activation=relu,tanh", "--optimiser", "adam"), "--optimi"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_compared_is_said_with_exit_code_2(
    batchwright: Batchwright, words: tuple[object, ...], said: str
) -> None:
    answer = batchwright("compare", *TINY, *words)
    assert answer.code == 2, answer.err
    assert said in answer.err and "Traceback" not in answer.err
    assert answer.out == ""


def test_a_configuration_that_is_wrong_is_said_with_its_line(batchwright: Batchwright) -> None:
    Path("compare.yaml").write_text("data: {source: iris}\noptimizer:\n  learning_rat: 0.1\n")
    answer = batchwright("compare", "--config", "compare.yaml")
    assert answer.code == 2
    assert "compare.yaml:3: " in answer.err and "did you mean optimizer.learning_rate" in answer.err
