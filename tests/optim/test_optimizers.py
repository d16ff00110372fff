"""Update rules against their formulas, and the contract that all of them keep."""

import dataclasses
import inspect
from collections.abc import Iterator
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from tests.naming import stable
from tests.reference import optimizers as reference

from batchwright.config import validate_component
from batchwright.errors import ConfigError
from batchwright.optim import (
    OPTIMIZERS,
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    AdamW,
    FromOptax,
    Lion,
    Muon,
    Nadam,
    Optimizer,
    RMSprop,
    init,
    update,
)

STEPS = 50
RATES = 0.02 * np.linspace(1.0, 0.3, STEPS)
SHAPES = {
    "dense": {"kernel": (6, 4), "bias": (4,)},
    "filters": {"kernel": (2, 2, 3, 5)},
    "embedding_0": {"table": (5, 3)},
}
VARIANTS = (
    *(rule() for rule in OPTIMIZERS),
    SGD(momentum=0.9),
    SGD(momentum=0.9, nesterov=True),
    RMSprop(momentum=0.9, centered=True),
    Adam(amsgrad=True),
    Adam(weight_decay=0.1, l2=0.05, global_clipnorm=0.5, clipvalue=0.3),
    Muon(nesterov=False, exclude_layers=("dense",), weight_decay=None),
)


def trees(shapes: object, seed: int, spread: float = 1.0) -> object:
    """Random float32 leaves whose sizes differ by orders of magnitude from number to number."""
    random = np.random.default_rng(seed)

    def leaf(shape: tuple[int, ...]) -> jax.Array:
        return jnp.asarray(random.normal(size=shape) * 10 ** random.uniform(-spread, spread, shape), jnp.float32)

    return jax.tree.map(leaf, shapes, is_leaf=lambda node: isinstance(node, tuple))


GRADIENTS = trees(jax.tree.map(lambda s: (STEPS, *s), SHAPES, is_leaf=lambda node: isinstance(node, tuple)), 1)
PARAMS = trees(SHAPES, 2, spread=0.0)


TRACED: list[Optimizer] = []


@jax.jit
def run(optimizer: Optimizer, params: object, gradients: object, rates: jax.Array) -> object:
    """The parameters after each iteration, along a leading axis."""

    TRACED.append(optimizer)

    def step(carry: tuple[object, object], given: tuple[object, jax.Array]) -> tuple[tuple[object, object], object]:
        params, state = carry
        params, state = update(optimizer, given[0], state, params, given[1])
        return (params, state), params

    return jax.lax.scan(step, (params, init(optimizer, params)), (gradients, rates))[1]


def names(tree: object) -> Iterator[tuple[str, np.ndarray]]:
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        yield jax.tree_util.keystr(path, simple=True, separator="/"), np.asarray(leaf, np.float64)


def differs(one: object, other: object) -> bool:
    return not all(map(np.array_equal, jax.tree.leaves(one), jax.tree.leaves(other)))


def muon_or_adam(name: str) -> reference.Direction:
    return reference.muon if name in ("dense/kernel", "filters/kernel") else reference.adam


WITNESSES = (
    (SGD(), reference.sgd),
    (SGD(momentum=0.9), partial(reference.sgd, momentum=0.9)),
    (SGD(momentum=0.9, nesterov=True), partial(reference.sgd, momentum=0.9, nesterov=True)),
    (Adagrad(), reference.adagrad),
    (Adagrad(epsilon=0.5), partial(reference.adagrad, epsilon=0.5)),
    (Adadelta(), reference.adadelta),
    (RMSprop(epsilon=0.01), partial(reference.rmsprop, epsilon=0.01)),
    (RMSprop(momentum=0.9, centered=True), partial(reference.rmsprop, momentum=0.9, centered=True)),
    (Adam(), reference.adam),
    (Adam(l2=0.1), reference.adam),
    (Adam(beta_1=0.5, beta_2=0.9, epsilon=1e-3), partial(reference.adam, beta_1=0.5, beta_2=0.9, epsilon=1e-3)),
    (Adam(amsgrad=True), partial(reference.adam, amsgrad=True)),
    (AdamW(), reference.adam),
    (AdamW(weight_decay=0.5), reference.adam),
    (Nadam(), reference.nadam),
    (Lion(), reference.lion),
    (Muon(), muon_or_adam),
    (Muon(nesterov=False, momentum=0.8), None),
)


@pytest.mark.parametrize(("optimizer", "direction"), WITNESSES, ids=stable)
def test_fifty_steps_follow_the_formula(optimizer: Optimizer, direction: object) -> None:
    """With a rate that falls, on gradients whose sizes differ a hundredfold, every number is where float64 has it."""
    scale = 100.0 if isinstance(optimizer, Adadelta) else 1.0  # its first steps are √ε long
    path = dict(names(run(optimizer, PARAMS, GRADIENTS, jnp.asarray(scale * RATES, jnp.float32))))
    gradients, l2 = dict(names(GRADIENTS)), optimizer.l2 or 0.0
    for name, start in names(PARAMS):
        rule = direction or partial(reference.muon, nesterov=False, momentum=0.8)
        if direction is muon_or_adam or (direction is None and not name.endswith("kernel")):
            rule = muon_or_adam(name)
        expected = reference.trajectory(
            rule, start, lambda t, w, g=gradients[name]: g[t] + l2 * w, scale * RATES, optimizer.weight_decay or 0.0
        )
        np.testing.assert_allclose(path[name], expected, rtol=1e-5, atol=4e-6, err_msg=name)


def test_every_rule_has_a_witness() -> None:
    assert {type(optimizer) for optimizer, _ in WITNESSES} == set(OPTIMIZERS)


def step(optimizer: Optimizer, w: float, *gradients: float, rate: float) -> list[float]:
    """One number, from `w` along `gradients`."""
    parameter, path = jnp.array(w), []
    state = init(optimizer, parameter)
    for g in gradients:
        parameter, state = update(optimizer, jnp.array(g), state, parameter, rate)
        path.append(float(parameter))
    return path


def test_steps_by_hand() -> None:
    assert step(SGD(momentum=0.5), 1.0, 2.0, 4.0, rate=0.1) == pytest.approx([0.8, 0.3])  # v = 2, then 1 + 4
    assert step(SGD(momentum=0.5, nesterov=True), 1.0, 2.0, rate=0.1) == pytest.approx([0.7])  # 2 + ½·2
    assert step(Adagrad(initial_accumulator_value=7.0), 1.0, 3.0, rate=0.4) == pytest.approx([0.7])  # 3/√16
    assert step(RMSprop(rho=0.75), 1.0, 2.0, rate=0.1) == pytest.approx([0.8])  # 2/√(¼·4)
    assert step(Adadelta(rho=0.75, epsilon=1.0), 0.0, 4.0, rate=1.0) == pytest.approx([-4 / 5**0.5])  # √1/√(4 + 1)
    # Corrected for their start, m̂ = g and v̂ = g²: a first step of exactly the rate, whatever the gradient.
    assert step(Adam(), 1.0, 1e-3, rate=0.1) == pytest.approx([0.9], rel=1e-4)
    assert step(AdamW(weight_decay=0.5), 1.0, 1.0, rate=0.1) == pytest.approx([0.85], rel=1e-5)
    assert step(Lion(), 1.0, -1e-6, 0.0, rate=0.1) == pytest.approx([1.1, 1.2])
    assert step(SGD(weight_decay=0.5, l2=0.25), 2.0, 1.0, rate=0.1) == pytest.approx([1.75])  # 1 + ½ + 1


def test_nesterov_is_the_gradient_at_the_point_ahead() -> None:
    """On ½·a·θ², Sutskever's v ← μv − η∇f(θ + μv), θ ← θ + v passes through the same points θ + μv."""
    a, mu, eta, theta, v = 3.0, 0.9, 0.05, 1.0, 0.0
    optimizer, w = SGD(momentum=mu, nesterov=True), jnp.array(theta)
    state = init(optimizer, w)
    for _ in range(20):
        v = mu * v - eta * a * (theta + mu * v)
        theta += v
        w, state = update(optimizer, a * w, state, w, eta)
        assert float(w) == pytest.approx(theta + mu * v, abs=1e-6)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (AdamW(epsilon=1e-8, weight_decay=0.01), optax.adamw(1.0, weight_decay=0.01)),
        (SGD(momentum=0.9, global_clipnorm=0.7), optax.chain(optax.clip_by_global_norm(0.7), optax.sgd(1.0, 0.9))),
        (SGD(clipvalue=0.2), optax.chain(optax.clip(0.2), optax.sgd(1.0))),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_optax_takes_the_same_way(ours: Optimizer, theirs: optax.GradientTransformation) -> None:
    """A second witness; and a rule of Optax can take the place of ours."""
    rates = jnp.full(STEPS, 0.01)
    expected = run(FromOptax(theirs), PARAMS, GRADIENTS, rates)
    jax.tree.map(
        partial(np.testing.assert_allclose, rtol=1e-4, atol=2e-5), run(ours, PARAMS, GRADIENTS, rates), expected
    )


def test_the_transformation_serves_in_optax() -> None:
    optimizer = Adam(l2=0.1, global_clipnorm=1.0)
    gradients = jax.tree.map(lambda g: g[0], GRADIENTS)
    rule = optax.chain(optimizer.transformation(), optax.scale(-0.1))
    updates, _ = jax.jit(rule.update)(gradients, rule.init(PARAMS), PARAMS)
    expected, _ = jax.jit(update)(optimizer, gradients, init(optimizer, PARAMS), PARAMS, 0.1)
    jax.tree.map(
        partial(np.testing.assert_allclose, rtol=1e-5, atol=5e-6), optax.apply_updates(PARAMS, updates), expected
    )


def test_clipping() -> None:
    w = {"a": jnp.zeros(2), "b": jnp.zeros(1)}
    g = {"a": jnp.array([3.0, 0.0]), "b": jnp.array([-4.0])}

    def moved(optimizer: Optimizer, g: object) -> list[float]:
        return np.concatenate(jax.tree.leaves(update(optimizer, g, init(optimizer, w), w, 1.0)[0])).tolist()

    assert moved(SGD(global_clipnorm=1.0), g) == pytest.approx([-0.6, 0.0, 0.8])
    assert moved(SGD(global_clipnorm=6.0), g) == [-3.0, 0.0, 4.0]
    assert moved(SGD(clipvalue=2.0), g) == [-2.0, 0.0, 2.0]
    assert moved(SGD(clipvalue=3.0, global_clipnorm=1.0), g) == pytest.approx([-(0.5**0.5), 0.0, 0.5**0.5])
    assert moved(SGD(global_clipnorm=1.0), jax.tree.map(jnp.zeros_like, g)) == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("optimizer", VARIANTS, ids=stable)
class TestContract:
    def test_stays_finite(self, optimizer: Optimizer) -> None:
        """On gradients of zero, very small and very large ones."""
        sizes = jnp.repeat(jnp.array([0.0, 1e-30, 1.0, 1e15, 0.0]), STEPS // 5)
        gradients = jax.tree.map(lambda g: jnp.sign(g) * sizes.reshape(-1, *[1] * (g.ndim - 1)), GRADIENTS)
        path = run(optimizer, PARAMS, gradients, jnp.full(STEPS, 1e-3))
        assert all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(path))

    def test_keeps_dtypes_and_shapes(self, optimizer: Optimizer) -> None:
        """Also where the numbers of the rule are float32 arrays, as in a population."""
        strong = jax.tree.map(jnp.float32, optimizer)
        state = init(strong, PARAMS)
        after = jax.eval_shape(update, strong, PARAMS, state, PARAMS, jnp.float32(0.1))
        describe = partial(jax.tree.map, lambda leaf: (leaf.shape, leaf.dtype, leaf.weak_type))
        assert describe(after) == describe((PARAMS, state))
        assert {leaf.dtype for leaf in jax.tree.leaves(state)} <= {jnp.dtype("float32"), jnp.dtype("int32")}

    def test_other_numbers_compile_nothing(self, optimizer: Optimizer) -> None:
        rates = jnp.asarray(RATES, jnp.float32)
        path = run(optimizer, PARAMS, GRADIENTS, rates)
        traced = len(TRACED)
        other = jax.tree.map(lambda number: 0.9 * number, optimizer)
        assert differs(path, run(optimizer, PARAMS, GRADIENTS, 2 * rates))
        assert differs(path, run(other, PARAMS, GRADIENTS, rates)) or optimizer == SGD()  # all its numbers are the rate
        assert len(TRACED) == traced

    def test_alone_is_as_in_a_population(self, optimizer: Optimizer) -> None:
        """Three members that differ in every number go the ways that they go alone."""
        members = [jax.tree.map(lambda number, share=share: share * number, optimizer) for share in (1.0, 0.9, 0.5)]
        stack = jax.tree.map(lambda *numbers: jnp.array(numbers, jnp.float32), *members)
        rates = jnp.asarray(RATES, jnp.float32)
        together = jax.vmap(run, in_axes=(0, None, None, None))(stack, PARAMS, GRADIENTS, rates)
        for place, member in enumerate(members):
            alone = run(member, PARAMS, GRADIENTS, rates)
            jax.tree.map(
                lambda one, all_, place=place: np.testing.assert_allclose(one, all_[place], rtol=1e-4, atol=1e-5),
                alone,
                together,
            )

    def test_powers_are_taken_once_and_not_for_every_parameter(self, optimizer: Optimizer) -> None:
        program = jax.make_jaxpr(update)(optimizer, PARAMS, init(optimizer, PARAMS), PARAMS, 0.1)
        slow = {"pow", "exp", "exp2", "expm1", "log", "log1p"}
        shapes = [eqn.outvars[0].aval.shape for eqn in program.eqns if eqn.primitive.name in slow]
        assert set(shapes) <= {()}
        assert bool(shapes) == ("'step':" in str(init(optimizer, PARAMS)))


def test_what_is_off_costs_nothing() -> None:
    """Zeros and None leave no trace in the program, and no velocity in the state."""
    plain = jax.make_jaxpr(update)(SGD(), PARAMS, {}, PARAMS, 0.1)
    off = SGD(weight_decay=0.0, l2=0.0, global_clipnorm=None, clipvalue=None)
    assert str(jax.make_jaxpr(update)(off, PARAMS, {}, PARAMS, 0.1)) == str(plain)
    on_arrays = [eqn.primitive.name for eqn in plain.eqns if eqn.outvars[0].aval.shape]
    assert sorted(on_arrays) == ["mul"] * 4 + ["sub"] * 4  # one product and one difference for each of four leaves
    assert init(SGD(), PARAMS) == {}
    assert set(init(RMSprop(), PARAMS)) == {"square"}


KERAS_MUON = [
    [0.500701, 0.500642, 0.499090, 0.498535],
    [0.500146, 0.499850, 0.499744, 0.499485],
    [0.498710, 0.498806, 0.500389, 0.499856],
    [0.501014, 0.499701, 0.501487, 0.497979],
    [0.498955, 0.497502, 0.500461, 0.498267],
    [0.498815, 0.498894, 0.500870, 0.500205],
]
"""What `keras.optimizers.Muon()` of Keras 3.15.1 made of a kernel of 0.5 in the 200 iterations below."""


def test_muon_with_its_defaults_is_that_of_keras() -> None:
    row, column = np.mgrid[:6, :4]
    phase = 1.0 + 0.7 * np.arange(200)[:, None, None] + 1.3 * row + 2.1 * column + row * column
    path = run(
        Muon(), {"kernel": jnp.full((6, 4), 0.5)}, {"kernel": jnp.sin(phase)}, jnp.full(200, Muon().learning_rate)
    )
    np.testing.assert_allclose(path["kernel"][-1], KERAS_MUON, rtol=0, atol=1e-5)
    six = run(Muon(ns_steps=6), {"kernel": jnp.full((6, 4), 0.5)}, {"kernel": jnp.sin(phase)}, jnp.full(200, 0.001))
    assert np.abs(six["kernel"][-1] - jnp.asarray(KERAS_MUON)).max() > 1e-4


@pytest.mark.parametrize("decay", [{"weight_decay": 0.5}, {"l2": 0.5}], ids=stable)
def test_excluded_parameters_have_no_decay(decay: dict[str, float]) -> None:
    """Those that are named move as without any, the others as with it."""
    rates = jnp.asarray(RATES, jnp.float32)
    some, without, whole = (
        dict(names(run(Adam(**settings), PARAMS, GRADIENTS, rates)))
        for settings in (decay | {"exclude": ("bias", "embedding")}, {}, decay)
    )
    for name, path in some.items():
        excluded = name in ("dense/bias", "embedding_0/table")
        np.testing.assert_array_equal(path, (without if excluded else whole)[name], err_msg=name)
        assert not np.array_equal(without[name], whole[name])


def test_excluding_from_no_decay_is_refused() -> None:
    assert "there is neither" in Adam(exclude=("bias",)).problem()
    assert "there is neither" in SGD(exclude=("bias",), weight_decay=0.0).problem()
    assert not Adam(exclude=("bias",), l2=0.1).problem()


def test_a_momentum_that_float32_rounds_to_0_is_none() -> None:
    assert SGD(momentum=1e-50, nesterov=True).problem().startswith("nesterov looks ahead along a momentum")


def test_a_name_that_excludes_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"exclude: no parameter has 'biases' in its name; there are dense/bias, "):
        init(SGD(exclude=("kernel", "biases")), PARAMS)


def test_nesterov_needs_momentum() -> None:
    with pytest.raises(ConfigError, match="SGD: nesterov looks ahead along a momentum, and there is none"):
        validate_component(SGD(nesterov=True))
    validate_component(SGD(nesterov=True, momentum=0.9))


def test_muon_takes_matrices_and_filters_and_adam_the_rest() -> None:
    state = init(Muon(), PARAMS)
    assert set(state["velocity"]) == {"dense/kernel", "filters/kernel"}
    assert set(state["adam"]["mean"]) == {"dense/bias", "embedding_0/table"}
    assert set(init(Muon(exclude_layers=("dense", "embed")), PARAMS)["velocity"]) == {"filters/kernel"}


@pytest.mark.parametrize("shape", [(8, 8), (12, 5), (3, 9)])
def test_muon_moves_along_nearly_orthogonal_matrices(shape: tuple[int, int]) -> None:
    """All singular values of a direction between 0.65 and 1.2, times 0.2·√max(rows, columns)."""
    gradient = jnp.asarray(np.random.default_rng(0).normal(size=shape), jnp.float32)
    optimizer = Muon()
    direction, _ = optimizer.direction(gradient, optimizer.init(gradient), gradient)
    values = np.linalg.svd(np.asarray(direction) / (0.2 * max(shape) ** 0.5), compute_uv=False)
    assert values.min() > 0.65 and values.max() < 1.21


DEFAULTS = {
    "sgd": {"learning_rate": 0.1, "momentum": 0.0, "nesterov": False, "weight_decay": None},
    "adagrad": {"learning_rate": 0.001, "initial_accumulator_value": 0.1, "epsilon": 1e-7},
    "adadelta": {"learning_rate": 1.0, "rho": 0.95, "epsilon": 1e-7},
    "rmsprop": {"learning_rate": 0.001, "rho": 0.9, "momentum": 0.0, "epsilon": 1e-7, "centered": False},
    "adam": {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7, "amsgrad": False},
    "adamw": {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7, "weight_decay": 0.004},
    "nadam": {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7, "weight_decay": None},
    "lion": {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.99, "weight_decay": None},
    "muon": {
        "learning_rate": 0.001,
        "momentum": 0.95,
        "nesterov": True,
        "ns_steps": 5,
        "rms_rate": 0.2,
        "weight_decay": 0.004,
    },
}


@pytest.mark.parametrize("rule", OPTIMIZERS, ids=lambda rule: rule.name)
def test_names_and_defaults_are_those_of_keras(rule: type[Optimizer]) -> None:
    """But for the rates of sgd and adadelta: Keras's 0.01 and 0.001 learn little in the epochs that tables take."""
    optimizer = rule()
    expected = DEFAULTS[rule.name]
    assert {name: getattr(optimizer, name) for name in expected} == expected
    kinds = {name: parameter.kind for name, parameter in inspect.signature(rule).parameters.items()}
    by_name = {name for name, kind in kinds.items() if kind is inspect.Parameter.KEYWORD_ONLY}
    assert by_name == {"weight_decay", "l2", "exclude", "rates", "global_clipnorm", "clipvalue"}
    assert next(iter(kinds)) == "learning_rate"
    assert optimizer == dataclasses.replace(optimizer) and hash(optimizer) == hash(rule())
