"""What is asked for and cannot be had is refused in a sentence, and never changed in silence."""

import re
from pathlib import Path

import pytest

from batchwright.errors import UsageError
from batchwright.lab import read_network
from batchwright.lab.answers import answer
from batchwright.lab.descent.surfaces import SURFACES
from batchwright.lab.network.chosen_rows import choose_columns
from batchwright.lab.scenes import scene_of


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ({"optimizer": "adam"}, "the update rule is called rule"),
        ({"schedule": "exponential", "schedule.": "1"}, "exponential has no such number"),
        ({"batch_size": "7"}, "there are 6 points: give 1 to 6"),
        ({"points": "1,2 2,3", "batch_size": "3"}, "there are 2 points"),
        ({"learning_rate": "1e300"}, "from 1e-30 to 1e30"),
        ({"optimizer.nope": "1"}, r"^sgd has no such number: unknown setting 'optimizer.nope'.*optimizer.momentum"),
        ({"optimizer.learning_rate": "1"}, "is the setting learning_rate"),
        ({"optimizer.name": "adam"}, "sgd has no such number"),
        ({"schedule": "exponential", "schedule.bas": "1"}, "did you mean 'schedule.base'"),
        ({"surface": "bowl"}, "one weight has no other surface"),
        ({"schedule.base": "0.5"}, "constant has no such number"),
    ],
)
def test_a_line_refuses(texts: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        scene_of("line").read(texts).paths()
    assert "network.slope" not in str(caught.value) and "SGD" not in str(caught.value)


def test_a_batch_of_all_points_and_draws_of_noise_are_no_mistake() -> None:
    assert scene_of("line").read({"batch_size": "6"}).paths()["sgd"].steps == 30
    assert scene_of("surface").read({"surface": "ravine", "batch_size": "64", "rule": "sgd", "steps": "3"}).paths()


def test_the_page_of_one_weight_shows_one_rule() -> None:
    found = answer("answer", "line", [("rule", "sgd,adam")])
    assert found is not None and "one at a time" in found["problem"]["en"]


def test_a_formula_has_no_points() -> None:
    with pytest.raises(UsageError, match="bowl is a formula and has no points"):
        scene_of("surface").read({"surface": "bowl", "points": "1,2 2,3"})


@pytest.mark.parametrize("name", ["nope", "line", "lines"])
def test_an_unknown_surface_is_told_those_that_are_allowed(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        scene_of("surface").read({"surface": name})
    assert str(caught.value).endswith(f"Allowed: {', '.join(SURFACES)}.")
    assert "did you mean 'line'" not in str(caught.value)


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ({"layers": "0"}, "^layers is '0'; it must be at most 4 numbers with commas, each of 1 to 8 units"),
        ({"layers": "4,9"}, "^layers is '4,9'"),
        ({"layers": "1,1,1,1,1"}, "^layers is '1,1,1,1,1'"),
        ({"rule": "sgd", "optimizer.nope": "1"}, "^sgd has no such number"),
        ({"optimizer.learning_rate": "1"}, "is the setting learning_rate"),
        ({"optimizer": "sgd"}, "the update rule is called rule"),
    ],
)
def test_a_network_refuses(texts: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read_network(texts)


@pytest.mark.parametrize(
    ("table", "inputs", "target", "words"),
    [
        ("a,b\n" + "1,2\n2,3\n" * 9, ("a",), "a", "'a' is both an input and the target"),
        ("a,b\n" + "x,y\nz,w\n" * 9, (), "b", "give a table that has them"),
        ("a,b\n" + "x,1\nz,2\n" * 9, (), "b", "choose another target"),
    ],
)
def test_the_cause_of_columns_that_do_not_do_is_named(
    tmp_path: Path, table: str, inputs: tuple[str, ...], target: str, words: str
) -> None:
    (tmp_path / "t.csv").write_text(table)
    with pytest.raises(UsageError, match=words) as caught:
        choose_columns(str(tmp_path / "t.csv"), inputs, target)
    assert ("choose another target" in str(caught.value)) == (words == "choose another target")


def test_the_formula_has_the_numbers_of_each_step() -> None:
    found = answer("answer", "line", [("points", "1,2 2,4 3,6"), ("learning_rate", "0.02"), ("start", "0")])
    assert found is not None
    one = found["answer"]
    assert len(one["at"]) == len(one["path"]["points"])
    w = 0.0
    for told in one["at"][:4]:  # w* is 2, and λ is 28/3
        slope = 28 / 3 * (w - 2)
        numbers = [float(text.replace("−", "-")) for text in re.findall(r"= ([-−]?[\d.]+)", told["en"])]
        assert numbers[0] == pytest.approx(w, abs=1e-3)
        assert numbers[1:3] == pytest.approx([14 / 3 * (w - 2) ** 2, slope], rel=2e-3, abs=1e-3)
        w -= 0.02 * slope
        assert numbers[-1] == pytest.approx(w, rel=2e-3, abs=1e-3)
        assert "next w = w − η·g" in told["en"] and "下一个 w = " in told["zh"]
    assert "next w" not in one["at"][-1]["en"]


def test_the_curve_of_a_network_counts_iterations() -> None:
    from batchwright.cli.show.lab import network_sketch

    drawn = network_sketch({"iteration": [0.0, 150.0, 300.0], "train": [3.0, 2.0, 1.0]}, "utf-8")
    assert re.search(r"^ +0 +300$", drawn.splitlines()[-1])
