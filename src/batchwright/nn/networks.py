"""Networks built from a few numbers: an encoder that makes one array of the inputs, and a body of layers on it."""

from typing import Annotated, ClassVar

import jax
import jax.numpy as jnp
from annotated_types import Ge, Gt, Lt
from jax import Array

from batchwright._component import component
from batchwright.nn.activations import Activation, ActivationName
from batchwright.nn.embeddings import Columns, Encoder
from batchwright.nn.initializers import InitializerName, for_activation
from batchwright.nn.layers import Dense, Dropout, Sequential
from batchwright.nn.normalization import BatchNorm
from batchwright.nn.protocols import Dtype, Features, Inputs, Layer, Network, Tree, Variables


@component
class FeedForward:
    """outputs = body(encoder(inputs)), computed in `dtype` and given back in float32."""

    encoder: Encoder
    body: Sequential
    dtype: Dtype = "float32"

    def init(self, key: Array, example: Inputs) -> Variables:
        """Variables of the encoder ("inputs", where it has some) and of the body ("body")."""
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
        weights: Array | None = None,
    ) -> tuple[Array, Tree]:
        """float32 [n, o] and the new state."""
        encoder, body = (Variables(*(tree[part] for tree in variables)) for part in ("inputs", "body"))
        x = self.encoder.apply(encoder, inputs).astype(self.dtype)
        outputs, state = self.body.apply(body, x, train=train, key=key, weights=weights)
        return outputs.astype(jnp.float32), {"inputs": encoder.state, "body": state}


@component
class MLP:
    """A multi-layer perceptron: per hidden layer Dense, BatchNorm (if on), activation, dropout (if on); a Dense at the end.

    It takes every input: numeric columns, embedded categories and flattened images, side by side.

    - hidden_layer_sizes: units of each hidden layer, > 0; () makes it linear
    - activation, slope: the activation, and the slope of leaky_relu
    - normalization_momentum in [0, 1), normalization_epsilon > 0: those of `BatchNorm`
    - dropout: in [0, 1), the share of activations left out in training
    - initializer: of the hidden kernels; "auto" follows the activation

    >>> network = MLP(hidden_layer_sizes=(16,)).build(Features(numeric=3), 2)
    >>> rows = {"numeric": jnp.ones((5, 3))}
    >>> outputs, _ = network.apply(network.init(jax.random.key(0), rows), rows, train=False)
    >>> outputs.shape
    (5, 2)
    """

    kind: ClassVar[str] = "mlp"
    hidden_layer_sizes: tuple[Annotated[int, Gt(0)], ...] = (256, 128)
    activation: ActivationName = "relu"
    slope: Annotated[float, Ge(0)] = 0.01
    batch_normalization: bool = True
    normalization_momentum: Annotated[float, Ge(0), Lt(1)] = 0.99
    normalization_epsilon: Annotated[float, Gt(0)] = 1e-3
    dropout: Annotated[float, Ge(0), Lt(1)] = 0.0
    initializer: InitializerName = "auto"

    def build(self, features: Features, outputs: int, *, dtype: Dtype = "float32") -> Network:
        """The network for such inputs and so many outputs."""
        hidden = (layer for units in self.hidden_layer_sizes for layer in self._block(units))
        return FeedForward(Columns.of(features), Sequential((*hidden, Dense(outputs))), dtype)

    def _block(self, units: int) -> tuple[Layer, ...]:
        initializer = for_activation(self.initializer, self.activation)
        normalization = (BatchNorm(self.normalization_momentum, self.normalization_epsilon),)
        return (
            Dense(units, use_bias=not self.batch_normalization, initializer=initializer),
            *(normalization if self.batch_normalization else ()),
            Activation(self.activation, self.slope),
            Dropout(self.dropout),
        )
