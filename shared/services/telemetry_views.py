"""What people may see of the verdicts on telemetry: the newest of each rule on the champion, and origins that many models share.

Owns the reading. Changes nothing, judges nothing, and knows nothing of pages (``rendering.pages``) or terminals (``cli``).
"""

from shared.domain.facts import Facts
from shared.domain.policy import Policy
from shared.domain.routing import upstream_subject
from shared.ports import Store
from shared.rendering.shown import ShownJudgement, ShownOrigin, ShownVerdict

JUDGEMENTS_SHOWN = 60
BY = "--by YOU --why WHY"


def verdicts(facts: Facts) -> tuple[ShownVerdict, ...]:
    """The newest verdict of each rule that watched the champion's windows."""
    newest = {
        (seen.rule, seen.window): ShownVerdict(
            rule=seen.rule,
            window=seen.window,
            verdict=seen.verdict,
            compared=seen.share,
            rows=seen.rows,
            start=seen.start,
        )
        for seen in facts.windows.get(facts.champion, ())
    }
    return tuple(newest[key] for key in sorted(newest))


def judgements(facts: Facts) -> tuple[ShownJudgement, ...]:
    """What the windows of every version that may serve said to each rule, the newest first."""
    found = [
        ShownJudgement(
            rule=seen.rule,
            window=seen.window,
            version=version,
            verdict=seen.verdict,
            compared=seen.share,
            rows=seen.rows,
            start=seen.start,
        )
        for version, windows in facts.windows.items()
        for seen in windows
    ]
    found.sort(key=lambda one: (one.rule, one.window, one.version))
    return tuple(sorted(found, key=lambda one: one.start, reverse=True)[:JUDGEMENTS_SHOWN])


async def origins(store: Store, policy: Policy) -> tuple[ShownOrigin, ...]:
    """The origins on whose features many models drift right now. Raises StoreUnavailableError."""
    found = list[ShownOrigin]()
    for rule in policy.upstream:
        subject = upstream_subject(rule)
        facts = (await store.facts(subject)).value
        incident = facts.open_incident("upstream")
        if incident and facts.upstream:
            close = f"outerloop ask close '{subject}' {BY}"
            found.append(ShownOrigin(rule.features, incident, facts.upstream.features, facts.upstream.models, close))
    return tuple(found)
