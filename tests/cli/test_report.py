"""`train --report` and `report --html`: one file about a run, where it was asked for."""

import json
import re

from tests.report.reading import check


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


def test_a_measurement_writes_a_page(batchwright, tmp_path):
    linear = ("iris", "--network", "linear", "--batch-size", 16)
    for verb, title in (("find-learning-rate", "Learning rate"), ("find-batch-size", "Batch size")):
        said = batchwright(verb, *linear, "--html", f"{verb}.html", "--json")
        assert said.code == 0, said.err
        text = (tmp_path / f"{verb}.html").read_text()
        found, told = check(text), json.loads(said.out)
        assert re.search(f"<h1>{title} [0-9.e-]+ for iris</h1>", text)
        assert f"batchwright {verb} iris --set network.name=linear --set training.batch_size=16" in found.text
        table = found.table("Every learning rate" if "rate" in verb else "Batch sizes")
        assert len(table) == len(told["table"])
        assert told["reason"][1:] in found.text
        if verb == "find-batch-size":
            assert [row[0] for row in table if row[1] == "yes"] == [f"{told['recommended']:,}"]
    refused = batchwright("find-learning-rate", *linear, "--html", "none/rates.html")
    assert refused.code == 2 and "the folder none does not exist" in refused.err
    (tmp_path / "mine.html").write_text("<p>mine</p>")
    refused = batchwright("find-batch-size", *linear, "--html", "mine.html")
    assert refused.code == 2 and "mine.html exists already and is not a report" in refused.err


def test_the_report_of_a_search_tells_the_search_and_then_its_best_run(batchwright, tmp_path):
    space = ("--learning-rate", "{log: [1e-3, 1]}", "--network", "linear", "--batch-size", 26, "--epochs", 7)
    assert batchwright("search", "iris", *space, "--trials", 4, "--run-dir", "found").code == 0
    said = batchwright("report", "found").out
    assert said.startswith("found: search on iris: 4 of 4 trials; 0 diverged, 2 were stopped early\n")
    assert said.index("the best trial, trained anew:") < said.index("found/best: finished")
    told = json.loads(batchwright("report", "found", "--json").out)
    assert told["run"] == "found/best" and told["search"]["folder"] == "found"
    lines = [json.loads(line) for line in (tmp_path / "found" / "trials.jsonl").read_text().splitlines()]
    assert [one["value"] for one in told["search"]["trials"]] == [one["value"] for one in lines]
    assert batchwright("report", "found", "--html").out == "report: found/report.html\n"
    check((tmp_path / "found" / "report.html").read_text())
    assert batchwright("report", "found", "--csv", "tables").code == 0
    assert (tmp_path / "tables" / "trials.csv").exists()

    (tmp_path / "found" / "best").rename(tmp_path / "away")
    said = batchwright("report", "found")
    assert said.code == 0 and "the search in found has not finished" in said.out
    assert "run" not in json.loads(batchwright("report", "found", "--json").out)
