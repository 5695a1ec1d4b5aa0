"""A policy file's text into a validated policy, or errors that name file, line, key and what is allowed.

Owns YAML, line numbers and overlays. Reads no files: texts are arguments. The grammar itself is ``domain.policy``.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from shared.domain.durations import parse_duration
from shared.domain.policy import Policy
from shared.domain.policy_section import FaultAtError, FaultsAtError

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class PolicyFault:
    """One thing that is wrong, where a person finds it."""

    file: str
    line: int
    key: str
    text: str

    def __str__(self) -> str:
        return (
            f"{self.file}:{self.line}: {self.key}: {self.text}" if self.key else f"{self.file}:{self.line}: {self.text}"
        )


class PolicyError(ValueError):
    """The text is no valid policy; ``faults`` holds every fault found."""

    def __init__(self, faults: Sequence[PolicyFault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = tuple(faults)


def read_policy(file: str, text: str, overlay: tuple[str, str] | None = None) -> Policy:
    """The policy in a text, with an overlay ``(file, text)`` of durations laid over it. Raises PolicyError."""
    node, raw = _load(file, text)
    if overlay:
        overlay_file, overlay_text = overlay
        overlay_node, changes = _load(overlay_file, overlay_text)
        raw = _lay_over(raw, changes, (), overlay_file, overlay_node)
    try:
        return Policy.model_validate(raw)
    except ValidationError as error:
        raise PolicyError([fault for detail in _causes(error) for fault in _faults(file, node, detail)]) from None


def policy_digest(policy: Policy) -> str:
    """The digest of what a policy means: comments and layout don't count."""
    return hashlib.sha256(policy.model_dump_json(by_alias=True).encode()).hexdigest()


def _load(file: str, text: str) -> tuple[yaml.Node | None, Any]:
    try:
        node, raw = _composed(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise PolicyError([PolicyFault(file, line, "", f"this is no YAML: {error.problem}")]) from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise PolicyError([PolicyFault(file, 1, "", f"this is no YAML: {error}")]) from None
    if not isinstance(raw, dict):
        raise PolicyError([PolicyFault(file, 1, "", "a policy is a mapping that begins with version: 1")])
    repeated = [*_repeated_keys(file, node, (), set())]
    if repeated:
        raise PolicyError(repeated)
    return node, raw


def _composed(text: str) -> tuple[yaml.Node | None, Any]:
    """The nodes of a text, which know their lines, and the values behind them: read once, since YAML is slow to read."""
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        return node, loader.construct_document(node) if node else None
    finally:
        loader.dispose()


def _repeated_keys(file: str, node: yaml.Node | None, path: Path, seen: set[int]) -> Iterator[PolicyFault]:
    """Keys that are written twice: YAML would take the last and say nothing. ``seen`` guards against anchors in a ring."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield from _repeated_keys(file, item, (*path, number), seen)
    if isinstance(node, yaml.MappingNode):
        known: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            here = (*path, name)
            if name in known:
                yield PolicyFault(file, key.start_mark.line + 1, _dotted(here), "is written twice")
            known.add(name)
            yield from _repeated_keys(file, value, here, seen)


def _causes(error: ValidationError) -> list[ErrorDetails]:
    """The errors without those that only follow from others: a list whose one item is wrong also counts as too short."""
    details = error.errors(include_url=False)
    return [detail for detail in details if detail["type"] != "too_short"] or details


def _faults(file: str, node: yaml.Node | None, detail: ErrorDetails) -> Iterator[PolicyFault]:
    """What one error tells of: several faults, when parts do not fit together in several places."""
    cause = detail.get("ctx", {}).get("error")
    if isinstance(cause, FaultsAtError):
        for fault in cause.faults:
            path = _path((*detail["loc"], *fault.path))
            yield PolicyFault(file, _line(node, path), _dotted(path), str(fault))
        return
    path = _path((*detail["loc"], *(cause.path if isinstance(cause, FaultAtError) else ())))
    yield PolicyFault(file, _line(node, path), _dotted(path), _explain(detail, path))


def _path(steps: Path) -> Path:
    places = zip(steps, (None, *steps), strict=False)
    return tuple(part for part, before in places if not (part in _TAGS and isinstance(before, int)))


# Kinds of checks and of monitoring rules, which pydantic puts into paths behind their number.
_TAGS = frozenset(
    {
        *("endpoint", "job", "infrastructure_alert", "schedule", "data_arrived", "telemetry_absent", "endpoint_idle"),
        *("compute_idle", "endpoint_throttled"),
        *("data_drift", "prediction_drift", "data_quality", "model_performance", "fairness"),
    }
)


def _explain(detail: ErrorDetails, path: Path) -> str:
    if detail["type"] == "extra_forbidden":
        allowed = _allowed_keys(path[:-1])
        close = get_close_matches(str(path[-1]), allowed, 1)
        hint = f"did you mean {close[0]}? " if close else ""
        return f"is no key here; {hint}allowed are {', '.join(sorted(allowed))}" if allowed else "is no key here"
    if detail["type"] == "missing":
        return "is missing"
    text = detail["msg"].removeprefix("Value error, ")
    return text if detail["type"] == "value_error" else f"{text}, and not {detail['input']!r:.80}"


def _allowed_keys(path: Path) -> list[str]:
    models: list[Any] = [Policy]
    for part in path:
        models = [m for model in models for m in _inside(model, part)]
    return [
        field.alias or name
        for model in models
        if isinstance(model, type) and issubclass(model, BaseModel)
        for name, field in model.model_fields.items()
    ]


def _inside(model: Any, part: str | int) -> list[Any]:
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return [argument for argument in get_args(model) if isinstance(argument, type)]
    for name, field in model.model_fields.items():
        if part in (name, field.alias):
            return _models_in(field.annotation)
    return []


def _models_in(annotation: Any) -> list[Any]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    inner = [model for argument in get_args(annotation) for model in _models_in(argument)]
    return [*inner, annotation] if get_args(annotation) else inner


def _line(node: yaml.Node | None, path: Path) -> int:
    """The line of a path, or of the innermost part of it that exists."""
    line = 1
    for part in path:
        if node is None:
            break
        line, node = _step(node, part, line)
    return line


def _step(node: yaml.Node, part: str | int, line: int) -> tuple[int, yaml.Node | None]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark.line + 1, node.value[part]
    return line, None


def _dotted(path: Path) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _lay_over(base: Any, changes: Any, path: Path, file: str, node: yaml.Node | None) -> Any:
    """The base with the overlay's durations in the place of its own. Raises PolicyError for any other change."""
    if isinstance(base, dict) and isinstance(changes, dict):
        inner = {key: _lay_over(base.get(key), value, (*path, key), file, node) for key, value in changes.items()}
        return {**base, **inner}
    if isinstance(base, list) and isinstance(changes, list):
        return _lay_over_named(base, changes, path, file, node)
    if base == changes or (_is_duration(base) and _is_duration(changes)):
        return changes
    text = f"an overlay may only change durations that the policy states; here it would replace {base!r} by {changes!r}"
    raise PolicyError([PolicyFault(file, _line(node, path), _dotted(path), text)])


def _lay_over_named(base: list[Any], changes: list[Any], path: Path, file: str, node: yaml.Node | None) -> list[Any]:
    by_name = {_name_of(item): item for item in changes}
    names = [_name_of(item) for item in base]
    if len(by_name) != len(changes) or any(name is None or names.count(name) != 1 for name in by_name):
        text = "items of an overlay are found by their name (rules by their when), which the policy must have too, once"
        raise PolicyError([PolicyFault(file, _line(node, path), _dotted(path), text)])
    return [
        _lay_over(item, by_name[name], (*path, number), file, node) if name in by_name else item
        for number, (name, item) in enumerate(zip(names, base, strict=True))
    ]


def _name_of(item: Any) -> str | None:
    """What an item of a list is known by: its name; a rule has none, and is known by what it listens to."""
    found = item.get("name", item.get("when")) if isinstance(item, dict) else None
    return found if isinstance(found, str) else None


def _is_duration(value: Any) -> bool:
    try:
        return isinstance(value, str) and parse_duration(value) is not None
    except ValueError:
        return False
