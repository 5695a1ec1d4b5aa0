"""What is known of a comparison run of a batch workload: what each of the two versions wrote, and what was in vain.

Owns these parts of a version's facts. Knows nothing of jobs or of limits (``rules.batch``).
"""

from shared.domain.values import Part


class ScoredRun(Part, frozen=True, kw_only=True):
    """A run that ended well: where its predictions lie, and how long it took."""

    output: str
    seconds: float


class Comparison(Part, frozen=True, kw_only=True):
    """A candidate and the champion on the same input. ``champion`` is empty for a first version.

    ``data`` is the input as the first run resolved it: the second is given that, whatever has become the newest since.
    """

    champion: str = ""
    data: str = ""
    champion_run: ScoredRun | None = None
    candidate_run: ScoredRun | None = None
    inconclusive: int = 0
    no_data: int = 0
