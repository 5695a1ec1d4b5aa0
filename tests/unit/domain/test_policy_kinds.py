"""What a batch workload cannot have is refused at its place, and so is what only a batch workload can have."""

import pytest
from pydantic import ValidationError

from shared.domain.policy_kinds import unfit_kinds, unheard
from tests.unit.domain.batch_builders import COMPARISON, WORKLOAD, batch_policy
from tests.unit.domain.builders import POLICY, policy_with

ONLINE_CHECK = {"kind": "endpoint", "payload": "sample_request.json", "latency_p95_ms_max": 1500}


def batch_with(section, **changes):
    return policy_with(**{**WORKLOAD, section: {**WORKLOAD[section], **changes}})


@pytest.mark.parametrize("policy", [POLICY, batch_policy()], ids=["online", "batch"])
def test_the_examples_fit(policy):
    workload = policy.workloads[0]
    assert list(unfit_kinds(workload.environments, workload.deployment, workload.promotion)) == []


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("steps", [10, 100], "no shares of traffic; leave steps out"),
        ("bake", "30m", "nothing is served while a step is watched"),
        ("probe_requests", 10, "answers no requests"),
        ("analysis", {"min_requests": 12}, "no requests to analyse"),
    ],
)
def test_a_batch_workload_has_nothing_of_a_rollout_by_requests(key, value, why):
    with pytest.raises(ValidationError, match=why):
        batch_with("promotion", rollout={**WORKLOAD["promotion"]["rollout"], key: value})


def test_a_batch_workload_has_no_check_by_requests():
    with pytest.raises(ValidationError, match="kind: batch_run, input"):
        batch_with("promotion", staging={"checks": [ONLINE_CHECK]})


def test_a_batch_workload_is_staged_on_a_batch_endpoint():
    with pytest.raises(ValidationError, match="write kind: batch here too"):
        policy_with(**{**WORKLOAD, "environments": {"production": {"kind": "batch"}}})


def test_a_batch_workload_needs_its_cluster_and_its_comparison():
    with pytest.raises(ValidationError, match="a batch deployment needs batch:"):
        batch_with("deployment", batch=None)
    with pytest.raises(ValidationError, match="a batch workload needs comparison:"):
        batch_with("promotion", comparison=None)


def test_the_cluster_has_a_machine_type_of_its_own():
    with pytest.raises(ValidationError, match="has its own machine type"):
        batch_with("deployment", instance_type="Standard_DS3_v2")


def test_nothing_is_collected_of_a_batch_workload():
    account = "/subscriptions/s/resourceGroups/mlops/providers/Microsoft.Storage/storageAccounts/collected"
    collector = {"storage": account, "container": "azureml-blobstore"}
    environments = {"staging": {"kind": "batch"}, "production": {"kind": "batch", "collector": collector}}
    with pytest.raises(ValidationError, match="writes its predictions to its own output"):
        policy_with(**{**WORKLOAD, "environments": environments})


@pytest.mark.parametrize(
    "changes",
    [
        {"environments": {"staging": {"kind": "batch"}}},
        {"deployment": {"batch": {"compute": "nightly"}}},
        {"promotion": {"comparison": COMPARISON}},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_an_online_workload_has_nothing_of_a_batch_one(changes):
    with pytest.raises(ValidationError, match="only a workload whose production endpoint has kind: batch"):
        policy_with(**changes)


def test_each_fault_stands_at_its_place():
    online = POLICY.workloads[0]
    environments = batch_policy().workloads[0].environments
    paths = [fault.path for fault in unfit_kinds(environments, online.deployment, online.promotion)]
    assert paths == [
        ("deployment", "batch"),
        ("deployment", "instance_type"),
        ("promotion", "comparison"),
        *(("promotion", "rollout", key) for key in ("steps", "bake", "probe_requests", "analysis")),
        ("promotion", "staging", "checks", 0, "kind"),
    ]


# On a Kubernetes cluster

EDGE = {"kind": "kubernetes_online", "compute": "edge"}


def on_cluster(rollout=(), deployment=(), staging=(), **production):
    places = {"staging": dict(staging), "production": {**EDGE, **production}}
    return policy_with(environments=places, promotion={"rollout": dict(rollout)}, deployment=dict(deployment))


def test_a_kubernetes_endpoint_names_its_cluster():
    assert on_cluster().workloads[0].environments.production.compute == "edge"
    with pytest.raises(ValidationError, match="needs compute: the name of the attached cluster"):
        on_cluster(compute="")


@pytest.mark.parametrize("key", ["compute", "instance_type"])
def test_a_managed_endpoint_has_its_machines_from_azure(key):
    with pytest.raises(ValidationError, match=f"only kind: kubernetes_online has {key} here"):
        policy_with(environments={"production": {key: "edge"}})


def test_azure_mirrors_on_managed_endpoints_only():
    with pytest.raises(ValidationError, match="managed online endpoints only"):
        on_cluster(rollout={"mirror": 10})


@pytest.mark.parametrize("name", ["azureml:edge", "/subscriptions/s/computes/edge", "the edge", "-edge"])
def test_a_cluster_is_named_as_the_workspace_names_it(name):
    with pytest.raises(ValidationError, match="write the name that the cluster has in the workspace"):
        on_cluster(compute=name)


@pytest.mark.parametrize("name", ["Standard_DS3_v2", "four_cores", "four-cores-", "two cores"])
def test_a_machine_of_azures_is_no_instance_type_of_a_cluster(name):
    with pytest.raises(ValidationError, match=r"kubectl get instancetype.*lower-case"):
        on_cluster(instance_type=name)


def test_names_that_clusters_and_instance_types_have_are_taken():
    production = on_cluster(compute="Edge_1-west", instance_type="gpu.large-1").workloads[0].environments.production
    assert (production.compute, production.instance_type) == ("Edge_1-west", "gpu.large-1")


@pytest.mark.parametrize("source", ["metrics", "logs"])
def test_azure_monitor_measures_nothing_on_a_cluster(source):
    told = {"region": "westeurope", "log_analytics": "00000000-0000-0000-0000-000000000001"}
    with pytest.raises(ValidationError, match=f"Azure Monitor has no {source} of an endpoint on Kubernetes"):
        on_cluster(rollout={"analysis": {"source": source}}, **told)


def test_nobody_waits_for_quota_of_a_cluster():
    with pytest.raises(ValidationError, match="no quota is asked for: leave quota_to out"):
        on_cluster(rollout={"quota_to": "ml_engineers"})


def test_machines_of_azure_are_for_staging_while_that_is_managed_and_for_nobody_on_clusters():
    machines = {"instance_type": "Standard_DS2_v2"}
    assert on_cluster(deployment=machines).workloads[0].deployment.instance_type == "Standard_DS2_v2"
    with pytest.raises(ValidationError, match="staging and production are on clusters"):
        on_cluster(deployment=machines, staging=EDGE)


def test_people_read_what_a_deployment_runs_on_where_it_runs():
    workload = on_cluster(instance_type="four-cores").workloads[0]
    places = workload.environments
    assert workload.deployment.runs_on(places.production) == "four-cores"
    assert workload.deployment.runs_on(places.staging) == workload.deployment.instance_type
    unnamed = on_cluster().workloads[0]
    assert unnamed.deployment.runs_on(unnamed.environments.production) == "the cluster's default instance type"


@pytest.mark.parametrize(
    ("place", "rules", "says"),
    [
        ({"kind": "batch"}, ["endpoint_throttled"], "answers no requests"),
        ({"kind": "batch"}, ["endpoint_idle"], "answers no requests"),
        ({"kind": "kubernetes_online", "compute": "edge"}, ["endpoint_throttled"], "that reach the scoring script"),
        ({"kind": "kubernetes_online", "compute": "edge"}, ["endpoint_idle"], ""),
        ({"kind": "managed_online"}, ["endpoint_throttled", "endpoint_idle"], ""),
    ],
)
def test_rules_on_requests_that_nobody_tells_of_are_refused(place, rules, says):
    wanted = {
        "endpoint_throttled": {"when": "endpoint_throttled"},
        "endpoint_idle": {"when": "endpoint_idle", "for": "14d"},
    }
    (workload,) = policy_with(monitoring=[wanted[name] for name in rules]).workloads
    faults = list(unheard(workload.environments.production.model_copy(update=place), workload.monitoring))
    assert [fault.path for fault in faults] == ([("monitoring", 0, "when")] if says else [])
    assert all(says in str(fault) for fault in faults)
