"""Whether an endpoint refused requests for want of room: the verdict of ``endpoint_throttled`` on one window.

Owns that verdict. Requests refused with 429 never reached the model, so they say nothing about it; and a window whose rows could
not be judged has counted its requests all the same.
"""

import dataclasses

from shared.domain.policy_throttling import EndpointThrottled
from shared.domain.rules.verdicts import Found, found
from shared.domain.telemetry_signals import TrafficMeasured, WindowClosed, WindowVerdict


def judge_requests(rule: EndpointThrottled, signal: WindowClosed) -> Found:
    """The verdict on one window's requests; no data when fewer were logged than the rule needs."""
    traffic = signal.traffic or TrafficMeasured()
    share = traffic.throttled / traffic.requests if traffic.requests else 0.0
    suspected = rule.above if rule.suspected_above is None else rule.suspected_above
    verdict: WindowVerdict = "pass"
    if traffic.requests < rule.min_requests:
        verdict = "no_data"
    elif share > rule.above:
        verdict = "detected"
    elif share > suspected:
        verdict = "suspected"
    judged = found(rule, signal, verdict, share, rule.above, _told(traffic, rule))
    return dataclasses.replace(judged, rows=traffic.requests)


def _told(traffic: TrafficMeasured, rule: EndpointThrottled) -> str:
    if traffic.requests < rule.min_requests:
        return f"{traffic.requests} requests were logged, {rule.min_requests} are needed"
    delayed = f", {traffic.delayed} held up for {traffic.delay_ms_mean:.0f} ms on average" if traffic.delayed else ""
    return f"{traffic.throttled} of {traffic.requests} requests were refused (429){delayed}"
