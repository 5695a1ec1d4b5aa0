import dataclasses

from shared.domain.capacity import Quota
from shared.domain.policy import Policy
from shared.domain.rules.quota import short_of, tell
from shared.domain.values import replace
from tests.unit.domain.builders import NOW, answered, awaiting, raw_policy, situation, version

FULL = Quota(location="westeurope", family="standardDSv2Family", cores=4, used=96, limit=100)


TEAM = {"group": "00000000-0000-0000-0000-000000000002", "channels": ["teams:infrastructure"]}


def here(quota=FULL, deployment=None, **rollout):
    workload = {"promotion": {"rollout": rollout}, "deployment": deployment or {"instance_count": 2}}
    policy = Policy.model_validate(raw_policy(workload, personas={"infrastructure": TEAM}))
    return situation(answered("approve"), awaiting("2", version("1")), policy=policy, quota=quota)


def test_a_deployment_without_room_says_what_is_needed_and_what_to_ask_for():
    (reason,) = short_of(here())
    assert (reason.code, reason.observed, reason.limit) == ("quota", 4, 12)
    assert "2 x Standard_DS3_v2 counts as 3 instances" in reason.text
    assert "Both deployments of a rollout need 6 instances, 24 cores" in reason.text
    assert reason.release == "raise the quota of standardDSv2Family in westeurope to 108 cores or more, or free 8"


def test_enough_room_and_room_that_nobody_knows_hold_nothing():
    roomy = Quota(location="westeurope", family="standardDSv2Family", cores=4, used=88, limit=100)
    assert short_of(here(roomy)) == short_of(here(None)) == ()


def test_those_who_can_ask_for_more_are_told_once():
    (told,) = tell(here(quota_to="infrastructure"), short_of(here()))
    assert (told.persona, told.title) == ("infrastructure", "flight-delay: a new version waits for quota")
    assert "108 cores" in told.facts["what to do"]
    (told,) = tell(here(), short_of(here()))
    assert told.persona == "ml_engineers", "the owner"


def test_what_has_waited_for_quota_before_is_not_told_again():
    waiting = here()
    hold, facts = waiting.wait("version 2", NOW, waiting.facts)
    told = facts.with_held(hold.id, replace(facts.held[hold.id], quota_told=True))
    for known, messages in ((facts, 1), (told, 0)):
        again = dataclasses.replace(waiting, signal=hold.signal, original=waiting.signal, facts=known)
        assert len(tell(again, short_of(again))) == messages


def test_other_reasons_to_wait_are_told_by_others():
    assert tell(here(), ()) == ()
