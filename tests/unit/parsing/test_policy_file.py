"""Every mistake in a policy is told with its file, its line, its key, and what is allowed there."""

from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from shared.parsing.policy_file import PolicyError, PolicyFault, policy_digest, read_policy

HERE = Path(__file__).resolve().parent
EXAMPLE = HERE.parents[2] / "examples" / "flight_delays"
TEXT = (HERE / "policy_under_test.yaml").read_text(encoding="utf-8")
FAST = """workloads:
  - name: flight-delay
    promotion:
      approval: {expires: 10m}
      rollout: {bake: 5s, warm_standby: 1h}
    telemetry: {traffic_bucket: 1s}
"""
WORKLOAD = "workloads[0]"


def faults(text, overlay=None):
    with pytest.raises(PolicyError) as raised:
        read_policy("policy.yaml", text, overlay)
    return raised.value.faults


def line_of(text, part):
    """The number of the line in which a part of the text stands."""
    return text[: text.index(part)].count("\n") + 1


def edited(old, new):
    assert TEXT.count(old) == 1, old
    return TEXT.replace(old, new)


def test_the_example_is_valid_with_its_overlay_and_without():
    text, fast = ((EXAMPLE / name).read_text(encoding="utf-8") for name in ("policy.yaml", "fast.yaml"))
    assert read_policy("policy.yaml", text) != read_policy("policy.yaml", text, ("fast.yaml", fast))


def test_a_policy_is_read():
    workload = read_policy("policy.yaml", TEXT).workload("flight-delay")
    assert workload.promotion.rollout.steps == (10, 50, 100)
    assert workload.monitoring[0].needed == 3
    assert workload.retrain.cooldown == timedelta(hours=12)


MISTAKES = [
    # the text before, the text after, the key that is told, and words that the message must hold
    ("version: 1\n", "version: 2\n", "version", "1"),
    ("task: classical", "task: clasical", f"{WORKLOAD}.task", "classical"),
    ("mode: act ", "mode: atc ", f"{WORKLOAD}.mode", "observe"),
    ("mode: act ", "moed: act ", f"{WORKLOAD}.moed", "did you mean mode?"),
    ("cooldown: 12h", "cooldwn: 12h", f"{WORKLOAD}.retrain.cooldwn", "did you mean cooldown?"),
    ("cooldown: 12h", "cooldown: twelve", f"{WORKLOAD}.retrain.cooldown", "30m or 1h30m"),
    ("cooldown: 12h", "cooldown: 12", f"{WORKLOAD}.retrain.cooldown", "unit"),
    ("bake: 30m", "bake: 30 minutes", f"{WORKLOAD}.promotion.rollout.bake", "ms, s, m, h, d or w"),
    ("steps: [10, 50, 100]", "steps: [50, 10, 100]", f"{WORKLOAD}.promotion.rollout.steps", "rise"),
    ("steps: [10, 50, 100]", "steps: [10, 50]", f"{WORKLOAD}.promotion.rollout.steps", "[10, 50]"),
    ("steps: [10, 50, 100]", "steps: [ten, 100]", f"{WORKLOAD}.promotion.rollout.steps[0]", "integer"),
    ("min_requests: 20\n", "min_requests: 0\n", f"{WORKLOAD}.promotion.rollout.analysis.min_requests", "1"),
    (
        "error_rate_max: 0.02",
        "error_rate_max: 2",
        f"{WORKLOAD}.promotion.rollout.analysis.error_rate_max",
        "less than 1",
    ),
    ("quorum: 1", "quorum: 6", f"{WORKLOAD}.promotion.approval.quorum", "5"),
    ("otherwise: reject", "otherwise: approve", f"{WORKLOAD}.promotion.approval.otherwise", "reject"),
    ("from: development", "from: staging", f"{WORKLOAD}.promotion.from", "development"),
    (
        "kind: endpoint, requests: 200",
        "kind: endpiont, requests: 200",
        f"{WORKLOAD}.promotion.staging.checks[0]",
        "job",
    ),
    ("requests: 200,", "requests: many,", f"{WORKLOAD}.promotion.staging.checks[0].requests", "integer"),
    ("requests: 200,", "reqests: 200,", f"{WORKLOAD}.promotion.staging.checks[0].reqests", "did you mean requests?"),
    ("payload: sample_request.json,", "", f"{WORKLOAD}.promotion.staging.checks[0].payload", "is missing"),
    (
        "metrics: {auc_min: 0.66,",
        "metrics: {auc_min: high,",
        f"{WORKLOAD}.promotion.staging.checks[1].metrics.auc_min",
        "number",
    ),
    ("for: 3 of 4", "for: 5 of 4", f"{WORKLOAD}.monitoring[0].for", "M at most N"),
    ("for: 3 of 4", "for: often", f"{WORKLOAD}.monitoring[0].for", "of"),
    ("suspected_above: 0.1", "suspected_above: 0.3", f"{WORKLOAD}.monitoring[0].suspected_above", "must not exceed"),
    ("share_of_features: 0.15", "share_of_features: 15", f"{WORKLOAD}.monitoring[0].share_of_features", "1"),
    ("metric: psi", "metric: wasserstein", f"{WORKLOAD}.monitoring[0].metric", "psi"),
    ("window: 1mo ", "window: 1 month ", f"{WORKLOAD}.monitoring[0].window", "mo"),
    ("then: retrain", "then: panic", f"{WORKLOAD}.monitoring[0].then", "notify"),
    ("traffic_bucket: 1m", "traffic_bucket: 500ms", f"{WORKLOAD}.telemetry.traffic_bucket", "second"),
    ("traffic_bucket: 1m", "traffic_bucket: 1500ms", f"{WORKLOAD}.telemetry.traffic_bucket", "second"),
    ("traffic_bucket: 1m", "traffic_bucket: 0s", f"{WORKLOAD}.telemetry.traffic_bucket", "second"),
    ('["2/1d", "5/7d"]', '["2 a day"]', "defaults.limits.retrains[0]", "2/1d"),
    ("endpoint: flight-delay-stg", "endpoint: [a]", f"{WORKLOAD}.environments.staging.endpoint", "string"),
    ("kind: managed_online", "kind: manged_online", f"{WORKLOAD}.environments.production.kind", "managed_online"),
    ("owner: ml_engineers", "owner: nobody", f"{WORKLOAD}.owner", "defined are ['ml_engineers']"),
    ("by: ml_engineers", "by: nobody", f"{WORKLOAD}.promotion.approval.by", "'nobody'"),
    ("task: classical", "task: vision", f"{WORKLOAD}.monitoring[0].then", "then: notify"),
    ("name: flight-delay\n", "name: Flight Delay\n", f"{WORKLOAD}.name", "pattern"),
    ("  limits: {", "  limit: {", "defaults.limit", "did you mean limits?"),
    ("instance_count: 1", "instance_count: 0", f"{WORKLOAD}.deployment.instance_count", "1"),
    ("personas:  ", "persona:  ", "persona", "did you mean personas?"),
]


@pytest.mark.parametrize(("old", "new", "key", "words"), MISTAKES, ids=[f"{m[2]}: {m[1].strip()}" for m in MISTAKES])
def test_a_mistake_is_told_with_its_key_and_what_is_allowed(old, new, key, words):
    found = {fault.key: fault for fault in faults(edited(old, new))}
    assert key in found, found
    assert words in found[key].text


LINES = [
    ("cooldown: 12h", "cooldown: twelve"),
    ("mode: act ", "moed: act "),
    ("requests: 200,", "reqests: 200,"),
    ("endpoint: flight-delay-stg", "endpoint: [a]"),
    ("for: 3 of 4", "for: often"),
    ("metrics: {auc_min: 0.66,", "metrics: {auc_min: high,"),
    ("from: development", "from: staging"),
]


@pytest.mark.parametrize(("old", "new"), LINES, ids=[new for _, new in LINES])
def test_a_mistake_is_told_with_its_line(old, new):
    text = edited(old, new)
    assert line_of(text, new) in {fault.line for fault in faults(text)}


def test_a_missing_key_is_told_at_the_line_of_what_it_is_missing_from():
    (fault,) = faults(edited("    registry: contoso-registry\n", ""))
    assert fault == PolicyFault(
        "policy.yaml", line_of(TEXT, "- name: flight-delay"), f"{WORKLOAD}.registry", "is missing"
    )


def test_every_mistake_of_a_file_is_told_at_once():
    text = edited("cooldown: 12h", "cooldown: twelve").replace("mode: act ", "mode: atc ")
    assert {fault.key for fault in faults(text)} == {f"{WORKLOAD}.retrain.cooldown", f"{WORKLOAD}.mode"}


def test_an_unknown_key_is_told_with_all_that_are_known():
    (fault,) = faults(edited("quorum: 1,", "quroum: 1,"))
    assert fault.text == (
        "is no key here; did you mean quorum? allowed are by, expires, not_by_author, otherwise, quorum"
    )


def test_keys_are_told_as_the_file_spells_them():
    allowed = [each.text for each in faults(edited("      with:\n", "      wiht:\n")) if each.key.endswith("wiht")]
    assert "did you mean with?" in allowed[0]


def test_a_fault_reads_like_a_compilers():
    (fault,) = faults(edited("cooldown: 12h", "cooldown: twelve"))
    line = line_of(TEXT, "cooldown: 12h")
    assert str(fault).startswith(f"policy.yaml:{line}: workloads[0].retrain.cooldown: 'twelve' is no duration")
    assert str(PolicyFault("a.yaml", 1, "", "wrong")) == "a.yaml:1: wrong"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 1, "version: 1"),
        ("- a\n- b\n", 1, "mapping"),
        ("just text", 1, "mapping"),
        ("version: 1\nworkloads: [\n", 3, "no YAML"),
        ("version: 1\n\tdefaults: {}\n", 2, "no YAML"),
        ("a: !!python/object:os.system x\n", 1, "no YAML"),
        ("a: &a\n  - *b\n", 2, "no YAML"),
        ("\x00", 1, "no YAML"),
        ("[" * 5000, 1, "no YAML"),
    ],
)
def test_what_is_no_policy_at_all_is_told_too(text, line, words):
    (fault,) = faults(text)
    assert (fault.line, fault.key) == (line, "")
    assert words in fault.text


def test_a_key_that_is_written_twice_is_an_error():
    text = edited("    mode: act ", "    mode: observe\n    mode: act ")
    (fault,) = faults(text)
    assert fault == PolicyFault("policy.yaml", line_of(text, "mode: act "), f"{WORKLOAD}.mode", "is written twice")


def test_comments_and_layout_do_not_change_the_digest():
    plain = yaml.safe_dump(yaml.safe_load(TEXT), sort_keys=True)
    assert policy_digest(read_policy("a", plain)) == policy_digest(read_policy("b", TEXT))


def test_what_it_means_changes_the_digest():
    other = edited("cooldown: 12h", "cooldown: 13h")
    assert policy_digest(read_policy("a", other)) != policy_digest(read_policy("a", TEXT))


def test_the_same_duration_in_other_words_is_the_same_policy():
    other = edited("cooldown: 12h", "cooldown: 720m")
    assert policy_digest(read_policy("a", other)) == policy_digest(read_policy("a", TEXT))


# Overlays


def overlaid(text):
    return read_policy("policy.yaml", TEXT, ("fast.yaml", text)).workload("flight-delay")


def test_an_overlay_changes_durations_and_nothing_else():
    fast, slow = overlaid(FAST), read_policy("policy.yaml", TEXT).workload("flight-delay")
    assert fast.promotion.rollout.bake == timedelta(seconds=5)
    assert fast.telemetry.traffic_bucket == timedelta(seconds=1)
    assert fast.promotion.rollout.steps == slow.promotion.rollout.steps
    assert (fast.deployment, fast.environments, fast.monitoring) == (
        slow.deployment,
        slow.environments,
        slow.monitoring,
    )


def test_an_overlay_may_repeat_what_the_policy_says():
    assert overlaid("version: 1\nworkloads:\n  - {name: flight-delay, mode: act}\n").mode == "act"


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ("mode: observe", f"{WORKLOAD}.mode"),
        ("owner: somebody", f"{WORKLOAD}.owner"),
        ("promotion: {approval: {quorum: 0}}", f"{WORKLOAD}.promotion.approval.quorum"),
        ("promotion: {approval: {not_by_author: false}}", f"{WORKLOAD}.promotion.approval.not_by_author"),
        ("promotion: {rollout: {steps: [100]}}", f"{WORKLOAD}.promotion.rollout.steps"),
        ("promotion: {rollout: {bake: 5}}", f"{WORKLOAD}.promotion.rollout.bake"),
        ("promotion: {rollout: {bake: soon}}", f"{WORKLOAD}.promotion.rollout.bake"),
        (
            "promotion: {rollout: {analysis: {error_rate_max: 0.9}}}",
            f"{WORKLOAD}.promotion.rollout.analysis.error_rate_max",
        ),
        ("promotion: null", f"{WORKLOAD}.promotion"),
        ("retrain: {cooldwn: 1s}", f"{WORKLOAD}.retrain.cooldwn"),
    ],
)
def test_an_overlay_that_would_change_anything_else_is_refused(change, key):
    text = f"workloads:\n  - name: flight-delay\n    {change}\n"
    (fault,) = faults(TEXT, ("fast.yaml", text))
    assert (fault.file, fault.line, fault.key) == ("fast.yaml", 3, key)


@pytest.mark.parametrize(
    "workloads", ["[{name: another}]", "[{mode: act}]", "[{name: flight-delay}, {name: flight-delay}]", "[7]"]
)
def test_items_of_an_overlay_are_found_by_their_name(workloads):
    (fault,) = faults(TEXT, ("fast.yaml", f"workloads: {workloads}\n"))
    assert "name" in fault.text


ALERTS = "      - {when: infrastructure_alert, attribute_within: 1h, then: rollback_or_notify}\n"
QUICK = (
    "workloads:\n  - name: flight-delay\n    monitoring:\n      - {when: infrastructure_alert, attribute_within: 15s}\n"
)


def with_alert_rules(times):
    """The policy with a rule about alerts, so many times behind its others."""
    return TEXT.replace("    monitoring:\n", "    monitoring:\n" + ALERTS * times)


def test_a_rule_of_monitoring_has_no_name_and_is_found_by_what_it_listens_to():
    policy = read_policy("policy.yaml", with_alert_rules(1), ("fast.yaml", QUICK)).workload("flight-delay")
    assert policy.alert_rules[0].attribute_within == timedelta(seconds=15)
    assert len(policy.drift_rules) == 1


@pytest.mark.parametrize("times", [0, 2])
def test_an_overlay_does_not_guess_which_of_several_rules_is_meant(times):
    (fault,) = faults(with_alert_rules(times), ("fast.yaml", QUICK))
    assert fault.key == f"{WORKLOAD}.monitoring"
    assert "by their when" in fault.text


def test_an_overlay_adds_nothing_that_the_policy_does_not_state():
    (fault,) = faults(TEXT, ("fast.yaml", "defaults: {telemetry: {lateness: 1s}}\n"))
    assert fault.key == "defaults.telemetry"


def test_a_fault_of_the_overlay_names_the_overlay():
    (fault,) = faults(TEXT, ("fast.yaml", "workloads: [\n"))
    assert fault.file == "fast.yaml"


# Anything


KEYS = st.sampled_from(
    ["version", "workloads", "name", "promotion", "checks", "kind", "for", "with", "mode"]
) | st.text(max_size=4)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.dates() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.integers(), inner, max_size=4),
    max_leaves=12,
)


def read_or_refuse(text, overlay=None):
    found = None
    try:
        read_policy("policy.yaml", text, overlay)
    except PolicyError as error:
        found = error.faults
    assert found is None or found
    assert all(fault.line >= 1 and fault.text for fault in found or ())


@seed(1)
@settings(max_examples=60, deadline=None)
@given(VALUES)
def test_any_document_is_a_policy_or_a_list_of_faults(value):
    read_or_refuse(yaml.safe_dump(value))


@seed(2)
@settings(max_examples=60, deadline=None)
@given(st.text(max_size=40))
def test_any_text_is_a_policy_or_a_list_of_faults(text):
    read_or_refuse(text)
    read_or_refuse(TEXT, ("fast.yaml", text))


PATHS = [
    ("workloads",),
    ("workloads", 0),
    ("workloads", 0, "promotion", "staging", "checks"),
    ("workloads", 0, "promotion", "staging", "checks", 0),
    ("workloads", 0, "promotion", "rollout"),
    ("workloads", 0, "monitoring", 0),
    ("workloads", 0, "retrain", "with"),
    ("workloads", 0, "environments", "production"),
    ("personas", "ml_engineers"),
    ("defaults",),
]


@seed(3)
@settings(max_examples=60, deadline=None)
@given(st.sampled_from(PATHS), VALUES)
def test_anything_in_the_place_of_a_part_is_told_or_taken(path, value):
    raw = yaml.safe_load(TEXT)
    inner = raw
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = value
    read_or_refuse(yaml.safe_dump(raw))
    read_or_refuse(TEXT, ("fast.yaml", yaml.safe_dump(raw)))
