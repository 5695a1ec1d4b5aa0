"""The policy is read again when it changes, and a mistake in it changes nothing but the log."""

import logging
import os
from datetime import timedelta

import pytest

from shared.adapters.policy_folder import PAYLOAD_BYTES_MAX, PolicyFolder
from shared.parsing.policy_file import PolicyError
from tests.unit.services.fakes import EXAMPLE, WORKLOAD

OVERLAY = "workloads:\n  - name: flight-delay\n    promotion:\n      rollout: {bake: 5s}\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "policy.yaml").write_text((EXAMPLE / "policy.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "sample_request.json").write_text('{"rows": []}', encoding="utf-8")
    return tmp_path


class Edits:
    """Writes to a file, each time with a later time of change, however fast the test."""

    def __init__(self, path):
        self._path, self._count = path, 0

    def replace(self, old, new):
        text = self._path.read_text(encoding="utf-8")
        assert old in text
        self.write(text.replace(old, new).encode())

    def write(self, body):
        self._count += 1
        before = self._path.stat().st_mtime_ns if self._path.exists() else 0
        self._path.write_bytes(body)
        os.utime(self._path, ns=(before, before + self._count * 1_000_000_000))


@pytest.fixture
def edits(folder):
    return Edits(folder / "policy.yaml")


@pytest.fixture
def source(folder):
    return PolicyFolder(folder / "policy.yaml", None)


def bake_of(loaded):
    return loaded.policy.workload(WORKLOAD).promotion.rollout.bake


async def test_the_policy_is_read_with_its_digest_and_the_bodies_beside_it(source):
    loaded = await source.current()
    assert bake_of(loaded) == timedelta(minutes=30)
    assert len(loaded.digest) == 64
    assert loaded.payloads == {"sample_request.json": '{"rows": []}'}


async def test_what_has_not_changed_is_not_read_again(source):
    assert await source.current() is await source.current()


async def test_a_valid_edit_counts_at_once(source, edits):
    before = await source.current()
    edits.replace("bake: 30m", "bake: 45m")
    after = await source.current()
    assert bake_of(after) == timedelta(minutes=45)
    assert after.digest != before.digest


async def test_an_edit_of_a_comment_keeps_the_digest(source, edits):
    before = await source.current()
    edits.replace("version: 1", "# a remark\nversion: 1")
    assert (await source.current()).digest == before.digest


@pytest.mark.parametrize(
    "body",
    [b"version: 2", b"workloads: [", b"", b"\xff\xfe\x00", b"just text"],
    ids=["invalid", "no yaml", "empty", "not utf-8", "no mapping"],
)
async def test_an_invalid_edit_keeps_the_policy_before_and_says_so(source, edits, caplog, body):
    before = await source.current()
    edits.write(body)
    with caplog.at_level(logging.ERROR):
        assert await source.current() is before
    assert "stays in force" in caplog.text


async def test_the_log_says_where_the_mistake_is(source, edits, caplog):
    await source.current()
    edits.replace("version: 1", "version: 2")
    await source.current()
    assert "policy.yaml:4: version: " in caplog.text


async def test_a_mended_edit_counts_again(source, edits):
    await source.current()
    edits.write(b"version: 2")
    await source.current()
    edits.write((EXAMPLE / "policy.yaml").read_bytes().replace(b"bake: 30m", b"bake: 10m"))
    assert bake_of(await source.current()) == timedelta(minutes=10)


async def test_a_policy_that_disappears_stays_in_force(source, folder):
    before = await source.current()
    (folder / "policy.yaml").unlink()
    assert await source.current() is before


async def test_without_any_policy_it_raises(source, edits, folder):
    edits.write(b"version: 2")
    with pytest.raises(PolicyError):
        await source.current()
    (folder / "policy.yaml").unlink()
    with pytest.raises(OSError, match=r"policy\.yaml"):
        await source.current()


async def test_a_start_without_a_policy_can_be_mended(source, edits):
    edits.write(b"version: 2")
    with pytest.raises(PolicyError):
        await source.current()
    edits.write((EXAMPLE / "policy.yaml").read_bytes())
    assert bake_of(await source.current()) == timedelta(minutes=30)


async def test_an_overlay_shortens_a_duration(folder):
    (folder / "fast.yaml").write_text(OVERLAY, encoding="utf-8")
    loaded = await PolicyFolder(folder / "policy.yaml", folder / "fast.yaml").current()
    assert bake_of(loaded) == timedelta(seconds=5)


async def test_an_overlay_that_changes_anything_else_keeps_the_policy_before(folder, caplog):
    overlay = Edits(folder / "fast.yaml")
    overlay.write(OVERLAY.encode())
    source = PolicyFolder(folder / "policy.yaml", folder / "fast.yaml")
    before = await source.current()
    overlay.write(b"workloads:\n  - name: flight-delay\n    mode: observe\n")
    assert await source.current() is before
    assert "fast.yaml:3" in caplog.text


async def test_an_edit_of_the_overlay_counts_at_once(folder):
    overlay = Edits(folder / "fast.yaml")
    overlay.write(OVERLAY.encode())
    source = PolicyFolder(folder / "policy.yaml", folder / "fast.yaml")
    await source.current()
    overlay.replace("5s", "7s")
    assert bake_of(await source.current()) == timedelta(seconds=7)


async def test_an_overlay_that_is_missing_is_no_policy(folder):
    with pytest.raises(OSError, match=r"fast\.yaml"):
        await PolicyFolder(folder / "policy.yaml", folder / "fast.yaml").current()


async def test_an_edit_of_a_request_body_counts_at_once(source, folder):
    await source.current()
    Edits(folder / "sample_request.json").write(b'{"rows": [1]}')
    assert (await source.current()).payloads["sample_request.json"] == '{"rows": [1]}'


async def test_a_file_too_large_to_be_a_request_body_is_left_out(source, folder):
    (folder / "huge.json").write_bytes(b" " * (PAYLOAD_BYTES_MAX + 1))
    assert "huge.json" not in (await source.current()).payloads


async def test_a_file_that_is_no_text_is_left_out(source, folder):
    (folder / "binary.json").write_bytes(b"\xff\xfe\x00")
    assert set((await source.current()).payloads) == {"sample_request.json"}


async def test_what_is_no_json_file_is_left_out(source, folder):
    (folder / "conda.yml").write_text("a: 1", encoding="utf-8")
    assert set((await source.current()).payloads) == {"sample_request.json"}
