from datetime import timedelta

import pytest

from shared.domain.rules.attribution import blame, what_changed_last
from tests.unit.domain.builders import NOW, after, known, rolling, serving, situation, version
from tests.unit.domain.platform_builders import ENDPOINT, PRODUCTION, fired, listening

POLICY = listening()
RULE = POLICY.workloads[0].alert_rules[0]
TAKEN_OVER = known(version("1", "standby"), version("2"))


def blamed(facts, at=NOW, targets=(ENDPOINT,), rule=RULE, **fields):
    return blame(situation(fired(), facts, policy=POLICY, **fields), rule, at, targets)


def test_a_version_that_is_taking_over_is_blamed():
    assert blamed(rolling()) == (True, "version 2 is taking over since 2026-03-02 12:00:00 UTC")


def test_a_version_that_takes_no_traffic_yet_is_not():
    assert blamed(rolling(percent=0)) == (False, "version 2 takes no traffic yet")


def test_a_version_that_took_over_within_the_time_is_blamed():
    assert blamed(TAKEN_OVER, now=after("1h")) == (
        True,
        "version 2 took over at 2026-03-02 12:00:00 UTC, which is within 1h",
    )


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (serving("1"), "no warm standby"),
        (known(version("1", "standby"), version("2"), standby_until=NOW), "no warm standby"),
        (known(version("1", "registered")), "no version of ours serves"),
    ],
)
def test_without_a_way_back_nobody_is_blamed(facts, why):
    found, text = blamed(facts)
    assert not found
    assert why in text


def test_after_the_time_nobody_is_blamed():
    assert blamed(TAKEN_OVER, now=after("61m"))[1].endswith("not within 1h")


def test_an_alert_from_long_before_is_nobodys_fault():
    assert not blamed(TAKEN_OVER, at=NOW - timedelta(minutes=61))[0]
    assert blamed(rolling(), at=NOW - timedelta(seconds=1)) == (
        False,
        "the alert fired before version 2 is taking over since 2026-03-02 12:00:00 UTC",
    )


def test_a_rule_that_only_notifies_blames_nobody():
    rule = listening({"then": "notify"}).workloads[0].alert_rules[0]
    assert blamed(rolling(), rule=rule) == (False, "the policy says notify")


@pytest.mark.parametrize(
    ("target", "wanted"),
    [
        (PRODUCTION, True),
        (ENDPOINT, True),
        (f"{ENDPOINT}/deployments/version-2", True),
        (f"{ENDPOINT}/deployments/version-1", False),
        (f"{ENDPOINT}-eu", False),
        (f"{PRODUCTION}-eu", False),
        (f"{PRODUCTION}/computes/flight-delay", False),
        (PRODUCTION.partition("/providers/")[0], False),
    ],
)
def test_only_what_the_version_serves_can_be_its_fault(target, wanted):
    assert blamed(rolling(), targets=(target,))[0] is wanted


def test_one_target_of_many_is_enough():
    assert blamed(rolling(), targets=(f"{PRODUCTION}/computes/cpu", ENDPOINT))[0]


def test_what_changed_last_is_the_rollout_then_the_champion():
    texts = [what_changed_last(situation(fired(), facts)) for facts in (rolling(), rolling(over=""), TAKEN_OVER)]
    assert texts == [
        "version 2 is taking over, in the place of version 1: 10 %, since 2026-03-02 12:00:00 UTC",
        "version 2 is taking over: 10 %, since 2026-03-02 12:00:00 UTC",
        "version 2 began serving at 2026-03-02 12:00:00 UTC",
    ]
