"""Sequences of effects: they see ports only, never an SDK."""
