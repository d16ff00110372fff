"""A table in several files: a folder of delimited text or JSON, or the files that a pattern names.

Their rows follow each other in the natural order of the names (part2 before part10), and each column is typed by the
cells of all files.
"""

import glob
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate
from pathlib import Path

import numpy as np
import polars as pl

from batchwright.data.formats.delimited import DELIMITED, TextRows, split_text
from batchwright.data.formats.format import FileFormat, Format, Loaded, Size, split_part, with_notes
from batchwright.data.formats.json_lines import JSON_ARRAY, JSON_LINES, Text, read_texts
from batchwright.data.formats.packed import BESIDE_DATA, plain_stem
from batchwright.data.formats.records import count_breaks
from batchwright.data.formats.signs import NUMBER
from batchwright.data.formats.text import TextFormat, read_bytes
from batchwright.data.formats.unpack import OPENERS, unpack
from batchwright.data.typed.cells import NONE_BAD, Files, TableOptions, first_ten
from batchwright.data.typed.schema import Schema
from batchwright.data.typed.table import Table, type_table
from batchwright.errors import DataError, nearest

STORE_ENDING = ".batchwright"
"""The ending of the folders in which converted rows are kept."""

PARTS = {"train": "train", "training": "train", "test": "test", "testing": "test", "valid": "validation"}
PARTS |= dict.fromkeys(("validation", "val", "dev"), "validation")
"""Names of files that hold parts of a data set."""


class SeveralFiles(FileFormat):
    """A folder or a pattern of text files that hold one table."""

    endings = ()

    def __init__(self, find: Callable[[str], Format | None], look: Callable[[Path], Format | None]) -> None:
        """`find` gives the format of an ending, `look` that of a file whose ending says nothing."""
        self._find, self._look = find, look

    def claims(self, path: Path) -> bool:
        """Whether it is a pattern, or a folder that holds tables of text."""
        return is_pattern(path) or (path.is_dir() and bool(self._tables(path)[0]))

    def streams(self, path: Path) -> bool:
        """Whether all files are delimited text."""
        files, _ = self._tables(path)
        return bool(files) and all(self.kind(file) is DELIMITED for file in files)

    def read(
        self, path: Path, options: TableOptions, *, schema: Schema | None, image_size: Size | None, channels: int | None
    ) -> Loaded:
        """The table."""
        files, notes = self.files(path)
        if len(files) == 1 and (single := self._format(files[0])) is not None:
            read = single.read(files[0], options, schema=schema, image_size=image_size, channels=channels)
            return with_notes(read, notes)
        name = path.resolve().name if path.is_dir() else path.name
        contents = [
            (called, unpack(file) if is_packed(file) else read_bytes(file))
            for called, file in zip(names_of(files), files, strict=True)
        ]
        if self.kind(files[0]) is DELIMITED:
            texts = [(file, split_text(data, file, options, schema=schema)) for file, data in contents]
            table = join_texts(texts, [count_breaks(data) + 1 for _, data in contents], name, options, schema)
        else:
            arrays = [self.kind(file) is JSON_ARRAY for file in files]
            marked = [Text(*content, is_array) for content, is_array in zip(contents, arrays, strict=True)]
            table = read_texts(marked, name, options, schema)
        return with_notes(Loaded(table, None, None, short_name(path)), notes)

    def estimated_bytes(self, path: Path, image_size: Size | None) -> int:
        """The sum over the files."""
        known = ((file, self._format(file)) for file in self._tables(path)[0])
        return sum(found.estimated_bytes(file, image_size) for file, found in known if found is not None)

    def files(self, path: Path) -> tuple[list[Path], tuple[str, ...]]:
        """The files of the table in their order, and notes on what is left out.

        Raises:
            DataError: a pattern that matches no file, files of several kinds or of one that cannot be joined, or the
                parts of a data set that is divided already.
        """
        files, others = self._tables(path)
        if not files:
            what = f" (only {first_ten(others)})" if others else ""
            raise DataError(f"no file of rows matches the pattern {path}{what}.")
        if len({self.kind(file) for file in files}) > 1:
            _refuse_kinds(path, files)
        if len(files) > 1 and self.kind(files[0]) not in (DELIMITED, JSON_LINES, JSON_ARRAY):
            raise DataError(
                f"{path} names {len(files):,} files of the kind {_ending(files[0])}, which are not joined to one "
                "table: name one of them."
            )
        _refuse_parts(files)
        note = f"{path.name}: files that hold no table by their names are left out: {first_ten(others)}"
        return files, (note,) if others else ()

    def kind(self, file: Path) -> Format | None:
        """The format of a file, or of what is compressed in it."""
        return self._find(_ending(file)) or self._format(file)

    def _format(self, file: Path) -> Format | None:
        """The format of a file, by its ending or else by its content."""
        return self._find(file.suffix.lower()) or self._look(file)

    def _tables(self, path: Path) -> tuple[list[Path], list[str]]:
        """The files that may hold tables, and the names of the others."""
        found = find_files(path)
        files = [file for file in found if len(found) == 1 or self._may_hold_table(file, self._find(_ending(file)))]
        files = files or [file for file in found if self._may_hold_table(file, self._look(file))]
        folders = [] if is_pattern(path) else [entry.name + "/" for entry in path.iterdir() if _is_plain_folder(entry)]
        if not is_pattern(path) and not any(isinstance(self.kind(file), TextFormat) for file in files):
            return [], []
        return files, [*(file.name for file in found if file not in files), *sorted(folders)]

    def _may_hold_table(self, file: Path, kind: Format | None) -> bool:
        return kind is not None and Path(file.stem).stem.lower() not in BESIDE_DATA


def find_files(path: Path) -> list[Path]:
    """The files in a folder, or those that match a pattern, in natural order.

    Files that are hidden by `.` or `_`, and those of stores, are none of them.
    """
    found = _matching(path) if is_pattern(path) else path.iterdir()
    files = (file for file in found if file.is_file() and file.name[0] not in "._")
    return sorted((file for file in files if not any(_is_store(folder) for folder in file.parents)), key=natural_key)


def _matching(pattern: Path) -> Iterator[Path]:
    return map(Path, glob.glob(str(pattern), recursive=True))  # noqa: PTH207 -- that of Path looks into hidden folders


def is_pattern(path: Path) -> bool:
    """Whether a path is a pattern of names: it holds `*`, `?` or `[`, and no file has it as its name."""
    return glob.has_magic(str(path)) and split_part(path)[1] is None and not path.exists()


def natural_key(path: Path) -> tuple[list[str | int], ...]:
    """A key that sorts paths by their names, and numbers in them by their size.

    >>> sorted([Path("part10"), Path("part2")], key=natural_key)
    [PosixPath('part2'), PosixPath('part10')]
    """
    return tuple(
        [int(piece) if place % 2 else piece for place, piece in enumerate(re.split(r"(\d+)", part, flags=re.ASCII))]
        for part in path.parts
    )


def names_of(files: Sequence[Path]) -> list[str]:
    """What each file is called in messages: its name, or its path where several have one name."""
    names = [file.name for file in files]
    return names if len(set(names)) == len(names) else list(map(str, files))


def is_packed(file: Path) -> bool:
    """Whether a file is compressed, by its ending."""
    return file.suffix.lower() in OPENERS


def join_texts(
    texts: Sequence[tuple[str, TextRows]], lines: Sequence[int], name: str, options: TableOptions, schema: Schema | None
) -> Table:
    """The table in several texts, each given with the name of its file; `lines` are the lines that each has.

    Raises:
        DataError: their columns differ, or as `type_table`.
    """
    first, columns = texts[0][0], texts[0][1].frame.columns
    for file, text in texts[1:]:
        check_columns(first, columns, file, text.frame.columns)
    files = files_of([file for file, _ in texts], lines)
    moved = [(text, before) for (_, text), before in zip(texts, files.before, strict=True)]
    rows = np.concatenate([text.lines + before for text, before in moved])
    return type_table(
        pl.concat([text.frame.select(columns) for text, _ in moved]),
        options,
        schema=schema,
        name=name,
        lines=rows,
        ragged=sum((text.ragged.move(before) for text, before in moved), NONE_BAD),
        torn=np.searchsorted(rows, np.concatenate([text.torn + before for text, before in moved])),
        untyped=True,
        files=files,
        notes=join_notes({file: text.notes for file, text in texts}),
    )


def join_notes(notes: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The notes on several files, each once, with the file or files that it is about unless these are all.

    >>> join_notes({"a": ("x", "y"), "b": ("x",), "c": ("x", "z")})
    ('x', 'a: y', 'c: z')
    """
    files = dict[str, list[str]]()
    for file, found in notes.items():
        for note in found:
            files.setdefault(note, []).append(file)
    return tuple(note if len(about) == len(notes) else f"{first_ten(about)}: {note}" for note, about in files.items())


def files_of(names: Sequence[str], lines: Sequence[int]) -> Files:
    """The files of a table, given how many lines each has."""
    return Files(tuple(names), tuple(accumulate(lines, initial=0))[:-1])


def check_columns(first: str, expected: Sequence[str], file: str, found: Sequence[str]) -> None:
    """Raise a DataError unless two files of a table have columns of the same names."""
    lacking = [name for name in expected if name not in found]
    more = [name for name in found if name not in expected]
    if lacking or more:
        near = nearest(lacking[0], more) if lacking else None
        meant = f" Is it {near!r} there?" if near else ""
        if not set(expected) & set(found) and any(NUMBER.fullmatch(name) for name in found):
            meant = f" The first line of {file} looks like a row: does it lack the header?"
        what = f"{file} lacks the column {lacking[0]!r}, which {first} has" if lacking else ""
        what = what or f"{file} has a column {more[0]!r}, which {first} lacks"
        raise DataError(
            f"{what}.{meant} Give all files the same columns; if they are different tables, name one of them."
        )


def _ending(file: Path) -> str:
    """The ending of a file, without the ending of its compression."""
    return Path(file.stem if is_packed(file) else file.name).suffix.lower()


def _is_plain_folder(entry: Path) -> bool:
    return entry.is_dir() and entry.name[0] not in "._" and not _is_store(entry)


def _is_store(folder: Path) -> bool:
    return folder.suffix.startswith(STORE_ENDING)  # the encoded rows lie beside, in .batchwright-rows


def short_name(path: Path) -> str:
    """A name for runs: of a file or folder, or made from the letters of a pattern, or of the folder that it is in."""
    if path.is_dir():
        return path.resolve().name
    if not is_pattern(path):
        return plain_stem(path)
    plain = [part for part in path.parts if not glob.has_magic(part)]
    letters = re.sub(r"[*?\[\]]", "", path.stem).strip("-_. ")
    return letters or Path(*plain).resolve().name


def _refuse_kinds(path: Path, files: list[Path]) -> None:
    endings = sorted({_ending(file) or "(none)" for file in files})
    folder = path if path.is_dir() else path.parent
    pattern = folder / f"*{_ending(files[0])}"
    raise DataError(
        f"{path} names files of several kinds: {', '.join(endings)}. Name one file, or those of one kind by a pattern, "
        f"as '{pattern}'."
    )


def _refuse_parts(files: list[Path]) -> None:
    """Raise a DataError if files are named as parts of a divided data set, which should not be mixed again."""
    parts = {PARTS[stem]: file for file in files if (stem := _first_stem(file)) in PARTS}
    if "train" in parts and len(parts) > 1:
        other = parts.get("test") or parts["validation"]
        names = ", ".join(file.name for file in files)
        raise DataError(
            f"{names} are parts of a data set that is divided already, by their names: give {parts['train']} alone,",
            f"and the other by `data.test={other}`.",
        )


def _first_stem(file: Path) -> str:
    return file.name.partition(".")[0].lower()
