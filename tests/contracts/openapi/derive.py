"""Write the trimmed closures: the definitions that are reachable from the operations named here, as JSON Schema.

Owns which operations are wanted, and how a client that Microsoft generated from its published definitions is read back.
Run it again after adding a line to ``WANTED`` or after a new version of azure-ai-ml; SOURCES.md says how and of what.
"""

import argparse
import ast
import importlib
import importlib.metadata
import json
import re
import types
import typing
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from datetime import time as clock_time
from decimal import Decimal
from enum import Enum
from pathlib import Path

HERE = Path(__file__).parent

# A group of operations of the generated client, or one operation of it. To add calls, add a line and run this again.
WANTED = {
    "machine-learning": [
        "OnlineEndpoints",
        "OnlineDeployments",
        "BatchEndpoints",
        "BatchDeployments",
        "Jobs",
        "ModelContainers",
        "ModelVersions",
        "ComponentContainers",
        "ComponentVersions",
        "DataContainers",
        "DataVersions",
        "EnvironmentContainers",
        "EnvironmentVersions",
        "CodeContainers",
        "CodeVersions",
        "Datastores",
        "RegistryModelContainers",
        "RegistryModelVersions",
        "RegistryComponentContainers",
        "RegistryComponentVersions",
        "RegistryDataContainers",
        "RegistryDataVersions",
        "RegistryEnvironmentContainers",
        "RegistryEnvironmentVersions",
        "RegistryCodeContainers",
        "RegistryCodeVersions",
        "Registries.get",
        "Workspaces.get",
        "Compute",
        "Usages",
        "Quotas",
        "VirtualMachineSizes",
    ],
    "cost-management": ["Query.usage", "Forecast.usage", "Budgets"],
    "monitor": ["Metrics", "MetricDefinitions", "AutoscaleSettings.list_by_resource_group"],
}
PACKAGES = {
    "machine-learning": ("azure-ai-ml", "azure.ai.ml._restclient.arm_ml_service"),
    "cost-management": ("azure-mgmt-costmanagement", "azure.mgmt.costmanagement"),
    "monitor": ("azure-mgmt-monitor", "azure.mgmt.monitor"),
}
# Kinds that Outerloop never orders, and that are half of everything: a document of such a kind is not looked into.
NOT_LOOKED_INTO = {"AutoMLJob", "FineTuningJob", "AutoMLVertical", "DistillationJob"}
PLAIN = {
    str: {"type": "string"},
    bytes: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    Decimal: {"type": "number"},
    bool: {"type": "boolean"},
    datetime: {"type": "string"},
    date: {"type": "string"},
    clock_time: {"type": "string"},
    timedelta: {"type": "string"},
    object: {},
    typing.Any: {},
}


@dataclass(frozen=True)
class Operation:
    """One call, as the generated client sends it."""

    id: str
    method: str
    path: str
    api_version: str
    query: tuple[str, ...]
    statuses: tuple[int, ...]
    body: str
    answer: str
    is_page: bool

    def document(self):
        answer = {"$ref": f"#/definitions/{self.answer}"} if self.answer else None
        if self.is_page:
            page = {"value": {"type": "array", "items": answer}, "nextLink": {"type": "string"}}
            answer = {"type": "object", "required": ["value"], "properties": page}
        # What is only accepted has no resource to show; what is deleted neither.
        silent = {202, 204} | (set(self.statuses) if self.method == "DELETE" else set())
        return {
            "id": self.id,
            "method": self.method,
            "path": self.path,
            "apiVersion": self.api_version,
            "query": sorted(self.query),
            "body": {"$ref": f"#/definitions/{self.body}"} if self.body else None,
            "answers": {str(status): None if status in silent else answer for status in self.statuses},
        }


def operations(tree: ast.Module, wanted: Iterable[str]) -> Iterator[Operation]:
    """The wanted operations of a generated module, in its order."""
    builders = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    wanted = set(wanted)
    for group in (node for node in tree.body if isinstance(node, ast.ClassDef)):
        name = group.name.removesuffix("Operations")
        methods = {node.name: node for node in group.body if isinstance(node, ast.FunctionDef)}  # the last overload
        for method in (each for each in methods.values() if not each.name.startswith("_")):
            verb = method.name.removeprefix("begin_")
            if {name, f"{name}.{verb}"} & wanted:
                yield _operation(f"{name}.{verb}", method, methods.get(f"_{verb}_initial", method), builders)


def _operation(name, method, sender, builders) -> Operation:
    source, returned = ast.unparse(sender), ast.unparse(method.returns)
    builder = ast.unparse(builders[re.search(r"(build_\w+_request)\(", source)[1]])
    statuses = re.search(r"status_code not in \[([\d, ]+)\]", source)[1]
    bodies = [ast.unparse(each.annotation) for each in sender.args.args + sender.args.kwonlyargs if each.annotation]
    body = next((re.search(r"_models\.(\w+)", each) for each in bodies if "IO[bytes]" in each), None)
    answer = re.search(r"_models\.(\w+)", returned)
    return Operation(
        id=name,
        method=re.search(r"method='(\w+)'", builder)[1],
        path=re.search(r"_url = '([^']+)'", builder)[1],
        api_version=re.search(r"'api-version', '([^']+)'", builder)[1],
        query=tuple(set(re.findall(r"_params\['([^']+)'\]", builder))),
        statuses=tuple(int(each) for each in statuses.split(",")),
        body=body[1] if body else "",
        answer=answer[1] if answer else "",
        is_page=returned.startswith("ItemPaged"),
    )


class Definitions:
    """The models of a generated client as JSON Schema; a model is written when something first needs it."""

    def __init__(self, models: types.ModuleType, base: type) -> None:
        self._models = models
        self._base = base
        self.written: dict[str, object] = {}

    def need(self, name: str) -> dict[str, str]:
        """A reference to a model, which is written if it was not."""
        if name not in self.written:
            self.written[name] = {}
            self.written[name] = self._schema(getattr(self._models, name))
        return {"$ref": f"#/definitions/{name}"}

    def _schema(self, model: type) -> dict[str, object]:
        kinds = vars(model).get("__mapping__")
        if model.__name__ in NOT_LOOKED_INTO:
            return {"type": "object"}
        return self._choice(model, kinds) if kinds else self._object(model)

    def _choice(self, model: type, kinds: dict[str, type]) -> dict[str, object]:
        """A base with kinds: which one it is says the discriminator, and the base itself is never sent."""
        mark = next(field._rest_name for field in _fields(model).values() if field._is_discriminator)
        return {
            "type": "object",
            "required": [mark],
            "properties": {mark: {"enum": sorted(kinds)}},
            "allOf": [
                {"if": {"required": [mark], "properties": {mark: {"const": value}}}, "then": self.need(kind.__name__)}
                for value, kind in sorted(kinds.items())
            ],
        }

    def _object(self, model: type) -> dict[str, object]:
        fields, hints = _fields(model), self._hints(model)
        found = {"type": "object", "properties": {}, "additionalProperties": False}
        required = []
        for attribute, field in sorted(fields.items(), key=lambda each: each[1]._rest_name):
            schema = self._value(hints[attribute])
            visible = set(field._visibility or ())
            if visible == {"read"}:
                schema = {**schema, "readOnly": True}
            elif visible and "read" not in visible:
                schema = {**schema, "writeOnly": True}
            found["properties"][field._rest_name] = schema
            if type(None) not in typing.get_args(hints[attribute]):
                required.append(field._rest_name)
        return found | ({"required": required} if required else {})

    def _hints(self, model: type) -> dict[str, typing.Any]:
        found = {}
        for each in reversed(model.__mro__):
            if issubclass(each, self._base) and each is not self._base:
                holder = type("Holder", (), {"__annotations__": vars(each).get("__annotations__", {})})
                space = {**vars(importlib.import_module(each.__module__)), "_models": self._models}
                found |= typing.get_type_hints(holder, globalns=space)
        return found

    def _value(self, hint: typing.Any) -> dict[str, object]:
        origin, arguments = typing.get_origin(hint), typing.get_args(hint)
        if origin in {typing.Union, types.UnionType}:
            return self._union([each for each in arguments if each is not type(None)], type(None) in arguments)
        if origin is typing.Literal:
            return {"const": arguments[0].value if isinstance(arguments[0], Enum) else arguments[0]}
        if origin is list:
            return {"type": "array", "items": self._value(arguments[0])}
        if origin is dict:
            return {"type": "object", "additionalProperties": self._value(arguments[1])}
        if isinstance(hint, type) and issubclass(hint, Enum):
            return {"enum": [each.value for each in hint]}
        if isinstance(hint, type) and issubclass(hint, self._base):
            return self.need(hint.__name__)
        return PLAIN[hint]

    def _union(self, kinds: list[typing.Any], is_nullable: bool) -> dict[str, object]:  # noqa: FBT001 - a part of the type
        # ``str | Enum`` is how the client says that Azure may add values; what it knows today is what we hold to.
        enums = [each for each in kinds if isinstance(each, type) and issubclass(each, Enum)]
        schemas = [self._value(each) for each in enums or kinds] + ([{"type": "null"}] if is_nullable else [])
        return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _fields(model: type) -> dict[str, typing.Any]:
    model.__new__(model)  # the fields of a generated model are known once there was one of it
    return model._attr_to_rest_field


def derive(name: str) -> str:
    """The closure's file, as text."""
    distribution, module = PACKAGES[name]
    place = Path(importlib.import_module(f"{module}.operations._operations").__file__)
    found = list(operations(ast.parse(place.read_text(encoding="utf-8")), WANTED[name]))
    missing = {each for each in WANTED[name] if not any(f"{one.id}.".startswith(f"{each}.") for one in found)}
    if missing:
        raise SystemExit(f"{distribution} has no such operations: {', '.join(sorted(missing))}")
    definitions = Definitions(
        importlib.import_module(f"{module}.models"), importlib.import_module(f"{module}._utils.model_base").Model
    )
    for each in found:
        for needed in filter(None, (each.body, each.answer)):
            definitions.need(needed)
    return _text(
        {
            "source": {
                "package": distribution,
                "version": importlib.metadata.version(distribution),
                "apiVersions": sorted({each.api_version for each in found}),
            },
            "operations": [each.document() for each in found],
            "definitions": dict(sorted(definitions.written.items())),
        }
    )


def _text(closure: dict[str, typing.Any]) -> str:
    """One operation and one definition a line, so that a change of version shows as lines."""
    source = json.dumps(closure["source"])
    calls = ",\n".join(json.dumps(each) for each in closure["operations"])
    definitions = ",\n".join(f"{json.dumps(name)}: {json.dumps(each)}" for name, each in closure["definitions"].items())
    return f'{{"source": {source},\n"operations": [\n{calls}\n],\n"definitions": {{\n{definitions}\n}}}}\n'


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.contracts.openapi.derive", description=__doc__)
    parser.add_argument("names", nargs="*", choices=sorted(WANTED), help="which closures (all)")
    for name in parser.parse_args().names or sorted(WANTED):
        (HERE / f"{name}.json").write_text(derive(name), encoding="utf-8")
        print(f"wrote {name}.json")  # noqa: T201 - a script tells what it did


if __name__ == "__main__":
    main()
