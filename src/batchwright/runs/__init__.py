"""A run's folder: written during training, opened without trust, listed. No other module knows its layout.

- `manifest.json`: what was trained, how it went, and the size and SHA-256 of each finished file
- `config.yaml`: the resolved configuration, each value with its source
- `schema.json`: the columns, and how inputs and target are encoded
- `splits.safetensors`: the rows of training, validation and test
- `history.jsonl`: a row per epoch; rows are only ever appended
- `mistakes.safetensors`: after which epoch each validation row was last answered wrongly
- `model/`: `model.json` and `weights.safetensors`, and `conformal.json`, from which intervals are made, which appear
  together
"""

from batchwright.runs.folder import RunFolder, create
from batchwright.runs.manifest import Manifest, Setting
from batchwright.runs.run import Listed, Run, list_runs, open_run

__all__ = ["Listed", "Manifest", "Run", "RunFolder", "Setting", "create", "list_runs", "open_run"]
