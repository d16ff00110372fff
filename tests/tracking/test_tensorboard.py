"""The files for TensorBoard, read back by TensorBoard itself."""

import io
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.tracking.conftest import Logged

from batchwright.tracking import protobuf
from batchwright.tracking.tensorboard import TensorBoard
from batchwright.tracking.tracker import About, Ending, Epoch

pytest.importorskip("tensorboard")


def events_of(folder: Path) -> Iterator[Any]:
    from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
    from tensorboard.compat.proto.event_pb2 import Event

    for path in sorted(folder.glob("events.out.tfevents.*")):
        for data in RawEventFileLoader(str(path)).Load():
            event = Event.FromString(data)
            assert event.SerializeToString(deterministic=True)
            yield event


def accumulated(folder: Path) -> Any:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0, "histograms": 0, "tensors": 0})
    return found.Reload()


@pytest.fixture(scope="module")
def read(logged: Logged) -> Any:
    return accumulated(logged.tensorboard)


def scalars(read: Any, tag: str) -> list[tuple[int, float]]:
    return [(one.step, one.value) for one in read.Scalars(tag)]


def test_scalars_are_the_history(logged: Logged, read: Any) -> None:
    for tag in ("loss", "val_loss", "val_accuracy", "learning_rate", "layers/body/dense_0/gradient"):
        assert scalars(read, tag) == [
            (row["epoch"], pytest.approx(row[tag], rel=1e-6)) for row in logged.trained.history if tag in row
        ], tag


def test_metrics_are_those_of_the_end(logged: Logged, read: Any) -> None:
    trained = logged.trained
    assert scalars(read, "test/accuracy") == [
        (trained.stopped.epoch, pytest.approx(trained.test_metrics["accuracy"], rel=1e-6))
    ]


def test_histograms_are_those_of_the_weights(logged: Logged, read: Any) -> None:
    for epoch in logged.told.epochs:
        for name, found in epoch.weights.items():
            (one,) = [one for one in read.Histograms(f"weights/{name}") if one.step == epoch.number]
            read_back = one.histogram_value
            assert read_back.bucket == found.counts.tolist()
            assert read_back.bucket_limit == found.edges[1:].tolist()
            assert (read_back.min, read_back.max) == (found.edges[0], found.edges[-1])
            assert (read_back.num, read_back.sum) == (found.counts.sum(), found.total)
            assert read_back.sum_squares == found.squares


def test_the_configuration_and_the_ending_are_texts(logged: Logged, read: Any) -> None:
    (one,) = read.Tensors("configuration")
    words = one.tensor_proto.string_val[0].decode()
    assert "    training:" in words
    assert all(line.startswith("    ") for line in words.splitlines())
    assert read.summary_metadata["configuration"].plugin_data.plugin_name == "text"
    assert read.Tensors("ending")[0].tensor_proto.string_val[0].decode().startswith("finished: ")


def test_figures_are_images(logged: Logged, read: Any) -> None:
    pytest.importorskip("resvg_py")
    (one,) = read.Images("figures/curves")
    with Image.open(io.BytesIO(one.encoded_image_string)) as image:
        assert (image.width, image.height) == (one.width, one.height)
    drawn = {tag.removeprefix("figures/") for tag in read.Tags()["images"]}
    assert drawn == set(logged.trained.figures)


def test_the_table_of_hyperparameters_has_the_settings(logged: Logged) -> None:
    from tensorboard.plugins.hparams import metadata

    values = {
        value.tag: value.metadata.plugin_data.content
        for event in events_of(logged.tensorboard)
        for value in event.summary.value
        if value.metadata.plugin_data.plugin_name == "hparams"
    }
    started = metadata.parse_session_start_info_plugin_data(values[metadata.SESSION_START_INFO_TAG])
    assert started.hparams.keys() == logged.told.begun[0][0].settings.keys()
    assert started.hparams["training.batch_size"].number_value == 26
    assert started.hparams["training.shuffle"].bool_value is True
    assert started.hparams["optimizer.name"].string_value == "adam"
    ended = metadata.parse_session_end_info_plugin_data(values[metadata.SESSION_END_INFO_TAG])
    assert ended.status == 1


def add(tracker: TensorBoard, *epochs: tuple[int, float]) -> None:
    tracker.add([Epoch({"epoch": number, "loss": loss}) for number, loss in epochs])


def test_epochs_that_come_again_replace_those_that_were_there(tmp_path: Path) -> None:
    first = TensorBoard(tmp_path)
    assert first.start(About("a"), "") == "a"
    add(first, (1, 1.0), (2, 2.0), (3, 3.0))
    again = TensorBoard(tmp_path)
    assert again.start(About("a"), "a") == "a"
    add(again, (2, 20.0), (3, 30.0), (2, 200.0))
    again.end(Ending("interrupted", "enough"))
    assert scalars(accumulated(tmp_path / "a"), "loss") == [(1, 1.0), (2, 200.0)]
    assert TensorBoard(tmp_path).start(About("a"), "") == "a-2", "another run of that name has a folder of its own"


def test_odd_numbers_are_written_as_they_are(tmp_path: Path) -> None:
    tracker = TensorBoard(tmp_path)
    tracker.start(About("a", "group"), "")
    add(tracker, (1, math.nan), (2, -math.inf), (3, 1e300), (300_000, 0.0))
    found = scalars(accumulated(tmp_path / "group" / "a"), "loss")
    assert [step for step, _ in found] == [1, 2, 3, 300_000]
    assert math.isnan(found[0][1])
    assert [value for _, value in found[1:]] == [-math.inf, math.inf, 0.0]


def test_a_message_is_what_its_own_library_writes() -> None:
    """The same bytes, where the fields are written in the order of their numbers."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    ours = protobuf.event(12.5, 70_000, protobuf.summary([protobuf.scalar("ä/b", 0.25)]))
    value = Summary.Value(tag="ä/b", simple_value=0.25)
    assert ours == Event(wall_time=12.5, step=70_000, summary=Summary(value=[value])).SerializeToString()
