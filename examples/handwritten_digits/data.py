"""The images of the example: handwritten digits that come with scikit-learn, and the same in bad light.

Owns which images are for training and which are seen in production. It knows nothing of models; jobs read what it writes.
"""

import argparse
import json
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

TRAINING = 1000  # the first so many images; all others are production's
PROBED = "2025-03-02T12:00:00Z"  # probes are recorded too: a day before the story's, with too few images to be judged
DIM = 0.45  # what is left of the light when the lamp is failing


def write_labelled(folder: Path) -> None:
    """The training images as ``digits.csv``: 64 pixels and the label, one row an image."""
    folder.mkdir(parents=True, exist_ok=True)
    digits = load_digits()
    rows = np.column_stack([digits.data[:TRAINING], digits.target[:TRAINING]]).astype(int)
    np.savetxt(folder / "digits.csv", rows, delimiter=",", fmt="%d")


def production_images(count: int, *, light: float = 1.0) -> list[list[int]]:
    """So many images that no model trained on, row by row; ``light`` dims them."""
    images = load_digits().data[TRAINING : TRAINING + count] * light
    return [[round(float(pixel)) for pixel in image] for image in images]


def request_rows(images: Sequence[list[int]], event_time: str) -> list[dict[str, Any]]:
    """The images as a scoring request carries them, all taken at one time."""
    return [{"image": image, "event_time": event_time} for image in images]


def png(image: Sequence[int]) -> bytes:
    """An image as a grey PNG of 8 x 8 pixels, for people who label."""
    lines = b"".join(b"\0" + bytes(min(255, pixel * 16) for pixel in image[at : at + 8]) for at in range(0, 64, 8))
    header = struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b""))
    chunks = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def main() -> None:
    """Write the labelled images and the request that the endpoint check sends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    write_labelled(out)
    rows = request_rows(production_images(2), PROBED)
    (out / "sample_digits.json").write_text(json.dumps({"rows": rows}) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
