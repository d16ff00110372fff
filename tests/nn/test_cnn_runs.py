"""A CNN with residual blocks from configuration to a saved run and back."""

from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import batchwright as bw
from batchwright.config import json_schema, load_config
from batchwright.errors import ConfigError
from batchwright.nn import CNN

RESIDUAL = CNN(
    filters=(4, 8),
    blocks=1,
    downsampling="stride",
    pooling="average",
    hidden_layer_sizes=(),
)
TEXT = """\
network:
  name: cnn
  filters: [4, 8]
  blocks: 1
  downsampling: stride
  pooling: average
  hidden_layer_sizes: []
"""


def test_a_configuration_file_makes_the_same_network(tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text(TEXT)
    assert load_config(file, []).config.network == RESIDUAL
    file.write_text(TEXT.replace("blocks: 1", "blocks: -1").replace("stride", "strides").replace("average", "mean"))
    with pytest.raises(ConfigError) as caught:
        load_config(file, [])
    for said in (
        "network.blocks: must be a whole number >= 0",
        "Allowed: pool, stride",
        "Allowed: flatten, average, max",
    ):
        assert said in str(caught.value)


def test_the_json_schema_knows_its_keys() -> None:
    kinds = {kind["title"]: kind["properties"] for kind in json_schema()["properties"]["network"]["oneOf"]}
    assert kinds["cnn"]["downsampling"]["enum"] == ["pool", "stride"]
    assert kinds["cnn"]["blocks"]["minimum"] == 0
    assert all(kinds["cnn"][key]["description"] for key in ("blocks", "downsampling", "pooling"))
    assert "blocks" not in kinds["mlp"]


def test_it_learns_digits_and_is_the_same_when_it_is_reopened(tmp_path: Path) -> None:
    digits = bw.load("digits")
    trained = bw.fit(digits, network=RESIDUAL, epochs=5, batch_size=32, learning_rate=0.02, run_dir=tmp_path / "run")
    assert trained.test_metrics["accuracy"] > 0.85
    saved = bw.open_run(tmp_path / "run").load_model()
    assert saved.blueprint.architecture == RESIDUAL
    images = jax.tree.map(jnp.asarray, digits.test.inputs)
    before, after = (
        jax.jit(partial(model.model.network.apply, train=False))(model.variables, images)[0]
        for model in (trained.model, saved)
    )
    np.testing.assert_array_equal(before, after)
