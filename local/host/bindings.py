"""What the function app declares: its functions, their triggers, and whether Microsoft's indexer would take them.

Owns the index. It refuses what the worker's indexer refuses (azure_functions_runtime/functions.py), since in Azure
such an app starts with no functions at all, and also what this host does not do. Calls no function and opens nothing.
"""

import importlib
import inspect
import json
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import azure.functions as func

from local.host.conversion import converter
from local.host.retries import RetryPolicy, retry_policy

DRIVEN = frozenset({"httpTrigger", "eventGridTrigger", "eventHubTrigger", "queueTrigger", "timerTrigger"})
RETURNED = "$return"

_SETTING = re.compile(r"%([^%\s]+)%")
_NOT_A_CLASS = (typing.Union, types.UnionType, typing.ClassVar, tuple)


class IndexingError(Exception):
    """The app would not start, or not as meant; the text says which function and why."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """A trigger as function.json has it (``values``, camelCase, settings resolved), for the parameter ``argument``."""

    type: str
    argument: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Function:
    """One indexed function."""

    name: str
    trigger: Trigger
    call: Callable[..., Any]
    retry: RetryPolicy | None = None
    takes_context: bool = False
    returns: bool = False


@dataclass(frozen=True, slots=True)
class Index:
    """All functions of an app, and the folder of its module, where host.json is."""

    folder: Path
    functions: tuple[Function, ...]

    def triggered_by(self, trigger_type: str) -> list[Function]:
        """The functions of one trigger type, in the order of their declaration."""
        return [function for function in self.functions if function.trigger.type == trigger_type]


def index(name: str, settings: Mapping[str, str]) -> Index:
    """Import the app ``module:attribute`` and read its functions.

    Only once in a process for one app: azure-functions cannot list them twice.

    Raises:
        IndexingError: it cannot be imported, or Microsoft's indexer or this host would refuse it.
    """
    module_name, _, attribute = name.partition(":")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # whatever the app raises while it is imported, Azure shows "0 functions loaded"
        raise IndexingError(f"importing {module_name} failed: {error!r}") from error
    app = _the_only_app(module, attribute or "app")
    try:
        declared = app.get_functions()
    except ValueError as error:  # no trigger, or a name that is used twice
        raise IndexingError(str(error)) from error
    return Index(Path(module.__file__ or ".").resolve().parent, tuple(_indexed(each, settings) for each in declared))


def connection_string(trigger: Trigger, settings: Mapping[str, str]) -> str:
    """The connection string in the setting that the trigger's ``connection`` names.

    Raises:
        IndexingError: there is no such setting; identity-based connections are for Azure only.
    """
    name = trigger.values.get("connection") or ""
    if not settings.get(name):
        raise IndexingError(f"the setting {name!r}, the connection of the {trigger.type}, is missing or empty")
    return settings[name]


def _the_only_app(module: types.ModuleType, attribute: str) -> func.FunctionApp:
    apps = [key for key, value in vars(module).items() if isinstance(value, func.FunctionRegister)]
    if apps != [attribute]:
        found = ", ".join(apps) or "none"
        raise IndexingError(f"{module.__name__} must have one top-level function app, {attribute}; it has: {found}")
    app: func.FunctionApp = getattr(module, attribute)
    return app


def _indexed(declared: Any, settings: Mapping[str, str]) -> Function:
    name, call = declared.get_function_name(), declared.get_user_function()
    bindings = [json.loads(raw) for raw in declared.get_raw_bindings()]
    try:
        annotations = _annotations(call)
        trigger = _trigger(bindings, declared.get_trigger().name, settings)
        returns = any(binding["name"] == RETURNED for binding in bindings)
        takes_context = _check_parameters(inspect.signature(call).parameters, trigger.argument)
        _check_argument(trigger, annotations)
        if returns:
            _check_return(annotations)
        policy = declared.get_settings_dict("retry_policy")
        retry = retry_policy(policy) if policy else None
    except (IndexingError, ValueError) as error:
        raise IndexingError(f"function {name}: {error}") from error
    return Function(name, trigger, call, retry, takes_context, returns)


def _annotations(call: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(call)
    except (NameError, TypeError) as error:
        raise IndexingError(f"an annotation cannot be evaluated at run time: {error}") from error


def _trigger(bindings: Iterable[Mapping[str, Any]], argument: str, settings: Mapping[str, str]) -> Trigger:
    for binding in bindings:
        if binding["name"] not in {argument, RETURNED}:
            raise IndexingError(f"the binding {binding['name']!r} is no trigger; the local host drives triggers only")
    found = next(binding for binding in bindings if binding["name"] == argument)
    if found["type"] not in DRIVEN:
        raise IndexingError(f"the local host does not drive a {found['type']}")
    return Trigger(found["type"], argument, {key: _resolved(value, settings) for key, value in found.items()})


def _resolved(value: Any, settings: Mapping[str, str]) -> Any:
    def setting(match: re.Match[str]) -> str:
        if match[1] not in settings:
            raise IndexingError(f"%{match[1]}% names a setting that is not set")
        return settings[match[1]]

    return _SETTING.sub(setting, value) if isinstance(value, str) else value


def _check_parameters(parameters: Iterable[str], argument: str) -> bool:
    """Whether the function takes a ``context`` besides its trigger's parameter; anything else is refused."""
    names = set(parameters)
    if argument not in names:
        raise IndexingError(f"the trigger's arg_name {argument!r} is not a parameter; those are {sorted(names)}")
    others = names - {argument, "context"}
    if others:
        raise IndexingError(f"no binding fills the parameters {sorted(others)}")
    return "context" in names - {argument}


def _check_argument(trigger: Trigger, annotations: Mapping[str, Any]) -> None:
    batched = trigger.type == "eventHubTrigger"
    if batched and str(trigger.values.get("cardinality")).lower() != "many":
        raise IndexingError("the local host delivers Event Hubs batches only: give the trigger the cardinality many")
    if trigger.argument not in annotations:
        return
    annotation = annotations[trigger.argument]
    if isinstance(annotation, types.GenericAlias):
        raise IndexingError(f"write typing.List[...]: Microsoft's indexer refuses the annotation {annotation}")
    if not _accepts(trigger.type, annotation):
        raise IndexingError(f"the annotation {annotation} of {trigger.argument!r} does not suit a {trigger.type}")
    if batched and typing.get_origin(annotation) is None:
        raise IndexingError("the cardinality many delivers a typing.List[func.EventHubEvent], not a single event")


def _accepts(trigger_type: str, annotation: Any) -> bool:
    if not isinstance(annotation, type) and typing.get_origin(annotation) in {None, *_NOT_A_CLASS}:
        return False
    try:
        return bool(converter(trigger_type).check_input_type_annotation(annotation))
    except TypeError:  # some converters ask issubclass() of what is no class
        return False


def _check_return(annotations: Mapping[str, Any]) -> None:
    annotation = annotations.get("return", func.HttpResponse)
    if not isinstance(annotation, type) or not converter("http").check_output_type_annotation(annotation):
        raise IndexingError(f"the annotation of the return value, {annotation}, is neither func.HttpResponse nor str")
