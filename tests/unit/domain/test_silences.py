import pytest

from shared.domain.silences import Silence, covering
from tests.unit.domain.builders import NOW, after


def silence(what="data_drift", until="1h", **fields):
    return Silence(
        **{"id": f"{what}-{until}", "what": what, "by": "ada", "comment": "c", "until": after(until), **fields}
    )


@pytest.mark.parametrize("what", ["data_drift", "data_*", "*", "*drift"])
def test_a_glob_covers_rules_and_kinds_of_incidents(what):
    assert covering([silence(what)], ["remedy", "data_drift"], NOW) == silence(what)


@pytest.mark.parametrize("what", ["annotation", "drift", "DATA_DRIFT", ""])
def test_what_is_not_named_is_not_covered(what):
    assert covering([silence(what)], ["remedy", "data_drift"], NOW) is None


def test_a_silence_ends_to_the_second():
    assert covering([silence()], ["data_drift"], after("59m"))
    assert covering([silence()], ["data_drift"], after("1h")) is None


def test_the_one_that_lasts_longest_is_named():
    assert covering([silence(until="1h"), silence("*", "3h"), silence(until="2h")], ["data_drift"], NOW).what == "*"


def test_nothing_covers_no_names():
    assert covering([silence("*")], [], NOW) is None
