"""Learning rates against a problem whose stable range is known, and the arithmetic against made-up trials."""

import numpy as np
import pytest

from batchwright import nn, optim
from batchwright.errors import DataError
from batchwright.measure.learning_rate import TriedRate, find_learning_rate, minimum, stable_range
from batchwright.tasks import Regression
from batchwright.training.plan import make_plan
from batchwright.training.state import Model, Program, Rows, to_device


class Least:
    """Least squares: columns of different scales, so that the Hessian has known, spread eigenvalues."""

    def __init__(self, rows: int = 256) -> None:
        generator = np.random.default_rng(0)
        self.x = (generator.normal(size=(rows, 4)) * [1.0, 2.0, 3.0, 4.0]).astype(np.float32)
        self.targets = (self.x @ np.float32([1, -1, 0.5, 0.2]))[:, None].astype(np.float32)
        self.inputs, self.weights = {"numeric": self.x}, None

    @property
    def largest_stable(self) -> float:
        """2/λ of the Hessian 2·XᵀX/n of the mean squared error, a column of ones for the bias beside X."""
        design = np.column_stack([self.x, np.ones(len(self.x))]).astype(np.float64)
        return float(2 / np.linalg.eigvalsh(2 * design.T @ design / len(design)).max())


def make_program(optimizer: optim.Optimizer) -> Program:
    network = nn.Linear().build(nn.Features(numeric=4), 1)
    task = Regression("mean_squared_error", 1.0, mean=(0.0,), std=(1.0,))
    return Program(Model(network, task), optimizer)


def rows_of(data: Least) -> Rows:
    return to_device(data)


def test_the_stable_range_of_gradient_descent_is_that_of_its_hessian() -> None:
    data = Least()
    plan = make_plan(len(data.x), "full", 5)
    found = find_learning_rate(make_program(optim.SGD(0.01)), rows_of(data), plan, data.inputs)
    assert found.smallest_unstable is not None
    assert found.largest_stable < data.largest_stable < found.smallest_unstable
    assert found.largest_stable / 10 < found.best <= found.largest_stable
    assert found.interval[0] < found.best < found.interval[1]
    assert list(found.examples) == ["too small", "best", "too large"]


@pytest.mark.parametrize("present", [1e-4, 1e20])
def test_the_answer_does_not_depend_on_the_present_rate_and_hardly_on_the_seed(present: float) -> None:
    data = Least()
    plan = make_plan(len(data.x), 32, 5)
    found = [
        find_learning_rate(make_program(optim.SGD(present)), rows_of(data), plan, data.inputs, seed=seed).best
        for seed in (0, 100)
    ]
    assert np.ptp(np.log10(found)) < 0.5
    assert 0.05 * data.largest_stable < min(found) < data.largest_stable


def test_where_no_rate_helps_it_says_so() -> None:
    data = Least()
    data.targets = data.targets * np.float32(1e25)
    plan = make_plan(len(data.x), "full", 5)
    with pytest.raises(DataError, match="no learning rate from"):
        find_learning_rate(make_program(optim.SGD(0.01)), rows_of(data), plan, data.inputs)


def trial(rate: float, *ends: float, begin: float = 10.0) -> TriedRate:
    """A trial whose seeds came from `begin` to these losses."""
    return TriedRate(rate, np.array([[*[begin] * 3, *[end] * 9] for end in ends]))


def test_the_minimum_is_the_vertex_of_a_parabola() -> None:
    vertex = -2.1

    def losses(step: float) -> tuple[float, ...]:
        return tuple(float(np.exp(shift + (step - vertex) ** 2)) for shift in (0.0, 0.1, 0.2))

    steps = np.arange(-11, -5) / 4
    best, (low, high) = minimum([trial(float(10**step), *losses(step), begin=1e3) for step in steps])
    assert np.log10(best) == pytest.approx(vertex, abs=1e-6)
    assert np.log10([low, high]) == pytest.approx([vertex - 0.125, vertex + 0.125]), "half a step, as the seeds agree"


def test_where_losses_are_flat_the_answer_does_not_follow_their_noise() -> None:
    generator, steps = np.random.default_rng(0), np.arange(-12, -4) / 4
    valley = np.maximum(0, np.abs(steps + 2) - 0.4)[:, None]
    answers, lowest = [], []
    for _ in range(100):
        losses = np.exp(valley + generator.normal(scale=0.01, size=(8, 3)))
        rates = [
            trial(float(10**step), *map(float, seeds), begin=1e3) for step, seeds in zip(steps, losses, strict=True)
        ]
        answers.append(np.log10(minimum(rates)[0]))
        lowest.append(steps[np.log(losses).mean(axis=1).argmin()])
    assert np.std(answers) < np.std(lowest) / 2
    assert np.mean(answers) == pytest.approx(-2, abs=0.05)


def test_seeds_that_disagree_widen_the_interval() -> None:
    def at(step: float) -> TriedRate:
        return trial(float(10**step), *(float(np.exp((step - v) ** 2)) for v in (-2.3, -2.0, -1.7)), begin=1e3)

    best, (low, high) = minimum([at(step) for step in np.arange(-12, -4) / 4])
    error = np.std([-2.3, -2.0, -1.7], ddof=1) / np.sqrt(3)
    assert np.log10(best) == pytest.approx(-2.0, abs=1e-6)
    assert np.log10(high / low) / 2 == pytest.approx(4.30 * error, rel=1e-3)


def test_a_loss_that_blows_up_within_its_first_quarter_and_stays_there_diverged() -> None:
    blown = [1.2, 900.0, 300.0, *[7.0] * 9]
    assert TriedRate(1.0, np.array([blown, blown])).diverged
    wavering = [1.2, 1.6, 0.9, *[1.4] * 9]
    assert not TriedRate(1e-5, np.array([wavering, wavering])).diverged


def test_the_stable_range_ends_at_the_first_rate_that_diverges() -> None:
    trials = [trial(0.001, 9.0), trial(0.01, 1.0), trial(0.1, 2.0), trial(0.3, 11.0), trial(0.5, 3.0)]
    assert stable_range(trials) == (0.1, 0.3)
    assert stable_range(trials[:3]) == (0.1, None)
    assert trial(1.0, float("nan")).diverged
