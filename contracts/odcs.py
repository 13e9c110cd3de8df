"""An Open Data Contract Standard document as a plain mapping of what Foresafe reads from it.

The standard's own model ignores unknown nested keys, so the document is checked against the standard's JSON schema
first, and its refusals are put into a person's words. What the standard lacks stands in `customProperties`;
their names are checked here, their values where they become a `Feed`.
"""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.resources import files
from typing import Any

import yaml

from contracts.errors import BadContract, nearest

FEED_WORDS = frozenset(
    [
        "partner",
        "table",
        "layout",
        "delimiter",
        "encoding",
        "missing",
        "time",
        "known_at",
        "constants",
        "place",
        "assets",
        "units",
        "limits",
        "sources",
    ]
)
COLUMN_WORDS = frozenset(["unit", "map", "prefix", "compose", "empty", "ignored"])
_SCHEMA_HINTS = {
    "required": "a key is missing",
    "enum": "not one of the allowed values",
    "type": "of the wrong type",
}


def read_contract(text: str, *, where: str) -> dict[str, Any]:
    """Feed keys (see `contracts.feed.Feed`) from one ODCS document.

    Raises:
        BadContract: not YAML, not ODCS, not exactly one server and one schema, or an unknown customProperty.
    """
    document = _yaml(text, where)
    _check_schema(document, where)
    from open_data_contract_standard.model import OpenDataContractStandard

    odcs = OpenDataContractStandard.from_string(text)
    server = _only(odcs.servers, "servers", where)
    schema = _only(odcs.schema_, "schema", where)
    custom = _custom(odcs.customProperties, FEED_WORDS, where)
    custom.pop("sources", None)
    keys = {"caps" if word == "limits" else word: value for word, value in custom.items()}
    if server.encoding and "encoding" not in keys:
        keys["encoding"] = server.encoding
    return keys | {
        "name": odcs.name or "",
        "version": odcs.version or "",
        "path": server.path or server.location or "",
        "format": server.format or "",
        "columns": [_column(prop, where) for prop in schema.properties or ()],
    }


def _yaml(text: str, where: str) -> dict[str, Any]:
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as fault:
        raise BadContract(f"not YAML: {' '.join(str(fault).split())}", where=where) from fault
    if not isinstance(document, dict):
        raise BadContract("a mapping was expected", where=where)
    return document


@lru_cache(maxsize=1)
def _validator() -> Any:
    from jsonschema import Draft201909Validator

    schema = json.loads(files("open_data_contract_standard").joinpath("schema.json").read_text(encoding="utf-8"))
    return Draft201909Validator(schema)


def _check_schema(document: dict[str, Any], where: str) -> None:
    unknown = ("additionalProperties", "unevaluatedProperties")
    faults = sorted(_validator().iter_errors(document), key=lambda f: (f.validator not in unknown, -len(f.path)))
    if not faults:
        return
    fault = faults[0]
    path = ".".join(str(part) for part in fault.absolute_path) or "document"
    if fault.validator in unknown:
        known = _known_keys(fault)
        extra = [key for key in fault.instance if key in fault.message and key not in known]
        key = extra[0] if extra else fault.message
        fix = "state it as a customProperty of the document" if key in FEED_WORDS else ""
        raise BadContract(f"{path}: unknown key {key!r}", where=where, allowed=nearest(str(key), known), fix=fix)
    if ".properties." in f".{path}" and isinstance(fault.instance, dict) and "logicalType" not in fault.instance:
        # the standard's schema asks a property without a type for the keys of every type
        raise BadContract(f"{path}: no logicalType", where=where, allowed="string, number, integer, boolean, timestamp")
    hint = _SCHEMA_HINTS.get(str(fault.validator), "not as the Open Data Contract Standard 3.1 has it")
    raise BadContract(f"{path}: {hint}: {fault.message[:160]}", where=where)


def _known_keys(fault: Any) -> list[str]:
    """The keys that the standard has at this place, through its `$ref` and `allOf`."""
    root, keys, todo = _validator().schema, set(), [fault.schema]
    while todo:
        part = todo.pop()
        if "if" in part:
            meant = part["if"].get("properties", {}).get("type", {}).get("const")
            todo += [part.get("then", {})] if meant and fault.instance.get("type") == meant else []
            continue
        keys |= set(part.get("properties", ()))
        todo += part.get("allOf", [])
        if "$ref" in part:
            target = root
            for step in part["$ref"].removeprefix("#/").split("/"):
                target = target.get(step, {})
            todo.append(target)
    return sorted(keys)


def _only(items: list[Any] | None, name: str, where: str) -> Any:
    if not items or len(items) != 1:
        raise BadContract(f"{name}: {len(items or [])} entries", where=where, allowed="exactly one")
    return items[0]


def _custom(items: list[Any] | None, known: frozenset[str], where: str) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for item in items or ():
        if item.property not in known:
            raise BadContract(
                f"unknown customProperty {item.property!r}", where=where, allowed=nearest(str(item.property), known)
            )
        if item.property in out:
            raise BadContract(f"customProperty {item.property!r} stands twice", where=where, allowed="once")
        out[item.property] = item.value
    return out


_OPTIONS = frozenset(("minimum", "maximum", "format"))


def _column(prop: Any, where: str) -> dict[str, Any]:
    options = prop.logicalTypeOptions or {}
    for key in options:
        if key not in _OPTIONS:
            raise BadContract(
                f"{prop.name}: unknown logicalTypeOptions {key!r}", where=where, allowed=nearest(key, _OPTIONS)
            )
    return {
        "name": prop.name,
        "column": prop.physicalName or prop.name,
        "required": bool(prop.required),
        "minimum": options.get("minimum"),
        "maximum": options.get("maximum"),
        **_custom(prop.customProperties, COLUMN_WORDS, f"{where}, {prop.name}"),
    }
