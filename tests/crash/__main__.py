"""``python -m tests.crash``: kill the host again and again, and compare what is left with a run that nobody disturbed.

Owns the command line and the summary. Exit code 1 when something was lost, doubled or is different.
"""

import argparse
import asyncio
import logging
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.crash.killer import Killer
from tests.crash.load import Load
from tests.crash.runs import Run, killed, undisturbed
from tests.crash.verdict import Verdict, judge

CLAIM_SHARE_MIN = 0.8
SHOWN_MAX = 20
PATIENCE_SECONDS, PATIENCE_SECONDS_A_KILL = 300.0, 3.0


def main() -> int:
    """Run both; returns the exit code."""
    options = _options()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(143))  # so that what was started is stopped, as after Ctrl-C
    logging.basicConfig(level=logging.ERROR)
    folder = Path(tempfile.mkdtemp(prefix="outerloop-crash-"))
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:6.0f} s  {text}", flush=True)

    say(f"everything is kept in {folder}")
    load = Load(options.kills)
    patience = options.patience or PATIENCE_SECONDS + PATIENCE_SECONDS_A_KILL * options.kills
    quiet = asyncio.run(undisturbed(load, folder / "undisturbed", patience, say))
    say("the undisturbed run has ended")
    broken, killer = asyncio.run(killed(load, folder / "killed", options.seed, patience, say))
    verdict = judge(quiet.evidence, broken.evidence, killer.interrupted)
    print(summary(quiet, broken, killer, verdict))
    hard = killer.within_claim >= CLAIM_SHARE_MIN * killer.kills
    if not (hard and verdict.clean and not quiet.left and not broken.left):
        print(f"FAILED; what is left of it lies in {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


def summary(quiet: Run, broken: Run, killer: Killer, verdict: Verdict) -> str:
    """What a person reads in the end."""
    share = killer.within_claim / killer.kills if killer.kills else 0.0
    kinds = ", ".join(f"{kind} {count}" for kind, count in killer.kinds.most_common())
    evidence = broken.evidence
    lines = [
        f"kills survived {killer.kills}, {killer.within_claim} of them ({share:.0%}) while a claim was open [{kinds}]",
        f"storage stopped and started {killer.storage_stops} times",
        f"signals in {broken.signals}; refused or unanswered and sent again {broken.refused}, sent twice {broken.repeated}",
        (
            f"outcomes {len(evidence.commands)} of {len(quiet.evidence.commands)}; effects {evidence.effects.total()} "
            f"and as many notices as {evidence.notices.total()}; found done when asked again {evidence.repeats.total()}"
        ),
    ]
    for name, run in (("undisturbed", quiet), ("killed", broken)):
        lines += [f"  not finished in time ({name}): {one}" for one in run.left[:SHOWN_MAX]]
    return "\n".join([*lines, str(verdict)])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=30, help="how often the host is killed")
    parser.add_argument("--seed", type=int, default=1, help="of the moments of the kills, and of what is sent twice")
    parser.add_argument(
        "--patience",
        type=float,
        help="seconds until all is taken and done, in the end (more kills, more signals, more of it)",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
