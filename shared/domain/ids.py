"""Deterministic ids: the same cause gives the same id, whoever computes it and how often.

Owns how ids are derived; knows nothing of what they name. Never random: a second delivery of the same signal
must arrive at the same decision and the same commands.
"""

import hashlib

ID_LENGTH = 24  # 96 bits: collisions are out of reach for the rows of a century


def derive(*parts: str | int) -> str:
    """A hexadecimal id of 24 characters that depends on every part and on their order."""
    digest = hashlib.sha256("\x1f".join(str(part) for part in parts).encode())
    return digest.hexdigest()[:ID_LENGTH]


def dedup_key(source: str, event_id: str) -> str:
    """The key under which one event of one source is accepted once. Ids of Azure resources differ in case."""
    return derive("signal", source.lower(), event_id)


def decision_id(cause: str, subject: str) -> str:
    """The id of the one decision that a signal or an elapsed hold (``cause``) brings about for a subject."""
    return derive("decision", cause, subject)


def command_id(decision: str, kind: str, target: str, ordinal: int) -> str:
    """The id of a command: the n-th of its kind that a decision orders for a target."""
    return derive("command", decision, kind, target, ordinal)
