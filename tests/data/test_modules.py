"""What begins with an underscore stays in its module."""

import ast
from pathlib import Path

import pytest

import batchwright

ROOT = Path(batchwright.__file__).parent


def private_names(source: str) -> list[str]:
    """The names with an underscore that a module takes from another of batchwright; modules are no such names."""
    return [
        f"{node.module}.{alias.name}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").split(".")[0] == "batchwright")
        for alias in node.names
        if alias.name.startswith("_") and not (node.module == "batchwright" and (ROOT / f"{alias.name}.py").exists())
    ]


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_private_name_is_imported(path: Path) -> None:
    assert private_names(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from batchwright.data.typed.images import Images, _look", ["batchwright.data.typed.images._look"]),
        ("def f():\n    from .images import _look", ["images._look"]),
        ("from batchwright import _files, _absent", ["batchwright._absent"]),
        ("from batchwright._files import Lock\nfrom os import _exit", []),
    ],
)
def test_private_names_are_found(source: str, found: list[str]) -> None:
    assert private_names(source) == found
