"""The page of the server: how to ask, and what each column takes. It loads nothing, and runs nothing."""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from html import escape
from typing import Any

from batchwright.pages.assets import OWN
from batchwright.serve.cells import text_of
from batchwright.serve.inputs import Input, inputs_of
from batchwright.serve.media import ARROW, CSV, FORM, JSON
from batchwright.serve.openapi import REFUSALS, example_of
from batchwright.serve.pictures import ImageInput
from batchwright.serve.replies import reply
from batchwright.serve.served import Served

HOW = (
    f"Send rows or columns as {JSON}, or a table as {CSV} or {ARROW}, to <code>POST /predict</code>. "
    "The answer has the type that <code>Accept</code> names."
)
HOW_IMAGES = (
    f"Send an image as it is, several as the files of a form ({FORM}), or rows as {JSON} with images in base64, to "
    "<code>POST /predict</code>. The answer has the type that <code>Accept</code> names, and the names of the fields."
)
HOW_BOTH = (
    f"Send a row as a form ({FORM}) with its image as a file, or rows as {JSON}, {CSV} or {ARROW} with images in "
    "base64, to <code>POST /predict</code>. The answer has the type that <code>Accept</code> names."
)
QUERY = (
    "<code>interval=0.9</code> adds intervals of values, or sets of classes; "
    "<code>uncertainty=true</code> adds how much the members of an ensemble differ."
)


@lru_cache(maxsize=2)
def page(served: Served, host: str) -> str:
    """The page as HTML; the server is called `host`."""
    target = served.model.encoding.target.name
    row, answered = example_of(served)
    got = "" if answered is None else json.dumps(json.loads(reply(answered, JSON).body), ensure_ascii=False, indent=1)
    parts = (
        f"<h1>Predictions of {escape(target)}</h1>",
        _head(served),
        "<h2>Ask</h2>",
        f"<p>{_how(served.image)}</p>",
        *(f"<pre>{escape(command)}</pre>" for command in _commands(served.image, row, host)),
        f"<h2>Answer</h2><pre>{escape(got)}</pre>" if got else "",
        "<h2>Columns</h2>",
        _columns(inputs_of(served.model.encoding)),
        "<h2>Query</h2>",
        f"<p>{QUERY}</p>",
        "<h2>Refusals</h2>",
        _table(("status", "why"), [(status, escape(why)) for status, why in REFUSALS.items()]),
    )
    style = (OWN / "style.css").read_text(encoding="utf-8")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><link rel="icon" href="data:,">'
        f"<title>Predictions of {escape(target)}</title><style>{style}</style></head>"
        f"<body><main>{''.join(parts)}</main></body></html>"
    )


def _head(served: Served) -> str:
    links = " · ".join(f'<a href="{name}">{name}</a>' for name in ("openapi.json", "metrics"))
    return f'<p class="soft">Model {escape(served.version)} of {escape(served.path.name)}. {links}</p>'


def _how(image: ImageInput | None) -> str:
    return HOW if image is None else HOW_IMAGES if image.alone else HOW_BOTH


def _commands(image: ImageInput | None, row: Mapping[str, Any], host: str) -> Iterator[str]:
    """The commands that send files, and this row, to a server, for a shell."""
    to = f"curl http://{host}/predict"
    if image is not None and image.alone:
        yield f"{to} -H 'content-type: image/png' --data-binary @image.png"
        yield f"{to} -F first=@one.png -F second=@two.jpg"
    elif image is not None:
        texts = {name: text_of(cell) or "" for name, cell in row.items()}
        fields = {name: f"--form-string {_quoted(f'{name}={text}')}" for name, text in texts.items()}
        fields[image.column] = f"-F {_quoted(f'{image.column}=@image.png')}"
        yield " ".join((to, *fields.values()))
    rows = json.dumps([row], ensure_ascii=False, indent=1)
    yield f"{to} -H 'content-type: {JSON}' -d {_quoted(rows)}"


def _quoted(text: str) -> str:
    """A text as a word of a shell."""
    inner = text.replace("'", "'\\''")
    return f"'{inner}'"


def _columns(inputs: tuple[Input, ...]) -> str:
    rows = [
        (
            f"<code>{escape(one.name)}</code>",
            escape(one.kind),
            escape(one.says),
            "" if one.example is None else f"<code>{escape(json.dumps(one.example, ensure_ascii=False))}</code>",
        )
        for one in inputs
    ]
    return _table(("column", "kind", "what training had", "example"), rows)


def _table(head: tuple[str, ...], rows: Sequence[Sequence[str]]) -> str:
    names = "".join(f'<th scope="col">{name}</th>' for name in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{names}</tr></thead><tbody>{body}</tbody></table></div>'
