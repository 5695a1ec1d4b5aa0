"""A function app with the handlers that are compared, for Microsoft's worker to index."""

from benchmarks.telemetry import ours

KNOWN: list[ours.Known] = []  # one, before a function is invoked
