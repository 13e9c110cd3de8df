"""A contract's rules as data, written once: the GX suite and the vectorised split both come from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import polars as pl

from contracts.feed import Feed
from contracts.pilot import Pilot
from contracts.rules import ColumnRule
from ingest.parse import MAPPED, NUMBER, STATED

Check = Literal["not_null", "true", "between", "in_set", "not_before"]


@dataclass(frozen=True)
class Rule:
    """One thing that must hold for each candidate row.

    name: what a refused row is told. column: the candidate column it looks at. sent_in: the partner's column.
    cell: the value column that alone is refused; empty: the whole row is. metric: only rows of this metric (long).
    """

    name: str
    column: str
    check: Check
    sent_in: str
    cell: str = ""
    metric: str = ""
    low: float = 0.0
    high: float = 0.0
    allowed: tuple[str, ...] = ()
    other: str = ""

    def faulty(self) -> pl.Expr:
        """True where a candidate row breaks the rule; nulls are the business of `not_null` alone."""
        column = pl.col(self.column)
        bad = {
            "not_null": lambda: column.is_null(),
            "true": lambda: ~column,
            "between": lambda: (column < self.low) | (column > self.high),
            "in_set": lambda: ~column.is_in(list(self.allowed)),
            "not_before": lambda: column < pl.col(self.other),
        }[self.check]().fill_null(False)
        return bad & (pl.col("metric") == self.metric).fill_null(False) if self.metric else bad

    def words(self) -> str:
        """What is allowed, for a person."""
        return {
            "not_null": "a value",
            "true": {"limits": "", "number": "a finite number", "map": "a value the contract maps"}.get(self.name, ""),
            "between": f"{self.low:g} to {self.high:g} in the pilot's unit",
            "in_set": f"one of {len(self.allowed)} known",
            "not_before": f"not before {self.other}",
        }[self.check]


def rules(feed: Feed, pilot: Pilot, assets: frozenset[str]) -> tuple[Rule, ...]:
    """Every rule of a feed, whole-row rules first.

    assets: the ids that are known when the batch is validated; not looked at for an assets feed.
    """
    out = _identity(feed, pilot, assets)
    out += _times(feed)
    for name in value_columns(feed, pilot):
        out += _number(feed, name)
        out += _limits(feed, pilot, name)
    return tuple(out)


def value_columns(feed: Feed, pilot: Pilot) -> tuple[str, ...]:
    """The candidate columns that hold a number each."""
    if feed.table == "incidents":
        return ("severity",)
    metrics = tuple(c.name for c in feed.metric_columns(pilot))
    if feed.table == "assets":
        return ("lon", "lat", *metrics)
    return metrics or ("value",)


def _identity(feed: Feed, pilot: Pilot, assets: frozenset[str]) -> list[Rule]:
    placed = feed.place is not None and feed.rule("asset_id") is None
    asset_column = _sent_in(feed, "asset_id")
    out = [Rule("place" if placed else "required", "asset_id", "not_null", asset_column)]
    if feed.table != "assets":
        out.append(Rule("known_asset", "asset_id", "in_set", asset_column, allowed=tuple(sorted(assets))))
    must = {"readings": ("metric",), "incidents": ("incident_id", "hazard"), "assets": ("kind",)}[feed.table]
    for word in must:
        if feed.rule(word) is not None or word == "incident_id":
            out += _word(feed, word, {"metric": tuple(pilot.metrics), "hazard": tuple(pilot.hazards)}.get(word, ()))
    for word in ("name", "district"):
        rule = feed.rule(word) if feed.table == "assets" else None
        out += _mapped(rule) if rule else []
        out += [Rule("required", word, "not_null", rule.column)] if rule and rule.required else []
    return out


def _word(feed: Feed, word: str, known: tuple[str, ...]) -> list[Rule]:
    rule, column = feed.rule(word), _sent_in(feed, word)
    if rule is not None and rule.map is not None:
        unmapped = _mapped(rule)
        return [*unmapped, Rule("required", word + STATED, "true", column)]
    out = [Rule("required", word, "not_null", column)]
    return [*out, Rule(f"known_{word}", word, "in_set", column, allowed=known)] if known else out


def _mapped(rule: ColumnRule) -> list[Rule]:
    return [Rule("map", rule.name + MAPPED, "true", rule.column)] if rule.map is not None else []


def _times(feed: Feed) -> list[Rule]:
    at = "occurred_at" if feed.table == "incidents" else "observed_at"
    column = ", ".join(feed.time.columns) if feed.time else "known_at"
    out = [Rule("time", at, "not_null", column)]
    if feed.known_at.column:
        out.append(Rule("known_at", "known_at", "not_null", feed.known_at.column))
        out.append(Rule("known_before", "known_at", "not_before", feed.known_at.column, other=at))
    return out


def _number(feed: Feed, name: str) -> list[Rule]:
    rule, column = feed.rule(name), _sent_in(feed, name)
    out = [Rule("number", name + NUMBER, "true", column, cell=name)]
    if name == "severity" or (rule is not None and rule.required):
        out.append(Rule("required", name + STATED, "true", column, cell=name))
    return out


def _limits(feed: Feed, pilot: Pilot, name: str) -> list[Rule]:
    column = _sent_in(feed, name)
    if name in ("lon", "lat"):
        most = 180.0 if name == "lon" else 90.0
        return [Rule("place", name, "between", column, cell=name, low=-most, high=most)]
    if name == "severity":
        rule = feed.rule("severity")
        low = max(0.0, rule.minimum) if rule and rule.minimum is not None else 0.0
        high = rule.maximum if rule and rule.maximum is not None else 1e9
        return [Rule("limits", name, "between", column, cell=name, low=low, high=high)]
    if name != "value":
        low, high = feed.limits(name, pilot)
        return [Rule("limits", name, "between", column, cell=name, low=low, high=high)]
    stated = [m for m in pilot.metrics if feed.states(m)]
    alone = len(stated) == 1 and feed.rule("metric") is None
    out = []
    for metric in stated:
        low, high = feed.limits(metric, pilot)
        out.append(
            Rule("limits", name, "between", column, cell=name, metric="" if alone else metric, low=low, high=high)
        )
    return out


def _sent_in(feed: Feed, word: str) -> str:
    """The partner's column for one of our words; empty where the asset's own column holds it (wide_assets)."""
    rule = feed.rule(word)
    if rule is not None:
        return ", ".join(rule.compose) or rule.column
    if word in ("asset_id", "lon", "lat") and feed.place is not None:
        return ", ".join(feed.place.columns)
    return "" if feed.layout == "wide_assets" else word
