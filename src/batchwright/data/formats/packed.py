"""Compressed files, and zip archives: what is in them is read as if it lay there unpacked."""

import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from batchwright.data.formats.contents import HEAD_BYTES, ending_of, looks_like_table
from batchwright.data.formats.elsewhere import conversion
from batchwright.data.formats.format import FileFormat, Format, Loaded, Size, split_part, with_notes
from batchwright.data.formats.temporary import temporary_file
from batchwright.data.formats.text import TextFormat
from batchwright.data.formats.unpack import (
    OPENERS,
    Readable,
    explain_damage,
    most_unpacked,
    open_packed,
    read_limited,
    unpacked_bytes,
    write_limited,
)
from batchwright.data.typed.cells import TableOptions, first_ten
from batchwright.data.typed.schema import Schema
from batchwright.errors import DataError, unknown

BESIDE_DATA = ("readme", "license", "licence", "copying", "changelog", "citation", "index")
"""The names, without endings, of files that describe data."""

SHOWN = 5


@dataclass(frozen=True)
class Inner:
    """The file in a packed file.

    Attributes:
        file: its name, without folders.
        called: what it is called in messages.
        packed: the bytes that it takes packed.
        unpacked: finds about how many bytes it has unpacked.
        open: opens it.
        notes: what a user should know, one sentence each.
    """

    file: str
    called: str
    packed: int
    unpacked: Callable[[], int]
    open: Callable[[], AbstractContextManager[Readable]]
    notes: tuple[str, ...] = ()


class Packed(FileFormat):
    """Packed files of one kind; what is in them is found by its ending, or else by its first bytes."""

    def __init__(
        self,
        endings: tuple[str, ...],
        parts: str,
        inner: Callable[[Path], Inner],
        find: Callable[[str], Format | None],
    ) -> None:
        """Packed files with these `endings`; `inner` looks into one, `find` gives the format of an ending."""
        self.endings, self.parts = endings, parts
        self._inner, self._find = inner, find

    def streams(self, path: Path) -> bool:
        """Whether the file in it can be read in pieces, once it is unpacked on the disk."""
        try:
            inner = self._inner(path)
            return self._format(inner).streams(Path(inner.file))
        except (DataError, OSError):  # reading it will report this
            return False

    def read(
        self, path: Path, options: TableOptions, *, schema: Schema | None, image_size: Size | None, channels: int | None
    ) -> Loaded:
        """The rows of the file in it: text is unpacked in memory, other files in a temporary folder."""
        inner = self._inner(path)
        found = self._format(inner)
        if isinstance(found, TextFormat):
            with inner.open() as file:
                data = read_limited(file, inner.packed, inner.called)
            table = found.table(data, inner.called, options, schema=schema)
            return with_notes(Loaded(table, None, None, plain_stem(path)), inner.notes)
        with temporary_file(inner.file) as unpacked:
            self._write(inner, unpacked)
            loaded = found.read(unpacked, options, schema=schema, image_size=image_size, channels=channels)
            return with_notes(replace(loaded, name=plain_stem(path)), inner.notes)

    def unpack_into(self, folder: Path, path: Path) -> tuple[Path, tuple[str, ...]]:
        """The file in `path`, unpacked in `folder` unless that is done, with the ending of its kind; and notes."""
        inner = self._inner(path)
        ending = self._format(inner).endings[0]
        name = inner.file if Path(inner.file).suffix.lower() in self._format(inner).endings else inner.file + ending
        if not (folder / name).is_file():
            self._write(inner, folder / name)
        return folder / name, inner.notes

    def estimated_bytes(self, path: Path, image_size: Size | None) -> int:
        """A multiple of about the unpacked size."""
        try:
            inner = self._inner(path)
            found = self._format(inner)
        except (DataError, OSError):  # reading it will report this
            return super().estimated_bytes(path, image_size)
        return inner.unpacked() * (found.peak_factor if isinstance(found, TextFormat) else 2)

    def _write(self, inner: Inner, target: Path) -> None:
        with inner.open() as file:
            write_limited(file, inner.packed, inner.called, target)

    def _format(self, inner: Inner) -> Format:
        """The format of the file in a packed file, by its ending, or else by its first bytes.

        Raises:
            DataError: it is of no kind that is read.
        """
        found = self._find(Path(inner.file).suffix.lower())
        if found is not None:
            return found
        if (advice := conversion(Path(inner.file))) is not None:
            raise DataError(f"{inner.called}: {advice}")
        with inner.open() as file:
            head = file.read(HEAD_BYTES)
        ending = ending_of(head)
        if ending is not None and (ending != ".csv" or looks_like_table(head)):
            found = self._find(ending)
        if found is None:
            raise DataError(
                f"{inner.called}: neither the name {inner.file!r} nor its content says what it is. Unpack it, and name "
                "it after its kind, such as .csv."
            )
        return found


def plain_stem(path: Path) -> str:
    """The name of a file, or of the part of it that is named, without its endings.

    >>> plain_stem(Path("data/t.csv.gz"))
    't'
    """
    file, part = split_part(path)
    name = Path(part or file.name)
    while name.suffix.lower() in (*OPENERS, ".zip"):
        name = name.with_suffix("")
    return name.stem


def compressed(find: Callable[[str], Format | None]) -> Packed:
    """Files that are compressed one by one, such as `t.csv.gz`."""
    return Packed(tuple(OPENERS), "", _compressed_file, find)


def zipped(find: Callable[[str], Format | None]) -> Packed:
    """Zip archives with one file of rows, or of which one is named, as `t.zip#member.csv`."""

    def is_data(name: str) -> bool:
        path = PurePosixPath(name)
        return find(path.suffix.lower()) is not None and path.stem.lower() not in BESIDE_DATA

    return Packed((".zip",), "members", lambda path: _zip_member(path, is_data), find)


def _compressed_file(path: Path) -> Inner:
    if (advice := conversion(path)) is not None:
        raise DataError(advice)
    size = path.stat().st_size
    file = path.stem if path.suffix.lower() in OPENERS else path.name
    return Inner(file, path.name, size, lambda: unpacked_bytes(path), lambda: open_packed(path))


def _zip_member(path: Path, is_data: Callable[[str], bool]) -> Inner:
    """The member that is named after `#`, or the only one that holds data.

    Raises:
        DataError: the archive is damaged or has no such member, holds several files, or is encrypted.
    """
    archive, part = split_part(path)
    with explain_damage(archive.name), _open_zip(archive) as opened:
        members = {info.filename: info for info in opened.infolist() if not _is_hidden(info)}
    name = part if part is not None else _only_member(archive.name, list(members), is_data)
    if name not in members:
        raise DataError(f"{archive.name}: {unknown('member', name, members)}")
    member = members[name]
    if member.flag_bits & 1:
        raise DataError(
            f"{archive.name}: {name} is encrypted: unpack it with its password, and give the unpacked file."
        )
    others = [other for other in members if other != name] if part is None else []
    note = f"{archive.name}: {name} is read; other files in it are left out: {first_ten(others)}"

    @contextmanager
    def open_member() -> Iterator[Readable]:
        with explain_damage(archive.name), _open_zip(archive) as opened, opened.open(member) as file:
            yield file

    called = f"{archive.name}#{name}" if len(members) > 1 else archive.name
    packed = min(member.compress_size, archive.stat().st_size)
    unpacked = min(member.file_size, most_unpacked(packed))
    return Inner(PurePosixPath(name).name, called, packed, lambda: unpacked, open_member, (note,) if others else ())


def _open_zip(archive: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(archive)
    except zipfile.BadZipFile as error:
        raise DataError(
            f"{archive.name} cannot be unpacked, it is damaged or no zip archive: fetch it again."
        ) from error


def _is_hidden(info: zipfile.ZipInfo) -> bool:
    """Whether a member is a folder, a file that systems put beside those of people, or a damaged one without a name."""
    path = PurePosixPath(info.filename)
    return not info.filename or info.is_dir() or "__MACOSX" in path.parts or path.name.startswith(".")


def _only_member(archive: str, names: list[str], is_data: Callable[[str], bool]) -> str:
    """The only member, or the only one that holds data by its name.

    Raises:
        DataError: there are none or several.
    """
    data = names if len(names) == 1 else list(filter(is_data, names))
    if len(data) == 1:
        return data[0]
    listed = ", ".join((data or names)[:SHOWN]) + (", ..." if len(data or names) > SHOWN else "")
    if not data:
        held = f"holds {len(names):,} files, none of them a table by its name: {listed}" if names else "holds no files"
        raise DataError(f"{archive} {held}. Unpack it, and give the file or folder of the rows.")
    raise DataError(
        f"{archive} holds {len(data):,} files: {listed}. Name one, as {archive}#{data[0]}, or unpack it and give the "
        "folder."
    )
