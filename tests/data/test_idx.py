import gzip
import struct

import numpy as np
import pytest

from batchwright.data.dataset import Split
from batchwright.data.formats import idx as idx_files
from batchwright.data.formats.idx import holds_idx, is_idx, read_idx, read_idx_folder, read_idx_images
from batchwright.data.load import load
from batchwright.data.typed.hashes import row_hashes
from batchwright.errors import DataError
from batchwright.training.state import to_device

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


def test_members_of_equal_size_are_all_read(tmp_path):
    """The size in the trailer is that of the last member, and here of the first too."""
    content = idx(IMAGES)
    path = tmp_path / "x-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(content[:38], mtime=0) + gzip.compress(content[38:], mtime=0))
    assert np.array_equal(read_idx(path), IMAGES)


@pytest.mark.parametrize("highest", [4, 256])
def test_images_unpacked_in_pieces_are_those_of_the_file(tmp_path, monkeypatch, highest):
    monkeypatch.setattr(idx_files, "PACKED_PIECE", 700)
    monkeypatch.setattr(idx_files, "BLOCK_BYTES", 900)
    images = np.random.default_rng(0).integers(0, highest, (300, 5, 7), dtype=np.uint8)
    write(tmp_path, images=images, labels=np.zeros(300, np.uint8))
    plain, _ = read_idx_folder(tmp_path)
    path = tmp_path / "train-images-idx3-ubyte"
    (tmp_path / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))
    path.unlink()
    packed, _ = read_idx_folder(tmp_path)
    assert np.array_equal(packed.images, images[..., None])
    assert np.array_equal(plain.images, packed.images)
    assert plain.hashes is None
    assert np.array_equal(packed.hashes, row_hashes({"image": images}))
    chosen = np.array([299, 0, 17])
    assert np.array_equal(packed.take(chosen).hashes, row_hashes({"image": images[chosen]}))


def test_the_data_are_the_same_packed_or_not(tmp_path, monkeypatch):
    """The fingerprint and the notes on equal rows, from hashes made beside the unpacking and afterwards."""
    monkeypatch.setattr(idx_files, "PACKED_PIECE", 100)
    monkeypatch.setattr(idx_files, "BLOCK_BYTES", 50)
    images = np.random.default_rng(0).integers(0, 3, (90, 2, 3), dtype=np.uint8)
    folder = tmp_path / "signs"
    folder.mkdir()
    write(folder, images=images, labels=np.arange(90, dtype=np.uint8) % 3)
    plain = load(folder)
    path = folder / "train-images-idx3-ubyte"
    (folder / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))
    path.unlink()
    packed = load(folder)
    assert any("same inputs" in note for note in plain.notes)
    assert packed.notes == plain.notes
    assert packed.fingerprint == plain.fingerprint


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_a_device_uses_the_images_without_a_copy(tmp_path, ending):
    path = tmp_path / f"x-idx3-ubyte{ending}"
    path.write_bytes(gzip.compress(idx(IMAGES), mtime=0) if ending else idx(IMAGES))
    read = read_idx_images(path)
    for images in (read.images, read.take(np.array([4, 1])).images):
        split = Split({"image": images}, LABELS[: len(images)])
        assert to_device(split).inputs["image"].unsafe_buffer_pointer() == images.ctypes.data
        assert not images.flags.writeable


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
