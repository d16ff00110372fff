"""Numbers are scaled as their columns need it, ordered categories by rank, and rare ones as unknown."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import batchwright as bw
from batchwright.data.encode.encoders import Category, Number, Ordinal, category_encoder
from batchwright.data.encode.preprocessing import EncoderRules, Preprocessing, learn
from batchwright.data.encode.scaling import choose_scaling, number_encoder
from batchwright.data.encode.unfamiliar import count_unfamiliar
from batchwright.data.typed.schema import ColumnOptions, as_plain
from batchwright.data.typed.table import from_frame
from batchwright.errors import ConfigError, DataError

RNG = np.random.default_rng(0)
SIZES = ("small", "medium", "large")


def encode(encoder, values) -> np.ndarray:
    cells = pl.Series("x", values)
    out = np.full((len(cells), len(encoder.features)), np.nan, np.float32)
    encoder.write(cells, out)
    return out


def test_smooth_clipping_is_its_formula() -> None:
    values = RNG.standard_cauchy(500)
    z = (values - np.median(values)) / np.subtract(*np.quantile(values, (0.75, 0.25)))
    found = encode(number_encoder("x", pl.Series(values), "smooth_clip"), values)[:, 0]
    np.testing.assert_allclose(found, z / np.sqrt(1 + (z / 3) ** 2), rtol=1e-5)


def test_without_quartile_distance_half_the_range_is_the_unit() -> None:
    encoder = number_encoder("x", pl.Series([0.0] * 90 + [10.0] * 10), "smooth_clip")
    assert isinstance(encoder, Number)
    assert (encoder.center, encoder.scale) == (0.0, 5.0)


@given(st.lists(st.floats(-1e300, 1e300), min_size=1), st.sampled_from(["smooth_clip", "auto"]))
def test_any_number_stays_finite(values: list[float], scaling: str) -> None:
    found = encode(number_encoder("x", pl.Series(values), scaling), [*values, 1e308, -1e308, None])
    assert np.isfinite(found).all()
    if scaling == "smooth_clip":
        assert np.abs(found).max() <= 3


@pytest.mark.parametrize(
    ("values", "scaling", "why"),
    [
        (RNG.normal(size=4000), "standard", "no long tails"),
        (RNG.uniform(size=4000), "standard", "no long tails"),
        (RNG.laplace(size=4000), "smooth_clip", "long tails"),
        (np.append(RNG.normal(size=4000), 99.0), "smooth_clip", "far values: 99"),
        (np.exp(2 * RNG.normal(size=4000)), "quantile", "heavy tails"),
        (np.append(np.zeros(3600), RNG.exponential(size=400)), "quantile", "90 % of the rows are 0"),
        (np.array([0.0, 1.0] * 50), "standard", "two values at most"),
        (np.array([]), "standard", "two values at most"),
    ],
)
def test_a_column_is_scaled_by_its_ties_and_tails(values: np.ndarray, scaling: str, why: str) -> None:
    found = choose_scaling(values)
    assert found.scaling == scaling
    assert found.why is not None
    assert found.why.startswith(why)


def test_a_column_may_be_scaled_otherwise_than_the_others() -> None:
    table = from_frame({"a": RNG.normal(size=99), "b": np.exp(3 * RNG.normal(size=99)), "c": RNG.normal(size=99)})
    made = learn(table, None, EncoderRules("auto", columns={"c": ColumnOptions(scaling="robust")})).preprocessing
    assert [one.encoder for one in made.encoders] == ["number", "quantile", "number"]
    assert set(made.chosen_scalings) == {"a", "b"}
    assert Preprocessing.from_json(made.to_json()) == made
    assert "why" not in str(as_plain(learn(table, None).preprocessing))  # so that records stay as they were


def test_scaling_and_order_of_unsuitable_columns_are_refused() -> None:
    table = {"a": ["x", "y"] * 20, "b": list(range(40)), "y": [0.5, 1.5] * 20}
    with pytest.raises(ConfigError, match="'a' is scaled, but it holds no numbers"):
        bw.load(table, target="y", columns={"a": {"scaling": "quantile"}})
    with pytest.raises(ConfigError, match=r"columns: .*scaling"):
        bw.load(table, target="y", columns={"b": {"scaling": "rank"}})
    with pytest.raises(ConfigError, match="'y' is encoded, but it is no input"):
        bw.load(table, target="y", columns={"y": {"scaling": "quantile"}})
    with pytest.raises(ConfigError, match="order of 'a' must name two"):
        bw.load(table, target="y", columns={"a": {"order": ("x", "x")}})
    with pytest.raises(ConfigError, match="'b' is numeric, and an order"):
        bw.load(table, target="y", columns={"b": {"kind": "numeric", "order": ("1", "2")}})
    with pytest.raises(DataError, match="not in the order x, z, such as 'y'"):
        bw.load(table, target="y", columns={"a": {"order": ("x", "z")}})


def test_ordered_categories_become_their_rank_and_a_column_each() -> None:
    cells = ["small", "large", "small", None]
    table = from_frame({"size": cells, "n": [1.0, 2.0, 3.0, 4.0]})
    made = learn(table, None, EncoderRules(columns={"size": ColumnOptions(order=SIZES)})).preprocessing
    assert made.feature_names[:5] == ("size", *(f"size={size}" for size in SIZES), "size is missing")
    ranks = np.array([0.0, 2.0, 0.0])
    expected = (ranks - ranks.mean()) / ranks.std()
    found = made.encode(from_frame({"size": ["small", "large", "medium", "huge", None], "n": [0.0] * 5}))["numeric"]
    middle = (1 - ranks.mean()) / ranks.std()
    np.testing.assert_allclose(found[:, 0], [expected[0], expected[1], middle, 0, 0], rtol=1e-6)
    assert found[:, 1:5].tolist() == [[1, 0, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1]]
    assert count_unfamiliar(made, from_frame({"size": ["huge", "small"], "n": [1.0, 2.0]})).unseen["size"].cells == 1


def test_an_order_of_many_categories_is_a_rank_only() -> None:
    table = from_frame({"size": list(SIZES) * 3})
    made = learn(table, None, EncoderRules(one_hot_max=2, columns={"size": ColumnOptions(order=SIZES)})).preprocessing
    assert made.feature_names == ("size",)
    assert isinstance(made.encoders[0], Ordinal)
    assert Preprocessing.from_json(made.to_json()) == made


def test_rare_categories_are_unknown() -> None:
    cells = pl.Series("c", ["a"] * 5 + ["b"] * 3 + ["c"] * 2 + ["d"])
    plain = category_encoder("c", cells, 1)
    rare = category_encoder("c", cells, 1, min_frequency=3)
    assert isinstance(plain, Category)
    assert isinstance(rare, Category)
    assert (plain.categories, rare.categories) == (("a", "b", "c"), ("a", "b"))
    assert rare.codes(pl.Series(["a", "c", "d", "new"])).tolist() == [1, 0, 0, 0]
    found = count_unfamiliar(Preprocessing((rare,)), from_frame({"c": ["c", "a"]}))
    assert "saw in fewer than 3 rows" in found.notes()[0]


def test_what_was_chosen_is_shown() -> None:
    table = {"a": RNG.normal(size=99), "b": np.exp(3 * RNG.normal(size=99)), "size": list(SIZES) * 33}
    found = bw.describe(table, scaling="auto", columns={"size": {"order": SIZES}, "a": {"scaling": "standard"}})
    becomes = {column.name: column.becomes for column in found.columns}
    assert becomes["a"] == "a number, standard"
    assert becomes["b"].startswith("a number, quantile (heavy tails: ")
    assert becomes["size"] == "its rank among 3 values, and one-hot"
    assert found.options["size"] == {"kind": "categorical", "order": list(SIZES)}
    data = bw.load(table | {"y": RNG.normal(size=99)}, target="y", scaling="auto")
    assert any(
        note.startswith("scaling of the columns of numbers: quantile for 1, standard for 1") for note in data.notes
    )
