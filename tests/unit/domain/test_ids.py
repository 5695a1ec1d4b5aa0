import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.ids import ID_LENGTH, command_id, decision_id, dedup_key, derive
from tests.unit.domain.builders import steady

parts = st.lists(st.text(alphabet=st.characters(exclude_characters="\x1f"), max_size=8), min_size=1, max_size=4)


def test_an_id_that_was_written_down_is_found_again_by_every_later_release():
    assert derive("command", "d", "Retrain", "flight-delay", 0) == "e3d4b2798fafa8813e1360c1"


@given(parts, parts)
@steady
def test_only_the_same_parts_in_the_same_order_give_the_same_id(one, other):
    assert (derive(*one) == derive(*other)) == (one == other)


@given(parts)
@steady
def test_an_id_is_short_hexadecimal_text(some):
    assert len(derive(*some)) == ID_LENGTH
    assert set(derive(*some)) <= set("0123456789abcdef")


def test_sources_that_differ_only_in_case_are_one_source():
    assert dedup_key("/Subscriptions/S", "e1") == dedup_key("/subscriptions/s", "e1")


def test_event_ids_that_differ_in_case_are_two_events():
    assert dedup_key("/subscriptions/s", "E1") != dedup_key("/subscriptions/s", "e1")


def test_a_signal_has_one_decision_for_each_subject():
    assert decision_id("signal", "workload/a") != decision_id("signal", "workload/b")


@pytest.mark.parametrize(
    "other", [("d2", "Retrain", "t", 0), ("d", "Notify", "t", 0), ("d", "Retrain", "u", 0), ("d", "Retrain", "t", 1)]
)
def test_a_command_id_depends_on_decision_kind_target_and_ordinal(other):
    assert command_id("d", "Retrain", "t", 0) != command_id(*other)
