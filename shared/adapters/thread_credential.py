"""The process's identity for asynchronous clients: the synchronous credential, asked in a thread.

Owns only the bridge. One credential for both worlds keeps one cache of tokens, and no session that has to be closed.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken, TokenCredential

NewCredential = Callable[[], "TokenCredential"]


class ThreadCredential:
    """azure-core's ``AsyncTokenCredential``. The credential behind it is made by the first who asks for a token."""

    def __init__(self, new_credential: NewCredential) -> None:
        self._new_credential = new_credential
        self._credential: TokenCredential | None = None

    async def get_token(self, *scopes: str, **options: Any) -> "AccessToken":
        """A token for these scopes. Raises azure-identity's errors."""
        return await asyncio.to_thread(self._get_token, scopes, options)

    def _get_token(self, scopes: tuple[str, ...], options: dict[str, Any]) -> "AccessToken":
        if self._credential is None:
            self._credential = self._new_credential()
        return self._credential.get_token(*scopes, **options)

    async def close(self) -> None:
        """Nothing to close."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None
