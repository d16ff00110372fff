"""`batchwright schema`: the JSON Schema of configuration files, for editors."""

import json

import typer


def schema() -> None:
    """Print the JSON Schema of configuration files."""
    typer.echo(schema_text(), nl=False)


def schema_text() -> str:
    """The JSON Schema of configuration files."""
    from batchwright.config import json_schema

    return json.dumps(json_schema(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
