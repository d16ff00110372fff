"""`batchwright diagnose`: what a person sees, what a program reads, and the configuration that it writes."""

import json
from pathlib import Path

from batchwright.config import load_config

SLOW = ("--network", "mlp", "--hidden-layer-sizes", "[8]", "--learning-rate", 1e-6, "--epochs", 9, "--batch-size", 16)


def test_a_fault_is_told_with_options_and_a_configuration_that_mends_it(batchwright, table: Path) -> None:
    trained = json.loads(batchwright("train", table, "--target", "bought", *SLOW, "--run-dir", "run", "--json").out)
    assert trained["diagnosis"][0]["kind"] == "learning rate too low"
    told = json.loads(batchwright("diagnose", "run", "--json").out)
    assert told["diagnosis"] == trained["diagnosis"] and told["verdict"] == trained["verdict"]
    assert told["not_seen"] == []
    answer = batchwright("diagnose", "run", "--apply", "better.yaml")
    assert answer.code == 0 and "learning rate too low (" in answer.out
    rate = told["diagnosis"][0]["changes"]["optimizer.learning_rate"]
    assert f"  options: --learning-rate {rate:g}\n" in answer.out and "`" not in answer.out.partition("better.yaml")[0]
    better = load_config("better.yaml").config
    assert better.optimizer.learning_rate == rate > 1e-5 and better.training.epochs == 9
    assert batchwright("diagnose", "run", "--apply", "better.yaml").code == 2, "nothing is overwritten"
    assert "learning rate too low (" in batchwright("report", "run").out


def test_without_its_rows_a_run_is_judged_by_the_rest(batchwright, table: Path) -> None:
    batchwright("train", table, "--target", "bought", *SLOW, "--no-diagnostics", "--run-dir", "run")
    table.unlink()
    answer = batchwright("diagnose", "run")
    assert answer.code == 0
    assert "not seen: the rows were not read again: " in answer.out
    assert "--diagnostics" in answer.out, "the figures of layers are missing"


def test_a_run_that_diverged_names_a_lower_rate(batchwright) -> None:
    rule = ("--optimizer", "sgd", "--learning-rate", 1e30, "--schedule", "constant", "--network", "linear")
    answer = batchwright("train", "diabetes", *rule, "--epochs", 2, "--run-dir", "run")
    assert answer.code == 3 and "run: run" in answer.out
    told = json.loads(batchwright("diagnose", "run", "--json").out)
    assert told["diagnosis"][0]["kind"] == "diverged"
    assert told["diagnosis"][0]["changes"] == {"optimizer.learning_rate": 1e29}
    assert "diverged (sure): " in batchwright("report", "run").out
    missing = batchwright("diagnose", "ran")
    assert missing.code == 2 and "Did you mean run?" in missing.err
