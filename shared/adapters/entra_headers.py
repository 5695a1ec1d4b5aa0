"""Signing in to a service of Microsoft's outside Resource Manager, as the process's own identity.

Owns the header, and what it means when no token is issued. Knows no service.
"""

from collections.abc import Mapping

from shared.adapters.rest_calls import CallError
from shared.adapters.thread_credential import NewCredential, ThreadCredential
from shared.domain.outcomes import Failed


class EntraHeaders:
    """The headers of each call to a service, whose tokens are for ``scope``."""

    def __init__(self, service: str, scope: str, new_credential: NewCredential) -> None:
        self._service, self._scope = service, scope
        self._identity = ThreadCredential(new_credential)

    async def __call__(self) -> Mapping[str, str]:
        """They hold a token, so they are never logged. Raises CallError when none is issued."""
        from azure.core.exceptions import ClientAuthenticationError  # noqa: PLC0415 - slow, and not needed to decide

        try:
            token = (await self._identity.get_token(self._scope)).token
        except ClientAuthenticationError as problem:
            why = str(problem).partition("\n")[0][:300]
            raise CallError(
                Failed(retryable=True, reason=f"no token for {self._service} was issued: {why}")
            ) from problem
        return {"Accept": "application/json", "Authorization": f"Bearer {token}", "User-Agent": "outerloop"}
