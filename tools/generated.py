"""Write the files that follow from the code: the man page, and the keys that a shell completes. `make generated`."""

import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from textwrap import wrap
from typing import Any

import typer

from batchwright.cli.main import app
from batchwright.config import json_schema

ROOT = Path(__file__).parents[1]
KEYS, MANUAL = ROOT / "src/batchwright/cli/keys.txt", ROOT / "man/batchwright.1"
WIDTH = 100


def keys_text() -> str:
    """A line for each key of a configuration, with the words that it may be."""
    schema = json_schema()
    found: dict[str, dict[str, None]] = {}
    for section, part in schema["properties"].items():
        for key, words in _keys(part, section, schema["$defs"]):
            found.setdefault(key, {}).update(dict.fromkeys(words))
    return "".join(f"{' '.join([key, *words])}\n" for key, words in found.items())


def _keys(part: dict[str, Any], path: str, defined: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """The keys below a part of the schema, each with its words."""
    for kind in _kinds(part, defined):
        for name, value in kind.get("properties", {}).items():
            kinds = _kinds(value, defined)
            if any("properties" not in one for one in kinds):
                yield f"{path}.{name}", [word for one in kinds for word in _words(one)]
            yield from _keys(value, f"{path}.{name}", defined)


def _kinds(part: dict[str, Any], defined: dict[str, Any]) -> list[dict[str, Any]]:
    """The alternatives of a part of the schema."""
    if "$ref" in part:
        return _kinds(defined[part["$ref"].rpartition("/")[2]], defined)
    inner = [*part.get("anyOf", ()), *part.get("oneOf", ())]
    return [kind for one in inner for kind in _kinds(one, defined)] if inner else [part]


def _words(part: dict[str, Any]) -> list[str]:
    words = ["true", "false"] if part.get("type") == "boolean" else [*part.get("enum", ()), part.get("const")]
    return [str(word) for word in words if isinstance(word, str) and word.split() == [word]]


def manual_text() -> str:
    """The man page: what the command line says with --help, verb by verb."""
    group: Any = typer.main.get_command(app)
    context = group.make_context("batchwright", [], resilient_parsing=True)
    parts = [
        f'.TH BATCHWRIGHT 1 "" "batchwright {version("batchwright")}" "User commands"',
        ".SH NAME",
        _roff("batchwright - " + str(group.help).rstrip(".").lower()),
        ".SH SYNOPSIS",
        ".B batchwright\n.I VERB\n[\\fIarguments\\fR] [\\fIoptions\\fR]",
        ".SH DESCRIPTION",
        _roff(
            "Results go to standard output, progress to standard error. Each verb and its options are below; "
            "`batchwright VERB --help` shows them too. Exit codes: 0 done, 1 failed, 2 wrong input or settings, "
            "3 the loss was not finite, 75 interrupted with a checkpoint saved, 130 ended at once."
        ),
        ".SH OPTIONS",
        *_options(group, context),
        *_verbs(group, context, "batchwright"),
        ".SH ENVIRONMENT",
        ".TP\n.B BATCHWRIGHT_CACHE\n" + _roff("the folder of compiled programs; off: none is kept"),
        ".TP\n.B JAX_PLATFORMS\n" + _roff("on what is computed, such as cpu or cuda"),
        ".TP\n.B NPROC\n" + _roff("how many threads compute; the bits of a result depend on it"),
    ]
    return "\n".join(parts) + "\n"


def _verbs(group: Any, context: Any, path: str) -> Iterator[str]:
    """A section for each verb, and for those below it."""
    for name, command in group.commands.items():
        inner = command.make_context(name, [], parent=context, resilient_parsing=True)
        yield f".SH {_roff(f'{path} {name}'.upper())}"
        yield f".B {_roff(f'{path} {name}')}\n{_roff(' '.join(command.collect_usage_pieces(inner)))}\n.PP"
        yield _roff(command.help or "")
        yield from _options(command, inner)
        if hasattr(command, "commands"):
            yield from _verbs(command, inner, f"{path} {name}")


def _options(command: Any, context: Any) -> Iterator[str]:
    """The arguments and options of a verb, each with its help."""
    for parameter in command.get_params(context):
        shown = parameter.get_help_record(context)
        if shown and "--help" not in shown[0] and "completion" not in shown[0]:
            yield f".TP\n.B {_roff(shown[0])}\n{_roff(shown[1])}"


def _roff(text: str) -> str:
    """Text as a man page writes it: no sign of it is an instruction to the formatter."""
    plain = (
        "\n".join(wrap(" ".join(text.split()), WIDTH, break_on_hyphens=False)).replace("\\", "\\e").replace("-", "\\-")
    )
    return "\n".join(f"\\&{line}" if line.startswith((".", "'")) else line for line in plain.splitlines())


def main() -> None:
    """Write all of them."""
    for path, text in ((KEYS, keys_text()), (MANUAL, manual_text())):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(ROOT), file=sys.stderr)


if __name__ == "__main__":
    main()
