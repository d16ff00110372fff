"""Options of the command line that are settings: each is a shorter name for a key of the configuration."""

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from batchwright.cli.completing import complete_assignment, completes_values
from batchwright.cli.table_names import names_in
from batchwright.errors import UsageError

if TYPE_CHECKING:
    from batchwright.config import Settings
    from batchwright.search.space import Space


@dataclass(frozen=True)
class Option:
    """`--flag VALUE` sets `key`.

    With `type` `names`, the value is several texts separated by commas. With `sizes` it is several numbers
    separated by commas, with or without brackets. With `yaml` it is used as written.
    """

    flag: str
    key: str
    type: type
    help: str

    @property
    def parameter(self) -> str:
        """The name of the option as a parameter of a function."""
        return self.flag.removeprefix("--").replace("-", "_")

    @property
    def annotation(self) -> Any:
        """The option as Typer needs it."""
        names = (f"{self.flag}/--no-{self.flag.removeprefix('--')}",) if self.type is bool else (self.flag,)
        kind: Any = self.type if self.type in (bool, int, float) else list[str] if self.type is columns else str
        shown = "<str>" if self.type is columns else None
        completes = None if self.type is bool else completes_values(self.key)
        option = typer.Option(*names, help=self.help, show_default=False, metavar=shown, autocompletion=completes)
        return Annotated[kind | None, option]

    def override(self, value: Any) -> tuple[str, str, str]:
        """The key, the value as YAML, and what messages call it."""
        from batchwright.config import flow

        label = self.flag if self.type is bool and value else f"--no-{self.parameter}" if self.type is bool else ""
        label = label.replace("_", "-") or f"{self.flag} {value}"
        if self.type is columns:
            if len(value) > 1:
                wanted = ",".join(dict.fromkeys(name.strip() for given in value for name in given.split(",")))
                raise UsageError(
                    f"{self.flag} is given {len(value)} times: give several columns as {self.flag} {quote(wanted)}."
                )
            return self.key, flow(value[0]), f"{self.flag} {value[0]}"
        if self.type is yaml:
            return self.key, value, label
        if self.type is sizes:
            return self.key, value if value.strip().startswith("[") else f"[{value}]", label
        if self.type is names:
            return self.key, flow([part.strip() for part in value.split(",")]), label
        return self.key, flow(value), label


class columns:  # noqa: N801
    """The type of an option whose value is names of columns, separated by commas; it is given only once."""


class names:  # noqa: N801
    """The type of an option whose value is texts, separated by commas."""


class sizes:  # noqa: N801
    """The type of an option whose value is whole numbers, separated by commas, or a YAML list: 256,128 or []."""


class yaml:  # noqa: N801
    """The type of an option whose value is already YAML, such as a number or a word."""


def join_with_or(names: Sequence[str]) -> str:
    """Names as a sentence lists them.

    >>> join_with_or(("relu", "tanh", "gelu"))
    'relu, tanh or gelu'
    """
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))


RULES = join_with_or(names_in("batchwright.optim.optimizers", "OPTIMIZERS"))
OPTIONS = (
    Option("--target", "data.target", columns, "the column to predict, or several separated by commas"),
    Option("--task", "task.name", str, "classification, regression or multilabel; auto follows from the target"),
    Option(
        "--label-separator", "data.label_separator", str, "what separates the labels in a cell [found from the cells]"
    ),
    Option("--test", "data.test", str, "a file whose rows replace the test split"),
    Option(
        "--validation-split",
        "data.validation_split",
        float,
        "share of the rows for validation [0.15, or 0 if that is fewer than 10 rows]",
    ),
    Option(
        "--test-split",
        "data.test_split",
        float,
        "share of the rows for the test [0.15, or 0 if the source has validation rows]",
    ),
    Option("--split", "data.split", str, "stratified, shuffled, group or time"),
    Option("--group", "data.group", str, "a column of groups: all rows of a group go to the same split"),
    Option("--time", "data.time", str, "a column of times: the last rows are the test"),
    Option("--weights", "data.weights", str, "a column of row weights"),
    Option("--header", "data.header", bool, "whether the first line of a text file names the columns"),
    Option(
        "--delimiter",
        "data.delimiter",
        str,
        "what separates cells in a text file; whitespace: runs of blanks [found]",
    ),
    Option("--decimal", "data.decimal", str, "the decimal mark of numbers in a text file: . or , [found by column]"),
    Option("--day-first", "data.day_first", bool, "whether 1/2/2024 is the first of February [found by column]"),
    Option("--encoding", "data.encoding", str, "of a text file, such as cp1252 or gb18030 [found from the file]"),
    Option("--skip-lines", "data.skip_lines", int, "lines above the header of a text file [found from the file]"),
    Option("--comment", "data.comment", str, "what comment lines begin with, such as '#', or none [found]"),
    Option("--quote", "data.quote", str, "the quotation mark of a text file, or none: such marks are text [found]"),
    Option("--missing", "data.missing", names, "further texts that mean missing, separated by commas"),
    Option("--usual-missing", "data.usual_missing", bool, "take NA, N/A, None, -, ? and the like as missing (default)"),
    Option("--on-bad-rows", "data.on_bad_rows", str, "stop, or drop rows whose cells do not fit their column"),
    Option("--rare-classes", "data.rare_classes", str, "drop their rows, or merge them into one class: other"),
    Option("--merge-case", "data.merge_case", bool, "take names that differ only in case, blanks or points as one"),
    Option("--scaling", "data.scaling", str, "of numbers: standard, robust, smooth_clip, quantile, none or auto"),
    Option("--target-transform", "data.target_transform", str, "of a predicted number: none, log, power or auto"),
    Option("--image-size", "data.image_size", sizes, "HEIGHT,WIDTH to which images in files are resized"),
    Option("--image-dir", "data.image_dir", str, "the folder of the images that a column names [beside the table]"),
    Option("--memory-limit", "data.memory_limit", str, "such as 2GB; a larger source is read in chunks [auto]"),
    Option("--cache-dir", "data.cache_dir", str, "where rows that are read in chunks are kept [beside the source]"),
    Option("--network", "network.name", str, "mlp, cnn, tabular or linear"),
    Option(
        "--hidden-layer-sizes",
        "network.hidden_layer_sizes",
        sizes,
        "units of each hidden layer, such as 256,128; [] for none",
    ),
    Option("--activation", "network.activation", str, "relu, sigmoid, tanh, leaky_relu, gelu, silu, ..."),
    Option("--batch-normalization", "network.batch_normalization", bool, "normalise before each activation, or not"),
    Option("--submodels", "network.ensemble", int, "parts of one network that share weights, such as 8; 0: none"),
    Option("--dropout", "network.dropout", float, "share of activations left out in training"),
    Option("--loss", "task.loss", str, "cross_entropy, mean_squared_error, huber, ..."),
    Option("--class-weights", "task.class_weights", yaml, "balanced, or {name: weight, ...}"),
    Option("--label-smoothing", "task.label_smoothing", float, "share of each target spread over all classes"),
    Option(
        "--clip-margin",
        "task.clip_margin",
        yaml,
        "share by which answers may leave the range of training; or none",
    ),
    Option(
        "--calibration",
        "task.calibration",
        str,
        "of probabilities on the validation rows: temperature, none, or auto: where it helps",
    ),
    Option("--optimizer", "optimizer.name", str, RULES),
    Option("--learning-rate", "optimizer.learning_rate", yaml, "step size, which the schedule multiplies; or auto"),
    Option("--momentum", "optimizer.momentum", float, "momentum of the rules that have it, such as sgd"),
    Option("--nesterov", "optimizer.nesterov", bool, "Nesterov's form of momentum"),
    Option("--weight-decay", "optimizer.weight_decay", float, "decoupled weight decay"),
    Option("--schedule", "schedule.name", str, "constant, cosine, one_cycle, exponential, reduce_on_plateau, ..."),
    Option(
        "--ensemble",
        "training.members",
        yaml,
        "networks that answer together, such as 8, or auto: with drawn settings; of a search, the best trials",
    ),
    Option("--folds", "training.folds", int, "parts of the rows that are each held out from some members, such as 5"),
    Option("--refit", "training.refit", bool, "train anew on validation rows too, for the best number of epochs"),
    Option("--epochs", "training.epochs", yaml, "passes over the training rows; or auto"),
    Option("--batch-size", "training.batch_size", yaml, "rows per update; full, auto, or {adaptive: {}} to grow"),
    Option("--noise-scale", "training.noise_scale", bool, "measure the gradient noise scale after each epoch"),
    Option(
        "--diagnostics",
        "training.diagnostics",
        bool,
        "record figures of each layer after some epochs, and the last mistakes on validation rows, or not",
    ),
    Option(
        "--curvature",
        "training.curvature",
        bool,
        "record the largest curvature of the loss too, which takes far longer",
    ),
    Option("--remainder", "training.remainder", str, "keep or drop a last batch that is not full"),
    Option("--precision", "training.precision", str, "float32, bfloat16, or auto: the faster one, as measured"),
    Option("--early-stopping", "training.early_stopping", yaml, "null, or {patience: 5, monitor: val_loss}"),
    Option(
        "--max-time", "training.max_time", yaml, "how long to train at most: 60s, 1m30s or 1h; the schedule ends then"
    ),
    Option(
        "--on-divergence", "training.divergence.policy", str, "stop, or reduce: go back with a smaller learning rate"
    ),
    Option(
        "--deterministic", "training.deterministic", bool, "give the same bits on any number of cores; uses up to 4"
    ),
    Option("--average", "training.average", yaml, "{name: exponential, decay: 0.999}, or {name: late, start: 0.75}"),
    Option("--augment", "training.augment", yaml, "of images: auto, null, or {shift: 0.1, flip: true, rotation: 10}"),
    Option("--freeze", "training.freeze", names, "parameters that are not trained, such as 'body/dense_0/*,bias'"),
    Option("--devices", "training.devices", int, "devices of this machine that share each batch [1]"),
    Option("--seed", "training.seed", int, "of the split, the first parameters, the order of the rows and dropout"),
)

Source = Annotated[str | None, typer.Argument(help="an example (digits, iris, ...), a file or a folder")]
ConfigFile = Annotated[str | None, typer.Option("--config", metavar="FILE", help="a YAML file of settings")]
Assignments = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="any setting, such as optimizer.beta_1=0.8; the rightmost wins",
        autocompletion=complete_assignment,
    ),
]


def takes_settings(verb: Callable[..., None]) -> Callable[..., None]:
    """Turn `verb(settings, ...)` into a command that takes a source, `--config`, `--set` and every option above.

    An option of the verb's own takes the place of the one above that has its name.
    """
    return _command(verb, read_settings)


def takes_space(verb: Callable[..., None]) -> Callable[..., None]:
    """The same for `verb(space, ...)`, where a value may also be a range or a choice."""
    return _command(verb, read_space)


def _command(verb: Callable[..., None], read: Callable[..., Any]) -> Callable[..., None]:
    own = list(inspect.signature(verb).parameters.values())[1:]
    taken = {parameter.name for parameter in own}
    options = [(option.parameter, option.annotation) for option in OPTIONS if option.parameter not in taken]
    given = [("source", Source), ("config", ConfigFile), *options, ("assignments", Assignments)]

    def command(**values: Any) -> None:
        rest = {parameter.name: values.pop(parameter.name) for parameter in own}
        verb(read(**values), **rest)

    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter(name, keyword, default=None, annotation=hint) for name, hint in given]
    parameters += [parameter.replace(kind=keyword) for parameter in own]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    command.__name__, command.__doc__ = verb.__name__, verb.__doc__
    return command


def read_settings(**values: Any) -> "Settings":
    """The settings of a file, overridden by options and then by assignments.

    Raises:
        ConfigError: everything that is wrong with them.
    """
    from batchwright.config import load_config

    return load_config(*_file_and_overrides(**values))


def read_space(**values: Any) -> "Space":
    """The same as a space of settings to choose from.

    Raises:
        ConfigError: everything that is wrong with them.
    """
    from batchwright.search.space import load_space

    return load_space(*_file_and_overrides(**values))


def _file_and_overrides(
    source: str | None, config: str | None, assignments: list[str] | None, **options: Any
) -> tuple[str | None, list[tuple[str, str, str]]]:
    """The file, and the overrides of its settings."""
    from batchwright.config import flow

    overrides = [("data.source", flow(source), source)] if source is not None else []
    overrides += [
        option.override(options[option.parameter]) for option in OPTIONS if options.get(option.parameter) is not None
    ]
    return config, [*overrides, *_parse_assignments(assignments or [])]


def _parse_assignments(assignments: list[str]) -> Iterator[tuple[str, str, str]]:
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals:
            raise typer.BadParameter(f"{assignment!r} is not KEY=VALUE, as in optimizer.beta_1=0.8", param_hint="--set")
        yield key.strip(), value, f"--set {assignment}"
