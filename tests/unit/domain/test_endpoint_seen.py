"""A traffic map in words."""

from shared.domain.endpoint_seen import EndpointSeen, shown_traffic


def test_traffic_is_written_shortly():
    assert shown_traffic({"green": 10, "blue": 90, "old": 0}) == "blue=90,green=10"
    assert shown_traffic({}) == "none"


def test_an_endpoint_is_there_and_well_unless_said_otherwise():
    assert (EndpointSeen().exists, EndpointSeen().state, EndpointSeen().traffic) == (True, "Succeeded", {})
