"""When the quota is read, and what an answer that does not come means."""

import pytest

from shared.domain.capacity import Quota
from shared.domain.facts import Incident
from shared.domain.outcomes import Failed
from shared.services.capacity import Unasked, asks_for_quota, with_quota
from tests.unit.domain.builders import NOW, answered, awaiting, elapsed, policy_with, registered, serving, situation
from tests.unit.domain.platform_builders import fired, listening

FOUND = Quota(location="westeurope", family="standardDSv2Family", cores=4, used=8, limit=100)


class Answers:
    """The port ``Quotas`` with one answer, or one exception."""

    def __init__(self, answer):
        self.answer, self.asked = answer, []

    async def quota(self, workspace, instance_type):
        self.asked.append((workspace, instance_type))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_a_yes_to_a_version_that_waits_asks():
    assert asks_for_quota(situation(answered("approve"), awaiting("2")))


@pytest.mark.parametrize(
    ("signal", "facts"),
    [(answered("reject"), awaiting("2")), (answered("approve"), serving("1")), (registered("2"), awaiting("1"))],
    ids=["a no", "a question that is closed", "another signal"],
)
def test_nothing_else_does(signal, facts):
    assert not asks_for_quota(situation(signal, facts))


@pytest.mark.parametrize(("then", "asks"), [("scale_out", True), ("restart", False), ("notify", False)])
def test_an_alert_asks_where_more_instances_may_answer_it(then, asks):
    bounds = {"relief": {"instances_max": 3}} if then == "scale_out" else {}
    policy = listening({"then": then, **bounds})
    assert asks_for_quota(situation(fired(), serving("1"), policy=policy)) is asks
    troubled = serving("1").with_incident(
        Incident(id="i", kind="infrastructure", state="verifying", opened_at=NOW, alert="high latency")
    )
    assert asks_for_quota(situation(elapsed("verify_deadline", "i"), troubled, policy=policy)) is asks
    assert not asks_for_quota(situation(elapsed("verify_deadline", "other"), troubled, policy=policy))


def test_nobody_is_asked_for_quota_of_a_cluster():
    edge = {"production": {"kind": "kubernetes_online", "compute": "edge"}}
    rule = {"when": "infrastructure_alert", "then": "scale_out", "relief": {"instances_max": 3}}
    policy = policy_with(environments=edge, monitoring=[rule])
    assert not asks_for_quota(situation(answered("approve"), awaiting("2"), policy=policy))
    assert not asks_for_quota(situation(fired(), serving("1"), policy=policy))


async def test_the_quota_is_that_of_the_instance_type_in_the_workspace_of_production():
    here, quotas = situation(answered("approve"), awaiting("2")), Answers(FOUND)
    assert (await with_quota(here, quotas)).quota == FOUND
    production = here.workload.environments.production
    assert quotas.asked == [(production.workspace, here.workload.deployment.instance_type)]


@pytest.mark.parametrize("answer", [Failed(retryable=True, reason="403"), OSError("no network")])
async def test_an_answer_that_does_not_come_holds_nothing(answer):
    assert (await with_quota(situation(answered("approve"), awaiting("2")), Answers(answer))).quota is None


async def test_a_rehearsal_asks_nobody():
    assert isinstance(await Unasked().quota("workspace", "Standard_DS3_v2"), Failed)
