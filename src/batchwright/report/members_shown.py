"""The members of an ensemble: what each was trained with, its own figures, and what it adds."""

from batchwright.config.emit import brief
from batchwright.errors import RunError
from batchwright.figures.text import clean
from batchwright.report.blocks import Cell, Grid, Section, Words
from batchwright.runs.members import Member, MembersRecord
from batchwright.runs.run import Run


def members_sections(run: Run) -> tuple[Section, ...]:
    """A section with a row for each member; none where the run is of one network."""
    try:
        record = run.members
    except RunError as error:
        return (Section("members", "Members", (Words(clean(str(error)), strong=True),)),)
    if record is None:
        return ()
    names = tuple(record.members[0].validation)
    own = (f"validation {name}" for name in names)
    columns = ("member", "weight", *own, *(f"{name} with it and those above" for name in names), "epoch", "settings")
    rows = tuple(_row(record, member, names) for member in record.members)
    said = (
        "Each member is a network that was trained apart. Their mean answer is that of the ensemble; the loss curves "
        f"and the figures of layers are those of the first. Chosen: {record.way}; {record.reason}."
    )
    return (Section("members", "Members", (Words(clean(said)), Grid("What each member adds", columns, rows))),)


def _row(record: MembersRecord, member: Member, names: tuple[str, ...]) -> tuple[Cell, ...]:
    together = member.together or {}
    return (
        str(member.number),
        record.share(member) if member.count else None,
        *(member.validation.get(name) for name in names),
        *(together.get(name) for name in names),
        f"{member.epoch} of {member.epochs}",
        clean(", ".join(f"{key} {brief(value)}" for key, value in member.settings.items()) or "as they are"),
    )
