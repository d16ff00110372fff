"""Arguments of another kind than they may be: one error of our own, which says what was given and what is allowed."""

import ast
import json
import re
from pathlib import Path

import pytest
from tests.children import Children

import batchwright as bw

SRC = Path(bw.__file__).parent

FOLDER = "takes the path of a folder"
SAID = {
    "fit(optimizer=Adam)": "optimizer=Adam is a class: make one of it, as Adam()",
    "fit(optimizer=MLP())": "optimizer takes one that is made as optim.Adam",
    "fit(network=MLP)": "network=MLP is a class",
    "fit(network='linear')": r"but is 'linear': give nn.Linear\(\)\.",
    "fit(network=Adam())": r"network takes nn.MLP\(\) or another architecture, a Network, or a Layer",
    "fit(network=[64])": r"but is \[64\]",
    "fit(metrics='accuracy')": "metrics takes a list, .* but is 'accuracy'",
    "fit(metrics=[3])": "metrics takes names, .* but 3 is neither",
    "fit(task=3)": "task takes a task, .* but is 3",
    "fit(task='multilabel')": r"is an argument of load, as in load\(\.\.\., task='multilabel'\)",
    "fit(loss=3)": "^loss: must be",
    "fit(loss='mse')": "but is mse. Did you mean mean_squared_error",
    "fit(average={'name': 'late'})": r"^average: must be Average\(\.\.\.\), or None, but is",
    "fit(loss=lambda outputs: 0.0)": r"the loss fails on outputs of shape \[4, 3\] .*TypeError",
    "fit(threshold='f2')": "threshold: must be",
    "fit(on_event=lambda event: True)": "on_event gives None, 'stop' or 'checkpoint', but gave True",
    "fit(schedule=bw.optim.OneCycle)": "schedule=OneCycle is a class",
    "fit(early_stopping=bw.EarlyStopping)": r"^early_stopping: must be EarlyStopping\(\.\.\.\), or None",
    "fit(early_stopping=bw.Checkpoints())": r"^early_stopping: must be EarlyStopping\(\.\.\.\), or None",
    "fit(divergence='stop')": r"^divergence: must be Divergence\(\.\.\.\), but is stop",
    "fit(checkpoints=None)": "checkpoints: must be",
    "fit(run_dir=5)": f"run_dir {FOLDER}, .* but is 5",
    "fit(run_dir=False)": FOLDER,
    "fit(run_dir=b'run')": FOLDER,
    r"fit(run_dir='a\0b')": FOLDER,
    "fit(seed=-1)": "seed: must be a whole number >= 0 .* but is -1",
    "fit(learning_rate='high')": "learning_rate takes a number > 0, .* but is 'high'",
    "fit(learning_rate=[0.1])": r"learning_rate takes a number > 0, .* but is \[0.1\]",
    "fit(learning_rate=np.array([0.1, 0.2]))": "learning_rate takes a number",
    "fit(epochs=np.array([1, 2]))": r'epochs: must be a whole number >= 1, or None, or "auto", but is \[1, 2\]',
    "fit(precision='half')": r'precision: must be one of float32, bfloat16, or "auto", but is half',
    "fit(batch_size=np.array([8, 16]))": "batch_size: must be",
    "fit(batch_size=bw.AdaptiveBatchSize)": r"batch_size: must be .* or AdaptiveBatchSize\(\.\.\.\)",
    "bw.load('iris', seed=-1)": "^seed must be a whole number >= 0, but is -1",
    "bw.load('iris', seed='a')": "^seed must be",
    "bw.load('iris', seed=1.5)": "^seed must be",
    "bw.load('iris', validation_split='a')": "^validation_split must be a number .* but is 'a'",
    "bw.load('iris', test_split=True)": "^test_split must be",
    "bw.load('iris', split=3)": "^split must be",
    "bw.load('iris', scaling=None)": "^scaling must be",
    "bw.load('iris', one_hot_max='a')": "^one_hot_max must be",
    "bw.load('iris', min_frequency='a')": "^min_frequency must be",
    "bw.load('iris', target_transform='logarithm')": "^unknown target_transform 'logarithm'",
    "bw.load('iris', columns={'a': {'order': 'low'}})": "^columns: .*order",
    "bw.load('iris', header='no')": "^header must be True or False",
    "bw.load('digits', image_size=5)": "^image_size must be",
    "bw.load('iris', on_bad_rows=None)": "^on_bad_rows must be",
    "bw.load('iris', rare_classes='skip')": "^unknown rare_classes 'skip'",
    "bw.load('iris', rare_classes=3)": "^rare_classes must be 'drop' or 'merge', or None",
    "bw.load('iris', merge_case='yes')": "^merge_case must be True or False",
    "bw.load('iris', task=3)": "^task must be",
    "bw.load('iris', missing='NA')": "^missing must be a tuple of texts, but is 'NA'",
    "bw.load('iris', delimiter=5)": "^delimiter must be",
    "bw.load('iris', decimal=';')": "^decimal must be '.' or ','",
    "bw.load('iris', day_first='yes')": "^day_first must be True or False, or None",
    "bw.open_run(5)": FOLDER,
    "bw.open_run(None)": FOLDER,
    "bw.resume(5)": FOLDER,
    "bw.diagnose(fit(network=bw.nn.Linear()))": f"{FOLDER}, .* but is <Trained",
    "bw.explain(fit(network=bw.nn.Linear()))": f"{FOLDER}, .* but is <Trained",
    "bw.resume_search(5)": FOLDER,
    "bw.run_search(data, run_dir=5)": FOLDER,
    "bw.run_search(data, storage=5)": "storage takes text or None, but is 5",
    "bw.predict('run', 'iris')": "a prediction takes a run, as open_run",
    "bw.predict(5, 'iris')": "a prediction takes a run, as open_run",
    "bw.Classifier(optimizer=Adam).fit(np.eye(4), [0, 1, 0, 1])": "optimizer",
    "bw.Classifier(optimizer=MLP()).fit(np.eye(4), [0, 1, 0, 1])": "optimizer takes one",
    "bw.Classifier((10**9,)).fit(np.eye(4), [0, 1, 0, 1])": "parameters would take about .* take smaller layers",
    "bw.Classifier(validation_split='a').fit(np.eye(4), [0, 1, 0, 1])": "validation_split must be",
}
"""Calls, and what the error says: tried in a process of their own, whose types nobody checks before the call."""

TRIED = """
import json, sys
import numpy as np
import batchwright as bw
from batchwright.errors import BatchwrightError

Adam, MLP, data, answers = bw.optim.Adam, bw.nn.MLP, bw.load("iris"), {}

def fit(**arguments):
    return bw.fit(data, **{"epochs": 1, **arguments})

for call in json.loads(sys.argv[1]):
    try:
        answers[call] = f"no error: {eval(call)}"
    except BatchwrightError as error:
        answers[call] = str(error)
    except Exception as error:
        answers[call] = f"raw: {error!r}"
rate = fit(network=bw.nn.Linear(), learning_rate=np.float32(0.25)).prepared.settings.config.optimizer.learning_rate
print(json.dumps([answers, rate]))
"""


def test_arguments_of_another_kind_are_one_error_of_ours(tmp_path: Path, children: Children) -> None:
    child = children.start("-c", TRIED, json.dumps(list(SAID)), cwd=tmp_path)
    assert child.ended() == 0, child.err
    answers, rate = json.loads(child.out)
    assert {call: answer for call, answer in answers.items() if not re.search(SAID[call], answer)} == {}
    assert rate == 0.25, "a number of NumPy is one"
    assert list(tmp_path.iterdir()) == [], "nothing was written"


def messages(path: Path) -> list[str]:
    """The texts in a module that are not docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    texts = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in alone)
    return [node.value for node in texts if isinstance(node.value, str)]


def test_below_the_command_line_no_message_names_a_flag() -> None:
    flag = re.compile(r"(?<![\w-])--[a-z]")
    pages = ("cli", "report", "figures", "pages", "dashboard", "lab")  # which show command lines, or names of styles
    modules = [path for path in SRC.rglob("*.py") if path.relative_to(SRC).parts[0] not in pages]
    found = {
        (path.name, text)
        for path in modules
        for text in messages(path)
        if flag.search(text)
        and not text.startswith("# A run of batchwright: ")  # the first line of a file for it
        and not text.startswith("soffice ")  # a command that converts a file
        and text != "diagnose --try"  # a command to give rows to again
        and "XLA_FLAGS=--xla_" not in text  # a variable of the environment
        and "pip install --upgrade" not in text  # a command of another program
        and path.parent.name != "runtime"  # of files that are commands themselves
        and (path.parent.name, path.name) != ("serve", "page.py")  # of curl
    }
    assert len(modules) > 100
    assert found == set()


def test_what_a_trained_model_refuses_advises_nothing_that_it_has_not() -> None:
    trained = bw.fit(bw.load("iris"), network=bw.nn.Linear(), epochs=1)
    row: dict[str, list[object]] = {name: [1.0] for name in trained.prepared.dataset.schema.used}
    bad = {**row, next(iter(row)): ["much"]}
    with pytest.raises(bw.errors.DataError) as predicting:
        trained.predict(bad)
    assert "kinds" not in str(predicting.value) and "Correct it" in str(predicting.value)
    assert len(trained.predict(bad, on_bad_rows="drop").answers) == 1, "what the message advises"
    with pytest.raises(bw.errors.DataError) as evaluating:
        trained.evaluate({**row, "species": [None]})
    assert "kinds" not in str(evaluating.value) and "Fill them in" in str(evaluating.value)
