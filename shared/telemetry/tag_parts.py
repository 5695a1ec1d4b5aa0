"""What fits into the tags of a run, and how one longer content is spread over several.

Owns the limits and the spreading. Knows nothing of what the content says.
Limits: Azure Machine Learning keeps 50 tags of a run, keys of 100 and values of 1,000 characters (Microsoft Learn,
Service limits in Azure Machine Learning, 2025); MLflow allows more, but fewer characters in a key.
"""

import base64
import binascii
import re
import zlib
from collections.abc import Mapping

TAGS_MAX = 40  # of 50: MLflow and the training code have tags of their own
KEY_CHARACTERS_MAX = 100
VALUE_BYTES_MAX = 999
CONTENT_BYTES_MAX = 4 * 1024 * 1024  # of what decompression may make of tags that anybody could have written
_KEY = re.compile(r"[\w.\-]+(?:[ /][\w.\-]+)*", re.ASCII)  # MLflow takes a key for a path: no empty or odd steps
_STEPS = frozenset({".", ".."})


def fits(tags: Mapping[str, str]) -> bool:
    """Whether a run keeps these tags as they are."""
    return len(tags) <= TAGS_MAX and all(_is_key(key) and len(tags[key].encode()) <= VALUE_BYTES_MAX for key in tags)


def spread(prefix: str, content: bytes) -> dict[str, str]:
    """The content, compressed, in tags ``<prefix>1``, ``<prefix>2`` and so on: as many as it takes."""
    text = base64.b64encode(zlib.compress(content, 9)).decode()
    starts = range(0, len(text), VALUE_BYTES_MAX)
    return {f"{prefix}{number}": text[start : start + VALUE_BYTES_MAX] for number, start in enumerate(starts, start=1)}


def gather(prefix: str, parts: int, tags: Mapping[str, str]) -> bytes:
    """What ``spread`` put into so many tags; raises ValueError, as the end of a sentence, for anything else."""
    missing = [f"{prefix}{number}" for number in range(1, min(parts, TAGS_MAX) + 1) if f"{prefix}{number}" not in tags]
    if missing or not 1 <= parts <= TAGS_MAX:
        raise ValueError(f"has no tag {missing[0]}" if missing else f"cannot have {parts} parts")
    text = "".join(tags[f"{prefix}{number}"] for number in range(1, parts + 1))
    try:
        inflate = zlib.decompressobj()
        content = inflate.decompress(base64.b64decode(text, validate=True), CONTENT_BYTES_MAX)
    except (binascii.Error, ValueError, zlib.error) as error:
        raise ValueError(f"has damaged parts: {error}") from error
    if not inflate.eof:
        raise ValueError("has parts that are cut short or too large")
    return content


def _is_key(key: str) -> bool:
    plain = _KEY.fullmatch(key) is not None and _STEPS.isdisjoint(key.split("/"))
    return plain and len(key) <= KEY_CHARACTERS_MAX
