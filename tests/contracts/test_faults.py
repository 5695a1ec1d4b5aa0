"""Every fault of the wire, played to every kind of command: over https, with the real SDK, against the local Azure.

What is asked of each: an outcome that says whether to try again, no second effect, and nothing taken for done or lost.
"""

import asyncio
import itertools
from datetime import timedelta
from typing import get_args

import httpx
import pytest

from shared.adapters.arm_session import PUBLIC_ARM
from shared.adapters.azure_ml import AzureMachineLearning
from shared.adapters.azure_ml_client import PUBLIC_DATA_PLANE
from shared.domain.commands import DeployModel, Retrain, RunEvaluation, SetTraffic, kind_of
from shared.domain.effects import WorkspaceCommand
from shared.domain.outcomes import Failed, Started, Succeeded, Unknown
from tests.contracts import test_azure_ml_adapter as adapter
from tests.contracts.fault_cases import CASES, DEPLOYED, ENDPOINT, NIGHTLY
from tests.contracts.fault_readings import REFUSALS, REQUESTS_MAX, Reading, play
from tests.contracts.fault_reads import READS
from tests.contracts.faulty_wire import ANY, Fault, wired
from tests.contracts.openapi import closure, documents
from tests.contracts.test_azure_ml_adapter import NOW, SETTLE_SECONDS_MAX, WORKSPACE, journal, order, settled
from tests.unit.adapters.scripted_azure import StaticCredential, cloud_of

# Module fixtures of the adapter's contract: a local Azure of this module's own.
local_azure = adapter.local_azure

KINDS = [pytest.param(kind, id=kind.__name__) for kind in CASES]
NUMBERS = itertools.count(100)


class ManagementCredential(StaticCredential):
    """Tokens for Resource Manager's own address, since the wire's is none that the local Azure knows, or for the data plane."""

    def get_token(self, *scopes, **_):
        asked = scopes[0] if scopes else ""
        return super().get_token(asked if asked.startswith(PUBLIC_DATA_PLANE) else f"{PUBLIC_ARM}/.default")


@pytest.fixture(scope="module")
def line(local_azure):
    with wired(local_azure["arm_url"], local_azure["ca_file"]) as line:
        yield line


@pytest.fixture(scope="module")
def workspace(line):
    return AzureMachineLearning(ManagementCredential, cloud_of(line.url), 2.0, 10.0)


@pytest.fixture(scope="module")
def serving(workspace):
    """A model that a job made, an endpoint with two deployments of it, and a batch endpoint with one."""

    async def prepare():
        for command in (
            adapter.retrain(1),
            order(DeployModel, 2, deployment="blue", **DEPLOYED),
            order(DeployModel, 3, deployment="green", **DEPLOYED),
            order(SetTraffic, 4, endpoint=ENDPOINT, traffic={"blue": 100}),
            order(DeployModel, 5, **NIGHTLY),
        ):
            outcome = await settled(workspace, command)
            assert isinstance(outcome, Succeeded), outcome

    asyncio.run(prepare())


@pytest.fixture
def wire(line, serving):
    """The line, on which nothing of an earlier test is left to go wrong."""
    yield line
    line.play()


async def done(workspace, command):
    """What the queue makes of a command in the end: what may be tried again is."""
    async with asyncio.timeout(SETTLE_SECONDS_MAX):
        while True:
            outcome = await settled(workspace, command)
            if not (isinstance(outcome, Failed) and outcome.retryable):
                return outcome
            await asyncio.sleep(0.1)


def effects(local_azure, kind):
    return len(journal(local_azure, CASES[kind].effect))


def register(local_azure, kind, name, properties):
    """An asset of its own for a command that copies one."""
    token = ManagementCredential().get_token().token
    path = f"{local_azure['arm_url']}{WORKSPACE}/{kind}/{name}/versions/1?api-version=2025-12-01"
    headers = {"authorization": f"Bearer {token}"}
    answer = httpx.put(path, json={"properties": properties}, headers=headers, verify=local_azure["ca_file"])
    assert answer.is_success, answer.text


@pytest.fixture
def ordered(local_azure, workspace, serving):
    """A fresh command of a kind, for which everything is there that it needs."""

    async def one(kind):
        number = next(NUMBERS)
        for command in CASES[kind].first(number):
            assert isinstance(await settled(workspace, command), Succeeded)
        command = CASES[kind].order(number)
        if CASES[kind].asset:
            asset, properties = CASES[kind].asset
            register(local_azure, asset, f"shared-{number}", properties)
        return command

    return one


def test_every_kind_of_the_port_is_played_every_fault():
    assert set(CASES) == set(get_args(WorkspaceCommand)), "a kind without a line in fault_cases.py"


@pytest.mark.parametrize("kind", KINDS)
async def test_a_refused_write_has_no_effect_and_a_later_try_has_one(kind, local_azure, workspace, wire, ordered):
    command = await ordered(kind)
    before = effects(local_azure, kind)
    for status, retryable in ((409, True), (429, True), (500, True), (503, True), (403, False)):
        wire.play(Fault(CASES[kind].write, status=status, headers={"retry-after": "7"}))
        outcome = await workspace.begin(command, NOW)
        assert wire.is_played(), f"{kind_of(command)} never sent its write"
        assert isinstance(outcome, Failed), (status, outcome)
        assert outcome.retryable is retryable, (status, outcome)
        assert outcome.reason
        assert outcome.until == (NOW + timedelta(seconds=7) if retryable else None)
    assert effects(local_azure, kind) == before
    assert isinstance(await done(workspace, command), Succeeded)
    assert effects(local_azure, kind) == before + 1


@pytest.mark.parametrize("kind", KINDS)
async def test_whatever_is_throttled_on_the_way_to_the_write_is_tried_again(
    kind, local_azure, workspace, wire, ordered
):
    command = await ordered(kind)
    before = effects(local_azure, kind)
    for skipped in range(REQUESTS_MAX):
        wire.play(Fault(ANY, status=429, headers={"retry-after": "7"}, skipped=skipped))
        outcome = await workspace.begin(command, NOW)
        if not wire.is_played():
            break
        assert isinstance(outcome, Failed), (skipped, outcome)
        assert outcome.retryable, (skipped, outcome)
        assert outcome.until == NOW + timedelta(seconds=7), (skipped, outcome)
        assert effects(local_azure, kind) == before
    assert skipped >= 2, "a command reads before it writes"
    wire.play()
    assert isinstance(await done(workspace, command), Succeeded)
    assert effects(local_azure, kind) == before + 1


@pytest.mark.parametrize("kind", [Retrain, RunEvaluation])
async def test_what_azure_ai_ml_sends_by_itself_is_counted_when_it_is_throttled(kind, workspace, wire, ordered):
    command = await ordered(kind)
    workspace.clients.throttling.take()
    wire.play(Fault(CASES[kind].write, status=429))
    await workspace.begin(command, NOW)
    assert wire.is_played()
    assert list(workspace.clients.throttling.take().values()) == [1]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", ["is_lost", "is_cut"])
async def test_an_answer_lost_after_the_effect_is_unknown_and_the_next_try_finds_the_effect(
    kind, how, local_azure, workspace, wire, ordered
):
    command = await ordered(kind)
    before = effects(local_azure, kind)
    wire.play(Fault(CASES[kind].write, **{how: True}))
    outcome = await workspace.begin(command, NOW)
    assert wire.is_played()
    whole = how == "is_cut" and CASES[kind].is_write_answered_empty
    assert isinstance(outcome, Started if whole else Unknown), outcome
    assert isinstance(await done(workspace, command), Succeeded)
    assert effects(local_azure, kind) == before + 1


@pytest.mark.parametrize("kind", KINDS)
async def test_a_question_that_is_throttled_or_lost_leaves_the_operation_started(
    kind, local_azure, workspace, wire, ordered
):
    command = await ordered(kind)
    before = effects(local_azure, kind)
    begun = await workspace.begin(command, NOW)
    assert isinstance(begun, Started), begun
    for fault, wait in (
        (Fault(CASES[kind].poll, status=429, headers={"retry-after": "17"}), 17),
        (Fault(CASES[kind].poll, status=429, headers={"x-ms-retry-after-ms": "23000"}), 23),
        (Fault(CASES[kind].poll, status=500), 2),
        (Fault(CASES[kind].poll, status=503), 2),
        (Fault(CASES[kind].poll, is_lost=True), 2),
    ):
        wire.play(fault)
        looked = await workspace.look(command, begun.operation, NOW)
        assert wire.is_played()
        assert looked == Started(operation=begun.operation, look_again_at=NOW + timedelta(seconds=wait)), fault
    assert isinstance(await done(workspace, command), Succeeded)
    assert effects(local_azure, kind) == before + 1


@pytest.mark.parametrize("kind", KINDS)
async def test_an_operation_that_ends_badly_is_a_failure_with_its_reason(kind, workspace, wire, ordered):
    command = await ordered(kind)
    begun = await workspace.begin(command, NOW)
    assert isinstance(begun, Started), begun
    wire.play(*CASES[kind].fails)
    outcome = await workspace.look(command, begun.operation, NOW)
    assert wire.is_played()
    assert isinstance(outcome, Failed), outcome
    assert outcome.retryable is CASES[kind].is_failure_retryable, outcome
    assert outcome.reason
    assert isinstance(await done(workspace, command), Succeeded)


@pytest.mark.parametrize("how", REFUSALS)
@pytest.mark.parametrize("name", READS)
async def test_whatever_befalls_a_request_of_a_read_is_a_failure_with_its_reason_and_never_a_value(
    name, how, workspace, wire
):
    ask, on = READS[name]
    await play(Reading(wire=wire, ask=lambda: ask(workspace), on=on), how)


def test_what_was_said_under_faults_is_as_azure_defines_it(local_azure, serving):
    said = closure.read(adapter.Path(local_azure["journal"]).with_name("exchanges.jsonl"))
    assert closure.problems(said) == []
    assert closure.other_versions(said) <= documents.other_versions()
