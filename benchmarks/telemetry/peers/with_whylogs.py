"""whylogs: a profile of every column, tracked from JSON, in frames of a message or row by row."""

from functools import partial
from pathlib import Path

import pandas as pd
from whylogs.core import DatasetProfile
from whylogs.viz.drift.column_drift_algorithms import calculate_drift_scores

from benchmarks.telemetry.peers.serve import Abilities, read_messages
from benchmarks.telemetry.peers.with_json import rows_of

MESSAGES, ROWS = 16, 512  # of a turn: it is slow, and a round is to take about as long as everybody else's


def by_frames(messages: list[bytes]) -> int:
    """Track a frame for each message."""
    profile = DatasetProfile()
    return sum(len(tracked(profile, message)) for message in messages)


def tracked(profile: DatasetProfile, message: bytes) -> pd.DataFrame:
    """Track one message; answers with its rows."""
    frame = pd.DataFrame(rows_of(message))
    profile.track(pandas=frame)
    return frame


def by_rows(messages: list[bytes]) -> int:
    """Track row by row."""
    profile = DatasetProfile()
    rows = [row for message in messages for row in rows_of(message)][:ROWS]
    for row in rows:
        profile.track(row=row)
    return len(rows)


def prepare(folder: Path) -> Abilities:
    """What can be asked; a window for the figures is all rows."""
    messages = read_messages(folder / "packed")
    window, reference = DatasetProfile(), DatasetProfile()
    for message in messages:
        tracked(window, message)
    for message in messages[::2]:
        tracked(reference, message)
    views = window.view(), reference.view()

    def drift() -> int:
        calculate_drift_scores(*views, with_thresholds=False)
        return 1

    return Abilities(
        turns={
            "frames": partial(by_frames, messages[:MESSAGES]),
            "rows": partial(by_rows, messages[: ROWS // 256 + 1]),
            "drift": drift,
        },
        figures={"state_bytes": lambda: len(window.view().serialize())},
    )
