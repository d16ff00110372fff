"""A batch size that grows, as a user meets it: from a file, on the command line, and after an interruption."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from tests.cli.conftest import Batchwright, assert_same

from batchwright import workflow
from batchwright.config import load_config
from batchwright.errors import InterruptedRunError
from batchwright.runs.run import open_run
from batchwright.training.events import CheckpointTaken

FILE = """\
data: {source: iris}
network: {name: mlp, hidden_layer_sizes: [8]}
optimizer: {name: sgd, learning_rate: 0.1}
schedule: {name: exponential, base: 0.5}
training:
  epochs: 4
  early_stopping: {patience: 10}
  batch_size: {adaptive: {by: schedule, start: 4, maximum: 16}}
  checkpoints: {iterations: 5}
"""


@pytest.mark.parametrize("by", ["schedule", "noise_scale"])
def test_interrupted_it_goes_on_with_the_same_bits(tmp_path: Path, by: str, batchwright: Batchwright) -> None:
    (tmp_path / "run.yaml").write_text(FILE)
    assignment = ("--set", f"training.batch_size.adaptive.by={by}")
    answer = batchwright("train", "--config", tmp_path / "run.yaml", *assignment, "--run-dir", tmp_path / "whole")
    assert answer.code == 0, answer.err
    assert "note: the batch size grows from 4 up to 16 rows at most" in answer.err + answer.out
    rows = open_run(tmp_path / "whole").history
    sizes = [row["batch_size"] for row in rows]
    assert sizes == [4, 8, 16, 16] or by == "noise_scale"
    assert all(new in (old, 2 * old) for old, new in pairwise(sizes))
    assert ("noise_scale" in rows[0]) == (by == "noise_scale")
    settings, taken = load_config(tmp_path / "run.yaml", [("training.batch_size.adaptive.by", by, "")]), list[int]()
    events = workflow.train(settings, run_dir=tmp_path / "cut", interrupted=lambda: max(taken, default=0) >= 40)
    with pytest.raises(InterruptedRunError):
        taken.extend(int(event.checkpoint.state.step) for event in events if isinstance(event, CheckpointTaken))
    assert 0 < len(open_run(tmp_path / "cut").history) < 4
    assert load_config(tmp_path / "cut/config.yaml").config == settings.config
    answer = batchwright("resume", tmp_path / "cut")
    assert answer.code == 0, answer.err
    assert "the run goes on from iteration" in answer.err + answer.out
    assert_same(tmp_path / "cut", tmp_path / "whole")


def test_the_noise_scale_is_in_the_history_where_it_is_asked_for(tmp_path: Path, batchwright: Batchwright) -> None:
    words = ("train", "iris", "--epochs", "2", "--network", "linear", "--noise-scale", "--run-dir", tmp_path / "run")
    answer = batchwright(*words)
    assert answer.code == 0, answer.err
    assert "  noise " in answer.out + answer.err
    for line in (tmp_path / "run/history.jsonl").read_text().splitlines():
        row = json.loads(line)
        assert {"noise_scale", "noise_scale_low", "noise_scale_high"} <= set(row)
        assert "batch_size" not in row
