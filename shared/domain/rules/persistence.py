"""What the windows of a version said to each rule: remembered, so that one bad window is no trouble and one good one no end.

Owns that memory, and when trouble persists or is over. Both look at the order of event time, not of arrival, and never hold
at once: so nothing flaps, and nothing opens and closes in the same window.
"""

from collections.abc import Sequence

from shared.domain.decisions import Reason
from shared.domain.facts import WINDOWS_KEPT_MAX, Facts, WindowSeen
from shared.domain.lifecycle import ENDED
from shared.domain.policy_windows import WindowRule
from shared.domain.rules.verdicts import Found, Window
from shared.domain.situation import because
from shared.domain.values import replace

SAYS_NOTHING = frozenset({"no_data", "error"})  # these count neither for trouble nor for its end


def remember(facts: Facts, version: str, rule: WindowRule, signal: Window, found: Found) -> Facts:
    """The facts that know what a rule found; what it found in the same window before is replaced."""
    seen = WindowSeen(
        start=signal.start,
        window=rule.window,
        rule=rule.label,
        verdict=found.verdict,
        share=found.value,
        rows=found.rows,
    )
    every = facts.windows.get(version, ())
    others = tuple(known for known in every if not _is_of(known, rule))
    alike = tuple(known for known in every if _is_of(known, rule) and known.start != seen.start)
    windows = sorted((*alike, seen), key=lambda known: known.start)[-WINDOWS_KEPT_MAX:]
    ended = {name for name, known in facts.versions.items() if known.state in ENDED}  # these never serve again
    living = {name: known for name, known in facts.windows.items() if name in facts.versions.keys() - ended}
    return replace(facts, windows={**living, version: (*others, *windows)})


def seen_by(facts: Facts, version: str, rule: WindowRule) -> tuple[WindowSeen, ...]:
    """What a version's windows said to a rule, the oldest first."""
    return tuple(known for known in facts.windows.get(version, ()) if _is_of(known, rule))


def _is_of(seen: WindowSeen, rule: WindowRule) -> bool:
    return (seen.rule, seen.window) == (rule.label, rule.window)


def forget_dropped(facts: Facts, rules: tuple[WindowRule, ...]) -> Facts:
    """The facts without what windows said to rules that the policy has no more."""
    kept = {(rule.label, rule.window) for rule in rules}
    windows = {
        version: tuple(seen for seen in every if (seen.rule, seen.window) in kept)
        for version, every in facts.windows.items()
    }
    return replace(facts, windows=windows)


def persists(facts: Facts, version: str, rule: WindowRule) -> bool:
    """Whether so many of the last windows agree as the rule asks for."""
    return _detected(facts, version, rule) >= rule.needed


def _detected(facts: Facts, version: str, rule: WindowRule) -> int:
    return sum(seen.verdict == "detected" for seen in seen_by(facts, version, rule)[-rule.considered :])


def recovered(facts: Facts, version: str, rule: WindowRule) -> bool:
    """Whether trouble is over: so many windows in a row pass, below where suspicion begins, as the rule asks for."""
    telling = [seen.verdict for seen in seen_by(facts, version, rule) if seen.verdict not in SAYS_NOTHING]
    last = telling[-rule.recovers_after :]
    return last == ["pass"] * rule.recovers_after and not persists(facts, version, rule)


def counted(facts: Facts, version: str, rule: WindowRule) -> Reason:
    """How many of the last windows agree, and how many would have to."""
    considered = len(seen_by(facts, version, rule)[-rule.considered :])
    detected, what = _detected(facts, version, rule), "drifted" if "drift" in rule.when else "were beyond the limit"
    text = f"{detected} of the last {considered} windows {what}; {rule.persistence} are needed"
    return because("persistence", text, observed=detected, limit=rule.needed)


def unknown_for(facts: Facts, version: str, rule: WindowRule) -> Reason | None:
    """That so many windows in a row could not be judged that people should know: said by the window that makes them so many."""
    verdicts = [seen.verdict for seen in seen_by(facts, version, rule)]
    silent, failing = _run(verdicts, SAYS_NOTHING), _run(verdicts, frozenset({"error"}))
    if failing == rule.error_limit:
        text = f"{rule.label}: {failing} windows in a row could not be judged"
        return because("error_limit", text, observed=failing, limit=rule.error_limit)
    if silent == rule.no_data_limit:
        text = f"{rule.label}: {silent} windows in a row had not enough data"
        return because("no_data_limit", text, observed=silent, limit=rule.no_data_limit)
    return None


def _run(verdicts: Sequence[str], alike: frozenset[str]) -> int:
    """How many of the last in a row are one of these."""
    return next((length for length, verdict in enumerate(reversed(verdicts)) if verdict not in alike), len(verdicts))
