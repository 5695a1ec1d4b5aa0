"""Profiles are found by the names that people use, and a production period is counted in the deployment's own edges."""

import pytest

from shared.services.references import UnknownReference, reference_of, reference_of_period
from shared.telemetry.profiles import ProfileError, ReferenceProfile
from tests.unit.filled_store import opened
from tests.unit.reference_store import BLUE, GREEN, PROFILE, WORKSPACE, day, keep_profile, keep_window


@pytest.fixture
async def store():
    found = await opened()
    await keep_profile(found)
    yield found
    await found.close()


@pytest.mark.parametrize("name", [BLUE.key, BLUE.key.upper(), "flights/blue", " Flights/Blue "])
async def test_a_deployment_is_named_by_its_id_or_by_endpoint_and_name(store, name):
    assert await reference_of(store, name) == (BLUE.key, PROFILE)


@pytest.mark.parametrize("name", ["blue", "flights", "flights/green", "lights/blue", "", "/"])
async def test_for_any_other_name_the_answer_says_which_there_are(store, name):
    with pytest.raises(UnknownReference, match=f"there are {BLUE.key}"):
        await reference_of(store, name)


async def test_a_name_in_two_workspaces_has_to_be_told_apart(store):
    other = BLUE.__class__(workspace=f"{WORKSPACE}-2", endpoint="flights", deployment="blue")
    await keep_profile(store, other)
    with pytest.raises(UnknownReference, match="the name of 2 deployments: name one by its id"):
        await reference_of(store, "flights/blue")
    assert (await reference_of(store, other.key))[0] == other.key


async def test_without_any_profile_the_answer_says_where_they_come_from():
    empty = await opened()
    with pytest.raises(UnknownReference, match="one comes with a promotion"):
        await reference_of(empty, "flights/blue")
    await empty.close()


async def test_a_period_holds_the_counts_of_its_windows_in_the_same_edges(store):
    for number in range(1, 6):
        await keep_window(store, day(number), distance=(number, 0, 1))
    period = await reference_of_period(store, "flights/blue", day(2), day(4))
    assert (period.windows, period.length, period.start, period.end) == (2, "1d", day(2), day(4))
    assert period.profile.rows == 20
    assert period.profile.digest == PROFILE.digest
    assert period.profile.features["distance"].counts == (5, 0, 2)
    assert period.profile.features["carrier"].counts == {"AA": 6, "UA": 10}
    assert period.profile.features["carrier"].other == 4


async def test_only_windows_that_lie_wholly_in_the_period_count(store):
    for number in (1, 2):
        await keep_window(store, day(number))
    period = await reference_of_period(store, "flights/blue", day(1).replace(hour=1), None)
    assert (period.windows, period.start) == (1, day(2))


async def test_without_bounds_every_window_counts(store):
    for number in (1, 2, 3):
        await keep_window(store, day(number))
    assert (await reference_of_period(store, "flights/blue", None, None)).windows == 3


async def test_rows_in_windows_of_several_lengths_count_once(store):
    await keep_window(store, day(1), length="1mo")
    await keep_window(store, day(1), length="1d")
    period = await reference_of_period(store, "flights/blue", None, None)
    assert (period.length, period.profile.rows) == ("1d", 10)


async def test_windows_of_other_deployments_and_other_edges_do_not_count(store):
    other = ReferenceProfile(
        rows=1,
        features=PROFILE.features
        | {"distance": PROFILE.features["distance"].__class__(edges=(1.0, 9.0), counts=(1, 1, 1))},
    )
    await keep_window(store, day(1), ref=GREEN)
    await keep_window(store, day(1), profile=other)
    with pytest.raises(UnknownReference, match="no window that was counted by its reference profile"):
        await reference_of_period(store, "flights/blue", None, None)


async def test_a_time_without_windows_is_told_with_the_time_that_has_some(store):
    await keep_window(store, day(1))
    with pytest.raises(UnknownReference, match="they reach from 2026-03-01T00:00:00"):
        await reference_of_period(store, "flights/blue", day(2), None)


async def test_a_period_in_which_a_feature_has_no_value_makes_no_profile(store):
    await keep_window(store, day(1), distance=(0, 0, 0))
    with pytest.raises(ProfileError, match="'distance' counted no value"):
        await reference_of_period(store, "flights/blue", None, None)
