"""Log to the files that TensorBoard reads. Nothing has to be installed to write them."""

import os
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path

from batchwright.errors import UsageError
from batchwright.tracking import protobuf
from batchwright.tracking.records import append_whole, record
from batchwright.tracking.tracker import About, Ending, Epoch, plain_settings


class TensorBoard:
    """Log one run into a folder of its own below `root`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folder: Path | None = None
        self._file: Path | None = None
        self._last: int | None = None
        self._resumed = False

    def start(self, about: About, earlier: str) -> str:
        """Make the folder, or go on in an earlier one, and write what is known of the training."""
        above = self._root / about.group
        if self._folder is None:
            self._resumed = bool(earlier) and (above / earlier).is_dir()
            self._folder = above / earlier if self._resumed else _new_folder(above, about.name)
        if self._file is None:
            self._file = _new_file(self._folder)
        if not self._resumed:
            self._write(0, protobuf.summary(_beginning(about)))
        return self._folder.name

    def add(self, epochs: Sequence[Epoch]) -> None:
        """Write the figures and histograms of epochs; one that comes again replaces those after it too."""
        for epoch in epochs:
            self._add(epoch)

    def end(self, ending: Ending) -> None:
        """Write the metrics, the figures as images, and how the training has ended."""
        values = [protobuf.scalar(name, value) for name, value in ending.metrics.items()]
        values += [protobuf.text("ending", f"{ending.status}: {ending.reason}")]
        values += [*_images(ending)]
        finished = ending.status == "finished"
        values += [protobuf.session_end(success=finished, seconds=time.time())]
        self._write(max(ending.epoch, 0), protobuf.summary(values))

    def _add(self, epoch: Epoch) -> None:
        again = not epoch.again and (self._resumed if self._last is None else epoch.number <= self._last)
        if again:
            self._write(epoch.number, protobuf.restart())
        if not epoch.again:
            self._last = epoch.number
        values = [protobuf.scalar(name, value) for name, value in epoch.figures.items()]
        values += [protobuf.weights(f"weights/{name}", found) for name, found in epoch.weights.items()]
        self._write(epoch.number, protobuf.summary(values))

    def _write(self, step: int, what: bytes) -> None:
        assert self._file is not None
        append_whole(self._file, record(protobuf.event(time.time(), step, what)))


def _new_folder(above: Path, name: str) -> Path:
    """A new folder of this name, or with a number behind it."""
    above.mkdir(parents=True, exist_ok=True)
    for number in count(1):
        path = above / (name if number == 1 else f"{name}-{number}")
        with suppress(FileExistsError):
            path.mkdir()
            return path
    raise AssertionError("numbers do not end")


def _new_file(folder: Path) -> Path:
    """A new file of events; its name sorts behind those of earlier ones."""
    now = time.time()
    path = folder / f"events.out.tfevents.{int(now):010d}.{socket.gethostname()}.{os.getpid()}.{time.monotonic_ns()}"
    append_whole(path, record(protobuf.event(now, 0, protobuf.file_version())))
    return path


def _beginning(about: About) -> Iterator[bytes]:
    yield protobuf.session_start(plain_settings(about.settings), time.time())
    if about.config:
        yield protobuf.text("configuration", _as_code(about.config))


def _as_code(words: str) -> str:
    """Words that Markdown leaves as they are: each line begins with four blanks."""
    return "".join(f"    {line}\n" for line in words.splitlines())


def _images(ending: Ending) -> Iterator[bytes]:
    """The figures as images, where what draws them is installed."""
    from batchwright.figures import png

    for name, draw in ending.figures.items():
        try:
            drawn = png(draw())
        except UsageError:
            return
        width, height = struct.unpack(">II", drawn[16:24])  # of the first chunk of a PNG file
        yield protobuf.image(f"figures/{name}", drawn, width, height)
