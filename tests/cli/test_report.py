"""`train --report` and `report --html`: one file about a run, where it was asked for."""

import json


def test_train_writes_a_report_and_report_writes_it_elsewhere(batchwright, tmp_path):
    said = batchwright("train", "iris", "--epochs", 2, "--run-dir", "run", "--report", "--json")
    assert said.code == 0
    assert json.loads(said.out)["report"] == "run/report.html"
    first = (tmp_path / "run" / "report.html").read_text()
    assert first.startswith("<!doctype html>")
    said = batchwright("report", "run", "--html")
    assert said.out == "report: run/report.html\n"
    said = batchwright("report", "run", "--html", "elsewhere.html", "--json")
    assert json.loads(said.out) == {"run": "run", "html": "elsewhere.html"}
    assert (tmp_path / "elsewhere.html").read_text() == first

    (tmp_path / "rows.csv").write_text("a,b\n")
    refused = batchwright("report", "run", "--html", "rows.csv")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == "batchwright: rows.csv exists already and is not a report: give another name, or remove it.\n"
    refused = batchwright("report", "run", "other.html")
    assert refused.code == 2
    assert "--html writes a report into a file" in refused.err


def test_a_training_that_diverges_leaves_a_report_too(batchwright, tmp_path):
    words = ("--optimizer", "sgd", "--learning-rate", 1e30, "--epochs", 2, "--run-dir", "run", "--report")
    said = batchwright("train", "diabetes", *words)
    assert said.code == 3
    assert "The training has diverged" in (tmp_path / "run" / "report.html").read_text()
