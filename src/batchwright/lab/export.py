"""A copy of the lab for the web space of a course: every scene on a grid of settings, without a server.

The pages are the same modules as the server's, in one script, because a page that is opened as a file may load neither
modules nor data. Answers are scripts too, each loaded when it is asked for.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path

from batchwright._files import new_folder
from batchwright.lab.answers import answer

LAB, PAGES = Path(__file__).parent / "static", Path(__file__).parents[1] / "pages" / "static"
SERVED = (
    "network_texts",
    "network_picture",
    "network_scene",
    "run_scene",
    "fit_texts",
    "fit_scene",
    "normalization_texts",
    "normalization_scene",
)
"""The modules of scenes that need the server: a copy has no answers for them, and does not show them."""
MODULES = (
    ("/static/pages/dom.js", PAGES / "dom.js"),
    ("/static/pages/language.js", PAGES / "language.js"),
    *(
        (f"./{name}.js", LAB / f"{name}.js")
        for name in ("texts", "source", "chart", "controls", "panel", "line_scene", "surface_scene", *SERVED, "lab")
    ),
)
"""The modules, each after those that it imports."""
GRIDS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "line": {
        "learning_rate": ("0.005", "0.01", "0.02", "0.05", "0.1", "0.13", "0.15", "0.2", "0.25", "0.27", "0.3", "0.5"),
        "rule": ("sgd", "momentum", "nesterov", "adam"),
        "batch_size": ("full", "2", "1"),
    },
    "surface": {
        "surface": ("valley", "bowl", "saddle", "rosenbrock", "beale", "ravine", "regression"),
        "learning_rate": ("tuned", "0.003", "0.01", "0.03", "0.1", "0.3"),
        "start": ("", "-1.5,1.2", "1.2,-0.8"),
    },
}
"""For each scene, the values of each setting for which there are answers."""
LEVELS = ("surface", "start")
IMPORT = re.compile(r'^import (\{.*?\}) from "(.*?)";$', re.MULTILINE)
EXPORT = re.compile(r"^export (?:const|class|function|async function) (\w+)", re.MULTILINE)


def export(folder: Path, grids: Mapping[str, Mapping[str, Sequence[str]]] = GRIDS) -> int:
    """Write the copy into a new folder, which appears whole or not at all, and return how many files it has.

    Raises:
        UsageError: the folder exists already, or cannot be written.
    """
    with new_folder(folder) as place:
        (place / "data").mkdir()
        count = 0
        for name, text in _files(grids):
            (place / name).write_text(text, encoding="utf-8", newline="\n")
            count += 1
    return count


def _files(grids: Mapping[str, Mapping[str, Sequence[str]]]) -> Iterator[tuple[str, str]]:
    """The name and the text of each file."""
    yield "lab.js", bundle(grids)
    yield "style.css", (PAGES / "style.css").read_text(encoding="utf-8") + (LAB / "lab.css").read_text(encoding="utf-8")
    for scene in grids:
        for language, ending in (("en", ""), ("zh", ".zh")):
            yield f"{scene}{ending}.html", page(scene, language)
    yield "index.html", page(next(iter(grids)), "en")
    for scene, grid in grids.items():
        yield from _answers("answer", scene, grid)
        if "surface" in grid:
            yield from _answers("levels", scene, {key: grid[key] for key in LEVELS})


def _answers(kind: str, scene: str, grid: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
    """A script for each combination of values, named by their places in the grid."""
    for places in product(*(range(len(values)) for values in grid.values())):
        texts = [(key, values[place]) for (key, values), place in zip(grid.items(), places, strict=True)]
        name = "-".join([kind, scene, *map(str, places)])
        told = json.dumps(answer(kind, scene, texts), separators=(",", ":"), ensure_ascii=False)
        yield f"data/{name}.js", f'batchwrightLab.answers["{name}"]={told};\n'


def bundle(grids: Mapping[str, Mapping[str, Sequence[str]]]) -> str:
    """All modules as one script, each in a function of its own; the grids before them."""
    head = f"globalThis.batchwrightLab = {{answers: {{}}, grids: {json.dumps(grids, default=list)}}};"
    parts = ['"use strict";', head, "const modules = {};"]
    for address, path in MODULES:
        text = path.read_text(encoding="utf-8")
        names = EXPORT.findall(text)
        inside = IMPORT.sub(r'const \1 = modules["\2"];', text)
        inside = re.sub(r"^export ", "", inside, flags=re.MULTILINE)
        parts.append(f'modules["{address}"] = (() => {{\n{inside}\nreturn {{ {", ".join(names)} }};\n}})();')
    return "(() => {\n" + "\n".join(parts) + "\n})();\n"


def page(scene: str, language: str) -> str:
    """The page of a scene, without content: the script fills it."""
    return (
        f'<!doctype html><html lang="{language}" data-scene="{scene}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><title>batchwright lab</title>'
        '<link rel="icon" href="data:,"><link rel="stylesheet" href="style.css"><script defer src="lab.js"></script>'
        "</head><body><noscript>This page needs JavaScript.</noscript></body></html>\n"
    )
