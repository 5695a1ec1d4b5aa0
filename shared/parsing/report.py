"""One parsed value as a line of ``outerloop parse --json``, in a shape that tools may rely on.

Owns that shape (DESIGN, section 10). Knows nothing of printing.
"""

from typing import Any

import msgspec

from shared.domain.signals import Rejected, Signal, kind_of


def report_line(file: str, index: int, parsed: Signal | Rejected) -> dict[str, Any]:
    """``{"file", "index", "kind", …}``: for a signal every field, also those at their default, for a rejection
    ``reason`` and ``detail``. Times are ISO 8601 in UTC. ``index`` counts the lines of the file, from 0.
    """
    fields = _plain(parsed)
    if isinstance(parsed, Rejected):
        del fields["index"]
    return {"file": file, "index": index, "kind": kind_of(parsed), **fields}


def _plain(value: Any) -> Any:
    # msgspec's own conversion leaves defaults out; a line has the same keys for each signal of a kind.
    if isinstance(value, msgspec.Struct):
        return {name: _plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return msgspec.to_builtins(value)
