"""How risky a place usually is at an hour of a working day, a Saturday or a day off: what trees then start from.

Trees of a few leaves spend most of their incidents on telling places and hours apart, one split at a time. A profile
says it with few numbers. First the rate of a place at an hour is exp(level + place + hour), by penalised maximum
likelihood. Then it is multiplied by a sum over a few kinds of activity of (place's share in the kind) * (the kind's
strength at the hour): Poisson factorisation with gamma priors around no change, of which the mean is taken and not the
mode, because each place has few incidents (Gopalan, Hofman and Blei 2015). The kinds stay only where they gain
likelihood on weeks that they were not fitted to. Where columns say how large each place is in each kind (people by
industry), a third way is tried and judged by the same weeks: the kinds are those, and what is learned is their hours,
and a factor of each place's own. Boosting then starts from the profile, for each training row from one that was fitted
without the row's weeks, so that trees do not learn to trust an outcome that is in it.

The profile becomes the first trees of each booster: a released model stays one LightGBM text, which anything loads.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import lightgbm as lgb
import numpy as np
from scipy.optimize import minimize
from scipy.special import digamma
from threadpoolctl import threadpool_limits

from contracts.errors import BadTable, nearest
from contracts.results import BoolArray, Features, Float32Array, FloatArray, InstantArray, IntArray

PLACE, CLOCK = ("longitude", "latitude"), ("hour_of_day", "weekday", "holiday")
KEYS = (*PLACE, *CLOCK)  # what a profile reads; a pilot without a country has no holidays
HOURS, DAY_KINDS = 24, 3  # of working days, Saturdays, and Sundays with public holidays
SLOTS = HOURS * DAY_KINDS
FOLDS = 5  # of whole weeks
PLACE_PRECISION, SLOT_PRECISION = 1.0, 0.3  # normal priors around 0, in log rates
NEIGHBOUR_PRECISION = 10.0  # of an hour's level around the hour before
SHARE_SHAPE, STRENGTH_SHAPE = 1.0, 2.0  # of the gamma priors of a place's share in a kind, of a kind's hour
SIZE_SHAPE, SIZED_STRENGTH_SHAPE = 10.0, 1.0  # the same where the share is known, but for a third of it either way
NO_SIZE = 1e-4  # of the mean size: a place that has nothing of a kind has a little
STARTS, ROUNDS = 3, 300  # of the kinds' updates
WORTH_KINDS = 10.0  # nats of likelihood on other weeks, or kinds are only noise
LARGEST = 25.0  # log rate
NEGLIGIBLE = 1e-4  # log odds
MOST_LEAVES = 2048  # of one tree: more come nearer to the table, and make reasons slow
WEEK = np.timedelta64(7, "D")
SEED = 3  # of the kinds' start: kinds that start alike stay alike


@dataclass(frozen=True)
class Profile:
    """tables: log rates, places x SLOTS, of all the training rows and then of those without each fold of weeks.

    places: (places, 2) longitude and latitude, NaN where a place has none.
    """

    places: Float32Array
    tables: FloatArray

    def starts(self, keys: Float32Array, as_of: InstantArray) -> FloatArray:
        """(n,) log odds of training rows, each by the table that was fitted without its weeks."""
        return log_odds_of_rate(self.tables[1 + _fold(as_of), _place(keys, self.places), _slot(keys)])

    def trees(self, names: tuple[str, ...], *, num_threads: int) -> str:
        """The table of all the training rows as LightGBM text: by place, by hour, and what is left of both.

        names: of all the features, in order.
        """
        keys = _grid(self.places, holidays="holiday" in names)
        rest = log_odds_of_rate(self.tables[0])[_place(keys, self.places), _slot(keys)]
        texts: list[str] = []
        for used in (PLACE, CLOCK, KEYS):
            if texts and np.abs(rest).max() < NEGLIGIBLE:
                break
            grid = _spread(keys, used, names)
            tree = _tree(grid, rest, names, num_threads=num_threads)
            rest = rest - np.asarray(tree.predict(grid, num_threads=num_threads))
            texts.append(tree.model_to_string(num_iteration=-1))
        return after(*texts)


def keys_of(features: Features, rows: IntArray) -> Float32Array:
    """(m, 5) the KEYS of spine rows.

    Raises:
        BadTable: no columns that tell place and hour apart.
    """
    if lacking := [name for name in KEYS[:-1] if name not in features.names]:
        raise BadTable(
            f"no feature {lacking[0]!r}",
            where="train.profile_kinds",
            cause="a pilot without the feature kinds place and calendar",
            fix="add `- {kind: place}` and `- {kind: calendar}` to the pilot's features, or set profile_kinds to 0",
        )
    none = np.zeros(len(rows), np.float32)
    return np.column_stack([features.column(name)[rows] if name in features.names else none for name in KEYS])


def sizes_of(features: Features, rows: IntArray, names: tuple[str, ...]) -> Float32Array:
    """(m, kinds) the columns that say how large a place is in each kind of activity; 0 where that is not known.

    Raises:
        BadTable: no such column, or a size below 0.
    """
    if lacking := [name for name in names if name not in features.names]:
        raise BadTable(
            f"no feature {lacking[0]!r}",
            where="train.profile_sizes",
            allowed=nearest(lacking[0], features.names),
            cause="a pilot that builds no such feature, or a misspelt name",
        )
    sizes: Float32Array = np.nan_to_num(np.column_stack([features.column(name)[rows] for name in names]))
    if len(sizes) and (below := sizes.min(axis=0) < 0).any():
        raise BadTable(
            f"{sizes.min():g}, below 0",
            where=f"train.profile_sizes: {names[int(np.argmax(below))]}",
            allowed="0 or more: how large a place is",
            cause="a feature that is no size, such as a temperature",
        )
    return sizes


def fit_profile(
    keys: Float32Array,
    as_of: InstantArray,
    occurred: BoolArray,
    *,
    most_kinds: int,
    sizes: Float32Array | None = None,
) -> Profile:
    """Fit to training rows. keys: (n, 5), see `keys_of`; as_of, occurred: (n,). Up to `most_kinds` kinds are tried,
    and those of `sizes`, (n, kinds), see `sizes_of`."""
    places = np.unique(_position(keys)).view(np.float32).reshape(-1, 2)
    size = FOLDS, len(places), SLOTS
    where = np.ravel_multi_index((_fold(as_of), _place(keys, places), _slot(keys)), size)
    rows = np.bincount(where, minlength=int(np.prod(size))).reshape(size).astype(np.float64)
    hits = np.bincount(where, weights=occurred, minlength=int(np.prod(size))).reshape(size).astype(np.float64)
    whole, parts = _each_left_out(rows), _each_left_out(hits)
    with threadpool_limits(1, "blas"):  # on so few numbers more threads are slower, and add in another order
        plain = np.stack([_product(r, h) for r, h in zip(whole, parts, strict=True)])
        tried = []
        if most_kinds > 1:
            kinds = [_kinds(r * np.exp(t), h, most_kinds) for r, h, t in zip(whole, parts, plain, strict=True)]
            tried.append(plain + kinds)
        if sizes is not None:
            large = _mean_by(_place(keys, places), sizes, len(places))
            tried.append(np.stack([_sized(r, h, large) for r, h in zip(whole, parts, strict=True)]))
    lost = [_loss(rows, hits, tables) for tables in tried]
    if lost and min(lost) < _loss(rows, hits, plain) - WORTH_KINDS:
        return Profile(places, tried[int(np.argmin(lost))])
    return Profile(places, plain)


def after(*texts: str) -> str:
    """One LightGBM text with the trees of all, whose raw score is the sum; everything else is the last one's."""
    *_, last = parts = [_cut(text) for text in texts]
    trees = [tree for _, each, _ in parts for tree in each]
    numbered = [re.sub(r"^Tree=\d+", f"Tree={number}", tree) for number, tree in enumerate(trees)]
    sizes = " ".join(str(len(tree.encode())) for tree in numbered)
    head = re.sub(r"^tree_sizes=.*$", f"tree_sizes={sizes}", last[0], flags=re.MULTILINE)
    return head + "".join(numbered) + last[2]


def log_odds_of_rate(log_rate: FloatArray) -> FloatArray:
    """log(p / (1 - p)) of p = 1 - exp(-rate)."""
    rate = np.exp(np.clip(log_rate, -LARGEST, 3.0))
    return np.asarray(np.log(np.expm1(rate)))


def _cut(text: str) -> tuple[str, list[str], str]:
    """Head, trees, and the rest of a LightGBM text."""
    start, stop = text.index("Tree=0\n"), text.index("end of trees")
    return text[:start], re.split(r"(?=^Tree=\d+$)", text[start:stop], flags=re.MULTILINE)[1:], text[stop:]


def _each_left_out(counts: FloatArray) -> FloatArray:
    """(1 + FOLDS, places, SLOTS) of (FOLDS, places, SLOTS): the sum of all folds, and then without each."""
    total = counts.sum(axis=0)
    return np.concatenate([total[None], total - counts])


def _loss(rows: FloatArray, hits: FloatArray, tables: FloatArray) -> float:
    """A Poisson's, less a constant, on each fold of the table fitted without it. rows, hits: (FOLDS, places, SLOTS)."""
    return float((rows * np.exp(tables[1:]) - hits * tables[1:]).sum())


def _product(rows: FloatArray, hits: FloatArray) -> FloatArray:
    """(places, SLOTS) log rates, each level + place + hour. rows, hits: how many, and how many with an incident."""
    places = len(rows)
    precision = np.concatenate([[0.0], np.full(places, PLACE_PRECISION), np.full(SLOTS, SLOT_PRECISION)])
    start = np.zeros(1 + places + SLOTS)
    start[0] = np.log((hits.sum() + 0.5) / (rows.sum() + 1.0))

    def loss(at: FloatArray) -> tuple[float, FloatArray]:
        log = _sums(at, places)
        pull = rows * np.exp(log) - hits
        slope = np.concatenate([[pull.sum()], pull.sum(1), pull.sum(0)]) + precision * at
        days = at[1 + places :].reshape(DAY_KINDS, HOURS)
        step = np.roll(days, -1, axis=1) - days
        slope[1 + places :] += NEIGHBOUR_PRECISION * (np.roll(step, 1, axis=1) - step).ravel()
        prior = 0.5 * (precision * at**2).sum() + 0.5 * NEIGHBOUR_PRECISION * (step**2).sum()
        return float((rows * np.exp(log) - hits * log).sum() + prior), slope

    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 300, "maxcor": 20})
    return _sums(found.x, places)


def _sums(at: FloatArray, places: int) -> FloatArray:
    return np.asarray(np.clip(at[0] + at[1 : 1 + places, None] + at[None, 1 + places :], -LARGEST, 3.0))


def _kinds(expected: FloatArray, hits: FloatArray, kinds: int) -> FloatArray:
    """(places, SLOTS) log of what `expected` incidents are multiplied by: the mean over some starts, because one may
    end where two kinds are taken for one."""
    random = np.random.default_rng(SEED)
    return np.asarray(np.log(np.mean([_factors(expected, hits, kinds, random) for _ in range(STARTS)], axis=0)))


def _factors(expected: FloatArray, hits: FloatArray, kinds: int, random: np.random.Generator) -> FloatArray:
    """(places, SLOTS), by coordinate ascent of the variational bound: a gamma distribution, shape over rate, for each
    place's share in a kind and each kind's strength at an hour."""
    usual = (hits.sum(1) + SHARE_SHAPE) / (expected.sum(1) + SHARE_SHAPE) / kinds
    share = 50.0 * usual[:, None] * random.gamma(20.0, 0.05, (len(hits), kinds)), np.full((len(hits), kinds), 50.0)
    hour = STRENGTH_SHAPE * (0.5 + random.gamma(2.0, 0.5, (SLOTS, kinds))), np.full((SLOTS, kinds), STRENGTH_SHAPE)
    usual_share = np.full(kinds, 1.0 / kinds)
    for _ in range(ROUNDS):
        share = _update(expected, hits, share, hour, SHARE_SHAPE, SHARE_SHAPE / usual_share)
        hour = _update(expected.T, hits.T, hour, share, STRENGTH_SHAPE, STRENGTH_SHAPE)
        usual_share = _mean(share).mean(axis=0)
    return _mean(share) @ _mean(hour).T


def _sized(rows: FloatArray, hits: FloatArray, sizes: FloatArray) -> FloatArray:
    """(places, SLOTS) log rates: kinds of which each place has as much as its size, but for a factor of its own.
    sizes: (places, kinds)."""
    level = (hits.sum() + 0.5) / (rows.sum() + 1.0)
    usual = sizes * (rows.sum() / max(float(rows.sum(1) @ sizes.sum(1)), 1e-300))  # so that the mean rate is the level
    rate = SIZE_SHAPE / np.maximum(usual, NO_SIZE * usual.mean() + 1e-300)
    share = np.full(sizes.shape, SIZE_SHAPE), rate
    hour = np.full((SLOTS, sizes.shape[1]), SIZED_STRENGTH_SHAPE), np.full((SLOTS, sizes.shape[1]), 1.0)
    for _ in range(ROUNDS):
        hour = _update(level * rows.T, hits.T, hour, share, SIZED_STRENGTH_SHAPE, SIZED_STRENGTH_SHAPE)
        share = _update(level * rows, hits, share, hour, SIZE_SHAPE, rate)
    return np.asarray(np.log(level * _mean(share) @ _mean(hour).T))


def _mean_by(group: IntArray, values: Float32Array, groups: int) -> FloatArray:
    """(groups, k) of (n, k)."""
    sums = [np.bincount(group, weights=column, minlength=groups) for column in values.T]
    return np.stack(sums, axis=1) / np.maximum(np.bincount(group, minlength=groups), 1)[:, None]


Gamma = tuple[FloatArray, FloatArray]  # shapes and rates


def _update(
    expected: FloatArray, hits: FloatArray, of: Gamma, given: Gamma, shape: float, rate: FloatArray | float
) -> Gamma:
    """One side's posterior given the other's. expected, hits: (n, m); of: (n, kinds); given: (m, kinds)."""
    mine, other = (np.exp(digamma(shapes)) / rates for shapes, rates in (of, given))
    claimed = mine * ((hits / np.maximum(mine @ other.T, 1e-300)) @ other)
    return shape + claimed, rate + expected @ _mean(given)


def _mean(gamma: Gamma) -> FloatArray:
    return gamma[0] / gamma[1]


def _fold(as_of: InstantArray) -> IntArray:
    return np.asarray((as_of - np.datetime64(0, "us")) // WEEK % FOLDS, dtype=np.int64)


def _slot(keys: Float32Array) -> IntArray:
    hour, weekday, holiday = keys[:, len(PLACE) :].T
    kind = np.where((holiday > 0) | (weekday == 6), 2, np.where(weekday == 5, 1, 0))
    return np.asarray(kind * HOURS + hour, dtype=np.int64)


def _position(keys: Float32Array) -> IntArray:
    """Longitude and latitude as one number of their bits: a place that is not known is one too, equal to itself."""
    return np.ascontiguousarray(keys[:, : len(PLACE)]).view(np.int64).ravel()


def _place(keys: Float32Array, places: Float32Array) -> IntArray:
    return np.searchsorted(_position(places), _position(keys)).astype(np.int64)


def _grid(places: Float32Array, *, holidays: bool) -> Float32Array:
    """Keys of every place, hour and weekday, as a holiday and not."""
    axes = np.arange(len(places)), np.arange(HOURS), np.arange(7), np.arange(1 + holidays)
    place, *clock = (axis.ravel() for axis in np.meshgrid(*axes, indexing="ij"))
    return np.column_stack([places[place], *clock]).astype(np.float32)


def _spread(keys: Float32Array, used: tuple[str, ...], names: tuple[str, ...]) -> Float32Array:
    """(m, p) rows of features of which only some keys are known."""
    out = np.full((len(keys), len(names)), np.nan, np.float32)
    for name in set(used) & set(names):
        out[:, names.index(name)] = keys[:, KEYS.index(name)]
    return out


def _tree(grid: Float32Array, wanted: FloatArray, names: tuple[str, ...], *, num_threads: int) -> lgb.Booster:
    """One tree that gives each row of the grid its value, or the mean of its leaf where there are too few leaves."""
    params = {
        "objective": "regression",
        "learning_rate": 1.0,
        "num_leaves": MOST_LEAVES,
        "min_data_in_leaf": 1,
        "min_sum_hessian_in_leaf": 0.0,
        "min_data_in_bin": 1,
        "max_bin": len(grid),
        "boost_from_average": False,
        "feature_pre_filter": False,
        "num_threads": num_threads,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    return lgb.train(params, lgb.Dataset(grid, wanted, feature_name=list(names), params=params), num_boost_round=1)
