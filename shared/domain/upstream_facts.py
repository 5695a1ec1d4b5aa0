"""What is remembered of features that many models share: which models drifted on which of them, by window.

Owns these values and their limits: names beyond a limit are counted. Knows nothing of signals or of the policy.
"""

from collections.abc import Iterable
from datetime import datetime

from shared.domain.values import Part, replace

WINDOWS_KEPT_MAX = 6
FEATURES_KEPT_MAX = 20  # of one window
MODELS_KEPT_MAX = 100  # of one window


class SharedWindow(Part, frozen=True, kw_only=True):
    """One window of event time in which models drifted on features of one origin.

    ``models`` has, by name, the places in ``features`` of those that drifted. ``unlisted`` counts what found no room.
    """

    start: datetime
    window: str
    features: tuple[str, ...] = ()
    models: dict[str, tuple[int, ...]] = {}
    unlisted: int = 0

    def with_drift(self, model: str, drifted: Iterable[str]) -> "SharedWindow":
        """This window in which one model drifted on some features; what is known of the model is replaced."""
        wanted = list(dict.fromkeys(drifted))
        if model not in self.models and len(self.models) >= MODELS_KEPT_MAX:
            return replace(self, unlisted=self.unlisted + 1)
        features = list(self.features)
        features += [name for name in wanted if name not in features][: FEATURES_KEPT_MAX - len(features)]
        places = tuple(sorted(features.index(name) for name in wanted if name in features))
        beyond = sum(name not in features for name in wanted)
        models = {**self.models, model: places}
        return replace(self, features=tuple(features), models=models, unlisted=self.unlisted + beyond)

    def shared(self, models_min: int) -> dict[str, tuple[str, ...]]:
        """The features on which so many models drifted, each with its models."""
        every = {
            feature: tuple(model for model, places in self.models.items() if place in places)
            for place, feature in enumerate(self.features)
        }
        return {feature: models for feature, models in every.items() if len(models) >= models_min}


class UpstreamSeen(Part, frozen=True, kw_only=True):
    """What is known of one origin. While an incident is open: of which features and models, and of how many people know."""

    windows: tuple[SharedWindow, ...] = ()  # the oldest first
    features: tuple[str, ...] = ()
    models: tuple[str, ...] = ()  # in the order in which they were heard of
    told: int = 0  # so many of the first models
    told_at: datetime | None = None

    def window(self, start: datetime, length: str) -> SharedWindow:
        """What is known of a window; an empty one when nothing is."""
        known = (one for one in self.windows if (one.start, one.window) == (start, length))
        return next(known, SharedWindow(start=start, window=length))

    def with_window(self, window: SharedWindow) -> "UpstreamSeen":
        """With one window added or replaced; the oldest are forgotten beyond the limit."""
        others = [one for one in self.windows if (one.start, one.window) != (window.start, window.window)]
        kept = sorted((*others, window), key=lambda one: (one.start, one.window))[-WINDOWS_KEPT_MAX:]
        return replace(self, windows=tuple(kept))

    def affecting(self, shared: dict[str, tuple[str, ...]]) -> "UpstreamSeen":
        """With these features and models among those that the open incident is about."""
        features = tuple(dict.fromkeys((*self.features, *shared)))[:FEATURES_KEPT_MAX]
        models = tuple(dict.fromkeys((*self.models, *(one for several in shared.values() for one in several))))
        return replace(self, features=features, models=models[:MODELS_KEPT_MAX])

    def over(self) -> "UpstreamSeen":
        """With no incident open any more."""
        return replace(self, features=(), models=(), told=0, told_at=None)
