from datetime import timedelta

import pytest

from shared.domain.evaluate import evaluate
from shared.domain.values import replace
from tests.unit.domain.builders import (
    DEVELOPMENT,
    NOW,
    after,
    codes,
    kinds,
    known,
    ordered,
    rolling,
    situation,
    version,
)
from tests.unit.domain.platform_builders import ELSEWHERE, ENDPOINT, PRODUCTION, deployed, resource_changed

STATES = ("deploying", "probing", "rolling_out", "serving", "standby", "rolled_back", "retired", "rejected")
LONG_AGO = known(version("1", "standby"), version("2"), version("0", "retired"))
LATER = after("10h")


def decided(signal, facts=LONG_AGO, **fields):
    return evaluate(situation(signal, facts, **{"now": LATER, **fields}))


@pytest.mark.parametrize(
    "signal", [deployed(), resource_changed(), resource_changed(f"{ENDPOINT}/deployments/blue", "deleted")]
)
def test_what_we_did_not_order_is_told_to_the_owner(signal):
    done = decided(signal)
    assert (codes(done), kinds(done)) == (["changed_by_hand"], ["Notify"])
    assert ordered(done, "Notify").persona == "ml_engineers"
    assert "champion 2, standby 1" in ordered(done, "Notify").facts["we know"]
    assert [(one.kind, one.state) for one in done.facts.incidents] == [("by_hand", "open")]
    assert replace(done.facts, incidents=()) == LONG_AGO


@pytest.mark.parametrize("signal", [deployed(by="eve@contoso.com"), resource_changed(by="eve@contoso.com")])
def test_who_did_it_is_told_where_the_source_says_so(signal):
    done = decided(signal)
    assert ordered(done, "Notify").facts["by"] == "eve@contoso.com"
    assert "by eve@contoso.com, and we did not order it" in done.decision.reasons[0].text
    assert "does not say who" in ordered(decided(deployed()), "Notify").facts["by"]


@pytest.mark.parametrize("state", STATES)
def test_deployments_of_versions_that_we_deployed_are_ours(state):
    facts = known(version("3", state))
    for signal in (deployed("flight-delay/version-3"), resource_changed(f"{ENDPOINT}/deployments/version-3")):
        done = decided(signal, facts)
        assert (done.decision.verdict, codes(done)) == ("suppress", ["our_own"])


def test_a_version_that_was_never_deployed_there_is_not_ours():
    facts = known(version("3", "testing", deployment=""))
    assert codes(decided(deployed("flight-delay/version-3"), facts)) == ["changed_by_hand"]


@pytest.mark.parametrize(("number", "code"), [("0", "our_own"), ("1", "deleted_by_hand"), ("2", "deleted_by_hand")])
def test_we_delete_only_what_has_ended(number, code):
    assert codes(decided(resource_changed(f"{ENDPOINT}/deployments/version-{number}", "deleted"))) == [code]


@pytest.mark.parametrize(
    ("models", "code"),
    [
        (("flight-delay:1", "flight-delay:2"), "our_own"),
        (("flight-delay:9",), "changed_by_hand"),
        ((), "changed_by_hand"),
    ],
)
def test_an_event_that_names_no_deployment_is_judged_by_its_models(models, code):
    assert codes(decided(deployed("flight-delay", models=models))) == [code]


@pytest.mark.parametrize("signal", [deployed("flight-delay"), resource_changed(ENDPOINT)])
def test_the_endpoint_itself_is_ours_to_write_during_a_rollout_and_shortly_after_a_change(signal):
    assert codes(decided(signal, rolling())) == ["our_own"]
    assert codes(decided(signal, now=after("15m"))) == ["our_own"]
    assert codes(decided(signal, now=after("16m"))) == ["changed_by_hand"]


def test_nobody_deletes_the_endpoint_for_us():
    done = decided(resource_changed(ENDPOINT, "deleted"), rolling())
    assert (set(codes(done)), done.facts.champion, done.facts.rollout) == ({"deleted_by_hand"}, "", None)


def test_an_endpoint_with_nothing_of_ours_that_is_deleted_is_a_change_like_any_other():
    assert codes(decided(resource_changed(ENDPOINT, "deleted"), known(version("0", "retired")))) == ["changed_by_hand"]


def test_a_deletion_before_the_deployment_was_made_is_news_of_a_former_life():
    stale = resource_changed(f"{ENDPOINT}/deployments/version-2", "deleted", occurred_at=NOW - timedelta(days=1))
    assert decided(stale).facts.champion == "2"


def test_a_second_event_about_the_same_deployment_is_counted_and_not_told_again():
    first = decided(deployed())
    again = decided(resource_changed(f"{ENDPOINT}/deployments/blue", dedup_key="again"), first.facts)
    assert (codes(again), kinds(again)) == (["changed_by_hand", "incident_open"], [])
    assert again.facts.incidents[0].repeats == 1


def test_another_deployment_is_another_change():
    first = decided(deployed())
    assert kinds(decided(deployed("flight-delay/green"), first.facts)) == ["Notify"]


def test_a_write_that_failed_or_an_action_has_changed_nothing():
    assert codes(decided(resource_changed(ENDPOINT, "other", status="Failed"))) == ["nothing_changed"]


@pytest.mark.parametrize(
    "signal",
    [
        deployed("house-prices/blue"),
        deployed("flight-delay/blue", workspace=DEVELOPMENT),
        resource_changed(PRODUCTION),
        resource_changed(f"{PRODUCTION}/computes/flight-delay"),
        resource_changed(f"{PRODUCTION}/onlineendpoints/house-prices"),
        resource_changed(f"{ELSEWHERE}/onlineendpoints/flight-delay"),
    ],
)
def test_other_places_are_none_of_our_business(signal):
    done = decided(signal)
    assert (done.decision.verdict, codes(done)) == ("no_match", ["no_rule"])


def test_ids_are_compared_in_any_case():
    assert codes(decided(resource_changed(f"{ENDPOINT}/deployments/version-1".upper()))) == ["our_own"]
