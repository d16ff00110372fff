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
    folds = ("fold",) if record.has_folds else ()
    joined = (f"{name} with it and those above" for name in names)
    columns = ("member", *folds, "weight", *own, *joined, "epoch", "settings")
    rows = tuple(_row(record, member, names) for member in record.members)
    dealt = (
        "Each holds out a fold, and its own figures are those of the rows of this fold; those with others are out of "
        "fold, with all members of its settings and those above. "
    )
    said = (
        "Each member is a network that was trained apart. Their mean answer is that of the ensemble; the loss curves "
        f"and the figures of layers are those of the first. {dealt if record.has_folds else ''}Chosen: {record.way}; "
        f"{record.reason}."
    )
    return (Section("members", "Members", (Words(clean(said)), Grid("What each member adds", columns, rows))),)


def _row(record: MembersRecord, member: Member, names: tuple[str, ...]) -> tuple[Cell, ...]:
    together = member.together or {}
    folds = (str(member.fold),) if record.has_folds else ()
    return (
        str(member.number),
        *folds,
        record.share(member) if member.count else None,
        *(member.validation.get(name) for name in names),
        *(together.get(name) for name in names),
        f"{member.epoch} of {member.epochs}",
        clean(", ".join(f"{key} {brief(value)}" for key, value in member.settings.items()) or "as they are"),
    )
