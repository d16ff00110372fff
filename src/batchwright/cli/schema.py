"""`batchwright schema`: the JSON Schema of configuration files, for editors."""

from batchwright.cli.output import print_json


def schema() -> None:
    """Print the JSON Schema of configuration files."""
    from batchwright.config import json_schema

    print_json(json_schema())
