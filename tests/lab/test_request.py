"""What someone asks for in texts: on the command line, and in the address of a page."""

import json
import math
import shlex

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import batchwright as bw
from batchwright.cli.lab_texts import assigned
from batchwright.errors import UsageError
from batchwright.lab import limits_of
from batchwright.lab.answers import answer
from batchwright.lab.descent.copies import as_command, as_python
from batchwright.lab.descent.request import KEYS
from batchwright.lab.descent.words import describe
from batchwright.lab.scenes import DESCENTS

ASKED = (
    ("line", {}),
    ("line", {"learning_rate": "0.9", "steps": "7", "points": "1,2 2,3.9 -1,-2.1", "start": "-1"}),
    ("line", {"rule": "adam", "optimizer.beta_1": "0.5", "batch_size": "2", "seed": "3"}),
    ("line", {"rule": "momentum", "optimizer.momentum": "0.5", "schedule": "exponential", "schedule.base": "0.9"}),
    (
        "line",
        {"until": "gradient:0.001", "learning_rate": "0.1", "schedule": "piecewise", "schedule.points": "[[3, 0.05]]"},
    ),
    ("surface", {"surface": "beale", "rule": "sgd,momentum", "steps": "9", "learning_rate": "0.01"}),
    ("surface", {"surface": "regression", "rule": "nesterov", "points": "0,1 1,2 2,2.5", "steps": "8"}),
)


@pytest.mark.parametrize(("scene", "texts"), ASKED)
def test_the_python_gives_the_same_path(scene: str, texts: dict[str, str]) -> None:
    asked = DESCENTS[scene].read(texts)
    paths = asked.paths()
    module: dict[str, object] = {}
    exec(as_python(asked, {name: path.rule for name, path in paths.items()}), module)
    again = module.get("paths") or [module["path"]]
    for one, other in zip(paths.values(), again, strict=True):
        np.testing.assert_array_equal(one.points, other.points)
        assert (one.rule, one.schedule, one.ended) == (other.rule, other.schedule, other.ended)


@pytest.mark.parametrize(("scene", "texts"), ASKED)
def test_the_command_asks_for_the_same(scene: str, texts: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    import typer

    from batchwright.cli import lab, lab_descent

    asked = DESCENTS[scene].read(texts)
    program, verb, *words = shlex.split(as_command(scene, asked))
    assert (program, verb) == ("batchwright", "lab")
    got = {}
    monkeypatch.setattr(lab_descent, "_show", lambda name, given, *_, **__: got.update({"scene": name, **given}))
    typer.main.get_command(lab.lab).main(words, standalone_mode=False)
    assert got.pop("scene") == scene
    again = DESCENTS[scene].read(got)
    assert {**again.texts, "surface": ""} == {**asked.texts, "surface": ""}
    assert again.course.surface.name == asked.course.surface.name


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ({"learning_rate": "-1"}, "above 0"),
        ({"learning_rate": "1e-400"}, "above 0"),
        ({"learning_rate": "abc"}, "must be a number"),
        ({"foo": "1"}, "unknown setting 'foo'"),
        ({"steps": "1e3"}, "whole number"),
        ({"steps": "9" * 30}, "1 to 2,000"),
        ({"rule": "a" * 3000}, "characters"),
        ({"rule": "adm"}, "did you mean 'adam'"),
        ({"schedule": "cosin"}, "did you mean 'cosine'"),
        ({"schedule": "cosine_restarts", "schedule.cycles": "1000000000"}, "at most 100"),
        ({"rule": "muon", "optimizer.ns_steps": "100000"}, "at most 20"),
        ({"rule": "adam", "optimizer.beta_1": "1"}, "beta_1"),
        ({"rule": "sgd", "optimizer.beta_1": "0.5"}, "beta_1"),
        ({"rule": "sgd,adam", "optimizer.foo": "0.5"}, "foo"),
        ({"points": "1,2 2"}, "pairs"),
        ({"points": "<script>,1"}, "must be a number"),
        ({"points": " ".join(["1,1"] * 65)}, "1 to 64"),
        ({"start": "nan"}, "must be a number"),
        ({"start": "1,2"}, "needs 1 finite number"),
        ({"batch_size": "0"}, "batch size"),
        ({"batch_size": "2.5"}, "whole number"),
        ({"until": "loss:0"}, "above 0"),
        ({"until": "luck:1"}, "one of loss, gradient, step"),
        ({"schedule": "piecewise", "schedule.points": "[[1, [2]]]"}, "points"),
        ({"schedule": "piecewise", "schedule.points": "[" * 900 + "]"}, "no list of numbers"),
        ({"seed": "-1"}, "0 or more"),
    ],
)
def test_a_wrong_text_is_a_sentence(texts: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        DESCENTS["line"].read(texts).paths()
    found = answer("answer", "line", list(texts.items()))
    assert found is not None
    assert words.split()[0] in found["problem"]["en"]
    assert found["problem"]["zh"].startswith("设置有误")


def test_a_number_of_one_rule_leaves_the_others_alone() -> None:
    rules = DESCENTS["surface"].read({"rule": "sgd,momentum,adam", "optimizer.momentum": "0.5"}).rules
    assert rules["momentum"].momentum == 0.5
    assert rules["sgd"].momentum == 0.0
    assert DESCENTS["surface"].read({"rule": "all", "optimizer.momentum": "0.5"}).rules["rmsprop"].momentum == 0.0
    with pytest.raises(UsageError, match="none of adam, lion uses it"):
        DESCENTS["surface"].read({"rule": "adam,lion", "optimizer.momentum": "0.5"})


def test_a_line_is_no_surface_of_two_weights() -> None:
    with pytest.raises(UsageError, match="unknown surface 'line'"):
        DESCENTS["surface"].read({"surface": "line"})


@given(
    st.dictionaries(
        st.sampled_from([*KEYS, "optimizer.momentum", "schedule.warmup", "x"]), st.text(max_size=12), max_size=3
    )
)
def test_no_text_is_a_traceback(texts: dict[str, str]) -> None:
    found = answer("answer", "line", list(texts.items()))
    assert found is not None
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize("scene", ["line", "surface"])
def test_answers_are_plain_finite_data_also_if_a_path_diverges(scene: str) -> None:
    found = answer("answer", scene, [("learning_rate", "20"), ("rule", "sgd")])
    assert found is not None
    json.dumps(found, allow_nan=False)
    told = found["answer"]["words"]
    sentences = told if scene == "line" else told["sgd"]
    assert "It diverges" in sentences[0]["en"] and "发散" in sentences[0]["zh"]


def test_there_is_no_other_kind_of_answer_and_no_other_scene() -> None:
    assert answer("secret", "line", []) is None
    found = answer("answer", "lines", [])
    assert found is not None and "did you mean 'line'" in found["problem"]["en"]


@pytest.mark.parametrize(
    ("share", "words"),
    [(0.5, "below the best"), (1.0, "the best, 1/λ"), (1.5, "between 1/λ and 2/λ"), (2.1, "above the limit")],
)
def test_words_say_where_the_rate_lies(share: float, words: str) -> None:
    limits = limits_of(bw.lab.line())
    assert limits is not None
    path = bw.lab.descend(bw.lab.line(), bw.optim.SGD(learning_rate=share / limits.steepest), steps=5)
    assert any(words in one.en for one in describe(path))
    left = abs(1 - share)
    distances = np.abs(path.points[:, 0] - bw.lab.line().minimum[0])
    assert math.isclose(distances[1], left * distances[0], abs_tol=1e-4)


def test_words_of_small_batches_promise_nothing_that_single_batches_break() -> None:
    points = bw.lab.line([0.1, 0.1, 0.1, 3.0], [0.1, 0.1, 0.1, 3.0])  # the last row alone is four times as steep
    path = bw.lab.descend(points, bw.optim.SGD(learning_rate=0.3), steps=200, batch_size=1)
    told = " ".join(one.en for one in describe(path))
    assert path.ended == "diverged" and "It diverges" in told
    assert "below the limit of all rows, 0.443" in told and "has the limit 0.1111" in told
    assert "each step leaves" not in told


def test_assignments_need_a_value() -> None:
    with pytest.raises(UsageError, match="KEY=VALUE"):
        assigned(["momentum"])


def test_levels_enclose_what_is_above_them() -> None:
    found = answer("levels", "surface", [("surface", "bowl")])
    assert found is not None
    levels = found["answer"]["levels"]
    assert len(levels) == 12 and all(level["area"].startswith("M") for level in levels)
    assert found["answer"]["view"] == ((-3.0, 3.0), (-3.0, 3.0))
