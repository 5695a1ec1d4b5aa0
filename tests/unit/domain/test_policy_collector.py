"""Which files are a collector's, and so may be read at all."""

import pytest
from pydantic import ValidationError

from shared.domain.policy import Policy
from shared.domain.routing import out_of_scope, route
from tests.unit.domain.builders import (
    COLLECTED_PATH,
    COLLECTING,
    COLLECTOR,
    DATA_RULE,
    STORAGE,
    SUBJECT,
    arrived,
    changed,
    collected,
    drift_rule,
    policy_with,
    raw_policy,
)

POLICY = policy_with(**COLLECTING)


def within(folder):
    return policy_with(environments={"production": {"collector": COLLECTOR | {"folder": folder}}})


def test_a_file_in_the_folder_of_the_endpoint_is_the_collectors():
    assert route(POLICY, collected()) == (SUBJECT,)
    assert out_of_scope(POLICY, collected()) is None


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"path": "modelDataCollector/flight-delay-2/version-1/model_inputs/2026/03/02/11/i.jsonl"},
        {"path": "modelDataCollector/flight-delay"},
        {"path": "somewhere/modelDataCollector/flight-delay/version-1/i.jsonl"},
        {"path": "modelDataCollector/flight-delay/../secret/i.jsonl"},
        {"path": "modelDataCollector/flight-delay//i.jsonl"},
        {"path": "modelDataCollector/flight-delay/./i.jsonl"},
        {"container": "azureml-blobstore-2"},
        {"source": STORAGE},
        {"source": ""},
    ],
)
def test_no_other_file_is_ever_read(elsewhere):
    refusal = out_of_scope(POLICY, collected(**elsewhere))
    assert refusal is not None
    assert refusal.reason == "out_of_scope"
    assert "no collector writes it" in refusal.detail


def test_ids_of_resources_and_names_of_endpoints_differ_in_case():
    shouted = collected(source=f"{COLLECTOR['storage'].upper()}/", path=COLLECTED_PATH.replace("flight", "Flight"))
    assert route(POLICY, shouted) == (SUBJECT,)


def test_another_folder_may_be_named():
    policy = within("captured/flights")
    assert route(policy, collected("captured/flights/version-1/i.jsonl")) == (SUBJECT,)
    assert out_of_scope(policy, collected()) is not None


def test_without_a_collector_nothing_is_collected():
    assert out_of_scope(policy_with(), collected()) is not None


def test_data_for_training_in_the_same_account_is_told_apart():
    rule = DATA_RULE | {"storage": COLLECTOR["storage"]}
    policy = policy_with(monitoring=[drift_rule(), rule], **COLLECTING)
    assert route(policy, arrived(source=COLLECTOR["storage"])) == (SUBJECT,)
    assert route(policy, collected()) == (SUBJECT,)
    assert out_of_scope(policy, arrived(source=COLLECTOR["storage"], path="2014/01.csv")) is not None


def test_each_workload_is_given_its_own_files():
    raw = raw_policy(COLLECTING)
    birds = {
        "name": "birds",
        "model": "birds",
        "environments": {
            "staging": {"endpoint": "birds-stg"},
            "production": {"endpoint": "birds", "collector": COLLECTOR},
        },
    }
    policy = Policy.model_validate({**raw, "workloads": [*raw["workloads"], changed(raw["workloads"][0], birds)]})
    assert route(policy, collected()) == (SUBJECT,)
    assert route(policy, collected("modelDataCollector/birds/version-1/i.jsonl")) == ("workload/birds",)


@pytest.mark.parametrize("folder", ["/captured", "captured/", "a//b"])
def test_a_folder_is_written_without_slashes_at_its_ends(folder):
    with pytest.raises(ValidationError, match="folder"):
        within(folder)


def test_a_collector_of_no_endpoint_needs_a_folder():
    nameless = {"endpoint": None, "collector": COLLECTOR}
    with pytest.raises(ValidationError, match="the collector of no endpoint"):
        policy_with(environments={"production": nameless})
    named = {"endpoint": None, "collector": COLLECTOR | {"folder": "captured"}}
    assert policy_with(environments={"production": named}).workloads[0].environments.production.collector


def test_staging_has_no_collector():
    with pytest.raises(ValidationError, match="collector"):
        policy_with(environments={"staging": {"collector": COLLECTOR}})
