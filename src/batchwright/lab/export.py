"""A copy of the lab for the web space of a course: every scene on a grid of settings, without a server.

The pages are the same modules as the server's, in one script, because a page that is opened as a file may load neither
modules nor data. Answers are scripts too, each loaded when it is asked for.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from math import prod
from pathlib import Path
from typing import Any, TypeAlias

from batchwright._files import new_folder
from batchwright.errors import RunError, UsageError
from batchwright.lab.answers import answer
from batchwright.lab.network.live_session import Sessions
from batchwright.lab.network.routes import ANSWERS, answer_in_turn
from batchwright.lab.own_run.looks import DIRECTIONS, RunLooks

Grid: TypeAlias = Mapping[str, Sequence[str]]
"""The values of each setting of a scene for which there are answers."""

LAB, PAGES = Path(__file__).parent / "static", Path(__file__).parents[1] / "pages" / "static"
MODULES = (
    ("/static/pages/language.js", PAGES / "language.js"),
    ("/static/pages/dom.js", PAGES / "dom.js"),
    *(
        (f"./{name}.js", LAB / f"{name}.js")
        for name in (
            *("texts", "source", "chart", "controls", "panel", "frame", "schedule", "line_scene", "surface_scene"),
            *("network_texts", "network_picture", "network_charts", "network_controls", "network_scene", "run_scene"),
            *("fit_texts", "fit_scene", "normalization_texts", "normalization_scene", "lab"),
        )
    ),
)
"""The modules, each after those that it imports."""
STYLES = (PAGES / "style.css", LAB / "lab.css", LAB / "network.css")
GRIDS: Mapping[str, Grid] = {
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
    "network": {
        "data": ("moons", "circles", "spirals", "xor", "sine"),
        "layers": ("2", "4,2", "8,8"),
        "rule": ("adam", "sgd"),
        "learning_rate": ("0.03", "0.3"),
        "steps": ("0", "1", "2", "5", "10", "20", "40", "70", "100", "200", "400", "700", "1000", "2000"),
    },
    "normalization": {
        "batch_size": ("1", "2", "4", "8", "16", "32", "64", "full"),
        "activation": ("sigmoid", "relu"),
    },
    "fit": {
        "model": ("polynomial", "network"),
        "capacity": ("1", "2", "3", "4", "6", "8", "12", "16", "20"),
        "rows": ("20", "200"),
        "patience": ("0", "20"),
    },
}
RUN_GRID: Grid = {"directions": DIRECTIONS}
KINDS: Mapping[str, Sequence[str]] = {"surface": ("answer", "levels"), "network": ("frame", "rows")}
"""What a page asks for; those that are not here ask for an answer."""
KEYS: Mapping[str, Sequence[str]] = {"levels": ("surface", "start"), "rows": ("data",)}
"""The settings that a kind of answer depends on, where these are not all."""
IMPORT = re.compile(r'^import (\{.*?\}) from "(.*?)";$', re.MULTILINE)
EXPORT = re.compile(r"^export (?:const|class|function|async function) (\w+)", re.MULTILINE)


def export(
    folder: Path,
    grids: Mapping[str, Grid] = GRIDS,
    looks: RunLooks | None = None,
    told: Callable[[str], None] = lambda _: None,
) -> int:
    """Write the copy into a new folder, which appears whole or not at all, and return how many files it has.

    Args:
        folder: the new folder.
        grids: the settings by scene.
        looks: a run that is shown too.
        told: hears what is made next.

    Raises:
        UsageError: the folder exists already, or cannot be written.
        RunError: the run cannot be looked at.
    """
    with new_folder(folder) as place:
        (place / "data").mkdir()
        count = 0
        for name, text in _files(grids, looks, told):
            (place / name).write_text(text, encoding="utf-8", newline="\n")
            count += 1
    return count


def _files(grids: Mapping[str, Grid], looks: RunLooks | None, told: Callable[[str], None]) -> Iterator[tuple[str, str]]:
    """The name and the text of each file."""
    shown = {**grids, **({} if looks is None else {"run": RUN_GRID})}
    yield "lab.js", bundle(shown)
    yield "style.css", "".join(path.read_text(encoding="utf-8") for path in STYLES)
    for scene in shown:
        for language, ending in (("en", ""), ("zh", ".zh")):
            yield f"{scene}{ending}.html", page(scene, language)
    yield "index.html", page(next(iter(shown)), "en")
    sessions = Sessions()
    for scene, grid in grids.items():
        told(f"{scene}: {prod(map(len, grid.values())):,} combinations of settings")
        for kind in KINDS.get(scene, ("answer",)):
            yield from _answers(kind, scene, {key: grid[key] for key in KEYS.get(kind, grid)}, sessions)
    if looks is not None:
        told(f"run: {looks.run} is trained again, once for each plane")
        yield from _looks(looks)


def _answers(kind: str, scene: str, grid: Grid, sessions: Sessions) -> Iterator[tuple[str, str]]:
    """A script for each combination of values, named by their places in the grid."""
    for places in product(*(range(len(values)) for values in grid.values())):
        texts = {key: values[place] for (key, values), place in zip(grid.items(), places, strict=True)}
        if scene == "network":
            found = answer_in_turn(sessions, ANSWERS[kind], texts)
        else:
            found = answer(kind, scene, list(texts.items())) or {}
        if "problem" in found:
            raise UsageError(f"{scene} has no answer to {texts}: {found['problem']['en']}")
        yield _script("-".join([kind, scene, *map(str, places)]), found)


def _looks(looks: RunLooks) -> Iterator[tuple[str, str]]:
    """What was seen of a run, and its figures."""
    for place, directions in enumerate(DIRECTIONS):
        found = looks.wait(directions)
        if found["state"] == "failed":
            raise RunError(f"{looks.run} cannot be looked at: {found['reason']}")
        name = f"look-run-{place}"
        yield _script(name, {"answer": found})
        for figure in found["figures"]:
            yield f"data/{name}-{figure}.svg", looks.figure(directions, figure) or ""


def _script(name: str, found: Mapping[str, Any]) -> tuple[str, str]:
    """A script that keeps an answer under its name."""
    told = json.dumps(found, separators=(",", ":"), ensure_ascii=False)
    return f"data/{name}.js", f'batchwrightLab.answers["{name}"]={told};\n'


def bundle(grids: Mapping[str, Grid]) -> str:
    """All modules as one script, each in a function of its own; the grids before them."""
    known = {"answers": {}, "keys": KEYS, "grids": grids}
    head = f"globalThis.batchwrightLab = {json.dumps(known)};"
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
