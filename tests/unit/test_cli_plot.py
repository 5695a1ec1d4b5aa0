"""``outerloop plot``, on a store that something happened in."""

import asyncio

import pytest
from PIL import Image
from typer.testing import CliRunner

from shared.cli import app
from tests.unit.filled_store import POLICY, WORKLOAD, FilledStore, opened


@pytest.fixture
def outerloop(tmp_path):
    settings = {
        "OUTERLOOP_POLICY": str(POLICY),
        "OUTERLOOP_POLICY_OVERLAY": "",
        "OUTERLOOP_STORE": str(tmp_path / "store.db"),
        "OUTERLOOP_SIGNING_KEY": "a-key-of-this-test",
    }

    async def drifted():
        store = await opened(settings["OUTERLOOP_STORE"])
        loop = FilledStore(store)
        await loop.until_serving("1")
        await loop.drift(2)
        await store.close()

    asyncio.run(drifted())
    return lambda *arguments: CliRunner().invoke(app, list(arguments), env=settings)


def test_the_picture_lies_where_it_was_asked_for(outerloop, tmp_path):
    out = tmp_path / "drift.png"
    result = outerloop("plot", WORKLOAD, "--out", str(out))
    assert result.exit_code == 0
    assert "2 windows, 1 marks" in result.stdout
    assert Image.open(out).size == (1100, 860)


def test_drawn_again_it_is_the_same_to_the_byte(outerloop, tmp_path):
    for name in ("a.png", "b.png"):
        outerloop("plot", WORKLOAD, "--out", str(tmp_path / name))
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_an_unknown_workload_is_refused_with_those_that_there_are(outerloop, tmp_path):
    result = outerloop("plot", "fligth-delay", "--out", str(tmp_path / "x.png"))
    assert result.exit_code == 1
    assert "the policy has flight-delay, handwritten-digits" in result.stderr
    assert not (tmp_path / "x.png").exists()


def test_a_folder_that_does_not_exist_is_said_in_one_line(outerloop, tmp_path):
    result = outerloop("plot", WORKLOAD, "--out", str(tmp_path / "nowhere" / "x.png"))
    assert result.exit_code == 1
    assert "No such file or directory" in result.stderr
    assert "Traceback" not in result.output
