"""Reading configurations: files, overrides, origins, and every kind of mistake, each with its place."""

import dataclasses
from pathlib import Path

import pytest

from batchwright.config import (
    NONE_GIVEN,
    Config,
    Data,
    EarlyStopping,
    TaskSettings,
    Training,
    dump_config,
    from_plain,
    load_config,
    read_run_settings,
    settings_of,
    starter_config,
)
from batchwright.config.hints import choices, fields_of
from batchwright.errors import ConfigError, unknown
from batchwright.nn import ARCHITECTURES, CNN, MLP, Tabular
from batchwright.nn.activations import ACTIVATIONS
from batchwright.optim import OPTIMIZERS, SGD, Adam, Constant, Cosine, OneCycle
from batchwright.tasks import CLASS_LOSSES, VALUE_LOSSES, Classification, Regression


def problems(tmp_path: Path, text: str, *overrides: tuple[str, str, str]) -> list[str]:
    path = tmp_path / "run.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(path, overrides)
    return str(caught.value).replace(str(path), "run.yaml").splitlines()


def override(key: str, text: str) -> tuple[str, str, str]:
    return key, text, f"--set {key}={text}"


def test_nothing_given_is_all_defaults() -> None:
    settings = load_config()
    assert settings.config.network == Tabular()
    assert settings.config.optimizer == Adam()
    assert settings.config.schedule == OneCycle()
    assert set(settings.origins.values()) == {"default"}


@pytest.mark.parametrize("text", ["", "# nothing\n", "null", "{}", "optimizer:\ntraining: {}\n", "\ufeffdata:\n"])
def test_an_empty_file_is_all_defaults(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.yaml").write_text(text)
    assert load_config(tmp_path / "run.yaml") == load_config()


def test_the_design_example_is_read(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text("""
data: {source: adult.csv, target: income, validation_split: 0.15, test_split: 0.15, split: stratified}
network: {name: mlp, hidden_layer_sizes: [256, 128], activation: relu, batch_normalization: true, dropout: 0.1}
optimizer: {name: adam, learning_rate: 0.001, beta_1: 0.9, beta_2: 0.999}
schedule: {name: one_cycle}
training: {epochs: 20, batch_size: 128, seed: 0, precision: float32, early_stopping: {patience: 5}}
""")
    settings = load_config(tmp_path / "run.yaml")
    config = settings.config
    assert (config.data.source, config.data.target) == ("adult.csv", "income")
    assert config.network == MLP(hidden_layer_sizes=(256, 128), batch_normalization=True, dropout=0.1)
    assert config.optimizer == Adam(learning_rate=0.001)
    assert config.training.early_stopping == EarlyStopping(patience=5)
    users = {key for key, origin in settings.origins.items() if origin == "user"}
    assert {"network.dropout", "optimizer.name", "training.early_stopping.patience"} <= users
    assert not {"optimizer.epsilon", "training.early_stopping.monitor", "task.loss"} & users
    assert settings.to_json()["network.dropout"] == {"value": 0.1, "origin": "user"}
    assert settings.to_json()["training.early_stopping.min_delta"] == {"value": 0.0, "origin": "default"}


def test_what_python_changes_is_the_users() -> None:
    training = Training(epochs=3, early_stopping=EarlyStopping())
    settings = settings_of(
        Config(network=MLP((3,)), optimizer=SGD(), schedule=OneCycle(pct_start=0.5), training=training)
    )
    assert {key for key, origin in settings.origins.items() if origin == "user"} == {
        "network.name",
        "network.hidden_layer_sizes",
        "optimizer.name",
        "schedule.pct_start",
        "training.epochs",
        *(f"training.early_stopping.{field.name}" for field in dataclasses.fields(EarlyStopping)),
    }


def test_overrides_win_from_left_to_right_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text("optimizer: {name: sgd, learning_rate: 0.5}\nschedule: {name: cosine}\n")
    overrides = [
        override("optimizer.learning_rate", "1e-2"),
        override("optimizer.learning_rate", "3e-3"),
        override("training.early_stopping.patience", "7"),
        override("schedule", "{end: 0.5, name: cosine}"),
        override("data.target", "8"),
    ]
    config = load_config(tmp_path / "run.yaml", overrides).config
    assert config.optimizer == SGD(learning_rate=0.003)
    assert config.schedule == Cosine(end=0.5)
    assert config.training.early_stopping == EarlyStopping(patience=7)
    assert config.data.target == "8"


def test_numbers_are_floats_where_the_program_traces_them() -> None:
    optimizer = load_config(None, [override("optimizer.learning_rate", "1")]).config.optimizer
    assert type(optimizer.learning_rate) is float


def test_names_that_look_like_numbers_stay_names(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text(
        "data: {target: 0, missing: [-1, 1e3, no, 'null'], kinds: {0: categorical, no: date}}\n"
        "task: {class_weights: {1: 2, true: 0.5}}\n"
    )
    config = load_config(tmp_path / "run.yaml").config
    assert config.data.target == "0"
    assert config.data.missing == ("-1", "1e3", "no", "null")
    assert config.data.kinds == {"0": "categorical", "no": "date"}
    assert config.task.class_weights == {"1": 2.0, "true": 0.5}


def test_everything_wrong_is_said_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = """\
optimizer:
  name: adm
  learning_rte: 0.1
learning_rate: 0.1
training:
  batchsize: 32
  epochs: 0
  epochs: 5
  early_stopping: {patence: 3, min_delta: -1}
network:
  hidden_layer_sizes: [3, -1]
  activation: rellu
  beta_1: 0.5
  batch_normalization: yes
schedule: cosine
"""
    assert problems(tmp_path, text, override("task.los", "huber")) == [
        f"run.yaml:2: optimizer.name: {unknown('optimizer', 'adm', [cls.name for cls in OPTIMIZERS])}",
        "run.yaml:3: optimizer.learning_rte: unknown key; did you mean optimizer.learning_rate?",
        "run.yaml:4: learning_rate: unknown key here; it belongs under optimizer.",
        "run.yaml:6: training.batchsize: unknown key; did you mean training.batch_size?",
        "run.yaml:7: training.epochs: must be a whole number >= 1, or null, or auto, but is 0.",
        "run.yaml:8: epochs: is given twice (first in line 7); keep one of them.",
        "run.yaml:9: training.early_stopping.min_delta: must be a number >= 0, but is -1.",
        "run.yaml:9: training.early_stopping.patence: unknown key; did you mean training.early_stopping.patience?",
        "run.yaml:11: network.hidden_layer_sizes: must be a list, each entry a whole number > 0, but is [3, -1].",
        f"run.yaml:12: network.activation: {unknown('activation', 'rellu', ACTIVATIONS)}",
        "run.yaml:13: network.beta_1: unknown key here; it belongs under optimizer (of adam, adamw, nadam, lion).",
        "run.yaml:14: network.batch_normalization: must be true or false, or null, but is yes.",
        "run.yaml:15: schedule: must be a mapping of keys, but is cosine; write schedule: {name: cosine}.",
        "--set task.los=huber: task.los: unknown key; did you mean task.loss?",
    ]


@pytest.mark.parametrize(
    ("key", "text", "said"),
    [
        ("optimizer.momentum", "0.9", "not a key of the optimizer chosen; it is one of sgd, rmsprop, muon."),
        ("optimizer.lr", "0.1", "did you mean optimizer.learning_rate?"),
        ("optimizer.learning_rate", "0", "must be a number > 0, or auto, but is 0."),
        ("optimizer.learning_rate", ".nan", "must be a number > 0, or auto, but is .nan."),
        ("optimizer.learning_rate", ".inf", "must be a number > 0, or auto, but is .inf."),
        ("optimizer.learning_rate", "1" + "0" * 399, "must be a number > 0, or auto, but is 1000"),
        ("optimizer.learning_rate", "true", "must be a number > 0, or auto, but is true."),
        ("optimizer.learning_rate", "'0.1'", 'but is "0.1". Leave out the quotation marks.'),
        ("optimizer.learning_rate", "", "must be a number > 0, or auto, but is null."),
        ("optimizer", "sgd", "must be a mapping of keys, but is sgd; write optimizer: {name: sgd}."),
        ("optimizer", "[sgd]", "must be a mapping of keys, but is [sgd]."),
        ("optimizer.name", "[sgd]", "unknown optimizer '[sgd]'"),
        ("network.name", "mpl", "unknown network 'mpl': did you mean 'mlp'?"),
        ("schedule.name", "onecycle", "unknown schedule 'onecycle': did you mean 'one_cycle'?"),
        ("schedule.name", "piecewise", "schedule.points: is missing; it must be a list, each entry a list of 2"),
        ("schedule.optimizer", "{}", "it belongs at the top level, as the section optimizer."),
        ("data.task", "regression", "it belongs at the top level, as the section task."),
        ("task", "regression", "write task: {name: regression}."),
        ("data", "digits", "write data: {source: digits}."),
        ("min_delta", "1", "belongs under schedule (of reduce_on_plateau) or under training.early_stopping."),
        ("training.batch_size", "0", "must be a whole number >= 1, or full, or {adaptive: {}}"),
        ("training.batch_size", "-3", "must be a whole number >= 1, or full, or {adaptive: {}}"),
        ("training.batch_size", "ful", "but is ful. Did you mean full?"),
        ("training.batch_size", "1.5", "must be a whole number >= 1, or full, or {adaptive: {}}"),
        ("training.seed", "-1", "must be a whole number >= 0"),
        ("training.xyzzy", "1", "unknown key. Allowed: epochs, batch_size, seed, precision,"),
        ("data.image_size", "[8]", "must be a list of 2"),
        ("data.kinds", "{a: numeri}", "must be a mapping of names, each to one of numeric, categorical"),
        ("data.validation_split", "1", "must be a number >= 0 and < 1, or null, but is 1."),
        ("task.class_weights", "{a: 0}", "must be balanced, or a mapping of names, each to a number > 0, or null"),
        ("training.early_stopping.monitor", "val_acuracy", "did you mean 'val_accuracy'?"),
        ("task", "{name: regression, loss: cross_entropy}", "task.loss: cross_entropy is not for regression; choose"),
        ("data", "{validation_split: 0.5, test_split: 0.5}", "must be below 1"),
        ("training.average", "late", "but is late. Write {name: late}."),
        ("task", "{name: regression, loss: mse}", "unknown loss 'mse': did you mean 'mean_squared_error'?"),
        ("data", "{group: a, time: b}", "group and time are two ways to split"),
        ("", "1", ": unknown key. Allowed: data, network, optimizer, schedule, task, training."),
    ],
)
def test_a_mistake_is_answered(key: str, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(None, [override(key, text)])
    assert said in str(caught.value)
    assert str(caught.value).startswith(f"--set {key}=")


def test_a_dotted_key_in_a_file_is_to_be_indented(tmp_path: Path) -> None:
    key = "optimizer.learning_rate"
    assert problems(tmp_path, f"{key}: 1\n") == [
        f"run.yaml:1: {key}: unknown key; write learning_rate in a line of its own, indented under optimizer."
    ]


def test_nothing_is_set_inside_what_is_no_mapping(tmp_path: Path) -> None:
    found = problems(tmp_path, "training:\n  epochs: 3\n", override("training.epochs.more", "1"))
    assert found == [
        "--set training.epochs.more=1: more cannot be set in what is 3 elsewhere (run.yaml:2), not a mapping of keys."
    ]


def test_files_that_cannot_be_read_say_why(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text("")
    (tmp_path / "latin").write_bytes("# größer\n".encode("latin-1"))
    (tmp_path / "huge.yaml").write_bytes(b"#" * 3_000_000)
    cases = {
        "runs.yaml": "no such file; did you mean ",
        "latin": "is not UTF-8 text (byte 4)",
        "": "cannot be read: Is a directory",
        "none/x": "no such file.",
        "huge.yaml": "characters; a configuration has 200,000 at most",
    }
    for name, said in cases.items():
        with pytest.raises(ConfigError) as caught:
            load_config(tmp_path / name)
        assert said in str(caught.value)


def test_the_task_of_the_data_is_that_of_the_task_section() -> None:
    settings = load_config(None, [override("task.name", "regression"), override("data.test_split", "0.2")])
    options = settings.config.data_options
    assert (options.task, options.test_split) == ("regression", 0.2)
    assert load_config().config.data_options.task is None


def test_settings_repeated_from_other_parts_agree_with_them() -> None:
    assert choices(fields_of(Classification)["loss"]) == CLASS_LOSSES
    assert choices(fields_of(Regression)["loss"]) == VALUE_LOSSES
    assert choices(fields_of(TaskSettings)["loss"]) == ("auto", *CLASS_LOSSES, *VALUE_LOSSES)
    assert fields_of(TaskSettings)["gamma"] == fields_of(Classification)["gamma"]
    assert fields_of(TaskSettings)["quantiles"] == fields_of(Regression)["quantiles"]
    assert fields_of(TaskSettings)["label_smoothing"] == fields_of(Classification)["label_smoothing"]
    assert fields_of(TaskSettings)["delta"] == fields_of(Regression)["delta"]
    assert next(iter(fields_of(Data))) == "source"


def test_another_kind_on_top_of_a_file_takes_away_the_keys_that_it_lacks(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(starter_config("digits"))
    chosen = {"schedule.name": "constant", "optimizer.name": "sgd", "optimizer.momentum": "0.9", "network.name": "mlp"}
    config = load_config(path, [(key, value, f"--set {key}") for key, value in chosen.items()]).config
    assert (config.schedule, config.network) == (Constant(), MLP())
    assert config.optimizer == SGD(learning_rate=Adam().learning_rate, momentum=0.9)


def test_a_key_that_the_user_sets_for_another_kind_is_an_error_still() -> None:
    with pytest.raises(ConfigError, match="pct_start"):
        load_config(None, [("schedule.pct_start", "0.4", "--set"), ("schedule.name", "constant", "--schedule")])


@pytest.mark.parametrize("key", ["optimizer.learning_rate", "training.batch_size", "training.epochs"])
def test_what_is_auto_is_to_be_measured(key: str) -> None:
    settings = load_config(None, [(key, "auto", f"--set {key}=auto")])
    default = load_config()
    assert settings.to_measure == (key,)
    assert settings.config == default.config, "until then its default stands in"
    done = settings.with_measured({key: 7}, {key: {"reason": "found"}})
    assert (done.to_measure, done.origins[key], done.values[key]) == ((), "measured", 7)
    assert done.to_json()[key] == {"value": 7, "origin": "measured", "evidence": {"reason": "found"}}
    assert {other for other in done.origins if done.origins[other] == "measured"} == {key}
    assert f"{key.rpartition('.')[2]}: 7  # measured" in dump_config(done)


def test_auto_elsewhere_is_no_measurement() -> None:
    with pytest.raises(
        ConfigError, match=r"training.max_time: must be a number > 0 of seconds, or a text .*, or null, but is auto"
    ):
        load_config(None, [override("training.max_time", "auto")])


@pytest.mark.parametrize(("text", "seconds"), [("60", 60), ("90s", 90), ("1.5m", 90), ("2 min", 120), ("1h", 3600)])
def test_a_length_of_time_is_read_in_seconds(text: str, seconds: float) -> None:
    assert load_config(None, [override("training.max_time", text)]).config.training.max_time == seconds


@pytest.mark.parametrize("text", ["0", "0s", "-1", "-2m", "soon", "5 parsecs", "1m30"])
def test_a_length_of_time_is_above_0(text: str) -> None:
    said = r"must be a number > 0 of seconds, or a text such as 60s, 1m30s or 1h, or null, but is"
    with pytest.raises(ConfigError, match=said) as caught:
        load_config(None, [override("training.max_time", text)])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{adaptive: {by: noise}}", "unknown by 'noise': did you mean 'noise_scale'?"),
        ("{adaptive: {begin: 8}}", "training.batch_size.adaptive.begin"),
        ("{adaptive: {start: 64, maximum: 8}}", "maximum"),
        ("{adaptive: {start: 0}}", "must be a whole number >= 1"),
    ],
)
def test_a_mistake_in_how_a_batch_size_grows_is_answered(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(None, [override("training.batch_size", text)])
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "overrides"),
    [
        ("network: {kind: mlp, dropout: 0.1}\ntask: {kind: regression}\n", []),
        ("task: {name: regression}\n", [override("network", "{kind: mlp, dropout: 0.1}")]),
        ("network: {dropout: 0.1}\n", [override("network.kind", "mlp"), override("task.kind", "regression")]),
    ],
)
def test_former_names_of_keys_are_still_read(tmp_path: Path, text: str, overrides: list[tuple[str, str, str]]) -> None:
    (tmp_path / "run.yaml").write_text(text)
    config = load_config(tmp_path / "run.yaml", overrides).config
    assert (config.network.name, config.network.dropout, config.task.name) == ("mlp", 0.1, "regression")


def test_a_key_under_its_former_and_its_present_name_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text("network: {kind: mlp, name: mlp}\n")
    with pytest.raises(ConfigError, match=r"network\.kind: unknown key"):
        load_config(tmp_path / "run.yaml")


def test_networks_of_older_models_are_read() -> None:
    assert from_plain({"kind": "mlp", "dropout": 0.5}, ARCHITECTURES).dropout == 0.5


def test_a_record_of_an_earlier_version_keeps_what_was_done_then(tmp_path: Path) -> None:
    now = load_config(None, [])
    text = dump_config(now)
    new = ("numbers", "clip_margin", "calibration", "augment")
    lines = [line for line in text.splitlines() if not line.strip().startswith(new)]
    assert len(lines) == len(text.splitlines()) - len(new)
    (tmp_path / "earlier.yaml").write_text("\n".join(lines))
    earlier = read_run_settings(tmp_path / "earlier.yaml", NONE_GIVEN).config
    assert (earlier.task.clip_margin, earlier.task.calibration, earlier.training.augment) == ("none", "none", None)
    assert earlier.network == dataclasses.replace(now.config.network, numbers="piecewise_linear")
    (tmp_path / "now.yaml").write_text(text)
    assert read_run_settings(tmp_path / "now.yaml", NONE_GIVEN).config == now.config
    (tmp_path / "cnn.yaml").write_text("network: {name: cnn}\ntask: {}\n")
    assert read_run_settings(tmp_path / "cnn.yaml", NONE_GIVEN).config.network == CNN()
