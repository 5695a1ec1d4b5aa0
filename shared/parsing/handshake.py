"""The handshake by which Event Grid proves that we want a subscription.

Owns the validation event. Knows nothing of how it is answered (200 with the code, within 30 s).
Wire format: Microsoft Learn, endpoint validation with Event Grid event schema.
"""

from shared.domain.signals import Signal, SubscriptionValidation
from shared.parsing.envelopes import Envelope


def subscription_validation(event: Envelope) -> tuple[Signal, ...]:
    """The code to answer with, and the URL that a person may open instead."""
    data = event.fields
    code, url = data.text("validationCode"), data.optional_text("validationUrl")
    return (SubscriptionValidation(**event.heard, validation_code=code, validation_url=url),)
