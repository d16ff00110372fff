"""What one number says beyond another is found where it tells of the target, and nowhere else."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest

import batchwright as bw
from batchwright.config import load_config
from batchwright.data.encode.differences import LEAST_GAIN
from batchwright.data.encode.preprocessing import EncoderRules, Preprocessing, learn
from batchwright.data.encode.targets import fit_target
from batchwright.data.encode.unfamiliar import count_unfamiliar
from batchwright.data.load import prepare
from batchwright.data.load_streamed import prepare_streamed
from batchwright.data.options import DataOptions
from batchwright.data.typed.table import from_frame
from batchwright.explanation.places import permute, places_of
from batchwright.nn.differences import WithDifferences
from batchwright.nn.numeric import PLR, PiecewiseLinearB, PiecewiseLinearTree
from batchwright.nn.protocols import Difference
from batchwright.nn.uncompiled import call_uncompiled
from batchwright.runs.model import features_of
from batchwright.workflow import prepare as prepare_training

RULES = EncoderRules(differences=True)


def delays(rows: int, seed: int = 0, late: float = 10.0) -> dict[str, np.ndarray]:
    """Flights that are late if they left more than `late` minutes after the plan."""
    rng = np.random.default_rng(seed)
    planned, delay = rng.uniform(300, 1300, rows), rng.normal(5, 15, rows)
    late_ones = np.where(delay > late, "late", "ontime")
    return {"planned": planned, "distance": rng.uniform(size=rows), "left": planned + delay, "status": late_ones}


def found(columns: dict[str, np.ndarray], target: str) -> Preprocessing:
    table = from_frame(columns)
    return learn(table, fit_target(table, target), RULES).preprocessing


def test_the_difference_is_the_residual_of_a_regression_in_its_own_deviation() -> None:
    columns = delays(2_000)
    preprocessing = found(columns, "status")
    assert preprocessing.differences is not None
    (one,) = preprocessing.differences
    assert (one.columns, one.places) == (("left", "planned"), (2, 0))
    assert one.gain > 0.3
    inputs = preprocessing.encode(from_frame(columns))["numeric"]
    made = np.asarray(WithDifferences(PLR(), network_differences(preprocessing)).extended(jnp.asarray(inputs)))[:, 3]
    line = np.polyfit(columns["planned"], columns["left"], 1)
    residual = columns["left"] - np.polyval(line, columns["planned"])
    np.testing.assert_allclose(made, residual / residual.std(), atol=2e-3)


def network_differences(preprocessing: Preprocessing) -> tuple[Difference, ...]:
    data = bw.load(delays(300), target="status")
    made = dataclasses.replace(data.encoding, preprocessing=preprocessing)
    return features_of(made).differences


@pytest.mark.parametrize("kind", ["sum", "first", "nothing", "steps"])
def test_columns_that_move_together_without_need_have_none(kind: str) -> None:
    alarms = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        a = rng.normal(size=600)
        b = a + rng.normal(scale=0.2, size=600)
        told = {"sum": a + b, "first": np.sin(2 * a), "nothing": 0 * a, "steps": np.sign(a) + np.sign(b)}[kind]
        columns = {"a": a, "b": b, "y": told + rng.normal(size=600)}
        alarms += found(columns, "y").differences is not None
    assert alarms <= 1, alarms


def test_few_rows_rounding_and_missing_cells_are_no_reason() -> None:
    assert found(delays(99), "status").differences is None
    columns = delays(1_000)
    twice = {"planned": columns["planned"], "again": 2 * columns["planned"] + 1, "status": columns["status"]}
    assert found(twice, "status").differences is None
    left = columns["left"].copy()
    left[::2] = np.nan
    known, holed = found(columns, "status"), found({**columns, "left": left}, "status")
    assert known.differences is not None
    assert holed.differences is not None
    assert holed.differences[0].slope == pytest.approx(known.differences[0].slope, abs=0.01)


@pytest.mark.parametrize("target", ["value", "labels", "both"])
def test_every_kind_of_target_can_be_told(target: str) -> None:
    columns = delays(1_500)
    late = columns.pop("status") == "late"
    columns["value"] = late + np.random.default_rng(1).normal(scale=0.1, size=1_500)
    columns["labels"] = np.where(late, "late|far", np.where(columns["distance"] > 0.5, "far", "late"))
    options = {"task": "multilabel", "label_separator": "|"} if target == "labels" else {}
    names = ("value", "labels") if target == "both" else target
    data = bw.load(columns, target=names, **options)
    assert isinstance(data.preprocessing, Preprocessing)
    assert data.preprocessing.differences is not None
    assert data.preprocessing.differences[0].columns == ("left", "planned")
    without = bw.load(columns, target=names, differences=False, **options)
    assert isinstance(without.preprocessing, Preprocessing)
    assert without.preprocessing.differences is None


def test_the_network_embeds_them_as_further_numbers() -> None:
    x = jax.random.normal(jax.random.key(0), (50, 3))
    encoder = WithDifferences(
        PiecewiseLinearB(), (Difference(2, 0, 0.5, 0.2, 0.1, 4.0), Difference(1, 2, -1.0, 0.0, 2.0, 9.0))
    )
    z = np.asarray(x, np.float64)
    beside = [np.clip((z[:, 2] - 0.5 * z[:, 0] - 0.2) / 0.1, -4, 4), (z[:, 1] + z[:, 2]) / 2]
    wide = jnp.asarray(np.column_stack([z, *beside]), jnp.float32)
    own, alone = (
        call_uncompiled(part.init, jax.random.key(1), shown, None)
        for part, shown in ((encoder, x), (encoder.numbers, wide))
    )
    assert jax.tree.all(jax.tree.map(lambda a, b: np.allclose(a, b, atol=1e-4), own, alone))
    np.testing.assert_allclose(jax.jit(encoder.apply)(own, x), jax.jit(encoder.numbers.apply)(alone, wide), atol=1e-4)
    assert not encoder.learns_from_targets
    assert WithDifferences(PiecewiseLinearTree(), encoder.differences).learns_from_targets


@pytest.mark.parametrize(("network", "said"), [("tabular", True), ("mlp", False), ("linear", False)])
def test_a_note_says_so_where_the_network_gets_them(network: str, said: bool) -> None:
    data = bw.load(delays(1_000), target="status")
    for numbers in ("piecewise_linear_b", "none") if network == "tabular" else ("",):
        overrides = [("network.name", network, "-"), *([("network.numbers", numbers, "-")] if numbers else [])]
        notes = prepare_training(load_config(None, overrides), data).notes
        assert any("`data.differences=false`" in note for note in notes) == (said and numbers != "none")


def test_a_missing_number_is_what_the_other_column_says() -> None:
    columns = delays(1_000)
    preprocessing = found(columns, "status")
    encoder = WithDifferences(PLR(), network_differences(preprocessing))
    new = {name: cells[:4].copy() for name, cells in columns.items()}
    new["left"][1] = new["planned"][2] = new["left"][3] = new["planned"][3] = np.nan
    table = from_frame(new)
    whole, holed = (preprocessing.encode(from_frame(one))["numeric"] for one in (columns, new))
    np.testing.assert_array_equal(holed[0], whole[0])
    line = np.polyfit(whole[:, 0], whole[:, 2], 1)
    assert holed[1, 2] == pytest.approx(np.polyval(line, whole[1, 0]), abs=1e-3)
    assert holed[2, 0] == pytest.approx((whole[2, 2] - line[1]) / line[0], abs=1e-3)
    np.testing.assert_array_equal(holed[3, [0, 2]], 0)
    np.testing.assert_allclose(np.asarray(encoder.extended(jnp.asarray(holed)))[1:, 3], 0, atol=1e-3)
    (note, _) = count_unfamiliar(preprocessing, table).notes()
    assert "what 'planned' says of them where that is there" in note or "what 'left' says" in note


def test_a_training_learns_with_them_and_a_saved_model_has_them(tmp_path) -> None:
    columns = delays(1_200)
    scores = {}
    for differences in (True, False):
        data = bw.load(columns, target="status", differences=differences)
        trained = bw.fit(data, network=bw.nn.Tabular((32,)), epochs=10, run_dir=tmp_path / str(differences))
        scores[differences] = trained.metrics["test"]["accuracy"]
    assert scores[True] > 0.95 > scores[False]
    new = delays(400, seed=9)
    found = bw.predict(bw.open_run(tmp_path / "True"), new)
    assert np.mean(found.answers == new["status"]) > 0.95


def test_a_permuted_column_is_permuted_in_its_differences_too() -> None:
    columns = delays(500)
    data = bw.load(columns, target="status", validation_split=0.0, test_split=0.0)
    assert isinstance(data.preprocessing, Preprocessing)
    order = np.random.default_rng(3).permutation(500)
    inputs = data.preprocessing.encode(from_frame(columns))
    mixed = permute(inputs, (places_of(data.preprocessing)["left"],), order)
    cells = data.preprocessing.encode(from_frame({**columns, "left": columns["left"][order]}))
    encoder = WithDifferences(PLR(), features_of(data.encoding).differences)
    np.testing.assert_array_equal(*(encoder.extended(jnp.asarray(one["numeric"])) for one in (mixed, cells)))


def test_streamed_rows_have_the_same(tmp_path) -> None:
    path = tmp_path / "flights.csv"
    pl.DataFrame(delays(3_000)).write_csv(path)
    options = DataOptions(target="status")
    whole, streamed = (
        prepare_some(path, options).encoding.preprocessing for prepare_some in (prepare, prepare_streamed)
    )
    assert streamed == whole
    assert isinstance(whole, Preprocessing)
    assert whole.differences is not None
    assert whole.differences[0].gain >= LEAST_GAIN
