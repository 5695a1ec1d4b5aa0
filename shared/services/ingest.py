"""How anything that is heard becomes a stored signal or a stored rejection, before its source is answered.

Owns the inbox side of the loop. Knows nothing of triggers or of what is decided.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.domain import routing
from shared.domain.ids import derive
from shared.domain.records import RejectedRow, SignalRow
from shared.domain.signals import Rejected, Signal, SubscriptionValidation, TelemetryReceived
from shared.domain.values import replace
from shared.ports import Clock, PolicySource, Store
from shared.services.decide import Decider

KEPT_BODY_MAX = 1024 * 1024  # bytes of a rejected body that are kept whole
KEPT_DELIVERY_MAX = 8 * KEPT_BODY_MAX  # bytes that the rejections of one delivery keep together


@dataclass
class Receipt:
    """What became of one delivery. ``undecided`` counts signals that are stored and left to ``sweep``."""

    accepted: int = 0
    repeated: int = 0
    rejected: int = 0
    undecided: int = 0
    elements: int = 1
    validations: list[SubscriptionValidation] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Offered:
    """A signal that is in the inbox. ``new``: this offer put it there. ``decided``: nothing of it is left to ``sweep``."""

    new: bool
    decided: bool


class Ingest:
    """Takes what was parsed. Raises StoreUnavailableError when the source has to send again."""

    def __init__(self, store: Store, clock: Clock, policies: PolicySource, decider: Decider) -> None:
        self._store, self._clock, self._policies, self._decider = store, clock, policies, decider

    async def take(self, channel: str, body: bytes, parsed: Sequence[Signal | Rejected]) -> Receipt:
        """Store each element of a delivery and decide what is new; one bad element never takes its neighbours down."""
        receipt = Receipt(elements=len(parsed))
        for position, element in enumerate(parsed):
            if isinstance(element, SubscriptionValidation):
                receipt.validations.append(element)
            elif isinstance(element, Rejected):
                await self._reject(channel, body, element, receipt)
            elif not isinstance(element, TelemetryReceived):
                await self._accept(channel, body, element, receipt, position)
        return receipt

    async def tell(self, signal: Signal) -> Receipt:
        """Accept a signal of our own making: an answer, an operator's wish, a closed window."""
        return await self.take("outerloop", b"", [signal])

    async def _reject(self, channel: str, body: bytes, rejected: Rejected, receipt: Receipt) -> None:
        kept = body[:KEPT_BODY_MAX]
        if (
            receipt.rejected * len(kept) >= KEPT_DELIVERY_MAX
        ):  # a batch of thousands would store itself thousands of times
            kept = b""
            detail = f"{rejected.detail} (the body is kept with the first rejections of its delivery)"
            rejected = replace(rejected, detail=detail)
        row = RejectedRow(
            id=derive("rejected", channel, body.hex(), rejected.index, rejected.reason),
            channel=channel,
            reason=rejected.reason,
            detail=rejected.detail,
            received_at=self._clock.now(),
            body=kept,
            index=rejected.index,
            whole=receipt.elements == 1,
        )
        await self._store.add_rejected(row)
        receipt.rejected += 1

    async def _accept(self, channel: str, body: bytes, signal: Signal, receipt: Receipt, position: int) -> None:
        offered = await self.offer(signal)
        if isinstance(offered, Rejected):
            await self._reject(channel, body, replace(offered, index=position), receipt)
            return
        receipt.accepted += offered.new
        receipt.repeated += not offered.new
        receipt.undecided += not offered.decided

    async def offer(self, signal: Signal) -> Offered | Rejected:
        """Accept a signal and decide it, also when an earlier delivery left it undecided; or why it is out of scope.

        Stores no rejection: that is its caller's to do.
        """
        loaded = await self._policies.current()
        refusal = routing.out_of_scope(loaded.policy, signal)
        if refusal:
            return refusal
        row = self._decider.routed(loaded, SignalRow(signal=signal, received_at=self._clock.now()))
        if await self._store.insert_signal(row):
            return Offered(new=True, decided=await self._decider.decide_new(loaded, row))
        known = await self._store.signal(signal.dedup_key)
        return Offered(new=False, decided=known is None or known.decided or await self._decider.decide(known))
