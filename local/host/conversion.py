"""From what a source delivered to what a Python function receives.

The objects are made by azure-functions' own converters, the ones that Microsoft's worker calls, so that a handler
meets the same classes, defaults and parsing errors here and in Azure. Knows the worker's intermediate form (``Datum``)
and nothing about where the data came from.
"""

import json
from collections.abc import Mapping
from typing import Any

import azure.functions as func
from azure.functions.meta import Datum

Metadata = Mapping[str, Datum]


def text(value: str) -> Datum:
    """A string, as the host sends it over its wire."""
    return Datum(value, "string")


def document(value: Any) -> Datum:
    """Anything that JSON can say, as the host sends it over its wire."""
    return Datum(json.dumps(value), "json")


def converter(binding: str) -> Any:
    """The converter of a binding type, or None when azure-functions has none of that name."""
    registry: Any = func.get_binding_registry()
    return registry.get(binding)


def decode(binding: str, data: Datum, metadata: Metadata | None = None) -> Any:
    """The argument of a function that is triggered by this data.

    Raises:
        ValueError: the data is not what the trigger's schema says (a time that is none, for example).
        NotImplementedError: the trigger takes no data of this form.
    """
    return converter(binding).decode(data, trigger_metadata=metadata or {})
