"""What every update rule shares: the numbers that all of them take, and the two functions that training calls.

An update rule turns the gradients g of an iteration into a direction d, and keeps its memory in a state. Training then
moves the parameters w against d, with the learning rate η that the schedule gives for the iteration and the decay λ:

    g ← clipped g + l2·w,    d, state ← rule(g, state, w),    w ← w − f·η·(d + λ·w)

where f is the factor in `rates` for a parameter, else 1. Rules are written tree by tree; a compiled program fuses each
into one pass over every leaf.

A rule can also state how its numbers follow the batch size (`scaling`), what it multiplies gradients by
(`preconditioner`), and which of its forms are compared with other rules (`forms`).
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import KW_ONLY, MISSING, dataclass, field, fields
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeAlias, TypeGuard

import jax
import jax.numpy as jnp
from annotated_types import Ge, Gt, Lt
from jax.typing import ArrayLike

from batchwright._component import component
from batchwright.errors import ConfigError
from batchwright.optim.names import is_chosen, matches, name_of, names_of, refuse_unmatched

if TYPE_CHECKING:
    import optax

Tree: TypeAlias = Any
"""Nested containers of arrays; gradients and directions have the structure and shapes of the parameters."""
State: TypeAlias = dict[str, Any]
"""The memory of a rule from one iteration to the next, by name; all arrays."""

Positive: TypeAlias = Annotated[float, Gt(0)]
NonNegative: TypeAlias = Annotated[float, Ge(0)]
Share: TypeAlias = Annotated[float, Ge(0), Lt(1)]


@dataclass(frozen=True)
class Scaling:
    """How the numbers of a rule follow κ, if the batch size B becomes κ·B; `optim.scaling` says why.

    Args:
        rate: the power of κ that scales η: 1 for SGD, ½ for rules that divide by the gradient's own size.
        means: names of the β of averages of gradients, which become 1 − κ·(1 − β).
        squares: names of the β of averages of squares, which change in the same way, and stay above ½.
        powers: the powers of κ that scale other numbers, by name.
    """

    rate: float
    means: tuple[str, ...] = ()
    squares: tuple[str, ...] = ()
    powers: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Range:
    """The default search range of a number of a rule: from `low` to `high`, uniform on its `scale`."""

    name: str
    low: float
    high: float
    scale: Literal["uniform", "log", "one_minus_log"] = "one_minus_log"


MOMENTUM, BETA_1 = Range("momentum", 0.5, 0.99), Range("beta_1", 0.5, 0.99)
RHO, BETA_2 = Range("rho", 0.5, 0.999), Range("beta_2", 0.9, 0.9999)


@dataclass(frozen=True)
class Form:
    """A form of a rule that people know by a name, and that is compared with other rules; its learning rate is tuned.

    Args:
        name: what people call it.
        values: its numbers and flags that differ from the defaults.
        tuned: the one number besides the rate that matters, and is tuned with it.
        batch_size: rows per update, if they define the form; None takes the batch size of the other forms.
    """

    name: str
    values: Mapping[str, Any] = field(default_factory=dict)
    tuned: Range | None = None
    batch_size: int | Literal["full"] | None = None


@component
class Optimizer(ABC):
    """An update rule: two pure functions, `init` and `direction`, and the numbers that they use.

    A rule may also have the methods `scaling`, `preconditioner` and `forms`; a subclass inherits them unless it has its
    own.

    Every rule takes the arguments below, by name except the first. They are applied in this order: clipping of values,
    clipping of the norm, l2, the rule itself, and the decay together with the step.

    Args:
        learning_rate: η > 0, which the schedule multiplies.
        weight_decay: decoupled decay λ ≥ 0: w ← w − η·λ·w besides the rule's own step. None: no decay. It applies to
            all parameters that `exclude` does not name.
        l2: l2 ≥ 0 adds l2·w to the gradient, which is the gradient of the penalty ½·l2·|w|². None: no penalty. It is
            PyTorch's `weight_decay` of SGD and Adam; Keras's `regularizers.L2(c)` is l2 = 2c, added before clipping.
        exclude: patterns of names (`optim.names`) whose parameters have neither weight decay nor l2, such as ("bias",
            "gamma", "beta") for all biases and the scales and shifts of normalization. By default nothing is left out,
            as in PyTorch and in Keras, whose `exclude_from_weight_decay(var_names=...)` does the same.
        rates: a factor f > 0 by pattern, for parts with their own learning rate: {"body/dense_0/*": 0.1}. A matched
            parameter moves exactly as if the rule ran with f·η, weight decay included. No parameter may be matched by
            two patterns. PyTorch's groups of parameters, each with its `lr`, do the same; Keras has nothing like it.
        global_clipnorm: c > 0: the gradients of all parameters together, as one vector, are scaled down to norm c if
            they are longer. None: never. PyTorch's `clip_grad_norm_`.
        clipvalue: c > 0: each number of a gradient is clipped to [−c, c]. None: never.

    References:
        Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2019, arXiv 1711.05101.
        Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks, 2013, arXiv 1211.5063.
    """

    name: ClassVar[str]
    usual_rate: ClassVar[float | None] = None
    """The rate around which `compare` tunes; None: the default, which for some rules is smaller than works well."""

    _: KW_ONLY
    learning_rate: Positive
    weight_decay: NonNegative | None = None
    l2: NonNegative | None = None
    exclude: tuple[str, ...] = ()
    rates: Mapping[str, Positive] = field(default_factory=dict, hash=False)
    global_clipnorm: Positive | None = None
    clipvalue: Positive | None = None

    def problem(self) -> str:
        """What is wrong between numbers that are valid alone, and what to do; empty if nothing is."""
        if self.exclude and not (is_on(self.weight_decay) or is_on(self.l2)):
            return (
                "exclude leaves parameters out of weight_decay and l2, and there is neither: set one, or leave it out."
            )
        return ""

    @abstractmethod
    def init(self, params: Tree) -> State:
        """The state before the first iteration."""

    @abstractmethod
    def direction(self, gradients: Tree, state: State, params: Tree) -> tuple[Tree, State]:
        """The direction to move against, not yet multiplied by the learning rate, and the state after it."""

    def scaling(self) -> Scaling | None:
        """How the numbers follow the batch size; None if unknown: then whatever needs it is refused."""
        return None

    def preconditioner(self, state: State) -> Tree | None:
        """P for a rule whose step is η·P·(an average of gradients): a positive number for each parameter.

        P comes from the iteration before, so the next batch does not influence it. None for a rule without P: SGD has
        no second moment, the steps of Lion and Muon are not multiples of the gradient, and for Optax's rules it is not
        known. The noise scale of such a rule is measured on the gradient as it is. Clipping, l2, weight decay and
        `rates` have no influence on P.

        Args:
            state: the state from `init` or `update`.

        >>> import jax.numpy as jnp
        >>> from batchwright.optim import RMSprop, init
        >>> rule = RMSprop(epsilon=0.25)
        >>> rule.preconditioner(init(rule, {"w": jnp.zeros(2)}))["w"].tolist()
        [2.0, 2.0]
        """
        return None

    @classmethod
    def forms(cls) -> tuple[Form, ...]:
        """The forms of the rule that `compare` tries when update rules are compared; none leaves the rule out."""
        return (Form(cls.name),)

    def transformation(self) -> "optax.GradientTransformation":
        """The rule for use in Optax: its updates are directions, to be scaled by minus the learning rate.

        They include clipping and l2; `weight_decay` and `rates`, which come with the step, are left to Optax.

        >>> import jax.numpy as jnp, optax
        >>> from batchwright.optim import SGD
        >>> rule = optax.chain(SGD(l2=0.5).transformation(), optax.scale(-0.1))
        >>> w = jnp.array(2.0)
        >>> updates, _ = rule.update(jnp.array(4.0), rule.init(w), w)
        >>> float(updates)  # -0.1 · (4 + 0.5 · 2)
        -0.5
        """
        import optax

        def directions(updates: Tree, state: Tree, params: Tree = None) -> tuple[Tree, State]:
            return self.direction(_prepare_gradients(self, updates, params), state, params)

        return optax.GradientTransformation(self.init, directions)


def default_rate(optimizer: Optimizer) -> float:
    """The default learning rate of this kind of rule; the rule's own rate where the kind has no default.

    >>> from batchwright.optim import SGD
    >>> default_rate(SGD(7.0))
    0.1
    """
    default = next(field.default for field in fields(optimizer) if field.name == "learning_rate")
    return float(optimizer.learning_rate if default is MISSING else default)


def init(optimizer: Optimizer, params: Tree) -> State:
    """The state of `optimizer` before the first iteration on `params`.

    Raises:
        ConfigError: a pattern of `exclude` or `rates` matches no parameter, or two of `rates` match the same one.
    """
    names = names_of(params)
    refuse_unmatched("optimizer.exclude", optimizer.exclude, names)
    refuse_unmatched("optimizer.rates", optimizer.rates, names)
    for name in names:
        if len(found := [pattern for pattern in optimizer.rates if matches(name, pattern)]) > 1:
            raise ConfigError(
                f"optimizer.rates: {found[0]!r} and {found[1]!r} both match {name}: let each parameter have one factor."
            )
    return optimizer.init(params)


def update(
    optimizer: Optimizer, gradients: Tree, opt_state: State, params: Tree, learning_rate: ArrayLike
) -> tuple[Tree, State]:
    """One iteration: the parameters after w ← w − f·η·(d + λ·w), and the state after it.

    A pure function for compiled code: changing numbers, of the rate or of the rule, compiles nothing.

    Args:
        optimizer: the rule; its own `learning_rate` is not used here.
        gradients: the gradients of the mean loss, with the structure and shapes of `params`.
        opt_state: the state from `init` or from the iteration before.
        params: the parameters, float32.
        learning_rate: η ≥ 0 of this iteration, a scalar.

    >>> import jax.numpy as jnp
    >>> from batchwright.optim import SGD
    >>> rule, w = SGD(momentum=0.9), {"w": jnp.array([1.0])}
    >>> w, state = update(rule, {"w": jnp.array([0.5])}, init(rule, w), w, 0.1)
    >>> round(float(w["w"][0]), 6)  # 1 - 0.1 · 0.5
    0.95
    """
    direction, opt_state = optimizer.direction(_prepare_gradients(optimizer, gradients, params), opt_state, params)
    if is_on(optimizer.weight_decay):
        direction = _add_decay(optimizer, direction, params, optimizer.weight_decay)
    if optimizer.rates:

        def move(path: tuple[object, ...], w: jax.Array, d: jax.Array) -> jax.Array:
            return w - _rate_of(optimizer, name_of(path), learning_rate) * d

        return jax.tree_util.tree_map_with_path(move, params, direction), opt_state
    return jax.tree.map(lambda w, d: w - learning_rate * d, params, direction), opt_state


def _rate_of(optimizer: Optimizer, name: str, learning_rate: ArrayLike) -> ArrayLike:
    """The learning rate of a parameter, with the factor of the pattern that matches it."""
    factor = next((factor for pattern, factor in optimizer.rates.items() if matches(name, pattern)), None)
    return learning_rate if factor is None else jnp.multiply(learning_rate, factor)


def _prepare_gradients(optimizer: Optimizer, gradients: Tree, params: Tree) -> Tree:
    """The gradients as the rule gets them: clipped, and with l2·w; untouched if all of this is off."""
    if is_on(optimizer.clipvalue):
        bound = optimizer.clipvalue
        gradients = jax.tree.map(lambda g: jnp.clip(g, -bound, bound), gradients)
    if is_on(optimizer.global_clipnorm):
        # A norm of 0 gives infinity, so that the gradient stays 0 rather than become 0/0.
        shrink = jnp.minimum(1.0, optimizer.global_clipnorm / global_norm(gradients))
        gradients = jax.tree.map(lambda g: g * shrink, gradients)
    if is_on(optimizer.l2):
        gradients = _add_decay(optimizer, gradients, params, optimizer.l2)
    return gradients


def _add_decay(optimizer: Optimizer, tree: Tree, params: Tree, factor: ArrayLike) -> Tree:
    """`tree` + `factor` · `params`; parameters that `exclude` names stay as they are."""

    def add(path: tuple[object, ...], leaf: jax.Array, w: jax.Array) -> jax.Array:
        return leaf if is_chosen(name_of(path), optimizer.exclude) else leaf + factor * w

    return jax.tree_util.tree_map_with_path(add, tree, params)


def global_norm(tree: Tree) -> jax.Array:
    """The Euclidean norm of all leaves as one vector."""
    return jnp.sqrt(sum((jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(tree)), jnp.zeros(())))


def is_on(number: ArrayLike | None) -> TypeGuard[float]:
    """Whether a number is in use: None and a plain 0.0 are switched off, and part of the program rather than traced."""
    return number is not None and not (isinstance(number, float) and number == 0.0)


def zeros(params: Tree) -> Tree:
    """A zero for every parameter."""
    return jax.tree.map(jnp.zeros_like, params)


def add_scaled(tree: Tree, other: Tree, factor: ArrayLike) -> Tree:
    """`tree` + `factor` · `other`."""
    return jax.tree.map(lambda a, b: a + factor * b, tree, other)


def average(old: Tree, new: Tree, keep: ArrayLike) -> Tree:
    """The exponential moving average: `keep` · `old` + (1 − `keep`) · `new`."""
    return jax.tree.map(lambda a, b: keep * a + (1.0 - keep) * b, old, new)


def average_square(old: Tree, new: Tree, keep: ArrayLike) -> Tree:
    """The exponential moving average of squares: `keep` · `old` + (1 − `keep`) · `new`²."""
    return jax.tree.map(lambda a, b: keep * a + (1.0 - keep) * jnp.square(b), old, new)


def inverse_root(square: jax.Array) -> jax.Array:
    """1/√x."""
    return 1.0 / jnp.sqrt(square)


def one_minus_power(beta: ArrayLike, step: ArrayLike) -> jax.Array:
    """1 − βᵗ, the weight that a moving average from zero has gathered after t steps; exact if β is close to 1."""
    return -jnp.expm1(step * jnp.log1p(jnp.subtract(beta, 1.0)))
