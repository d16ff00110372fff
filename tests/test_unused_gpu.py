"""A GPU that is there and not used is said, with the command, and nothing is said where nothing can be done."""

from pathlib import Path

import jax
import pytest

from batchwright import _machine, workflow
from batchwright.config import load_config


@pytest.fixture
def processor_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose JAX sees the processor alone, and which has no GPU; the folder of the driver."""
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(jax, "default_backend", lambda: "cpu")
    monkeypatch.setattr(_machine.shutil, "which", lambda _: None)
    monkeypatch.setattr(_machine, "is_installed", lambda _: False)
    monkeypatch.setattr(_machine, "GPUS", tmp_path / "gpus")
    return tmp_path / "gpus"


def test_without_a_gpu_nothing_is_said(processor_only: Path) -> None:
    assert _machine.unused_gpu() == ""
    processor_only.mkdir()  # the driver is there, and has found none
    assert _machine.unused_gpu() == ""


@pytest.mark.parametrize("by", ["driver", "command"])
def test_one_that_is_not_used_is_said(processor_only: Path, monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    if by == "driver":
        (processor_only / "0000:01:00.0").mkdir(parents=True)
    else:
        monkeypatch.setattr(_machine.shutil, "which", {"nvidia-smi": "/usr/bin/nvidia-smi"}.get)
    assert "pip install 'batchwright[cuda]'" in _machine.unused_gpu()
    monkeypatch.setattr(_machine, "is_installed", lambda name: name == "jax_cuda13_plugin")
    assert "find no device" in _machine.unused_gpu() and "pip install" not in _machine.unused_gpu()


@pytest.mark.parametrize(("name", "value"), [("JAX_PLATFORMS", "cpu"), ("CUDA_VISIBLE_DEVICES", "")])
def test_who_asked_for_the_processor_hears_nothing(
    processor_only: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    (processor_only / "0000:01:00.0").mkdir(parents=True)
    monkeypatch.setenv(name, value)
    assert _machine.unused_gpu() == ""


def test_one_that_is_used_is_not_said(processor_only: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (processor_only / "0000:01:00.0").mkdir(parents=True)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert _machine.unused_gpu() == ""


def test_a_training_says_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_machine, "unused_gpu", lambda: "a GPU is not used")
    settings = load_config(None, [("data.source", "iris", ""), ("network.name", "linear", "")])
    prepared = next(workflow.train(settings, record=False))
    assert prepared.notes.count("a GPU is not used") == 1
