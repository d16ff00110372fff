"""The table of columns: no wider than its cells make it, with every reason below it."""

from pathlib import Path

import numpy as np
from tests.cli.conftest import Batchwright

from batchwright.data.describe import describe


def test_reasons_are_below_the_table(batchwright: Batchwright, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    lines = [
        f"{value:.3f},{'' if number % 9 == 0 else 0 if number % 4 else number},only,{'word ' * 9},{number % 2}"
        for number, value in enumerate(rng.normal(size=200))
    ]
    (tmp_path / "t.csv").write_text("\n".join(["plain,zeros,same,long,y", *lines]) + "\n")
    answer = batchwright("data", "show", "t.csv", "--target", "y")
    assert answer.code == 0, answer.err
    head, *rows = answer.out.splitlines()[1:7]
    assert {len(line) for line in (head, *rows)} == {len(head)} and len(head) < 150
    found = {column.name: column for column in describe(tmp_path / "t.csv", target="y").columns}
    for name in ("plain", "zeros"):
        scaling, why = found[name].becomes.removeprefix("a number, ").partition(", and")[0][:-1].split(" (", 1)
        assert f"  {name}: {scaling} ({why})" in answer.out.splitlines()
        assert why not in "\n".join(rows)
    assert f"a number, {scaling}, and whether it is missing" in rows[1]
    assert f"column 'same': {found['same'].becomes}" in answer.out and rows[2].split()[3:5] == ["left", "out"]
