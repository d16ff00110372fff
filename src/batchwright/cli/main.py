"""The command line: `batchwright VERB [SOURCE] [options]`. Errors become one message and an exit code here."""

import atexit
import errno
import gc
import os
import signal
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Annotated, Any

import typer

from batchwright.cli import (
    check,
    compare,
    dashboard,
    data,
    diagnose,
    evaluate,
    explain,
    export,
    find_batch_size,
    find_learning_rate,
    init,
    lab,
    plot,
    predict,
    report,
    resume,
    runs,
    schema,
    search,
    serve,
    train,
)
from batchwright.cli.bash_words import whole_words
from batchwright.cli.flags import message_for
from batchwright.cli.interrupts import end_by, obey_interrupts
from batchwright.cli.output import say
from batchwright.cli.together import telling_others
from batchwright.errors import BatchwrightError

app = typer.Typer(
    name="batchwright",
    help="Train neural networks by mini-batch gradient descent on tables, arrays and images.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for verb in (
    train,
    search,
    compare,
    check,
    find_batch_size,
    find_learning_rate,
    resume,
    evaluate,
    explain,
    export,
    predict,
    serve,
    report,
    plot,
    diagnose,
    runs,
    dashboard,
    init,
    schema,
):
    name = verb.__name__.rpartition(".")[2]
    app.command(name.replace("_", "-"))(getattr(verb, name))
app.add_typer(data.data, name="data")
app.add_typer(lab.lab, name="lab")


INTERRUPTED = 130
"""The exit code after Ctrl-C: that of a process that SIGINT has ended, in a shell."""

UNWRITABLE = (errno.ENOSPC, errno.EIO, errno.EBADF, errno.EFBIG, errno.EDQUOT)
"""Errors of writing to standard output if it is a file: the disk is full, broken, over quota or not writable."""


COLLECT_AFTER = 600_000
"""New objects after which Python looks for cycles; by default it is 700. Imports, and a step that JAX traces, make some
400,000 objects that stay: to look at them again and again finds nothing, and takes a tenth of a start."""


def _version(wanted: bool) -> bool:
    if wanted:
        from importlib.metadata import version

        say(version("batchwright"))
        raise typer.Exit
    return wanted


Version = Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")]


@app.callback()
def batchwright(version: Version = False) -> None:
    """Train neural networks by mini-batch gradient descent on tables, arrays and images."""


def main() -> None:
    """Run the command line, and exit with the code of the error tree."""
    if sys.stdout is None:  # closed by the parent process; files opened later would get its number
        sys.exit("batchwright: standard output is closed: redirect it to a file, or to /dev/null.")
    gc.set_threshold(COLLECT_AFTER, *gc.get_threshold()[1:])
    atexit.register(gc.freeze)  # or Python looks at a million objects once more as it ends, for up to half a second
    with obey_interrupts() as interrupted, whole_words():
        try:
            with telling_others(sys.argv[1:], interrupted):
                _run(interrupted)
        finally:
            if interrupted() == signal.SIGTERM:
                end_by(signal.SIGTERM)


def _run(interrupted: Callable[[], int | None]) -> None:
    """Run the verb, and exit with its code; `interrupted` says which signal has come, if one has."""
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except BatchwrightError as error:
        say(f"batchwright: {message_for(error, options_of(sys.argv[1:]), _config_of(sys.argv[1:]))}", err=True)
        sys.exit(error.exit_code)
    except SystemExit as left:
        if left.code == INTERRUPTED and interrupted():
            _say_interrupted(interrupted())
        raise
    except BrokenPipeError:
        _silence()
        sys.exit(1)
    except OSError as error:
        if error.filename is not None or error.errno not in UNWRITABLE:  # standard output has no file name
            raise
        _silence()
        say(f"batchwright: standard output cannot be written: {error.strerror}.", err=True)
        sys.exit(1)
    except (KeyboardInterrupt, Exception):  # an import that is interrupted may raise any error
        if not interrupted():
            raise
        _say_interrupted(interrupted())
        sys.exit(INTERRUPTED)


def _say_interrupted(number: int | None) -> None:
    say("batchwright: ended by SIGTERM." if number == signal.SIGTERM else "batchwright: interrupted.", err=True)


def options_of(words: Sequence[str]) -> frozenset[str]:
    """The options of the verb that these words call."""
    command: Any = typer.main.get_command(app)
    for word in words:
        if word not in getattr(command, "commands", ()):
            break
        command = command.commands[word]
    return frozenset(flag for parameter in command.params for flag in (*parameter.opts, *parameter.secondary_opts))


def _config_of(words: Sequence[str]) -> str:
    """The file of settings that is given by --config FILE or --config=FILE; empty if there is none."""
    files = [after for word, after in pairwise((*words, "")) if word == "--config"]
    return next((word.partition("=")[2] for word in words if word.startswith("--config=")), files[0] if files else "")


def _silence() -> None:
    """Send standard output to nowhere, so that Python's own flush at exit reports nothing more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
