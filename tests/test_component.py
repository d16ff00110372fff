import copy
import pickle

import jax

from batchwright import nn, optim


def test_what_is_remembered_for_jax_is_neither_pickled_nor_copied() -> None:
    used, unused = (
        (nn.Tabular(hidden_layer_sizes=(8,)), optim.Adam(0.1)),
        (nn.Tabular(hidden_layer_sizes=(8,)), optim.Adam(0.1)),
    )
    leaves = jax.tree.leaves(used)
    assert pickle.dumps(used) == pickle.dumps(unused)
    for again in (pickle.loads(pickle.dumps(used)), copy.copy(used), copy.deepcopy(used)):
        assert again == used == unused
        assert jax.tree.leaves(again) == leaves
