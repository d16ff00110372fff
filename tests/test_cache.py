"""Compiled programs kept between processes: whole or not at all, executed only if nobody else can have made them."""

import errno
import os
import resource
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental.compilation_cache import compilation_cache

from batchwright import _cache

KEY, PROGRAM = "jit_f-0123", bytes(range(256)) * 40
DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "truncated": lambda content: content[:-1],
    "longer": lambda content: content + b"\0",
    "a bit": lambda content: content[:100] + bytes([content[100] ^ 1]) + content[101:],
    "garbage": lambda content: os.urandom(len(content)),
}


@pytest.fixture(autouse=True)
def silent() -> Iterator[None]:
    """Nothing has been said yet."""
    _cache._said.clear()
    yield
    _cache._said.clear()


@pytest.fixture
def programs(tmp_path: Path) -> _cache.Programs:
    kept = _cache.Programs(tmp_path)
    kept.put(KEY, PROGRAM)
    return kept


@pytest.fixture
def without_cache(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """JAX as it is before anything gives it a cache."""
    names = ("cache_dir", "min_compile_time_secs", "min_entry_size_bytes")
    before = {name: jax.config.values[name] for name in jax.config.values if name.endswith(names)}
    jax.config.update("jax_compilation_cache_dir", None)
    compilation_cache.reset_cache()
    yield
    for name, value in before.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()


def the_file(folder: Path) -> Path:
    (path,) = folder.glob(f"*{_cache.ENDING}")
    return path


def give_away(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a file or folder be another user's; root, whom everybody trusts, has to give it away."""
    if os.getuid() == 0:
        os.chown(path, 4242, -1)
    else:
        other = os.getuid() + 1
        monkeypatch.setattr(os, "getuid", lambda: other)


def test_what_was_put_is_there(programs: _cache.Programs, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert programs.get(KEY) == PROGRAM
    assert programs.get("jit_g-0123") is None
    assert the_file(tmp_path).stat().st_mode & 0o077 == 0
    assert [path.name for path in tmp_path.iterdir()] == [f"{KEY}{_cache.ENDING}"]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_program_is_not_executed_but_made_again(
    programs: _cache.Programs, tmp_path: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = the_file(tmp_path)
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    assert programs.get(KEY) is None
    assert programs.get(KEY) is None
    assert capsys.readouterr().err.count("are damaged") == 1
    programs.put(KEY, PROGRAM)
    assert programs.get(KEY) == PROGRAM


def test_a_program_under_another_name_is_not_executed(programs: _cache.Programs, tmp_path: Path) -> None:
    the_file(tmp_path).rename(tmp_path / f"jit_g-0123{_cache.ENDING}")
    assert programs.get("jit_g-0123") is None


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_a_program_that_others_can_write_is_not_executed(
    programs: _cache.Programs, tmp_path: Path, mode: int, capsys: pytest.CaptureFixture[str]
) -> None:
    the_file(tmp_path).chmod(mode)
    assert programs.get(KEY) is None
    assert "not this user's alone" in capsys.readouterr().err


def test_a_program_of_another_user_is_not_executed(
    programs: _cache.Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_away(the_file(tmp_path), monkeypatch)
    assert programs.get(KEY) is None


def test_a_link_is_not_followed(programs: _cache.Programs, tmp_path: Path) -> None:
    path = the_file(tmp_path)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert programs.get(KEY) is None


def test_a_full_disk_is_said_once_and_leaves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A limit to the size of files stands for the disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, before[1]))
    try:
        for _ in range(2):
            _cache.Programs(tmp_path).put(KEY, PROGRAM)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert capsys.readouterr().err.count(os.strerror(errno.EFBIG)) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_can_only_be_read_is_read(
    programs: _cache.Programs, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened = os.open

    def read_only(path: object, flags: int, *mode: int) -> int:
        if flags & os.O_CREAT:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return opened(path, flags, *mode)

    monkeypatch.setattr(os, "open", read_only)
    for key in ("jit_g-0123", "jit_h-0123"):
        programs.put(key, PROGRAM)
        assert programs.get(key) is None
    assert programs.get(KEY) == PROGRAM
    assert capsys.readouterr().err.count(os.strerror(errno.EROFS)) == 1


def test_many_at_once_see_whole_programs_only(tmp_path: Path) -> None:
    sizes = [1 << (8 + number) for number in range(8)]

    def write_and_read(number: int) -> set[int]:
        mine = _cache.Programs(tmp_path)
        seen = set[int]()
        for _ in range(40):
            mine.put(KEY, bytes([number]) * sizes[number])
            found = mine.get(KEY)
            assert found is not None
            assert found == bytes([found[0]]) * sizes[found[0]]
            seen.add(found[0])
        return seen

    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(write_and_read, range(8)))
    assert len(set[int]().union(*seen)) > 1, "they have to meet"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.usefixtures("without_cache")
def test_jax_uses_the_folder_and_goes_on_where_it_is_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(_cache.VARIABLE, str(tmp_path / "new" / "programs"))
    _cache.use()
    got = list[bool]()
    get = _cache.Programs.get

    def counted(self: _cache.Programs, key: str) -> bytes | None:
        found = get(self, key)
        got.append(found is not None)
        return found

    monkeypatch.setattr(_cache.Programs, "get", counted)
    x = np.arange(3, dtype=np.float32)

    def compile_anew() -> None:
        made = jax.jit(lambda y: jnp.tanh(y) * 0.123)(x)
        np.testing.assert_allclose(made, np.tanh(x) * 0.123, rtol=1e-6)

    compile_anew()
    assert got == [False]
    compile_anew()
    assert got == [False, True]
    path = the_file(tmp_path / "new" / "programs")
    path.write_bytes(path.read_bytes()[:-10])
    compile_anew()
    compile_anew()
    assert got == [False, True, False, True]
    assert capsys.readouterr().err.count("are damaged") == 1


@pytest.mark.usefixtures("without_cache")
def test_a_folder_that_others_can_write_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tmp_path.chmod(0o777)
    monkeypatch.setenv(_cache.VARIABLE, str(tmp_path))
    for _ in range(2):
        _cache.use()
    assert jax.config.values["jax_compilation_cache_dir"] is None
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert str(tmp_path) in said
    assert _cache.VARIABLE in said


@pytest.mark.usefixtures("without_cache")
@pytest.mark.parametrize("why", ["of another user", "below a file", "no home"])
def test_without_a_folder_of_ones_own_programs_are_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A user of a container has a number and no entry that says where the home folder is."""

    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    (tmp_path / "file").touch()
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    if why == "of another user":
        give_away(tmp_path, monkeypatch)
    folder = {"of another user": str(tmp_path), "below a file": str(tmp_path / "file" / "programs"), "no home": ""}[why]
    monkeypatch.setenv(_cache.VARIABLE, folder)
    _cache.use()
    assert jax.config.values["jax_compilation_cache_dir"] is None
    assert capsys.readouterr().err.count("compiled programs are not kept") == 1


@pytest.mark.usefixtures("without_cache")
def test_a_folder_that_is_named_needs_no_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv(_cache.VARIABLE, str(tmp_path / "programs"))
    _cache.use()
    assert jax.config.values["jax_compilation_cache_dir"] == str(tmp_path / "programs")
    assert (tmp_path / "programs").stat().st_mode & 0o077 == 0


@pytest.mark.usefixtures("without_cache")
def test_it_can_be_turned_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(_cache.VARIABLE, "off")
    _cache.use()
    assert jax.config.values["jax_compilation_cache_dir"] is None
