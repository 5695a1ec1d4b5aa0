"""The emitter is a distribution of its own; its tests find it where it lies, and themselves beside each other."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[3] / "emitter"), str(Path(__file__).parent)]
