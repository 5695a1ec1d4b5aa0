"""The verdicts on telemetry and the origins that many models share, on the page and in a terminal."""

from shared.cli import reading
from shared.domain.facts import Incident
from shared.rendering.pages import dashboard_page
from shared.rendering.shown import Dashboard, ShownOrigin, ShownVerdict
from tests.unit.rendering.page_samples import HOSTILE, NOON, workload

SUSPECTED = ShownVerdict("data_drift", "1mo", "suspected", 0.25, 28_119, NOON)
OPEN = Incident(id="inc9", kind="upstream", state="open", opened_at=NOON)
WEATHER = ShownOrigin("weather_*", OPEN, ("weather_wind",), ("flights", HOSTILE), "outerloop ask close 'upstream/x'")


def view(origins=(), **changes):
    return Dashboard(NOON, (workload(**changes),), (), (), origins=origins)


def test_the_newest_verdict_of_each_rule_stands_with_its_workload():
    page = dashboard_page(view(verdicts=(SUSPECTED,)))
    assert "data_drift, 1mo from" in page
    assert "0.25 of 28119 rows" in page
    assert 'class="badge wait">suspected' in page
    assert ">telemetry<" not in dashboard_page(view())


def test_an_origin_stands_above_all_workloads_with_its_models_escaped():
    page = dashboard_page(view(origins=(WEATHER,)))
    assert page.index("weather_wind") < page.index("workload-")
    assert "2: flights, &lt;script&gt;" in page
    assert 'id="upstream"' not in dashboard_page(view())


def test_a_terminal_shows_both(capsys):
    reading.print_dashboard(view(origins=(WEATHER,), verdicts=(SUSPECTED,)))
    shown = " ".join(capsys.readouterr().out.split())
    assert "telemetry: data_drift, 1mo from 2026-03-01 12:00" in shown
    assert "suspected (0.25 of 28119 rows)" in shown
    assert "upstream weather_*: weather_wind drift in 2 models: flights" in shown
    assert "outerloop ask close 'upstream/x'" in shown
