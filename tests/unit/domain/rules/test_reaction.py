"""What is done about trouble that persists, by whichever rule, and about its end."""

import pytest

from shared.domain.evaluate import evaluate
from shared.domain.silences import Silence
from shared.domain.telemetry_signals import PREDICTION, FeatureScore
from shared.domain.values import replace
from tests.unit.domain.builders import (
    after,
    asked,
    breached,
    codes,
    drift_rule,
    incident,
    kinds,
    known,
    ordered,
    performed,
    policy_with,
    serving,
    situation,
    version,
    window,
)

AUC = {"when": "model_performance", "metric": "auc", "below": 0.66}
NULLS = {"when": "data_quality", "window": "1mo", "nulls_above": 0.05}
ANSWERS = {"when": "prediction_drift", "window": "1mo", "metric": "psi", "above": 0.2}
QUIET = Silence(id="s", what="data_quality", by="ada", comment="a migration", until=after("5h"))


def decide(signal, facts, *rules, **workload):
    return evaluate(situation(signal, facts, policy=policy_with(monitoring=list(rules), **workload)))


def months(facts, rules, *signals):
    """The evaluations of these signals, one after the other."""
    done = []
    for signal in signals:
        done.append(decide(signal, facts, *rules))
        facts = done[-1].facts
    return done


def spoilt(month, nulls=0.5, **fields):
    return window(month, scores=(FeatureScore(feature="carrier", score=0.0, nulls=nulls),), **fields)


def test_people_are_told_once_and_repeats_are_counted():
    first, second, third = months(serving("1"), [NULLS], spoilt(3), spoilt(4), spoilt(5))
    assert [kinds(done) for done in (first, second, third)] == [["Notify"], [], []]
    (opened,) = third.facts.incidents
    assert (opened.kind, opened.state, opened.repeats, opened.rules) == (
        "data_quality",
        "open",
        2,
        ("data_quality 1mo",),
    )
    assert ordered(first, "Notify").facts["closes"].startswith("after 2 windows in a row")


def test_it_is_over_after_two_windows_that_pass_and_people_hear_of_it():
    done = months(serving("1"), [NULLS], spoilt(3), spoilt(4), spoilt(5, 0.01), spoilt(6, 0.0))
    assert [kinds(one) for one in done] == [["Notify"], [], [], ["Notify"]]
    assert codes(done[-1])[-1] == "recovery"
    assert done[-1].facts.incidents[0].closed_as == "recovered"
    told = ordered(done[-1], "Notify")
    assert (told.title, told.facts["repeats"]) == ("flight-delay: the quality of the data: recovered", "1")


def test_trouble_that_comes_back_is_another_incident():
    done = months(serving("1"), [NULLS], spoilt(3), spoilt(4, 0.0), spoilt(5, 0.0), spoilt(6))
    assert [one.state for one in done[-1].facts.incidents] == ["closed", "open"]
    assert kinds(done[-1]) == ["Notify"]


def test_what_another_rule_keeps_open_stays_open():
    both = [NULLS | {"then": "investigate"}, ANSWERS | {"then": "investigate"}]
    bad, worse = (FeatureScore(feature=PREDICTION, score=far) for far in (0.5, 0.6))
    nulls, sound = (FeatureScore(feature="carrier", score=0.0, nulls=share) for share in (0.5, 0.0))
    good = FeatureScore(feature=PREDICTION, score=0.0)
    pairs = [(nulls, bad), (sound, worse), (sound, worse), (sound, good), (sound, good)]
    done = months(serving("1"), both, *(window(3 + n, scores=pair) for n, pair in enumerate(pairs)))
    assert [len(kinds(one)) for one in done] == [1, 0, 0, 0, 1]
    assert [one.facts.incidents[0].state for one in done] == ["open"] * 4 + ["closed"]
    assert done[0].facts.incidents[0].rules == ("data_quality 1mo", "prediction_drift 1mo")
    assert done[2].facts.incidents[0].rules == ("prediction_drift 1mo",)


def test_a_rule_that_the_policy_has_no_more_keeps_nothing_open():
    first = decide(spoilt(3), serving("1"), NULLS | {"then": "investigate"})
    (opened,) = first.facts.incidents
    facts = first.facts.with_incident(replace(opened, rules=(*opened.rules, "gone 1d")))
    done = months(facts, [NULLS | {"then": "investigate"}], spoilt(4, 0.0), spoilt(5, 0.0))
    assert done[-1].facts.incidents[0].closed_as == "recovered"


def test_two_rules_that_tell_of_one_window_send_two_messages():
    done = decide(spoilt(3), serving("1"), NULLS, NULLS | {"name": "carriers", "features": ["carrier"]})
    assert kinds(done) == ["Notify", "Notify"]
    assert len({command.id for command in done.decision.commands}) == 2
    assert [one.rules for one in done.facts.incidents] == [("data_quality 1mo",), ("carriers 1mo",)]
    assert done.decision.commands[1].title == "flight-delay: the quality of the data (carriers)"


def test_one_rule_may_retrain_while_another_tells():
    drift = drift_rule(**{"for": "1 of 1"})
    scores = tuple(FeatureScore(feature=name, score=0.9, nulls=0.5) for name in ("a", "b"))
    done = decide(window(3, scores=scores), serving("1"), NULLS, drift)
    assert kinds(done) == ["Notify", "Retrain", "Notify"]
    assert len({command.id for command in done.decision.commands}) == 3
    assert [(one.kind, one.state) for one in done.facts.incidents] == [
        ("data_quality", "open"),
        ("data_drift", "remedying"),
    ]


def test_two_rules_that_retrain_train_once():
    drift, worse = drift_rule(**{"for": "1 of 1"}), ANSWERS | {"then": "retrain"}
    scores = (FeatureScore(feature="a", score=0.9), FeatureScore(feature=PREDICTION, score=0.9))
    done = decide(window(3, scores=scores), serving("1"), drift, worse)
    assert kinds(done) == ["Retrain", "Notify"]
    assert done.facts.incidents[0].repeats == 1


def test_a_model_that_performs_badly_may_be_retrained():
    done = decide(performed(3, 0.5), serving("1"), AUC | {"then": "retrain"})
    assert (kinds(done), done.facts.incidents[0].kind) == (["Retrain", "Notify"], "model_performance")
    assert done.facts.incidents[0].state == "remedying"


def test_a_retraining_that_is_verified_is_left_alone_by_windows_that_pass():
    facts = serving("1", incidents=(incident("verifying", kind="model_performance", verification="m"),))
    done = months(facts, [AUC | {"then": "retrain"}], performed(3, 0.9), performed(4, 0.9), performed(5, 0.9))
    assert [one.facts.incidents[0].state for one in done] == ["verifying"] * 3


@pytest.mark.parametrize(
    ("rule", "heard", "measured"),
    [
        (drift_rule(), window(3, number="2"), True),
        (AUC | {"then": "retrain"}, performed(3, 0.9, number="2"), True),
        (AUC, performed(3, 0.9, number="2"), False),
        (NULLS, window(3, number="2"), False),
    ],
)
def test_whether_a_remedy_helped_is_asked_by_windows_that_ask_for_remedies(rule, heard, measured):
    waits = incident("verifying", remedy_version="2")
    facts = known(version("1", "standby"), version("2"), incidents=(waits,))
    assert ("RunEvaluation" in kinds(decide(heard, facts, rule))) is measured


def test_only_the_champion_is_minded():
    facts = known(version("1", "standby"), version("2"))
    assert kinds(decide(performed(3, 0.5, number="1"), facts, AUC)) == []
    assert kinds(decide(performed(3, 0.5, number="2"), facts, AUC)) == ["Notify"]


def test_a_window_that_passes_opens_nothing_however_bad_those_before_it_were():
    facts = decide(performed(3, 0.5), serving("1"), AUC | {"for": "2 of 4"}).facts
    facts = decide(performed(5, 0.5), replace(facts, champion=""), AUC | {"for": "2 of 4"}).facts
    done = decide(performed(6, 0.9), replace(facts, champion="1"), AUC | {"for": "2 of 4"})
    assert kinds(done) == []


def test_a_silence_holds_the_telling_of_its_rule_alone():
    facts = serving("1", silences=(QUIET,))
    scores = (FeatureScore(feature="carrier", score=0.0, nulls=0.5), FeatureScore(feature=PREDICTION, score=0.9))
    done = decide(window(3, scores=scores), facts, NULLS, ANSWERS)
    assert (done.decision.verdict, done.decision.rule, kinds(done)) == ("act", "prediction_drift", ["Notify"])
    assert [hold.due for hold in done.holds] == [after("5h")]
    assert [one.kind for one in done.facts.incidents] == ["prediction_drift"]


def test_a_silence_of_one_rule_takes_no_message_of_another():
    drift_is_quiet = Silence(id="s", what="data_drift", by="ada", comment="a holiday", until=after("5h"))
    scores = tuple(FeatureScore(feature=name, score=0.9, nulls=0.5) for name in ("a", "b"))
    facts = serving("1", silences=(drift_is_quiet,))
    done = decide(window(3, scores=scores), facts, drift_rule(**{"for": "1 of 1"}), NULLS)
    assert (done.decision.verdict, done.decision.rule) == ("hold", "data_drift")
    assert kinds(done) == ["Notify"]
    assert kinds(done.decision.planned) == ["Retrain"]


def test_a_retraining_that_is_held_stands_above_what_was_only_told():
    scores = tuple(FeatureScore(feature=name, score=0.9, nulls=0.5) for name in ("a", "b"))
    done = decide(window(3, scores=scores), serving("1", paused=True), NULLS, drift_rule(**{"for": "1 of 1"}))
    assert (done.decision.verdict, kinds(done)) == ("hold", ["Notify"])
    assert "paused" in codes(done)


def test_after_the_silence_only_what_it_held_is_told():
    facts = serving("1", silences=(QUIET,))
    scores = (FeatureScore(feature="carrier", score=0.0, nulls=0.5), FeatureScore(feature=PREDICTION, score=0.9))
    heard, policy = window(3, scores=scores), policy_with(monitoring=[NULLS, ANSWERS])
    held = evaluate(situation(heard, facts, policy=policy))
    later = evaluate(situation(held.holds[0].signal, held.facts, original=heard, policy=policy, now=after("5h")))
    assert (later.decision.rule, kinds(later)) == ("data_quality", ["Notify"])
    assert [(one.kind, one.repeats) for one in later.facts.incidents] == [("prediction_drift", 0), ("data_quality", 0)]


def test_a_monitor_of_azure_ml_is_told_each_time_since_nobody_tells_of_its_end():
    drift = drift_rule(then="notify")
    first = decide(breached("run-1"), serving("1"), drift)
    second = decide(breached("run-2"), first.facts, drift)
    assert (kinds(first), kinds(second), second.facts.incidents) == (["Notify"], ["Notify"], ())


def test_a_monitors_breach_is_counted_into_what_our_own_windows_opened():
    drift = drift_rule(then="notify", **{"for": "1 of 1"})
    opened = decide(window(3, drifted=4), serving("1"), drift)
    done = decide(breached(), opened.facts, drift)
    assert (kinds(done), done.facts.incidents[0].repeats) == ([], 1)


def test_windows_do_not_close_what_a_monitor_opened():
    drift = drift_rule(then="investigate", to="ml_engineers")
    opened = decide(breached(), serving("1"), drift)
    done = months(opened.facts, [drift], window(3), window(4), window(5))
    assert [one.state for one in done[-1].facts.incidents] == ["open"]


def test_a_person_may_close_what_people_were_told_of():
    opened = decide(spoilt(3), serving("1"), NULLS)
    done = decide(asked("close"), opened.facts, NULLS)
    assert [one.closed_as for one in done.facts.incidents] == ["done"]


@pytest.mark.parametrize("then", ["notify", "investigate"])
def test_the_evidence_is_of_the_rule_that_found_it(then):
    done = decide(performed(3, 0.5), serving("1"), AUC | {"then": then})
    told = ordered(done, "Notify")
    assert "auc 0.5000, at best 0.5200" in told.facts["window"]
    if then == "investigate":
        assert told.facts["windows"] == "2026-03-01 detected (0.5)"
