"""On how many devices a recorded training goes on, and what is said of devices."""

from collections.abc import Iterator
from dataclasses import replace

import jax

from batchwright.config import Settings
from batchwright.training.job import Job
from batchwright.training.placement import place_on

DEVICES = "training.devices"


def with_devices(settings: Settings, devices: int) -> Settings:
    """The settings with another number of devices, as the user's choice.

    Raises:
        ConfigError: there are fewer.
    """
    place_on(devices)
    return replace(_with(settings, devices), origins={**settings.origins, DEVICES: "user"})


def with_devices_here(settings: Settings) -> Settings:
    """The settings of a recorded training, with at most as many devices as there are here."""
    seen, recorded = jax.local_device_count(), settings.config.training.devices
    return _with(settings, seen) if recorded > seen else settings


def unused_devices_note(job: Job) -> Iterator[str]:
    """A sentence where there are GPUs that are not used."""
    seen, used = jax.local_devices(), job.placement.count_here
    if seen[0].platform != "cpu" and len(seen) > used:
        kind = seen[0].platform.upper()
        yield f"{used} of {len(seen)} {kind}s are used: `devices={len(seen)}` divides each batch over all of them"


def other_devices_note(before: Settings, job: Job) -> Iterator[str]:
    """A sentence where a recorded training had another number of devices."""
    had, has = before.config.training.devices, job.placement.count_here
    if had != has:
        yield f"the run had devices={had} and goes on with devices={has}: what follows may differ in its last bits"


def _with(settings: Settings, devices: int) -> Settings:
    training = replace(settings.config.training, devices=devices)
    return replace(settings, config=replace(settings.config, training=training))
