"""What is known of remedies for deployments is bounded, and the newest of it is kept."""

from datetime import timedelta

from shared.domain.relief_facts import KEPT_MAX, Relief
from tests.unit.domain.builders import NOW


def test_orders_are_kept_up_to_a_limit_the_newest_of_them():
    relief = Relief()
    for number in range(KEPT_MAX + 5):
        relief = relief.with_order(NOW + timedelta(minutes=number))
    assert len(relief.ordered_at) == KEPT_MAX
    assert relief.ordered_at[-1] == NOW + timedelta(minutes=KEPT_MAX + 4)


def test_the_instances_of_a_version_are_what_was_said_last():
    relief = Relief().with_instances("1", 2).with_instances("2", 4).with_instances("1", 3)
    assert relief.instances == {"2": 4, "1": 3}


def test_versions_that_were_told_of_longest_ago_are_forgotten_beyond_the_limit():
    relief = Relief()
    for number in range(KEPT_MAX + 5):
        relief = relief.with_instances(str(number), 2)
    assert list(relief.instances) == [str(number) for number in range(5, KEPT_MAX + 5)]
