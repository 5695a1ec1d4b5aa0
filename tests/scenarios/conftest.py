"""A story that is marked with a rule has to meet it: the mark is what the documentation shows (``docs/rules.md``)."""

import sys
from pathlib import Path

import pytest

RULES = Path(__file__).parents[2] / "shared" / "domain" / "rules"


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem):
    """Watch which rules a marked story asks, while it is played."""
    wanted = {rule for mark in pyfuncitem.iter_markers("rule") for rule in mark.args}
    if not wanted:
        return (yield)
    met = set()

    def watch(frame, event, _):
        if event == "call":
            met.add(frame.f_code.co_filename)

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        played = yield
    finally:
        sys.setprofile(before)
    missed = {rule for rule in wanted if str(RULES / f"{rule}.py") not in met}
    assert not missed, f"this story never asks the rules {sorted(missed)} that it is marked with"
    return played
