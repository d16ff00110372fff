"""What a person sees of a diagnosis: a line for its kind and evidence, one for what to do, one for the options."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from batchwright.cli.flags import as_flags
from batchwright.config import flow
from batchwright.diagnosis import Diagnosis, Verdict
from batchwright.diagnosis.diagnose import OF_ROWS


def diagnosis_lines(found: Sequence[Diagnosis]) -> Iterator[str]:
    """All diagnoses, three lines each at most."""
    for one in found:
        mark = "note" if one.severity == "note" else one.sure
        follows = f", may follow from: {one.follows}" if one.follows else ""
        yield f"{one.kind} ({mark}{follows}): {one.evidence}"
        yield f"  {as_flags(one.advice)}"
        if one.changes:
            yield f"  options: {options_of(one.changes)}"


def brief_lines(found: Sequence[Diagnosis], said: Verdict | None, *, has_members: bool = False) -> Iterator[str]:
    """What is wrong, a line each, leaving out what follows from it; first what the curves say of a training that ended.

    The curves' verdict is left out where a diagnosis says the same. Of an ensemble, each line that goes by the
    history names the first member.
    """
    whose = "the first member: " if has_members else ""
    wrong = [one for one in found if one.severity != "note" and not one.follows]
    if said is not None and not any(one.kind == said.kind for one in wrong):
        yield f"{whose}{said.kind}: {said.reason}"
    for one in wrong:
        yield f"{'' if one.kind in OF_ROWS else whose}{one.kind} ({one.sure}): {one.evidence}; {as_flags(one.advice)}"


def options_of(changes: Mapping[str, Any]) -> str:
    """Changes of settings as options of the command line."""
    return " ".join(as_flags(f"`{key}={flow(value)}`") for key, value in changes.items())
