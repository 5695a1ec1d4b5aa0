"""Which deployment gets the next request: the smooth weighted round robin that nginx made known.

Owns the running balance of each endpoint. Deterministic: with weights that sum to 100, any 100 successive requests
under unchanged weights are split exactly so, evenly interleaved. It knows nothing of HTTP.
"""

from collections.abc import Hashable, Mapping


class TrafficSplit:
    """The balances of all endpoints; an endpoint whose weights change starts anew."""

    def __init__(self) -> None:
        self._weights: dict[Hashable, dict[str, int]] = {}
        self._balances: dict[Hashable, dict[str, int]] = {}

    def pick(self, endpoint: Hashable, traffic: Mapping[str, int]) -> str | None:
        """The deployment for the next request, or None when no deployment has traffic."""
        weights = {name: weight for name, weight in traffic.items() if weight > 0}
        if not weights:
            return None
        if self._weights.get(endpoint) != weights:
            self._weights[endpoint] = weights
            self._balances[endpoint] = dict.fromkeys(weights, 0)
        balances = self._balances[endpoint]
        for name, weight in weights.items():
            balances[name] += weight
        chosen = max(balances, key=balances.__getitem__)
        balances[chosen] -= sum(weights.values())
        return chosen

    def mirrored(self, endpoint: Hashable, mirror: Mapping[str, int]) -> str | None:
        """The deployment that gets a copy of the next request, or None; each in so many of any 100."""
        rest = 100 - sum(mirror.values())
        return self.pick(("mirror", endpoint), {**mirror, "": rest}) or None if any(mirror.values()) else None
