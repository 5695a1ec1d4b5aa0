"""A batch workload in production: the champion and the candidate score the same input, are compared, and the default changes.

Owns the rulings between a yes and the new default, in place of ``rollout``'s probe and steps. The default deployment stays as it
is until a comparison is good, and the one before is kept as the warm standby. The champion scores first: it finds the cluster
cold, so that the candidate is not blamed for machines that had to start.
"""

import dataclasses

from shared.domain import guards
from shared.domain.commands import CompareScores, ScoreBatch, SetTraffic
from shared.domain.comparison_facts import Comparison, ScoredRun
from shared.domain.decisions import Reason
from shared.domain.differences import may_be_left
from shared.domain.facts import CheckResult, Rollout, Version
from shared.domain.outcomes import Final, Succeeded
from shared.domain.policy_batch import ComparisonRun
from shared.domain.rules import rollback
from shared.domain.rules.batch_verdict import is_overdue, judge_comparison, judge_run
from shared.domain.rules.candidate import reject
from shared.domain.rules.ending import complete, give_up
from shared.domain.rules.met_by_hand import default_by_hand, met_by_hand
from shared.domain.rules.steps import traffic_for
from shared.domain.signals import CommandFinished, HoldElapsed
from shared.domain.situation import Ruling, Situation, because, ignore
from shared.domain.values import replace

RULE = "batch"
TEXT_MAX = 1000  # characters of any one text that becomes part of the facts


def on_finished(situation: Situation, signal: CommandFinished, version: Version) -> Ruling:
    """The production deployment exists, a version has scored the input, or the two were compared."""
    if version.state == "deploying":
        if not isinstance(signal.outcome, Succeeded):
            return reject(situation, version, "deployment_failed", because("failed", signal.outcome.reason))
        created = because("deployed", "the deployment exists; the default stays as it is until it was compared")
        return _next_run(situation, version.after("deployed", situation.now), created)
    if signal.command_kind == "ScoreBatch":
        return _on_scored(situation, version, signal.outcome)
    return _on_compared(situation, signal, version)


def on_retry(situation: Situation, signal: HoldElapsed) -> Ruling:
    """A comparison that came to no verdict is made anew."""
    version = situation.facts.versions.get(signal.about)
    if version is None or version.state != "probing" or version.awaiting:
        return ignore(situation, RULE, because("stale", "this version is not being compared any more"))
    return _next_run(situation, version, because("again", "the comparison is made anew"))


def on_default_set(situation: Situation, signal: CommandFinished) -> Ruling:
    """The candidate is the default, and the one before its warm standby; or the write failed, and is taken back."""
    known = situation.facts.rollout
    if known is None:
        return rollback.after_late_write(situation, signal)
    if known.pending != signal.command_id:
        return ignore(situation, RULE, because("stale", "this change of the default is over"))
    if met_by_hand(signal.outcome):
        return default_by_hand(situation, signal, known)
    if not isinstance(signal.outcome, Succeeded):
        return give_up(situation, known, because("default_not_set", signal.outcome.reason))
    endpoint = situation.workload.environments.production.endpoint
    done = because("default_set", f"version {known.version} is the default of the batch endpoint {endpoint}")
    return complete(situation, replace(known, pending="", step_started_at=situation.now), done)


def _next_run(situation: Situation, version: Version, *reasons: Reason) -> Ruling:
    """The champion's run, then the candidate's on the very same input, then the comparison of what they wrote."""
    rules = situation.workload.promotion.comparison
    if rules is None:
        gone = because("failed", "the policy has no promotion.comparison: any more")
        return reject(situation, version, "probe_failed", *reasons, gone)
    compared = version.comparison or Comparison(champion=situation.facts.champion)
    if compared.champion != situation.facts.champion:  # somebody rolled back meanwhile: what was scored is out of date
        compared = replace(compared, champion=situation.facts.champion, data="", champion_run=None, candidate_run=None)
    version = replace(version, comparison=compared)
    champion = situation.facts.versions.get(compared.champion)
    if champion and compared.champion_run is None:
        command: ScoreBatch | CompareScores = _score(
            situation, rules, compared, champion, "the champion scores the input"
        )
    elif compared.candidate_run is None:
        command = _score(situation, rules, compared, version, "the candidate scores the same input")
    else:
        command = _compare(situation, rules, compared, compared.candidate_run)
    facts = situation.facts.with_version(replace(version, awaiting=(command.id,)))
    return Ruling("act", RULE, reasons, facts, commands=(command,))


def _score(
    situation: Situation, rules: ComparisonRun, compared: Comparison, version: Version, reason: str
) -> ScoreBatch:
    production = situation.workload.environments.production
    return situation.order(
        ScoreBatch,
        f"{production.endpoint}/{version.deployment}",
        reason,
        workspace=production.workspace,
        endpoint=production.endpoint,
        endpoint_kind="batch",
        deployment=version.deployment,
        data=compared.data or rules.scores,
        deadline=rules.deadline,
    )


def _compare(
    situation: Situation, rules: ComparisonRun, compared: Comparison, candidate_run: ScoredRun
) -> CompareScores:
    return situation.order(
        CompareScores,
        rules.component,
        "what both wrote about the same input is compared",
        workspace=situation.workload.environments.production.workspace,
        component=rules.component,
        candidate=candidate_run.output,
        champion=compared.champion_run.output if compared.champion_run else "",
        data=compared.data,
    )


def _on_scored(situation: Situation, version: Version, outcome: Final) -> Ruling:
    compared = version.comparison or Comparison()
    champions = bool(compared.champion) and compared.champion_run is None
    who = f"version {compared.champion}, the champion," if champions else f"version {version.version}"
    if not isinstance(outcome, Succeeded):
        verdict, reason = judge_run(outcome, who, champions=champions)
        ruling = _without(situation, version, verdict, reason)
        return _with_notice(situation, ruling, who) if is_overdue(outcome) and ruling.verdict == "hold" else ruling
    run = ScoredRun(output=str(outcome.data.get("output", "")), seconds=float(outcome.data.get("seconds", 0.0)))
    compared = replace(compared, data=str(outcome.data.get("data", "")))
    compared = replace(compared, champion_run=run) if champions else replace(compared, candidate_run=run)
    scored = because("scored", f"{who} scored {compared.data} in {run.seconds:.0f} s", observed=run.seconds)
    return _next_run(situation, replace(version, comparison=compared), scored)


def _with_notice(situation: Situation, ruling: Ruling, who: str) -> Ruling:
    """A run that was cancelled has cost what its deadline allows, and the next one may: its people hear of it at once."""
    title = f"{situation.workload.name}: the run of {who.strip(',')} was not over by its deadline"
    shown = {reason.code: reason.text for reason in ruling.reasons}
    shown["change"] = "promotion.comparison.deadline, the cluster, or the input"
    return dataclasses.replace(
        ruling, commands=(*ruling.commands, situation.tell(situation.workload.owner, title, shown, 1))
    )


def _on_compared(situation: Situation, signal: CommandFinished, version: Version) -> Ruling:
    compared, rules = version.comparison, situation.workload.promotion.comparison
    if compared is None or rules is None or compared.champion != situation.facts.champion:
        return _next_run(situation, version, because("changed", "the champion or the policy has changed meanwhile"))
    judged = judge_comparison(signal.outcome, compared, rules)
    if judged.verdict != "pass":
        return _without(situation, version, judged.verdict, *judged.reasons)
    if paused := guards.paused(situation):  # this end of the comparison is heard again when the pause is over
        about, due = f"version {version.version}", guards.until((paused,), situation.now)
        hold, held = situation.wait(about, due, situation.facts)
        return Ruling("hold", RULE, (*judged.reasons, paused), held, holds=(hold,))
    return _switch(situation, version, judged.reasons, signal.command_id)


def _without(situation: Situation, version: Version, verdict: str, *reasons: Reason) -> Ruling:
    """No new default: the candidate is worse, or nobody knows yet and it is tried again, so often and no more."""
    rules, compared = situation.workload.promotion.comparison, version.comparison or Comparison()
    if verdict == "fail" or rules is None:
        return reject(situation, version, "probe_failed", *reasons)
    inconclusive = compared.inconclusive + (verdict == "inconclusive")
    no_data = compared.no_data + (verdict == "no_data")
    if inconclusive > rules.inconclusive_limit or no_data > rules.no_data_limit:
        text = (
            f"{inconclusive + no_data} comparisons came to no verdict: a person has to look; the default stays as it is"
        )
        return reject(situation, version, "probe_failed", *reasons, because("gave_up", text))
    # Neither run is kept: the next comparison is of one input, and of whoever is the champion by then.
    again = Comparison(champion=compared.champion, inconclusive=inconclusive, no_data=no_data)
    facts = situation.facts.with_version(replace(version, comparison=again, awaiting=()))
    due = situation.now + rules.retry_after
    return Ruling("hold", RULE, reasons, facts, holds=(situation.wake("comparison", version.version, due),))


def _switch(situation: Situation, version: Version, reasons: tuple[Reason, ...], comparison: str) -> Ruling:
    """One write makes the candidate the default; until it is confirmed, the champion is what can be gone back to."""
    production, champion = situation.workload.environments.production, situation.facts.champion
    switching = Rollout(version=version.version, champion=champion, percent=100)
    command = situation.order(
        SetTraffic,
        production.endpoint,
        f"version {version.version} becomes the default",
        workspace=production.workspace,
        endpoint=production.endpoint,
        endpoint_kind="batch",
        traffic=traffic_for(switching, 100),
        expected=may_be_left(situation.facts),
    )
    detail = "; ".join(reason.text for reason in reasons)[:TEXT_MAX]
    check = CheckResult(name="comparison", command_id=comparison, passed=True, detail=detail)
    moved = version.after("probe_passed", situation.now)
    moved = replace(moved, awaiting=(), checks=(*version.checks, check))
    facts = replace(situation.facts.with_version(moved), rollout=replace(switching, pending=command.id))
    return Ruling("act", RULE, reasons, facts, commands=(command,))
