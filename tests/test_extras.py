"""Optional libraries: each place that needs one says which extra has it, and the extras exist."""

import re
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from batchwright import _extras, nn
from batchwright.comparison.peers.known import PEERS
from batchwright.data.load import load
from batchwright.errors import UsageError
from batchwright.figures.png import require_renderer
from batchwright.search.storage import database

ROOT = Path(__file__).parents[1]
ABSENT: dict[str, tuple[str, Callable[[Path], object]]] = {
    "resvg_py": ("png", lambda _: require_renderer()),
    "fastexcel": ("spreadsheets", lambda folder: load(folder / "book.xlsx", target="y")),
    "fsspec": ("remote", lambda _: load("https://example.org/rows.csv", target="y")),
    "psycopg": ("postgresql", lambda _: database("postgresql://nobody@localhost/none")),
    "flax": ("flax", nn.from_flax),
    "equinox": ("equinox", nn.from_equinox),
    "keras": ("keras", nn.from_keras),
}
"""By a module that is absent: its extra, and what needs it."""


def extras() -> dict[str, list[str]]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)["project"]["optional-dependencies"]


@pytest.mark.parametrize("module", ABSENT)
def test_what_is_missing_is_said_with_its_command(module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [module, *(name for name in sys.modules if name.startswith(f"{module}."))]:
        monkeypatch.setitem(sys.modules, name, None)
    (tmp_path / "book.xlsx").write_bytes(b"PK")
    extra, use = ABSENT[module]
    with pytest.raises(UsageError) as refused:
        use(tmp_path)
    said = str(refused.value)
    assert f"needs {module}, which is not installed: pip install 'batchwright[{extra}]'" in said
    assert "\n" not in said and said.endswith(".")


def test_one_that_is_broken_is_not_said_to_be_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "half_there.py").write_text("import of_no_such_name\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UsageError, match="is installed and cannot be imported: No module named 'of_no_such_name'"):
        _extras.import_optional("half_there", "batchwright[png]", what="it")


def test_each_extra_that_is_named_exists() -> None:
    """In code, messages and documentation."""
    places = [*ROOT.glob("src/**/*.py"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("*.md")]
    named = {
        extra
        for path in places
        for found in re.findall(r"batchwright\[([\w,-]+)\]", path.read_text(encoding="utf-8"))
        for extra in found.split(",")
    }
    assert {"png", "peers", "remote", "spreadsheets", "zstd"} <= named <= set(extras())


def test_the_extra_of_peers_has_them_all() -> None:
    packages = {re.split(r"[<>=]", need)[0] for need in extras()["peers"]}
    assert packages == {peer.package for peer in PEERS} - {"sklearn"}
