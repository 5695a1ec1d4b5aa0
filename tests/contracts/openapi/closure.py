"""Holds an exchange with Azure against the definitions that Azure published for it.

Owns the matching of a call to its operation, and what a request and an answer of it have to be. Opens no connection.
Patterns and limits of values are not in the closures, which were read back from clients: ``published`` adds them.
"""

import functools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema

from tests.contracts.openapi import published

HERE = Path(__file__).parent
NAMES = ("machine-learning", "cost-management", "monitor")
# The registry's data plane takes the same calls behind a prefix of its own.
PREFIX = re.compile(r"^/mferp/managementfrontend", re.IGNORECASE)
REFUSED = {400, 401}  # a request that was refused as malformed may well be that
WIDE = {"scope", "resourceUri"}  # these stand for several parts of a path
ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
        }
    },
}


@dataclass(frozen=True)
class Exchange:
    """A request and its answer, as ``exchanges.jsonl`` of the local Azure has them."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Any
    status: int
    headers: Mapping[str, str]
    answer: Any


@dataclass(frozen=True)
class Call:
    """One operation of Azure's definitions."""

    document: Mapping[str, Any]
    definitions: Mapping[str, Any]

    @property
    def id(self) -> str:
        return self.document["id"]

    @functools.cached_property
    def pattern(self) -> re.Pattern[str]:
        parts = re.split(r"\{(\w+)\}", self.document["path"].lstrip("/"))
        texts = [re.escape(each) if even % 2 == 0 else _place(each) for even, each in enumerate(parts)]
        return re.compile("/" + "".join(texts), re.IGNORECASE)

    def problems(self, exchange: Exchange) -> Iterator[str]:
        """What in the exchange is not as the definitions say, in words; nothing when all is well."""
        if exchange.status not in REFUSED:
            yield from (f"request: {each}" for each in self._request(exchange))
        yield from (f"answer {exchange.status}: {each}" for each in self._answer(exchange))

    def _request(self, exchange: Exchange) -> Iterator[str]:
        known = {each.lower() for each in self.document["query"]}
        yield from (f"there is no query parameter {each}" for each in exchange.query if each.lower() not in known)
        if self.document["body"]:
            yield from self._violations(exchange, self.document["body"], exchange.body, "readOnly")
        elif exchange.body:
            yield "a body was sent, where none is taken"

    def _answer(self, exchange: Exchange) -> Iterator[str]:
        if exchange.status >= 400:
            yield from self._violations(exchange, ERROR, exchange.answer, "writeOnly")
        elif str(exchange.status) not in self.document["answers"]:
            yield f"the only answers are {', '.join(self.document['answers'])}"
        elif schema := self.document["answers"][str(exchange.status)]:
            yield from self._violations(exchange, schema, exchange.answer, "writeOnly")
        elif exchange.status == 202 and not {"location", "azure-asyncoperation"} & set(exchange.headers):
            yield "accepted, and neither Location nor Azure-AsyncOperation says where to ask"

    def is_of_its_version(self, exchange: Exchange) -> bool:
        """Whether the call was made in the API version that the definitions are of."""
        return exchange.query.get("api-version") == self.document["apiVersion"]

    def _violations(self, exchange: Exchange, schema: Mapping[str, Any], body: Any, absent: str) -> Iterator[str]:
        """``absent`` marks what this side may leave out, although it is required of the other."""
        side = _side(id(self.definitions), absent, self.is_of_its_version(exchange))
        whole = {**schema, "definitions": side}
        for error in jsonschema.Draft202012Validator(whole).iter_errors(body):
            yield from _told(error)


def _place(name: str) -> str:
    return r".+?" if name in WIDE else r"[^/]+"


@functools.cache
def _side(definitions: int, absent: str, is_exact: bool) -> Mapping[str, Any]:  # noqa: FBT001 - a key of the cache
    """The definitions as one side is held to them. A preview may have more properties than the release after it."""
    found = next(each for each in _definitions() if id(each) == definitions)
    open_ended = {} if is_exact else {"additionalProperties": True}
    return {name: {**_without(schema, absent), **open_ended} for name, schema in found.items()}


def _without(schema: Mapping[str, Any], absent: str) -> Mapping[str, Any]:
    if "required" not in schema or "properties" not in schema:
        return schema
    marked = {name for name, each in schema["properties"].items() if each.get(absent)}
    return {**schema, "required": [name for name in schema["required"] if name not in marked]}


def _told(error: jsonschema.ValidationError) -> Iterator[str]:
    """One line for each cause: of alternatives only the one that is no null, which is what somebody meant to send."""
    inner = [each for each in error.context or () if each.schema.get("type") != "null"]
    if inner:
        for each in inner:
            yield from _told(each)
    else:
        yield f"{error.json_path}: {error.message[:300]}"


@functools.cache
def calls() -> tuple[Call, ...]:
    """Every operation that is known."""
    return tuple(Call(each, found["definitions"]) for found in map(_closure, NAMES) for each in found["operations"])


def _closure(name: str) -> Mapping[str, Any]:
    found = json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))
    definitions = {each: published.limited(name, each, schema) for each, schema in found["definitions"].items()}
    return {**found, "definitions": definitions}


@functools.cache
def _definitions() -> tuple[Mapping[str, Any], ...]:
    return tuple({id(each.definitions): each.definitions for each in calls()}.values())


def call_for(method: str, path: str) -> Call | None:
    """The operation behind a method and a path; of several the one with the fewest places in it. None: not defined."""
    bare = PREFIX.sub("", path.rstrip("/"))
    found = [each for each in calls() if each.document["method"] == method and each.pattern.fullmatch(bare)]
    return min(found, key=lambda each: each.document["path"].count("{"), default=None)


def read(path: Path) -> list[Exchange]:
    """What a local Azure kept."""
    return [Exchange(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def other_versions(exchanges: Iterable[Exchange]) -> set[tuple[str, str]]:
    """Operations that were called in an API version other than that of the definitions, and in which one."""
    found = ((call_for(each.method, each.path), each) for each in exchanges)
    return {
        (call.id, each.query.get("api-version", "none"))
        for call, each in found
        if call and not call.is_of_its_version(each)
    }


def problems(exchanges: Iterable[Exchange]) -> list[str]:
    """Everything that is wrong with some exchanges, each thing once; calls that Azure does not define are passed over."""
    found: dict[str, None] = {}
    for exchange in exchanges:
        call = call_for(exchange.method, exchange.path)
        if call:
            found |= dict.fromkeys(f"{call.id}: {each}" for each in call.problems(exchange))
    return list(found)
