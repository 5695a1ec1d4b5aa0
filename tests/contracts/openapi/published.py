"""What Azure's published definitions say, as they were read: the second opinion on the closures.

Owns the reading of ``published/*.jsonl`` and what a definition of ours has to have in common with the published one.
Knows no exchange. A line of a file is one definition: its properties with their types (``[T]`` a list of T, ``{T}`` a
map to T, ``T?`` may be null), what is required and only read, limits of values, and what it extends.
"""

import functools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent / "published"


@dataclass(frozen=True)
class Published:
    """One definition with all that it extends."""

    properties: Mapping[str, str]
    required: frozenset[str]
    read_only: frozenset[str]
    limits: Mapping[str, Mapping[str, Any]]


@functools.cache
def lines(name: str) -> Mapping[str, Mapping[str, Any]]:
    """What was read of a published file and of the common types that it refers to, by name; nothing when none was."""
    path = HERE / f"{name}.jsonl"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return {each["name"]: each for each in map(json.loads, text.splitlines())}


@functools.cache
def operations(name: str) -> Mapping[str, Mapping[str, Any]]:
    """What was read of a published file's operations: query, body, answers by status (``[T]`` a page), headers of those."""
    text = (HERE / f"{name}-operations.jsonl").read_text(encoding="utf-8")
    return {each["id"]: each for each in map(json.loads, text.splitlines())}


def told_of(operation: Mapping[str, Any]) -> dict[str, Any]:
    """An operation of a closure in the words of the published ones; a client tells no headers."""
    return {
        "id": operation["id"],
        "query": operation["query"],
        "body": shape_of(operation["body"]) if operation["body"] else "",
        "answers": {status: _answer(schema) for status, schema in operation["answers"].items()},
    }


def _answer(schema: Mapping[str, Any] | None) -> str:
    return shape_of(schema.get("properties", {}).get("value", schema)) if schema else ""


@functools.cache
def definition(file: str, name: str) -> Published:
    """A definition and, first, what it extends. KeyError: the published file was not read that far."""
    own = lines(file)[name]
    bases = [definition(file, each) for each in own.get("extends", ())]
    properties: dict[str, str] = {}
    limits: dict[str, Mapping[str, Any]] = {}
    for each in bases:
        properties |= each.properties
        limits |= each.limits
    return Published(
        properties={**properties, **own.get("properties", {})},
        required=frozenset(own.get("required", ())).union(*(each.required for each in bases)),
        read_only=frozenset(own.get("readOnly", ())).union(*(each.read_only for each in bases)),
        limits={**limits, **own.get("limits", {})},
    )


def shape(file: str, kind: str) -> str:
    """A published type, in the words that ``shape_of`` has for a schema; whether it may be null is left out."""
    kind = kind.removesuffix("?")
    if kind[0] in "[{":
        return kind[0] + shape(file, kind[1:-1]) + kind[-1]
    if kind.startswith("enum("):
        return _enum(kind[5:-1].split("|"))
    found = lines(file).get(kind, {})
    if "enum" in found:
        return _enum(found["enum"])
    if "map" in found:
        return "{" + shape(file, found["map"]) + "}"
    if "is" in found:
        return found["is"]
    return {"object": "any", "any": "any"}.get(kind, kind)


def _enum(values: list[str]) -> str:
    return f"enum({'|'.join(sorted(values))})"


def shape_of(schema: Mapping[str, Any]) -> str:
    """The type that a schema of a closure asks for: a plain one, an enumeration, a name, or a list or a map of such."""
    for each in schema.get("anyOf", ()):
        if each.get("type") != "null":
            return shape_of(each)
    if "$ref" in schema:
        return schema["$ref"].rpartition("/")[2]
    if "const" in schema or "enum" in schema:
        return _enum(schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        return f"[{shape_of(schema['items'])}]"
    if "additionalProperties" in schema:
        return f"{{{shape_of(schema['additionalProperties'])}}}"
    return schema.get("type", "any")


def differences(file: str, name: str, schema: Mapping[str, Any]) -> Iterator[str]:
    """Where a definition of a closure is not the published one, in words that stay the same from run to run."""
    told, mine = definition(file, name), schema["properties"]
    shared = sorted(mine.keys() & told.properties.keys())
    is_base = "additionalProperties" not in schema  # the properties of a base are those of its kinds
    yield from (f"{name}.{each} is not published" for each in sorted(mine.keys() - told.properties.keys()))
    yield from () if is_base else (f"{name}.{each} is missing" for each in sorted(told.properties.keys() - mine.keys()))
    for each in shared:
        found, published = shape_of(mine[each]), shape(file, told.properties[each])
        if found != published and not ("const" in mine[each] and _is_one_of(mine[each]["const"], published)):
            yield f"{name}.{each} is {found}, published as {published}"
    read = {each for each in shared if mine[each].get("readOnly")}
    yield from (f"{name}.{each} is read only on one side" for each in sorted((read ^ told.read_only) & set(shared)))
    required = set(schema.get("required", ())) | {each for each in shared if "const" in mine[each]}
    yield from (f"{name}.{each} need not be there" for each in sorted((required - told.required) & set(shared)))
    yield from (f"{name}.{each} is required" for each in sorted((told.required - required) & set(shared)))
    yield from _kinds(file, name, schema)


def _is_one_of(value: str, published: str) -> bool:
    """Whether a kind's own mark is one of the values that the published base has for it."""
    return published == "string" or value in re.split(r"[(|)]", published)


def _kinds(file: str, name: str, schema: Mapping[str, Any]) -> Iterator[str]:
    for each in schema.get("allOf", ()):
        mark = next(rule["const"] for rule in each["if"]["properties"].values())
        kind = each["then"]["$ref"].rpartition("/")[2]
        if lines(file).get(kind, {}).get("value") != mark:
            yield f"{name}: {kind} is not published as {mark}"


def limited(file: str, name: str, schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """A schema of a closure with the limits that the published definition sets to its values."""
    limits = definition(file, name).limits if name in lines(file) else {}
    properties = {each: {**found, **limits.get(each, {})} for each, found in schema.get("properties", {}).items()}
    return {**schema, "properties": properties} if limits else schema
