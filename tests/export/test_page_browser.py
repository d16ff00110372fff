"""The page in Chromium: a row is typed, files are chosen and dropped, and what comes out is what `predict` gives."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image
from tests.export.models import TOWNS, Example
from tests.export.reading import TOLERANCE, compare
from tests.pages.chromium import Browser, Page, chromium, find_chromium

from batchwright.export.facts import Fact
from batchwright.export.model_graph import graph_of
from batchwright.export.page import page
from batchwright.runs.predictions import predict

pytestmark = pytest.mark.skipif(find_chromium() is None, reason="there is no Chromium on this machine")

FACTS = [Fact("made_from", {"version": "1.2", "run": "a-run"}), Fact("metrics_test", {"listed": "accuracy 0.5"})]
KEEP = """
const give = URL.createObjectURL;
URL.createObjectURL = (blob) => { window.saved = blob.text(); return give.call(URL, blob); };0
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("chromium")) as found:
        yield found


@pytest.fixture
def opened(browser: Browser, example: Callable[[str], Example], tmp_path: Path) -> Iterator[Callable[..., Page]]:
    """Open the page of a model, which must ask for nothing and say nothing on the console."""
    pages = []

    def get(name: str, *, ready: str = "document.querySelector('.answer, .drop')", **look: Any) -> Page:
        model = example(name).model
        interval = 0.9 if name in ("values", "threshold") else None
        file = tmp_path / "model.html"
        file.write_text(page(graph_of(model, interval=interval), model.encoding, FACTS), encoding="utf-8")
        pages.append(browser.open(file.as_uri(), **look))
        pages[-1].wait(ready)
        pages[-1].run(KEEP)
        return pages[-1]

    yield get
    for one in pages:
        assert one.console == []
        assert [address for address in one.requests if not address.startswith(("file:", "blob:"))] == []
        one.close()


def choose(shown: Page, *files: Path, at: str = "#file") -> None:
    """Choose files as a person does in the dialog."""
    shown.send("DOM.enable")
    root = shown.send("DOM.getDocument")["root"]["nodeId"]
    node = shown.send("DOM.querySelector", nodeId=root, selector=at)["nodeId"]
    shown.send("DOM.setFileInputFiles", nodeId=node, files=[str(file) for file in files])


def saved(shown: Page) -> pl.DataFrame:
    """The file that the page gives."""
    shown.wait("document.querySelector('section div > button')")
    shown.click("section div > button")
    return pl.read_csv(io.StringIO(shown.run("window.saved")), infer_schema_length=None)


def test_a_row_is_answered_as_it_is_typed(opened: Callable[..., Page], example: Callable[[str], Example]) -> None:
    shown = opened("values")
    cells = {"number": "0.5", "large": "12345678901", "amount": "2.500,5 kg", "share": "33%", "town": TOWNS[3]}
    for place, (name, cell) in enumerate(cells.items()):
        assert shown.run(f"document.querySelectorAll('.field label')[{place}].textContent") == name
        value = f"={cell}" if name == "town" else cell
        shown.run(
            f"field{place}.value = {json.dumps(value)};"
            f"field{place}.dispatchEvent(new Event('change', {{bubbles: true}}))"
        )
    wanted = predict(
        example("values").model, pl.DataFrame({name: [cell] for name, cell in cells.items()}), interval=0.9
    )
    frame = wanted.frame()
    said = shown.wait(
        "document.querySelector('.answers').innerText.includes('from') && document.querySelector('.answers').innerText"
    )
    numbers = [
        float(word) for word in said.replace(":", " ").split() if word.replace(".", "").replace("-", "").isdigit()
    ]
    np.testing.assert_allclose(numbers, frame.row(0), rtol=1e-5)


def test_what_is_unlike_training_is_told(opened: Callable[..., Page]) -> None:
    shown = opened("values")
    shown.run("field0.value = '1e9'; field0.dispatchEvent(new Event('input', {bubbles: true}))")
    assert "far outside the range of training" in shown.wait("doubt0.textContent")
    shown.run("field0.value = '1,5'; field0.dispatchEvent(new Event('input', {bubbles: true}))")
    shown.wait("doubt0.textContent.includes('\"1,5\" is not a finite number')")
    assert shown.run("field0.getAttribute('aria-invalid')") == "true"
    assert shown.run("document.querySelector('.answers').textContent") == ""
    shown.run("field0.value = ''; field4.value = 'other'; field4.dispatchEvent(new Event('change', {bubbles: true}))")
    assert shown.run("document.activeElement.getAttribute('aria-label')") == "another value of town"
    shown.type("Nowhere")
    shown.wait("doubt4.textContent === 'not seen in training' && document.querySelector('.answer')")
    shown.run("field2.value = '1.000 kg'")
    shown.click("header button")
    shown.wait("doubt4.textContent === '训练数据中未出现过'")
    assert shown.run("[field2.value, field4.value, field4.nextSibling.value]") == ["1.000 kg", "other", "Nowhere"]


@pytest.mark.parametrize("name", ["threshold", "several targets", "quantiles", "labels"])
def test_a_file_is_answered_in_whole(name: str, opened: Callable[..., Page], example: Callable[[str], Example]) -> None:
    model, source, columns = example(name)
    shown = opened(name)
    choose(shown, source)
    found = saved(shown)
    interval = 0.9 if name == "threshold" else None
    wanted = predict(model, source, interval=interval).frame()
    assert found.columns == ["row", *columns, *wanted.columns]
    assert found["row"].to_list() == list(range(1000))
    answers = {key: found[key].fill_null("") if found[key].dtype == pl.String else found[key] for key in wanted.columns}
    assert compare(answers, wanted) < TOLERANCE
    assert "1000 rows are answered" in shown.text()


def test_a_file_with_mistakes_is_refused(opened: Callable[..., Page], tmp_path: Path) -> None:
    shown = opened("log target")
    for number, (text, said) in enumerate(
        (
            ("number;colour\n1;red\n\nx;blue\n", 'line 4, column number: "x" is not a finite number'),
            ("number\tshade\n1\tred\n", "The file lacks the columns colour."),
            ("number,colour\n", "The file has no rows."),
            ("number,colour\n1,red,3\n", "Line 2 has 3 fields, expected 2."),
            ("number,colour,number\n1,red,2\n", "The file has several columns with the same name: number."),
            ('number,colour\n\n1,red\n2,"blue\n3,red\n', "Line 4: a quotation mark is not closed"),
            ('number,colour\n1,"red"x\n', "Line 2: a quotation mark is not closed"),
        )
    ):
        bad = tmp_path / f"{number}.csv"
        bad.write_text(text, encoding="utf-8")
        choose(shown, bad)
        shown.wait(f"document.body.innerText.includes({json.dumps(said)})")
    bad = tmp_path / "latin.csv"
    bad.write_bytes("number,colour\n1,gr\xfcn\n".encode("latin-1"))
    choose(shown, bad)
    shown.wait("document.body.innerText.includes('not in UTF-8')")


def test_what_is_odd_in_a_file_is_told_in_either_language(opened: Callable[..., Page], tmp_path: Path) -> None:
    """A note for each column and kind of cell, and lines without any cell, which are no rows."""
    shown, file = opened("log target"), tmp_path / "odd.csv"
    file.write_text('number,colour\n1,red\n,\n"",""\n2e9,mauve\n-3e9,mauve\n', encoding="utf-8")
    choose(shown, file)
    assert saved(shown).height == 4
    said = shown.text()
    assert "4 rows are answered" in said and "lines of empty cells only that are left out: 1" in said
    assert 'column colour: 2 of 4 cells hold categories that training never saw (such as "mauve")' in said
    assert "column number: 2 of 4 cells are far outside the range of training (such as -3000000000;" in said
    assert "Made by batchwright 1.2 from the run a-run." in said and "On its test rows: accuracy 0.5." in said
    shown.click("header button")
    assert "由 batchwright 1.2 根据训练 a-run 生成。" in shown.wait("document.querySelector('footer').textContent")
    choose(shown, file)
    shown.wait("document.body.innerText.includes('列 colour:4 个单元格中有 2 个的类别在训练中未出现过')")
    shown.run("field0.value = 'x'; field0.dispatchEvent(new Event('input', {bubbles: true}))")
    shown.wait("doubt0.textContent.includes('不符合要求(数字)')")


def test_blanks_before_quotation_marks_and_lines_above_change_nothing(
    opened: Callable[..., Page], example: Callable[[str], Example], tmp_path: Path
) -> None:
    shown, file = opened("log target"), tmp_path / "blanks.csv"
    file.write_text('\n\nnumber; "colour"\n1; "red"\n', encoding="utf-8")
    choose(shown, file)
    wanted = predict(example("log target").model, pl.DataFrame({"number": ["1"], "colour": ["red"]})).frame()
    np.testing.assert_allclose(saved(shown)[wanted.columns].row(0), wanted.row(0), rtol=1e-5)


def test_a_file_is_dropped(opened: Callable[..., Page]) -> None:
    shown = opened("log target")
    shown.run(
        "const given = new DataTransfer(), text = 'number,colour\\n1,red\\n2,\"blue\"\\n';"
        "given.items.add(new File([text], 'a.csv'));"
        "const drop = new DragEvent('drop', {dataTransfer: given, cancelable: true});"
        "document.querySelector('.drop').dispatchEvent(drop);0"
    )
    assert len(saved(shown)) == 2


@pytest.mark.parametrize(("size", "mode"), [((7, 8), "L"), ((20, 31), "RGB"), ((3, 5), "L"), ((9, 8), "RGBA")])
def test_images_are_read_as_for_predict(
    size: tuple[int, int], mode: str, opened: Callable[..., Page], example: Callable[[str], Example], tmp_path: Path
) -> None:
    rng, folder = np.random.default_rng(0), tmp_path / "images"
    folder.mkdir()
    channels = {"L": (), "RGB": (3,), "RGBA": (4,)}[mode]
    files = [folder / f"{place}.png" for place in range(4)]
    for file in files:
        Image.fromarray(rng.integers(0, 256, (size[1], size[0], *channels), dtype=np.uint8)).save(file)
    shown = opened("image")
    choose(shown, *files)
    found = saved(shown)
    wanted = predict(example("image").model, folder).frame()
    assert found["path"].to_list() == [file.name for file in files]
    if mode == "RGBA":
        assert "partly transparent" in shown.text()
    else:
        assert compare({name: found[name] for name in wanted.columns}, wanted) < (TOLERANCE if size == (7, 8) else 1e-3)


def test_an_image_stands_beside_columns(
    opened: Callable[..., Page], example: Callable[[str], Example], tmp_path: Path
) -> None:
    model, _, columns = example("image and columns")
    Image.fromarray(columns["photo"][0]).save(tmp_path / "one.png")
    (tmp_path / "rows.csv").write_text("number,colour,photo\n0.5,green,one.png\n", encoding="utf-8")
    shown = opened("image and columns", ready="document.querySelector('.field')")
    assert shown.run("document.querySelector('.answer')") is None
    names = shown.run("[...document.querySelectorAll('.field label')].map((label) => label.textContent)")
    number, colour, photo = (names.index(name) for name in ("number", "colour", "photo"))
    shown.run(f"field{number}.value = '0.5'; field{colour}.value = '=green'")
    choose(shown, tmp_path / "one.png", at=f"#field{photo}")
    shown.wait("document.querySelector('.answer')")
    found = shown.run(
        "Object.fromEntries([...document.querySelectorAll('.bars tr')].map((row) => "
        "[row.cells[0].textContent, parseFloat(row.cells[1].textContent)]))"
    )
    wanted = predict(model, tmp_path / "rows.csv")
    assert wanted.probabilities is not None
    for name, share in zip(wanted.classes, wanted.probabilities[0], strict=True):
        assert abs(found[name] - 100 * share) < 0.06
    assert shown.axe() == []


@pytest.mark.parametrize(
    ("name", "dark", "width"), [("classes", False, 1300), ("words", True, 380), ("image", False, 500)]
)
def test_anyone_can_use_it(name: str, dark: bool, width: int, opened: Callable[..., Page]) -> None:
    shown = opened(name, dark=dark, width=width)
    assert shown.axe() == []
    assert shown.run("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    shown.click("header button")
    shown.wait("document.documentElement.lang === 'zh' && document.title.startsWith('预测')")
    shown.wait("document.querySelector('.answer, .drop')")
    assert shown.axe() == []


def test_the_keyboard_is_enough(opened: Callable[..., Page]) -> None:
    shown = opened("threshold")
    shown.run("document.querySelector('header button').focus()")
    for _ in range(4):
        shown.press("Tab")
    assert shown.run("document.activeElement.tagName") == "INPUT"
    shown.run("document.querySelector('.answers').replaceChildren()")
    shown.press("Enter")
    shown.wait("document.querySelector('.answer')")


def test_both_languages_say_the_same(opened: Callable[..., Page]) -> None:
    shown = opened("log target")
    found = shown.run(
        "Object.keys(TEXTS.en).map((key) => [key, TEXTS.en[key].match(/\\{\\w+\\}/g) ?? [], "
        "(TEXTS.zh[key] ?? 'none').match(/\\{\\w+\\}/g) ?? []])"
    )
    assert found and all(sorted(en) == sorted(zh) for _, en, zh in found)
    assert shown.run("Object.keys(TEXTS.zh).length === Object.keys(TEXTS.en).length")
