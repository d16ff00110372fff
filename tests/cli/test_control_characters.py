"""Names from files of strangers are shown, and obeyed by no terminal."""

import pytest

HOSTILE = "age\x1b[31m\x9b5m\u202e[bold]"
SHOWN = r"age\x1b[31m\x9b5m\u202e[bold]"


@pytest.fixture
def hostile(tmp_path):
    path = tmp_path / "hostile.csv"
    rows = "".join(f"{number},{'yes' if number % 3 else 'no'}\n" for number in range(40))
    path.write_text(f"{HOSTILE},y\n{rows}", encoding="utf-8")
    return path


def test_tables_notes_and_errors_show_them(batchwright, hostile) -> None:
    shown = batchwright("data", "show", hostile).out
    error = batchwright("train", hostile, "--target", "x").err
    notes = batchwright("train", hostile, "--target", "y", "--epochs", 1).err
    for said in (shown, error, notes):
        assert SHOWN in said
        assert not {"\x1b", "\x9b", "\u202e"} & {*said}
