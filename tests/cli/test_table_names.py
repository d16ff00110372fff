"""The names that help lists are those of the table, which help does not import."""

import pytest
from click.testing import Result
from typer.testing import CliRunner

from batchwright.cli.main import app
from batchwright.cli.settings import OPTIONS
from batchwright.cli.table_names import names_in
from batchwright.optim import OPTIMIZERS, SCHEDULES


@pytest.mark.parametrize(
    ("module", "table", "classes"), [("optimizers", "OPTIMIZERS", OPTIMIZERS), ("schedules", "SCHEDULES", SCHEDULES)]
)
def test_names_are_those_of_the_table(module: str, table: str, classes: tuple[type, ...]) -> None:
    assert names_in(f"batchwright.optim.{module}", table) == tuple(one.name for one in classes)


def test_help_lists_every_update_rule() -> None:
    option = next(option for option in OPTIONS if option.flag == "--optimizer")
    assert option.help.replace(" or ", ", ").split(", ") == [rule.name for rule in OPTIMIZERS]
    found: Result = CliRunner().invoke(app, ["train", "--help"], env={"COLUMNS": "200"})
    assert option.help in " ".join(found.output.split())
