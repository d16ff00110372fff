"""`batchwright diagnose --try`, as a user meets it: the plan, the table, the JSON, and the file of `--apply`."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Batchwright

from batchwright import diagnosis
from batchwright.config import load_config
from batchwright.diagnosis import Diagnosis

RATE = "optimizer.learning_rate"
HIGH = (
    *("iris", "--network", "mlp", "--no-batch-normalization", "--hidden-layer-sizes", 16, "--batch-size", 16),
    *("--optimizer", "sgd", "--learning-rate", 6.0, "--schedule", "constant", "--epochs", 12),
    *("--set", "training.early_stopping=null", "--run-dir", "high"),
)


def diagnose_with(monkeypatch: pytest.MonkeyPatch, *changes: dict[str, Any]) -> None:
    """Let a diagnosis find faults with these remedies."""
    found = tuple(Diagnosis("a fault", "warning", "sure", "It is slow.", "Go.", one) for one in changes)
    monkeypatch.setattr(diagnosis, "diagnose", lambda _: found)


@pytest.fixture
def run(batchwright: Batchwright) -> Path:
    """A run whose learning rate is sixty times too high."""
    answer = batchwright("train", *HIGH)
    assert answer.code == 0, answer.err
    return Path("high")


def test_remedies_are_tried_shown_and_applied(
    batchwright: Batchwright, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sorted(run.iterdir())
    diagnose_with(monkeypatch, {RATE: 6.0}, {RATE: 0.1})
    answer = batchwright("diagnose", run, "--try", "--seeds", 4, "--json", "--apply", "better.yaml")
    assert answer.code == 0, answer.err
    tried = json.loads(answer.out)["tried"]
    assert [(row["changes"][RATE], row["effect"]) for row in tried["rows"]] == [
        (0.1, "helps"),
        (6.0, "no difference shown"),
    ]
    assert (tried["seeds"], tried["best"]) == ([1, 2, 3, 4], {RATE: 0.1})
    assert "2 remedies and the unchanged training, each with 4 seeds: 12 trainings, about " in answer.err
    assert sorted(run.iterdir()) == before, "trying writes nothing into the run"
    settings = load_config("better.yaml")
    assert settings.values[RATE] == 0.1
    assert settings.values["network.hidden_layer_sizes"] == [16]

    shown = batchwright("diagnose", run, "--try", "--seeds", 4)
    assert all(row["verdict"] in shown.out for row in tried["rows"])
    assert "take --learning-rate 0.1" in shown.out
    lines = shown.out.splitlines()
    assert [line.split("  ")[0] for line in lines if line.startswith(("unchanged ", "--learning-rate 0.1  "))] == [
        "unchanged",
        "--learning-rate 0.1",
    ]


def test_without_a_remedy_that_helps_nothing_is_written(
    batchwright: Batchwright, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    diagnose_with(monkeypatch, {RATE: 6.0})
    answer = batchwright("diagnose", run, "--try", "--seeds", 2, "--epochs", 1, "--apply", "better.yaml")
    assert (answer.code, Path("better.yaml").exists()) == (2, False)
    assert "no remedy is shown to help" in answer.err

    diagnose_with(monkeypatch)
    answer = batchwright("diagnose", run, "--try", "--json")
    assert (answer.code, json.loads(answer.out)["tried"]) == (0, None)
    assert "there is no remedy to try" in batchwright("diagnose", run, "--try").out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--try", "--seeds", 1), "--seeds"),
        (("--seeds", 3), "add --try"),
        (("--epochs", 3), "add --try"),
        (("--try",), "optimizer.learning_rte=1 cannot be tried"),
    ],
)
def test_what_cannot_be_is_said(
    batchwright: Batchwright, run: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[object, ...], said: str
) -> None:
    diagnose_with(monkeypatch, {"optimizer.learning_rte": 1})
    answer = batchwright("diagnose", run, *words)
    assert answer.code == 2
    assert said in answer.err


def test_rows_that_are_gone_are_named(batchwright: Batchwright, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (
        batchwright("train", table, "--target", "bought", "--network", "linear", "--epochs", 1, "--run-dir", "run").code
        == 0
    )
    table.unlink()
    diagnose_with(monkeypatch, {RATE: 0.1})
    answer = batchwright("diagnose", "run", "--try")
    assert answer.code == 2
    assert "rows.csv" in answer.err


@pytest.mark.slow
def test_the_printout_of_the_documentation_is_what_its_commands_print(batchwright: Batchwright) -> None:
    """In words, kinds of remedies, and effects; the figures may differ a little between machines."""
    page = (Path(__file__).parents[2] / "docs" / "seeing.md").read_text(encoding="utf-8")
    printed = re.search(
        r"```bash\n(\S+ train [^\n]*)\n(\S+ diagnose \w+ --try)\n```\n\n```text\n(.*?)```", page, re.DOTALL
    )
    assert printed is not None
    for command in printed[1], printed[2]:
        answer = batchwright(*shlex.split(command)[1:])
        assert answer.code == 0, answer.err
    number = re.compile(r"[-+]?\d+(\.\d+)?(e-?\d+)?")
    shown, documented = (
        [" ".join(number.sub("#", line).split()) for line in text.splitlines()] for text in (answer.out, printed[3])
    )
    assert shown == documented
