"""What a model of 8x8 images looks at, and the few numbers by which a drift of images is seen.

Owns both. Telemetry carries the numbers, never the pixels. It knows nothing of files, models or endpoints.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

SIDE = 8
LEVELS = 16.0  # the brightest pixel
STATISTICS = ("brightness", "contrast", "ink", "row_of_ink", "column_of_ink")

Images = NDArray[np.float64]


def images_of(pixels: Iterable[Sequence[float]]) -> Images:
    """Images from lists of 64 pixels, row by row, as shares of the brightest. Raises ValueError for other sizes."""
    images = np.array(list(pixels), dtype=np.float64).reshape(-1, SIDE * SIDE)
    return images / LEVELS


def statistics(images: Images) -> dict[str, list[float]]:
    """Of each image: mean and spread of its pixels, the share of bright ones, and where the light lies, from 0 to 7."""
    light = images.reshape(-1, SIDE, SIDE)
    total = np.maximum(light.sum(axis=(1, 2)), 1e-9)
    places = np.arange(SIDE)
    columns = {
        "brightness": images.mean(axis=1),
        "contrast": images.std(axis=1),
        "ink": (images > 0.5).mean(axis=1),
        "row_of_ink": (light.sum(axis=2) * places).sum(axis=1) / total,
        "column_of_ink": (light.sum(axis=1) * places).sum(axis=1) / total,
    }
    return {name: [round(float(value), 5) for value in column] for name, column in columns.items()}
