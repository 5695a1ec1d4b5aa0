from io import BytesIO

import azure.functions as func
import pytest
from PIL import Image

from handlers.workloads import drift_plot, workload

NAMES = ("nobody", "../dashboard", "<script>", "", "flight-delay\x00", "x" * 5000)


@pytest.fixture
def ask(signed_in):
    """Asks for a page or a picture of a workload, signed in unless the headers say otherwise."""

    async def asking(route, name="flight-delay", headers=None, **more):
        known = signed_in() if headers is None else headers
        url = "http://localhost/api/workloads/x"
        request = func.HttpRequest("GET", url, headers=known | more, route_params={"name": name}, body=b"")
        return await route(request)

    return asking


async def test_the_page_shows_the_workload_and_its_picture(app, ask):
    answer = await ask(workload)
    page = answer.get_body().decode()
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    assert 'src="flight-delay/drift.png"' in page
    assert "img-src 'self'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"


async def test_the_picture_is_one(app, ask):
    answer = await ask(drift_plot)
    assert (answer.status_code, answer.mimetype) == (200, "image/png")
    assert Image.open(BytesIO(answer.get_body())).size == (1100, 860)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_who_has_the_picture_already_is_told_so(app, ask):
    first = await ask(drift_plot)
    again = await ask(drift_plot, **{"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.get_body()) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert again.headers["Cache-Control"] == "private, no-cache"
    other = await ask(drift_plot, **{"If-None-Match": '"something else"'})
    assert (other.status_code, other.get_body()) == (200, first.get_body())


@pytest.mark.parametrize("route", [workload, drift_plot])
async def test_nobody_looks_without_signing_in(app, ask, route):
    answer = await ask(route, headers={})
    assert answer.status_code == 403
    assert b"flight-delay" not in answer.get_body()


@pytest.mark.parametrize("route", [workload, drift_plot])
async def test_everybody_looks_where_the_dashboard_is_open(environment, ask, route):
    environment.setenv("OUTERLOOP_DASHBOARD", "open")
    assert (await ask(route, headers={})).status_code == 200


@pytest.mark.parametrize("route", [workload, drift_plot])
@pytest.mark.parametrize("name", NAMES)
async def test_a_workload_that_nobody_knows_is_not_found(app, ask, route, name):
    answer = await ask(route, name)
    assert answer.status_code == 404
    assert b"<script" not in answer.get_body()
