"""This version and the last release, each as a wheel in an environment of its own, with the same libraries for both."""

import re
import subprocess
import sys
import sysconfig
import tarfile
import venv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
_TAG, _RELEASED = re.compile(r"v(\d+)\.(\d+)\.(\d+)"), re.compile(r"^## \[(\d+\.\d+\.\d+)\] - ", re.MULTILINE)


class NoReleaseError(Exception):
    """There is nothing to compare with; the message says what to do."""


class Wheel(NamedTuple):
    """A version: what it is called in print, and its wheel."""

    name: str
    path: Path


def newest_tag(tags: Iterable[str]) -> str | None:
    """The tag of the highest version; what is no version does not count, nor is one before a release.

    >>> newest_tag(["v0.9.0", "v0.10.0", "v1.0.0rc1", "nightly"])
    'v0.10.0'
    """
    found = [(tuple(map(int, match.groups())), tag) for tag in tags if (match := _TAG.fullmatch(tag))]
    return max(found)[1] if found else None


def last_released(changelog: str) -> str | None:
    """The newest version of a changelog that has a date.

    >>> last_released("## [Unreleased]: 0.3.0\\n\\n## [0.2.0] - 2026-01-01\\n\\n## [0.1.0] - 2025-01-01")
    '0.2.0'
    """
    found = _RELEASED.search(changelog)
    return found[1] if found else None


def find_release(against: str | None, folder: Path) -> Wheel:
    """The wheel to compare with: of a named commit, or of the last release, from the index or built from its tag.

    Raises:
        NoReleaseError: there is no release, or no such commit.
    """
    folder.mkdir(parents=True)
    if against is not None:
        return Wheel(against, _built_from(against, folder))
    tag = newest_tag(_asked(["git", "tag", "--list"]).splitlines())
    version = tag.removeprefix("v") if tag else last_released((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    if version and (wheel := _from_index(version, folder)):
        return Wheel(version, wheel)
    if tag:
        return Wheel(tag, _built_from(tag, folder))
    raise NoReleaseError(
        "there is no release to compare with: no tag such as v0.1.0, and no released version in CHANGELOG.md that the "
        "index has. Name a commit: `make bench-quick AGAINST=main~50`, or `--against main~50`."
    )


def build_wheel(source: Path, folder: Path) -> Path:
    """The wheel of a folder with sources."""
    _asked([sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)], source)
    return next(folder.glob("*.whl"))


def make_environment(wheel: Path, folder: Path) -> Path:
    """The Python of a new environment: the wheel, and all other packages of the environment that this one runs in.

    What the wheel needs and is not there, or not in a version that it takes, is installed in the new environment.
    """
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin/python"
    packages = Path(_asked([str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]).strip())
    (packages / "shared.pth").write_text(f"{sysconfig.get_path('purelib')}\n", encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    _asked([*pip, "install", "--no-deps", "--target", str(packages), str(wheel)])
    _asked([*pip, "--python", str(python), "install", str(wheel)])
    return python


def _built_from(revision: str, folder: Path) -> Path:
    """The wheel of a commit or tag."""
    known = subprocess.run(
        ["git", "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}"], cwd=ROOT, capture_output=True
    )
    if known.returncode:
        raise NoReleaseError(
            f"{revision!r} is no commit, tag or branch of this repository: give one that `git log` shows."
        )
    archive, source = folder / "source.tar", folder / "source"
    _asked(["git", "archive", "--output", str(archive), revision])
    with tarfile.open(archive) as packed:
        packed.extractall(source, filter="data")
    return build_wheel(source, folder / "dist")


def _from_index(version: str, folder: Path) -> Path | None:
    """The wheel of a version, if the index has it."""
    words = [
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary",
        ":all:",
        "--dest",
        str(folder),
        f"batchwright=={version}",
    ]
    done = subprocess.run([sys.executable, "-m", "pip", *words], capture_output=True)
    return next(folder.glob("*.whl"), None) if done.returncode == 0 else None


def _asked(words: Sequence[str], folder: Path = ROOT) -> str:
    """What a command prints.

    Raises:
        NoReleaseError: it fails; the message is the end of what it said.
    """
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise NoReleaseError(f"{' '.join(words)} has failed:\n{(done.stdout + done.stderr)[-2000:]}")
    return done.stdout
