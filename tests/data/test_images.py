import numpy as np
import pytest
from PIL import Image
from tests.data.image_files import RNG, save

from batchwright.data.formats.image_files import ImageForm
from batchwright.data.formats.image_folder import IMAGE_FOLDER, holds_images
from batchwright.data.typed.images import Images, to_bytes
from batchwright.errors import DataError


def read_images(path, *, size=None, channels=None):
    """The training and the test part."""
    found = IMAGE_FOLDER.read_images(path, ImageForm(size, channels))
    return found.train, found.test


def test_one_folder_per_class_in_the_order_of_the_paths(tmp_path):
    written = [save(tmp_path / name) for name in ("cat/1.png", "cat/2.png", "dog/1.bmp")]
    (tmp_path / "dog/notes.txt").write_text("not an image")
    (tmp_path / ".hidden").mkdir()
    images, test = read_images(tmp_path)
    assert holds_images(tmp_path)
    assert test is None
    assert np.array_equal(images.images[..., 0], written)
    assert images.labels.tolist() == ["cat", "cat", "dog"]
    assert images.shape == (5, 6, 1)


def test_train_and_test_folders_give_both_parts_in_one_form(tmp_path):
    save(tmp_path / "train/a/1.png")
    save(tmp_path / "train/b/1.png", mode="RGB")
    save(tmp_path / "test/a/1.png", mode="RGBA")
    train, test = read_images(tmp_path)
    assert train.shape == test.shape == (5, 6, 3)
    assert (train.rows, test.rows) == (2, 1)


def test_one_coloured_image_makes_all_coloured_unless_grey_is_asked_for(tmp_path):
    save(tmp_path / "a/1.png")
    colours = save(tmp_path / "b/1.png", mode="RGB")
    coloured, _ = read_images(tmp_path)
    grey, _ = read_images(tmp_path, channels=1)
    assert np.array_equal(coloured.images[1], colours)
    assert np.array_equal(coloured.images[0, :, :, 0], coloured.images[0, :, :, 2])
    assert grey.shape == (5, 6, 1)
    luma = colours @ np.array([0.299, 0.587, 0.114])
    assert np.abs(grey.images[1, :, :, 0] - luma).max() <= 1


def test_sixteen_bits_become_their_upper_eight(tmp_path):
    values = RNG.integers(0, 2**16, (4, 4), dtype=np.uint16)
    values[0, 0] = 2**15
    Image.fromarray(values).save(tmp_path / "deep.png")
    images, _ = read_images(tmp_path / "deep.png")
    assert np.array_equal(images.images[0, :, :, 0], values >> 8)
    assert images.labels is None


def test_photos_are_turned_as_their_camera_says(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    save(tmp_path / "side.png", size=(7, 3), exif=exif)
    images, _ = read_images(tmp_path)
    assert images.shape == (7, 3, 1)


def test_other_sizes_are_refused_or_resized(tmp_path):
    save(tmp_path / "a/1.png")
    save(tmp_path / "b/1.png", size=(8, 8))
    with pytest.raises(DataError, match=r"5x6 .* is 8x8. .*image_size=5,6` resizes"):
        read_images(tmp_path)
    images, _ = read_images(tmp_path, size=(8, 8))
    assert images.shape == (8, 8, 1)
    assert images.notes == ("1 of 2 images resized to 8x8",)


def test_files_that_cannot_be_read_are_all_listed(tmp_path):
    save(tmp_path / "a/good.png", size=(64, 64))
    (tmp_path / "a/empty.png").touch()
    (tmp_path / "a/text.jpg").write_text("not an image")
    with pytest.raises(DataError, match="2 of 3 files cannot be read") as error:
        read_images(tmp_path)
    assert "empty.png" in str(error.value)
    assert "text.jpg" in str(error.value)


@pytest.mark.parametrize("ending", ["png", "jpg", "bmp"])
def test_a_truncated_image_is_named(tmp_path, ending):
    path = tmp_path / f"a/cut.{ending}"
    save(path, size=(64, 64))
    path.write_bytes(path.read_bytes()[:-900])
    with pytest.raises(DataError, match=r"cannot be read(.|\n)*cut"):
        read_images(tmp_path)


def test_a_folder_without_images_is_no_class(tmp_path):
    save(tmp_path / "a/1.png")
    save(tmp_path / "c/1.png")
    (tmp_path / "b").mkdir()
    images, _ = read_images(tmp_path)
    assert images.labels.tolist() == ["a", "c"]
    assert images.notes == ("folders without images are no classes: b",)
    with pytest.raises(DataError, match="holds no images"):
        read_images(tmp_path / "b")


def test_rows_are_taken_in_order_and_all_of_them_are_not_copied():
    images = Images(np.zeros((4, 2, 2, 1), np.uint8), np.arange(4), "four")
    assert images.take(np.array([3, 0])).labels.tolist() == [3, 0]
    assert images.take(np.arange(4)) is images


def test_images_that_are_not_there_are_not_taken():
    with pytest.raises(IndexError):
        Images(np.zeros((4, 2, 2, 1), np.uint8), None, "four").take(np.array([4]))


@pytest.mark.parametrize(
    ("values", "shape", "largest"),
    [
        (np.full((2, 3, 4), 200, np.uint8), (2, 3, 4, 1), 200),
        (np.full((2, 3, 8, 9), 255.0), (2, 8, 9, 3), 255),
        (np.full((2, 8, 9, 3), 1.0, np.float32), (2, 8, 9, 3), 1),
        (np.full((2, 8, 9), 0.5), (2, 8, 9, 1), 128),
        (np.ones((2, 8, 9), bool), (2, 8, 9, 1), 1),
        (np.full((2, 8, 9), 16, np.int64), (2, 8, 9, 1), 16),
    ],
)
def test_arrays_become_bytes(values, shape, largest):
    images = to_bytes(values, "x")
    assert (images.shape, images.dtype, images.max()) == (shape, np.uint8, largest)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.zeros((2, 2)), "shape"),
        (np.zeros((0, 2, 2)), "none of them 0"),
        (np.full((1, 2, 2), 256), "from 256 to 256"),
        (np.full((1, 2, 2), -0.5), "bytes from 0 to 255"),
        (np.full((1, 2, 2), np.nan), "nan"),
        (np.full((1, 2, 2), "a"), "images are numbers"),
    ],
)
def test_arrays_that_are_no_images(values, said):
    with pytest.raises(DataError, match=said):
        to_bytes(values, "x")
