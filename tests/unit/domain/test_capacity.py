import pytest

from shared.domain.capacity import Quota, instances_counted, missing


def quota(used=0, limit=100, cores=4):
    return Quota(location="westeurope", family="standardDSv2Family", cores=cores, used=used, limit=limit)


@pytest.mark.parametrize(("instances", "counted"), [(1, 2), (2, 3), (4, 5), (5, 6), (10, 12), (50, 60)])
def test_azure_counts_a_fifth_more_instances_rounded_up(instances, counted):
    assert instances_counted(instances) == counted


@pytest.mark.parametrize(
    ("used", "instances", "lacking"), [(92, 1, 0), (93, 1, 1), (100, 1, 8), (0, 20, 0), (8, 20, 4), (120, 1, 8)]
)
def test_what_is_missing_is_what_is_needed_beyond_what_is_free(used, instances, lacking):
    assert missing(quota(used), instances) == lacking


def test_a_family_without_a_limit_lacks_nothing():
    assert missing(quota(used=10_000, limit=-1), 50) == 0
