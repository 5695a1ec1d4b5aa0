"""An origin that many models share, on a real store: who drifts is kept apart from the workloads, and read where they decide."""

from datetime import timedelta

import pytest

from shared.domain.facts import Facts
from shared.domain.policy import Policy
from shared.domain.signals import OperatorAsked
from shared.parsing.policy_file import policy_digest
from shared.ports import LoadedPolicy
from shared.services import telemetry_views
from shared.services.explain import explain
from tests.unit.domain.builders import changed, drift_rule, raw_policy, serving, window

OTHERS = ("flight-cancel", "flight-price")
ORIGIN = "upstream/dist*"
SUBJECT = "workload/flight-delay"


def shared_policy():
    """The example and two workloads beside it, whose drift on ``distance`` means their origin."""
    rule = {"features": "dist*", "models_min": 3, "to": "ml_engineers"}
    raw = raw_policy({"monitoring": [drift_rule(**{"for": "1 of 1"})]}, upstream=[rule])
    first = raw["workloads"][0]
    for name in OTHERS:
        own = {place: {"endpoint": f"{name}-{place}"} for place in ("staging", "production")}
        raw["workloads"].append(changed(first, {"name": name, "model": f"{name}*", "environments": own}))
    return Policy.model_validate(raw)


@pytest.fixture
async def fleet(world):
    """An instance in which three models serve and two of them drift on what all share."""
    policy = shared_policy()
    world.policies.loaded = LoadedPolicy(policy, policy_digest(policy), {})
    await world.order(facts=serving("1"))
    for name in OTHERS:
        heard = window(3, drifted=1, endpoint=f"{name}-production", dedup_key=f"{name}-3")
        await world.ingest.tell(heard)
    return world


async def decisions(world, subject):
    return await world.store.decisions(subject, 20)


async def test_the_third_model_opens_the_incident_and_its_own_retraining_is_held_by_it(fleet):
    await fleet.ingest.tell(window(3, drifted=1))
    told = [d for d in await decisions(fleet, ORIGIN) if d.verdict == "act"]
    assert [type(command).__name__ for d in told for command in d.commands] == ["Notify"]
    held = next(d for d in await decisions(fleet, SUBJECT) if d.verdict == "hold")
    assert "upstream" in [reason.code for reason in held.reasons]
    assert (await fleet.store.facts(ORIGIN)).value.upstream.models == (*OTHERS, "flight-delay")


async def test_the_message_is_sent_and_its_end_is_recorded_with_the_origin(fleet):
    await fleet.ingest.tell(window(3, drifted=1))
    (told,) = [command for d in await decisions(fleet, ORIGIN) for command in d.commands]
    await fleet.executor.run(ORIGIN, told.id, "worker")
    assert fleet.messenger.journal == [("send", told.id)]
    assert "CommandFinished" in [d.cause_kind for d in await decisions(fleet, ORIGIN)]


async def test_it_is_shown_until_a_person_closes_it_and_then_the_retraining_begins(fleet):
    await fleet.ingest.tell(window(3, drifted=1))
    policy = (await fleet.policies.current()).policy
    (shown,) = await telemetry_views.origins(fleet.store, policy)
    assert (shown.name, shown.features, len(shown.models)) == ("dist*", ("distance",), 3)
    assert shown.close == f"outerloop ask close '{ORIGIN}' --by YOU --why WHY"
    found = await explain(fleet.store, shown.incident.id)
    assert found.about == "incident"
    assert ORIGIN in {one.entry.decision.subject for one in found.decisions}
    await fleet.ingest.tell(close(fleet))
    assert await telemetry_views.origins(fleet.store, policy) == ()
    fleet.clock.pass_seconds(3_601)
    await fleet.sweeper.run()
    orders = [type(command).__name__ for d in await decisions(fleet, SUBJECT) for command in d.commands]
    assert "Retrain" in orders


async def test_its_end_falls_due_like_any_hold(fleet):
    await fleet.ingest.tell(window(3, drifted=1))
    fleet.clock.pass_seconds(timedelta(days=71).total_seconds())
    await fleet.sweeper.run()
    assert [one.closed_as for one in (await fleet.store.facts(ORIGIN)).value.incidents] == ["recovered"]


async def test_the_newest_verdict_of_each_rule_is_shown(fleet):
    await fleet.ingest.tell(window(2, dedup_key="february"))
    await fleet.ingest.tell(window(3, drifted=1))
    (shown,) = telemetry_views.verdicts((await fleet.store.facts(SUBJECT)).value)
    assert (shown.rule, shown.window, shown.verdict, shown.compared) == ("data_drift", "1mo", "detected", 0.25)
    assert telemetry_views.verdicts(Facts()) == ()


def close(world):
    now = world.clock.now()
    return OperatorAsked(
        source="outerloop/cli",
        dedup_key="close",
        occurred_at=now,
        subject=ORIGIN,
        workload=ORIGIN,
        action="close",
        by="ada",
        why="the feed is right",
    )
