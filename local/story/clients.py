"""The people and programs around the loop: a control client, the callers of the endpoint, and those who approve.

Owns how the outside behaves. It uses only doors that exist in Azure too, but for the control interface.
"""

import asyncio
import html
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx

from local.story.request_log import RequestLog
from local.story.world import PRODUCTION, StoryError, World

API_VERSION = "2025-12-01"
ROWS_PER_REQUEST = 50
CONCURRENCY = 2


class Control:
    """Looks behind the scenes of the local Azure, and publishes what a data platform would."""

    def __init__(self, world: World) -> None:
        self._client = httpx.AsyncClient(base_url=world.control_url, timeout=30)

    async def look(self, what: str) -> list[dict[str, Any]]:
        """Journal, endpoints, jobs, cards, mails or dropped."""
        answer = await self._client.get(f"/{what}")
        return list(answer.raise_for_status().json())

    async def order(self, what: str, **body: Any) -> None:
        """subscribe, data-assets or events."""
        answer = await self._client.post(f"/{what}", json=body)
        if answer.status_code != 200:
            raise StoryError(f"the local Azure refused {what}: {answer.text}")

    async def production_traffic(self) -> dict[str, int]:
        """The traffic map that is in force in production; deployments without any are left out."""
        for endpoint in await self.look("endpoints"):
            if endpoint["workspace"].lower() == PRODUCTION.lower():
                return {name: percent for name, percent in endpoint["traffic"].items() if percent}
        return {}


@dataclass
class Callers:
    """The programs that ask a production endpoint for predictions, 50 rows a request.

    Those with a log give each request an id and keep what was answered.
    """

    world: World
    workspace: str = PRODUCTION
    endpoint: str = "flight-delay"
    answered: int = 0
    failed: int = 0
    log: RequestLog | None = None
    _url: str = ""
    _headers: dict[str, str] = field(default_factory=dict)

    async def connect(self) -> None:
        """Fetch the endpoint's address and key, as a client with access to the workspace does."""
        async with self._client() as client:
            token = await self._token(client)
            headers = {"Authorization": f"Bearer {token}"}
            base = f"{self.world.azure['arm_url']}{self.workspace}/onlineEndpoints/{self.endpoint}"
            endpoint = await client.get(f"{base}?api-version={API_VERSION}", headers=headers)
            keys = await client.post(f"{base}/listKeys?api-version={API_VERSION}", headers=headers)
        self._url = endpoint.raise_for_status().json()["properties"]["scoringUri"]
        self._headers = {"Authorization": f"Bearer {keys.raise_for_status().json()['primaryKey']}"}

    async def score(
        self,
        rows: Sequence[dict[str, Any]],
        per_second: float | None,
        stop: Callable[[], Awaitable[bool]] | None = None,
    ) -> int:
        """Send rows in order, at most so many requests a second; stops early when asked to. Returns the rows sent."""
        limits = asyncio.Semaphore(CONCURRENCY)
        sent, started, waiting = 0, time.monotonic(), set[asyncio.Task[None]]()
        async with self._client() as client:
            async for batch in _paced(rows, per_second, started):
                if stop is not None and await stop():
                    break
                await limits.acquire()
                task = asyncio.create_task(self._ask(client, batch, limits))
                waiting.add(task)
                task.add_done_callback(waiting.discard)
                sent += len(batch)
            await asyncio.gather(*waiting)
        return sent

    async def _ask(self, client: httpx.AsyncClient, rows: Sequence[dict[str, Any]], limits: asyncio.Semaphore) -> None:
        request_id = self.log.next_id() if self.log else None
        named = {"request_id": request_id} if request_id else {}
        try:
            answer = await client.post(self._url, json={**named, "rows": rows}, headers=self._headers)
            self.answered += answer.status_code == 200
            self.failed += answer.status_code != 200
            if self.log and request_id and answer.status_code == 200:
                self.log.note(request_id, rows, answer)
        except httpx.HTTPError:
            self.failed += 1
        finally:
            limits.release()

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(verify=_ssl(self.world), timeout=30)

    async def _token(self, client: httpx.AsyncClient) -> str:
        azure = self.world.azure
        url = f"{azure['identity_endpoint']}?resource={quote(azure['arm_url'])}&api-version=2019-08-01"
        answer = await client.get(url, headers={"X-IDENTITY-HEADER": azure["identity_header"]})
        return str(answer.raise_for_status().json()["access_token"])


def _ssl(world: World) -> Any:
    import ssl  # noqa: PLC0415  # only for the local certificate authority

    return ssl.create_default_context(cafile=world.azure["ca_file"])


async def _paced(
    rows: Sequence[dict[str, Any]], per_second: float | None, started: float
) -> AsyncIterator[Sequence[dict[str, Any]]]:
    for number, first in enumerate(range(0, len(rows), ROWS_PER_REQUEST)):
        if per_second:
            await asyncio.sleep(max(0.0, started + number / per_second - time.monotonic()))
        yield rows[first : first + ROWS_PER_REQUEST]


async def answer_question(link: str, person: str, answer: str) -> tuple[int, str]:
    """Do what a person does: open the link, read, and press a button. Returns the status and the page."""
    async with httpx.AsyncClient(timeout=60) as client:
        shown = await client.get(link, headers={"x-local-user": person})
        found = re.search(r'name="form" value="([^"]+)"', shown.text)
        if shown.status_code != 200 or not found:
            return shown.status_code, shown.text
        fields = {"form": html.unescape(found[1]), "answer": answer, "comment": "looks good"}
        acted = await client.post(link, headers={"x-local-user": person}, data=fields)
        return acted.status_code, acted.text
