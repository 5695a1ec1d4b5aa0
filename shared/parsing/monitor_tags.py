"""The tags by which Azure ML's model monitoring says that a signal crossed its thresholds, and how its runs are told from others.

Owns the tag names and the text inside, and the name of the component that compares. Knows nothing of events. Wire format: azureml-assets, component
``model_monitor_evaluate_metrics_threshold`` and ``shared_utilities/event_utils.py``: two lines of prose, then the
Python repr of a list of JSON strings. The prose alone proves a breach: rows that cannot be read are left out.
"""

import ast
import re
from collections.abc import Mapping

from shared.domain.signals import Breach
from shared.parsing.documents import load
from shared.parsing.fields import FieldError, Fields

CHILD_RUN_TAG = "azureml_modelmonitor_threshold_breached"
ROOT_RUN_TAG_PREFIX = "azureml.modelmonitor.threshold.breached."
TEXT_CHARACTERS_MAX = 262_144
# The run of a step carries its component's name in this property; that component compares metrics with their thresholds.
MODULE_PROPERTY = "azureml.modulename"
MODULE = "model_monitor_evaluate_metrics_threshold"

_SIGNAL = re.compile(r"signal '([^'\n]*)'", re.IGNORECASE)
# Only a flat list of string literals reaches literal_eval: it may exhaust the stack on anything deeper.
_LITERAL = r"""(?:'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")"""
_ROWS = re.compile(rf"\[\s*{_LITERAL}(?:\s*,\s*{_LITERAL})*\s*\]")


def breaches_by_signal(tags: Mapping[str, str]) -> dict[str, tuple[Breach, ...]]:
    """The breached monitor signals of a run with what could be read of their values; empty without a monitor tag.

    The root run's tag has the signal in its name, the component run's in its text (empty when it cannot be found).
    """
    found: dict[str, tuple[Breach, ...]] = {}
    for key, text in tags.items():
        signal = _signal_of(key, text)
        if signal is not None:
            rows = _breaches(text)
            found[signal] = found.get(signal, ()) + tuple(row for row in rows if row not in found.get(signal, ()))
    return found


def is_comparison(properties: Mapping[str, str]) -> bool:
    """Whether a run compared a monitor's metrics with their thresholds. Anything else about monitors proves nothing."""
    return any(
        key.strip().lower() == MODULE_PROPERTY and text.strip().lower() == MODULE for key, text in properties.items()
    )


def _signal_of(key: str, text: str) -> str | None:
    folded = key.strip().lower()
    if folded.startswith(ROOT_RUN_TAG_PREFIX):
        return key.strip()[len(ROOT_RUN_TAG_PREFIX) :]
    if folded != CHILD_RUN_TAG:
        return None
    match = _SIGNAL.search(text[:TEXT_CHARACTERS_MAX])
    return match.group(1) if match else ""


def _breaches(text: str) -> tuple[Breach, ...]:
    match = _ROWS.search(text[:TEXT_CHARACTERS_MAX])
    if match is None:
        return ()
    try:
        rows = ast.literal_eval(match.group())
    except (ValueError, SyntaxError):
        return ()
    return tuple(breach for row in rows if (breach := _breach(row)) is not None)


def _breach(row: str) -> Breach | None:
    try:
        fields = Fields.of(load(row.encode(errors="replace")))
        return Breach(
            metric=fields.text("metric_name"),
            value=fields.number("metric_value"),
            threshold=fields.number("threshold_value"),
            group=fields.optional_text("group"),
        )
    except FieldError:  # recorded by its absence: the breach itself stands
        return None
