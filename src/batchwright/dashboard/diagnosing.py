"""The process that finds what seems to be wrong with a run, from its folder alone, and prints it as JSON."""

import json
import os
import sys
from contextlib import suppress
from typing import Any

from batchwright.diagnosis import diagnose, evidence_of, unseen, verdict
from batchwright.errors import BatchwrightError
from batchwright.runs.run import open_run

LEAST_URGENT = 19
"""A training beside it goes first."""


def diagnose_folder(path: str) -> dict[str, Any]:
    """The verdict on the curves, the diagnoses, and what could not be seen, as plain data.

    Raises:
        RunError: there is no readable run.
    """
    evidence = evidence_of(open_run(path))
    return {
        "verdict": vars(verdict(evidence.history)),
        "diagnosis": [one.to_json() for one in diagnose(evidence)],
        "not_seen": unseen(evidence),
    }


def main(path: str) -> int:
    """Write the diagnosis of a run, or on standard error why there is none; the exit code."""
    with suppress(AttributeError, OSError):
        os.nice(LEAST_URGENT)
    try:
        sys.stdout.write(json.dumps(diagnose_folder(path)))
    except BatchwrightError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
