"""Vision and language: degradation opens a task for people, who look at sampled inputs and label them. Retrains nothing.

Owns what the task says. Azure has no supported interface to create a labelling project (labelling is done in the studio), so
the task is a message to a persona and an incident that stays open until a newer version serves.
"""

from shared.domain.decisions import Reason
from shared.domain.facts import Facts
from shared.domain.policy_windows import WindowRule
from shared.domain.rules.work_item import evidence_of, open_item, samples_at
from shared.domain.situation import Ruling, Situation


def annotate(situation: Situation, facts: Facts, rule: WindowRule, why: tuple[Reason, ...]) -> Ruling:
    """Ask the rule's persona to open an annotation task, with the evidence and where the inputs lie."""
    evidence = evidence_of(situation, facts, rule, why)
    evidence["sampled inputs"] = samples_at(situation, facts, rule.samples)
    evidence["do this"] = (
        "create a data labelling project in Azure ML studio with these inputs, then train on what is labelled"
    )
    return open_item(situation, facts, "annotation", rule, "open an annotation task", evidence, why)
