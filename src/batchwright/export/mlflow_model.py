"""What MLflow calls to load a model from the folder that `mlflow_folder` describes."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from batchwright.runs.predictions import predict
from batchwright.runs.run import open_run

if TYPE_CHECKING:
    import pandas as pd

    from batchwright.runs.model import SavedModel


class Predictor:
    """Answers as MLflow asks: data frames or arrays in, a pandas data frame with the columns of `predict` out."""

    def __init__(self, model: "SavedModel") -> None:
        self._model = model

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> "pd.DataFrame":
        """The answers for the rows, by the index of a data frame if it is one; `params` are not used."""
        import pandas as pd

        answers = predict(self._model, model_input).frame()
        index = model_input.index if isinstance(model_input, pd.DataFrame) else None
        return pd.DataFrame({name: answers[name].to_list() for name in answers.columns}, index=index)


def _load_pyfunc(path: str) -> Predictor:
    """The model of the run in a folder, under the name by which MLflow calls this."""
    return Predictor(open_run(Path(path)).load_model())
