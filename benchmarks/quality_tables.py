"""The tables of quality.py, and how they are divided. Cells stay the texts of the file, so that all read the same."""

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from sklearn import datasets
from sklearn.model_selection import train_test_split

TEST_SHARE = 0.25
MOST_CLASSES = 20
"""Whole numbers with at most this many different values are classes."""
TARGETS: Mapping[str, str] = {
    "bikeshare": "bikers",
    "california-housing": "median_house_value",
    "diamonds": "price",
    "penguins": "species",
    "toyota-corolla": "Price",
}
"""Of a table that is not here, the last column."""
PACKAGED = ("breast_cancer", "diabetes", "digits", "wine")
"""Tables that scikit-learn brings."""
Row = Sequence[str]


@dataclass(frozen=True)
class Table:
    """A table: its header, rows, the place of its target, and whether that is a class.

    The last `test` rows have been set apart by whoever published the table; with 0, a seed chooses a quarter.
    """

    name: str
    header: Row
    rows: Sequence[Row]
    target: str
    classes: bool
    test: int = 0

    @property
    def task(self) -> str:
        """What is predicted, as the command line calls it."""
        return "classification" if self.classes else "regression"

    def write_split(self, folder: Path, seed: int, most_rows: int | None) -> tuple[Path, Path]:
        """Files of the training rows and of the test rows; `most_rows` of the training rows at most."""
        train, test = self._split(seed)
        chosen = train if most_rows is None else Random(seed).sample(train, min(most_rows, len(train)))
        places = folder / f"{self.name}-{seed}-train.csv", folder / f"{self.name}-{seed}-test.csv"
        for place, rows in zip(places, (chosen, test), strict=True):
            with place.open("w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows([self.header, *rows])
        return places

    def _split(self, seed: int) -> tuple[list[Row], list[Row]]:
        if self.test:
            return list(self.rows[: -self.test]), list(self.rows[-self.test :])
        targets = [row[self.header.index(self.target)] for row in self.rows]
        alike = self.classes and min(Counter(targets).values()) > 1
        stratify = targets if alike else None
        train, test = train_test_split(self.rows, test_size=TEST_SHARE, random_state=seed, stratify=stratify)
        return train, test


def read_tables(folders: Sequence[Path], packaged: bool, only: Sequence[str]) -> Iterator[Table]:
    """All CSV files of the folders, and those of scikit-learn; `NAME-train.csv` and `NAME-test.csv` are one table."""
    for path in sorted(path for folder in folders for path in folder.glob("*.csv")):
        name = path.stem.removesuffix("-train")
        if not path.stem.endswith("-test") and (not only or name in only):
            header, rows = _read(path)
            beside = path.with_name(f"{name}-test.csv")
            apart = _read(beside)[1] if path.stem.endswith("-train") and beside.exists() else []
            yield _table(name, header, [*rows, *apart], len(apart))
    for name in PACKAGED if packaged else ():
        if not only or name in only:
            data = getattr(datasets, f"load_{name}")(as_frame=True).frame
            yield _table(name, list(data.columns), [[str(cell) for cell in row] for row in data.to_numpy().tolist()], 0)


def _read(path: Path) -> tuple[Row, list[Row]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        header, *rows = csv.reader(file)
    return header, [row for row in rows if row]


def _table(name: str, header: Row, rows: list[Row], test: int) -> Table:
    target = TARGETS.get(name, header[-1])
    place = header.index(target)
    known = [row for row in rows if _is_known(row[place])]
    apart = sum(_is_known(row[place]) for row in rows[len(rows) - test :])
    return Table(name, header, known, target, _are_classes({row[place] for row in known}), apart)


def _is_known(cell: str) -> bool:
    return cell.strip() not in ("", "NA")


def _are_classes(different: set[str]) -> bool:
    """Whether the different texts of a target name classes."""
    try:
        numbers = {float(text) for text in different}
    except ValueError:
        return True
    return len(numbers) <= MOST_CLASSES and all(number.is_integer() for number in numbers)
