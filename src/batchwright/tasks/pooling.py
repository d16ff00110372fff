"""Pool the outputs [n, k, o] of the k submodels of a network into outputs [n, o]: their answers are averaged."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Each = Float[Array, "rows submodels outputs"]
Pooled = Float[Array, "rows outputs"]


def pool_values(outputs: Each) -> Pooled:
    """The mean of the outputs.

    >>> pool_values(jnp.array([[[1.0], [3.0]]])).tolist()
    [[2.0]]
    """
    return jnp.mean(outputs, axis=1)


def pool_logs(outputs: Each) -> Pooled:
    """The logarithms of the mean of numbers of which the outputs are logarithms.

    >>> jnp.exp(pool_logs(jnp.log(jnp.array([[[1.0], [3.0]]])))).round(4).tolist()
    [[2.0]]
    """
    return jax.nn.logsumexp(outputs, axis=1) - jnp.log(jnp.float32(outputs.shape[1]))


def pool_logits(outputs: Each) -> Pooled:
    """Logits whose softmax is the mean of the probabilities of the classes.

    >>> [f"{share:.4f}" for share in jax.nn.softmax(pool_logits(jnp.log(jnp.array([[[0.2, 0.8], [0.4, 0.6]]]))))[0]]
    ['0.3000', '0.7000']
    """
    return pool_logs(jax.nn.log_softmax(outputs, axis=2))


def pool_log_odds(outputs: Each) -> Pooled:
    """The log-odds of the mean of the probabilities of which the outputs are log-odds.

    >>> jax.nn.sigmoid(pool_log_odds(jnp.log(jnp.array([[[0.25], [4.0]]])))).round(4).tolist()  # of 0.2 and 0.8
    [[0.5]]
    """
    return pool_logs(jax.nn.log_sigmoid(outputs)) - pool_logs(jax.nn.log_sigmoid(-outputs))
