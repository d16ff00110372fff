"""Each diagnosis on histories made by hand, where the truth is known; and none on sound ones."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import batchwright as bw
from batchwright.config import flow, load_config
from batchwright.data.dataset import Dataset
from batchwright.data.encode.encoding import Encoding
from batchwright.diagnosis import CHECKS, Diagnosis, Evidence, diagnose, unseen
from batchwright.diagnosis.length import too_few_epochs
from batchwright.diagnosis.order import _variety_within

EPOCHS = 40
RATE = 0.01
T = np.arange(1, EPOCHS + 1)
SOUND = {
    "body/dense_0": {"update_ratio": 1e-3, "gradient": 0.5, "gradient_noise": 0.9, "weights": 10.0},
    "body/activation_1": {"dead": 0.02, "saturated": 0.0},
    "body/dense_2": {"update_ratio": 1e-3, "gradient": 0.6, "gradient_noise": 0.9, "weights": 8.0},
    "body/dense_4": {"update_ratio": 1e-3, "gradient": 1.0, "gradient_noise": 0.9, "weights": 5.0},
    "inputs": {"mean": 0.0, "deviation": 1.0},
}
SETTINGS = {
    "optimizer.learning_rate": RATE,
    "optimizer.global_clipnorm": None,
    "schedule.name": "constant",
    "network.hidden_layer_sizes": [64, 64],
    "network.activation": "relu",
    "network.dropout": 0.0,
    "network.batch_normalization": False,
    "data.scaling": "standard",
    "task.class_weights": None,
    "training.batch_size": 64,
    "training.epochs": EPOCHS,
}
PLAN = {"training_rows": 1000, "batch_size": 64, "iterations_per_epoch": 16, "updates": 640, "parameters": 9000}


@cache
def encoding(name: str = "iris") -> Encoding:
    return bw.load(name).encoding


def falling(floor: float = 0.1, pace: float = 4.0, start: float = 1.0) -> np.ndarray:
    return floor + start * np.exp(-T / pace)


def noise(deviation: float, seed: int = 0) -> np.ndarray:
    return 1 + np.random.default_rng(seed).normal(0, deviation, EPOCHS)


def history(
    loss: np.ndarray,
    validation: np.ndarray | None = None,
    rates: np.ndarray | float = RATE,
    layers: Mapping[str, Mapping[str, Any]] = SOUND,
) -> list[dict[str, float]]:
    """Rows of a history, with the same figures of layers at all epochs, or one for each epoch."""
    rates = np.broadcast_to(rates, len(loss))
    rows = [{"epoch": t, "loss": float(one), "learning_rate": float(rates[t - 1])} for t, one in enumerate(loss, 1)]
    for place, row in enumerate(rows):
        if validation is not None:
            row["val_loss"] = float(validation[place])
        for layer, figures in layers.items():
            for figure, value in figures.items():
                row[f"layers/{layer}/{figure}"] = float(np.broadcast_to(value, len(loss))[place])
    return rows


def with_layers(**figures: Any) -> dict[str, dict[str, Any]]:
    """The sound figures, with others in all layers that have such a figure."""
    return {name: one | {key: value for key, value in figures.items() if key in one} for name, one in SOUND.items()}


def matrix(right: float, rows: int, classes: int = 3) -> np.ndarray:
    """A share of right answers, the wrong ones evenly among the other classes."""
    found = np.full((classes, classes), rows / classes * (1 - right) / (classes - 1))
    np.fill_diagonal(found, rows / classes * right)
    return found


def evidence(rows: list[dict[str, float]] | None = None, **changes: Any) -> Evidence:
    sound = Evidence(
        history=history(falling() * noise(0.02), falling(0.12) * noise(0.02, 1)) if rows is None else rows,
        reason="all 40 epochs are done",
        settings=SETTINGS,
        plan=PLAN,
        metrics={part: {"loss": loss} for part, loss in (("train", 0.1), ("validation", 0.12), ("test", 0.12))},
        confusion={"train": matrix(0.98, 999), "validation": matrix(0.95, 201), "test": matrix(0.95, 201)},
        encoding=encoding(),
    )
    return replace(sound, **changes)


def steps(**changes: Any) -> dict[str, Any]:
    return SETTINGS | {key.replace("__", "."): value for key, value in changes.items()}


RISING = np.where(T < 10, falling(0.3), 0.4 + 0.05 * (T - 10)) * noise(0.05)
TURNING = falling(0.3) + 0.02 * np.maximum(T - 12, 0)
DECAY = RATE * 0.5**T


def in_order(name: str) -> Dataset:
    """The rows with those of each class one after the other."""
    data = bw.load(name)
    return replace(data, train=data.train.take(np.argsort(data.train.targets, kind="stable")))


def mixed(name: str) -> Dataset:
    """The rows in random order."""
    data = bw.load(name)
    return replace(data, train=data.train.take(np.random.default_rng(0).permutation(data.train.rows)))


STOPPED = np.where(T <= 5, 1.2 - 0.15 * T, 0.45) * noise(0.002)
UNSTEADY = falling(0.3) * noise(0.4, 2)
NEVER = np.array([[300.0, 0, 0], [5, 300, 0], [20, 10, 0]])
RARE = np.array([[500.0, 2, 0], [5, 470, 0], [14, 3, 3]])

FAULTS: dict[str, Evidence] = {
    "diverged": evidence(history(falling()[:3]), status="diverged", reason="the loss of iteration 50 is not finite"),
    "learning rate too high": evidence(history(RISING, RISING, layers=with_layers(update_ratio=2e-2))),
    "learning rate too low": evidence(history(1.1 - 0.001 * T, 1.1 - 0.001 * T, layers=with_layers(update_ratio=2e-5))),
    "decayed too early": evidence(history(STOPPED, STOPPED, DECAY)),
    "too few epochs": evidence(history(2 * 0.97**T, 2.1 * 0.97**T)),
    "overfitting": evidence(history(falling(0.0, 9), TURNING)),
    "too little capacity": evidence(
        history(falling(0.7), falling(0.7)),
        settings=steps(network__hidden_layer_sizes=[2]),
        metrics={"train": {"loss": 0.7}, "validation": {"loss": 0.71}},
    ),
    "inputs not scaled": evidence(
        history(falling(), falling(0.12), layers=SOUND | {"inputs": {"mean": 40.0, "deviation": 90.0}}),
        settings=steps(data__scaling="none"),
    ),
    "rows not shuffled": evidence(
        settings=steps(training__shuffle=False), dataset=in_order("iris"), plan=PLAN | {"batch_size": 10}
    ),
    "unfit activation": evidence(settings=steps(network__activation="softmax")),
    "too much dropout": evidence(
        history(falling(0.7), falling(0.7)),
        settings=steps(network__dropout=0.9),
        metrics={"train": {"loss": 0.7}, "validation": {"loss": 0.71}},
    ),
    "vanishing gradients": evidence(
        history(falling(), falling(0.12), layers=SOUND | {"body/dense_0": SOUND["body/dense_0"] | {"gradient": 1e-5}})
    ),
    "exploding gradients": evidence(
        history(
            falling(),
            falling(0.12),
            layers=SOUND | {"body/dense_4": SOUND["body/dense_4"] | {"gradient": np.geomspace(1, 1e5, EPOCHS)}},
        )
    ),
    "dead units": evidence(history(falling(), falling(0.12), layers=with_layers(dead=0.9))),
    "saturation": evidence(
        history(falling(), falling(0.12), layers=with_layers(saturated=0.9)), settings=steps(network__activation="tanh")
    ),
    "oscillating": evidence(history(falling(0.3), UNSTEADY)),
    "batch too small": evidence(
        history(falling(), falling(0.12), layers=with_layers(gradient_noise=6.0)), plan=PLAN | {"batch_size": 2}
    ),
    "batch normalization with small batches": evidence(
        history(falling(), falling(0.12), layers=SOUND | {"body/batch_norm_1": {"weights": 1.0}}),
        settings=steps(network__batch_normalization=None, training__batch_size=2),
        plan=PLAN | {"batch_size": 2},
    ),
    "batch too large": evidence(
        history(2 * 0.97**T, 2.1 * 0.97**T, layers=with_layers(gradient_noise=0.02, update_ratio=3e-3)),
        plan=PLAN | {"batch_size": 1000, "updates": 40},
    ),
    "class never answered": evidence(confusion={"train": NEVER, "test": NEVER / 5}),
    "imbalance": evidence(confusion={"train": RARE, "validation": RARE / 5}),
    "labels shuffled or noisy": evidence(
        history(falling(0.0, 9), 1.15 + 0.02 * T),
        confusion={"train": matrix(0.9, 999), "validation": matrix(1 / 3, 300), "test": matrix(1 / 3, 300)},
    ),
    "bad start": evidence(history(falling(0.1, 4, 30.0), falling(0.12, 4, 30.0))),
    "leak": evidence(confusion={"train": matrix(1.0, 3000), "test": matrix(1.0, 1500)}),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_is_named_with_numbers_and_a_remedy(kind: str) -> None:
    found = {one.kind: one for one in diagnose(FAULTS[kind])}
    assert kind in found
    one = found[kind]
    assert one.evidence and one.advice and (any(map(str.isdigit, one.evidence)) or kind == "diverged")


@pytest.mark.parametrize("kind", [kind for kind in FAULTS if kind != "leak"])
def test_it_comes_first_or_as_what_follows_from_the_first(kind: str) -> None:
    found = [one for one in diagnose(FAULTS[kind]) if one.severity != "note"]
    assert kind == found[0].kind or next(one for one in found if one.kind == kind).follows == found[0].kind


@pytest.mark.parametrize("kind", FAULTS)
def test_its_changes_are_settings_that_a_configuration_takes(kind: str) -> None:
    for one in diagnose(FAULTS[kind]):
        load_config(None, [(key, flow(value), key) for key, value in one.changes.items()])


def test_the_sound_training_that_the_faults_are_made_from_has_none() -> None:
    assert diagnose(evidence()) == ()


def _warned(of: Evidence) -> list[Diagnosis]:
    return [one for one in diagnose(of) if one.severity != "note"]


@pytest.mark.parametrize("deviation", [0.005, 0.03, 0.1])
@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_sound_curves_with_noise_are_hardly_ever_condemned(deviation: float, schedule: str) -> None:
    rates = RATE * (0.5 * (1 + np.cos(np.pi * T / EPOCHS)) if schedule == "cosine" else np.ones(EPOCHS))
    alarms = 0
    for seed in range(60):
        random = np.random.default_rng(seed)
        floor, pace, gap = random.uniform(0.05, 0.6), random.uniform(1.5, 5), random.uniform(1.0, 1.4)
        loss = falling(floor, pace) * noise(deviation, 3 * seed)
        validation = gap * falling(floor, pace) * noise(deviation, 3 * seed + 1)
        size = random.uniform(3e-4, 3e-3)
        alarms += bool(_warned(evidence(history(loss, validation, rates, with_layers(update_ratio=size)))))
    assert alarms <= 3


@pytest.mark.parametrize("size", [2, 8, 32])
@pytest.mark.parametrize("classes", [True, False])
def test_variety_within_batches_is_that_of_rows_drawn_at_random(size: int, classes: bool) -> None:
    """Of independent rows it is 1 - 1/size of that of all rows; of sorted ones next to nothing."""
    targets = np.random.default_rng(0).integers(0, 4, 6400).astype(np.float64)
    assert _variety_within(targets, size, classes=classes) == pytest.approx(1 - 1 / size, abs=0.1)
    assert _variety_within(np.sort(targets), size, classes=classes) < 0.1
    assert _variety_within(np.zeros(6400), size, classes=classes) == 1


def test_the_order_is_no_fault_where_rows_are_shuffled_or_mixed_by_themselves() -> None:
    never, plan = steps(training__shuffle=False), PLAN | {"batch_size": 10}
    for sound in (
        evidence(dataset=in_order("iris"), plan=plan),
        evidence(settings=never, dataset=mixed("iris"), plan=plan),
    ):
        assert "rows not shuffled" not in {one.kind for one in diagnose(sound)}


@pytest.mark.parametrize(("network", "alarm"), [("mlp", True), ("tabular", False), ("cnn", False)])
def test_layers_without_activation_are_linear_in_an_mlp_alone(network: str, alarm: bool) -> None:
    plain = steps(network__name=network, network__activation="identity")
    assert ("unfit activation" in {one.kind for one in diagnose(evidence(settings=plain))}) is alarm
    none = plain | {"network.hidden_layer_sizes": []}
    assert not diagnose(evidence(settings=none))


@pytest.mark.parametrize(("dropout", "train", "validation"), [(0.5, 0.7, 0.71), (0.9, 0.05, 0.06), (0.9, 0.7, 1.1)])
def test_dropout_is_too_much_only_where_it_keeps_from_learning(dropout: float, train: float, validation: float) -> None:
    metrics = {"train": {"loss": train}, "validation": {"loss": validation}}
    found = diagnose(evidence(settings=steps(network__dropout=dropout), metrics=metrics))
    assert "too much dropout" not in {one.kind for one in found}


def test_large_steps_alone_are_no_fault() -> None:
    """Plain SGD with momentum and a high rate moves far, and is sound as long as nothing suffers from it."""
    assert not _warned(evidence(history(falling(), falling(0.12), layers=with_layers(update_ratio=2e-2))))


def test_noise_of_a_loss_near_zero_is_no_rise() -> None:
    loss = falling(0.0, 4) + 1e-4 * np.abs(noise(0.5))
    assert "learning rate too high" not in {one.kind for one in diagnose(evidence(history(loss, falling(0.12))))}


def test_overfitting_is_a_note_where_the_best_epoch_was_kept() -> None:
    kept = evidence(history(falling(0.0, 9), TURNING), settings=steps(training__early_stopping__restore_best=True))
    (one,) = diagnose(kept)
    assert one.kind == "overfitting" and one.severity == "note" and "was kept" not in one.evidence
    assert "were kept" in one.evidence


@pytest.mark.parametrize(
    ("settings", "advice", "changes"),
    [
        ({}, "more rows, dropout (`network.dropout=0.2`), or weight decay may", {"network.dropout": 0.2}),
        ({"network__dropout": 0.3}, "more rows, or weight decay may", {}),
        ({"network__dropout": 0.2, "optimizer__weight_decay": 0.01}, "more rows may", {}),
    ],
)
def test_what_is_in_force_against_overfitting_is_not_advised(
    settings: dict[str, float], advice: str, changes: dict[str, float]
) -> None:
    chosen = steps(training__early_stopping__restore_best=True, **settings)
    (one,) = diagnose(evidence(history(falling(0.0, 9), TURNING), settings=chosen))
    assert (one.advice, one.changes) == (f"{advice} lower the validation loss", changes)


@pytest.mark.parametrize("measured", [True, False])
def test_a_rate_that_was_measured_is_not_advised_to_be(measured: bool) -> None:
    keys = frozenset({"optimizer.learning_rate"} if measured else ())
    for name in ("learning rate too high", "learning rate too low"):
        (one,) = (one for one in diagnose(replace(FAULTS[name], measured=keys)) if one.kind == name)
        assert ("`learning_rate=auto` measures one" in one.advice) is not measured


def test_what_follows_comes_after_its_cause() -> None:
    layers = with_layers(update_ratio=2e-2, dead=0.9)
    found = diagnose(evidence(history(RISING, RISING, layers=layers), confusion={"train": NEVER, "test": NEVER}))
    kinds = [one.kind for one in found]
    assert kinds[0] == "learning rate too high" and found[0].follows == ""
    assert {one.follows for one in found[1:]} == {"learning rate too high"}
    assert {"dead units", "class never answered"} <= set(kinds)


def test_few_rows_held_out_are_not_taken_for_chance() -> None:
    """With 30 rows, half of them right, the answers may well be of use."""
    few = {"train": matrix(0.9, 999), "test": matrix(0.45, 30)}
    found = diagnose(evidence(history(falling(0.0, 9), TURNING), confusion=few))
    assert "labels shuffled or noisy" not in {one.kind for one in found}


@pytest.mark.parametrize("wrongly", [0, 1])
def test_one_answer_for_nearly_all_rows_is_not_taken_for_chance(wrongly: int) -> None:
    """With 4 of 604 rows of the second class, nothing is known of how well the model ranks them."""
    rare = np.array([[600.0 - wrongly, wrongly], [4.0, 0.0]])
    of = evidence(history(falling(0.0, 9), TURNING), confusion={"train": 2 * rare, "test": rare})
    assert "labels shuffled or noisy" not in {one.kind for one in diagnose(of)}


def test_answers_by_chance_are_seen_where_a_class_has_a_tenth_of_the_rows() -> None:
    tenth = np.array([[486.0, 54.0], [54.0, 6.0]])
    of = evidence(history(falling(0.0, 9), TURNING), confusion={"train": np.diag([540.0, 60.0]), "test": tenth})
    assert "labels shuffled or noisy" in {one.kind for one in diagnose(of)}


@pytest.mark.parametrize(("area", "seen"), [(0.52, True), (0.9, False), (float("nan"), True)])
def test_rows_that_get_one_answer_are_judged_by_how_they_are_ranked(area: float, seen: bool) -> None:
    """With 20 and 580 rows that are ranked by chance, the area under the ROC curve has a standard error of 0.066."""
    rare = np.array([[580.0, 0.0], [20.0, 0.0]])
    metrics = {"train": {"roc_auc": 1.0}, "test": {"roc_auc": area}}
    of = evidence(history(falling(0.0, 9), TURNING), confusion={"train": 2 * rare, "test": rare}, metrics=metrics)
    assert ("labels shuffled or noisy" in {one.kind for one in diagnose(of)}) == seen


def test_shuffled_numbers_are_seen_by_r2() -> None:
    metrics = {"train": {"loss": 0.2, "r2": 0.8}, "validation": {"loss": 1.3, "r2": -0.3}, "test": {"r2": -0.2}}
    of = evidence(history(falling(0.0, 9), 1.15 + 0.02 * T), encoding=encoding("diabetes"), confusion={})
    assert diagnose(replace(of, metrics=metrics))[0].kind == "labels shuffled or noisy"
    useful = metrics | {"test": {"r2": 0.3}}
    assert "labels shuffled or noisy" not in {one.kind for one in diagnose(replace(of, metrics=useful))}


def test_where_nothing_is_learned_numbers_that_were_read_as_text_are_named_first(tmp_path: Path) -> None:
    masses = [f"{row} kg" if row % 2 else f"{row * 997} g" for row in range(90)]
    (tmp_path / "t.csv").write_text("mass,x,label\n" + "".join(f"{mass},{mass[0]},{mass[-2:]}\n" for mass in masses))
    iris = encoding()
    columns = bw.load(tmp_path / "t.csv", target="label").schema.columns
    read = replace(iris, schema=replace(iris.schema, columns=columns))
    shuffled = FAULTS["labels shuffled or noisy"]
    told, untold = (
        next(one.advice for one in diagnose(of) if one.kind == "labels shuffled or noisy")
        for of in (replace(shuffled, encoding=read), shuffled)
    )
    assert told == f"mend first what may be numbers but is read as text: 'mass'; {untold}"


def test_changes_leave_out_settings_that_the_run_does_not_have() -> None:
    settings = {key: value for key, value in SETTINGS.items() if not key.startswith("network.")}
    of = evidence(history(falling(), falling(0.12), layers=with_layers(dead=0.9)), settings=settings)
    assert next(one for one in diagnose(of) if one.kind == "dead units").changes == {}


MANY = tuple(f"c{code}" for code in range(1000))
EDGES = {
    "nothing at all": Evidence(history=[]),
    "diverged at once": Evidence(history=[], status="diverged", reason="the loss of iteration 1 is not finite"),
    "one epoch": evidence(history(np.array([1.0]), np.array([1.1]))),
    "one epoch, no validation": evidence(history(np.array([1.0]))),
    "no validation": evidence(history(falling())),
    "NaN in the loss": evidence(history(np.where(T > 20, np.nan, falling()), falling())),
    "NaN in the validation loss": evidence(history(falling(), np.where(T > 20, np.nan, falling()))),
    "NaN in the layers": evidence(history(falling(), falling(), layers=with_layers(update_ratio=np.nan, dead=np.nan))),
    "layers of 0": evidence(history(falling(), falling(), layers=with_layers(gradient=0.0, weights=0.0))),
    "no layers": evidence(history(falling(), falling(0.12), layers={})),
    "loss of 0": evidence(history(np.zeros(EPOCHS), np.zeros(EPOCHS))),
    "negative loss": evidence(history(falling() - 3, falling() - 2.9)),
    "one class in the test rows": evidence(confusion={"train": matrix(0.9, 99), "test": np.diag([50.0, 0, 0])}),
    "constant answers": evidence(confusion={part: np.ones((3, 1)) * [[33.0, 0, 0]] for part in ("train", "test")}),
    "no rows held out": evidence(confusion={"train": matrix(0.9, 99)}, metrics={"train": {"loss": 0.1}}),
    "classes that do not fit": evidence(confusion={"train": matrix(0.9, 99, 5)}),
    "no settings, no plan": Evidence(history=history(falling(), falling(0.12))),
    "1,000 classes": evidence(
        confusion={"train": np.eye(1000) * 4, "test": np.eye(1000)},
        encoding=replace(encoding(), target=replace(encoding().target, classes=MANY)),
    ),
}


@pytest.mark.parametrize("edge", EDGES)
def test_there_is_an_answer_all_the_same(edge: str) -> None:
    found = diagnose(EDGES[edge])
    assert all(
        np.isfinite(list(one.changes.values())).all() for one in found if "optimizer.learning_rate" in one.changes
    )
    assert not any("nan" in f"{one.evidence} {one.advice}".lower().split() for one in found)
    assert all(isinstance(sentence, str) for sentence in unseen(EDGES[edge]))


def test_a_run_that_diverged_at_once_says_so() -> None:
    (one,) = diagnose(EDGES["diverged at once"])
    assert one.kind == "diverged" and one.severity == "error" and "iteration 1" in one.evidence
    assert "no epoch was finished" in unseen(EDGES["diverged at once"])[0]


def test_constant_answers_are_named() -> None:
    assert "class never answered" in {one.kind for one in diagnose(EDGES["constant answers"])}


OFF = SETTINGS | {"training.early_stopping": None}
LOW = history(1.1 - 0.001 * T, 1.1 - 0.001 * T, layers=with_layers(update_ratio=2e-5))


def test_a_rate_that_is_too_low_is_raised_to_updates_of_the_usual_size() -> None:
    """Updates of 2e-5 of the norm are a hundred and fifty times too small."""
    (one,) = (one for one in diagnose(evidence(LOW)) if one.kind == "learning rate too low")
    assert one.changes == {"optimizer.learning_rate": pytest.approx(150 * RATE)}
    assert "learning_rate=1.5" in one.advice


def test_few_updates_of_the_usual_size_are_no_low_rate() -> None:
    rows = history(1.1 - 0.001 * T, 1.1 - 0.001 * T, layers=with_layers(update_ratio=3.5e-3))
    few = evidence(rows, plan=PLAN | {"updates": 3})
    assert "learning rate too low" not in {one.kind for one in diagnose(few)}


@pytest.mark.parametrize("ratio", [0.0, 1e-30, np.nan])
def test_the_rate_of_a_remedy_is_a_number_without_updates_too(ratio: float) -> None:
    rows = history(1.1 - 0.001 * T, 1.1 - 0.001 * T, layers=with_layers(update_ratio=ratio))
    for one in diagnose(evidence(rows)):
        assert np.isfinite(one.changes.get("optimizer.learning_rate", 1.0))


def test_a_remedy_that_trains_farther_keeps_the_best_epoch_where_early_stopping_was_off() -> None:
    stopping = "training.early_stopping"
    (low,) = (one for one in diagnose(evidence(LOW, settings=OFF)) if one.kind == "learning rate too low")
    assert low.changes == {"optimizer.learning_rate": pytest.approx(150 * RATE), stopping: {}}
    assert f"{stopping}={{}}" in low.advice
    blind = [{key: value for key, value in row.items() if key != "val_loss"} for row in LOW]
    for others in (evidence(LOW), evidence(LOW, settings={}), evidence(blind, settings=OFF)):
        assert all(stopping not in one.changes for one in diagnose(others))
    rare = evidence(confusion={"train": RARE, "validation": RARE / 5}, settings=OFF)
    assert next(one for one in diagnose(rare) if one.kind == "imbalance").changes == {"task.class_weights": "balanced"}
    (turned,) = diagnose(evidence(history(falling(0.0, 9), TURNING), settings=OFF))
    assert turned.changes == {stopping: {}} and turned.advice.count(stopping) == 1


@pytest.mark.parametrize("kind", ["batch too small", "batch normalization with small batches"])
@pytest.mark.parametrize(
    ("rows", "epochs", "enough"), [(1_000, 8, 63), (1_000, 63, None), (64_000, 2, None), (7, 1, 1_000)]
)
def test_larger_batches_come_with_epochs_for_a_thousand_updates(
    kind: str, rows: int, epochs: int, enough: int | None
) -> None:
    plan = dict(FAULTS[kind].plan) | {"training_rows": rows, "epochs": epochs}
    (one,) = (one for one in diagnose(replace(FAULTS[kind], plan=plan)) if one.kind == kind)
    assert one.changes == {"training.batch_size": min(64, rows)} | ({"training.epochs": enough} if enough else {})
    assert (f"epochs={enough}" in one.advice) is (enough is not None)


def test_what_time_has_ended_gets_more_time_and_counts_the_updates_made() -> None:
    rows = [{"epoch": n, "iteration": 32 * n, "loss": 2.0 / n, "val_loss": 2.1 / n} for n in (1, 2)]
    plan = {"epochs": 60, "iterations_per_epoch": 32, "updates": 1_920}
    (found,) = too_few_epochs(Evidence(history=rows, settings={"training.max_time": 1.0}, plan=plan))
    assert "after 64 updates" in found.evidence
    assert found.changes == {"training.max_time": 2.0}


def test_what_is_not_there_is_said() -> None:
    assert any("training.diagnostics" in sentence for sentence in unseen(EDGES["no layers"]))
    assert any("no validation rows" in sentence for sentence in unseen(EDGES["no validation"]))
    assert any("too few" in sentence for sentence in unseen(EDGES["one epoch"]))


def test_every_check_says_nothing_of_what_it_does_not_know() -> None:
    for check in CHECKS:
        assert check(Evidence(history=[])) == ()


WHOLE = {"batch_size": 2, "training_rows": 2}
SET = {
    "dead units": (steps(network__activation="gelu"), {}, "gelu", "a lower learning rate"),
    "saturation": (steps(network__activation="relu"), {}, "activation", "a lower learning rate"),
    "vanishing gradients": (
        steps(network__activation="relu", network__batch_normalization=True),
        {},
        "normalization",
        "fewer layers",
    ),
    "exploding gradients": (steps(optimizer__global_clipnorm=0.5), {}, "clip", "take a lower learning rate"),
    "diverged": (
        steps(optimizer__global_clipnorm=1.0),
        {},
        "clip",
        "take a lower learning rate (`learning_rate=0.001`)",
    ),
    "oscillating": (
        steps(schedule__name="one_cycle"),
        {"batch_size": 1000},
        "schedule",
        "take a lower learning rate (`learning_rate=0.003`)",
    ),
    "bad start": (
        steps(schedule__name="one_cycle", network__initializer="he_normal"),
        {},
        "warm-up",
        "other initial parameters (`network.initializer=auto`)",
    ),
    "batch normalization with small batches": (
        steps(network__batch_normalization=None, training__batch_size=2),
        WHOLE,
        "larger batches",
        "leave it out (`network.batch_normalization=false`)",
    ),
}


@pytest.mark.parametrize("kind", SET)
def test_a_remedy_that_is_in_force_is_not_told(kind: str) -> None:
    settings, plan, word, rest = SET[kind]
    before = next(one for one in diagnose(FAULTS[kind]) if one.kind == kind)
    assert word in before.advice
    of = replace(FAULTS[kind], settings=settings, plan=PLAN | plan)
    (after,) = (one for one in diagnose(of) if one.kind == kind)
    assert after.advice == rest
    assert not any(settings.get(key) == value for key, value in after.changes.items())


def test_batch_normalization_of_all_rows_says_so_and_changes_that_alone() -> None:
    kind = "batch normalization with small batches"
    (one,) = (one for one in diagnose(replace(FAULTS[kind], plan=PLAN | WHOLE)) if one.kind == kind)
    assert "from 2 rows, all that train" in one.evidence
    assert one.changes == {"network.batch_normalization": False}


def test_a_start_is_not_found_fault_with_where_nothing_is_left_to_do() -> None:
    linear = {"network.name": "linear", "schedule.name": "one_cycle", "data.scaling": "standard"}
    for settings in (linear, linear | {"schedule.name": "constant", "schedule.warmup": 0.1}):
        assert "bad start" not in {one.kind for one in diagnose(replace(FAULTS["bad start"], settings=settings))}
    open_to = linear | {"schedule.name": "constant", "schedule.warmup": 0.0}
    (one,) = (one for one in diagnose(replace(FAULTS["bad start"], settings=open_to)) if one.kind == "bad start")
    assert one.advice == "a warm-up (`schedule.name=one_cycle`)"


def test_all_rows_in_a_batch_are_not_called_too_few() -> None:
    plan = PLAN | {"batch_size": 20, "training_rows": 20}
    assert "batch too small" not in {one.kind for one in diagnose(replace(FAULTS["batch too small"], plan=plan))}
