"""The command line, once for each line of standard input, in a fork of this process: what it needs is imported once.

A line is JSON of the folder, the words and the variables of the environment. What a fork says on standard error is
written to `said` in its folder, and the exit statuses are a JSON list on standard output.
"""

import gc
import json
import os
import sys
from pathlib import Path

import batchwright.workflow.training  # noqa: F401  (imported before the forks)
from batchwright.cli.main import main


def run(folder: str, words: list[str], variables: dict[str, str]) -> None:
    os.chdir(folder)
    os.environ.update(variables)
    sys.argv = ["batchwright", *words]
    with Path("said").open("w") as sys.stderr:
        main()


def status_of(folder: str, words: list[str], variables: dict[str, str]) -> int:
    """Run it in a fork, and give its exit status."""
    forked = os.fork()
    if forked == 0:
        run(folder, words, variables)
    return os.waitstatus_to_exitcode(os.waitpid(forked, 0)[1])


if __name__ == "__main__":
    gc.freeze()  # no fork need look at what was imported, which would copy it
    json.dump([status_of(*json.loads(line)) for line in sys.stdin], sys.stdout)
