"""What an approver is told would be done: any change of it is another plan."""

from shared.domain.approved_plan import plan_for
from tests.unit.domain.batch_builders import batch_policy
from tests.unit.domain.builders import POLICY, policy_with

ONLINE, BATCH = POLICY.workloads[0], batch_policy().workloads[0]


def test_an_online_version_is_told_by_its_steps():
    assert plan_for(ONLINE, "1") == "10 → 50 → 100 %, 30m at each step"
    assert plan_for(ONLINE, "") == "probe, then 100 % (there is no champion)"


def test_a_batch_version_is_told_by_what_it_is_compared_on():
    plan = plan_for(BATCH, "1")
    assert plan.startswith(
        "scores azureml:flights-nightly@latest beside version 1; azureml:compare_scores@latest has to"
    )
    assert "rows_vs_champion_min 0.999" in plan
    assert "duration_vs_champion_max 2" in plan


def test_a_first_batch_version_is_compared_with_nothing():
    plan = plan_for(BATCH, "")
    assert "alone (there is no champion)" in plan
    assert "_vs_champion" not in plan


def test_another_limit_is_another_plan():
    assert plan_for(batch_policy(metrics={"failed_share_max": 0.5}).workloads[0], "1") != plan_for(BATCH, "1")
    assert plan_for(policy_with(promotion={"rollout": {"steps": [50, 100]}}).workloads[0], "1") != plan_for(ONLINE, "1")
