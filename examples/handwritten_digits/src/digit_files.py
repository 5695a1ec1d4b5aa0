"""The labelled images that a job mounts, and the hold-out.

Owns the file's layout: one row an image, its label behind its 64 pixels. It knows nothing of models.
"""

from pathlib import Path

import numpy as np
from digit_images import Images, images_of
from numpy.typing import NDArray

FILE = "digits.csv"
HOLDOUT_ONE_IN = 5

Labels = NDArray[np.int64]


def read_labelled(folder: Path) -> tuple[Images, Labels]:
    """Images and labels; raises FileNotFoundError."""
    rows = np.loadtxt(folder / FILE, delimiter=",", dtype=np.int64)
    return images_of(rows[:, :-1].tolist()), rows[:, -1]


def is_held_out(count: int) -> NDArray[np.bool_]:
    """Every fifth image, whichever the model: none ever trains on them."""
    held_out: NDArray[np.bool_] = np.arange(count) % HOLDOUT_ONE_IN == 0
    return held_out
