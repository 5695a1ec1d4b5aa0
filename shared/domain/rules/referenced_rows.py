"""Rows that the model data collector keeps in a blob of their own, where they are too many for its event: read once.

Owns what follows from such an event, and what is said of the reading. They are telemetry: no guard holds them. Which blobs may be
read is said by the policy's ``collector:``, whatever an event names.
"""

from shared.domain.commands import ReadReferenced
from shared.domain.outcomes import Succeeded
from shared.domain.signals import CommandFinished
from shared.domain.situation import Ruling, Situation, because, ignore
from shared.domain.telemetry_signals import RowsReferenced

RULE = "referenced_rows"
MIB = 1024 * 1024
NAME_MAX = 300


def on_referenced(situation: Situation, signal: RowsReferenced) -> Ruling:
    """Order the rows to be counted, if their blob lies where the collector writes."""
    production, blob = situation.workload.environments.production, signal.blob[:NAME_MAX]
    place = production.keeps(signal.account, signal.container, signal.path)
    if production.collector is None or place is None:
        text = f"{blob} lies outside of collector: in environments.production, so it is not read: mend the policy, or the collector"
        return ignore(situation, RULE, because("not_collected", text))
    storage, container, path = place
    command = situation.order(
        ReadReferenced,
        f"{container}/{path}",
        "the collector keeps rows in a blob of their own",
        event=signal.dedup_key,
        storage=storage,
        container=container,
        path=path,
        bytes_max=production.collector.event_mib_max * MIB,
        workspace=signal.workspace,
        endpoint=signal.endpoint,
        deployment=signal.deployment,
        collection=signal.collection,
        correlation_id=signal.correlation_id,
        content_range=signal.content_range,
        at=signal.occurred_at,
    )
    why = because("referenced", f"{blob} holds rows of {signal.collection} of {signal.deployment}: they are counted")
    return Ruling("act", RULE, (why,), situation.facts, commands=(command,))


def on_read(situation: Situation, signal: CommandFinished) -> Ruling:
    """Say how many rows were counted; a blob that could not be read is for a person to look at."""
    outcome = signal.outcome
    if isinstance(outcome, Succeeded):
        rows = outcome.data.get("rows", 0.0)
        return ignore(
            situation, RULE, because("counted_rows", f"{rows:.0f} rows of a blob were counted", observed=rows)
        )
    return Ruling("escalate", RULE, (because("rows_not_read", outcome.reason),), situation.facts)
