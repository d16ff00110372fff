import numpy as np
import pytest
from PIL import Image
from tests.builders import encode_new
from tests.data.image_files import RNG, save, save_png_of_colours, save_values

import batchwright as bw
from batchwright.data.encode.encoding import Encoding
from batchwright.data.formats.image_files import ImageForm, find_images
from batchwright.data.formats.image_folder import IMAGE_FOLDER
from batchwright.data.load import prepare
from batchwright.data.new_rows import encode_labelled
from batchwright.data.options import DataOptions
from batchwright.errors import DataError


def spoil(folder):
    """Three files that cannot be read in a folder of images; only the header of the first can."""
    for name in ("cat/cut.png", "cat/good.png", "dog/good.png"):
        save(folder / name, size=(64, 64))
    (folder / "cat/cut.png").write_bytes((folder / "cat/cut.png").read_bytes()[:-900])
    (folder / "dog/empty.png").touch()
    (folder / "dog/page.jpg").write_text("<html>404</html>")
    return folder


@pytest.mark.parametrize("cut_alone", [False, True])
def test_all_bad_files_of_all_parts_are_named_at_once(tmp_path, cut_alone):
    spoil(tmp_path / "train")
    spoil(tmp_path / "val")
    if cut_alone:
        for path in [*tmp_path.rglob("empty.png"), *tmp_path.rglob("page.jpg")]:
            path.unlink()
    with pytest.raises(DataError) as error:
        IMAGE_FOLDER.read_images(tmp_path)
    said = str(error.value)
    assert said.startswith("2 of 6 files" if cut_alone else "6 of 10 files")
    assert "train/cat/cut.png: " in said
    assert "val/cat/cut.png: " in said
    assert ("dog/empty.png: is empty" in said) != cut_alone
    assert ("dog/page.jpg: is no image" in said) != cut_alone
    assert "`on_bad_rows=drop` leaves them out" in said


def test_bad_files_are_dropped_and_counted_where_this_is_asked_for(tmp_path):
    images = IMAGE_FOLDER.read_images(spoil(tmp_path), on_bad_rows="drop").train
    assert images.files == ("cat/good.png", "dog/good.png")
    assert images.labels.tolist() == ["cat", "dog"]
    assert images.dropped == ("cat/cut.png", "dog/empty.png", "dog/page.jpg")
    assert images.notes[0].startswith("3 files dropped, which cannot be read: cat/cut.png (")
    assert images.take(np.array([1])).files == ("dog/good.png",)


def test_a_class_whose_files_are_all_dropped_is_told(tmp_path):
    save(tmp_path / "a/1.png")
    save(tmp_path / "b/1.png")
    (tmp_path / "c").mkdir()
    (tmp_path / "c/1.png").touch()
    notes = IMAGE_FOLDER.read_images(tmp_path, on_bad_rows="drop").train.notes
    assert notes[1] == "classes of which no image can be read are left out: c"
    for path in tmp_path.rglob("*.png"):
        path.write_bytes(b"")
    with pytest.raises(DataError, match="3 of 3 files cannot be read"):
        IMAGE_FOLDER.read_images(tmp_path, on_bad_rows="drop")


@pytest.mark.parametrize(("bits", "scale"), [(5, 255), (8, 255), (10, 1023), (12, 4095), (14, 16383), (16, 65535)])
@pytest.mark.parametrize("ending", ["png", "tif"])
def test_deep_images_share_the_scale_of_their_largest_value(tmp_path, bits, scale, ending):
    dark, bright = RNG.integers(0, 2 ** (bits - 1), (2, 4, 5), dtype=np.uint16)
    bright[0, 0] = 2**bits - 1
    save_values(tmp_path / f"a/1.{ending}", dark)
    save_values(tmp_path / f"b/1.{ending}", bright)
    images = IMAGE_FOLDER.read_images(tmp_path).train
    assert images.largest == scale
    expected = np.stack([dark, bright]).astype(int) * 256 // (scale + 1)
    assert np.array_equal(images.images[..., 0], expected)
    assert len(images.notes) == 1
    assert f"with values up to {2**bits - 1:,}: " in images.notes[0]


def test_whole_numbers_of_32_bits_are_taken_if_16_are_enough(tmp_path):
    values = RNG.integers(0, 1000, (4, 5), dtype=np.int32)
    save_values(tmp_path / "a/1.tif", values)
    save(tmp_path / "b/1.png", size=(5, 4))
    images = IMAGE_FOLDER.read_images(tmp_path).train
    assert np.array_equal(images.images[0, :, :, 0], values >> 2)
    assert images.notes[0].startswith("1 of 2 images have 16 bits")
    assert images.notes[0].endswith("; the others have 8 bits and stay as they are")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.full((2, 2), 70_000, np.int32), "whole numbers are taken from 0 to 65,535"),
        (np.full((2, 2), -1, np.int32), "from -1 to -1"),
        (np.full((2, 2), 1.5, np.float32), "not whole are taken from 0 to 1"),
        (np.full((2, 2), np.nan, np.float32), "from nan to nan"),
    ],
)
def test_numbers_that_are_no_pixels_are_refused(tmp_path, values, said):
    save_values(tmp_path / "a/1.tif", values)
    with pytest.raises(DataError, match=rf"the file cannot be read(.|\n)*{said}"):
        IMAGE_FOLDER.read_images(tmp_path)


def test_numbers_from_0_to_1_become_bytes(tmp_path):
    values = RNG.random((4, 5), dtype=np.float32)
    save_values(tmp_path / "a/1.tif", values)
    images = IMAGE_FOLDER.read_images(tmp_path).train
    assert np.array_equal(images.images[0, :, :, 0], np.rint(values * 255))
    assert images.notes == ("1 image of numbers from 0 to 1: 1 becomes 255",)


def test_deep_colours_and_further_frames_are_told(tmp_path):
    save_png_of_colours(tmp_path / "a/1.png", np.full((5, 6, 3), 4000))
    frames = [Image.fromarray(np.full((5, 6), value, np.uint8)) for value in (10, 200)]
    frames[0].save(tmp_path / "a/2.gif", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "a/3.tif", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "a/4.gif")
    images = IMAGE_FOLDER.read_images(tmp_path).train
    assert images.images[:, 0, 0, 0].tolist() == [4000 >> 8, 10, 10, 10]
    assert images.notes == (
        "1 image in colour or with transparency of 16 bits: the upper 8 are read, so small values become black",
        "2 images with several frames or pages: the first one is read",
    )


def test_a_palette_with_transparency_is_read_without_a_warning(tmp_path):
    Image.fromarray(np.full((4, 4), 9, np.uint8)).convert("P").save(tmp_path / "1.png", transparency=bytes([0, 128]))
    assert IMAGE_FOLDER.read_images(tmp_path).train.images.shape == (1, 4, 4, 3)


def test_a_program_in_an_image_file_is_not_run(tmp_path):
    (tmp_path / "1.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 4\n%%EndComments\nshowpage\n")
    with pytest.raises(DataError, match="no image of a format that can be read"):
        IMAGE_FOLDER.read_images(tmp_path)


def deep_folder(folder, top, count=6):
    for label in ("a", "b"):
        for number in range(count):
            values = RNG.integers(0, top, (4, 5), dtype=np.uint16)
            values[0, 0] = top
            save_values(folder / label / f"{number}.png", values)
    return folder


def test_the_scale_of_the_training_is_that_of_new_images(tmp_path):
    encoding = bw.load(deep_folder(tmp_path / "train", 4000)).encoding
    assert Encoding.from_json(encoding.to_json()) == encoding
    new = deep_folder(tmp_path / "new", 200)
    save_values(new / "b/9.png", np.full((4, 5), 5000, np.uint16))
    images = encode_new(new, encoding)["image"][..., 0]
    assert images[0, 0, 0] == 200 >> 4
    assert (images[-1] == 255).all()
    (note,) = encode_labelled(new, encoding).notes
    assert note.startswith("13 of 13 images have 16 bits, with values up to 5,000: 0 to 4,095 becomes 0 to 255")
    assert note.endswith(", and larger values, in 1 of them, become 255")
    like = prepare(new, DataOptions(validation_split=0.0, test_split=0.0), like=encoding)
    assert np.array_equal(like.train.inputs["image"][..., 0], images)


def test_the_scale_follows_from_the_training_part_alone(tmp_path):
    deep_folder(tmp_path / "train", 1000)
    deep_folder(tmp_path / "test", 60_000)
    found = find_images(tmp_path)
    assert (found.train.largest, found.test.largest) == (1023, 1023)


def test_a_model_of_8_bits_reads_all_bits_of_new_images(tmp_path):
    for label in ("a", "b"):
        for number in range(6):
            save(tmp_path / "train" / label / f"{number}.png", size=(5, 4))
    encoding = bw.load(tmp_path / "train").encoding
    assert "largest" not in encoding.to_json()["preprocessing"]
    save_values(tmp_path / "new/1.png", np.full((4, 5), 4000, np.uint16))
    assert (encode_new(tmp_path / "new", encoding)["image"] == 4000 >> 8).all()


@pytest.fixture
def divided(tmp_path):
    for part, count in (("train", 10), ("val", 4), ("test", 3)):
        for label in ("cat", "dog"):
            for number in range(count):
                save(tmp_path / part / label / f"{number}.png")
    return tmp_path


def test_a_validation_folder_is_the_validation_part(divided):
    data = bw.load(divided)
    assert [part.rows for part in data.parts.values()] == [20, 8, 6]
    whole = IMAGE_FOLDER.read_images(divided)
    assert np.array_equal(data.train.inputs["image"], whole.train.images)
    assert np.array_equal(data.validation.inputs["image"], whole.validation.images)
    assert np.array_equal(data.test.inputs["image"], whole.test.images)
    assert f"the 8 images of {divided.name}/val are the validation part" in data.notes
    assert len(data.indices.train) == 20
    assert len(data.indices.validation) == len(data.indices.test) == 0


def test_without_a_test_folder_test_rows_are_drawn_if_asked_for(divided):
    (divided / "test").rename(divided.parent / f"{divided.name}-test")
    data = bw.load(divided)
    assert [(name, part.rows) for name, part in data.parts.items()] == [("train", 20), ("validation", 8)]
    assert any("`test_split=0.15` draws some" in note for note in data.notes)
    drawn = bw.load(divided, test_split=0.2)
    assert [part.rows for part in drawn.parts.values()] == [16, 8, 4]
    other = bw.load(divided, test=str(divided.parent / f"{divided.name}-test"))
    assert [part.rows for part in other.parts.values()] == [20, 8, 6]


def test_other_test_rows_replace_the_test_folder_with_a_note(divided):
    data = bw.load(divided, test=str(divided / "val"))
    assert data.test.rows == 8
    assert f"the 6 images of {divided.name}/test are left out, as `test` names other test rows" in data.notes


def test_a_class_of_validation_that_training_lacks_is_refused(divided):
    save(divided / "val/mouse/1.png")
    with pytest.raises(DataError, match="mouse"):
        bw.load(divided)


def test_every_image_of_a_form_is_resized_to_it(tmp_path):
    save(tmp_path / "a/1.png", mode="RGB")
    found = find_images(tmp_path, ImageForm((3, 4), 1))
    assert found.train.shape == (3, 4, 1)
    assert found.train.decode().images.shape == (1, 3, 4, 1)
