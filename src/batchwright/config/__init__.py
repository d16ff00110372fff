"""A run's configuration: read from YAML and overrides, checked as a whole, written with the source of each value."""

from batchwright.config.components import from_plain, to_plain, validate_component
from batchwright.config.custom import NONE_GIVEN, Given, check_part, given_of, read_run_settings
from batchwright.config.emit import flow
from batchwright.config.render import dump_config, json_schema, starter_config
from batchwright.config.sections import CUSTOM, Config, Data, LossName, Own, TaskSettings, Training
from batchwright.config.settings import Origin, Override, Settings, load_config, settings_of
from batchwright.training.stopping import EarlyStopping

__all__ = [
    "CUSTOM",
    "NONE_GIVEN",
    "Config",
    "Data",
    "EarlyStopping",
    "Given",
    "LossName",
    "Origin",
    "Override",
    "Own",
    "Settings",
    "TaskSettings",
    "Training",
    "check_part",
    "dump_config",
    "flow",
    "from_plain",
    "given_of",
    "json_schema",
    "load_config",
    "read_run_settings",
    "settings_of",
    "starter_config",
    "to_plain",
    "validate_component",
]
