"""Several devices give what one gives, and give it again to the bit; each row is in one batch, on one device."""

import os
from pathlib import Path

import numpy as np
import pytest
from tests.builders import make_job
from tests.children import Children
from tests.training.on_devices import COUNTS, TRAINED, TRAININGS

import batchwright as bw
from batchwright.errors import ConfigError
from batchwright.training.order import arrange_batches, batches
from batchwright.training.placement import LOCAL, place_on
from batchwright.training.plan import Plan, make_plan

FLAG = "--xla_force_host_platform_device_count=4"
PROGRAM = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tests.training.on_devices import main
main(Path(sys.argv[2]))
"""


def on_four_devices() -> dict[str, str]:
    """What makes four devices of the processor, for a process that a test starts."""
    return {"XLA_FLAGS": f"{os.environ['XLA_FLAGS']} {FLAG}", "BATCHWRIGHT_CACHE": "off"}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of what all trainings came to."""
    folder = tmp_path_factory.mktemp("devices")
    with Children() as children:
        (folder / "program.py").write_text(PROGRAM)
        child = children.fork(folder / "program.py", Path.cwd(), folder, cwd=folder, env=on_four_devices())
        assert child.ended() == 0, child.err
    return folder


def read(folder: Path, name: str, devices: int) -> dict[str, np.ndarray]:
    with np.load(folder / f"{name}-{devices}.npz") as arrays:
        return dict(arrays)


@pytest.mark.parametrize(("name", "devices"), [one for one in TRAINED if one[1] > 1])
def test_several_devices_give_what_one_gives(found: Path, name: str, devices: int) -> None:
    one, several = read(found, name, 1), read(found, name, devices)
    assert one.keys() == several.keys()
    for key in one:
        np.testing.assert_allclose(several[key], one[key], rtol=2e-4, atol=2e-5, err_msg=key)


@pytest.mark.parametrize("name", ["dropout", "from the disk"])
def test_as_many_devices_give_the_same_bits_again(found: Path, name: str) -> None:
    first, again = read(found, name, 4), read(found, f"again {name}", 4)
    assert all(np.array_equal(first[key], again[key]) for key in first)


def test_members_on_several_devices_have_the_bits_that_they_have_on_one(found: Path) -> None:
    one, several = read(found, "members", 1), read(found, "members", 4)
    assert all(np.allclose(one[key], several[key], rtol=1e-6, atol=1e-7) for key in one)


@pytest.mark.parametrize("devices", COUNTS)
def test_each_row_is_in_the_batch_that_it_is_in_on_one_device(found: Path, devices: int) -> None:
    one, several = (read(found, "rows", count)["rows"] for count in (1, devices))
    assert several.tolist() == one.tolist()
    for epoch in np.split(several, 2):
        assert sorted(epoch[epoch >= 0].tolist()) == list(range(103))


def test_devices_divide_the_work(found: Path) -> None:
    one, two, four = (float(read(found, "operations", devices)["training"]) for devices in COUNTS)
    assert two < 0.7 * one
    assert four < 0.7 * two


@pytest.mark.parametrize(("devices", "wanted"), [(1, [0, 0]), (2, [1, 3]), (4, [1, 3])])
def test_an_iteration_adds_up_one_array_over_the_devices_and_two_more_for_batch_normalization(
    found: Path, devices: int, wanted: list[int]
) -> None:
    assert read(found, "operations", devices)["sums"].tolist() == wanted


def test_trainings_differ_from_each_other(found: Path) -> None:
    """Otherwise an option that is not passed on would go unnoticed."""
    losses = {tuple(read(found, name, 1)["loss"]) for name in TRAININGS if name not in ("members",)}
    assert len(losses) >= len(TRAININGS) - 3


@pytest.mark.parametrize(("size", "devices", "parts_of"), [(8, 4, 8192), (7, 4, 8192), (22, 3, 8), (1, 4, 8192)])
def test_places_are_as_many_on_each_device_and_hold_each_row_once(size: int, devices: int, parts_of: int) -> None:
    one, several = (Plan(53, size, 1, rows_at_once=parts_of, devices=count) for count in (1, devices))
    alone, shared = (batches(plan, seed=3, epoch=1) for plan in (one, several))
    assert shared.shape[2] % devices == 0
    assert shared.shape[2] - alone.shape[2] < devices
    assert sorted(shared[shared < 53].tolist()) == list(range(53))
    for a, b in zip(alone.reshape(-1, alone.shape[2]), shared.reshape(-1, shared.shape[2]), strict=True):
        assert a[a < 53].tolist() == b[b < 53].tolist(), "each part of each batch has the same rows"


def test_nothing_is_widened_for_one_device() -> None:
    plan = make_plan(53, 8, 1)
    order = np.arange(53, dtype=np.int32)
    arranged = arrange_batches(order, plan, iterations=7, filler=53)
    assert arranged.reshape(-1).tolist() == [*range(53), 53, 53, 53]


def test_more_devices_than_there_are_is_told() -> None:
    with pytest.raises(ConfigError, match=r"training.devices is 64, but JAX sees \d+ devices? here .*: take `devices="):
        place_on(64)


def test_more_devices_than_there_are_are_refused_before_anything_is_trained() -> None:
    with pytest.raises(ConfigError, match=r"training.devices is 64, but JAX sees"):
        bw.fit(bw.load("iris"), devices=64)


def test_one_device_is_where_everything_has_been() -> None:
    assert place_on(1) == LOCAL
    assert make_job().placement == LOCAL
