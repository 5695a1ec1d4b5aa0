"""The emitter is a distribution of its own; its tests find it where it lies."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "emitter"))
