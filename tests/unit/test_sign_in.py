"""Nobody is anybody unless the platform says so and proves that it checks."""

import base64
import json

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from shared.sign_in import Person, SignInError, person_of

ON = {"WEBSITE_AUTH_ENABLED": "True"}
LONG = "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups"


def principal(*claims):
    return encoded({"auth_typ": "aad", "claims": [{"typ": kind, "val": value} for kind, value in claims]})


def encoded(value):
    return base64.b64encode(json.dumps(value).encode()).decode()


def headers(name="eve@contoso.com", content=""):
    return {"X-MS-CLIENT-PRINCIPAL-NAME": name, "X-MS-CLIENT-PRINCIPAL": content}


def test_a_person_has_the_name_and_the_groups_that_the_platform_tells():
    told = headers(content=principal(("groups", "g1"), ("roles", "admin"), ("groups", "g2")))
    assert person_of(told, ON) == Person("eve@contoso.com", ("g1", "g2"))


def test_groups_count_under_their_long_name_too():
    assert person_of(headers(content=principal((LONG, "g1"))), ON).groups == ("g1",)


@pytest.mark.parametrize("name", ["X-MS-CLIENT-PRINCIPAL-NAME", "x-ms-client-principal-name"])
def test_header_names_come_in_any_case(name):
    assert person_of({name: "eve"}, ON).name == "eve"


@pytest.mark.parametrize("value", [None, "", "false", "0", "yes", "enabled"])
def test_without_proof_that_the_platform_checks_nobody_is_signed_in(value):
    environment = {} if value is None else {"WEBSITE_AUTH_ENABLED": value}
    with pytest.raises(SignInError, match="Easy Auth"):
        person_of(headers(content=principal(("groups", "g1"))), environment)


@pytest.mark.parametrize("told", [{}, {"X-MS-CLIENT-PRINCIPAL-NAME": ""}, {"X-MS-CLIENT-PRINCIPAL": principal()}])
def test_who_has_not_signed_in_is_asked_to(told):
    with pytest.raises(SignInError, match="sign in first"):
        person_of(told, ON)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "not base64!",
        "é",
        encoded([]),
        encoded(None),
        encoded({}),
        encoded({"claims": None}),
        encoded({"claims": [5]}),
        encoded({"claims": [{"typ": "groups"}]}),
        base64.b64encode(b"\xff\xfe").decode(),
    ],
)
def test_a_principal_that_cannot_be_read_is_in_no_group(content):
    assert person_of(headers(content=content), ON).groups == ()


def test_a_group_is_a_text():
    assert person_of(headers(content=principal(("groups", 5), ("groups", None), ("groups", "g1"))), ON).groups == (
        "g1",
    )


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["groups", "typ", "val"]) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["claims", "typ", "val"]) | st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=10,
)


@seed(1)
@settings(max_examples=80, deadline=None)
@given(VALUES.map(encoded) | st.text(max_size=30))
def test_whatever_the_principal_holds_there_is_a_person_with_groups_of_text(content):
    assert all(isinstance(group, str) for group in person_of(headers(content=content), ON).groups)


def test_the_environment_of_the_process_is_what_counts(monkeypatch):
    monkeypatch.delenv("WEBSITE_AUTH_ENABLED", raising=False)
    with pytest.raises(SignInError):
        person_of(headers())
    monkeypatch.setenv("WEBSITE_AUTH_ENABLED", "true")
    assert person_of(headers()).name == "eve@contoso.com"
