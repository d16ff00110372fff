"""Data without a file: scikit-learn's bundled sets, and two that are simulated."""

import dataclasses
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from batchwright.data.typed.images import Images
from batchwright.data.typed.table import Table, from_frame
from batchwright.errors import DataError, unknown

IRIS = ("sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)")
WINE = (
    "alcohol",
    "malic_acid",
    "ash",
    "alcalinity_of_ash",
    "magnesium",
    "total_phenols",
    "flavanoids",
    "nonflavanoid_phenols",
    "proanthocyanins",
    "color_intensity",
    "hue",
    "od280/od315_of_diluted_wines",
    "proline",
)
CELL = (
    "radius",
    "texture",
    "perimeter",
    "area",
    "smoothness",
    "compactness",
    "concavity",
    "concave points",
    "symmetry",
    "fractal dimension",
)
BREAST_CANCER = (
    *(f"mean {name}" for name in CELL),
    *(f"{name} error" for name in CELL),
    *(f"worst {name}" for name in CELL),
)
DIABETES = ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")

DRAWN_ROWS = 1000


@dataclasses.dataclass(frozen=True)
class Example:
    """Embedded data: its name, its contents, and the target (None: the images' labels)."""

    name: str
    holds: str
    target: str | None
    read: Callable[[], Table | Images]


def read_digits() -> Images:
    """1,797 handwritten digits of 8x8 pixels; their grey levels v from 0 to 16 become the bytes round(255 v / 16)."""
    values = np.loadtxt(_bundled_file("digits.csv.gz"), delimiter=",", dtype=np.uint8)
    grey = np.floor(values[:, :64] * (255 / 16) + 0.5).astype(np.uint8)
    return Images(grey.reshape(-1, 8, 8, 1), values[:, 64], "digits")


def read_iris() -> Table:
    """150 iris flowers of three species, four measures of each."""
    return _classes("iris.csv", IRIS, "species")


def read_wine() -> Table:
    """178 wines of three cultivators, thirteen chemical measures of each."""
    return _classes("wine_data.csv", WINE, "cultivator")


def read_breast_cancer() -> Table:
    """569 tumours, malignant or benign, thirty measures of the cell nuclei of each."""
    return _classes("breast_cancer.csv", BREAST_CANCER, "diagnosis")


def read_diabetes() -> Table:
    """442 patients, ten measures of each, and how far the disease has gone a year later."""
    measures = np.loadtxt(_bundled_file("diabetes_data_raw.csv.gz"))
    progression = np.loadtxt(_bundled_file("diabetes_target.csv.gz"))
    return from_frame(_columns(measures, DIABETES) | {"progression": progression}, name="diabetes")


def draw_moons() -> Table:
    """1,000 points on two interleaved half circles, each with normal noise of deviation 0.2."""
    rng = np.random.default_rng(0)
    angle, moon = rng.uniform(0, np.pi, DRAWN_ROWS), np.arange(DRAWN_ROWS) % 2
    x = np.where(moon == 0, np.cos(angle), 1 - np.cos(angle))
    y = np.where(moon == 0, np.sin(angle), 0.5 - np.sin(angle))
    points = np.stack([x, y], axis=1) + rng.normal(0, 0.2, (DRAWN_ROWS, 2))
    return from_frame(_columns(points, ("x", "y")) | {"moon": np.array(["upper", "lower"])[moon]}, name="moons")


def draw_line() -> Table:
    """1,000 points y = w·x + 1 + noise with w = (2, -3, 0.5), x normal, and normal noise of deviation 0.1."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(DRAWN_ROWS, 3))
    y = x @ np.array([2.0, -3.0, 0.5]) + 1 + rng.normal(0, 0.1, DRAWN_ROWS)
    return from_frame(_columns(x, ("x1", "x2", "x3")) | {"y": y}, name="line")


EXAMPLES = (
    Example("digits", "1,797 images of 8x8 pixels, 10 classes", None, read_digits),
    Example("iris", "150 rows, 4 columns, 3 classes", "species", read_iris),
    Example("wine", "178 rows, 13 columns, 3 classes", "cultivator", read_wine),
    Example("breast-cancer", "569 rows, 30 columns, 2 classes", "diagnosis", read_breast_cancer),
    Example("diabetes", "442 rows, 10 columns, a number", "progression", read_diabetes),
    Example("moons", "1,000 rows, 2 columns, 2 classes", "moon", draw_moons),
    Example("line", "1,000 rows, 3 columns, a number", "y", draw_line),
)


def example(name: str) -> Example:
    """The example with this name.

    Raises:
        DataError: there is no such example.

    >>> example("iris").target
    'species'
    """
    for found in EXAMPLES:
        if found.name == name:
            return found
    raise DataError(unknown("example", name, [found.name for found in EXAMPLES]))


def _bundled_file(file: str) -> Path:
    """A data file of scikit-learn, found without importing scikit-learn, which takes longer than training on it."""
    package = find_spec("sklearn")
    if package is None or package.origin is None:
        raise DataError("the embedded data are scikit-learn's: install it with `pip install scikit-learn`.")
    path = Path(package.origin).parent / "datasets" / "data" / file
    if not path.is_file():
        raise DataError(f"the installed scikit-learn has no {file}: use another release of it.")
    return path


def _classes(file: str, names: tuple[str, ...], target: str) -> Table:
    """A bundled file: its first line holds the numbers of rows and columns, and the names of the classes."""
    path = _bundled_file(file)
    with path.open(encoding="utf-8") as lines:
        classes = np.array(next(lines).strip().split(",")[2:])
        values = np.loadtxt(lines, delimiter=",")
    return from_frame(_columns(values[:, :-1], names) | {target: classes[values[:, -1].astype(int)]}, name=path.stem)


def _columns(values: Float64[np.ndarray, "rows columns"], names: tuple[str, ...]) -> dict[str, np.ndarray]:
    return {name: values[:, number] for number, name in enumerate(names)}
