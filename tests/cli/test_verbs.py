import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from batchwright.runs.folder import create
from batchwright.runs.run import open_run

LINEAR = ("--network", "linear")
QUICK = (*LINEAR, "--epochs", 2, "--batch-size", 16)


def test_train_prints_one_json_object_with_all_that_is_known(batchwright, table: Path) -> None:
    answer = batchwright("train", table, "--target", "bought", *QUICK, "--json")
    assert answer.code == 0
    told = json.loads(answer.out)
    assert told["plan"] | {"parameters": 0, "memory_bytes": 0} == {
        "training_rows": 70,
        "batch_size": 16,
        "iterations_per_epoch": 5,
        "epochs": 2,
        "updates": 10,
        "last_batch_rows": 6,
        "descent": "mini-batch gradient descent",
        "parameters": 0,
        "memory_bytes": 0,
        "frozen_parameters": 0,
        "compiled": "quickly",
    }
    assert told["plan"]["parameters"] > 0
    assert told["plan"]["memory_bytes"] > 0
    assert set(told["seconds"]) == {"load", "compile", "fit", "evaluate", "total"}
    assert told["settings"]["training.epochs"] == {"value": 2, "origin": "user"}
    assert told["settings"]["training.seed"]["origin"] == "default"
    assert {"accuracy", "loss", "roc_auc"} <= set(told["test"])
    assert Path(told["run"]).is_dir()


def test_without_a_terminal_there_is_one_line_per_epoch(batchwright) -> None:
    answer = batchwright("train", "iris", *QUICK)
    assert answer.code == 0
    assert answer.err.count("\nepoch ") == 2
    assert "iterations per epoch" in answer.err
    assert "accuracy" in answer.out
    assert "run: runs/iris-1" in answer.out
    assert "\x1b[" not in answer.out + answer.err


def test_a_saved_run_measures_and_predicts_as_the_trained_model_did(batchwright, table: Path) -> None:
    trained = json.loads(batchwright("train", table, "--target", "bought", "--test", table, *QUICK, "--json").out)
    measured = json.loads(batchwright("evaluate", trained["run"], table, "--json").out)
    assert measured["metrics"] == trained["test"]

    answer = batchwright("predict", trained["run"], table, "--output", "out.csv")
    assert answer.code == 0
    found = pl.read_csv("out.csv")
    assert found.columns == ["predicted_bought", "probability_no", "probability_yes"]
    right = (found["predicted_bought"] == pl.read_csv(table)["bought"]).mean()
    assert right == pytest.approx(trained["test"]["accuracy"])
    assert batchwright("predict", trained["run"], table).out == Path("out.csv").read_text()
    assert batchwright("predict", trained["run"], table, "--output", "out.parquet").code == 0
    assert pl.read_parquet("out.parquet").equals(found)


def test_values_are_predicted_in_their_own_unit(batchwright) -> None:
    trained = json.loads(
        batchwright(
            "train", "line", "--epochs", 30, "--batch-size", 8, "--network", "linear", "--learning-rate", 0.05, "--json"
        ).out
    )
    assert trained["test"]["r2"] > 0.9
    assert batchwright("predict", trained["run"], "line").out.startswith("predicted_y\n")


def test_check_tells_the_plan_and_writes_nothing(batchwright) -> None:
    answer = batchwright("check", "digits", *LINEAR, "--batch-size", 100, "--epochs", 10, "--json")
    plan = json.loads(answer.out)["plan"]
    assert (plan["training_rows"], plan["iterations_per_epoch"], plan["updates"]) == (1257, 13, 130)
    assert not Path("runs").exists()
    assert "1,257" in batchwright("check", "digits", *LINEAR).out


def test_a_run_can_be_trained_again_from_its_own_configuration(batchwright) -> None:
    first = json.loads(batchwright("train", "iris", *QUICK, "--json").out)
    again = json.loads(batchwright("train", "--config", f"{first['run']}/config.yaml", "--json").out)
    assert again["test"] == first["test"]
    assert again["plan"] == first["plan"]


def test_the_rightmost_assignment_wins_over_options_and_file(batchwright) -> None:
    Path("run.yaml").write_text("data: {source: iris}\ntraining: {epochs: 7}\n")
    words = ("check", "--config", "run.yaml", *LINEAR, "--epochs", 5, "--json")
    assert json.loads(batchwright(*words).out)["plan"]["epochs"] == 5
    words += ("--set", "training.epochs=3", "--set", "training.epochs=4")
    assert json.loads(batchwright(*words).out)["plan"]["epochs"] == 4


def test_init_writes_a_configuration_that_trains(batchwright) -> None:
    assert batchwright("init", "my.yaml", "--source", "iris").code == 0
    assert batchwright("check", "--config", "my.yaml").code == 0
    assert batchwright("init", "my.yaml").code == 2


def test_init_writes_the_schema_that_it_names_to_editors(batchwright, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    said = batchwright("init", "runs/my.yaml", "--schema")
    assert said.code == 0 and "runs/batchwright.schema.json is written" in said.out + said.err
    first, rest = (tmp_path / "runs/my.yaml").read_text().split("\n", 1)
    named = first.removeprefix("# yaml-language-server: $schema=")
    assert json.loads((tmp_path / "runs" / named).read_text()) == json.loads(batchwright("schema").out)
    assert batchwright("init", "other.yaml").code == 0
    assert (tmp_path / "other.yaml").read_text() == rest
    assert not (tmp_path / named).exists()


def test_schema_is_a_json_schema(batchwright) -> None:
    schema = json.loads(batchwright("schema").out)
    assert {"data", "network", "optimizer", "schedule", "task", "training"} == set(schema["properties"])


def test_runs_are_listed_oldest_first(batchwright) -> None:
    assert "there are no runs" in batchwright("runs").out
    for _ in range(2):
        batchwright("train", "iris", *QUICK)
    listed = json.loads(batchwright("runs", "--json").out)
    assert [row["run"] for row in listed] == ["runs/iris-1", "runs/iris-2"]
    assert "runs/iris-2" in batchwright("runs").out


def test_a_report_tells_of_a_run_and_of_who_chose_what(batchwright, table: Path) -> None:
    odd = Path("[bold] :smile: rows.csv")
    odd.write_bytes(table.read_bytes())
    trained = json.loads(batchwright("train", odd, "--target", "bought", *QUICK, "--run-dir", "run", "--json").out)
    told = json.loads(batchwright("report", "run", "--json").out)
    assert told["test"] == trained["test"]
    assert told["status"] == "finished" and told["verdict"] == trained["verdict"]
    plain = {key: {name: said for name, said in one.items() if name != "file"} for key, one in told["settings"].items()}
    assert plain == trained["settings"]
    said = batchwright("report", "run").out
    assert said.startswith("run: finished: all 2 epochs are done\n")
    assert "data.source" in said and f'"{odd}"' in said, "brackets and colons are the user's"
    defaults = sum(setting["origin"] == "default" for setting in told["settings"].values())
    assert f"{defaults} settings have their defaults, see run/config.yaml" in said
    assert f"\n{told['verdict']['kind']}: {told['verdict']['reason']}\n" in said
    missing = batchwright("report", "ran")
    assert missing.code == 2 and "Did you mean run?" in missing.err


def test_a_full_batch_is_batch_gradient_descent(batchwright) -> None:
    plan = json.loads(batchwright("check", "iris", *LINEAR, "--batch-size", "full", "--json").out)["plan"]
    assert plan["descent"] == "batch gradient descent"
    assert plan["iterations_per_epoch"] == 1
    large = batchwright("check", "iris", *LINEAR, "--batch-size", 5000)
    assert "batch size 5,000 is more than the 104 training rows" in large.err
    assert large.code == 0


def test_divergence_leaves_a_run_and_exit_code_3(batchwright) -> None:
    rule = ("--optimizer", "sgd", "--learning-rate", 1e30, "--schedule", "constant")
    answer = batchwright("train", "diabetes", *rule, *QUICK, "--json")
    assert answer.code == 3
    told = json.loads(answer.out)
    assert told["status"] == "diverged"
    assert "iteration" in answer.err
    assert "learning rate of 1e+30" in answer.err
    assert json.loads(batchwright("runs", "--json").out)[0]["status"] == "diverged"
    reported = batchwright("report", told["run"])
    assert reported.code == 0
    assert reported.out.startswith(f"{told['run']}: diverged: the loss ")
    assert "unknown:" not in reported.out, "there is nothing to judge"


def test_a_report_of_a_run_that_had_hardly_begun_tells_what_there_is(batchwright, tmp_path: Path) -> None:
    with create(tmp_path / "run", "rows.csv"):
        pass
    answer = batchwright("report", "run")
    assert answer.code == 0, answer.err
    assert answer.out.startswith("run: ") and "rows.csv" in answer.out
    assert "settings" not in answer.out


@pytest.mark.parametrize("weighted", [False, True])
def test_evaluating_on_the_rows_of_the_run_says_so(batchwright, table: Path, *, weighted: bool) -> None:
    frame = pl.read_csv(table).with_columns(w=pl.int_range(pl.len()) % 3)
    frame.write_csv("whole.csv")
    options = ("--weights", "w") if weighted else ()
    run = json.loads(batchwright("train", "whole.csv", "--target", "bought", *options, *QUICK, "--json").out)["run"]
    note = "these are the rows of the run itself, and it was trained on 70% of them"
    (said,) = json.loads(batchwright("evaluate", run, "whole.csv", "--json").out)["notes"][-1:]
    assert said.startswith(note)
    assert note in batchwright("evaluate", run, "whole.csv").err
    for other in (frame[2:], frame[::-1], frame.with_columns(pl.col("first") + 1)):
        other.write_csv("other.csv")
        said = batchwright("evaluate", run, "other.csv").err
        assert note not in said and "is the file that the run was trained on" not in said


def test_evaluating_on_the_file_of_the_run_says_so_where_the_run_used_other_rows_too(batchwright, table: Path) -> None:
    pl.read_csv(table).head(20).write_csv("later.csv")
    words = ("--target", "bought", "--test", "later.csv", *QUICK)
    run = json.loads(batchwright("train", table, *words, "--json").out)["run"]
    note = f"{table.name} is the file that the run was trained on"
    assert note in batchwright("evaluate", run, table).err
    assert note not in batchwright("evaluate", run, "later.csv").err


def test_a_run_whose_splits_are_damaged_is_evaluated_all_the_same(batchwright, table: Path) -> None:
    run = json.loads(batchwright("train", table, "--target", "bought", *QUICK, "--json").out)["run"]
    (Path(run) / "splits.safetensors").write_bytes(b"damaged")
    assert batchwright("evaluate", run, table).code == 0


def test_a_run_that_was_killed_before_it_began_is_trained_anew(batchwright, tmp_path: Path) -> None:
    folder = create(tmp_path / "run", "rows.csv")
    assert open_run(folder.path).status == "running"
    folder._lock.release()
    killed = open_run(folder.path)
    assert (killed.status, killed.reason) == ("killed", "its training had not begun: train anew")


def test_evaluation_without_the_target_says_what_is_missing(batchwright, table):
    assert batchwright("train", table, "--target", "bought", *QUICK, "--run-dir", "run").code == 0
    table.write_text("\n".join(line.rpartition(",")[0] for line in table.read_text().splitlines()) + "\n")
    answer = batchwright("evaluate", "run", table)
    assert answer.code == 2
    assert "has no column 'bought', the target" in answer.err
    assert batchwright("predict", "run", table).code == 0


def test_a_folder_of_runs_that_is_not_there_is_an_error(batchwright):
    assert batchwright("runs").code == 0
    answer = batchwright("runs", "nope")
    assert answer.code == 2
    assert "there is no folder nope" in answer.err


def test_predictions_of_a_run_that_diverged_come_with_a_warning(batchwright):
    words = ("--optimizer", "sgd", "--learning-rate", "1e30", "--schedule", "constant", "--run-dir", "run")
    assert batchwright("train", "iris", *words).code == 3
    answer = batchwright("predict", "run", "iris")
    assert answer.code == 0
    assert "note: the training of run has diverged" in answer.err


def test_what_is_worse_than_no_model_is_said_and_recorded(batchwright, tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    numbers = generator.normal(size=200)
    rows = [f"{number:.3f},{'rare' if place % 20 == 0 else 'common'}" for place, number in enumerate(numbers)]
    (tmp_path / "t.csv").write_text("\n".join(["x,y", *rows]) + "\n")
    answer = batchwright("train", "t.csv", "--target", "y", "--network", "linear", "--epochs", "30",
                         "--learning-rate", "0.05", "--run-dir", "run")  # fmt: skip
    assert answer.code == 0, answer.err
    said = "note: on the test rows no row is predicted as 'rare'"
    assert said in answer.out
    assert said in batchwright("report", "run").out
    assert "no row is predicted as 'rare'" in batchwright("evaluate", "run", "t.csv").out
