"""A step writes over nothing that somebody else set; a rollback does, and says so."""

from typing import Any

import pytest

from shared.adapters.azure_ml import AzureMachineLearning
from shared.domain.commands import RollBackTraffic, SetTraffic
from shared.domain.outcomes import Failed, Started, Succeeded
from shared.domain.values import replace
from tests.unit.adapters.orders import NOW, WORKSPACE, roll_back, set_traffic
from tests.unit.adapters.scripted_azure import ScriptedAzure
from tests.unit.adapters.test_azure_ml_traffic import ENDPOINT, document

OURS = {"outerloop.command": "c" * 24}
OVERWROTE = "outerloop.overwrote"


def step(**left: int) -> SetTraffic:
    """From 10 % to 50 %, where we left a map behind."""
    return replace(set_traffic(blue=50, green=50), expected=(left,))


def back(*left: dict[str, int]) -> RollBackTraffic:
    return replace(roll_back(blue=100, green=0), expected=left)


def there(azure: ScriptedAzure, traffic: dict[str, int], state: str = "Succeeded", **tags: str) -> None:
    azure.on("GET", ENDPOINT, document(traffic, state, **tags))
    azure.on("PUT", ENDPOINT, document(traffic, "Updating"))


async def test_a_step_does_not_write_over_traffic_that_somebody_else_set_between_two_looks(
    azure: ScriptedAzure, workspace: AzureMachineLearning
) -> None:
    there(azure, {"blue": 70, "green": 30})
    outcome = await workspace.begin(step(blue=90, green=10), NOW)
    assert isinstance(outcome, Failed)
    assert not outcome.retryable
    assert outcome.reason == (
        "somebody else set the traffic: found blue=70,green=30, we left it at blue=90,green=10; nothing was written"
    )
    assert outcome.data == {"traffic": "blue=70,green=30", "by_hand": "blue=70,green=30", "written": 0.0}
    assert azure.writes() == []


@pytest.mark.parametrize("found", [{"blue": 90, "green": 10}, {"blue": 90, "green": 10, "red": 0}])
async def test_a_step_is_written_over_what_we_left(
    azure: ScriptedAzure, workspace: AzureMachineLearning, found: dict[str, int]
) -> None:
    there(azure, found)
    assert isinstance(await workspace.begin(step(Blue=90, green=10), NOW), Started)
    assert azure.writes()[0].body["properties"]["traffic"] == {"blue": 50, "green": 50}


async def test_a_write_whose_answer_was_lost_is_ours_and_done(
    azure: ScriptedAzure, workspace: AzureMachineLearning
) -> None:
    there(azure, {"blue": 50, "green": 50}, **OURS)
    outcome = await workspace.begin(step(blue=90, green=10), NOW)
    assert outcome == Succeeded(data={"traffic": "blue=50,green=50"})


async def test_what_a_failed_write_of_ours_left_behind_is_nobody_elses(
    azure: ScriptedAzure, workspace: AzureMachineLearning
) -> None:
    there(azure, {"blue": 100}, "Failed", **OURS)
    assert isinstance(await workspace.begin(step(blue=90, green=10), NOW), Started)


async def test_an_order_that_expects_nothing_writes_over_whatever_is_there(
    azure: ScriptedAzure, workspace: AzureMachineLearning
) -> None:
    there(azure, {"blue": 70, "green": 30})
    assert isinstance(await workspace.begin(set_traffic(blue=50, green=50), NOW), Started)


async def test_a_rollback_writes_over_traffic_of_somebody_else_and_marks_what_it_was(
    azure: ScriptedAzure, workspace: AzureMachineLearning
) -> None:
    there(azure, {"blue": 30, "red": 70})
    assert isinstance(await workspace.begin(back({"blue": 90, "green": 10}), NOW), Started)
    (write,) = azure.writes()
    assert write.body["properties"]["traffic"] == {"blue": 100}
    assert write.body["tags"][OVERWROTE] == "blue=30,red=70"


@pytest.mark.parametrize("road", ["look", "begin"])
async def test_what_it_wrote_over_is_said_also_when_its_answer_was_lost(
    azure: ScriptedAzure, workspace: AzureMachineLearning, road: str
) -> None:
    there(azure, {"blue": 100}, **OURS, **{OVERWROTE: "blue=30,red=70"})
    command = back({"blue": 90, "green": 10})
    seen: Any = (
        await workspace.begin(command, NOW)
        if road == "begin"
        else await workspace.look(command, WORKSPACE + ENDPOINT, NOW)
    )
    assert seen == Succeeded(data={"traffic": "blue=100", "overwrote": "blue=30,red=70"})


async def test_a_rollback_that_is_tried_again_still_knows_what_its_first_try_wrote_over(
    azure: ScriptedAzure, workspace: AzureMachineLearning
) -> None:
    there(azure, {"blue": 90, "green": 10}, "Failed", **OURS, **{OVERWROTE: "red=100"})
    await workspace.begin(back({"blue": 90, "green": 10}), NOW)
    assert azure.writes()[0].body["tags"][OVERWROTE] == "red=100"


async def test_either_map_of_a_write_under_way_is_ours_to_a_rollback(
    azure: ScriptedAzure, workspace: AzureMachineLearning
) -> None:
    there(azure, {"blue": 90, "green": 10})
    await workspace.begin(back({"blue": 50, "green": 50}, {"blue": 90, "green": 10}), NOW)
    assert OVERWROTE not in azure.writes()[0].body["tags"]


async def test_what_another_rollback_wrote_over_is_not_said_twice(
    azure: ScriptedAzure, workspace: AzureMachineLearning
) -> None:
    there(azure, {"blue": 90, "green": 10}, **{"outerloop.command": "another", OVERWROTE: "red=100"})
    await workspace.begin(step(blue=90, green=10), NOW)
    assert OVERWROTE not in azure.writes()[0].body["tags"]
