"""Files and folders appear whole or not at all, and a refusal says why."""

import errno
import hashlib
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from batchwright import _files
from batchwright.errors import BatchwrightError, UsageError


def failing(number: int) -> Any:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("content", [b"", b"\r\n\x00\xff", bytes(3_000_000)])
def test_bytes_and_their_sha256(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    _files.write_file(path, content)
    assert path.read_bytes() == content
    assert _files.sha256(path) == hashlib.sha256(content).hexdigest()


def test_text_is_utf_8_and_readable_by_whom_the_umask_lets(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        _files.write_file(tmp_path / "text", "σ²\n")
    finally:
        os.umask(before)
    assert (tmp_path / "text").read_bytes() == "σ²\n".encode()
    assert stat.S_IMODE((tmp_path / "text").stat().st_mode) == 0o644
    assert [path.name for path in tmp_path.iterdir()] == ["text"]


def test_overwrites_only_when_told(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    _files.write_file(path, "old")
    with pytest.raises(UsageError, match=r"model\.json exists already"):
        _files.write_file(path, "new")
    assert path.read_text() == "old"
    _files.write_file(path, "new", overwrite=True)
    assert path.read_text() == "new"
    assert [each.name for each in tmp_path.iterdir()] == ["model.json"]


def test_a_name_taken_meanwhile_is_not_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report"
    monkeypatch.setattr(_files, "refuse_existing", lambda _: path.write_text("theirs"))
    with pytest.raises(UsageError, match="exists already"):
        _files.write_file(path, "ours")
    assert path.read_text() == "theirs"


def test_a_file_system_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", failing(errno.EOPNOTSUPP))
    _files.write_file(tmp_path / "file", b"content")
    assert (tmp_path / "file").read_bytes() == b"content"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, overwrite: bool
) -> None:
    path = tmp_path / "model.json"
    if overwrite:
        path.write_text("old")
    monkeypatch.setattr(os, "fsync", failing(number))
    with pytest.raises(BatchwrightError, match=r"could not write .*model\.json: the disk.* full\. Free some") as raised:
        _files.write_file(path, "new", overwrite=overwrite)
    assert raised.value.exit_code == 2
    assert [each.read_text() for each in tmp_path.iterdir()] == ["old"] * overwrite


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_a_device_that_is_really_full() -> None:
    device = Path("/dev/full")
    with pytest.raises(UsageError, match="is full"), _files.explain_write_errors(device):
        device.write_bytes(b"x")


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"the folder .*absent does not exist"):
        _files.write_file(tmp_path / "absent" / "out.csv", "")


@pytest.mark.parametrize(
    ("number", "message"), [(errno.EACCES, "you may not write"), (errno.EROFS, "you may not"), (errno.EIO, "error")]
)
def test_other_refusals(tmp_path: Path, number: int, message: str) -> None:
    with pytest.raises(UsageError, match=message), _files.explain_write_errors(tmp_path):
        failing(number)()


def test_a_folder_takes_its_name_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "digits-1"
    with _files.new_folder(path) as folder:
        (folder / "model").mkdir()
        (folder / "model" / "weights").write_bytes(b"weights")
        assert folder.parent == path.parent
        assert not path.exists()
    assert (path / "model" / "weights").read_bytes() == b"weights"
    assert [each.name for each in path.parent.iterdir()] == ["digits-1"]


def test_every_file_of_a_folder_is_flushed_before_the_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[str] = []
    monkeypatch.setattr(_files, "_flush", lambda path: flushed.append(path.resolve().name))
    with _files.new_folder(tmp_path / "run") as folder:
        (folder / "model").mkdir()
        (folder / "model" / "weights").write_bytes(b"weights")
    assert flushed == [folder.name, "weights", "model", tmp_path.name]


@pytest.mark.parametrize("error", [KeyboardInterrupt, FileNotFoundError])
def test_a_folder_that_failed_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    def fill_half() -> None:
        with _files.new_folder(tmp_path / "run") as folder:
            (folder / "half").write_bytes(b"half")
            raise error

    with pytest.raises(error):
        fill_half()
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full_while_a_folder_is_filled(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"run: the disk.* is full"), _files.new_folder(tmp_path / "run"):
        failing(errno.ENOSPC)()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "run"
    path.mkdir()
    with pytest.raises(UsageError, match="exists already"), _files.new_folder(path):
        pytest.fail("the block was entered")
    (tmp_path / "dangling").symlink_to("nowhere")
    with pytest.raises(UsageError, match="exists already"), _files.new_folder(tmp_path / "dangling"):
        pytest.fail("the block was entered")


def test_a_folder_whose_name_is_taken_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "run"
    with pytest.raises(UsageError, match="exists already"), _files.new_folder(path):
        path.mkdir()
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_written_is_refused_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _files.require_writable(tmp_path / "new")
    _files.require_writable_folder(tmp_path / "a" / "b")
    (tmp_path / "file").write_text("stays")
    _files.require_writable(tmp_path / "file")
    with pytest.raises(UsageError, match=r"the folder .*none does not exist"):
        _files.require_writable(tmp_path / "none" / "new")
    with pytest.raises(UsageError, match=r"file is not a folder"):
        _files.require_writable_folder(tmp_path / "file" / "new")
    monkeypatch.setattr(Path, "touch", failing(errno.EACCES))
    for refuse in (_files.require_writable, _files.require_writable_folder):
        with pytest.raises(UsageError, match="you may not write there"):
            refuse(tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["file"] and (tmp_path / "file").read_text() == "stays"
