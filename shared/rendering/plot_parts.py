"""The panels of the picture of a history, its marks and its legend, drawn on axes of matplotlib.

Owns what each panel shows of each window. Knows nothing of files or of where a history comes from; imported only by who draws.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter

from shared.rendering.history import DriftPanel, History, Mark, MarkKind, PerformancePanel, ShownWindow

INK, SOFT, ALARM = "#1b1f24", "#59636e", "#D55E00"
SYMBOLS = {"serves": "▶", "retraining": "↻", "rollback": "↩"}
LINES: dict[MarkKind, Literal["--", "-", ":"]] = {
    "rollback": "--",
    "serves": "-",
    "retraining": ":",
}  # the first that fits is drawn where several meet
MARKERS = "osD^vP"
STACKED_MAX = 4  # marks of one moment that are written out
NAMED_WINDOWS_MAX = 14  # narrower windows than a share of so many have no room for a name
NAME_MAX = 14
TICKS_MAX = 14
SCALE_END = 5.0  # times the limit: what lies farther is drawn at the edge, so that the limit stays readable
PAPER = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.6}  # behind words that cross a bar
HATCHES = {"no_data": "////", "error": "xxxx"}
GAP = 0.1  # of a window, free on both sides

Colours = Mapping[str, str]


def shares(axes: Axes, panel: DriftPanel | None, colours: Colours) -> None:
    """Bars: the share of features beyond the limit, and paler that beyond where suspicion begins."""
    _head(axes, f"features beyond the limit ({panel.metric})" if panel else "drift", "share of features")
    axes.set_ylim(-0.012, 1)  # so that a bar of nothing is seen
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    if panel is None or not panel.windows:
        _say(axes, "no rule watches drift" if panel is None else "no window has closed yet")
        return
    for window, left, width in _placed(panel.windows):
        if not _unknown(axes, window, left, width):
            bar: dict[str, Any] = {"width": width, "align": "edge", "color": colours[window.version]}
            axes.bar(left, window.suspected or 0.0, alpha=0.3, **bar)
            axes.bar(left, window.value, edgecolor=colours[window.version], linewidth=1.2, **bar)
    text = f"drift: {panel.share_of_features:.0%} of the features above {panel.metric} {panel.above:g}"
    _limit(axes, panel.share_of_features, text, "--")


def distances(axes: Axes, panel: DriftPanel | None, colours: Colours) -> None:
    """Dots: how far each feature lies from its reference, the nearest first within each window."""
    _head(axes, "distance of each feature; the farthest by name", panel.metric if panel else "")
    if panel is None or not any(window.distances for window in panel.windows):
        forgotten = panel is not None and panel.windows
        _say(axes, "no longer kept: the signals are too old" if forgotten else "none yet")
        return
    end, placed = _scale_end(panel), _placed(panel.windows)
    named_from = sum(width for _, _, width in placed) / NAMED_WINDOWS_MAX
    axes.set_ylim(0, end * 1.12)
    for window, left, width in placed:
        if _unknown(axes, window, left, width):
            continue
        _dots(axes, window, (left, width), end, colours[window.version])
        if window.farthest and width > named_from:
            axes.text(left + width / 2, end * 1.04, _short(window.farthest), fontsize=6.5, color=SOFT, ha="center")
    _limit(axes, panel.above, f"above {panel.above:g}", "--")
    if panel.suspected < panel.above:
        _limit(axes, panel.suspected, f"suspected above {panel.suspected:g}", ":")


def _scale_end(panel: DriftPanel) -> float:
    known = (window for window in panel.windows if window.verdict not in HATCHES)
    farthest = max((far for window in known for far in window.distances), default=0.0)
    return min(max(farthest, panel.above * 1.25), panel.above * SCALE_END)


def _dots(axes: Axes, window: ShownWindow, place: tuple[float, float], end: float, colour: str) -> None:
    (left, width), number = place, len(window.distances)
    at = [left + width * (position + 1) / (number + 1) for position in range(number)]
    near = [(x, far) for x, far in zip(at, window.distances, strict=True) if far <= end]
    beyond = [x for x, far in zip(at, window.distances, strict=True) if far > end]
    axes.scatter([x for x, _ in near], [far for _, far in near], s=11, color=colour, linewidths=0)
    axes.scatter(beyond, [end] * len(beyond), s=22, marker="^", color=colour, linewidths=0)


def measures(axes: Axes, panel: PerformancePanel | None, colours: Colours) -> None:
    """Points with their 95 % bounds: how good the predictions were, once labels came."""
    _head(axes, f"performance ({panel.metric}, 95 % bounds)" if panel else "performance", panel.metric if panel else "")
    if panel is None or not panel.windows:
        _say(axes, "no rule watches performance" if panel is None else "no labels yet")
        axes.set_yticks([])
        return
    for window, left, width in _placed(panel.windows):
        if not _unknown(axes, window, left, width):
            lower, upper = (window.value if bound is None else bound for bound in (window.lower, window.upper))
            spread = [[max(window.value - lower, 0.0)], [max(upper - window.value, 0.0)]]
            place, colour = list(colours).index(window.version), colours[window.version]
            marker = MARKERS[place % len(MARKERS)]
            axes.errorbar(left + width / 2, window.value, yerr=spread, fmt=marker, color=colour, capsize=4)
    beyond = "the limit" if panel.suspected == panel.limit else "detected"
    _limit(axes, panel.limit, f"{beyond}: {panel.limit:g}", "--")
    if panel.suspected != panel.limit:
        _limit(axes, panel.suspected, f"suspected: {panel.suspected:g}", ":")
    axes.margins(y=0.15)


def time_axis(axes: Axes, span: tuple[datetime, datetime] | None) -> None:
    """Time, labelled as coarsely as it fits; none where nothing happened."""
    if span is None:
        axes.set_xticks([])
        return
    axes.set_xlim(*map(_number, span))
    locator = AutoDateLocator(minticks=3, maxticks=TICKS_MAX)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.set_xlabel("event time, UTC")


def marks(panels: Sequence[Axes], done: Sequence[Mark]) -> None:
    """A line through all panels where something was done, with what it was above the first."""
    for at, group in groupby(done, key=lambda mark: mark.at):
        together = list(group)
        kinds = {mark.kind for mark in together}
        style = next(line for kind, line in LINES.items() if kind in kinds)
        for axes in panels:
            axes.axvline(_number(at), color=SOFT, linestyle=style, linewidth=1)
        words = [f"{SYMBOLS[mark.kind]}{_short(mark.version)}" for mark in together]
        rest = len(words) - STACKED_MAX
        text = " ".join(words[:STACKED_MAX]) + (f" +{rest}" if rest > 0 else "")
        where = panels[0].get_xaxis_transform()
        panels[0].text(_number(at), 1.0, text, transform=where, fontsize=8, color=INK, ha="center", va="bottom")


def legend(figure: Figure, colours: Colours, history: History) -> None:
    """Which colour is which version, and what the rest means."""
    named = [version for version in colours if list(colours.values()).count(colours[version]) == 1]
    handles: list[Any] = [Patch(color=colours[version], label=f"version {_short(version)}") for version in named]
    if len(named) < len(colours):
        other = next(colours[version] for version in colours if version not in named)
        handles.append(Patch(color=other, label="earlier versions"))
    if any(window.suspected for window in history.windows):
        handles.append(Patch(color=SOFT, alpha=0.3, label="suspected"))
    verdicts = {window.verdict for window in history.windows}
    told = (("no_data", "no data", SOFT), ("error", "error", ALARM))
    handles += [
        Patch(facecolor="none", edgecolor=colour, hatch=HATCHES[verdict], label=label)
        for verdict, label, colour in told
        if verdict in verdicts
    ]
    meaning: dict[MarkKind, str] = {
        "serves": "begins to serve",
        "retraining": "retraining ordered",
        "rollback": "rolled back to",
    }
    handles += [
        Line2D([], [], color=SOFT, linestyle=LINES[kind], label=f"{SYMBOLS[kind]} {words}")
        for kind, words in meaning.items()
        if kind in {mark.kind for mark in history.marks}
    ]
    if handles:
        figure.legend(
            handles=handles, loc="outside lower center", ncols=min(len(handles), 7), frameon=False, fontsize=8
        )


def _placed(windows: Sequence[ShownWindow]) -> list[tuple[ShownWindow, float, float]]:
    """Each window with where it begins and how wide it is: versions of one window stand beside each other."""
    places = list[tuple[ShownWindow, float, float]]()
    for _, group in groupby(windows, key=lambda window: window.start):
        together = list(group)
        for position, window in enumerate(together):
            whole = _number(window.end) - _number(window.start)
            width = whole * (1 - 2 * GAP) / len(together)
            places.append((window, _number(window.start) + whole * GAP + position * width, width))
    return places


def _unknown(axes: Axes, window: ShownWindow, left: float, width: float) -> bool:
    """Hatch a window that says nothing, from top to bottom; False for one that does."""
    hatch = HATCHES.get(window.verdict)
    if hatch:
        colour = ALARM if window.verdict == "error" else SOFT
        axes.axvspan(left, left + width, facecolor="none", edgecolor=colour, hatch=hatch, linewidth=0, alpha=0.5)
    return hatch is not None


def _limit(axes: Axes, value: float, text: str, style: str) -> None:
    axes.axhline(value, color=INK, linestyle=style, linewidth=1)
    where = axes.get_yaxis_transform()
    axes.text(1.0, value, f" {text}", transform=where, fontsize=7, color=INK, ha="right", va="bottom", bbox=PAPER)


def _head(axes: Axes, title: str, unit: str) -> None:
    axes.set_title(title, loc="left", fontsize=9, pad=14)
    axes.set_ylabel(unit)
    axes.grid(visible=True, axis="y", color="#d1d9e0", linewidth=0.6)


def _say(axes: Axes, text: str) -> None:
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=SOFT, fontsize=11)


def _short(name: str) -> str:
    shown = "".join(character if character.isprintable() else "?" for character in name)
    return shown if len(shown) <= NAME_MAX else f"{shown[: NAME_MAX - 1]}…"


def _number(moment: datetime) -> float:
    return float(date2num(moment))
