"""The bytes that the compiler foretells, against the peak that the system sees."""

import subprocess
import sys

import pytest

MEASURED = """
import sys
import jax, jax.numpy as jnp, numpy as np
from batchwright import nn, optim
from batchwright.tasks import Classification
from batchwright.training.plan import Plan
from batchwright.training.segment import Epoch, compile_segment, no_losses
from batchwright.training.state import Model, Program, Rows, initial_state

size = int(sys.argv[1])
generator = np.random.default_rng(0)
rows = Rows({"numeric": jnp.asarray(generator.normal(size=(size, 64)).astype(np.float32))},
            jnp.asarray(generator.integers(10, size=size), jnp.int32), None)
network = nn.MLP((1024, 1024), batch_normalization=False).build(nn.Features(numeric=64), 10)
program = Program(Model(network, Classification(tuple("abcdefghij"))), optim.SGD(0.01))
state = initial_state(program, rows.inputs, seed=0)
segment = compile_segment(program, state, rows, Plan(size, size, 1, rows_at_once=size))
peak = lambda: 1024 * int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0])
before = peak()
epoch = Epoch(np.arange(size, dtype=np.int32).reshape(1, 1, size), np.float32([0.1]))
jax.block_until_ready(segment(program, (state, no_losses(1)), rows, epoch, (0, 1)))
print(segment.memory_bytes, peak() - before)
"""


@pytest.mark.soak
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="peaks are counted otherwise elsewhere")
def test_the_peak_grows_with_the_batch_as_foretold() -> None:
    """Between two sizes in processes of their own, so that what is there beforehand cancels."""
    told, seen = zip(*(measured(size) for size in (4096, 20_480)), strict=True)
    assert told[1] - told[0] > 100e6
    assert seen[1] - seen[0] == pytest.approx(told[1] - told[0], rel=0.3)


def measured(size: int) -> tuple[int, int]:
    """The bytes that a program for so many rows at once is said to occupy, and by how many the peak has grown."""
    command = [sys.executable, "-c", MEASURED, str(size)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return int(said[0]), int(said[1])
