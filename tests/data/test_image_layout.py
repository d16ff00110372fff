import unicodedata
from pathlib import Path

import pytest
from tests.data.image_files import save

from batchwright.data.formats.image_layout import lay_out, part_for_new_rows
from batchwright.data.formats.image_tree import holds_images, is_image
from batchwright.data.load import load
from batchwright.data.typed.image_names import classes_in_names
from batchwright.errors import DataError


def make(folder: Path, *names: str) -> Path:
    """Empty files of these names; names that end in / are folders."""
    for name in names:
        path = folder / name
        (path if name.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
        if not name.endswith("/"):
            path.touch()
    return folder


def found(folder: Path) -> dict[str, list[tuple[str, str | None]]]:
    """The files of each part, and their labels."""
    layout, parts = lay_out(folder), {}
    for role in ("train", "validation", "test"):
        if (part := getattr(layout, role)) is not None:
            labels = part.labels or [None] * len(part.files)
            names = (file.relative_to(folder).as_posix() for file in part.files)
            parts[role] = list(zip(names, labels, strict=True))
    return parts


@pytest.mark.parametrize("validation", ["val", "valid", "validation", "dev", "eval", "VAL", "validation_set"])
@pytest.mark.parametrize(("train", "test"), [("train", "test"), ("Training", "Testing"), ("training_set", "test_set")])
def test_folders_of_parts_by_any_usual_name(tmp_path, train, validation, test):
    files = [f"{part}/{label}/1.png" for part in (train, validation, test) for label in ("cat", "dog")]
    make(tmp_path, *files)
    labelled = list(zip(files, ["cat", "dog"] * 3, strict=True))
    assert found(tmp_path) == {"train": labelled[:2], "validation": labelled[2:4], "test": labelled[4:]}
    assert lay_out(tmp_path).notes == ()
    assert part_for_new_rows(tmp_path) == tmp_path / test


def test_new_rows_are_the_validation_part_where_there_is_no_test_part(tmp_path):
    make(tmp_path, "train/a/1.png", "train/b/1.png", "val/a/1.png")
    assert part_for_new_rows(tmp_path) == tmp_path / "val"
    assert part_for_new_rows(tmp_path / "val") == tmp_path / "val"
    assert part_for_new_rows(tmp_path / "val/a/1.png") == tmp_path / "val/a/1.png"


@pytest.mark.parametrize("test", ["test/1.png", "test/unknown/1.png"])
def test_a_part_without_classes_is_left_out_with_advice(tmp_path, test):
    make(tmp_path, "train/a/1.png", "train/b/1.png", test)
    assert list(found(tmp_path)) == ["train"]
    (note,) = lay_out(tmp_path).notes
    assert note.startswith("1 image of test left out, in no folder of a known class: ")
    assert note.endswith(f"`batchwright predict RUN {tmp_path / 'test'}` answers them")


def test_a_test_folder_beside_classes_is_a_part_if_it_has_these_classes(tmp_path):
    make(tmp_path, "cat/1.png", "dog/1.png", "test/cat/1.png")
    assert found(tmp_path) == {
        "train": [("cat/1.png", "cat"), ("dog/1.png", "dog")],
        "test": [("test/cat/1.png", "cat")],
    }
    assert lay_out(tmp_path).notes == ()
    assert part_for_new_rows(tmp_path) == tmp_path / "test"


@pytest.mark.parametrize("name", ["test", "train", "dev"])
def test_a_class_that_is_named_as_a_part_is(tmp_path, name):
    make(tmp_path, "bus/1.png", "car/1.png", f"{name}/1.png")
    assert [label for _, label in found(tmp_path)["train"]] == sorted(["bus", "car", name])
    assert lay_out(tmp_path).notes == (f"the folder {name} is taken for a class, not for a part",)


def test_parts_without_a_training_part_are_refused(tmp_path):
    make(tmp_path, "val/a/1.png", "test/a/1.png")
    with pytest.raises(DataError, match="has val and test, but no folder of training images"):
        lay_out(tmp_path)


def test_two_folders_of_one_part_are_refused(tmp_path):
    make(tmp_path, "train/a/1.png", "val/a/1.png", "valid/a/1.png")
    with pytest.raises(DataError, match="two folders of validation images, val and valid"):
        lay_out(tmp_path)


@pytest.mark.parametrize("inside", ["", "pets/", "archive/"])
def test_a_folder_in_a_folder_as_archives_make_it(tmp_path, inside):
    folder = make(tmp_path / "pets", f"{inside}train/a/1.png", f"{inside}train/b/1.png", f"{inside}test/a/1.png")
    assert list(found(folder)) == ["train", "test"]


def test_folders_below_a_class_belong_to_it(tmp_path):
    make(tmp_path, "cat/day 1/2.png", "cat/day 2/deeper/1.PNG", "cat/3.jfif", "dog/1.TIFF")
    assert found(tmp_path)["train"] == [
        ("cat/3.jfif", "cat"),
        ("cat/day 1/2.png", "cat"),
        ("cat/day 2/deeper/1.PNG", "cat"),
        ("dog/1.TIFF", "dog"),
    ]


def test_what_is_left_out_is_told(tmp_path):
    make(tmp_path, "cat/1.png", "dog/1.png", "loose.png", "dog/a.svg", "dog/b.HEIC", "dog/c.svg", "notes.txt", "README")
    make(tmp_path, "empty/", "labels.csv")
    table = f"1 table in {tmp_path} not read: labels.csv; if labels.csv lists images, it is a source itself: "
    assert lay_out(tmp_path).notes == (
        "1 image beside the class folders left out: loose.png",
        "folders without images are no classes: empty",
        table + str(tmp_path / "labels.csv"),
        "3 pictures left out, to be saved as PNG or JPEG: 2 .svg, 1 .heic",
        "2 files left out, which are no images: 1 without ending, 1 .txt",
    )


def test_images_beside_the_parts_are_told(tmp_path):
    make(tmp_path, "train/a/1.png", "train/b/1.png", "train/x.png", "more/c/1.png", "y.png")
    assert lay_out(tmp_path).notes == (
        "2 images beside the class folders left out: train/x.png, y.png",
        "1 image in folders beside the parts left out: more",
    )


def test_what_systems_make_is_left_out_without_a_word(tmp_path):
    made = ("__MACOSX/cat/._1.png", ".hidden/1.png", "cat/.1.png", "cat/Thumbs.db", "cat/.DS_Store", "desktop.ini")
    make(tmp_path, "cat/1.png", "dog/1.png", *made)
    assert found(tmp_path)["train"] == [("cat/1.png", "cat"), ("dog/1.png", "dog")]
    assert lay_out(tmp_path).notes == ()


def test_classes_that_differ_only_in_capitals_are_told(tmp_path):
    make(tmp_path, "Cat/1.png", "cat/1.png", "dog/1.png")
    assert lay_out(tmp_path).notes == (
        "the classes 'Cat' and 'cat' differ only in capitals: rename a folder if they are one class",
    )


def test_a_name_stored_in_two_ways_is_one_class(tmp_path):
    composed, parted = (unicodedata.normalize(form, "Bär") for form in ("NFC", "NFD"))
    make(tmp_path, f"{composed}/1.png", f"{parted}/1.png", "Hund/1.png")
    assert {label for _, label in found(tmp_path)["train"]} == {composed, "Hund"}
    assert lay_out(tmp_path).notes == ("folders of the same name 'Bär', stored in different ways, are one class",)


def test_links_are_followed_but_not_in_a_circle(tmp_path):
    make(tmp_path, "elsewhere/1.png", "pets/dog/1.png")
    (tmp_path / "pets/cat").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "pets/dog/again").symlink_to(tmp_path / "pets")
    (tmp_path / "pets/dog/gone.png").symlink_to(tmp_path / "nothing")
    names = [name for name, _ in found(tmp_path / "pets")["train"]]
    assert names == ["cat/1.png", "dog/1.png", "dog/gone.png"]


@pytest.mark.parametrize(
    ("names", "images"),
    [
        (["a/b/c/1.png"], True),
        (["train/cat/day/1.png"], True),
        (["1.png", "labels.csv"], True),
        (["1.csv", "2.csv", "plot.png"], False),
        (["a/1.csv"], False),
        ([".hidden/1.png", "__MACOSX/1.png"], False),
    ],
)
def test_what_is_a_folder_of_images(tmp_path, names, images):
    assert holds_images(make(tmp_path, *names)) == images


def test_what_is_an_image_by_its_name(tmp_path):
    make(tmp_path, "a.JPE", "b.webp", ".c.png", "d.svg", "e.png/")
    assert [is_image(tmp_path / name) for name in ("a.JPE", "b.webp", ".c.png", "d.svg", "e.png", "f.png")] == [
        True,
        True,
        False,
        False,
        False,
        False,
    ]


@pytest.mark.parametrize("folder", ["", "photos"])
def test_classes_in_the_names_of_files_are_pointed_at(tmp_path: Path, folder: str) -> None:
    for number in range(8):
        save(tmp_path / "pets" / folder / f"{'cat' if number % 2 else 'dog'}.{number}.png")
    with pytest.raises(DataError, match=r"names begin with 'cat', 'dog': .* into folders of these names") as refused:
        load(tmp_path / "pets")
    assert ("all images are in the folder 'photos'" in str(refused.value)) == (folder == "photos")


@pytest.mark.parametrize(
    "names",
    [
        [f"IMG_{number}" for number in range(8)],
        [f"{number}" for number in range(8)],
        ["a 1", "b 1", "c 1", "d 1"],  # each once
        ["cat 1", "cat 2", "dog 1", "dog 2", "holiday", "beach"],
    ],
)
def test_other_names_are_no_classes(names: list[str]) -> None:
    assert classes_in_names([f"{name}.jpg" for name in names]) == ""
