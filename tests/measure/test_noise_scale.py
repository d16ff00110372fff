"""Noise scales against gradients taken row by row, and against distributions whose moments are known."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.naming import stable

from batchwright import nn, optim
from batchwright.errors import ConfigError, DataError, DivergedError
from batchwright.measure import per_row
from batchwright.measure.noise_scale import NoiseScale, from_two_sizes, measure_noise, noise_scale, pool
from batchwright.nn.protocols import Network, Variables
from batchwright.tasks import Classification, Regression, Task
from batchwright.training.state import Model, Program, Rows, TrainState, initial_state

ROWS, REPEATS, ROWS_OF_REPEAT = 48, 120, 64


COMPILED = per_row._compile_sums


@cache
def quickly_compiled() -> Callable[..., per_row.Sums]:
    return jax.jit(per_row._sums, static_argnames="preconditioned")


@pytest.fixture(autouse=True)
def _compile_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(per_row, "_compile_sums", quickly_compiled)


def places_of(count: int, start: int = 0) -> np.ndarray:
    return np.arange(start, start + count, dtype=np.int32)


def started(network: Network, task: Task, rows: Rows, optimizer: optim.Optimizer | None = None) -> tuple:
    program = Program(Model(network, task), optimizer or optim.SGD(0.1))
    return program, filled(jax.eval_shape(lambda inputs: initial_state(program, inputs, seed=0), rows.inputs)), rows


def filled(train: TrainState) -> TrainState:
    """Random parameters and rising bin edges in place of the shapes; nothing is compiled for it."""
    random = np.random.default_rng(7)

    def normal(leaf: jax.ShapeDtypeStruct) -> np.ndarray:
        return random.normal(size=leaf.shape).astype(np.float32)

    start = jax.tree.map(lambda leaf: jnp.asarray(np.zeros(leaf.shape, leaf.dtype)), train)
    params = jax.tree.map(lambda leaf: jnp.asarray(0.4 * normal(leaf)), train.params)
    edges = jax.tree.map(lambda leaf: jnp.asarray(np.sort(normal(leaf)) if leaf.ndim else normal(leaf)), train.state)
    return start._replace(params=params, state=edges)


def averages(scales: list[NoiseScale]) -> tuple[np.ndarray, np.ndarray]:
    """Means of trace and |G|² over repeats, and their standard errors."""
    found = np.array([(scale.trace, scale.gradient_norm2) for scale in scales])
    return found.mean(axis=0), found.std(axis=0, ddof=1) / len(found) ** 0.5


class TestKnownDistributions:
    """Repeated measurements of fresh rows: no bias beyond chance."""

    def test_linear_regression_on_normal_inputs(self) -> None:
        """Errors e = u·x + c − ε, x ~ N(0, I) in d dimensions, ε ~ N(0, σ²); rows have the gradients 2e·(x, 1).

        G = 2·(u, c). With E (u·x)²|x|² = (d + 2)·|u|², and odd moments 0, E|g|² = 4·E e²(|x|² + 1) =
        4·((d + 3)·|u|² + (d + 1)·(c² + σ²)), so that tr Σ = 4·((d + 2)·|u|² + d·c² + (d + 1)·σ²).
        """
        d, c, sigma, random = 5, 0.4, 0.7, np.random.default_rng(0)
        u, count = random.normal(size=d), REPEATS * ROWS_OF_REPEAT
        x, noise = random.normal(size=(count, d)), sigma * random.normal(size=count)
        rows = Rows({"numeric": jnp.asarray(x, jnp.float32)}, jnp.asarray(noise, jnp.float32), None)
        program, train, rows = started(nn.Linear().build(nn.Features(numeric=d), 1), Regression(), rows)
        layer = {"kernel": jnp.asarray(u[:, None], jnp.float32), "bias": jnp.full(1, c)}
        train = train._replace(params={**train.params, "body": {"dense_0": layer}})
        means, errors = averages(repeated(program, train, rows, group_rows=1))
        u2 = float(u @ u)
        known = np.array([4 * ((d + 2) * u2 + d * c**2 + (d + 1) * sigma**2), 4 * (u2 + c**2)])
        np.testing.assert_array_less(np.abs(means - known), 4 * errors)
        np.testing.assert_array_less(errors, 0.1 * known)  # the statement is one

    @pytest.mark.parametrize("group_rows", [1, 4])
    def test_quadratic(self, group_rows: int) -> None:
        """g = H(w − x) with x ~ N(μ, S): φ = tr(HSH) / |H(w − μ)|²."""
        random = np.random.default_rng(1)
        d, count = len(HESSIAN), REPEATS * ROWS_OF_REPEAT
        root, w, mu = random.normal(size=(d, d)), random.normal(size=d), random.normal(size=d)
        x = mu + random.normal(size=(count, d)) @ root.T
        rows = Rows({"numeric": jnp.asarray(x, jnp.float32)}, jnp.zeros((count, d)), None)
        program, train, rows = started(Quadratic(), Regression(targets=d), rows)
        train = train._replace(params={"point": {"w": jnp.asarray(w, jnp.float32)}})
        means, errors = averages(repeated(program, train, rows, group_rows=group_rows))
        known = np.array([np.trace(HESSIAN @ root @ root.T @ HESSIAN), np.sum((HESSIAN @ (w - mu)) ** 2)])
        np.testing.assert_array_less(np.abs(means - known), 4 * errors)
        assert means[0] / means[1] == pytest.approx(known[0] / known[1], rel=0.1)


def repeated(program: Program, train: TrainState, rows: Rows, *, group_rows: int) -> list[NoiseScale]:
    starts = range(0, rows.length, ROWS_OF_REPEAT)
    measured = (
        measure_noise(program, train, rows, places_of(ROWS_OF_REPEAT, start), blocks=4, group_rows=group_rows)
        for start in starts
    )
    return [scales.overall for scales in measured]


HESSIAN = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, 0.3], [0.0, 0.3, 0.5]])


class Quadratic:
    """Outputs whose mean square is ½·(w − x)ᵀH(w − x)."""

    def init(self, key: jax.Array, example: dict[str, jax.Array]) -> Variables:
        return Variables({"point": {"w": jnp.zeros(len(HESSIAN))}}, {})

    def apply(
        self,
        variables: Variables,
        inputs: dict[str, jax.Array],
        *,
        train: bool,
        key: jax.Array | None,
        present: jax.Array | None,
    ) -> tuple[jax.Array, dict[str, object]]:
        root = jnp.asarray(np.linalg.cholesky(HESSIAN) * (len(HESSIAN) / 2) ** 0.5, jnp.float32)
        return (variables.params["point"]["w"][None, :] - inputs["numeric"]) @ root, {}


jax.tree_util.register_static(Quadratic)


def mlp_rows(*, weighted: bool) -> Rows:
    random = np.random.default_rng(2)
    x, weights = random.normal(size=(ROWS, 4)), random.uniform(0.0, 3.0, ROWS)
    targets = jnp.asarray(random.integers(0, 3, ROWS), jnp.int32)
    return Rows(
        {"numeric": jnp.asarray(x, jnp.float32)}, targets, jnp.asarray(weights, jnp.float32) if weighted else None
    )


def mlp(
    *, weighted: bool = False, optimizer: optim.Optimizer | None = None, **settings: object
) -> tuple[Program, TrainState, Rows]:
    network = nn.MLP(**{"hidden_layer_sizes": (6,), "batch_normalization": False} | settings)
    task = Classification(tuple("abc"), class_weights=jnp.array([1.0, 2.0, 0.5]) if weighted else None)
    return started(network.build(nn.Features(numeric=4), 3), task, mlp_rows(weighted=weighted), optimizer)


def cnn() -> tuple[Program, TrainState, Rows]:
    random = np.random.default_rng(3)
    images = jnp.asarray(random.integers(0, 256, (ROWS, 6, 6, 2)), jnp.uint8)
    rows = Rows({"image": images}, jnp.asarray(random.integers(0, 3, ROWS), jnp.int32), None)
    network = nn.CNN(filters=(3,), hidden_layer_sizes=(5,), batch_normalization=False)
    return started(network.build(nn.Features(image=(6, 6, 2)), 3), Classification(tuple("abc")), rows)


def tabular() -> tuple[Program, TrainState, Rows]:
    random = np.random.default_rng(4)
    inputs = {
        "numeric": jnp.asarray(random.normal(size=(ROWS, 3)), jnp.float32),
        "categorical": jnp.asarray(random.integers(0, 4, (ROWS, 2)), jnp.int32),
    }
    targets, weights = random.normal(size=(ROWS, 2)), random.uniform(0.5, 2.0, ROWS)
    rows = Rows(inputs, jnp.asarray(targets, jnp.float32), jnp.asarray(weights, jnp.float32))
    network = nn.Tabular(hidden_layer_sizes=(5,), batch_normalization=False, dropout=0.0)
    return started(network.build(nn.Features(3, (4, 4)), 2), Regression(targets=2), rows)


def by_hand(program: Program, train: TrainState, rows: Rows, group_rows: int) -> list[np.ndarray]:
    """Gradients of the groups one after the other, [groups, size] of each leaf in float64; weighted as in training."""

    @jax.jit
    def gradient(params: object, group: Rows) -> object:
        def loss(params: object) -> jax.Array:
            variables = Variables(params, train.state)
            outputs, _ = program.model.network.apply(variables, group.inputs, train=True, key=None, present=None)
            return jnp.sum(program.model.task.losses(outputs, group.targets) * group.weights)

        return jax.grad(loss)(params)

    of_class = program.model.task.row_weights(rows.targets)
    weights = np.ones(rows.length) if rows.weights is None else np.asarray(rows.weights, np.float64)
    weights = jnp.asarray(weights * (1.0 if of_class is None else np.asarray(of_class)), jnp.float32)
    whole, gradients = rows._replace(weights=weights), []
    for start in range(0, rows.length, group_rows):
        group = jax.tree.map(lambda array, start=start: array[start : start + group_rows], whole)
        gradients.append(
            [np.asarray(leaf, np.float64).ravel() for leaf in jax.tree.leaves(gradient(train.params, group))]
        )
    share = len(gradients) / float(weights.sum())
    return [share * np.stack(leaves) for leaves in zip(*gradients, strict=True)]


def sums_of(gradients: list[np.ndarray], blocks: int) -> tuple[np.ndarray, np.ndarray]:
    """Dot products of the blocks' means, and sums of squares."""
    split = [leaf.reshape(blocks, -1, leaf.shape[1]) for leaf in gradients]
    means = [leaf.mean(axis=1) for leaf in split]
    return np.stack([mean @ mean.T for mean in means]), np.stack([(leaf**2).sum(axis=(1, 2)) for leaf in split])


def agree(
    case: tuple[Program, TrainState, Rows], gradients: list[np.ndarray], *, rows: int, preconditioned: bool
) -> None:
    blocks = 4
    program, train, data = case
    groups = data.length // rows // blocks
    shape = (blocks, 2, groups // 2, rows) if groups % 2 == 0 else (blocks, 1, groups, rows)
    places = jnp.asarray(places_of(data.length).reshape(shape))
    found = per_row.gradient_sums(program, train, data, places, seed=0, preconditioned=preconditioned)
    gram, squares = sums_of(gradients, blocks)
    np.testing.assert_allclose(found.gram, gram, rtol=1e-4, atol=1e-5 * gram.max())
    np.testing.assert_allclose(found.squares, squares, rtol=1e-4, atol=1e-5 * squares.max())


CASES = {"mlp": mlp, "weighted mlp": lambda: mlp(weighted=True), "cnn": cnn, "weighted tabular": tabular}


class TestRowByRow:
    """The compiled program against `jax.grad` of each row or group."""

    @pytest.mark.parametrize("name", CASES)
    def test_single_rows(self, name: str) -> None:
        case = CASES[name]()
        assert not per_row.mixes_rows(case[0].model.network, case[1].variables, case[2])
        agree(case, by_hand(*case, 1), rows=1, preconditioned=False)

    def test_groups_pass_batch_normalization_by_themselves(self) -> None:
        case = mlp(batch_normalization=True, weighted=True)
        assert per_row.mixes_rows(case[0].model.network, case[1].variables, case[2])
        agree(case, by_hand(*case, 4), rows=4, preconditioned=False)
        assert measure_noise(*case, places_of(ROWS)).overall.spread.degrees == 2  # 3 groups of 16

    def test_preconditioned_by_adam(self) -> None:
        """P = 1 / (√(v / (1 − β₂ᵗ)) + ε), in NumPy."""
        program, train, rows = mlp(optimizer=optim.Adam(0.1, beta_2=0.95))
        state, random = train.opt_state, np.random.default_rng(5)
        update = jax.jit(optim.update)
        for _ in range(3):
            fresh = jax.tree.map(lambda w: jnp.asarray(random.normal(size=w.shape), jnp.float32), train.params)
            _, state = update(program.optimizer, fresh, state, train.params, 0.1)
        squares = [np.asarray(leaf, np.float64).ravel() for leaf in jax.tree.leaves(state["square"])]
        factors = [1.0 / (np.sqrt(v / (1.0 - 0.95**3)) + 1e-7) for v in squares]
        train = train._replace(opt_state=state)
        gradients = [g * p for g, p in zip(by_hand(program, train, rows, 1), factors, strict=True)]
        agree((program, train, rows), gradients, rows=1, preconditioned=True)

    def test_a_rule_without_second_moment_is_measured_as_it_is(self) -> None:
        case, places, key = mlp(), jnp.zeros((4, 1, 12, 1), jnp.int32), jax.random.key(0)
        lowered = (
            per_row._compile_sums().lower(*case, places, key, preconditioned=on).as_text() for on in (False, True)
        )
        assert next(lowered) == next(lowered)

    def test_rows_in_chunks_or_few_gradients_at_once_are_the_same(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A network of its own: what is compiled once is not compiled again for another limit."""
        monkeypatch.setattr(per_row, "GRADIENTS_AT_ONCE", 1000)  # those of 4 rows, of 6 that go through together
        case = mlp(hidden_layer_sizes=(7,))
        agree(case, by_hand(*case, 1), rows=1, preconditioned=False)

    def test_each_row_draws_its_own_dropout(self) -> None:
        """The same row again and again: without dropout there is no noise."""
        same = np.zeros(ROWS, np.int32)
        still, noisy = (measure_noise(*mlp(dropout=rate), same).overall for rate in (0.0, 0.5))
        assert still.value < 1e-5 < 0.05 < noisy.value

    def test_layers_add_up(self) -> None:
        scales = measure_noise(*mlp(weighted=True), places_of(ROWS))
        assert set(scales.layers) == {"body/dense_0", "body/dense_3"}
        for what in ("trace", "gradient_norm2"):
            total = sum(getattr(layer, what) for layer in scales.layers.values())
            assert total == pytest.approx(getattr(scales.overall, what))

    def test_other_numbers_compile_nothing(self) -> None:
        texts = []
        for rate, dropout, beta in ((0.1, 0.2, 0.9), (0.3, 0.5, 0.99)):
            program, train, rows = mlp(optimizer=optim.Adam(rate, beta_2=beta), dropout=dropout)
            places = jnp.zeros((4, 1, 12, 1), jnp.int32)
            key = jax.random.key(0)
            texts.append(
                per_row._compile_sums().lower(program, train, rows, places, key, preconditioned=True).as_text()
            )
        assert texts[0] == texts[1]


@pytest.mark.parametrize("group_rows", [1, 16])
def test_memory_is_that_of_the_blocks_not_of_the_rows(group_rows: int) -> None:
    """784-512-10 with 1024 rows: the gradients of all would take 1.7 GB, those of 16 blocks 26 MB."""
    count, blocks = 1024, 16
    network = nn.MLP(hidden_layer_sizes=(512,), batch_normalization=group_rows > 1).build(nn.Features(numeric=784), 10)
    rows = Rows({"numeric": jnp.zeros((count, 784))}, jnp.zeros(count, jnp.int32), None)
    program, train, rows = started(network, Classification(tuple("abcdefghij")), rows)
    size = 4 * sum(leaf.size for leaf in jax.tree.leaves(train.params))
    places = jnp.zeros((blocks, 1, count // blocks // group_rows, group_rows), jnp.int32)
    lowered = COMPILED().lower(program, train, rows, places, jax.random.key(0), preconditioned=False)
    assert lowered.compile().memory_analysis().temp_size_in_bytes < (blocks + 12) * size  # and not 1024


@cache
def synthetic(seed: int, *, norm: float, phi: float = 100.0, rows: int = 512) -> NoiseScale:
    """Normal gradients in 30 dimensions, straight into the estimator; with the norm 0, tr Σ = φ."""
    random = np.random.default_rng(seed)
    gradients = random.normal(size=(rows, 30)) * (phi / 30) ** 0.5
    gradients[:, 0] += norm
    gram, squares = sums_of([gradients], 16)
    return noise_scale(gram[0], squares[0], groups=rows // 16, group_rows=1)


class TestInterval:
    """How far the answer may be off."""

    @pytest.mark.parametrize("rows", [128, 512, 4096])
    def test_holds_the_truth_nineteen_times_in_twenty(self, rows: int) -> None:
        scales = [synthetic(seed, norm=1.0, rows=rows) for seed in range(100)]
        assert 89 <= sum(scale.low <= 100.0 <= scale.high for scale in scales) <= 100

    def test_narrows_with_more_rows(self) -> None:
        few, many = (synthetic(0, norm=1.0, rows=rows) for rows in (512, 8192))
        assert many.high - many.low < 0.5 * (few.high - few.low)
        assert many.low < many.value < many.high

    def test_is_open_where_the_gradient_is_lost_in_noise(self) -> None:
        scales = [synthetic(seed, norm=0.0) for seed in range(100)]
        assert sum(scale.high == np.inf for scale in scales) >= 92
        assert all(0.0 < scale.low < np.inf for scale in scales)
        assert all((scale.value == np.inf) == (scale.gradient_norm2 <= 0.0) for scale in scales)

    def test_pooled_is_narrower_and_divides_once(self) -> None:
        program, train, rows = mlp()
        orders = places_of(ROWS), np.random.default_rng(8).permutation(places_of(ROWS))
        one, other = (measure_noise(program, train, rows, places) for places in orders)
        both = pool([one, other])
        trace, norm2 = (
            getattr(one.overall, what) + getattr(other.overall, what) for what in ("trace", "gradient_norm2")
        )
        assert both.overall.value == pytest.approx(trace / norm2)
        assert both.overall.rows == 2 * ROWS
        assert both.overall.spread.trace == pytest.approx((one.overall.spread.trace + other.overall.spread.trace) / 4)
        assert set(both.layers) == set(one.layers)
        assert pool([one]) == one

    def test_pool_refuses_nothing_and_other_networks(self) -> None:
        scales = measure_noise(*mlp(), places_of(ROWS))
        with pytest.raises(ValueError, match="one or more measurements of the same network"):
            pool([])
        with pytest.raises(ValueError, match="of the same network"):
            pool([scales, replace(scales, layers={})])


class TestTwoSizes:
    """Worked by hand."""

    @pytest.mark.parametrize(
        ("small", "big", "norms", "moments"),
        [
            (1, 4, (7.0, 4.0), (4.0, 3.0)),  # 3 + 4/1, 3 + 4/4
            (16, 64, (2.5, 1.375), (24.0, 1.0)),  # 1 + 24/16, 1 + 24/64
            (2, 3, (1.0, 1.0), (0.0, 1.0)),
            (1, 2, (2.0, 1.0), (2.0, 0.0)),
        ],
        ids=stable,
    )
    def test_by_hand(self, small: int, big: int, norms: tuple[float, float], moments: tuple[float, float]) -> None:
        assert from_two_sizes(small, big, *norms) == pytest.approx(moments)

    @pytest.mark.parametrize(("small", "big"), [(4, 4), (8, 4), (0, 4)])
    def test_sizes_have_to_differ(self, small: int, big: int) -> None:
        with pytest.raises(ValueError, match="0 < small < big"):
            from_two_sizes(small, big, 1.0, 1.0)


class TestRefused:
    """What has no noise scale is told in a sentence."""

    def test_gradients_of_0(self) -> None:
        program, train, rows = mlp(weighted=True)
        with pytest.raises(DataError, match="the gradients of all 48 rows are 0"):
            measure_noise(program, train, rows._replace(weights=jnp.zeros(ROWS)), places_of(ROWS))

    def test_a_loss_that_is_not_finite(self) -> None:
        program, train, rows = mlp()
        broken = train._replace(params=jax.tree.map(lambda w: w * jnp.nan, train.params))
        with pytest.raises(DivergedError, match="not finite at these parameters"):
            measure_noise(program, broken, rows, places_of(ROWS))

    @pytest.mark.parametrize(
        ("places", "settings", "error", "words"),
        [
            (places_of(2), {}, DataError, "3 groups of 1 rows"),
            (places_of(40), {"group_rows": 16}, DataError, "3 groups of 16 rows"),
            (places_of(ROWS, 1), {}, DataError, "0 ... 47, but are 1 ... 48"),
            (places_of(ROWS), {"blocks": 2}, ConfigError, "3 blocks or more"),
            (places_of(ROWS), {"group_rows": 0}, ConfigError, "1 row or more"),
        ],
        ids=["few rows", "few groups", "no such row", "few blocks", "no rows in a group"],
    )
    def test_too_little(self, places: np.ndarray, settings: dict[str, int], error: type, words: str) -> None:
        with pytest.raises(error, match=words):
            measure_noise(*mlp(), places, **settings)


class TestPreconditioner:
    """P is what the rule itself multiplied the last gradient by."""

    @pytest.mark.parametrize(
        "rule",
        [
            optim.Adam(beta_1=0.0),
            optim.Adam(beta_1=0.0, amsgrad=True),
            optim.AdamW(beta_1=0.0),
            optim.Nadam(beta_1=0.0),
            optim.RMSprop(),
            optim.RMSprop(centered=True),
            optim.Adagrad(),
        ],
        ids=lambda rule: (
            rule.name + ("+" if getattr(rule, "amsgrad", False) or getattr(rule, "centered", False) else "")
        ),
    )
    def test_it_is_direction_over_gradient(self, rule: optim.Optimizer) -> None:
        w, random = jnp.zeros(5), np.random.default_rng(6)
        state = rule.init(w)
        for _ in range(3):
            g = jnp.asarray(random.normal(size=5), jnp.float32)
            direction, state = rule.direction(g, state, w)
        np.testing.assert_allclose(rule.preconditioner(state), direction / g, rtol=1e-5)

    def test_adadelta_makes_its_next_step_with_it(self) -> None:
        """Where the gradient is as usual, E[g²] stays what it is, and so P is that of the next step."""
        rule, g = optim.Adadelta(epsilon=0.1), jnp.array([0.5, 2.0])
        state = {"gradient_square": g**2, "step_square": jnp.array([0.3, 0.4])}
        direction, _ = rule.direction(g, state, g)
        np.testing.assert_allclose(rule.preconditioner(state) * g, direction, rtol=1e-6)

    @pytest.mark.parametrize("rule", [optim.SGD(momentum=0.9), optim.Lion(), optim.Muon()], ids=lambda rule: rule.name)
    def test_there_is_none_without_a_second_moment(self, rule: optim.Optimizer) -> None:
        assert rule.preconditioner(rule.init({"kernel": jnp.zeros((2, 2))})) is None

    @pytest.mark.parametrize("rule", [optim.Adam(), optim.Adadelta(), optim.RMSprop()], ids=lambda rule: rule.name)
    def test_before_the_first_iteration_it_is_constant(self, rule: optim.Optimizer) -> None:
        factors = np.asarray(rule.preconditioner(rule.init(jnp.zeros(4))))
        assert np.isfinite(factors).all()
        assert (factors == factors[0]).all()
