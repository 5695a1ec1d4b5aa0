"""Which answer to degradation fits which kind of model: the three architectures, as one rule of the policy.

Owns that rule. Classical models may be retrained by themselves; of vision and language models people look at the inputs first.
"""


def unfit_response(task: str, then: str, override_reason: str) -> str:
    """Why a rule's ``then`` does not fit the task, as a sentence that says what does; empty when it fits."""
    if task == "classical":
        if then == "annotate":
            return "a classical model has nothing to annotate; use then: retrain or then: investigate"
        return ""
    if then == "retrain" and not override_reason.strip():
        return (
            f"a {task} model is not retrained automatically; use then: annotate, then: investigate or then: notify, "
            "or say in override_reason: why it may be"
        )
    return ""
