"""An answer that takes its time: what is asked for happens in the middle of it."""

import time

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from local.azure.pace import Paced


async def asked(seconds):
    """How long after the question it was done, and answered."""
    done = []

    async def act(_):
        done.append(time.monotonic())
        return Response("done")

    app = Paced(Starlette(routes=[Route("/", act)]), seconds)
    began = time.monotonic()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://local") as client:
        assert (await client.get("/")).text == "done"
    return done[0] - began, time.monotonic() - began


@pytest.mark.parametrize("seconds", [0.1, 0.3])
async def test_half_of_the_time_passes_before_it_is_done_and_half_after(seconds):
    done, answered = await asked(seconds)
    assert done >= seconds / 2
    assert answered >= done + seconds / 2


async def test_without_a_pace_it_is_answered_at_once():
    _, answered = await asked(0)
    assert answered < 0.1
