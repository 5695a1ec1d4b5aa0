"""What the policy wants drawn from the rows of a batch, found once for each deployment in it, and drawn at its end.

Owns which rows are held on to until then: only those of deployments that a rule or a person asks about. Knows no formulas
(``drawing``), nor where samples are kept (``sampling``).
"""

import dataclasses
from collections.abc import Mapping
from datetime import datetime

import msgspec

from shared.domain.observations import DeploymentRef, RowsCollected, Telemetry
from shared.domain.policy import Policy
from shared.telemetry.counting import RowCounter
from shared.telemetry.drawing import GROUND_TRUTH, Wanted, draw
from shared.telemetry.profiles import PREDICTION
from shared.telemetry.samples import encode_sample


class Wishes:
    """The wishes of one policy about one batch."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._wanted: dict[DeploymentRef, Wanted] = {}
        self._events: list[RowsCollected] = []

    def about(self, ref: DeploymentRef) -> Wanted:
        """What is wanted of the rows of a deployment."""
        found = self._wanted.get(ref)
        if found is None:
            found = self._wanted[ref] = wanted_of(self._policy, ref)
        return found

    def needs_objects(self, ref: DeploymentRef) -> bool:
        """Whether rows have to be read as they came: a column is wanted that the profile may not know."""
        wanted = self.about(ref)
        return bool(wanted.columns or wanted.sensitive)

    def take(self, message: Telemetry, counters: Mapping[str, RowCounter]) -> Telemetry:
        """Hold on to the rows that are wanted; the message without those that are wanted for nothing else: labels."""
        if not any(self._wants(rows) for rows in message.rows):
            return message
        self._events.extend(_plain(rows, counters) for rows in message.rows if self._wants(rows))
        others = tuple(rows for rows in message.rows if not (rows.collection == GROUND_TRUTH and self._wants(rows)))
        return dataclasses.replace(message, rows=others)

    def drawn(self, counters: Mapping[str, RowCounter], accepted: tuple[datetime, datetime]) -> tuple[bytes, ...]:
        """The samples of all rows that were taken, as bytes."""
        wanted = {ref.key: wish for ref, wish in self._wanted.items()}
        profiles = {key: counters[key].profile for key in wanted if key in counters}
        samples = draw(self._events, wanted, profiles, accepted)
        return tuple(encode_sample(sample) for sample in samples.values())

    def _wants(self, rows: RowsCollected) -> bool:
        wanted = self.about(rows.deployment)
        return bool(wanted.labelled or (wanted.columns and rows.collection != GROUND_TRUTH))


def _plain(rows: RowsCollected, counters: Mapping[str, RowCounter]) -> RowsCollected:
    """Predictions of the model's own type as objects: they are held on to for longer than that type may be."""
    counter = counters.get(rows.deployment.key)
    if not counter or not rows.rows or not isinstance(rows.rows[0], counter.types.output_row):
        return rows
    objects = [{PREDICTION: value} for value in counter.types.predictions(rows.rows)]
    return msgspec.structs.replace(rows, rows=objects)


def wanted_of(policy: Policy, ref: DeploymentRef) -> Wanted:
    """What the policy wants of the rows of a deployment."""
    serving = policy.index.serving(ref.workspace, ref.endpoint)
    reviewed = next((each.telemetry.samples for each in serving if each.telemetry.samples), None)
    lengths = dict.fromkeys(rule.window for workload in serving for rule in workload.row_rules)
    return Wanted(
        labelled=tuple(dict.fromkeys(rule.window for workload in serving for rule in workload.labelled_rules)),
        label=next((each.telemetry.label for each in serving if each.telemetry.label), ""),
        sensitive=next((rule.sensitive for workload in serving for rule in workload.fairness_rules), ""),
        reviewed=tuple(lengths) if reviewed else (),
        columns=reviewed.columns if reviewed else (),
        rows=reviewed.rows if reviewed else 0,
    )
