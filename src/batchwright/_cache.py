"""The cache of compiled programs in the user's cache folder: a second run of the same shapes compiles nothing.

A program is executed as it is read. So it is read only where nobody but this user and root can have written it, and
where it is whole and stands under its own name. Whatever is wrong with the cache, it costs only the time to compile
again, and is said once.
"""

import hashlib
import os
import stat
import sys
import warnings
from pathlib import Path

import jax
from jax._src import compilation_cache  # JAX has no public way to be given a cache

from batchwright._files import hidden_path

VARIABLE = "BATCHWRIGHT_CACHE"
"""Names another folder for the cache; "off" disables it."""
ENDING = ".program"
SEAL_BYTES = 32
"""A file begins with the SHA-256 of the program's name and of what follows, which is the program."""
HOW = f"{VARIABLE} names another folder for them, and off keeps none"

_said = set[str]()
"""What this process has said, each word once."""


def use() -> None:
    """Keep compiled programs from now on, unless the user has given JAX a cache of their own.

    Without a folder that only this user can write, each process compiles its programs again.
    """
    chosen = os.environ.get(VARIABLE)
    if chosen == "off" or jax.config.values["jax_compilation_cache_dir"] is not None:
        return
    try:
        folder = _make_folder(Path(chosen) if chosen else _users_folder() / "batchwright" / "programs")
    except (OSError, RuntimeError) as error:  # the latter if there is no home folder
        _say(f"compiled programs are not kept, and each process compiles them again ({error}): {HOW}")
        return
    # What a program cannot be made from costs only the time to compile it again.
    warnings.filterwarnings("ignore", message="Error (writing|reading) persistent compilation cache entry")
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    compilation_cache._cache, compilation_cache._cache_initialized = Programs(folder), True  # type: ignore[assignment]


class Programs:
    """The programs in a folder by their keys, for JAX; several processes may share it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder

    def __repr__(self) -> str:
        """The folder."""
        return f"<Programs in {self._path}>"

    def get(self, key: str) -> bytes | None:
        """The program of a key, as it was put; None if there is none that may be executed."""
        path = self._file(key)
        try:
            with open(os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)), "rb") as file:  # noqa: PTH123
                may_be_used = not _why_not_trusted(os.fstat(file.fileno()))
                content = file.read() if may_be_used else b""
        except FileNotFoundError:
            return None
        except OSError as error:
            _say(f"compiled programs in {self._path} cannot be read, and are compiled again ({error.strerror})")
            return None
        seal, program = content[:SEAL_BYTES], content[SEAL_BYTES:]
        if not may_be_used or seal != _seal(key, program):
            wrong = "damaged" if may_be_used else "not this user's alone"
            _say(f"compiled programs in {self._path} are {wrong}: they are not used, and compiled again")
            return None
        return program

    def put(self, key: str, program: bytes) -> None:
        """Keep a program, in place of whatever has its name: a reader sees all of it, or nothing."""
        path = self._file(key)
        temporary = hidden_path(path)
        try:
            try:
                with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123
                    file.write(_seal(key, program) + program)
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)
        except OSError as error:
            _say(f"compiled programs cannot be kept in {self._path} ({error.strerror}): {HOW}")

    def _file(self, key: str) -> Path:
        return self._path / f"{key}{ENDING}"


def _seal(key: str, program: bytes) -> bytes:
    return hashlib.sha256(f"{key}\n".encode() + program).digest()


def _make_folder(folder: Path) -> Path:
    """The folder, created if missing.

    Raises:
        OSError: it cannot be made, or somebody else can write it.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if why := _why_not_trusted(folder.stat()):
        raise PermissionError(f"{folder} {why}, who could put programs there for this user to execute")
    return folder


def _why_not_trusted(found: os.stat_result) -> str:
    """Who else can have written what is found, as the end of a sentence; empty where only this user and root can."""
    if not hasattr(os, "getuid"):
        return ""
    if found.st_uid not in (0, os.getuid()):
        return "belongs to another user"
    return "can be written by others (until `chmod go-w`)" if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) else ""


def _users_folder() -> Path:
    """The user's cache folder. Raises RuntimeError if there is no home folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _say(word: str) -> None:
    """Say something on standard error, once."""
    if word not in _said:
        _said.add(word)
        sys.stderr.write(f"batchwright: {word}\n")
