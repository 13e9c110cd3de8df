"""A pilot: the hazards, metrics, assets and feature choices of one city, site or study. YAML only, no code."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from contracts.alarm_rate import too_many
from contracts.errors import BadPilot, NotFound, nearest

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]
Hours = Annotated[int, Field(gt=0, le=24 * 366)]


class Frozen(BaseModel):
    """Immutable, and strict about keys: a misspelt key is an error, not a silent default."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Metric(Frozen):
    """One measured quantity in its canonical unit. Readings outside `low..high` are quarantined.

    `at` says whose readings an asset uses: `own`, `asset:ID` (one for all), or `nearest:KIND`
    (the nearest asset of that kind that has a place, e.g. a weather station).
    `static: true` marks an attribute: the latest known value is used, however old.
    """

    unit: str
    low: float
    high: float
    label: str = ""
    at: str = "own"
    static: bool = False

    @model_validator(mode="after")
    def _limits(self) -> Metric:
        if not self.low < self.high:
            raise ValueError(f"low {self.low} must be below high {self.high}")
        if not math.isfinite(self.high - self.low):
            raise ValueError(f"limits {self.low}..{self.high} must be finite: they set the step of exact sums")
        if self.at != "own" and self.at.split(":", 1)[0] not in ("asset", "nearest"):
            raise ValueError(f"at: {self.at!r} is not own, asset:ID or nearest:KIND")
        return self


class Hazard(Frozen):
    """One kind of incident and how it is forecast.

    `reporting_delay_hours`: after this long nearly all incidents are known; a label is ripe only then.
    `min_severity`: an incident of less severity does not count (0 always withdraws).
    `alerts_per_day`: what operators can act on; the alarm bands follow from it.
    """

    label: str = ""
    horizon_hours: Hours = 1
    reporting_delay_hours: int = Field(default=0, ge=0)
    min_severity: float = Field(default=1e-9, gt=0)
    alerts_per_day: float = Field(default=10.0, gt=0)


class FeatureChoice(Frozen):
    """One family of features: a registered kind and what to apply it to. `features/` says which keys a kind takes.

    `shrinkage`: how many incidents a climatology's prior weighs as much as.
    """

    kind: str
    metrics: tuple[str, ...] = ()
    hazards: tuple[str, ...] = ()
    windows_hours: tuple[Hours, ...] = ()
    stats: tuple[str, ...] = ()
    neighbours: int = Field(default=0, ge=0)
    shrinkage: float = Field(default=0.0, ge=0)
    options: dict[str, float] = Field(default_factory=dict)


class Pilot(Frozen):
    """One folder under pilots/. operators: how many people share its alerts; each can act on 144 a day (EEMUA 191)."""

    name: Name
    title: str
    timezone: str
    cadence_hours: int = Field(default=1, gt=0, le=24)
    country: str | None = None  # for public holidays, ISO 3166: KR, US
    subdivision: str | None = None
    h3_resolution: int = Field(default=7, ge=0, le=15)
    operators: int = Field(default=1, ge=1)
    scored_kinds: tuple[str, ...]  # asset kinds that are forecast for
    metrics: dict[Name, Metric]
    hazards: dict[Name, Hazard]
    features: tuple[FeatureChoice, ...]

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"{zone!r} is not an IANA time zone such as Asia/Seoul") from error
        return zone

    @model_validator(mode="after")
    def _consistent(self) -> Pilot:
        for name, hazard in self.hazards.items():
            if hazard.horizon_hours < self.cadence_hours:
                raise ValueError(
                    f"hazards.{name}.horizon_hours {hazard.horizon_hours} is shorter than "
                    f"cadence_hours {self.cadence_hours}"
                )
        if fault := too_many((h.alerts_per_day for h in self.hazards.values()), operators=self.operators):
            raise ValueError(fault)
        for choice in self.features:
            for metric in choice.metrics:
                if metric not in self.metrics:
                    raise ValueError(f"features.{choice.kind}: no metric {metric!r}; {nearest(metric, self.metrics)}")
            for hazard_name in choice.hazards:
                if hazard_name not in self.hazards:
                    raise ValueError(
                        f"features.{choice.kind}: no hazard {hazard_name!r}; {nearest(hazard_name, self.hazards)}"
                    )
        return self


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML mapping.

    Raises:
        NotFound: no such file. BadPilot: not YAML, or not a mapping.
    """
    if not path.is_file():
        raise NotFound(f"no file {path.name}", where=str(path.parent))
    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as fault:
        raise BadPilot(f"not YAML: {' '.join(str(fault).split())}", where=str(path)) from fault
    if not isinstance(loaded, dict):
        raise BadPilot(f"a mapping was expected, got {type(loaded).__name__}", where=str(path))
    return loaded


def explain(fault: ValidationError, known: dict[str, Any] | None = None) -> str:
    """The first fault of a pydantic validation, as `key: what` in a person's words."""
    first = fault.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        keys = _keys_at(first["loc"], known) if known else ()
        message = "unknown key" + (f"; {nearest(str(first['loc'][-1]), keys)}" if keys else "")
    return f"{where}: {message}" if where else message


def _keys_at(place: tuple[str | int, ...], known: dict[str, Any]) -> dict[str, Any]:
    """The keys of the section in which `place` lies; `known` are those of the whole."""
    for part in place[:-1]:
        annotation = getattr(known.get(str(part)), "annotation", None)
        sections = [kind for kind in _parts(annotation) if isinstance(kind, type) and issubclass(kind, Frozen)]
        known = dict(sections[0].model_fields) if sections else known
    return known


def _parts(annotation: Any) -> list[Any]:
    return [annotation, *(part for inner in get_args(annotation) for part in _parts(inner))]


def load_pilot(folder: Path) -> Pilot:
    """The pilot in `folder/pilot.yaml`.

    Raises:
        NotFound: no such pilot; names the ones there are. BadPilot: unsound YAML.
    """
    if not (folder / "pilot.yaml").is_file():
        there = [p.parent.name for p in folder.parent.glob("*/pilot.yaml")]
        raise NotFound(f"no pilot {folder.name!r}", where=str(folder.parent), allowed=nearest(folder.name, there))
    raw = read_yaml(folder / "pilot.yaml")
    try:
        pilot = Pilot.model_validate({"name": folder.name, **raw})
    except ValidationError as fault:
        raise BadPilot(explain(fault, dict(Pilot.model_fields)), where=str(folder / "pilot.yaml")) from fault
    return pilot
