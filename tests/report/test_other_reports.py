"""Reports of searches, comparisons and measurements: numbers against what was found, and hostile names."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import studentized_range
from tests.comparison.test_saved import ALL_DIVERGED, FOUND, saved
from tests.report.reading import check
from tests.shown.test_notebook import HOSTILE
from tests.shown.test_searches import IMPORTANCE, TRIALS

import batchwright as bw
from batchwright._shown import figure_text
from batchwright.report import contents, page, write_report
from batchwright.report.search_contents import _halving, _sentence, _trials, _what_mattered, rungs_of
from batchwright.runs.searches import SearchPlan, create_search
from batchwright.search.objective import LOSS, Objective
from batchwright.search.saved import SavedSearch, describe_result
from batchwright.search.study import Finished, Outcome


def test_a_search_is_told_whole_and_the_numbers_are_those_of_its_files(searched):
    found = check(page(contents(searched)))
    lines = [json.loads(line) for line in (searched.path / "trials.jsonl").read_text().splitlines()]
    assert len(lines) == 14
    best_first = sorted(lines, key=lambda one: (one["value"] is None, one["value"]))
    table = found.table("Every trial")
    assert [int(row[0]) for row in table] == [one["number"] for one in best_first]
    assert [row[1] for row in table] == [
        "" if one["value"] is None else figure_text(one["value"]) for one in best_first
    ]
    assert [int(row[2]) for row in table] == [len(one["curve"]) for one in best_first]
    stopped = [one for one in lines if one["ending"] == "stopped"]
    [first, *_] = found.table("Trials by epoch")
    epoch = min(len(one["curve"]) for one in stopped)
    assert [int(cell) for cell in first[:3]] == [epoch, 14, sum(len(one["curve"]) == epoch for one in stopped)]
    shares = {row[0]: row[1] for row in found.table("Importance of the settings")}
    assert searched.importance is not None
    assert shares == {one.name: figure_text(one.share) for one in searched.importance.fanova}
    best = bw.open_run(searched.path)
    for row in found.table("Metrics"):
        assert row[1:] == [figure_text(best.metrics[part][row[0]]) for part in ("train", "validation", "test")]
    assert ["optimizer.learning_rate", "log", "[0.001, 10]", ""] in found.table("Space")
    by_key = {row[0]: row[1:3] for row in found.table("Settings")}
    assert by_key["network.activation"][1] == "search"
    assert f"batchwright search --config {searched.path / 'space.yaml'} --trials 14" in found.text
    drawn = {given["aria-label"] for tag, given in found.tags if tag == "svg" and given.get("class") == "bw-figure"}
    assert {"What mattered in the search", "Trials that were trained in each epoch", "Loss by epoch"} <= drawn
    assert any(name.startswith("Trials by their settings") for name in drawn)


def test_what_was_stopped_when_is_counted():
    trials = (*TRIALS, Finished(4, {}, Outcome("stopped", 0.65, (0.8, 0.65))))
    assert rungs_of(trials, LOSS) == ((1, 5, 1, 1, 3, 0.7, 0.9), (2, 3, 1, 0, 0, 0.65, None))
    larger = Objective("val_accuracy", larger_is_better=True)
    assert rungs_of(trials, larger)[0] == (1, 5, 1, 1, 3, 0.7, 0.4)


def test_rounds_are_told_where_there_are_several_and_one_setting_has_no_rivals(tmp_path):
    nine = tuple(replace(TRIALS[0], number=number) for number in range(9))
    trials = (*nine, replace(TRIALS[2], number=9, chosen={"optimizer.learning_rate": 0.1}))
    plan = SearchPlan("iris", "0" * 64, 9, 1, "halving")
    of_one = SavedSearch(tmp_path, trials, LOSS, replace(IMPORTANCE, fanova=IMPORTANCE.fanova[:1], seeds=0.25))
    assert "There were 2 rounds, of 8 + 1 trials" in _halving(of_one, plan).blocks[0].text
    assert "There were" not in _halving(of_one, replace(plan, trials=8)).blocks[0].text
    [words] = _what_mattered(of_one.importance).blocks
    assert words.text.startswith(f"{_sentence(IMPORTANCE.sentence)}") and words.text.endswith(
        " The seed has 25% of the variance."
    )
    assert len(_what_mattered(IMPORTANCE).blocks) > 2


@pytest.mark.parametrize(("settings", "whole"), [(1, False), (3, False), (4, True), (9, True)])
def test_many_settings_are_drawn_as_wide_as_the_page(tmp_path, settings, whole):
    chosen = {f"network.setting_{place}": float(place) for place in range(settings)}
    trials = tuple(replace(one, chosen=chosen) for one in TRIALS)
    chart = _trials(SavedSearch(tmp_path, trials, LOSS, None)).blocks[0]
    assert chart.whole == whole
    width = float(chart.svg.text.split('viewBox="0 0 ')[1].split()[0])
    assert width == max(1120 if whole else 640, 150 * settings)


def unfinished(folder: Path, space: str = "network.name: mlp\n") -> Path:
    """The folder of a search with hostile names that has not trained its best trial anew."""
    lines = [
        {"number": one.number, "settings": dict(one.chosen), "ending": one.outcome.ending}
        | {"value": one.outcome.value, "curve": list(one.outcome.curve)}
        for one in TRIALS
    ]
    with create_search(folder, SearchPlan(HOSTILE, "0" * 64, 9, 2, "hyperband", objective=HOSTILE), space) as search:
        search.write_trials(lines, None)
        search.write_result(describe_result(LOSS, IMPORTANCE))
    return folder


@pytest.mark.parametrize("space", ["network: {name: {custom: x}}\n", "a: [", "network: {name: mlp}\n"])
def test_an_unfinished_search_says_so_and_hostile_names_stay_text(tmp_path, space):
    text = page(contents(bw.open_search(unfinished(tmp_path / "found", space))))
    found = check(text)
    assert f"4 of 9 trials are done. The search in {tmp_path / 'found'} has not finished:" in found.text
    assert "1 diverged" in found.text and "\x1b" not in text and "\u202e" not in text
    assert found.table("Every trial")[-1][1] == "", "a trial that diverged has no value"


def test_a_damaged_best_run_and_a_search_without_trials_are_told(searched, tmp_path):
    shutil.copytree(searched.path, tmp_path / "found")
    manifest = tmp_path / "found" / "best" / "manifest.json"
    manifest.write_text(manifest.read_text().replace("finished", "finishes", 1))
    text = check(page(contents(bw.open_search(tmp_path / "found")))).text
    assert "14 of 14 trials are done." in text and "was changed or damaged since it was written" in text
    (tmp_path / "found" / "trials.jsonl").write_text("")
    assert "0 of 14 trials are done." in check(page(contents(bw.open_search(tmp_path / "found")))).text


def test_a_comparison_is_told_whole_and_its_intervals_are_those_of_tukey(compared):
    found = check(page(contents(compared)))
    rows = compared.compared.rows
    assert [row[0] for row in found.table("Variants")] == [row.name for row in rows]
    assert [row[1] for row in found.table("Variants")] == [figure_text(row.validation.mean) for row in rows]
    losses = np.array([row.by_seed for row in rows])
    centred = losses - losses.mean(axis=1, keepdims=True) - losses.mean(axis=0) + losses.mean()
    residual = np.sqrt((centred**2).sum() / 4)  # (3 variants - 1) · (3 seeds - 1)
    least = studentized_range.ppf(0.95, 3, 4) * residual / np.sqrt(3)
    for row, variant in zip(found.table("Differences from"), rows[1:], strict=True):
        difference = np.mean(variant.by_seed) - np.mean(rows[0].by_seed)
        assert row[:2] == [variant.name, figure_text(float(difference))]
        assert (float(row[3]) - float(row[2])) / 2 >= least - 1e-3, "never narrower than Tukey's"
        assert row[4] == ("yes" if float(row[2]) > 0 else "no")
    assert [row[:3] for row in found.table("Stable")] == [
        [row.name, *map(figure_text, row.stable_range)] for row in rows if row.stable_range
    ]
    seeds = found.table("Validation loss of every seed")
    tuned = [row.tuned[seed]["optimizer.learning_rate"] for row in rows for seed in range(3)]
    assert [row[3] for row in seeds] == [figure_text(rate) for rate in tuned]
    times = [[row.name, figure_text(row.seconds_per_epoch)] for row in rows]
    assert [[row[0], row[-1]] for row in found.table("Time to the target")] == times
    assert "with 95 % (Tukey's test of all pairs of the 3)" in found.text
    keys = {row[0] for row in found.table("Settings")}
    assert "training.epochs" in keys and not {"optimizer.name", "optimizer.learning_rate"} & keys
    assert compared.compared.verdict in found.text
    command = f"batchwright compare --config {compared.path / 'space.yaml'} --vary optimizer.name=sgd,adam,lion"
    assert f"{command} --trials 2 --seeds 3" in found.text


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda one: one, ["Diverged in every trial: worse.", "holds with 95 % (Student's paired test)"]),
        (lambda _: ALL_DIVERGED, ["All that was compared has diverged.", "No learning rates were tried."]),
        (lambda one: replace(one, rows=one.rows[:1]), ["take two variants that did not diverge"]),
        (lambda one: replace(one, rows=()), ["All that was compared has diverged."]),
    ],
)
def test_other_comparisons_and_hostile_names(tmp_path, change, says):
    text = page(contents(bw.open_comparison(saved(tmp_path / "found", change(FOUND)))))
    found = check(text)
    assert "\x1b" not in text and "\u202e" not in text
    for words in says:
        assert words in found.text


def test_a_report_lies_in_the_folder_and_equal_folders_give_equal_pages(searched, compared):
    for one in (searched, compared):
        assert write_report(one) == one.path / "report.html"
        assert (one.path / "report.html").read_text(encoding="utf-8") == page(contents(one))
