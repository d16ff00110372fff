"""`train --seeds`: means over several seeds, with their intervals."""

import json
from pathlib import Path

from tests.cli.conftest import Batchwright

WORDS = (
    "iris",
    "--epochs",
    4,
    "--batch-size",
    16,
    "--network",
    "mlp",
    "--hidden-layer-sizes",
    8,
    "--learning-rate",
    0.02,
)


def test_command_prints_means_and_gives_them_as_json(batchwright: Batchwright, tmp_path: Path) -> None:
    answer = batchwright("train", *WORDS, "--seeds", 3, "--json")
    assert answer.code == 0, answer.err
    said = json.loads(answer.out)
    assert [run["seed"] for run in said["seeds"]["runs"]] == [0, 1, 2]
    accuracy = said["seeds"]["test"]["accuracy"]
    assert accuracy["low"] <= accuracy["mean"] <= accuracy["high"]
    assert said["seeds"]["runs"][0]["metrics"]["test"] == said["test"]
    assert "further seeds: epoch 4/4" in answer.err
    plain = batchwright("train", *WORDS, "--seeds", 3)
    assert "mean of 3 seeds, with its 95 % interval" in plain.out


def test_what_cannot_be_repeated_is_told_before_training(batchwright: Batchwright, tmp_path: Path) -> None:
    answer = batchwright("train", *WORDS[:3], "--batch-size", "{adaptive: {}}", "--seeds", 3)
    assert answer.code == 2
    assert "a batch size that stays as it is" in answer.err
    assert not (tmp_path / "runs").exists()
