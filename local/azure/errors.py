"""The one error that the local Azure Resource Manager answers with, in ARM's own shape.

Owns the shape only; which rule was broken is said by whoever raises it.
"""

from typing import Any


class ArmError(Exception):
    """A refusal with an HTTP status and ARM's ``{"error": {"code", "message"}}`` body."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    def body(self) -> dict[str, Any]:
        """The JSON body of the answer."""
        return {"error": {"code": self.code, "message": self.message}}


def not_found(kind: str, name: str) -> ArmError:
    """404 ``ResourceNotFound`` for a resource that does not exist."""
    return ArmError(404, "ResourceNotFound", f"{kind} {name} was not found.")
