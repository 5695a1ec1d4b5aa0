"""Rows are held on to only when something is wanted of them, and labels are wanted for nothing else."""

import pytest

from shared.domain.observations import RowsCollected, Telemetry
from shared.services.wishes import Wishes, wanted_of
from shared.telemetry.counting import RowCounter
from shared.telemetry.drawing import GROUND_TRUTH, Wanted
from shared.telemetry.samples import decode_sample
from tests.unit.services.fakes import NOON, FixedPolicy
from tests.unit.services.telemetry_messages import ref
from tests.unit.telemetry.telemetry_builders import PROFILE

LABELLED = "{when: model_performance, metric: auc, window: 7d, below: 0.6}"
FAIR = "{when: fairness, sensitive: sex, metric: accuracy_difference, window: 7d, above: 0.2}"
COUNTERS = {ref().key: RowCounter(PROFILE)}
ACCEPTED = (NOON.replace(year=2020), NOON.replace(year=2030))


def policy_with(*rules, telemetry="lateness: 1d"):
    policies = FixedPolicy()
    policies.monitor(*rules, telemetry=telemetry)
    return policies.loaded.policy


def event(collection, *rows, deployment="version-2"):
    return RowsCollected(ref(deployment), NOON, collection, "c", list(rows))


def test_by_default_nothing_is_wanted():
    policy = policy_with()
    assert wanted_of(policy, ref()).labelled == wanted_of(policy, ref()).columns == ()
    message = Telemetry(rows=(event("model_outputs", {"prediction": 1}), event(GROUND_TRUTH, {"label": 1})))
    wishes = Wishes(policy)
    assert wishes.take(message, {}) is message
    assert wishes.drawn({}, ACCEPTED) == ()


def test_a_rule_that_waits_for_labels_wants_predictions_and_labels():
    wishes, outputs, labels = (
        Wishes(policy_with(LABELLED)),
        event("model_outputs", {"prediction": 1}),
        event(GROUND_TRUTH, {"label": 1}),
    )
    assert wishes.about(ref()).labelled == ("7d",)
    assert not wishes.needs_objects(ref())
    assert wishes.take(Telemetry(rows=(outputs, labels)), {}).rows == (outputs,)
    kinds = sorted(decode_sample(each).kind for each in wishes.drawn({}, ACCEPTED))
    assert kinds == ["labels", "predictions"]


def test_what_the_profile_may_not_know_has_to_be_read_as_it_came():
    assert Wishes(policy_with(LABELLED, FAIR)).needs_objects(ref())
    assert Wishes(policy_with(telemetry="samples: {columns: [distance]}")).needs_objects(ref())


def test_another_endpoint_wants_nothing():
    elsewhere = ref().__class__(workspace=ref().workspace, endpoint="another", deployment="version-2")
    assert wanted_of(policy_with(LABELLED), elsewhere) == Wanted(rows=0)


def test_people_look_at_the_windows_of_the_rules_on_rows():
    wanted = wanted_of(policy_with(telemetry="label: late, samples: {columns: [distance], rows: 7}"), ref())
    assert (wanted.reviewed, wanted.columns, wanted.rows, wanted.label) == (("1mo",), ("distance",), 7, "late")


@pytest.mark.parametrize("values", [(0.25, None, "0.5", True)])
def test_predictions_of_the_models_own_type_are_worth_the_same(values):
    row = COUNTERS[ref().key].types.output_row
    drawn = []
    for rows in ([row(value) for value in values], [{"prediction": value} for value in values]):
        wishes = Wishes(policy_with(LABELLED))
        wishes.take(Telemetry(rows=(event("model_outputs", *rows),)), COUNTERS)
        drawn.append(wishes.drawn(COUNTERS, ACCEPTED))
    assert drawn[0] == drawn[1] != ()
