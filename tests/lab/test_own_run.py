"""A run looked at: its way to the bit, a plane against NumPy's float64, curvature and noise against closed forms."""

from pathlib import Path

import jax
import numpy as np
import pytest
from typer.testing import CliRunner

import batchwright as bw
from batchwright.cli.main import app
from batchwright.errors import ConfigError, DataError, RunError, UsageError
from batchwright.lab import look_at_run
from batchwright.lab.own_run.batch_choice import batch_choice
from batchwright.lab.own_run.batch_clouds import clouds
from batchwright.lab.own_run.landscape import coordinates, landscape, main_plane, random_plane
from batchwright.lab.own_run.retrace import Trace, ravel, retrace, unravel
from batchwright.lab.own_run.sharpness import Sharpness, sharpness
from batchwright.lab.own_run.words import describe_batch_size
from batchwright.nn import MLP
from batchwright.runs.run import open_run

RATE = 0.05


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """y = 2·a − b + noise, in a file, so that a run's rows can be read again."""
    random = np.random.default_rng(0)
    a, b = random.normal(size=(2, 80))
    y = 2 * a - b + 0.3 * random.normal(size=80)
    path = tmp_path_factory.mktemp("rows") / "t.csv"
    path.write_text("a,b,y\n" + "\n".join(f"{p},{q},{r}" for p, q, r in zip(a, b, y, strict=True)) + "\n")
    return path


def train(table: Path, folder: Path, *more: str) -> Path:
    given = ["train", str(table), "--run-dir", str(folder), "--target", "y", "--optimizer", "sgd"]
    given += ["--schedule", "constant", "--learning-rate", str(RATE), "--batch-size", "16", "--epochs", "6"]
    result = CliRunner().invoke(app, [*given, *more])
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture(scope="module")
def linear(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Trace:
    """A linear network: its loss is a parabola, whose numbers are known."""
    folder = train(table, tmp_path_factory.mktemp("runs") / "linear", "--network", "linear")
    return retrace(open_run(folder), moments=10)


def numbers(trace: Trace) -> tuple[np.ndarray, np.ndarray]:
    rows = trace.prepared.dataset.train
    x = np.asarray(rows.inputs["numeric"], np.float64)
    return np.column_stack([np.ones(len(x)), x]), np.asarray(rows.targets, np.float64).reshape(-1)


def loss_of(trace: Trace, params: np.ndarray) -> float:
    """The mean squared error in float64; the bias comes before the kernel."""
    x, y = numbers(trace)
    return float(np.mean((x @ params.astype(np.float64) - y) ** 2))


def test_the_way_is_that_of_the_run(linear: Trace) -> None:
    assert linear.exact
    iterations = [moment.iteration for moment in linear.moments]
    assert iterations[0] == 0 and iterations[-1] == linear.job.plan.updates and 8 <= len(iterations) <= 12
    assert iterations == sorted(set(iterations))
    assert [moment.rate for moment in linear.moments[1:]] == pytest.approx([RATE] * (len(iterations) - 1))


def test_the_way_is_that_of_numpy(linear: Trace) -> None:
    """Plain gradient descent on each batch, in float64, ends where the run ended."""
    from batchwright.training.order import batches

    x, y = numbers(linear)
    w, plan, wanted = linear.moments[0].params.astype(np.float64), linear.job.plan, {}
    for epoch in range(plan.epochs):
        for rows in batches(plan, seed=linear.job.seed, epoch=epoch).reshape(plan.iterations_per_epoch, -1):
            own = rows[rows < plan.training_rows]
            w = w - RATE * 2 * x[own].T @ (x[own] @ w - y[own]) / len(own)
            wanted[len(wanted) + 1] = w
    for moment in linear.moments[1:]:
        np.testing.assert_allclose(moment.params, wanted[moment.iteration], rtol=1e-3, atol=1e-5)


def test_losses_are_those_of_numpy(linear: Trace) -> None:
    seen = landscape(linear, grid=7)
    np.testing.assert_allclose(seen.losses, [loss_of(linear, one.params) for one in linear.moments], rtol=1e-4)
    plane = main_plane(np.stack([one.params for one in linear.moments]), linear, 0)
    first, second = plane.first.astype(np.float64), plane.second.astype(np.float64)
    for row, up in enumerate(seen.up):
        for column, across in enumerate(seen.across):
            there = plane.origin + across * first + up * second
            assert seen.heights[row, column] == pytest.approx(loss_of(linear, there), rel=1e-3, abs=1e-6)


def test_the_share_is_that_of_the_singular_values(linear: Trace) -> None:
    seen = landscape(linear, grid=5)
    moved = np.stack([one.params for one in linear.moments]).astype(np.float64)
    sizes = np.linalg.svd(moved - moved[-1], compute_uv=False)
    assert seen.share == pytest.approx((sizes[:2] ** 2).sum() / (sizes**2).sum(), rel=1e-5)
    assert 0 < seen.share <= 1
    np.testing.assert_allclose(seen.points[-1], 0, atol=1e-7)
    plane = main_plane(moved.astype(np.float32), linear, 0)
    assert np.linalg.norm(plane.first) == pytest.approx(1, rel=1e-5)
    assert plane.first @ plane.second == pytest.approx(0, abs=1e-5)
    back = plane.origin + 0.3 * plane.first - 0.2 * plane.second
    np.testing.assert_allclose(coordinates(plane, back[None]), [[0.3, -0.2]], atol=1e-5)


def test_the_curvature_is_that_of_the_parabola(linear: Trace) -> None:
    from batchwright.measure.layers import layer_probe

    found = sharpness(linear)
    groups = layer_probe(linear.job, linear.prepared.dataset.train).groups
    x = np.concatenate([np.asarray(group.inputs["numeric"], np.float64) for group in groups])
    x = np.column_stack([np.ones(len(x)), x])
    steepest = np.linalg.eigvalsh(2 * x.T @ x / len(x))[-1]
    np.testing.assert_allclose(found.curvatures, steepest, rtol=1e-4)
    np.testing.assert_allclose(found.smallest, np.linalg.eigvalsh(2 * x.T @ x / len(x))[0], rtol=1e-3)
    assert found.unsure == 0
    assert np.isnan(found.limits[0])
    np.testing.assert_allclose(found.limits[1:], 2 / RATE, rtol=1e-5)
    assert found.above == 0.0


def test_only_the_largest_curvature_is_set_beside_the_limit() -> None:
    """Downwards, the loss bends more than the limit; one moment has no curvature, and one is not known well."""
    largest, limits = np.array([1.0, 5.0, np.nan, 3.0]), np.array([np.nan, 4.0, 4.0, 4.0])
    errors = np.array([0.001, 0.001, np.nan, 0.2])
    found = Sharpness(np.arange(4), largest, np.full(4, -9.0), errors, limits, 8)
    assert found.above == 0.5 and found.unsure == 2
    assert found.to_json()["curvatures"] == [1.0, 5.0, None, 3.0]


def test_gradients_of_batches_scatter_around_that_of_all_rows(linear: Trace) -> None:
    found = clouds(linear)
    x, y = numbers(linear)
    moment = linear.moments[len(linear.moments) // 2]
    plane = main_plane(np.stack([one.params for one in linear.moments]), linear, 0)
    ways = np.stack([plane.first, plane.second], axis=1).astype(np.float64)
    exact = 2 * x.T @ (x @ moment.params.astype(np.float64) - y) / len(x)
    np.testing.assert_allclose(found.mean, exact @ ways, rtol=1e-3, atol=1e-5)
    assert [one.batch_size for one in found.clouds] == [2, 16]  # one of all rows would be their mean
    spreads = [one.points.var(axis=0).sum() for one in found.clouds]
    assert spreads[0] > 3 * spreads[1] > 0
    each = 2 * x * (x @ moment.params.astype(np.float64) - y)[:, None]
    expected = np.var(each @ ways, axis=0).sum() / 2
    assert spreads[0] == pytest.approx(expected, rel=0.6)
    assert found.noise is not None and found.noise.low <= found.noise.value <= found.noise.high


def test_the_batch_size_is_compared_by_noise_and_clock(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = open_run(train(table, tmp_path / "run", "--network", "linear"))
    trace = retrace(run, moments=3)
    found = batch_choice(trace, run)
    last = run.history[-1]
    assert found.measured == pytest.approx(last["seconds"] / last["iteration"])
    assert found.sizes is not None and found.predicted == found.sizes.throughput.iteration_seconds(16)
    assert found.sizes.recommended in [one.batch_size for one in found.sizes.table]
    assert not isinstance(found.drawing(), str) and len(describe_batch_size(found)) == 2

    def fails(*_: object, **__: object) -> None:
        raise DataError("too few rows")

    monkeypatch.setattr("batchwright.lab.own_run.batch_choice.find_batch_size", fails)
    without = batch_choice(trace, run)
    assert without.sizes is None and without.predicted is None
    (said,) = describe_batch_size(without)
    assert said.en == "Why this batch size cannot be measured: too few rows" and said.zh.endswith("too few rows")
    assert without.drawing() == "it cannot be measured: too few rows"


def test_random_directions_are_as_long_as_the_filters(table: Path, tmp_path: Path) -> None:
    folder = train(table, tmp_path / "run", "--network", "mlp", "--hidden-layer-sizes", "5,3")
    seen = look_at_run(folder, directions="random", grid=5, moments=4, looks=())
    trace = seen.trace
    plane = random_plane(trace, 0)
    like = trace.job.program.trained_params(trace.prepared.state.params)
    end, first = (unravel(one, like) for one in (trace.moments[-1].params, plane.first))
    for weights, way in zip(jax.tree.leaves(end), jax.tree.leaves(first), strict=True):
        if weights.ndim == 1:
            assert not way.any()
        else:
            np.testing.assert_allclose(np.linalg.norm(way, axis=0), np.linalg.norm(weights, axis=0), rtol=1e-4)
    assert seen.landscape.across.min() < -1 and seen.landscape.up.max() > 1
    assert seen.landscape.share < 0.9
    assert seen.figures == ("surface", "loss")
    with pytest.raises(UsageError, match="not asked for"):
        seen.figure("sharpness")


def test_numbers_side_by_side_and_back() -> None:
    tree = {"b": np.arange(3.0, dtype=np.float32), "a": np.ones((2, 2), np.float32)}
    again = unravel(ravel(tree), tree)
    assert all(np.array_equal(again[name], tree[name]) for name in tree)


def test_a_run_is_looked_at_from_the_command_line(table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = train(table, tmp_path / "run", "--network", "linear")
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    given = ["lab", "run", str(folder), "--grid", "5", "--moments", "4", "--output", str(tmp_path / "surface.svg")]
    result = CliRunner().invoke(app, given)
    assert result.exit_code == 0, result.output
    assert "explains" in result.output and "<svg" in (tmp_path / "surface.svg").read_text()
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before

    def refuse(*_: object) -> None:
        raise ConfigError("it cannot be differentiated twice")

    monkeypatch.setattr("batchwright.lab.own_run.retrace.require_curvature", refuse)
    monkeypatch.setattr("batchwright.lab.own_run.retrace._follow", lambda *_: pytest.fail("it was trained again"))
    with pytest.raises(ConfigError, match="differentiated twice"):
        look_at_run(folder)


def test_what_cannot_be_looked_at_is_refused(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    data = bw.load({"a": random.normal(size=60), "y": random.normal(size=60)}, target="y")
    network = MLP((2,))
    bw.fit(data, network=network, epochs=1, run_dir=tmp_path / "python", progress=False)
    with pytest.raises(RunError, match="rows from Python"):
        look_at_run(tmp_path / "python")
    for values, said in [
        ({"grid": 4}, "5 to 101"),
        ({"moments": 1}, "2 to 200"),
    ]:
        with pytest.raises(UsageError, match=said):
            look_at_run(tmp_path / "python", **values)  # type: ignore[arg-type]
    with pytest.raises(RunError, match="not a folder"):
        look_at_run(tmp_path / "nowhere")


def test_a_way_whose_rates_followed_a_limit_of_time_is_found_again(table: Path, tmp_path: Path) -> None:
    more = ("--schedule", "cosine", "--epochs", "4000", "--max-time", "0.5", "--set", "training.early_stopping=null")
    run = open_run(train(table, tmp_path / "run", *more))
    assert len(run.history) < 4_000
    assert run.history[-1]["learning_rate"] < 0.2 * RATE
    found = retrace(run, moments=5)
    assert found.exact
    assert found.moments[-1].iteration == run.history[-1]["iteration"]
