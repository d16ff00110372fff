"""A model as one HTML page that predicts offline: a form for one row, and a place for files with many."""

import base64
import hashlib
import json
import math
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from batchwright.data.encode.encoders import Category, OneHot, Ordinal
from batchwright.data.encode.encoding import Encoding, ImagePreprocessing
from batchwright.export.cells import for_script, readers_of
from batchwright.export.description import Field, fields_of, targets_of
from batchwright.export.facts import Fact
from batchwright.export.familiar import known_of
from batchwright.export.graph import Graph, Node
from batchwright.export.numpy_file import pack

RUNTIME = Path(__file__).parent / "runtime"
SCRIPTS = ("windows", "operators", "cells", "texts", "unlike", "graph", "csv", "images", "words", "image_form", "page")
"""The scripts of the page, each after those that it needs when it is loaded."""
COMPUTING = SCRIPTS[:7]
"""Those that need no page."""


def page(graph: Graph, encoding: Encoding, facts: Sequence[Fact]) -> str:
    """The page as HTML.

    Args:
        graph: the model.
        encoding: how its columns are read.
        facts: where the model is from and how good it is.
    """
    model = json.dumps(page_model(graph, encoding, facts), ensure_ascii=False, allow_nan=False)
    script, style = script_text(SCRIPTS), (RUNTIME / "page.css").read_text(encoding="utf-8")
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; img-src blob: data:; "
        "base-uri 'none'; form-action 'none'"
    )
    title = escape(f"Predict {encoding.target.name}")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">\n'
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        f'<meta name="generator" content="batchwright export">\n<title>{title}</title>\n'
        '<link rel="icon" href="data:,">\n'
        f"<style>{style}</style>\n</head>\n<body>\n<noscript>This page needs JavaScript.</noscript>\n"
        f'<script type="application/json" id="model">{_inside_script(model)}</script>\n'
        f"<script>{script}</script>\n</body>\n</html>\n"
    )


def script_text(names: Sequence[str]) -> str:
    """Some scripts as one."""
    texts = [(RUNTIME / f"{name}.js").read_text(encoding="utf-8") for name in names]
    return '"use strict";\n' + "\n".join(texts)


def page_model(graph: Graph, encoding: Encoding, facts: Sequence[Fact]) -> dict[str, Any]:
    """All that the scripts need of a model, as plain data."""
    table, texts, packed = pack(graph.constants)
    return {
        "target": encoding.target.name,
        "facts": [fact._asdict() for fact in facts],
        "header": encoding.reading.header,
        "readers": [for_script(reader) for reader in readers_of(encoding)],
        "fields": [_field(field, encoding) for field in fields_of(graph, encoding)],
        "known": known_of(encoding),
        "targets": targets_of(graph),
        "folds": folds(merge_case=any(node.attributes.get("merge_case") for node in graph.nodes)),
        "nodes": [_node(node) for node in graph.nodes],
        "outputs": [one.name for one in graph.outputs],
        "table": table,
        "texts": {name: [graph.constants[name].shape, _flat(text)] for name, text in texts.items()},
        "packed": packed,
    }


def _field(field: Field, encoding: Encoding) -> dict[str, Any]:
    made = encoding.preprocessing
    encoders = () if isinstance(made, ImagePreprocessing) else made.encoders
    merging = any(
        isinstance(one, OneHot | Category | Ordinal) and one.column == field.name and bool(one.merge_case)
        for one in encoders
    )
    return vars(field) | {"merge_case": merging}


def _node(node: Node) -> list[Any]:
    return [node.op, list(node.inputs), node.output.name, {key: _finite(one) for key, one in node.attributes.items()}]


def _finite(setting: Any) -> Any:
    """A setting as JSON has it: numbers that are not finite as the texts that scripts and Python take for them."""
    whole = not isinstance(setting, float) or math.isfinite(setting)
    return setting if whole else str(setting).replace("inf", "Infinity")


def folds(*, merge_case: bool) -> dict[str, str]:
    """The signs that become others than their small letters where case does not count, which scripts cannot tell."""
    signs = map(chr, range(0x110000)) if merge_case else ()
    return {sign: sign.casefold() for sign in signs if sign.casefold() != sign.lower()}


def _flat(texts: Any) -> list[str]:
    return [text for one in texts for text in _flat(one)] if isinstance(texts, list) else [texts]


def _inside_script(text: str) -> str:
    """JSON that ends no script and begins no comment of HTML."""
    return re.sub(r"<(?=[/!])", r"\\u003c", text)


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
