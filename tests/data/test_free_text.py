"""Free text: told from names of the rows, and encoded as a plain loop in Python would encode it."""

import random
import re
from hashlib import blake2b
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.builders import encode_new

import batchwright as bw
from batchwright.data.encode.encoding import Encoding
from batchwright.data.encode.texts import HashedText, Text, text_encoder
from batchwright.data.load import prepare
from batchwright.data.load_streamed import prepare_streamed
from batchwright.data.options import DataOptions
from batchwright.data.typed.inference import guess
from batchwright.errors import ConfigError

MASK = 2**64 - 1
GOOD, BAD = ["great", "lovely", "quick", "perfect"], ["broken", "late", "rude", "awful"]
PLAIN = ["the", "room", "order", "staff", "hotel", "phone", "was", "and", "very", "box", "arrived", "today"]
NAMES = [f"{first}{last}" for first in ("Ab", "Ke", "Lo", "Mi", "Or", "Su") for last in ("da", "ne", "ra", "to", "vi")]


def draw(seed: int) -> random.Random:
    return random.Random(seed)


def reviews(rows: int, seed: int = 0) -> tuple[list[str], list[str]]:
    """Texts of 11 words, and whether two of the words are good or bad."""
    chance = draw(seed)
    answers = [chance.choice(["pos", "neg"]) for _ in range(rows)]
    texts = []
    for answer in answers:
        words = chance.choices(PLAIN, k=9) + chance.choices(GOOD if answer == "pos" else BAD, k=2)
        chance.shuffle(words)
        texts.append(" ".join(words).capitalize() + ".")
    return texts, answers


def made(make, rows: int = 200) -> list[str]:
    chance = draw(1)
    return [make(chance, row) for row in range(rows)]


@pytest.mark.parametrize(
    ("texts", "kind", "note"),
    [
        (reviews(400)[0], "text", "free text of 11 words on average"),
        (made(lambda chance, _: " ".join(chance.choices(PLAIN, k=4))), "text", "free text of 4 words"),
        (
            made(lambda chance, _: "这个产品" + "".join(chance.choices("非常好用不差快慢大小", k=8))),
            "text",
            "of 6 words",
        ),
        (made(lambda chance, row: f"{chance.choice(NAMES)} {chance.choice(NAMES)}son{row}"), "identifier", "names of"),
        (
            made(lambda chance, row: f"{NAMES[row % 30]}, Mr. {NAMES[row // 30]} {chance.choice(NAMES)}"),
            "identifier",
            r"names of the rows \(4.0 words on average\); `data.kinds=\{c: text\}` learns from their words",
        ),
        (made(lambda chance, _: "".join(chance.choices("王小明李红军张伟芳娜刚", k=3))), "identifier", "names of"),
        (made(lambda chance, row: f"/data/{chance.choice(PLAIN)}/photo-{row}.png"), "identifier", "names of the rows"),
        (made(lambda _, row: f"order number {row} was shipped"), "identifier", "words that hardly repeat, or are in"),
        (made(lambda chance, _: " ".join(f"{chance.getrandbits(40):x}y" for _ in range(6))), "identifier", "hardly"),
        (made(lambda chance, _: f"{chance.getrandbits(128):032x}"), "identifier", "names of the rows"),
        (made(lambda chance, _: f"{chance.choice(PLAIN)} {chance.choice(GOOD)}"), "categorical", "^$"),
        (
            made(lambda chance, _: chance.choice(["did not finish high school", "some years of college"])),
            "categorical",
            "^$",
        ),
    ],
)
def test_free_text_is_told_from_names_and_categories(texts: list[str], kind: str, note: str) -> None:
    for untyped in (True, False):
        column = guess(pl.Series("c", texts), untyped=untyped)
        assert (column.kind, column.used) == (kind, kind != "identifier")
        assert re.search(note, column.note), column.note


def hash_of(word: str) -> int:
    return int.from_bytes(blake2b(word.encode(), digest_size=8).digest(), "little")


def mixed(first: int, second: int) -> int:
    """SplitMix64's last steps, in Python's whole numbers."""
    h = (first * 0x9E3779B97F4A7C15 + second) & MASK
    h = ((h ^ (h >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    h = ((h ^ (h >> 27)) * 0x94D049BB133111EB) & MASK
    return h ^ (h >> 31)


def numbers_of(text: str | None, encoder: HashedText) -> list[int]:
    """The row of a text, word by word."""
    if text is None:
        return [encoder.features + 1] + [0] * (encoder.width - 1)
    words = [hash_of(word) for word in re.findall(r"[\u4e00-\u9fff]|[^\W\u4e00-\u9fff]+", text.lower())]
    words = words[: encoder.length]
    row, together = [], words
    for count in range(encoder.ngrams):
        if count:
            together = [mixed(one, other) for one, other in zip(together[:-1], words[count:], strict=False)]
        places = max(0, encoder.length - count)
        row += [1 + one % encoder.features for one in together] + [0] * (places - len(together))
    return row


texts = st.one_of(st.none(), st.text("ab Zé_1.,\n中文-", max_size=30))


@settings(max_examples=60, deadline=None)
@given(st.lists(texts, min_size=1, max_size=12), st.integers(1, 4), st.integers(1, 6), st.sampled_from([1, 7, 40_000]))
def test_numbers_are_those_of_a_loop(cells: list[str | None], ngrams: int, length: int, features: int) -> None:
    encoder = HashedText("c", features, ngrams, length, missing=True)
    found = np.full((len(cells), encoder.width), -1, np.int32)
    encoder.write(pl.Series("c", cells, pl.String), found)
    assert found.tolist() == [numbers_of(cell, encoder) for cell in cells]


def test_pieces_of_cells_make_no_difference(monkeypatch) -> None:
    cells = pl.Series("c", reviews(50)[0])
    encoder = text_encoder("c", cells)
    whole, pieces = (np.empty((50, encoder.width), np.int16) for _ in range(2))
    encoder.write(cells, whole)
    monkeypatch.setattr("batchwright.data.encode.texts.PIECE", 7)
    monkeypatch.setattr("batchwright.data.typed.free_text.PIECE", 7)
    text_encoder("c", cells).write(cells, pieces)
    assert (whole == pieces).all()
    assert guess(cells, untyped=True) == guess(cells, untyped=False)
    assert guess(cells, untyped=True).note == "free text of 11 words on average"


def test_the_length_is_that_of_nearly_all_training_texts() -> None:
    cells = pl.Series("c", [" ".join(["a"] * words) for words in (*range(1, 101), 1000)])
    assert text_encoder("c", cells).length == 100
    assert text_encoder("c", cells, Text(length=3)).length == 3
    assert text_encoder("c", pl.Series("c", ["a " * 900])).length == 256
    assert text_encoder("c", pl.Series("c", ["", None], pl.String)).length == 1


def table(rows: int = 300) -> pl.DataFrame:
    found, answers = reviews(rows)
    found = [None if row % 17 == 3 else text for row, text in enumerate(found)]
    return pl.DataFrame({"review": found, "stars": np.arange(rows) % 5 + 0.5, "y": answers})


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_read_in_pieces_the_bits_are_the_same(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"t.{ending}"
    table().write_csv(path) if ending == "csv" else table().write_parquet(path)
    whole, streamed = (make(path, DataOptions(target="y")) for make in (prepare, prepare_streamed))
    assert streamed.encoding == whole.encoding
    for name, part in streamed.parts.items():
        order = np.argsort(getattr(whole.indices, name))
        found, expected = part.read(0, part.rows).inputs, whole.parts[name].inputs
        assert found.keys() == expected.keys() == {"numeric", "text"}
        for key, array in found.items():
            assert array.dtype == expected[key].dtype
            assert (array == expected[key][order]).all()


def test_two_columns_of_text_lie_side_by_side() -> None:
    data = bw.load(table().with_columns(again=pl.col("review").str.to_uppercase()), target="y", text={"ngrams": 1})
    first, second = np.split(data.train.inputs["text"], 2, axis=1)
    assert (first == second).all()
    assert data.preprocessing.texts == ((16_386, first.shape[1]),) * 2
    assert first.dtype == np.int16
    assert bw.load(table(), target="y", text={"features": 40_000}).train.inputs["text"].dtype == np.int32


def test_notes_say_what_is_learned_and_what_is_cut() -> None:
    (note,) = (note for note in bw.load(table(), target="y", text={"length": 10}).notes if "'review'" in note)
    assert "hashed words and word pairs, 16,384 features, 38 bytes per row; 195 of 210 training rows are cut" in note


def test_saved_and_read_again_new_words_are_no_error() -> None:
    encoding = bw.load(table(), target="y").encoding
    again = Encoding.from_json(encoding.to_json())
    assert again == encoding
    rows = {"review": ["Entirely unseen words", None], "stars": [1.5, 2.5]}
    assert (encode_new(rows, again)["text"] == encode_new(rows, encoding)["text"]).all()
    assert encode_new(rows, again)["text"][1, 0] == 16_385


def test_text_is_trained_on_and_the_model_answers_for_new_rows(tmp_path: Path) -> None:
    data = bw.load(table(600), target="y", kinds={"stars": "identifier"})
    trained = bw.fit(data, epochs=8, run_dir=tmp_path / "run")
    assert trained.test_metrics["accuracy"] > 0.9
    saved = bw.open_run(tmp_path / "run").load_model()
    words = {"review": ["The room was great and lovely.", "The phone arrived broken, awful."], "stars": [0.5, 0.5]}
    for predictions in (bw.predict(saved, words), trained.predict(words)):
        assert list(predictions.answers) == ["pos", "neg"]
    assert (bw.load(table(60), like=saved).train.inputs["text"][:, 0] > 0).all()


@pytest.mark.parametrize("wrong", [{"features": 0}, {"ngrams": 6}, {"length": 0}, {"words": 3}])
def test_what_text_takes_is_told(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=r"^text takes features from 1 to"):
        bw.load(table(), target="y", text=wrong)


def test_kinds_decide() -> None:
    data = bw.load(table(), target="y", kinds={"review": "identifier", "stars": "text"})
    assert [column.kind for column in data.schema.columns] == ["identifier", "text", "categorical"]
    assert data.preprocessing.texts


def test_short_texts_are_learned_by_their_words_where_many_occur_once() -> None:
    chance = draw(3)
    shops = {"Amazon EU": "goods", "Rent Berlin": "home", "Shell Petrol": "car", "Market Rewe": "food"}
    drawn = [chance.choice(list(shops)) for _ in range(300)]
    purposes = [f"{shop} {chance.randrange(200)}" for shop in drawn]
    data = bw.load({"purpose": purposes, "kind": [shops[shop] for shop in drawn]}, target="kind")
    assert data.schema.columns[0].kind == "text"
    trained = bw.fit(data, epochs=20, progress=False)
    assert trained.test_metrics["accuracy"] > 0.95
    seldom = [f"{shop} {chance.randrange(20)}" for shop in drawn]
    assert bw.load({"purpose": seldom, "kind": drawn}, target="kind").schema.columns[0].kind == "categorical"


def test_names_of_people_stay_categories_though_many_occur_once() -> None:
    chance = draw(4)
    first = [f"{start}{end}" for start in ("Ar", "Be", "Cla", "Da") for end in ("na", "ko")]
    last = [f"{start}{end}" for start in ("Mo", "Ri", "Su", "Te") for end in ("ster", "li")]
    names = [f"{chance.choice(first)} {chance.choice(last)}{chance.choice('abcdefgh')}" for _ in range(300)]
    assert len(set(names)) > 150
    found = bw.load({"name": names, "kind": [chance.choice("pq") for _ in names]}, target="kind")
    assert found.schema.columns[0].kind == "categorical"
