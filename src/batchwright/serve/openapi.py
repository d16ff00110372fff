"""The description of the server in the form of OpenAPI, made from the columns of its model.

The form: https://spec.openapis.org/oas/v3.1.0
"""

import json
from functools import lru_cache
from importlib.metadata import version
from typing import Any

from batchwright.errors import BatchwrightError
from batchwright.serve.answering import Alone, answer_alone
from batchwright.serve.asked import Options
from batchwright.serve.inputs import Input, inputs_of
from batchwright.serve.limits import Limits
from batchwright.serve.media import ANSWERS, FORM, IMAGE, JSON, Content
from batchwright.serve.pictures import ImageInput
from batchwright.serve.replies import Answered
from batchwright.serve.served import Served

REFUSALS = {
    "400": "the query, the JSON or the form cannot be read, or asks for what the model does not have",
    "401": "the token is missing or wrong",
    "406": "the answer cannot be given in a type that the request accepts",
    "408": "the request was sent too slowly",
    "413": "the request is too large, or its images have too many pixels",
    "415": "rows are not taken in the type or in the encoding of the request",
    "422": "a column is missing, or cells do not fit, or images cannot be read: they are listed with rows and reasons",
    "503": "too many requests wait; `Retry-After` says when to come again",
}


@lru_cache(maxsize=2)
def example_of(served: Served) -> tuple[dict[str, Any], Answered | None]:
    """A row that may be sent, and its answer; None where no example of some column could be made."""
    row = {one.name: one.example for one in inputs_of(served.model.encoding)}
    try:
        return row, answer_alone(Alone(served, Options(), json.dumps([row]).encode(), Content(JSON)), Limits())
    except BatchwrightError:
        return row, None


def openapi(served: Served) -> dict[str, Any]:
    """The description of the server."""
    row, answered = example_of(served)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"Predictions of {served.model.encoding.target.name}",
            "version": served.version,
            "description": f"The model of {served.path.name}, served by batchwright {version('batchwright')}.",
        },
        "paths": {
            "/predict": {"post": _predict(served, row, answered)},
            **{path: {"get": _plain(*told)} for path, told in PLAIN.items()},
        },
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }


PLAIN = {
    "/health": ("whether the server lives", "text/plain"),
    "/ready": ("which model answers", JSON),
    "/metrics": ("counts and times for Prometheus", "text/plain"),
    "/openapi.json": ("this description", JSON),
    "/": ("the same as a page", "text/html"),
}


def _plain(what: str, content: str) -> dict[str, Any]:
    return {"summary": what, "responses": {"200": {"description": what, "content": {content: {}}}}}


def _predict(served: Served, row: dict[str, Any], answered: Answered | None) -> dict[str, Any]:
    inputs = inputs_of(served.model.encoding)
    rows = {"type": "array", "items": {"type": "object", "required": [one.name for one in inputs]}}
    rows["items"]["properties"] = {one.name: _cell(one) for one in inputs}  # type: ignore[index]
    columns = {one.name: {"type": "array", "items": _cell(one)} for one in inputs}
    body = {"oneOf": [rows, {"type": "object", "required": [one.name for one in inputs], "properties": columns}]}
    rows_and_columns = {"schema": body, "example": [row]}
    refused = {status: {"description": what, "content": {JSON: {}}} for status, what in REFUSALS.items()}
    return {
        "summary": f"Predict {served.model.encoding.target.name} for some rows",
        "security": [{}, {"token": []}],
        "parameters": [
            _parameter("uncertainty", {"type": "boolean"}, "how much the members of an ensemble differ"),
            _parameter("interval", {"type": "number"}, "a level, as 0.9, of intervals of values or sets of classes"),
        ],
        "requestBody": {
            "required": True,
            "content": {kind: _sent(kind, served, inputs) for kind in served.takes} | {JSON: rows_and_columns},
        },
        "responses": {"200": _answer(answered, served.image), **refused},
    }


def _sent(kind: str, served: Served, inputs: tuple[Input, ...]) -> dict[str, Any]:
    """What a body of another type than JSON holds; files are binary where nothing is said."""
    if kind == IMAGE:
        return {"schema": {"contentMediaType": IMAGE}}
    if kind != FORM or served.image is None:
        return {}
    file = {"type": "string", "contentMediaType": IMAGE}
    if served.image.alone:
        return {"schema": {"type": "object", "additionalProperties": file, "minProperties": 1}}
    fields = {one.name: {"type": "string"} if one.shape is None else file for one in inputs}
    return {"schema": {"type": "object", "required": list(fields), "properties": fields}}


def _parameter(name: str, schema: dict[str, str], what: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": what}


def _cell(one: Input) -> dict[str, Any]:
    kind = {"numeric": "number", "boolean": "boolean", "tags": "array"}.get(one.kind, "string")
    found: dict[str, Any] = {"type": [kind, "null"] if one.missing else kind, "description": one.says}
    if one.shape is not None:
        found["contentEncoding"] = "base64"
    if kind == "array":
        found["items"] = {"type": "string"}
    return found if one.example is None or kind == "array" else {**found, "examples": [one.example]}


def _answer(answered: Answered | None, image: ImageInput | None) -> dict[str, Any]:
    names = [] if answered is None else answered.frame.columns
    types = {name: {"type": _type(str(answered.frame[name].dtype))} for name in names} if answered else {}
    schema = {
        "type": "object",
        "properties": {
            "answers": {"type": "array", "items": {"type": "object", "properties": types}},
            "notes": {"type": "array", "items": {"type": "string"}},
            "model": {"type": "string"},
        },
    }
    named = (
        "; of a form, each with the names of its `field` and its `file`" if image is not None and image.alone else ""
    )
    return {
        "description": f"the predictions, one for each row{named}",
        "content": {kind: {} for kind in ANSWERS} | {JSON: {"schema": schema}},
    }


def _type(dtype: str) -> str:
    return "number" if dtype.startswith(("Float", "Int", "UInt")) else "string"
