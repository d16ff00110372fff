import gzip
import struct

import numpy as np
import pytest

from batchwright.data.formats.idx import holds_idx, is_idx, read_idx, read_idx_folder, read_idx_images
from batchwright.errors import DataError

IMAGES = np.arange(5 * 3 * 4, dtype=np.uint8).reshape(5, 3, 4)
LABELS = np.array([3, 1, 3, 0, 1], np.uint8)


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def write(folder, part="train", images=IMAGES, labels=LABELS, dash="-"):
    (folder / f"{part}-images{dash}idx3-ubyte").write_bytes(idx(images))
    (folder / f"{part}-labels{dash}idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels), mtime=0))


@pytest.mark.parametrize("dash", ["-", "."])
def test_a_folder_of_four_files_gives_both_parts(tmp_path, dash):
    write(tmp_path, dash=dash)
    write(tmp_path, "t10k", IMAGES[:2], LABELS[:2], dash=dash)
    train, test = read_idx_folder(tmp_path)
    assert holds_idx(tmp_path)
    assert np.array_equal(train.images, IMAGES[..., None])
    assert np.array_equal(train.labels, LABELS)
    assert test.images.shape == (2, 3, 4, 1)
    assert train.name == tmp_path.name


def test_a_folder_with_one_part_or_without_labels(tmp_path):
    write(tmp_path, "t10k")
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    only, other = read_idx_folder(tmp_path)
    assert other is None
    assert only.labels is None
    assert np.array_equal(read_idx_images(tmp_path / "t10k-images-idx3-ubyte").images, only.images)


def test_gzip_files_of_several_members(tmp_path):
    content = idx(IMAGES)
    path = tmp_path / "x-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(content[:20], mtime=0) + gzip.compress(content[20:], mtime=0))
    assert np.array_equal(read_idx(path), IMAGES)
    assert is_idx(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\x89PNG....", "not an IDX file.*89 50 4e 47"),
        (b"\0\0\x0d\x01\0\0\0\0", "not an IDX file of bytes"),
        (b"\0\0\x08", "not an IDX file"),
        (b"\0\0\x08\x03\0\0", "header takes 16 bytes, the file has 6"),
        (idx(IMAGES)[:-1], "truncated.*5x3x4 announces 76 bytes, the file has 75"),
        (idx(IMAGES) + b"!", "too long"),
        (gzip.compress(idx(IMAGES), mtime=0)[:-9], "truncated or damaged gzip"),
        (gzip.compress(idx(IMAGES), mtime=0)[:-4] + b"\0\0\0\0", "damaged gzip"),
        (gzip.compress(b"", mtime=0), "is empty"),
        (b"\x1f\x8b", "damaged gzip"),
    ],
)
def test_bad_files_are_named_with_what_is_wrong(tmp_path, content, said):
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(content)
    with pytest.raises(DataError, match=said) as error:
        read_idx(path)
    assert str(path) in str(error.value)


def test_a_damaged_byte_inside_a_gzip_file_is_found(tmp_path):
    packed = bytearray(gzip.compress(idx(IMAGES), compresslevel=0, mtime=0))
    packed[40] ^= 1
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(packed)
    with pytest.raises(DataError, match="damaged gzip"):
        read_idx(path)


def test_labels_that_do_not_fit_the_images(tmp_path):
    write(tmp_path, labels=LABELS[:4])
    with pytest.raises(DataError, match=r"holds 5 images, but .* has the shape \(4,\)"):
        read_idx_folder(tmp_path)


def test_files_without_images(tmp_path):
    with pytest.raises(DataError, match="has no IDX images"):
        read_idx_folder(tmp_path)
    write(tmp_path, images=IMAGES[:0], labels=LABELS[:0])
    with pytest.raises(DataError, match="rows, height and width"):
        read_idx_folder(tmp_path)
