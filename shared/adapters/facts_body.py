"""The facts of a subject as the bytes of one row: JSON, compressed where there is much of it.

Owns that form and its limit, which both stores share. Knows nothing of rows or of what the facts mean. With everything in
them up to its own limit the facts of a workload take about six times what a row holds, and most of it is alike.
"""

import zlib

import msgspec

from shared.domain.facts import Facts
from shared.domain.values import encode

FACTS_BYTES_MAX = 64 * 1024  # one property of an Azure Tables entity, so that both stores refuse the same facts
PLAIN_BYTES_MAX = 16 * 1024  # up to here a row stays readable with any tool
PACKED = b"\x78"  # how everything begins that zlib has compressed; JSON never does
UNPACKED_BYTES_MAX = 4 * 1024 * 1024  # of what decompression may make of a row


def pack_facts(facts: Facts) -> bytes:
    """The body of a row; longer than ``FACTS_BYTES_MAX`` when no row takes it. The same facts give the same bytes."""
    body = encode(facts)
    if len(body) <= PLAIN_BYTES_MAX or len(body) > UNPACKED_BYTES_MAX:
        return body
    return zlib.compress(body)


def unpack_facts(body: bytes) -> Facts:
    """The facts that a body holds. Raises msgspec.DecodeError, or zlib.error, when it holds none."""
    if body[:1] == PACKED:
        body = zlib.decompressobj().decompress(body, UNPACKED_BYTES_MAX)
    return msgspec.json.decode(body, type=Facts)
