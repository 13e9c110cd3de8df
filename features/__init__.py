"""Tables -> features and labels. Pure functions: no clock, no files, no network."""

from features.build import build_features, feature_infos, spec_hash
from features.incremental import Kept, reads_from
from features.labels import build_labels
from features.registry import feature
from features.slices import Slice, build_in_slices, build_slice, plan_slices
from features.spine import scoring_spine, training_spine

__all__ = [
    "Kept",
    "Slice",
    "build_features",
    "build_in_slices",
    "build_labels",
    "build_slice",
    "feature",
    "feature_infos",
    "plan_slices",
    "reads_from",
    "scoring_spine",
    "spec_hash",
    "training_spine",
]
