"""Figures and tables of a search, in memory and in its folder, which may be a stranger's."""

import json
import math
from pathlib import Path

import pytest
from tests.figures.drawing import dots, line_points, mapping, parse, told, words
from tests.shown.test_notebook import HOSTILE, assert_harmless

import batchwright as bw
from batchwright.errors import RunError
from batchwright.runs.searches import RESULT, SearchPlan, create_search
from batchwright.search.customary import Share
from batchwright.search.importance import Importance, Pair
from batchwright.search.objective import LOSS, Objective
from batchwright.search.saved import SavedSearch, describe_result
from batchwright.search.study import Finished, Outcome

KEYS = ("optimizer.learning_rate", "network.name", "network.hidden_layer_sizes")
TRIALS = (
    Finished(0, dict(zip(KEYS, (1e-3, "mlp", [8, 4]), strict=True)), Outcome("finished", 0.5, (0.9, 0.5))),
    Finished(1, dict(zip(KEYS, (1e-1, HOSTILE, [8]), strict=True)), Outcome("diverged", math.inf, (0.9,))),
    Finished(2, {KEYS[0]: 1e-2}, Outcome("stopped", 0.7, (0.7,))),
    Finished(3, dict(zip(KEYS, (3e-2, "mlp", [16]), strict=True)), Outcome("finished", 0.2, (0.4, 0.2))),
)
IMPORTANCE = Importance(
    {"fanova": "forests"},
    (Share(KEYS[0], 0.6, 0.5, 0.7), Share(KEYS[1], 0.4, 0.3, 0.5)),
    (Share(KEYS[0], 0.7, 0.5, 0.9), Share(KEYS[1], 0.1, 0.0, 0.2)),
    (Pair(KEYS[0], KEYS[1], 0.1, 0.0, 0.2),),
    None,
    "the learning rate mattered most",
)
FOUND = SavedSearch(Path("search"), TRIALS, LOSS, IMPORTANCE)


def test_it_shows_itself() -> None:
    assert FOUND.figures == ("progress", "importance", "interactions", "parallel", "curves", "halving")
    for name in FOUND.figures:
        parse(FOUND.figure(name))
        assert_harmless(FOUND.figure(name).text)
    assert_harmless(FOUND._repr_html_())
    assert repr(FOUND) == "<SavedSearch search: 4 trials, best val_loss 0.2>"
    assert "8 complete trials" in str(SavedSearch(Path("search"), TRIALS, LOSS, None).drawings()["importance"])


def test_progress_shows_every_trial_with_a_value() -> None:
    figure = FOUND.figure("progress")
    best = dots(figure, "s0")[1:]  # after that of the legend
    assert best[:, 0] == pytest.approx(mapping(figure, "x")([0, 3]), abs=0.2)
    assert best[:, 1] == pytest.approx(mapping(figure, "y")([0.5, 0.2]), abs=0.2)
    assert "Trials of the search (1 without a finite value)" in words(figure)
    larger = SavedSearch(
        Path("search"), TRIALS[:1] + TRIALS[2:], Objective("val_accuracy", larger_is_better=True), None
    )
    assert len(dots(larger.figure("progress"), "s0")[1:]) == 1, "0.7 is of a trial that was stopped early"
    stopped_first = SavedSearch(Path("search"), (TRIALS[2], TRIALS[3]), LOSS, None)
    assert len(dots(stopped_first.figure("progress"), "s0")[1:]) == 1, "nor is the first, if it was stopped"


def test_pairs_have_short_names() -> None:
    assert "learning_rate × network" in words(FOUND.figure("interactions"))
    assert f"{KEYS[0]}: 0.7" in told(FOUND.figure("importance"))


def test_the_trials_of_each_epoch_are_counted() -> None:
    figure = FOUND.figure("halving")
    [points] = line_points(figure, "trials")
    assert points[:, 0] == pytest.approx(mapping(figure, "x")([1, 2]), abs=0.2)
    assert points[:, 1] == pytest.approx(mapping(figure, "y")([4, 2]), abs=0.2)
    whole = SavedSearch(Path("search"), TRIALS[:1] + TRIALS[3:], LOSS, None)
    assert whole.drawings()["halving"] == "no trial was stopped early"


def test_tables_have_every_trial() -> None:
    trials = FOUND.frame()
    assert trials["trial"].to_list() == [0, 1, 2, 3]
    assert trials["value"].to_list() == [0.5, math.inf, 0.7, 0.2]
    assert trials[KEYS[0]].to_list() == [1e-3, 1e-1, 1e-2, 3e-2]
    assert trials[KEYS[2]].to_list() == ["[8, 4]", "[8]", None, "[16]"]
    assert FOUND.frame("curves").rows() == [
        (0, 1, 0.9),
        (0, 2, 0.5),
        (1, 1, 0.9),
        (2, 1, 0.7),
        (3, 1, 0.4),
        (3, 2, 0.2),
    ]
    shares = FOUND.frame("importance")
    assert shares.row(0) == ("fanova", KEYS[0], 0.7, 0.5, 0.9) and shares.height == 4


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of this search."""
    lines = [
        {"number": one.number, "settings": dict(one.chosen), "ending": one.outcome.ending}
        | {"value": one.outcome.value, "curve": list(one.outcome.curve)}
        for one in TRIALS
    ]
    plan = SearchPlan("iris", "0" * 64, 4, 1, "halving")
    with create_search(tmp_path / "search", plan, "network.name: mlp\n") as search:
        search.write_trials(lines, None)
        search.write_result(describe_result(LOSS, IMPORTANCE))
    return tmp_path / "search"


def test_a_folder_gives_the_search_again(folder: Path) -> None:
    found = bw.open_search(folder)
    assert found == SavedSearch(folder, TRIALS, LOSS, IMPORTANCE)
    (folder / RESULT).unlink()
    older = bw.open_search(folder)
    assert older.importance is None and older.finished == TRIALS, "an earlier version wrote no result"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"number": 0}', "Field required"),
        ('{"number": 0, "settings": {}, "ending": "best", "value": 1, "curve": []}', "ended as 'best'"),
        ('{"number": "0", "settings": {}, "ending": "finished", "value": 1, "curve": []}', "valid integer"),
        ('{"number": 0, "settings": {}, "ending": "finished", "value": NaN, "curve": []}', "NaN is not a number"),
        ("[" * 100, "damaged"),
        (json.dumps({"number": 0, "settings": {}, "ending": "finished", "value": 1, "curve": [], "run": "x"}), "run"),
    ],
)
def test_strange_trials_are_refused(folder: Path, line: str, said: str) -> None:
    (folder / "trials.jsonl").write_text(f"{line}\n", encoding="utf-8")
    with pytest.raises(RunError, match=said):
        bw.open_search(folder)


def test_a_changed_result_and_a_link_are_refused(folder: Path) -> None:
    text = (folder / RESULT).read_text(encoding="utf-8")
    (folder / RESULT).write_text(text.replace("0.7", "0.8"), encoding="utf-8")
    with pytest.raises(RunError, match="changed or damaged"):
        bw.open_search(folder)
    (folder / RESULT).write_text(text, encoding="utf-8")
    (folder / "trials.jsonl").rename(folder / "elsewhere")
    with pytest.raises(RunError, match="has recorded no trial yet"):
        bw.open_search(folder)
    (folder / "trials.jsonl").symlink_to(folder / "elsewhere")
    with pytest.raises(RunError, match="is a link"):
        bw.open_search(folder)
    with pytest.raises(RunError, match="is not the folder of a search"):
        bw.open_search(folder.parent)
