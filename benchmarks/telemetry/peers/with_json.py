"""What the peers that read JSON with the standard library share."""

import json
from typing import Any


def rows_of(message: bytes) -> list[dict[str, Any]]:
    """The rows of a packed message, with the prediction as one more column."""
    inputs, outputs = (json.loads(line)["data"] for line in message.splitlines())
    return [row | output for row, output in zip(inputs, outputs, strict=True)]
