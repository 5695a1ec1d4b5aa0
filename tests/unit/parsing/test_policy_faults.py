"""What ``outerloop validate`` says of faults that only show when parts are seen together: each message, word for word.

Each case changes one text of a policy that is right. The line is that of the text behind the arrow.
"""

from pathlib import Path

import pytest

from shared.parsing.policy_file import PolicyError, read_policy

ONE = (Path(__file__).resolve().parent / "policy_under_test.yaml").read_text(encoding="utf-8")
W0, W1 = "workloads[0]", "workloads[1]"
ALERTS = """      - {when: infrastructure_alert, rules: "Latency*", then: notify}
      - {when: infrastructure_alert, rules: "cpu*", then: notify}
    telemetry:"""
BUDGETS = """budgets:
  - scope: /subscriptions/11111111-1111-1111-1111-111111111111
    tiers:
      - {at: 0.5, to: ml_engineers}
      - {at: 0.9, to: ml_engineers}
workloads:
"""


def two():
    """The policy under test, listening to alerts, with a budget and a second workload behind it."""
    first = ONE.replace("    telemetry:", ALERTS, 1).replace("workloads:\n", BUDGETS, 1)
    block = first[first.index("  - name: flight-delay") :]
    second = block.replace("flight-delay", "house-prices").replace("flight_delay", "house_prices")
    return first + second


TEXT = two()


def edited(old, new):
    """The text with one part in the place of another, and the line where that stands."""
    at = TEXT.index(old)
    return TEXT[:at] + new + TEXT[at + len(old) :], TEXT[:at].count("\n") + 1


def told(text):
    with pytest.raises(PolicyError) as raised:
        read_policy("policy.yaml", text)
    return [str(fault) for fault in raised.value.faults]


CASES = [
    # the text before, the text after, the key, and the message
    (
        "owner: ml_engineers",
        "owner: nobody",
        f"{W0}.owner",
        "persona 'nobody' is unknown; defined are ['ml_engineers']",
    ),
    (
        "{at: 0.9, to: ml_engineers}",
        "{at: 0.9, to: [ml_engineers, cfo]}",
        "budgets[0].tiers[1].to",
        "persona 'cfo' is unknown; defined are ['ml_engineers']",
    ),
    (
        "model: house-prices*",
        "model: flight-delay-eu",
        f"{W1}.model",
        (
            "flight-delay-eu overlaps with flight-delay* of workload 'flight-delay': a model registered in the development "
            "workspace that they share could be either's; write globs that no name matches both"
        ),
    ),
    (
        "model: house-prices*",
        "model: '*-eu'",
        f"{W1}.model",
        (
            "*-eu overlaps with flight-delay* of workload 'flight-delay': a model registered in the development "
            "workspace that they share could be either's; write globs that no name matches both"
        ),
    ),
    (
        "endpoint: house-prices\n",
        "endpoint: Flight-Delay\n",
        f"{W1}.environments.production.endpoint",
        (
            "endpoint flight-delay of this workspace is that of production of workload 'flight-delay' already; give each its "
            "own, since one writer moves the traffic of an endpoint"
        ),
    ),
    (
        "name: house-prices\n",
        "name: flight-delay\n",
        f"{W1}.name",
        "workload names must differ; 'flight-delay' is the name of one above",
    ),
    (
        'rules: "cpu*"',
        'rules: "LATENCY p95*"',
        f"{W0}.monitoring[2].rules",
        (
            "LATENCY p95* is never asked: Latency* before it matches every name that it does, and the first rule answers; put "
            "the narrower one first"
        ),
    ),
    (
        "suspected_above: 0.1",
        "suspected_above: 0.3",
        f"{W0}.monitoring[0].suspected_above",
        "suspected_above (0.3) must not exceed above (0.2)",
    ),
    (
        "for: 3 of 4",
        "for: 5 of 4",
        f"{W0}.monitoring[0].for",
        "5 of 4 can never be met; write M of N with M at most N",
    ),
    (
        "{at: 0.9, to: ml_engineers}",
        "{at: 0.4, to: ml_engineers}",
        "budgets[0].tiers[1].at",
        "tiers must rise, such as at: 0.5, then at: 0.9; these are [0.5, 0.4]",
    ),
    (
        '["2/1d", "5/7d"]',
        '["6/1d", "5/7d"]',
        "defaults.limits.retrains[0]",
        "6/1d never holds: 5/1w is used up first; over a longer time more must be allowed",
    ),
    (
        "metrics: {auc_min: 0.66,",
        "metrics: {auc_min: 0.66, auc_max: 0.5,",
        f"{W0}.promotion.staging.checks[1].metrics.auc_min",
        "auc_min (0.66) must not exceed auc_max (0.5)",
    ),
    (
        "metrics: {auc_min: 0.66,",
        "metrics: {auc: 0.66,",
        f"{W0}.promotion.staging.checks[1].metrics.auc",
        "auc is no limit; end it with _min or _max, such as auc_min",
    ),
    (
        "steps: [10, 50, 100]",
        "steps: [50, 10, 100]",
        f"{W0}.promotion.rollout.steps",
        "steps must rise from at least 1 to 100, such as [10, 50, 100]; these are [50, 10, 100]",
    ),
    (
        "then: retrain",
        "then: annotate",
        f"{W0}.monitoring[0].then",
        "a classical model has nothing to annotate; use then: retrain or then: investigate",
    ),
]


@pytest.mark.parametrize(("old", "new", "key", "text"), CASES, ids=[f"{c[2]}: {c[1].strip()}" for c in CASES])
def test_a_fault_is_told_with_its_line_its_key_and_what_is_right(old, new, key, text):
    changed, line = edited(old, new)
    assert told(changed) == [f"policy.yaml:{line}: {key}: {text}"]


def test_a_vision_model_that_would_be_retrained_is_told_at_the_rule_that_would():
    changed, _ = edited("task: classical", "task: vision")
    line = changed[: changed.index("then: retrain")].count("\n") + 1
    assert told(changed) == [
        (
            f"policy.yaml:{line}: {W0}.monitoring[0].then: a vision model is not retrained automatically; use then: annotate, "
            "then: investigate or then: notify, or say in override_reason: why it may be"
        )
    ]


def test_a_retraining_that_nobody_described_is_told_at_the_rule_that_wants_it():
    start = ONE.index("    retrain:\n      with:")
    line = ONE[: ONE.index("then: retrain")].count("\n") + 1
    assert told(ONE[:start]) == [
        f"policy.yaml:{line}: {W0}.monitoring[0].then: then: retrain needs a retrain: section in this workload"
    ]


def test_two_budgets_of_one_scope_are_told_at_the_second():
    rule = BUDGETS.removeprefix("budgets:\n").removesuffix("workloads:\n")
    changed = TEXT.replace("workloads:\n", f"{rule}workloads:\n", 1)
    line = changed[: changed.index("- scope", changed.index("- scope") + 1)].count("\n") + 1
    scope = "/subscriptions/11111111-1111-1111-1111-111111111111"
    assert told(changed) == [
        f"policy.yaml:{line}: budgets[1].scope: two budgets have the scope {scope}; write one with all tiers"
    ]


def test_all_faults_between_parts_are_told_at_once():
    text = TEXT.replace("model: house-prices*", "model: flight*").replace("owner: ml_engineers", "owner: nobody")
    keys = [line.split(": ")[1] for line in told(text)]
    assert keys == [f"{W0}.owner", f"{W1}.owner", f"{W1}.model"]


def test_the_policy_that_the_cases_change_is_right():
    policy = read_policy("policy.yaml", TEXT)
    assert [workload.name for workload in policy.workloads] == ["flight-delay", "house-prices"]
