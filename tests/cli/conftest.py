import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from batchwright.cli.main import main
from batchwright.runs.run import open_run


@dataclass(frozen=True)
class Answer:
    """What a command has said."""

    code: int
    out: str
    err: str


Batchwright = Callable[..., Answer]


@pytest.fixture
def batchwright(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Batchwright:
    """Run the command line in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*words: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["batchwright", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            main()
        said = capsys.readouterr()
        return Answer(left.value.code or 0, said.out, said.err)

    return run


def history(run: Path) -> list[dict[str, float]]:
    return [{name: value for name, value in row.items() if name != "seconds"} for row in open_run(run).history]


def assert_same(run: Path, whole: Path) -> None:
    """Whether two runs have ended with the same bits and figures."""
    assert (run / "model/weights.safetensors").read_bytes() == (whole / "model/weights.safetensors").read_bytes()
    assert history(run) == history(whole)
    assert open_run(run).metrics == open_run(whole).metrics
    assert open_run(run).manifest.status == "finished"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A CSV of 100 rows: two numbers, a category, and which of two classes the row is of."""
    generator = np.random.default_rng(0)
    numbers = generator.normal(size=(100, 2))
    colours = generator.choice(["red", "green"], 100)
    classes = np.where(numbers[:, 0] + (colours == "red") > 0.5, "yes", "no")
    lines = [
        f"{a:.4f},{b:.4f},{colour},{label}" for (a, b), colour, label in zip(numbers, colours, classes, strict=True)
    ]
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(["first,second,colour,bought", *lines]) + "\n")
    return path
