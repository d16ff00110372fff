"""A training repeated with further seeds: each of them as it would be alone, and intervals of their means."""

from dataclasses import replace

import numpy as np
import pytest

from batchwright import workflow
from batchwright.config import load_config
from batchwright.errors import ConfigError, InterruptedRunError
from batchwright.workflow import Repeated, Trained, repeat
from batchwright.workflow.repeating import Estimate, estimate


def settings(**more: str):
    values = {"data.source": "iris", "training.epochs": "4", "training.batch_size": "16"}
    network = {"network.kind": "mlp", "network.hidden_layer_sizes": "[8]", "optimizer.learning_rate": "0.02"}
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


def test_what_cannot_be_repeated_is_told_before_training() -> None:
    with pytest.raises(ConfigError, match="stays as it is"):
        list(workflow.repeatable(workflow.train(settings(**{"training.batch_size": "{adaptive: {}}"}), record=False)))


def test_interrupted_it_ends_after_an_epoch_and_says_what_is_complete() -> None:
    epochs = repeat(trained(), 3, interrupted=lambda: True)
    assert next(epochs) == 1
    with pytest.raises(InterruptedRunError, match="the run of seed 0 is complete"):
        next(epochs)
