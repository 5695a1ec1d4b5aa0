import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.references import deployment_name, in_registry, in_workspace
from tests.unit.domain.builders import steady

versions = (
    st.text(min_size=1, max_size=40)
    | st.integers(1, 999).map(str)
    | st.from_regex(r"[A-Za-z0-9.-]{1,30}", fullmatch=True)
)


def test_a_number_stays_readable():
    assert deployment_name("12") == "version-12"


@pytest.mark.parametrize("version", ["1.0", "RC1", "2026_03_02", "x" * 40, "é"])
def test_an_odd_version_gets_a_hash_instead(version):
    assert re.fullmatch(r"version-[0-9a-f]{12}", deployment_name(version))


@given(versions)
@steady
def test_azure_takes_every_name(version):
    assert re.fullmatch(r"[a-z][a-z0-9-]{2,31}", deployment_name(version))


@given(versions, versions)
@steady
def test_two_versions_never_share_a_deployment(one, other):
    assert (deployment_name(one) == deployment_name(other)) == (one == other)


def test_versions_that_differ_only_in_case_are_two_deployments():
    assert deployment_name("rc1") != deployment_name("RC1")


def test_a_model_is_named_where_it_is_read():
    assert in_workspace("flight-delay", "3") == "azureml:flight-delay:3"
    assert in_registry("contoso", "flight-delay", "3") == "azureml://registries/contoso/models/flight-delay/versions/3"
