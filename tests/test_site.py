"""The notebooks, and what names the version: that the site is built, `make docs` tries."""

import ast
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

import batchwright

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted(ROOT.glob("docs/gallery/*.ipynb"))
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


def code(notebook: Path) -> list[str]:
    """The code of each cell, without lines for IPython."""
    plain = json.loads(notebook.read_text(encoding="utf-8"))
    cells = ["".join(cell["source"]) for cell in plain["cells"] if cell["cell_type"] == "code"]
    return ["\n".join(line for line in cell.splitlines() if not line.startswith("%")) for cell in cells]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_outputs_and_names_what_there_is(notebook: Path) -> None:
    plain = json.loads(notebook.read_text(encoding="utf-8"))
    for cell in plain["cells"]:
        assert not cell.get("outputs") and cell.get("execution_count") is None
    assert plain["cells"][0]["source"][0].startswith("# ")
    names = {node for cell in code(notebook) for node in ast.walk(ast.parse(cell)) if isinstance(node, ast.Attribute)}
    used = {node.attr for node in names if isinstance(node.value, ast.Name) and node.value.id == "bw"}
    assert used and used <= set(batchwright.__all__)


@pytest.mark.soak
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(notebook: Path, tmp_path: Path) -> None:
    nbclient = pytest.importorskip("nbclient", reason="nbclient runs notebooks")
    nbformat = pytest.importorskip("nbformat", reason="nbformat reads notebooks")
    read = nbformat.read(notebook, as_version=4)
    nbclient.NotebookClient(read, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    figures = [output for cell in read.cells for output in cell.get("outputs", []) if "<svg" in str(output)]
    assert figures


def test_the_nav_has_every_notebook() -> None:
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert re.findall(r"gallery/(\S+)\.md", nav) == [path.stem for path in NOTEBOOKS]


def test_the_nav_has_every_page() -> None:
    """A page that is not there would end the strict build."""
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in ROOT.glob("docs/**/*.md")}
    assert pages <= set(re.findall(r": (\S+\.md)$", nav, re.MULTILINE))


def test_every_place_has_the_same_version() -> None:
    citation: dict[str, Any] = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == VERSION
    assert f'"batchwright {VERSION}"' in (ROOT / "man/batchwright.1").read_text(encoding="utf-8").splitlines()[0]


def test_the_changelog_has_its_form() -> None:
    """Versions fall, each but the first with a date, and the headings are those of Keep a Changelog."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    heads = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert heads[0].startswith("[Unreleased]")
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", head) for head in heads[1:])
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.*)$", text, re.MULTILINE)) <= kinds


@pytest.mark.parametrize("form", sorted(ROOT.glob(".github/ISSUE_TEMPLATE/*.yml")), ids=lambda path: path.stem)
def test_the_forms_of_issues_are_whole(form: Path) -> None:
    plain: dict[str, Any] = yaml.safe_load(form.read_text(encoding="utf-8"))
    if form.stem == "config":
        assert plain == {"blank_issues_enabled": True}
        return
    fields = plain["body"]
    assert plain["name"] and plain["description"] and fields
    assert len({field["id"] for field in fields}) == len(fields)
    assert all(field["type"] == "textarea" and field["attributes"]["label"] for field in fields)
