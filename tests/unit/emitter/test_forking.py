"""Servers fork: a child sends what it collects itself, and nothing of its parent's."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EMITTER = Path(__file__).parents[3] / "emitter"
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")

START = """
import os, sys, threading
from outerloop_emitter import Collector, Limits

def publish(message):
    os.write(1, b"%d %d\\n" % (os.getpid(), message.count(b"\\n") // 2 + 1))

collector = Collector("/d", publish, Limits(linger_seconds=0.0))
"""


def run(code):
    """What a script writes, and what its processes end with; a child that hangs fails the test."""
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", START + code]
    return subprocess.run(command, cwd=EMITTER, capture_output=True, text=True, timeout=60, check=True).stdout.split(
        "\n"
    )


def test_a_child_sends_what_it_collects_and_exits_like_any_process():
    lines = run("""
for _ in range(3):
    child = os.fork()
    if not child:
        collector.collect([{"a": 1}], [0.5], None, "child")
        sys.exit()
    assert os.waitpid(child, 0)[1] == 0
    print(child, "1", flush=True)
""")
    sent = [line for line in lines if line]
    assert len(sent) == 6
    assert [sent.count(line) for line in sent] == [2] * 6


def test_a_child_repeats_nothing_of_its_parent_s():
    lines = run("""
collector = Collector("/d", publish, Limits(linger_seconds=60))
collector.collect([{"a": 1}], [0.5], None, "parent")
child = os.fork()
if not child:
    assert (collector.waiting, collector.dropped, collector.sent) == (0, 0, 0)
    sys.exit()
assert os.waitpid(child, 0)[1] == 0
print(os.getpid(), "1", flush=True)
""")
    parent, message = (line for line in lines if line)
    assert parent == message


def test_a_fork_in_the_midst_of_many_threads_hangs_nobody():
    lines = run("""
stop = threading.Event()
def score():
    while not stop.is_set():
        collector.collect([{"a": 1}] * 50, [0.5] * 50)
for _ in range(4):
    threading.Thread(target=score, daemon=True).start()
children = []
for _ in range(20):
    child = os.fork()
    if not child:
        collector.collect([{"a": 1}], [0.5], None, "child")
        collector.close(10)
        os._exit(0 if collector.sent == 1 else 1)
    children.append(child)
ends = [os.waitpid(child, 0)[1] for child in children]
stop.set()
os.write(1, b"ends %d\\n" % sum(ends))
""")
    assert "ends 0" in lines


def test_a_grandchild_sends_too():
    lines = run("""
def generation(left):
    if not left:
        collector.collect([{"a": 1}], [0.5], None, "c")
        return
    child = os.fork()
    if not child:
        generation(left - 1)
        sys.exit()
    assert os.waitpid(child, 0)[1] == 0
generation(3)
""")
    assert len([line for line in lines if line]) == 1


def test_a_collector_that_was_closed_stays_closed_in_a_child():
    lines = run("""
collector.close(1)
child = os.fork()
if not child:
    collector.collect([{"a": 1}], [0.5])
    collector.close(1)
    os._exit(0 if collector.drops == {"closed": 1} else 1)
print("end", os.waitpid(child, 0)[1], flush=True)
""")
    assert lines[0] == "end 0"


def test_a_fork_waits_for_the_import_of_the_sdk():
    """A child inherits the lock of an import under way, and nobody who would release it."""
    lines = run("""
from outerloop_emitter.channel import Channel
from outerloop_emitter.limits import Limits
from outerloop_emitter.packing import Source
began, state = threading.Event(), ["unprepared"]
class Sender:
    def prepare(self):
        state[0] = "preparing"
        began.set()
        threading.Event().wait(0.3)
        state[0] = "prepared"
    def forget(self):
        os.write(1, state[0].encode() + b"\\n")
    def close(self):
        pass
channel = Channel(Sender(), Source("/d", "1"), Limits())
began.wait()
child = os.fork()
if not child:
    os._exit(0)
os.waitpid(child, 0)
""")
    assert lines[0] == "prepared"
