import numpy as np
import pytest
from sklearn import datasets

import batchwright as bw
from batchwright.data.formats.examples import EXAMPLES, example
from batchwright.data.formats.source import read
from batchwright.data.typed.images import Images
from batchwright.errors import DataError

BUNDLED = {
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
    "breast-cancer": datasets.load_breast_cancer,
    "diabetes": lambda: datasets.load_diabetes(scaled=False),
}


@pytest.mark.parametrize("name", BUNDLED)
def test_tables_are_those_that_scikit_learn_gives(name):
    found, table = BUNDLED[name](), example(name).read()
    features = table.frame.drop(example(name).target)
    assert features.columns == list(found.feature_names)
    assert np.array_equal(features.to_numpy(), found.data)
    expected = found.target if name == "diabetes" else found.target_names[found.target]
    assert table.frame[example(name).target].to_list() == expected.tolist()


def test_digits_are_those_that_scikit_learn_gives_with_grey_levels_as_bytes():
    found, images = datasets.load_digits(), example("digits").read()
    assert np.array_equal(images.labels, found.target)
    assert np.array_equal(images.images[..., 0], np.rint(found.images * 255 / 16))


def test_moons_have_the_circles_of_scikit_learn():
    table = example("moons").read()
    points, label = table.frame.select("x", "y").to_numpy(), table.frame["moon"].to_numpy()
    circles, of = datasets.make_moons(2000, noise=None)
    for number, name in enumerate(("upper", "lower")):
        away = np.linalg.norm(points[label == name, None] - circles[of == number][None], axis=-1).min(axis=1)
        assert np.sqrt(np.mean(away**2)) == pytest.approx(0.2, abs=0.03)


def test_line_has_the_stated_slopes_and_noise():
    frame = example("line").read().frame
    design = np.column_stack([frame.drop("y").to_numpy(), np.ones(frame.height)])
    slopes, squares, _, _ = np.linalg.lstsq(design, frame["y"].to_numpy())
    assert slopes == pytest.approx([2, -3, 0.5, 1], abs=0.02)
    assert np.sqrt(squares[0] / frame.height) == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize("found", EXAMPLES, ids=lambda found: found.name)
def test_each_example_is_the_same_at_every_reading_and_as_large_as_it_says(found):
    first, again = found.read(), found.read()
    assert found.holds.startswith(f"{first.rows:,} ")
    if isinstance(first, Images):
        assert np.array_equal(first.images, again.images)
    else:
        assert first.frame.equals(again.frame)
        assert found.target in first.kinds


def test_an_unknown_example_is_answered_with_the_nearest():
    with pytest.raises(DataError, match="did you mean 'digits'"):
        example("digit")


@pytest.mark.parametrize("found", EXAMPLES, ids=lambda found: found.name)
def test_a_file_or_folder_of_the_same_name_is_told(found, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert not read(found.name).train.notes
    place = tmp_path / found.name
    place.write_text("a,b\n1,2\n3,4\n")
    (note,) = read(found.name).train.notes
    assert note.endswith(f"and not the file here: write ./{found.name} for that")
    assert read(f"./{found.name}").train.rows == 2
    place.unlink()
    place.mkdir()
    (note,) = read(found.name).train.notes
    assert "not the folder here" in note


def test_the_note_reaches_whoever_loads(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").mkdir()
    assert any("write ./digits for that" in note for note in bw.load("digits").notes)
