"""Reports of real runs of every kind: numbers against other code, hostile names, what is missing."""

import json
import re
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support
from tests.report.reading import check

from batchwright._shown import figure_text
from batchwright.errors import UsageError
from batchwright.figures import Axis, Line, line_chart
from batchwright.report import Contents, contents, page, write_report
from batchwright.report.blocks import Chart, Section, Words
from batchwright.report.curves import curves_section
from batchwright.report.gathered import Gathered, gather
from batchwright.report.layers import layers_section
from batchwright.runs.predictions import predict
from batchwright.runs.run import Run, open_run
from batchwright.workflow import check as check_settings
from batchwright.workflow.training import recorded_settings


def test_of_two_classes_all_is_there_and_the_numbers_are_those_of_the_run(trained, page_of):
    run = trained("sign")
    found = check(page_of(run))
    for row in found.table("Metrics"):
        assert row[1:] == [figure_text(run.metrics[part][row[0]]) for part in ("train", "validation", "test")]
    true, predicted, classes = answers_of(run)
    expected = confusion_matrix(true, predicted, labels=classes)
    rows = found.table("Confusion matrix")
    assert [[int(cell) for cell in row[1:]] for row in rows] == expected.tolist()
    precision, recall, f1, count = precision_recall_fscore_support(
        true, predicted, labels=classes, zero_division=np.nan
    )
    for place, row in enumerate(found.table("Figures of each class")):
        figures = [figure_text(values[place]) for values in (precision, recall, f1)]
        assert row[:5] == [classes[place], str(count[place]), *figures]
    titles = [given["aria-label"] for tag, given in found.tags if tag == "svg" and given.get("class") == "bw-figure"]
    assert {"Loss by epoch", "ROC", "Precision and recall", "Importance", "Learning rate by iteration"} <= set(titles)
    assert "Calibration: probability of plus" in titles


def answers_of(run):
    """The test rows' true and predicted classes, by the splits of the run and `predict`."""
    rows = pl.read_csv(json.loads((run.path / "manifest.json").read_text())["paths"]["data.source"])
    chosen = run.indices().test
    target = run.encoding.target.name
    return (
        rows[target][chosen].to_list(),
        predict(run, rows).answers[chosen].tolist(),
        list(run.encoding.target.classes),
    )


def test_every_filled_cell_of_the_confusion_matrix_leads_to_rows_of_that_cell(trained, page_of):
    run = trained("third")
    text = page_of(run)
    check(text)
    cells = re.findall(r'<td class="number (?:right|wrong) h\d+">(?:<a href="#([^"]+)">)?(\d+)', text)
    assert len(cells) == 9
    assert all(bool(link) == (count != "0") for link, count in cells)
    true, predicted, _ = answers_of(run)
    lines = run.indices().test + 2
    for group in re.findall(r'<tbody id="answers-\d-\d">(.*?)</tbody>', text):
        told = re.search(r"true (\w+), predicted (\w+)", group)
        places = [int(line) for line in re.findall(r'<th scope="row">line (\d+)</th>', group)]
        assert places
        for line in places:
            at = int(np.flatnonzero(lines == line)[0])
            assert (str(true[at]), str(predicted[at])) == (told[1], told[2])


def test_the_gain_is_over_the_most_frequent_class_and_the_mean_of_the_training_rows(trained, page_of):
    run = trained("sign")
    rows = pl.read_csv(run.manifest.paths["data.source"])
    indices = run.indices()
    training, test = rows["sign"][indices.train], rows["sign"][indices.test]
    most = training.mode()[0]
    gain = {row[0]: row[1:] for row in check(page_of(run)).table("Gain over")}
    assert gain["accuracy"][1] == figure_text((test == most).mean())
    share = (training == "plus").mean()
    log_loss = -np.mean(np.where(test == "plus", np.log(share), np.log(1 - share)))
    assert gain["log_loss"][1] == figure_text(float(log_loss))
    assert gain["roc_auc"][1] == "0.5000"

    run = trained("price")
    indices = run.indices()
    values = rows["price"].to_numpy()
    errors = values[indices.test] - values[indices.train].mean()
    gain = {row[0]: row[1:] for row in check(page_of(run)).table("Gain over")}
    assert float(gain["rmse"][1]) == pytest.approx(np.sqrt((errors**2).mean()), abs=1e-3)
    assert float(gain["mae"][1]) == pytest.approx(np.abs(errors).mean(), abs=1e-3)


def test_of_values_the_errors_by_quantile_are_those_of_the_rows(trained, page_of):
    run = trained("price")
    found = check(page_of(run))
    rows = pl.read_csv(run.manifest.paths["data.source"])
    chosen = run.indices().test
    true, given = rows["price"].to_numpy()[chosen], predict(run, rows).answers[chosen]
    order = np.array_split(np.argsort(given, kind="stable"), 10)
    for row, part in zip(found.table("Errors of price"), order, strict=True):
        assert int(row[1]) == len(part)
        assert float(row[4]) == pytest.approx((given - true)[part].mean(), abs=2e-3)
        assert float(row[6]) == pytest.approx(np.quantile((given - true)[part], 0.1), abs=2e-3)


@pytest.mark.parametrize(
    ("target", "words", "says"),
    [
        ("tags", ("--task", "multilabel"), ["Figures of each label", "Calibration: probability of each label"]),
        ("sign,price", (), ["Answers: sign", "Answers: price", "Error by quantile"]),
        ("price", ("--loss", "quantile"), ["Predicted quantiles"]),
        (
            "third",
            ("--validation-split", 0, "--epochs", 1),
            ["There are no validation rows", "One epoch is a point, not a curve."],
        ),
    ],
)
def test_other_kinds_of_targets_and_short_runs(trained, target, words, says):
    text = page(contents(trained(target, *words)))
    check(text)
    for words_said in says:
        assert words_said in text


def test_of_images_there_are_pictures(trained):
    text = page(contents(trained("", source="digits")))
    found = check(text)
    pictures = [given for tag, given in found.tags if tag == "img"]
    assert len(pictures) >= 30
    assert "the input is a whole image" in text
    assert "Dead units" in text


def test_a_run_without_its_rows_says_what_is_not_there_and_shows_the_rest(trained, tmp_path):
    run = trained("sign")
    moved = replace(run.manifest, paths={**run.manifest.paths, "data.source": str(tmp_path / "gone.csv")})
    (tmp_path / "config.yaml").write_text(run.config)
    text = page(contents(Run(run.path, replace(moved, fingerprint="other"))))
    found = check(text)
    assert "what needs the rows of the run is not in this report:" in text
    assert found.table("Confusion matrix")
    assert "From the record, of the test rows" in text
    assert "Worst rows" in text


def test_a_run_that_diverges_at_once_has_a_report(trained):
    run = trained("price", "--optimizer", "sgd", "--learning-rate", 1e30)
    assert run.status == "diverged"
    text = page(contents(run))
    check(text)
    assert "The training has diverged" in text
    assert "numbers that are not finite" in text


def test_numbers_that_are_not_finite_in_the_history_are_counted(trained):
    run = trained("sign")
    rows = [row | {"loss": float("nan"), "val_loss": float("inf")} for row in run.history[:1]] + run.history[1:]
    section = curves_section(Gathered(run, tuple(rows)))
    assert "The training loss of 1 epoch is not finite." in section.blocks[0].text
    nothing = curves_section(Gathered(run, tuple({"epoch": n, "loss": float("nan")} for n in (1, 2))))
    assert "2 epochs are not finite" in nothing.blocks[0].text
    assert "no epoch" in curves_section(Gathered(run, ())).blocks[0].text.lower()


def test_an_older_run_without_layers_says_so(trained):
    run = trained("sign")
    rows = tuple({key: row[key] for key in row if not key.startswith("layers/")} for row in run.history)
    assert "no figures of layers" in layers_section(Gathered(run, rows)).blocks[0].text


EVIL = "<script>alert(1)</script>\x1b[31m\"'&\u202e"


def test_names_and_cells_that_are_html_stay_text(trained, tmp_path):
    rng = np.random.default_rng(0)
    a = rng.normal(size=200)
    rows = {
        EVIL: a,
        "x" * 3_000: rng.choice(["<i>u</i>", "javascript:alert(2)", "-->", "]]>"], 200),
        "</style><img src=x onerror=alert(1)>": np.where(a > 0, '</table>"><svg onload=alert(3)>', "{{7*7}}"),
    }
    pl.DataFrame(rows).write_csv(tmp_path / "evil.csv")
    run = trained("</style><img src=x onerror=alert(1)>", source=tmp_path / "evil.csv")
    text = page(contents(run))
    found = check(text)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert {"i", "b"}.isdisjoint(tag for tag, _ in found.tags)
    assert "<script>alert(1)</script>" in found.text
    assert '</table>"><svg onload=alert(3)>' in found.text


def test_a_leak_that_only_the_rows_show_is_in_the_report(trained, tmp_path):
    rng = np.random.default_rng(0)
    y = rng.choice(["no", "yes"], 200)
    pl.DataFrame({"a": rng.normal(size=200), "told": np.where(y == "yes", 7.0, 3.0), "y": y}).write_csv(
        tmp_path / "leak.csv"
    )
    found = check(page(contents(trained("y", source=tmp_path / "leak.csv"))))
    assert ["leak", "likely"] in [row[:2] for row in found.table("What the training shows")]


def test_of_many_classes_the_weakest_are_listed(trained, tmp_path):
    rng = np.random.default_rng(0)
    rows = {"a": rng.normal(size=600), "y": [f"class {row % 150}" for row in range(600)]}
    pl.DataFrame(rows).write_csv(tmp_path / "many.csv")
    found = check(page(contents(trained("y", "--epochs", 1, source=tmp_path / "many.csv"))))
    assert len(found.table("Figures of each class; of 150 classes, the 100 with the lowest F1")) == 100


def test_what_is_too_large_is_left_out_and_the_page_says_so():
    rng = np.random.default_rng(0)
    line = Line("noise", np.arange(200_000), rng.normal(size=200_000))
    lines = [replace(line, name=f"line {number}") for number in range(24)]
    chart = Chart(line_chart(lines, Axis("x"), Axis("y"), title="Large", width=6_000))
    assert 2 * len(chart.svg.text) > 1_000_000
    text = page(Contents("t", "", (Section("one", "One", (chart, chart, Words("stays"))),)))
    check(text)
    assert text.count("Left out here, as the report would have more than a megabyte: Large") == 1
    assert "stays" in text


def test_equal_runs_give_equal_pages(trained, page_of):
    run = trained("sign")
    assert page_of(run) == page(contents(run))


def test_a_report_replaces_a_report_and_no_other_file(trained, tmp_path):
    run = trained("sign")
    place = write_report(run, tmp_path / "a.html")
    assert write_report(run, place) == place
    (tmp_path / "rows.csv").write_text("a,b\n")
    with pytest.raises(UsageError, match=r"rows\.csv exists already and is not a report"):
        write_report(run, tmp_path / "rows.csv")
    with pytest.raises(UsageError, match="does not exist"):
        write_report(run, tmp_path / "none" / "a.html")


def test_what_takes_too_long_is_left_out_and_rows_are_shown_by_their_first_columns(trained, monkeypatch):
    run = trained("sign")
    monkeypatch.setattr("batchwright.report.gathered.MOST_COLUMNS", 2)
    assert "takes minutes" not in page(contents(run)), "its sensitive columns are found at once"
    monkeypatch.setattr("batchwright.report.gathered.has_sensitivity", lambda _: False)
    text = page(contents(run))
    found = check(text)
    assert "of 3 columns, that takes minutes" in text
    heads = found.tables["The first rows of each cell of the confusion matrix"][0]
    assert heads == ["row", "a", "b", "colour", "probability of true", "of predicted"]


def test_rows_that_were_wrong_longest_are_listed_with_their_last_mistake(trained, page_of):
    run = trained("third")
    last = run.last_wrong()
    assert last is not None
    found = check(page_of(run))
    table = found.table("Validation rows that were wrong longest, of 3 epochs")
    assert [int(row[1]) for row in table] == sorted(last.epochs[last.epochs > 0].tolist(), reverse=True)[:30]
    by_line = {f"line {row + 2}": epoch for row, epoch in zip(last.rows, last.epochs, strict=True)}
    assert all(by_line[row[0]] == int(row[1]) for row in table)
    rows = pl.read_csv(run.manifest.paths["data.source"])
    given = predict(run, rows).answers
    for row in table:
        place = int(row[0].removeprefix("line ")) - 2
        assert row[2:4] == [str(rows["third"][place]), str(given[place])]
    still = [float(row[4]) for row in table if row[1] == "3"]
    assert still == sorted(still), "of equal ones, the least probable first"
    assert f"{int((last.epochs == 0).sum()):,} were never answered wrongly after an epoch" in found.text


def test_last_mistakes_are_told_without_the_rows_and_where_there_are_none(trained, page_of, tmp_path):
    run = trained("third")
    moved = replace(run.manifest, paths={**run.manifest.paths, "data.source": str(tmp_path / "gone.csv")})
    last = run.last_wrong()
    gone = Run(run.path, replace(moved, fingerprint="other"))
    table = check(page(contents(gone))).table("Validation rows that were")
    epochs = {f"row {row + 1:,}": str(epoch) for row, epoch in zip(last.rows, last.epochs, strict=True)}
    assert len(table) == min(30, int((last.epochs > 0).sum())) > 0
    assert all(epochs[row] == epoch for row, epoch in table)
    assert "It was not kept after which epoch" in page_of(trained("price"))


def test_what_looks_wrong_in_the_rows_is_told_as_check_tells_it(trained, tmp_path):
    rng = np.random.default_rng(0)
    a = rng.normal(size=200)
    rows = {"a": a, "again": a, "y": rng.choice(["no", "yes"], 200)}
    pl.DataFrame(rows).write_csv(tmp_path / "twice.csv")
    run = trained("y", source=tmp_path / "twice.csv")
    table = check(page(contents(run))).table("Findings in the rows and the plan")
    again = check_settings(recorded_settings(run)).findings
    assert [row[:3] for row in table] == [[one.severity, one.kind, one.evidence] for one in again]
    assert ["note", "duplicate column"] in [row[:2] for row in table]
    (tmp_path / "twice.csv").unlink()
    assert "It takes the rows and the model to say what looks wrong" in page(contents(run))


def test_worst_rows_are_those_that_are_explained(trained, page_of):
    run = trained("sign")
    found = gather(run)
    assert found.explained is not None
    shown = check(page_of(run)).table("The 20 test rows with the largest losses")
    assert [row[0] for row in shown] == [one.place for one in found.explained.worst]
    assert open_run(run.path).status == "finished"
