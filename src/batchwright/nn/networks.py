"""Networks built from a few numbers: an encoder that turns inputs into one array, and a body of layers."""

from typing import Annotated, ClassVar, Literal

import jax
import jax.numpy as jnp
from annotated_types import Ge, Gt, Lt
from jax import Array

from batchwright._component import component
from batchwright.errors import ConfigError
from batchwright.nn.activations import Activation, ActivationName
from batchwright.nn.convolution import Conv2D
from batchwright.nn.differences import WithDifferences
from batchwright.nn.embeddings import Columns, Encoder, PiecewiseLinear, Pixels
from batchwright.nn.ensembles import EachSubmodel, EnsembleDense, EnsembleHead, First
from batchwright.nn.initializers import InitializerName, for_activation
from batchwright.nn.layers import Dense, Dropout, Flatten, Residual, Sequential
from batchwright.nn.mixed import ImageAndRest
from batchwright.nn.normalization import BatchNorm
from batchwright.nn.numeric import NumbersName, number_encoder
from batchwright.nn.pooling import GlobalAveragePool, GlobalMaxPool, MaxPool
from batchwright.nn.protocols import Dtype, Features, Inputs, Layer, Network, Tree, Variables, learns_from_targets


@component
class FeedForward:
    """outputs = body(encoder(inputs)), computed in `dtype` and returned in float32."""

    encoder: Encoder
    body: Layer
    dtype: Dtype = "float32"

    @property
    def learns_from_targets(self) -> bool:
        """Whether the encoder does."""
        return learns_from_targets(self.encoder)

    def init(self, key: Array, example: Inputs) -> Variables:
        """Variables of the encoder ("inputs", if it has any) and of the body ("body")."""
        encoder = self.encoder.init(jax.random.fold_in(key, 0), example)
        shape = jax.eval_shape(self.encoder.apply, encoder, example).shape[1:]
        body = self.body.init(jax.random.fold_in(key, 1), shape)
        return Variables(*({"inputs": own} | {"body": rest} for own, rest in zip(encoder, body, strict=True)))

    def apply(
        self,
        variables: Variables,
        inputs: Inputs,
        *,
        train: bool,
        key: Array | None = None,
        present: Array | None = None,
    ) -> tuple[Array, Tree]:
        """float32 [n, o], or [n, k, o] from k submodels, and the new state."""
        encoder, body = (Variables(*(tree[part] for tree in variables)) for part in ("inputs", "body"))
        x = self.encoder.apply(encoder, inputs).astype(self.dtype)
        outputs, state = self.body.apply(body, x, train=train, key=key, present=present)
        return outputs.astype(jnp.float32), {"inputs": encoder.state, "body": state}


@component
class Hidden:
    """Hidden layers, shared by the networks below: per layer Dense, BatchNorm (if on), activation, dropout.

    With `ensemble`, they are those of k submodels that share their weights (`nn.ensembles`), each with a last Dense of
    its own. Training takes the mean of the submodels' losses; their answers are averaged.

    - hidden_layer_sizes: units of each hidden layer, > 0; () makes it linear
    - activation, slope: the activation, and the slope of leaky_relu
    - normalization_momentum in [0, 1), normalization_epsilon > 0: as in `BatchNorm`
    - batch_normalization: None: on, except in the hidden layers of an ensemble; if on there, each submodel has its own
      statistics, scales and shifts
    - dropout: in [0, 1), the share of activations dropped in training; None: the network's default, 0.1 in an ensemble
    - initializer: of the hidden kernels; "auto" follows the activation
    - ensemble: k >= 2, the number of submodels; 0: a single network
    - ensemble_kind: what submodels have of their own: scales before and after each product, and biases ("full"); or
      the scales of the inputs alone ("mini")
    """

    hidden_layer_sizes: tuple[Annotated[int, Gt(0)], ...] = (256, 128)
    activation: ActivationName = "relu"
    slope: Annotated[float, Ge(0)] = 0.01
    batch_normalization: bool | None = None
    normalization_momentum: Annotated[float, Ge(0), Lt(1)] = 0.99
    normalization_epsilon: Annotated[float, Gt(0)] = 1e-3
    dropout: Annotated[float, Ge(0), Lt(1)] | None = None
    initializer: InitializerName = "auto"
    ensemble: Literal[0] | Annotated[int, Ge(2)] = 0
    ensemble_kind: Literal["full", "mini"] = "full"

    def problem(self) -> str:
        """What is wrong between fields that are each allowed; empty if nothing is."""
        if self.ensemble == 0 and self.ensemble_kind != "full":
            return f"ensemble_kind {self.ensemble_kind} is for submodels, and there are none: give ensemble too."
        return ""

    def body(self, outputs: int, *, dropout: float = 0.0, first: First = "signs") -> Sequential:
        """The hidden layers and the last; `dropout` is the default share, `first` is how an ensemble's scales begin."""
        share = (ENSEMBLE_DROPOUT if self.ensemble else dropout) if self.dropout is None else self.dropout
        hidden = (
            layer
            for place, units in enumerate(self.hidden_layer_sizes)
            for layer in self._block(units, share, "ones" if place else first)
        )
        return Sequential((*hidden, EnsembleHead(outputs, self.ensemble) if self.ensemble else Dense(outputs)))

    def _block(self, units: int, dropout: float, first: First) -> tuple[Layer, ...]:
        if not self.ensemble:
            product: Layer = Dense(units, use_bias=not self.normalizes, initializer=self.kernels())
            return (product, *self.after_product(), Dropout(dropout))
        *normalization, activation = self.after_product()
        each = map(EachSubmodel, normalization) if self.batch_normalization else ()
        return (self._product_of_submodels(units, first), *each, activation, Dropout(dropout))

    def _product_of_submodels(self, units: int, first: First) -> Layer:
        use_bias, full = not self.batch_normalization, self.ensemble_kind == "full"
        if full or first != "ones":
            return EnsembleDense(units, self.ensemble, first, full, use_bias, self.kernels())
        return Dense(units, use_bias, self.kernels())

    @property
    def normalizes(self) -> bool:
        """Whether there is batch normalization, outside of ensembles."""
        return self.batch_normalization is not False

    def kernels(self) -> InitializerName:
        """The initializer of kernels before an activation."""
        return for_activation(self.initializer, self.activation)

    def after_product(self) -> tuple[Layer, ...]:
        """BatchNorm, if on, and the activation."""
        normalization = (BatchNorm(self.normalization_momentum, self.normalization_epsilon),)
        return (*(normalization if self.normalizes else ()), Activation(self.activation, self.slope))


ENSEMBLE_DROPOUT = 0.1
"""The default dropout of an ensemble, that of TabM's authors."""


@component
class MLP(Hidden):
    """A multi-layer perceptron: hidden layers on all inputs side by side. Its fields are the fields of `Hidden`.

    It takes every input: numeric columns, embedded categories and words, and flattened images. By default, no dropout.

    >>> network = MLP(hidden_layer_sizes=(16,)).build(Features(numeric=3), 2)
    >>> rows = {"numeric": jnp.ones((5, 3))}
    >>> outputs, _ = network.apply(network.init(jax.random.key(0), rows), rows, train=False)
    >>> outputs.shape
    (5, 2)
    """

    name: ClassVar[str] = "mlp"

    def build(self, features: Features, outputs: int, *, dtype: Dtype = "float32") -> Network:
        """The network for these inputs and this many outputs."""
        return FeedForward(Columns.of(features), self.body(outputs), dtype)


@component
class Linear:
    """One Dense layer on all inputs: linear regression, or multinomial logistic regression with cross-entropy.

    >>> network = Linear().build(Features(numeric=3), 1)
    >>> sorted(network.init(jax.random.key(0), {"numeric": jnp.ones((5, 3))}).params["body"]["dense_0"])
    ['bias', 'kernel']
    """

    name: ClassVar[str] = "linear"

    def build(self, features: Features, outputs: int, *, dtype: Dtype = "float32") -> Network:
        """The network for these inputs and this many outputs."""
        return FeedForward(Columns.of(features), Sequential((Dense(outputs),)), dtype)


EMBEDDED_DROPOUT = 0.2
"""The default dropout of `Tabular`: its columns become hundreds of learned features."""


@component
class Tabular(Hidden):
    """An MLP on embedded columns: each number through its own bins, each category and word as a learned vector.

    Differences of numbers (`Features`) are numbers too. By default, dropout is 0.2. For images, which have no columns,
    it builds the same network as `MLP`.

    - numbers: how each number is embedded: the name of one of `NUMBER_ENCODERS`, or "none", which takes it as it is;
      "auto" tries some on the training's own rows
    - bins, embedding_units, frequency_scale: `bins`, `units` and `frequency_scale` of the encoder; None takes its own
    - all other fields: as in `Hidden`

    Paper: Gorishniy et al. 2022, On Embeddings for Numerical Features in Tabular Deep Learning, arXiv 2203.05556
    """

    name: ClassVar[str] = "tabular"
    numbers: NumbersName | Literal["auto"] = "piecewise_linear_b"
    bins: Annotated[int, Gt(0)] | None = None
    embedding_units: Annotated[int, Gt(0)] | None = None
    frequency_scale: Annotated[float, Gt(0)] | None = None

    def build(self, features: Features, outputs: int, *, dtype: Dtype = "float32") -> Network:
        """The network for these inputs and this many outputs."""
        numbers = number_encoder(
            self.numbers, bins=self.bins, units=self.embedding_units, frequency_scale=self.frequency_scale
        )
        dropout = 0.0 if features.image else EMBEDDED_DROPOUT
        body = self.body(outputs, dropout=dropout, first="normal" if features.numeric and numbers else "signs")
        if numbers is not None and features.differences:
            numbers = WithDifferences(numbers, features.differences)
        return FeedForward(Columns.of(features, numbers), body, dtype)


MOST_BLOCKS = 200
"""The most residual blocks of a `CNN`: more would take minutes to compile, and networks of 1,000 layers are not known
to learn more (He et al. 2015, arXiv 1512.03385, section 4.2)."""


@component
class CNN(Hidden):
    """A network for images: per entry of `filters` Conv2D, BatchNorm (if on), activation and MaxPool; then an MLP.

    Where there are columns beside the image, they are encoded as in `Tabular`, numbers by `PiecewiseLinear`, and the
    MLP takes them side by side with what the convolutions make of the image.

    With `blocks`, residual blocks follow each entry, at its output size: act(x + body(x)), where the body is
    Conv2D, BatchNorm, activation, Conv2D, BatchNorm (He et al. 2015, arXiv 1512.03385, figure 5, left).

    - filters: filters of each convolution, > 0; kernel_size: > 0, for all convolutions
    - pool_size: > 0, the factor by which the sides of the image shrink with each entry of `filters`; 1 keeps the size
    - blocks: >= 0, residual blocks after each entry of `filters`, 200 at most in all
    - downsampling: by max pooling ("pool"), or by the convolution's stride ("stride")
    - pooling: what follows the last image: "flatten" keeps all of it, "average" and "max" one number per filter
    - hidden_layer_sizes, dropout: for the MLP on the result; by default, no dropout
    - all other fields: as in `Hidden`, for both parts

    >>> network = CNN(filters=(4,), hidden_layer_sizes=(8,)).build(Features(image=(8, 8, 1)), 10)
    >>> rows = {"image": jnp.zeros((5, 8, 8, 1), jnp.uint8)}
    >>> outputs, _ = network.apply(network.init(jax.random.key(0), rows), rows, train=False)
    >>> outputs.shape
    (5, 10)
    """

    name: ClassVar[str] = "cnn"
    hidden_layer_sizes: tuple[Annotated[int, Gt(0)], ...] = (128,)
    filters: tuple[Annotated[int, Gt(0)], ...] = (32, 64)
    kernel_size: Annotated[int, Gt(0)] = 3
    pool_size: Annotated[int, Gt(0)] = 2
    blocks: Annotated[int, Ge(0)] = 0
    downsampling: Literal["pool", "stride"] = "pool"
    pooling: Literal["flatten", "average", "max"] = "flatten"

    def build(self, features: Features, outputs: int, *, dtype: Dtype = "float32") -> Network:
        """The network for such images and outputs.

        Raises:
            ConfigError: there are no images, they are too small for the pools, or there are too many blocks.
        """
        if features.image is None:
            raise ConfigError("network.name 'cnn' needs images, but the inputs are columns: use 'mlp' or 'tabular'")
        if (blocks := len(self.filters) * self.blocks) > MOST_BLOCKS:
            raise ConfigError(
                f"{self.blocks:,} residual blocks after each of {len(self.filters):,} entries of filters are "
                f"{blocks:,}, and at most {MOST_BLOCKS} are made: take fewer blocks"
            )
        if self.downsampling == "pool" and min(features.image[:2]) < self.pool_size ** len(self.filters):
            height, width, *_ = features.image
            raise ConfigError(
                f"images of {height:,} x {width:,} pixels are too small to be pooled by {self.pool_size:,} x "
                f"{self.pool_size:,} after each of filters={list(self.filters)!s:.40}: take fewer filters, a smaller "
                "`network.pool_size`, larger images, or `network.name=tabular`"
            )
        convolutions = (layer for filters in self.filters for layer in self._stage(filters))
        lasts: dict[str, Layer] = {"flatten": Flatten(), "average": GlobalAveragePool(), "max": GlobalMaxPool()}
        on_image, rest = (*convolutions, lasts[self.pooling]), self.body(outputs).layers
        if not features.numeric and not features.cardinalities:
            return FeedForward(Pixels(), Sequential((*on_image, *rest)), dtype)
        both = ImageAndRest(features.image, Sequential(on_image))
        return FeedForward(Columns.of(features, PiecewiseLinear()), Sequential((both, *rest)), dtype)

    def _stage(self, filters: int) -> tuple[Layer, ...]:
        """One entry of `filters`, and the blocks after it."""
        if self.downsampling == "stride":
            entry: tuple[Layer, ...] = (self._convolution(filters, self.pool_size), *self.after_product())
        else:
            entry = (self._convolution(filters), *self.after_product(), MaxPool(self.pool_size))
        return entry + self._residual_block(filters) * self.blocks

    def _residual_block(self, filters: int) -> tuple[Layer, ...]:
        convolution, (*normalization, activation) = self._convolution(filters), self.after_product()
        body: tuple[Layer, ...] = (convolution, *normalization, activation, convolution, *normalization)
        return Residual(Sequential(body)), activation

    def _convolution(self, filters: int, strides: int = 1) -> Conv2D:
        use_bias = not self.normalizes
        return Conv2D(filters, self.kernel_size, strides, use_bias=use_bias, initializer=self.kernels())
