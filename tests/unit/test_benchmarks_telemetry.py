"""The benchmark of telemetry compares what does the same work, and says so when a goal is missed. No test looks at a clock."""

import json
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from benchmarks.telemetry import floors, material, memory, ours, prototype, reading, state
from benchmarks.telemetry.__main__ import PARTS, main
from benchmarks.telemetry.closing import Chunks
from benchmarks.telemetry.models import OneAfterTheOther, widened
from benchmarks.telemetry.peers.environments import (
    ENVIRONMENTS,
    ROOT,
    PeerMissingError,
    find_python,
    install,
    interpreter,
)
from benchmarks.telemetry.peers.process import PeerProcess
from benchmarks.telemetry.peers.serve import Abilities, answer, read_floats, read_messages, stay_home
from benchmarks.telemetry.turns import Comparison, interleaved, timed
from benchmarks.telemetry.verdicts import Goal, Reading, Verdict, conclusion, exit_code, judged, read_goals, table
from benchmarks.timing import Measured
from shared.telemetry.encoding import encode_delta
from shared.telemetry.profiles import PREDICTION, NumericReference, encode_profile
from shared.telemetry.scoring import prepare

ROWS = material.rows(512, seed=7)
PROFILE = material.profile_of(material.rows(512, seed=8))
KNOWN = ours.known(PROFILE)


# Goals and verdicts


def goal(reason="", **limit):
    return Goal(
        goal=1, name="packed", what="throughput of a typed parse", reason=reason, **(limit or {"at_least": 0.5})
    )


def goals_in(tmp_path, text):
    path = tmp_path / "goals.toml"
    path.write_text(text)
    return read_goals(path)


ONE = '[[telemetry]]\ngoal = 1\nname = "packed"\nwhat = "x"\n'


def test_every_goal_of_the_plan_has_a_part_that_measures_it():
    assert {goal.goal for goal in read_goals()} == set(PARTS) == set(range(1, 9))


def test_a_goal_is_read_with_its_reason(tmp_path):
    (found,) = goals_in(tmp_path, ONE + 'at_most = 4\nreason = "no native code"\n')
    assert (found.at_most, found.reason, found.wanted) == (4, "no native code", "<= 4")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ONE, "needs at_least or at_most"),
        (ONE + "at_least = 1\nat_most = 2\n", "not both"),
        (ONE + "at_leats = 1\n", "at_leats"),
        (ONE + 'at_least = "much"\n', "at_least"),
        ((ONE + "at_least = 1\n") * 2, "the same number and name"),
    ],
)
def test_a_goal_that_is_written_wrongly_is_refused(tmp_path, text, said):
    with pytest.raises(msgspec.ValidationError, match=said):
        goals_in(tmp_path, text)


@pytest.mark.parametrize(
    ("limit", "value", "met"),
    [
        ({"at_least": 0.5}, 0.5, True),
        ({"at_least": 0.5}, 0.49, False),
        ({"at_most": 4}, 4.0, True),
        ({"at_most": 4}, 4.01, False),
        ({"at_most": 0}, 0.0, True),
        ({"at_least": 0.5}, float("nan"), False),
        ({"at_most": 4}, float("nan"), False),
    ],
)
def test_a_goal_is_met_at_its_limit_and_not_beyond_it(limit, value, met):
    assert goal(**limit).met(value) is met


@pytest.mark.parametrize(
    ("reason", "value", "code", "said"),
    [
        ("", 0.6, 0, "met"),
        ("", 0.4, 1, "MISSED"),
        ("no native code", 0.4, 0, "missed: no native code"),
        ("no native code", 0.6, 0, "met, and its reason can go"),
        ("", None, 1, "NOT MEASURED"),
        ("no native code", None, 1, "NOT MEASURED"),
    ],
)
def test_a_missed_goal_fails_unless_a_reason_is_written_beside_it(reason, value, code, said):
    verdict = Verdict(goal(reason), value)
    assert exit_code([verdict]) == code
    assert verdict.row.endswith(said)


def test_the_table_shows_what_was_measured_beside_what_was_wanted():
    (_, row) = table([Verdict(goal(), 0.4)]).splitlines()
    assert row.split() == ["1", "throughput", "of", "a", "typed", "parse", "0.40", ">=", "0.5", "MISSED"]


def test_a_goal_that_nobody_measured_is_in_the_table_and_fails():
    found = judged([goal()], {})
    assert found == [Verdict(goal(), None)]
    assert conclusion(found) == "0 goals met, 0 missed for a reason that is written beside them, 1 MISSED"


def test_a_figure_that_no_goal_asks_for_is_a_mistake():
    with pytest.raises(KeyError, match="no goal asks for"):
        judged([goal()], {1: [Reading("packed", 1.0), Reading("paked", 1.0)]})


def test_a_missing_peer_fails_the_benchmark_with_its_name(tmp_path, capsys):
    arguments = ["--goal", "5", "--quick", "--rounds", "1", "--installed-only", "--peers", str(tmp_path)]
    assert main(arguments) == 1
    shown = capsys.readouterr()
    assert "goal 5 cannot be measured: the peer river is not installed" in shown.err
    assert shown.out.count("NOT MEASURED") == sum(goal.goal == 5 for goal in read_goals())


# Turns


def test_every_round_begins_with_another_method_and_the_first_turn_does_not_count():
    order = []

    def turn(name):
        return lambda: order.append(name) or float(len(order))

    found = interleaved({name: turn(name) for name in "abc"}, rounds=3)
    assert "".join(order) == "abc" + "abc" + "bca" + "cab"
    assert found.costs["a"].seconds == (4.0, 9.0, 11.0)


def test_the_ratio_is_that_of_the_rounds_so_a_busy_round_changes_none():
    found = Comparison({"app": Measured((2.0, 200.0, 2.0)), "floor": Measured((1.0, 100.0, 1.0))})
    assert found.ratio("app", "floor") == 2.0
    assert found.microseconds("app") == 2e6


def test_a_turn_tells_what_a_unit_costs():
    ticks = iter([10.0, 14.0])
    assert timed(lambda: 8, lambda: next(ticks))() == 0.5


# The material, and that everybody does the same work with it


def counts(delta):
    return state.data_of(delta, PROFILE).counts.tolist()


def test_the_same_seed_makes_the_same_bytes():
    assert material.packed(material.rows(9, 3)) == material.packed(material.rows(9, 3))
    assert material.packed(material.rows(9, 3)) != material.packed(material.rows(9, 4))


def test_packed_or_line_by_line_or_in_messages_of_their_own_rows_make_the_same_state():
    packed = ours.state_of([material.packed(ROWS)], KNOWN)
    lines = ours.state_of([material.collector_lines(ROWS)], KNOWN)
    single = ours.state_of([material.packed(one) for one in ROWS.batches(1)], KNOWN)
    assert counts(packed) == counts(lines) == counts(single)
    assert (packed.refused, packed.aside) == ({}, {})


def test_no_row_of_the_material_is_a_surprise_and_some_are_outside_the_reference():
    delta = ours.state_of([material.packed(ROWS)], KNOWN)
    found = PROFILE.feature_counts(state.data_of(delta, PROFILE).counts)
    assert {(each.nulls, each.type_errors) for each in found.values()} == {(0, 0)}
    assert all(each.bins.sum() == len(ROWS.inputs) for each in found.values())
    assert any(found[name].outside for name in material.CATEGORICAL)


@pytest.mark.parametrize("form", [material.packed, material.collector_lines])
def test_the_floor_parses_every_row_that_the_app_counts(form):
    assert floors.parse_all([form(ROWS)]) == 512


@pytest.mark.parametrize("form", [material.packed, material.collector_lines])
def test_the_prototype_counts_what_the_app_counts(form):
    model = prototype.Model(PROFILE)
    model.add_message(form(ROWS))
    found = PROFILE.feature_counts(state.data_of(ours.state_of([form(ROWS)], KNOWN), PROFILE).counts)
    assert [bins.tolist() for bins in model.bins] == [found[name].bins.tolist() for name in material.NUMERIC]
    assert model.predictions.tolist() == found[PREDICTION].bins.tolist()
    for name, categories in zip(material.CATEGORICAL, model.categories, strict=True):
        listed = [categories[text] for text in PROFILE.features[name].index]
        assert [*listed, sum(categories.values()) - sum(listed)] == found[name].bins.tolist()


def test_of_the_traffic_log_everybody_counts_the_same_requests():
    (body,) = material.traffic_envelopes(256)
    delta = ours.state_of([body], ours.NOBODY)
    by_script = reading.requests_by_deployment(body)
    assert sum(partial.requests for partial in delta.partials) == len(floors.parse_traffic(body).records) == 256
    assert sum(map(len, by_script.values())) == 256
    assert len(by_script) == len({partial.deployment for partial in delta.partials}) == 2
    assert delta.refused == {}


def test_a_fleet_has_edges_of_its_own_for_each_model():
    other = widened(PROFILE, 2.0)
    assert other.digest != PROFILE.digest
    assert other.features.keys() == PROFILE.features.keys()


def test_numpy_puts_a_value_on_an_edge_where_the_app_does():
    feature = NumericReference(edges=(1.0, 2.0), counts=(1, 1, 1))
    profile = msgspec.structs.replace(PROFILE, features={PREDICTION: feature})
    window = material.Rows([{}] * 4, [1.0, 1.0, 2.0, 2.5])
    q = np.array([2, 1, 1]) / 4
    assert state.psi(profile, PREDICTION, window) == pytest.approx(((q - 1 / 3) * np.log(q * 3)).sum())


def test_closing_goes_through_all_models_and_begins_again():
    chunks = Chunks(150)
    assert [chunks.next() for _ in range(4)] == [slice(0, 64), slice(64, 128), slice(128, 150), slice(0, 64)]


def test_one_by_one_and_together_windows_get_the_same_scores():
    window = state.data_of(ours.state_of([material.packed(ROWS)], KNOWN), PROFILE)
    alone = ours.scored(window, PROFILE)
    together = ours.scored_together([prepare(PROFILE)] * 2, np.array([window.counts] * 2))
    for one, both in zip(alone, together, strict=True):
        np.testing.assert_array_equal(both, [one, one])


def test_merging_differs_nowhere_and_a_difference_would_be_counted():
    bodies = [*(material.packed(some) for some in ROWS.batches(64)), *material.traffic_envelopes(512)]
    assert state.differing(bodies, lambda some: ours.state_of(some, KNOWN)) == 0
    assert state.differing(bodies, lambda some: ours.state_of(some[1:], KNOWN)) == len(state.PARTITIONS)


def test_of_more_models_than_are_kept_ready_the_first_are_forgotten_and_learnt_again():
    stored = {material.deployment(number): encode_profile(PROFILE) for number in range(3)}
    few = ours.Known(stored, ready_max=2).learn_all()
    assert list(few.decoders) == [material.deployment(0), material.deployment(1)]
    bodies = [material.packed(ROWS, number) for number in range(3)]
    everybody = ours.Known(stored, ready_max=3).learn_all()
    assert encode_delta(ours.state_of(bodies, few)) == encode_delta(ours.state_of(bodies, everybody))
    assert list(few.decoders) == [material.deployment(1), material.deployment(2)]


def test_strangers_are_met_batch_by_batch_and_in_the_end_again():
    stored = {material.deployment(number): encode_profile(PROFILE) for number in range(3)}
    few = ours.Known(stored, ready_max=1)
    turn = OneAfterTheOther([[material.packed(ROWS, number)] for number in range(3)], few)
    met = [(turn(), *(each.endpoint for each in few.decoders)) for _ in range(4)]
    assert met == [(256, "model-0"), (256, "model-1"), (256, "model-2"), (256, "model-0")]


def test_memory_is_that_of_this_process():
    assert memory.resident() > 10**7
    assert memory.grown(1, 3) >= 0


# Peers


PEER = """
from benchmarks.telemetry.peers.serve import Abilities, read_messages

def prepare(folder):
    print("what a peer prints is no answer")
    messages = read_messages(folder / "packed")
    def fails():
        raise RuntimeError("on purpose")
    def phones():
        import socket
        socket.create_connection(("192.0.2.1", 80), timeout=1)
    return Abilities({"count": lambda: len(messages), "fails": fails, "phones": phones}, {"bytes": lambda: 7})
"""


@pytest.fixture
def peer(tmp_path):
    """A peer that counts messages, in a process of its own."""
    (tmp_path / "counting_peer.py").write_text(PEER)
    material.write_messages(tmp_path / "packed", [b"one", b"", b"three"])
    settings = {"PYTHONPATH": f"{ROOT}:{tmp_path}"}
    with PeerProcess(Path(sys.executable), "counting_peer", tmp_path, tmp_path / "log", settings) as started:
        yield started


def test_a_peer_takes_its_turns_and_tells_its_figures(peer):
    turn = peer.turn("count")
    assert turn() > 0
    assert turn() > 0
    assert peer.figure("bytes") == 7


def test_a_peer_that_dies_is_missing_and_its_last_words_are_told(peer):
    with pytest.raises(PeerMissingError, match="on purpose"):
        peer.turn("fails")()
    with pytest.raises(PeerMissingError, match="ended"):
        peer.figure("bytes")


def test_a_peer_that_reaches_for_the_network_is_stopped(peer):
    with pytest.raises(PeerMissingError, match=r"tried to reach '192\.0\.2\.1'"):
        peer.turn("phones")()


def test_a_peer_that_cannot_start_is_missing(tmp_path):
    starting = PeerProcess(Path(sys.executable), "no_such_peer", tmp_path, tmp_path / "log")
    with pytest.raises(PeerMissingError, match="No module named 'no_such_peer'"), starting:
        pass


@pytest.mark.parametrize(
    ("event", "arguments", "stopped"),
    [
        ("socket.connect", (None, ("192.0.2.1", 443)), True),
        ("socket.getaddrinfo", ("telemetry.example", 443), True),
        ("socket.connect", (None, ("127.0.0.1", 443)), False),
        ("open", ("/etc/hosts", "r"), False),
    ],
)
def test_only_other_machines_are_out_of_reach(event, arguments, stopped):
    if stopped:
        with pytest.raises(PermissionError, match="no network"):
            stay_home(event, arguments)
    else:
        stay_home(event, arguments)


def test_an_answer_is_seconds_for_a_unit_or_a_figure():
    abilities = Abilities({"count": lambda: 3}, {"bytes": lambda: 7})
    assert json.loads(json.dumps(answer(abilities, {"turn": "count"})))["seconds"] > 0
    assert answer(abilities, {"figure": "bytes"}) == {"value": 7}


def test_messages_and_numbers_survive_the_file(tmp_path):
    messages = [b"", b"one", b"\x00" * 300]
    assert read_messages(material.write_messages(tmp_path / "some" / "packed", messages)) == messages
    (tmp_path / "numbers").write_bytes(np.array([1.5, -2.0]).tobytes())
    assert read_floats(tmp_path / "numbers") == [1.5, -2.0]


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_every_peer_is_pinned_to_the_last_package(name):
    lines = [line for file in ENVIRONMENTS[name].requirements for line in file.read_text().splitlines() if line]
    assert lines
    assert all("==" in line for line in lines)


def test_an_environment_counts_only_as_it_was_pinned(tmp_path):
    (tmp_path / "river").mkdir()
    stamp = tmp_path / "river" / "installed.txt"
    stamp.write_text(ENVIRONMENTS["river"].stamp)
    assert interpreter("river", tmp_path) == tmp_path / "river" / "bin" / "python"
    install("river", tmp_path)  # nothing to do
    stamp.write_text("pinned otherwise")
    with pytest.raises(PeerMissingError, match="river is not installed as pinned"):
        interpreter("river", tmp_path)


def test_a_python_that_is_not_there_is_named():
    assert find_python("{}.{}".format(*sys.version_info))
    with pytest.raises(PeerMissingError, match=r"no working Python 9\.9"):
        find_python("9.9")
