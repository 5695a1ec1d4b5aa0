"""The way back to the data scientists: degradation becomes a work item with its evidence. Retrains nothing.

Owns what the item says. Its life is ``work_item``'s.
"""

from shared.domain.decisions import Reason
from shared.domain.facts import Facts
from shared.domain.policy_windows import WindowRule
from shared.domain.rules.work_item import evidence_of, open_item, samples_at
from shared.domain.situation import Ruling, Situation


def investigate(situation: Situation, facts: Facts, rule: WindowRule, why: tuple[Reason, ...]) -> Ruling:
    """Ask the rule's persona to look into it, with the windows, the features, who serves and since when."""
    evidence = evidence_of(situation, facts, rule, why)
    evidence["collected inputs"] = samples_at(situation, facts, rule.samples)
    return open_item(situation, facts, "investigation", rule, "investigate the degradation", evidence, why)
