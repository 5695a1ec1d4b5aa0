"""By the command line a person looks at sampled inputs."""

import asyncio
import json

import pytest
from typer.testing import CliRunner

from shared.adapters.sqlite_store import SqliteStore
from shared.cli import app
from shared.ports import StoredDelta
from shared.services.sampling import SampleKeeper
from shared.telemetry.partials import Delta
from shared.telemetry.samples import SamplePartial, encode_sample
from shared.telemetry.sampling import payloads_sampled
from tests.unit.filled_store import POLICY, START
from tests.unit.services.telemetry_messages import ref


@pytest.fixture
def outerloop(tmp_path):
    settings = {
        "OUTERLOOP_POLICY": str(POLICY),
        "OUTERLOOP_POLICY_OVERLAY": "",
        "OUTERLOOP_STORE": str(tmp_path / "store.db"),
        "OUTERLOOP_SIGNING_KEY": "a-key-of-this-test",
    }
    asyncio.run(fill(settings["OUTERLOOP_STORE"]))
    return lambda *arguments: CliRunner().invoke(app, list(arguments), env=settings)


async def fill(path):
    store = SqliteStore(path)
    await store.open()
    rows = {"inputs": [b'{"carrier":"AA"}', b'{"carrier":"\\u001b[2J"}'], "misfits": [b'{"distance":"far"}']}
    bodies = [
        encode_sample(SamplePartial(kind, ref(), "1d", START, START, payloads_sampled(list(enumerate(some)))))
        for kind, some in rows.items()
    ]
    delta = Delta(samples=tuple(bodies))
    await store.save_fold(await SampleKeeper(store).rows([(StoredDelta("0", 1, b""), delta)]), [])
    await store.close()


def test_the_rows_of_each_window_are_shown(outerloop):
    done = outerloop("samples", "flight-delay/version-2")
    assert done.exit_code == 0
    first, *rest = done.stdout.splitlines()
    assert "2 of 2 rows" in first
    assert [line.strip() for line in rest if line.startswith("  ")] == [
        '{"carrier": "AA"}',
        '{"carrier": "\\u001b[2J"}',
        '{"distance": "far"}',
    ]


def test_only_misfits_are_shown_when_they_are_asked_for(outerloop):
    done = outerloop("samples", "flight-delay/version-2", "--misfits", "--json")
    (found,) = json.loads(done.stdout)
    assert (found["kind"], found["rows"]) == ("misfits", [{"distance": "far"}])


def test_an_unknown_deployment_is_refused_in_a_sentence(outerloop):
    done = outerloop("samples", "flight-delay/version-9")
    assert done.exit_code == 1
    assert "nothing was sampled of flight-delay/version-9" in done.output
