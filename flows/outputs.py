"""Where each stage puts what it makes, below the state folder. The same layout for both conductors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Outputs:
    """One pilot's places. Nothing is created by asking."""

    state: Path
    pilot: str

    @property
    def truth(self) -> Path:
        """Only a simulated pilot has one."""
        return self.state / "truth" / self.pilot

    @property
    def store(self) -> Path:
        return self.state / "store" / self.pilot

    @property
    def quality(self) -> Path:
        """One JSON a feed: its quality reports."""
        return self.state / "quality" / self.pilot

    @property
    def docs(self) -> Path:
        """Great Expectations' Data Docs."""
        return self.state / "docs" / self.pilot

    @property
    def features(self) -> Path:
        return self.state / "features" / self.pilot

    def model(self, hazard: str) -> Path:
        return self.state / "models" / self.pilot / hazard

    def metrics(self, hazard: str) -> Path:
        """Flat numbers, as `dvc metrics` shows them."""
        return self.state / "metrics" / self.pilot / f"{hazard}.json"

    def evaluation(self, hazard: str) -> Path:
        """The whole Evaluation: intervals, baselines, reliability."""
        return self.state / "evaluations" / self.pilot / f"{hazard}.json"

    def worth(self, hazard: str) -> Path:
        """What the forecasts are worth to those who act on them: budgets, fair shares, coverage."""
        return self.state / "evaluations" / self.pilot / f"{hazard}.worth.json"

    def fitted(self, hazard: str) -> Path:
        """What training showed beside the model: trees, unused features, importance."""
        return self.state / "models" / self.pilot / f"{hazard}.json"

    def reliability(self, hazard: str) -> Path:
        """Rows of predicted and observed, for `dvc plots`."""
        return self.state / "plots" / self.pilot / hazard / "reliability.json"

    def attainable(self, hazard: str) -> Path:
        """The share of the attainable skill; only where the truth is known."""
        return self.state / "evaluations" / self.pilot / f"{hazard}.attainable.json"

    def plots(self, hazard: str) -> Path:
        return self.state / "plots" / self.pilot / hazard

    def run(self, hazard: str) -> Path:
        """The MLflow run of the last training."""
        return self.state / "runs" / self.pilot / f"{hazard}.json"

    def decision(self, hazard: str) -> Path:
        """The last promotion or refusal, with its reasons."""
        return self.state / "decisions" / self.pilot / f"{hazard}.json"

    @property
    def scores(self) -> Path:
        """`scores.parquet`, `.csv`, `.geojson` and `scores.json`, a summary."""
        return self.state / "scores" / self.pilot

    def last(self, stage: str) -> Path:
        """What became of each feed or hazard when the stage last ran."""
        return self.state / "last" / self.pilot / f"{stage}.json"

    @property
    def monitor(self) -> Path:
        """`windows.jsonl`, `decisions.jsonl` and `report.html`, Evidently's page of the last window that moved."""
        return self.state / "monitor" / self.pilot

    @property
    def report(self) -> Path:
        return self.state / "report" / self.pilot / "index.html"

    @property
    def tuning(self) -> Path:
        """One YAML a hazard, ready for params.yaml, and what the searches keep; their database is beside it."""
        return self.state / "tuning" / self.pilot

    @property
    def backtest(self) -> Path:
        """`index.html`, `backtest.json`, pictures."""
        return self.state / "backtest" / self.pilot
