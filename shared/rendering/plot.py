"""The picture of a history: drift, the features behind it, and performance over event time, as PNG.

Owns how it is laid out and coloured (``plot_parts`` has the panels). matplotlib is imported when the first picture is drawn, by its
objects alone: nothing of a process is set for good. The same history gives the same bytes, and no text from outside is more
than text. Reads no store.
"""

import warnings
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from io import BytesIO
from threading import Lock
from typing import TYPE_CHECKING, Any

from shared.domain.ids import derive
from shared.rendering.history import History, ShownWindow

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LAYOUT = 1  # of the picture: to be raised with each change of how the same history is drawn
SIZE_INCHES = (11.0, 8.6)
DOTS_PER_INCH = 100
CACHED_MAX = 16
MARGIN = 0.02  # of the time that is shown, on both sides
LENGTHS = {"1mo": "month", "1d": "day", "1w": "week", "7d": "week", "1h": "hour"}

# Told apart with any colour vision (Okabe and Ito, Color Universal Design); the order is that in which versions appeared.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
EARLIER = "#8C8C8C"  # versions before these, together
STYLE: Mapping[str, Any] = {
    "font.family": ["DejaVu Sans"],  # comes with matplotlib
    "font.size": 9.0,
    "text.parse_math": False,  # a name with two dollars in it is no formula
    "timezone": "UTC",
    "hatch.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "date.converter": "concise",
}

_drawing = Lock()  # matplotlib promises nothing to threads


def etag_of(history: History) -> str:
    """A tag that changes whenever the picture would."""
    return f'"{derive("plot", LAYOUT, repr(history))}"'


@lru_cache(maxsize=CACHED_MAX)
def drawn(history: History) -> bytes:
    """The picture, as PNG: 1100 by 860 points, below 200 KB."""
    import matplotlib as mpl  # noqa: PLC0415  # takes a good part of a second: only who wants a picture waits for it

    style: Any = {**mpl.rcParamsDefault, **STYLE}  # whatever a machine's own matplotlibrc says
    with _drawing, mpl.rc_context(style), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a letter that the font lacks is a box, whichever it was
        out = BytesIO()
        _figure(history).savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


def title_of(history: History) -> str:
    """What the picture shows, in a line."""
    panel = history.drift or history.performance
    if panel is None:
        return f"{history.workload}: no rule of the policy watches drift or performance"
    length = LENGTHS.get(panel.window, panel.window)
    return f"{history.workload}: drift of the inputs and performance, {length} by {length}"


def colours_of(history: History) -> dict[str, str]:
    """A colour for each version, the newest told apart."""
    order = list(dict.fromkeys(window.version for window in sorted(history.windows, key=_by_start)))
    newest = order[-len(COLOURS) :]
    return {version: COLOURS[newest.index(version)] if version in newest else EARLIER for version in order}


def _by_start(window: ShownWindow) -> tuple[datetime, str]:
    return window.start, window.version


def span_of(history: History) -> tuple[datetime, datetime] | None:
    """The time that is shown: from the first window to the last, with what was done since; None without windows."""
    if not history.windows:
        return None
    first, last = min(each.start for each in history.windows), max(each.end for each in history.windows)
    last = max([last, *(mark.at for mark in history.marks)])
    margin = max((last - first) * MARGIN, timedelta(seconds=1))
    return first - margin, last + margin


def _figure(history: History) -> "Figure":
    from matplotlib.figure import Figure  # noqa: PLC0415

    from shared.rendering import plot_parts  # noqa: PLC0415  # needs matplotlib

    figure = Figure(figsize=SIZE_INCHES, dpi=DOTS_PER_INCH, layout="constrained")
    shares, features, measures = figure.subplots(3, 1, sharex=True, height_ratios=(3, 3, 3))
    colours, span = colours_of(history), span_of(history)
    figure.suptitle(title_of(history), fontsize=12, fontweight="bold")
    plot_parts.shares(shares, history.drift, colours)
    plot_parts.distances(features, history.drift, colours)
    plot_parts.measures(measures, history.performance, colours)
    plot_parts.time_axis(measures, span)
    plot_parts.marks((shares, features, measures), history.marks)
    plot_parts.legend(figure, colours, history)
    return figure
