"""Load a model in a process of its own and score the golden rows: `python -I fresh_check.py TRACKING MODEL GOLDEN`.

Run as a file, with nothing of ours importable and pickle refused: as a downstream service would. Exit code 0 and no
word when every number is the same; otherwise 1 and what differed. A broken model may end this process; it ends no
other.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import mlflow
import pandas as pd
from mlflow.environment_variables import MLFLOW_ALLOW_PICKLE_DESERIALIZATION


def main(tracking_uri: str, model_uri: str, golden: str) -> int:
    MLFLOW_ALLOW_PICKLE_DESERIALIZATION.set(False)  # type: ignore[no-untyped-call]
    mlflow.set_tracking_uri(tracking_uri)
    document = json.loads(Path(golden).read_text(encoding="utf-8"))
    rows = pd.DataFrame(document["rows"], columns=document["columns"], dtype=float)
    got = mlflow.pyfunc.load_model(model_uri).predict(rows)
    for column, expected in document["expected"].items():
        values = got[column].tolist()
        different = [i for i, (now, then) in enumerate(zip(values, expected, strict=True)) if now != then]
        if different:
            row = different[0]
            print(f"{column} of golden row {row} is {values[row]!r}, was {expected[row]!r}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
