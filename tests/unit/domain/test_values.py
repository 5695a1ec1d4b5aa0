from datetime import UTC, datetime

import msgspec
import pytest

from shared.domain.commands import SetTraffic
from shared.domain.effects import AnyCommand
from shared.domain.facts import Facts
from shared.domain.outcomes import Failed, Final, Succeeded
from shared.domain.signals import HoldElapsed, ModelRegistered, Signal, kind_of
from shared.domain.values import encode, replace
from tests.unit.domain.builders import (
    NOW,
    answered,
    asked,
    breached,
    elapsed,
    finished,
    incident,
    registered,
    version,
    window,
)
from tests.unit.domain.builders import known as facts_of

SIGNALS = (
    registered(),
    window(3),
    breached(),
    asked("pause"),
    answered(),
    elapsed("bake", "2/0/0"),
    finished("c", "Notify"),
)


def test_a_value_cannot_be_changed():
    with pytest.raises(AttributeError):
        registered().model_version = "2"


def test_json_carries_the_kind_and_leaves_defaults_out():
    assert encode(Succeeded()) == b'{"kind":"Succeeded"}'


def test_keys_come_in_a_fixed_order_whatever_order_they_were_given_in():
    assert encode(Succeeded(data={"b": 1.0, "a": 2.0})) == encode(Succeeded(data={"a": 2.0, "b": 1.0}))


@pytest.mark.parametrize("signal", SIGNALS, ids=kind_of)
def test_every_signal_is_read_back_as_it_was(signal):
    assert msgspec.json.decode(encode(signal), type=Signal) == signal


def test_facts_are_read_back_as_they_were():
    facts = facts_of(version("1"), version("2", "standby"), incidents=(incident(),), retrained_at=(NOW,))
    assert msgspec.json.decode(encode(facts), type=Facts) == facts


def test_a_command_is_read_back_by_its_kind():
    command = SetTraffic(id="c", workload="w", reason="r", workspace="ws", endpoint="e", traffic={"blue": 100})
    assert msgspec.json.decode(encode(command), type=AnyCommand) == command


def test_an_outcome_is_read_back_by_its_kind():
    outcome = Failed(retryable=True, reason="409", data={"tries": 3.0})
    assert msgspec.json.decode(encode(outcome), type=Final) == outcome


def test_a_kind_that_nobody_knows_is_refused():
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"kind":"Exploded"}', type=Signal)


def test_replace_makes_a_copy_and_leaves_the_original():
    one = registered("1")
    two = replace(one, model_version="2")
    assert (one.model_version, two.model_version) == ("1", "2")


def test_moments_keep_their_zone():
    hold = elapsed("bake", "2/0/0")
    read = msgspec.json.decode(encode(hold), type=HoldElapsed)
    assert read.occurred_at == datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_the_kind_of_a_signal_is_its_name():
    assert kind_of(registered()) == ModelRegistered.__name__
