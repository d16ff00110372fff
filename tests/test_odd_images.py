"""Images without much in them: trained with finite answers, or refused with a sentence."""

import numpy as np
import pytest

import batchwright as bw
from batchwright.errors import ConfigError
from batchwright.nn import CNN, MLP, Augment

LABELS = np.arange(40) % 2
EVERYTHING = Augment(shift=0.3, flip=True, rotation=20.0, erase=0.3, mixup=0.4, test_time=True)
PIXEL = np.where(LABELS == 1, 200, 50).astype(np.uint8)[:, None, None, None]
ONE_COLOUR = np.full((40, 6, 6, 3), 255, np.uint8)


def trained(pictures: np.ndarray, network: CNN | MLP) -> bw.Trained:
    data = bw.load((pictures, LABELS), validation_split=0.2, test_split=0.2)
    return bw.fit(data, network=network, epochs=2, augment=EVERYTHING, diagnostics=False)


@pytest.mark.parametrize(
    ("pictures", "network"),
    [(PIXEL, MLP((3,))), (ONE_COLOUR, CNN(filters=(2,), hidden_layer_sizes=(4,)))],
    ids=["one pixel", "one colour"],
)
def test_answers_are_finite(pictures: np.ndarray, network: CNN | MLP) -> None:
    found = trained(pictures, network)
    assert np.isfinite(list(found.test_metrics.values())).all()
    assert np.isfinite([row["loss"] for row in found.history]).all()


def test_a_pixel_is_too_little_for_a_pool() -> None:
    with pytest.raises(ConfigError, match=r"1 x 1 pixels are too small to be pooled by 2 x 2 after .*=tabular`"):
        trained(PIXEL, CNN(filters=(2,)))
