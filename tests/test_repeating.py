"""A training repeated with further seeds: each of them as it would be alone, and intervals of their means."""

from dataclasses import replace

import numpy as np
import pytest

from batchwright import workflow
from batchwright.cli.show.training import seeds_table
from batchwright.config import load_config
from batchwright.errors import ConfigError, InterruptedRunError
from batchwright.tasks import METRICS
from batchwright.workflow import Repeated, SeedRun, Trained, repeat
from batchwright.workflow.repeating import Estimate, estimate


def settings(**more: str):
    values = {"data.source": "iris", "training.epochs": "4", "training.batch_size": "16"}
    network = {"network.name": "mlp", "network.hidden_layer_sizes": "[8]", "optimizer.learning_rate": "0.02"}
    return load_config(None, [(key, text, key) for key, text in {**values, **network, **more}.items()])


def trained(**more: str) -> Trained:
    *_, last = workflow.train(settings(**more), record=False)
    assert isinstance(last, Trained)
    return last


def repeated(training: Trained, seeds: int) -> Repeated:
    *epochs, last = repeat(training, seeds)
    assert isinstance(last, Repeated)
    assert epochs == list(range(1, len(epochs) + 1))
    return last


def test_every_seed_is_as_alone_on_the_same_split() -> None:
    training = trained()
    runs = repeated(training, 3).runs
    assert [run.seed for run in runs] == [0, 1, 2]
    assert runs[0].metrics == training.metrics
    other = replace(training.prepared.settings.config.training, seed=2)
    alone = training.prepared.settings.with_section("training", other, "user")
    *_, last = workflow.train(alone, training.prepared.dataset, record=False)
    assert runs[2].epoch == last.stopped.epoch
    for part, found in last.metrics.items():
        assert runs[2].metrics[part] == pytest.approx(found, rel=1e-4, abs=1e-6)


def test_metrics_are_means_over_the_seeds() -> None:
    found = repeated(trained(), 4)
    losses = [run.metrics["test"]["loss"] for run in found.runs]
    assert found.metrics["test"]["loss"].mean == pytest.approx(np.mean(losses))
    assert len(set(losses)) == 4
    assert found.seconds > 0


def test_a_diverged_seed_is_left_out() -> None:
    """The further seeds diverge, as the rate is made too large for them alone."""
    training = trained()
    job = training.prepared.job
    optimizer = replace(job.program.optimizer, learning_rate=1e30)
    wild = replace(job, program=replace(job.program, optimizer=optimizer))
    found = repeated(replace(training, prepared=replace(training.prepared, job=wild)), 3)
    assert [run.status for run in found.runs] == ["finished", "diverged", "diverged"]
    loss = training.metrics["test"]["loss"]
    assert found.metrics["test"]["loss"] == Estimate(loss, loss, loss)


def test_the_interval_is_that_of_student() -> None:
    """The mean of normal values lies within in 95 % of all cases: 3 standard errors of 2,000 cases are 1.5 %."""
    values = np.random.default_rng(0).normal(5.0, 2.0, (2000, 4))
    estimates = [estimate(row.tolist()) for row in values]
    assert np.mean([one.low <= 5.0 <= one.high for one in estimates]) == pytest.approx(0.95, abs=0.015)


SKEWED = {
    "calibration error, a distance": ("calibration_error", lambda random, shape: np.abs(random.normal(0, 0.02, shape))),
    "calibration error, a share": ("calibration_error", lambda random, shape: random.beta(2, 60, shape)),
    "calibration error, exponential": ("calibration_error", lambda random, shape: random.exponential(0.02, shape)),
    "accuracy near 1": ("accuracy", lambda random, shape: random.beta(60, 2, shape)),
    "ROC AUC in the middle": ("roc_auc", lambda random, shape: random.normal(0.7, 0.02, shape)),
    "log loss": ("log_loss", lambda random, shape: random.lognormal(-1, 0.5, shape)),
    "R² near 1": ("r2", lambda random, shape: 1 - random.lognormal(-2, 0.5, shape)),
}


@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("case", SKEWED)
def test_the_interval_of_a_skewed_metric_covers_its_mean_and_keeps_to_its_range(case: str, seeds: int) -> None:
    """Nominally in 95 %; 1.5 % are lost where the skew is hardest, three standard errors of 1,500 cases are 1.7 %."""
    name, drawn = SKEWED[case]
    random = np.random.default_rng(seeds)
    mean = drawn(random, 10**6).mean()
    low, high = METRICS[name].low, METRICS[name].high
    found = [estimate(row.tolist(), (METRICS[name].low, METRICS[name].high)) for row in drawn(random, (1500, seeds))]
    assert all(low <= one.low <= one.mean <= one.high <= high for one in found)
    assert 0.935 - 0.017 <= np.mean([one.low <= mean <= one.high for one in found]) <= 0.99


@pytest.mark.parametrize("within", [(0.0, 1.0), (-1.0, 1.0), (0.0, np.inf), (-np.inf, 1.0), (-np.inf, np.inf)])
def test_far_from_the_ends_of_its_range_the_interval_is_students(within: tuple[float, float]) -> None:
    values = [0.5 + 1e-6 * step for step in (1, 2, 4)]
    free, bound = estimate(values), estimate(values, within)
    assert bound.low == pytest.approx(free.low, abs=1e-9) and bound.high == pytest.approx(free.high, abs=1e-9)


@pytest.mark.parametrize("values", [[1.0, 1.0, 1.0], [0.0, 0.0], [1.0, 0.0], [0.0, 1e-300], [1.0, 1.0 - 1e-16]])
def test_the_interval_is_in_the_range_for_values_at_its_ends(values: list[float]) -> None:
    found = estimate(values, (0.0, 1.0))
    assert 0 <= found.low <= found.mean <= found.high <= 1
    if len(set(values)) == 1:
        assert found.low == found.high == values[0]


def test_a_range_that_the_values_do_not_keep_to_is_none() -> None:
    assert estimate([-1.0, 2.0, 3.0], (0.0, np.inf)) == estimate([-1.0, 2.0, 3.0])


def test_the_ranges_are_those_of_the_task() -> None:
    ranges = {name: (metric.low, metric.high) for name, metric in METRICS.items()}
    assert ranges["accuracy"] == (0.0, 1.0) and ranges["r2"] == (-np.inf, 1.0) and ranges["loss"] == (0.0, np.inf)


def test_a_metric_that_is_the_same_with_all_seeds_is_said_to_be() -> None:
    runs = tuple(SeedRun(seed, "finished", 1, {}) for seed in range(3))
    metrics = {"test": {"accuracy": estimate([0.9] * 3), "loss": estimate([0.1, 0.2, 0.3])}}
    table = seeds_table(Repeated(runs, metrics, 1.0))
    assert list(table.columns[1].cells) == ["0.9000 (the same with all 3)", "0.2000 (-0.0484 to 0.4484)"]
    alone = seeds_table(Repeated(runs[:1], {"test": {"accuracy": estimate([0.9])}}, 1.0))
    assert list(alone.columns[1].cells) == ["0.9000 (one seed)"]


def test_what_cannot_be_repeated_is_told_before_training() -> None:
    with pytest.raises(ConfigError, match="stays as it is"):
        list(
            workflow.refuse_unrepeatable(
                workflow.train(settings(**{"training.batch_size": "{adaptive: {}}"}), record=False)
            )
        )


def test_interrupted_it_ends_after_an_epoch_and_says_what_is_complete() -> None:
    epochs = repeat(trained(), 3, interrupted=lambda: True)
    assert next(epochs) == 1
    with pytest.raises(InterruptedRunError, match="the run of seed 0 is complete"):
        next(epochs)
