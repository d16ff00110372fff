"""Build wheel and sdist, and try each in clean environments: `make wheels`.

Every Python from 3.11 to 3.14 that this machine has gets an environment of its own, with nothing but the wheel and what
it depends on; then the wheel is installed as a tool by uv and pipx, and the sdist by pip. The recipe for conda is
read by rattler-build; to build it would take the channels of conda. What is not there is named.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
EXTRAS = "png,spreadsheets,zstd"
TRIED = (
    ("--version",),
    ("train", "iris", "--epochs", "2", "--run-dir", "run"),
    ("predict", "run", "iris", "--output", "answers.csv"),
    ("report", "run", "--html"),
    ("plot", "run", "curves", "--output", "curves.png"),
)
"""What each environment has to be able to do, in an empty folder."""


class Failed(Exception):  # noqa: N818
    """A command has failed; the message is the command and the end of what it said."""


def call(words: Sequence[object], folder: Path, more: Mapping[str, str] | None = None) -> str:
    """What a command says; it sees no variable that could lead it out of its environment."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    asked = subprocess.run(
        list(map(str, words)), cwd=folder, env=kept | dict(more or {}), capture_output=True, text=True, check=False
    )
    if asked.returncode:
        raise Failed(f"{' '.join(map(str, words))}\n{asked.stdout[-1000:]}{asked.stderr[-2000:]}")
    return asked.stdout


def try_program(program: Path, folder: Path) -> None:
    """Do with an installed program what a user does."""
    folder.mkdir()
    for words in TRIED:
        call([program, *words], folder, {"BATCHWRIGHT_CACHE": "off"})
    missing = [path for path in ("answers.csv", "curves.png", "run/report.html") if not (folder / path).is_file()]
    if missing:
        raise Failed(f"{program} has not made {', '.join(missing)}")


def environment(python: str, package: str, folder: Path) -> Path:
    """The program in a new environment with a package."""
    call([python, "-m", "venv", folder], folder.parent)
    call([folder / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", package], folder)
    if not (folder / "share/man/man1/batchwright.1").is_file():
        raise Failed(f"{folder} has no man page")
    return folder / "bin/batchwright"


def with_uv(wheel: Path, folder: Path, python: str) -> Path:
    """The program as uv installs it."""
    places = {
        "UV_TOOL_DIR": str(folder / "tools"),
        "UV_TOOL_BIN_DIR": str(folder / "bin"),
        "UV_PYTHON_DOWNLOADS": "never",
    }
    call(["uv", "tool", "install", "--quiet", "--python", python, f"{wheel}[{EXTRAS}]"], folder, places)
    return folder / "bin/batchwright"


def with_pipx(wheel: Path, folder: Path, python: str) -> Path:
    """The program as pipx installs it."""
    places = {
        "PIPX_HOME": str(folder / "home"),
        "PIPX_BIN_DIR": str(folder / "bin"),
        "PIPX_MAN_DIR": str(folder / "man"),
    }
    call(["pipx", "install", "--python", python, f"{wheel}[{EXTRAS}]"], folder, places)
    if not (folder / "man/man1/batchwright.1").exists():
        raise Failed("pipx has not exposed the man page")
    return folder / "bin/batchwright"


def interpreter(version: str) -> str | None:
    """The Python of a version that starts: on the path, or among those that pyenv has."""
    own = sorted(map(str, Path.home().glob(f".pyenv/versions/{version}*/bin/python{version}")))
    found = [path for path in (shutil.which(f"python{version}"), *own) if path]
    words = ["-c", "import ensurepip, venv"]
    works = (path for path in found if not subprocess.run([path, *words], capture_output=True, check=False).returncode)
    return next(works, None)


def tried(name: str, make: Callable[[], Path], folder: Path) -> bool:
    """Whether a way to install works; how it went is printed."""
    try:
        try_program(make(), folder)
    except Failed as error:
        print(f"{name}: FAILED: {error}", flush=True)
        return False
    print(f"{name}: works", flush=True)
    return True


def reads_recipe() -> bool:
    """Whether rattler-build can read the recipe for conda, as far as it is here."""
    try:
        from rattler_build import RattlerBuildError, Stage0Recipe
    except ImportError:
        print("rattler-build: not on this machine", flush=True)
        return True
    try:
        Stage0Recipe.from_file(str(ROOT / "recipe/recipe.yaml")).render()
    except RattlerBuildError as error:
        print(f"rattler-build: FAILED: {error}", flush=True)
        return False
    print("rattler-build: reads the recipe", flush=True)
    return True


def main() -> int:
    """Try all; the exit code says whether what could be tried works."""
    good = reads_recipe()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        call([sys.executable, "-m", "build", "--outdir", folder / "dist", ROOT], folder)
        wheel, sdist = next(folder.glob("dist/*.whl")), next(folder.glob("dist/*.tar.gz"))
        print(f"{wheel.name} {wheel.stat().st_size:,} bytes, {sdist.name} {sdist.stat().st_size:,} bytes", flush=True)
        found = {version: python for version in PYTHONS if (python := interpreter(version))}
        for version in PYTHONS:
            if version not in found:
                print(f"Python {version}: not on this machine", flush=True)
                continue
            place, package = folder / version, f"{wheel}[{EXTRAS}]"
            make = lambda place=place, python=found[version], package=package: environment(python, package, place)  # noqa: E731
            good &= tried(f"Python {version}", make, folder / f"of-{version}")
        newest = list(found.values())[-1]
        good &= tried("sdist", lambda: environment(newest, f"{sdist}[{EXTRAS}]", folder / "sdist"), folder / "of-sdist")
        for name, way in (("uv", with_uv), ("pipx", with_pipx)):
            if not shutil.which(name):
                print(f"{name}: not on this machine", flush=True)
                continue
            (folder / name).mkdir()
            good &= tried(name, lambda way=way, name=name: way(wheel, folder / name, newest), folder / f"of-{name}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
