"""Reference profiles in the store: those of deployments, and what their windows counted over a period.

Owns how a deployment is named by a person, and which windows make a period. Changes nothing.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from shared.ports import Store
from shared.telemetry.calendar import window_of
from shared.telemetry.fold import decode_window
from shared.telemetry.partials import DataPartial
from shared.telemetry.profiles import ReferenceProfile, decode_profile, recounted

PROFILES = "profiles/"
ALWAYS = (datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))
NAMED_MAX = 10  # deployments in a message


class UnknownReference(ValueError):  # noqa: N818 - named for the fact
    """There is no such profile, or no such period; the text is a sentence for the person who asked."""


@dataclass(frozen=True, slots=True)
class Period:
    """A profile over what production counted: so many windows of one length, from the first's start to the last's end."""

    profile: ReferenceProfile
    deployment: str
    length: str
    windows: int
    start: datetime
    end: datetime


async def reference_of(store: Store, deployment: str) -> tuple[str, ReferenceProfile]:
    """The profile that is kept for a deployment, with the deployment's key.

    ``deployment`` is a resource id, or ``ENDPOINT/DEPLOYMENT`` where that is one. Raises UnknownReference or ProfileError.
    """
    kept = {name.removeprefix(PROFILES): body for name, body in (await store.documents(PROFILES)).items()}
    found = [key for key in sorted(kept) if _is_named(key, deployment.strip().lower())]
    if len(found) != 1:
        raise UnknownReference(_not_one(deployment, found, sorted(kept)))
    return found[0], decode_profile(kept[found[0]])


async def reference_of_period(store: Store, deployment: str, since: datetime | None, until: datetime | None) -> Period:
    """The deployment's profile, recounted over its windows that lie wholly in [since, until). The edges stay the same.

    Rules may count the same rows in windows of several lengths: the shortest that has any there is taken. Rows that came
    after a window was closed are in none. Raises UnknownReference or ProfileError.
    """
    key, profile = await reference_of(store, deployment)
    first, end = since or ALWAYS[0], until or ALWAYS[1]
    partials = [decode_window(stored.value).partial for stored in (await store.windows(f"data/{key}/")).values()]
    counted = [part for part in partials if isinstance(part, DataPartial) and part.digest == profile.digest]
    whole = [part for part in counted if first <= part.start and _end(part) <= end]
    if not whole:
        raise UnknownReference(_no_window(key, counted))
    length = min((_end(part) - part.start, part.length) for part in whole)[1]
    taken = [part for part in whole if part.length == length]
    counts = np.stack([part.counts for part in taken]).sum(axis=0)
    rows = max(sum(part.rows for part in taken), sum(part.predictions for part in taken))
    return Period(
        profile=recounted(profile, rows, counts),
        deployment=key,
        length=length,
        windows=len(taken),
        start=min(part.start for part in taken),
        end=max(map(_end, taken)),
    )


def _end(partial: DataPartial) -> datetime:
    return window_of(partial.start, partial.length)[1]


def _is_named(key: str, named: str) -> bool:
    endpoint, _, deployment = named.partition("/")
    return named == key or key.endswith(f"/onlineendpoints/{endpoint}/deployments/{deployment}")


def _not_one(deployment: str, found: list[str], kept: list[str]) -> str:
    if found:
        return f"{deployment} is the name of {len(found)} deployments: name one by its id, of {', '.join(found)}"
    if not kept:
        return (
            f"no reference profile is kept for {deployment}, nor for any other deployment: one comes with a promotion"
        )
    more = ", …" if len(kept) > NAMED_MAX else ""
    return f"no reference profile is kept for {deployment}: there are {', '.join(kept[:NAMED_MAX])}{more}"


def _no_window(key: str, counted: list[DataPartial]) -> str:
    if not counted:
        return f"{key} has no window that was counted by its reference profile"
    first, last = min(part.start for part in counted), max(map(_end, counted))
    return f"no window of {key} lies wholly in that time: they reach from {first.isoformat()} to {last.isoformat()}"
