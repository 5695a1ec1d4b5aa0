"""The command line of a job: Azure's template language, filled in.

Owns ``${{inputs.x}}``, ``${{outputs.y}}`` and the optional groups ``$[[ ... ]]``, which stand only when all their inputs
have values. Values are put in as they are, unquoted, as Azure does. Knows nothing of files or processes.
"""

import re
from collections.abc import Mapping

_GROUP = re.compile(r"\$\[\[(.*?)\]\]", re.DOTALL)
_PLACE = re.compile(r"\$\{\{\s*(inputs|outputs|search_space)\.(\w+)\s*\}\}")


class CommandError(ValueError):
    """The template asks for an input or output that the job does not have."""


def fill_in(template: str, inputs: Mapping[str, str], outputs: Mapping[str, str]) -> str:
    """The command to run.

    Raises:
        CommandError: a place outside an optional group has no value.
    """
    values = {f"inputs.{name}": value for name, value in inputs.items()}
    values |= {f"outputs.{name}": value for name, value in outputs.items()}
    kept = _GROUP.sub(lambda found: found[1] if _has_all(found[1], values) else "", template)
    return _PLACE.sub(lambda found: _value(found, values), kept)


def _has_all(group: str, values: Mapping[str, str]) -> bool:
    return all(_name(found) in values for found in _PLACE.finditer(group))


def _value(found: re.Match[str], values: Mapping[str, str]) -> str:
    if _name(found) not in values:
        raise CommandError(f"The command needs {found[0]}, which the job does not have")
    return values[_name(found)]


def _name(found: re.Match[str]) -> str:
    return f"{found[1]}.{found[2]}"
