"""The gate: a GX suite generated from a contract's rules. The only place that imports great_expectations.

Import this module only where rows are validated: it takes seconds. Known blind spots of GX 1.24 that the rules and
the reading of its results close: an empty batch succeeds (row count), `between` passes nulls (not null, and flags for
what could not be read), infinity passes an open bound (both bounds always, finite numbers only), and an exception
inside gives no rows at all (it refuses the batch).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from ingest.docs import Docs, make_offline
from ingest.rules import Rule

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # GX 1.24 imports sre_constants, deprecated since Python 3.11
    import great_expectations as gx
    import great_expectations.expectations as gxe
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )
    from great_expectations.expectations.row_conditions import Column


@dataclass(frozen=True)
class Verdict:
    """counts: for each rule, how many rows break it. fault: why the batch as a whole is refused; empty if it is not."""

    counts: tuple[int, ...]
    fault: str
    results: Any


class Gate:
    """One ephemeral GX context for all batches of a run."""

    def __init__(self, docs: Docs | None = None) -> None:
        self._context = gx.get_context(project_config=_config(docs), mode="ephemeral")
        self._docs = docs
        self._before = self._results() if docs else frozenset()
        self._source = self._context.data_sources.add_pandas("batches")

    def validate(self, frame: pl.DataFrame, rules: Sequence[Rule], *, name: str, complete: bool = False) -> Verdict:
        """Judge candidate rows by every rule.

        name: of the feed, as Data Docs show it. complete: also list every failing row, for small frames only.
        """
        definition = self._definition(rules, name)
        pandas = frame.select(sorted(_columns_used(rules))).to_pandas()
        form = {"result_format": "COMPLETE" if complete else "SUMMARY"}
        result = definition.run(batch_parameters={"dataframe": pandas}, result_format=form)
        return _verdict(result, len(rules))

    def build_docs(self) -> None:
        """Write pages of what this gate judged, in GX's own HTML site; does nothing when no folder was given.

        Without a list of pages GX would make all of them anew, for every feed once more.
        """
        if self._docs is None:
            return
        self._docs.prune()
        fresh = self._results() - self._before
        if fresh:
            suites = {key.expectation_suite_identifier for key in fresh}
            self._context.build_data_docs(resource_identifiers=[*fresh, *suites])
            make_offline(self._docs.folder)

    def _results(self) -> frozenset[Any]:
        return frozenset(self._context.validation_results_store.list_keys())

    def _definition(self, rules: Sequence[Rule], name: str) -> Any:
        suite = gx.ExpectationSuite(name=name, expectations=expectations(rules))
        suite = self._context.suites.add_or_update(suite)
        try:
            asset = self._source.get_asset(name)
            batch = asset.get_batch_definition("batch")
        except LookupError:
            asset = self._source.add_dataframe_asset(name)
            batch = asset.add_batch_definition_whole_dataframe("batch")
        definition = gx.ValidationDefinition(name=name, data=batch, suite=suite)
        return self._context.validation_definitions.add_or_update(definition)


def _config(docs: Docs | None) -> DataContextConfig:
    site = {
        "foresafe": {
            "class_name": "SiteBuilder",
            "show_how_to_buttons": False,
            "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(docs and docs.folder)},
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        }
    }
    config = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        progress_bars=ProgressBarsConfig(globally=False),
        analytics_enabled=False,
    )
    if docs is not None:
        config.data_docs_sites = site
        for store in ("expectations_store", "validation_results_store"):
            backend = {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(docs.stores / store)}
            if store == "expectations_store":
                backend["filepath_suffix"] = ".json"
            config.stores[store]["store_backend"] = backend
    return config


def _columns_used(rules: Sequence[Rule]) -> set[str]:
    named = {rule.column for rule in rules} | {rule.other for rule in rules if rule.other}
    return named | ({"metric"} if any(rule.metric for rule in rules) else set())


def expectations(rules: Sequence[Rule]) -> list[Any]:
    """The suite: at least one row, then one expectation a rule, carrying the rule's position."""
    return [gxe.ExpectTableRowCountToBeBetween(min_value=1), *(_expectation(i, r) for i, r in enumerate(rules))]


def _expectation(position: int, rule: Rule) -> Any:
    only: dict[str, Any] = {"meta": {"rule": position, "name": rule.name, "sent_in": rule.sent_in}}
    if rule.metric:
        only |= {"row_condition": Column("metric") == rule.metric}
    if rule.check == "not_null":
        return gxe.ExpectColumnValuesToNotBeNull(column=rule.column, **only)
    if rule.check == "true":
        return gxe.ExpectColumnValuesToBeInSet(column=rule.column, value_set=[True], **only)
    if rule.check == "between":
        return gxe.ExpectColumnValuesToBeBetween(column=rule.column, min_value=rule.low, max_value=rule.high, **only)
    if rule.check == "in_set":
        return gxe.ExpectColumnValuesToBeInSet(column=rule.column, value_set=list(rule.allowed), **only)
    return gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A=rule.column, column_B=rule.other, or_equal=True, ignore_row_if="either_value_is_missing", **only
    )


def _verdict(result: Any, rules: int) -> Verdict:
    counts, fault = [0] * rules, ""
    for one in result.results:
        raised = one.exception_info or {}
        infos = [raised] if "raised_exception" in raised else list(raised.values())
        failed = [info["exception_message"] for info in infos if info.get("raised_exception")]
        if failed:
            fault = f"{one.expectation_config.type} could not be judged: {str(failed[0])[:200]}"
        position = (one.expectation_config.meta or {}).get("rule")
        if position is None and not one.success:
            fault = fault or "no rows"
        elif position is not None and not failed:
            counts[position] = int(one.result.get("unexpected_count", 0))
    return Verdict(tuple(counts), fault, result)
