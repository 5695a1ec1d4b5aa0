"""The bounds that hold at every look, against a simulation, against their formula, and against what must be so anyway."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import beta, binomtest

from shared.domain.sequences import evidence, lower_bound, quantile_ranks, upper_bound
from tests.unit.domain.builders import steady

CHANCE = 0.05
counts = st.integers(1, 5_000).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of)))


def looked_at(share, looks, requests, seed):
    """The counts that one story shows at each of its looks."""
    rng, hits = np.random.default_rng(seed), 0
    for look in range(1, looks + 1):
        hits += int(rng.binomial(requests, share))
        yield hits, look * requests


@pytest.mark.parametrize("share", [0.01, 0.05, 0.3])
def test_a_share_that_is_at_its_limit_is_hardly_ever_condemned_however_often_it_is_looked_at(share):
    stories = 400
    wrong = sum(
        any(lower_bound(hits, of, CHANCE) > share for hits, of in looked_at(share, 60, 10, seed))
        for seed in range(stories)
    )
    assert wrong <= CHANCE * stories


def test_the_interval_of_one_look_would_condemn_far_too_many():
    """What this is for: the same stories, judged by the interval that holds at one look only."""
    stories, wrong = 100, 0
    for seed in range(stories):
        wrong += any(
            binomtest(hits, of).proportion_ci(0.95, method="wilson").low > 0.05
            for hits, of in looked_at(0.05, 60, 10, seed)
        )
    assert wrong > 2 * CHANCE * stories


def test_an_upper_bound_is_hardly_ever_too_low():
    stories = 400
    wrong = sum(
        any(upper_bound(hits, of, CHANCE) < 0.05 for hits, of in looked_at(0.05, 60, 10, seed))
        for seed in range(stories)
    )
    assert wrong <= CHANCE * stories


def test_what_is_far_beyond_its_limit_is_found_within_few_requests():
    needed = [
        next(of for hits, of in looked_at(0.3, 200, 1, seed) if lower_bound(hits, of, CHANCE / 12) > 0.02)
        for seed in range(100)
    ]
    assert sorted(needed)[50] <= 15
    assert max(needed) <= 60


@pytest.mark.parametrize(("hits", "of", "share"), [(3, 10, 0.02), (0, 40, 0.3), (7, 7, 0.9), (50, 100, 0.5)])
def test_the_evidence_is_the_likelihood_of_the_mixture_over_that_of_the_share(hits, of, share):
    mixture, _ = quad(lambda p: p**hits * (1 - p) ** (of - hits) * beta.pdf(p, 0.5, 0.5), 0, 1, limit=200)
    expected = math.log(mixture) - hits * math.log(share) - (of - hits) * math.log1p(-share)
    assert evidence(hits, of, share) == pytest.approx(expected, abs=1e-6)


@given(counts, st.floats(0.0005, 0.2))
@steady
def test_the_bounds_lie_around_the_observed_share_and_where_the_evidence_says(seen, chance):
    hits, of = seen
    lower, upper = lower_bound(hits, of, chance), upper_bound(hits, of, chance)
    assert 0.0 <= lower <= hits / of <= upper <= 1.0
    if lower > 0.0:
        assert evidence(hits, of, lower * (1 - 1e-9)) >= -math.log(chance) - 1e-6
        assert evidence(hits, of, min(lower * (1 + 1e-9), hits / of)) <= -math.log(chance) + 1e-6


@given(counts)
@steady
def test_they_are_wider_than_those_of_one_look(seen):
    hits, of = seen
    once = binomtest(hits, of).proportion_ci(1 - 2 * CHANCE, method="exact")
    assert lower_bound(hits, of, CHANCE) <= once.low + 1e-9
    assert upper_bound(hits, of, CHANCE) >= once.high - 1e-9


@given(counts, st.integers(1, 50))
@steady
def test_more_hits_never_lower_a_bound(seen, more):
    hits, of = seen
    fewer = max(0, hits - more)
    assert lower_bound(fewer, of, CHANCE) <= lower_bound(hits, of, CHANCE) + 1e-12


def test_without_observations_nothing_is_sure():
    assert (lower_bound(0, 0, CHANCE), upper_bound(0, 0, CHANCE)) == (0.0, 1.0)
    assert quantile_ranks(0, 0.95, CHANCE) == (0, 1)


@pytest.mark.parametrize(("hits", "share"), [(1, 0.0), (0, 1.0)])
def test_what_a_share_makes_impossible_speaks_beyond_doubt(hits, share):
    assert evidence(hits, 1, share) == math.inf


@given(st.integers(1, 3_000), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
@steady
def test_the_ranks_of_a_quantile_are_the_tightest_that_the_evidence_allows(of, share):
    low, high = quantile_ranks(of, share, CHANCE)
    threshold = -math.log(CHANCE)
    assert 0 <= low <= of * share + 1 <= high + 1 <= of + 2
    assert low == 0 or evidence(low - 1, of, share) >= threshold > evidence(low, of, share)
    assert high == of + 1 or evidence(high, of, share) >= threshold > evidence(high - 1, of, share)


def test_a_p95_has_an_upper_bound_from_some_requests_on():
    first = next(of for of in range(1, 500) if quantile_ranks(of, 0.95, 0.05 / 12)[1] <= of)
    assert 100 <= first <= 200
