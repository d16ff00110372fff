"""What many configurations cost, with a stand-in for PyTorch: our side is trained in earnest, and small."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
PEER = """#!{python}
import sys
print("{{}}" if sys.argv[1] == "-c" else '{{"clock": 3600.0, "processor": 1800.0}}')
"""
OURS = """#!{python}
import json
print(json.dumps({{"stopped": 5, "best": {{"value": 0.25}}, "rows": list(range(12))}}))
"""
TABLE = "a,b,kind\n" + "".join(f"{number},{number % 7},{'yes' if number % 3 else 'no'}\n" for number in range(200))


@pytest.fixture
def searching(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import searching

    return searching


@pytest.fixture
def stand_ins(tmp_path):
    for name, text in (("batchwright", OURS), ("python", PEER)):
        (tmp_path / name).write_text(text.format(python=sys.executable))
        (tmp_path / name).chmod(0o755)
    return tmp_path


def run(searching, folder, *arguments):
    places = ("--batchwright", folder / "batchwright", "--peers-python", folder / "python", "--data", folder)
    page = folder / "page.md"
    parts = arguments[arguments.index("--only") + 1].split(",")
    page.write_text("".join(f"<!-- searching-{part}: begin -->\n<!-- searching-{part}: end -->\n" for part in parts))
    assert searching.main([str(word) for word in (*places, "--markdown", page, *arguments)]) == 0
    return page.read_text()


def test_what_a_configuration_costs(searching, stand_ins, monkeypatch):
    setup = searching.table_setup
    monkeypatch.setattr(searching, "table_setup", lambda places: replace(setup(places), epochs=1))
    page = run(searching, stand_ins, "--only", "a,b", "--members", "2", "--largest", "4", "--pairs", "2")
    assert "2 configurations of the learning rate at once, 2 one after another" in page
    assert "| PyTorch | 3600000.00 | 3600000.00 | 1800000.00 |" in page
    assert "| at once / PyTorch | 0.000 (0.000 to 0.000) | 0.000 | ≤ 0.050: reached | 0.000 |" in page
    assert page.count("| 1 | ") == page.count("| 4 | ") == 1
    assert "| 16 | " not in page


def test_data_that_are_not_there_are_skipped_with_the_reason(searching, stand_ins):
    page = run(searching, stand_ins, "--only", "c,d")
    assert f"Skipped: there is no {stand_ins}/mnist." in page
    assert f"Skipped: there is no {stand_ins}/tables." in page


def test_a_comparison_says_how_many_rules(searching, stand_ins):
    page = run(searching, stand_ins, "--only", "e")
    assert page.count("`batchwright compare digits`, 12 update rules") == 2
    assert page.count("aim < 20: reached") == 2


def test_searches_are_compared_by_their_pruning(searching):
    from searching_text import Search, searches_text

    ours = [Search("search, none", 10.0, 0, 0.3), Search("search, halving", 5.0, 40, 0.31)]
    theirs = [Search("Optuna and PyTorch, none", 100.0, 0, 0.3), Search("Optuna and PyTorch, halving", 30.0, 20, 0.3)]
    text = searches_text(ours, theirs, 64, 10)
    assert "| search, none |  | 10.0 | 0 | 0.30000 | 0.100; aim ≤ 0.05: **missed** |" in text
    assert "| search, halving |  | 5.0 | 40 | 0.31000 | 0.167; aim ≤ 0.25: reached |" in text


def test_rows_go_to_the_peer_as_they_are_encoded(searching, tmp_path):
    import populations

    table, fixed, rows = tmp_path / "table.csv", tmp_path / "fixed.yaml", tmp_path / "rows.npz"
    table.write_text(TABLE)
    said = searching.SPACE.format(source=table, epochs=1, seed=0, **searching.MIDDLE).replace("income", "kind")
    fixed.write_text(said)
    populations.export(fixed, rows)
    with np.load(rows) as found:
        assert set(found["y_train"]) == {0, 1}
        assert len(found["x_train"]) == len(found["codes_train"]) == len(found["y_train"]) == 140
        assert found["embeddings"].shape == (found["codes_train"].shape[1], 2)
