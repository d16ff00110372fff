"""The images of a folder before they are decoded: which files, of which labels, and the one form of all."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Shaped, UInt8

from batchwright.data.formats.format import Size
from batchwright.data.formats.image_layout import Part, lay_out
from batchwright.data.formats.image_notes import count_of
from batchwright.data.formats.image_pixels import (
    REMARKS,
    SCALES,
    Look,
    Problem,
    look_at,
    read_pixels,
    scale_of,
    unreadable_error,
)
from batchwright.data.typed.cells import first_ten
from batchwright.data.typed.images import Images, Largest
from batchwright.errors import DataError


@dataclass(frozen=True)
class ImageForm:
    """How images are brought to one form; what is None follows from the images.

    Args:
        size: height and width that every image is resized to (bilinear); by default all must have the same size.
        channels: 1 for grey, 3 for colour; by default colour if any image has colours.
        largest: the value that becomes 255 in images of 16 bits (one of `image_pixels.SCALES`).
    """

    size: Size | None = None
    channels: int | None = None
    largest: Largest | None = None


AS_THEY_ARE = ImageForm()


@dataclass(frozen=True)
class ImageFiles:
    """Images of one part in files, not decoded yet.

    Args:
        name: what they are called in messages.
        folder: the source, in which the files lie.
        files: one file for each image.
        labels: the label of each; None where there are none.
        shape: height, width and channels after decoding.
        largest: the value that becomes 255 in images of 16 bits; None if there are none.
        every: the files of all parts.
        dropped: the files that cannot be read, and are left out.
        notes: what is left out, and what changes in decoding, one sentence each.
    """

    name: str
    folder: Path
    files: list[Path]
    labels: Shaped[np.ndarray, " rows"] | None
    shape: tuple[int, int, int]
    largest: Largest | None
    every: list[Path]
    dropped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def pixels(self, start: int, stop: int) -> UInt8[np.ndarray, "files h w c"]:
        """The bytes of images start to stop-1.

        Raises:
            DataError: some files, of any part, cannot be read.
        """
        return read_pixels(self.files[start:stop], self.shape, largest=self.largest or SCALES[-1], among=self.every)

    def decode(self) -> Images:
        """All images in memory, with the names of their files."""
        files = tuple(_relative(file, self.folder) for file in self.files)
        pixels = self.pixels(0, len(self.files))
        return Images(pixels, self.labels, self.name, self.notes, files, self.dropped, self.largest)


@dataclass(frozen=True)
class FoundImages:
    """The parts of a folder of images."""

    train: ImageFiles
    validation: ImageFiles | None
    test: ImageFiles | None


def find_images(path: Path, form: ImageForm = AS_THEY_ARE, *, on_bad_rows: str = "stop") -> FoundImages:
    """The images of a folder with one folder per class, by their headers, and those of its own parts if it has them.

    Grey images stay grey unless there are coloured ones among them; transparency is left out. The scale of images of 16
    bits follows from the training part.

    Args:
        path: the folder, or one image.
        form: what is not to follow from the images.
        on_bad_rows: "stop" if an image cannot be read, or "drop" it. To drop images, all are read whole once more.

    Raises:
        DataError: no images, images that cannot be read, or of different sizes.
    """
    layout = lay_out(path)
    named = {"train": layout.train, "validation": layout.validation, "test": layout.test}
    every = [file for part in named.values() if part is not None for file in part.files]
    looks, bad = _look_at_all(every, drop=on_bad_rows == "drop")
    parts = {role: _readable(part, looks) for role, part in named.items() if part is not None}
    if not parts["train"].files:
        raise unreadable_error(bad, every)
    size = form.size or _common_size(looks)
    shape = (*size, form.channels or (1 if all(found.grey for found in looks.values()) else 3))
    largest = form.largest or scale_of(looks[file] for file in parts["train"].files)
    notes = (
        *layout.notes,
        *_dropped_notes(bad, layout.train, parts["train"], path),
        *form_notes(list(looks.values()), size, largest),
    )
    dropped, known = tuple(_relative(problem.file, path) for problem in bad), list(looks)
    found = {
        role: ImageFiles(part.name, path, part.files, _labels(part), shape, largest, known)
        for role, part in parts.items()
        if part.files
    }
    train = replace(found["train"], dropped=dropped, notes=notes)
    return FoundImages(train, found.get("validation"), found.get("test"))


def _look_at_all(files: Sequence[Path], *, drop: bool) -> tuple[dict[Path, Look], list[Problem]]:
    """What each image is, and which cannot be read; these raise a DataError unless they are dropped."""
    found = dict(zip(files, look_at(files, whole=drop), strict=True))
    bad = [look for look in found.values() if isinstance(look, Problem)]
    if bad and not drop:
        bad = [look for look in look_at(files, whole=True) if isinstance(look, Problem)]
        raise unreadable_error(bad, files)
    return {file: look for file, look in found.items() if isinstance(look, Look)}, bad


def _readable(part: Part, looks: Mapping[Path, Look]) -> Part:
    """The part without the files that cannot be read."""
    if all(file in looks for file in part.files):
        return part
    kept = [place for place, file in enumerate(part.files) if file in looks]
    labels = None if part.labels is None else [part.labels[place] for place in kept]
    return Part(part.name, [part.files[place] for place in kept], labels)


def _labels(part: Part) -> Shaped[np.ndarray, " rows"] | None:
    return None if part.labels is None else np.array(part.labels)


def _common_size(looks: Mapping[Path, Look]) -> Size:
    (first, look), *others = looks.items()
    for file, other in others:
        if other.size != look.size:
            raise DataError(
                f"images differ in size: {first} is {look.size[0]}x{look.size[1]} (height x width), {file} is "
                f"{other.size[0]}x{other.size[1]}.",
                f"`image_size={look.size[0]},{look.size[1]}` resizes all of them.",
            )
    return look.size


def _dropped_notes(bad: Sequence[Problem], before: Part, after: Part, path: Path) -> Iterator[str]:
    """Notes on the files that are dropped, and on the classes that lose all of theirs."""
    if bad:
        listed = first_ten(f"{_relative(problem.file, path)} ({problem.reason})" for problem in bad)
        yield f"{count_of(len(bad), 'file')} dropped, which cannot be read: {listed}"
    if lost := [name for name in dict.fromkeys(before.labels or ()) if name not in set(after.labels or ())]:
        yield f"classes of which no image can be read are left out: {first_ten(lost)}"


def form_notes(looks: Sequence[Look], size: Size, largest: Largest | None) -> Iterator[str]:
    """Notes on what changes when images are brought to one form."""
    if resized := sum(found.size != size for found in looks):
        yield f"{resized:,} of {count_of(len(looks), 'image')} resized to {size[0]}x{size[1]}"
    for remark, count in Counter(remark for found in looks for remark in found.remarks).items():
        yield f"{count_of(count, 'image')} {REMARKS[remark]}"
    deep, scale = [found.largest for found in looks if found.largest is not None], largest or SCALES[-1]
    if deep:
        beyond = sum(value > scale for value in deep)
        yield (
            f"{len(deep):,} of {count_of(len(looks), 'image')} have 16 bits, with values up to {max(deep):,}: "
            + ("these stay as they are" if scale == SCALES[0] else f"0 to {scale:,} becomes 0 to 255")
            + (f", and larger values, in {beyond:,} of them, become 255" if beyond else "")
            + ("" if len(deep) == len(looks) else "; the others have 8 bits and stay as they are")
        )


def _relative(file: Path, folder: Path) -> str:
    """The path of a file in its folder; the name of a file that is the source itself."""
    return file.name if file == folder else file.relative_to(folder).as_posix()
