"""Every bad input is answered by one clear sentence and exit code 2, and nothing is written."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

HEAD = "a,b,y"
GOOD = [f"{i},{i % 7},{'pq'[i % 2]}" for i in range(40)]


def csv(*lines: str) -> bytes:
    return ("\n".join(lines) + "\n").encode()


FILES = {
    "empty.csv": b"",
    "header.csv": csv(HEAD),
    "good.csv": csv(HEAD, *GOOD),
    "one-class.csv": csv(HEAD, *(f"{i},{i % 3},p" for i in range(20))),
    "missing-target.csv": csv(HEAD, *GOOD, "3,4,"),
    "unique-target.csv": csv(HEAD, *(f"{i},{i % 3},name {i}" for i in range(20))),
    "single.csv": csv(HEAD, *GOOD, "1,2,r"),
    "ragged.csv": csv(HEAD, *GOOD, "1,2"),
    "text.csv": csv(HEAD, *GOOD, "1,abc,p"),
    "infinite.csv": csv(HEAD, *GOOD, "inf,2,p"),
    "lacks.csv": csv("a,y", *(f"{i},p" for i in range(4))),
    "twice.yaml": b"training: {epochs: 3}\ntraining: {epochs: 4}\n",
    "level.yaml": b"learning_rate: 0.1\n",
    "key.yaml": b"optimizer: {learning_rte: 0.1}\n",
}

CASES = [
    (("absent.csv",), "no such file"),
    (("digit",), "Did you mean 'digits'"),
    (("folder",), "It is empty"),
    (("empty.csv", "--target", "y"), "is empty"),
    (("header.csv", "--target", "y"), "header"),
    (("good.csv",), "which column is to be predicted"),
    (("good.csv", "--target", "yy"), "'y'"),
    (("one-class.csv", "--target", "y"), "'p' in every row"),
    (("missing-target.csv", "--target", "y"), "line 42"),
    (("unique-target.csv", "--target", "y"), "classes"),
    (("single.csv", "--target", "y"), "'r'"),
    (("ragged.csv", "--target", "y"), "42"),
    (("text.csv", "--target", "y"), "'abc'"),
    (("infinite.csv", "--target", "y"), "inf"),
    (("cut",), "bytes"),
    (("pictures",), "broken.png"),
    (("iris", "--batch-size", "0"), "batch_size"),
    (("iris", "--batch-size", "-3"), "batch_size"),
    (("iris", "--optimizer", "adm"), "adam"),
    (("iris", "--activation", "rellu"), "relu"),
    (("iris", "--momentum", "0.9"), "momentum"),
    (("iris", "--loss", "huber"), "huber"),
    (("iris", "--validation-split", "1.5"), "validation_split"),
    (("iris", "--set", "training.epoch=3"), "training.epochs"),
    (("iris", "--set", "epochs=3"), "training"),
    (("iris", "--config", "twice.yaml"), "twice"),
    (("iris", "--config", "level.yaml"), "optimizer"),
    (("iris", "--config", "key.yaml"), "learning_rate"),
    (("iris", "--config", "none.yaml"), "no such file"),
    (("iris", "--schedule", "reduce_on_plateau", "--validation-split", "0"), "validation"),
    (("iris", "--run-dir", "taken"), "exists"),
    ((), "no data"),
]


@pytest.fixture
def files(tmp_path: Path) -> None:
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "folder").mkdir()
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").touch()
    cut = tmp_path / "cut"
    cut.mkdir()
    for part in ("train", "t10k"):
        images = struct.pack(">4i", 2051, 30, 4, 4) + bytes(30 * 16 - 5)
        (cut / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(images))
        (cut / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">2i", 2049, 30) + bytes([0, 1] * 15))
    for label in ("cat", "dog"):
        folder = tmp_path / "pictures" / label
        folder.mkdir(parents=True)
        for number in range(6):
            Image.fromarray(np.full((4, 4), number * 20, np.uint8)).save(folder / f"{number}.png")
    (tmp_path / "pictures" / "dog" / "broken.png").write_bytes(
        (tmp_path / "pictures" / "dog" / "0.png").read_bytes()[:40]
    )


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(("words", "said"), CASES, ids=[" ".join(words) or "nothing" for words, _ in CASES])
def test_train_says_what_is_wrong(batchwright, words: tuple[str, ...], said: str) -> None:
    answer = batchwright("train", *words)
    assert answer.code == 2
    assert said in answer.err
    assert "Traceback" not in answer.err
    assert answer.out == ""
    assert not Path("runs").exists()


@pytest.mark.usefixtures("files")
def test_a_run_is_not_opened_nor_applied_to_what_it_does_not_fit(batchwright) -> None:
    assert "not a folder" in batchwright("predict", "runs/none-1", "iris").err
    batchwright("train", "good.csv", "--target", "y", "--epochs", 1, "--run-dir", "run")
    for words, said in [
        (("predict", "run", "lacks.csv"), "'b'"),
        (("predict", "run", "absent.csv"), "no such file"),
        (("predict", "run", "good.csv", "--output", "good.csv"), "exists"),
        (("predict", "run", "good.csv", "--output", "out.txt"), ".parquet"),
        (("evaluate", "run", "digits"), "images"),
        (("predict", "taken", "good.csv"), "manifest.json"),
    ]:
        answer = batchwright(*words)
        assert answer.code == 2, words
        assert said in answer.err, words
