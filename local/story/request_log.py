"""What a caller keeps of its requests, so that weeks later labels find the predictions: ids, who answered, and what.

Owns the ids of requests and this log. Sends nothing, and knows no label.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from local.story.world import PRODUCTION
from shared.adapters.arm_names import deployment_id

ENDPOINT = "flight-delay"
ANSWERED_BY = "azureml-model-deployment"  # a header of every answer of an online endpoint


@dataclass(frozen=True, slots=True)
class Answered:
    """One request that was answered: row n of it is flight n, with prediction n."""

    request_id: str
    deployment: str
    row_ids: list[str]
    event_times: list[str]
    predictions: list[float]

    @property
    def month(self) -> int:
        """The month of its flights."""
        return int(self.event_times[0][5:7])


class RequestLog:
    """Every answered request, in the order of the answers. The ids are the same in each run."""

    def __init__(self) -> None:
        self.answered: list[Answered] = []
        self._asked = 0

    def next_id(self) -> str:
        """The id of the next request."""
        self._asked += 1
        return f"flights-{self._asked:06d}"

    def note(self, request_id: str, rows: Sequence[dict[str, Any]], answer: httpx.Response) -> None:
        """Keep what a request was about, who answered it and what."""
        row_ids, times = [row["row_id"] for row in rows], [row["event_time"] for row in rows]
        predictions = answer.json()["predictions"]
        self.answered.append(Answered(request_id, answer.headers[ANSWERED_BY], row_ids, times, predictions))

    def of_month(self, month: int) -> list[Answered]:
        """The requests about the flights of a month."""
        return [answered for answered in self.answered if answered.month == month]

    def write(self, month: int, path: Path) -> int:
        """The requests of a month as JSON lines, as a job reads them that knows the labels; returns of how many flights."""
        some = self.of_month(month)
        path.write_text("".join(f"{json.dumps(_line(each))}\n" for each in some), encoding="utf-8")
        return sum(len(each.row_ids) for each in some)


def _line(answered: Answered) -> dict[str, Any]:
    return {
        "request_id": answered.request_id,
        "deployment": deployment_id(PRODUCTION, ENDPOINT, answered.deployment),
        "row_ids": answered.row_ids,
        "event_times": answered.event_times,
    }
