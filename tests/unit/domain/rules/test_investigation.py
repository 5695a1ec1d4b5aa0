from shared.domain.evaluate import evaluate
from tests.unit.domain.builders import drift_rule, ordered, policy_with, serving, situation, window


def decide(**rule):
    policy = policy_with(monitoring=[drift_rule(then="investigate", **{"for": "1 of 1"}, **rule)])
    return evaluate(situation(window(3, drifted=3), serving("1"), policy=policy))


def test_degradation_of_a_classical_model_becomes_a_work_item_with_its_evidence():
    told = ordered(decide(to="ml_engineers"), "Notify")
    assert told.title == "flight-delay: investigate the degradation"
    assert {
        "window",
        "persistence",
        "windows",
        "champion",
        "endpoint",
        "collected inputs",
        "incident",
        "closes",
    } <= set(told.facts)
    assert "3 of 4 features above psi 0.2 (distance 0.50, dep_time 0.50, carrier 0.50)" in told.facts["window"]


def test_without_a_persona_the_owner_is_told():
    assert ordered(decide(), "Notify").persona == "ml_engineers"
