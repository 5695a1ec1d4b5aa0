"""What an alert rule measured: the conditions of metric, log, Prometheus and smart detection alerts.

Owns the contexts of these kinds. Knows nothing of essentials. A condition only explains an alert: what cannot be read of it is
left out, and the alert stands. Wire format: Microsoft Learn, Common alert schema, alert context fields.
"""

from typing import Any

from shared.domain.platform_signals import Criterion
from shared.parsing.fields import FieldError, Fields, number_of, plain_text_of

# One spelling each, whichever service wrote it (log alerts: "Greater Than", "LowerThan").
_OPERATORS = {
    "greaterthan": "GreaterThan",
    "greaterthanorequal": "GreaterThanOrEqual",
    "greaterorequal": "GreaterThanOrEqual",
    "lessthan": "LessThan",
    "lowerthan": "LessThan",
    "lessthanorequal": "LessThanOrEqual",
    "lowerthanorequal": "LessThanOrEqual",
    "equal": "Equals",
    "equals": "Equals",
    "equalto": "Equals",
}

# https://prometheus.io/docs/prometheus/latest/configuration/template_reference, humanize
_EXPONENTS = {prefix: 3 * power for power, prefix in enumerate("kMGTPEZY", 1)} | {
    prefix: -3 * power for power, prefix in enumerate("mµnpfazy", 1)
}
_EXPONENTS["u"] = _EXPONENTS["µ"]


def condition_criteria(context: Fields) -> tuple[Criterion, ...]:
    """The criteria of ``condition.allOf`` (metric alerts, log alerts v2), or of one condition (classic metric alerts)."""
    condition = context.get("condition")
    if not isinstance(condition, dict):
        return ()
    fields = Fields.of(condition)
    listed = fields.get("allOf")
    rows = listed if isinstance(listed, list) else [condition]
    found = (_criterion(Fields.of(row)) for row in rows if isinstance(row, dict))
    return tuple(criterion for criterion in found if criterion.metric)


def _criterion(row: Fields) -> Criterion:
    # A log alert without a measured column counts rows: its aggregation is all the name there is.
    # Where the condition is a PromQL query, the query is.
    name = row.get("metricName", "metricMeasureColumn", "webTestName", "timeAggregation", "query", "name")
    return Criterion(
        metric=plain_text_of(name).strip(),
        operator=operator_of(row.get("operator")),
        threshold=optional_number(row.get("threshold")),
        value=optional_number(row.get("metricValue")),
        dimensions=dimensions_of(row.get("dimensions")),
    )


def log_v1_criteria(context: Fields) -> tuple[Criterion, ...]:
    """The one criterion of a log alert up to API version 2018-04-16: its threshold applies to the count of results.

    For a metric measurement the count is not what was compared, and the compared values are not told: ``value`` is None.
    """
    if context.get("Threshold", "AlertThresholdValue", "ResultCount") is None:
        return ()
    measured = "metric" in plain_text_of(context.get("AlertType")).lower()
    return (
        Criterion(
            metric="AggregatedValue" if measured else "ResultCount",
            operator=operator_of(context.get("Operator", "AlertThresholdOperator")),
            threshold=optional_number(context.get("Threshold", "AlertThresholdValue")),
            value=None if measured else optional_number(context.get("ResultCount")),
            dimensions=dimensions_of(context.get("Dimensions")),
        ),
    )


def prometheus_criteria(context: Fields) -> tuple[Criterion, ...]:
    """The expression with its value, which Prometheus writes for people (``12.7m`` is 0.0127); the labels are its dimensions.

    The threshold is part of the expression.
    """
    expression = plain_text_of(context.get("expression")).strip()
    if not expression:
        return ()
    value, labels = _humanized(context.get("expressionValue")), dimensions_of(context.get("labels"))
    return (Criterion(metric=expression, value=value, dimensions=labels),)


def _humanized(value: Any) -> float | None:
    """A number, also with a prefix of the metric system at its end (the template function ``humanize``)."""
    text = value.strip() if isinstance(value, str) else ""
    exponent = _EXPONENTS.get(text[-1:])
    return optional_number(value if exponent is None else f"{text[:-1].strip()}e{exponent}")


def operator_of(value: Any) -> str:
    """An operator in its usual spelling; one that we do not know stays as it is."""
    text = plain_text_of(value).strip()
    return _OPERATORS.get(text.replace(" ", "").lower(), text)


def optional_number(value: Any) -> float | None:
    """A number, also written as text (``threshold`` is); None when there is none to be read."""
    try:
        return number_of(value, "")
    except FieldError:  # recorded by its absence: the alert itself stands
        return None


def dimensions_of(value: Any) -> dict[str, str]:
    """Dimensions from a list of name and value, or from a map of labels."""
    if isinstance(value, dict):
        return {key: plain_text_of(item) for key, item in value.items()}
    rows = [Fields.of(row) for row in value if isinstance(row, dict)] if isinstance(value, list) else []
    named = ((plain_text_of(row.get("name")), plain_text_of(row.get("value"))) for row in rows)
    return {name: text for name, text in named if name}
