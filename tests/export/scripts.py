"""The scripts of the page in Node: what they make of arrays and cells, without a page."""

import json
import shutil
import subprocess
from typing import Any

import numpy as np
import pytest

from batchwright.export.page import COMPUTING, script_text

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="there is no Node on this machine")

READING = """
const given = JSON.parse(require("fs").readFileSync(0, "utf8"));
const take = ({dtype, shape, data}) =>
  makeArray(dtype, shape, dtype === "string" ? data : STORES[dtype].from(data, Number));
const give = ({dtype, shape, data}) => ({dtype, shape, data: Array.from(data, String)});
"""


def run_script(body: str, given: Any) -> Any:
    """What a function body returns, with the scripts loaded and `given` as plain data."""
    text = f"{script_text(COMPUTING)}\n{READING}\n(async () => {{ {body} }})().then((found) => "
    text += "process.stdout.write(JSON.stringify(found)));"
    done = subprocess.run(
        [str(NODE), "-e", text], input=json.dumps(given), capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def plain(array: np.ndarray) -> dict[str, Any]:
    """An array as the scripts take it; numbers are texts, as JSON has no NaN."""
    if array.dtype.kind in "UO":
        return {"dtype": "string", "shape": array.shape, "data": array.ravel().tolist()}
    data = [repr(one).replace("inf", "Infinity") for one in array.ravel().tolist()]
    data = [{"True": "1", "False": "0"}.get(one, one) for one in data]
    return {"dtype": array.dtype.name, "shape": array.shape, "data": data}


def array_of(found: dict[str, Any]) -> np.ndarray:
    """An array from what the scripts give."""
    if found["dtype"] == "string":
        return np.array(found["data"], object).reshape(found["shape"])
    numbers = np.array([float(one) for one in found["data"]], np.float64)
    return numbers.astype(found["dtype"]).reshape(found["shape"])
