from shared.domain.policy_drift import PredictionDrift
from shared.domain.rules.verdicts import FAULT_MAX, LISTED_MAX, faulty, found, listing
from tests.unit.domain.builders import performed, window

RULE = PredictionDrift.model_validate({"when": "prediction_drift", "above": 0.1})


def test_a_verdict_is_a_sentence_with_its_numbers():
    known = found(RULE, window(3), "detected", 0.123456, 0.1, "far away")
    assert known.text == "prediction_drift: version-1, 2026-03-01 to 2026-03-29: detected; far away"
    assert (known.value, known.rows) == (0.1235, 10_000)
    assert (known.reason.code, known.reason.observed, known.reason.limit) == ("window", 0.1235, 0.1)


def test_of_labelled_windows_the_pairs_are_what_was_looked_at():
    assert found(RULE, performed(3), "pass", 0.0, 0.1, "").rows == 2_000


def test_a_window_that_could_not_be_judged_says_why_in_so_many_words():
    known = faulty(RULE, window(3, fault="x" * 1_000))
    assert known.verdict == "error"
    assert known.text.count("x") == FAULT_MAX


def test_a_rule_is_called_by_its_name_if_it_has_one():
    named = RULE.model_copy(update={"name": "answers"})
    assert found(named, window(3), "pass", 0.0, 0.1, "").text.startswith("answers: ")


def test_a_long_list_is_cut_and_counted():
    assert listing(["a", "b"]) == "a, b"
    assert listing([str(n) for n in range(LISTED_MAX + 2)]).endswith("11 and 2 more")
