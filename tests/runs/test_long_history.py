"""The file of a long history holds fewer rows than epochs, and the same ones after an interruption."""

import json
from contextlib import suppress
from pathlib import Path

import pytest

from batchwright import workflow
from batchwright.config import Settings, load_config
from batchwright.errors import InterruptedRunError
from batchwright.runs import folder
from batchwright.runs.folder import has_row
from batchwright.runs.run import open_run
from batchwright.training.events import EpochDone
from batchwright.workflow import Trained

EPOCHS = 47
SETTINGS = (
    ("data.source", "iris"),
    ("network", "{name: linear}"),
    ("training.epochs", str(EPOCHS)),
    ("training.batch_size", "full"),
    ("training.checkpoints", "{iterations: 9}"),
    ("schedule", "{name: constant}"),
    ("optimizer", "{name: sgd, learning_rate: 3.0}"),
)


def settings() -> Settings:
    return load_config(None, [(key, value, key) for key, value in SETTINGS])


def rows(run: Path) -> list[dict[str, float]]:
    lines = (run / "history.jsonl").read_text().splitlines()
    return [{name: value for name, value in json.loads(line).items() if name != "seconds"} for line in lines]


def test_rows_of_each_decade() -> None:
    assert all(has_row(epoch) for epoch in range(1, 10_001))
    assert [epoch for epoch in range(10_001, 10_041) if has_row(epoch)] == [10_010, 10_020, 10_030, 10_040]
    assert sum(map(has_row, range(1, 100_001))) == 19_000
    assert [epoch for epoch in range(100_001, 100_301) if has_row(epoch)] == [100_100, 100_200, 100_300]


def test_it_is_as_undisturbed_after_an_interruption(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "WHOLE", 5)
    (whole,) = (one for one in workflow.train(settings(), run_dir=tmp_path / "whole") if isinstance(one, Trained))
    epochs, last = [int(row["epoch"]) for row in rows(tmp_path / "whole")], len(whole.history)
    assert epochs == sorted({epoch for epoch in range(1, last + 1) if has_row(epoch)} | {whole.stopped.epoch, last})
    assert last > 12 and len(epochs) < last / 2
    for row in open_run(tmp_path / "whole").history:
        assert whole.history[int(row["epoch"]) - 1] == row, "what is there is exact"

    seen = list[EpochDone]()
    events = workflow.train(settings(), run_dir=tmp_path / "broken", interrupted=lambda: len(seen) >= 11)
    with suppress(InterruptedRunError):
        for event in events:
            seen += [event] if isinstance(event, EpochDone) else []
    assert open_run(tmp_path / "broken").status == "interrupted"
    list(workflow.resume(tmp_path / "broken"))
    assert rows(tmp_path / "broken") == rows(tmp_path / "whole")
