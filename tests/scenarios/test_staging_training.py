"""A candidate is trained anew in staging, on what production knows, and what came of it goes on in its place: as timelines."""

import pytest

from shared.domain.outcomes import Failed, Refusal, Skipped, Succeeded
from tests.scenarios.timeline import Timeline
from tests.unit.domain.builders import (
    NOW,
    POLICY,
    WORKLOAD,
    after,
    breached,
    incident,
    policy_with,
    registered,
    serving,
    situation,
)

STAGING = WORKLOAD.environments.staging.workspace
TRAINING = {
    "component": "azureml:flight_train@latest",
    "data": "azureml:flights-in-production@latest",
    "compute": "staging-cluster",
    "metrics": {"auc_min": 0.6},
}
TRAINED_AS = "flight-delay-retrained-in-staging"
IN_REGISTRY = f"azureml://registries/contoso-registry/models/{TRAINED_AS}/versions/2"


def retraining(**changes):
    checks = [check.model_dump() for check in WORKLOAD.promotion.staging.checks]
    return policy_with(promotion={"staging": {"checks": checks, "retrain": {**TRAINING, **changes}}})


def trained(auc=0.7, version="2"):
    return Succeeded(data={"auc": auc, "model_version": version})


def candidate(policy=None, *outcomes, facts=None):
    story = Timeline(policy or retraining(), facts or serving("1"))
    story.azure.next("Retrain", *outcomes)
    return story.push(registered("2"))


def kinds(story):
    return [type(order).__name__ for order in story.azure.orders]


@pytest.mark.rule("staging_training")
def test_a_candidate_is_trained_in_the_staging_workspace_before_anything_is_shared():
    story = candidate()
    (order,) = story.azure.orders
    assert (order.workspace, order.model, order.version) == (STAGING, TRAINED_AS, "2")
    assert (order.data, order.compute) == (TRAINING["data"], "staging-cluster")
    assert order.came_of == "flight-delay:2"
    story.expect(versions={"1": "serving", "2": "staging"})


@pytest.mark.rule("staging_training")
def test_what_was_trained_takes_the_candidates_place_under_its_number():
    story = candidate(None, trained()).expect(versions={"1": "serving", "2": "awaiting_approval"})
    assert kinds(story) == [
        *("Retrain", "ShareModel", "RecordReference", "DeployModel", "CheckEndpoint", "RunEvaluation"),
        "RequestApproval",
    ]
    (share,), (reference,) = story.commands("ShareModel"), story.commands("RecordReference")
    assert [(one.workspace, one.model, one.version) for one in (share, reference)] == [(STAGING, TRAINED_AS, "2")] * 2
    (deployment,), (evaluation,) = story.commands("DeployModel"), story.commands("RunEvaluation")
    assert (deployment.deployment, deployment.model_ref) == ("version-2", IN_REGISTRY)
    assert (evaluation.model_ref, evaluation.champion_ref) == (IN_REGISTRY, "azureml:flight-delay:1")


def test_people_are_shown_which_version_it_came_of_and_their_yes_is_bound_to_it():
    story = candidate(None, trained())
    (question,) = story.commands("RequestApproval")
    told = f"flight-delay:2 was trained anew on {TRAINING['data']} as {TRAINED_AS}:2 (auc 0.7)"
    assert question.facts["retrained in staging"] == told
    story.approve("2").at("3h").expect(champion="2", standby="1")
    assert story.commands("DeployModel")[-1].model_ref == IN_REGISTRY


def test_the_next_candidate_is_compared_with_the_champion_that_was_trained_in_staging():
    story = candidate(None, trained(), trained(version="3")).approve("2").at("3h")
    story.push(registered("3", occurred_at=after("3h")))
    assert story.commands("RunEvaluation")[-1].champion_ref == IN_REGISTRY
    assert story.commands("Retrain")[-1].came_of == "flight-delay:3"


def test_a_later_remedy_is_registered_in_development_under_the_first_name():
    story = candidate(None, trained()).approve("2").at("3h").push(breached())
    assert story.commands("Retrain")[-1].model == "flight-delay"


def test_its_registration_event_in_staging_starts_no_promotion_of_its_own():
    story = candidate(None, trained())
    before = story.facts
    story.push(registered("2", workspace=STAGING.lower(), model_name=TRAINED_AS, dedup_key="in staging"))
    story.expect_reason("not_development")
    assert story.facts == before


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (Failed(retryable=False, reason="out of memory"), "staging_training_failed"),
        (trained(version=""), "staging_training_failed"),
        (trained(version="1"), "staging_training_failed"),
        (trained(auc=0.5), "staging_training_short"),
        (Succeeded(data={"model_version": "2"}), "staging_training_short"),
    ],
)
def test_a_training_of_which_nothing_good_came_rejects_the_candidate_with_the_reason(outcome, code):
    story = candidate(None, outcome).expect(versions={"1": "serving", "2": "rejected"}).expect_reason(code)
    assert kinds(story) == ["Retrain", "Notify"]


def test_or_the_candidate_goes_on_as_it_was_registered_when_the_policy_says_so():
    story = candidate(retraining(otherwise="as_registered"), trained(auc=0.5))
    story.expect(versions={"1": "serving", "2": "awaiting_approval"}).expect_reason("staging_training_short")
    (deployment,), (question,) = story.commands("DeployModel"), story.commands("RequestApproval")
    assert deployment.model_ref == "azureml://registries/contoso-registry/models/flight-delay/versions/2"
    assert question.facts["retrained in staging"].endswith("it goes on as it was registered")


def test_a_rejected_candidate_that_was_a_remedy_counts_towards_giving_up():
    facts = serving("1", incidents=(incident("remedying", remedy_version="2"),))
    story = candidate(None, Failed(retryable=False, reason="out of memory"), facts=facts)
    story.expect(incidents=["failed"])
    assert story.facts.fruitless == 1


# Storms: it counts as any training does


@pytest.mark.rule("staging_training")
def test_it_counts_towards_the_limit_of_retraining_and_waits_for_room_in_it():
    used_up = serving("1", retrained_at=(NOW, NOW))
    story = candidate(facts=used_up).expect(versions={"1": "serving", "2": "registered"}).expect_reason("limit")
    assert story.commands("Retrain") == []
    story.at("1d").expect(versions={"1": "serving", "2": "staging"})


def test_a_remedy_waits_for_the_limit_that_trainings_in_staging_used_up():
    story = Timeline(POLICY, serving("1", retrained_in_staging_at=(NOW, NOW)))
    story.push(breached()).expect_reason("limit").expect(incidents=["open"])


def test_it_begins_no_cooldown_and_is_held_by_none():
    story = candidate(None, trained(), facts=serving("1", retrained_at=(NOW,)))
    story.expect(versions={"1": "serving", "2": "awaiting_approval"})
    assert story.facts.retrained_at == (NOW,)
    assert story.facts.retrained_in_staging_at == (NOW,)


def test_without_the_section_a_promotion_passes_the_limits_of_retraining():
    story = Timeline(POLICY, serving("1", retrained_at=(NOW, NOW))).push(registered("2"))
    story.expect(versions={"1": "serving", "2": "awaiting_approval"})


def refused(until):
    text = f"no room before {until}"
    refusal = Refusal(code="fleet_limit", text=text, observed=10, limit="10/1d", until=after(until))
    return Skipped(reason=f"limit: {text}", until=after(until), refusals=(refusal,))


def test_without_room_in_the_limit_of_the_fleet_it_is_ordered_anew_when_there_is():
    story = candidate(None, refused("5h"), refused("6h"), trained()).expect_reason("fleet_limit")
    assert story.facts.retrained_in_staging_at == ()
    story.at("4h").expect(versions={"1": "serving", "2": "staging"})
    story.at("6h").expect(versions={"1": "serving", "2": "awaiting_approval"})
    assert len({order.id for order in story.commands("Retrain")}) == 3
    assert story.facts.retrained_in_staging_at == (after("6h"),)


def test_a_policy_that_retrains_in_staging_no_more_takes_the_candidate_as_it_was_registered():
    story = candidate()
    (order,) = story.azure.orders
    story.policy = POLICY
    story.finish(order, trained()).expect(versions={"1": "serving", "2": "awaiting_approval"})
    story.expect_reason("policy_changed")


def test_an_owner_who_is_asked_first_sees_that_it_will_be_trained():
    checks = [check.model_dump() for check in WORKLOAD.promotion.staging.checks]
    gated = policy_with(promotion={"start": "approval", "staging": {"checks": checks, "retrain": TRAINING}})
    story = candidate(gated)
    (question,) = story.commands()
    assert f"it is trained anew there on {TRAINING['data']}" in question.facts["why"]
    assert "would order Retrain" in question.facts


def test_a_paused_workload_trains_nothing_in_staging():
    here = situation(registered("2"), serving("1", paused=True), policy=retraining())
    story = Timeline(here.policy, here.facts).push(registered("2"))
    assert story.commands("Retrain") == []
    story.expect(versions={"1": "serving", "2": "registered"})
