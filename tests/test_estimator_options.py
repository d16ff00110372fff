"""Ensembles, embeddings of numbers, and targets that are transformed or limited, in the estimators."""

import numpy as np
import pytest
from sklearn.base import clone

import batchwright as bw
from batchwright.errors import ConfigError


@pytest.fixture(scope="module")
def skewed():
    x = np.random.default_rng(0).normal(size=(80, 2))
    return x, np.exp(1.5 * x[:, 0])


def test_an_ensemble_has_its_submodels_and_no_batch_normalization(skewed):
    x, y = skewed
    fitted = clone(bw.Regressor((8,), ensemble=3, epochs=2, random_state=0)).fit(x, y)
    assert fitted.model_.blueprint.architecture.ensemble == 3
    assert fitted.model_.variables.params["body"]["ensemble_dense_0"]["input_scale"].shape == (1, 3, 2)
    assert not any("batch_norm" in name for name in fitted.model_.variables.params["body"])


def test_numbers_are_embedded(skewed):
    x, y = skewed
    fitted = bw.Classifier((8,), numbers="plr", epochs=2, random_state=0).fit(x, y > 1)
    assert isinstance(fitted.model_.blueprint.architecture, bw.nn.Tabular)
    assert fitted.model_.blueprint.architecture.numbers == "plr"


def test_other_layers_are_refused_by_a_warm_start(skewed):
    x, y = skewed
    warm = bw.Regressor((8,), epochs=1, warm_start=True, random_state=0).fit(x, y)
    with pytest.raises(ConfigError, match="numbers is plr"):
        warm.set_params(numbers="plr").fit(x, y)


def test_a_target_is_transformed_and_limited(skewed):
    x, y = skewed
    how = {"epochs": 30, "learning_rate": 0.01, "random_state": 0}
    logarithm = bw.Regressor((16,), target_transform="log", clip_margin=0, **how).fit(x, y)
    assert logarithm.model_.encoding.target.transform.name == "logarithm"
    far = logarithm.predict(10 * x)
    assert far.min() == pytest.approx(y.min())
    assert far.max() == pytest.approx(y.max())
    free = bw.Regressor((16,), clip_margin="none", **how).fit(x, y)
    assert free.predict(100 * x).max() > 2 * y.max()
    with pytest.raises(ConfigError, match="standardize=True"):
        bw.Regressor(target_transform="log", standardize=False).fit(x, y)
