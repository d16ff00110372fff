"""Images named by the paths of another machine are found by their ends, unless these do not tell them apart."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import batchwright as bw
from batchwright.errors import DataError

ROWS = 24


def write(folder: Path, names: list[str], files: list[str]) -> Path:
    draw = np.random.default_rng(0)
    for name in dict.fromkeys(files):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw.integers(0, 256, (6, 6), np.uint8)).save(file)
    table = folder / "pets.csv"
    table.write_text("file,kind\n" + "".join(f"{name},{'ab'[row % 2]}\n" for row, name in enumerate(names)))
    return table


@pytest.mark.parametrize("root", ["/content/drive/pets/", "C:\\Users\\Ann\\pets\\", "//share/pets/"])
@pytest.mark.parametrize("image_dir", [None, "photos"])
def test_the_end_of_a_path_of_another_machine_names_the_image(tmp_path: Path, root: str, image_dir: str | None) -> None:
    files = [f"photos/im{row}.png" for row in range(ROWS)]
    mark = "\\" if "\\" in root else "/"
    table = write(tmp_path, [root + file.replace("/", mark) for file in files], files)
    told = {} if image_dir is None else {"image_dir": tmp_path / image_dir}
    data = bw.load(table, target="kind", validation_split=0, test_split=0, **told)
    assert any("paths of another machine by their ends" in note and "im0.png" in note for note in data.notes)
    for place, row in enumerate(data.indices.train):
        pixels = np.asarray(Image.open(tmp_path / files[row]))
        np.testing.assert_array_equal(data.train.inputs["image"][place, :, :, 0], pixels)


def test_ends_that_are_one_file_are_refused(tmp_path: Path) -> None:
    names = [f"/home/ann/{'cat' if row % 2 else 'dog'}/im{row // 2}.png" for row in range(ROWS)]
    table = write(tmp_path, names, [f"photos/im{row}.png" for row in range(ROWS // 2)])
    with pytest.raises(DataError, match=r"several paths end as im0\.png"):
        bw.load(table, target="kind", image_dir=tmp_path / "photos")


def test_no_path_leads_out_of_the_folder(tmp_path: Path) -> None:
    home = tmp_path / "home"
    files = [f"photos/im{row}.png" for row in range(ROWS)]
    names = [f"/elsewhere/{file}" for file in files]
    names[3] = "/elsewhere/../secret.png"
    table = write(home, names, files)
    Image.fromarray(np.zeros((6, 6), np.uint8)).save(tmp_path / "secret.png")
    with pytest.raises(DataError, match=r"line 5.*secret\.png.*outside"):
        bw.load(table, target="kind")
