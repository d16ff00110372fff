"""The benchmark of quality: its splits, its peers beside scikit-learn called directly, and a run that goes on."""

import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss
from sklearn.preprocessing import StandardScaler

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
ROWS = 120


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("tables"), np.random.default_rng(0)
    x = rng.normal(size=(ROWS, 2))
    kind = np.where(x[:, 0] + 0.5 * rng.normal(size=ROWS) > 0, "yes", "no")
    frame = pd.DataFrame({"a": x[:, 0].round(3), "b": x[:, 1].round(3), "kind": kind})
    frame.to_csv(folder / "made.csv", index=False)
    return folder


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def quality(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import quality

    return quality


@pytest.fixture
def call(quality, capsys):
    """The benchmark in this process; what it measures are processes of their own."""

    def run(folder, *arguments):
        try:
            code = quality.main(["--tables", str(folder), "--seeds", "1", *map(str, arguments)])
        except SystemExit as left:
            code = left.code
        return Done(code, *capsys.readouterr())

    return run


def known(rows):
    """A line of results: ours with its defaults."""
    of = {"table": "made", "seed": 0, "contestant": "batchwright", "options": "", "version": "", "rows": rows}
    return json.dumps(of | {"score": 0.9, "loss": 0.25, "fit": 1.0, "processor": 2.0}) + "\n"


def test_ours_with_options_and_a_peer(call, tables, tmp_path):
    """What is in the results already, the defaults here, is not trained again."""
    results, page = tmp_path / "results.jsonl", tmp_path / "page.md"
    results.write_text(known(ROWS * 3 // 4))
    page.write_text("<!-- quality: begin -->\nearlier figures\n<!-- quality: end -->\n")
    ours = ("--ours", "short=training.epochs=2,network.hidden_layer_sizes=[8,4]", "--peers", "linear")
    done = call(tables, *ours, "--results", results, "--markdown", page)
    assert done.returncode == 0, done.stderr
    found = {one["contestant"]: one for one in map(json.loads, results.read_text().splitlines())}
    assert list(found) == ["batchwright", "short", "linear"]
    assert all(not one.get("error") and one["rows"] == ROWS * 3 // 4 for one in found.values()), found
    assert done.stdout in page.read_text() and "earlier figures" not in page.read_text()
    assert f"{found['linear']['score']:.4f}, {found['linear']['loss']:.4g}" in done.stdout
    again = call(tables, *ours, "--results", results)
    assert again.stdout == done.stdout
    assert len(results.read_text().splitlines()) == 3


def test_peer_as_scikit_learn_called_directly(tables, tmp_path, quality):
    (table,) = quality.read_tables([tables], packaged=False, only=())
    train, test = table.write_split(tmp_path, 0, None)
    peer = [sys.executable, BENCHMARKS / "quality_peers.py", "linear", train, test, "kind", "classification", "0"]
    said = json.loads(subprocess.run(peer, capture_output=True, text=True, check=True).stdout)
    rows, test_rows = pd.read_csv(train), pd.read_csv(test)
    assert not set(rows["a"] * 1e6 + rows["b"]) & set(test_rows["a"] * 1e6 + test_rows["b"])
    scaler = StandardScaler().fit(rows[["a", "b"]])
    model = LogisticRegression(max_iter=1_000).fit(scaler.transform(rows[["a", "b"]]), rows["kind"])
    found = model.predict_proba(scaler.transform(test_rows[["a", "b"]]))
    assert said["score"] == accuracy_score(test_rows["kind"], model.classes_[found.argmax(axis=1)])
    assert said["loss"] == pytest.approx(log_loss(test_rows["kind"], found), abs=1e-9)


def test_failure_is_a_row_and_is_tried_again(call, tables, tmp_path):
    results = tmp_path / "results.jsonl"
    earlier = {"contestant": "wrong", "options": "network.name=mpl", "error": "as earlier"}
    results.write_text(known(40) + json.dumps(json.loads(known(40)) | earlier) + "\n")
    done = call(tables, "--ours", "wrong=network.name=mpl", "--peers", "", "--results", results, "--rows", "40")
    assert done.returncode == 0, done.stderr
    assert "| failed |" in done.stdout
    assert "did you mean" in done.stdout or "mlp" in done.stdout
    *before, failed = map(json.loads, results.read_text().splitlines())
    assert len(before) == 2 and failed["error"] != "as earlier"
    assert (failed["contestant"], failed["options"]) == ("wrong", "network.name=mpl")


@pytest.mark.parametrize("given", [("--ours", "wide"), ("--ours", "=data.scaling=auto"), ("--peers", "bosting")])
def test_wrong_words_are_refused(call, tables, given):
    done = call(tables, *given)
    assert done.returncode == 2
    assert given[1] in done.stderr


def test_tables_in_two_parts_keep_them(tmp_path, quality):
    (tmp_path / "t-train.csv").write_text("a,y\n1,2.5\n2,1\n3,\n4,30.5\n")
    (tmp_path / "t-test.csv").write_text("a,y\n5,1.5\n6,\n7,2\n")
    (table,) = quality.read_tables([tmp_path], packaged=False, only=())
    train, test = table.write_split(tmp_path, 3, None)
    assert not table.classes
    assert train.read_text().split() == ["a,y", "1,2.5", "2,1", "4,30.5"]
    assert test.read_text().split() == ["a,y", "5,1.5", "7,2"]
