"""What goes wrong on purpose at the wire of a local service: before the effect, or after it.

Owns when a fault strikes, and that it strikes once. Knows no service.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response

Refuse = Callable[[int, str, dict[str, str]], Response]


@dataclass(frozen=True)
class Fault:
    """One request of a method goes wrong: refused at once, or carried out and then not answered in time."""

    method: str
    status: int = 500
    message: str = "Server Error"
    headers: dict[str, str] = field(default_factory=dict)
    is_done: bool = False
    delay_seconds: float = 0.0


async def struck(
    faults: list[Fault], request: Request, carry_out: Callable[[], Awaitable[Response]], refuse: Refuse
) -> Response:
    """The answer to a request: that of the first fault of its method, which is used up, else the service's own."""
    fault = next((one for one in faults if one.method == request.method), None)
    if fault is None:
        return await carry_out()
    faults.remove(fault)
    if fault.is_done:
        await carry_out()
    await asyncio.sleep(fault.delay_seconds)
    return refuse(fault.status, fault.message, fault.headers)
