"""The picture is looked at as pixels: that it is one, that it shows something, and that what it shows is what it was given."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import BytesIO
from random import Random  # noqa: TID251  # of a fixed seed

import pytest
from PIL import Image

from shared.rendering.history import History, Mark
from shared.rendering.plot import COLOURS, EARLIER, colours_of, drawn, etag_of, span_of, title_of
from tests.unit.rendering.histories import a_year, history, month, window

BYTES_MAX = 200_000
SIZE = (1100, 860)
ONE = history([window(1, verdict="detected", value=0.5, suspected=0.9, distances=(0.1, 0.9), farthest="temp")])


def picture(shown):
    return Image.open(BytesIO(drawn(shown))).convert("RGB")


def pixels(shown, colour):
    """How many points have exactly this colour."""
    wanted = tuple(int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return {known: count for count, known in picture(shown).getcolors(SIZE[0] * SIZE[1])}.get(wanted, 0)


def many_features():
    random = Random(5)  # noqa: S311  # the same features each time
    windows = [
        window(
            number,
            str(number % 9),
            "detected",
            random.random(),
            suspected=1.0,
            distances=tuple(sorted(random.expovariate(3) for _ in range(40))),
            farthest="f" * 300,
        )
        for number in range(1, 37)
    ]
    labelled = [replace(one, value=0.7, lower=0.6, upper=0.8) for one in windows]
    done = [Mark(month(number), kind, "7") for number in range(1, 30) for kind in ("serves", "retraining", "rollback")]
    return history(windows, labelled, done)


HISTORIES = {
    "nothing": history(),
    "no rules": History("flight-delay"),
    "one window": ONE,
    "without data": history([window(1, verdict="no_data"), window(2, verdict="error")], [window(1, verdict="no_data")]),
    "a year": a_year(),
    "forgotten signals": history([window(1), window(2)], [window(1, value=0.7)]),
    "no labels": history(a_year().drift.windows),
    "labels alone": history((), a_year().performance.windows),
    "three years, 400 features": many_features(),
    "odd names": history(
        [window(1, "$x$", distances=(0.4,), farthest="a\n$\\frac{1}{0}$\x1b日本")],
        (),
        [Mark(month(1), "serves", "$\\")],
    ),
    "huge numbers": history(
        [window(1, value=1.0, distances=(1e6, 1e6))], [window(1, value=1e6, lower=-1e6, upper=1e6)]
    ),
}


@pytest.mark.parametrize("name", HISTORIES)
def test_whatever_the_history_there_is_a_picture_that_shows_something(name):
    body = drawn(HISTORIES[name])
    assert body.startswith(b"\x89PNG\r\n\x1a\n")
    assert len(body) < BYTES_MAX
    shown = picture(HISTORIES[name])
    assert shown.size == SIZE
    assert len(shown.getcolors(SIZE[0] * SIZE[1])) > 20


def test_the_same_history_gives_the_same_bytes_also_when_drawn_anew():
    first = drawn(a_year())
    drawn.cache_clear()
    assert drawn(a_year()) == first


def test_several_threads_may_ask_at_once():
    drawn.cache_clear()
    with ThreadPoolExecutor(3) as pool:
        bodies = list(pool.map(drawn, [ONE, a_year(), ONE]))
    assert bodies[0] == bodies[2] == drawn(ONE)
    assert bodies[1] == drawn(a_year())


CHANGES = {
    "value": {"value": 0.9},
    "suspected": {"suspected": 0.6},
    "distances": {"distances": (0.1, 0.5)},
    "verdict": {"verdict": "no_data"},
    "version": {"version": "3"},
}


@pytest.mark.parametrize("what", CHANGES)
def test_other_data_are_another_picture_under_another_tag(what):
    changed = history([replace(ONE.drift.windows[0], **CHANGES[what])])
    assert drawn(changed) != drawn(ONE)
    assert etag_of(changed) != etag_of(ONE)


def test_what_was_done_changes_the_picture():
    marked = replace(ONE, marks=(Mark(month(1), "rollback", "1"),))
    assert drawn(marked) != drawn(ONE)
    assert etag_of(marked) != etag_of(ONE)


def test_the_tag_is_the_same_for_equal_histories_and_quoted_as_http_wants_it():
    assert etag_of(a_year()) == etag_of(a_year())
    assert etag_of(ONE)[0] == etag_of(ONE)[-1] == '"'


def test_a_larger_share_is_a_larger_bar():
    low, high = (history([replace(ONE.drift.windows[0], value=share, suspected=share)]) for share in (0.2, 0.8))
    assert pixels(high, COLOURS[0]) > 2 * pixels(low, COLOURS[0]) > 1000


def test_a_window_without_data_has_no_bar_and_no_dots():
    (seen,) = ONE.drift.windows
    silent = history([replace(seen, verdict="no_data")])
    assert pixels(ONE, COLOURS[0]) > 10 * pixels(silent, COLOURS[0])  # the legend still names the version


def test_each_version_has_its_colour():
    both = history([window(1, "1", value=0.5), window(2, "2", value=0.5)])
    assert min(pixels(both, colour) for colour in COLOURS[:2]) > 1000
    assert pixels(both, COLOURS[2]) == 0


def test_the_newest_versions_are_told_apart_and_the_others_are_one_colour():
    colours = colours_of(history([window(number, str(number)) for number in range(1, 10)]))
    assert [colours[str(number)] for number in (1, 2, 3)] == [EARLIER] * 3
    assert [colours[str(number)] for number in range(4, 10)] == list(COLOURS)


def test_the_time_that_is_shown_holds_every_window_and_mark():
    shown = replace(ONE, marks=(Mark(month(5), "serves", "2"),))
    first, last = span_of(shown)
    assert first < month(1)
    assert last > month(5)
    assert span_of(history()) is None


def test_the_title_says_what_is_shown():
    assert title_of(a_year()) == "flight-delay: drift of the inputs and performance, month by month"
    assert title_of(replace(ONE, drift=replace(ONE.drift, window="6h"))).endswith("6h by 6h")
    assert title_of(History("x")) == "x: no rule of the policy watches drift or performance"


def test_drawing_changes_no_setting_of_the_process():
    import matplotlib as mpl  # noqa: PLC0415  # heavy: only this test asks it something

    before = dict(mpl.rcParams)
    drawn.cache_clear()
    drawn(ONE)
    assert dict(mpl.rcParams) == before
