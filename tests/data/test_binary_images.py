"""CIFAR, STL-10 and MedMNIST as their authors write them, in small: each pixel, label and part in its place."""

import pickle
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from batchwright.data.formats.format import Format
from batchwright.data.formats.source import FORMATS, format_of, read
from batchwright.data.typed.images import Images
from batchwright.errors import DataError

NAMES = ["airplane", "bird", "cat"]


def pictures(count: int, side: int, seed: int) -> np.ndarray:
    """Random images [n, h, w, 3]."""
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), np.uint8)


def record(image: np.ndarray, *labels: int) -> bytes:
    """Labels, then the red, the green and the blue plane row by row, pixel by pixel."""
    height, width, _ = image.shape
    return bytes(labels) + bytes(image[i, j, c] for c in range(3) for i in range(height) for j in range(width))


def write_cifar_10(folder: Path, *, batches: int = 5) -> tuple[np.ndarray, list[int]]:
    """Two images in each batch; all of them, the two of the test last."""
    images, labels = pictures(2 * (batches + 1), 32, 1), [(n * n) % 3 for n in range(2 * (batches + 1))]
    files = [*(f"data_batch_{number + 1}.bin" for number in range(batches)), "test_batch.bin"]
    for number, file in enumerate(files):
        places = range(2 * number, 2 * number + 2)
        (folder / file).write_bytes(b"".join(record(images[place], labels[place]) for place in places))
    (folder / "batches.meta.txt").write_text("\n".join(NAMES) + "\n\n")
    return images, labels


def write_cifar_100(folder: Path) -> tuple[np.ndarray, list[int]]:
    images, labels = pictures(5, 32, 2), [2, 0, 1, 1, 0]
    content = [record(image, 9, label) for image, label in zip(images, labels, strict=True)]
    (folder / "train.bin").write_bytes(b"".join(content[:3]))
    (folder / "test.bin").write_bytes(b"".join(content[3:]))
    (folder / "fine_label_names.txt").write_text("\n".join(NAMES))
    return images, labels


def write_stl(folder: Path) -> tuple[np.ndarray, list[int]]:
    """Planes column by column, and labels from 1."""
    images, labels = pictures(5, 96, 3), [2, 0, 1, 1, 0]
    for part, places in (("train", slice(3)), ("test", slice(3, None))):
        (folder / f"{part}_X.bin").write_bytes(b"".join(record(i.transpose(1, 0, 2)) for i in images[places]))
        (folder / f"{part}_y.bin").write_bytes(bytes(label + 1 for label in labels[places]))
    (folder / "unlabeled_X.bin").write_bytes(b"")
    (folder / "class_names.txt").write_text("\n".join(NAMES) + "\n")
    return images, labels


WRITERS: dict[str, Any] = {"cifar-10": write_cifar_10, "cifar-100": write_cifar_100, "stl": write_stl}


@pytest.mark.parametrize("kind", WRITERS)
def test_each_pixel_and_each_name_is_where_its_author_put_it(tmp_path: Path, kind: str) -> None:
    images, labels = WRITERS[kind](tmp_path)
    found = read(tmp_path)
    assert isinstance(found.train, Images)
    assert isinstance(found.test, Images)
    assert np.array_equal(np.concatenate([found.train.images, found.test.images]), images)
    assert found.train.labels is not None
    assert found.test.labels is not None
    assert [*found.train.labels, *found.test.labels] == [NAMES[label] for label in labels]
    assert found.test.rows == 2
    form = format_of(tmp_path)
    assert isinstance(form, Format)
    assert form in FORMATS
    assert form.estimated_bytes(tmp_path, None) >= images.nbytes
    assert not form.streams(tmp_path)
    assert form.open_table(tmp_path, memory=None) is None
    assert next(one for one in FORMATS if one.claims(tmp_path)) is form


def test_without_names_classes_are_numbers_as_the_files_have_them(tmp_path: Path) -> None:
    cifar, stl = tmp_path / "cifar", tmp_path / "stl"
    for folder, write, names in ((cifar, write_cifar_10, "batches.meta.txt"), (stl, write_stl, "class_names.txt")):
        folder.mkdir()
        write(folder)
        (folder / names).unlink()
    assert read(cifar).test.labels.tolist() == [1, 1]  # type: ignore[union-attr]
    assert read(stl).train.labels.tolist() == [3, 1, 2]  # type: ignore[union-attr]


def test_what_is_missing_or_left_out_is_said(tmp_path: Path) -> None:
    write_cifar_10(tmp_path)
    (tmp_path / "data_batch_3.bin").unlink()
    found = read(tmp_path)
    assert found.train.rows == 8
    assert found.train.notes == ("data_batch_3.bin is not in the folder: the other files are read",)
    for file in tmp_path.glob("data_batch_*"):
        file.unlink()
    alone = read(tmp_path)
    assert (alone.train.rows, alone.test, alone.train.notes) == (2, None, ())
    (stl := tmp_path / "stl").mkdir()
    write_stl(stl)
    assert read(stl).train.notes == ("unlabeled_X.bin has no labels, and is left out",)


@pytest.mark.parametrize(
    ("kind", "file", "content", "said"),
    [
        ("cifar-10", "data_batch_2.bin", b"\0" * 3072, "data_batch_2.bin is truncated.*3,072 bytes"),
        ("cifar-10", "test_batch.bin", b"", "test_batch.bin is empty"),
        ("cifar-10", "data_batch_1.bin", b"\7" + b"\0" * 3072, "has a label 7, and there are names of 3 classes"),
        ("stl", "train_y.bin", b"\1\2", "holds 3 images, but .*train_y.bin 2 labels"),
        ("stl", "train_y.bin", b"\0\1\2", "has the label 0"),
        ("stl", "test_y.bin", b"\4\1", "has a label 4, and there are names of 3 classes"),
    ],
)
def test_a_bad_file_is_named_with_what_is_wrong(
    tmp_path: Path, kind: str, file: str, content: bytes, said: str
) -> None:
    WRITERS[kind](tmp_path)
    (tmp_path / file).write_bytes(content)
    with pytest.raises(DataError, match=said):
        read(tmp_path)


def test_pickles_are_not_opened_and_the_command_that_is_told_converts_them(tmp_path: Path) -> None:
    images, labels = pictures(12, 32, 1), np.arange(12) % 3
    (folder := tmp_path / "cifar-10-batches-py").mkdir()
    for number, file in enumerate([*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]):
        places = slice(2 * number, 2 * number + 2)
        flat = images[places].transpose(0, 3, 1, 2).reshape(2, -1)
        (folder / file).write_bytes(pickle.dumps({b"data": flat, b"labels": labels[places].tolist()}))
    with pytest.raises(DataError, match=r"binary version .* is read as it is") as error:
        read(folder)
    command = shlex.split(str(error.value).rpartition(": python ")[2])
    subprocess.run([sys.executable, *command], check=True, cwd=tmp_path)
    found = read(tmp_path / "cifar-10-batches-py.npz")
    assert np.array_equal(np.concatenate([found.train.images, found.test.images]), images)  # type: ignore[union-attr]
    assert found.test.labels.tolist() == [1, 2]  # type: ignore[union-attr]


def test_the_validation_part_of_a_npz_file_is_read_too(tmp_path: Path) -> None:
    parts = {"train": pictures(4, 5, 0), "val": pictures(3, 5, 1), "test": pictures(2, 5, 2)}
    labels = {f"{name}_labels": np.arange(len(part))[:, None] % 2 for name, part in parts.items()}
    np.savez(tmp_path / "med.npz", **{f"{name}_images": part for name, part in parts.items()}, **labels)
    found = read(tmp_path / "med.npz")
    for name, rows in (("train", found.train), ("val", found.validation), ("test", found.test)):
        assert isinstance(rows, Images)
        assert np.array_equal(rows.images, parts[name])
        assert np.array_equal(rows.labels, labels[f"{name}_labels"][:, 0])  # type: ignore[arg-type]
