"""Write files and folders so that they appear whole or not at all, and explain why one could not be written."""

import contextlib
import errno
import hashlib
import os
import secrets
import shutil
import time
import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path

from batchwright.errors import UsageError

FULL = (errno.ENOSPC, errno.EDQUOT)
PART = ".part"
"""The ending of the hidden names of unfinished files."""


def sha256(path: Path | str) -> str:
    """The SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_file(path: Path | str, content: bytes | str, *, overwrite: bool = False) -> None:
    """Write a file in one piece: a reader of `path` sees the old content or all of the new, even after a crash.

    Text is written as UTF-8. The bytes go to a temporary file in the same folder, which is flushed and then renamed.

    Raises:
        UsageError: `path` exists and must not be overwritten, its folder does not exist, the disk is full, or the
            system does not allow it. Nothing is left behind.
    """
    path = Path(path)
    with explain_write_errors(path):
        if not overwrite:
            refuse_existing(path)
        temporary = hidden_path(path)
        try:
            with temporary.open("xb") as file:
                file.write(content.encode() if isinstance(content, str) else content)
                file.flush()
                os.fsync(file.fileno())
            _put_in_place(temporary, path, overwrite=overwrite)
        finally:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def new_file(path: Path | str) -> Iterator[Path]:
    """A file to write bit by bit, which gets the name `path` once everything is written.

    Yields:
        A hidden name beside `path`. At the end of the block the file is flushed to disk and renamed; if the block
        raises, it is removed.

    Raises:
        UsageError: as for `write_file`; a file is never overwritten.
    """
    path = Path(path)
    temporary = hidden_path(path)
    with explain_write_errors(path):
        refuse_existing(path)
        temporary.touch(exist_ok=False)
    try:
        with explain_write_errors(path, only=FULL):
            yield temporary
        with explain_write_errors(path):
            _flush(temporary)
            _put_in_place(temporary, path, overwrite=False)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def new_folder(path: Path | str) -> Iterator[Path]:
    """A folder to fill, which gets the name `path` once everything is written; missing parents are created.

    Yields:
        An empty folder beside `path`. At the end of the block, its files are flushed to disk and it is renamed; if the
        block raises, it is removed.

    Raises:
        UsageError: as for `write_file`; a folder is never overwritten. Among errors in the block, only a full disk is
            turned into a UsageError.
    """
    path = Path(path)
    temporary = hidden_path(path)
    with explain_write_errors(path):
        refuse_existing(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.mkdir()
    try:
        with explain_write_errors(path, only=FULL):
            yield temporary
        with explain_write_errors(path):
            for folder, _, names in os.walk(temporary):
                for name in (*names, "."):
                    _flush(Path(folder) / name)
            refuse_existing(path)  # on POSIX, a rename would silently replace an empty folder
            temporary.rename(path)
            _flush(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_folder(path: Path | str, contents: Mapping[str, bytes]) -> None:
    """Write a folder of files by name, which appears whole or not at all.

    Raises:
        UsageError: as for `new_folder`, and if the system refuses to write a file, for whatever reason.
    """
    with new_folder(path) as folder, explain_write_errors(path):
        for name, content in contents.items():
            (folder / name).write_bytes(content)


class Lock:
    """A lock that one process at a time can hold. The system releases it when that process ends, however it ends."""

    def __init__(self, path: Path, why: str) -> None:
        """Take the lock of the file `path`, which is created if missing.

        Raises:
            UsageError: another process, which is named, holds it; the message begins with `why`.
        """
        with explain_write_errors(path):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        self._close = weakref.finalize(self, os.close, descriptor)
        try:
            try:
                _lock(descriptor)
            except OSError:
                time.sleep(LOOK)  # `is_locked` of another process may have held it for a moment
                _lock(descriptor)
        except OSError:
            holder = os.read(descriptor, 20).decode(errors="replace").strip()
            self._close()
            raise UsageError(f"{why}{f' (process {holder})' if holder.isdigit() else ''}.") from None
        try:
            with explain_write_errors(path):
                os.ftruncate(descriptor, 0)
                os.write(descriptor, f"{os.getpid()}\n".encode())
        except UsageError:
            path.unlink(missing_ok=True)  # it is this process's own, and says nothing
            self._close()
            raise

    def release(self) -> None:
        """Release the lock; its file stays."""
        self._close()


LOOK = 0.05
"""The longest that a process holds a lock when it only checks whether a file is locked, in seconds."""


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock of the file `path`; on a system without locks, it counts as held."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        with path.open("rb") as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def _lock(descriptor: int) -> None:
    """Raise an OSError if another process has locked the file; on a system without locks, never."""
    try:
        import fcntl
    except ImportError:
        return
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def refuse_existing(path: Path | str) -> None:
    """Raise a UsageError if something already has the name `path`, even a dangling link."""
    if os.path.lexists(path):
        raise UsageError(f"{path} exists already and is not overwritten: give another name, or remove it first.")


def require_writable(path: Path | str) -> None:
    """Raise a UsageError if no file `path` could be made in its folder; nothing is left there."""
    path = Path(path)
    with explain_write_errors(path):
        probe = hidden_path(path)
        probe.touch(exist_ok=False)
        probe.unlink()


def require_writable_folder(path: Path) -> None:
    """Raise a UsageError if no file could be made in the folder `path`, or in the one in which it would be made."""
    there = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    if not there.is_dir():
        raise UsageError(f"could not write {path}: {there} is not a folder. Choose another.")
    with explain_write_errors(path):
        probe = hidden_path(there / "probe")
        probe.touch(exist_ok=False)
        probe.unlink()


@contextlib.contextmanager
def explain_write_errors(path: Path | str, *, only: tuple[int, ...] = ()) -> Iterator[None]:
    """Turn a system error in writing `path` (of the kinds `only`, if given) into a UsageError with a remedy."""
    try:
        yield
    except OSError as error:
        if only and error.errno not in only:
            raise
        raise UsageError(f"could not write {path}: {_remedy(error, Path(path))}") from error


def _remedy(error: OSError, path: Path) -> str:
    if error.errno in FULL:
        return "the disk, or your share of it, is full. Free some space there, or choose a folder on another disk."
    if error.errno == errno.ENOENT:
        return f"the folder {path.parent} does not exist. Make it first, or choose another."
    if error.errno == errno.EEXIST:
        return "it exists already and is not overwritten. Give another name."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "you may not write there. Choose a folder of your own, or change its permissions."
    return f"{error.strerror or error}."


def hidden_path(path: Path) -> Path:
    """A new hidden name in the same folder, so that renaming stays within one file system."""
    return path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}{PART}")


def remove_parts(folder: Path) -> None:
    """Remove what a killed process has left half written, or half removed, in a folder."""
    for path in folder.glob(f".*{PART}"):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _put_in_place(temporary: Path, path: Path, *, overwrite: bool) -> None:
    if overwrite:
        temporary.replace(path)
    else:
        try:
            os.link(temporary, path)  # unlike a rename, fails if the name has been taken since
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links
            refuse_existing(path)
            temporary.replace(path)
    _flush(path.parent)


def _flush(path: Path) -> None:
    """Make the system write a file, or the names in a folder, to disk."""
    if path.is_dir() and os.name != "posix":
        return  # elsewhere a folder cannot be opened
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def path_of(given: object, name: str) -> Path:
    """The argument called `name` as a path.

    Raises:
        UsageError: it is not a path.
    """
    plain = os.fspath(given) if isinstance(given, str | os.PathLike) else None
    if not isinstance(plain, str) or "\0" in plain:
        raise UsageError(f"{name} takes the path of a folder, as 'runs/digits-1', but is {given!r:.60}.")
    return Path(plain)
