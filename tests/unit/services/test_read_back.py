"""Alerts whose message was lost are read back and heard once; those that were heard are not heard again."""

from datetime import timedelta

import pytest

from shared.domain.outcomes import Failed
from shared.domain.platform_signals import AlertFired, AlertResolved
from shared.services.missed import MissedAlerts
from shared.services.read_back import LOOKS_BACK, LOOKS_BACK_MAX, SETTLES, ReadBack
from shared.services.rounds import Rounds
from tests.unit.services.fakes import NOON
from tests.unit.services.signals import serving

EVERY = timedelta(minutes=15)
RULE = "{when: infrastructure_alert, then: notify}"


class FakeAlerts:
    """Alerts by when they changed."""

    def __init__(self):
        self.alerts, self.asked, self.failure = [], [], None

    async def changed(self, scope, after, until):
        self.asked.append((scope, after, until))
        return self.failure or tuple(alert for at, alert in self.alerts if after < at <= until)


class Watch:
    def __init__(self, world, alerts):
        self.world, self.alerts = world, alerts
        rounds = Rounds(world.store, world.clock, "alerts", EVERY, "one")
        self.missed = ReadBack(world.store, world.clock, world.policies, world.ingest, rounds, MissedAlerts(alerts))

    async def later(self, after=EVERY):
        self.world.clock.at += after
        return await self.missed.run()


@pytest.fixture
async def watch(world):
    world.policies.monitor(RULE)
    await world.order(facts=serving("2"))
    return Watch(world, FakeAlerts())


@pytest.fixture
def endpoint(world):
    production = world.policies.environments.production
    return f"{production.workspace}/onlineEndpoints/{production.endpoint}".lower()


def alert(kind, at, *targets):
    key = f"{kind.__name__}-{at.isoformat()}"
    told = {"rule": "slow", "alert_id": "alert-1", "category": "metric", "targets": targets}
    return kind(source="azure/monitor", dedup_key=key, occurred_at=at, **told)


async def test_an_alert_that_nobody_told_is_heard_once(watch, endpoint):
    at = NOON + timedelta(minutes=2)
    watch.alerts.alerts.append((at, alert(AlertFired, at, endpoint)))
    assert [await watch.later() for _ in range(3)] == [1, 0, 0]
    (incident,) = (await watch.world.facts()).incidents
    assert (incident.kind, incident.target) == ("infrastructure", endpoint)


async def test_an_alert_that_was_told_by_its_message_is_not_heard_again(watch, endpoint):
    at = NOON + timedelta(minutes=2)
    fired = alert(AlertFired, at, endpoint)
    await watch.world.ingest.tell(fired)
    watch.alerts.alerts.append((at, fired))
    assert await watch.later() == 0
    assert (await watch.world.facts()).incidents[0].repeats == 0


async def test_an_end_that_nobody_told_closes_the_incident(watch, endpoint):
    fired, ended = NOON + timedelta(minutes=2), NOON + timedelta(minutes=20)
    await watch.world.ingest.tell(alert(AlertFired, fired, endpoint))
    watch.alerts.alerts.append((ended, alert(AlertResolved, ended, endpoint)))
    await watch.later()
    assert (await watch.world.facts()).incidents[0].state == "open"
    await watch.later()
    assert (await watch.world.facts()).incidents[0].closed_as == "resolved"


async def test_alerts_about_what_the_policy_does_not_name_leave_no_rejection(watch):
    at = NOON + timedelta(minutes=2)
    watch.alerts.alerts.append((at, alert(AlertFired, at, "/subscriptions/s/resourcegroups/g/providers/p/t/other")))
    assert await watch.later() == 0
    assert await watch.world.store.rejected(10) == []


async def test_each_change_is_asked_for_once_and_a_message_has_five_minutes(watch):
    await watch.later(timedelta())
    await watch.later()
    (_, first_after, first_until), (_, second_after, second_until) = watch.alerts.asked
    assert (first_after, first_until) == (NOON - SETTLES - LOOKS_BACK, NOON - SETTLES)
    assert (second_after, second_until) == (first_until, NOON + EVERY - SETTLES)


async def test_after_an_outage_everything_since_is_asked_for_up_to_a_week(watch):
    await watch.later(timedelta())
    await watch.later(timedelta(hours=30))
    assert watch.alerts.asked[-1][1] == NOON - SETTLES
    await watch.later(timedelta(days=30))
    assert watch.alerts.asked[-1][1] == watch.world.clock.at - SETTLES - LOOKS_BACK_MAX


async def test_what_could_not_be_read_is_asked_for_again(watch, caplog, endpoint):
    at = NOON + timedelta(minutes=2)
    watch.alerts.alerts.append((at, alert(AlertFired, at, endpoint)))
    watch.alerts.failure = Failed(retryable=False, reason="not permitted")
    assert await watch.later() == 0
    watch.alerts.failure = None
    assert await watch.later() == 1
    assert "could not be read back: not permitted" in caplog.text


async def test_a_policy_without_rules_on_alerts_asks_for_none(world):
    watch = Watch(world, FakeAlerts())
    world.policies.monitor("{when: telemetry_absent, for: 2h}")
    assert await watch.later() == 0
    assert watch.alerts.asked == []


async def test_a_group_is_asked_once_however_many_workspaces_it_has(watch):
    found = MissedAlerts(watch.alerts).places(watch.world.policies.loaded.policy)
    assert len(found) == len(set(found))
    assert all(group.rpartition("/")[0].endswith("/resourcegroups") for group in found)
