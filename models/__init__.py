"""Features -> risk: split, train, calibrate, evaluate, explain, promote, score, registry.

What is here needs neither mlflow (`models.registry`) nor matplotlib (`models.plots`), and nothing is imported before
it is used: `import models` costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from contracts.lazy import importing

if TYPE_CHECKING:
    from models.card import model_card
    from models.evaluation import Judged, evaluate, paired_difference
    from models.fit import Fitted, Trial, fit_risk_model, trial_on_test
    from models.folds import FoldResult, judge_folds
    from models.promote import Contender, Surroundings, decide_promotion
    from models.risk_model import RiskModel, score
    from models.split import Fold, Parts, split_parts, temporal_folds

_HOME = {
    "Contender": "models.promote",
    "Fitted": "models.fit",
    "Fold": "models.split",
    "FoldResult": "models.folds",
    "Judged": "models.evaluation",
    "Parts": "models.split",
    "RiskModel": "models.risk_model",
    "Surroundings": "models.promote",
    "Trial": "models.fit",
    "decide_promotion": "models.promote",
    "evaluate": "models.evaluation",
    "fit_risk_model": "models.fit",
    "judge_folds": "models.folds",
    "model_card": "models.card",
    "paired_difference": "models.evaluation",
    "score": "models.risk_model",
    "split_parts": "models.split",
    "temporal_folds": "models.split",
    "trial_on_test": "models.fit",
}

__all__ = [
    "Contender",
    "Fitted",
    "Fold",
    "FoldResult",
    "Judged",
    "Parts",
    "RiskModel",
    "Surroundings",
    "Trial",
    "decide_promotion",
    "evaluate",
    "fit_risk_model",
    "judge_folds",
    "model_card",
    "paired_difference",
    "score",
    "split_parts",
    "temporal_folds",
    "trial_on_test",
]

__getattr__ = importing(__name__, _HOME)
