"""What both meters have in common, and the query: names stand in it as literals, whatever they hold."""

import math
import threading
from datetime import timedelta

import pytest

from shared.adapters.azure_monitor import UnreadableAnswerError, answered
from shared.adapters.azure_monitor_logs import BINS_PER_E, literal, query_of
from shared.domain.outcomes import Failed
from shared.domain.policy_environments import Production
from shared.ports_measuring import Stretch
from shared.telemetry.latency import BINS, LATENCY_MS_MAX, count_latencies
from tests.unit.adapters.orders import WORKSPACE
from tests.unit.domain.builders import NOW


def query(endpoint="flights", deployments=("version-1",)):
    production = Production(workspace=WORKSPACE, endpoint=endpoint)
    return query_of(Stretch(production, deployments, NOW, NOW + timedelta(minutes=3), 0.01))


def raising(problem):
    def read():
        raise problem

    return read


async def test_what_is_read_is_passed_on():
    assert await answered(lambda: 7, 5.0, "a role") == 7


async def test_an_answer_that_takes_too_long_is_not_waited_for():
    done = threading.Event()
    try:
        failed = await answered(done.wait, 0.05, "a role")
    finally:
        done.set()
    assert failed == Failed(retryable=True, reason="Azure did not answer within 0.05 s")


@pytest.mark.parametrize(
    ("problem", "says"),
    [
        (UnreadableAnswerError("it is empty"), "could not be used: it is empty"),
        (KeyError("values"), "another form than the documented one (KeyError: 'values')"),
        (OSError("cut"), "OSError: cut"),
    ],
)
async def test_whatever_goes_wrong_is_a_failure_that_says_what(problem, says):
    failed = await answered(raising(problem), 5.0, "a role")
    assert isinstance(failed, Failed)
    assert says in failed.reason


@pytest.mark.parametrize("name", ['a"b', "a\\", '\\"', 'x") or true or ("', "a b", "naïve", "{since}"])
def test_nothing_in_a_name_can_end_its_literal(name):
    text = literal(name)
    assert text[0] == text[-1] == '"'
    inside = text[1:-1].replace("\\\\", "").replace('\\"', "")
    assert '"' not in inside
    assert "\\" not in inside
    assert text in query(deployments=(name,))


@pytest.mark.parametrize("name", ["a\nb", "a\x00", "\u2028"])
def test_a_control_character_is_in_no_name(name):
    with pytest.raises(ValueError, match="no name of Azure has"):
        literal(name)


def test_the_query_asks_for_the_minutes_the_workspace_and_the_versions():
    asked = query(deployments=("version-1", "version-2"))
    assert "datetime(2026-03-02T12:00:00Z) and TimeGenerated < datetime(2026-03-02T12:03:00Z)" in asked
    assert f'_ResourceId =~ "{WORKSPACE}" or _ResourceId startswith "{WORKSPACE}/"' in asked
    assert 'DeploymentName in~ ("version-1", "version-2")' in asked
    assert "!in (400, 401, 402, 403, 404, 413)" in asked


@pytest.mark.parametrize("duration", [1.0, 2.0, 7.0, 40.0, 250.0, 1_000.0, 59_999.0])
def test_its_bins_are_those_of_our_own_windows(duration):

    counts, _ = count_latencies([duration])
    assert int(counts.argmax()) == min(BINS - 1, math.floor(math.log(max(duration, 1.0)) * BINS_PER_E))
    assert round(math.log(LATENCY_MS_MAX) * BINS_PER_E) == BINS
