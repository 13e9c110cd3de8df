"""A rival of the models of simulated Ulsan that knows the *form* of the simulation's law, and none of its numbers.

It knows which parts add up, what multiplies in each, and at which temperature or rain something sets in; that much no
model may know. Every level of a place or an hour and every strength it learns by penalised maximum likelihood, from the
same rows and the same columns as the model. What it cannot learn, so few incidents hardly teach anyone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from contracts.results import BoolArray, Features, FloatArray, IntArray

HOURS, DAY_KINDS = 24, 3  # hours of working days, Saturdays, and Sundays with public holidays
SLOTS = HOURS * DAY_KINDS
PLACE_PRECISION, SLOT_PRECISION, STRENGTH_PRECISION = 1.0, 0.3, 1.0  # normal priors around 0, in log rates
NEIGHBOUR_PRECISION = 5.0  # of an hour's level around the hour before
ITERATIONS = 200
LARGEST = 8.0  # a column beyond this is a spike of a sensor
FLOOR, CEILING = -25.0, 3.0  # log rates an hour


@dataclass(frozen=True)
class Part:
    """One summand of the law: exposure * exp(level + place + hour of the day kind + columns @ strengths).

    exposure: (n,), 0 where this part cannot act. columns: (n, q). places, slots: whether it has levels of these.
    Two parts of the same form need different `busy` hours, or nothing would ever part them.
    """

    exposure: FloatArray
    columns: FloatArray
    places: bool = True
    slots: bool = True
    busy: tuple[int, int] = (0, HOURS)  # hours of working days that the search for its slots' levels begins with


@dataclass(frozen=True)
class Rows:
    """Feature rows of one hazard as the forms of the law read them."""

    hazard: str
    features: Features

    def known(self, name: str, *, otherwise: float = 0.0) -> FloatArray:
        values = self.features.column(name).astype(np.float64)
        return np.where(np.isnan(values), otherwise, values)

    def ratio(self, over: str, under: str) -> FloatArray:
        """1 where either is not known."""
        top, bottom = (self.features.column(name).astype(np.float64) for name in (over, under))
        with np.errstate(invalid="ignore", divide="ignore"):
            found = top / bottom
        return np.where(np.isfinite(found), found, 1.0)

    @property
    def rest(self) -> BoolArray:
        return (self.known("weekday") >= 5) | (self.known("holiday") > 0)

    @property
    def slot(self) -> IntArray:
        sunday = (self.known("weekday") == 6) | (self.known("holiday") > 0)
        kind = np.where(sunday, 2, np.where(self.known("weekday") == 5, 1, 0))
        return (kind * HOURS + self.known("hour_of_day")).astype(np.int64)

    @property
    def place(self) -> IntArray:
        return self.features.spine.asset


def _columns(parts: Sequence[FloatArray | BoolArray]) -> FloatArray:
    return np.clip(np.column_stack(parts).astype(np.float64), -LARGEST, LARGEST)


def softplus(x: FloatArray) -> FloatArray:
    return np.logaddexp(0.0, x)


def sigmoid(x: FloatArray) -> FloatArray:
    return 0.5 * (1.0 + np.tanh(0.5 * x))


def learned(train: Rows, occurred: BoolArray, weight: FloatArray) -> Callable[[Rows], FloatArray]:
    """The form of the rows' hazard, fitted to them: gives the log rates of other rows. occurred, weight: (n,)."""
    form = FORMS[train.hazard]
    levels = fit(form(train), train, occurred.astype(np.float64), weight)
    return lambda asked: log_rate(form(asked), asked, levels)


def log_rate(parts: Sequence[Part], rows: Rows, levels: Sequence[FloatArray]) -> FloatArray:
    """(n,) the logarithm of the parts' sum."""
    total = sum(_rate(part, rows.place, rows.slot, level) for part, level in zip(parts, levels, strict=True))
    return np.log(np.maximum(total, np.exp(FLOOR)))


def fit(parts: Sequence[Part], rows: Rows, occurred: FloatArray, weight: FloatArray) -> list[FloatArray]:
    """Each part's levels and strengths by penalised maximum likelihood: level, places, slots, strengths."""
    place, slot = rows.place, rows.slot
    count = len(rows.features.spine.assets)
    sizes = [1 + count + SLOTS + part.columns.shape[1] for part in parts]
    cuts = np.cumsum(sizes)[:-1]
    precision = np.concatenate([_precision(part, count) for part in parts])
    start = np.concatenate([_start(part, count) for part in parts])
    start[[0, *cuts]] += np.log(weight @ occurred / sum(weight @ part.exposure for part in parts))

    def loss(at: FloatArray) -> tuple[float, FloatArray]:
        levels = np.split(at, cuts)
        rates = [_rate(part, place, slot, level) for part, level in zip(parts, levels, strict=True)]
        total = np.maximum(sum(rates), np.exp(FLOOR))
        miss = weight * (1.0 - occurred / total)
        slopes = [_slope(p, miss * r, place, slot, count) for p, r in zip(parts, rates, strict=True)]
        rough = [_roughness(level[1 + count : 1 + count + SLOTS]) for level in levels]
        for slope, (_, bend) in zip(slopes, rough, strict=True):
            slope[1 + count : 1 + count + SLOTS] += bend
        value = weight @ (total - occurred * np.log(total)) + 0.5 * (precision @ at**2) + sum(r for r, _ in rough)
        return float(value), np.concatenate(slopes) + precision * at

    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": ITERATIONS, "maxcor": 20})
    return np.split(found.x, cuts)


def _start(part: Part, places: int) -> FloatArray:
    slots = np.zeros((DAY_KINDS, HOURS))
    if part.busy != (0, HOURS):
        slots -= 1.0
        slots[0, slice(*part.busy)] = 1.0
    return np.concatenate([np.zeros(1 + places), slots.ravel(), np.zeros(part.columns.shape[1])])


def _precision(part: Part, places: int) -> FloatArray:
    """Of each number's prior."""
    return np.concatenate(
        [
            [0.0],
            np.full(places, PLACE_PRECISION),
            np.full(SLOTS, SLOT_PRECISION),
            np.full(part.columns.shape[1], STRENGTH_PRECISION),
        ]
    )


def _rate(part: Part, place: IntArray, slot: IntArray, level: FloatArray) -> FloatArray:
    places = len(level) - 1 - SLOTS - part.columns.shape[1]
    log = level[0] + level[1 + place] + level[1 + places + slot] + part.columns @ level[1 + places + SLOTS :]
    return part.exposure * np.exp(np.clip(log, FLOOR, CEILING))


def _slope(part: Part, pull: FloatArray, place: IntArray, slot: IntArray, places: int) -> FloatArray:
    """Of the loss by each number; 0 for levels that the part does not have, which stay 0 then."""
    by_place = np.bincount(place, pull, places) * part.places
    by_slot = np.bincount(slot, pull, SLOTS) * part.slots
    return np.concatenate([[pull.sum()], by_place, by_slot, pull @ part.columns])


def _roughness(slots: FloatArray) -> tuple[float, FloatArray]:
    """Half the precision times the squared steps between neighbouring hours of a day, and its slope."""
    days = slots.reshape(DAY_KINDS, HOURS)
    step = np.roll(days, -1, axis=1) - days
    slope = NEIGHBOUR_PRECISION * (np.roll(step, 1, axis=1) - step)
    return 0.5 * NEIGHBOUR_PRECISION * float((step**2).sum()), slope.ravel()


def _after(rows: Rows, *names: str) -> list[Part]:
    """After-incidents: a rate for each known incident of the last hours, whatever the place and the hour."""
    none = np.zeros((len(rows.place), 0))
    return [Part(rows.known(name), none, places=False, slots=False) for name in names]


def _strain(rows: Rows) -> FloatArray:
    """What weighs on a plant: pressure above its week's mean, vibration, heat."""
    over = (rows.ratio("process_pressure_bar_max_6h", "process_pressure_bar_mean_168h") - 1.0) / 0.02
    now = (rows.ratio("process_pressure_bar_mean_1h", "process_pressure_bar_mean_168h") - 1.0) / 0.02
    level = (rows.ratio("process_pressure_bar_mean_6h", "process_pressure_bar_mean_168h") - 1.0) / 0.02
    heat = (rows.ratio("process_temperature_c_max_3h", "process_temperature_c_mean_24h") - 1.0) / 0.02
    shake = rows.known("vibration_mm_s_mean_24h")
    return np.column_stack([softplus((x - 2.0) / 0.5) for x in (over, now, level)] + [over, heat, shake])


def _plants(rows: Rows) -> FloatArray:
    return (rows.known("plant_count") > 0).astype(np.float64)


def _crowd(rows: Rows) -> FloatArray:
    return np.clip(rows.ratio("crowd_count_mean_2h", "crowd_count_mean_168h") - 1.0, -0.5, 3.0)


def _fire(rows: Rows) -> list[Part]:
    """Homes and fields by dry air, wind, cold; plants by strain and vapour that may catch fire; and what follows."""
    humidity = 0.55 * rows.known("humidity_percent_mean_24h") + 0.45 * rows.known("humidity_percent_mean_120h")
    dry = np.clip((62.0 - humidity) / 15.0, -1.2, 2.2)
    warm, wind = rows.known("temperature_c_mean_1h"), rows.known("wind_speed_m_s_mean_1h")
    gust = softplus(wind - 4.0) * sigmoid(2.0 * dry - 1.0)
    wet = np.minimum(6.0 * rows.known("rain_mm_mean_3h"), 10.0) / 10.0
    common = [dry, gust, softplus((6.0 - warm) / 4.0), wet, _crowd(rows)]
    vapour = rows.known("voc_ppb_mean_1h") / (rows.known("voc_ppb_mean_1h") + 400.0)
    spark = np.log1p(8.0 * vapour * sigmoid((warm - 26.0) / 1.5) * sigmoid((1.8 - wind) / 0.35))
    return [
        Part(np.ones(len(dry)), _columns(common)),
        Part(_plants(rows), _columns([_strain(rows), spark])),
        *_after(rows, "fire_explosion_count_3h", "fire_explosion_count_24h", "chemical_release_count_3h"),
        *_after(rows, "chemical_release_count_24h", "fire_explosion_count_6h_near6"),
    ]


def _chemical(rows: Rows) -> list[Part]:
    """Leaks in plants by strain; smells that people notice, by the gas in the air; and what follows."""
    swing = np.abs(rows.known("temperature_c_change_24h")) / 10.0
    gases = [_smell(rows, f"{hours}h{near}") for hours in (1, 3) for near in ("", "_near6")]
    silent = np.isnan(rows.features.column("voc_ppb_mean_1h")).astype(np.float64)
    measured = [np.where(silent > 0, 0.0, gas) for gas in gases[::2]]
    windows = sigmoid((rows.known("temperature_c_mean_1h") - 17.0) / 3.0)
    wind = rows.known("wind_speed_m_s_mean_1h") / 5.0
    odour = [*measured, *gases[1::2], silent, silent * gases[1], windows, wind]
    return [
        Part(_plants(rows), _columns([_strain(rows), swing])),
        Part(np.ones(len(swing)), _columns(odour)),
        *_after(rows, "chemical_release_count_3h", "chemical_release_count_24h", "chemical_release_count_6h_near6"),
    ]


def _smell(rows: Rows, window: str) -> FloatArray:
    smell = (0.5 * rows.known(f"voc_ppb_mean_{window}") / 300.0 + rows.known(f"h2s_ppb_mean_{window}") / 12.0) ** 2
    return np.asarray(np.log(smell / (1.0 + smell) + 1e-3))


def _traffic(rows: Rows) -> list[Part]:
    """Exposure, rain, the first rain after dry days, ice, dusk, jams, crowds; and what follows."""
    rain, warm = rows.known("rain_mm_mean_1h"), rows.known("temperature_c_mean_1h")
    hour = rows.known("hour_of_day")
    raining = rain > 0.05
    first = raining & (72 * rows.known("rain_mm_mean_72h") - 3 * rows.known("rain_mm_mean_3h") < 0.5)
    dark = (hour >= 19) | (hour < 6)
    flow = np.log(np.maximum(rows.ratio("traffic_count_mean_2h", "traffic_count_mean_168h"), 0.05))
    slow = 1.0 - np.clip(rows.ratio("traffic_speed_km_h_mean_2h", "traffic_speed_km_h_mean_168h"), 0.2, 1.5)
    ice = sigmoid(-warm / 0.7) * np.tanh(24 * rows.known("rain_mm_mean_24h") / 4.0)
    season = [rows.known("year_sin"), rows.known("year_cos")]
    weekday = [rows.known("weekday") == day for day in range(6)]
    wet = [raining, np.tanh(rain / 8.0), np.tanh(rain / 8.0) * slow, first, raining & dark]
    columns = _columns([*wet, ice, flow, slow, slow**2, _crowd(rows), *season, *weekday])
    return [
        Part(np.ones(len(rain)), columns),
        *_after(rows, "traffic_accident_count_3h", "traffic_accident_count_6h_near6", "flood_count_3h"),
    ]


def _flood(rows: Rows) -> list[Part]:
    """Short heavy rain on low built land, long rain, and the river near its warning level."""
    short, long = 3 * rows.known("rain_mm_mean_3h"), 24 * rows.known("rain_mm_mean_24h")
    low = -np.log1p(np.maximum(rows.known("elevation_m") - 5.0, 0.0) / 15.0)
    surface = [np.log(softplus((short - 45.0) / 5.0) + 1e-3), softplus((long - 110.0) / 12.0) / 5.0, low]
    river = np.log(softplus((rows.known("river_level_m_last_6h") - 3.6) / 0.25) + 1e-3)
    return [
        Part(np.ones(len(low)), _columns(surface), slots=False),
        Part(np.ones(len(low)), _columns([river]), slots=False),
        *_after(rows, "flood_count_3h"),
    ]


def _worker(rows: Rows) -> list[Part]:
    """Three kinds of work, each with its places and hours; tired, hot, windy and wet hours; and what follows."""
    wind, warm = rows.known("wind_speed_m_s_mean_1h"), rows.known("temperature_c_mean_1h")
    hot, long_hot = softplus((warm - 27.0) / 1.5), softplus((rows.known("temperature_c_mean_24h") - 25.0) / 1.5)
    gas = rows.known("h2s_ppb_mean_1h")
    over = np.clip((rows.ratio("process_pressure_bar_max_6h", "process_pressure_bar_mean_168h") - 1.0) / 0.02, 0.0, 8.0)
    monday = (rows.known("weekday") == 0).astype(np.float64)
    weather = [hot, long_hot, softplus((wind - 5.5) / 0.8), np.tanh(3 * rows.known("rain_mm_mean_3h") / 4.0)]
    columns = _columns([*weather, gas / (gas + 40.0), over, monday])
    known = np.ones(len(wind))
    return [
        Part(known, columns, busy=(8, 17)),
        Part(known, columns),
        Part(known, columns, busy=(15, 23)),
        *_after(rows, "fire_explosion_count_3h", "fire_explosion_count_24h", "chemical_release_count_3h"),
    ]


FORMS: dict[str, Callable[[Rows], list[Part]]] = {
    "fire_explosion": _fire,
    "chemical_release": _chemical,
    "traffic_accident": _traffic,
    "flood": _flood,
    "worker_injury": _worker,
}
