"""Over- and underfitting against least squares, numbers that NumPy computes, and what the pages and commands say."""

import json
from pathlib import Path

import jax
import numpy as np
import pytest
from typer.testing import CliRunner

import batchwright as bw
from batchwright.cli.main import app
from batchwright.errors import UsageError
from batchwright.lab import CurveFit, fit_curve, least_squares
from batchwright.lab.answers import answer
from batchwright.lab.asked import command_of
from batchwright.lab.fit.ask import fit_python, read_fit
from batchwright.lab.fit.curve_fit import HELD_OUT, places, true_curve
from batchwright.lab.fit.words import describe_fit, is_overfit, is_underfit, parameters_of
from batchwright.lab.network.point_sets import X, Y
from batchwright.training.state import initial_variables


@pytest.mark.parametrize(
    "degree", [pytest.param(1, marks=pytest.mark.soak), pytest.param(3, marks=pytest.mark.soak), 5]
)
def test_training_leads_to_least_squares(degree: int) -> None:
    asked = CurveFit(capacity=degree, epochs=600)
    train, held_out = asked.points
    weights = np.polyfit(train[X], train[Y], degree)  # powers of x: the same curves
    fitted = fit_curve(asked)
    expected = [float(np.mean((np.polyval(weights, part[X]) - part[Y]) ** 2)) for part in (train, held_out)]
    assert fitted.losses == pytest.approx(expected, rel=1e-3)
    assert least_squares(asked) == pytest.approx(expected, rel=1e-6)
    assert fitted.curve == pytest.approx(np.polyval(weights, places()), abs=0.02)


def test_losses_are_those_of_the_answers() -> None:
    """The loss of the training rows, from the curve between its places."""
    asked = CurveFit(model="network", capacity=8, epochs=60, dropout=0.3, rows=50)
    fitted = fit_curve(asked)
    for part, loss in zip(asked.points, fitted.losses, strict=True):
        answers = np.interp(part[X], places(), fitted.curve)
        assert loss == pytest.approx(float(np.mean((answers - part[Y]) ** 2)), rel=0.01)


def test_validation_points_do_not_depend_on_the_number_of_rows() -> None:
    few, many = CurveFit(rows=8), CurveFit(rows=500)
    assert (few.points[1][Y] == many.points[1][Y]).all() and len(few.points[1][Y]) == HELD_OUT
    assert (few.points[0][X] == many.points[0][X][:8]).all()
    assert not np.isin(many.points[0][X], many.points[1][X]).any()
    noise = many.points[1][Y] - np.sin(1.5 * np.pi * many.points[1][X])
    assert noise.std() == pytest.approx(0.3, abs=0.05)


def test_capacity_underfits_and_overfits() -> None:
    flat, suited, wild = (fit_curve(CurveFit(capacity=degree, epochs=200)) for degree in (1, 6, 20))
    assert is_underfit(flat) and not is_underfit(suited) and not is_underfit(wild)
    assert is_overfit(wild) and not is_overfit(suited)
    assert flat.losses[0] > suited.losses[0] > wild.losses[0]
    assert suited.losses[1] < min(flat.losses[1], wild.losses[1])


@pytest.mark.soak
def test_many_rows_keep_the_wildest_curve_from_overfitting() -> None:
    """`docs/learn/7-fit.md` has them too."""
    more = fit_curve(CurveFit(capacity=20, rows=500))
    assert not is_overfit(more) and more.losses[1] == pytest.approx(0.09, rel=0.2)


def test_early_stopping_keeps_the_best_epoch() -> None:
    free = fit_curve(CurveFit(capacity=16, epochs=200))
    stopped = fit_curve(CurveFit(capacity=16, epochs=200, patience=20))
    assert free.kept == 200 and free.best == stopped.best == stopped.kept
    assert len(stopped.validation) == stopped.best + 20
    assert (stopped.validation == free.validation[: len(stopped.validation)]).all()
    assert stopped.losses[1] == free.validation.min() < free.losses[1]
    assert "Early stopping ended" in describe_fit(stopped)[-1].en
    assert "lowest" in " ".join(one.en for one in describe_fit(free))


def test_a_rate_that_is_too_large_is_said() -> None:
    told = " ".join(one.en for one in describe_fit(fit_curve(CurveFit(epochs=5, learning_rate=90))))
    assert "learned nothing" in told and "overfits" not in told


def test_a_true_curve_has_no_noise() -> None:
    assert true_curve("step").tolist() == np.where(places() > 0, 1.0, -1.0).tolist()


def test_parameters_are_counted() -> None:
    for asked in (CurveFit(capacity=7), CurveFit(model="network", capacity=5)):
        variables = initial_variables(asked.net, asked.dataset.train.inputs, seed=0)
        assert parameters_of(asked) == sum(leaf.size for leaf in jax.tree.leaves(variables.params))


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        ({"capacity": "21"}, "the degree is 21; it must be 1 to 20"),
        ({"model": "network", "capacity": "65"}, "number of units is 65"),
        ({"dropout": "0.2"}, "a polynomial has none"),
        ({"model": "network", "dropout": "1"}, "0 to 0.9"),
        ({"rows": "7"}, "8 to 500"),
        ({"rows": "many"}, "whole number"),
        ({"noise": "nan"}, "must be a number"),
        ({"learning_rate": "0"}, "above 0"),
        ({"epochs": "99999999"}, "1 to 2,000"),
        ({"seed": "-1"}, "seed is -1"),
        ({"data": "moons"}, "unknown curve"),
        ({"model": "tree"}, "unknown model"),
        ({"width": "3"}, "unknown setting"),
        ({"data": "x" * 3000}, "characters"),
    ],
)
def test_wrong_texts_are_refused(texts: dict[str, str], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        read_fit(texts)
    found = answer("answer", "fit", list(texts.items()))
    assert found is not None and told in found["problem"]["en"] and "设置有误" in found["problem"]["zh"]


def test_copies_make_the_same_fit() -> None:
    asked = read_fit({"data": "bump", "model": "network", "capacity": "3", "epochs": "4", "noise": "0.3"})
    assert "noise" not in command_of("fit", asked)
    result = CliRunner().invoke(app, [*command_of("fit", asked).split()[1:], "--json"])
    assert result.exit_code == 0, result.output
    [told] = json.loads(result.stdout)["fits"]
    names: dict[str, object] = {}
    exec(fit_python(asked), names)
    fitted = names["fitted"]
    assert isinstance(fitted, bw.lab.Fitted) and fitted.asked == asked.question
    assert told["train_losses"] == fitted.train.tolist() and told["kept_epoch"] == 4


def test_the_page_gets_finite_data() -> None:
    found = answer("answer", "fit", [("epochs", "30"), ("capacity", "2"), ("lang", "zh")])
    assert found is not None
    plain = json.loads(json.dumps(found["answer"], allow_nan=False))
    assert len(plain["train"]) == len(plain["validation"]) == 30
    assert [len(part[0]) for part in plain["points"]] == [20, HELD_OUT]
    assert all(one["en"] and one["zh"] for one in [plain["formula"], *plain["words"]])


def test_capacities_are_compared(tmp_path: Path) -> None:
    figure = tmp_path / "u.svg"
    given = ["lab", "fit", "--compare", "--epochs", "40", "--output", str(figure)]
    result = CliRunner().invoke(app, given)
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.stdout.splitlines()]
    losses = {int(line[0]): line for line in lines if line and line[0].isdigit()}
    assert list(losses) == [1, 2, 3, 4, 6, 8, 12, 16, 20]
    assert sum("*" in line for line in losses.values()) == 1
    assert "loss by degree" in figure.read_text(encoding="utf-8")


def test_figures_are_drawn() -> None:
    fitted = fit_curve(CurveFit(capacity=16, epochs=60))
    assert f"best epoch {fitted.best}" in bw.lab.draw_fit_losses(fitted).text
    assert "without noise" in bw.lab.draw_fit(fitted).text
