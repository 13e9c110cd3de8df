"""Load a model in a process of its own and score the golden rows.

    python -I fresh_check.py TRACKING MODEL GOLDEN   by MLflow's loader, as a downstream service would
    python -I fresh_check.py                         by the code file that is packed with the model; a line of standard
                                                     input then names the MLflow model folder and the golden file

Run as a file, with nothing of ours importable and pickle refused. Exit code 0 and no word when every number is the
same; otherwise 1 and what differed. A broken model may end this process; it ends no other. The second way spares the
seconds of importing MLflow, and imports the rest while its caller still looks for the model: a rollback has no time.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd


def by_mlflow(tracking_uri: str, model_uri: str) -> Any:
    import mlflow
    from mlflow.environment_variables import MLFLOW_ALLOW_PICKLE_DESERIALIZATION

    MLFLOW_ALLOW_PICKLE_DESERIALIZATION.set(False)  # type: ignore[no-untyped-call]
    mlflow.set_tracking_uri(tracking_uri)
    return mlflow.pyfunc.load_model(model_uri).predict


def by_its_own_code(folder: Path) -> Any:
    spec = importlib.util.spec_from_file_location("released.code", folder / "pyfunc.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError(folder / "pyfunc.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module.Released.from_folder(folder / "artifacts" / "model").score


def difference(predict: Any, golden: Path) -> str:
    """What differs first; empty when nothing does."""
    document = json.loads(golden.read_text(encoding="utf-8"))
    rows = pd.DataFrame(document["rows"], columns=document["columns"], dtype=float)
    got = predict(rows)
    for column, expected in document["expected"].items():
        for row, (now, then) in enumerate(zip(got[column].tolist(), expected, strict=True)):
            if now != then:
                return f"{column} of golden row {row} is {now!r}, was {then!r}"
    return ""


def main(arguments: list[str]) -> int:
    if arguments:
        tracking_uri, model_uri, golden = arguments
        predict = by_mlflow(tracking_uri, model_uri)
    else:
        for companion in ("dask", "sklearn", "matplotlib"):  # LightGBM tries to import them; half a second saved
            sys.modules[companion] = None  # type: ignore[assignment]
        import lightgbm  # noqa: F401  # the caller is not ready yet; the model's code needs it anyway

        folder, golden = json.loads(sys.stdin.readline())
        predict = by_its_own_code(Path(folder))
    said = difference(predict, Path(golden))
    print(said, end="\n" if said else "")
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
