"""What the documentation's site has besides the pages of docs/: the reference of Python, the gallery, the JSON Schema.

MkDocs calls the functions (`hooks` of mkdocs.yml). The pages of the reference come from the public names, and their
text from the docstrings; the notebooks of docs/gallery are run, and are shown with what they gave.
"""

import inspect
import json
import tempfile
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from batchwright.cli.schema import schema_text

PACKAGES = ("nn", "optim", "tasks", "lab", "runs", "config", "report", "figures", "errors")
"""The packages whose public names have a page, besides those of batchwright itself."""
SECONDS = 600
"""The most that a notebook may take."""


def reference_pages() -> dict[str, str]:
    """The text of each page of the reference, by its path in docs/; a name is on the first page that has it."""
    pages, seen = dict[str, str](), set[str]()
    for name in ("batchwright", *PACKAGES):
        module = import_module(name if name == "batchwright" else f"batchwright.{name}")
        pages[f"reference/{name}.md"] = _reference_page(module, seen)
    return pages


def _reference_page(module: ModuleType, seen: set[str]) -> str:
    """A page with each function and class that has not been seen, and a list of the other names."""
    named = {name: getattr(module, name) for name in _public(module)}
    places = {name: f"{value.__module__}.{value.__qualname__}" for name, value in named.items() if _is_shown(value)}
    shown = {name: place for name, place in places.items() if place not in seen}
    seen.update(shown.values())
    others = [f"`{name}`" for name in sorted(named.keys() - shown.keys()) if not inspect.ismodule(named[name])]
    summary = (inspect.getdoc(module) or "").partition("\n\n")[0].replace("\n", " ")
    directives = [f"::: {place}" for _, place in sorted(shown.items())]
    also = [f"Also here, and described elsewhere or plain values: {', '.join(others)}."] if others else []
    return "\n\n".join([f"# {module.__name__}", summary, *directives, *also]) + "\n"


def _public(module: ModuleType) -> list[str]:
    """The public names of a package; of a module without a list, its own classes and functions."""
    own = [
        name
        for name, value in vars(module).items()
        if _is_shown(value) and value.__module__ == module.__name__ and not name.startswith("_")
    ]
    return list(getattr(module, "__all__", own))


def _is_shown(value: Any) -> bool:
    """Whether a name is a class or a function of this package, whose docstring is shown."""
    is_known = inspect.isclass(value) or inspect.isfunction(value)
    return is_known and value.__module__.startswith("batchwright") and "<" not in value.__qualname__


def notebook_page(path: Path) -> str:
    """A notebook as Markdown, with what each of its cells gives when it is run in an empty folder."""
    import nbclient
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        client = nbclient.NotebookClient(notebook, timeout=SECONDS, resources={"metadata": {"path": folder}})
        client.execute()
    parts = [part for cell in notebook.cells for part in _cell_parts(cell)]
    return "\n\n".join([*parts, f"[This page as a notebook]({path.name})"]) + "\n"


def _cell_parts(cell: Any) -> Iterator[str]:
    if cell.cell_type == "markdown":
        yield cell.source
        return
    yield f"```python\n{cell.source}\n```"
    for output in cell.outputs:
        yield from _output_parts(output)


def _output_parts(output: Any) -> Iterator[str]:
    """An output as it is best shown: a figure, a table, or text."""
    if output.output_type == "stream":
        yield f"```text\n{output.text.rstrip()}\n```"
        return
    data = output.get("data", {})
    for kind in ("text/html", "image/svg+xml"):
        if kind in data:
            yield "\n".join(line for line in data[kind].splitlines() if line.strip())  # a blank line would end HTML
            return
    if "text/plain" in data:
        yield f"```text\n{data['text/plain']}\n```"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Name the version that the pages are about."""
    config.site_name = f"batchwright {version('batchwright')}"
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made."""
    gallery = {
        f"gallery/{path.stem}.md": notebook_page(path) for path in sorted(Path(config.docs_dir).glob("gallery/*.ipynb"))
    }
    for place, text in {**reference_pages(), **gallery}.items():
        files.append(File.generated(config, place, content=text))
    return files


def on_post_build(config: MkDocsConfig) -> None:
    """Write the JSON Schema, and an entry by which editors that know SchemaStore's catalog find it."""
    site = Path(config.site_dir)
    (site / "schema.json").write_text(schema_text(), encoding="utf-8")
    entry = {
        "name": "batchwright",
        "description": "A run of batchwright",
        "fileMatch": ["batchwright.yaml", "*.batchwright.yaml"],
        "url": "schema.json",
    }
    (site / "schema-catalog.json").write_text(json.dumps({"schemas": [entry]}, indent=2) + "\n", encoding="utf-8")
